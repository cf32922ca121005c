"""Names of the attributes in directory records, for findings; a table, so no dictionary is loaded (PS3.6)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from mediakit.dicom.instance import Tag
from mediakit.findings import tag_text

_ROWS = """
00080005 Specific Character Set
00080008 Image Type
00080012 Instance Creation Date
00080013 Instance Creation Time
00080018 SOP Instance UID
0008001A Related General SOP Class UID
00080020 Study Date
00080021 Series Date
00080022 Acquisition Date
00080023 Content Date
0008002A Acquisition DateTime
00080030 Study Time
00080031 Series Time
00080032 Acquisition Time
00080033 Content Time
00080050 Accession Number
00080060 Modality
00080070 Manufacturer
00080080 Institution Name
00080081 Institution Address
00080400 Scope of Inventory Sequence
00080401 Inventory Purpose
00080403 Inventory Level
00080426 Inventory Completion Status
00080428 Total Number of Study Records
00081030 Study Description
00081050 Performing Physician's Name
00081115 Referenced Series Sequence
00081140 Referenced Image Sequence
00081150 Referenced SOP Class UID
00081155 Referenced SOP Instance UID
00089092 Referenced Image Evidence Sequence
00100010 Patient's Name
00100020 Patient ID
00100021 Issuer of Patient ID
00100030 Patient's Birth Date
00100040 Patient's Sex
00181800 Acquisition Time Synchronized
0020000D Study Instance UID
0020000E Series Instance UID
00200010 Study ID
00200011 Series Number
00200013 Instance Number
00200032 Image Position (Patient)
00200037 Image Orientation (Patient)
00200052 Frame of Reference UID
00200200 Synchronization Frame of Reference UID
00221095 Implant Name
00221097 Implant Part Number
00280008 Number of Frames
00280010 Rows
00280011 Columns
00280030 Pixel Spacing
00282112 Lossy Image Compression Ratio
00289001 Data Point Rows
00289002 Data Point Columns
0040A030 Verification DateTime
0040A043 Concept Name Code Sequence
0040A073 Verifying Observer Sequence
0040A491 Completion Flag
0040A493 Verification Flag
0040A730 Content Sequence
0040E001 HL7 Instance Identifier
00420010 Document Title
00420012 MIME Type of Encapsulated Document
00500004 Calibration Image
00686210 Implant Size
00700080 Content Label
00700081 Content Description
00700082 Presentation Creation Date
00700083 Presentation Creation Time
00700084 Content Creator's Name
00700402 Blending Sequence
00720002 Hanging Protocol Name
00720004 Hanging Protocol Description
00720006 Hanging Protocol Level
00720008 Hanging Protocol Creator
0072000A Hanging Protocol Creation DateTime
0072000C Hanging Protocol Definition Sequence
0072000E Hanging Protocol User Identification Code Sequence
00720014 Number of Priors Referenced
00760001 Implant Assembly Template Name
00760020 Procedure Type Code Sequence
00780001 Implant Template Group Name
00780010 Implant Template Group Description
00780020 Implant Template Group Issuer
00880200 Icon Image Sequence
30040006 Dose Comment
3004000A Dose Summation Type
30060002 Structure Set Label
30060008 Structure Set Date
30060009 Structure Set Time
30080250 Treatment Date
30080251 Treatment Time
300A0002 RT Plan Label
300A0006 RT Plan Date
300A0007 RT Plan Time
30100033 User Content Label
30100034 User Content Long Label
"""

_NAME_OF: Mapping[Tag, str] = MappingProxyType(
    {int(tag, 16): name for tag, name in (row.split(maxsplit=1) for row in _ROWS.split("\n") if row)}
)


def key_text(tag: Tag) -> str:
    """Return how a finding names an attribute: 0x00100020 gives "Patient ID (0010,0020)"."""
    name = _NAME_OF.get(tag)
    return f"{name} {tag_text(tag)}" if name else tag_text(tag)
