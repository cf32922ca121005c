"""What the quick path hands over: files without meta information, lying meta information, deflated data sets.

Nothing here trusts a file: encodings are told from the elements themselves, and inflating has a bound.
"""

from __future__ import annotations

import zlib

from msgspec import Struct

from mediakit.dicom.bounded_read import Malformed, Readable
from mediakit.dicom.elements import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    KNOWN_VRS,
    UNDEFINED,
    Encoding,
    header_at,
)
from mediakit.findings import Rule, Severity
from mediakit.limits import MAX_CLAIMED_BYTES, MAX_INFLATED_BYTES, REAL_RATIO

_UNDEFINED_VRS = frozenset({b"", b"SQ", b"UN", b"OB", b"OW"})  # those that may have an undefined length
LOOK_AHEAD = 4  # elements that tell an encoding

# What other files begin with, for a message that helps.
_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a ZIP archive"),
    (b"PK\x05\x06", "a ZIP archive"),
    (b"MZ", "a Windows program"),
    (b"\x7fELF", "a program"),
    (b"%PDF", "a PDF document"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"\x89PNG", "a PNG image"),
    (b"GIF8", "a GIF image"),
    (b"BM", "a bitmap"),
    (b"\x1f\x8b", "gzip data"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"<!DOCTYPE", "an HTML or XML document"),
    (b"<html", "an HTML document"),
    (b"<?xml", "an XML document"),
    (b"\xd0\xcf\x11\xe0", "an office document"),
    (b"RIFF", "audio or video"),
)


def is_other_format(head: bytes) -> bool:
    """Return True when a file begins as those of some other format do."""
    return head.startswith(tuple(magic for magic, _ in _OTHERS))


def described(head: bytes) -> str:
    """Return in words what bytes that are not DICOM look like."""
    if not head:
        return "the file is empty"
    for magic, words in _OTHERS:
        if head.startswith(magic):
            return f"it looks like {words}"
    return "neither DICM nor data elements stand at its start"


class _Glance(Struct, frozen=True):
    """How far elements of one encoding can be followed: `good` of them, `done` when nothing spoke against."""

    good: int
    done: bool


def _glance(data: bytes, size: int, encoding: Encoding) -> _Glance:
    offset, previous, good = 0, -1, 0
    while good < LOOK_AHEAD:
        if offset == size:
            return _Glance(good, good > 0)
        if offset + 8 > len(data):
            return _Glance(good, len(data) < size and good > 0)
        tag, vr, width, length = _raw_header(data, offset, encoding)
        if tag <= previous or tag >> 16 > 0x7FE0 or (not encoding.implicit and vr not in KNOWN_VRS):
            return _Glance(good, False)
        if length == UNDEFINED:
            return _Glance(good + 1, vr in _UNDEFINED_VRS)
        if offset + width + length > size:
            return _Glance(good, False)
        offset, previous, good = offset + width + length, tag, good + 1
    return _Glance(good, True)


def _raw_header(data: bytes, offset: int, encoding: Encoding) -> tuple[int, bytes, int, int]:
    try:
        return header_at(data, offset, encoding)
    except Malformed:
        return (-1, b"", 8, 0)


def told_encoding(data: bytes, size: int, declared: Encoding | None) -> Encoding | None:
    """Return the encoding of a data set: the declared one, unless it does not fit and another does.

    `data` is its beginning, `size` the bytes it has. None when nothing fits and nothing is declared.
    """
    if declared is not None:
        glance = _glance(data, size, declared)
        if glance.done or glance.good >= LOOK_AHEAD:
            return declared
    for candidate in (EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG):
        if _glance(data, size, candidate).done:
            return candidate
    return declared


def bare_data_set(head: bytes, size: int) -> Encoding | None:
    """Return the encoding of a file that begins with a data element of group 8, or None when it does not.

    Three elements in a row must make sense before bytes without DICM are taken for DICOM.
    """
    for encoding, start in (
        (EXPLICIT_LITTLE, b"\x08\x00"),
        (IMPLICIT_LITTLE, b"\x08\x00"),
        (EXPLICIT_BIG, b"\x00\x08"),
    ):
        if head.startswith(start):
            glance = _glance(head, size, encoding)
            if glance.good >= 3 or (glance.done and glance.good > 0 and size > 16):
                return encoding
    return None


DEFLATE_BROKEN = Rule(
    id="MK-SRC-009",
    severity=Severity.ERROR,
    title="the deflated data set cannot be inflated: {why}",
    ref="PS3.5 A.5",
    hint="fetch the file again from where it came from",
)


class Claims:
    """What deflated data sets of several files may still inflate to beyond what real ones do, in bytes."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = MAX_CLAIMED_BYTES


class Inflated:
    """The inflated data set of a stream, at most `MAX_INFLATED_BYTES`.

    Going back a little is free, going back far starts again. `end` is the offset behind the deflated bytes in
    the stream, which others may read in between.
    """

    def __init__(self, stream: Readable, offset: int, claims: Claims) -> None:
        """`offset` is where the deflated bytes begin. Raises Malformed when they are broken or too many."""
        self._stream = stream
        self._claims = claims
        self._offset = offset
        self._part: bytes = b""  # begins at `_at`
        self._before: bytes = b""  # ends there
        self._rewind()
        self.size = 0
        while part := self._next():
            self.size += len(part)
            self._check_claims(len(part))
        self.end = offset + self._taken - len(self._inflater.unused_data)
        self._rewind()

    def _check_claims(self, inflated: int) -> None:
        if self.size > REAL_RATIO * self._taken:
            self._claims.left -= inflated
        if self._claims.left < 0:
            raise Malformed(
                DEFLATE_BROKEN,
                why=f"with others that are deflated more than {REAL_RATIO}:1 it has more than "
                f"{MAX_CLAIMED_BYTES} bytes",
            )

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to an offset from the start."""
        if whence != 0:
            raise ValueError(whence)
        if offset < self._at - len(self._before):
            self._rewind()
        while offset > self._at + len(self._part) and self._turn():
            pass
        self._position = min(offset, self._at + len(self._part))
        return self._position

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes."""
        if self._position == self._at + len(self._part):
            self._turn()
        held, index = self._part, self._position - self._at
        if index < 0:
            held, index = self._before, index + len(self._before)
        part = held[index:] if size < 0 else held[index : index + size]
        self._position += len(part)
        return part

    def _turn(self) -> bool:
        """Hold the next part, and the one that was held before it. Return False at the end."""
        part = self._next()
        if part:
            self._at += len(self._part)
            self._before, self._part = self._part, part
        return bool(part)

    def _rewind(self) -> None:
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self._input = b""
        self._part = b""
        self._before = b""
        self._at = self._position = self._total = self._taken = 0

    def _next(self) -> bytes:
        """Return the next inflated bytes, at most 64 KiB; b"" at the end."""
        while not self._inflater.eof:
            if not self._input:
                self._stream.seek(self._offset + self._taken)
                self._input = self._stream.read(1 << 16)
                self._taken += len(self._input)
            at_end = not self._input
            try:
                part = self._inflater.decompress(self._input, 1 << 16)
            except zlib.error as broken:
                raise Malformed(DEFLATE_BROKEN, why="the stream is damaged") from broken
            self._input = self._inflater.unconsumed_tail
            self._total += len(part)
            if self._total > MAX_INFLATED_BYTES:
                raise Malformed(DEFLATE_BROKEN, why=f"it has more than {MAX_INFLATED_BYTES} bytes")
            if part:
                return part
            if at_end and not self._inflater.eof:
                raise Malformed(DEFLATE_BROKEN, why="it is cut off")
        return b""
