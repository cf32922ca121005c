"""Files for the judges: small instances with what a directory record needs, right and wrong on purpose."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO

from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID

from mediakit.dicom.uids import SYNTAXES
from tests.support.judged import CT, DOSE_SR, EXPLICIT, GSPS, PDF, US

GREY_8 = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
COLOUR = {**GREY_8, "SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0}
FRAMES = {"NumberOfFrames": 2, "FrameTime": "40", "FrameIncrementPointer": 0x00181063}


def image(sop_class: str, syntax: str, modality: str, **values: object) -> Dataset:
    """Return a small gray image; `values` by keyword, None leaves an attribute out."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = UID(syntax)
    made.SOPClassUID, made.SOPInstanceUID = sop_class, "1.2.826.0.1.3680043.2.9.1"
    made.StudyInstanceUID, made.SeriesInstanceUID = "1.2.826.0.1.3680043.2.9.2", "1.2.826.0.1.3680043.2.9.3"
    made.PatientName, made.PatientID, made.PatientBirthDate, made.PatientSex = "TEST", "1", "", ""
    made.StudyDate, made.StudyTime, made.StudyID, made.AccessionNumber = "20260101", "1200", "1", ""
    made.StudyDescription, made.ReferringPhysicianName = "", ""
    made.Modality, made.SeriesNumber, made.InstanceNumber = modality, 1, 1
    made.ImageType = ["ORIGINAL", "PRIMARY", "SINGLE PLANE"]
    made.InstitutionName, made.InstitutionAddress, made.PerformingPhysicianName = "", "", ""
    made.ManufacturerModelName, made.DetectorID = "", ""
    made.DetectorManufacturerName, made.DetectorManufacturerModelName = "", ""
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.Rows = made.Columns = 8
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 12, 11, 0
    _set(made, values)
    _add_pixels(made, syntax)
    return made


def _set(made: Dataset, values: Mapping[str, object]) -> None:
    for keyword, value in values.items():
        if value is not None:
            setattr(made, keyword, value)
        elif keyword in made:
            delattr(made, keyword)


def _add_pixels(made: Dataset, syntax: str) -> None:
    frames = int(made.get("NumberOfFrames", 1))
    size = made.Rows * made.Columns * made.SamplesPerPixel * made.BitsAllocated // 8
    if SYNTAXES[syntax].is_encapsulated:
        made.PixelData = encapsulate([b"\0" * 64] * frames)
        made["PixelData"].is_undefined_length = True
    else:
        made.PixelData = b"\0" * (size * frames)
    made["PixelData"].VR = "OW" if made.BitsAllocated > 8 and not SYNTAXES[syntax].is_encapsulated else "OB"


def other(sop_class: str, syntax: str, modality: str, **values: object) -> Dataset:
    """Return an instance without pixels, with what its directory record needs."""
    made = image(sop_class, syntax, modality)
    for keyword in ("SamplesPerPixel", "PhotometricInterpretation", "Rows", "Columns", "BitsAllocated"):
        delattr(made, keyword)
    for keyword in ("BitsStored", "HighBit", "PixelRepresentation", "PixelData", "ImageType"):
        delattr(made, keyword)
    _set(made, values)
    return made


def ultrasound(photometric: str, syntax: str, **values: object) -> Dataset:
    samples = 1 if photometric in {"MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"} else 3
    form = {**COLOUR, "SamplesPerPixel": samples, "PhotometricInterpretation": photometric}
    return image(US, syntax, "US", **{**form, **values})


def region(**values: object) -> Dataset:
    made = Dataset()
    made.RegionSpatialFormat, made.RegionDataType, made.RegionFlags = 1, 1, 0
    made.RegionLocationMinX0 = made.RegionLocationMinY0 = 0
    made.RegionLocationMaxX1 = made.RegionLocationMaxY1 = 7
    made.PhysicalUnitsXDirection = made.PhysicalUnitsYDirection = 3
    made.PhysicalDeltaX = made.PhysicalDeltaY = 0.1
    _set(made, values)
    return made


COMPONENTS: Mapping[str, object] = {
    "PixelComponentPhysicalUnits": 6,
    "PixelComponentDataType": 1,
    "NumberOfTableBreakPoints": 2,
    "TableOfXBreakPoints": [0, 255],
    "TableOfYBreakPoints": [0.0, 1.0],
}


def bits(**values: object) -> Dataset:
    """Return a region with combined calibration, bit aligned."""
    return region(**{**COMPONENTS, "PixelComponentOrganization": 0, "PixelComponentMask": 255, **values})


def ranges(**values: object) -> Dataset:
    """Return a region with combined calibration by ranges."""
    start_stop = {"PixelComponentRangeStart": 0, "PixelComponentRangeStop": 255}
    return region(**{**COMPONENTS, "PixelComponentOrganization": 1, **start_stop, **values})


def report() -> Dataset:
    title = Dataset()
    title.CodeValue, title.CodingSchemeDesignator, title.CodeMeaning = "113701", "DCM", "Dose Report"
    return other(
        DOSE_SR,
        EXPLICIT,
        "SR",
        ContentDate="20260101",
        ContentTime="1200",
        CompletionFlag="COMPLETE",
        VerificationFlag="UNVERIFIED",
        ConceptNameCodeSequence=[title],
    )


def presentation(syntax: str = EXPLICIT) -> Dataset:
    shown, series = Dataset(), Dataset()
    shown.ReferencedSOPClassUID, shown.ReferencedSOPInstanceUID = CT, "1.2.3"
    series.SeriesInstanceUID, series.ReferencedImageSequence = "1.2.4", [shown]
    return other(
        GSPS,
        syntax,
        "PR",
        PresentationCreationDate="20260101",
        PresentationCreationTime="1200",
        ContentLabel="GSPS",
        ContentDescription="",
        ContentCreatorName="",
        ReferencedSeriesSequence=[series],
    )


def document() -> Dataset:
    return other(
        PDF,
        EXPLICIT,
        "DOC",
        ContentDate="20260101",
        ContentTime="1200",
        DocumentTitle="",
        MIMETypeOfEncapsulatedDocument="application/pdf",
        ConceptNameCodeSequence=[],
        EncapsulatedDocument=b"%PDF",
    )


def written(made: Dataset, number: int) -> bytes:
    """Return an instance as a file. By its number each is a study of its own: none is judged by another."""
    for keyword in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        setattr(made, keyword, f"{getattr(made, keyword)}.{number}")
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    out = BytesIO()
    dcmwrite(out, made, enforce_file_format=True)
    return out.getvalue()
