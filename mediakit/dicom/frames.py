"""Decode the frames of an image: from any pixel encoding to one array for each frame.

The codecs are the extra `mediakit[codecs]`, imported when the first frame is asked for. Before a codec
sees a frame, its claims (size, samples, precision) have been held against the data set and a bound, so
that a small file cannot ask for endless memory.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from mediakit.dicom.codestream import stream_shape
from mediakit.dicom.part10 import DicomFile
from mediakit.dicom.uids import SYNTAXES, SyntaxKind
from mediakit.dicom.walk import PIXEL_DATA
from mediakit.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Frame = NDArray[np.integer[Any]]

#: No image is decoded whose frames together need more.
MAX_DECODED_BYTES = (4 << 30) - 2

JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
JPEG_LOSSLESS_14 = "1.2.840.10008.1.2.4.57"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"
JPEG_LS = "1.2.840.10008.1.2.4.80"
JPEG_LS_NEAR = "1.2.840.10008.1.2.4.81"
JPEG_2000_LOSSLESS = "1.2.840.10008.1.2.4.90"
JPEG_2000 = "1.2.840.10008.1.2.4.91"
RLE = "1.2.840.10008.1.2.5"

#: JPEG with DCT: colour comes as YCbCr and is turned into RGB; it has lost information already.
DCT_SYNTAXES = frozenset({JPEG_BASELINE, JPEG_EXTENDED})
_GDCM_SYNTAXES = frozenset({JPEG_LOSSLESS_14, JPEG_LOSSLESS})
_PLUGINS = {
    JPEG_BASELINE: "pillow",
    JPEG_EXTENDED: "pillow",
    JPEG_LS: "pyjpegls",
    JPEG_LS_NEAR: "pyjpegls",
    RLE: "pylibjpeg",
}

INSTALL_HINT = "install the codecs: `pip install 'mediakit[codecs]'`"

# What the codecs and pydicom raise for bytes they cannot take. MemoryError: a claim that was too large.
_CODEC_ERRORS = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


class Undecodable(Exception):  # noqa: N818 - an answer about the bytes, caught by `transcode` and `pixels`
    """The pixel data cannot be decoded: why, without any content."""


class NoDecoder(Undecodable):
    """There is no decoder for this transfer syntax."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The Image Pixel attributes that decoding and encoding depend on (PS3.3 C.7.6.3)."""

    rows: int
    columns: int
    frames: int
    samples: int
    photometric: str
    planar: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool

    @property
    def frame_bits(self) -> int:
        """Return how many bits one decoded frame has."""
        return self.rows * self.columns * self.samples * self.bits_allocated

    @property
    def decoded_bytes(self) -> int:
        """Return how many bytes all decoded frames have, without padding."""
        return (self.frame_bits * self.frames + 7) // 8

    def options(self) -> dict[str, Any]:
        """Return the keyword arguments that pydicom's coders take for one frame."""
        return {
            "rows": self.rows,
            "columns": self.columns,
            "number_of_frames": 1,
            "samples_per_pixel": self.samples,
            "photometric_interpretation": self.photometric,
            "planar_configuration": self.planar,
            "bits_allocated": self.bits_allocated,
            "bits_stored": self.bits_stored,
            "pixel_representation": int(self.signed),
            "pixel_keyword": "PixelData",
        }

    def dtype(self) -> str:
        """Return the little endian numpy type of one sample."""
        return f"<{'i' if self.signed else 'u'}{max(1, self.bits_allocated // 8)}"


def shape_of(file: DicomFile) -> Shape:
    """Return the shape of the image in `file`. Raises `Undecodable` when it is senseless or too large."""
    shape = Shape(
        rows=file.number(0x00280010) or 0,
        columns=file.number(0x00280011) or 0,
        frames=_frame_count(file),
        samples=file.number(0x00280002) or 1,
        photometric=file.text(0x00280004),
        planar=file.number(0x00280006) or 0,
        bits_allocated=file.number(0x00280100) or 0,
        bits_stored=file.number(0x00280101) or file.number(0x00280100) or 0,
        high_bit=_high_bit(file),
        signed=file.number(0x00280103) == 1,
    )
    if not (shape.rows and shape.columns and shape.photometric):
        raise Undecodable("Rows, Columns or Photometric Interpretation has no value")
    if shape.samples not in {1, 3, 4} or shape.bits_allocated not in {1, 8, 16, 32, 64}:
        raise Undecodable("Samples per Pixel or Bits Allocated has a value that is not possible")
    if not 0 < shape.bits_stored <= shape.bits_allocated:
        raise Undecodable("Bits Stored is larger than Bits Allocated")
    if shape.decoded_bytes > MAX_DECODED_BYTES:
        raise Undecodable(f"its frames would need {shape.decoded_bytes} bytes")
    return shape


def _frame_count(file: DicomFile) -> int:
    """Return Number of Frames; 1 when absent. Raises `Undecodable` for what is no positive number."""
    if not file.text(0x00280008):
        return 1
    frames = file.number(0x00280008)
    if frames is None or frames < 1:
        raise Undecodable("Number of Frames is not a positive number")
    return frames


def _high_bit(file: DicomFile) -> int:
    found = file.number(0x00280102)
    return found if found is not None else (file.number(0x00280101) or 1) - 1


class FrameReader:
    """Gives the frames of one image, one at a time."""

    def __init__(self, file: DicomFile, shape: Shape) -> None:
        pixels = file.first(PIXEL_DATA)
        if pixels is None:
            raise Undecodable("it has no Pixel Data")
        known = SYNTAXES[file.syntax]
        if not known.can_decode or known.kind is SyntaxKind.VIDEO:
            raise NoDecoder(f"there is no decoder for {known.name}")
        need_codecs()
        self._pixels = pixels
        self._offsets = _extended_offsets(file)
        self._syntax = file.syntax if pixels.is_encapsulated else "1.2.840.10008.1.2.1"
        self.shape = shape

    def __iter__(self) -> Iterator[Frame]:
        """Yield every frame: rows x columns, or rows x columns x samples; colour as `decoded_photometric`."""
        if not self._pixels.is_encapsulated:
            for index in range(self.shape.frames):
                yield self._native(index)
            return
        count = 0
        for stream in self._streams():
            count += 1
            if count > self.shape.frames:
                raise Undecodable("there are more frames than Number of Frames says")
            yield decode_frame(stream, self._syntax, self.shape)
        if count < self.shape.frames:
            raise Undecodable(f"there are {count} frames, Number of Frames says {self.shape.frames}")

    def one(self, index: int) -> Frame:
        """Return one frame, decoding no other."""
        if not 0 <= index < self.shape.frames:
            raise Undecodable("there is no such frame")
        if not self._pixels.is_encapsulated:
            return self._native(index)
        for number, stream in enumerate(self._streams()):
            if number == index:
                return decode_frame(stream, self._syntax, self.shape)
        raise Undecodable("there is no such frame")

    def _streams(self) -> Iterator[bytes]:
        from pydicom.encaps import generate_frames  # noqa: PLC0415 - pydicom costs start-up time

        frames = generate_frames(
            bytes(self._pixels.value), number_of_frames=self.shape.frames, extended_offsets=self._offsets
        )
        while True:
            with answers("its fragments cannot be put together"):
                stream = next(frames, None)
            if stream is None:
                return
            yield stream

    def _native(self, index: int) -> Frame:
        from pydicom.pixels.decoders.base import get_decoder  # noqa: PLC0415

        shape, value = self.shape, self._pixels.value
        if len(value) * 8 < _native_bits(shape) * shape.frames:
            raise Undecodable("its Pixel Data are shorter than its attributes say")
        start, value_part, within = 0, value, index
        if shape.bits_allocated > 1:
            length = _native_bits(shape) // 8
            start, within = index * length, 0
            value_part = value[start : start + length]
        options = shape.options() | {"number_of_frames": within + 1, "pixel_vr": self._pixels.vr}
        options |= {"correct_unused_bits": False}  # what the unused bits hold is ours to judge
        with answers("its pixels cannot be read"):
            array, _ = get_decoder("1.2.840.10008.1.2.1").as_array(
                value_part, index=within, raw=True, validate=False, **options
            )
        return array


def _native_bits(shape: Shape) -> int:
    """Return the bits of one frame as stored natively: 4:2:2 leaves out half of the colour."""
    return shape.frame_bits // 3 * 2 if shape.photometric == "YBR_FULL_422" else shape.frame_bits


def _extended_offsets(file: DicomFile) -> tuple[bytes, bytes] | None:
    table, lengths = file.first(0x7FE00001), file.first(0x7FE00002)
    if table is None or lengths is None or not len(table.value):
        return None
    return bytes(table.value), bytes(lengths.value)


def decoded_photometric(shape: Shape, syntax: str) -> str:
    """Return the Photometric Interpretation of the arrays that decoding from `syntax` gives."""
    if shape.samples == 1:
        return shape.photometric
    if syntax in DCT_SYNTAXES or shape.photometric in {"YBR_RCT", "YBR_ICT"}:
        return "RGB"
    return "YBR_FULL" if shape.photometric == "YBR_FULL_422" else shape.photometric


def decode_frame(stream: bytes, syntax: str, shape: Shape) -> Frame:
    """Return one frame of encapsulated pixel data as an array. Raises `Undecodable`."""
    _check_claims(stream, syntax, shape)
    with answers("a frame cannot be decoded"):
        if syntax in _GDCM_SYNTAXES or (syntax == JPEG_EXTENDED and shape.bits_stored > 8):
            from mediakit.dicom.gdcm_codec import decode  # noqa: PLC0415 - needs the extra `codecs`

            array = decode(stream, syntax, shape)
        else:
            array = _decode(stream, syntax, shape)
        return _conformed(array, shape)


def _decode(stream: bytes, syntax: str, shape: Shape) -> Frame:
    from pydicom.encaps import encapsulate  # noqa: PLC0415
    from pydicom.pixels.decoders.base import get_decoder  # noqa: PLC0415

    array, _ = get_decoder(syntax).as_array(
        encapsulate([stream], has_bot=False),
        index=0,
        raw=syntax not in DCT_SYNTAXES,
        decoding_plugin=_PLUGINS.get(syntax, "pylibjpeg"),
        **shape.options(),
    )
    return array


def _check_claims(stream: bytes, syntax: str, shape: Shape) -> None:
    if syntax == RLE:
        return  # its decoder works to the size that it is given
    claims = stream_shape(stream)
    if claims is None:
        raise Undecodable("a frame is not a codestream of its transfer syntax")
    if (claims.rows, claims.columns) != (shape.rows, shape.columns) or claims.samples != shape.samples:
        raise Undecodable("a frame has another size than the data set says")
    if claims.precision > shape.bits_allocated:
        raise Undecodable("a frame has a larger precision than Bits Allocated")


def _conformed(array: Frame, shape: Shape) -> Frame:
    """Return the same values in the width of Bits Allocated; codecs choose the width by precision."""
    expected = (shape.rows, shape.columns) + ((shape.samples,) if shape.samples > 1 else ())
    if array.shape != expected:
        raise Undecodable("a frame has another size than the data set says")
    wide = array.astype(shape.dtype(), copy=False)
    if array.dtype != wide.dtype and not bool((wide == array).all()):
        raise Undecodable("a frame has values that Bits Allocated cannot hold")
    return wide


def need_codecs() -> None:
    """Raise `UsageError` with what to install when the extra `codecs` is missing."""
    try:
        for module in ("gdcm", "jpeg_ls", "numpy", "openjpeg", "PIL.Image", "rle"):
            import_module(module)
    except ImportError as exc:
        raise UsageError(
            "this needs pixel codecs that are not installed", why=str(exc), hint=INSTALL_HINT
        ) from exc


@contextmanager
def answers(what: str) -> Iterator[None]:
    """Turn whatever a codec raises for bad bytes into `Undecodable`."""
    import warnings  # noqa: PLC0415

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except _CODEC_ERRORS as exc:
        raise Undecodable(f"{what} ({type(exc).__name__})") from exc
