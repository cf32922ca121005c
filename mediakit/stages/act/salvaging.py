"""Read a damaged medium: what can be read first, then around what cannot, and every sector that fails again.

The image and its map are written as they are read, so that a run can go on after anything, ours or that of
ddrescue. The map never says that bytes were read which are not on the disk yet.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from stat import S_ISBLK
from typing import Protocol

from mediakit.drives.read_back import Uncached
from mediakit.durable import new_file, write_all
from mediakit.events import Advanced, Listener, silence
from mediakit.formats.readable import Extent
from mediakit.formats.rescue_map import BAD, GOOD, UNSCRAPED, UNTRIED, UNTRIMMED, RescueMap

SECTOR = 2048
BLOCK = 32 * SECTOR
_MOST_SKIPPED = 64 * BLOCK
_SAVED_EVERY_S = 5.0
_HARD = frozenset({UNTRIMMED, UNSCRAPED})


class Blocks(Protocol):
    """A medium that is read in blocks. What is not there reads short; what fails raises OSError."""

    size: int

    def read(self, offset: int, size: int) -> bytes:
        """Return the bytes at an offset, read once."""
        ...


class TimeIsUpError(Exception):
    """The time that was given is over."""


@dataclass(slots=True)
class Rescue:
    """The image that is made and its map. `now` and `deadline` are in seconds of a monotonic clock."""

    fd: int
    image: Path
    map_path: Path
    map: RescueMap
    now: Callable[[], float]
    deadline: float | None = None
    tell: Listener = silence
    _saved_at: float = field(init=False, default=0.0)

    def save(self) -> None:
        """Make durable what was read, then say so in the map. Raises OSError and what `new_file` raises."""
        os.fsync(self.fd)
        write_map(self.map_path, self.map)
        self._saved_at = self.now()

    def check_time(self) -> None:
        """Raise TimeIsUpError when the time that was given is over."""
        if self.deadline is not None and self.now() >= self.deadline:
            raise TimeIsUpError

    def held(self, offset: int, size: int) -> bytes:
        """Return bytes of the image that is made. Raises OSError."""
        return _read_at(self.fd, offset, size)

    def read(self, blocks: Blocks, start: int, end: int) -> bool:
        """Read a range into the image; return False when it cannot be read whole. Raises TimeIsUpError."""
        self.check_time()
        try:
            data = blocks.read(start, end - start)
        except OSError:
            data = b""
        if self.now() - self._saved_at >= _SAVED_EVERY_S:
            self.save()
        if len(data) != end - start:
            return False
        done = 0
        while done < len(data):
            done += os.pwrite(self.fd, data[done:], start + done)
        self.map.mark(start, end, GOOD)
        self.tell(Advanced(len(data)))
        return True


def write_map(path: Path, known: RescueMap) -> None:
    """Write a map file, whole or not at all; an older one is replaced. Raises what `new_file` raises."""
    with new_file(path, overwrite=True) as fd:
        write_all(fd, known.text().encode("ascii"))


@dataclass(slots=True)
class Reader:
    """Reads from one medium into a rescue. `rest` is what is to be tried on this medium, as a map."""

    rescue: Rescue
    blocks: Blocks
    rest: RescueMap

    def sweep(self, ranges: Sequence[Extent], *, is_skipping: bool = False) -> None:
        """Read in large blocks what was not tried. With `is_skipping` leap ahead behind one that fails."""
        for start, size in ranges:
            for low, high in self._within(start, start + size, {UNTRIED}):
                self._sweep(low, high, is_skipping=is_skipping)

    def without_good(self) -> None:
        """Leave out what another copy gave meanwhile."""
        for start, end, _ in self.rescue.map.areas({GOOD}):
            self.rest.mark(start, end, GOOD)

    def scrape(self) -> None:
        """Halve what failed until single sectors are left."""
        for low, high in self._within(0, self.rest.size, _HARD):
            todo = [(at, min(at + BLOCK, high)) for at in range(low, high, BLOCK)]
            todo.reverse()
            while todo:
                start, end = todo.pop()
                if self._try(start, end, UNSCRAPED):
                    continue
                if end - start <= SECTOR:
                    self._mark(start, end, BAD)
                    continue
                middle = start + max(SECTOR, (end - start) // (2 * SECTOR) * SECTOR)
                todo += [(middle, end), (start, middle)]

    def retry(self) -> None:
        """Read again every sector that failed, once."""
        for low, high in self._within(0, self.rest.size, {BAD}):
            for at in range(low, high, SECTOR):
                self._try(at, min(at + SECTOR, high), BAD)

    def _sweep(self, low: int, high: int, *, is_skipping: bool) -> None:
        at, skip = low, BLOCK
        while at < high:
            end = min(at + BLOCK - at % BLOCK, high)
            if self._try(at, end, UNTRIMMED):
                skip = BLOCK
            elif is_skipping:
                end += skip
                skip = min(2 * skip, _MOST_SKIPPED)
            at = end

    def _within(self, start: int, end: int, statuses: set[str] | frozenset[str]) -> Iterator[Extent]:
        """Yield start and end of what has a status in a range."""
        for low, high, _ in self.rest.areas(statuses):
            if low < end and high > start:
                yield max(low, start), min(high, end)

    def _try(self, start: int, end: int, failed: str) -> bool:
        if self.rescue.read(self.blocks, start, end):
            self.rest.mark(start, end, GOOD)
            return True
        self._mark(start, end, failed)
        return False

    def _mark(self, start: int, end: int, status: str) -> None:
        self.rest.mark(start, end, status)
        self.rescue.map.mark(start, end, status)  # what was read is never in `rest`


class Drive:
    """A drive or an image that is read block by block, without reading ahead.

    A drive is read past the page cache: in it one bad sector would take its neighbours along.
    """

    def __init__(self, path: Path, size: int) -> None:
        """Open it. Raises OSError."""
        self.size = size
        self._stack = ExitStack()
        if S_ISBLK(path.stat().st_mode):
            self._read_at = self._stack.enter_context(Uncached(path))
            return
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0))
        self._stack.callback(os.close, fd)
        self._read_at = partial(_read_at, fd)

    def read(self, offset: int, size: int) -> bytes:
        """Return the bytes at an offset, read once. Raises OSError."""
        return self._read_at(offset, size)

    def close(self) -> None:
        """Close it."""
        self._stack.close()


def _read_at(fd: int, offset: int, size: int) -> bytes:
    found = bytearray()
    while len(found) < size and (data := os.pread(fd, size - len(found), offset + len(found))):
        found += data
    return bytes(found)
