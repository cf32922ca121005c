"""What the head of a compressed frame says of itself: read before a codec is trusted with it.

Pure bytes: no codec is called here.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import unpack_from

_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_START_OF_FRAME = (frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}) | {0xF7}


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamShape:
    """Size, samples per pixel and precision in bits that a codestream claims."""

    rows: int
    columns: int
    samples: int
    precision: int


def stream_shape(frame: bytes) -> StreamShape | None:
    """Return what a JPEG, JPEG-LS or JPEG 2000 codestream claims; None when it is none of these."""
    if frame[:2] == b"\xff\xd8":
        return _jpeg(frame)
    if frame[:4] == b"\xff\x4f\xff\x51":
        return _jpeg_2000(frame, 0)
    if frame[4:8] == b"jP  ":
        # A JP2 file instead of a bare codestream: not allowed, seen all the same.
        at = frame.find(b"\xff\x4f\xff\x51")
        return _jpeg_2000(frame, at) if at >= 0 else None
    return None


def _jpeg(frame: bytes) -> StreamShape | None:
    at = 2
    while at + 10 <= len(frame):
        if frame[at] != 0xFF:
            return None
        marker = frame[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker in _STANDALONE:
            at += 2
        elif marker in _START_OF_FRAME:
            precision, rows, columns, samples = unpack_from(">BHHB", frame, at + 4)
            return StreamShape(rows=rows, columns=columns, samples=samples, precision=precision)
        else:
            at += 2 + max(2, int.from_bytes(frame[at + 2 : at + 4], "big"))
    return None


def _jpeg_2000(frame: bytes, at: int) -> StreamShape | None:
    if at + 43 > len(frame):
        return None
    width, height, left, top = unpack_from(">LLLL", frame, at + 8)
    samples, depth = unpack_from(">HB", frame, at + 40)
    return StreamShape(
        rows=max(0, height - top), columns=max(0, width - left), samples=samples, precision=(depth & 0x7F) + 1
    )
