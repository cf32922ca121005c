"""The records of a DICOMDIR as they stand in its bytes, for an update that takes them over unchanged.

Keys of other vendors, icons and private elements are in them, and types of records that nobody knows. Only a
directory that was decoded without an error has a place here: of any other it cannot be told what belongs to a
record. Source: PS3.10 8.3, PS3.3 F.3.2.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from msgspec import structs

from mediakit.dicom.elements import EXPLICIT_LITTLE, ITEM, ITEM_END, UNDEFINED
from mediakit.dicom.instance import Tag
from mediakit.fileset.decode_items import HEAD, HEAD_IN_USE, HEAD_LOWER, HEAD_NEXT
from mediakit.fileset.decode_values import Source, Unreadable, Work, read_sequence
from mediakit.fileset.record import Directory, DirectoryRecord, Key
from mediakit.findings import tag_text

_META_AT = 132
_RECORDS: Tag = 0x00041220
_OWN = frozenset({0x00041130, 0x00041141, 0x00041142, 0x00041200, 0x00041202, 0x00041212, _RECORDS})
_PADDING: Tag = 0xFFFCFFFC
_SIGNATURES = frozenset({0x4FFE0001, 0xFFFAFFFA})


class NotCarriedError(ValueError):
    """The directory cannot be taken over as it stands; the text says why."""


def carry(data: bytes, directory: Directory) -> Directory:
    """Return a directory, decoded from `data`, whose records hold their elements as they stand there.

    Raises NotCarriedError when something of it would be lost.
    """
    source = Source(data, EXPLICIT_LITTLE, Work.on(len(data)))
    try:
        others = tuple(_others(source))
        made: dict[int, DirectoryRecord] = {}
        for record in reversed(list(directory.walk())):  # what is below comes first
            children = tuple(made.pop(id(child)) for child in record.children)
            made[id(record)] = structs.replace(record, children=children, carried=_content(source, record))
    except Unreadable as broken:
        raise NotCarriedError(f"the bytes at {broken.at} are not an element") from broken
    return replace(directory, roots=tuple(made[id(root)] for root in directory.roots), others=others)


def _others(source: Source) -> Iterator[Key]:
    """Yield the elements of the data set that are no part of the directory itself."""
    data, size = source.data, len(source.data)
    group_length = source.header(data, _META_AT, size)
    pos = group_length[3] + 4 + int.from_bytes(data[group_length[3] : group_length[3] + 4], "little")
    while size - pos >= 8:
        tag, vr, length, begin = source.header(data, pos, size)
        if not vr:
            raise Unreadable(pos)
        if vr == "SQ" or length == UNDEFINED:
            value, pos = read_sequence(source, begin, length, size)
        else:
            value, pos = data[begin : begin + length], begin + length
        if tag in _SIGNATURES:
            raise NotCarriedError(f"it is digitally signed {tag_text(tag)}, and no longer would be")
        if tag not in _OWN and tag != _PADDING:
            yield Key(tag, vr, value)


def _content(source: Source, record: DirectoryRecord) -> bytes:
    """Return the elements of a record, with whatever its offsets are."""
    data, size, at = source.data, len(source.data), record.seen_at
    if at is None or at + 8 > size or source.tag(at)[0] != ITEM:
        raise NotCarriedError("a record does not stand where it was read")
    length = source.tag(at)[1]
    begin = at + 8
    end = _end_of(source, begin) if length == UNDEFINED else begin + length
    if end > size or end - begin < HEAD.size or (end - begin) % 2:
        raise NotCarriedError(f"the length of the record at {at} is wrong")
    head = HEAD.unpack_from(data, begin)
    if (head[0], head[2], head[4]) != (HEAD_NEXT, HEAD_IN_USE, HEAD_LOWER):
        raise NotCarriedError(f"the record at {at} does not begin as PS3.3 F.3.2.2 has it")
    return data[begin:end]


def _end_of(source: Source, pos: int) -> int:
    """Return where the delimiter of an item of undefined length stands; its first element is at `pos`."""
    data, size = source.data, len(source.data)
    while True:
        tag, vr, length, begin = source.header(data, pos, size)
        if tag == ITEM_END:
            return pos
        if not vr:
            raise Unreadable(pos)
        if vr == "SQ" or length == UNDEFINED:
            pos = read_sequence(source, begin, length, size)[1]
        else:
            pos = begin + length
