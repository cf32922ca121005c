"""Streams that are read and never written; those of known size keep their own place. Opens nothing."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable
from typing import BinaryIO


class ReadStream(io.RawIOBase):
    """A raw stream that is read and searched, never written."""

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes."""
        return True


class SizedStream(ReadStream):
    """A stream of known size; `_at` is what the caller reads next. Subclasses say what lies there."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size
        self._at = 0

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move the position; it may lie beyond the end, where nothing is read."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self._at = base + offset
        return self._at


def into_views(stream: BinaryIO) -> Callable[[memoryview], int | None]:
    """Return what fills a view from a stream and gives how many bytes were there; 0 or None at the end.

    One buffer, used again and again, takes half of the time that a new object for each block takes.
    """
    for name in (
        "readinto1",
        "readinto",
    ):  # the first one asks what is below it once, and not for the end too
        readinto: Callable[[memoryview], int | None] | None = getattr(stream, name, None)
        if readinto is not None:
            return readinto

    def copy(view: memoryview) -> int:
        found = stream.read(len(view))
        view[: len(found)] = found
        return len(found)

    return copy
