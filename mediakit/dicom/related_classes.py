"""Which Storage SOP Classes have more general ones, as a peer may be told (PS3.4 B.3.1.4, Table B.3-3).

A peer that does not know a SOP Class may take its instances as those of a Related General SOP Class. Rows
that later editions may have added are unconfirmed and left out. So are Enhanced SR and Comprehensive SR for
Acquisition Context SR: they hold only without 3D coordinates, which shows in the instance alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

#: The service that all of them are of, as a Service Class UID. Source: PS3.4 B.3.1.3.
STORAGE_SERVICE: Final = "1.2.840.10008.4.2"

_ARC: Final = "1.2.840.10008.5.1.4.1.1."
_GENERAL_ECG: Final = ("9.1.2",)
_DX_FOR_PRESENTATION, _DX_FOR_PROCESSING = ("1.1",), ("1.1.1",)
_EXTENSIBLE: Final = ("88.35",)
_COMPREHENSIVE_3D: Final = ("88.34", *_EXTENSIBLE)
_COMPREHENSIVE: Final = ("88.33", *_COMPREHENSIVE_3D)
_ENHANCED: Final = ("88.22", *_COMPREHENSIVE)
_ENHANCED_ALONE: Final = ("88.22",)

_TABLE: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("9.1.1", _GENERAL_ECG),  # 12-lead ECG
    ("1.2", _DX_FOR_PRESENTATION),  # Digital Mammography
    ("1.2.1", _DX_FOR_PROCESSING),
    ("1.3", _DX_FOR_PRESENTATION),  # Digital Intra-Oral
    ("1.3.1", _DX_FOR_PROCESSING),
    ("88.11", _ENHANCED),  # Basic Text SR
    ("88.22", _COMPREHENSIVE),  # Enhanced SR
    ("88.33", _COMPREHENSIVE_3D),  # Comprehensive SR
    ("88.34", _EXTENSIBLE),  # Comprehensive 3D SR
    ("88.40", _ENHANCED),  # Procedure Log
    ("88.72", _ENHANCED),  # Simplified Adult Echo SR
    ("88.67", _ENHANCED),  # X-Ray Radiation Dose SR
    ("88.68", _ENHANCED),  # Radiopharmaceutical Radiation Dose SR
    ("88.73", _ENHANCED),  # Patient Radiation Dose SR
    ("88.71", _COMPREHENSIVE_3D),  # Acquisition Context SR
    ("78.6", _ENHANCED_ALONE),  # Spectacle Prescription Report
    ("79.1", _ENHANCED_ALONE),  # Macular Grid Thickness and Volume Report
    ("2.1", ("2.2",)),  # Enhanced CT, and its legacy converted form
    ("4.1", ("4.4",)),  # Enhanced MR
    ("130", ("128.1",)),  # Enhanced PET
)

#: The Related General SOP Classes by SOP Class.
RELATED_GENERAL: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {_ARC + special: tuple(_ARC + each for each in general) for special, general in _TABLE}
)


def is_registered(uid: str) -> bool:
    """Return True for a UID that the standard gives to something, as far as it is known here (PS3.6 A)."""
    from pydicom._uid_dict import UID_dictionary  # noqa: PLC0415 - start-up time

    return uid in UID_dictionary
