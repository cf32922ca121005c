"""Presentation states, segmentations and structure sets, laid on the images of a medium."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mediakit.dicom import part10
from mediakit.dicom.attributes import Attributes
from mediakit.dicom.frames import Undecodable
from mediakit.dicom.image import CODEC_ERRORS
from mediakit.dicom.part10 import DicomFile
from mediakit.dicom.uids import class_name
from mediakit.errors import SourceError
from mediakit.extras.viewer.atlas import Atlas, Laid, TooLarge
from mediakit.extras.viewer.contours import structure_set
from mediakit.extras.viewer.document import reason
from mediakit.extras.viewer.encode import Source, reason_of
from mediakit.extras.viewer.segments import segmentation
from mediakit.extras.viewer.states import presentation

_TITLES: Mapping[str, tuple[str, ...]] = {
    "presentation": ("ContentDescription", "ContentLabel"),
    "segmentation": ("ContentDescription", "ContentLabel", "SeriesDescription"),
    "contours": ("StructureSetLabel", "StructureSetName"),
}
_ELSEWHERE = "the images that it belongs to are not on this medium"
_EMPTY: Mapping[str, str] = {
    "presentation": "it names no images",
    "segmentation": "it marks no pixel",
    "contours": "it has no contours",
}


def laid(source: Source, kind: str, atlas: Atlas) -> Laid:
    """Return an overlay of a kind on the images of its patient, or the reason why it is on none."""
    try:
        file = source.read()
    except (SourceError, OSError, part10.Unreadable) as exc:
        return Laid(why=reason_of(exc))
    found = Attributes.of(file)
    named = class_name(file.text(0x00080016))
    title = next((text for key in _TITLES[kind] if (text := found.text(key))), named)
    try:
        one = _laid(kind, file, found, atlas)
    except TooLarge as exc:
        return Laid(title=title, why=reason("too_large", str(exc)))
    except Undecodable as exc:
        return Laid(title=title, why=reason_of(exc))
    except CODEC_ERRORS as exc:  # values of any kind come from outside: one overlay never costs the images
        why = reason("undecodable", f"its values cannot be read ({type(exc).__name__})")
        return Laid(title=title, why=why)
    if not one.keys:
        return Laid(title=title, why=_why_nowhere(kind, one.data))
    return Laid(title=title, data=one.data, keys=one.keys)


def _why_nowhere(kind: str, data: Any) -> dict[str, str]:
    """Return why an overlay that could be read lies on no image."""
    if data["missing"]:
        return reason("not_on_disc", _ELSEWHERE)
    if kind != "contours" or not data["not_drawn"]:
        return reason("nothing_drawn", _EMPTY[kind])
    is_damaged = "damaged" in data["not_drawn"]
    why = "not three coordinates a point" if is_damaged else "not planar"
    return reason("nothing_drawn", f"none of its contours can be drawn: they are {why}")


def _laid(kind: str, file: DicomFile, found: Attributes, atlas: Atlas) -> Laid:
    if kind == "segmentation":
        return segmentation(file, found, atlas)
    return presentation(found, atlas) if kind == "presentation" else structure_set(found, atlas)
