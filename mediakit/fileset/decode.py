"""The bytes of a DICOMDIR to a `Directory` and findings. Pure, total and bounded: any bytes give an answer.

Nothing here raises for what a file holds, follows an offset twice, or goes back in the file. What is wrong is
a finding; what can be read in spite of it is read. Four steps, one module each:
`decode_values` (elements), `decode_items` (the items of the sequence), `decode_tree` (the offsets) and
`decode_records` (what each record says).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mediakit.dicom.elements import EXPLICIT_LITTLE, UNDEFINED, Encoding
from mediakit.dicom.instance import MEDIA_STORAGE_DIRECTORY, Tag
from mediakit.dicom.uids import syntax_name
from mediakit.fileset.decode_findings import FindingList
from mediakit.fileset.decode_items import (
    BROKEN_ELEMENT,
    LOST_BYTES,
    ODD_LENGTH,
    TOO_MUCH,
    TRUNCATED,
    RawRecord,
    next_record,
    read_records,
)
from mediakit.fileset.decode_records import build, report_repeated
from mediakit.fileset.decode_tree import TOO_DEEP, link
from mediakit.fileset.decode_values import (
    Source,
    Unreadable,
    Work,
    encoding_at,
    header_reader,
    read_sequence,
)
from mediakit.fileset.file_id import is_file_set_id
from mediakit.fileset.record import Directory
from mediakit.findings import Finding, Rule, Severity, tag_text

NOT_A_DIRECTORY = Rule(
    id="MK-DIR-001",
    severity=Severity.ERROR,
    title="this is not a DICOMDIR: it has no File-set Identification and no directory records",
    ref="PS3.3 F.3.1",
    hint="the files of the medium can still be found by their content",
)
NO_PREFIX = Rule(
    id="MK-DIR-002",
    severity=Severity.ERROR,
    title="the file does not begin with 128 bytes and DICM",
    ref="PS3.10 7.1",
    hint="strict readers refuse the directory, mediakit reads it; `mediakit repair` rewrites it",
)
BAD_META = Rule(
    id="MK-DIR-003",
    severity=Severity.ERROR,
    title="the file meta information is wrong: {what}",
    ref="PS3.10 7.1",
    hint="strict readers refuse the directory, mediakit reads it; `mediakit repair` rewrites it",
)
WRONG_CLASS = Rule(
    id="MK-DIR-004",
    severity=Severity.ERROR,
    title="the SOP Class is {uid}, not Media Storage Directory Storage",
    ref="PS3.10 8.6",
    hint="systems may not recognise the file as a directory; `mediakit repair` rewrites it",
)
WRONG_ENCODING = Rule(
    id="MK-DIR-005",
    severity=Severity.ERROR,
    title="the directory is encoded in {found}, not in Explicit VR Little Endian",
    ref="PS3.10 8.6",
    hint="many readers cannot read the directory; `mediakit repair` rewrites it",
)
WRONG_SYNTAX = Rule(
    id="MK-DIR-006",
    severity=Severity.ERROR,
    title="the Transfer Syntax {uid} is not how the directory is encoded ({found})",
    ref="PS3.10 7.1",
    hint="readers that trust the Transfer Syntax read nonsense; `mediakit repair` rewrites it",
)
NO_SEQUENCE = Rule(
    id="MK-DIR-009",
    severity=Severity.ERROR,
    title="there is no Directory Record Sequence (0004,1220)",
    ref="PS3.3 F.3.2.2",
    hint="readers find nothing through this directory; `mediakit repair` makes one from the files",
)
LACKING = Rule(
    id="MK-DIR-027",
    severity=Severity.ERROR,
    title="{what} is missing",
    ref="PS3.3 F.3",
    hint="strict readers refuse the directory; `mediakit repair` rewrites it",
)
CONSISTENCY_FLAG = Rule(
    id="MK-DIR-028",
    severity=Severity.WARNING,
    title="the File-set Consistency Flag is {flag}, not 0000H",
    ref="PS3.3 F.3.2.2",
    hint="a program did not finish its changes: the directory may not list all files",
)
ILLEGAL_FILE_SET_ID = Rule(
    id="MK-DIR-034",
    severity=Severity.ERROR,
    title="the File-set ID {value} is not 0 to 16 characters of A-Z 0-9 _",
    ref="PS3.10 8.1, 8.5",
    hint="it names the medium, not a patient; systems that sort media by it may refuse it",
)

_SEQUENCE: Tag = 0x00041220
_FIRST_ROOT: Tag = 0x00041200
_LAST_ROOT: Tag = 0x00041202
_MAX_TOP_ELEMENTS = 1000


#: What may have hidden records: files that the directory named may not be known.
HIDES_RECORDS = frozenset(
    {NOT_A_DIRECTORY, TRUNCATED, BROKEN_ELEMENT, LOST_BYTES, NO_SEQUENCE, TOO_MUCH, TOO_DEEP}
)


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a DICOMDIR holds and what is wrong with it. `meta` is group 2 as raw values with padding."""

    directory: Directory
    findings: tuple[Finding, ...] = ()
    meta: Mapping[int, bytes] = field(default_factory=dict, repr=False)


def decode(data: bytes | memoryview) -> Decoded:
    """Read a whole DICOMDIR, in linear time and without raising, whatever the bytes are.

    Records keep the offset of their item as `seen_at`. The findings carry no path: `Finding.moved` adds it.
    """
    data = bytes(data)
    findings = FindingList()
    meta, begin = _read_meta(data, findings)
    encoding = _encoding(data, begin, meta, findings)
    source = Source(data, encoding, Work.on(len(data)))
    values, records = _read_data_set(source, begin, findings)
    if not values and not records:
        findings.add(NOT_A_DIRECTORY)
        return Decoded(Directory("", "", ()), findings.all(), meta)
    if encoding is not EXPLICIT_LITTLE:
        findings.add(WRONG_ENCODING, found=syntax_name(encoding.syntax))
    directory = _directory(values, records, meta, findings)
    return Decoded(directory, findings.all(), meta)


def _directory(
    values: Mapping[Tag, bytes], records: list[RawRecord], meta: Mapping[Tag, bytes], findings: FindingList
) -> Directory:
    _check_file_set(values, meta, findings)
    first, last = _number(values, _FIRST_ROOT), _number(values, _LAST_ROOT)
    roots = build(link(records, first, last, findings), findings)
    directory = Directory(
        file_set_id=_text(values, 0x00041130),
        file_set_uid=_text(meta, 0x00020003),
        roots=roots,
        descriptor=_text(values, 0x00041141),
        descriptor_charset=_text(values, 0x00041142),
    )
    report_repeated(directory, findings)
    return directory


def _check_file_set(values: Mapping[Tag, bytes], meta: Mapping[Tag, bytes], findings: FindingList) -> None:
    if not _text(meta, 0x00020003):
        findings.add(LACKING, what="the File-set UID (Media Storage SOP Instance UID (0002,0003))")
    for tag, name in ((0x00041130, "File-set ID"), (_FIRST_ROOT, "the offset of the first root record")):
        if tag not in values:
            findings.add(LACKING, what=f"{name} {tag_text(tag)}")
    file_set_id = _text(values, 0x00041130)
    if not is_file_set_id(file_set_id):
        findings.add(ILLEGAL_FILE_SET_ID, value=ascii(file_set_id[:64]))
    flag = _number(values, 0x00041212)
    if flag:
        findings.add(CONSISTENCY_FLAG, flag=f"{flag:04X}H")


def _read_meta(data: bytes, findings: FindingList) -> tuple[dict[Tag, bytes], int]:
    """Return group 2 and the position of the data set behind it."""
    if data[128:132] == b"DICM":
        pos = 132
    else:
        findings.add(NO_PREFIX)
        pos = 4 if data[:4] == b"DICM" else 0
    begin = pos
    meta: dict[Tag, bytes] = {}
    previous, is_orderly = -1, True
    header = header_reader(encoding_at(data, pos))
    try:
        while data[pos : pos + 2] == b"\2\0":
            tag, vr, length, value_at = header(data, pos, len(data))
            if not vr or value_at + length > len(data):
                raise Unreadable(pos)
            pos = value_at + length
            meta.setdefault(tag, data[value_at:pos])
            is_orderly = is_orderly and tag > previous and length % 2 == 0
            previous = tag
            if tag == 0x00020000:
                begin = pos
    except Unreadable:
        findings.add(BAD_META, what=f"the bytes at {pos} are no element")
        found = data.find(b"\x04\0", pos)
        return meta, len(data) if found < 0 else found
    if not is_orderly:
        findings.add(BAD_META, what="an element is out of order, there twice or of odd length")
    _check_meta(meta, pos - begin, findings)
    return meta, pos


def _check_meta(meta: Mapping[Tag, bytes], length: int, findings: FindingList) -> None:
    if not meta:
        findings.add(BAD_META, what="there is none")
        return
    if _number(meta, 0x00020000) != length:
        findings.add(BAD_META, what="the group length is wrong or absent")
    sop_class = _text(meta, 0x00020002)
    if sop_class != MEDIA_STORAGE_DIRECTORY:
        findings.add(WRONG_CLASS, uid=ascii(sop_class[:64]))


def _encoding(data: bytes, begin: int, meta: Mapping[Tag, bytes], findings: FindingList) -> Encoding:
    """Return how the data set is encoded: its first bytes decide, the Transfer Syntax is compared."""
    found = encoding_at(data, begin)
    uid = _text(meta, 0x00020010)
    if begin < len(data) and meta and uid != found.syntax:
        findings.add(WRONG_SYNTAX, uid=ascii(uid[:64]), found=syntax_name(found.syntax))
    return found


def _read_data_set(
    source: Source, pos: int, findings: FindingList
) -> tuple[dict[Tag, bytes], list[RawRecord]]:
    """Return the top-level values of group 4 and the raw records.

    When the sequence is missing or cannot be reached, the first item that looks like a record stands for it.
    """
    values: dict[Tag, bytes] = {}
    records: list[RawRecord] | None = None
    start, size = pos, len(source.data)
    try:
        for _ in range(_MAX_TOP_ELEMENTS):
            if pos >= size or (records is not None and size - pos < 8):
                break
            tag, vr, length, value_at = source.header(source.data, pos, size)
            if tag == _SEQUENCE and records is None:
                records, pos = read_records(source, value_at, length, findings)
                continue
            value, pos = _value(source, vr, (value_at, length), pos)
            if length & 1 and length != UNDEFINED:
                findings.add(ODD_LENGTH, tag=tag_text(tag))
            if tag >> 16 == 0x0004:
                values.setdefault(tag, value)
    except Unreadable as broken:
        pos = broken.at
        if records is None and values:
            findings.add(TRUNCATED, record=broken.at)
    if records is None:
        found = next_record(source, start)
        if found is not None or values:
            findings.add(NO_SEQUENCE)
        records = [] if found is None else read_records(source, found, UNDEFINED, findings)[0]
    return values, records


def _value(source: Source, vr: str, extent: tuple[int, int], pos: int) -> tuple[bytes, int]:
    begin, length = extent
    size = len(source.data)
    if not vr:
        raise Unreadable(pos)
    if vr == "SQ" or length == UNDEFINED:
        return read_sequence(source, begin, length, size)
    if begin + length > size:
        raise Unreadable(pos)
    return source.plain(vr, source.data[begin : begin + length]), begin + length


def _text(values: Mapping[Tag, bytes], tag: Tag) -> str:
    return values.get(tag, b"").strip(b" \0").decode("latin-1")


def _number(values: Mapping[Tag, bytes], tag: Tag) -> int:
    return int.from_bytes(values.get(tag, b"")[:4], "little")
