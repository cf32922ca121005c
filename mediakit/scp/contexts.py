"""Presentation contexts: those of services without images, and what counts as storage."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Final

from mediakit.dicom.instance import MEDIA_STORAGE_DIRECTORY
from mediakit.dicom.uids import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, STORAGE, SYNTAXES

MAXIMUM_PDU_BYTES: Final = 1 << 18  # what peers are told; larger ones bring nothing
#: For messages without images: Explicit VR Little Endian, then the default that every peer has (PS3.5 10.1).
MESSAGE_SYNTAXES: Final = (EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN)

_STANDARD = "1.2.840.10008."
_STORAGE_ARC = "1.2.840.10008.5.1.4.1.1."
# Queries and retrievals of protocols and inventories, which stand among the storage classes (PS3.6 A).
_NO_STORAGE = re.compile(r"1\.2\.840\.10008\.5\.1\.4\.1\.1\.(?:200\.[4-6]|201\.[2-6])")


def is_storage(sop_class: str, told: Collection[str] = ()) -> bool:
    """Return True for every class whose instances are stored: known, private, or newer than our tables.

    `told` are those of which the peer says so. The DICOMDIR is none: it is for media only.
    """
    if sop_class in STORAGE:
        return True
    if sop_class == MEDIA_STORAGE_DIRECTORY or _NO_STORAGE.fullmatch(sop_class):
        return False
    return not sop_class.startswith(_STANDARD) or sop_class.startswith(_STORAGE_ARC) or sop_class in told


def first_known(transfer_syntaxes: Iterable[str]) -> str | None:
    """Return the first of the proposed transfer syntaxes that can be read; None when there is none."""
    return next((syntax for syntax in transfer_syntaxes if syntax in SYNTAXES), None)
