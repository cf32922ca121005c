"""Echocardiography of a phantom heart: a still, an RGB loop with a Doppler patch, a JPEG loop."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import JPEGBaseline8Bit, UltrasoundImageStorage, UltrasoundMultiFrameImageStorage

from samples.makers.drawing import Bytes, Ellipse, Image, Mask, clouds, grid, sine, soften, stamp, to_integers
from samples.makers.encoders import compress_jpeg
from samples.makers.identity import ECHO, Series
from samples.makers.writing import Sample, item, items, set_pixels, start_image

_TANGENT = 0.72  # half opening of the sector
_APEX_Y = -1.05  # grid coordinates; the sector ends at _DEPTH below it
_DEPTH = 1.98
_DEPTH_CM = 15.0
FRAMES = 6
_FOLDER = f"{ECHO.patient.folder}/{ECHO.folder}"

STILL = Series(study=ECHO, number=1, modality="US", description="心尖部四腔像")
COLOUR = Series(study=ECHO, number=2, modality="US", description="カラードプラ")
LOOP = Series(study=ECHO, number=3, modality="US", description="Loop JPEG")


def sector(rows: int, columns: int) -> tuple[Image, Image, Mask]:
    """Return depth (0..1) and tangent of each pixel, and which pixels the sector covers."""
    x, y = grid(rows, columns)
    below = y - _APEX_Y
    depth = np.sqrt(x * x + below * below) / _DEPTH
    tangent = x / np.maximum(below, 0.001)
    return depth, tangent, (np.abs(tangent) <= _TANGENT) & (depth <= 1) & (depth > 0.02)


def _chambers(x: Image, y: Image, beat: float) -> tuple[Image, Image]:
    # Walls first, then the blood pools inside them; the ventricles shrink while the atria fill.
    pump = 1 - 0.16 * beat
    wall: Image = np.zeros_like(x)
    pool: Image = np.zeros_like(x)
    shapes = [
        (Ellipse(x=0.18, y=-0.12, rx=0.20 * pump, ry=0.42 * pump, tilt=-0.22), 0.30),
        (Ellipse(x=-0.24, y=-0.08, rx=0.13 * pump, ry=0.34 * pump, tilt=0.28), 0.26),
        (Ellipse(x=0.22, y=0.55, rx=0.20 / pump, ry=0.19 / pump), 0.16),
        (Ellipse(x=-0.25, y=0.52, rx=0.19 / pump, ry=0.18 / pump), 0.16),
    ]
    for ellipse, thickness in shapes:
        radius = ellipse.radius(x, y)
        wall = np.maximum(wall, soften(radius / (1 + thickness), 0.15))
        pool = np.maximum(pool, soften(radius, 0.12))
    return wall, pool


def grey(rows: int, columns: int, phase: float) -> Bytes:
    """Return a B-mode frame in 8-bit grey at this phase of the beat (in turns)."""
    x, y = grid(rows, columns)
    depth, tangent, covered = sector(rows, columns)
    beat = float(0.5 + 0.5 * sine(phase))
    # Speckle is fine along the beam and wide across it, as a transducer makes it.
    fine = clouds(tangent * 70 + 200, depth * 110 + 60, 41)
    coarse = clouds(tangent * 26 + 200, depth * 55 + 60 + beat, 42)
    speckle = fine * (0.5 + coarse)
    wall, pool = _chambers(x, y, beat)
    echo = 48 + 14 * clouds(x * 4 + 20, y * 4 + 20, 43) + wall * 95
    echo = echo * (1 - pool) + 7 * pool
    opening = 0.02 + 0.12 * (1 - beat)
    for side, root in ((1, 0.06), (-1, 0.38)):
        hinge, tip = (root, 0.30), (root + side * (0.17 - opening), 0.27 - opening)
        along = np.clip((x - hinge[0]) / (tip[0] - hinge[0]), 0, 1)
        height = hinge[1] + along * (tip[1] - hinge[1])
        leaf = (np.abs(y - height) < 0.02) & ((x - hinge[0]) * side >= 0) & ((tip[0] - x) * side >= 0)
        echo = np.where(leaf, 190, echo)
    image = echo * (0.3 + 1.6 * speckle) * (1.15 - 0.5 * depth) + 90 * np.clip(0.06 - depth, 0, 1) * 16
    return to_integers(np.where(covered, image, 0), 0, 255).astype(np.uint8)


def _scales(frame: Bytes, rows: int, columns: int) -> None:
    # Grey bar on the left, depth ticks on the right, as a cart shows them.
    length = rows // 3
    ramp = (255 - np.arange(length) * 255 // (length - 1)).astype(np.uint8)
    bar = ramp[:, None] if frame.ndim == 2 else ramp[:, None, None]
    frame[8 : 8 + len(ramp), 4:9] = bar
    top = (1 + _APEX_Y) * rows / 2
    for centimetre in range(16):
        row = int(top + centimetre / _DEPTH_CM * _DEPTH * rows / 2)
        if 0 <= row < rows:
            frame[row, columns - (8 if centimetre % 5 == 0 else 5) : columns - 2] = 150


def colour(rows: int, columns: int, phase: float) -> Bytes:
    """Return an RGB frame: B-mode with a Doppler patch over the left inflow."""
    base = grey(rows, columns, phase)
    frame = np.stack([base] * 3, axis=-1)
    x, y = grid(rows, columns)
    depth, tangent, covered = sector(rows, columns)
    gate = covered & (depth > 0.36) & (depth < 0.86) & (tangent > -0.03) & (tangent < 0.34)
    beat = float(0.5 + 0.5 * sine(phase))
    _, pool = _chambers(x, y, beat)
    jet = Ellipse(x=0.2, y=0.16, rx=0.17, ry=0.52, tilt=-0.08)
    strength = np.clip(1.15 - jet.radius(x, y), 0, 1) * (0.25 + 0.8 * float(sine(phase + 0.25)))
    swirl = (clouds(x * 9 + 20, y * 9 + 20 + phase * 4, 44) - 0.5) * 1.3
    velocity = strength + swirl * np.clip(strength + 0.25, 0, 1)
    flow = gate & (pool > 0.4) & (np.abs(velocity) > 0.14)
    speed = np.clip(np.abs(velocity), 0, 1)
    towards = velocity > 0
    red = np.where(towards, 120 + 135 * speed, 30 * speed)
    green = np.where(towards, 210 * speed * speed, 190 * speed * speed)
    blue = np.where(towards, 20 * speed, 120 + 135 * speed)
    painted = to_integers(np.stack([red, green, blue], axis=-1), 0, 255).astype(np.uint8)
    frame = np.where(flow[..., None], painted, frame)
    frame[gate & ~_shrunk(gate)] = (230, 230, 120)
    _scales(frame, rows, columns)
    _colour_bar(frame, rows)
    return frame


def _shrunk(mask: Mask) -> Mask:
    # Pixels whose four neighbours all belong to the mask.
    wide = np.pad(mask, 1)
    inner: Mask = wide[:-2, 1:-1] & wide[2:, 1:-1] & wide[1:-1, :-2] & wide[1:-1, 2:]
    return mask & inner


def _colour_bar(frame: Bytes, rows: int) -> None:
    half = rows // 6
    for step in range(half):
        share = step / half
        frame[rows - 12 - half - step, 4:9] = (int(120 + 135 * share), int(210 * share * share), 0)
        frame[rows - 12 - half + step, 4:9] = (0, int(190 * share * share), int(120 + 135 * share))


def _regions(rows: int, columns: int, *, doppler: bool) -> Sequence:
    """Return Sequence of Ultrasound Regions: the tissue sector and, for colour, the flow inside it."""
    per_pixel = f"{_DEPTH_CM / (_DEPTH * min(rows, columns) / 2):.6f}"
    top = max(0, int((_APEX_Y + 1) * rows / 2))
    regions = [(10, top, columns - 10, rows - 1, 1)]
    if doppler:
        unit = min(rows, columns) / 2
        left, right = int(columns / 2 - 0.05 * unit), int(columns / 2 + 0.58 * unit)
        regions.append((left, int(rows / 2 - 0.36 * unit), right, int(rows / 2 + 0.66 * unit), 2))
    return items(
        *[
            item(
                RegionSpatialFormat=1,
                RegionDataType=kind,
                RegionFlags=2 if kind == 1 else 3,
                RegionLocationMinX0=x0,
                RegionLocationMinY0=y0,
                RegionLocationMaxX1=x1,
                RegionLocationMaxY1=y1,
                ReferencePixelX0=columns // 2 - x0,
                ReferencePixelY0=0,
                PhysicalUnitsXDirection=3,
                PhysicalUnitsYDirection=3,
                ReferencePixelPhysicalValueX=0.0,
                ReferencePixelPhysicalValueY=0.0,
                PhysicalDeltaX=float(per_pixel),
                PhysicalDeltaY=float(per_pixel),
                TransducerFrequency=3500,
            )
            for x0, y0, x1, y1, kind in regions
        ]
    )


def _image(series: Series, sop_class: str, kind: str) -> Dataset:
    dataset = start_image(series, sop_class, 1)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "TTE", kind]
    dataset.TransducerData = ["PHANTOM", "3.5", "1"]
    dataset.TransducerType = "SECTOR_PHASED"
    dataset.BodyPartExamined = "HEART"
    dataset.PatientOrientation = []
    dataset.LossyImageCompression = "00"
    return dataset


def _cine(dataset: Dataset) -> None:
    dataset.FrameTime = "66"
    dataset.FrameIncrementPointer = 0x00181063
    dataset.CineRate = 15
    dataset.RecommendedDisplayFrameRate = 15
    dataset.HeartRate = 72
    dataset.StartTrim, dataset.StopTrim = 1, FRAMES
    dataset.PreferredPlaybackSequencing = 0


def still() -> Sample:
    """Return the single frame in 8-bit grey."""
    rows, columns = 180, 240
    dataset = _image(STILL, UltrasoundImageStorage, "0001")
    frame = grey(rows, columns, 0.1)
    _scales(frame, rows, columns)
    stamp(frame, "MEDIAKIT SAMPLE", 4, columns - 96, 170)
    dataset.SequenceOfUltrasoundRegions = _regions(rows, columns, doppler=False)
    set_pixels(dataset, frame)
    return Sample(path=f"{_FOLDER}/IMG00001", dataset=dataset)


def _frames(rows: int, columns: int) -> npt.NDArray[np.uint8]:
    return np.stack([colour(rows, columns, i / FRAMES) for i in range(FRAMES)])


def colour_loop() -> Sample:
    """Return the RGB loop, uncompressed."""
    rows, columns = 120, 160
    dataset = _image(COLOUR, UltrasoundMultiFrameImageStorage, "0011")
    dataset.SequenceOfUltrasoundRegions = _regions(rows, columns, doppler=True)
    _cine(dataset)
    set_pixels(dataset, _frames(rows, columns), photometric="RGB")
    dataset.UltrasoundColorDataPresent = 1
    return Sample(path=f"{_FOLDER}/IMG00002", dataset=dataset)


def jpeg_loop() -> Sample:
    """Return the loop in YBR_FULL_422, JPEG Baseline."""
    rows, columns = 180, 240
    dataset = _image(LOOP, UltrasoundMultiFrameImageStorage, "0011")
    dataset.SequenceOfUltrasoundRegions = _regions(rows, columns, doppler=True)
    _cine(dataset)
    frames = _frames(rows, columns)
    set_pixels(dataset, frames, photometric="RGB")
    dataset.UltrasoundColorDataPresent = 1
    dataset.ImageType = ["DERIVED", "PRIMARY", "TTE", "0011"]
    compress_jpeg(dataset, frames)
    return Sample(
        path=f"{_FOLDER}/loops/a4c_colour.dcm", dataset=dataset, syntax=JPEGBaseline8Bit, encoded=True
    )


def samples() -> list[Sample]:
    """Return the three files of the echo study."""
    return [still(), colour_loop(), jpeg_loop()]
