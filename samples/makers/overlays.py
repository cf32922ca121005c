"""What is laid over the CT: a grayscale presentation state and a binary segmentation of the liver."""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import GrayscaleSoftcopyPresentationStateStorage, SegmentationStorage

from samples.makers import ct
from samples.makers.identity import BODY_CT, Series, uid
from samples.makers.writing import Sample, code, item, items, reference, references, start

STATE = Series(study=BODY_CT, number=12, modality="PR", description="Leberfenster")
LIVER = Series(study=BODY_CT, number=13, modality="SEG", description="Leber Segmentierung")
_FOLDER = f"{BODY_CT.patient.folder}/{BODY_CT.folder}"


def presentation_state(images: list[Dataset]) -> Sample:
    """Return a presentation state that windows two slices and points at the liver."""
    dataset = start(STATE, GrayscaleSoftcopyPresentationStateStorage, 1)
    shown = images[4:6]
    dataset.BodyPartExamined = "ABDOMEN"
    dataset.PresentationCreationDate, dataset.PresentationCreationTime = BODY_CT.date, "094500"
    dataset.ContentLabel = "LEBER"
    dataset.ContentDescription = "Leber, enges Fenster"
    dataset.ContentCreatorName = "Prüfer^Beispiel"
    dataset.ReferencedSeriesSequence = items(
        item(ReferencedImageSequence=references(shown), SeriesInstanceUID=images[0].SeriesInstanceUID)
    )
    dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = "0", "1", "HU"
    dataset.SoftcopyVOILUTSequence = items(
        item(ReferencedImageSequence=references(shown), WindowCenter="100", WindowWidth="200")
    )
    dataset.PresentationLUTShape = "IDENTITY"
    dataset.DisplayedAreaSelectionSequence = items(
        item(
            ReferencedImageSequence=references(shown),
            DisplayedAreaTopLeftHandCorner=[1, 1],
            DisplayedAreaBottomRightHandCorner=[ct.SIZE, ct.SIZE],
            PresentationSizeMode="SCALE TO FIT",
            PresentationPixelSpacing=[f"{ct.SPACING_MM:.1f}"] * 2,
        )
    )
    dataset.GraphicLayerSequence = items(item(GraphicLayer="NOTES", GraphicLayerOrder=1))
    dataset.GraphicAnnotationSequence = items(
        item(
            ReferencedImageSequence=items(reference(shown[0])),
            GraphicLayer="NOTES",
            TextObjectSequence=items(
                item(
                    AnchorPointAnnotationUnits="PIXEL",
                    UnformattedTextValue="Leber",
                    AnchorPoint=[42.0, 60.0],
                    AnchorPointVisibility="Y",
                )
            ),
            GraphicObjectSequence=items(
                item(
                    GraphicAnnotationUnits="PIXEL",
                    GraphicDimensions=2,
                    NumberOfGraphicPoints=2,
                    GraphicData=[42.0, 62.0, 50.0, 62.0],
                    GraphicType="CIRCLE",
                    GraphicFilled="N",
                )
            ),
        )
    )
    return Sample(path=f"{_FOLDER}/reports/PR0001", dataset=dataset)


def _frame_item(image: Dataset, position: int) -> Dataset:
    source = item(
        ReferencedSOPClassUID=image.SOPClassUID,
        ReferencedSOPInstanceUID=image.SOPInstanceUID,
        PurposeOfReferenceCodeSequence=code("121322", "DCM", "Source image for image processing operation"),
        SpatialLocationsPreserved="YES",
    )
    derivation = item(
        SourceImageSequence=items(source), DerivationCodeSequence=code("113076", "DCM", "Segmentation")
    )
    return item(
        DerivationImageSequence=items(derivation),
        FrameContentSequence=items(item(DimensionIndexValues=[1, position])),
        PlanePositionSequence=items(item(ImagePositionPatient=list(image.ImagePositionPatient))),
    )


def _shared() -> Dataset:
    spacing = f"{ct.SPACING_MM:.1f}"
    return item(
        PlaneOrientationSequence=items(item(ImageOrientationPatient=["1", "0", "0", "0", "1", "0"])),
        PixelMeasuresSequence=items(
            item(
                SliceThickness="5", SpacingBetweenSlices=str(int(ct.STEP_MM)), PixelSpacing=[spacing, spacing]
            )
        ),
        SegmentIdentificationSequence=items(item(ReferencedSegmentNumber=1)),
    )


def _dimensions() -> tuple[list[Dataset], str]:
    organisation = uid(LIVER.uid, "dimensions")
    pointers = [
        item(
            DimensionOrganizationUID=organisation,
            DimensionIndexPointer=0x0062000B,
            FunctionalGroupPointer=0x0062000A,
            DimensionDescriptionLabel="Segment",
        ),
        item(
            DimensionOrganizationUID=organisation,
            DimensionIndexPointer=0x00200032,
            FunctionalGroupPointer=0x00209113,
            DimensionDescriptionLabel="Position",
        ),
    ]
    return pointers, organisation


def segmentation(images: list[Dataset]) -> Sample:
    """Return the liver as a binary segmentation on the slices that hold it."""
    dataset = start(LIVER, SegmentationStorage, 1)
    masks = [(i, ct.liver_mask(i)) for i in range(ct.SLICES)]
    masks = [(i, mask) for i, mask in masks if mask.any()]
    dataset.ImageType = ["DERIVED", "PRIMARY"]
    dataset.ContentDate, dataset.ContentTime = BODY_CT.date, "095000"
    dataset.FrameOfReferenceUID = LIVER.frame_of_reference
    dataset.PositionReferenceIndicator = ""
    dataset.ContentLabel, dataset.ContentDescription = "LEBER", "Leber des Phantoms"
    dataset.ContentCreatorName = "Prüfer^Beispiel"
    dataset.SegmentationType = "BINARY"
    dataset.LossyImageCompression = "00"
    dataset.SegmentSequence = items(
        item(
            SegmentedPropertyCategoryCodeSequence=code("91723000", "SCT", "Anatomical Structure"),
            SegmentNumber=1,
            SegmentLabel="Leber",
            SegmentAlgorithmType="MANUAL",
            SegmentedPropertyTypeCodeSequence=code("10200004", "SCT", "Liver"),
            RecommendedDisplayCIELabValue=[33000, 42000, 38000],
        )
    )
    pointers, organisation = _dimensions()
    dataset.DimensionOrganizationSequence = items(item(DimensionOrganizationUID=organisation))
    dataset.DimensionIndexSequence = items(*pointers)
    dataset.SharedFunctionalGroupsSequence = items(_shared())
    frames = [_frame_item(images[i], place) for place, (i, _) in enumerate(masks, 1)]
    dataset.PerFrameFunctionalGroupsSequence = items(*frames)
    dataset.ReferencedSeriesSequence = items(
        item(
            SeriesInstanceUID=images[0].SeriesInstanceUID,
            ReferencedInstanceSequence=references([images[i] for i, _ in masks]),
        )
    )
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = ct.SIZE, ct.SIZE, len(masks)
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 1, 1, 0
    dataset.PixelRepresentation = 0
    bits = np.packbits(np.stack([mask for _, mask in masks]).reshape(-1), bitorder="little").tobytes()
    dataset.add_new("PixelData", "OB", bits + b"\0" * (len(bits) % 2))
    return Sample(path=f"{_FOLDER}/SEG/seg_leber.dcm", dataset=dataset)


def samples(images: list[Dataset]) -> list[Sample]:
    """Return both files."""
    return [presentation_state(images), segmentation(images)]
