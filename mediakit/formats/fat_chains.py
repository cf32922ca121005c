"""The chains of clusters in which the files and folders of a FAT volume lie, followed with suspicion.

Every cluster is walked once for the whole volume, so that rings, shared tails and claims larger than the
medium cost no more than a sound volume does. Tables are read in pages, only where a chain leads.
Source: Microsoft FAT specification 1.03, sections 3 and 4.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator

from msgspec import Struct

from mediakit.errors import SourceError
from mediakit.formats.fat_volume import Boot
from mediakit.formats.readable import Extent, Readable

_PAGE = 16 * 1024  # entries
_MAX_PAGES = 1024  # kept of one table: 64 MiB
_MAX_RUNS = 256 * 1024  # of one file
_UNREADABLE = 1  # no entry may say 1; it stands here for what cannot be read


class Run(Struct, frozen=True):
    """Clusters that follow one another: the first, and how many they are."""

    first: int
    count: int


class Chain(Struct, frozen=True):
    """Where a file lies. `runs` go as far as the chain could be followed, `fault` says why no further.

    `other` is the owner of a cluster that the chain wants as well, or 0. `is_second` tells that the second
    copy of the table had to be used.
    """

    runs: tuple[Run, ...] = ()
    fault: str = ""
    other: int = 0
    is_second: bool = False


class Chains:
    """All chains of a volume. GuardedIdentities are numbers from 1 on, one for each file and folder."""

    def __init__(self, image: Readable, boot: Boot) -> None:
        self._boot = boot
        order = sorted(range(boot.tables), key=lambda copy: copy != boot.first_table)
        self._tables = tuple(Table(image, boot, copy) for copy in order)
        self._walked = tuple(_Owners() for _ in order)

    def claim(self, first: int, count: int, owner: int, *, to_end: bool = False) -> Chain:
        """Follow a chain for `count` clusters and remember whose they are.

        With `to_end` the chain may be shorter, but has to end. A chain with a fault is tried once more in
        the second copy of the table.
        """
        chain = self._follow(0, first, count, owner, to_end)
        if chain.fault and len(self._tables) > 1:
            again = self._follow(1, first, count, owner, to_end)
            if not again.fault and self._walked[0].take_all(again.runs, owner):
                return Chain(again.runs, is_second=True)
        return chain

    def runs(self, first: int, count: int, *, is_second: bool = False) -> Iterator[Run]:
        """Yield the runs of a chain that was claimed before without a fault."""
        table = self._tables[-1 if is_second else 0]
        while count:
            if not 2 <= first < self._boot.clusters + 2:
                raise SourceError("the medium changed while it was read")
            length, after = table.run(first, count)
            yield Run(first, length)
            first, count = after, count - length

    def extents(self, runs: Iterator[Run] | tuple[Run, ...], size: int) -> tuple[Extent, ...]:
        """Return where `size` bytes lie in the image; runs that touch are joined."""
        found: list[Extent] = []
        for run in runs:
            start = self._boot.data_at + (run.first - 2) * self._boot.cluster_bytes
            length = min(size, run.count * self._boot.cluster_bytes)
            size -= length
            if found and sum(found[-1]) == start:
                start, length = found[-1][0], found.pop()[1] + length
            found.append((start, length))
        return tuple(found)

    def _follow(self, copy: int, first: int, count: int, owner: int, to_end: bool) -> Chain:
        table, walked = self._tables[copy], self._walked[copy]
        runs: list[Run] = []
        at, left, fault = first, count, ""
        if not self._boot.clusters > first - 2 >= 0:
            return Chain(fault=f"its first cluster {first} is not one of the volume")
        while left and not fault:
            room = walked.room(at, left)
            if not room:
                return _shared(tuple(runs), walked.owner(at), owner)
            length, after = table.run(at, room)
            walked.take(Run(at, length), owner)
            runs.append(Run(at, length))
            left -= length
            fault = self._fault(after, left, to_end)
            if self._is_end(after):
                break
            at = after
            if len(runs) >= _MAX_RUNS:
                fault = "it lies in too many pieces"
        return Chain(tuple(runs), fault)

    def _fault(self, after: int, left: int, to_end: bool) -> str:
        """Return what is wrong with the step to `after` when `left` clusters are still wanted."""
        if self._is_end(after):
            return f"its chain of clusters ends {left} too early" if left and not to_end else ""
        if after == 0:
            return "its chain of clusters leads to a free one"
        if after == _UNREADABLE:
            return "the allocation table cannot be read there"
        if after == self._tables[0].end - 1:
            return "its chain of clusters leads to a bad one"
        if after - 2 >= self._boot.clusters:
            return f"its chain of clusters leads out of the volume, to {after}"
        return "its chain of clusters is longer than a folder may be" if to_end and not left else ""

    def _is_end(self, after: int) -> bool:
        return after >= self._tables[0].end


class Table:
    """One copy of the file allocation table. `end` is the lowest value that ends a chain."""

    def __init__(self, image: Readable, boot: Boot, copy: int) -> None:
        self._image = image
        self._bits = boot.bits
        self._at = boot.tables_at + copy * boot.table_bytes
        self._entries = boot.clusters + 2
        self._pages: dict[int, array[int]] = {}
        self.end = (0x0FFFFFF8, 0xFFF8, 0xFF8)[(32, 16, 12).index(boot.bits)]

    def run(self, at: int, most: int) -> tuple[int, int]:
        """Return how many clusters from `at` on follow one another, up to `most`, and what comes then."""
        number, start = divmod(at, _PAGE)
        page = self._pages.get(number) or self._load(number)
        stop = min(start + most, len(page))
        place = start
        expected = at + 1
        for place in range(start, stop):
            if page[place] != expected:
                break
            expected += 1
        return place - start + 1, page[place]

    def _load(self, number: int) -> array[int]:
        if len(self._pages) >= _MAX_PAGES:
            self._pages.clear()
        first = number * _PAGE
        count = min(_PAGE, self._entries - first)
        try:
            raw = self._image.read(self._at + first * self._bits // 8, -(-count * self._bits // 8))
        except SourceError:  # a bad sector: the other copy may serve
            raw = b""
        page = _unpacked(raw, self._bits)
        page = page[:count]
        page.extend([_UNREADABLE] * (count - len(page)))
        self._pages[number] = page
        return page


class _Owners:
    """Whose each cluster is, kept only for the pages that chains lead to."""

    def __init__(self) -> None:
        self._marks: dict[int, bytearray] = {}  # 1 for each cluster that has an owner: quick to search
        self._owners: dict[int, array[int]] = {}

    def owner(self, at: int) -> int:
        """Return the owner of a cluster, or 0."""
        number, place = divmod(at, _PAGE)
        return self._owners[number][place] if number in self._owners else 0

    def room(self, at: int, most: int) -> int:
        """Return how many clusters from `at` on have no owner, `most` and a page at the most."""
        number, start = divmod(at, _PAGE)
        stop = min(start + most, _PAGE)
        marks = self._marks.get(number)
        taken = -1 if marks is None else marks.find(1, start, stop)
        return (stop if taken < 0 else taken) - start

    def take(self, run: Run, owner: int) -> None:
        """Note the owner of clusters that lie in one page."""
        number, start = divmod(run.first, _PAGE)
        if number not in self._marks:
            self._marks[number] = bytearray(_PAGE)
            self._owners[number] = array("I", bytes(4 * _PAGE))
        self._marks[number][start : start + run.count] = b"\1" * run.count
        self._owners[number][start : start + run.count] = array("I", [owner]) * run.count

    def take_all(self, runs: tuple[Run, ...], owner: int) -> bool:
        """Note the owner of all these clusters unless one is another's; return whether it was done."""
        for run in runs:
            if self.room(run.first, run.count) < run.count and any(
                self.owner(at) not in {0, owner} for at in range(run.first, run.first + run.count)
            ):
                return False
        for run in runs:
            self.take(run, owner)
        return True


def _shared(runs: tuple[Run, ...], other: int, owner: int) -> Chain:
    if other == owner:
        return Chain(runs, "its chain of clusters leads in a ring")
    return Chain(runs, "its chain of clusters shares clusters with another file", other)


def _unpacked(raw: bytes, bits: int) -> array[int]:
    if bits == 12:
        page = array("I")
        for at in range(0, len(raw) - 2, 3):
            three = raw[at] | raw[at + 1] << 8 | raw[at + 2] << 16
            page.extend((three & 0xFFF, three >> 12))
        if len(raw) % 3 == 2:
            page.append((raw[-2] | raw[-1] << 8) & 0xFFF)
        return page
    page = array("H" if bits == 16 else "I")
    page.frombytes(raw[: len(raw) // page.itemsize * page.itemsize])
    if sys.byteorder == "big":
        page.byteswap()
    if bits == 16:
        return array("I", page)
    return array("I", [entry & 0x0FFFFFFF for entry in page]) if max(page, default=0) > 0x0FFFFFFF else page
