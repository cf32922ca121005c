"""A bounded window on a stream: every byte of a header is read through here. Knows nothing of DICOM elements.

Reads are counted, so that no file can make the scan read more than `MAX_SCANNED_BYTES` bytes of it.
"""

from __future__ import annotations

from typing import Protocol

from mediakit.findings import Detail, Finding, Rule, Severity, Where
from mediakit.limits import MAX_SCANNED_BYTES

CHUNK = 8192  # bytes of a refill


class Readable(Protocol):
    """What the scan asks of a stream."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes."""
        ...

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a byte offset."""
        ...


class Malformed(Exception):  # noqa: N818 - a fact about bytes, not a fault of the program
    """The bytes are not what they claim to be. Never leaves `mediakit.dicom`: it becomes a finding."""

    def __init__(self, rule: Rule, *, tag: int | None = None, **detail: Detail) -> None:
        super().__init__(rule.id)
        self.rule = rule
        self.tag = tag
        self.detail = detail

    def finding(self, path: str) -> Finding:
        """Return the finding, at a path."""
        return self.rule.at(Where(path=path, tag=self.tag), **self.detail)


TRUNCATED = Rule(
    id="MK-SRC-002",
    severity=Severity.ERROR,
    title="the file ends inside an element: {missing:byte is|bytes are} missing",
    ref="PS3.10 7",
    hint="fetch the file again from where it came from",
)
TOO_MUCH = Rule(
    id="MK-SRC-003",
    severity=Severity.ERROR,
    title="the header is larger than the {limit} bytes that are read of one file",
    ref="PS3.10 7",
    hint="a real header is far smaller: the file is damaged or an attack",
)


class Window:
    """The bytes of a stream around the place being parsed. Offsets count from the start of the stream."""

    __slots__ = ("_left", "_stream", "data", "size", "start")

    def __init__(self, stream: Readable, size: int, head: bytes = b"") -> None:
        self._stream = stream
        self.size = size
        self.start = 0
        self.data = head
        self._left = MAX_SCANNED_BYTES - len(head)

    def until(self, end: int) -> Window:
        """Return a window over the same bytes that ends earlier; what it reads counts there alone."""
        return Window(self._stream, end)

    def load(self, offset: int, count: int) -> int:
        """Make `count` bytes at `offset` present in `data`; return the index of the first one.

        Raises Malformed when the file ends before, or when the bound of reads is met.
        """
        index = offset - self.start
        if index >= 0 and index + count <= len(self.data):
            return index
        if offset + count > self.size:
            raise Malformed(TRUNCATED, missing=offset + count - self.size)
        self.data = self._read(offset, max(count, min(CHUNK, self.size - offset)))
        self.start = offset
        if len(self.data) < count:
            raise Malformed(TRUNCATED, missing=count - len(self.data))
        return 0

    def peek(self, offset: int, count: int) -> bytes:
        """Return `count` bytes at `offset` without reading around them. Raises Malformed as `load` does."""
        index = offset - self.start
        if index >= 0 and index + count <= len(self.data):
            return self.data[index : index + count]
        if offset + count > self.size:
            raise Malformed(TRUNCATED, missing=offset + count - self.size)
        found = self._read(offset, count)
        if len(found) < count:
            raise Malformed(TRUNCATED, missing=count - len(found))
        return found

    def rest_is_padding(self, offset: int) -> bool:
        """Return True when only zero bytes follow, as far as the bound of reads lets us look."""
        while offset < self.size and self._left > 0:
            part = self._read(offset, min(1 << 16, self.size - offset, self._left))
            if not part:
                return True
            if part.count(0) != len(part):
                return False
            offset += len(part)
        return True

    def rest_holds(self, offset: int, wanted: bytes) -> bool:
        """Return True when some bytes stand behind an offset, as far as the bound of reads lets us look."""
        kept = b""
        while offset < self.size and self._left > 0:
            part = self._read(offset, min(1 << 16, self.size - offset, self._left))
            if not part:
                return False
            if wanted in kept + part:
                return True
            kept = part[1 - len(wanted) :]
            offset += len(part)
        return False

    def _read(self, offset: int, count: int) -> bytes:
        if count > self._left:
            raise Malformed(TOO_MUCH, limit=MAX_SCANNED_BYTES)
        self._stream.seek(offset)
        parts = []
        while count > 0:
            part = self._stream.read(count)
            if not part:
                break
            parts.append(part)
            count -= len(part)
            self._left -= len(part)
        return b"".join(parts)
