"""Element headers and values in the encodings a DICOMDIR is met in, turned into Explicit VR Little Endian.

The standard allows only Explicit VR Little Endian (PS3.10 8.6); Implicit VR Little Endian and Explicit VR
Big Endian are met on old media. What cannot be read raises `Unreadable`, which never leaves the decoder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import BytesIO
from struct import Struct

import msgspec

from mediakit.dicom import elements
from mediakit.dicom.bounded_read import Malformed, Window
from mediakit.dicom.elements import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    UNDEFINED,
    VR_NAMES,
    Encoding,
    skip_undefined,
)
from mediakit.dicom.instance import Tag
from mediakit.dicom.sequences import to_explicit_little
from mediakit.dicom.values import swapped

#: Sequences nested deeper than this are not followed; real records need two or three levels.
MAX_NESTING = 32

SHORT_VRS = {code: VR_NAMES[code] for code in elements.SHORT_VRS}
_LONG = {code: VR_NAMES[code] for code in elements.LONG_VRS}

_TAG_LE, _TAG_BE = Struct("<HHI"), Struct(">HHI")
ELEMENT_LE, _ELEMENT_BE = Struct("<HH2sH"), Struct(">HH2sH")
_U32_LE, _U32_BE = Struct("<I"), Struct(">I")

ElementHeader = tuple[Tag, str, int, int]  # tag, VR, length, where the value begins
HeaderReader = Callable[[bytes, int, int], ElementHeader]


class Unreadable(Exception):  # noqa: N818 - never leaves the decoder
    """The bytes at `at` are no element; caught inside the decoder and told as a finding."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.at = at


class Work(msgspec.Struct):
    """What may still be spent on walking sequences, in bytes.

    A sequence that never ends is walked to the end of the file and then given up. Without a bound, a file of
    nothing else would cost the square of its size.
    """

    left: int

    @classmethod
    def on(cls, size_bytes: int) -> Work:
        """Return the bound for a file of this size: a sound one spends its size at most once."""
        return cls(4 * size_bytes + 0x10000)

    def spend(self, count: int, at: int) -> None:
        """Raise Unreadable when the bound is passed."""
        self.left -= count
        if self.left < 0:
            raise Unreadable(at)


def _explicit_le(data: bytes, pos: int, end: int) -> ElementHeader:
    if pos + 8 > end:
        raise Unreadable(pos)
    group, element, code, length = ELEMENT_LE.unpack_from(data, pos)
    vr = SHORT_VRS.get(code)
    if vr is not None:
        return group << 16 | element, vr, length, pos + 8
    return _explicit_other(data, pos, end, (group << 16 | element, code), _U32_LE)


def _explicit_be(data: bytes, pos: int, end: int) -> ElementHeader:
    if pos + 8 > end:
        raise Unreadable(pos)
    group, element, code, length = _ELEMENT_BE.unpack_from(data, pos)
    vr = SHORT_VRS.get(code)
    if vr is not None:
        return group << 16 | element, vr, length, pos + 8
    return _explicit_other(data, pos, end, (group << 16 | element, code), _U32_BE)


def _explicit_other(data: bytes, pos: int, end: int, seen: tuple[Tag, bytes], u32: Struct) -> ElementHeader:
    tag, code = seen
    if tag >> 16 == 0xFFFE:
        return tag, "", u32.unpack_from(data, pos + 4)[0], pos + 8
    vr = _LONG.get(code)
    if vr is None or pos + 12 > end:
        raise Unreadable(pos)
    return tag, vr, u32.unpack_from(data, pos + 8)[0], pos + 12


def _implicit_le(data: bytes, pos: int, end: int) -> ElementHeader:
    if pos + 8 > end:
        raise Unreadable(pos)
    group, element, length = _TAG_LE.unpack_from(data, pos)
    tag = group << 16 | element
    if group == 0xFFFE:
        return tag, "", length, pos + 8
    vr = "SQ" if length == UNDEFINED else elements.dictionary_vr(tag).decode("ascii")
    return tag, vr, length, pos + 8


_HEADERS: Mapping[Encoding, HeaderReader] = {
    EXPLICIT_LITTLE: _explicit_le,
    IMPLICIT_LITTLE: _implicit_le,
    EXPLICIT_BIG: _explicit_be,
}
# How the first element of every record, (0004,1400), looks.
_MARKERS: Mapping[Encoding, bytes] = {
    EXPLICIT_LITTLE: b"\x04\0\0\x14UL\x04\0",
    IMPLICIT_LITTLE: b"\x04\0\0\x14\x04\0\0\0",
    EXPLICIT_BIG: b"\0\x04\x14\0UL\0\x04",
}


def header_reader(encoding: Encoding) -> HeaderReader:
    """Return what reads the header of an element; it raises Unreadable."""
    return _HEADERS[encoding]


class Source(msgspec.Struct, frozen=True):
    """The bytes that are decoded, how they are encoded, and what may be spent on them."""

    data: bytes
    encoding: Encoding
    work: Work

    @property
    def header(self) -> HeaderReader:
        """Return what reads the header of an element of these bytes."""
        return _HEADERS[self.encoding]

    @property
    def marker(self) -> bytes:
        """Return how the first element of every record looks."""
        return _MARKERS[self.encoding]

    def tag(self, pos: int) -> tuple[Tag, int]:
        """Return tag and 32 bit length of an item or delimiter; the caller has seen that 8 bytes are left."""
        group, element, length = (_TAG_BE if self.encoding.big_endian else _TAG_LE).unpack_from(
            self.data, pos
        )
        return group << 16 | element, length

    def plain(self, vr: str, value: bytes) -> bytes:
        """Return a value as it would be in little endian."""
        return swapped(value, vr.encode("ascii")) if self.encoding.big_endian else value


def encoding_at(data: bytes, pos: int) -> Encoding:
    """Return the encoding that the first element of a data set shows by its bytes."""
    head = data[pos : pos + 6]
    if head[:1] == b"\0" and head[1:2] != b"\0":
        return EXPLICIT_BIG
    return EXPLICIT_LITTLE if head[4:6] in SHORT_VRS or head[4:6] in _LONG else IMPLICIT_LITTLE


def read_sequence(source: Source, pos: int, length: int, limit: int) -> tuple[bytes, int]:
    """Return the items of a sequence in Explicit VR Little Endian, and where the sequence ends.

    Items that are in that encoding already are returned as they stand, without the delimiter of the sequence.
    Iterative; raises Unreadable for what is no sequence, reaches beyond `limit`, or nests deeper than
    `MAX_NESTING`.
    """
    if length == UNDEFINED:
        end = _delimiter_of(source, pos, limit)
        after = end + 8
    else:
        end = after = pos + length
    if end > limit:
        raise Unreadable(pos)
    content = source.data[pos:end]
    if source.encoding is not EXPLICIT_LITTLE:
        source.work.spend(end - pos, pos)
        try:
            content = to_explicit_little(content, source.encoding)
        except Malformed as exc:
            raise Unreadable(pos) from exc
    return content, after


def _delimiter_of(source: Source, pos: int, limit: int) -> int:
    """Return where the delimiter of a sequence of undefined length stands; its first item is at `pos`.

    What has a defined length is passed over without a look.
    """
    window = Window(BytesIO(), limit, source.data)
    try:
        end = skip_undefined(window, pos, source.encoding, MAX_NESTING) - 8
    except Malformed as exc:
        source.work.spend(limit - pos, pos)
        raise Unreadable(pos) from exc
    source.work.spend(end - pos, pos)
    return end
