"""Reading ISO 9660 images: our own bounded reader, so that a written image is not judged by its writer.

It reads what drives still read (damaged, truncated, foreign) and says what is odd about it. The names of
ECMA-119 are the paths, since PS3.12 F.2 speaks of them; those of Joliet and Rock Ridge are kept beside them.
Of several sessions the last one counts (PS3.12 F.2).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from msgspec import structs

from mediakit.errors import SourceError
from mediakit.formats.base import Node, NodeKind
from mediakit.formats.fat_read import partitions_beside
from mediakit.formats.iso_files import IsoFile, crossed, files_of, join_joliet
from mediakit.formats.iso_names import RockRidge, RockRidgeReader, rock_ridge
from mediakit.formats.iso_records import (
    ASSOCIATED,
    HIDDEN,
    MULTI_EXTENT,
    PROTECTED,
    RECORD_FORMAT,
    SECTOR,
    Descriptor,
    IsoRecord,
    Session,
    all_sessions,
    moved,
    read_session,
    records,
)
from mediakit.formats.readable import Extent, Gaps, Image, holds
from mediakit.formats.udf_read import udf_beside
from mediakit.formats.udf_volume import UNRECOGNISED, has_anchor, revision_beside
from mediakit.formats.united import Listing, UnitedTree
from mediakit.volume import CUT_OFF, MAX_EXAMPLES, Damage, IsoVolume

_LEVEL_1 = re.compile(rb"[A-Z0-9_]{0,8}(?:\.[A-Z0-9_]{0,3})?(?:;1)?")
_USUAL = re.compile(rb"[A-Z0-9_]{1,8}\.[A-Z0-9_]{0,3};1")  # of Level 1, with its dot and its version
_LEVEL_1_FOLDER = re.compile(rb"[A-Z0-9_]{1,8}")
_LEVEL_2 = re.compile(rb"[A-Z0-9_]{0,30}(?:\.[A-Z0-9_]{0,30})?(?:;[0-9]{1,5})?")
_LEVEL_2_FOLDER = re.compile(rb"[A-Z0-9_]{1,31}")
_MOST_CHARACTERS = 31  # of name and extension, the dot aside 30
_MOST_LEVELS = 8
_MOST_WAY = 256  # folders above a file by Rock Ridge


class IsoTree(UnitedTree):
    """An ISO 9660 image as a `Tree`. Names lose their version and a dot at the end, and nothing else.

    UDF beside it, sessions that the last one did not take over, and FAT partitions are read as well.
    """

    def __init__(self, path: Path, gaps: Gaps | None = None) -> None:
        """Open the image and read its folders. Raises SourceError."""
        super().__init__(path, lambda image: _listings(image, str(path)), gaps)


def _listings(image: Image, where: str) -> list[Listing]:
    """Return what the volumes of an image hold, that of the last session first."""
    first = read_session(image, 0)
    if first is None:
        raise SourceError("is not an ISO 9660 image", where=where)
    damage: list[Damage] = []
    sessions = all_sessions(image, first, damage, image.tracks())
    last = moved(image, sessions[-1])
    if not last.has_udf and has_anchor(image):
        damage.append(UNRECOGNISED)
        last = replace(last, has_udf=True)
    index = _Index(image, last, image.size)
    volume = structs.replace(index.volume(last), sessions=len(sessions))
    beside = udf_beside(image, damage) if last.has_udf else []
    listings = [index.listing(last, volume), *beside]
    listings.extend(_earlier(image, sessions, listings, damage))
    listings.extend(partitions_beside(image, listings, damage))
    return [structs.replace(listings[0], damage=(*damage, *listings[0].damage)), *listings[1:]]


def _earlier(
    image: Image, sessions: Sequence[Session], known: Sequence[Listing], damage: list[Damage]
) -> Iterator[Listing]:
    """Yield the earlier sessions, the latest first, that no later one has taken over.

    A session that continues another one names the files of that one where they lie, and leaves out what was
    replaced or deleted: then it alone counts. One that names none of them stands beside the other.
    """
    if len(sessions) < 2:
        return
    places = {file.begins for one in known for file in one.files}
    for session in reversed(sessions[:-1]):
        primary = session.primary
        own_bytes = primary.blocks * primary.block_size - session.begins * SECTOR
        try:
            index = _Index(image, session, own_bytes)
        except SourceError as exc:
            damage.append(Damage("", f"the session at sector {session.begins} was not read: {exc}"))
            continue
        listing = index.listing(session, index.volume(session))
        begins = {file.begins for file in listing.files if file.begins >= 0}
        if not begins & places:
            yield listing
        places |= begins


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
    not_in_rock_ridge: list[str] = field(default_factory=list)
    not_in_joliet: list[str] = field(default_factory=list)
    only_in_joliet: list[str] = field(default_factory=list)
    crossed: list[str] = field(default_factory=list)
    level: int = 1
    depth: int = 1

    def note(self, record: IsoRecord) -> None:
        """Take a record into account."""
        name, path = record.name, record.path
        if self.level and not record.flags and not record.attributes and _USUAL.fullmatch(name):
            return
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
    """All that stands in the folders of a session, which have `most_bytes` together."""

    def __init__(self, image: Image, session: Session, most_bytes: int) -> None:
        self._damage: list[Damage] = []
        self._files: list[IsoFile] = []
        self._folders: list[str] = []
        self._others: list[Node] = []
        self._image = image
        self._most_bytes = most_bytes
        self._examples = _Examples()
        self._tree: dict[int, _Folder] = {session.primary.root.block: _Folder(-1, "", "")}
        self._reader: RockRidgeReader | None = None
        self._moved: list[tuple[str, int]] = []  # what stands for a folder that lies elsewhere
        self._entered: set[int] = set()
        self._read_primary(session.primary)
        if self._reader is not None:
            self._add_rock_ridge_names()
        if session.joliet is not None:
            self._read_joliet(session.joliet)
        self._examples.crossed.extend(crossed(self._files))

    def listing(self, session: Session, volume: IsoVolume) -> Listing:
        """Return what the session holds."""
        cut_off = (Damage("", CUT_OFF),) if volume.is_truncated else ()
        return Listing(
            format="iso9660",
            label=session.primary.label,
            volume=volume,
            files=[file.stored() for file in self._files],
            others=self._others,
            folders=self._folders,
            damage=(*cut_off, *session.damage, *self._damage),
        )

    def volume(self, session: Session) -> IsoVolume:
        """Return what is to be said of the volume."""
        found, primary = self._examples, session.primary
        level = found.level if found.depth <= _MOST_LEVELS and not primary.is_joliet else 0
        if level and any(len(file.extents) > 1 for file in self._files):
            level = 3
        return IsoVolume(
            volume_id=primary.label,
            created=primary.created,
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
            not_in_rock_ridge=tuple(found.not_in_rock_ridge),
            not_in_joliet=tuple(found.not_in_joliet),
            only_in_joliet=tuple(found.only_in_joliet),
            crossed=tuple(found.crossed),
        )

    # -- the names of ECMA-119

    def _read_primary(self, volume: Descriptor) -> None:
        pending: list[Extent] = []
        for record in records(self._image, volume, self._damage, self._most_bytes):
            if record.is_self:
                if self._reader is None and record.name == b"\0" and record.folder == volume.root.block:
                    self._reader = rock_ridge(self._image, volume, record, self._damage)
                continue
            said = None if self._reader is None else self._reader.read(record)
            self._examples.note(record)
            if record.is_directory:
                self._note_folder(record, said)
                continue
            if said is not None and said.relocated is not None:
                self._moved.append((record.path, said.relocated))
                self._tree[said.relocated] = _Folder(
                    record.folder, record.path, said.name or _last(record.path)
                )
                continue
            start = (record.block - volume.first_block) * volume.block_size
            pending.append((start, record.size))
            if not record.flags & MULTI_EXTENT:
                self._settle(record, tuple(pending), said)
                pending = []

    def _note_folder(self, record: IsoRecord, said: RockRidge | None) -> None:
        self._folders.append(record.path)
        self._entered.add(record.block)
        if said is not None and not said.is_moved_away:
            name = said.name or _last(record.path)
            self._tree.setdefault(record.block, _Folder(record.folder, record.path, name))

    def _settle(self, record: IsoRecord, extents: tuple[Extent, ...], said: RockRidge | None) -> None:
        path, size = record.path, record.size if len(extents) == 1 else sum(size for _, size in extents)
        if said is not None and said.is_link:
            self._others.append(Node(path, 0, NodeKind.LINK))
            return
        why = ""
        if record.flags & ASSOCIATED:
            why = "it is an associated file: only what belongs to another file"
        elif record.gap:
            why = "it is interleaved"
        elif not holds(self._image, [extent for extent in extents if extent[1]]):
            why = "it lies outside the image"
        if why:
            self._others.append(Node(path, size, NodeKind.UNREADABLE, why))
        else:
            name = "" if said is None else said.name or _last(path)
            self._files.append(IsoFile(path, extents, record.folder, name))

    # -- other names

    def _read_joliet(self, volume: Descriptor) -> None:
        found = records(self._image, volume, self._damage, self._most_bytes)
        joliet = join_joliet(files_of(found, volume), self._files, self._image)
        self._files.extend(joliet.more)
        self._examples.not_in_joliet.extend(joliet.without)
        self._examples.only_in_joliet.extend(joliet.alone)

    def _add_rock_ridge_names(self) -> None:
        folders: dict[int, str | None] = {}
        for file in self._files:
            above = self._folder_name(file.folder, folders)
            if above is None:
                _add(self._examples.not_in_rock_ridge, file.path)
                continue
            file.rock_ridge = f"{above}/{file.name}" if above else file.name
        for path, block in self._moved:
            if block not in self._entered:
                what = "Rock Ridge says that this folder lies elsewhere, and it is not there"
                self._damage.append(Damage(path, what))

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
                above = joined if above is not None else None
            known[one] = above
        return known.get(block)


def _level(name: bytes, one: re.Pattern[bytes], two: re.Pattern[bytes]) -> int:
    if one.fullmatch(name):
        return 1
    plain = name.partition(b";")[0].replace(b".", b"", 1)
    return 2 if two.fullmatch(name) and len(plain) <= _MOST_CHARACTERS else 0


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def _add(examples: list[str], path: str) -> None:
    if len(examples) < MAX_EXAMPLES:
        examples.append(path)
