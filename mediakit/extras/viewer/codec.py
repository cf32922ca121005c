"""The lossless form of frames in chunks: MED residuals, planes of bytes, zlib (docs/viewer-format.md). Pure.

The median edge detector predicts each pixel from three neighbours, as LOCO-I does (ISO/IEC 14495-1).
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[Any]

#: The names of the types that a blob can have, by numpy's.
TYPES = {
    "uint8": "u8",
    "int8": "i8",
    "uint16": "u16",
    "int16": "i16",
    "uint32": "u32",
    "int32": "i32",
    "float32": "f32",
    "float64": "f64",
}
_BAND_PIXELS = 16 * 1024  # are worked on at a time: what they need stays in the processor's cache
_ESCAPES = ((b"\\", b"\\\\"), (b'"', b'\\"'), (b"\n", b"\\n"), (b"\r", b"\\r"))


class NotLossless(Exception):  # noqa: N818 - an answer about one frame
    """What was encoded does not come back as it was. It must never happen."""


def encoded(values: Values) -> bytes:
    """Return the blob of a frame: rows x columns of a type of `TYPES`, or rows x columns x 3 of `uint8`.

    The blob is inflated again and compared. Equal residuals mean equal pixels, because the first pixel is
    its residual and each next one follows from pixels before it. Raises NotLossless.
    """
    plain = _plain(values)
    blob = packed(plain)
    if zlib.decompress(blob, bufsize=len(plain) or 1) != plain:
        raise NotLossless("a frame is not what it was when it is inflated again")
    return blob


def packed(plain: bytes) -> bytes:
    """Return bytes as a zlib stream; runs alone are looked for, which suits residuals best."""
    compressor = zlib.compressobj(6, zlib.DEFLATED, zlib.MAX_WBITS, 9, zlib.Z_RLE)
    return compressor.compress(plain) + compressor.flush()


def escaped(data: bytes) -> bytes:
    """Return bytes as they stand in a string of a script that is read as `x-user-defined`."""
    for byte, escape in _ESCAPES:
        data = data.replace(byte, escape)
    return data


def reduced(values: Values, factor: int, padding: tuple[float, float] | None = None) -> Values:
    """Return the means of blocks of `factor` x `factor`, at the right and lower edge of what is there.

    Values from `padding[0]` to `padding[1]` do not count; a block of nothing else becomes `padding[0]`.
    """
    if factor == 1:
        return values
    is_float = values.dtype.kind == "f"
    wide = values.astype(np.float64 if is_float else np.int64)
    sums, counts = _blocks(wide, factor), _blocks(np.ones(values.shape[:2], np.int64), factor)
    if padding is not None:
        counted = (wide < padding[0]) | (wide > padding[1])
        sums, counts = _blocks(np.where(counted, wide, 0), factor), _blocks(counted.astype(np.int64), factor)
    if values.ndim == 3:
        counts = counts[..., None]
    some = np.maximum(counts, 1)
    means = sums / some if is_float else (2 * sums + some) // (2 * some)
    if padding is not None:
        means = np.where(counts > 0, means, padding[0])
    return means.astype(values.dtype)


def _blocks(values: Values, factor: int) -> Values:
    rows, columns = (np.arange(0, length, factor) for length in values.shape[:2])
    sums: Values = np.add.reduceat(np.add.reduceat(values, rows, axis=0), columns, axis=1)
    return sums


def _plain(values: Values) -> bytes:
    if values.dtype.kind == "f":
        return values.astype(values.dtype.newbyteorder("<")).tobytes()
    if values.ndim == 3:
        return b"".join(_residuals(values[..., plane]) for plane in range(values.shape[2]))
    return _residuals(values)


def _residuals(values: Values) -> bytes:
    """Return the planes of the zigzag residuals, the lowest byte first."""
    width = values.dtype.itemsize
    rows, columns = values.shape
    planes = np.empty((width, rows, columns), np.uint8)
    height = max(1, _BAND_PIXELS // columns)
    for first in range(0, rows, height):
        wide = _with_neighbours(values, first, height)
        residual = (wide[1:, 1:] - _predicted(wide)).astype(f"i{width}")  # wraps, as its reader does
        zigzag = (residual << 1) ^ (residual >> (8 * width - 1))
        bytewise = zigzag.astype(f"<i{width}").view(np.uint8).reshape(*zigzag.shape, width)
        for place in range(width):
            planes[place, first : first + height] = bytewise[..., place]
    return planes.tobytes()


def _with_neighbours(values: Values, first: int, height: int) -> Values:
    """Return rows of an image, wider than their type, with a row above and a column before them.

    What stands there makes the pixel above the prediction of the first column, and the pixel before it that
    of the first row; that of the very first is zero.
    """
    band = values[first : first + height]
    wide = np.zeros(
        (band.shape[0] + 1, band.shape[1] + 1), np.int64 if values.dtype.itemsize == 4 else np.int32
    )
    wide[1:, 1:] = band
    wide[0, 1:] = values[first - 1] if first else wide[1, :-1]
    wide[1:, 0] = wide[:-1, 1]
    return wide


def _predicted(wide: Values) -> Values:
    """Return the prediction for each pixel: the median of W, N and W + N - NW."""
    west, north, corner = wide[1:, :-1], wide[:-1, 1:], wide[:-1, :-1]
    low, high = np.minimum(west, north), np.maximum(west, north)
    predicted: Values = np.minimum(np.maximum(west + north - corner, low), high)
    return predicted
