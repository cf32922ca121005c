"""Reading UDF images: our own bounded reader, so that a written image is not judged by its writer.

Reads physical and metadata partitions (revisions 1.02 to 2.60, mastered volumes). Virtual and sparable
partitions, which drives make when they write in packets, are refused by name. Never trusts a length, never
enters a folder twice, never leaves the image. Source: ECMA-167; OSTA UDF 2.60.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mediakit.errors import SourceError
from mediakit.formats.base import Node, NodeKind, TreeFacts
from mediakit.formats.udf_tags import (
    BLOCK,
    DIRECTORY,
    EMBEDDED,
    IS_DELETED,
    IS_PARENT,
    LINK,
    LONG_AD,
    SHORT_AD,
    Tag,
    decode_name,
    tag_of,
    undstring,
)
from mediakit.formats.window import Extent, Image, holds, stream_of

_MAX_SEQUENCE = 256  # blocks of a volume descriptor sequence
_MAX_FOLDER_BYTES = 64 * 1024 * 1024
_MAX_EXTENTS = 65_536  # of one file
_MAX_DEPTH = 64
_PLAIN_FILES = frozenset({0, 5})


class _Damaged(Exception):  # noqa: N818 - never leaves this module
    """A structure cannot be followed; the text says why."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A file entry. `extents` are where its bytes lie in the image."""

    kind: int
    size: int
    extents: tuple[Extent, ...]


@dataclass(frozen=True, slots=True)
class _Partition:
    """One partition map. `pieces` are where its blocks lie in the image, in their order."""

    pieces: tuple[Extent, ...]

    def extents(self, block: int, size: int) -> Iterator[Extent]:
        """Yield where `size` bytes from this block on lie. Raises _Damaged."""
        at = block * BLOCK
        for start, length in self.pieces:
            if at >= length:
                at -= length
                continue
            taken = min(size, length - at)
            if taken:
                yield start + at, taken
            size -= taken
            at = 0
            if not size:
                return
        if size:
            raise _Damaged("it lies outside its partition")


class UdfTree:
    """A UDF image as a `Tree`."""

    def __init__(self, path: Path) -> None:
        """Open the image and read its folders. Raises SourceError."""
        self._image = Image(path)
        self._notes: list[str] = []
        self._found: dict[str, _Entry] = {}
        self._others: list[Node] = []
        self._folders: list[str] = []
        try:
            label = self._read()
        except (_Damaged, struct.error) as exc:
            self._image.close()
            raise SourceError("cannot be read as UDF", where=str(path), why=str(exc)) from exc
        except BaseException:
            self._image.close()
            raise
        self.facts = TreeFacts(
            format="udf", label=label, size_bytes=self._image.size, notes=tuple(self._notes)
        )

    def walk(self) -> Iterator[Node]:
        """Yield the files in the order of their extents, then links and what cannot be read."""
        for path, entry in sorted(self._found.items(), key=lambda item: item[1].extents[:1]):
            yield Node(path, entry.size)
        yield from self._others

    def folders(self) -> Iterator[str]:
        """Yield every folder below the root."""
        return iter(self._folders)

    def open(self, node: Node) -> BinaryIO:
        """Open a file of the image. Raises SourceError."""
        entry = self._found.get(node.path)
        if entry is None or node.kind is not NodeKind.FILE:
            raise SourceError("no such file on the medium", where=ascii(node.path))
        return stream_of(self._image, entry.extents)

    def find(self, path: str) -> Node | None:
        """Return the file of exactly this path, or None."""
        entry = self._found.get(path)
        return None if entry is None else Node(path, entry.size)

    def close(self) -> None:
        """Close the image."""
        self._image.close()

    # -- the volume

    def _read(self) -> str:
        volume, partitions = self._sequence()
        self._partitions: list[_Partition] = []
        self._map_partitions(volume, partitions)
        file_set_at, file_set_in = struct.unpack_from("<IH", volume, 252)
        file_set = self._block(file_set_in, file_set_at)
        if tag_of(file_set) != Tag.FILE_SET:
            raise _Damaged("there is no file set")
        root_at, root_in = struct.unpack_from("<IH", file_set, 404)
        self._walk_folders(root_in, root_at)
        return undstring(volume[84:212])

    def _sequence(self) -> tuple[bytes, dict[int, Extent]]:
        """Return the logical volume descriptor, and where each partition lies."""
        last = self._image.size // BLOCK - 1
        for at in (256, last, last - 256):
            anchor = self._image.read(at * BLOCK, BLOCK)
            if len(anchor) < BLOCK or tag_of(anchor) != Tag.ANCHOR:
                continue
            main_size, main_at, reserve_size, reserve_at = struct.unpack_from("<IIII", anchor, 16)
            for size, start in ((main_size, main_at), (reserve_size, reserve_at)):
                volume, partitions = self._descriptors(start, min(size // BLOCK, _MAX_SEQUENCE))
                if volume and partitions:
                    return volume, partitions
        raise _Damaged("there is no anchor that leads to a volume")

    def _descriptors(self, start: int, count: int) -> tuple[bytes, dict[int, Extent]]:
        volume, number, partitions = b"", -1, {}
        for at in range(start, start + count):
            found = self._image.read(at * BLOCK, BLOCK)
            tag = tag_of(found)
            if tag == Tag.TERMINATING or len(found) < BLOCK:
                break
            if tag == Tag.LOGICAL_VOLUME and (seen := struct.unpack_from("<I", found, 16)[0]) > number:
                volume, number = found, seen
            elif tag == Tag.PARTITION:
                first, blocks = struct.unpack_from("<II", found, 188)
                partitions[struct.unpack_from("<H", found, 22)[0]] = (first * BLOCK, blocks * BLOCK)
        return volume, partitions

    def _map_partitions(self, volume: bytes, partitions: dict[int, Extent]) -> None:
        block_size, _ = struct.unpack_from("<I32s", volume, 212)
        if block_size != BLOCK:
            raise _Damaged(f"blocks of {block_size} bytes are not those of an optical disc")
        count = struct.unpack_from("<I", volume, 268)[0]
        at = 440
        for _ in range(min(count, 8)):
            kind, size = volume[at], volume[at + 1]
            name = volume[at + 5 : at + 28].rstrip(b"\0")
            if kind == 1 and size == 6:
                self._partitions.append(_Partition((partitions[_number(volume, at + 4, partitions)],)))
            elif kind == 2 and size == 64 and name == b"*UDF Metadata Partition":
                physical = _Partition((partitions[_number(volume, at + 38, partitions)],))
                self._partitions.append(self._metadata(physical, *struct.unpack_from("<II", volume, at + 40)))
            else:
                raise _Damaged(f"partitions of the kind {name.decode('latin-1')!a} are not supported")
            at += size

    def _metadata(self, physical: _Partition, main_at: int, mirror_at: int) -> _Partition:
        for at in (main_at, mirror_at):
            try:
                start = next(physical.extents(at, BLOCK))[0]
                entry = self._parse_entry(start, physical.extents)
            except (_Damaged, struct.error):
                continue
            if entry.extents:
                return _Partition(entry.extents)
        raise _Damaged("neither the metadata file nor its mirror can be read")

    # -- files and folders

    def _walk_folders(self, root_in: int, root_at: int) -> None:
        seen = {(root_in, root_at)}
        todo = [("", root_in, root_at, 0)]
        while todo:
            path, within, at, depth = todo.pop()
            for name, is_bad, child_in, child_at in self._names(path, within, at):
                child = f"{path}/{name}" if path else name
                if is_bad or depth >= _MAX_DEPTH:
                    self._notes.append(f"{child!a} is damaged or too deep and was not entered")
                    continue
                if self._settle(child, child_in, child_at) and (child_in, child_at) not in seen:
                    seen.add((child_in, child_at))
                    todo.append((child, child_in, child_at, depth + 1))

    def _settle(self, path: str, within: int, at: int) -> bool:
        """Note a file; return True for a folder."""
        try:
            entry = self._entry(within, at)
        except (_Damaged, struct.error) as exc:
            self._others.append(Node(path, 0, NodeKind.UNREADABLE, str(exc)))
            return False
        if entry.kind == DIRECTORY:
            self._folders.append(path)
            return True
        if entry.kind == LINK:
            self._others.append(Node(path, 0, NodeKind.LINK))
        elif entry.kind not in _PLAIN_FILES:
            self._others.append(Node(path, 0, NodeKind.SPECIAL))
        elif path in self._found:
            self._others.append(Node(path, entry.size, NodeKind.UNREADABLE, "a second file of this name"))
        else:
            self._found[path] = entry
        return False

    def _names(self, path: str, within: int, at: int) -> Iterator[tuple[str, bool, int, int]]:
        """Yield the names in a folder: name, whether it is damaged, and where its entry lies."""
        try:
            folder = self._entry(within, at)
            if folder.size > _MAX_FOLDER_BYTES:
                raise _Damaged("the folder is too large")
        except (_Damaged, struct.error) as exc:
            self._notes.append(f"folder {path!a} was not entered: {exc}")
            return
        held = b"".join(self._image.read(start, size) for start, size in folder.extents)
        at = 0
        while at + 38 <= len(held):
            kind, name_size = held[at + 18], held[at + 19]
            child_at, child_in = struct.unpack_from("<IH", held, at + 24)
            use_size = struct.unpack_from("<H", held, at + 36)[0]
            size = -(-(38 + use_size + name_size) // 4) * 4
            if tag_of(held[at : at + size]) != Tag.FILE_IDENTIFIER:
                self._notes.append(f"folder {path!a} is damaged at byte {at}; its other names were not read")
                return
            stored = held[at + 38 + use_size : at + 38 + use_size + name_size]
            at += size
            if not kind & (IS_DELETED | IS_PARENT):
                name = decode_name(stored).replace("/", "\\")
                yield name, name in {"", ".", ".."}, child_in, child_at

    def _block(self, within: int, at: int) -> bytes:
        return self._whole(next(self._partition(within).extents(at, BLOCK))[0])

    def _whole(self, start: int) -> bytes:
        found = self._image.read(start, BLOCK)
        if len(found) < BLOCK:
            raise _Damaged("the image ends too early")
        return found

    def _partition(self, number: int) -> _Partition:
        if number >= len(self._partitions):
            raise _Damaged(f"there is no partition {number}")
        return self._partitions[number]

    def _entry(self, within: int, at: int) -> _Entry:
        partition = self._partition(within)
        return self._parse_entry(next(partition.extents(at, BLOCK))[0], partition.extents)

    def _parse_entry(self, start: int, here: Callable[[int, int], Iterator[Extent]]) -> _Entry:
        """Read the file entry at a byte of the image. `here` finds blocks of its own partition."""
        found = self._whole(start)
        tag = tag_of(found)
        if tag not in {Tag.FILE_ENTRY, Tag.EXTENDED_FILE_ENTRY}:
            raise _Damaged("there is no file entry where one must be")
        sizes_at, head = (168, 176) if tag == Tag.FILE_ENTRY else (208, 216)
        size = struct.unpack_from("<Q", found, 56)[0]
        before, ads_size = struct.unpack_from("<II", found, sizes_at)
        begin = head + before
        if begin + ads_size > BLOCK:
            raise _Damaged("the file entry is longer than its block")
        addressing = found[34] & 7
        if addressing == EMBEDDED:
            extents: tuple[Extent, ...] = ((start + begin, min(size, ads_size)),)
        else:
            ads = found[begin : begin + ads_size]
            extents = self._cut(self._addresses(ads, addressing, here), size)
        if sum(length for _, length in extents) != size:
            raise _Damaged("its extents are shorter than its size")
        if not holds(self._image, extents):
            raise _Damaged("it lies outside the image")
        return _Entry(found[27], size, extents)

    def _cut(self, extents: Iterator[Extent], size: int) -> tuple[Extent, ...]:
        kept = []
        for start, length in extents:
            if not size:
                break
            kept.append((start, min(length, size)))
            size -= kept[-1][1]
            if len(kept) > _MAX_EXTENTS:
                raise _Damaged("it has too many extents")
        return tuple(kept)

    def _addresses(
        self, ads: bytes, addressing: int, here: Callable[[int, int], Iterator[Extent]]
    ) -> Iterator[Extent]:
        """Yield the extents of a list of allocation descriptors, and of the lists that continue it."""
        if addressing not in {SHORT_AD, LONG_AD}:
            raise _Damaged(f"allocation descriptors of the kind {addressing} are not known")
        step = 8 if addressing == SHORT_AD else 16
        seen: set[int] = set()
        at = 0
        while at + step <= len(ads):
            length, block = struct.unpack_from("<II", ads, at)
            find = here if addressing == SHORT_AD else self._partition(_u16(ads, at + 8)).extents
            at += step
            kind, length = length >> 30, length & 0x3FFFFFFF
            if not length:
                return
            if kind == 3:
                start = next(find(block, BLOCK))[0]
                if start in seen:
                    raise _Damaged("its allocation descriptors lead in a circle")
                seen.add(start)
                ads, at = self._continued(start), 0
            elif kind == 0:
                yield from find(block, length)
            else:
                raise _Damaged("parts of it were never recorded")

    def _continued(self, start: int) -> bytes:
        found = self._whole(start)
        if tag_of(found) != Tag.ALLOCATION_EXTENT:
            raise _Damaged("its allocation descriptors end in nothing")
        return found[24 : 24 + struct.unpack_from("<I", found, 20)[0]]


def _u16(found: bytes, at: int) -> int:
    return int(struct.unpack_from("<H", found, at)[0])


def _number(volume: bytes, at: int, partitions: dict[int, Extent]) -> int:
    number = _u16(volume, at)
    if number not in partitions:
        raise _Damaged(f"there is no partition {number}")
    return number
