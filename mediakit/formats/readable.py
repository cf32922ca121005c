"""Bounded, read-only views of an image file. Never writes, and never reads outside what it was given.

Every read of a medium is made here, and one that fails is tried again, a bounded number of times: a drive
that finds a scratch often reads the sector at the second or third try. What still cannot be read then is the
business of the caller, for that one file.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar

from mediakit.errors import SourceError
from mediakit.formats.track_table import data_tracks
from mediakit.sized_stream import SizedStream

Extent = tuple[int, int]
"""Where bytes lie in an image: the byte they start at, and how many they are."""

_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_QUIET = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


TRIES = 3  # of every read
_Value = TypeVar("_Value")


def tried(act: Callable[[], _Value]) -> _Value:
    """Return what a read gives, tried up to `TRIES` times. Raises the OSError of the last try."""
    try:
        return act()
    except OSError:
        return tried_again(act)


def tried_again(act: Callable[[], _Value]) -> _Value:
    """Return what a read gives that failed once. Raises the OSError of the last try."""
    for _ in range(TRIES - 2):
        try:
            return act()
        except OSError:
            continue
    return act()


class File(io.FileIO):
    """A file of a medium, open for reading. Where reads succeed it costs no more than any other file.

    `modified_ns` is when it was last changed, as the file system said when it was opened.
    """

    __slots__ = ("modified_ns",)

    modified_ns: int

    def read(self, size: int | None = -1, /) -> bytes:
        """Read up to `size` bytes from the position."""
        if size is None or size < 0:
            return self.readall()
        try:
            return io.FileIO.read(self, size)
        except OSError:
            return tried_again(partial(io.FileIO.read, self, size))

    def readall(self) -> bytes:
        """Read to the end."""
        at = self.tell()
        try:
            return io.FileIO.readall(self)
        except OSError:
            return tried_again(partial(self._from, at))

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Fill the buffer from the position."""
        try:
            return io.FileIO.readinto(self, buffer)
        except OSError:
            return tried_again(partial(io.FileIO.readinto, self, buffer))

    def _from(self, at: int) -> bytes:
        self.seek(at)
        return io.FileIO.readall(self)


@dataclass(slots=True)
class Gaps:
    """What was not read of an image, in order. `missed` collects what was asked for and lies in a gap."""

    extents: Sequence[Extent] = ()
    missed: list[Extent] = field(default_factory=list)
    _starts: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._starts = [start for start, _ in self.extents]

    def touching(self, offset: int, size: int) -> list[Extent]:
        """Return the parts of a range that lie in gaps."""
        found = []
        index = max(0, bisect_right(self._starts, offset) - 1)
        while index < len(self.extents) and self._starts[index] < offset + size:
            start, length = self.extents[index]
            low, high = max(start, offset), min(start + length, offset + size)
            if low < high:
                found.append((low, high - low))
            index += 1
        return found

    def check(self, offset: int, size: int) -> None:
        """Raise OSError when a range touches a gap, and remember it."""
        if self.extents and (found := self.touching(offset, size)):
            self.missed.extend(found)
            raise OSError(errno.EIO, "was not read from the medium, as the map of the image says")


class Image:
    """An image file or a block device, open for reading at any byte. Close it when done.

    What lies in `gaps` cannot be read, as if it were the damaged medium itself.
    """

    def __init__(self, path: Path, gaps: Gaps | None = None) -> None:
        """Raise SourceError when it cannot be opened."""
        self.path = path
        self._gaps = Gaps() if gaps is None else gaps
        try:
            self._fd = tried(lambda: os.open(path, os.O_RDONLY | _QUIET))
        except OSError as exc:
            raise SourceError("cannot be opened", where=str(path), why=exc.strerror or "") from exc
        try:
            self.size = os.lseek(self._fd, 0, os.SEEK_END)
        except OSError as exc:
            os.close(self._fd)
            raise SourceError("is not a file that can be searched", where=str(path)) from exc

    def read(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes at `offset`: fewer at the end of the image. Raises SourceError."""
        size = max(0, min(size, self.size - offset))
        try:
            self._gaps.check(offset, size)
            return tried(lambda: os.pread(self._fd, size, offset))
        except OSError as exc:
            raise SourceError("cannot be read", where=str(self.path), why=exc.strerror or "") from exc

    def readinto(self, view: memoryview, offset: int) -> int:
        """Fill the view from `offset` on; return how many bytes were there. Raises OSError."""
        self._gaps.check(offset, len(view))
        try:
            return os.preadv(self._fd, [view], offset)
        except OSError:
            return tried_again(lambda: os.preadv(self._fd, [view], offset))

    def tracks(self) -> tuple[int, ...]:
        """Return the sectors at which the data tracks of a disc in a drive begin; none for an image."""
        return data_tracks(self._fd)

    def close(self) -> None:
        """Close the file; streams given out end with it, also when its number is given to another file."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1


class Readable(Protocol):
    """What a reader of structures needs: bounded reads at any byte."""

    size: int

    def read(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes at `offset`."""
        ...


class WithoutGaps:
    """An image whose unreadable places hold nothing: a disc does not need its first sector."""

    def __init__(self, image: Readable) -> None:
        self._image = image
        self.size = image.size

    def read(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes at `offset`, none where they cannot be read."""
        try:
            return self._image.read(offset, size)
        except SourceError:
            return b""


def holds(image: Readable, extents: Sequence[Extent]) -> bool:
    """Return True when all extents lie inside the image."""
    for start, size in extents:  # noqa: SIM110 - of every file: a generator takes longer than what it does
        if start < 0 or start + size > image.size:
            return False
    return True


class Window(SizedStream):
    """A seekable stream over extents of an image, joined. `size` cuts the last one short."""

    def __init__(self, image: Image, extents: Sequence[Extent]) -> None:
        self._image = image
        self._extents = tuple(extents)
        self._ends = tuple(accumulate(size for _, size in self._extents))
        super().__init__(self._ends[-1] if self._ends else 0)

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # bytes-like in typeshed
        """Read from one extent; a read across extents takes several calls."""
        place = bisect_right(self._ends, self._at)  # a file may lie in very many pieces
        if place == len(self._ends):
            return 0
        start, size = self._extents[place]
        inside = self._at - (self._ends[place] - size)
        view = memoryview(buffer)[: size - inside]
        got = self._image.readinto(view, start + inside) if len(view) else 0
        self._at += got
        return got


def stream_of(image: Image, extents: Sequence[Extent]) -> BinaryIO:
    """Return a buffered stream over the extents."""
    return io.BufferedReader(Window(image, extents), 32 * 1024)


def open_plain(name: str | Path, dir_fd: int | None = None) -> File:
    """Open an ordinary file, following no link. Raises OSError."""
    fd = os.open(name, os.O_RDONLY | _NO_FOLLOW | _QUIET, dir_fd=dir_fd)
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "not an ordinary file")
    file = File(fd)  # readers read blocks: a buffer would cost more than it saves
    file.modified_ns = found.st_mtime_ns
    return file
