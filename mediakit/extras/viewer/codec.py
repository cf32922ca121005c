"""The lossless form of frames in chunks: MED residuals, planes of bytes, zlib (docs/viewer-format.md). Pure.

The median edge detector predicts each pixel from three neighbours, as LOCO-I does (ISO/IEC 14495-1).
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[Any]
Plain = bytes | bytearray

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
_BAND_PIXELS = 32 * 1024  # are worked on at a time: what they need stays in the processor's cache
_ESCAPES = ((b"\\", b"\\\\"), (b'"', b'\\"'), (b"\n", b"\\n"), (b"\r", b"\\r"))


class NotLossless(Exception):  # noqa: N818 - an answer about one frame
    """What was encoded does not come back as it was. It must never happen."""


def deflated(plain: Plain) -> bytes:
    """Return the blob of a frame from its plain form: this is most of the work, and needs no interpreter.

    The blob is inflated again and compared. Equal residuals mean equal pixels, because the first pixel is
    its residual and each next one follows from pixels before it. Raises NotLossless.
    """
    blob = packed(plain)
    if zlib.decompress(blob, bufsize=len(plain) or 1) != plain:
        raise NotLossless("a frame is not what it was when it is inflated again")
    return blob


def packed(plain: Plain) -> bytes:
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


def plain_form(values: Values) -> Plain:
    """Return a frame before it is deflated: rows x columns of `TYPES`, or rows x columns x 3 of `uint8`."""
    if values.dtype.kind == "f":
        return values.astype(values.dtype.newbyteorder("<")).tobytes()
    if values.ndim == 3:
        return b"".join(_residuals(values[..., plane]) for plane in range(values.shape[2]))
    return _residuals(values)


def _residuals(values: Values) -> bytearray:
    """Return the planes of the zigzag residuals, the lowest byte first.

    All is reckoned in the type of the values, where differences wrap, as its reader does.
    """
    width, (rows, columns) = values.dtype.itemsize, values.shape
    flat = np.require(values, requirements=["C", "A"]).reshape(-1)
    plain = bytearray(flat.nbytes)
    planes = np.frombuffer(plain, np.uint8).reshape(width, -1)
    length = columns * min(rows, max(1, _BAND_PIXELS // columns))
    spare = np.empty((3, length), flat.dtype)
    for begin in range(0, flat.size, length):
        end = min(begin + length, flat.size)
        residuals = _less_predicted(flat, columns, (begin, end), spare)
        zigzag, signs = residuals.view(f"i{width}"), spare[1, : end - begin].view(f"i{width}")
        np.right_shift(zigzag, 8 * width - 1, out=signs)
        np.left_shift(zigzag, 1, out=zigzag)
        np.bitwise_xor(zigzag, signs, out=zigzag)
        for place in range(width):
            planes[place, begin:end] = zigzag
            np.right_shift(zigzag, min(8, 8 * width - 1), out=zigzag)
    return plain


def _less_predicted(flat: Values, columns: int, band: tuple[int, int], spare: Values) -> Values:
    """Return pixels of whole rows less their predictions, in the first row of `spare`.

    The prediction is the median of W, N and W + N - NW: W + N less NW, held between the two. It is W in the
    first row, N in the first column, and zero for the very first pixel.
    """
    begin, end = band
    residuals = spare[0, : end - begin]
    inner = min(max(begin, columns + 1), end)  # the first pixel that has all three neighbours
    pixel, west, north, corner = (
        flat[max(0, inner - back) : max(0, end - back)] for back in (0, 1, columns, columns + 1)
    )
    held, low, high = residuals[inner - begin :], spare[1, : end - inner], spare[2, : end - inner]
    np.minimum(west, north, out=low)
    np.maximum(west, north, out=high)
    np.maximum(corner, low, out=held)
    np.minimum(held, high, out=held)
    np.add(held, pixel, out=held)
    np.subtract(held, low, out=held)  # low and high together are W and N together
    np.subtract(held, high, out=held)
    first = flat[begin:end:columns]
    if begin:
        residuals[::columns] = first - flat[begin - columns : end - columns : columns]
    else:
        residuals[0] = flat[0]
        residuals[1:columns] = flat[1:columns] - flat[: columns - 1]
        residuals[columns::columns] = first[1:] - first[:-1]
    return residuals
