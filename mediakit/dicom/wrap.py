"""An image or document of another kind as a DICOM instance: Secondary Capture or Encapsulated PDF.

Every element is made here; patient and study are given (`Subject`). The SOP Instance UID is made of all other
elements, so the same file for the same patient and study is the same instance, whenever it is wrapped.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from itertools import islice
from typing import Final

from mediakit.dicom.elements import PIXEL_DATA
from mediakit.dicom.part10 import pieces
from mediakit.dicom.recode import Element, element
from mediakit.dicom.uids import EXPLICIT_VR_LITTLE_ENDIAN, content_uid
from mediakit.dicom.write import Buffer
from mediakit.findings import Finding, Rule, Severity

#: The elements of patient and study that an instance of another is made with.
SUBJECT_TAGS: Final[Mapping[int, str]] = {
    0x00080005: "CS",  # Specific Character Set: the values below are spelled in it
    0x00080020: "DA",
    0x00080030: "TM",
    0x00080050: "SH",
    0x00080090: "PN",
    0x00081030: "LO",
    0x00100010: "PN",
    0x00100020: "LO",
    0x00100021: "LO",
    0x00100030: "DA",
    0x00100040: "CS",
    0x0020000D: "UI",
    0x00200010: "SH",
}
STUDY_UID: Final = 0x0020000D
_PATIENT_ONLY = frozenset({0x00080005, 0x00100010, 0x00100020, 0x00100021, 0x00100030, 0x00100040})
_TYPE_2 = frozenset(SUBJECT_TAGS) - {0x00080005, 0x00081030, 0x00100021, STUDY_UID}

_SECONDARY = "1.2.840.10008.5.1.4.1.1.7"
_PDF_CLASS = "1.2.840.10008.5.1.4.1.1.104.1"
_ITEM = b"\xfe\xff\x00\xe0"
_IMAGE_SERIES, _DOCUMENT_SERIES = b"9000", b"9001"
_CUT_OFF_WITHIN = 4096  # bytes from the end in which a PDF has its mark of the end

NOT_WRAPPED = Rule(
    id="MK-WRP-001",
    severity=Severity.ERROR,
    title="cannot be made a DICOM instance: {why}",
    ref="PS3.3 A.8",
    hint="convert it with another program first, or leave it out with `--on-reject skip`",
)
NOT_KEPT = Rule(
    id="MK-WRP-002",
    severity=Severity.WARNING,
    title="{what} is not in the instance: {why}",
    ref="PS3.3 A.8",
    hint="the picture itself is as it was; keep the file if you need the rest",
)
ACTS = Rule(
    id="MK-WRP-005",
    severity=Severity.WARNING,
    title="the PDF file has {what}; it is kept as it is",
    ref="PS3.3 A.45.1",
    hint="print it to a new PDF file first if you do not know where it comes from",
)

_ENCRYPTED = re.compile(rb"/Encrypt\s*(?:\d+\s+\d+\s+R|<<)")  # of a trailer (ISO 32000-1 7.5.5, 7.5.8)
_STREAM = re.compile(rb"stream\r?\n")
_MOST_HEAD = 1024  # bytes of the dictionary of an object stream
_MOST_STREAMS, _MOST_INFLATED = 1000, 1 << 20  # object streams that are looked into, and bytes of each
_ACTIONS: Final = {  # ISO 32000-1 12.6.4
    b"JavaScript": "a script",
    b"JS": "a script",
    b"Launch": "an action that starts a program",
    b"SubmitForm": "an action that sends data",
    b"ImportData": "an action that reads a file",
}
_ACTION = re.compile(rb"/(JavaScript|JS|Launch|SubmitForm|ImportData)(?=[\s/(<\[>])")


class WrapKind(StrEnum):
    """What can be wrapped."""

    JPEG = "JPEG"
    PNG = "PNG"
    TIFF = "TIFF"
    PDF = "PDF"


_HEADS: Final = (
    (b"\xff\xd8\xff", WrapKind.JPEG),
    (b"\x89PNG\r\n\x1a\n", WrapKind.PNG),
    (b"II*\0", WrapKind.TIFF),
    (b"MM\0*", WrapKind.TIFF),
    (b"%PDF-", WrapKind.PDF),
)


def wrap_kind(head: bytes) -> WrapKind | None:
    """Return what a file is by its first bytes; None for all that is not wrapped."""
    return next((kind for begin, kind in _HEADS if head.startswith(begin)), None)


class NotWrappable(Exception):  # noqa: N818 - an answer about one file, caught by the stage
    """A file stays what it is: why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whose instance it becomes, and in which study: values as bytes, by tag (`SUBJECT_TAGS`)."""

    values: Mapping[int, bytes] = field(repr=False)

    def in_study(self, study: str) -> Subject:
        """Return the same patient in another study, of which nothing else is known."""
        kept = {tag: value for tag, value in self.values.items() if tag in _PATIENT_ONLY}
        return Subject(values={**kept, STUDY_UID: study.encode("ascii")})

    def new_study(self) -> str:
        """Return the UID of the study in which what is wrapped for this patient stands."""
        parts = (value for tag, value in sorted(self.values.items()) if tag != STUDY_UID)
        return content_uid(b"wrapped study", *parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Decoded frames, or one JPEG frame as it is: then `syntax` is that of it.

    `lossy` are method and ratio of an earlier compression with loss. `icc` is the colour profile, or empty.
    """

    rows: int
    columns: int
    bits: int
    photometric: str
    frames: tuple[bytes, ...] = field(repr=False)
    syntax: str = EXPLICIT_VR_LITTLE_ENDIAN
    lossy: tuple[str, str] | None = None
    icc: bytes = field(default=b"", repr=False)
    findings: tuple[Finding, ...] = ()

    @property
    def is_colour(self) -> bool:
        """Return True for three samples a pixel."""
        return self.photometric != "MONOCHROME2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapped:
    """A new instance: its UID and its file, in pieces."""

    sop_instance: str
    syntax: str
    elements: tuple[Element, ...] = field(repr=False)

    def file(self) -> Iterator[Buffer]:
        """Yield the bytes of the file."""
        return pieces(self.elements, self.syntax, ())


def wrap_picture(picture: Picture, subject: Subject, title: bytes) -> Wrapped:
    """Return a picture as a Secondary Capture instance (PS3.3 A.8). `title` becomes Series Description."""
    made = {
        **_common(_class_of(picture), "OT", _IMAGE_SERIES),
        0x00080008: ("CS", b"DERIVED\\SECONDARY"),
        0x00200020: ("CS", b""),  # Patient Orientation, Laterality: there, and not known
        0x00200060: ("CS", b""),
        **_pixels(picture),
        **(_frames(picture) if len(picture.frames) > 1 else {}),
    }
    if title:
        made[0x0008103E] = ("LO", title)
    fragment = b"" if picture.syntax == EXPLICIT_VR_LITTLE_ENDIAN else picture.frames[0]
    return _finished(made, subject, picture.syntax, fragment)


def risks_of_pdf(content: bytes) -> tuple[Finding, ...]:
    """Return a warning of what a PDF would do when it is opened, in its compressed objects too."""
    found = {_ACTIONS[one[1]] for part in _parts_of_pdf(content) for one in _ACTION.finditer(part)}
    return (ACTS.at(what=" and ".join(sorted(found))),) if found else ()


def _parts_of_pdf(content: bytes) -> Iterator[bytes]:
    """Yield a PDF as it is, then the first `_MOST_STREAMS` of its object streams, inflated."""
    yield content
    for head in islice(re.finditer(rb"/ObjStm\b", content), _MOST_STREAMS):
        begin = _STREAM.search(content, head.end(), head.end() + _MOST_HEAD)
        if begin is not None:
            with suppress(zlib.error):  # not deflated, or damaged: for whoever opens it
                data = memoryview(content)[begin.end() :]
                yield zlib.decompressobj().decompress(data, _MOST_INFLATED)


def wrap_pdf(content: bytes, subject: Subject, title: bytes) -> Wrapped:
    """Return a PDF document as an Encapsulated PDF instance (PS3.3 A.45.1). Raises NotWrappable."""
    if b"%%EOF" not in content[-_CUT_OFF_WITHIN:]:
        raise NotWrappable("the document is cut off: its end is missing")
    if _ENCRYPTED.search(content):
        raise NotWrappable("the document is encrypted: who gets it may be unable to open or print it")
    made = {
        **_common(_PDF_CLASS, "DOC", _DOCUMENT_SERIES),
        0x00080023: ("DA", b""),
        0x0008002A: ("DT", b""),
        0x00080033: ("TM", b""),
        0x0040A043: ("SQ", b""),
        0x00420010: ("ST", title),
        0x00420011: ("OB", content),
        0x00420012: ("LO", b"application/pdf"),
        0x00420015: ("UL", len(content).to_bytes(4, "little")),
    }
    return _finished(made, subject, EXPLICIT_VR_LITTLE_ENDIAN)


_Values = dict[int, tuple[str, bytes]]


def _common(sop_class: str, modality: str, series: bytes) -> _Values:
    return {
        0x00080016: ("UI", sop_class.encode("ascii")),
        0x00080060: ("CS", modality.encode("ascii")),
        0x00080064: ("CS", b"WSD"),  # Conversion Type: Workstation
        0x00080070: ("LO", b"mediakit"),
        0x00181016: ("LO", b"mediakit"),  # Secondary Capture Device Manufacturer
        0x00200011: ("IS", series),
        0x00200013: ("IS", b"1"),
        0x00280301: ("CS", b"YES"),  # Burned In Annotation: nobody has looked, so it must be expected
    }


def _class_of(picture: Picture) -> str:
    if len(picture.frames) == 1:
        return _SECONDARY
    return f"{_SECONDARY}.{4 if picture.is_colour else 3 if picture.bits == 16 else 2}"


def _pixels(picture: Picture) -> _Values:
    samples = 3 if picture.is_colour else 1
    made: _Values = {
        0x00280002: ("US", _short(samples)),
        0x00280004: ("CS", picture.photometric.encode("ascii")),
        0x00280010: ("US", _short(picture.rows)),
        0x00280011: ("US", _short(picture.columns)),
        0x00280100: ("US", _short(picture.bits)),
        0x00280101: ("US", _short(picture.bits)),
        0x00280102: ("US", _short(picture.bits - 1)),
        0x00280103: ("US", _short(0)),
    }
    if picture.is_colour:
        made[0x00280006] = ("US", _short(0))
    if picture.icc:
        made[0x00282000] = ("OB", picture.icc)
    if picture.lossy is not None:
        method, ratio = picture.lossy
        made[0x00282110] = ("CS", b"01")
        made[0x00282112] = ("DS", ratio.encode("ascii"))
        made[0x00282114] = ("CS", method.encode("ascii"))
    if picture.syntax == EXPLICIT_VR_LITTLE_ENDIAN:
        made[PIXEL_DATA] = ("OW" if picture.bits == 16 else "OB", b"".join(picture.frames))
    return made


def _frames(picture: Picture) -> _Values:
    """Return what several frames have besides: the pages of a document (PS3.3 C.8.6.3, C.8.6.4)."""
    count = len(picture.frames)
    made: _Values = {
        0x00182001: ("IS", b"\\".join(b"%d" % (index + 1) for index in range(count))),
        0x00280008: ("IS", b"%d" % count),
        0x00280009: ("AT", b"\x18\0\x01\x20"),  # Frame Increment Pointer: Page Number Vector
    }
    if not picture.is_colour:
        made |= {
            0x00281052: ("DS", b"0"),
            0x00281053: ("DS", b"1"),
            0x00281054: ("LO", b"US"),
            0x20500020: ("CS", b"IDENTITY"),
        }
    return made


def _finished(made: _Values, subject: Subject, syntax: str, fragment: bytes = b"") -> Wrapped:
    """Return the instance with its UIDs, which are made of all other elements."""
    for tag in _TYPE_2 - subject.values.keys():
        made[tag] = (SUBJECT_TAGS[tag], b"")
    made |= {tag: (SUBJECT_TAGS[tag], value) for tag, value in subject.values.items()}
    found = {tag: element(tag, vr, value) for tag, (vr, value) in made.items()}
    if fragment:
        even = fragment + b"\0" * (len(fragment) % 2)
        value = b"".join((_ITEM, bytes(4), _ITEM, len(even).to_bytes(4, "little"), even))
        found[PIXEL_DATA] = Element(PIXEL_DATA, "OB", value, undefined=True)
    digest = sha256()
    for tag in sorted(found):
        for chunk in found[tag].chunks():
            digest.update(chunk)
    uid = content_uid(b"wrapped", digest.digest())
    series = content_uid(b"wrapped series", digest.digest())
    found[0x00080018] = element(0x00080018, "UI", uid.encode("ascii"))
    found[0x0020000E] = element(0x0020000E, "UI", series.encode("ascii"))
    return Wrapped(sop_instance=uid, syntax=syntax, elements=tuple(found[tag] for tag in sorted(found)))


def _short(value: int) -> bytes:
    return value.to_bytes(2, "little")
