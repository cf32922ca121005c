"""Step through the bytes of a data set or of a sequence, in any native encoding, without decoding a value.

The one walk over nested elements. It is bounded by the bytes it is given, costs one step for each element,
and keeps its nesting in a list, so a file cannot choose how deep the stack grows. What the elements mean is
not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum, auto
from typing import NamedTuple

from msgspec import Struct

from mediakit.dicom.bounded_read import Malformed
from mediakit.dicom.elements import (
    BROKEN,
    IMPLICIT_LITTLE,
    ITEM,
    ITEM_END,
    MAX_DEPTH,
    PIXEL_DATA,
    SEQUENCE_END,
    TOO_DEEP,
    UNDEFINED,
    VR_NAMES,
    ElementHeader,
    Encoding,
    dictionary_vr,
    header_at,
    item_header_at,
)
from mediakit.findings import Detail, Rule


class Step(Enum):
    """What the walk has come to."""

    ELEMENT = auto()  # an element with a value of defined length
    FRAGMENTS = auto()  # encapsulated pixel data: `start` to `end` are its items, without the delimiter
    SEQUENCE = auto()
    ITEM = auto()
    ITEM_CLOSED = auto()
    SEQUENCE_CLOSED = auto()


class Token(NamedTuple):
    """One step. `at` is where its header starts, `start` to `end` its value, `next` where the walk goes on.

    For SEQUENCE and ITEM `end` is -1 when the length is undefined. `depth` is 0 for what is not nested in the
    bytes that are walked. `encoding` is that of the header.
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


class Unwalkable(Malformed):
    """The bytes are not a data set: why, and at which byte. The only error of a walk."""

    def __init__(
        self, why: str, at: int, *, tag: int | None = None, rule: Rule = BROKEN, **detail: Detail
    ) -> None:
        super().__init__(rule, tag=tag, **(detail or {"why": why}))
        self.why = why
        self.at = at

    def __str__(self) -> str:
        """Return the reason with its place."""
        return f"{self.why} at byte {self.at}"


#: Gives the VR of an element of an implicit encoding: (depth, tag, first bytes of the value, length).
VrOf = Callable[[int, int, bytes, int], str]


def as_bytes(depth: int, tag: int, head: bytes, length: int) -> str:
    """Take an implicit element of undefined length for a sequence, everything else for bytes."""
    del depth, tag, head
    return "SQ" if length == UNDEFINED else "UN"


def by_dictionary(depth: int, tag: int, head: bytes, length: int) -> str:
    """Take an implicit element for what the dictionary says, one of undefined length for a sequence."""
    del depth, head
    return "SQ" if length == UNDEFINED else dictionary_vr(tag).decode("ascii")


class _Level(Struct):
    is_item: bool
    end: int  # -1: ends with its delimiter
    limit: int  # no byte beyond this belongs to it
    encoding: Encoding
    tag: int


class Walker:
    """A walk over the elements in `view`, or over the items when the bytes are the content of a sequence.

    One who only reads is `lenient`: elements without VR are read as implicit, and a VR that no edition knows
    by the form of its length; some modalities write such. One who writes elements again is not, and carries
    over whatever depth a file has.
    """

    def __init__(
        self,
        view: bytes | memoryview,
        encoding: Encoding,
        vr_of: VrOf = as_bytes,
        *,
        of_items: bool = False,
        lenient: bool = False,
        begin: int = 0,
    ) -> None:
        """Walk from the element or item at `begin` on."""
        self._view = view
        self._vr_of = vr_of
        self._lenient = lenient
        self._of_items = of_items
        self._begin = begin
        self._levels = [_Level(not of_items, len(view), len(view), encoding, 0)]

    def __iter__(self) -> Iterator[Token]:
        """Yield every step until the bytes end. Raises `Unwalkable`."""
        levels, view, at = self._levels, self._view, self._begin
        while levels:
            level = levels[-1]
            if at == level.end:
                levels.pop()
                if levels:
                    yield self._closed(level, at, at)
                continue
            if len(levels) == 1 and not self._of_items and self._is_padding(at):
                return
            if at + 8 > level.limit:
                raise Unwalkable("an element header is cut off", at)
            try:
                found = header_at(view, at, level.encoding)
            except Malformed as exc:
                raise Unwalkable("an element header is cut off", at, tag=exc.tag) from exc
            if level.end < 0 and found.tag == (ITEM_END if level.is_item else SEQUENCE_END):
                levels.pop()
                yield self._closed(level, at, at + 8)
                at += 8
                continue
            token, below = self._entered(level, found, at)
            yield token
            at = token.next
            if below is not None:
                levels.append(below)
                if self._lenient and len(levels) > 2 * MAX_DEPTH + 1:
                    raise Unwalkable(
                        f"sequences are nested more than {MAX_DEPTH} deep", at, rule=TOO_DEEP, limit=MAX_DEPTH
                    )

    def _is_padding(self, at: int) -> bool:
        """Return True when only zeros follow: some writers fill the last block with them."""
        return not any(self._view[at : at + 8]) and not any(self._view[at:])

    def _closed(self, level: _Level, at: int, behind: int) -> Token:
        step = Step.ITEM_CLOSED if level.is_item else Step.SEQUENCE_CLOSED
        return Token(step, level.tag, "", at, at, at, behind, len(self._levels) - 1, level.encoding)

    def _entered(self, level: _Level, found: ElementHeader, at: int) -> tuple[Token, _Level | None]:
        """Return the token of an item or element, and the level that it opens if it opens one."""
        tag, _, size, length = found
        encoding, depth, start = level.encoding, len(self._levels) - 1, at + size
        end = -1 if length == UNDEFINED else start + length
        if start > level.limit or end > level.limit:
            what = "the value of an element" if level.is_item else "a sequence or item"
            raise Unwalkable(f"{what} is cut off", at, tag=tag)
        limit = level.limit if end < 0 else end
        if not level.is_item:
            if tag != ITEM:
                raise Unwalkable("a sequence holds something that is not an item", at, tag=tag)
            token = Token(Step.ITEM, tag, "", at, start, end, start, depth, encoding)
            return token, _Level(True, end, limit, encoding, tag)
        if tag >> 16 == 0xFFFE:
            raise Unwalkable("an item or delimiter stands where an element must be", at, tag=tag)
        vr, inner = self._vr(level, found, at)
        if end < 0 and (vr[0] == "O" or (tag == PIXEL_DATA and vr == "UN")):
            end = self._fragments_end(start, level)
            return Token(Step.FRAGMENTS, tag, "OB", at, start, end, end + 8, depth, encoding), None
        if vr == "SQ" or end < 0:
            token = Token(Step.SEQUENCE, tag, vr, at, start, end, start, depth, encoding)
            return token, _Level(False, end, limit, inner, tag)
        return Token(Step.ELEMENT, tag, vr, at, start, end, end, depth, inner), None

    def _vr(self, level: _Level, found: ElementHeader, at: int) -> tuple[str, Encoding]:
        """Return the VR of an element, and the encoding of what it holds."""
        tag, code, size, length = found
        if level.encoding.implicit:
            head = bytes(self._view[at + size : at + size + 4])
            return self._vr_of(len(self._levels) - 1, tag, head, length), level.encoding
        vr = VR_NAMES.get(code)
        if vr is None:
            if not self._lenient:
                raise Unwalkable("an element has no known VR", at, tag=tag)
            if code:
                return code.decode("ascii"), level.encoding
            return by_dictionary(0, tag, b"", length), IMPLICIT_LITTLE
        if length != UNDEFINED or vr == "SQ":
            return vr, level.encoding
        if vr == "UN":  # PS3.5 6.2.2: holds Implicit VR Little Endian
            return vr, IMPLICIT_LITTLE
        if not self._lenient and (tag != PIXEL_DATA or vr not in {"OB", "OW"}):
            raise Unwalkable(f"undefined length in an element of VR {vr}", at, tag=tag)
        return vr, level.encoding

    def _fragments_end(self, at: int, level: _Level) -> int:
        """Return where the delimiter of encapsulated pixel data stands (PS3.5 A.4)."""
        while at + 8 <= level.limit:
            tag, length = item_header_at(self._view, at, level.encoding)
            if tag == SEQUENCE_END:
                return at
            if tag != ITEM or length == UNDEFINED:
                raise Unwalkable("encapsulated pixel data hold something that is not a fragment", at, tag=tag)
            at += 8 + length
        raise Unwalkable("a fragment is cut off", at)
