"""Which media are there: the entries of a folder, or what is in a drive, each once it has come to rest.

Nothing is opened here but devices; what an entry holds is for whoever is told of it.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Final

from mediakit.drives.block import is_block_device

_MOST_ENTRIES: Final = 1_000_000  # of one folder that is copied in; more of them are looked at as they come
_HEAD_BYTES: Final = 64 << 10  # of a device: its descriptors tell one disc from another
#: Names of copies that are under way end like this.
UNFINISHED: Final = (".part", ".tmp", ".crdownload", ".filepart")
#: What tells that an entry is still what it was: it changes with its size, its time, its number of files.
Stamp = str


@dataclass(slots=True)
class _Seen:
    stamp: Stamp
    since: float


@dataclass(slots=True)
class Arrivals:
    """Knows what is at a place and what was handled. For one thread.

    A medium has come to rest when nothing of it changed for `settle_s`. `now` is a monotonic clock.
    """

    place: Path
    settle_s: float
    handled: dict[str, Stamp] = field(default_factory=dict)
    now: Callable[[], float] = monotonic
    _seen: dict[str, _Seen] = field(default_factory=dict)

    @property
    def is_drive(self) -> bool:
        """Return True when the place is a device."""
        return is_block_device(self.place)

    @property
    def is_waiting(self) -> bool:
        """Return True when something is there that has not come to rest."""
        return any(self.handled.get(name) != seen.stamp for name, seen in self._seen.items())

    def due(self) -> tuple[tuple[Path, Stamp], ...]:
        """Look, and return what has come to rest and was not handled; what is gone is forgotten.

        Raises OSError when the place cannot be looked at.
        """
        found = dict(self._drive() if self.is_drive else self._folder())
        at = self.now()
        for name in self._seen.keys() | self.handled.keys():
            if name not in found:
                self._seen.pop(name, None)
                self.handled.pop(name, None)
        for name, stamp in found.items():
            seen = self._seen.get(name)
            if seen is None or seen.stamp != stamp:
                self._seen[name] = _Seen(stamp, at)
        return tuple(
            (self._path(name), seen.stamp)
            for name, seen in sorted(self._seen.items())
            if self.handled.get(name) != seen.stamp and (self.is_drive or at - seen.since >= self.settle_s)
        )

    def done(self, medium: Path, stamp: Stamp) -> None:
        """Take note that a medium was handled as it was."""
        self.handled["" if medium == self.place else medium.name] = stamp

    def _path(self, name: str) -> Path:
        return self.place / name if name else self.place

    def _drive(self) -> Iterator[tuple[str, Stamp]]:
        """Yield the medium in the drive, under the name ""; nothing when there is none."""
        with suppress(OSError):  # an empty drive cannot be opened
            fd = os.open(self.place, os.O_RDONLY)
            try:
                size = os.lseek(fd, 0, os.SEEK_END)
                head = os.pread(fd, _HEAD_BYTES, 0)
            finally:
                os.close(fd)
            if size:
                yield "", f"{size}:{hashlib.sha256(head).hexdigest()}"

    def _folder(self) -> Iterator[tuple[str, Stamp]]:
        with os.scandir(self.place) as entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.name.lower().endswith(UNFINISHED):
                    continue
                with suppress(FileNotFoundError):  # it was taken away meanwhile
                    known = entry.stat(follow_symlinks=False)
                    if stat.S_ISDIR(known.st_mode):
                        yield entry.name, _stamp_of(entry.path)
                    else:  # what is neither a file nor a folder is told too
                        yield entry.name, f"{known.st_mode:o}:{known.st_size}:{known.st_mtime_ns}"


def _stamp_of(folder: str) -> Stamp:
    """Return how many entries a folder has at any depth, their bytes together, and the latest change."""
    count = size = latest = 0
    left = [folder]
    while left and count < _MOST_ENTRIES:
        with suppress(OSError), os.scandir(left.pop()) as entries:
            for entry in entries:
                with suppress(OSError):
                    known = entry.stat(follow_symlinks=False)
                    count, latest = count + 1, max(latest, known.st_mtime_ns)
                    if stat.S_ISDIR(known.st_mode):
                        left.append(entry.path)
                    else:
                        size += known.st_size
    return f"{count}:{size}:{latest}"
