"""Reading UDF images: our own bounded reader, so that a written image is not judged by its writer.

Reads revisions 1.02 to 2.60, mastered or written in packets. Never trusts a length, never enters a folder
twice, never leaves the image. Here are the folders and files; the volume is in `udf_volume`, partitions in
`udf_partitions`, file entries in `udf_entries`. Source: ECMA-167; OSTA UDF 2.60.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct, field
from msgspec.structs import replace

from mediakit.errors import SourceError
from mediakit.formats.base import Node, NodeKind
from mediakit.formats.fat_read import partitions_beside
from mediakit.formats.readable import Gaps, Image
from mediakit.formats.udf_entries import Blocks
from mediakit.formats.udf_partitions import METADATA, SPARABLE, VIRTUAL, map_partitions
from mediakit.formats.udf_tags import (
    DIRECTORY,
    IS_DELETED,
    IS_HIDDEN,
    IS_PARENT,
    LINK,
    Damaged,
    Tag,
    decode_name,
    tag_of,
)
from mediakit.formats.udf_volume import UNRECOGNISED, Descriptors, read_descriptors, revision_in
from mediakit.formats.united import Listing, StoredFile, UnitedTree
from mediakit.volume import CUT_OFF, MAX_EXAMPLES, Damage, UdfVolume

_MAX_FOLDER_BYTES = 64 * 1024 * 1024
_MAX_DEPTH = 64
_PLAIN_FILES = frozenset({0, 5})
_UDF = frozenset({b"NSR02", b"NSR03"})
_FIRST_DESCRIPTORS = (32 * 1024, 64 * 2048)  # where ISO 9660 may say that it is there too, and how far


class UdfTree(UnitedTree):
    """A UDF image as a `Tree`."""

    def __init__(self, path: Path, gaps: Gaps | None = None) -> None:
        """Open the image and read its folders. Raises SourceError."""
        super().__init__(path, lambda image: _listings(image, str(path)), gaps)


def udf_beside(image: Image, damage: list[Damage]) -> list[Listing]:
    """Return what the UDF volume of a bridge holds; nothing, and why in `damage`, when it cannot be read."""
    try:
        return [_read(image).listing(is_bridge=True)]
    except (Damaged, struct.error, SourceError) as exc:
        damage.append(Damage("", f"the UDF volume beside ISO 9660 was not read: {exc}"))
        return []


def _listings(image: Image, where: str) -> list[Listing]:
    try:
        listings = [_read(image).listing()]
    except (Damaged, struct.error) as exc:
        raise SourceError("cannot be read as UDF", where=where, why=str(exc)) from exc
    damage = [] if _is_recognised(image) else [UNRECOGNISED]
    listings.extend(partitions_beside(image, listings, damage))
    return [replace(listings[0], damage=(*listings[0].damage, *damage)), *listings[1:]]


def _is_recognised(image: Image) -> bool:
    """Return True when the recognition sequence names UDF, or cannot be read."""
    try:
        return bool(_UDF & set(_identifiers(image.read(*_FIRST_DESCRIPTORS))))
    except SourceError:
        return True


class _Name(NamedTuple):
    """A name in a folder. `at` is the partition and the block of its file entry."""

    path: str
    at: tuple[int, int]
    is_bad: bool
    is_hidden: bool


class _Index(Struct):
    """All that stands in the folders of a volume."""

    blocks: Blocks
    volume: Descriptors
    kinds: frozenset[bytes]  # of its partitions
    revision: str = ""
    left_bytes: int = 0  # of all folders: more than the image has would overlap
    files: list[StoredFile] = field(default_factory=list)
    others: list[Node] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    damage: list[Damage] = field(default_factory=list)
    odd_types: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)

    def listing(self, *, is_bridge: bool = False) -> Listing:
        """Return what the volume holds."""
        volume = self.facts()
        cut_off = (Damage("", CUT_OFF),) if volume.is_truncated else ()
        return Listing(
            format="udf",
            label=self.volume.label,
            volume=volume,
            files=self.files,
            others=self.others,
            folders=self.folders,
            damage=(*cut_off, *self.damage),
            is_bridge=is_bridge,
        )

    def facts(self) -> UdfVolume:
        """Return what is to be said of the volume."""
        image = self.blocks.image
        return UdfVolume(
            volume_id=self.volume.volume_id,
            revision=self.revision,
            block_size=self.volume.block_size,
            depth=1 + max((path.count("/") + 1 for path in self.folders), default=0),
            interchange_level=self.volume.interchange_level,
            maximum_level=self.volume.maximum_level,
            has_virtual=VIRTUAL in self.kinds,
            has_sparing=SPARABLE in self.kinds,
            has_metadata=METADATA in self.kinds,
            has_iso=b"CD001" in _identifiers(image.read(*_FIRST_DESCRIPTORS)),
            is_truncated=VIRTUAL not in self.kinds and self.volume.is_truncated(image),
            odd_types=tuple(self.odd_types),
            hidden=tuple(self.hidden),
            closed_to_others=tuple(self.closed),
        )

    def read(self, root: tuple[int, int]) -> None:
        """Read the folders from the root on."""
        seen = {root}
        todo = [("", root, 0)]
        while todo:
            folder, at, depth = todo.pop()
            deeper: list[tuple[str, tuple[int, int], int]] = []
            for name in self._names(folder, at):
                if name.is_bad or depth >= _MAX_DEPTH:
                    self.damage.append(Damage(name.path, "it is damaged or too deep and was not entered"))
                elif self._settle(name):
                    if name.at in seen:
                        self.damage.append(
                            Damage(name.path, "the folder leads in a circle and was not entered")
                        )
                        continue
                    seen.add(name.at)
                    deeper.append((name.path, name.at, depth + 1))
            todo.extend(reversed(deeper))

    def _settle(self, name: _Name) -> bool:
        """Note a file; return True for a folder."""
        path = name.path
        try:
            entry = self.blocks.entry(*name.at)
        except (Damaged, struct.error, SourceError) as exc:
            self.others.append(Node(path, 0, NodeKind.UNREADABLE, str(exc)))
            return False
        is_folder = entry.kind == DIRECTORY
        if not entry.is_open_to_all(is_folder=is_folder):
            _add(self.closed, path)
        if is_folder:
            self.folders.append(path)
            return True
        if name.is_hidden:
            _add(self.hidden, path)
        if entry.kind == LINK:
            self.others.append(Node(path, 0, NodeKind.LINK))
        elif entry.kind not in _PLAIN_FILES:
            _add(self.odd_types, path)
            self.others.append(Node(path, 0, NodeKind.SPECIAL))
        else:
            begins = entry.extents[0][0] if entry.size else -1
            self.files.append(StoredFile(Node(path, entry.size), begins, entry.extents))
        return False

    def _names(self, folder: str, at: tuple[int, int]) -> Iterator[_Name]:
        try:
            entry = self.blocks.entry(*at)
            held = self.blocks.content(entry, min(self.left_bytes, _MAX_FOLDER_BYTES))
        except (Damaged, struct.error, SourceError) as exc:
            self.damage.append(Damage(folder, f"the folder was not entered: {exc}"))
            return
        self.left_bytes -= len(held)
        prefix = f"{folder}/" if folder else ""
        start, has_parent = 0, False
        while start + 38 <= len(held):
            kind, name_size = held[start + 18], held[start + 19]
            child_at, child_in = struct.unpack_from("<IH", held, start + 24)
            use_size = struct.unpack_from("<H", held, start + 36)[0]
            size = -(-(38 + use_size + name_size) // 4) * 4
            if tag_of(held[start : start + size]) != Tag.FILE_IDENTIFIER:
                self.damage.append(
                    Damage(folder, f"the folder is damaged at byte {start}; its other files were not read")
                )
                return
            stored = held[start + 38 + use_size : start + 38 + use_size + name_size]
            start += size
            has_parent |= bool(kind & IS_PARENT)
            if not kind & (IS_DELETED | IS_PARENT):
                name = decode_name(stored).replace("/", "\\")
                is_bad = name in {"", ".", ".."}
                yield _Name(prefix + name, (child_in, child_at), is_bad, bool(kind & IS_HIDDEN))
        if not has_parent:
            self.damage.append(Damage(folder, "the folder is damaged: it has no record of its parent"))


def _read(image: Image) -> _Index:
    """Read a volume with all its folders. Raises Damaged or struct.error."""
    volume = read_descriptors(image)
    blocks = Blocks(image, volume.block_size)
    damage: list[Damage] = []
    kinds = map_partitions(blocks, volume, damage)
    file_set_at, file_set_in = struct.unpack_from("<IH", volume.logical, 252)
    file_set = blocks.block(file_set_in, file_set_at)
    if tag_of(file_set) != Tag.FILE_SET:
        raise Damaged("there is no file set")
    revision = volume.revision or revision_in(file_set[416:448])
    index = _Index(blocks, volume, kinds, revision, image.size, damage=damage)
    root_at, root_in = struct.unpack_from("<IH", file_set, 404)
    index.read((root_in, root_at))
    return index


def _identifiers(found: bytes) -> frozenset[bytes]:
    return frozenset(found[at + 1 : at + 6] for at in range(0, len(found), 2048))


def _add(examples: list[str], path: str) -> None:
    if len(examples) < MAX_EXAMPLES:
        examples.append(path)
