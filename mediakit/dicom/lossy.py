"""The attributes that tell of lossy compression (PS3.3 C.7.6.1.1.5), and the new identity it needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from struct import pack

from mediakit.dicom.part10 import DicomFile
from mediakit.dicom.recode import Element, element
from mediakit.dicom.uids import content_uid

IMAGE_TYPE = 0x00080008
SOP_CLASS = 0x00080016
SOP_INSTANCE = 0x00080018
DERIVATION = 0x00082111
SOURCE_IMAGES = 0x00082112
DERIVATION_CODES = 0x00089215
LOSSY = 0x00282110
LOSSY_RATIO = 0x00282112
LOSSY_METHOD = 0x00282114


@dataclass(frozen=True, slots=True, kw_only=True)
class Compression:
    """One lossy compression: its method (a Defined Term), ratio and a sentence for a person."""

    method: str
    ratio: float
    sentence: str


METHODS: Mapping[str, str] = {
    "1.2.840.10008.1.2.4.50": "ISO_10918_1",
    "1.2.840.10008.1.2.4.51": "ISO_10918_1",
    "1.2.840.10008.1.2.4.81": "ISO_14495_1",
    "1.2.840.10008.1.2.4.91": "ISO_15444_1",
    "1.2.840.10008.1.2.4.203": "ISO_15444_15",
}


def derived_uid(old: str, syntax: str, pixels: bytes) -> str:
    """Return a SOP Instance UID that depends on nothing but its source and the new pixel data (PS3.5 B.2)."""
    return content_uid(old.encode(), syntax.encode(), sha256(pixels).digest())


def derived(file: DicomFile, compression: Compression, new_uid: str) -> dict[int, Element]:
    """Return the elements that make `file` an image derived from itself by lossy compression."""
    image_type = file.text(IMAGE_TYPE).split("\\")
    image_type[0] = "DERIVED"
    if len(image_type) < 2:
        image_type.append("PRIMARY")
    made = (
        element(IMAGE_TYPE, "CS", "\\".join(image_type).encode("latin-1")),
        element(SOP_INSTANCE, "UI", new_uid.encode("ascii")),
        _description(file, compression.sentence),
        _appended(file, DERIVATION_CODES, _code("113040", "DCM", "Lossy Compression")),
        _appended(file, SOURCE_IMAGES, _source_item(file)),
        element(LOSSY, "CS", b"01"),
        _with_value(file, LOSSY_RATIO, "DS", f"{compression.ratio:.2f}"),
        _with_value(file, LOSSY_METHOD, "CS", compression.method),
    )
    return {each.tag: each for each in made}


def _description(file: DicomFile, sentence: str) -> Element:
    """Return Derivation Description with a sentence added to what stands there, if it fits."""
    found = file.first(DERIVATION)
    old = b"" if found is None else bytes(found.value).rstrip(b" \0")
    new = old + b"; " + sentence.encode("ascii") if old else sentence.encode("ascii")
    return element(DERIVATION, "ST", new if len(new) <= 1024 else sentence.encode("ascii"))


def _with_value(file: DicomFile, tag: int, vr: str, value: str) -> Element:
    old = file.text(tag)
    return element(tag, vr, (f"{old}\\{value}" if old else value).encode("latin-1"))


def _appended(file: DicomFile, tag: int, item: bytes) -> Element:
    found = file.first(tag)
    old = bytes(found.value) if found is not None and found.vr == "SQ" else b""
    return Element(tag, "SQ", old + item)


def _source_item(file: DicomFile) -> bytes:
    """Return an item that points to the instance before compression (PS3.16 CID 7202)."""
    purpose = Element(0x0040A170, "SQ", _code("121320", "DCM", "Uncompressed predecessor"))
    return _item(
        element(0x00081150, "UI", file.text(SOP_CLASS).encode("latin-1")),
        element(0x00081155, "UI", file.text(SOP_INSTANCE).encode("latin-1")),
        purpose,
    )


def _code(value: str, scheme: str, meaning: str) -> bytes:
    return _item(
        element(0x00080100, "SH", value.encode("ascii")),
        element(0x00080102, "SH", scheme.encode("ascii")),
        element(0x00080104, "LO", meaning.encode("ascii")),
    )


def _item(*elements: Element) -> bytes:
    content = b"".join(bytes(chunk) for each in elements for chunk in each.chunks())
    return pack("<HHL", 0xFFFE, 0xE000, len(content)) + content
