"""Which instances can be de-identified: their kind, and what may be burned into their pixels."""

from __future__ import annotations

from enum import StrEnum

from mediakit.dicom.deidentify.unseen import PIXELS
from mediakit.dicom.part10 import DicomFile
from mediakit.dicom.uids import SYNTAXES, SyntaxKind, is_storage

_STORAGE = "1.2.840.10008.5.1.4.1.1."
# Objects whose content is a document, a sound, or private: no table says what is in them.
_CLOSED = {
    "66": "its content is raw data of a manufacturer",
    "9.4.1": "it is a sound recording",
    "9.4.2": "it is a sound recording",
    "104.1": "it holds a PDF document",
    "104.2": "it holds a CDA document",
    "104.3": "it holds a model of a body surface",
    "104.4": "it holds a model of a body surface",
    "104.5": "it holds a description of materials as free text",
    "201.1": "it lists the content of an archive",
}
_TEXT_IN_PIXELS = ("3", "6", "7", "77.1.1", "77.1.4", "77.1.5")  # US, SC, endoscopy, photography, eyes
_MODALITIES = frozenset({"US", "IVUS", "ES", "XC", "GM", "OP", "OPT", "OT", "SC", "DMS"})
_CAPTURED = ("SCREEN", "CAPTURE", "SAVE", "REPORT", "SECONDARY CAPTURE")

_IMAGE_TYPE = 0x00080008
_SOP_CLASS = 0x00080016
_MODALITY = 0x00080060
_CONVERSION_TYPE = 0x00080064
_BURNED_IN = 0x00280301


class BurnedIn(StrEnum):
    """What the pixels may show of the patient besides the image."""

    NOTHING = "nothing"
    SAID = "said"  # the instance says so
    UNKNOWN = "unknown"  # it does not say, and its kind often has text in its pixels


def sop_class_of(file: DicomFile) -> str:
    """Return the SOP Class UID of a file, "" without one."""
    return file.text(_SOP_CLASS) or _of_meta(file)


def why_closed(sop_class: str, transfer_syntax: str) -> str:
    """Return why nobody can de-identify an object like this by its attributes, "" when it can be done."""
    if not is_storage(sop_class):
        return "its SOP Class is private or unknown"
    known = SYNTAXES.get(transfer_syntax)
    if known is not None and known.kind is SyntaxKind.VIDEO:
        return "it is a video, which may show and say anything"
    return _CLOSED.get(sop_class.removeprefix(_STORAGE), "")


def burned_in(file: DicomFile) -> BurnedIn:
    """Return what Burned In Annotation (0028,0301) says, or what the kind of the image lets expect."""
    if not any(each.tag in PIXELS for each in file.elements):
        return BurnedIn.NOTHING
    said = file.text(_BURNED_IN)
    if said == "NO":
        return BurnedIn.NOTHING
    if said == "YES":
        return BurnedIn.SAID
    return BurnedIn.UNKNOWN if _often_has_text(file) else BurnedIn.NOTHING


def _often_has_text(file: DicomFile) -> bool:
    number = sop_class_of(file).removeprefix(_STORAGE)
    if any(number == kind or number.startswith(f"{kind}.") for kind in _TEXT_IN_PIXELS):
        return True
    if file.text(_MODALITY) in _MODALITIES or file.first(_CONVERSION_TYPE) is not None:
        return True
    return any(word in file.text(_IMAGE_TYPE).upper() for word in _CAPTURED)


def _of_meta(file: DicomFile) -> str:
    found = next((bytes(each.value) for each in file.meta if each.tag == 0x00020002), b"")
    return found.strip(b" \0").decode("latin-1")
