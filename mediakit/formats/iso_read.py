"""Reading ISO 9660 images: our own bounded reader, so that a written image is not judged by its writer.

Reads the primary volume of the first session: the names of ECMA-119, not those of Rock Ridge or Joliet.
Never trusts a length, never follows an extent twice, never leaves the image.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mediakit.errors import SourceError
from mediakit.formats.base import Node, NodeKind, TreeFacts
from mediakit.formats.window import Extent, Image, Readable, holds, stream_of

SECTOR = 2048
FIRST_DESCRIPTOR = 16
_MAX_DESCRIPTORS = 64
_MAX_FOLDER_BYTES = 64 * 1024 * 1024
_MAX_DEPTH = 64  # Level 1 has 8; deeper trees come from disregard or malice
_DIRECTORY, _MULTI_EXTENT = 0x02, 0x80


@dataclass(frozen=True, slots=True)
class IsoRecord:
    """One directory record as it stands. `at` is the byte of the image at which it begins."""

    path: str
    at: int
    block: int
    size: int
    flags: int
    is_self: bool  # "." or ".."

    @property
    def is_directory(self) -> bool:
        """Return True for folders."""
        return bool(self.flags & _DIRECTORY)


@dataclass(frozen=True, slots=True)
class IsoVolume:
    """What the primary volume descriptor says. `block_size` is in bytes, `root` has the path ""."""

    label: str
    block_size: int
    blocks: int
    root: IsoRecord


def read_volume(image: Readable) -> IsoVolume | None:
    """Return the primary volume, or None when there is none. Source: ECMA-119 8.4."""
    for sector in range(FIRST_DESCRIPTOR, FIRST_DESCRIPTOR + _MAX_DESCRIPTORS):
        found = image.read(sector * SECTOR, SECTOR)
        if len(found) < SECTOR or found[1:6] != b"CD001" or found[0] == 255:
            return None
        if found[0] == 1:
            return _volume(found, sector * SECTOR)
    return None


def records(image: Readable, volume: IsoVolume, notes: list[str]) -> Iterator[IsoRecord]:
    """Yield the record of everything below the root, "." and ".." included, folder by folder.

    What cannot be followed is skipped and said in `notes`. Source: ECMA-119 9.1.
    """
    seen = {volume.root.block}
    todo = [(volume.root, 0)]
    while todo:
        folder, depth = todo.pop()
        for record in _folder(image, volume, folder, notes):
            yield record
            if record.is_self or not record.is_directory:
                continue
            if record.block in seen or depth >= _MAX_DEPTH:
                notes.append(f"folder {record.path!a} leads in a circle or too deep and was not entered")
                continue
            seen.add(record.block)
            todo.append((record, depth + 1))


class IsoTree:
    """An ISO 9660 image as a `Tree`. Names lose ";1" and a dot at the end, and nothing else."""

    def __init__(self, path: Path) -> None:
        """Open the image and read its folders. Raises SourceError."""
        self._image = Image(path)
        try:
            volume = read_volume(self._image)
            if volume is None:
                raise SourceError("is not an ISO 9660 image", where=str(path))
            notes: list[str] = []
            self._extents: dict[str, tuple[Extent, ...]] = {}
            self._folders: list[str] = []
            self._nodes = self._index(volume, notes)
        except BaseException:
            self._image.close()
            raise
        self.facts = TreeFacts(
            format="iso9660", label=volume.label, size_bytes=self._image.size, notes=tuple(notes)
        )

    def walk(self) -> Iterator[Node]:
        """Yield the files in the order of their extents, then what cannot be read."""
        return iter(self._nodes)

    def folders(self) -> Iterator[str]:
        """Yield every folder below the root."""
        return iter(self._folders)

    def open(self, node: Node) -> BinaryIO:
        """Open a file of the image. Raises SourceError."""
        extents = self._extents.get(node.path)
        if extents is None or node.kind is not NodeKind.FILE:
            raise SourceError("no such file on the medium", where=ascii(node.path))
        return stream_of(self._image, extents)

    def find(self, path: str) -> Node | None:
        """Return the file of exactly this path, or None."""
        extents = self._extents.get(path)
        return None if extents is None else Node(path, sum(size for _, size in extents))

    def close(self) -> None:
        """Close the image."""
        self._image.close()

    def _index(self, volume: IsoVolume, notes: list[str]) -> tuple[Node, ...]:
        broken: list[Node] = []
        pending: list[Extent] = []
        for record in records(self._image, volume, notes):
            if record.is_directory and not record.is_self:
                self._folders.append(record.path)
            if record.is_self or record.is_directory:
                continue
            pending.append((record.block * volume.block_size, record.size))
            if record.flags & _MULTI_EXTENT:
                continue
            extents, pending = tuple(pending), []
            why = self._fault(record.path, extents)
            if why:
                size = sum(size for _, size in extents)
                broken.append(Node(record.path, size, NodeKind.UNREADABLE, why))
            else:
                self._extents[record.path] = extents
        whole = sorted(self._extents.items(), key=lambda item: item[1][0][0])
        files = (Node(path, sum(size for _, size in extents)) for path, extents in whole)
        return (*files, *broken)

    def _fault(self, path: str, extents: tuple[Extent, ...]) -> str:
        if path in self._extents:
            return "a second file of this name"
        filled = [extent for extent in extents if extent[1]]
        return "" if holds(self._image, filled) else "it lies outside the image"


def _volume(found: bytes, at: int) -> IsoVolume:
    block_size = struct.unpack_from("<H", found, 128)[0]
    if block_size not in {512, 1024, 2048}:
        raise SourceError("the volume descriptor is damaged", why=f"blocks of {block_size} bytes")
    block, size = struct.unpack_from("<I4xI", found, 158)
    return IsoVolume(
        label=found[40:72].decode("latin-1").rstrip(" \0"),
        block_size=block_size,
        blocks=struct.unpack_from("<I", found, 80)[0],
        root=IsoRecord("", at + 156, block, size, _DIRECTORY, is_self=False),
    )


def _folder(image: Readable, volume: IsoVolume, folder: IsoRecord, notes: list[str]) -> Iterator[IsoRecord]:
    start = folder.block * volume.block_size
    if folder.size > _MAX_FOLDER_BYTES or not holds(image, [(start, folder.size)]):
        notes.append(f"folder {folder.path!a} lies outside the image or is too large and was not entered")
        return
    found = image.read(start, folder.size)
    prefix = f"{folder.path}/" if folder.path else ""
    at = 0
    while at < len(found):
        length = found[at]
        if not length:  # a record does not cross a sector: the rest of this one is empty
            at += SECTOR - at % SECTOR
            continue
        name_size = found[at + 32] if at + 33 <= len(found) else 255
        if length < 33 + name_size or at + length > len(found):
            notes.append(f"folder {folder.path!a} is damaged at byte {at}; its other files were not read")
            return
        block, size = struct.unpack_from("<I4xI", found, at + 2)
        name = found[at + 33 : at + 33 + name_size]
        is_self = name in {b"\0", b"\1"}
        block += found[at + 1]  # the extended attribute record comes before the data
        yield IsoRecord(prefix + _name(name), start + at, block, size, found[at + 25], is_self)
        at += length


def _name(stored: bytes) -> str:
    text = stored.decode("utf-8", "surrogateescape").replace("/", "\\")
    return text.removesuffix(";1").removesuffix(".")
