"""Original Attributes Sequence (0400,0561): what a data set said before it was changed, kept in it. Pure.

Old values are carried as they were encoded. Source: PS3.3 C.12.1.1.9.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from struct import pack

from mediakit.dicom import text
from mediakit.dicom.edit import item
from mediakit.dicom.elements import Encoding
from mediakit.dicom.limits import why_unfit
from mediakit.dicom.write import Buffer, encoded

ORIGINAL_ATTRIBUTES = 0x04000561


@dataclass(frozen=True, slots=True, kw_only=True)
class CoercionNote:
    """Who changes values, when and why. `at` has an offset from UTC.

    `system` is the name of this system, `source` where the old values came from ("" when it is not known).
    """

    system: str
    at: datetime
    source: str = ""

    def __post_init__(self) -> None:
        if self.at.tzinfo is None or not self.system:
            raise ValueError("a note needs a system and a time with an offset")
        for name in ("system", "source"):
            if why := why_unfit("LO", getattr(self, name)):
                raise ValueError(f"the {name} of a note does not fit a Long String: {why}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Previous:
    """The value of one top-level attribute before: the whole element, or b"" when there was none.

    `nonconforming` are the octets of a value that broke its VR; `raw` is b"" then.
    """

    tag: int
    vr: str
    raw: Buffer = field(default=b"", repr=False)
    nonconforming: bytes | None = field(default=None, repr=False)


def original_attributes_item(
    before: Sequence[Previous], note: CoercionNote, encoding: Encoding, charset: str
) -> bytes:
    """Return the item that tells of one modification. `charset` is that of the data set now.

    Raises ValueError when the character set cannot hold what the note says.
    """
    ordered = sorted(before, key=lambda each: each.tag)
    modified = item(
        (each.raw or encoded(each.tag, each.vr, b"", encoding) for each in ordered),
        encoding,
    )
    elements = [encoded(0x04000550, "SQ", modified, encoding)]
    broken = [each for each in ordered if each.nonconforming is not None]
    if broken:
        items = b"".join(_nonconforming(each, encoding) for each in broken)
        elements.append(encoded(0x04000551, "SQ", items, encoding))
    elements += [
        encoded(0x04000562, "DT", _date_time(note.at), encoding),
        encoded(0x04000563, "LO", text.encode(note.system, charset), encoding),
        encoded(0x04000564, "LO", text.encode(note.source, charset), encoding),
        encoded(0x04000565, "CS", b"COERCE", encoding),  # replaced by the values of the local system
    ]
    return item(elements, encoding)


def _nonconforming(previous: Previous, encoding: Encoding) -> bytes:
    pointer = pack(f"{encoding.order}HH", previous.tag >> 16, previous.tag & 0xFFFF)
    elements = (
        encoded(0x00720026, "AT", pointer, encoding),
        encoded(0x04000552, "OB", previous.nonconforming or b"", encoding),
    )
    return item(elements, encoding)


def _date_time(at: datetime) -> bytes:
    return at.strftime("%Y%m%d%H%M%S.%f%z")[:26].encode("ascii")
