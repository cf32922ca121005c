"""Bytes that may be more than memory should hold: in memory while they are few, then in a temporary file."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from typing import BinaryIO

from mediakit.dicom.write import Buffer
from mediakit.durable import no_temporary_room
from mediakit.sized_stream import SizedStream

_IN_MEMORY = 16 << 20
_PIECE = 1 << 20


class Stored:
    """Bytes that are added at the end, and then read from the start, as often as wanted."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - lives as long as this
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def add(self, piece: Buffer) -> None:
        """Add bytes. Raises DoesNotFit when there is no room for them."""
        try:
            self._file.write(piece)
        except OSError as exc:
            raise no_temporary_room("decoded frames", exc) from exc
        self._length += len(piece)

    def pieces(self) -> Iterator[bytes]:
        """Yield all bytes."""
        self._file.seek(0)
        while piece := self._file.read(_PIECE):
            yield piece

    def stream(self) -> BinaryIO:
        """Return the bytes as a stream of its own place."""
        return io.BufferedReader(_Reading(self))

    def read_at(self, at: int, size: int) -> bytes:
        """Return up to `size` bytes from a place."""
        self._file.seek(at)
        return self._file.read(size)

    def __del__(self) -> None:
        self._file.close()


class _Reading(SizedStream):
    """A place in stored bytes."""

    def __init__(self, stored: Stored) -> None:
        super().__init__(len(stored))
        self._stored = stored

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # bytes-like in typeshed
        """Read from the position."""
        found = self._stored.read_at(self._at, len(buffer))
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)
