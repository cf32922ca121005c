"""The kinds of partitions of UDF: how each maps its blocks to the image.

Physical partitions lie in one piece, the metadata partition (2.50 and later) in a file. Drives that write in
packets make two more: virtual ones, whose Virtual Allocation Table is the last thing on the disc, and
sparable ones, whose sparing table says which packets were moved. Source: OSTA UDF 2.60 2.2.8 to 2.2.12.
"""

from __future__ import annotations

import struct
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from itertools import accumulate

from msgspec import Struct

from mediakit.formats.readable import Extent, Readable
from mediakit.formats.udf_entries import Blocks, FileEntry, Space
from mediakit.formats.udf_tags import VIRTUAL_TABLE, Damaged, Tag, tag_of
from mediakit.formats.udf_volume import Descriptors
from mediakit.volume import Damage

METADATA, VIRTUAL, SPARABLE = (
    b"*UDF Metadata Partition",
    b"*UDF Virtual Partition",
    b"*UDF Sparable Partition",
)
_SPARING_TABLE = b"*UDF Sparing Table"
_TABLE_END = b"*UDF Virtual Alloc Tbl"  # of revision 1.50, behind the table
_MAX_MAPS = 8
_MAX_TABLE_BYTES = 16 * 1024 * 1024
_MAX_SPARED = 65_536
_LAST_BLOCKS = 512  # of what was written, in which the table is looked for: run-out blocks may follow it
_MAX_UNWRITTEN = 64 * 1024 * 1024  # bytes at the end of an image that was made larger than its content
_CHUNK = 1024 * 1024
_NEVER = 0xFFFFFFF0  # and above: entries that are free or defective


class Pieces(Struct, frozen=True):
    """A partition in pieces: a physical one has one, that of metadata those of its file.

    `ends` are the bytes of the partition at which the pieces end: there may be very many.
    """

    pieces: tuple[Extent, ...]
    ends: tuple[int, ...]
    block_size: int

    @classmethod
    def of(cls, pieces: tuple[Extent, ...], block_size: int) -> Pieces:
        """Return a partition of these pieces."""
        return cls(pieces, tuple(accumulate(length for _, length in pieces)), block_size)

    def extents(self, block: int, size: int) -> Iterator[Extent]:
        """Yield where `size` bytes from this block on lie. Raises Damaged."""
        at = block * self.block_size
        for number in range(bisect_right(self.ends, at), len(self.pieces)):
            start, length = self.pieces[number]
            inside = at - (self.ends[number] - length)
            taken = min(size, length - inside)
            if taken:
                yield start + inside, taken
            size -= taken
            at += taken
            if not size:
                return
        if size:
            raise Damaged("it lies outside its partition")


class Virtual(Struct, frozen=True):
    """A virtual partition: the table says at which block of the physical one each of its blocks lies."""

    below: Space
    table: bytes
    block_size: int

    def extents(self, block: int, size: int) -> Iterator[Extent]:
        """Yield where `size` bytes from this block on lie. Raises Damaged."""
        while size > 0:
            if block * 4 + 4 > len(self.table):
                raise Damaged("it lies outside its partition")
            real = struct.unpack_from("<I", self.table, block * 4)[0]
            if real == 0xFFFFFFFF:
                raise Damaged("it was deleted")
            taken = min(size, self.block_size)
            yield from self.below.extents(real, taken)
            size -= taken
            block += 1


class Sparable(Struct, frozen=True):
    """A sparable partition: packets that were moved, by the block they begin at, and where in the image."""

    below: Space
    moved: Mapping[int, int]
    starts: tuple[int, ...]  # the keys of `moved`, sorted
    packet: int  # in blocks
    block_size: int

    def extents(self, block: int, size: int) -> Iterator[Extent]:
        """Yield where `size` bytes from this block on lie. Raises Damaged."""
        while size > 0:
            first = block - block % self.packet
            if first in self.moved:
                taken = min(size, (first + self.packet - block) * self.block_size)
                yield (self.moved[first] + block - first) * self.block_size, taken
            else:
                number = bisect_left(self.starts, block)
                ahead = (self.starts[number] - block) * self.block_size if number < len(self.starts) else size
                taken = min(size, ahead)
                yield from self.below.extents(block, taken)
            size -= taken
            block += -(-taken // self.block_size)


def map_partitions(blocks: Blocks, volume: Descriptors, damage: list[Damage]) -> frozenset[bytes]:
    """Find the partitions of a volume, in the order of its maps; return the kinds of odd ones met.

    A table that cannot be read, without which files may still be had, is in `damage`. Raises Damaged or
    struct.error.
    """
    held = volume.logical
    count = struct.unpack_from("<I", held, 268)[0]
    kinds = set()
    at = 440
    for _ in range(min(count, _MAX_MAPS)):
        entry = held[at : at + 64]
        kind, size = struct.unpack_from("<BB", entry)
        name = entry[5:28].rstrip(b"\0")
        if kind == 1 and size == 6:
            blocks.spaces.append(_physical(volume, entry, 4))
        elif kind == 2 and size == 64 and name in {METADATA, VIRTUAL, SPARABLE}:
            blocks.spaces.append(_odd(blocks, volume, name, entry, damage))
            kinds.add(name)
        else:
            raise Damaged(f"partitions of the kind {name.decode('latin-1')!a} are not supported")
        at += size
    return frozenset(kinds)


def _physical(volume: Descriptors, entry: bytes, at: int) -> Pieces:
    number = struct.unpack_from("<H", entry, at)[0]
    if number not in volume.partitions:
        raise Damaged(f"there is no partition {number}")
    return Pieces.of((volume.partitions[number].extent,), volume.block_size)


def _odd(blocks: Blocks, volume: Descriptors, name: bytes, entry: bytes, damage: list[Damage]) -> Space:
    physical = _physical(volume, entry, 38)
    if name == METADATA:
        return _metadata(blocks, physical, entry)
    return _virtual(blocks, physical) if name == VIRTUAL else _sparable(blocks, physical, entry, damage)


def _metadata(blocks: Blocks, physical: Pieces, entry: bytes) -> Pieces:
    for at in struct.unpack_from("<II", entry, 40):  # the file and its mirror
        try:
            found = blocks.entry_at(blocks.start(physical, at), physical)
        except (Damaged, struct.error):
            continue
        if found.extents:
            return Pieces.of(found.extents, blocks.block_size)
    raise Damaged("neither the metadata file nor its mirror can be read")


def _virtual(blocks: Blocks, physical: Pieces) -> Virtual:
    last = (_written_bytes(blocks.image) - 1) // blocks.block_size
    for at in range(last, max(-1, last - _LAST_BLOCKS), -1):
        try:
            entry = blocks.entry_at(at * blocks.block_size, physical)
            table = _table(entry, blocks.content(entry, _MAX_TABLE_BYTES))
        except (Damaged, struct.error):
            continue
        if table:
            return Virtual(physical, table, blocks.block_size)
    raise Damaged("its Virtual Allocation Table was not found: the end of the disc is missing")


def _written_bytes(image: Readable) -> int:
    """Return the size of the image without the empty bytes at its end."""
    end = image.size
    while end > max(0, image.size - _MAX_UNWRITTEN):
        start = max(0, end - _CHUNK)
        held = len(image.read(start, end - start).rstrip(b"\0"))
        if held:
            return start + held
        end = start
    return end


def _table(entry: FileEntry, held: bytes) -> bytes:
    """Return the table in a file, or nothing when it is none."""
    if entry.kind == VIRTUAL_TABLE:
        return held[struct.unpack_from("<H", held)[0] :]
    if entry.kind == 0 and held[-36:][1:24].rstrip(b"\0") == _TABLE_END:
        return held[:-36]
    return b""


def _sparable(blocks: Blocks, physical: Pieces, entry: bytes, damage: list[Damage]) -> Sparable:
    packet, tables = struct.unpack_from("<HB", entry, 40)
    size = min(struct.unpack_from("<I", entry, 44)[0], _MAX_TABLE_BYTES)
    if not packet:
        raise Damaged("its packets have no length")
    moved: dict[int, int] = {}
    for number in range(min(tables, 4)):
        at = struct.unpack_from("<I", entry, 48 + 4 * number)[0]
        held = blocks.image.read(at * blocks.block_size, size)
        if tag_of(held) != Tag.SPARING or held[17:40].rstrip(b"\0") != _SPARING_TABLE:
            continue  # the next one is a copy
        count = min(struct.unpack_from("<H", held, 48)[0], _MAX_SPARED, (len(held) - 56) // 8)
        pairs = struct.iter_unpack("<II", held[56 : 56 + 8 * count])
        moved = {start: mapped for start, mapped in pairs if start < _NEVER and not start % packet}
        break
    else:
        damage.append(
            Damage("", "the sparing table cannot be read: files in packets that were moved are wrong")
        )
    return Sparable(physical, moved, tuple(sorted(moved)), packet, blocks.block_size)
