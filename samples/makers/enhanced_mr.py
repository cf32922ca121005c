"""A volume of the phantom head as one Enhanced MR instance, its geometry in the shared functional groups."""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import EnhancedMRImageStorage

from samples.makers import mr
from samples.makers.identity import HEAD_MR, Series, uid
from samples.makers.writing import Sample, code, evidence, item, items, set_pixels, start_image

VOLUME = Series(study=HEAD_MR, number=2, modality="MR", description="T1 ανασύνθεση")
SIZE = 96
FRAMES = 6
SPACING_MM = 2.4
STEP_MM = 18


def _frame_type() -> Dataset:
    return item(
        FrameType=["DERIVED", "PRIMARY", "VOLUME", "RESAMPLED"],
        PixelPresentation="MONOCHROME",
        VolumetricProperties="VOLUME",
        VolumeBasedCalculationTechnique="NONE",
        ComplexImageComponent="MAGNITUDE",
        AcquisitionContrast="T1",
    )


def _shared(planned_on: Dataset) -> Dataset:
    spacing = str(SPACING_MM)
    anatomy = item(FrameLaterality="U", AnatomicRegionSequence=code("12738006", "SCT", "Brain"))
    localizer = item(
        ReferencedSOPClassUID=planned_on.SOPClassUID,
        ReferencedSOPInstanceUID=planned_on.SOPInstanceUID,
        PurposeOfReferenceCodeSequence=code("121311", "DCM", "Localizer"),
    )
    return item(
        ReferencedImageSequence=items(localizer),
        MRImageFrameTypeSequence=items(_frame_type()),
        FrameAnatomySequence=items(anatomy),
        PlaneOrientationSequence=items(item(ImageOrientationPatient=["1", "0", "0", "0", "1", "0"])),
        PixelMeasuresSequence=items(item(SliceThickness="5", PixelSpacing=[spacing, spacing])),
        FrameVOILUTSequence=items(item(WindowCenter="850", WindowWidth="1500")),
        PixelValueTransformationSequence=items(
            item(RescaleIntercept="0", RescaleSlope="1", RescaleType="US")
        ),
    )


def _frame(number: int) -> Dataset:
    corner = f"{-(SIZE - 1) * SPACING_MM / 2:.1f}"
    return item(
        FrameContentSequence=items(
            item(StackID="1", InStackPositionNumber=number, DimensionIndexValues=[1, number])
        ),
        PlanePositionSequence=items(
            item(ImagePositionPatient=[corner, corner, str(-30 + (number - 1) * STEP_MM)])
        ),
    )


def _dimensions(dataset: Dataset) -> None:
    organisation = uid(VOLUME.uid, "dimensions")
    pointers = ((0x00209056, "Stack"), (0x00209057, "Position in stack"))
    dataset.DimensionOrganizationSequence = items(item(DimensionOrganizationUID=organisation))
    dataset.DimensionIndexSequence = items(
        *[
            item(
                DimensionOrganizationUID=organisation,
                DimensionIndexPointer=pointer,
                FunctionalGroupPointer=0x00209111,
                DimensionDescriptionLabel=label,
            )
            for pointer, label in pointers
        ]
    )


def samples(series: list[Dataset]) -> list[Sample]:
    """Return the multi-frame file; `series` is the classic series it was planned on."""
    dataset = start_image(VOLUME, EnhancedMRImageStorage, 1)
    del dataset.AcquisitionDate, dataset.AcquisitionTime
    dataset.AcquisitionDateTime = HEAD_MR.date + HEAD_MR.time
    dataset.AcquisitionNumber = 1
    dataset.BodyPartExamined = "HEAD"
    dataset.PatientPosition = "HFS"
    dataset.FrameOfReferenceUID = VOLUME.frame_of_reference
    dataset.PositionReferenceIndicator = ""
    frame_type = _frame_type()
    dataset.ImageType = frame_type.FrameType
    del frame_type.FrameType
    dataset.update(frame_type)
    dataset.ApplicableSafetyStandardAgency = "IEC"
    dataset.ReferencedImageEvidenceSequence = items(evidence([series[3]]))
    dataset.ContentQualification = "PRODUCT"
    dataset.BurnedInAnnotation = "NO"
    dataset.LossyImageCompression = "00"
    dataset.PresentationLUTShape = "IDENTITY"
    dataset.AcquisitionContextSequence = items()
    _dimensions(dataset)
    dataset.SharedFunctionalGroupsSequence = items(_shared(series[3]))
    dataset.PerFrameFunctionalGroupsSequence = items(*[_frame(n) for n in range(1, FRAMES + 1)])
    frames = [mr.draw(i / (FRAMES - 1) * 0.92, 40 + i, SIZE) for i in range(FRAMES)]
    set_pixels(dataset, np.stack(frames), stored=12)
    path = f"{HEAD_MR.patient.folder}/{HEAD_MR.folder}/SE000002/MR000001"
    return [Sample(path=path, dataset=dataset)]
