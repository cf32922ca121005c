"""A multipart/related answer as it comes, cut into its parts: of any length, without a length of their own.

Source: RFC 2046 5.1, PS3.18 8.6.1.2. Bytes in, parts out; no I/O.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

_MOST_HEAD_BYTES: Final = 16 << 10
_BOUNDARY = re.compile(r';\s*boundary\s*=\s*(?:"([^"]{1,70})"|([^\s";,]{1,70}))', re.IGNORECASE | re.ASCII)


class NotMultipart(ValueError):  # noqa: N818 - an answer about bytes, caught where a server is asked
    """The bytes are not of the form of a multipart body."""


@dataclass(frozen=True, slots=True)
class PartBegins:
    """The next part begins; `media_type` is what it says of itself, "" for nothing."""

    media_type: str


@dataclass(frozen=True, slots=True)
class PartBytes:
    """A piece of the part that has begun; `is_last` with the last one, which may be empty."""

    data: bytes = field(repr=False)
    is_last: bool


def boundary_of(content_type: str) -> bytes:
    """Return the boundary that a Content-Type names. Raises NotMultipart."""
    kind = content_type.partition(";")[0].strip().lower()
    found = _BOUNDARY.search(content_type)
    if not kind.startswith("multipart/") or found is None:
        raise NotMultipart("the answer is not multipart")
    return (found[1] or found[2]).encode("latin-1")


def parts_of(chunks: Iterable[bytes], boundary: bytes) -> Iterator[PartBegins | PartBytes]:
    """Yield the parts of a body that comes in chunks, cut anywhere.

    Raises NotMultipart when it does not end as it should: what has come then is not all.
    """
    delimiter = b"\r\n--" + boundary
    source = iter(chunks)
    pending = bytearray(b"\r\n")  # the first delimiter may stand at the very beginning
    inside = False
    while True:
        at = pending.find(delimiter)
        if at < 0:
            keep = len(delimiter) - 1
            if inside and len(pending) > keep:
                yield PartBytes(bytes(pending[:-keep]), is_last=False)
            del pending[: max(len(pending) - keep, 0)]
            pending += _more(source)
            continue
        if inside:
            yield PartBytes(bytes(pending[:at]), is_last=True)
        del pending[: at + len(delimiter)]
        while len(pending) < 2:
            pending += _more(source)
        if pending.startswith(b"--"):
            return
        yield PartBegins(_media_type(_head(pending, source)))
        inside = True


def _head(pending: bytearray, source: Iterator[bytes]) -> bytes:
    """Take the header fields of a part, with the rest of the line of its delimiter."""
    while (end := pending.find(b"\r\n\r\n")) < 0:
        if len(pending) > _MOST_HEAD_BYTES:
            raise NotMultipart("the header of a part does not end")
        pending += _more(source)
    head = bytes(pending[:end])
    del pending[: end + 4]
    return head


def _more(source: Iterator[bytes]) -> bytes:
    for chunk in source:
        if chunk:
            return chunk
    raise NotMultipart("the answer ends in the middle")


def _media_type(head: bytes) -> str:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-type":
            return value.partition(b";")[0].strip().lower().decode("latin-1")
    return ""
