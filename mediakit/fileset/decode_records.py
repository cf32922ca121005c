"""Linked raw records to frozen ones, and what each of them says that it should not (PS3.3 F.3.2.2, F.4)."""

from __future__ import annotations

from collections.abc import Sequence

from mediakit.fileset.decode_findings import FindingList
from mediakit.fileset.decode_items import RawRecord
from mediakit.fileset.decode_tree import MRDR, ROOT, Linked
from mediakit.fileset.file_id import FileID
from mediakit.fileset.record import Directory, DirectoryRecord, FileRef, Key
from mediakit.fileset.record_types import CHILDREN, CURRENT_TYPES, RETIRED_TYPES
from mediakit.findings import Rule, Severity

IN_USE_FLAG = Rule(
    id="MK-DIR-019",
    severity=Severity.WARNING,
    title="the Record In-use Flag is {flag}, not FFFFH; the record was read anyway",
    ref="PS3.3 F.3.2.2",
    hint="the flag is a relic: some readers skip such records and miss images",
)
ILLEGAL_FILE_ID = Rule(
    id="MK-DIR-020",
    severity=Severity.ERROR,
    title="Referenced File ID {value} is not a legal File ID",
    ref="PS3.10 8.5",
    hint="the file may be found under a similar name",
)
UNKNOWN_TYPE = Rule(
    id="MK-DIR-021",
    severity=Severity.WARNING,
    title="{type} is not a type of directory record",
    ref="PS3.3 F.3.2.2",
    hint="readers may skip this record; the file that it references may be sound",
)
RETIRED_TYPE = Rule(
    id="MK-DIR-022",
    severity=Severity.WARNING,
    title="directory record type {type} is retired",
    ref="PS3.3 F.3.2.2",
    hint="newer readers may skip such records and what is below them",
)
MISPLACED = Rule(
    id="MK-DIR-023",
    severity=Severity.ERROR,
    title="a {type} record may not stand below {parent}",
    ref="PS3.3 Table F.4-1",
    hint="readers that go by the levels miss what is below; `mediakit repair` rewrites the directory",
)
MULTI_REFERENCED = Rule(
    id="MK-DIR-024",
    severity=Severity.WARNING,
    title="the file is referenced through a retired multi-referenced file record",
    ref="PS3.3-2004 F.3.2.2",
    hint="newer readers do not follow it and miss the image; `mediakit repair` rewrites the directory",
)
INCOMPLETE_REFERENCE = Rule(
    id="MK-DIR-025",
    severity=Severity.ERROR,
    title="the reference to a file has no {what}",
    ref="PS3.3 F.3.2.2",
    hint="readers may not find or load the image; `mediakit repair` rewrites it from the file",
)
NO_PRIVATE_UID = Rule(
    id="MK-DIR-026",
    severity=Severity.ERROR,
    title="a PRIVATE record has no Private Record UID (0004,1432)",
    ref="PS3.3 F.3.2.2",
    hint="nobody can tell what the record means; readers skip it",
)
INCOMPLETE = Rule(
    id="MK-DIR-033",
    severity=Severity.ERROR,
    title="the record has no {what}",
    ref="PS3.3 F.3.2.2",
    hint="readers may stop at this record; `mediakit repair` rewrites the directory",
)
MRDR_NOWHERE = Rule(
    id="MK-DIR-032",
    severity=Severity.ERROR,
    title="offset {offset} is not that of a multi-referenced file record",
    ref="PS3.3-2004 F.3.2.2",
    hint="readers that follow it miss the image; `mediakit repair` rewrites the directory",
)

REPEATED_FILE = Rule(
    id="MK-DIR-035",
    severity=Severity.ERROR,
    title="the file is already referenced by the record at {other}",
    ref="PS3.3 F.2.1",
    hint="readers show the image twice or refuse the directory; `mediakit repair` rewrites it",
)
REPEATED_IDENTITY = Rule(
    id="MK-DIR-036",
    severity=Severity.ERROR,
    title="the record at {other} has the same {what}",
    ref="PS3.3 F.5",
    hint="both were read; a reader that expects one may show only some of the instances",
)

# What makes a record the only one of its type in a directory.
_IDENTITY = {
    "PATIENT": (0x00100020, "Patient ID (0010,0020)"),
    "STUDY": (0x0020000D, "Study Instance UID (0020,000D)"),
    "SERIES": (0x0020000E, "Series Instance UID (0020,000E)"),
}
_REFERENCE = {
    0x00041500: "Referenced File ID (0004,1500)",
    0x00041510: "Referenced SOP Class UID in File (0004,1510)",
    0x00041511: "Referenced SOP Instance UID in File (0004,1511)",
    0x00041512: "Referenced Transfer Syntax UID in File (0004,1512)",
}
_NEXT = "Offset of the Next Directory Record (0004,1400)"
_IN_USE = "Record In-use Flag (0004,1410)"
_LOWER = "Offset of Referenced Lower-Level Directory Entity (0004,1420)"
_TYPE = "Directory Record Type (0004,1430)"


def build(linked: Linked, findings: FindingList) -> tuple[DirectoryRecord, ...]:
    """Return the records of the root level with all that stands below them; made from the leaves upwards."""
    maker = _RecordMaker(linked, findings)
    built: dict[int, DirectoryRecord] = {}
    for index in reversed(linked.order):
        below = linked.children.get(index)
        children = _taken(built, below) if below else ()
        built[index] = record = maker.make(linked.records[index], children)
        if children:
            _check_places(record.type, children, findings)
    roots = _taken(built, linked.children.get(ROOT, ()))
    _check_places("", roots, findings)
    return roots


def report_repeated(directory: Directory, findings: FindingList) -> None:
    """Report patients, studies and series that have two records, and files that two records reference.

    The values themselves stay out of the findings: they may say who the patient is.
    """
    identities: dict[tuple[str, bytes], int | None] = {}
    files: dict[str, int | None] = {}
    for record in directory.walk():
        tag, what = _IDENTITY.get(record.type, (0, ""))
        key = record.key(tag) if tag else None
        if key is not None and key.value:
            identity = (record.type, key.value.strip(b" \0"))
            other = identities.setdefault(identity, record.seen_at)
            if other != record.seen_at:
                findings.add(REPEATED_IDENTITY, record=record.seen_at, other=other or 0, what=what)
        if record.reference is not None and record.reference.file_id is not None:
            other = files.setdefault(record.reference.file_id.path, record.seen_at)
            if other != record.seen_at:
                findings.add(REPEATED_FILE, record=record.seen_at, other=other or 0)


def _taken(built: dict[int, DirectoryRecord], indices: Sequence[int]) -> tuple[DirectoryRecord, ...]:
    """Take records out of `built`; a multi-referenced file record is no part of the tree."""
    records = [built.pop(index) for index in indices]
    return tuple(record for record in records if record.type != MRDR)


def _check_places(parent: str, children: Sequence[DirectoryRecord], findings: FindingList) -> None:
    allowed = CHILDREN.get(parent)
    if allowed is None or parent == "PRIVATE":
        return
    for record in children:
        if record.type not in allowed and record.type in CURRENT_TYPES:
            place = parent or "the root"
            findings.add(MISPLACED, record=record.seen_at, type=record.type, parent=place)


class _RecordMaker:
    def __init__(self, linked: Linked, findings: FindingList) -> None:
        self._linked = linked
        self._findings = findings
        self._words: dict[bytes, str] = {}

    def make(self, raw: RawRecord, children: tuple[DirectoryRecord, ...]) -> DirectoryRecord:
        fields = raw.fields
        kind = self._word(fields.get(0x00041430, b""))
        if kind not in CURRENT_TYPES:
            self._report_type(raw, kind)
        if raw.in_use != 0xFFFF or raw.next is None or raw.lower is None:
            self._report_structure(raw)
        keys = tuple(raw.keys) if raw.is_ordered else _ordered(raw.keys)
        if kind == "PRIVATE" and not any(key.tag == 0x00041432 and key.value for key in keys):
            self._findings.add(NO_PRIVATE_UID, record=raw.start)
        made = DirectoryRecord(kind, keys, self._reference(raw, kind), children, raw.start)
        if kind != MRDR:  # what others refer to is needed until the end
            raw.release()
        return made

    def _word(self, value: bytes) -> str:
        """Return a value that repeats from record to record as text without padding."""
        word = self._words.get(value)
        if word is None:
            word = self._words[value] = value.strip(b" \0").decode("latin-1")
        return word

    def _report_type(self, raw: RawRecord, kind: str) -> None:
        if not kind:
            return self._findings.add(INCOMPLETE, record=raw.start, what=_TYPE)
        rule = RETIRED_TYPE if kind in RETIRED_TYPES else UNKNOWN_TYPE
        return self._findings.add(rule, record=raw.start, type=ascii(kind))

    def _report_structure(self, raw: RawRecord) -> None:
        if raw.next is None:
            self._findings.add(INCOMPLETE, record=raw.start, what=_NEXT)
        if raw.lower is None:
            self._findings.add(INCOMPLETE, record=raw.start, what=_LOWER)
        if raw.in_use is None:
            self._findings.add(INCOMPLETE, record=raw.start, what=_IN_USE)
        elif raw.in_use != 0xFFFF:
            self._findings.add(IN_USE_FLAG, record=raw.start, flag=f"{raw.in_use:04X}H")

    def _report_reference(self, raw: RawRecord) -> None:
        for tag, what in _REFERENCE.items():
            if not raw.fields.get(tag):
                self._findings.add(INCOMPLETE_REFERENCE, record=raw.start, what=what)

    def _reference(self, raw: RawRecord, kind: str) -> FileRef | None:
        """Return the file that a record references, through an MRDR where there is one."""
        offset = raw.number(0x00041504)
        if offset and kind != MRDR:
            target = self._linked.at(offset)
            if target is not None and target.type == MRDR:
                self._findings.add(MULTI_REFERENCED, record=raw.start)
                raw = target
            else:
                self._findings.add(MRDR_NOWHERE, record=raw.start, offset=offset)
        get = raw.fields.get
        file, sop_class = get(0x00041500, b""), get(0x00041510, b"")
        instance, syntax = get(0x00041511, b""), get(0x00041512, b"")
        if not (file and sop_class and instance and syntax):
            if not (file or sop_class or instance or syntax):
                return None
            if kind != "HL7 STRUC DOC":
                self._report_reference(raw)
        file_id, raw_file_id = self._file_id(raw)
        related = get(0x0004151A)
        return FileRef(
            file_id,
            self._word(sop_class),
            instance.strip(b" \0").decode("latin-1"),
            self._word(syntax),
            tuple(part.strip(" \0") for part in related.decode("latin-1").split("\\")) if related else (),
            raw_file_id,
        )

    def _file_id(self, raw: RawRecord) -> tuple[FileID | None, bytes]:
        value = raw.fields.get(0x00041500, b"")
        text = value.rstrip(b" \0").decode("latin-1")
        try:
            return FileID.read(text), b""
        except ValueError:
            if text:
                self._findings.add(ILLEGAL_FILE_ID, record=raw.start, value=ascii(text[:80]))
            return None, value


def _ordered(keys: list[Key]) -> tuple[Key, ...]:
    """Return keys in ascending order of tag; of two with the same tag the first one."""
    first: dict[int, Key] = {}
    for key in keys:
        first.setdefault(key.tag, key)
    return tuple(first[tag] for tag in sorted(first))
