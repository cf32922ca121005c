"""One pass over every source: read, count, hash, write. Opens no path: streams come from the entries."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from types import TracebackType
from typing import BinaryIO, Self

from mediakit.durable import write_all
from mediakit.errors import IntegrityError, SourceError
from mediakit.events import Advanced, Listener
from mediakit.formats.base import Entry
from mediakit.formats.readable import File
from mediakit.secure.checksums import BLOCK_BYTES, Checksum, Running
from mediakit.sized_stream import into_views

_PIECE_BYTES = 128 * 1024
_GATHERED = 1 << 20
_GAP = 4096  # bytes between two files that are written as zeros; a larger gap stays a hole
_BUFFERS = 16
_WORKERS = 2
_TELL_EVERY = 4 * 1024 * 1024


class Pourer:
    """Pours entries into a writer, one at a time. Use it as a context manager.

    A checksum that takes long is made of large entries in other threads while the first reads and writes
    (hashlib lets go of the interpreter lock), the blocks of one entry always in the same thread; that of
    small ones at once, because handing over costs more.
    """

    def __init__(self, tell: Listener, checksum: Checksum | None) -> None:
        self._tell = tell
        self._untold = 0
        self._checksum = checksum
        self._hands_over = checksum is not None and not checksum.is_quick
        self._made: dict[str, Running | str] = {}  # hex as soon as an entry is done: it takes less room
        self._free: SimpleQueue[memoryview] = SimpleQueue()
        for _ in range(_BUFFERS if self._hands_over else 1):
            self._free.put(memoryview(bytearray(BLOCK_BYTES)))
        self._workers: list[_Hasher] = []
        self._files = 0
        self._beyond = memoryview(bytearray(1))
        self._held = _Held()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _exc: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._stop()

    def pour(self, entry: Entry, write: Callable[[memoryview], object]) -> None:
        """Hand exactly the entry's bytes to `write`, in order.

        Raises SourceError when it cannot be read, IntegrityError when it gives other than its size. What
        `write` raises passes through.
        """
        stream = self._opened(entry)
        with stream:
            readinto = into_views(stream)
            running = None if self._checksum is None else self._checksum.begin()
            left = entry.size
            while left:
                left -= self._block(entry, readinto, running, left, write)
            if _read(entry, readinto, self._beyond):
                raise _longer(entry)
        if running is not None:
            if self._is_handed_over(entry):
                self._made[entry.path] = running
                self._files += 1
            else:
                self._made[entry.path] = running.hexdigest()

    def _is_handed_over(self, entry: Entry) -> bool:
        return self._hands_over and entry.size > BLOCK_BYTES

    def pour_at(self, entry: Entry, fd: int, at: int) -> None:
        """Write exactly the entry's bytes from a byte of a file on; nothing but zeros lies between entries.

        Small ones are gathered and written together, the last ones by `finish`: 20,000 calls of the system
        for 9 KB each take twice as long. Raises as `pour` does, and OSError when the file cannot be written.
        """
        if entry.size <= BLOCK_BYTES:
            self._gather(entry, fd, at)
            return
        os.lseek(fd, at, os.SEEK_SET)
        self.pour(entry, partial(_write_pieces, fd))

    def _gather(self, entry: Entry, fd: int, at: int) -> None:
        """Read a small entry to its place among those that are written together."""
        held, size = self._held, entry.size
        begin = at - held.at
        if fd != held.fd or not 0 <= begin - held.end <= _GAP or begin + size >= _GATHERED:
            held.write()
            held.fd, held.at, held.end, begin = fd, at, 0, 0
        if begin > held.end:
            held.view[held.end : begin] = bytes(begin - held.end)
        got = 0
        with self._opened(entry) as stream:
            readinto = into_views(stream)
            while found := _read(entry, readinto, held.view[begin + got : begin + size + 1]):
                got += found
                if got == size and isinstance(stream, File):
                    break  # a file gives all that it has at once
        if got < size:
            raise _shorter(entry, size - got)
        if got > size:
            raise _longer(entry)
        held.end = begin + size
        if self._checksum is not None:
            self._made[entry.path] = self._checksum.of(held.view[begin : held.end])
        self._advance(size)

    def _opened(self, entry: Entry) -> BinaryIO:
        if entry.from_hashes is not None:
            return io.BytesIO(entry.from_hashes(self._sums()))
        return open_entry(entry)

    def _sums(self) -> dict[str, str]:
        """Return the checksum (hex) of what was poured so far, by path."""
        self._stop()
        return {
            path: made if isinstance(made, str) else made.hexdigest() for path, made in self._made.items()
        }

    def finish(self) -> dict[str, str]:
        """Write what is gathered; return the checksum (hex) of every entry, by path, if one is taken."""
        self._held.write()
        if self._untold:
            self._tell(Advanced(self._untold))
            self._untold = 0
        return self._sums()

    def _block(
        self,
        entry: Entry,
        readinto: Callable[[memoryview], int | None],
        running: Running | None,
        left: int,
        write: Callable[[memoryview], object],
    ) -> int:
        buffer = self._free.get()
        handed_over = False
        try:
            got = _read(entry, readinto, buffer[: min(left, BLOCK_BYTES)])
            if not got:
                raise _shorter(entry, left)
            if running is not None:
                if self._is_handed_over(entry):
                    self._worker().work.put((running, buffer, got))
                    handed_over = True
                else:
                    running.update(buffer[:got])
            write(buffer[:got])
        finally:
            if not handed_over:
                self._free.put(buffer)
        self._advance(got)
        return got

    def _advance(self, amount: int) -> None:
        self._untold += amount
        if self._untold >= _TELL_EVERY:
            self._tell(Advanced(self._untold))
            self._untold = 0

    def _worker(self) -> _Hasher:
        """Return the thread that hashes the entry being poured."""
        place = self._files % _WORKERS
        if place == len(self._workers):
            hasher = _Hasher(self._free)
            hasher.start()  # may be interrupted, and then there is none to join
            self._workers.append(hasher)
        return self._workers[place]

    def _stop(self) -> None:
        for worker in self._workers:
            worker.work.put(None)
        for worker in self._workers:
            worker.join()
        self._workers.clear()
        self._files = 0


def _write_pieces(fd: int, view: memoryview) -> None:
    """Write every byte of an image at its position.

    For larger pieces Linux looks for large pages: where memory is in fragments, writing 1 MB at once takes
    four times the CPU time.
    """
    for at in range(0, len(view), _PIECE_BYTES):
        write_all(fd, view[at : at + _PIECE_BYTES])


class _Held:
    """Small entries of one file, from `at` to `end` bytes behind it, that wait to be written together."""

    def __init__(self) -> None:
        self.view = memoryview(bytearray(_GATHERED))
        self.fd = -1
        self.at = self.end = 0

    def write(self) -> None:
        """Write them. Raises OSError."""
        if self.end:
            os.lseek(self.fd, self.at, os.SEEK_SET)
            _write_pieces(self.fd, self.view[: self.end])
        self.end = 0


class _Hasher(threading.Thread):
    """Hashes blocks in the order they are handed over, and gives the buffers back."""

    def __init__(self, free: SimpleQueue[memoryview]) -> None:
        super().__init__(name="mediakit-hash", daemon=True)
        self.work: SimpleQueue[tuple[Running, memoryview, int] | None] = SimpleQueue()
        self._free = free

    def run(self) -> None:
        while (item := self.work.get()) is not None:
            running, buffer, size = item
            running.update(buffer[:size])
            self._free.put(buffer)


def open_entry(entry: Entry) -> BinaryIO:
    """Open an entry whose content is there. Raises SourceError, which names it."""
    try:
        return entry.open()
    except OSError as exc:
        raise _unreadable(entry, exc) from exc
    except SourceError as exc:
        exc.path = entry.path
        raise


def _read(entry: Entry, readinto: Callable[[memoryview], int | None], view: memoryview) -> int:
    try:
        return readinto(view) or 0
    except OSError as exc:
        raise _unreadable(entry, exc) from exc


def _unreadable(entry: Entry, exc: OSError) -> SourceError:
    return SourceError(
        "a source cannot be read",
        where=ascii(entry.path),
        why=exc.strerror or type(exc).__name__,
        path=entry.path,
    )


def _shorter(entry: Entry, missing: int) -> IntegrityError:
    return _changed(entry, f"it ended {missing} bytes early")


def _longer(entry: Entry) -> IntegrityError:
    return _changed(entry, "it gave more bytes than it had when it was planned")


def _changed(entry: Entry, why: str) -> IntegrityError:
    hint = "the source changed while it was read: run again"
    return IntegrityError(
        "a source is not what was planned", where=ascii(entry.path), why=why, hint=hint, path=entry.path
    )
