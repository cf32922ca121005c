"""Encode frames: one codestream a frame, and pixel data made of them.

Every lossless codestream is decoded again and compared sample by sample before it is handed out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from io import BytesIO
from struct import pack
from typing import TYPE_CHECKING, Any

from mediakit.dicom.elements import PIXEL_DATA
from mediakit.dicom.frames import Undecodable, answers, decode_frame
from mediakit.dicom.image import (
    JPEG_2000,
    JPEG_2000_LOSSLESS,
    JPEG_BASELINE,
    JPEG_LOSSLESS,
    JPEG_LS,
    RLE,
    Shape,
)
from mediakit.dicom.recode import Element

if TYPE_CHECKING:
    from mediakit.dicom.image import Frame

#: Quality of JPEG Baseline (of 100), and how much smaller JPEG 2000 is asked to be.
JPEG_QUALITY = 95
JPEG_2000_RATIO = 10

_Encode = Callable[["Frame", Shape], bytes]


class Unprovable(Exception):  # noqa: N818 - an answer about the image, caught by `transcode`
    """The encoder cannot take the image, or what it wrote does not give the same samples."""


def encoded_photometric(photometric: str, syntax: str) -> str:
    """Return the Photometric Interpretation that frames have after encoding to `syntax` (PS3.5 8.2)."""
    if photometric != "RGB":
        return photometric
    by_syntax = {JPEG_2000_LOSSLESS: "YBR_RCT", JPEG_2000: "YBR_ICT", JPEG_BASELINE: "YBR_FULL_422"}
    return by_syntax.get(syntax, photometric)


def encode_lossless(frame: Frame, shape: Shape, syntax: str) -> bytes:
    """Return the codestream of one frame, proven to decode to the same samples. Raises `Unprovable`.

    `shape` describes `frame` (color-by-pixel); its Photometric Interpretation is that before encoding.
    """
    if syntax == RLE and shape.high_bit == shape.bits_stored - 1:  # it carries every allocated bit
        shape = replace(shape, bits_stored=shape.bits_allocated, high_bit=shape.bits_allocated - 1)
    _check_unused_bits(frame, shape)
    stream = _encoded(frame, shape, syntax)
    target = replace(shape, photometric=encoded_photometric(shape.photometric, syntax), planar=0)
    try:
        again = decode_frame(stream, syntax, target)
    except Undecodable as exc:
        raise Unprovable(f"what was encoded cannot be decoded: {exc}") from exc
    if not bool((_significant(again, shape) == _significant(frame, shape)).all()):
        raise Unprovable("what was encoded does not decode to the same samples")
    return stream


def encode_lossy(frame: Frame, shape: Shape, syntax: str) -> bytes:
    """Return the codestream of one frame in a lossy syntax. Raises `Unprovable` when it cannot be."""
    if syntax == JPEG_BASELINE and shape.bits_stored > 8:
        raise Unprovable("JPEG Baseline takes 8 bits, and choosing a window would change the image")
    if shape.photometric == "PALETTE COLOR":
        raise Unprovable("palette indices cannot be compressed with loss")
    _check_unused_bits(frame, shape)
    stream = _encoded(frame, shape, syntax)
    target = replace(shape, photometric=encoded_photometric(shape.photometric, syntax), planar=0)
    try:
        decode_frame(stream, syntax, target)
    except Undecodable as exc:
        raise Unprovable(f"what was encoded cannot be decoded: {exc}") from exc
    return stream


def pixel_data(streams: Iterable[bytes]) -> Element:
    """Return Pixel Data with a Basic Offset Table and one fragment a frame (PS3.5 A.4)."""
    fragments = [stream + b"\0" * (len(stream) % 2) for stream in streams]
    offsets, at = [], 0
    for fragment in fragments:
        offsets.append(at)
        at += 8 + len(fragment)
    if at > 0xFFFFFFFE:
        raise Unprovable("its encoded frames are too long for a Basic Offset Table")
    items = [pack(f"<{len(offsets)}L", *offsets), *fragments]
    value = b"".join(pack("<HHL", 0xFFFE, 0xE000, len(item)) + item for item in items)
    return Element(PIXEL_DATA, "OB", value, undefined=True)


def _encoded(frame: Frame, shape: Shape, syntax: str) -> bytes:
    if shape.high_bit != shape.bits_stored - 1:
        raise Unprovable("High Bit is not one less than Bits Stored")
    if shape.bits_allocated == 1:
        raise Unprovable("single bits cannot be encoded in this transfer syntax")
    try:
        with answers("the encoder does not take the image"):
            return _ENCODERS[syntax](frame, shape)
    except Undecodable as exc:
        raise Unprovable(str(exc)) from exc


def _check_unused_bits(frame: Frame, shape: Shape) -> None:
    """Refuse an image that hides something above Bits Stored (old overlays): a codec would drop it."""
    if shape.bits_stored == shape.bits_allocated:
        return
    significant = _significant(frame, shape)
    masked = frame & ((1 << shape.bits_stored) - 1)
    if not (bool((frame == significant).all()) or bool((frame == masked).all())):
        raise Unprovable("bits above Bits Stored hold something that encoding would drop")


def _significant(frame: Frame, shape: Shape) -> Frame:
    """Return the sample values: the low Bits Stored bits, with the sign extended."""
    if shape.bits_stored == shape.bits_allocated:
        return frame
    low: Frame = frame & ((1 << shape.bits_stored) - 1)
    if not shape.signed:
        return low
    shift = shape.bits_allocated - shape.bits_stored
    return (low << shift) >> shift


def _by_pydicom(syntax: str, plugin: str, photometric: Mapping[str, str]) -> _Encode:
    def encode(frame: Frame, shape: Shape) -> bytes:
        from pydicom.pixels.encoders.base import get_encoder  # noqa: PLC0415 - pydicom costs start-up time

        options: dict[str, Any] = shape.options() | {"planar_configuration": 0}
        options["photometric_interpretation"] = photometric.get(shape.photometric, shape.photometric)
        if syntax == JPEG_2000:
            options["j2k_cr"] = [JPEG_2000_RATIO]
        values = _significant(frame, shape)
        return bytes(get_encoder(syntax).encode(values, encoding_plugin=plugin, **options))

    return encode


def _jpeg_lossless(frame: Frame, shape: Shape) -> bytes:
    from mediakit.dicom.jpeg_lossless import encode  # noqa: PLC0415 - needs the extra `codecs`

    if shape.bits_allocated > 16:
        raise ValueError("more than 16 bits")
    return encode(frame, shape.bits_stored)


def _jpeg_baseline(frame: Frame, shape: Shape) -> bytes:
    import numpy as np  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415

    if shape.signed or shape.photometric not in {"RGB", "MONOCHROME1", "MONOCHROME2"}:
        raise ValueError("not an unsigned gray or RGB image")
    out = BytesIO()
    Image.fromarray(frame.astype(np.uint8)).save(out, "JPEG", quality=JPEG_QUALITY, subsampling="4:2:2")
    return out.getvalue()


_ENCODERS: Mapping[str, _Encode] = {
    RLE: _by_pydicom(RLE, "pylibjpeg", {}),
    JPEG_LOSSLESS: _jpeg_lossless,
    JPEG_LS: _by_pydicom(JPEG_LS, "pyjpegls", {}),
    JPEG_2000_LOSSLESS: _by_pydicom(JPEG_2000_LOSSLESS, "pylibjpeg", {"RGB": "YBR_RCT"}),
    JPEG_2000: _by_pydicom(JPEG_2000, "pylibjpeg", {"RGB": "YBR_ICT"}),
    JPEG_BASELINE: _jpeg_baseline,
}

LOSSLESS_TARGETS = frozenset({RLE, JPEG_LOSSLESS, JPEG_LS, JPEG_2000_LOSSLESS})
LOSSY_TARGETS = frozenset({JPEG_BASELINE, JPEG_2000})
