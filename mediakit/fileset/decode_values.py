"""Element headers and values in the encodings a DICOMDIR is met in, turned into Explicit VR Little Endian.

The standard allows only Explicit VR Little Endian (PS3.10 8.6); Implicit VR Little Endian and Explicit VR
Big Endian are met on old media. What cannot be read raises `Unreadable`, which never leaves the decoder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from struct import Struct

from mediakit.dicom.instance import Tag
from mediakit.fileset.record_types import KEYS

UNDEFINED = 0xFFFFFFFF
ITEM: Tag = 0xFFFEE000
ITEM_END: Tag = 0xFFFEE00D
SEQUENCE_END: Tag = 0xFFFEE0DD

#: Sequences nested deeper than this are not followed; real records need two or three levels.
MAX_NESTING = 32

_TEXT_VRS = "AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US"
_LONG_VRS = "OB OD OF OL OV OW SQ SV UC UN UR UT UV"
SHORT_VRS = {vr.encode(): vr for vr in _TEXT_VRS.split()}
_LONG = {vr.encode(): vr for vr in _LONG_VRS.split()}
_SWAP_WIDTH = dict.fromkeys(("AT", "OW", "SS", "US"), 2)
_SWAP_WIDTH |= dict.fromkeys(("FL", "OF", "OL", "SL", "UL"), 4)
_SWAP_WIDTH |= dict.fromkeys(("FD", "OD", "OV", "SV", "UV"), 8)

# Implicit VR leaves the VR to a dictionary. Records are made of these attributes; all else is UN.
_NESTED_VRS = {
    "CS": "0040A010 0040A040 0040A050 00280004 00080060",
    "DA": "0040A121",
    "DS": "0040A30A",
    "DT": "0040A120",
    "IS": "00081160 00280034",
    "LO": "00080104 00080080 00081032 00100021 00180015",
    "LT": "00104000",
    "OW": "00281201 00281202 00281203 7FE00010",
    "PN": "0040A123",
    "SH": "00080100 00080102 00080103",
    "SQ": "00081111 00081115 00081140 00081199 00089092 0040A043 0040A168 0040A300 0040A730 00880200",
    "TM": "0040A122",
    "UI": "00041432 00041510 00041511 00041512 0004151A 00081150 00081155 0020000D 0020000E 0040A124",
    "UL": "00041200 00041202 00041400 00041420 00041504 00041600",
    "US": "00041212 00041410 00280002 00280006 00280010 00280011 00280100 00280101 00280102 00280103 "
    "00281101 00281102 00281103",
    "UT": "0040A160",
}
_IMPLICIT_VR: Mapping[Tag, str] = {
    **{spec.tag: spec.vr for specs in KEYS.values() for spec in specs},
    **{int(tag, 16): vr for vr, tags in _NESTED_VRS.items() for tag in tags.split()},
    **dict.fromkeys((0x00041130, 0x00041141, 0x00041142, 0x00041220, 0x00041430, 0x00041500), "CS"),
    0x00041220: "SQ",
}

_TAG_LE, _TAG_BE = Struct("<HHI"), Struct(">HHI")
ELEMENT_LE, _ELEMENT_BE = Struct("<HH2sH"), Struct(">HH2sH")
_U32_LE, _U32_BE = Struct("<I"), Struct(">I")

ElementHeader = tuple[Tag, str, int, int]  # tag, VR, length, where the value begins


class Unreadable(Exception):  # noqa: N818 - never leaves the decoder
    """The bytes at `at` are no element; caught inside the decoder and told as a finding."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.at = at


@dataclass(slots=True)
class Work:
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


@dataclass(frozen=True, slots=True)
class Encoding:
    """One way to encode a data set. `marker` is how the first element of every record looks in it."""

    name: str
    uid: str
    header: Callable[[bytes, int, int], ElementHeader]
    marker: bytes
    is_big: bool = False

    def tag(self, data: bytes, pos: int) -> tuple[Tag, int]:
        """Return tag and 32 bit length of an item or delimiter; the caller has seen that 8 bytes are left."""
        group, element, length = (_TAG_BE if self.is_big else _TAG_LE).unpack_from(data, pos)
        return group << 16 | element, length

    def plain(self, vr: str, value: bytes) -> bytes:
        """Return a value as it would be in little endian."""
        width = _SWAP_WIDTH.get(vr) if self.is_big else None
        return _swapped(value, width) if width else value


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
    vr = "SQ" if length == UNDEFINED else _IMPLICIT_VR.get(tag, "UN")
    return tag, vr, length, pos + 8


EXPLICIT_LITTLE = Encoding(
    "Explicit VR Little Endian", "1.2.840.10008.1.2.1", _explicit_le, b"\x04\0\0\x14UL\x04\0"
)
IMPLICIT_LITTLE = Encoding(
    "Implicit VR Little Endian", "1.2.840.10008.1.2", _implicit_le, b"\x04\0\0\x14\x04\0\0\0"
)
EXPLICIT_BIG = Encoding(
    "Explicit VR Big Endian", "1.2.840.10008.1.2.2", _explicit_be, b"\0\x04\x14\0UL\0\x04", is_big=True
)


@dataclass(frozen=True, slots=True)
class Source:
    """The bytes that are decoded, how they are encoded, and what may be spent on them."""

    data: bytes
    encoding: Encoding
    work: Work


def encoding_at(data: bytes, pos: int) -> Encoding:
    """Return the encoding that the first element of a data set shows by its bytes."""
    head = data[pos : pos + 6]
    if head[:1] == b"\0" and head[1:2] != b"\0":
        return EXPLICIT_BIG
    return EXPLICIT_LITTLE if head[4:6] in SHORT_VRS or head[4:6] in _LONG else IMPLICIT_LITTLE


def read_sequence(source: Source, pos: int, length: int, limit: int) -> tuple[bytes, int]:
    """Return the items of a sequence in Explicit VR Little Endian, and where the sequence ends.

    Items that are in that encoding already are returned as they stand, without the delimiter of the sequence.
    Otherwise they are written anew with undefined lengths, which needs no second pass. Iterative; raises
    Unreadable for what is no sequence, reaches beyond `limit`, or nests deeper than `MAX_NESTING`.
    """
    is_plain = source.encoding is EXPLICIT_LITTLE
    if length != UNDEFINED and pos + length > limit:
        raise Unreadable(pos)
    if length != UNDEFINED and is_plain:
        return source.data[pos : pos + length], pos + length
    writer = _SequenceWriter(source, limit, stop=None if length == UNDEFINED else pos + length)
    after = writer.run(pos)
    return source.data[pos : after - 8] if is_plain else bytes(writer.out), after


_ITEM_BEGIN = _TAG_LE.pack(0xFFFE, 0xE000, UNDEFINED)
_ITEM_CLOSE = _TAG_LE.pack(0xFFFE, 0xE00D, 0)
_SEQUENCE_CLOSE = _TAG_LE.pack(0xFFFE, 0xE0DD, 0)


@dataclass(slots=True)
class _Level:
    """A sequence or an item that is open; `stop` is None when its length is undefined."""

    is_item: bool
    stop: int | None
    encoding: Encoding


class _SequenceWriter:
    """Walks a sequence and all that is nested in it, once, and writes it in Explicit VR Little Endian."""

    def __init__(self, source: Source, limit: int, *, stop: int | None) -> None:
        self.out = bytearray()
        self._data = source.data
        self._work = source.work
        self._limit = limit
        self._levels = [_Level(is_item=False, stop=stop, encoding=source.encoding)]

    def run(self, pos: int) -> int:
        """Return the position behind the sequence."""
        while self._levels:
            self._work.spend(8, pos)
            level = self._levels[-1]
            if level.stop is not None and pos >= level.stop:
                self._close()
            elif pos + 8 > self._limit:
                raise Unreadable(pos)
            elif level.is_item:
                pos = self._element(pos, level)
            else:
                pos = self._item(pos, level)
        return pos

    def _close(self) -> None:
        level = self._levels.pop()
        if level.is_item:
            self.out += _ITEM_CLOSE
        elif self._levels:
            self.out += _SEQUENCE_CLOSE

    def _open(self, level: _Level) -> None:
        if len(self._levels) >= 2 * MAX_NESTING:
            raise Unreadable(self._limit)
        self._levels.append(level)

    def _end(self, begin: int, length: int) -> int | None:
        if length == UNDEFINED:
            return None
        if begin + length > self._limit:
            raise Unreadable(begin)
        return begin + length

    def _item(self, pos: int, level: _Level) -> int:
        tag, length = level.encoding.tag(self._data, pos)
        if tag == SEQUENCE_END and level.stop is None:
            self._close()
        elif tag == ITEM:
            self._open(_Level(is_item=True, stop=self._end(pos + 8, length), encoding=level.encoding))
            self.out += _ITEM_BEGIN
        else:
            raise Unreadable(pos)
        return pos + 8

    def _element(self, pos: int, level: _Level) -> int:
        tag, vr, length, begin = level.encoding.header(self._data, pos, self._limit)
        if tag == ITEM_END and level.stop is None:
            self._close()
            return begin
        if not vr:
            raise Unreadable(pos)
        end = self._end(begin, length)
        if vr == "SQ" or end is None:
            # PS3.5 6.2.2: a value of VR UN and undefined length is a sequence in Implicit VR Little Endian
            inner = IMPLICIT_LITTLE if vr == "UN" else level.encoding
            self._open(_Level(is_item=False, stop=end, encoding=inner))
            self.out += _element_header(tag, "SQ", UNDEFINED)
            return begin
        self._work.spend(length, pos)
        value = level.encoding.plain(vr, self._data[begin:end])
        if vr in SHORT_VRS.values() and length > 0xFFFE:
            vr = "UN"  # PS3.5 6.2.2: too long for the two bytes of its length
        self.out += _element_header(tag, vr, length) + value
        return end


def _element_header(tag: Tag, vr: str, length: int) -> bytes:
    code = vr.encode("ascii")
    if code in SHORT_VRS:
        return ELEMENT_LE.pack(tag >> 16, tag & 0xFFFF, code, length)
    return ELEMENT_LE.pack(tag >> 16, tag & 0xFFFF, code, 0) + _U32_LE.pack(length)


def _swapped(value: bytes, width: int) -> bytes:
    if len(value) % width:
        return value
    out = bytearray(len(value))
    for i in range(width):
        out[i::width] = value[width - 1 - i :: width]
    return bytes(out)
