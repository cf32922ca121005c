"""Step through the bytes of a data set, in any native encoding, without decoding a value.

Nothing here opens, allocates by a length that the bytes claim, or recurses: nesting is a list, so a file
cannot choose how deep the stack grows. What the elements mean is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from struct import Struct

from mediakit.dicom.elements import (
    ITEM,
    ITEM_END,
    LONG_VRS,
    PIXEL_DATA,
    SEQUENCE_END,
    SHORT_VRS,
    UNDEFINED,
    VR_NAMES,
    Encoding,
)

_LITTLE = (Struct("<HH"), Struct("<H"), Struct("<L"))
_BIG = (Struct(">HH"), Struct(">H"), Struct(">L"))


class Step(Enum):
    """What the walk has come to."""

    ELEMENT = auto()  # an element with a value of defined length
    FRAGMENTS = auto()  # encapsulated pixel data: `start` to `end` are its items, without the delimiter
    SEQUENCE = auto()
    ITEM = auto()
    ITEM_CLOSED = auto()
    SEQUENCE_CLOSED = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """One step. `at` is where its header starts, `start` to `end` its value, `next` where the walk goes on.

    For SEQUENCE and ITEM `end` is -1 when the length is undefined. `depth` is 0 at the top level.
    """

    step: Step
    tag: int
    vr: str
    at: int
    start: int
    end: int
    next: int
    depth: int
    encoding: Encoding


class Unwalkable(Exception):  # noqa: N818 - an answer about the bytes, caught by `part10`
    """The bytes are not a data set: why, and at which byte."""

    def __init__(self, why: str, at: int) -> None:
        super().__init__(f"{why} at byte {at}")
        self.why = why
        self.at = at


#: Gives the VR of an element of an implicit encoding: (depth, tag, first bytes of the value, length).
VrOf = Callable[[int, int, bytes, int], str]


@dataclass(slots=True)
class _Level:
    is_item: bool
    end: int  # -1: ends with its delimiter
    limit: int  # no byte beyond this belongs to it
    encoding: Encoding


@dataclass(frozen=True, slots=True)
class _ElementHead:
    tag: int
    vr: str
    length: int
    start: int


def _opaque(depth: int, tag: int, head: bytes, length: int) -> str:
    """Take an implicit element of undefined length for a sequence, everything else for bytes."""
    del depth, tag, head
    return "SQ" if length == UNDEFINED else "UN"


class Walker:
    """A walk over the elements in `view`, from `at` on."""

    def __init__(self, view: memoryview, encoding: Encoding, vr_of: VrOf = _opaque, at: int = 0) -> None:
        self._view = view
        self._vr_of = vr_of
        self._pos = at
        self._levels = [_Level(is_item=True, end=len(view), limit=len(view), encoding=encoding)]

    @property
    def depth(self) -> int:
        """Return how many sequences and items are open."""
        return len(self._levels) - 1

    def __iter__(self) -> Iterator[Token]:
        """Yield every step until the bytes end. Raises `Unwalkable`."""
        while True:
            level = self._levels[-1]
            if level.end >= 0 and self._pos >= level.end:
                if len(self._levels) == 1:
                    return
                yield self._close(self._pos)
            elif not level.is_item:
                yield self._item(level)
            elif len(self._levels) == 1 and self._only_zeros():
                return  # some writers fill the last block with zeros
            else:
                yield self._element(level)

    def _only_zeros(self) -> bool:
        return not any(self._view[self._pos : self._pos + 8]) and not any(self._view[self._pos :])

    def _close(self, next_: int) -> Token:
        level = self._levels.pop()
        at, self._pos = self._pos, next_
        step = Step.ITEM_CLOSED if level.is_item else Step.SEQUENCE_CLOSED
        return Token(step, 0, "", at, at, at, next_, self.depth, level.encoding)

    def _tag(self, at: int, level: _Level) -> int:
        if at + 8 > level.limit:
            raise Unwalkable("an element header is cut off", at)
        pair = (_BIG if level.encoding is Encoding.EXPLICIT_BIG else _LITTLE)[0]
        group, element = pair.unpack_from(self._view, at)
        return int(group) << 16 | int(element)

    def _long(self, at: int, level: _Level) -> int:
        if at + 4 > level.limit:
            raise Unwalkable("an element header is cut off", at)
        number = (_BIG if level.encoding is Encoding.EXPLICIT_BIG else _LITTLE)[2]
        return int(number.unpack_from(self._view, at)[0])

    def _item(self, level: _Level) -> Token:
        at = self._pos
        tag = self._tag(at, level)
        length = self._long(at + 4, level)
        if tag == SEQUENCE_END and level.end < 0:
            return self._close(at + 8)
        if tag != ITEM:
            raise Unwalkable("a sequence holds something that is not an item", at)
        return self._open(Step.ITEM, _ElementHead(tag, "", length, at + 8), level)

    def _element(self, level: _Level) -> Token:
        at = self._pos
        tag = self._tag(at, level)
        if tag == ITEM_END and level.end < 0:
            return self._close(at + 8)
        if tag >> 16 == 0xFFFE:
            raise Unwalkable("an item or delimiter stands where an element must be", at)
        head = self._head(tag, at, level)
        if head.length == UNDEFINED and tag == PIXEL_DATA and head.vr in {"OB", "OW", "UN"}:
            end = self._fragments_end(head.start, level)
            self._pos = end + 8
            return Token(
                Step.FRAGMENTS, tag, "OB", at, head.start, end, self._pos, self.depth, level.encoding
            )
        if head.vr == "SQ" or (head.length == UNDEFINED and head.vr == "UN"):
            return self._open(Step.SEQUENCE, head, level)
        if head.length == UNDEFINED:
            raise Unwalkable(f"undefined length in an element of VR {head.vr}", at)
        end = head.start + head.length
        if end > level.limit:
            raise Unwalkable("the value of an element is cut off", at)
        self._pos = end
        return Token(Step.ELEMENT, tag, head.vr, at, head.start, end, end, self.depth, level.encoding)

    def _open(self, step: Step, head: _ElementHead, level: _Level) -> Token:
        at = self._pos
        end = -1 if head.length == UNDEFINED else head.start + head.length
        if end > level.limit:
            raise Unwalkable("a sequence or item is cut off", at)
        # A sequence that claims VR UN is Implicit VR Little Endian inside (PS3.5 6.2.2).
        encoding = Encoding.IMPLICIT_LITTLE if head.vr == "UN" else level.encoding
        token = Token(step, head.tag, head.vr, at, head.start, end, head.start, self.depth, level.encoding)
        limit = level.limit if end < 0 else end
        self._levels.append(_Level(step is Step.ITEM, end, limit, encoding))
        self._pos = head.start
        return token

    def _head(self, tag: int, at: int, level: _Level) -> _ElementHead:
        if level.encoding is Encoding.IMPLICIT_LITTLE:
            length = self._long(at + 4, level)
            first = bytes(self._view[at + 8 : at + 12])
            return _ElementHead(tag, self._vr_of(self.depth, tag, first, length), length, at + 8)
        code = bytes(self._view[at + 4 : at + 6])
        if code in LONG_VRS:
            return _ElementHead(tag, VR_NAMES[code], self._long(at + 8, level), at + 12)
        if code not in SHORT_VRS:
            raise Unwalkable("an element has no known VR", at)
        short = (_BIG if level.encoding is Encoding.EXPLICIT_BIG else _LITTLE)[1]
        return _ElementHead(tag, VR_NAMES[code], int(short.unpack_from(self._view, at + 6)[0]), at + 8)

    def _fragments_end(self, at: int, level: _Level) -> int:
        while True:
            tag, length = self._tag(at, level), self._long(at + 4, level)
            if tag == SEQUENCE_END:
                return at
            if tag != ITEM or length == UNDEFINED:
                raise Unwalkable("encapsulated pixel data hold something that is not a fragment", at)
            if at + 8 + length > level.limit:
                raise Unwalkable("a fragment is cut off", at)
            at += 8 + length
