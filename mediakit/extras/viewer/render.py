"""Frames and ECGs as JPEG for thumbnails and static pages. Not for reading.

Frames have their first window, as PS3.3 C.11 has it.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mediakit.dicom import part10
from mediakit.dicom.attributes import Attributes
from mediakit.dicom.frames import Undecodable
from mediakit.dicom.shown import Shown, shown_frames
from mediakit.dicom.waves import waves
from mediakit.errors import SourceError
from mediakit.extras.viewer.codec import Values
from mediakit.extras.viewer.ecg import Sheet, UnknownUnit, sheet_of
from mediakit.extras.viewer.encode import Source

THUMBNAIL_SIDE = 96
PAGE_SIDE = 512
_QUALITY = 80
_MOST_SECONDS = 30.0  # of an ECG on a page: a recording of a day is a mile of paper
_PIXELS_PER_MM, _MOST_PIXELS = 4.0, 3000
_PAPER, _FINE, _COARSE, _INK = "#ffffff", "#f3b8b8", "#e08080", "#000000"


def jpegs(
    source: Source, rows: Sequence[Mapping[str, Any]], tables: Sequence[Mapping[str, Any]], side: int
) -> Iterator[tuple[int, bytes]]:
    """Yield (index into `rows`, JPEG) of rows of one instance; those that cannot be decoded are left out."""
    at = {row["frame"] - 1: index for index, row in enumerate(rows)}
    try:
        file = source.read()
        for frame, shown in shown_frames(file, Attributes.of(file), at):
            if isinstance(shown, Shown):
                yield at[frame], jpeg(painted(shown.values, rows[at[frame]], tables), side)
    except (SourceError, OSError, part10.Unreadable, Undecodable):
        return


def jpeg(picture: Values, side: int) -> bytes:
    """Return an 8 bit picture as a JPEG whose longer side has at most `side` pixels."""
    image = Image.fromarray(np.ascontiguousarray(picture))
    image.thumbnail((side, side), Image.Resampling.BOX)
    out = BytesIO()
    image.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()


@dataclass(frozen=True, slots=True, kw_only=True)
class EcgPicture:
    """A multiplex group of an ECG as a JPEG: `shown_s` of its `seconds` are on it."""

    content: bytes = field(repr=False)
    leads: tuple[str, ...]
    shown_s: float
    seconds: float


def ecg_pictures(source: Source) -> tuple[EcgPicture, ...]:
    """Draw the ECG that an instance is; nothing when it cannot be drawn."""
    found = []
    try:
        file = source.read()
        for wave in waves(Attributes.of(file)):
            most = max(1, int(_MOST_SECONDS * wave.frequency))
            sheet = sheet_of(replace(wave, values=wave.values[:most]))
            seconds = round(wave.values.shape[0] / wave.frequency, 3)
            found.append(
                EcgPicture(content=_ecg_jpeg(sheet), leads=wave.names, shown_s=sheet.seconds, seconds=seconds)
            )
    except (SourceError, OSError, part10.Unreadable, Undecodable, UnknownUnit):
        return ()
    return tuple(found)


def _ecg_jpeg(sheet: Sheet) -> bytes:
    scale = min(_PIXELS_PER_MM, _MOST_PIXELS / sheet.width, _MOST_PIXELS / sheet.height)
    size = (max(1, round(sheet.width * scale)), max(1, round(sheet.height * scale)))
    image = Image.new("RGB", size, _PAPER)
    draw = ImageDraw.Draw(image)
    for step, colour in ((1, _FINE), (5, _COARSE)):
        if step * scale < 3:
            continue  # nothing but colour could be seen
        for at in range(0, int(sheet.width) + 1, step):
            draw.line([(at * scale, 0), (at * scale, size[1])], fill=colour)
        for at in range(0, int(sheet.height) + 1, step):
            draw.line([(0, at * scale), (size[0], at * scale)], fill=colour)
    font = ImageFont.load_default(max(8.0, 3 * scale))
    for lane in sheet.lanes:
        pulse = [(2, 0), (3, 0), (3, -10), (8, -10), (8, 0), (9, 0)]  # 1 mV and 0.2 s
        draw.line([(x * scale, (lane.zero + y) * scale) for x, y in pulse], fill=_INK)
        draw.line([(x * scale, y * scale) for x, y in lane.points], fill=_INK)
        draw.text((2 * scale, (lane.zero - 14) * scale), lane.name, fill=_INK, font=font)
    out = BytesIO()
    image.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()


def painted(values: Values, row: Mapping[str, Any], tables: Sequence[Mapping[str, Any]]) -> Values:
    """Return the 8 bit gray of stored values by a row of META.BIN; colour as it is."""
    if values.ndim == 3:
        return values
    scaled = values.astype(np.float64) * row.get("slope", 1) + row.get("intercept", 0)
    windows, luts = row.get("windows"), row.get("voi_luts")
    if windows:
        center, width, _ = windows[0]
        levels = windowed(scaled, center, width, row.get("function", "LINEAR"))
    elif luts:
        levels = _through(tables[luts[0]], scaled)
    else:
        low, high = (
            one * row.get("slope", 1) + row.get("intercept", 0) for one in row.get("range", (0, 255))
        )
        low, high = min(low, high), max(low, high)
        levels = (scaled - low) * (255 / (high - low) if high > low else 0.0)
    gray = np.clip(np.nan_to_num(levels), 0, 255)
    gray = 255 - gray if row.get("invert") else gray
    shown: Values = np.rint(gray).astype(np.uint8)
    padding = row.get("padding")
    if padding is not None:
        shown[(values >= padding[0]) & (values <= padding[1])] = 0
    return shown


def windowed(scaled: Values, center: float, width: float, function: str) -> Values:
    """Return 0 to 255 for shown values (PS3.3 C.11.2.1.2, C.11.2.1.3)."""
    if function == "SIGMOID":
        out: Values = 255 / (1 + np.exp(np.clip(-4 * (scaled - center) / width, -700, 700)))
    elif function == "LINEAR_EXACT":
        out = np.clip((scaled - center) / width + 0.5, 0, 1) * 255
    elif width <= 1:
        out = np.where(scaled > center - 0.5, 255.0, 0.0)
    else:
        out = np.clip((scaled - (center - 0.5)) / (width - 1) + 0.5, 0, 1) * 255
    return out


def _through(table: Mapping[str, Any], scaled: Values) -> Values:
    entries = np.frombuffer(b64decode(table["data"]), "<u2").astype(np.float64)
    at = np.clip(np.rint(scaled).astype(np.int64) - table["first"], 0, len(entries) - 1)
    levels: Values = entries[at] * (255 / ((1 << table["bits"]) - 1))
    return levels
