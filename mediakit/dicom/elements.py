"""Data elements as they lie in bytes: encodings, VRs, the headers of elements and items (PS3.5 7, A).

Everything here is iterative and checks each length against what is left. No value is interpreted.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from functools import lru_cache
from struct import Struct
from typing import NamedTuple

from mediakit.dicom.bounded_read import TRUNCATED, Malformed, Window
from mediakit.dicom.uids import (
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    SYNTAXES,
)
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

    EXPLICIT_LITTLE = (EXPLICIT_VR_LITTLE_ENDIAN, False, False)
    IMPLICIT_LITTLE = (IMPLICIT_VR_LITTLE_ENDIAN, True, False)
    EXPLICIT_BIG = (EXPLICIT_VR_BIG_ENDIAN, False, True)

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


def header_at(data: bytes | memoryview, index: int, encoding: Encoding) -> ElementHeader:
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
    if group == 0xFFFE:  # first of all: half of a length can look like a VR
        return ElementHeader(tag, b"", 8, forms.long.unpack_from(data, index + 4)[0])
    if vr in SHORT_VRS:
        return ElementHeader(tag, vr, 8, length)
    if vr in LONG_VRS or (length == 0 and vr.isalpha() and vr.isupper()):
        if index + 12 > len(data):
            raise Malformed(BROKEN, tag=tag, why="its header is cut off")
        return ElementHeader(tag, vr, 12, forms.long.unpack_from(data, index + 8)[0])
    if (vr.isalpha() and vr.isupper()) or (length and min(vr) >= 0x20 and max(vr) < 0x7F):
        return ElementHeader(tag, vr, 8, length)  # no VR of any edition, in the form that most have
    return ElementHeader(tag, b"", 8, forms.long.unpack_from(data, index + 4)[0])


def item_header_at(data: bytes | memoryview, index: int, encoding: Encoding) -> tuple[int, int]:
    """Return tag and length of an item or delimiter at an index; 8 bytes must be there."""
    group, element, length = (_BIG if encoding.big_endian else _LITTLE).plain.unpack_from(data, index)
    return group << 16 | element, length


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


def skip_undefined(window: Window, offset: int, encoding: Encoding, max_depth: int = MAX_DEPTH) -> int:
    """Return the offset behind a sequence of undefined length whose first item is at `offset`.

    Items and sequences of defined length are passed over without a look. Raises Malformed when the
    delimiter is missing.
    """
    stack: list[tuple[bool, Encoding]] = [(True, encoding)]  # (between items?, encoding)
    while stack:
        between, inner = stack[-1]
        if offset + 8 > window.size:  # the window may hold more than what is to be walked
            raise Malformed(TRUNCATED, missing=offset + 8 - window.size)
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
            if len(stack) > 2 * max_depth:
                raise Malformed(TOO_DEEP, limit=max_depth)
        else:
            offset += length
    return offset


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


@lru_cache(maxsize=4096)
def dictionary_vrs(tag: int) -> frozenset[str]:
    """Return the VRs that the dictionary allows a tag; none for private elements and unknown ones."""
    from pydicom.datadict import dictionary_has_tag, dictionary_VR  # noqa: PLC0415 - start-up time

    if tag & 0xFFFF == 0 or tag >> 16 & 1 or not dictionary_has_tag(tag):
        return frozenset()
    return frozenset(dictionary_VR(tag).split(" or ")) - {"NONE"}
