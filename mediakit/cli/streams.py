"""Standard output and standard error of the process, which whoever reads them may close (`| head -1`).

What nobody reads any more is dropped in silence: a journey goes on to its end, and its exit code stays true.
"""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


def let_readers_leave() -> None:
    """Make both streams of this process bear that their pipe is closed. Terminals stay as they are."""
    sys.stdout = _bearing(sys.stdout)
    sys.stderr = _bearing(sys.stderr)


class _Pipe(io.FileIO):
    """A pipe that takes all bytes, also when nobody is there any more to read them."""

    def write(self, data: ReadableBuffer, /) -> int:
        """Write, or drop what has no reader."""
        try:
            return super().write(data)
        except BrokenPipeError:
            return memoryview(data).nbytes


def _bearing(stream: TextIO) -> TextIO:
    if not isinstance(stream, io.TextIOWrapper) or stream.isatty():
        return stream
    try:
        number = stream.fileno()
    except OSError:  # it is no stream of the system
        return stream
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_Pipe(number, "wb", closefd=False)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
