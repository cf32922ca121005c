"""What the viewer shows of instances that are no images, or the reason why it shows nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mediakit.dicom.attributes import Attributes
from mediakit.dicom.part10 import DicomFile
from mediakit.dicom.uids import class_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What is shown of one instance: `data` as JSON, or a `file` taken out of it, or why neither."""

    kind: str
    title: str = ""
    why: dict[str, str] | None = None
    data: Mapping[str, Any] | None = None
    file: bytes = field(default=b"", repr=False)
    suffix: str = "BIN"


def reason(code: str, text: str) -> dict[str, str]:
    """Return a reason as the format has it."""
    return {"code": code, "text": text[:1].upper() + text[1:]}


def content_of(file: DicomFile, _attributes: Attributes) -> Content:
    """Return what is shown of an instance without pixels."""
    title = class_name(file.text(0x00080016))
    why = reason("unsupported", "it is not shown here: open it with a workstation")
    return Content(kind="other", title=title, why=why)
