"""Presentation contexts by pynetdicom: those of services without images, and what the Storage SCP accepts."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from mediakit.dicom.instance import MEDIA_STORAGE_DIRECTORY
from mediakit.dicom.uids import STORAGE, SYNTAXES

#: For messages without images: Explicit VR Little Endian, then the default that every peer has (PS3.5 10.1).
MESSAGE_SYNTAXES: Final = ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2")

_STANDARD = "1.2.840.10008."
_STORAGE_ARC = "1.2.840.10008.5.1.4.1.1."
# Queries and retrievals of protocols and inventories, which stand among the storage classes (PS3.6 A).
_NO_STORAGE = re.compile(r"1\.2\.840\.10008\.5\.1\.4\.1\.1\.(?:200\.[4-6]|201\.[2-6])")


@dataclass(frozen=True, slots=True)
class Proposed:
    """One presentation context as a peer proposes it."""

    sop_class: str
    transfer_syntaxes: tuple[str, ...]


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


def accepted(proposed: Iterable[Proposed], told: Collection[str] = ()) -> Mapping[str, tuple[str, ...]]:
    """Return what is accepted of the storage that a peer proposes: transfer syntaxes by SOP Class."""
    found: dict[str, dict[str, None]] = {}
    for context in proposed:
        syntax = first_known(context.transfer_syntaxes)
        if syntax is not None and is_storage(context.sop_class, told):
            found.setdefault(context.sop_class, {})[syntax] = None
    return {sop_class: tuple(syntaxes) for sop_class, syntaxes in found.items()}
