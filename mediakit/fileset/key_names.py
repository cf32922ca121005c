"""Keywords of the attributes that directory records hold, for findings. Data only (PS3.6)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from mediakit.dicom.instance import Tag
from mediakit.findings import tag_text

_ROWS = """
00080005 SpecificCharacterSet
00080008 ImageType
00080012 InstanceCreationDate
00080013 InstanceCreationTime
00080018 SOPInstanceUID
0008001A RelatedGeneralSOPClassUID
00080020 StudyDate
00080021 SeriesDate
00080022 AcquisitionDate
00080023 ContentDate
0008002A AcquisitionDateTime
00080030 StudyTime
00080031 SeriesTime
00080032 AcquisitionTime
00080033 ContentTime
00080050 AccessionNumber
00080060 Modality
00080070 Manufacturer
00080080 InstitutionName
00080081 InstitutionAddress
00080400 ScopeOfInventorySequence
00080401 InventoryPurpose
00080403 InventoryLevel
00080426 InventoryCompletionStatus
00080428 TotalNumberOfStudyRecords
00081030 StudyDescription
00081050 PerformingPhysicianName
00081115 ReferencedSeriesSequence
00081140 ReferencedImageSequence
00081150 ReferencedSOPClassUID
00081155 ReferencedSOPInstanceUID
00089092 ReferencedImageEvidenceSequence
00100010 PatientName
00100020 PatientID
00100021 IssuerOfPatientID
00100030 PatientBirthDate
00100040 PatientSex
00181800 AcquisitionTimeSynchronized
0020000D StudyInstanceUID
0020000E SeriesInstanceUID
00200010 StudyID
00200011 SeriesNumber
00200013 InstanceNumber
00200032 ImagePositionPatient
00200037 ImageOrientationPatient
00200052 FrameOfReferenceUID
00200200 SynchronizationFrameOfReferenceUID
00221095 ImplantName
00221097 ImplantPartNumber
00280008 NumberOfFrames
00280010 Rows
00280011 Columns
00280030 PixelSpacing
00282112 LossyImageCompressionRatio
00289001 DataPointRows
00289002 DataPointColumns
0040A030 VerificationDateTime
0040A043 ConceptNameCodeSequence
0040A073 VerifyingObserverSequence
0040A491 CompletionFlag
0040A493 VerificationFlag
0040A730 ContentSequence
0040E001 HL7InstanceIdentifier
00420010 DocumentTitle
00420012 MIMETypeOfEncapsulatedDocument
00500004 CalibrationImage
00686210 ImplantSize
00700080 ContentLabel
00700081 ContentDescription
00700082 PresentationCreationDate
00700083 PresentationCreationTime
00700084 ContentCreatorName
00700402 BlendingSequence
00720002 HangingProtocolName
00720004 HangingProtocolDescription
00720006 HangingProtocolLevel
00720008 HangingProtocolCreator
0072000A HangingProtocolCreationDateTime
0072000C HangingProtocolDefinitionSequence
0072000E HangingProtocolUserIdentificationCodeSequence
00720014 NumberOfPriorsReferenced
00760001 ImplantAssemblyTemplateName
00760020 ProcedureTypeCodeSequence
00780001 ImplantTemplateGroupName
00780010 ImplantTemplateGroupDescription
00780020 ImplantTemplateGroupIssuer
00880200 IconImageSequence
30040006 DoseComment
3004000A DoseSummationType
30060002 StructureSetLabel
30060008 StructureSetDate
30060009 StructureSetTime
30080250 TreatmentDate
30080251 TreatmentTime
300A0002 RTPlanLabel
300A0006 RTPlanDate
300A0007 RTPlanTime
30100033 UserContentLabel
30100034 UserContentLongLabel
"""

_KEYWORD_OF: Mapping[Tag, str] = MappingProxyType(
    {int(tag, 16): keyword for tag, keyword in (row.split() for row in _ROWS.split("\n") if row)}
)


def key_text(tag: Tag) -> str:
    """Return how a finding names an attribute: 0x00100020 gives "PatientID (0010,0020)"."""
    keyword = _KEYWORD_OF.get(tag)
    return f"{keyword} {tag_text(tag)}" if keyword else tag_text(tag)
