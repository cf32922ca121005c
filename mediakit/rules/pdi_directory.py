"""IHE PDI, tests 3 to 8 of its reference tool: the DICOMDIR, its records against the files, the instances.

The faults of that tool are not copied: leaf types that PDI forbids are looked for, and record types newer
than the tool are no error. Source: RAD TF-3 4.47; PS3.3 Tables F.5-1 to F.5-49 for the keys of leaf records.
What is wrong in many places in one manner is one finding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from mediakit.dicom.dictionary import tag_name
from mediakit.dicom.instance import MEDIA_STORAGE_DIRECTORY, Tag
from mediakit.dicom.uids import EXPLICIT_VR_LITTLE_ENDIAN
from mediakit.fileset.key_values import has_value
from mediakit.fileset.record import Directory, DirectoryRecord
from mediakit.fileset.record_types import KEYS as STANDARD_KEYS
from mediakit.fileset.record_types import KeyNeed
from mediakit.fileset.survey import FileFact, Survey
from mediakit.findings import Finding, Rule, Severity, Where, printable, tag_text
from mediakit.profile.model import Profile
from mediakit.rules.check import Check, RuleSet
from mediakit.rules.pdi import may_be_cd

_REF = "IHE RAD TF-3 4.47"
DICOMDIR_META = Rule(
    id="MK-PDI-003",
    severity=Severity.ERROR,
    title="the file meta information of the DICOMDIR is wrong: {what}",
    ref=_REF,
    hint="importers may refuse the directory; `mediakit repair` makes a new one",
)
KEYS = Rule(
    id="MK-PDI-004",
    severity=Severity.ERROR,
    title="{count:{type} record does|{type} records do} not have {key}, which PDI requires {how}",
    ref=_REF,
    hint="importers cannot sort or show what is below; `mediakit repair` makes a new directory",
)
NOT_UNIQUE = Rule(
    id="MK-PDI-005",
    severity=Severity.ERROR,
    title="{count:record repeats|records repeat} the {key} of another {type} record",
    ref=_REF,
    hint="importers may show the patient or study twice, or only a part of it",
)
FILE_ID = Rule(
    id="MK-PDI-006",
    severity=Severity.ERROR,
    title="{count:Referenced File ID is|Referenced File IDs are} not legal, first {example}",
    ref=_REF,
    hint="a File ID has at most 8 components of at most 8 characters A-Z 0-9 _; others may not be found",
)
LEAF_DIFFERS = Rule(
    id="MK-PDI-007",
    severity=Severity.ERROR,
    title="{count:record differs|records differ} from their files in {what}, first file {example}",
    ref=_REF,
    hint="importers that trust the directory confuse the images with others, or cannot decode them",
)
META_DIFFERS = Rule(
    id="MK-PDI-008",
    severity=Severity.ERROR,
    title="in {count:file|files} meta information and data set differ in {what}, first {example}",
    ref=_REF,
    hint="nobody can tell which of the two is meant: ask the sender for the instances again",
)
FORBIDDEN_TYPE = Rule(
    id="MK-PDI-015",
    severity=Severity.ERROR,
    title="there {count:is|are} {type} {count:record|records}, which PDI forbids",
    ref=_REF,
    hint="importers need not know them, and may miss what they reference",
)
OTHER_SYNTAX = Rule(
    id="MK-PDI-016",
    severity=Severity.ERROR,
    title="{count:instance is|instances are} not in Explicit VR Little Endian, first {example}",
    ref=_REF,
    hint="importers of plain PDI cannot read them; `mediakit burn` writes them uncompressed on another CD",
)
NO_PATIENT = Rule(
    id="MK-PDI-017",
    severity=Severity.ERROR,
    title="the directory has no PATIENT record",
    ref=_REF,
    hint="importers find no patient on the medium; `mediakit repair` makes a new directory",
)
OPTION_SYNTAX = Rule(
    id="MK-PDI-018",
    severity=Severity.NOTE,
    title="{count:instance is|instances are} not in Explicit VR Little Endian, first {example}; what "
    "the DVD and USB options of PDI allow is unconfirmed",
    ref=_REF,
    hint="whether they may be compressed on this medium was not judged",
)
MISSING_FILE = Rule(
    id="MK-PDI-019",
    severity=Severity.ERROR,
    title="{count:record references a file that is|records reference files that are} not on the medium "
    "or not an instance",
    ref=_REF,
    hint="images are missing: ask the sender for a new copy",
)

#: 4.47.4.1.2.3.1.2. MRDR is forbidden by the German catalogue only.
FORBIDDEN_TYPES = frozenset(
    {"VISIT", "RESULTS", "INTERPRETATION", "STUDY COMPONENT", "STORED PRINT", "TOPIC", "PRIVATE"}
)
_PATIENT_ID: Tag = 0x00100020
_IDENTITY: dict[str, Tag] = {"PATIENT": _PATIENT_ID, "STUDY": 0x0020000D, "SERIES": 0x0020000E}
# Type of record: keys that need a value, and keys that may be empty. Other leaf types have those of Annex F.
_Needed = tuple[tuple[Tag, ...], tuple[Tag, ...]]
_UPPER: dict[str, _Needed] = {
    "PATIENT": ((_PATIENT_ID,), (0x00100010,)),
    "STUDY": ((0x00200010, 0x00080020, 0x00080030), (0x00081030, 0x00080050)),
    "SERIES": ((0x00080060, 0x0020000E, 0x00200011), ()),
}
_META_VERSION, _META_CLASS, _META_INSTANCE = 0x00020001, 0x00020002, 0x00020003
_META_SYNTAX, _META_IMPLEMENTATION = 0x00020010, 0x00020012


class Repeated(NamedTuple):
    """Records of one type whose identifier another record has already, and the first of them."""

    type: str
    key: str
    times: int
    first: DirectoryRecord


def repeated(directory: Directory) -> Iterator[Repeated]:
    """Yield what is there twice: patients, studies, series, and instances that two records reference."""
    seen: set[tuple[str, bytes | str]] = set()
    found: dict[str, list[DirectoryRecord]] = {}
    for record in directory.walk():
        tag = _IDENTITY.get(record.type)
        identity: bytes | str = b""
        kind = record.type
        if tag is not None:
            key = record.key(tag)
            identity = b"" if key is None else key.value.strip(b" \0")
        elif record.reference is not None:
            kind, identity = "", record.reference.sop_instance
        if not identity:
            continue
        if (kind, identity) in seen:
            found.setdefault(kind, []).append(record)
        seen.add((kind, identity))
    for kind, records in found.items():
        key_name = tag_name(_IDENTITY[kind]) if kind else "Referenced SOP Instance UID in File"
        yield Repeated(kind or records[0].type, key_name, len(records), records[0])


def check_directory(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report meta information, keys, doubled records, File IDs (tests 3 to 6), and forbidden record types."""
    if survey.decoded is None or survey.dicomdir is None:
        return
    path = survey.dicomdir.path
    directory = survey.decoded.directory
    for what in _meta_faults(survey.decoded.meta):
        yield DICOMDIR_META.at(Where(path=path), what=what)
    if not any(record.type == "PATIENT" for record in directory.roots):
        yield NO_PATIENT.at(Where(path=path))
    yield from _judge_records(directory.walk(), path)
    for one in repeated(directory):
        where = Where(path=path, record=one.first.seen_at)
        yield NOT_UNIQUE.at(where, count=one.times, key=one.key, type=one.type)


def check_leaves(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report records that say other things than their files (test 7)."""
    if survey.dicomdir is None:
        return
    missing: list[DirectoryRecord] = []
    differing: dict[str, list[tuple[DirectoryRecord, FileFact]]] = {}
    for link in survey.links:
        instance = None if link.file is None else link.file.instance
        if instance is None or link.file is None:
            missing.append(link.record)
            continue
        said = link.reference
        if said.sop_class != instance.sop_class:
            differing.setdefault("SOP Class UID", []).append((link.record, link.file))
        if said.sop_instance != instance.sop_instance:
            differing.setdefault("SOP Instance UID", []).append((link.record, link.file))
        if said.transfer_syntax != instance.transfer_syntax:
            differing.setdefault("Transfer Syntax UID", []).append((link.record, link.file))
    path = survey.dicomdir.path
    if missing:
        yield MISSING_FILE.at(Where(path=path, record=missing[0].seen_at), count=len(missing))
    for what, found in differing.items():
        record, file = found[0]
        where = Where(path=path, record=record.seen_at)
        yield LEAF_DIFFERS.at(where, count=len(found), what=what, example=printable(file.path))


def check_instances(survey: Survey, profile: Profile | None) -> Iterator[Finding]:
    """Report compressed instances (test 7), and meta information that is not of its data set (test 8)."""
    compressed: list[str] = []
    differing: dict[str, list[str]] = {}
    for file, instance in survey.instances():
        said_class = instance.header.meta.get(_META_CLASS)
        said_uid = instance.header.meta.get(_META_INSTANCE)
        if said_class is not None and said_class.strip(b" \0") != instance.sop_class.encode("latin-1"):
            differing.setdefault("SOP Class UID", []).append(file.path)
        if said_uid is not None and said_uid.strip(b" \0") != instance.sop_instance.encode("latin-1"):
            differing.setdefault("SOP Instance UID", []).append(file.path)
        if instance.transfer_syntax != EXPLICIT_VR_LITTLE_ENDIAN:
            compressed.append(file.path)
    for what, paths in differing.items():
        example = printable(paths[0])
        yield META_DIFFERS.at(Where(path=paths[0]), count=len(paths), what=what, example=example)
    if compressed:
        rule = OTHER_SYNTAX if may_be_cd(survey, profile) else OPTION_SYNTAX
        example = printable(compressed[0])
        yield rule.at(Where(path=compressed[0]), count=len(compressed), example=example)


def _judge_records(records: Iterable[DirectoryRecord], path: str) -> Iterator[Finding]:
    lacking: dict[tuple[str, Tag, str], list[DirectoryRecord]] = {}
    forbidden: dict[str, list[DirectoryRecord]] = {}
    illegal: list[DirectoryRecord] = []
    needed = _Needs()
    for record in records:
        if record.type in FORBIDDEN_TYPES:
            forbidden.setdefault(record.type, []).append(record)
        for tag, how in needed.lacking(record):
            lacking.setdefault((record.type, tag, how), []).append(record)
        if record.reference is not None and record.reference.file_id is None:
            illegal.append(record)
    for type_, found in forbidden.items():
        yield FORBIDDEN_TYPE.at(Where(path=path, record=found[0].seen_at), count=len(found), type=type_)
    for (type_, tag, how), found in lacking.items():
        where = Where(path=path, record=found[0].seen_at, tag=tag)
        key = tag_name(tag) or tag_text(tag)
        yield KEYS.at(where, count=len(found), type=type_, key=key, how=how)
    if illegal:
        first = illegal[0].reference
        example = b"" if first is None else first.raw_file_id.rstrip(b" \0")[:80]
        shown = printable(example.decode("latin-1")) or "empty"
        yield FILE_ID.at(Where(path=path, record=illegal[0].seen_at), count=len(illegal), example=shown)


class _Needs:
    """The keys that records need, by type; those of leaf types are looked up when a type is met."""

    def __init__(self) -> None:
        self._by_type = dict(_UPPER)

    def lacking(self, record: DirectoryRecord) -> Iterator[tuple[Tag, str]]:
        """Yield the keys that a record lacks, and how PDI wants them."""
        with_value, may_be_empty = self._by_type.get(record.type) or self._learn(record.type)
        if not with_value and not may_be_empty:
            return
        held = {key.tag: key for key in record.keys}
        for tag in with_value:
            key = held.get(tag)
            if key is None or not has_value(key.value, key.vr):
                yield tag, "with a value"
        for tag in may_be_empty:
            if tag not in held:
                yield tag, "even when it is empty"

    def _learn(self, record_type: str) -> _Needed:
        specs = [
            spec
            for spec in STANDARD_KEYS.get(record_type, ())
            if spec.need is KeyNeed.ALWAYS and not spec.unconfirmed
        ]
        needed = self._by_type[record_type] = (
            tuple(spec.tag for spec in specs if spec.type == "1"),
            tuple(spec.tag for spec in specs if spec.type == "2"),
        )
        return needed


def _meta_faults(meta: Mapping[Tag, bytes]) -> Iterator[str]:
    if meta.get(_META_VERSION) != b"\0\1":
        yield "the version is not 00H 01H"
    if meta.get(_META_CLASS, b"").strip(b"\0 ") != MEDIA_STORAGE_DIRECTORY.encode("ascii"):
        yield "the SOP Class is not Media Storage Directory Storage"
    for tag, what in (
        (_META_INSTANCE, "Media Storage SOP Instance UID"),
        (_META_IMPLEMENTATION, "Implementation Class UID"),
    ):
        uid = meta.get(tag, b"").strip(b"\0 ")
        if not 0 < len(uid) <= 64 or not uid.replace(b".", b"").isdigit():
            yield f"{what} is no UID"
    if meta.get(_META_SYNTAX, b"").strip(b"\0 ") != EXPLICIT_VR_LITTLE_ENDIAN.encode("ascii"):
        yield "the Transfer Syntax is not Explicit VR Little Endian"


CHECKS: Final = (
    Check(
        check_directory, (DICOMDIR_META, NO_PATIENT, KEYS, NOT_UNIQUE, FILE_ID, FORBIDDEN_TYPE), RuleSet.PDI
    ),
    Check(check_leaves, (LEAF_DIFFERS, MISSING_FILE), RuleSet.PDI),
    Check(check_instances, (META_DIFFERS, OTHER_SYNTAX, OPTION_SYNTAX), RuleSet.PDI),
)
