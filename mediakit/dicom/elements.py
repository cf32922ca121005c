"""Data elements as they lie in bytes: headers of elements, items, nested sequences (PS3.5 7).

Everything here is iterative and checks each length against what is left. No value is interpreted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from struct import Struct
from typing import NamedTuple

from mediakit.dicom.bounded_read import Malformed, Window
from mediakit.dicom.uids import SYNTAXES
from mediakit.findings import Rule, Severity

UNDEFINED = 0xFFFFFFFF
ITEM = 0xFFFEE000
ITEM_END = 0xFFFEE00D
SEQUENCE_END = 0xFFFEE0DD
PIXEL_DATA = 0x7FE00010
MAX_DEPTH = 128  # levels of nesting; the deepest structured reports have about twenty

#: The VRs of PS3.5 Table 6.2-1, as they stand in the bytes; those with a length of 16 bits, then of 32 bits.
SHORT_VRS = frozenset(b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split())
LONG_VRS = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
KNOWN_VRS = SHORT_VRS | LONG_VRS
#: The same as text.
VR_NAMES: Mapping[bytes, str] = {code: code.decode("ascii") for code in KNOWN_VRS}
LONG_VR_NAMES = frozenset(VR_NAMES[code] for code in LONG_VRS)


class Encoding(Enum):
    """How elements are encoded, after inflating: the three forms of PS3.5 Annex A.

    `syntax` is the native transfer syntax that is encoded so, `order` the byte order as `struct` writes it.
    """

    EXPLICIT_LITTLE = ("1.2.840.10008.1.2.1", False, False)
    IMPLICIT_LITTLE = ("1.2.840.10008.1.2", True, False)
    EXPLICIT_BIG = ("1.2.840.10008.1.2.2", False, True)

    def __init__(self, syntax: str, implicit: bool, big_endian: bool) -> None:
        self.syntax = syntax
        self.implicit = implicit
        self.big_endian = big_endian
        self.order = ">" if big_endian else "<"


EXPLICIT_LITTLE = Encoding.EXPLICIT_LITTLE
IMPLICIT_LITTLE = Encoding.IMPLICIT_LITTLE
EXPLICIT_BIG = Encoding.EXPLICIT_BIG


def encoding_of(syntax: str) -> Encoding | None:
    """Return how data sets of a transfer syntax are encoded; None when the transfer syntax is not known."""
    known = SYNTAXES.get(syntax)
    if known is None:
        return None
    if known.implicit:
        return IMPLICIT_LITTLE
    return EXPLICIT_BIG if known.big_endian else EXPLICIT_LITTLE


class _Forms(NamedTuple):
    explicit: Struct
    plain: Struct
    long: Struct


_LITTLE = _Forms(Struct("<HH2sH"), Struct("<HHI"), Struct("<I"))
_BIG = _Forms(Struct(">HH2sH"), Struct(">HHI"), Struct(">I"))


class ElementHeader(NamedTuple):
    """Tag, VR (b"" when the encoding holds none), size of the header and length of the value in bytes."""

    tag: int
    vr: bytes
    size: int
    length: int


def header_at(data: bytes, index: int, encoding: Encoding) -> ElementHeader:
    """Return the element header at an index; at least 8 bytes must be there.

    Items and delimiters have no VR in any encoding. An element without VR in an explicit data set is
    read as implicit: some modalities write single elements so. Raises Malformed.
    """
    forms = _BIG if encoding.big_endian else _LITTLE
    if encoding.implicit:
        group, element, length = forms.plain.unpack_from(data, index)
        return ElementHeader(group << 16 | element, b"", 8, length)
    group, element, vr, length = forms.explicit.unpack_from(data, index)
    tag = group << 16 | element
    if vr in SHORT_VRS:
        return ElementHeader(tag, vr, 8, length)
    if vr in LONG_VRS or (group != 0xFFFE and length == 0 and vr.isalpha() and vr.isupper()):
        if index + 12 > len(data):
            raise Malformed(BROKEN, tag=tag, why="its header is cut off")
        return ElementHeader(tag, vr, 12, forms.long.unpack_from(data, index + 8)[0])
    if group != 0xFFFE and vr.isalpha() and vr.isupper():
        return ElementHeader(tag, vr, 8, length)
    return ElementHeader(tag, b"", 8, forms.long.unpack_from(data, index + 4)[0])


BROKEN = Rule(
    id="MK-SRC-004",
    severity=Severity.ERROR,
    title="the data elements are broken: {why}",
    ref="PS3.5 7",
    hint="fetch the file again from where it came from",
)
TOO_DEEP = Rule(
    id="MK-SRC-005",
    severity=Severity.ERROR,
    title="sequences are nested more than {limit} deep",
    ref="PS3.5 7.5",
    hint="no real instance has so many: the file is damaged or an attack",
)


def element_at(window: Window, offset: int, encoding: Encoding) -> ElementHeader:
    """Return the element header at an offset of a window. Raises Malformed."""
    index = window.load(offset, min(12, max(8, window.size - offset)))
    return header_at(window.data, index, encoding)


def skip_undefined(window: Window, offset: int, encoding: Encoding) -> int:
    """Return the offset behind a sequence of undefined length whose first item is at `offset`.

    Items and sequences of defined length are passed over without a look. Raises Malformed when the
    delimiter is missing.
    """
    stack: list[tuple[bool, Encoding]] = [(True, encoding)]  # (between items?, encoding)
    while stack:
        between, inner = stack[-1]
        tag, vr, size, length = element_at(window, offset, inner)
        offset += size
        if tag in {ITEM_END, SEQUENCE_END}:
            if between != (tag == SEQUENCE_END):
                raise Malformed(BROKEN, tag=tag, why="a delimiter stands where it cannot")
            stack.pop()
        elif between != (tag == ITEM):
            raise Malformed(
                BROKEN, tag=tag, why="an item was expected" if between else "an item stands alone"
            )
        elif length == UNDEFINED:
            stack.append((not between, IMPLICIT_LITTLE if vr == b"UN" else inner))
            if len(stack) > 2 * MAX_DEPTH:
                raise Malformed(TOO_DEEP, limit=MAX_DEPTH)
        else:
            offset += length
    return offset


def skip_fragments(window: Window, offset: int, encoding: Encoding) -> int:
    """Return the offset behind encapsulated pixel data whose first item is at `offset` (PS3.5 A.4).

    Only the headers of the fragments are read. Raises Malformed when a fragment runs past the end of
    the file or the delimiter is missing.
    """
    forms = _BIG if encoding.big_endian else _LITTLE
    while True:
        group, element, length = forms.plain.unpack(window.peek(offset, 8))
        tag = group << 16 | element
        offset += 8
        if tag == SEQUENCE_END:
            return offset
        if tag != ITEM or length == UNDEFINED:
            raise Malformed(BROKEN, tag=tag, why="a fragment of pixel data was expected")
        offset += length


class Kind(Enum):
    """What a step of `walk` has met."""

    ELEMENT = auto()  # with a value; start and end enclose it
    FRAGMENT = auto()  # an item of encapsulated data; start and end enclose its bytes
    SEQUENCE = auto()  # start of a sequence (or encapsulated data); start is its first item
    SEQUENCE_END = auto()  # start is the end of the last item, end is behind the delimiter
    ITEM = auto()  # start is the first byte of the item's tag
    ITEM_END = auto()  # end is behind the delimiter


class Step(NamedTuple):
    """One step of `walk`. `depth` is 0 for the items of the outermost sequence and 1 for their elements."""

    kind: Kind
    depth: int
    tag: int
    vr: bytes
    start: int
    end: int
    encoding: Encoding


@dataclass(slots=True)
class _Level:
    """A sequence or an item that is being walked. `end` is -1 when its length is undefined."""

    is_sequence: bool
    end: int
    limit: int
    encoding: Encoding
    tag: int
    opaque: bool = False


def walk(content: bytes, encoding: Encoding) -> Iterator[Step]:
    """Yield everything inside the content of a sequence: its items, their elements, and what they hold.

    `content` begins with the first item and has no delimiter of its own. VRs of implicit elements come
    from the dictionary. Raises Malformed when a length does not fit or a delimiter is missing.
    """
    stack = [_Level(True, len(content), len(content), encoding, 0)]
    offset = 0
    while True:
        level = stack[-1]
        depth = len(stack) - 1
        if offset == level.end:
            stack.pop()
            if not stack:
                return
            yield _closed(level, depth, offset, offset)
            continue
        if offset + 8 > level.limit:
            raise Malformed(BROKEN, tag=level.tag, why="a sequence ends too early")
        found = header_at(content, offset, level.encoding)
        if level.end < 0 and found.tag == (SEQUENCE_END if level.is_sequence else ITEM_END):
            stack.pop()
            yield _closed(level, depth, offset, offset + 8)
            offset += 8
            continue
        step, below = _entered(level, found, offset, depth)
        yield step
        offset = step.end
        if below is not None:
            stack.append(below)
            if depth > 2 * MAX_DEPTH:
                raise Malformed(TOO_DEEP, limit=MAX_DEPTH)


def _closed(level: _Level, depth: int, start: int, end: int) -> Step:
    kind = Kind.SEQUENCE_END if level.is_sequence else Kind.ITEM_END
    return Step(kind, depth - 1, level.tag, b"", start, end, level.encoding)


def _entered(level: _Level, found: ElementHeader, offset: int, depth: int) -> tuple[Step, _Level | None]:
    """Return the step for an element or item, and the level it opens if it opens one."""
    tag, vr, size, length = found
    start = offset + size
    end = -1 if length == UNDEFINED else start + length
    if max(start, end) > level.limit:
        raise Malformed(BROKEN, tag=tag, why="a nested value is longer than what holds it")
    if level.is_sequence:
        if tag != ITEM:
            raise Malformed(BROKEN, tag=tag, why="an item was expected")
        if level.opaque:
            if end < 0:
                raise Malformed(BROKEN, tag=tag, why="a fragment has no length")
            return Step(Kind.FRAGMENT, depth, tag, vr, start, end, level.encoding), None
        below = _Level(False, end, level.limit if end < 0 else end, level.encoding, tag)
        return Step(Kind.ITEM, depth, tag, b"", offset, start, level.encoding), below
    if tag >> 16 == 0xFFFE:
        raise Malformed(BROKEN, tag=tag, why="an item or delimiter stands where it cannot")
    inner = level.encoding
    if vr in {b"", b"UN"} and not level.encoding.implicit and end < 0:
        inner = IMPLICIT_LITTLE  # PS3.5 6.2.2: UN of undefined length holds Implicit VR Little Endian
    if vr == b"":
        vr = b"SQ" if end < 0 else dictionary_vr(tag)
        inner = level.encoding if level.encoding.implicit else IMPLICIT_LITTLE
    if end < 0 or vr == b"SQ":
        below = _Level(True, end, level.limit if end < 0 else end, inner, tag, vr[:1] == b"O")
        return Step(Kind.SEQUENCE, depth, tag, vr, start, start, inner), below
    return Step(Kind.ELEMENT, depth, tag, vr, start, end, inner), None


@lru_cache(maxsize=4096)
def dictionary_vr(tag: int) -> bytes:
    """Return the VR of a tag by the dictionary, b"UN" when it has none.

    Where the dictionary allows several, the one that holds any value: OW for words, US for numbers.
    """
    from pydicom.datadict import dictionary_has_tag, dictionary_VR  # noqa: PLC0415 - start-up time

    group, element = tag >> 16, tag & 0xFFFF
    if element == 0:
        return b"UL"
    if group % 2:
        return b"LO" if 0x10 <= element <= 0xFF else b"UN"
    if not dictionary_has_tag(tag):
        return b"UN"
    vr = dictionary_VR(tag)
    if " or " in vr:
        return b"OW" if "OW" in vr else b"US"
    return vr.encode("ascii") if vr != "NONE" else b"UN"
