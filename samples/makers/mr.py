"""MR of a phantom head: a classic T1 series and an enhanced multi-frame."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.uid import MRImageStorage

from samples.makers.drawing import Ellipse, Image, clouds, grid, noise, smooth, soften, to_integers
from samples.makers.identity import HEAD_MR, Series
from samples.makers.writing import Sample, set_pixels, start_image

SIZE = 128
SLICES = 8
SPACING_MM = 1.8
T1 = Series(study=HEAD_MR, number=1, modality="MR", description="T1 εγκάρσια")


def draw(z: float, seed: int, size: int = SIZE) -> npt.NDArray[np.int64]:
    """Return one T1-like slice at height `z` (0 base, 1 vertex) in 12-bit values."""
    x, y = grid(size, size)
    scale = 1 - (z - 0.35) * (z - 0.35) * 1.1
    head = Ellipse(x=0, y=0, rx=0.70 * scale, ry=0.88 * scale)
    radius = head.radius(x, y)
    image: Image = soften(radius, 0.04) * 1750  # scalp fat
    skull = soften(radius / 0.92, 0.03)
    image = image * (1 - skull) + 180 * skull
    brain = soften(radius / 0.84, 0.03)
    image = image * (1 - brain) + 330 * brain
    folds = (
        clouds(x * 11 + 30, y * 11 + 30 + z * 2, 21) + 0.6 * clouds(x * 20 + 50, y * 20 + 50 + z * 3, 22)
    ) / 1.6
    depth = radius + (folds - 0.5) * 0.46  # the grey matter follows the folds
    grey = np.clip((0.80 - radius) * 25, 0, 1) * np.clip((0.86 - depth) * 14, 0, 1)
    image = image * (1 - grey) + 880 * grey
    white = np.clip((0.66 - depth) * 10, 0, 1)
    image = image * (1 - white) + 1270 * white
    fissure = (np.abs(x) < 0.016) & (radius < 0.80) & (np.abs(y) > 0.26 * scale)
    image = np.where(fissure, 300, image)
    for part, value in _depths(z):
        weight = soften(part.radius(x, y), 0.15)
        image = image * (1 - weight) + value * weight
    image = smooth(image) * (1 + 0.08 * y) + noise(size, size, 300 + seed) * 35 + 30
    return to_integers(image, 0, 4095)


def _depths(z: float) -> list[tuple[Ellipse, float]]:
    parts: list[tuple[Ellipse, float]] = []
    if 0.30 <= z <= 0.75:
        for side in (-1, 1):
            parts += [
                (Ellipse(x=side * 0.16, y=-0.02, rx=0.09, ry=0.15, tilt=side * 0.2), 930),
                (Ellipse(x=side * 0.10, y=-0.18, rx=0.045, ry=0.14, tilt=-side * 0.35), 260),
                (Ellipse(x=side * 0.14, y=0.22, rx=0.045, ry=0.15, tilt=side * 0.45), 260),
            ]
        parts.append((Ellipse(x=0, y=0.02, rx=0.022, ry=0.13), 280))
    if z < 0.30:
        parts += [
            (Ellipse(x=0, y=0.46, rx=0.36, ry=0.20), 960),
            (Ellipse(x=0, y=0.14, rx=0.15, ry=0.14), 1150),
            (Ellipse(x=0, y=0.29, rx=0.07, ry=0.04), 280),
        ]
        if z < 0.16:
            for side in (-1, 1):
                parts += [
                    (Ellipse(x=side * 0.27, y=-0.64, rx=0.15, ry=0.14), 300),
                    (Ellipse(x=side * 0.27, y=-0.55, rx=0.10, ry=0.05), 1500),
                ]
    return parts


def _slice(number: int) -> Dataset:
    dataset = start_image(T1, MRImageStorage, number)
    position = -30 + (number - 1) * 14
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
    dataset.BodyPartExamined = "HEAD"
    dataset.ScanningSequence = "SE"
    dataset.SequenceVariant = "SK"
    dataset.ScanOptions = "PFP"
    dataset.MRAcquisitionType = "2D"
    dataset.SequenceName = "se2d1"
    dataset.SliceThickness = "5"
    dataset.RepetitionTime = "500"
    dataset.EchoTime = "14"
    dataset.NumberOfAverages = "1"
    dataset.ImagingFrequency = "63.87"
    dataset.ImagedNucleus = "1H"
    dataset.EchoNumbers = 1
    dataset.MagneticFieldStrength = "1.5"
    dataset.SpacingBetweenSlices = "14"
    dataset.EchoTrainLength = 1
    dataset.FlipAngle = "90"
    dataset.PatientPosition = "HFS"
    dataset.AcquisitionNumber = 1
    corner = f"{-(SIZE - 1) * SPACING_MM / 2:.1f}"
    dataset.ImagePositionPatient = [corner, corner, str(position)]
    dataset.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    dataset.FrameOfReferenceUID = T1.frame_of_reference
    dataset.PositionReferenceIndicator = ""
    dataset.SliceLocation = str(position)
    dataset.PixelSpacing = [str(SPACING_MM)] * 2
    dataset.WindowCenter, dataset.WindowWidth = "850", "1500"
    set_pixels(dataset, draw((number - 1) / (SLICES - 1) * 0.92, number), stored=12)
    return dataset


def t1() -> list[Dataset]:
    """Return the T1 series, from the base upwards."""
    return [_slice(number) for number in range(1, SLICES + 1)]


def samples(series: list[Dataset]) -> list[Sample]:
    """Return the files of the T1 series, named as scanners without extensions name files."""
    folder = f"{HEAD_MR.patient.folder}/{HEAD_MR.folder}"
    return [Sample(path=f"{folder}/SE000001/MR{n:06d}", dataset=image) for n, image in enumerate(series, 1)]
