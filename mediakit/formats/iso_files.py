"""The files of an ISO 9660 volume under all their names: one file, whatever each tree calls it.

What lies at the same place is the same file. Where several lie there, and for empty files, which lie nowhere,
names decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from msgspec import Struct

from mediakit.formats.base import NO_OTHER_NAMES, Node, OtherNames
from mediakit.formats.iso_records import MULTI_EXTENT, Descriptor, IsoRecord
from mediakit.formats.readable import Extent, Readable, holds
from mediakit.formats.united import MAX_ALSO, StoredFile
from mediakit.volume import MAX_EXAMPLES

_NOWHERE: Extent = (-1, 0)  # where empty files lie


class IsoFile(Struct, gc=False):
    """A file and where it lies. `folder` is the block of its folder, `name` its name by Rock Ridge.

    `rock_ridge` and `joliet` are its paths in these trees, `more` further ones in that of Joliet.
    """

    path: str
    extents: tuple[Extent, ...]
    folder: int
    name: str
    rock_ridge: str = ""
    joliet: str = ""
    more: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Return True when it has no bytes, so that it lies nowhere."""
        return not self.extents[0][1]

    @property
    def also(self) -> tuple[str, ...]:
        """Return its other names, each once."""
        names = dict.fromkeys((self.rock_ridge, self.joliet, *self.more))
        return tuple(name for name in names if name not in {"", self.path})[:MAX_ALSO]

    def stored(self) -> StoredFile:
        """Return it as a file of the volume."""
        begins = next((start for start, size in self.extents if size), -1)
        size = sum(size for _, size in self.extents)
        has_others = self.rock_ridge or self.joliet
        other = OtherNames(self.rock_ridge, self.joliet) if has_others else NO_OTHER_NAMES
        return StoredFile(Node(self.path, size, also=self.also, other=other), begins, self.extents)


class Joliet(NamedTuple):
    """What the tree of Joliet adds: `more` files, and examples of paths that one tree alone has.

    `without` are in the primary tree, `alone` in that of Joliet.
    """

    more: Sequence[IsoFile]
    without: Sequence[str]
    alone: Sequence[str]


def files_of(
    records: Iterable[IsoRecord], volume: Descriptor
) -> Iterator[tuple[IsoRecord, tuple[Extent, ...]]]:
    """Yield the last record of each file of a volume, and where its bytes lie."""
    pending: list[Extent] = []
    for record in records:
        if record.is_self or record.is_directory:
            continue
        pending.append(((record.block - volume.first_block) * volume.block_size, record.size))
        if not record.flags & MULTI_EXTENT:
            yield record, tuple(pending)
            pending = []


def join_joliet(
    found: Iterable[tuple[IsoRecord, tuple[Extent, ...]]], files: Sequence[IsoFile], image: Readable
) -> Joliet:
    """Give the files of the primary tree their names by Joliet, and return what else its tree holds."""
    known = _Places(files)
    more: list[IsoFile] = []
    alone: list[str] = []
    empty = 0
    for record, extents in found:
        file = known.file_at(extents[0], record.path)
        if file is not None and not file.joliet:
            file.joliet = record.path
        elif file is not None:
            file.more = (*file.more, record.path)[:MAX_ALSO]
        elif not extents[0][1]:
            empty += 1
        elif holds(image, extents):
            alone.append(record.path)
            if record.path not in known.paths:
                more.append(IsoFile(record.path, extents, record.folder, "", joliet=record.path))
    without = [file for file in files if not file.joliet]
    if empty >= sum(file.is_empty for file in without):  # they have names of Joliet alone
        without = [file for file in without if not file.is_empty]
    return Joliet(more, [file.path for file in without[:MAX_EXAMPLES]], alone[:MAX_EXAMPLES])


def crossed(files: Sequence[IsoFile]) -> list[str]:
    """Return examples of files that another tree calls by the name of another file of the primary tree."""
    by_path = {file.path: file for file in files}
    return [
        file.path
        for file in files
        if any(by_path.get(name, file).extents != file.extents for name in (file.rock_ridge, file.joliet))
    ][:MAX_EXAMPLES]


class _Places:
    """The files of the primary tree by where they lie; those that lie in one place, or nowhere, by name."""

    def __init__(self, files: Sequence[IsoFile]) -> None:
        self.paths = {file.path for file in files}
        self._at: dict[Extent, list[IsoFile]] = {}
        self._named: dict[tuple[Extent, str], IsoFile] = {}
        for file in files:
            self._at.setdefault(_NOWHERE if file.is_empty else file.extents[0], []).append(file)
        for place, there in self._at.items():
            if len(there) > 1 or place == _NOWHERE:
                for file in there:
                    self._named.setdefault((place, file.path), file)
                    self._named.setdefault((place, file.rock_ridge), file)

    def file_at(self, place: Extent, path: str) -> IsoFile | None:
        """Return the file at a place that a path means, or any file there; None when there is none."""
        if not place[1]:
            return self._named.get((_NOWHERE, path))
        there = self._at.get(place)
        return None if there is None else self._named.get((place, path), there[0])
