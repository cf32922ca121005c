"""The top level of a data set: which elements are there, where pixel data lie, whether the file is whole.

This is the plain way that works for every encoding; `layout` is the quick way for files like the last ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from struct import Struct
from typing import NamedTuple

import msgspec

from mediakit.dicom.bounded_read import TRUNCATED, Malformed, Window
from mediakit.dicom.elements import (
    BROKEN,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    KNOWN_VRS,
    UNDEFINED,
    ElementHeader,
    Encoding,
    dictionary_vr,
    element_at,
    header_at,
)
from mediakit.dicom.instance import Breach, Fault, Note, Tag
from mediakit.dicom.sequences import concept_modifiers, find_inside, to_explicit_little
from mediakit.dicom.structure import (
    LONG_MASKS,
    SHORT_MASKS,
    TOO_MANY,
    Faults,
    check_fragments,
    check_sequence,
    encoding_inside,
    is_sequence,
)
from mediakit.dicom.values import converted, swapped
from mediakit.dicom.walk import Unwalkable
from mediakit.dicom.wanted import CONTENT_SEQUENCE, SHARED_GROUPS, WANTED_INSIDE
from mediakit.findings import Rule, Severity
from mediakit.limits import MAX_TOP_LEVEL

PIXEL_TAGS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
PIXEL_VRS = frozenset({b"OB", b"OW", b"OF", b"OD", b"UN"})
MAX_VALUE = 1 << 20  # bytes of a wanted value that is not a sequence
NOT_HERE = frozenset({0x0000, 0xFFFE})  # groups that cannot stand at the top level of a data set

_FILE_START = b"DICM\x02\x00"  # behind a preamble
_EXPLICIT = Struct("<HH2sH")


class Extent(msgspec.Struct, frozen=True):
    """What the elements of a data set come to: its faults, and where the last one ends."""

    faults: tuple[Fault, ...]
    end: int


def extent_of(window: Window, encoding: Encoding) -> Extent:
    """Return the faults of a whole data set, which is all of the window, and its end. Raises Malformed."""
    found = read_elements(window, 0, encoding, {})
    end = found.end
    if found.pixels is not None:
        end = check_to_the_end(window, found.pixels, encoding, found.faults).offset
    return Extent(tuple(found.faults.found), end)


class PixelElement(NamedTuple):
    """The pixel data element: where its value begins, and its length in bytes (None: encapsulated)."""

    tag: Tag
    offset: int
    length: int | None


class Found(msgspec.Struct):
    """What the top level of a data set holds, up to pixel data.

    `end` is the offset behind the last element that was read. `plain`: every wanted value was a mere
    copy of bytes, and no element had an undefined length.
    """

    values: dict[Tag, bytes] = msgspec.field(default_factory=dict)
    shared: dict[Tag, bytes] = msgspec.field(default_factory=dict)
    pixels: PixelElement | None = None
    end: int = 0
    odd_vr: bool = False
    plain: bool = True
    faults: Faults = msgspec.field(default_factory=Faults)
    tail: Note | None = None  # what lies behind the last element, when there are no pixel data


VALUE_TOO_LONG = Rule(
    id="MK-SRC-006",
    severity=Severity.ERROR,
    title="the value is {length} bytes long, more than any value of this element can be",
    ref="PS3.5 6.2",
    hint="fetch the file again from where it came from",
)


def read_elements(  # noqa: C901, PLR0912, PLR0915 - the hot loop: each branch taken out costs a call per element
    window: Window, offset: int, encoding: Encoding, wanted: Mapping[Tag, bytes]
) -> Found:
    """Read the top-level elements from `offset` to pixel data or the end of the file. Raises Malformed.

    `wanted` maps tags to VRs. When a tag is there twice the last one counts, as for other readers.
    """
    found = Found()
    faults = found.faults
    quick, is_implicit = encoding == EXPLICIT_LITTLE, encoding.implicit
    size, data, base = window.size, window.data, window.start
    last = len(data) - 12
    previous, count = -1, 0
    while offset < size:
        index = offset - base
        if index > last:
            if size - offset < 8:
                break
            index = window.load(offset, min(12, size - offset))
            data, base = window.data, window.start
            last = len(data) - 12
            if count > MAX_TOP_LEVEL:
                raise Malformed(TOO_MANY, limit=MAX_TOP_LEVEL)
        mask = None
        if quick:  # the common case, without the cost of a call
            group, element, vr, length = _EXPLICIT.unpack_from(data, index)
            tag, width = group << 16 | element, 8
            mask = SHORT_MASKS.get(vr)
        if mask is None:
            tag, vr, width, length = header_at(data, index, encoding)
            holds_items = vr == b"SQ" or (is_implicit and dictionary_vr(tag) == b"SQ")
            mask = None if holds_items or length == UNDEFINED else 1 if is_implicit else LONG_MASKS.get(vr)
        if tag in PIXEL_TAGS:
            faults.in_order(tag, previous)
            if not is_implicit and vr not in PIXEL_VRS:
                faults.add(Breach.PIXEL_VR, tag)
            found.pixels = PixelElement(tag, offset + width, None if length == UNDEFINED else length)
            break
        if tag >> 16 in NOT_HERE:
            break
        if tag <= previous:
            faults.in_order(tag, previous)
        previous = tag
        count += 1
        expected = wanted.get(tag)
        stop = index + width + length
        if mask is not None and length & mask:
            faults.length(tag, length)
        if mask is not None and expected is None:
            offset += width + length
        elif quick and vr == expected != b"SQ" and stop <= last and not length & 1:
            found.values[tag] = data[index + width : stop]
            offset += width + length
        else:
            header = ElementHeader(tag, vr, width, length)
            offset = _take(window, offset + width, header, encoding, wanted, found)
            data, base = window.data, window.start
            last = len(data) - 12
        if offset > size:
            raise _cut_off(ElementHeader(tag, vr, width, length), encoding, offset - size)
    found.end = offset
    if found.pixels is None:
        found.tail = tail_of(window, offset, faults)
        if found.tail is Note.TRAILING:
            raise Malformed(BROKEN, why="what follows the last element is not an element")
    return found


def _take(
    window: Window,
    start: int,
    header: ElementHeader,
    encoding: Encoding,
    wanted: Mapping[Tag, bytes],
    found: Found,
) -> int:
    """Put one element into `found` when it is wanted; return the offset behind it."""
    tag, vr, _, length = header
    without_vr = vr == b"" and not encoding.implicit
    found.faults.header(header, encoding)
    if length != UNDEFINED and start + length > window.size:
        raise _cut_off(header, encoding, start + length - window.size)
    stop, behind = _extent(window, start, header, encoding, found.faults)
    found.plain = found.plain and length != UNDEFINED
    expected = wanted.get(tag)
    if expected is None:
        return behind
    inner = IMPLICIT_LITTLE if vr == b"UN" or without_vr else encoding
    if expected != b"UN" and (vr not in {expected, b""} or without_vr):
        found.odd_vr, found.plain = True, False
    found.values.pop(tag, None)
    if expected == b"SQ":
        if vr in {b"SQ", b"UN", b""}:
            try:
                _take_sequence(tag, _content(window, start, stop), inner, found)
            except Unwalkable:
                found.faults.add(Breach.NESTING, tag)  # what stands behind it can be read
    elif length != UNDEFINED:
        if length > MAX_VALUE:
            raise Malformed(VALUE_TOO_LONG, tag=tag, length=length)
        value = _value(_content(window, start, stop), vr or expected, expected, encoding)
        if value is not None:
            found.values[tag] = value
    return behind


UNKNOWN_VR = Rule(
    id="MK-SRC-014",
    severity=Severity.ERROR,
    title="its VR is {vr}, which no edition of the standard knows: the length of its value is not certain",
    ref="PS3.5 6.2",
    hint="have the system that wrote the file fixed",
)


def _cut_off(header: ElementHeader, encoding: Encoding, missing: int) -> Malformed:
    """Return why an element ends behind the file. Where its VR is not known, bytes need not be missing."""
    tag, vr, _, length = header
    code = vr or length.to_bytes(4, "big" if encoding.big_endian else "little")[:2]
    if not encoding.implicit and vr not in KNOWN_VRS:
        is_text = all(0x20 <= byte < 0x7F for byte in code)
        shown = f'"{code.decode("ascii")}"' if is_text else " ".join(f"{byte:02X}H" for byte in code)
        return Malformed(UNKNOWN_VR, tag=tag, vr=shown)
    return Malformed(TRUNCATED, tag=tag, missing=missing)


def _extent(
    window: Window, start: int, header: ElementHeader, encoding: Encoding, faults: Faults
) -> tuple[int, int]:
    """Return the end of a value and the offset behind its element; they differ by a delimiter."""
    inner = encoding_inside(header, encoding)
    if header.length == UNDEFINED:
        if header.vr[:1] == b"O":
            behind = check_fragments(window, start, header.tag, encoding, faults).end
        else:
            behind = check_sequence(window, start, header, inner, faults)
        return behind - 8, behind
    if is_sequence(window, start, header, inner):
        check_sequence(window, start, header, inner, faults)
    return start + header.length, start + header.length


def _value(value: bytes, vr: bytes, expected: bytes, encoding: Encoding) -> bytes | None:
    """Return a value in the VR and byte order that `Header` promises; None when it cannot be."""
    if encoding.big_endian:
        value = swapped(value, vr)
    return value if expected in {vr, b"UN"} else converted(value, vr, expected)


def _take_sequence(tag: Tag, content: bytes, encoding: Encoding, found: Found) -> None:
    """Put a wanted sequence into `found`, in the form that `Header` promises."""
    if tag == SHARED_GROUPS:
        found.plain = False
        found.shared = find_inside(content, encoding, WANTED_INSIDE)
    elif tag == CONTENT_SEQUENCE:
        found.plain = False
        found.values[tag] = concept_modifiers(content, encoding)
    else:
        found.values[tag] = to_explicit_little(content, encoding)


def _content(window: Window, start: int, stop: int) -> bytes:
    index = window.load(start, stop - start)
    return window.data[index : index + stop - start]


class Meta(NamedTuple):
    """Group 2: its values, the offset behind it, and whether its elements are put together rightly."""

    values: dict[Tag, bytes]
    behind: int
    is_orderly: bool


def read_meta(window: Window, offset: int) -> Meta:
    """Return group 2 from `offset` on (PS3.10 7.1). Raises Malformed.

    Values longer than 64 KiB (private information) are left out; of an element that is there twice the first
    one counts.
    """
    values: dict[Tag, bytes] = {}
    faults, previous = Faults(), 0
    for tag, vr, start, behind in meta_elements(window, offset):
        offset = behind
        previous = faults.in_order(tag, previous)
        faults.header(ElementHeader(tag, vr, 0, behind - start), EXPLICIT_LITTLE)
        faults.spend(1)
        if offset - start <= 1 << 16 and tag not in values:
            values[tag] = _content(window, start, offset)
    return Meta(values, offset, not faults.found)


def meta_elements(window: Window, offset: int) -> Iterator[tuple[Tag, bytes, int, int]]:
    """Yield tag, VR, start and end of the value of each element of group 2 from `offset` on.

    The group length is not believed: it is wrong in many files. Raises Malformed.
    """
    while window.size - offset >= 8:
        tag, vr, width, length = element_at(window, offset, EXPLICIT_LITTLE)
        if tag >> 16 != 0x0002:
            return
        start, offset = offset + width, offset + width + length
        if offset > window.size:
            raise Malformed(TRUNCATED, tag=tag, missing=offset - window.size)
        yield tag, vr, start, offset


PIXELS_CUT = Rule(
    id="MK-SRC-007",
    severity=Severity.ERROR,
    title="pixel data are cut off: {missing} of {length} bytes are missing",
    ref="PS3.10 7",
    hint="fetch the file again from where it came from",
)
FRAGMENTS_CUT = Rule(
    id="MK-SRC-008",
    severity=Severity.ERROR,
    title="compressed pixel data are cut off: the file ends before the delimiter of the fragments",
    ref="PS3.5 A.4",
    hint="fetch the file again from where it came from",
)


class End(NamedTuple):
    """Where pixel data and the last element end, what lies behind it, and how many fragments hold bytes.

    `fragments` is None for pixel data that are not encapsulated.
    """

    pixels: int
    offset: int
    tail: Note | None
    fragments: int | None


def check_to_the_end(window: Window, pixels: PixelElement, encoding: Encoding, faults: Faults) -> End:
    """Walk over pixel data and what follows them.

    Reads headers of fragments and of trailing elements only. Raises Malformed when pixel data are cut off.
    """
    full = None
    if pixels.length is None:
        try:
            offset, full = check_fragments(window, pixels.offset, pixels.tag, encoding, faults)
        except Malformed as broken:
            if broken.rule is TRUNCATED:
                raise Malformed(FRAGMENTS_CUT, tag=pixels.tag) from broken
            raise
    else:
        offset = pixels.offset + pixels.length
        if pixels.length & 1:
            faults.length(pixels.tag, pixels.length)
    if offset > window.size:
        missing = offset - window.size
        raise Malformed(PIXELS_CUT, tag=pixels.tag, missing=missing, length=pixels.length or 0)
    if offset == window.size:
        return End(offset, offset, None, full)
    end = _elements_behind(window, offset, pixels.tag, encoding, faults)
    return End(offset, end, tail_of(window, end, faults), full)


def _elements_behind(window: Window, offset: int, previous: Tag, encoding: Encoding, faults: Faults) -> int:
    """Return where the elements behind pixel data end.

    Elements that are out of order are believed only when the rest of the file is made of elements.
    """
    unordered: Faults | None = None
    end = offset
    while window.size - offset >= 8:
        try:
            header = element_at(window, offset, encoding)
            if not _can_be_behind(header, encoding):
                break
            if header.tag <= previous:
                unordered = unordered or Faults()
            found = faults if unordered is None else unordered
            found.header(header, encoding)
            behind = _extent(window, offset + header.size, header, encoding, found)[1]
        except Malformed:
            break
        if behind > window.size:
            break
        offset, previous = behind, found.in_order(header.tag, previous)
        end = offset if unordered is None else end
    if unordered is None or not window.rest_is_padding(offset):
        return end
    for fault in unordered.found:
        faults.add(*fault)
    return offset


def _can_be_behind(header: ElementHeader, encoding: Encoding) -> bool:
    tag, vr, _, _ = header
    if tag >> 16 < 0x0008 or tag >> 16 == 0xFFFE:
        return False
    is_known = dictionary_vr(tag) != b"UN" or tag >> 16 & 1
    return bool(is_known) if encoding.implicit else vr in KNOWN_VRS


def tail_of(window: Window, offset: int, faults: Faults) -> Note | None:
    """Return what lies behind the last element: nothing, zeros or other bytes; a whole file is a fault."""
    if offset >= window.size:
        return None
    if window.rest_is_padding(offset):
        return Note.ZEROS
    if window.rest_holds(offset, _FILE_START):
        faults.add(Breach.SECOND_FILE, 0)
        return None
    return Note.TRAILING
