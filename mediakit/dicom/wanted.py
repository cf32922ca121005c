"""The elements that judging, layout and the DICOMDIR need, with their VR. Facts only.

They are the keys of the directory records (PS3.3 F.5), the additional keys and the image values of the
application profiles (PS3.11), and what tells an instance's identity, encoding and pixels. Icon Image
Sequence is not among them: icons are made anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from mediakit.dicom.instance import Tag

WANTED: Mapping[Tag, str] = MappingProxyType(
    {
        0x00080005: "CS",  # Specific Character Set
        0x00080008: "CS",  # Image Type
        0x00080012: "DA",  # Instance Creation Date
        0x00080013: "TM",  # Instance Creation Time
        0x00080016: "UI",  # SOP Class UID
        0x00080018: "UI",  # SOP Instance UID
        0x0008001A: "UI",  # Related General SOP Class UID
        0x00080020: "DA",  # Study Date
        0x00080021: "DA",  # Series Date
        0x00080022: "DA",  # Acquisition Date
        0x00080023: "DA",  # Content Date
        0x0008002A: "DT",  # Acquisition DateTime
        0x00080030: "TM",  # Study Time
        0x00080031: "TM",  # Series Time
        0x00080032: "TM",  # Acquisition Time
        0x00080033: "TM",  # Content Time
        0x00080050: "SH",  # Accession Number
        0x00080060: "CS",  # Modality
        0x00080064: "CS",  # Conversion Type
        0x00080070: "LO",  # Manufacturer
        0x00080080: "LO",  # Institution Name
        0x00080081: "ST",  # Institution Address
        0x00080400: "SQ",  # Scope of Inventory Sequence
        0x00080401: "LT",  # Inventory Purpose
        0x00080403: "CS",  # Inventory Level
        0x00080426: "CS",  # Inventory Completion Status
        0x00080428: "UV",  # Total Number of Study Records
        0x00081030: "LO",  # Study Description
        0x00081050: "PN",  # Performing Physician's Name
        0x00081090: "LO",  # Manufacturer's Model Name
        0x00081115: "SQ",  # Referenced Series Sequence
        0x00081140: "SQ",  # Referenced Image Sequence
        0x00089092: "SQ",  # Referenced Image Evidence Sequence
        0x00100010: "PN",  # Patient's Name
        0x00100020: "LO",  # Patient ID
        0x00100021: "LO",  # Issuer of Patient ID
        0x00100030: "DA",  # Patient's Birth Date
        0x00100040: "CS",  # Patient's Sex
        0x00180015: "CS",  # Body Part Examined
        0x00181800: "CS",  # Acquisition Time Synchronized
        0x00186011: "SQ",  # Sequence of Ultrasound Regions
        0x0018700A: "SH",  # Detector ID
        0x0018702A: "LO",  # Detector Manufacturer Name
        0x0018702B: "LO",  # Detector Manufacturer's Model Name
        0x0020000D: "UI",  # Study Instance UID
        0x0020000E: "UI",  # Series Instance UID
        0x00200010: "SH",  # Study ID
        0x00200011: "IS",  # Series Number
        0x00200013: "IS",  # Instance Number
        0x00200032: "DS",  # Image Position (Patient)
        0x00200037: "DS",  # Image Orientation (Patient)
        0x00200052: "UI",  # Frame of Reference UID
        0x00200200: "UI",  # Synchronization Frame of Reference UID
        0x00221095: "LO",  # Implant Name
        0x00221097: "LO",  # Implant Part Number
        0x00280002: "US",  # Samples per Pixel
        0x00280003: "US",  # Samples per Pixel Used
        0x00280004: "CS",  # Photometric Interpretation
        0x00280005: "US",  # Image Dimensions
        0x00280006: "US",  # Planar Configuration
        0x00280008: "IS",  # Number of Frames
        0x00280010: "US",  # Rows
        0x00280011: "US",  # Columns
        0x00280030: "DS",  # Pixel Spacing
        0x00280100: "US",  # Bits Allocated
        0x00280101: "US",  # Bits Stored
        0x00280102: "US",  # High Bit
        0x00280103: "US",  # Pixel Representation
        0x00282110: "CS",  # Lossy Image Compression
        0x00282112: "DS",  # Lossy Image Compression Ratio
        0x00286010: "US",  # Representative Frame Number
        0x00289001: "UL",  # Data Point Rows
        0x00289002: "UL",  # Data Point Columns
        0x0040A030: "DT",  # Verification DateTime
        0x0040A043: "SQ",  # Concept Name Code Sequence
        0x0040A073: "SQ",  # Verifying Observer Sequence
        0x0040A491: "CS",  # Completion Flag
        0x0040A493: "CS",  # Verification Flag
        0x0040A730: "SQ",  # Content Sequence
        0x0040E001: "ST",  # HL7 Instance Identifier
        0x00420010: "ST",  # Document Title
        0x00420012: "LO",  # MIME Type of Encapsulated Document
        0x00500004: "CS",  # Calibration Image
        0x00686210: "LO",  # Implant Size
        0x00700080: "CS",  # Content Label
        0x00700081: "LO",  # Content Description
        0x00700082: "DA",  # Presentation Creation Date
        0x00700083: "TM",  # Presentation Creation Time
        0x00700084: "PN",  # Content Creator's Name
        0x00700402: "SQ",  # Blending Sequence
        0x00720002: "SH",  # Hanging Protocol Name
        0x00720004: "LO",  # Hanging Protocol Description
        0x00720006: "CS",  # Hanging Protocol Level
        0x00720008: "LO",  # Hanging Protocol Creator
        0x0072000A: "DT",  # Hanging Protocol Creation DateTime
        0x0072000C: "SQ",  # Hanging Protocol Definition Sequence
        0x0072000E: "SQ",  # Hanging Protocol User Identification Code Sequence
        0x00720014: "US",  # Number of Priors Referenced
        0x00760001: "LO",  # Implant Assembly Template Name
        0x00760020: "SQ",  # Procedure Type Code Sequence
        0x00780001: "LO",  # Implant Template Group Name
        0x00780010: "ST",  # Implant Template Group Description
        0x00780020: "LO",  # Implant Template Group Issuer
        0x30040006: "LO",  # Dose Comment
        0x3004000A: "CS",  # Dose Summation Type
        0x30060002: "SH",  # Structure Set Label
        0x30060008: "DA",  # Structure Set Date
        0x30060009: "TM",  # Structure Set Time
        0x30080250: "DA",  # Treatment Date
        0x30080251: "TM",  # Treatment Time
        0x300A0002: "SH",  # RT Plan Label
        0x300A0006: "DA",  # RT Plan Date
        0x300A0007: "TM",  # RT Plan Time
        0x30100033: "SH",  # User Content Label
        0x30100034: "LO",  # User Content Long Label
    }
)

#: What tells whether all is there, and what people call a series. No directory record is judged by these.
ALSO_WANTED: Mapping[Tag, str] = MappingProxyType(
    {
        0x0008103E: "LO",  # Series Description
        0x0008114A: "SQ",  # Referenced Instance Sequence
        0x00082112: "SQ",  # Source Image Sequence
        0x00180086: "IS",  # Echo Number(s)
        0x00200012: "IS",  # Acquisition Number
        0x00200100: "IS",  # Temporal Position Identifier
        0x00201208: "IS",  # Number of Study Related Instances
        0x00201209: "IS",  # Number of Series Related Instances
        0x0040A375: "SQ",  # Current Requested Procedure Evidence Sequence
        0x0040A385: "SQ",  # Pertinent Other Evidence Sequence
        0x00420013: "SQ",  # Source Instance Sequence
        0x30060010: "SQ",  # Referenced Frame of Reference Sequence
        0x300C0002: "SQ",  # Referenced RT Plan Sequence
        0x300C0060: "SQ",  # Referenced Structure Set Sequence
        0x300C0080: "SQ",  # Referenced Dose Sequence
    }
)

#: How many values an attribute may have, where that is not one (PS3.6); 0 is any number.
MOST: Mapping[Tag, int] = MappingProxyType(
    {
        0x00080005: 0,
        0x00080008: 0,
        0x0008001A: 0,
        0x00081050: 0,
        0x00200032: 3,
        0x00200037: 6,
        0x00280030: 2,
        0x00282112: 0,
    }
)

# Shared Functional Groups Sequence is searched, not kept: what is found in it goes to `Header.shared`.
SHARED_GROUPS: Tag = 0x52009229
WANTED_INSIDE: frozenset[Tag] = frozenset(
    {
        0x00081140,  # Referenced Image Sequence
        0x00200032,  # Image Position (Patient)
        0x00200037,  # Image Orientation (Patient)
        0x00280030,  # Pixel Spacing
    }
)

# Of Content Sequence only the concept modifiers are kept.
CONTENT_SEQUENCE: Tag = 0x0040A730
