"""How the elements of a sequence are put together: one bounded pass that decodes no value (PS3.5 7, A.4).

The top level is looked at where it is read (`dataset`); here is what lies inside sequences, and how lengths
and VRs are judged. Bytes that cannot be followed are a fault of the nearest sequence or item whose length is
defined: what stands behind it is read all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from struct import Struct
from typing import Final, NamedTuple

import msgspec

from mediakit.dicom.bounded_read import TRUNCATED, Malformed, Window
from mediakit.dicom.elements import (
    BROKEN,
    IMPLICIT_LITTLE,
    ITEM,
    ITEM_END,
    LONG_VRS,
    MAX_DEPTH,
    SEQUENCE_END,
    SHORT_VRS,
    TOO_DEEP,
    UNDEFINED,
    ElementHeader,
    Encoding,
    dictionary_vr,
    header_at,
    item_header_at,
)
from mediakit.dicom.instance import Breach, Fault, Tag
from mediakit.findings import Rule, Severity
from mediakit.limits import MAX_ELEMENTS

MOST = 16  # faults of one file that are kept

_WIDE: Mapping[bytes, int] = {
    **dict.fromkeys((b"AT", b"FL", b"OF", b"OL", b"SL", b"UL"), 3),
    **dict.fromkeys((b"FD", b"OD", b"OV", b"SV", b"UV"), 7),
}
#: By VR, the bits of a length that must be zero: values are even, and whole numbers of the VR (PS3.5 6.2).
SHORT_MASKS: Final[Mapping[bytes, int]] = {vr: _WIDE.get(vr, 1) for vr in SHORT_VRS}
LONG_MASKS: Final[Mapping[bytes, int]] = {vr: _WIDE.get(vr, 1) for vr in LONG_VRS}

_EXPLICIT = {False: Struct("<HH2sH"), True: Struct(">HH2sH")}
_PLAIN = {False: Struct("<HHI"), True: Struct(">HHI")}
_NO_MASKS: Final[Mapping[bytes, int]] = {}
#: The tag of an item, little endian.
ITEM_START: Final = b"\xfe\xff\x00\xe0"


def length_mask(vr: bytes) -> int:
    """Return the bits that must be zero in the length of a value of some VR; b"" for an implicit one."""
    return SHORT_MASKS.get(vr) or LONG_MASKS.get(vr, 1)


TOO_MANY = Rule(
    id="MK-SRC-015",
    severity=Severity.ERROR,
    title="it has more than {limit} data elements and items",
    ref="PS3.5 7",
    hint="no real instance has so many: the file is damaged or an attack",
)


class Faults:
    """The first faults of one file, and how many more elements may be read of it."""

    __slots__ = ("found", "left")

    def __init__(self) -> None:
        self.found: dict[Fault, None] = {}
        self.left = MAX_ELEMENTS

    def add(self, breach: Breach, tag: Tag) -> None:
        """Keep a fault, unless there are many already."""
        if len(self.found) < MOST:
            self.found[Fault(breach, tag)] = None

    def length(self, tag: Tag, length: int) -> None:
        """Keep the fault of a length that is odd, or else no multiple of what one number of its VR takes."""
        self.add(Breach.ODD_LENGTH if length & 1 else Breach.PART_OF_VALUE, tag)

    def in_order(self, tag: Tag, previous: Tag) -> Tag:
        """Return a tag; keep the fault when it is not higher than the one before it."""
        if tag <= previous:
            self.add(Breach.TWICE if tag == previous else Breach.ORDER, tag)
        return tag

    def header(self, header: ElementHeader, encoding: Encoding) -> None:
        """Keep what is wrong with VR and length of an element."""
        tag, vr, _, length = header
        mask = 1
        if not encoding.implicit:
            known = SHORT_MASKS.get(vr) or LONG_MASKS.get(vr)
            if known is None:
                self.add(Breach.UNKNOWN_VR if vr else Breach.NO_VR, tag)
            else:
                mask = known
        if length & mask and length != UNDEFINED:
            self.length(tag, length)

    def spend(self, count: int) -> None:
        """Count elements that were read. Raises Malformed when there are too many."""
        self.left -= count
        if self.left < 0:
            raise Malformed(TOO_MANY, limit=MAX_ELEMENTS)


class Fragments(NamedTuple):
    """Encapsulated pixel data: the offset behind them, and how many fragments hold bytes."""

    end: int
    full: int


def check_fragments(window: Window, offset: int, tag: Tag, encoding: Encoding, faults: Faults) -> Fragments:
    """Return what encapsulated pixel data come to whose first item, the offset table, is at `offset`.

    Only the headers of the fragments are read. Raises Malformed when a fragment runs past the end of the file
    or the delimiter is missing. Source: PS3.5 A.4.
    """
    full, is_table = 0, True
    while True:
        faults.spend(1)
        item, length = item_header_at(window.peek(offset, 8), 0, encoding)
        offset += 8
        if item == SEQUENCE_END:
            return Fragments(offset, full)
        if item != ITEM or length == UNDEFINED:
            raise Malformed(BROKEN, tag=item, why="a fragment of pixel data was expected")
        if length & 1:
            faults.add(Breach.ODD_FRAGMENT, tag)
        full += length > 0 and not is_table
        is_table = False
        offset += length


def check_sequence(
    window: Window, offset: int, header: ElementHeader, encoding: Encoding, faults: Faults
) -> int:
    """Return the offset behind a sequence whose value begins at `offset`; its faults go to `faults`.

    `encoding` is that of its items. Raises Malformed when the delimiter of a sequence of undefined length is
    missing.
    """
    return _Pass(window, faults).run(offset, header, encoding)


def encoding_inside(header: ElementHeader, encoding: Encoding) -> Encoding:
    """Return how the items of an element are encoded: those of UN, and of one without VR, have no VRs."""
    has_no_vr = not header.vr or (header.vr == b"UN" and header.length == UNDEFINED)
    return IMPLICIT_LITTLE if has_no_vr and not encoding.implicit else encoding


def is_sequence(window: Window, offset: int, header: ElementHeader, encoding: Encoding) -> bool:
    """Return True when an element, whose value begins at `offset`, holds items."""
    tag, vr, _, length = header
    if vr == b"SQ" or length == UNDEFINED:
        return True
    if not encoding.implicit or length < 8 or dictionary_vr(tag) != b"SQ":
        return False
    return window.peek(offset, 4) == ITEM_START


class _Level(msgspec.Struct):
    """A sequence or an item that is open. `end` is -1 when it ends with a delimiter."""

    is_item: bool
    end: int
    limit: int  # no byte beyond this belongs to it
    encoding: Encoding
    tag: Tag  # of the sequence
    previous: Tag = -1  # the last element of an item so far


class _Pass:
    """One pass over a sequence. A file decides neither how deep the stack grows nor how much is held."""

    def __init__(self, window: Window, faults: Faults) -> None:
        self._window = window
        self._faults = faults
        self._levels: list[_Level] = []

    def run(self, offset: int, header: ElementHeader, encoding: Encoding) -> int:
        """Return the offset behind the sequence. Raises Malformed."""
        window, levels = self._window, self._levels
        end = -1 if header.length == UNDEFINED else offset + header.length
        if end > window.size:
            raise Malformed(TRUNCATED, tag=header.tag, missing=end - window.size)
        levels.append(_Level(False, end, window.size if end < 0 else end, encoding, header.tag))
        while levels:
            level = levels[-1]
            try:
                offset = self._elements(level, offset) if level.is_item else self._items(level, offset)
            except Malformed as broken:
                if broken.rule not in {BROKEN, TRUNCATED}:
                    raise
                offset = self._given_up(broken)
        self._faults.spend(0)
        return offset

    def _given_up(self, broken: Malformed) -> int:
        """Return where to go on when an item or a sequence cannot be followed. Raises Malformed."""
        levels = self._levels
        inner = levels[-1].tag
        while levels:
            level = levels.pop()
            if level.end >= 0:
                self._faults.add(Breach.NESTING, inner)
                return level.end
        raise broken

    def _open(self, level: _Level) -> None:
        if len(self._levels) > 2 * MAX_DEPTH:
            raise Malformed(TOO_DEEP, limit=MAX_DEPTH)
        self._levels.append(level)

    def _items(self, level: _Level, offset: int) -> int:
        """Open the next item of a sequence, or close the sequence; return the offset to go on at."""
        window, faults, stop, end_of_level = self._window, self._faults, level.end, level.limit
        unpack = _PLAIN[level.encoding.big_endian].unpack_from
        data, base, last = window.data, window.start, -1
        while offset != stop:
            index = offset - base
            if not 0 <= index <= last:
                index = self._loaded(level, offset)
                data, base = window.data, window.start
                last = min(len(data), end_of_level - base) - 8
                faults.spend(0)
            faults.left -= 1
            group, number, length = unpack(data, index)
            offset += 8
            if group != 0xFFFE or number != 0xE000:
                if group << 16 | number == SEQUENCE_END and stop < 0:
                    break
                raise Malformed(BROKEN, tag=group << 16 | number, why="an item was expected")
            if length:
                end = -1 if length == UNDEFINED else offset + length
                limit = end_of_level if end < 0 else end
                if limit > end_of_level:
                    raise Malformed(TRUNCATED, missing=limit - end_of_level)
                self._open(_Level(True, end, limit, level.encoding, level.tag))
                return offset
        self._levels.pop()
        return offset

    def _loaded(self, level: _Level, offset: int) -> int:
        """Make the header at an offset present; return its index. Raises Malformed where the level ends."""
        if offset + 8 > level.limit:
            raise Malformed(TRUNCATED, missing=offset + 8 - level.limit)
        return self._window.load(offset, min(12, self._window.size - offset))

    def _elements(self, level: _Level, offset: int) -> int:
        """Pass over the elements of an item; return the offset of what is nested in it, or behind it."""
        window, faults, encoding = self._window, self._faults, level.encoding
        end, limit, previous = level.end, level.limit, level.previous
        unpack = _EXPLICIT[encoding.big_endian].unpack_from
        masks = _NO_MASKS if encoding.implicit else SHORT_MASKS
        data, base, last = window.data, window.start, -1
        while offset != end:
            index = offset - base
            if not 0 <= index <= last:
                index = self._loaded(level, offset)
                data, base = window.data, window.start
                last = min(len(data) - 12, limit - base - 8)
                faults.spend(0)
            faults.left -= 1
            group, number, vr, length = unpack(data, index)
            mask = masks.get(vr)
            if mask is None or group == 0xFFFE:
                header = header_at(data, index, encoding)
                if header.tag == ITEM_END and end < 0:
                    offset += 8
                    break
                level.previous = previous = faults.in_order(header.tag, previous)
                offset = self._value(level, offset + header.size, header)
                if self._levels[-1] is not level:
                    return offset
                continue
            tag = group << 16 | number
            if tag <= previous:
                faults.in_order(tag, previous)
            previous = tag
            if length & mask:
                faults.length(tag, length)
            offset += 8 + length
            if offset > limit:
                raise Malformed(TRUNCATED, missing=offset - limit)
        self._levels.pop()
        return offset

    def _value(self, level: _Level, start: int, header: ElementHeader) -> int:
        """Pass over the value at `start`, or open the sequence that it is; return where to go on."""
        tag, vr, _, length = header
        if tag >> 16 == 0xFFFE:
            raise Malformed(BROKEN, tag=tag, why="a delimiter stands where it cannot")
        encoding, inner = level.encoding, encoding_inside(header, level.encoding)
        if length == UNDEFINED and vr[:1] == b"O":
            return check_fragments(self._window, start, tag, encoding, self._faults).end
        end = -1 if length == UNDEFINED else start + length
        if end > level.limit:
            raise Malformed(TRUNCATED, tag=tag, missing=end - level.limit)
        self._faults.header(header, encoding)
        if is_sequence(self._window, start, header, inner):
            self._open(_Level(False, end, level.limit if end < 0 else end, inner, tag))
            return start
        return end
