"""Reading a medium past the page cache, and comparing it byte for byte with the image that was written."""

from __future__ import annotations

import errno
import mmap
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from mediakit.drives.block import control
from mediakit.errors import SpoiledError, UnreadError
from mediakit.events import Advanced, Listener, Noted, PhaseEnded, PhaseStarted

_BLOCK = 1 << 20
_SECTOR = 2048
_DIRECT = getattr(os, "O_DIRECT", 0)
_EJECT, _CLOSE_TRAY = 0x5309, 0x5319  # ioctls CDROMEJECT and CDROMCLOSETRAY
_WAIT_S = 120.0


def compare(image: Path, device: Path, size: int, tell: Listener, start: int = 0) -> None:
    """Compare the first `size` bytes of a device with those of the image, from the byte `start` on.

    Raises SpoiledError with the first byte that differs or cannot be read. Tells the phase "read back".
    """
    tell(PhaseStarted("read back", total=size - start, unit="bytes"))
    try:
        with Uncached(device) as read, image.open("rb", buffering=0) as stream:
            at = stream.seek(start)
            while at < size:
                wanted = stream.read(min(_BLOCK, size - at))
                found = read(at, len(wanted))
                if not wanted or found != wanted:
                    at += _first_difference(wanted, found)
                    raise SpoiledError(
                        "what was read back is not what was written",
                        where=str(device),
                        why=f"from byte {at:,} on",
                    )
                at += len(wanted)
                tell(Advanced(len(wanted)))
    except OSError as exc:
        why = exc.strerror or ""
        raise SpoiledError("what was written cannot be read back", where=str(device), why=why) from exc
    tell(PhaseEnded("read back"))


def reload_disc(device: Path, size: int, tell: Listener, wait_s: float = _WAIT_S) -> None:
    """See that the system knows what is on a disc that was just burned: open and close the tray if not.

    A tray that does not close itself is for a person, who is told. Raises UnreadError when the drive still
    shows less than `size` bytes after the wait.
    """
    end = time.monotonic() + wait_s
    if _size(device) >= size:
        return
    with suppress(OSError):
        fd = os.open(device, os.O_RDONLY | os.O_NONBLOCK)
        try:
            control(fd, _EJECT)
            control(fd, _CLOSE_TRAY)
        finally:
            os.close(fd)
    if _size(device) < size:
        tell(Noted(f"if the tray of {device} is open, close it: the disc is read back"))
    while _size(device) < size:
        if time.monotonic() >= end:
            why = "the drive shows less than was written"
            raise UnreadError("the disc cannot be read back", where=str(device), why=why)
        time.sleep(1)


def _size(device: Path) -> int:
    try:
        fd = os.open(device, os.O_RDONLY)
        try:
            return os.lseek(fd, 0, os.SEEK_END)
        finally:
            os.close(fd)
    except OSError:
        return 0


def _first_difference(one: bytes, other: bytes) -> int:
    for at, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return at
    return min(len(one), len(other))


class Uncached:
    """Reads what the medium holds, not what the system remembers. Raises OSError."""

    def __init__(self, device: Path) -> None:
        self._device = device
        self._fds: list[int] = []
        self._buffer = mmap.mmap(-1, _BLOCK)  # memory as direct reading needs it

    def __enter__(self) -> Callable[[int, int], bytes]:
        plain = os.open(self._device, os.O_RDONLY)
        self._fds.append(plain)
        with suppress(OSError):
            os.fsync(plain)
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(plain, 0, 0, os.POSIX_FADV_DONTNEED)
        with suppress(OSError):  # some file systems cannot
            self._fds.insert(0, os.open(self._device, os.O_RDONLY | _DIRECT))
        return self._read

    def __exit__(self, *_: object) -> None:
        for fd in self._fds:
            with suppress(OSError):
                os.close(fd)
        self._buffer.close()

    def _read(self, at: int, size: int) -> bytes:
        try:
            return self._read_by(self._fds[0], at, size)
        except OSError as exc:
            if exc.errno != errno.EINVAL or len(self._fds) == 1:
                raise
            self._fds.pop(0)  # larger sectors than ours: direct reading takes whole ones only
            return self._read_by(self._fds[0], at, size)

    def _read_by(self, fd: int, at: int, size: int) -> bytes:
        """Read whole sectors and no further: some behind the last track of a CD cannot be read."""
        view = memoryview(self._buffer)[: -(-size // _SECTOR) * _SECTOR]
        try:
            done = 0
            while done < size:
                got = os.preadv(fd, [view[done:]], at + done)
                done += got
                if not got or got % 512:  # the end of a file
                    break
            return bytes(view[: min(done, size)])
        finally:
            view.release()
