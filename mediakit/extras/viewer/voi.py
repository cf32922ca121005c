"""The gray levels of a presentation state, in the shown values of an image (PS3.3 C.11.6, C.11.8)."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mediakit.dicom.attributes import Attributes
from mediakit.dicom.shown import table_of
from mediakit.extras.viewer.codec import Values
from mediakit.extras.viewer.render import windowed
from mediakit.extras.viewer.rows import Row, table_row, tables_of, windows_of

_MOST_ENTRIES = 0x10000


@dataclass(slots=True, kw_only=True)
class Shade:
    """How values become gray: a window, a table or neither. `is_inverted`: None leaves it to the image."""

    window: list[float] | None = None
    function: str = "LINEAR"
    table: dict[str, Any] | None = None
    is_inverted: bool | None = None
    not_drawn: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Scale:
    """From the values of a state to those that the row shows: both are linear in the stored values."""

    factor: float
    offset: float


def shade_of(state: Attributes, voi: Sequence[Attributes], row: Row) -> Shade:
    """Return how a state shows an image; `voi` is the item of its VOI LUTs for it, if there is one."""
    shade = Shade()
    shape = state.text("PresentationLUTShape")
    if shape in {"IDENTITY", "INVERSE"}:
        shade.is_inverted = shape == "INVERSE"
    if row.get("type") in {"rgb8", "jpeg"}:
        return shade
    for item in voi[:1]:
        _apply(shade, item, row, _scale(state, row))
    tables = state.items("PresentationLUTSequence")
    if tables:
        shade.is_inverted = False
        _through(shade, tables[0])
    return shade


def _scale(state: Attributes, row: Row) -> _Scale:
    """Return the way from values of the state to shown ones: its own rescale replaces that of the image."""
    slope, intercept = state.number("RescaleSlope") or 1.0, state.number("RescaleIntercept") or 0.0
    if state.items("ModalityLUTSequence"):  # the values of the row are those behind a table
        return _Scale(1.0, 0.0)
    factor = row.get("slope", 1) / slope
    return _Scale(factor, row.get("intercept", 0) - intercept * factor)


def _apply(shade: Shade, item: Attributes, row: Row, scale: _Scale) -> None:
    windows = list(windows_of(item))
    is_same = scale.factor == 1 and scale.offset == 0
    if windows:
        center, width, _ = windows[0]
        if len(windows) > 1:
            shade.not_drawn.add("windows")
        shade.function = item.text("VOILUTFunction") or "LINEAR"
        if shade.function not in {"LINEAR", "LINEAR_EXACT", "SIGMOID"}:
            shade.function = "LINEAR"
        if not is_same:
            if shade.function == "LINEAR" and width > 1:
                shade.function, center, width = "LINEAR_EXACT", center - 0.5, width - 1
            center, width = center * scale.factor + scale.offset, width * abs(scale.factor)
            if scale.factor < 0:
                shade.not_drawn.add("voi_lut")
        shade.window = [center, width]
        return
    is_signed = str(row.get("type", "")).startswith("i") or row.get("intercept", 0) < 0
    for table in tables_of(item, is_signed=is_signed):
        moved = table["first"] + scale.offset
        if scale.factor == 1 and moved == int(moved):
            shade.table = table | {"first": int(moved)}
        else:
            shade.not_drawn.add("voi_lut")
        return


def _through(shade: Shade, item: Attributes) -> None:
    """Put the table of a Presentation LUT behind the window or the VOI LUT: one table does both."""
    table = table_of(item, is_signed=False)
    first, levels = _levels(shade)
    if table is None or levels is None:
        shade.not_drawn.add("presentation_lut")
        return
    entries = np.array(table.entries, np.float64) / ((1 << table.bits) - 1)
    at = np.rint(np.clip(levels, 0, 1) * (len(entries) - 1)).astype(np.intp)
    out = np.rint(np.clip(entries[at], 0, 1) * 0xFFFF).astype("<u2")
    shade.table, shade.window = table_row(first, 16, out.tobytes()), None


def _levels(shade: Shade) -> tuple[int, Values | None]:
    """Return the first value and the levels (0 to 1) of every whole value that is neither black nor white."""
    if shade.table is not None:
        data = np.frombuffer(b64decode(shade.table["data"]), "<u2")
        return shade.table["first"], data / ((1 << shade.table["bits"]) - 1)
    if shade.window is None:
        return 0, None
    center, width = shade.window
    reach = width * (4 if shade.function == "SIGMOID" else 1) / 2 + 1
    if not 2 <= 2 * reach + 1 <= _MOST_ENTRIES:
        return 0, None
    first = int(np.floor(center - reach))
    values = np.arange(first, int(np.ceil(center + reach)) + 1, dtype=np.float64)
    return first, windowed(values, center, width, shade.function) / 255
