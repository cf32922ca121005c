"""Reading ISO 9660 images: our own bounded reader, so that a written image is not judged by its writer.

pycdlib, which writes ours, raises on many images that drives still read (damaged, truncated, foreign), and
gives no word of what is odd about them. The names of ECMA-119 are the paths, since PS3.12 F.2 speaks of
them; those of Joliet and Rock Ridge are kept beside them. Of several sessions the last one counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from mediakit.errors import SourceError
from mediakit.formats.base import Node, NodeKind, TreeFacts
from mediakit.formats.iso_names import RockRidge, RockRidgeReader, rock_ridge
from mediakit.formats.iso_records import (
    ASSOCIATED,
    HIDDEN,
    MULTI_EXTENT,
    PROTECTED,
    RECORD_FORMAT,
    Descriptor,
    IsoRecord,
    Session,
    last_session,
    moved,
    read_session,
    records,
)
from mediakit.formats.readable import Extent, Image, holds, stream_of
from mediakit.formats.udf_volume import revision_beside
from mediakit.volume import MAX_EXAMPLES, Damage, IsoVolume

_LEVEL_1 = re.compile(rb"[A-Z0-9_]{0,8}(?:\.[A-Z0-9_]{0,3})?(?:;1)?")
_LEVEL_1_FOLDER = re.compile(rb"[A-Z0-9_]{1,8}")
_LEVEL_2 = re.compile(rb"[A-Z0-9_]{0,30}(?:\.[A-Z0-9_]{0,30})?(?:;[0-9]{1,5})?")
_LEVEL_2_FOLDER = re.compile(rb"[A-Z0-9_]{1,31}")
_MOST_CHARACTERS = 31  # of name and extension, the dot aside 30
_MOST_LEVELS = 8
_MOST_WAY = 256  # folders above a file by Rock Ridge


class IsoTree:
    """An ISO 9660 image as a `Tree`. Names lose their version and a dot at the end, and nothing else."""

    def __init__(self, path: Path) -> None:
        """Open the image and read its folders. Raises SourceError."""
        self._image = Image(path)
        try:
            first = read_session(self._image, 0)
            if first is None:
                raise SourceError("is not an ISO 9660 image", where=str(path))
            session, count = last_session(self._image, first)
            session = moved(self._image, session)
            index = _Index(self._image, session)
        except BaseException:
            self._image.close()
            raise
        self._extents = index.extents
        self._nodes = {node.path: node for node in index.files}
        self._broken = index.broken
        self._folders = index.folders
        volume = replace(index.volume(session), sessions=count)
        self.facts = TreeFacts(
            format="iso9660",
            label=session.primary.label,
            size_bytes=self._image.size,
            damage=tuple(index.damage),
            volume=volume,
        )

    def walk(self) -> Iterator[Node]:
        """Yield the files in the order of their extents, then links and what cannot be read."""
        yield from self._nodes.values()
        yield from self._broken

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
        return self._nodes.get(path)

    def close(self) -> None:
        """Close the image."""
        self._image.close()


@dataclass(slots=True)
class _Folder:
    """A folder on the way: its name by Rock Ridge, and the block of the folder that it stands in."""

    parent: int
    path: str
    name: str


@dataclass(slots=True)
class _Examples:
    """Paths with something odd about them, the first of each kind, and the lowest level kept to."""

    unversioned: list[str] = field(default_factory=list)
    undotted: list[str] = field(default_factory=list)
    flagged: list[str] = field(default_factory=list)
    attributed: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    level: int = 1
    depth: int = 1

    def note(self, record: IsoRecord) -> None:
        """Take a record into account."""
        name, path = record.name, record.path
        if record.is_directory:
            self.depth = max(self.depth, path.count("/") + 2)
            self._keep_to(_level(name, _LEVEL_1_FOLDER, _LEVEL_2_FOLDER))
            return
        self._keep_to(_level(name, _LEVEL_1, _LEVEL_2))
        if not name.endswith(b";1"):
            _add(self.unversioned, path)
        if b"." not in name:
            _add(self.undotted, path)
        if record.flags & (RECORD_FORMAT | PROTECTED):
            _add(self.flagged, path)
        if record.flags & HIDDEN:
            _add(self.hidden, path)
        if record.attributes:
            _add(self.attributed, path)

    def _keep_to(self, level: int) -> None:
        if self.level and (level == 0 or level > self.level):
            self.level = level


class _Index:
    """All that stands in the folders of a session."""

    def __init__(self, image: Image, session: Session) -> None:
        self.damage: list[Damage] = []
        self.extents: dict[str, tuple[Extent, ...]] = {}
        self.folders: list[str] = []
        self.broken: list[Node] = []
        self._image = image
        self._examples = _Examples()
        self._names: dict[str, tuple[int, str]] = {}  # path: folder, name by Rock Ridge
        self._tree: dict[int, _Folder] = {session.primary.root.block: _Folder(-1, "", "")}
        self._reader: RockRidgeReader | None = None
        self._read_primary(session.primary)
        also: dict[str, tuple[str, ...]] = {}
        if self._reader is not None:
            also = self._rock_ridge_names()
        if session.joliet is not None:
            self._read_joliet(session.joliet, also)
        whole = sorted(self.extents.items(), key=lambda item: item[1][0][0])
        self.files = [
            Node(path, sum(size for _, size in extents), also=also.get(path, ())) for path, extents in whole
        ]

    def volume(self, session: Session) -> IsoVolume:
        """Return what is to be said of the volume."""
        found, primary = self._examples, session.primary
        level = found.level if found.depth <= _MOST_LEVELS and not primary.is_joliet else 0
        if level and any(len(extents) > 1 for extents in self.extents.values()):
            level = 3
        return IsoVolume(
            volume_id=primary.label,
            system_id=primary.system,
            level=level,
            block_size=primary.block_size,
            depth=found.depth,
            has_joliet=session.joliet is not None or primary.is_joliet,
            has_rock_ridge=self._reader is not None,
            has_udf=session.has_udf,
            udf_revision=revision_beside(self._image) if session.has_udf else "",
            is_truncated=(primary.blocks - primary.first_block) * primary.block_size > self._image.size,
            unversioned=tuple(found.unversioned),
            undotted=tuple(found.undotted),
            flagged=tuple(found.flagged),
            attributed=tuple(found.attributed),
            hidden=tuple(found.hidden),
        )

    # -- the names of ECMA-119

    def _read_primary(self, volume: Descriptor) -> None:
        pending: list[Extent] = []
        for record in records(self._image, volume, self.damage):
            if record.is_self:
                if self._reader is None and record.name == b"\0" and record.folder == volume.root.block:
                    self._reader = rock_ridge(self._image, volume, record)
                continue
            said = None if self._reader is None else self._reader.read(record)
            self._examples.note(record)
            if record.is_directory:
                self._note_folder(record, said)
                continue
            if said is not None and said.relocated is not None:
                self._tree[said.relocated] = _Folder(record.folder, record.path, said.name)
                continue
            start = (record.block - volume.first_block) * volume.block_size
            pending.append((start, record.size))
            if not record.flags & MULTI_EXTENT:
                self._settle(record, tuple(pending), said)
                pending = []

    def _note_folder(self, record: IsoRecord, said: RockRidge | None) -> None:
        self.folders.append(record.path)
        if said is not None and not said.is_moved_away:
            self._tree.setdefault(record.block, _Folder(record.folder, record.path, said.name))

    def _settle(self, record: IsoRecord, extents: tuple[Extent, ...], said: RockRidge | None) -> None:
        path, size = record.path, sum(size for _, size in extents)
        if said is not None:
            if said.is_link:
                self.broken.append(Node(path, 0, NodeKind.LINK))
                return
            self._names.setdefault(path, (record.folder, said.name))
        why = ""
        if record.flags & ASSOCIATED:
            why = "it is an associated file: only what belongs to another file"
        elif record.gap:
            why = "it is interleaved"
        elif path in self.extents:
            why = "a second file of this name"
        elif not holds(self._image, [extent for extent in extents if extent[1]]):
            why = "it lies outside the image"
        if why:
            self.broken.append(Node(path, size, NodeKind.UNREADABLE, why))
        else:
            self.extents[path] = extents

    # -- other names

    def _rock_ridge_names(self) -> dict[str, tuple[str, ...]]:
        folders: dict[int, str | None] = {}
        names: dict[str, tuple[str, ...]] = {}
        for path, (folder, name) in self._names.items():
            above = self._folder_name(folder, folders)
            if above is None or not name:
                continue
            other = f"{above}/{name}" if above else name
            if other != path:
                names[path] = (other,)
        return names

    def _folder_name(self, block: int, known: dict[int, str | None]) -> str | None:
        """Return the path of a folder by Rock Ridge; None when a name on the way is not known."""
        way: list[int] = []
        at = block
        while at not in known and at in self._tree and len(way) <= _MOST_WAY:
            known[at] = None  # until it is known: a circle ends here
            way.append(at)
            if self._tree[at].parent == -1:
                break
            at = self._tree[at].parent
        above = "" if way and self._tree[way[-1]].parent == -1 else known.get(at)
        for one in reversed(way):
            folder = self._tree[one]
            if folder.parent != -1:
                joined = f"{above}/{folder.name}" if above else folder.name
                above = joined if above is not None and folder.name else None
            known[one] = above
        return known.get(block)

    def _read_joliet(self, volume: Descriptor, also: dict[str, tuple[str, ...]]) -> None:
        """Find the Joliet name of every file by where its bytes lie; add files that only Joliet has."""
        by_start = {extents[0]: path for path, extents in self.extents.items() if extents[0][1]}
        pending: list[Extent] = []
        for record in records(self._image, volume, []):
            if record.is_self or record.is_directory:
                continue
            pending.append(((record.block - volume.first_block) * volume.block_size, record.size))
            if record.flags & MULTI_EXTENT:
                continue
            extents, pending = tuple(pending), []
            if not extents[0][1]:
                continue  # an empty file lies nowhere
            path = by_start.get(extents[0])
            if path is None:
                if record.path not in self.extents and holds(self._image, extents):
                    self.extents[record.path] = extents
            elif record.path != path and record.path not in also.get(path, ()):
                also[path] = (*also.get(path, ()), record.path)


def _level(name: bytes, one: re.Pattern[bytes], two: re.Pattern[bytes]) -> int:
    if one.fullmatch(name):
        return 1
    plain = name.partition(b";")[0].replace(b".", b"", 1)
    return 2 if two.fullmatch(name) and len(plain) <= _MOST_CHARACTERS else 0


def _add(examples: list[str], path: str) -> None:
    if len(examples) < MAX_EXAMPLES:
        examples.append(path)
