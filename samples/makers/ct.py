"""CT of a phantom trunk: a contrast series from kidneys to chest, and a small series in other syntaxes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, ImplicitVRLittleEndian, JPEG2000Lossless, RLELossless

from samples.makers.drawing import Ellipse, Image, Mask, clouds, grid, noise, smooth, soften, to_integers
from samples.makers.encoders import compress
from samples.makers.identity import BODY_CT, Series
from samples.makers.writing import Sample, set_pixels, start_image

SIZE = 128
SLICES = 10
SPACING_MM = 3.0
STEP_MM = 25.0
FIRST_Z_MM = -100.0
ORIGIN_MM = -(SIZE - 1) * SPACING_MM / 2
HALF_FIELD_MM = SIZE * SPACING_MM / 2  # grid coordinate 1 in millimetres

AXIAL = Series(study=BODY_CT, number=2, modality="CT", description="Abdomen/Thorax axial 5 mm venös")
THIN = Series(study=BODY_CT, number=3, modality="CT", description="Leber dünn")
_FOLDER = f"{BODY_CT.patient.folder}/{BODY_CT.folder}"

BODY = Ellipse(x=0, y=0.02, rx=0.86, ry=0.62)


def liver(z: float) -> Ellipse | None:
    """Return the liver in the slice at height `z` (0 feet, 1 head), or None above and below it."""
    if not 0.15 <= z <= 0.62:
        return None
    bulge = 1 - (z - 0.42) * (z - 0.42) * 9
    return Ellipse(x=-0.34, y=-0.04, rx=0.40 * bulge, ry=0.42 * bulge, tilt=0.35)


def _lungs(z: float) -> list[Ellipse]:
    if z < 0.45:
        return []
    size = min(1.0, (z - 0.40) * 3.2)
    return [
        Ellipse(x=side * 0.42, y=0.0, rx=0.30 * size, ry=0.44 * size, tilt=-side * 0.08) for side in (-1, 1)
    ]


def _ribs(z: float) -> list[Ellipse]:
    ring = Ellipse(x=0, y=0.02, rx=0.765, ry=0.535)
    points = ring.outline(24)
    turn = int(z * 30) % 2
    kept = [p for i, p in enumerate(points) if i % 2 == turn and abs(p[0]) > 0.22]
    return [
        Ellipse(x=px, y=py, rx=0.055, ry=0.028, tilt=-px * 1.4 if py < 0 else px * 1.4) for px, py in kept
    ]


def _organs(z: float) -> list[tuple[Ellipse, float]]:
    organs: list[tuple[Ellipse, float]] = [(lung, -820) for lung in _lungs(z)]
    if z >= 0.55:
        organs += [
            (Ellipse(x=0.10, y=-0.16, rx=0.30, ry=0.25, tilt=0.5), 70),
            (Ellipse(x=0.16, y=-0.17, rx=0.15, ry=0.12, tilt=0.5), 190),
            (Ellipse(x=-0.06, y=-0.12, rx=0.09, ry=0.10), 150),
        ]
    found = liver(z)
    if found is not None:
        organs += [
            (found, 105),
            (Ellipse(x=-0.30, y=-0.02, rx=0.022, ry=0.10, tilt=0.6), 165),
            (Ellipse(x=-0.20, y=0.08, rx=0.020, ry=0.08, tilt=-0.9), 165),
        ]
    if 0.25 <= z < 0.55:
        organs += [
            (Ellipse(x=0.34, y=-0.20, rx=0.22, ry=0.16, tilt=0.3), 25),
            (Ellipse(x=0.36, y=-0.28, rx=0.13, ry=0.05, tilt=0.3), -900),
            (Ellipse(x=0.60, y=0.16, rx=0.10, ry=0.20, tilt=0.3), 125),
        ]
    if z < 0.40:
        for side in (-1, 1):
            organs += [
                (Ellipse(x=side * 0.36, y=0.24, rx=0.12, ry=0.15, tilt=side * 0.3), 190),
                (Ellipse(x=side * 0.31, y=0.23, rx=0.05, ry=0.06), 60),
            ]
    if z < 0.25:
        loops = ((-0.35, -0.25), (-0.12, -0.30), (0.14, -0.22), (0.38, -0.26), (0.02, -0.10), (0.30, -0.02))
        organs += [(Ellipse(x=x, y=y, rx=0.11, ry=0.085), 45) for x, y in loops]
        organs += [(Ellipse(x=x, y=y - 0.03, rx=0.05, ry=0.03), -850) for x, y in loops[::2]]
    return [*organs, *_skeleton(z)]


def _skeleton(z: float) -> list[tuple[Ellipse, float]]:
    parts: list[tuple[Ellipse, float]] = [
        (Ellipse(x=0.09, y=0.17, rx=0.065, ry=0.065), 210),  # aorta
        (Ellipse(x=-0.10, y=0.15, rx=0.065, ry=0.05), 150),  # vena cava
        (Ellipse(x=0, y=0.32, rx=0.13, ry=0.105), 420),
        (Ellipse(x=0, y=0.32, rx=0.105, ry=0.08), 190),
        (Ellipse(x=0, y=0.46, rx=0.10, ry=0.06), 380),
        (Ellipse(x=0, y=0.445, rx=0.055, ry=0.045), 30),
        (Ellipse(x=0, y=0.54, rx=0.022, ry=0.06), 480),
    ]
    if z >= 0.35:
        parts += [(rib, 480) for rib in _ribs(z)]
        parts.append((Ellipse(x=0, y=-0.53, rx=0.11, ry=0.03), 350))
    return parts


def draw(z: float, seed: int) -> npt.NDArray[np.int64]:
    """Return one slice in Hounsfield units at height `z` (0 feet, 1 head)."""
    x, y = grid(SIZE, SIZE)
    image: Image = np.full((SIZE, SIZE), -1000.0)
    radius = BODY.radius(x, y)
    image = image + soften(radius, 0.03) * (1000 - 95)  # skin and fat
    muscle = soften(Ellipse(x=0, y=0.02, rx=0.79, ry=0.555).radius(x, y), 0.03)
    image = image * (1 - muscle) + (40 + 30 * clouds(x * 9 + 20, y * 9 + 20, 5)) * muscle
    inner = soften(Ellipse(x=0, y=0, rx=0.70, ry=0.47).radius(x, y), 0.05)
    image = image * (1 - inner) + (-75 + 60 * clouds(x * 7 + 9, y * 7 + 9, 6)) * inner
    for ellipse, value in _organs(z):
        weight = soften(ellipse.radius(x, y), 0.12)
        image = image * (1 - weight) + value * weight
    for lung in _lungs(z):  # vessels in the lungs
        spots = np.clip(clouds(x * 16 + 40, y * 16 + 40, 7 + seed) - 0.78, 0, 1) * 2600
        image = image + np.where(lung.radius(x, y) < 0.9, spots, 0)
    arc = Ellipse(x=0, y=0.05, rx=1.3, ry=0.72).radius(x, y)  # the table
    image = np.where((np.abs(arc - 1) < 0.018) & (y > 0.55), -350, image)
    return to_integers(smooth(image) + noise(SIZE, SIZE, 100 + seed) * 28, -1024, 3071)


def liver_mask(index: int) -> Mask:
    """Return which pixels of the axial slice belong to the liver."""
    found = liver(height(index))
    if found is None:
        return np.zeros((SIZE, SIZE), dtype=bool)
    mask: Mask = found.inside(*grid(SIZE, SIZE))
    return mask


def height(index: int) -> float:
    """Return the relative height (0 feet, 1 head) of the axial slice with this index."""
    return index / (SLICES - 1)


def z_mm(index: int) -> float:
    """Return the z coordinate of the axial slice with this index."""
    return FIRST_Z_MM + index * STEP_MM


def _slice(series: Series, number: int, z: float, position_mm: float, thickness: str) -> Dataset:
    dataset = start_image(series, CTImageStorage, number)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.ContrastBolusAgent = "sample contrast"
    dataset.BodyPartExamined = "ABDOMEN"
    dataset.ScanOptions = "HELICAL MODE"
    dataset.SliceThickness = thickness
    dataset.KVP = "120"
    dataset.DataCollectionDiameter = "500"
    dataset.ReconstructionDiameter = "384"
    dataset.XRayTubeCurrent = "210"
    dataset.ExposureTime = "500"
    dataset.ConvolutionKernel = "STANDARD"
    dataset.PatientPosition = "HFS"
    dataset.AcquisitionNumber = 1
    dataset.ImagePositionPatient = [f"{ORIGIN_MM:.1f}", f"{ORIGIN_MM:.1f}", f"{position_mm:.1f}"]
    dataset.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    dataset.FrameOfReferenceUID = series.frame_of_reference
    dataset.PositionReferenceIndicator = "XY"
    dataset.SliceLocation = f"{position_mm:.1f}"
    dataset.PixelSpacing = [f"{SPACING_MM:.1f}"] * 2
    dataset.WindowCenter, dataset.WindowWidth = "50", "400"
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = "0", "1", "HU"
    set_pixels(dataset, draw(z, number), stored=16, signed=True)
    return dataset


def axial() -> list[Dataset]:
    """Return the contrast series, from the feet upwards."""
    return [_slice(AXIAL, i + 1, height(i), z_mm(i), "5") for i in range(SLICES)]


def samples(series: list[Dataset]) -> list[Sample]:
    """Return the files: the axial series, and the thin one in Implicit VR, RLE and JPEG 2000."""
    files = [
        Sample(path=f"{_FOLDER}/CT_AXIAL/IM-0002-{i + 1:04d}.dcm", dataset=dataset)
        for i, dataset in enumerate(series)
    ]
    thin = [_slice(THIN, i + 1, 0.42 + i * 0.02, 12.5 + i * 6, "1.5") for i in range(4)]
    syntaxes = [ImplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless, JPEG2000Lossless]
    for dataset, syntax in zip(thin, syntaxes, strict=True):
        encoded = syntax != ImplicitVRLittleEndian
        if encoded:
            compress(dataset, syntax)
        path = f"{_FOLDER}/CT_THIN/{dataset.SOPInstanceUID}"  # this exporter names files by their UID
        files.append(Sample(path=path, dataset=dataset, syntax=syntax, encoded=encoded))
    return files
