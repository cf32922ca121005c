"""What becomes of pixel data in another transfer syntax: decode, encode, compress with loss.

Each function gives a `Change`: new elements, elements left out, and what to say about it. Putting a file
together from it is the work of `transcode`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mediakit.dicom.elements import PIXEL_DATA
from mediakit.dicom.encoders import (
    Unprovable,
    encode_lossless,
    encode_lossy,
    encoded_photometric,
    pixel_data,
)
from mediakit.dicom.frames import (
    INSTALL_HINT,
    FrameReader,
    NoCodecs,
    NoDecoder,
    Undecodable,
    bits_of_two_readings,
    decoded_photometric,
    shape_of,
)
from mediakit.dicom.image import DCT_SYNTAXES, Shape
from mediakit.dicom.lossy import LOSSY, LOSSY_METHOD, METHODS, SOP_INSTANCE, Compression, derived, derived_uid
from mediakit.dicom.part10 import DicomFile
from mediakit.dicom.recode import Element, element
from mediakit.dicom.stored import Stored
from mediakit.dicom.uids import SYNTAXES, syntax_name
from mediakit.findings import Finding, Rule, Severity, Where

if TYPE_CHECKING:
    from mediakit.dicom.image import Frame

_PHOTOMETRIC = 0x00280004
_PLANAR = 0x00280006
_OFFSET_TABLES = frozenset({0x7FE00001, 0x7FE00002, 0x7FE00003})


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What becomes of the elements: new ones by tag, those left out, and what to say about it."""

    new: dict[int, Element] = field(default_factory=dict)
    gone: frozenset[int] = frozenset()
    findings: tuple[Finding, ...] = ()
    changed_uid: bool = False


class Refused(Exception):  # noqa: N818 - an answer, turned into a value by `transcode`
    """The conversion cannot be made; the finding says why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.rule.id)
        self.finding = finding


TWO_READINGS = Rule(
    id="MK-CNV-027",
    severity=Severity.ERROR,
    title="cannot be converted: Big Endian samples of {bits} bits in VR OW are written in two ways",
    ref="PS3.5-2016b 7.3",
    hint="convert it with the software that wrote it: from the bytes alone nobody can tell whether "
    "words are swapped",
)


def carry(file: DicomFile) -> Change:
    """Carry pixel data over; the words are swapped already when they were Big Endian."""
    _check_big_endian(file)
    return Change()


def _check_big_endian(file: DicomFile) -> None:
    if bits := bits_of_two_readings(file):
        raise Refused(TWO_READINGS.at(Where(tag=PIXEL_DATA), bits=bits))


def decode(file: DicomFile) -> Change:
    """Decode encapsulated pixel data, for Explicit VR Little Endian. Raises `Refused`."""
    shape, reader = _opened(file)
    out = Stored()
    for frame in _frames(reader):
        out.add(frame.tobytes())
    if len(out) % 2:
        out.add(b"\0")
    vr = "OW" if shape.bits_allocated > 8 else "OB"
    new = {PIXEL_DATA: Element(PIXEL_DATA, vr, b"", stored=out)}
    return _described(file, shape, decoded_photometric(shape, file.syntax), new)


NOT_PROVEN = Rule(
    id="MK-CNV-025",
    severity=Severity.ERROR,
    title="cannot be converted to {new}: {why}",
    ref="PS3.5 8.2",
    hint="Explicit VR Little Endian takes every image",
)


def encode(file: DicomFile, to: str) -> Change:
    """Encode pixel data without loss, every frame proven. Raises `Refused`."""
    _check_big_endian(file)
    shape, reader = _opened(file)
    decoded = _as_decoded(file, shape)
    with _refusing(to):
        encoded = pixel_data(encode_lossless(frame, decoded, to) for frame in _frames(reader))
    return _described(file, shape, encoded_photometric(decoded.photometric, to), {PIXEL_DATA: encoded})


COMPRESSED_WITH_LOSS = Rule(
    id="MK-CNV-008",
    severity=Severity.WARNING,
    title="compressed with loss, {ratio}:1; it is a new instance now, {uid}",
    ref="PS3.3 C.7.6.1.1.5",
    hint="keep the original: it is the image that a diagnosis rests on",
)


def compress(file: DicomFile, to: str) -> Change:
    """Compress pixel data with loss, as a new instance derived from this one. Raises `Refused`."""
    _check_big_endian(file)
    shape, reader = _opened(file)
    decoded = _as_decoded(file, shape)
    with _refusing(to):
        encoded = pixel_data(encode_lossy(frame, decoded, to) for frame in _frames(reader))
    compression = Compression(
        method=METHODS[to],
        ratio=shape.decoded_bytes / max(1, len(encoded.value)),
        sentence=f"Compressed with loss: {syntax_name(to)}",
    )
    uid = derived_uid(file.text(SOP_INSTANCE), to, bytes(encoded.value))
    new = {PIXEL_DATA: encoded} | derived(file, compression, uid)
    change = _described(file, shape, encoded_photometric(decoded.photometric, to), new)
    told = COMPRESSED_WITH_LOSS.at(ratio=f"{compression.ratio:.1f}", uid=uid)
    return replace(change, findings=(*change.findings, told), changed_uid=True)


NO_DECODER = Rule(
    id="MK-CNV-021",
    severity=Severity.ERROR,
    title="cannot be converted: {why}",
    ref="PS3.5 10",
    hint="choose a profile that takes the transfer syntax, or convert with the software that wrote it",
)

NO_CODECS = Rule(
    id="MK-CNV-030",
    severity=Severity.ERROR,
    title="cannot be converted: {why}",
    ref="PS3.5 8.2",
    hint=INSTALL_HINT,
)

BAD_PIXELS = Rule(
    id="MK-CNV-024",
    severity=Severity.ERROR,
    title="cannot be converted: {why}",
    ref="PS3.3 C.7.6.3",
    hint="the description of the image does not match its pixels: ask the sender for it again",
)


def _opened(file: DicomFile) -> tuple[Shape, FrameReader]:
    try:
        shape = shape_of(file)
        return shape, FrameReader(file, shape)
    except NoCodecs as exc:
        raise Refused(NO_CODECS.at(why=str(exc))) from exc
    except NoDecoder as exc:
        raise Refused(NO_DECODER.at(why=str(exc))) from exc
    except Undecodable as exc:
        raise Refused(BAD_PIXELS.at(Where(tag=PIXEL_DATA), why=str(exc))) from exc


def _frames(reader: FrameReader) -> Iterator[Frame]:
    try:
        yield from reader
    except Undecodable as exc:
        raise Refused(BAD_PIXELS.at(Where(tag=PIXEL_DATA), why=str(exc))) from exc


@contextmanager
def _refusing(to: str) -> Iterator[None]:
    try:
        yield
    except Unprovable as exc:
        raise Refused(NOT_PROVEN.at(Where(tag=PIXEL_DATA), new=syntax_name(to), why=str(exc))) from exc


def _as_decoded(file: DicomFile, shape: Shape) -> Shape:
    return replace(shape, photometric=decoded_photometric(shape, file.syntax), planar=0)


ATTRIBUTE_CHANGED = Rule(
    id="MK-CNV-002",
    severity=Severity.WARNING,
    title="{attribute} is now {new} (was {old})",
    ref="PS3.5 8.2",
    hint="the samples are the same image; the attribute describes how they are written now",
)


def _described(file: DicomFile, shape: Shape, photometric: str, new: dict[int, Element]) -> Change:
    """Return the change with the attributes that describe the new encoding, each one told."""
    findings: list[Finding] = []
    if photometric != shape.photometric:
        new[_PHOTOMETRIC] = element(_PHOTOMETRIC, "CS", photometric.encode("ascii"))
        name = "Photometric Interpretation"
        findings.append(
            ATTRIBUTE_CHANGED.at(
                Where(tag=_PHOTOMETRIC), attribute=name, new=photometric, old=shape.photometric
            )
        )
    planar = file.number(_PLANAR)
    if shape.samples > 1 and planar != 0:
        new[_PLANAR] = Element(_PLANAR, "US", b"\0\0")
        old = "absent" if planar is None else planar
        name = "Planar Configuration"
        findings.append(ATTRIBUTE_CHANGED.at(Where(tag=_PLANAR), attribute=name, new=0, old=old))
    told = _loss_kept(file, new)
    return Change(new=new, gone=_OFFSET_TABLES, findings=(*findings, *told))


LOSSY_DECLARED = Rule(
    id="MK-CNV-005",
    severity=Severity.WARNING,
    title="Lossy Image Compression is now 01: the image came in {old}, and nothing else in it says so",
    ref="PS3.3 C.7.6.1.1.5",
    hint="the pixels had lost information before they came here; the image now says so correctly",
)


def _loss_kept(file: DicomFile, new: dict[int, Element]) -> tuple[Finding, ...]:
    """Once lossy, always lossy: say so where only the transfer syntax did (PS3.3 C.7.6.1.1.5).

    JPEG 2000 and JPEG-LS may be lossless in their lossy syntaxes, so there an explicit 00 is believed.
    """
    said = file.text(LOSSY)
    if not SYNTAXES[file.syntax].lossy or LOSSY in new or said == "01":
        return ()
    if said == "00" and file.syntax not in DCT_SYNTAXES:
        return ()
    new[LOSSY] = element(LOSSY, "CS", b"01")
    if not file.text(LOSSY_METHOD) and file.syntax in METHODS:
        new[LOSSY_METHOD] = element(LOSSY_METHOD, "CS", METHODS[file.syntax].encode("ascii"))
    return (LOSSY_DECLARED.at(Where(tag=LOSSY), old=syntax_name(file.syntax)),)
