"""Fragments of encapsulated pixel data: what begins in them, and those of odd length made even (PS3.5 A.4).

The last fragment of a frame may be padded; any other one belongs to a codestream that goes on. Pure.
"""

from __future__ import annotations

from struct import pack

from mediakit.dicom.elements import EXPLICIT_LITTLE, ITEM, item_header_at
from mediakit.dicom.write import Buffer, item_header

_ONE_OFFSET = 4  # bytes of an entry of the Basic Offset Table


#: How a codestream of JPEG and JPEG-LS, and of JPEG 2000, begins.
BEGINNINGS = (b"\xff\xd8\xff", b"\xff\x4f\xff")


class NotPaddable(Exception):  # noqa: N818 - an answer about the bytes, caught by `part10`
    """A fragment of odd length is not known to be the last one of its frame, or a table would be wrong."""


def even_fragments(value: Buffer, frames: int, *, has_offsets: bool) -> bytes:
    """Return the items of pixel data, offset table first, with a NUL behind each fragment of odd length.

    `frames` is how many there are; 1 for video, whose stream may be cut anywhere. `has_offsets` tells of an
    Extended Offset Table, which would have to move. Raises `NotPaddable`.
    """
    view = memoryview(value)
    table, *fragments = _items(view)
    odd = [place for place, each in enumerate(fragments) if len(each) % 2]
    is_moved = odd != [len(fragments) - 1]
    if len(table) % 2 or (is_moved and (len(fragments) != frames or has_offsets)):
        raise NotPaddable("a fragment of its pixel data is of odd length, and goes on in the next one")
    evened = [bytes(each) + b"\0" * (len(each) % 2) for each in fragments]
    offsets = bytes(table)
    if is_moved and offsets:
        if len(offsets) != _ONE_OFFSET * frames:
            raise NotPaddable("its offset table has not one entry for each frame")
        starts, at = [], 0
        for each in evened:
            starts.append(at)
            at += 8 + len(each)
        offsets = pack(f"<{frames}L", *starts)
    return b"".join(item_header(ITEM, len(each)) + each for each in (offsets, *evened))


def frames_begun(value: Buffer, *, is_rle: bool) -> int:
    """Return how many fragments surely begin a frame. One of RLE is a frame each (PS3.5 A.4.2)."""
    fragments = _items(memoryview(value))[1:]
    return sum(bool(len(each)) if is_rle else bytes(each[:3]) in BEGINNINGS for each in fragments)


def _items(view: memoryview) -> list[memoryview]:
    """Return the content of each item; the walk has checked that they add up."""
    found: list[memoryview] = []
    at = 0
    while at + 8 <= len(view):
        _, length = item_header_at(view, at, EXPLICIT_LITTLE)
        found.append(view[at + 8 : at + 8 + length])
        at += 8 + length
    return found or [view[:0]]
