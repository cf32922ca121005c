"""A small oblique stack of images, and presentation states, segmentations and structure sets on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from tests.support.studies import PYDICOM_FILES

Values = npt.NDArray[Any]
STATE, COLOUR_STATE = "1.2.840.10008.5.1.4.1.1.11.1", "1.2.840.10008.5.1.4.1.1.11.2"
SEGMENTS, LABELS = "1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"
STRUCTURES = "1.2.840.10008.5.1.4.1.1.481.3"
REFERENCE = "1.2.826.0.1.3680043.8.498.77"
# 20 degrees about the x axis, then 30 about z: no axis of the image is one of the patient.
ACROSS = np.array([np.cos(np.pi / 6), np.sin(np.pi / 6), 0])
DOWN = np.array(
    [-np.sin(np.pi / 6) * np.cos(np.pi / 9), np.cos(np.pi / 6) * np.cos(np.pi / 9), np.sin(np.pi / 9)]
)
ROWS, COLUMNS, SPACING, STEP = 20, 24, (0.5, 0.8), 3.0
CORNER = np.array([-31.0, 12.5, 88.0])


def item(**values: object) -> Dataset:
    """Return an item with these elements."""
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, Items(value) if isinstance(value, list) and _are_items(value) else value)
    return made


def _are_items(value: list[Any]) -> bool:
    return bool(value) and isinstance(value[0], Dataset)


def corner_of(number: int) -> Values:
    """Return the centre of the first pixel of an image of the stack, in mm."""
    return CORNER + number * STEP * np.cross(ACROSS, DOWN)


def in_patient(number: int, column: float, row: float) -> Values:
    """Return the point of the patient at a pixel, whose centre is a whole number (PS3.3 C.7.6.2.1.1)."""
    along: Values = ACROSS * SPACING[1] * column + DOWN * SPACING[0] * row
    return corner_of(number) + along


def decimals(values: Values) -> list[str]:
    """Return numbers as DS."""
    return [f"{value:.7g}" for value in np.asarray(values).ravel()]


@dataclass(slots=True)
class Study:
    """A folder with one patient's images, and what lies over them."""

    folder: Path
    images: list[Dataset] = field(default_factory=list)
    _files: int = 0

    def stack(self, count: int = 6) -> list[Dataset]:
        """Write the oblique stack."""
        series = generate_uid()
        for number in range(count):
            image = pydicom.dcmread(PYDICOM_FILES / "CT_small.dcm")
            values = (np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS) * 3 + 100 * number).astype(np.int16)
            self._own(image, "CT", series, 1)
            image.InstanceNumber, image.Rows, image.Columns = number + 1, ROWS, COLUMNS
            image.PixelData = values.tobytes()
            image.RescaleSlope, image.RescaleIntercept = "1", "-1000"
            image.ImageOrientationPatient = decimals(np.concatenate([ACROSS, DOWN]))
            image.ImagePositionPatient = decimals(corner_of(number))
            image.PixelSpacing, image.SliceThickness = [f"{one}" for one in SPACING], "3"
            image.FrameOfReferenceUID = REFERENCE
            for gone in ("PixelPaddingValue", "WindowCenter", "WindowWidth"):
                if gone in image:
                    delattr(image, gone)
            self.save(image)
            self.images.append(image)
        return self.images

    def other(self, sop_class: str, modality: str, **values: object) -> FileDataset:
        """Return an object without pixels of a new series; it is not written yet."""
        meta = FileMetaDataset()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        made = FileDataset("x", item(SOPClassUID=sop_class, **values), file_meta=meta, preamble=bytes(128))
        self._own(made, modality, generate_uid(), 2 + self._files)
        made.InstanceNumber = 1
        return made

    def save(self, made: Dataset) -> Path:
        """Write an object, and return its file."""
        self._files += 1
        made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
        made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
        file = self.folder / f"{self._files:03d}.dcm"
        made.save_as(file, enforce_file_format=True)
        return file

    @staticmethod
    def _own(made: Dataset, modality: str, series: str, number: int) -> None:
        made.PatientID, made.PatientName, made.PatientBirthDate, made.PatientSex = "P1", "Doe^Jane", "", ""
        made.StudyInstanceUID, made.StudyDate, made.StudyTime, made.StudyID = "1.2.3", "20260102", "10", "1"
        made.AccessionNumber, made.ReferringPhysicianName = "", ""
        made.SeriesInstanceUID, made.SeriesNumber, made.Modality = series, number, modality
        made.SOPInstanceUID = generate_uid()

    def state(self, images: Sequence[Dataset], **values: object) -> FileDataset:
        """Return a grayscale presentation state for images; more elements as they are given."""
        named = item(SeriesInstanceUID=images[0].SeriesInstanceUID, ReferencedImageSequence=named_in(images))
        made = self.other(STATE, "PR", ReferencedSeriesSequence=[named], ContentLabel="STATE")
        made.InstanceNumber, made.ContentDescription = 1, "A state"
        made.PresentationCreationDate, made.PresentationCreationTime = "20260102", "101112"
        made.ContentCreatorName, made.PresentationLUTShape = "", "IDENTITY"
        made.RescaleSlope, made.RescaleIntercept, made.RescaleType = "1", "-1000", "HU"
        area = item(DisplayedAreaTopLeftHandCorner=[1, 1], PresentationSizeMode="SCALE TO FIT")
        area.DisplayedAreaBottomRightHandCorner = [int(images[0].Columns), int(images[0].Rows)]
        area.PresentationPixelAspectRatio = [1, 1]
        made.DisplayedAreaSelectionSequence = Items([area])
        for keyword, value in values.items():
            setattr(made, keyword, Items(value) if isinstance(value, list) and _are_items(value) else value)
        return made

    def segmentation(self, kind: str, frames: Values, groups: list[Dataset], **more: object) -> FileDataset:
        """Return a segmentation of frames (n x rows x columns) whose functional groups are given."""
        made = self.other(LABELS if kind == "LABELMAP" else SEGMENTS, "SEG", SegmentationType=kind)
        made.NumberOfFrames, made.Rows, made.Columns = frames.shape
        made.SamplesPerPixel, made.PhotometricInterpretation, made.PixelRepresentation = 1, "MONOCHROME2", 0
        bits = 1 if kind == "BINARY" else 8
        made.BitsAllocated = made.BitsStored = bits
        made.HighBit = bits - 1
        packed = np.packbits(frames.ravel() != 0, bitorder="little") if bits == 1 else frames.astype(np.uint8)
        data = packed.tobytes()
        made.add_new(0x7FE00010, "OB", data + bytes(len(data) % 2))
        made.FrameOfReferenceUID = REFERENCE
        made.ContentLabel, made.ContentDescription = "SEG", "Organs"
        made.PerFrameFunctionalGroupsSequence = Items(groups)
        made.SharedFunctionalGroupsSequence = Items([item(**geometry())])
        made.SegmentSequence = Items([item(SegmentNumber=1, SegmentLabel="One")])
        for keyword, value in more.items():
            setattr(made, keyword, Items(value) if isinstance(value, list) and _are_items(value) else value)
        return made

    def structures(self, contours: list[Dataset], **more: object) -> FileDataset:
        """Return a structure set of one region with contours."""
        made = self.other(STRUCTURES, "RTSTRUCT", StructureSetLabel="RT", StructureSetName="Plan 1")
        made.StructureSetDate, made.StructureSetTime = "20260102", "101112"
        made.StructureSetROISequence = Items(
            [item(ROINumber=7, ROIName="PTV", ReferencedFrameOfReferenceUID=REFERENCE)]
        )
        made.ROIContourSequence = Items(
            [item(ReferencedROINumber=7, ROIDisplayColor=[1, 2, 250], ContourSequence=contours)]
        )
        for keyword, value in more.items():
            setattr(made, keyword, value)
        return made


def named_in(images: Sequence[Dataset]) -> list[Dataset]:
    """Return references to images."""
    return [
        item(ReferencedSOPClassUID=one.SOPClassUID, ReferencedSOPInstanceUID=one.SOPInstanceUID)
        for one in images
    ]


def geometry(spacing: tuple[float, float] = SPACING) -> dict[str, list[Dataset]]:
    """Return the shared groups of a grid that is parallel to the stack."""
    measures = item(PixelSpacing=[f"{one}" for one in spacing], SliceThickness="3")
    plane = item(ImageOrientationPatient=decimals(np.concatenate([ACROSS, DOWN])))
    return {"PixelMeasuresSequence": [measures], "PlaneOrientationSequence": [plane]}


def frame_group(corner: Values | None, segment: int | None = 1, sources: Sequence[Dataset] = ()) -> Dataset:
    """Return the functional groups of one frame of a segmentation."""
    made = item()
    if corner is not None:
        made.PlanePositionSequence = Items([item(ImagePositionPatient=decimals(corner))])
    if segment is not None:
        made.SegmentIdentificationSequence = Items([item(ReferencedSegmentNumber=segment)])
    if sources:
        made.DerivationImageSequence = Items([item(SourceImageSequence=named_in(sources))])
    return made


def contour(kind: str, points: Sequence[Values], image: Dataset | None = None) -> Dataset:
    """Return a contour through points of the patient."""
    made = item(ContourGeometricType=kind, NumberOfContourPoints=len(points))
    made.ContourData = [text for point in points for text in decimals(point)]
    if image is not None:
        made.ContourImageSequence = Items(named_in([image]))
    return made
