"""What the head of a compressed frame says of itself: read before a codec is trusted with it.

Pure bytes: no codec is called here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from struct import unpack_from


class Colours(StrEnum):
    """What a codestream says of the colours of its three components."""

    UNSAID = "unsaid"
    RGB = "RGB"  # the components are red, green and blue
    YBR = "YBR"  # they are luminance and chrominance, to be turned into RGB


_ADOBE = 0xEE
_ADOBE_TRANSFORMS = {0: Colours.RGB, 1: Colours.YBR}
_CODING_STYLE, _START_OF_TILE = 0x52, 0x90
_TRANSFORMED = frozenset({"YBR_RCT", "YBR_ICT"})
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_START_OF_FRAME = (frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}) | {0xF7}


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamShape:
    """Size, samples per pixel and precision in bits that a codestream claims, and its colours."""

    rows: int
    columns: int
    samples: int
    precision: int
    colours: Colours = Colours.UNSAID
    is_jpeg: bool = False


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
    at, colours = 2, Colours.UNSAID
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
            if samples == 3 and frame[at + 10 : at + 19 : 3] == b"RGB":
                colours = Colours.RGB  # components that are named so
            return StreamShape(
                rows=rows,
                columns=columns,
                samples=samples,
                precision=precision,
                colours=colours,
                is_jpeg=True,
            )
        else:
            length = max(2, int.from_bytes(frame[at + 2 : at + 4], "big"))
            if marker == _ADOBE and length >= 14 and frame[at + 4 : at + 9] == b"Adobe":
                colours = _ADOBE_TRANSFORMS.get(frame[at + 15], colours)
            at += 2 + length
    return None


def _jpeg_2000(frame: bytes, at: int) -> StreamShape | None:
    if at + 43 > len(frame):
        return None
    width, height, left, top = unpack_from(">LLLL", frame, at + 8)
    samples, depth = unpack_from(">HB", frame, at + 40)
    return StreamShape(
        rows=max(0, height - top),
        columns=max(0, width - left),
        samples=samples,
        precision=(depth & 0x7F) + 1,
        colours=_transform(frame, at + 2),
    )


def _transform(frame: bytes, at: int) -> Colours:
    """Return what COD says of the multiple component transform (ISO/IEC 15444-1 A.6.1)."""
    while at + 9 <= len(frame) and frame[at] == 0xFF and frame[at + 1] != _START_OF_TILE:
        if frame[at + 1] == _CODING_STYLE:
            return Colours.YBR if frame[at + 8] else Colours.RGB
        at += 2 + max(2, int.from_bytes(frame[at + 2 : at + 4], "big"))
    return Colours.UNSAID


def contradiction(shape: StreamShape, photometric: str) -> str:
    """Return in what the colours of a codestream contradict Photometric Interpretation, "" when they do not.

    JPEG: an Adobe marker, or components named R, G and B. JPEG 2000: YBR_RCT and YBR_ICT need the transform
    (PS3.5 8.2.4); the other way round decoders undo it, and the samples are those that are named.
    """
    if shape.samples != 3 or shape.colours is Colours.UNSAID:
        return ""
    if photometric in _TRANSFORMED:
        is_other = shape.colours is Colours.RGB
    elif photometric in {"RGB", "YBR_FULL", "YBR_FULL_422"} and shape.is_jpeg:
        is_other = (photometric == "RGB") != (shape.colours is Colours.RGB)
    else:
        return ""
    return (
        f"its samples are {shape.colours}, and Photometric Interpretation is {photometric}"
        if is_other
        else ""
    )
