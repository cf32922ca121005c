"""X-ray angiography: contrast runs into a vessel tree, frame by frame."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom.uid import JPEGLosslessSV1, XRayAngiographicImageStorage

from samples.makers.drawing import (
    Image,
    clouds,
    distance_to_segment,
    grid,
    lattice,
    noise,
    smooth,
    to_integers,
)
from samples.makers.encoders import compress_sv1
from samples.makers.identity import ANGIOGRAPHY, Series
from samples.makers.writing import Sample, set_pixels, start_image

SIZE = 256
FRAMES = 5
_REACH = (0.12, 0.105, 0.09, 0.075, 0.06, 0.05)  # length of a piece by generation
RUN = Series(study=ANGIOGRAPHY, number=1, modality="XA", description="Karotis links, Serie 1")
SECOND_RUN = Series(study=ANGIOGRAPHY, number=2, modality="XA", description="Karotis links, Serie 2")


@dataclass(frozen=True, slots=True)
class Piece:
    """A straight piece of vessel; contrast passes it between the times `arrives` and `fills`."""

    start: tuple[float, float]
    end: tuple[float, float]
    width: float
    arrives: float
    fills: float


def _value(index: int, seed: int) -> float:
    return float(lattice(np.array([index], dtype=np.int64), np.array([7], dtype=np.int64), seed)[0])


def tree(seed: int) -> list[Piece]:
    """Return a vessel tree that grows upwards from the lower edge."""
    pieces: list[Piece] = []
    shoots = [((-0.05, 1.1), (0.12, -1.0), 0.075, 0.0, 0)]  # point, direction, width, time, generation
    while shoots:
        point, (dx, dy), width, time, generation = shoots.pop()
        for step in range(4):
            bend = (_value(len(pieces), seed) - 0.5) * 0.55
            dx, dy = dx - bend * dy, dy + bend * dx
            length = math.sqrt(dx * dx + dy * dy)
            dx, dy = dx / length, dy / length
            reach = _REACH[generation]
            end = (point[0] + dx * reach, point[1] + dy * reach)
            pieces.append(Piece(point, end, width * (1 - 0.06 * step), time, time + reach))
            point, time = end, time + reach
        if generation < len(_REACH) - 1:
            for side in (-1, 1):
                turn = side * (0.45 + 0.35 * _value(len(pieces) + side, seed + 1))
                heading = (dx - turn * dy, dy + turn * dx)
                shoots.append((point, heading, width * (0.74 if side > 0 else 0.62), time, generation + 1))
    return pieces


def _background(x: Image, y: Image, seed: int) -> Image:
    image: Image = (
        172 - 34 * np.clip(x * x + y * y * 0.8, 0, 1) + 26 * clouds(x * 2 + 9, y * 2 + 9, 81 + seed)
    )
    skull = np.abs(np.sqrt((x - 0.1) * (x - 0.1) / 0.95 + (y + 0.05) * (y + 0.05)) - 0.86)
    image = image - 34 * np.clip(1 - skull * 12, 0, 1)
    for level in range(4):  # vertebrae at the lower edge
        centre = 0.55 + level * 0.2
        block = (np.abs(x - 0.35 + 0.1 * (y - 0.5)) < 0.17) & (np.abs(y - centre) < 0.08)
        image = image - 20 * block
    return image


def draw(seed: int) -> npt.NDArray[np.int64]:
    """Return the frames of one run, 8 bits."""
    x, y = grid(SIZE, SIZE)
    background = smooth(_background(x, y, seed), 2)
    pieces = tree(seed)
    last = max(piece.fills for piece in pieces)
    frames = []
    for number in range(FRAMES):
        now = last * number / (FRAMES - 1) * 1.02
        shade: Image = np.zeros_like(x)
        for piece in pieces:
            if piece.arrives >= now:
                continue
            share = min(1.0, (now - piece.arrives) / (piece.fills - piece.arrives))
            tip = (
                piece.start[0] + (piece.end[0] - piece.start[0]) * share,
                piece.start[1] + (piece.end[1] - piece.start[1]) * share,
            )
            distance = distance_to_segment(x, y, piece.start, tip) / (piece.width / 2 + 0.006)
            chord = np.sqrt(np.clip(1 - distance * distance, 0, 1))  # a cylinder absorbs by its chord
            shade = np.maximum(shade, chord * (0.45 + 5 * piece.width))
        wire = np.clip(1 - distance_to_segment(x, y, (-0.12, 1.1), (-0.05, 0.9)) * 60, 0, 1) * 0.5
        image = background * (1 - 0.72 * np.clip(np.maximum(shade, wire), 0, 1))
        frames.append(to_integers(image + noise(SIZE, SIZE, 90 + seed * 10 + number) * 5, 0, 255))
    return np.stack(frames)


def _run(series: Series, seed: int, path: str) -> Sample:
    dataset = start_image(series, XRayAngiographicImageStorage, 1)
    study = series.study
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "SINGLE PLANE"]
    dataset.BodyPartExamined = "HEAD"
    dataset.PatientOrientation = []
    dataset.KVP = "78"
    dataset.FrameTime = "500"
    dataset.FrameIncrementPointer = 0x00181063
    dataset.CineRate = dataset.RecommendedDisplayFrameRate = 2
    dataset.ExposureTime = "60"
    dataset.XRayTubeCurrent = "400"
    dataset.RadiationSetting = "GR"
    dataset.DistanceSourceToDetector, dataset.DistanceSourceToPatient = "1000", "800"
    dataset.EstimatedRadiographicMagnificationFactor = "1.25"
    dataset.PositionerMotion = "STATIC"
    dataset.PositionerPrimaryAngle, dataset.PositionerSecondaryAngle = "90", "0"
    dataset.ImagerPixelSpacing = ["0.8", "0.8"]
    dataset.PixelIntensityRelationship = "LIN"
    dataset.CalibrationImage = "NO"
    dataset.LossyImageCompression = "00"
    dataset.WindowCenter, dataset.WindowWidth = "128", "256"
    set_pixels(dataset, draw(seed))
    return Sample(path=f"{study.patient.folder}/{study.folder}/{path}", dataset=dataset)


def samples() -> list[Sample]:
    """Return the first run uncompressed and the second in JPEG Lossless SV1."""
    plain = _run(RUN, 3, "XA Cine/RUN0001.dcm")
    second = _run(SECOND_RUN, 8, "XA Cine/RUN0002.dcm")
    compress_sv1(second)
    return [plain, Sample(path=second.path, dataset=second.dataset, syntax=JPEGLosslessSV1, encoded=True)]
