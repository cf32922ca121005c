"""The top level of a data set: which elements are there, where pixel data lie, whether the file is whole.

This is the plain way that works for every encoding; `layout` is the quick way for files like the last ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from struct import Struct
from typing import NamedTuple

from mediakit.dicom.bounded_read import TRUNCATED, Malformed, Window
from mediakit.dicom.elements import (
    BROKEN,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    LONG_VRS,
    SHORT_VRS,
    UNDEFINED,
    ElementHeader,
    Encoding,
    element_at,
    header_at,
    skip_fragments,
    skip_undefined,
)
from mediakit.dicom.instance import Tag
from mediakit.dicom.sequences import concept_modifiers, find_inside, to_explicit_little
from mediakit.dicom.values import converted, swapped
from mediakit.dicom.wanted import CONTENT_SEQUENCE, SHARED_GROUPS, WANTED_INSIDE
from mediakit.findings import Rule, Severity

PIXEL_TAGS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
MAX_VALUE = 1 << 20  # bytes of a wanted value that is not a sequence
NOT_HERE = frozenset({0x0000, 0xFFFE})  # groups that cannot stand at the top level of a data set

_EXPLICIT = Struct("<HH2sH")
_LENGTH = Struct("<I")


class PixelElement(NamedTuple):
    """The pixel data element: where its value begins, and its length in bytes (None: encapsulated)."""

    tag: Tag
    offset: int
    length: int | None


@dataclass(slots=True)
class Found:
    """What the top level of a data set holds, up to pixel data.

    `end` is the offset behind the last element that was read. `plain`: every wanted value was a mere
    copy of bytes, and no element had an undefined length.
    """

    values: dict[Tag, bytes] = field(default_factory=dict)
    shared: dict[Tag, bytes] = field(default_factory=dict)
    pixels: PixelElement | None = None
    end: int = 0
    odd_vr: bool = False
    plain: bool = True


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
    quick = encoding == EXPLICIT_LITTLE
    size, data, base = window.size, window.data, window.start
    last = len(data) - 12
    while offset < size:
        index = offset - base
        if index > last:
            if size - offset < 8:
                break
            index = window.load(offset, min(12, size - offset))
            data, base = window.data, window.start
            last = len(data) - 12
        if quick:  # the common case, without the cost of a call
            group, element, vr, length = _EXPLICIT.unpack_from(data, index)
            tag, width = group << 16 | element, 8
            if vr in LONG_VRS and index <= last:
                length, width = _LENGTH.unpack_from(data, index + 8)[0], 12
            elif vr not in SHORT_VRS:
                tag, vr, width, length = header_at(data, index, encoding)
        else:
            tag, vr, width, length = header_at(data, index, encoding)
        if tag in PIXEL_TAGS:
            found.pixels = PixelElement(tag, offset + width, None if length == UNDEFINED else length)
            break
        if tag >> 16 in NOT_HERE:
            break
        expected = wanted.get(tag)
        stop = index + width + length
        if expected is None and length != UNDEFINED:
            offset += width + length
        elif quick and vr == expected != b"SQ" and stop <= last:
            found.values[tag] = data[index + width : stop]
            offset += width + length
        else:
            header = ElementHeader(tag, vr, width, length)
            offset = _take(window, offset + width, header, encoding, wanted, found)
            data, base = window.data, window.start
            last = len(data) - 12
        if offset > size:
            raise _cut_off(ElementHeader(tag, vr, width, length), encoding, offset - size)
    if found.pixels is None and not window.rest_is_padding(offset):
        raise Malformed(BROKEN, why="what follows the last element is not an element")
    found.end = offset
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
    inner = IMPLICIT_LITTLE if vr == b"UN" or without_vr else encoding
    stop, behind = _extent(window, start, header, inner)
    found.plain = found.plain and length != UNDEFINED
    expected = wanted.get(tag)
    if expected is None:
        return behind
    if behind > window.size:
        raise _cut_off(header, encoding, behind - window.size)
    if expected != b"UN" and (vr not in {expected, b""} or without_vr):
        found.odd_vr, found.plain = True, False
    found.values.pop(tag, None)
    if expected == b"SQ":
        if vr in {b"SQ", b"UN", b""}:
            _take_sequence(tag, _content(window, start, stop), inner, found)
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
    """Return why an element ends behind the file: a VR of two characters was read as a part of its length."""
    tag, vr, _, length = header
    code = length.to_bytes(4, "big" if encoding.big_endian else "little")[:2]
    if not vr and not encoding.implicit and all(0x20 <= byte < 0x7F for byte in code):
        return Malformed(UNKNOWN_VR, tag=tag, vr=f'"{code.decode("ascii")}"')
    return Malformed(TRUNCATED, tag=tag, missing=missing)


def _extent(window: Window, start: int, header: ElementHeader, encoding: Encoding) -> tuple[int, int]:
    """Return the end of a value and the offset behind its element; they differ by a delimiter."""
    if header.length != UNDEFINED:
        return start + header.length, start + header.length
    if header.vr[:1] == b"O":
        behind = skip_fragments(window, start, encoding)
    else:
        behind = skip_undefined(window, start, encoding)
    return behind - 8, behind


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


def read_meta(window: Window, offset: int) -> tuple[dict[Tag, bytes], int]:
    """Return group 2 from `offset` on, and the offset behind it (PS3.10 7.1). Raises Malformed.

    Values longer than 64 KiB (private information) are left out.
    """
    meta: dict[Tag, bytes] = {}
    for tag, _, start, behind in meta_elements(window, offset):
        offset = behind
        if offset - start <= 1 << 16:
            meta[tag] = _content(window, start, offset)
    return meta, offset


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


def check_to_the_end(window: Window, pixels: PixelElement, encoding: Encoding) -> bool:
    """Walk over pixel data to the end of the file; return True when other bytes than padding trail.

    Reads headers of fragments and of trailing elements only. Raises Malformed when pixel data are cut off.
    """
    if pixels.length is None:
        try:
            offset = skip_fragments(window, pixels.offset, encoding)
        except Malformed as broken:
            if broken.rule is TRUNCATED:
                raise Malformed(FRAGMENTS_CUT, tag=pixels.tag) from broken
            raise
    else:
        offset = pixels.offset + pixels.length
    if offset > window.size:
        missing = offset - window.size
        raise Malformed(PIXELS_CUT, tag=pixels.tag, missing=missing, length=pixels.length or 0)
    previous = pixels.tag
    while window.size - offset >= 8:
        tag, _, width, length = element_at(window, offset, encoding)
        behind = offset + width + length
        if tag <= previous or length == UNDEFINED or behind > window.size:
            break
        offset, previous = behind, tag
    return not window.rest_is_padding(offset)
