"""Projection X-ray: a chest in CR and an intra-oral picture of three teeth."""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import ComputedRadiographyImageStorage, DigitalIntraOralXRayImageStorageForPresentation

from samples.makers.drawing import (
    Ellipse,
    Image,
    clouds,
    distance_to_segment,
    grid,
    noise,
    smooth,
    soften,
    stamp,
    to_integers,
)
from samples.makers.identity import CHEST, DENTAL, Series, uid
from samples.makers.writing import Sample, code, items, set_pixels, start_image

PA = Series(study=CHEST, number=1, modality="CR", description="Thorax p.a. stehend")
BITEWING = Series(study=DENTAL, number=1, modality="IO", description="Περιακρορριζική 34-36")


def draw_chest(rows: int, columns: int) -> Image:
    """Return a chest in relative brightness 0..1, bone bright."""
    x, y = grid(rows, columns)
    trunk = soften(Ellipse(x=0, y=0.55, rx=0.98, ry=1.55).radius(x, y), 0.06)
    neck = soften(Ellipse(x=0, y=-1.1, rx=0.30, ry=0.55).radius(x, y), 0.15)
    image = 0.06 + 0.52 * np.maximum(trunk, neck)
    for side in (-1, 1):
        lung = Ellipse(x=side * 0.43, y=-0.08, rx=0.33, ry=0.80, tilt=-side * 0.12)
        floor = Ellipse(x=side * 0.42, y=0.84 - 0.06 * (side < 0), rx=0.52, ry=0.42)
        air = soften(lung.radius(x, y), 0.10) * (1 - soften(floor.radius(x, y), 0.08))
        marks = np.clip(clouds(x * 11 + 30, y * 11 + 30, 61) - 0.45, 0, 1)
        near = np.clip(1.1 - 2.2 * np.abs(x * side - 0.16), 0, 1)
        image = image - air * (0.40 - 0.30 * marks * (0.3 + near))
        image = image + 0.10 * soften(Ellipse(x=side * 0.19, y=-0.02, rx=0.10, ry=0.20).radius(x, y), 0.7)
        for number in range(9):
            arch = Ellipse(x=side * 0.30, y=-0.42 + number * 0.165, rx=0.46, ry=0.30, tilt=-side * 0.25)
            band = np.clip(1 - np.abs(arch.radius(x, y) - 1) * 14, 0, 1)
            behind = np.where(y < arch.y + 0.02, 1.0, 0.35)
            image = image + 0.085 * band * behind * soften(lung.radius(x, y) / 1.12, 0.12)
        clavicle = distance_to_segment(x, y, (side * 0.08, -0.72), (side * 0.78, -0.90))
        image = image + 0.15 * np.clip(1 - clavicle * 20, 0, 1)
        shoulder = Ellipse(x=side * 0.92, y=-0.80, rx=0.16, ry=0.17)
        image = image + 0.13 * soften(shoulder.radius(x, y), 0.3)
    heart = Ellipse(x=0.15, y=0.30, rx=0.47, ry=0.31, tilt=0.42)
    image = np.maximum(image, 0.60 * soften(heart.radius(x, y), 0.10) + 0.05)
    image = image + 0.13 * soften(Ellipse(x=0.07, y=-0.40, rx=0.09, ry=0.15).radius(x, y), 0.4)
    spine = np.clip(1 - np.abs(x) * 9, 0, 1)
    discs = 0.6 + 0.4 * (np.abs(y * 7 - np.floor(y * 7) - 0.5) < 0.38)
    image = image + 0.14 * spine * discs
    image = image - 0.20 * np.clip(1 - np.abs(x) * 22, 0, 1) * (y < -0.30) * np.maximum(trunk, neck)
    picture: Image = np.clip(image, 0, 1)
    return picture


def chest() -> Sample:
    """Return the CR image."""
    rows, columns = 288, 240
    dataset = start_image(PA, ComputedRadiographyImageStorage, 1)
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.BodyPartExamined = "CHEST"
    dataset.ViewPosition = "PA"
    dataset.KVP = "125"
    dataset.PlateID = "PLATE1"
    dataset.CassetteOrientation = "PORTRAIT"
    dataset.CassetteSize = "35CMX43CM"
    dataset.ImagerPixelSpacing = ["1.4", "1.4"]
    dataset.PatientOrientation = ["L", "F"]
    dataset.WindowCenter, dataset.WindowWidth = "2048", "4096"
    picture = smooth(draw_chest(rows, columns)) * 3700 + 80 + noise(rows, columns, 62) * 70
    stamp(picture, "L", 10, columns - 26, 3900, 2)
    set_pixels(dataset, to_integers(picture, 0, 4095), stored=12)
    return Sample(path=f"{CHEST.patient.folder}/{CHEST.folder}/thorax_pa.DCM", dataset=dataset)


def _tooth(x: Image, y: Image, left: float, roots: tuple[float, ...]) -> tuple[Image, Image, Image]:
    """Return the weights of dentine, enamel and pulp of one tooth whose crown points up."""
    crown = Ellipse(x=left, y=-0.36, rx=0.27, ry=0.34)
    cut = np.clip((y + 0.56 + 0.05 * np.abs(x - left)) * 20, 0, 1)
    body = soften(crown.radius(x, y), 0.08) * cut
    cap = body * np.clip((crown.radius(x, y) - 0.72) * 8, 0, 1) * np.clip((-0.12 - y) * 9, 0, 1)
    cap = np.maximum(cap, body * np.clip((-0.46 - y) * 14, 0, 1))
    pulp = 0.8 * soften(Ellipse(x=left, y=-0.18, rx=0.09, ry=0.11).radius(x, y), 0.4)
    for lean in roots:
        tip = (left + lean * 1.35, 0.72)
        reach = distance_to_segment(x, y, (left + lean * 0.8, -0.15), tip)
        width = np.clip(0.135 - 0.085 * (y + 0.15) / 0.87, 0.03, 0.135)
        body = np.maximum(body, np.clip((width - reach) * 40, 0, 1))
        pulp = np.maximum(pulp, np.clip((0.022 - reach) * 60, 0, 1) * (y < 0.66))
    return body, cap, pulp


def draw_teeth(rows: int, columns: int) -> Image:
    """Return an intra-oral picture in relative brightness 0..1."""
    x, y = grid(rows, columns)
    crest = -0.06 + 0.05 * np.abs(x)
    bone = np.clip((y - crest) * 7, 0, 1)
    image = 0.05 + 0.10 * np.clip((y + 0.30) * 4, 0, 1)
    web = clouds(x * 13 + 40, y * 13 + 40, 71) * 0.6 + clouds(x * 24 + 40, y * 24 + 40, 72) * 0.4
    image = image * (1 - bone) + (0.24 + 0.26 * web) * bone
    for left, roots in (
        (-0.92, (0.0,)),
        (-0.22, (-0.14, 0.14)),
        (0.52, (-0.14, 0.14)),
        (1.22, (-0.12, 0.12)),
    ):
        body, cap, pulp = _tooth(x, y, left, roots)
        image = image * (1 - body) + 0.62 * body
        image = image + 0.26 * cap - 0.22 * pulp * body
    filling = soften(Ellipse(x=0.52, y=-0.50, rx=0.13, ry=0.09).radius(x, y), 0.2)
    image = np.maximum(image, filling * 0.99)
    picture: Image = np.clip(image, 0, 1)
    return picture


def _detector(dataset: Dataset) -> None:
    dataset.DetectorType = "DIRECT"
    dataset.DetectorID = "MKS-IO-1"
    dataset.DetectorManufacturerName = "mediakit"
    dataset.DetectorManufacturerModelName = "Phantom Sensor"
    dataset.ImagerPixelSpacing = ["0.15", "0.15"]
    dataset.PositionerType = "NONE"
    dataset.KVP = "65"


def bitewing() -> Sample:
    """Return the Digital Intra-Oral X-Ray image, For Presentation."""
    rows, columns = 180, 240
    dataset = start_image(BITEWING, DigitalIntraOralXRayImageStorageForPresentation, 1)
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.PresentationIntentType = "FOR PRESENTATION"
    _detector(dataset)
    dataset.PatientOrientation = ["A", "F"]
    dataset.ImageLaterality = "L"
    dataset.AnatomicRegionSequence = code("91609006", "SCT", "Mandible")
    teeth = (("2400006", "first premolar"), ("24573005", "second premolar"), ("866006002", "first molar"))
    dataset.PrimaryAnatomicStructureSequence = items(
        *[code(value, "SCT", f"Mandibular left {name} tooth")[0] for value, name in teeth]
    )
    dataset.PixelIntensityRelationship = "LOG"
    dataset.PixelIntensityRelationshipSign = -1
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = "0", "1", "US"
    dataset.PresentationLUTShape = "IDENTITY"
    dataset.LossyImageCompression = "00"
    dataset.BurnedInAnnotation = "NO"
    dataset.WindowCenter, dataset.WindowWidth = "128", "256"
    dataset.AcquisitionContextSequence = items()
    dataset.IrradiationEventUID = uid(BITEWING.uid, "irradiation")
    picture = smooth(draw_teeth(rows, columns)) * 245 + 4 + noise(rows, columns, 73) * 6
    set_pixels(dataset, to_integers(picture, 0, 255))
    return Sample(path=f"{DENTAL.patient.folder}/{DENTAL.folder}/34-36.dcm", dataset=dataset)


def samples() -> list[Sample]:
    """Return both files."""
    return [chest(), bitewing()]
