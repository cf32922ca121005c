"""Regions of an image that show who the patient is, filled with black. Native pixel data only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mediakit.dicom.deidentify.wishes import Region
from mediakit.dicom.elements import PIXEL_DATA
from mediakit.dicom.part10 import DicomFile

_SAMPLES, _PHOTOMETRIC, _PLANAR, _FRAMES = 0x00280002, 0x00280004, 0x00280006, 0x00280008
_ROWS, _COLUMNS, _ALLOCATED, _STORED, _SIGN = 0x00280010, 0x00280011, 0x00280100, 0x00280101, 0x00280103
_MODALITY = 0x00080060


class NotBlanked(Exception):  # noqa: N818 - an answer, turned into a finding by the caller
    """The regions cannot be filled: why."""


@dataclass(frozen=True, slots=True)
class _Image:
    """How the samples lie in native pixel data (PS3.3 C.7.6.3, PS3.5 8)."""

    rows: int
    columns: int
    samples: int
    frames: int
    bytes_each: int
    is_planar: bool
    black: tuple[bytes, ...]  # by sample

    @property
    def size(self) -> int:
        """Return the bytes of all frames."""
        return self.rows * self.columns * self.samples * self.frames * self.bytes_each


def regions_for(file: DicomFile, regions: Sequence[Region]) -> tuple[Region, ...]:
    """Return the regions that hold for an image of this size and modality."""
    size = (file.number(_COLUMNS), file.number(_ROWS))
    return tuple(
        one
        for one in regions
        if (one.columns, one.rows) == size and one.modality in {"", file.text(_MODALITY)}
    )


def blanked(file: DicomFile, regions: Iterable[Region]) -> DicomFile:
    """Return the file with these regions black in every frame. Raises `NotBlanked`."""
    pixels = file.first(PIXEL_DATA)
    if pixels is None or pixels.is_encapsulated:
        raise NotBlanked("its pixels are not decoded")
    image = _image(file)
    data = bytearray(b"".join(pixels.stored.pieces()) if pixels.stored is not None else pixels.value)
    if len(data) < image.size:
        raise NotBlanked("its pixel data are shorter than the image")
    for region in regions:
        for frame in range(image.frames):
            _fill(data, image, frame, region)
    new = replace(pixels, value=bytes(data), stored=None)
    return replace(file, elements=tuple(new if each is pixels else each for each in file.elements))


def _image(file: DicomFile) -> _Image:
    numbers = [file.number(tag) for tag in (_ROWS, _COLUMNS, _SAMPLES, _ALLOCATED, _STORED)]
    if not all(numbers):
        raise NotBlanked("the description of its pixels is not whole")
    rows, columns, samples, allocated, stored = (number or 0 for number in numbers)
    if allocated not in {8, 16, 32} or samples not in {1, 3}:
        raise NotBlanked(f"it has {samples} samples of {allocated} bits for each pixel")
    photometric = file.text(_PHOTOMETRIC)
    size = allocated // 8
    if photometric in {"MONOCHROME2", "RGB"} and not file.number(_SIGN):
        black: tuple[bytes, ...] = (bytes(size),) * samples
    elif photometric == "MONOCHROME1" and not file.number(_SIGN):
        black = (((1 << stored) - 1).to_bytes(size, "little"),)
    elif photometric == "MONOCHROME2":
        black = ((-(1 << stored - 1)).to_bytes(size, "little", signed=True),)
    elif photometric == "YBR_FULL" and size == 1:
        black = (b"\0", b"\x80", b"\x80")
    else:
        raise NotBlanked(f"its Photometric Interpretation is {photometric or 'missing'}")
    return _Image(
        rows=rows,
        columns=columns,
        samples=samples,
        frames=file.number(_FRAMES) or 1,
        bytes_each=size,
        is_planar=samples > 1 and file.number(_PLANAR) == 1,
        black=black,
    )


def _fill(data: bytearray, image: _Image, frame: int, region: Region) -> None:
    left, right = region.left, min(region.left + region.width, image.columns)
    rows = range(region.top, min(region.top + region.height, image.rows))
    if left >= right:
        return
    plane = image.rows * image.columns * image.bytes_each
    begin = frame * plane * image.samples
    planes = image.samples if image.is_planar else 1
    for number in range(planes):
        pixel = image.black[number] if image.is_planar else b"".join(image.black)
        start = begin + number * plane
        line = pixel * (right - left)
        for row in rows:
            at = start + (row * image.columns + left) * len(pixel)
            data[at : at + len(line)] = line
