"""File entries of UDF and their allocation descriptors: what a file is, and where its bytes lie. Bounded.

Nothing here knows how a partition maps its blocks: that is a `Space`. Source: ECMA-167 4/14.9, 4/14.14.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Protocol

from msgspec import Struct, field

from mediakit.formats.readable import Extent, Readable, holds
from mediakit.formats.udf_tags import EMBEDDED, LONG_AD, SHORT_AD, Damaged, Tag, tag_of

_MAX_EXTENTS = 65_536  # of one file
_MAX_PIECES = 1 << 21  # of all files of a volume: lists of extents may be shared
_READ, _SEARCH = 0b00100, 0b00001
_OF_ALL = 0b00001_00001_00001  # owner, group and others


class Space(Protocol):
    """The blocks of a partition, wherever they lie in the image."""

    def extents(self, block: int, size: int) -> Iterator[Extent]:
        """Yield where `size` bytes from this block on lie. Raises Damaged."""
        ...


class FileEntry(Struct, frozen=True):
    """A file entry. `extents` are where its bytes lie in the image, `may` its permissions."""

    kind: int
    size: int
    extents: tuple[Extent, ...]
    may: int = 0

    def is_open_to_all(self, *, is_folder: bool) -> bool:
        """Return True when owner, group and others may read it, and enter it when it is a folder."""
        wanted = (_READ | _SEARCH if is_folder else _READ) * _OF_ALL
        return self.may & wanted == wanted


class Blocks(Struct):
    """An image and the partitions in it, by their number. The list grows while they are found."""

    image: Readable
    block_size: int
    spaces: list[Space] = field(default_factory=list)
    _pieces: int = 0

    def space(self, number: int) -> Space:
        """Return a partition. Raises Damaged."""
        if number >= len(self.spaces):
            raise Damaged(f"there is no partition {number}")
        return self.spaces[number]

    def block(self, within: int, at: int) -> bytes:
        """Return a block of a partition. Raises Damaged."""
        return self.whole(self.start(self.space(within), at))

    def start(self, space: Space, at: int) -> int:
        """Return the byte of the image at which a block begins. Raises Damaged."""
        for start, _ in space.extents(at, self.block_size):
            return start
        raise Damaged("it lies nowhere")

    def whole(self, start: int) -> bytes:
        """Return the block that begins at this byte of the image. Raises Damaged."""
        found = self.image.read(start, self.block_size)
        if len(found) < self.block_size:
            raise Damaged("the image ends too early")
        return found

    def entry(self, within: int, at: int) -> FileEntry:
        """Read the file entry at a block of a partition. Raises Damaged or struct.error."""
        space = self.space(within)
        return self.entry_at(self.start(space, at), space)

    def entry_at(self, start: int, here: Space) -> FileEntry:
        """Read the file entry at a byte of the image. `here` is the partition that it stands in."""
        found = self.whole(start)
        tag = tag_of(found)
        if tag not in {Tag.FILE_ENTRY, Tag.EXTENDED_FILE_ENTRY}:
            raise Damaged("there is no file entry where one must be")
        sizes_at, head = (168, 176) if tag == Tag.FILE_ENTRY else (208, 216)
        size = struct.unpack_from("<Q", found, 56)[0]
        if size > self.image.size:
            raise Damaged("it is larger than the image")
        before, ads_size = struct.unpack_from("<II", found, sizes_at)
        begin = head + before
        if begin + ads_size > self.block_size:
            raise Damaged("the file entry is longer than its block")
        addressing = found[34] & 7
        if addressing == EMBEDDED:
            extents: tuple[Extent, ...] = ((start + begin, min(size, ads_size)),)
        else:
            ads = found[begin : begin + ads_size]
            extents = self._cut(self._addresses(ads, addressing, here), size)
        if sum(length for _, length in extents) != size:
            raise Damaged("its extents are shorter than its size")
        if not holds(self.image, extents):
            raise Damaged("it lies outside the image")
        return FileEntry(found[27], size, extents, struct.unpack_from("<I", found, 44)[0])

    def content(self, entry: FileEntry, most_bytes: int) -> bytes:
        """Return what a small file holds. Raises Damaged when it is larger than `most_bytes`."""
        if entry.size > most_bytes:
            raise Damaged("it is too large")
        return b"".join(self.image.read(start, size) for start, size in entry.extents)

    def _cut(self, extents: Iterator[Extent], size: int) -> tuple[Extent, ...]:
        """Return the extents up to `size` bytes, those that follow one another joined. Raises Damaged."""
        kept: list[Extent] = []
        for start, length in extents if size else ():
            taken = min(length, size)
            size -= taken
            if kept and sum(kept[-1]) == start:
                kept[-1] = (kept[-1][0], kept[-1][1] + taken)
            else:
                kept.append((start, taken))
            self._pieces += 1
            if len(kept) > _MAX_EXTENTS or self._pieces > _MAX_PIECES:
                raise Damaged("it has too many extents")
            if not size:
                break
        return tuple(kept)

    def _addresses(self, ads: bytes, addressing: int, here: Space) -> Iterator[Extent]:
        """Yield the extents of a list of allocation descriptors, and of the lists that continue it."""
        if addressing not in {SHORT_AD, LONG_AD}:
            raise Damaged(f"allocation descriptors of the kind {addressing} are not known")
        step = 8 if addressing == SHORT_AD else 16
        seen: set[int] = set()
        at = 0
        while at + step <= len(ads):
            length, block = struct.unpack_from("<II", ads, at)
            where = here if addressing == SHORT_AD else self.space(struct.unpack_from("<H", ads, at + 8)[0])
            at += step
            kind, length = length >> 30, length & 0x3FFFFFFF
            if not length:
                return
            if kind == 3:
                start = self.start(where, block)
                if start in seen:
                    raise Damaged("its allocation descriptors lead in a circle")
                seen.add(start)
                ads, at = self._continued(start), 0
            elif kind == 0:
                yield from where.extents(block, length)
            else:
                raise Damaged("parts of it were never recorded")

    def _continued(self, start: int) -> bytes:
        found = self.whole(start)
        if tag_of(found) != Tag.ALLOCATION_EXTENT:
            raise Damaged("its allocation descriptors end in nothing")
        return found[24 : 24 + struct.unpack_from("<I", found, 20)[0]]
