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
    if zlib.decompress(blob) != plain:
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
    wide = values.astype(np.int64 if width == 4 else np.int32)
    residual = (wide - _predicted(wide)).astype(f"i{width}")  # wraps, as its reader does
    zigzag = (residual << 1) ^ (residual >> (8 * width - 1))
    planes = np.ascontiguousarray(zigzag).astype(f"<i{width}").view(np.uint8).reshape(-1, width)
    return np.ascontiguousarray(planes.T).tobytes()


def _predicted(values: Values) -> Values:
    """Return the prediction for each pixel: the median of W, N and W + N - NW."""
    west, north = np.empty_like(values), np.empty_like(values)
    west[:, 1:] = values[:, :-1]
    north[1:] = values[:-1]
    north[0] = west[0]  # the first row has its left neighbour alone
    north[0, 0] = 0
    west[0, 0] = 0
    west[:, 0] = north[:, 0]
    north[0, 1:] = west[0, 1:]
    corner = np.empty_like(values)
    corner[1:, 1:] = values[:-1, :-1]
    corner[0] = north[0]
    corner[:, 0] = north[:, 0]
    predicted: Values = np.clip(west + north - corner, np.minimum(west, north), np.maximum(west, north))
    return predicted
