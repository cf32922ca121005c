"""Instances for the judge: SOP classes, transfer syntaxes and pixel attributes by name, regions by bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from struct import pack

from mediakit.dicom.instance import BINARY_TAGS, Header, Instance, Note

CT = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
MR = "1.2.840.10008.5.1.4.1.1.4"
US = "1.2.840.10008.5.1.4.1.1.6.1"
US_MULTI = "1.2.840.10008.5.1.4.1.1.3.1"
US_RETIRED = "1.2.840.10008.5.1.4.1.1.6"
XA = "1.2.840.10008.5.1.4.1.1.12.1"
SC = "1.2.840.10008.5.1.4.1.1.7"
DX = "1.2.840.10008.5.1.4.1.1.1.1"
DX_PROCESSING = "1.2.840.10008.5.1.4.1.1.1.1.1"
INTRA_ORAL = "1.2.840.10008.5.1.4.1.1.1.3"
ENDOSCOPY_VIDEO = "1.2.840.10008.5.1.4.1.1.77.1.1.1"
GSPS = "1.2.840.10008.5.1.4.1.1.11.1"
DOSE_SR = "1.2.840.10008.5.1.4.1.1.88.67"
PDF = "1.2.840.10008.5.1.4.1.1.104.1"

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"
JPEG_LS = "1.2.840.10008.1.2.4.80"
J2K_LOSSLESS = "1.2.840.10008.1.2.4.90"
J2K = "1.2.840.10008.1.2.4.91"
JPIP = "1.2.840.10008.1.2.4.94"
MPEG2 = "1.2.840.10008.1.2.4.100"
MPEG4 = "1.2.840.10008.1.2.4.102"
HEVC = "1.2.840.10008.1.2.4.107"
RLE = "1.2.840.10008.1.2.5"

Value = str | int | bytes

GREY: Mapping[int, Value] = {
    0x00280002: 1,
    0x00280004: "MONOCHROME2",
    0x00280010: 64,
    0x00280011: 64,
    0x00280100: 16,
    0x00280101: 12,
    0x00280102: 11,
    0x00280103: 0,
}
GREY_8: Mapping[int, Value] = {**GREY, 0x00280100: 8, 0x00280101: 8, 0x00280102: 7}
COLOUR: Mapping[int, Value] = {**GREY_8, 0x00280002: 3, 0x00280004: "RGB"}


def raw(tag: int, value: Value) -> bytes:
    """Return a value as it lies in a file."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, int):
        return value.to_bytes(BINARY_TAGS[tag], "little") if tag in BINARY_TAGS else str(value).encode()
    encoded = value.encode("latin-1")
    return encoded + b" " * (len(encoded) % 2)


def made(
    sop_class: str = CT,
    syntax: str = EXPLICIT,
    values: Mapping[int, Value] = GREY,
    *,
    modality: str = "CT",
    notes: Iterable[Note] = (),
    uid: str = "1.2.826.0.1.3680043.2.1",
    path: str = "IN/IM1",
    **more: Value,
) -> Instance:
    """Return an instance; `more` are values by tag: `x00280010=512`, or "absent" to leave one out."""
    all_values = {0x00080060: modality, **values, **{int(tag[1:], 16): value for tag, value in more.items()}}
    header = Header(
        meta={},
        values={tag: raw(tag, value) for tag, value in all_values.items() if value != "absent"},
        notes=frozenset(notes),
    )
    return Instance(
        source="IN",
        path=path,
        size=1000,
        sop_class=sop_class,
        sop_instance=uid,
        transfer_syntax=syntax,
        header=header,
    )


def items(*contents: Iterable[bytes]) -> bytes:
    """Return the content of a sequence: one item of defined length for each list of elements."""
    joined = (b"".join(content) for content in contents)
    return b"".join(pack("<HHI", 0xFFFE, 0xE000, len(content)) + content for content in joined)


def element(tag: int, vr: str, value: bytes) -> bytes:
    """Return an element with a short header in Explicit VR Little Endian."""
    return pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr.encode(), len(value)) + value


def sequence(tag: int, content: bytes) -> bytes:
    """Return a sequence of defined length in Explicit VR Little Endian."""
    return pack("<HH2sHI", tag >> 16, tag & 0xFFFF, b"SQ", 0, len(content)) + content


def region(without: Iterable[int] = (), extra: Iterable[bytes] = ()) -> list[bytes]:
    """Return the elements of an ultrasound region with spatial calibration."""
    elements = {
        0x00186012: element(0x00186012, "US", pack("<H", 1)),
        0x00186014: element(0x00186014, "US", pack("<H", 1)),
        0x00186016: element(0x00186016, "UL", pack("<I", 0)),
        0x00186018: element(0x00186018, "UL", pack("<I", 0)),
        0x0018601A: element(0x0018601A, "UL", pack("<I", 0)),
        0x0018601C: element(0x0018601C, "UL", pack("<I", 639)),
        0x0018601E: element(0x0018601E, "UL", pack("<I", 479)),
        0x00186024: element(0x00186024, "US", pack("<H", 3)),
        0x00186026: element(0x00186026, "US", pack("<H", 3)),
        0x0018602C: element(0x0018602C, "FD", pack("<d", 0.05)),
        0x0018602E: element(0x0018602E, "FD", pack("<d", 0.05)),
    }
    return [*(encoded for tag, encoded in elements.items() if tag not in set(without)), *extra]
