"""One frame of an image as 8 bit gray, as a person would expect to see it: for icons, not for reading.

Modality rescale and the first VOI window are applied; where there is none, the range of the values is
used. Windows inside functional groups, VOI LUTs and presentation states are not looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import iter_unpack, unpack_from
from typing import TYPE_CHECKING, Any, BinaryIO

from mediakit.dicom import part10
from mediakit.dicom.frames import FrameReader, Undecodable, decoded_photometric, shape_of
from mediakit.dicom.image import Shape
from mediakit.dicom.part10 import DicomFile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mediakit.dicom.image import Frame

    Levels = NDArray[np.floating[Any]]

_REPRESENTATIVE_FRAME = 0x00286010
_PADDING_VALUE = 0x00280120


@dataclass(frozen=True, slots=True, kw_only=True)
class GrayFrame:
    """A frame of 8 bit gray, 0 is black; `data` holds the rows from the top, one byte a pixel."""

    rows: int
    columns: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoGrayFrame:
    """The file gives no picture: why."""

    why: str


def gray_frame(stream: BinaryIO, frame: int | None = None) -> GrayFrame | NoGrayFrame:
    """Return one frame of a DICOM file as 8 bit gray; no other frame is decoded.

    `frame` counts from 1, as in the standard. Without it: Representative Frame Number (0028,6010), or the
    frame about one third through (PS3.11 A.3.3.2).
    """
    try:
        file = part10.read(stream)
        shape = shape_of(file)
        array = FrameReader(file, shape).one(_chosen(file, shape, frame) - 1)
        return _gray(file, shape, array)
    except (part10.Unreadable, Undecodable) as exc:
        return NoGrayFrame(why=str(exc))


def _chosen(file: DicomFile, shape: Shape, frame: int | None) -> int:
    if frame is not None:
        return frame
    named = file.number(_REPRESENTATIVE_FRAME)
    if named is not None and 1 <= named <= shape.frames:
        return named
    return (shape.frames + 2) // 3


def _gray(file: DicomFile, shape: Shape, array: Frame) -> GrayFrame:
    import numpy as np  # noqa: PLC0415 - the extra `codecs`

    values = stored_values(array, shape)
    photometric = decoded_photometric(shape, file.syntax)
    if shape.samples == 3:
        levels = _luminance(values, photometric) * (255 / ((1 << shape.bits_stored) - 1))
    elif shape.samples != 1:
        raise Undecodable("images of four samples have no gray form here")
    elif photometric == "PALETTE COLOR":
        levels = _through_palette(file, shape, values)
    else:
        levels = _windowed(file, values)
        if photometric == "MONOCHROME1":
            levels = 255 - levels
    gray = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    return GrayFrame(rows=shape.rows, columns=shape.columns, data=gray.tobytes())


def stored_values(array: Frame, shape: Shape) -> Frame:
    """Return the values of the stored bits alone, wherever High Bit puts them, in the type of the array."""
    if shape.bits_stored == shape.bits_allocated:
        return array
    low = max(0, shape.high_bit - shape.bits_stored + 1)
    above = max(0, shape.bits_allocated - low - shape.bits_stored)
    values: Frame = (array << above) >> (shape.bits_allocated - shape.bits_stored)  # the sign goes along
    return values


def _luminance(values: Frame, photometric: str) -> Levels:
    """Return the luminance of colour (ITU-R BT.601, as PS3.3 C.7.6.3.1.2 has it)."""
    import numpy as np  # noqa: PLC0415

    if photometric.startswith("YBR"):
        return values[..., 0].astype(np.float64)
    weights = np.array([0.299, 0.587, 0.114])
    luminance: Levels = values.astype(np.float64) @ weights
    return luminance


def _windowed(file: DicomFile, values: Frame) -> Levels:
    """Apply rescale and window (PS3.3 C.11.1, C.11.2.1.2), or the range of the values."""
    import numpy as np  # noqa: PLC0415

    slope, intercept = _decimal(file, 0x00281053), _decimal(file, 0x00281052)
    scaled = values.astype(np.float64) * (slope or 1.0) + (intercept or 0.0)
    center, width = _decimal(file, 0x00281050), _decimal(file, 0x00281051)
    if center is not None and width is not None and width >= 1:
        if width == 1:
            return np.where(scaled > center - 0.5, 255.0, 0.0)
        return np.clip(((scaled - (center - 0.5)) / (width - 1) + 0.5) * 255, 0, 255)
    padding = file.number(_PADDING_VALUE)
    counted = scaled if padding is None else scaled[values.astype(np.int64) & 0xFFFF != padding]
    if not counted.size:
        counted = scaled
    low, high = float(counted.min()), float(counted.max())
    return np.clip((scaled - low) * (255 / (high - low) if high > low else 0.0), 0, 255)


def _decimal(file: DicomFile, tag: int) -> float | None:
    """Return the first value of a DS element; None when absent, not a number or not finite."""
    from math import isfinite  # noqa: PLC0415

    try:
        number = float(file.text(tag).split("\\")[0])
    except ValueError:
        return None
    return number if isfinite(number) and abs(number) < 1e12 else None


def _through_palette(file: DicomFile, shape: Shape, values: Frame) -> Levels:
    """Return the luminance of palette colours (PS3.3 C.7.6.3.1.5 and .6)."""
    import numpy as np  # noqa: PLC0415

    tables = []
    for index in range(3):
        descriptor, data = file.first(0x00281101 + index), file.first(0x00281201 + index)
        if descriptor is None or data is None or len(descriptor.value) < 6:
            raise Undecodable("its palette is missing or segmented")
        entries, first, bits = unpack_from("<HHH", descriptor.value)
        if shape.signed and first > 0x7FFF:
            first -= 0x10000
        table = np.array(_entries(bytes(data.value), entries or 0x10000), dtype=np.float64)
        if bits == 8 and table.max(initial=0) <= 255:
            table = table * 257
        at = np.clip(values.astype(np.int64) - first, 0, len(table) - 1)
        tables.append(table[at] / 257)
    return _luminance(np.stack(tables, axis=-1), "RGB")


def _entries(data: bytes, count: int) -> list[int]:
    """Return the entries of a palette: 16 bits each, or 8 when there are only enough bytes for that."""
    if len(data) >= 2 * count:
        return [value for (value,) in iter_unpack("<H", data[: 2 * count])]
    if len(data) >= count:
        return list(data[:count])
    raise Undecodable("its palette is shorter than its descriptor says")
