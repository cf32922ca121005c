"""The frames of an image as a viewer shows them: stored values of gray, RGB of colour, or a JPEG as it is.

The rules are those of PS3.3 C.7.6.3 and C.11.1: a Modality LUT is applied, a rescale is only carried,
palettes and YBR become RGB, unused bits go. Windows are not looked at.
"""

from __future__ import annotations

import struct
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any

from mediakit.dicom.attributes import Attributes
from mediakit.dicom.frames import (
    FrameReader,
    Undecodable,
    answers,
    bits_of_two_readings,
    decoded_photometric,
    need_codecs,
    shape_of,
)
from mediakit.dicom.image import JPEG_BASELINE, Shape
from mediakit.dicom.part10 import DicomFile
from mediakit.dicom.pixels import stored_values
from mediakit.limits import MAX_FRAME_BYTES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[Any]

_FLOATS = {0x7FE00008: "<f4", 0x7FE00009: "<f8"}
_COLOUR_STEP = 2  # of 255: what two decoders of one JPEG may differ by


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One frame: rows x columns of gray, or rows x columns x 3 of 8 bit RGB.

    `jpeg` is the frame as it was compressed, where a browser draws the same colours from it. `stored` has the
    pixels before anything was applied, for overlays in unused bits.
    """

    values: Values = field(repr=False)
    jpeg: bytes = field(default=b"", repr=False)
    stored: Values | None = field(default=None, repr=False)


def has_pixels(file: DicomFile) -> bool:
    """Return True when the file has pixel data of any kind."""
    return any(file.first(tag) is not None for tag in (0x7FE00010, *_FLOATS))


def shown_frames(
    file: DicomFile, attributes: Attributes, wanted: Container[int] | None = None
) -> Iterator[tuple[int, Shown | Undecodable]]:
    """Yield every wanted frame of an image with its index from 0, or why it cannot be shown.

    Raises Undecodable when none can.
    """
    for tag, kind in _FLOATS.items():
        found = file.first(tag)
        if found is not None:
            yield from _floats(file, bytes(found.value), kind, wanted)
            return
    if bits := bits_of_two_readings(file):
        raise Undecodable(
            f"Big Endian samples of {bits} bits are written in two ways: nobody can tell which it is"
        )
    shape = shape_of(file)
    reader = FrameReader(file, shape)
    converter = _Converter(file, shape, attributes)
    for index, stream, frame in reader.each(wanted):
        if isinstance(frame, Undecodable):
            yield index, frame
            continue
        try:
            yield index, converter.shown(stream, frame)
        except Undecodable as exc:
            yield index, exc


def _floats(
    file: DicomFile, data: bytes, kind: str, wanted: Container[int] | None
) -> Iterator[tuple[int, Shown | Undecodable]]:
    need_codecs()
    import numpy as np  # noqa: PLC0415 - the extra `codecs`

    rows, columns = file.number(0x00280010) or 0, file.number(0x00280011) or 0
    frames = file.number(0x00280008) or 1
    length = rows * columns * int(kind[2:])
    if not length or length * frames > len(data) + 1:
        raise Undecodable("its pixel data are shorter than its attributes say")
    if length > MAX_FRAME_BYTES:
        raise Undecodable(f"a frame would need {length} bytes, more than {MAX_FRAME_BYTES}")
    for index in range(frames):
        if wanted is None or index in wanted:
            part = data[index * length : (index + 1) * length]
            yield index, Shown(values=np.frombuffer(part, kind).reshape(rows, columns))


class _Converter:
    """Turns the decoded frames of one image into what is shown."""

    def __init__(self, file: DicomFile, shape: Shape, attributes: Attributes) -> None:
        self._shape = shape
        self._syntax = file.syntax
        self._attributes = attributes
        self._photometric = decoded_photometric(shape, file.syntax)
        self._lut = _modality_lut(attributes, is_signed=shape.signed)
        self._same_colours: bool | None = None  # not known before the first frame

    def shown(self, stream: bytes, frame: Values) -> Shown:
        """Return one frame. Raises Undecodable."""
        values = stored_values(frame, self._shape)
        if self._shape.samples == 3:
            return self._colour(stream, values)
        if self._shape.samples != 1:
            raise Undecodable("images of four samples are not shown")
        if self._photometric == "PALETTE COLOR":
            return Shown(values=self._through_palette(values), stored=frame)
        if values.dtype.itemsize > 4:
            raise Undecodable("integers of 64 bits are not shown")
        return Shown(values=_native(values if self._lut is None else self._lut.applied(values)), stored=frame)

    def _colour(self, stream: bytes, values: Values) -> Shown:
        import numpy as np  # noqa: PLC0415

        above = self._shape.bits_stored - 8
        unsigned = values.astype(np.uint32)
        eight = (unsigned >> above if above > 0 else unsigned << -above).astype(np.uint8)
        if self._photometric.startswith("YBR"):
            if self._photometric not in {"YBR_FULL", "YBR_FULL_422"}:
                raise Undecodable(f"colours of {self._photometric} are not shown")
            from pydicom.pixels.processing import convert_color_space  # noqa: PLC0415

            with answers("its colours cannot be converted"):
                eight = convert_color_space(eight, "YBR_FULL", "RGB", per_frame=True)
        elif self._photometric != "RGB":
            raise Undecodable(f"colours of {self._photometric} are not shown")
        if self._syntax != JPEG_BASELINE or above or not stream:
            return Shown(values=eight)
        if self._same_colours is None:
            self._same_colours = _is_same(stream, eight)
        return Shown(values=eight, jpeg=_trimmed(stream) if self._same_colours else b"")

    def _through_palette(self, values: Values) -> Values:
        import numpy as np  # noqa: PLC0415
        from pydicom.pixels.processing import apply_color_lut  # noqa: PLC0415

        with answers("its palette cannot be applied"):
            colours = apply_color_lut(values, self._attributes.data_set)
        if colours.dtype == np.uint8:
            return colours
        bits = self._attributes.numbers("RedPaletteColorLookupTableDescriptor")
        eight: Values = (colours >> 8 if bits[-1:] != (8.0,) else colours).astype(np.uint8)
        return eight


def _is_same(stream: bytes, eight: Values) -> bool:
    """Return True when a plain reader of JPEG files sees the colours that were decoded here."""
    import numpy as np  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415

    with answers("its JPEG cannot be read"):
        seen = np.asarray(Image.open(BytesIO(_trimmed(stream))).convert("RGB"))
    return (
        seen.shape == eight.shape
        and int(np.abs(seen.astype(np.int16) - eight).max(initial=0)) <= _COLOUR_STEP
    )


def _trimmed(stream: bytes) -> bytes:
    return stream[:-1] if stream.endswith(b"\xff\xd9\0") else stream


def _native(values: Values) -> Values:
    """Return the values in the byte order of this machine; a bit becomes a byte."""
    import numpy as np  # noqa: PLC0415

    native: Values = values.astype(values.dtype.newbyteorder("="), copy=False)
    return native.astype(np.uint8) if native.dtype == np.bool_ else native


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lut:
    """A Modality LUT (PS3.3 C.11.1.1): `first` is the stored value of the first entry."""

    first: int
    entries: Values = field(repr=False)

    def applied(self, values: Values) -> Values:
        import numpy as np  # noqa: PLC0415

        found: Values = self.entries[np.clip(values.astype(np.int64) - self.first, 0, len(self.entries) - 1)]
        return found


def _modality_lut(attributes: Attributes, *, is_signed: bool) -> _Lut | None:
    import numpy as np  # noqa: PLC0415

    item = next(iter(attributes.items("ModalityLUTSequence")), None)
    table = None if item is None else table_of(item, is_signed=is_signed)
    if table is None:
        return None
    kind = np.uint8 if table.bits <= 8 else np.uint16
    return _Lut(first=table.first, entries=np.array(table.entries, dtype=np.uint16).astype(kind))


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A look-up table of the standard: `first` is the first input that is mapped (PS3.3 C.11.1.1.1)."""

    first: int
    bits: int
    entries: tuple[int, ...] = field(repr=False)
    explanation: str = ""


def table_of(item: Attributes, *, is_signed: bool) -> Table | None:
    """Return the table of an item of a Modality LUT or VOI LUT Sequence; None when it is none."""
    described = item.numbers("LUTDescriptor")
    if len(described) != 3:
        return None
    count, first, bits = (int(one) for one in described)
    count = (count & 0xFFFF) or 0x10000
    if is_signed and first > 0x7FFF:
        first -= 0x10000
    data = item.raw(0x00283006)
    if data:
        if len(data) >= 2 * count:
            entries = struct.unpack(f"<{count}H", data[: 2 * count])
        else:
            entries = tuple(data[:count])
    else:
        entries = tuple(int(one) & 0xFFFF for one in item.numbers("LUTData"))[:count]
    if len(entries) < count or not 1 <= bits <= 16:
        return None
    return Table(first=first, bits=bits, entries=entries, explanation=item.text("LUTExplanation"))
