"""The facts behind `record_types` as plain text: PS3.3 Tables F.4-1 and F.5-1 to F.5-49. Data only, no logic.

Keys: for each current record type its table, then its rows "GGGGEEEE VR Type need", one per attribute, where
`need` is a value of `record_types.KeyNeed`. A "?" behind the Type marks one that no source confirms.
SOP classes: for each record type the class UIDs, written without `SOP_CLASS_ROOT` where they begin with it.
"""

from __future__ import annotations

from collections.abc import Mapping

_CHARSET = "00080005 CS 1C charset"
_NUMBER = "00200013 IS 1 always"
_WHEN = "00080023 DA 1 always; 00080033 TM 1 always"
_ICON = "00880200 SQ 3 icon"
# Table 10-12 without its Instance Number. Content Creator's Name is Type 2 by the text of 2020; a reading
# of 2026a no longer lists it. Written always, empty when unknown, it is right by both.
_LABEL = "00700080 CS 1 always; 00700081 LO 2 always; 00700084 PN 2 always"
_LABEL_UNCONFIRMED = "00700080 CS 1 always; 00700081 LO 2 always; 00700084 PN 3? always"
_CONTENT = f"{_CHARSET}; {_WHEN}; {_NUMBER}; {_LABEL}"

KEY_ROWS: Mapping[str, str] = {
    "PATIENT": f"F.5-1; {_CHARSET}; 00100010 PN 2 always; 00100020 LO 1 always",
    "STUDY": (
        # Study Instance UID was 1C in 2020 (only without a referenced file) and is Type 1 in 2026a
        f"F.5-2; {_CHARSET}; 00080020 DA 1 always; 00080030 TM 1 always; 00080050 SH 2 always; "
        "00081030 LO 2 always; 0020000D UI 1 always; 00200010 SH 1 always"
    ),
    "SERIES": (
        f"F.5-3; {_CHARSET}; 00080060 CS 1 always; 0020000E UI 1 always; 00200011 IS 1 always; {_ICON}"
    ),
    "IMAGE": f"F.5-4; {_CHARSET}; {_NUMBER}; {_ICON}",
    "RT DOSE": (f"F.5-19; {_CHARSET}; {_NUMBER}; 3004000A CS 1 always; 30040006 LO 3 present; {_ICON}"),
    "RT STRUCTURE SET": (
        f"F.5-20; {_CHARSET}; {_NUMBER}; 30060002 SH 1 always; 30060008 DA 2 always; 30060009 TM 2 always"
    ),
    "RT PLAN": (
        f"F.5-21; {_CHARSET}; {_NUMBER}; 300A0002 SH 1 always; 300A0006 DA 2 always; 300A0007 TM 2 always"
    ),
    "RT TREAT RECORD": (f"F.5-22; {_CHARSET}; {_NUMBER}; 30080250 DA 2 always; 30080251 TM 2 always"),
    "PRESENTATION": (
        f"F.5-23; {_CHARSET}; {_NUMBER}; 00700082 DA 1 always; 00700083 TM 1 always; {_LABEL}; "
        "00081115 SQ 1C presentation-relationship; 00700402 SQ 1C blending"
    ),
    "WAVEFORM": f"F.5-24; {_CHARSET}; {_NUMBER}; {_WHEN}",
    "SR DOCUMENT": (
        f"F.5-25; {_CHARSET}; {_NUMBER}; {_WHEN}; 0040A491 CS 1 always; 0040A493 CS 1 always; "
        "0040A030 DT 1C verified; 0040A043 SQ 1 always; 0040A730 SQ 1C concept-mods"
    ),
    "KEY OBJECT DOC": (
        f"F.5-26; {_CHARSET}; {_NUMBER}; {_WHEN}; 0040A043 SQ 1 always; 0040A730 SQ 1C concept-mods"
    ),
    "SPECTROSCOPY": (
        f"F.5-27; {_CHARSET}; 00080008 CS 1 always; {_WHEN}; 00089092 SQ 1C present; {_NUMBER}; "
        "00280008 IS 1 always; 00280010 US 1 always; 00280011 US 1 always; 00289001 UL 1 always; "
        f"00289002 UL 1 always; {_ICON}"
    ),
    "RAW DATA": f"F.5-28; {_CHARSET}; {_WHEN}; 00200013 IS 2 always; {_ICON}",
    "REGISTRATION": f"F.5-29; {_CONTENT}",
    "FIDUCIAL": f"F.5-30; {_CONTENT}",
    "HANGING PROTOCOL": (
        f"F.5-31; {_CHARSET}; 00720002 SH 1 always; 00720004 LO 1 always; 00720006 CS 1 always; "
        "00720008 LO 1 always; 0072000A DT 1 always; 0072000C SQ 1 always; 0072000E SQ 2 always; "
        "00720014 US 1 always"
    ),
    "ENCAP DOC": (
        f"F.5-32; {_CHARSET}; {_NUMBER}; 00080023 DA 2 always; 00080033 TM 2 always; 0040A043 SQ 2 always; "
        "0040E001 ST 1C hl7; 00420010 ST 2 always; 00420012 LO 1 always"
    ),
    "VALUE MAP": f"F.5-34; {_CONTENT}",
    "STEREOMETRIC": f"F.5-35; {_CHARSET}",
    "PALETTE": f"F.5-36; {_CHARSET}; 00700080 CS 1 always; 00700081 LO 2 always",
    # The three IMPLANT tables do not print the character set; it is needed there all the same.
    "IMPLANT": (
        f"F.5-37; {_CHARSET}; 00080070 LO 1 always; 00221095 LO 1 always; 00221097 LO 1 always; "
        "00686210 LO 1C present"
    ),
    "IMPLANT ASSY": (f"F.5-38; {_CHARSET}; 00080070 LO 1 always; 00760001 LO 1 always; 00760020 SQ 1 always"),
    "IMPLANT GROUP": (
        f"F.5-39; {_CHARSET}; 00780001 LO 1 always; 00780010 ST 3 present; 00780020 LO 1 always"
    ),
    "PLAN": f"F.5-40; {_CHARSET}",
    "MEASUREMENT": f"F.5-41; {_CONTENT}",
    "SURFACE": f"F.5-42; {_CONTENT}",
    "SURFACE SCAN": f"F.5-43; {_CHARSET}; {_WHEN}",
    "TRACT": f"F.5-44; {_CONTENT}",
    "ASSESSMENT": (f"F.5-45; {_CHARSET}; {_NUMBER}; 00080012 DA 1 always; 00080013 TM 2 always"),
    "RADIOTHERAPY": (
        f"F.5-46; {_CHARSET}; {_NUMBER}; 00700081 LO 2 always; 00700084 PN 2 always; "
        "30100033 SH 1C present; 30100034 LO 1C present"
    ),
    "ANNOTATION": f"F.5-47; {_CHARSET}; {_WHEN}; {_NUMBER}; {_LABEL_UNCONFIRMED}",
    "INVENTORY": (
        f"F.5-48; {_CHARSET}; {_WHEN}; 00080400 SQ 2 always; 00080401 LT 2 always; 00080403 CS 1 always; "
        "00080426 CS 1 always; 00080428 UV 1 always"
    ),
    "WF PRESENTATION": (
        f"F.5-49; {_CHARSET}; {_NUMBER}; 00700082 DA 1 always; 00700083 TM 1 always; {_LABEL_UNCONFIRMED}; "
        "00081115 SQ 1C waveform-relationship"
    ),
    # PS3.3 F.6.1: what a PRIVATE record holds is privately defined; a character set may be among it.
    "PRIVATE": f"F.6-1; {_CHARSET}",
}

ROOT_TYPES = "PATIENT; HANGING PROTOCOL; PALETTE; IMPLANT; IMPLANT ASSY; IMPLANT GROUP; INVENTORY; PRIVATE"

# SURFACE SCAN has a row of its own in Table F.4-1 but is forgotten in the row of SERIES (2020 and 2026a).
SERIES_CHILDREN = (
    "IMAGE; RT DOSE; RT STRUCTURE SET; RT PLAN; RT TREAT RECORD; PRESENTATION; WAVEFORM; SR DOCUMENT; "
    "KEY OBJECT DOC; SPECTROSCOPY; RAW DATA; REGISTRATION; FIDUCIAL; ENCAP DOC; VALUE MAP; STEREOMETRIC; "
    "PLAN; MEASUREMENT; SURFACE; SURFACE SCAN; TRACT; ASSESSMENT; RADIOTHERAPY; ANNOTATION; "
    "WF PRESENTATION; PRIVATE"
)

# Read, never written. PS3.3-1998 dropped the first four, 2004 the next eleven, 2018b the last.
RETIRED_TYPES = (
    "PRINT QUEUE; FILM SESSION; FILM BOX; IMAGE BOX; "
    "OVERLAY; MODALITY LUT; VOI LUT; CURVE; TOPIC; VISIT; RESULTS; INTERPRETATION; STUDY COMPONENT; "
    "STORED PRINT; MRDR; HL7 STRUC DOC"
)

SOP_CLASS_ROOT = "1.2.840.10008.5.1.4."

SOP_CLASSES: Mapping[str, str] = {
    "IMAGE": (
        "1.1.1 1.1.1.1 1.1.1.1.1 1.1.1.2 1.1.1.2.1 1.1.1.3 1.1.1.3.1 1.1.2 1.1.2.1 1.1.2.2 1.1.3.1 1.1.4 "
        "1.1.4.1 1.1.4.3 1.1.4.4 1.1.6.1 1.1.6.2 1.1.6.3 1.1.7 1.1.7.1 1.1.7.2 1.1.7.3 1.1.7.4 1.1.12.1 "
        "1.1.12.1.1 1.1.12.2 1.1.12.2.1 1.1.13.1.1 1.1.13.1.2 1.1.13.1.3 1.1.13.1.4 1.1.13.1.5 1.1.14.1 "
        "1.1.14.2 1.1.20 1.1.30 1.1.66.4 1.1.66.7 1.1.66.8 1.1.77.1.1 1.1.77.1.1.1 1.1.77.1.2 1.1.77.1.2.1 "
        "1.1.77.1.3 1.1.77.1.4 1.1.77.1.4.1 1.1.77.1.5.1 1.1.77.1.5.2 1.1.77.1.5.4 1.1.77.1.5.5 1.1.77.1.5.6 "
        "1.1.77.1.5.7 1.1.77.1.5.8 1.1.77.1.6 1.1.77.1.7 1.1.77.1.8 1.1.77.1.9 1.1.81.1 1.1.82.1 1.1.128 "
        "1.1.128.1 1.1.130 1.1.481.1"
    ),
    "SPECTROSCOPY": "1.1.4.2",
    "WAVEFORM": (
        "1.1.9.1.1 1.1.9.1.2 1.1.9.1.3 1.1.9.1.4 1.1.9.2.1 1.1.9.3.1 1.1.9.4.1 1.1.9.4.2 1.1.9.5.1 1.1.9.6.1 "
        "1.1.9.6.2 1.1.9.7.1 1.1.9.7.2 1.1.9.7.3 1.1.9.7.4 1.1.9.8.1"
    ),
    "PRESENTATION": (
        "1.1.11.1 1.1.11.2 1.1.11.3 1.1.11.4 1.1.11.5 1.1.11.6 1.1.11.7 1.1.11.8 1.1.11.9 1.1.11.10 "
        "1.1.11.11 1.1.11.12 1.1.131"
    ),
    "RAW DATA": "1.1.66",
    "REGISTRATION": "1.1.66.1 1.1.66.3",
    "FIDUCIAL": "1.1.66.2",
    "SURFACE": "1.1.66.5",
    "TRACT": "1.1.66.6",
    "VALUE MAP": "1.1.67",
    "SURFACE SCAN": "1.1.68.1 1.1.68.2",
    "STEREOMETRIC": "1.1.77.1.5.3",
    "MEASUREMENT": "1.1.78.1 1.1.78.2 1.1.78.3 1.1.78.4 1.1.78.5 1.1.78.7 1.1.78.8 1.1.80.1",
    "SR DOCUMENT": (
        "1.1.78.6 1.1.79.1 1.1.88.11 1.1.88.22 1.1.88.33 1.1.88.34 1.1.88.35 1.1.88.40 1.1.88.50 1.1.88.65 "
        "1.1.88.67 1.1.88.68 1.1.88.69 1.1.88.70 1.1.88.71 1.1.88.72 1.1.88.73 1.1.88.74 1.1.88.75 1.1.88.76 "
        "1.1.88.77"
    ),
    "KEY OBJECT DOC": "1.1.88.59",
    "ASSESSMENT": "1.1.90.1",
    "ANNOTATION": "1.1.91.1",
    "ENCAP DOC": "1.1.104.1 1.1.104.2 1.1.104.3 1.1.104.4 1.1.104.5",
    "INVENTORY": "1.1.201.1",
    "RT DOSE": "1.1.481.2",
    "RT STRUCTURE SET": "1.1.481.3",
    "RT TREAT RECORD": "1.1.481.4 1.1.481.6 1.1.481.7 1.1.481.9",
    "RT PLAN": "1.1.481.5 1.1.481.8",
    "RADIOTHERAPY": (
        "1.1.481.10 1.1.481.11 1.1.481.12 1.1.481.13 1.1.481.14 1.1.481.15 1.1.481.16 1.1.481.17 1.1.481.18 "
        "1.1.481.19 1.1.481.20 1.1.481.21 1.1.481.22 1.1.481.23 1.1.481.24 1.1.481.25"
    ),
    "PLAN": "34.7 34.10",
    "HANGING PROTOCOL": "38.1",
    "PALETTE": "39.1",
    "IMPLANT": "43.1",
    "IMPLANT ASSY": "44.1",
    "IMPLANT GROUP": "45.1",
    "WF PRESENTATION": "1.1.9.100.1 1.1.9.100.2",
}

# Retired classes, with the type they had: for reading old media and for saying why they are refused.
HISTORICAL_SOP_CLASSES: Mapping[str, str] = {
    "STORED PRINT": "1.2.840.10008.5.1.1.27",
    "IMAGE": "1.1.3 1.1.5 1.1.6 1.1.12.3 1.1.77.1 1.1.77.2 1.2.840.10008.5.1.1.29 1.2.840.10008.5.1.1.30",
    "OVERLAY": "1.1.8",
    "CURVE": "1.1.9 1.1.129",
    "WAVEFORM": "1.1.9.1",
    "MODALITY LUT": "1.1.10",
    "VOI LUT": "1.1.11",
    "PLAN": "34.1",
}
