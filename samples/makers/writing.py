"""Data sets with the attributes that every sample has, and how a sample becomes a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian

from samples.makers.identity import ADDRESS, INSTITUTION, Series, uid


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One file to be written. `path` is relative to the studies folder.

    `encoded` is true when the pixel data comes from an encoder of another project: its bytes may change with
    the version of that encoder, its decoded pixels may not (or, when lossy, hardly).
    """

    path: str
    dataset: Dataset
    syntax: str = str(ExplicitVRLittleEndian)
    encoded: bool = False

    def write(self, root: Path) -> None:
        """Write the file below `root`, with a fixed implementation UID and version name."""
        meta = FileMetaDataset()
        meta.FileMetaInformationVersion = b"\x00\x01"
        meta.MediaStorageSOPClassUID = self.dataset.SOPClassUID
        meta.MediaStorageSOPInstanceUID = self.dataset.SOPInstanceUID
        meta.TransferSyntaxUID = UID(self.syntax)
        meta.ImplementationClassUID = UID(uid("implementation"))
        meta.ImplementationVersionName = "MEDIAKIT_SAMPLES"
        target = root / self.path
        target.parent.mkdir(parents=True, exist_ok=True)
        file = FileDataset(str(target), self.dataset, file_meta=meta, preamble=b"\0" * 128)
        file.save_as(target, enforce_file_format=True)


def item(**attributes: object) -> Dataset:
    """Return a data set with these attributes, named by DICOM keyword."""
    dataset = Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def items(*datasets: Dataset) -> Sequence:
    """Return a sequence of these items."""
    return Sequence(list(datasets))


def code(value: str, scheme: str, meaning: str) -> Sequence:
    """Return a code sequence with its single item."""
    return items(item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning))


def reference(dataset: Dataset) -> Dataset:
    """Return an item that refers to an instance by SOP Class and SOP Instance UID."""
    return item(ReferencedSOPClassUID=dataset.SOPClassUID, ReferencedSOPInstanceUID=dataset.SOPInstanceUID)


def references(datasets: list[Dataset]) -> Sequence:
    """Return a sequence of references to these instances."""
    return items(*[reference(dataset) for dataset in datasets])


def evidence(images: list[Dataset]) -> Dataset:
    """Return an item that refers to instances of one series with their study and series."""
    series = item(ReferencedSOPSequence=references(images), SeriesInstanceUID=images[0].SeriesInstanceUID)
    return item(ReferencedSeriesSequence=items(series), StudyInstanceUID=images[0].StudyInstanceUID)


def start(series: Series, sop_class: str, number: int) -> Dataset:
    """Return a data set with the patient, study, series, equipment and SOP common attributes."""
    study, patient = series.study, series.study.patient
    charset = patient.charset
    return item(
        SpecificCharacterSet=charset if isinstance(charset, str) else list(charset),
        InstanceCreationDate=study.date,
        InstanceCreationTime=study.time,
        SOPClassUID=UID(sop_class),
        SOPInstanceUID=UID(series.instance(number)),
        StudyDate=study.date,
        SeriesDate=study.date,
        StudyTime=study.time,
        SeriesTime=study.time,
        AccessionNumber=study.accession,
        Modality=series.modality,
        Manufacturer="mediakit",
        InstitutionName=INSTITUTION,
        InstitutionAddress=ADDRESS,
        ReferringPhysicianName="Referrer^Sample",
        StudyDescription=study.description,
        SeriesDescription=series.description,
        ManufacturerModelName=series.model,
        PatientName=patient.name,
        PatientID=patient.patient_id,
        PatientBirthDate=patient.birth_date,
        PatientSex=patient.sex,
        PatientAge=patient.age,
        PatientSize=patient.size_m,
        PatientWeight=patient.weight_kg,
        DeviceSerialNumber="MKS-1",
        SoftwareVersions="1",
        StudyInstanceUID=UID(study.uid),
        SeriesInstanceUID=UID(series.uid),
        StudyID=study.study_id,
        SeriesNumber=series.number,
        InstanceNumber=number,
    )


def start_image(series: Series, sop_class: str, number: int) -> Dataset:
    """Return what `start` gives, with the dates of the image and the performing physician."""
    dataset = start(series, sop_class, number)
    dataset.AcquisitionDate = dataset.ContentDate = series.study.date
    dataset.AcquisitionTime = dataset.ContentTime = series.study.time
    dataset.PerformingPhysicianName = "Performer^Sample"
    return dataset


def set_pixels(
    dataset: Dataset,
    pixels: npt.NDArray[np.generic],
    *,
    stored: int = 8,
    photometric: str = "MONOCHROME2",
    signed: bool = False,
) -> None:
    """Put pixels into a data set: (rows, columns), (frames, rows, columns), either with 3 samples at the end.

    A third dimension of 3 means samples for RGB and YBR, frames otherwise.
    """
    colour = photometric in {"RGB", "YBR_FULL", "YBR_FULL_422"}
    rows, columns = pixels.shape[-3:-1] if colour else pixels.shape[-2:]
    dataset.SamplesPerPixel = 3 if colour else 1
    dataset.PhotometricInterpretation = photometric
    if colour:
        dataset.PlanarConfiguration = 0
    dataset.Rows, dataset.Columns = rows, columns
    width = 8 if stored <= 8 else 16
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = width, stored, stored - 1
    dataset.PixelRepresentation = int(signed)
    if pixels.ndim == (4 if colour else 3):
        dataset.NumberOfFrames = pixels.shape[0]
    kind = f"<{'i' if signed else 'u'}{width // 8}"
    content = pixels.astype(kind).tobytes()
    dataset.add_new("PixelData", "OB" if width == 8 else "OW", content + b"\0" * (len(content) % 2))
