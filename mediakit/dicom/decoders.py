"""Call the codecs for one frame.

This runs in a process of its own (`codec_process`): some codecs end the process on damaged bytes.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from mediakit.dicom.image import (
    DCT_SYNTAXES,
    JPEG_BASELINE,
    JPEG_EXTENDED,
    JPEG_LOSSLESS,
    JPEG_LOSSLESS_14,
    JPEG_LS,
    JPEG_LS_NEAR,
    RLE,
    Shape,
)

if TYPE_CHECKING:
    from mediakit.dicom.image import Frame

_GDCM_SYNTAXES = frozenset({JPEG_LOSSLESS_14, JPEG_LOSSLESS})
_PLUGINS = {
    JPEG_BASELINE: "pillow",
    JPEG_EXTENDED: "pillow",
    JPEG_LS: "pyjpegls",
    JPEG_LS_NEAR: "pyjpegls",
    RLE: "pylibjpeg",
}


def decode_here(stream: bytes, syntax: str, shape: Shape) -> bytes:
    """Return the samples of one frame, color-by-pixel, little endian, in the width of Bits Allocated.

    Raises one of `CODEC_ERRORS`, or ends the process.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if syntax in _GDCM_SYNTAXES or (syntax == JPEG_EXTENDED and shape.bits_stored > 8):
            from mediakit.dicom.gdcm_codec import decode  # noqa: PLC0415 - needs the extra `codecs`

            return decode(stream, syntax, shape).tobytes()
        return _conformed(_decode(stream, syntax, shape), shape).tobytes()


def _decode(stream: bytes, syntax: str, shape: Shape) -> Frame:
    from pydicom.encaps import encapsulate  # noqa: PLC0415
    from pydicom.pixels.decoders.base import get_decoder  # noqa: PLC0415

    array, _ = get_decoder(syntax).as_array(
        encapsulate([stream], has_bot=False),
        index=0,
        raw=syntax not in DCT_SYNTAXES,
        decoding_plugin=_PLUGINS.get(syntax, "pylibjpeg"),
        **shape.options() | {"correct_unused_bits": False},  # RLE carries them: they are not ours to clear
    )
    return array


def _conformed(array: Frame, shape: Shape) -> Frame:
    """Return the same values in the width of Bits Allocated; codecs choose the width by precision."""
    wide = array.astype(shape.dtype(), copy=False)
    if array.dtype != wide.dtype and not bool((wide == array).all()):
        raise ValueError("values that Bits Allocated cannot hold")
    return wide
