"""A secondary capture in palette colour: a perfusion-like map with a caption."""

from __future__ import annotations

import numpy as np
from pydicom.uid import SecondaryCaptureImageStorage

from samples.makers.drawing import Ellipse, clouds, grid, soften, stamp, to_integers
from samples.makers.identity import HEAD_MR, Series
from samples.makers.writing import Sample, set_pixels, start

MAP = Series(study=HEAD_MR, number=9, modality="OT", description="Χάρτης αιμάτωσης")
SIZE = 128


def _palette() -> tuple[bytes, bytes, bytes]:
    """Return 256 entries of 16 bits for red, green and blue: black, blue, cyan, yellow, red, white last."""
    stops = ((0, 0, 0, 0), (60, 20, 20, 190), (120, 0, 190, 200), (180, 240, 230, 30), (254, 220, 20, 10))
    tables = (bytearray(), bytearray(), bytearray())
    for index in range(256):
        if index == 255:
            colour = [255, 255, 255]
        else:
            after = next(i for i, stop in enumerate(stops) if stop[0] >= index) or 1
            low, high = stops[after - 1], stops[after]
            part, whole = index - low[0], high[0] - low[0]
            colour = [(low[c] * (whole - part) + high[c] * part) // whole for c in (1, 2, 3)]
        for table, value in zip(tables, colour, strict=True):
            table.extend((value, value))  # the same byte twice: value times 257
    return bytes(tables[0]), bytes(tables[1]), bytes(tables[2])


def samples() -> list[Sample]:
    """Return the capture."""
    dataset = start(MAP, SecondaryCaptureImageStorage, 1)
    dataset.ConversionType = "WSD"
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.ContentDate, dataset.ContentTime = HEAD_MR.date, "090000"
    dataset.BodyPartExamined = "HEAD"
    dataset.PatientOrientation = []
    dataset.BurnedInAnnotation = "YES"
    x, y = grid(SIZE, SIZE)
    head = Ellipse(x=0, y=0, rx=0.68, ry=0.84).radius(x, y)
    level = 95 + 120 * clouds(x * 6 + 20, y * 6 + 20, 111) * clouds(x * 14 + 20, y * 14 + 20, 112)
    level = level + 70 * np.clip((head - 0.55) * 3, 0, 1)
    lesion = soften(Ellipse(x=0.34, y=0.1, rx=0.20, ry=0.26, tilt=0.4).radius(x, y), 0.4)
    level = level * (1 - 0.7 * lesion) * soften(head, 0.03)
    pixels = to_integers(level, 0, 254)
    for row in range(100):
        pixels[114 - row, 120:125] = row * 254 // 99
    stamp(pixels, "MEDIAKIT SAMPLE", 118, 4, 255)
    set_pixels(dataset, pixels, photometric="PALETTE COLOR")
    for colour, table in zip(("Red", "Green", "Blue"), _palette(), strict=True):
        setattr(dataset, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16])
        dataset.add_new(f"{colour}PaletteColorLookupTableData", "OW", table)
    folder = f"{HEAD_MR.patient.folder}/{HEAD_MR.folder}"
    return [Sample(path=f"{folder}/SE000009/capture.dcm", dataset=dataset)]
