"""A `Directory` to the bytes of a DICOMDIR (PS3.3 Annex F, PS3.10 7.1 and 8.6). Pure: no path, no clock.

Every record is written once, in depth-first order; an offset that is not known yet is filled in when the
record it points to is reached. Both cost nothing per level, so the work is linear in the number of records.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from struct import Struct

from mediakit.dicom.elements import LONG_VR_NAMES
from mediakit.dicom.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from mediakit.dicom.instance import MEDIA_STORAGE_DIRECTORY, Tag
from mediakit.dicom.uids import EXPLICIT_VR_LITTLE_ENDIAN
from mediakit.dicom.write import PADDED_WITH_NUL, SHORT_MAX
from mediakit.errors import DoesNotFit
from mediakit.fileset.file_id import FileID, is_file_set_id
from mediakit.fileset.record import Directory, DirectoryRecord, FileRef, Key
from mediakit.findings import tag_text

#: Offsets are 32 bit, and FFFFFFFFH is no defined length (PS3.3 F.3.2.2, PS3.5 7.1).
MAX_SIZE_BYTES = 0xFFFFFFFE


_U32 = Struct("<I")
_ELEMENT = Struct("<HH2sH")
# Item, (0004,1400) next sibling, (0004,1410) FFFFH, (0004,1420) first child: the same in each record
_RECORD = Struct("<HHI HH2sHI HH2sHH HH2sHI")
_ITEM = Struct("<HHI")
_NEXT_AT = 16
_CHILD_AT = 38
_ITEM_HEADER = 8
_AFTER_ITEM_HEADER = _RECORD.size - _ITEM_HEADER
_SEQUENCE_HEADER = 12
_SHORT = 128  # bytes of a value that is kept encoded
_IDENTIFICATION: Tag = 0x00041130
_RECORDS: Tag = 0x00041220


def encode(
    directory: Directory,
    *,
    implementation_class_uid: str = IMPLEMENTATION_CLASS_UID,
    implementation_version: str = IMPLEMENTATION_VERSION_NAME,
) -> bytes:
    """Return the whole DICOMDIR as a file in Explicit VR Little Endian.

    The same directory gives the same bytes. The instance UID is the File-set UID (PS3.10 8.6); offsets count
    from the first byte of the file, preamble included (PS3.3 F.3.2.2).

    Raises
    ------
    DoesNotFit
        The directory cannot be written as it stands: it would pass 4 GiB, a File ID is not legal, a value
        is too long for its VR, keys are not in ascending order, or a type or UID is not ASCII.
    """
    try:
        return _encoded(
            directory, _meta(directory.file_set_uid, implementation_class_uid, implementation_version)
        )
    except UnicodeEncodeError as exc:
        raise DoesNotFit("a record type or UID holds characters outside ASCII") from exc


def _encoded(directory: Directory, meta: bytes) -> bytes:
    out = bytearray(128) + b"DICM"
    out += meta
    others = directory.others
    before = tuple(key for key in others if key.tag < _IDENTIFICATION)
    behind = tuple(key for key in others if key.tag > _RECORDS)
    if len(before) + len(behind) < len(others):
        raise DoesNotFit("the directory has an element that has no place in it", why="PS3.3 F.3")
    out += _keys(before, above=0) + _file_set_identification(directory)
    offsets_at = len(out)
    out += _number(0x00041200, 0) + _number(0x00041202, 0)
    out += _ELEMENT.pack(0x0004, 0x1212, b"US", 2) + b"\0\0"
    sequence_at = len(out)
    out += _ELEMENT.pack(0x0004, 0x1220, b"SQ", 0) + _U32.pack(0)
    first = len(out) if directory.roots else 0
    last = _append_records(out, directory.roots)
    _U32.pack_into(out, offsets_at + 8, first)
    _U32.pack_into(out, offsets_at + 20, last)
    _U32.pack_into(out, sequence_at + 8, len(out) - sequence_at - _SEQUENCE_HEADER)
    out += _keys(behind, above=_RECORDS)
    return bytes(out)


def _append_records(out: bytearray, roots: tuple[DirectoryRecord, ...]) -> int:
    """Append all records and return the offset of the last one of the root level; 0 when there is none."""
    above: list[tuple[Iterator[DirectoryRecord], int]] = []
    siblings, previous = iter(roots), 0
    while True:
        record = next(siblings, None)
        if record is None:
            if not above:
                return previous
            siblings, previous = above.pop()
            continue
        here = len(out)
        if previous:
            _U32.pack_into(out, previous + _NEXT_AT, here)
        previous = here
        _append(out, record)
        if len(out) > MAX_SIZE_BYTES:
            raise DoesNotFit(
                "the directory would be larger than 4 GiB, which its 32 bit offsets cannot reach"
            )
        if record.children:
            _U32.pack_into(out, here + _CHILD_AT, len(out))
            above.append((siblings, previous))
            siblings, previous = iter(record.children), 0


def _append(out: bytearray, record: DirectoryRecord) -> None:
    """Append one record with both offsets zero."""
    if record.carried:
        here = len(out)
        out += _ITEM.pack(0xFFFE, 0xE000, len(record.carried)) + record.carried
        _U32.pack_into(out, here + _NEXT_AT, 0)
        _U32.pack_into(out, here + _CHILD_AT, 0)
        return
    reference, keys = record.reference, record.keys
    body = _text(0x00041430, "CS", record.type)
    if reference is None:
        body += _keys(keys, above=0x00041430)
    else:
        # (0004,1432) of a private record is the one key that stands before the reference
        early = 0 if not keys or keys[0].tag > 0x00041500 else sum(key.tag < 0x00041500 for key in keys)
        if early:
            body += _keys(keys[:early], above=0x00041430)
        body += _reference(reference) + _keys(keys[early:] if early else keys, above=0x0004151A)
    out += _RECORD.pack(
        0xFFFE, 0xE000, len(body) + _AFTER_ITEM_HEADER,
        0x0004, 0x1400, b"UL", 4, 0,
        0x0004, 0x1410, b"US", 2, 0xFFFF,
        0x0004, 0x1420, b"UL", 4, 0,
    )  # fmt: skip
    out += body


def _reference(reference: FileRef) -> bytes:
    if reference.file_id is None:
        raise DoesNotFit("a record references a file by a File ID that is not legal", why="PS3.10 8.5")
    instance = reference.sop_instance.encode("ascii")
    if len(instance) & 1:
        instance += b"\0"
    parts = (
        _value(0x00041500, "CS", reference.file_id.value.encode("ascii")),
        _text(0x00041510, "UI", reference.sop_class),
        _ELEMENT.pack(0x0004, 0x1511, b"UI", len(instance)),
        instance,
        _text(0x00041512, "UI", reference.transfer_syntax),
    )
    if reference.related_classes:
        return b"".join(parts) + _text(0x0004151A, "UI", "\\".join(reference.related_classes))
    return b"".join(parts)


def _keys(keys: tuple[Key, ...], *, above: Tag) -> bytes:
    """Return the keys as elements; their tags must ascend, the first from `above`."""
    parts = []
    for key in keys:
        tag = key.tag
        if tag <= above:
            raise DoesNotFit(f"key {tag_text(tag)} does not stand in ascending order")
        above = tag
        parts.append(_known(key) if len(key.value) <= _SHORT else _value(tag, key.vr, key.value))
    return b"".join(parts)


@lru_cache(maxsize=4096)
def _known(key: Key) -> bytes:
    """Return the element of a key with a short value: most come in record after record."""
    return _value(key.tag, key.vr, key.value)


def _value(tag: Tag, vr: str, value: bytes) -> bytes:
    """Return one element, padded to even length in the way of its VR (PS3.5 6.2, 7.1)."""
    if len(value) & 1:
        if vr == "SQ":
            raise DoesNotFit(f"the items of {tag_text(tag)} have an odd length")
        value += b"\0" if vr in PADDED_WITH_NUL else b" "
    if vr in LONG_VR_NAMES:
        return _prefix(tag, vr) + b"\0\0" + _U32.pack(len(value)) + value
    if len(value) > SHORT_MAX:
        raise DoesNotFit(f"the value of {tag_text(tag)} has {len(value)} bytes, more than VR {vr} can hold")
    return _prefix(tag, vr) + len(value).to_bytes(2, "little") + value


@lru_cache(maxsize=1024)
def _prefix(tag: Tag, vr: str) -> bytes:
    return _ELEMENT.pack(tag >> 16, tag & 0xFFFF, vr.encode("ascii"), 0)[:6]


@lru_cache(maxsize=1024)
def _text(tag: Tag, vr: str, value: str) -> bytes:
    """Return an element whose value repeats from record to record: a type, a SOP class, a transfer syntax."""
    return _value(tag, vr, value.encode("ascii"))


def _number(tag: Tag, value: int) -> bytes:
    return _ELEMENT.pack(tag >> 16, tag & 0xFFFF, b"UL", 4) + _U32.pack(value)


def _meta(file_set_uid: str, class_uid: str, version: str) -> bytes:
    """Return the file meta information (PS3.10 Table 7.1-1) with its group length."""
    meta = b"".join(
        (
            _value(0x00020001, "OB", b"\0\1"),
            _text(0x00020002, "UI", MEDIA_STORAGE_DIRECTORY),
            _text(0x00020003, "UI", file_set_uid),
            _text(0x00020010, "UI", EXPLICIT_VR_LITTLE_ENDIAN),
            _text(0x00020012, "UI", class_uid),
            _text(0x00020013, "SH", version) if version else b"",
        )
    )
    return _number(0x00020000, len(meta)) + meta


def _file_set_identification(directory: Directory) -> bytes:
    """Return the File-set Identification Module (PS3.3 Table F.3-2)."""
    if not is_file_set_id(directory.file_set_id):
        raise DoesNotFit(
            "the File-set ID is not legal", why="0 to 16 characters of A-Z 0-9 _ (PS3.3 F.3.2.1)"
        )
    parts = [_text(0x00041130, "CS", directory.file_set_id)]
    if directory.descriptor:
        try:
            descriptor = FileID.read(directory.descriptor)
        except ValueError as exc:
            raise DoesNotFit("the File-set Descriptor File ID is not legal", why=str(exc)) from exc
        parts.append(_text(0x00041141, "CS", descriptor.value))
        if directory.descriptor_charset:
            parts.append(_text(0x00041142, "CS", directory.descriptor_charset))
    return b"".join(parts)
