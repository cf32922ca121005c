"""Decode the frames of an image: from any pixel encoding to one array for each frame.

The codecs are the extra `dicom-mediakit[codecs]`, imported when the first frame is asked for. Before a codec
sees a frame, its claims (size, samples, precision) have been held against the data set and a bound, so
that a small file cannot ask for endless memory.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

from mediakit.dicom.codec_process import CodecFailed, decoded_apart
from mediakit.dicom.codestream import contradiction, stream_shape
from mediakit.dicom.elements import PIXEL_DATA
from mediakit.dicom.fragments import frames_begun
from mediakit.dicom.image import CODEC_ERRORS, DCT_SYNTAXES, RLE, Shape, native_bits
from mediakit.dicom.part10 import DicomFile
from mediakit.dicom.recode import Element
from mediakit.dicom.uids import EXPLICIT_VR_BIG_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN, SYNTAXES, SyntaxKind
from mediakit.limits import FREE_DECODED_BYTES, MAX_DECODED_BYTES, MAX_DECODED_RATIO, MAX_FRAME_BYTES

if TYPE_CHECKING:
    from mediakit.dicom.image import Frame

INSTALL_HINT = "install the codecs: `pip install 'dicom-mediakit[codecs]'`"


class Undecodable(Exception):  # noqa: N818 - an answer about the bytes, caught by `transcode` and `pixels`
    """The pixel data cannot be decoded: why, without any content."""


class NoDecoder(Undecodable):
    """There is no decoder for this transfer syntax."""


def bits_of_two_readings(file: DicomFile) -> int:
    """Return the Bits Allocated of samples whose words may or may not be swapped, else 0.

    Big Endian samples of more than 16 bits in VR OW are written in both ways.
    """
    pixels, bits = file.first(PIXEL_DATA), file.number(0x00280100) or 0
    is_open = file.syntax == EXPLICIT_VR_BIG_ENDIAN and pixels is not None and pixels.vr == "OW" and bits > 16
    return bits if is_open else 0


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
        raise Undecodable(f"its frames would need {shape.decoded_bytes} bytes, more than {MAX_DECODED_BYTES}")
    if shape.frame_bits > 8 * MAX_FRAME_BYTES:
        raise Undecodable(f"a frame would need {shape.frame_bits // 8} bytes, more than {MAX_FRAME_BYTES}")
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


class NoCodecs(Undecodable):
    """The extra `codecs` is not installed, or not all of it."""


class FrameReader:
    """Gives the frames of one image, one at a time."""

    def __init__(self, file: DicomFile, shape: Shape) -> None:
        pixels = file.first(PIXEL_DATA)
        if pixels is None:
            raise Undecodable("it has no Pixel Data")
        known = SYNTAXES[file.syntax]
        if not known.can_decode or known.kind is SyntaxKind.VIDEO:
            raise NoDecoder(f"there is no decoder for {known.name}")
        _check_ratio(pixels, shape)
        need_codecs()
        self._pixels = pixels
        self._offsets = _extended_offsets(file)
        self._syntax = file.syntax if pixels.is_encapsulated else EXPLICIT_VR_LITTLE_ENDIAN
        self.shape = shape

    def __iter__(self) -> Iterator[Frame]:
        """Yield every frame: rows x columns, or rows x columns x samples; colour as `decoded_photometric`."""
        if not self._pixels.is_encapsulated:
            for index in range(self.shape.frames):
                yield self._native(index)
            return
        count = 0
        begun = frames_begun(self._pixels.value, is_rle=self._syntax == RLE)
        for stream in self._streams():
            count += 1
            if max(count, begun) > self.shape.frames:
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

    def each(self, wanted: Container[int] | None = None) -> Iterator[tuple[int, bytes, Frame | Undecodable]]:
        """Yield the index of each wanted frame, its codestream (b"": none), and the frame or why it is none.

        Indices count from 0. One frame that is damaged or missing leaves the others as they are.
        """
        streams = self._streams() if self._pixels.is_encapsulated else None
        for index in range(self.shape.frames):
            try:
                stream = b"" if streams is None else next(streams, None)
            except Undecodable:
                stream = None
            if wanted is not None and index not in wanted:
                continue
            try:
                if stream is None:
                    raise Undecodable("there are fewer frames than Number of Frames says")
                is_native = streams is None
                frame = self._native(index) if is_native else decode_frame(stream, self._syntax, self.shape)
                yield index, stream, frame
            except Undecodable as exc:
                yield index, b"", exc

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
        frame_bits = native_bits(shape.frame_bits, shape.photometric)
        if len(value) * 8 < frame_bits * shape.frames:
            raise Undecodable("its Pixel Data are shorter than its attributes say")
        start, value_part, within = 0, value, index
        if shape.bits_allocated > 1:
            length = frame_bits // 8
            start, within = index * length, 0
            value_part = value[start : start + length]
            if shape.samples == 1:  # as it stands there: pydicom takes as long for it as for the whole header
                import numpy as np  # noqa: PLC0415 - the extra `codecs`

                plain = np.frombuffer(value_part, shape.dtype()).reshape(shape.rows, shape.columns)
                return plain if shape.frames == 1 else plain.copy()  # which does not hold all other frames
        options = shape.options() | {"number_of_frames": within + 1, "pixel_vr": self._pixels.vr}
        options |= {"correct_unused_bits": False}  # what the unused bits hold is ours to judge
        with answers("its pixels cannot be read"):
            array, _ = get_decoder(EXPLICIT_VR_LITTLE_ENDIAN).as_array(
                value_part, index=within, raw=True, validate=False, **options
            )
        return array


def _extended_offsets(file: DicomFile) -> tuple[bytes, bytes] | None:
    table, lengths = file.first(0x7FE00001), file.first(0x7FE00002)
    if table is None or lengths is None or not len(table.value):
        return None
    return bytes(table.value), bytes(lengths.value)


def _check_ratio(pixels: Element, shape: Shape) -> None:
    """Raise `Undecodable` for frames that claim far more than their bytes can mean."""
    claimed = shape.decoded_bytes
    if not pixels.is_encapsulated or claimed <= FREE_DECODED_BYTES:
        return
    if claimed > MAX_DECODED_RATIO * len(pixels.value):
        raise Undecodable(
            f"its frames claim {claimed} bytes from {len(pixels.value)}, more than {MAX_DECODED_RATIO}:1"
        )


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
    import numpy as np  # noqa: PLC0415 - the extra `codecs`

    try:
        raw = decoded_apart(stream, syntax, shape)
    except CodecFailed as exc:
        raise Undecodable(f"a frame cannot be decoded ({exc})") from exc
    array = np.frombuffer(raw, dtype=shape.dtype())
    if array.size != shape.rows * shape.columns * shape.samples:
        raise Undecodable("a frame has another size than the data set says")
    if shape.samples == 1:
        return array.reshape(shape.rows, shape.columns)
    return array.reshape(shape.rows, shape.columns, shape.samples)


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
    if why := contradiction(claims, shape.photometric):
        raise Undecodable(why)


def need_codecs() -> None:
    """Raise `NoCodecs` when the extra `codecs` is missing."""
    try:
        for module in ("gdcm", "jpeg_ls", "numpy", "openjpeg", "PIL.Image", "rle"):
            import_module(module)
    except ImportError as exc:
        raise NoCodecs(f"its pixels need codecs that are not installed ({exc})") from exc


@contextmanager
def answers(what: str) -> Iterator[None]:
    """Turn whatever a codec raises for bad bytes into `Undecodable`."""
    import warnings  # noqa: PLC0415

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except CODEC_ERRORS as exc:
        raise Undecodable(f"{what} ({type(exc).__name__})") from exc
