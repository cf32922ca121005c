"""A radiotherapy set on the CT: structures, a plan of two fields, and their dose."""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import RTDoseStorage, RTPlanStorage, RTStructureSetStorage

from samples.makers import ct
from samples.makers.drawing import Ellipse, grid, soften, to_integers
from samples.makers.identity import BODY_CT, Series
from samples.makers.writing import Sample, item, items, reference, references, set_pixels, start

STRUCTURES = Series(study=BODY_CT, number=20, modality="RTSTRUCT", description="Konturen")
PLAN = Series(study=BODY_CT, number=21, modality="RTPLAN", description="Plan")
DOSE = Series(study=BODY_CT, number=22, modality="RTDOSE", description="Dosis")
_FOLDER = f"{BODY_CT.patient.folder}/{BODY_CT.folder}/RT"
DOSE_SIZE = 64
TARGET = (-110.0, -8.0, 12.0)  # millimetres
STUDY_COMPONENT = "1.2.840.10008.3.1.2.3.1"


def _millimetres(point: tuple[float, float], z: float) -> list[str]:
    # The centre of pixel 0 is half a pixel inside the field.
    x, y = point[0] * ct.HALF_FIELD_MM, point[1] * ct.HALF_FIELD_MM
    return [f"{x:.1f}", f"{y:.1f}", f"{z:.1f}"]


def _contour(image: Dataset, ellipse: Ellipse, z: float) -> Dataset:
    points = [_millimetres(point, z) for point in ellipse.outline(40)]
    return item(
        ContourImageSequence=items(reference(image)),
        ContourGeometricType="CLOSED_PLANAR",
        NumberOfContourPoints=len(points),
        ContourData=[value for point in points for value in point],
    )


def structures(images: list[Dataset]) -> Dataset:
    """Return the structure set: the outline of the body and a target."""
    dataset = start(STRUCTURES, RTStructureSetStorage, 1)
    dataset.OperatorsName = "Operator^Sample"
    dataset.FrameOfReferenceUID = STRUCTURES.frame_of_reference
    dataset.PositionReferenceIndicator = ""
    dataset.StructureSetLabel = "KONTUREN"
    dataset.StructureSetName = "Phantom"
    dataset.StructureSetDate, dataset.StructureSetTime = BODY_CT.date, "110000"
    dataset.ApprovalStatus = "UNAPPROVED"
    series = item(SeriesInstanceUID=images[0].SeriesInstanceUID, ContourImageSequence=references(images))
    study = item(
        ReferencedSOPClassUID=STUDY_COMPONENT,
        ReferencedSOPInstanceUID=BODY_CT.uid,
        RTReferencedSeriesSequence=items(series),
    )
    frame = STRUCTURES.frame_of_reference
    dataset.ReferencedFrameOfReferenceSequence = items(
        item(FrameOfReferenceUID=frame, RTReferencedStudySequence=items(study))
    )
    names = ((1, "BODY", "EXTERNAL", [0, 200, 0]), (2, "PTV", "PTV", [220, 0, 0]))
    target = Ellipse(x=TARGET[0] / ct.HALF_FIELD_MM, y=TARGET[1] / ct.HALF_FIELD_MM, rx=0.12, ry=0.12)
    outlines = {
        1: [_contour(image, ct.BODY, ct.z_mm(i)) for i, image in enumerate(images)],
        2: [_contour(images[i], target, ct.z_mm(i)) for i in (4, 5)],
    }
    dataset.StructureSetROISequence = items(
        *[
            item(
                ROINumber=n,
                ReferencedFrameOfReferenceUID=frame,
                ROIName=name,
                ROIGenerationAlgorithm="MANUAL",
            )
            for n, name, _, _ in names
        ]
    )
    dataset.ROIContourSequence = items(
        *[
            item(ROIDisplayColor=colour, ContourSequence=items(*outlines[n]), ReferencedROINumber=n)
            for n, _, _, colour in names
        ]
    )
    dataset.RTROIObservationsSequence = items(
        *[
            item(ObservationNumber=n, ReferencedROINumber=n, RTROIInterpretedType=kind, ROIInterpreter="")
            for n, _, kind, _ in names
        ]
    )
    return dataset


def _beam(number: int, name: str, angle: str) -> Dataset:
    jaws = items(
        item(RTBeamLimitingDeviceType="ASYMX", LeafJawPositions=["-30", "30"]),
        item(RTBeamLimitingDeviceType="ASYMY", LeafJawPositions=["-30", "30"]),
    )
    first = item(
        ControlPointIndex=0,
        NominalBeamEnergy="6",
        DoseRateSet="300",
        BeamLimitingDevicePositionSequence=jaws,
        GantryAngle=angle,
        GantryRotationDirection="NONE",
        BeamLimitingDeviceAngle="0",
        BeamLimitingDeviceRotationDirection="NONE",
        PatientSupportAngle="0",
        PatientSupportRotationDirection="NONE",
        TableTopEccentricAngle="0",
        TableTopEccentricRotationDirection="NONE",
        TableTopVerticalPosition="",
        TableTopLongitudinalPosition="",
        TableTopLateralPosition="",
        IsocenterPosition=[f"{value:.1f}" for value in TARGET],
        CumulativeMetersetWeight="0",
    )
    devices = items(
        item(RTBeamLimitingDeviceType="ASYMX", NumberOfLeafJawPairs=1),
        item(RTBeamLimitingDeviceType="ASYMY", NumberOfLeafJawPairs=1),
    )
    return item(
        TreatmentMachineName="PHANTOM",
        PrimaryDosimeterUnit="MU",
        SourceAxisDistance="1000",
        BeamLimitingDeviceSequence=devices,
        BeamNumber=number,
        BeamName=name,
        BeamType="STATIC",
        RadiationType="PHOTON",
        TreatmentDeliveryType="TREATMENT",
        NumberOfWedges=0,
        NumberOfCompensators=0,
        NumberOfBoli=0,
        NumberOfBlocks=0,
        FinalCumulativeMetersetWeight="1",
        NumberOfControlPoints=2,
        ControlPointSequence=items(first, item(ControlPointIndex=1, CumulativeMetersetWeight="1")),
        ReferencedPatientSetupNumber=1,
    )


def plan(structure_set: Dataset) -> Dataset:
    """Return a plan of two static photon fields."""
    dataset = start(PLAN, RTPlanStorage, 1)
    dataset.OperatorsName = "Operator^Sample"
    dataset.RTPlanLabel, dataset.RTPlanName = "PLAN1", "Phantom"
    dataset.RTPlanDate, dataset.RTPlanTime = BODY_CT.date, "113000"
    dataset.RTPlanGeometry = "PATIENT"
    dataset.ApprovalStatus = "UNAPPROVED"
    dataset.FrameOfReferenceUID = PLAN.frame_of_reference
    dataset.PositionReferenceIndicator = ""
    dataset.FractionGroupSequence = items(
        item(
            FractionGroupNumber=1,
            NumberOfFractionsPlanned=5,
            NumberOfBeams=2,
            NumberOfBrachyApplicationSetups=0,
            ReferencedBeamSequence=items(
                *[item(ReferencedBeamNumber=n, BeamDose="1.0", BeamMeterset="110") for n in (1, 2)]
            ),
        )
    )
    dataset.BeamSequence = items(_beam(1, "ANTERIOR", "0"), _beam(2, "RIGHT", "270"))
    dataset.PatientSetupSequence = items(item(PatientSetupNumber=1, PatientPosition="HFS"))
    dataset.ReferencedStructureSetSequence = items(reference(structure_set))
    return dataset


def dose(treatment: Dataset) -> Dataset:
    """Return the dose: two crossing fields in a grid of 6 mm, in centigray."""
    dataset = start(DOSE, RTDoseStorage, 1)
    dataset.OperatorsName = "Operator^Sample"
    dataset.ContentDate, dataset.ContentTime = BODY_CT.date, "114000"
    x, y = grid(DOSE_SIZE, DOSE_SIZE)
    tx, ty = TARGET[0] / ct.HALF_FIELD_MM, TARGET[1] / ct.HALF_FIELD_MM
    body = soften(ct.BODY.radius(x, y), 0.02)
    anterior = np.clip((0.20 - np.abs(x - tx)) * 14, 0, 1) * np.clip(0.95 - 0.5 * (y + 0.6), 0, 1)
    right = np.clip((0.20 - np.abs(y - ty)) * 14, 0, 1) * np.clip(0.95 - 0.5 * (x + 0.86), 0, 1)
    planes = []
    for index in range(ct.SLICES):
        away = abs(ct.z_mm(index) - TARGET[2])
        share = min(1.0, max(0.01, (52 - away) / 20))
        planes.append(to_integers((anterior + right) * body * 125 * share, 0, 65535))
    dataset.FrameOfReferenceUID = DOSE.frame_of_reference
    dataset.PositionReferenceIndicator = ""
    spacing = ct.SPACING_MM * 2
    corner = f"{-(DOSE_SIZE - 1) * spacing / 2:.1f}"
    dataset.SliceThickness = ""
    dataset.ImagePositionPatient = [corner, corner, f"{ct.z_mm(0):.1f}"]
    dataset.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    dataset.PixelSpacing = [f"{spacing:.1f}"] * 2
    set_pixels(dataset, np.stack(planes), stored=16)
    dataset.FrameIncrementPointer = 0x3004000C
    dataset.GridFrameOffsetVector = [f"{ct.STEP_MM * i:.1f}" for i in range(ct.SLICES)]
    dataset.DoseUnits, dataset.DoseType, dataset.DoseSummationType = "GY", "PHYSICAL", "PLAN"
    dataset.DoseGridScaling = "0.01"
    dataset.TissueHeterogeneityCorrection = "IMAGE"
    dataset.ReferencedRTPlanSequence = items(reference(treatment))
    return dataset


def samples(images: list[Dataset]) -> list[Sample]:
    """Return structure set, plan and dose."""
    structure_set = structures(images)
    treatment = plan(structure_set)
    files = (
        ("RS.phantom.dcm", structure_set),
        ("RP.phantom.dcm", treatment),
        ("RD.phantom.dcm", dose(treatment)),
    )
    return [Sample(path=f"{_FOLDER}/{name}", dataset=dataset) for name, dataset in files]
