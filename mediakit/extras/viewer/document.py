"""What the viewer shows of instances that are no images, or the reason why it shows nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mediakit.dicom.attributes import Attributes
from mediakit.dicom.frames import Undecodable
from mediakit.dicom.part10 import DicomFile
from mediakit.dicom.uids import SYNTAXES, SyntaxKind, class_name
from mediakit.dicom.waves import video_stream, waves
from mediakit.extras.viewer.cda import NotClinical, clinical
from mediakit.extras.viewer.ecg import UnknownUnit, drawn
from mediakit.extras.viewer.report import references, report_html

_KEY_OBJECTS = "1.2.840.10008.5.1.4.1.1.88.59"
_DOCUMENT = 0x00420011
_CLINICAL = frozenset({"text/xml", "application/xml"})  # PS3.3 C.24.2
_STORAGE = "1.2.840.10008.5.1.4.1.1"
#: Kind of document by SOP Class, of what lies over images.
OVERLAYS: Mapping[str, str] = {
    f"{_STORAGE}.11.1": "presentation",  # grayscale
    f"{_STORAGE}.11.2": "presentation",  # color
    f"{_STORAGE}.11.3": "presentation",  # pseudo-color
    f"{_STORAGE}.11.5": "presentation",  # XA/XRF grayscale
    f"{_STORAGE}.66.4": "segmentation",
    f"{_STORAGE}.66.7": "segmentation",  # label map
    f"{_STORAGE}.481.3": "contours",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What is shown of one instance: `data` as JSON, or a `file` taken out of it, or why neither.

    `keys` are the (SOP Instance UID, frame) that a Key Object Selection names; frame 0 means all.
    """

    kind: str
    title: str = ""
    why: dict[str, str] | None = None
    data: Mapping[str, Any] | None = None
    file: bytes = field(default=b"", repr=False)
    suffix: str = "BIN"
    keys: tuple[tuple[str, int], ...] = ()


def reason(code: str, text: str) -> dict[str, str]:
    """Return a reason as the format has it."""
    return {"code": code, "text": text[:1].upper() + text[1:]}


def is_document(file: DicomFile, *, has_pixels: bool) -> bool:
    """Return True for what is no image of single frames."""
    is_overlay = file.text(0x00080016) in OVERLAYS
    return not has_pixels or is_overlay or SYNTAXES[file.syntax].kind is SyntaxKind.VIDEO


def content_of(file: DicomFile, attributes: Attributes) -> Content:
    """Return what is shown of an instance that is no image; an overlay is laid on its images later."""
    title = class_name(file.text(0x00080016))
    if kind := OVERLAYS.get(file.text(0x00080016)):
        return Content(kind=kind, title=title)
    try:
        if SYNTAXES[file.syntax].kind is SyntaxKind.VIDEO:
            return _video(file, title)
        if attributes.items("WaveformSequence"):
            return _waveform(attributes, title)
    except (Undecodable, UnknownUnit) as exc:
        code = "unknown_unit" if isinstance(exc, UnknownUnit) else "undecodable"
        return Content(kind="other", title=title, why=reason(code, str(exc)))
    return _text(file, attributes, title)


def _text(file: DicomFile, attributes: Attributes, title: str) -> Content:
    if attributes.text("ValueType") == "CONTAINER":
        return _report(file, attributes)
    form = attributes.text("MIMETypeOfEncapsulatedDocument").lower()
    if form == "application/pdf":
        return _pdf(attributes, title)
    if form in _CLINICAL:
        return _clinical(attributes, title)
    why = reason("unsupported", "it is not shown here: open it with a workstation")
    return Content(kind="other", title=title, why=why)


def _report(file: DicomFile, attributes: Attributes) -> Content:
    code = attributes.item("ConceptNameCodeSequence")
    is_keys = file.text(0x00080016) == _KEY_OBJECTS
    data: dict[str, Any] = {"html": report_html(attributes)}
    if not is_keys:
        data |= {
            "complete": attributes.text("CompletionFlag") == "COMPLETE",
            "verified": attributes.text("VerificationFlag") == "VERIFIED",
            "verifier": attributes.item("VerifyingObserverSequence").text("VerifyingObserverName"),
            "date": attributes.text("ContentDate"),
            "time": attributes.text("ContentTime"),
        }
    return Content(
        kind="keys" if is_keys else "report",
        title=code.text("CodeMeaning") or "Report",
        data=data,
        keys=tuple(references(attributes)) if is_keys else (),
    )


def _waveform(attributes: Attributes, title: str) -> Content:
    pictures = [drawn(wave) for wave in waves(attributes)]
    data = {
        "svg": pictures[0].svg,
        "leads": list(pictures[0].leads),
        "seconds": pictures[0].seconds,
        "more": [{"svg": one.svg, "leads": list(one.leads), "seconds": one.seconds} for one in pictures[1:]],
    }
    return Content(kind="ecg", title=title, data=data)


def _clinical(attributes: Attributes, title: str) -> Content:
    title = attributes.text("DocumentTitle") or title
    try:
        found = clinical(_encapsulated(attributes))
    except NotClinical as exc:
        return Content(kind="other", title=title, why=reason("undecodable", str(exc)))
    return Content(kind="text", title=found.title or title, data={"html": found.html})


def _encapsulated(attributes: Attributes) -> bytes:
    """Return the document that an instance holds, without its padding."""
    content = attributes.raw(_DOCUMENT)
    length = attributes.whole("EncapsulatedDocumentLength") or len(content)
    return content[: max(0, length)]


def _pdf(attributes: Attributes, title: str) -> Content:
    content = _encapsulated(attributes)
    title = attributes.text("DocumentTitle") or title
    if not content.lstrip().startswith(b"%PDF"):
        return Content(kind="other", title=title, why=reason("undecodable", "its document is no PDF"))
    return Content(kind="pdf", title=title, file=content, suffix="PDF")


def _video(file: DicomFile, title: str) -> Content:
    stream = video_stream(file)
    if stream[4:8] != b"ftyp":
        why = reason("unsupported", "browsers do not play this kind of video: open it with a workstation")
        return Content(kind="other", title=title, why=why)
    return Content(kind="video", title=title, file=stream, suffix="MP4")
