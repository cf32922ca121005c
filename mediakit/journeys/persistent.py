"""Reading of damaged media: every read that fails is tried again, a bounded number of times.

A drive that finds a scratch often reads the sector at the second or third try. What still cannot be read then
is the business of the caller, for that one file.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import BinaryIO, TypeVar

from mediakit.errors import SourceError
from mediakit.formats.readable import ReadStream

TRIES = 3
Value = TypeVar("Value")


def tried(act: Callable[[], Value]) -> Value:
    """Return what a read gives, tried up to `TRIES` times. Raises what the last try raised."""
    for _ in range(TRIES - 1):
        try:
            return act()
        except (OSError, SourceError):
            continue
    return act()


class Persistent(ReadStream):
    """A stream that reads again from the same place when a read fails."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream
        self._at = 0

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move the position."""
        self._at = self._stream.seek(offset, whence)
        return self._at

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # bytes-like in typeshed
        """Read from the position; raises what the last try raised."""
        view = memoryview(buffer)
        part = tried(lambda: self._read(len(view)))
        view[: len(part)] = part
        self._at += len(part)
        return len(part)

    def _read(self, size: int) -> bytes:
        self._stream.seek(self._at)
        return self._stream.read(size)

    def close(self) -> None:
        """Close the stream behind."""
        if not self.closed:
            self._stream.close()
        super().close()
