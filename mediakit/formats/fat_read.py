"""Reading FAT12, FAT16 and FAT32: sticks, cards and MOD, as images or devices, with or without partitions.

Names are the short ones, which File IDs are; long names are told beside them. Never trusts a length, never
walks a cluster twice, never leaves the image. Source: PS3.12 Annexes A, R; Microsoft FAT specification 1.03.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from mediakit.errors import SourceError
from mediakit.formats.base import Node, NodeKind
from mediakit.formats.fat_chains import Chain, Chains
from mediakit.formats.fat_names import FatEntry, Margin, begins_like_a_folder, entries
from mediakit.formats.fat_volume import Boot, Place, fat_places, locate, partitions, read_boot
from mediakit.formats.readable import Extent, Gaps, Image, holds
from mediakit.formats.united import Listing, StoredFile, UnitedTree
from mediakit.volume import CUT_OFF, MAX_EXAMPLES, Damage, FatVolume

_MAX_FOLDER_BYTES = 65_536 * 32  # the most that a FAT folder may hold
_MAX_DEPTH = 64
_MAX_LONG_PATH = 4096  # characters; longer ones are not told


class _Folder(Struct, frozen=True):
    """A folder still to be read. `shown` is its path in long names."""

    path: str
    shown: str
    depth: int
    entry: FatEntry | None  # None for the root


class _File(Struct, frozen=True):
    """A file that was found in a folder; its number owns clusters."""

    path: str
    shown: str
    number: int
    entry: FatEntry

    def node(self, why: str = "") -> Node:
        """Return it as a name of the tree."""
        also = (self.shown,) if self.shown and self.shown != self.path else ()
        return Node(self.path, self.entry.size, NodeKind.UNREADABLE if why else NodeKind.FILE, why, also)


class _Found(Struct):
    """What the folders of a volume hold, in the order in which they name it."""

    files: list[_File] = field(default_factory=list)
    broken: list[Node] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    damage: list[Damage] = field(default_factory=list)
    long_names: list[str] = field(default_factory=list)
    lower_case: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    depth: int = 1

    def remember(self, path: str, entry: FatEntry) -> None:
        """Note what is odd with a name, for the first few of each kind."""
        for examples, is_odd in (
            (self.long_names, entry.is_long),
            (self.lower_case, entry.is_lower),
            (self.hidden, entry.is_hidden),
        ):
            if is_odd and len(examples) < MAX_EXAMPLES:
                examples.append(path)


class FatTree(UnitedTree):
    """FAT volumes as a `Tree`: `path` of a node has short names, `also` the long ones."""

    def __init__(self, path: Path, gaps: Gaps | None = None) -> None:
        """Open the image or device and read its folders. Raises SourceError."""
        super().__init__(path, lambda image: _listings(image, str(path)), gaps)


def partitions_beside(image: Image, known: Sequence[Listing], damage: list[Damage]) -> list[Listing]:
    """Return what FAT partitions hold beside the volumes that are known; `damage` names those not read.

    Many images of ISO 9660 have a partition table to start computers from. Its partitions are the volume
    itself, files of it, or for programs that start the computer.
    """
    found = partitions(image)
    if not found:
        return []
    extents = [extent for one in known for file in one.files for extent in file.where()]
    end = max((start + size for start, size in extents), default=0)
    beside = [
        one
        for one in found
        if one.at >= end
        or (
            one.is_data
            and read_boot(image, one.at)
            and not any(at <= one.at < at + size for at, size in extents)
        )
    ]
    return _read_all(image, fat_places(image, beside, damage), damage)[0]


def _listings(image: Image, where: str) -> list[Listing]:
    damage: list[Damage] = []
    listings, fault = _read_all(image, locate(image, where, damage), damage)
    if not listings:
        raise fault or SourceError("is not a FAT volume", where=where)
    return [replace(listings[0], damage=(*damage, *listings[0].damage)), *listings[1:]]


def _read_all(
    image: Image, places: Sequence[Place], damage: list[Damage]
) -> tuple[list[Listing], SourceError | None]:
    """Return what the volumes hold, and why the last of those that cannot be read is so."""
    listings: list[Listing] = []
    fault: SourceError | None = None
    for place in places:
        try:
            listings.append(_Volume(image, place).listing())
        except SourceError as exc:
            fault = exc
            damage.append(Damage("", f"partition {place.partition} cannot be read: {exc}"))
    return listings, fault


class _Volume:
    """One FAT volume of an image, and whose its clusters are."""

    def __init__(self, image: Image, place: Place) -> None:
        self._image = image
        self._place = place
        self._boot = place.boot
        self._chains = Chains(image, place.boot)

    def listing(self) -> Listing:
        """Return what the folders hold. Raises SourceError when there is no root."""
        reader = _Reader(self._image, self._boot, self._chains)
        found = reader.read()
        files, seconds, faults = self._claim(found)
        broken = [one.node(faults[one.number]) for one in found.files if one.number in faults]
        damage = [*self._place.damage, *found.damage]
        if seconds:
            damage.append(
                Damage(
                    "",
                    f"the first allocation table is damaged; files read by the second: {seconds}",
                    is_made_good=True,
                )
            )
        label = reader.label or self._boot.label
        is_truncated = self._boot.end_at > self._image.size
        if is_truncated:
            damage.append(Damage("", CUT_OFF))
        return Listing(
            format="fat",
            label=label,
            volume=_volume(self._place, found, label, is_truncated=is_truncated),
            files=files,
            others=(*broken, *found.broken),
            folders=found.folders,
            damage=damage,
        )

    def _claim(self, found: _Found) -> tuple[list[StoredFile], int, dict[int, str]]:
        """Give every file its clusters.

        Return the sound files, how many of them the second table leads to, and the faults of the others.
        """
        faults: dict[int, str] = {}
        sound: list[tuple[int, _File, bool]] = []
        for one in found.files:
            chain = self._chain(one)
            if chain.other:
                faults.setdefault(chain.other, "its chain of clusters shares clusters with another file")
            extents = self._chains.extents(chain.runs, one.entry.size)
            if chain.fault or not holds(self._image, extents):
                faults.setdefault(one.number, chain.fault or "it lies outside the image")
            else:
                sound.append((extents[0][0] if extents else -1, one, chain.is_second))
        sound = [file for file in sound if file[1].number not in faults]
        files = [
            StoredFile(one.node(), begins, partial(self._extents, one.entry, is_second=is_second))
            for begins, one, is_second in sound
        ]
        return files, sum(is_second for _, _, is_second in sound), faults

    def _chain(self, one: _File) -> Chain:
        if not one.entry.size:
            return Chain()
        count = self._clusters(one.entry.size)
        if count > self._boot.clusters:
            return Chain(fault="it says that it is larger than the volume")
        return self._chains.claim(one.entry.cluster, count, one.number)

    def _extents(self, entry: FatEntry, *, is_second: bool) -> tuple[Extent, ...]:
        runs = self._chains.runs(entry.cluster, self._clusters(entry.size), is_second=is_second)
        return self._chains.extents(runs, entry.size)

    def _clusters(self, size: int) -> int:
        return -(-size // self._boot.cluster_bytes)


class _Reader:
    """Reads the folders of a volume, each once. `label` is that of the root folder when all are read."""

    def __init__(self, image: Image, boot: Boot, chains: Chains) -> None:
        self.label = ""
        self._image = image
        self._boot = boot
        self._chains = chains
        self._found = _Found()
        self._margin = Margin()
        self._numbers = 0

    def read(self) -> _Found:
        """Return what the folders hold. Raises SourceError when there is no root."""
        todo = [_Folder("", "", 0, None)]
        while todo:
            folder = todo.pop()
            held, fault = self._listing(folder)
            if fault and not held and folder.entry is None:
                raise SourceError("the root folder cannot be read", where=str(self._image.path), why=fault)
            if fault:
                self._complain(folder, fault)
            deeper = list(self._names(folder, held))
            todo.extend(reversed(deeper))
            if folder.entry is None:
                self.label = self._margin.label
        if self._margin.damaged:
            self._found.damage.append(
                Damage("", f"{self._margin.damaged} damaged entries of folders were left out")
            )
        return self._found

    def _listing(self, folder: _Folder) -> tuple[bytes, str]:
        """Return the bytes of a folder, as far as they can be had, and what is wrong with it."""
        entry = folder.entry
        if entry is None and not self._boot.root_cluster:
            return self._read([(self._boot.root_at, self._boot.root_bytes)])
        if folder.depth > _MAX_DEPTH:
            return b"", "it lies too deep"
        self._numbers += 1
        first = self._boot.root_cluster if entry is None else entry.cluster
        most = max(1, -(-_MAX_FOLDER_BYTES // self._boot.cluster_bytes))
        chain = self._chains.claim(first, most, self._numbers, to_end=True)
        held, fault = self._read(self._chains.extents(chain.runs, most * self._boot.cluster_bytes))
        if entry is not None and held and not begins_like_a_folder(held):
            return b"", chain.fault or "it does not begin as folders do"
        return held, chain.fault or fault

    def _read(self, extents: Sequence[tuple[int, int]]) -> tuple[bytes, str]:
        parts: list[bytes] = []
        for start, size in extents:
            try:
                parts.append(self._image.read(start, size))
            except SourceError as exc:
                return b"".join(parts), exc.why or exc.what
            if len(parts[-1]) < size:
                return b"".join(parts), "it lies outside the image"
        return b"".join(parts), ""

    def _names(self, folder: _Folder, held: bytes) -> Iterator[_Folder]:
        prefix = f"{folder.path}/" if folder.path else ""
        shown_prefix = f"{folder.shown}/" if folder.shown else ""
        for entry in entries(held, self._margin, is_wide=self._boot.bits == 32):
            path = prefix + entry.name
            shown = shown_prefix + entry.shown
            if len(shown) > _MAX_LONG_PATH:
                shown = path
            self._numbers += 1
            self._found.remember(path, entry)
            if entry.is_folder:
                self._found.folders.append(path)
                self._found.depth = max(self._found.depth, folder.depth + 2)
                yield _Folder(path, shown, folder.depth + 1, entry)
            else:
                self._found.files.append(_File(path, shown, self._numbers, entry))

    def _complain(self, folder: _Folder, fault: str) -> None:
        if folder.entry is None:
            self._found.damage.append(Damage("", f"the root folder could not be read to its end: {fault}"))
        else:
            also = (folder.shown,) if folder.shown != folder.path else ()
            self._found.broken.append(Node(folder.path, 0, NodeKind.UNREADABLE, fault, also))


def _volume(place: Place, found: _Found, label: str, *, is_truncated: bool) -> FatVolume:
    return FatVolume(
        volume_id=label,
        kind=f"FAT{place.boot.bits}",
        sector_bytes=place.boot.sector_bytes,
        sectors_per_cluster=place.boot.sectors_per_cluster,
        depth=found.depth,
        partition=place.partition,
        partition_type=place.partition_type,
        partitions=place.partitions,
        is_truncated=is_truncated,
        long_names=tuple(found.long_names),
        lower_case=tuple(found.lower_case),
        hidden=tuple(found.hidden),
    )
