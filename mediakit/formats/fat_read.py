"""Reading FAT12, FAT16 and FAT32: sticks, cards and MOD, as images or devices, with or without partitions.

Names are the short ones, which File IDs are; long names are told beside them. Never trusts a length, never
walks a cluster twice, never leaves the image. Source: PS3.12 Annexes A, R; Microsoft FAT specification 1.03.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from mediakit.errors import SourceError
from mediakit.formats.base import Node, NodeKind, TreeFacts
from mediakit.formats.fat_chains import Chain, Chains
from mediakit.formats.fat_names import FatEntry, Margin, begins_like_a_folder, entries
from mediakit.formats.fat_volume import Boot, Place, locate
from mediakit.formats.readable import Image, holds, stream_of
from mediakit.volume import MAX_EXAMPLES, Damage, FatVolume

_MAX_FOLDER_BYTES = 65_536 * 32  # the most that a FAT folder may hold
_MAX_DEPTH = 64
_MAX_LONG_PATH = 4096  # characters; longer ones are not told


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder still to be read. `shown` is its path in long names."""

    path: str
    shown: str
    depth: int
    entry: FatEntry | None  # None for the root


@dataclass(frozen=True, slots=True)
class _File:
    """A file that was found in a folder; its number owns clusters."""

    path: str
    shown: str
    number: int
    entry: FatEntry
    is_second: bool = False  # the second copy of the table leads to it

    def node(self, why: str = "") -> Node:
        """Return it as a name of the tree."""
        also = (self.shown,) if self.shown and self.shown != self.path else ()
        return Node(self.path, self.entry.size, NodeKind.UNREADABLE if why else NodeKind.FILE, why, also)


@dataclass(slots=True)
class _Found:
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


class FatTree:
    """A FAT volume as a `Tree`: `path` of a node has short names, `also` the long ones."""

    def __init__(self, path: Path) -> None:
        """Open the image or device and read its folders. Raises SourceError."""
        self._image = Image(path)
        try:
            place = locate(self._image, str(path))
            self._boot = place.boot
            self._chains = Chains(self._image, place.boot)
            self._files: dict[str, tuple[Node, _File]] = {}
            self._index(place)
        except BaseException:
            self._image.close()
            raise

    def walk(self) -> Iterator[Node]:
        """Yield the files in the order of their first clusters, then what cannot be read."""
        return iter(self._nodes)

    def folders(self) -> Iterator[str]:
        """Yield every folder below the root."""
        return iter(self._folders)

    def open(self, node: Node) -> BinaryIO:
        """Open a file of the volume. Raises SourceError."""
        known = self._files.get(node.path)
        if known is None or node.kind is not NodeKind.FILE:
            raise SourceError("no such file on the medium", where=ascii(node.path))
        entry = known[1].entry
        runs = self._chains.runs(entry.cluster, self._clusters(entry.size), is_second=known[1].is_second)
        return stream_of(self._image, self._chains.extents(runs, entry.size))

    def find(self, path: str) -> Node | None:
        """Return the file of exactly this short path, or None."""
        known = self._files.get(path)
        return None if known is None else known[0]

    def close(self) -> None:
        """Close the image."""
        self._image.close()

    def _index(self, place: Place) -> None:
        reader = _Reader(self._image, place.boot, self._chains)
        found = reader.read()
        whole, faults = self._claim(found)
        broken = [one.node(faults[one.number]) for one in found.files if one.number in faults]
        self._nodes = (*whole, *broken, *found.broken)
        self._folders = tuple(found.folders)
        if seconds := sum(known[1].is_second for known in self._files.values()):
            found.damage.append(
                Damage(
                    "",
                    f"the first allocation table is damaged; files read by the second: {seconds}",
                    is_made_good=True,
                )
            )
        label = reader.label or place.boot.label
        self.facts = TreeFacts(
            format="fat",
            label=label,
            size_bytes=self._image.size,
            damage=(*place.damage, *found.damage),
            volume=_volume(place, found, label, is_truncated=place.boot.end_at > self._image.size),
        )

    def _claim(self, found: _Found) -> tuple[list[Node], dict[int, str]]:
        """Give every file its clusters. Return the sound ones in physical order, and the faults of others."""
        faults: dict[int, str] = {}
        starts: list[tuple[int, _File]] = []
        for one in found.files:
            chain = self._chain(one)
            if chain.other:
                faults.setdefault(chain.other, "its chain of clusters shares clusters with another file")
            extents = self._chains.extents(chain.runs, one.entry.size)
            if chain.fault or not holds(self._image, extents):
                faults.setdefault(one.number, chain.fault or "it lies outside the image")
            else:
                known = _File(one.path, one.shown, one.number, one.entry, True) if chain.is_second else one
                starts.append((extents[0][0] if extents else 0, known))
        starts.sort(key=lambda start: start[0])
        nodes = []
        for _, one in starts:
            if one.number not in faults:
                node = one.node()
                self._files[one.path] = node, one
                nodes.append(node)
        return nodes, faults

    def _chain(self, one: _File) -> Chain:
        if not one.entry.size:
            return Chain()
        count = self._clusters(one.entry.size)
        if count > self._boot.clusters:
            return Chain(fault="it says that it is larger than the volume")
        return self._chains.claim(one.entry.cluster, count, one.number)

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
        seen: set[str] = set()
        for entry in entries(held, self._margin, is_wide=self._boot.bits == 32):
            path = prefix + entry.name
            shown = shown_prefix + entry.shown
            if len(shown) > _MAX_LONG_PATH:
                shown = path
            self._numbers += 1
            self._found.remember(path, entry)
            if entry.name in seen:
                why = "a second file of this name"
                self._found.broken.append(Node(path, entry.size, NodeKind.UNREADABLE, why))
            elif entry.is_folder:
                self._found.folders.append(path)
                self._found.depth = max(self._found.depth, folder.depth + 2)
                yield _Folder(path, shown, folder.depth + 1, entry)
            else:
                self._found.files.append(_File(path, shown, self._numbers, entry))
            seen.add(entry.name)

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
