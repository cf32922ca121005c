"""Look into the raw content of a sequence: Explicit VR Little Endian, lengths defined or not.

Never raises for bytes: a walk ends where the bytes no longer make sense. No recursion.
"""

from __future__ import annotations

from collections.abc import Iterator

from mediakit.dicom.elements import LONG_VRS, UNDEFINED
from mediakit.dicom.instance import Tag

_ITEM_GROUP = 0xFFFE
_TEXT_VRS = frozenset({b"LO", b"LT", b"PN", b"SH", b"ST", b"UC", b"UT"})


def text_values(content: bytes) -> Iterator[bytes]:
    """Yield the value of every element whose VR the Specific Character Set rules, at any depth."""
    return (value for _tag, vr, value in elements(content) if vr in _TEXT_VRS)


def values_of(content: bytes, wanted: Tag) -> Iterator[bytes]:
    """Yield the values of one attribute, at any depth."""
    return (value for tag, _vr, value in elements(content) if tag == wanted)


def elements(content: bytes) -> Iterator[tuple[Tag, bytes, bytes]]:
    """Yield tag, VR and value of every element that is no sequence, in order, at any depth."""
    at, end = 0, len(content)
    while at + 8 <= end:
        group = int.from_bytes(content[at : at + 2], "little")
        tag = group << 16 | int.from_bytes(content[at + 2 : at + 4], "little")
        if group == _ITEM_GROUP:
            at += 8  # item or delimiter: step in or over; nested content follows in place
            continue
        vr = content[at + 4 : at + 6]
        if vr in LONG_VRS:
            length, at = int.from_bytes(content[at + 8 : at + 12], "little"), at + 12
        else:
            length, at = int.from_bytes(content[at + 6 : at + 8], "little"), at + 8
        if vr == b"SQ" or (vr == b"UN" and length == UNDEFINED):
            continue  # its items follow
        if length > end - at:
            return
        yield tag, vr, content[at : at + length]
        at += length
