"""A limit on how many bytes go out in a second, for all threads together."""

from __future__ import annotations

import io
import threading
import time
from dataclasses import replace
from typing import BinaryIO

from mediakit.destinations.base import Payload
from mediakit.sized_stream import ReadStream

_STEP_BYTES = 1 << 16


class Rate:
    """Spends time so that reads through it keep to a rate on average; its waits end when `stop` is set."""

    def __init__(self, bytes_per_s: int, stop: threading.Event) -> None:
        self._bytes_per_s = bytes_per_s
        self._stop = stop
        self._lock = threading.Lock()
        self._free_at = 0.0

    def limited(self, payload: Payload) -> Payload:
        """Return the payload so that reading it keeps to the rate; the same when there is no limit."""
        if not self._bytes_per_s:
            return payload
        stream = io.BufferedReader(_Limited(payload.stream, self), _STEP_BYTES)
        return replace(payload, stream=stream, in_memory=None)

    def spend(self, count: int) -> None:
        """Wait until so many bytes may go."""
        now = time.monotonic()
        with self._lock:
            start = max(now, self._free_at)
            self._free_at = start + count / self._bytes_per_s
        self._stop.wait(start - now)


class _Limited(ReadStream):
    """A stream whose reads are paid for."""

    def __init__(self, stream: BinaryIO, rate: Rate) -> None:
        super().__init__()
        self._stream = stream
        self._rate = rate

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # bytes-like in typeshed
        view = memoryview(buffer)[:_STEP_BYTES]
        part = self._stream.read(len(view))
        view[: len(part)] = part
        self._rate.spend(len(part))
        return len(part)
