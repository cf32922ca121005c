"""A gray frame as the Icon Image Sequence of a directory record (PS3.3 F.7). Bytes in, bytes out.

Which frame is shown, and how it becomes gray, is settled before (`mediakit.dicom.pixels`).
"""

from __future__ import annotations

from struct import pack
from typing import Protocol

from mediakit.dicom.recode import Element, element
from mediakit.fileset.record import Key
from mediakit.profile.model import IconRule

ICON_IMAGE_SEQUENCE = 0x00880200
DEFAULT_SIDE = 64  # every reader that shows icons takes 64 x 64 (PS3.3 F.7)


class Gray(Protocol):
    """A frame of 8 bit gray: rows from the top, one byte a pixel."""

    @property
    def rows(self) -> int:
        """Return the number of rows, at least 1."""

    @property
    def columns(self) -> int:
        """Return the number of columns, at least 1."""

    @property
    def data(self) -> bytes:
        """Return `rows` x `columns` bytes."""


def icon_key(frame: Gray, rule: IconRule) -> Key:
    """Return Icon Image Sequence (0088,0200) with one item of the size that `rule` asks for.

    The whole frame is shown, with its proportions, centred on black. Raises ValueError when `frame` does
    not hold as many bytes as it says.
    """
    rows, columns = rule.rows or DEFAULT_SIDE, rule.columns or DEFAULT_SIDE
    pixels = letter_boxed(frame, rows, columns)
    elements = (
        _number(0x00280002, 1),
        element(0x00280004, "CS", b"MONOCHROME2"),
        _number(0x00280010, rows),
        _number(0x00280011, columns),
        _number(0x00280100, 8),
        _number(0x00280101, 8),
        _number(0x00280102, 7),
        _number(0x00280103, 0),
        element(0x7FE00010, "OB", pixels),
    )
    content = b"".join(bytes(chunk) for each in elements for chunk in each.chunks())
    item = pack("<HHL", 0xFFFE, 0xE000, len(content)) + content
    return Key(tag=ICON_IMAGE_SEQUENCE, vr="SQ", value=item)


def letter_boxed(frame: Gray, rows: int, columns: int) -> bytes:
    """Return `frame` fitted into `rows` x `columns` pixels, the rest black.

    Each pixel is the mean of the area it stands for; a frame that is smaller is enlarged.
    """
    if frame.rows < 1 or frame.columns < 1 or len(frame.data) != frame.rows * frame.columns:
        raise ValueError("a frame must hold rows x columns bytes")
    if frame.rows * columns <= frame.columns * rows:
        height, width = max(1, frame.rows * columns // frame.columns), columns
    else:
        height, width = rows, max(1, frame.columns * rows // frame.rows)
    top, left = (rows - height) // 2, (columns - width) // 2
    out = bytearray(rows * columns)
    for row, line in enumerate(_shrunk(frame, height, width), start=top):
        out[row * columns + left : row * columns + left + width] = line
    return bytes(out)


def _shrunk(frame: Gray, height: int, width: int) -> list[bytes]:
    spans = [_span(index, frame.columns, width) for index in range(width)]
    lines = []
    for row in range(height):
        first, last = _span(row, frame.rows, height)
        sums = [0] * width
        for source in range(first, last):
            line = frame.data[source * frame.columns : (source + 1) * frame.columns]
            sums = [total + sum(line[a:b]) for total, (a, b) in zip(sums, spans, strict=True)]
        lines.append(
            bytes(total // ((last - first) * (b - a)) for total, (a, b) in zip(sums, spans, strict=True))
        )
    return lines


def _span(index: int, size: int, parts: int) -> tuple[int, int]:
    """Return where part `index` of `parts` begins and ends in `size`; never empty."""
    first = index * size // parts
    return first, max(first + 1, (index + 1) * size // parts)


def _number(tag: int, value: int) -> Element:
    return Element(tag, "US", pack("<H", value))
