"""One small secondary capture whose encoding can be broken: its elements as a list of bytes, and the file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from struct import pack

from mediakit.dicom.part10 import head_of
from tests.support.dicom_bytes import EXPLICIT, IMPLICIT, element, item, us

SC = "1.2.840.10008.5.1.4.1.1.7"
UID = "2.25.77"
NAME = 0x00100010
PIXELS = 0x7FE00010
_TEXT: Sequence[tuple[int, str, str]] = (
    (0x00080005, "CS", "ISO_IR 100"),
    (0x00080016, "UI", SC),
    (0x00080018, "UI", UID),
    (0x00080020, "DA", "20240102"),
    (0x00080030, "TM", "101010"),
    (0x00080050, "SH", ""),
    (0x00080060, "CS", "OT"),
    (0x00080064, "CS", "WSD"),
    (0x00080090, "PN", ""),
    (NAME, "PN", "Probe^Eins"),
    (0x00100020, "LO", "CASE-1"),
    (0x00100030, "DA", ""),
    (0x00100040, "CS", ""),
    (0x0020000D, "UI", "2.25.770"),
    (0x0020000E, "UI", "2.25.771"),
    (0x00200010, "SH", "1"),
    (0x00200011, "IS", "1"),
    (0x00200013, "IS", "1"),
    (0x00200020, "CS", ""),
)


def elements(*, implicit: bool = False, rows: int = 4, pixels: bytes | None = None) -> dict[int, bytes]:
    """Return the encoded elements of a sound image of 8 bits by tag, in order."""
    made = {tag: element(tag, vr, value, implicit=implicit) for tag, vr, value in _TEXT}
    for tag, number in (
        (0x00280002, 1),
        (0x00280010, rows),
        (0x00280011, 4),
        (0x00280100, 8),
        (0x00280101, 8),
        (0x00280102, 7),
        (0x00280103, 0),
    ):
        made[tag] = us(tag, number, implicit=implicit)
    made[0x00280004] = element(0x00280004, "CS", "MONOCHROME2", implicit=implicit)
    made = dict(sorted(made.items()))
    made[PIXELS] = odd(PIXELS, "OB", bytes(rows * 4) if pixels is None else pixels, implicit=implicit)
    return made


def odd(tag: int, vr: str, value: bytes, *, implicit: bool = False) -> bytes:
    """Return an element with exactly these bytes, without padding."""
    head = pack("<HH", tag >> 16, tag & 0xFFFF)
    if implicit:
        return head + pack("<L", len(value)) + value
    if vr in {"OB", "OW", "UN", "SQ"}:
        return head + vr.encode() + pack("<HL", 0, len(value)) + value
    return head + vr.encode() + pack("<H", len(value)) + value


def file(body: dict[int, bytes] | bytes, *, syntax: str = EXPLICIT, tail: bytes = b"") -> bytes:
    """Return a whole file: sound meta information, the data set, and what stands behind it."""
    data_set = body if isinstance(body, bytes) else b"".join(body.values())
    return head_of(SC, UID, syntax) + data_set + tail


def fragments(*parts: bytes, offsets: bytes = b"") -> bytes:
    """Return Pixel Data in fragments of exactly these bytes."""
    content = b"".join(item(part) for part in (offsets, *parts))
    end = pack("<HHL", 0xFFFE, 0xE0DD, 0)
    return pack("<HH2sHL", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF) + content + end


def folder(path: Path, data: bytes) -> Path:
    """Return a new folder with one file IM1."""
    path.mkdir()
    (path / "IM1").write_bytes(data)
    return path


__all__ = ["EXPLICIT", "IMPLICIT", "elements", "file", "folder", "fragments", "odd"]
