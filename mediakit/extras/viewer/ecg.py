"""An ECG on the paper that people know: 25 mm/s, 10 mm/mV, a grid of 1 and 5 mm (PS3.3 C.10.9).

As values in mm, and as SVG.

Of each 0.2 mm the smallest and the largest value are kept, so that no spike is lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape

import numpy as np

from mediakit.dicom.frames import Undecodable
from mediakit.dicom.waves import Wave
from mediakit.extras.viewer.codec import Values

_MM_PER_S, _MM_PER_MV = 25.0, 10.0
_COLUMN_MM = 0.2
_LEFT_MM, _LEAST_LANE_MM, _MARGIN_MM = 12.0, 20.0, 4.0
_MV: Mapping[str, float] = {"V": 1000.0, "mV": 1.0, "uV": 0.001}
_HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
    'width="{width:g}mm" height="{height:g}mm">'
    '<defs><pattern id="mm" width="1" height="1" patternUnits="userSpaceOnUse">'
    '<path d="M1 0H0V1" fill="none" stroke="#f3b8b8" stroke-width="0.08"/></pattern>'
    '<pattern id="cm" width="5" height="5" patternUnits="userSpaceOnUse">'
    '<path d="M5 0H0V5" fill="none" stroke="#e08080" stroke-width="0.16"/></pattern></defs>'
    '<rect width="100%" height="100%" fill="#fff"/><rect width="100%" height="100%" fill="url(#mm)"/>'
    '<rect width="100%" height="100%" fill="url(#cm)"/>'
)


class UnknownUnit(Exception):  # noqa: N818 - an answer about the waveform
    """A channel is not in volts, so it has no height on paper."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One lead: its name, the height of 0 mV and the points of its line, in mm from the top left corner."""

    name: str
    zero: float
    points: tuple[tuple[float, float], ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A multiplex group on paper. Sizes are in mm; `seconds` is how long it takes."""

    width: float
    height: float
    lanes: tuple[Lane, ...]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """An ECG on paper."""

    svg: str
    leads: tuple[str, ...]
    seconds: float


def sheet_of(wave: Wave) -> Sheet:
    """Lay the channels of a waveform below each other. Raises UnknownUnit, Undecodable."""
    lanes: list[Lane] = []
    top = _MARGIN_MM
    for channel in range(wave.values.shape[1]):
        factor = _MV.get(wave.units[channel])
        if factor is None:
            raise UnknownUnit(f"channel {channel + 1} is not in volts")
        heights = wave.values[:, channel] * (factor * _MM_PER_MV)
        if not np.isfinite(heights).all():
            raise Undecodable(f"channel {channel + 1} has values that are no numbers")
        high, low = max(float(heights.max()), 10.0), min(float(heights.min()), 0.0)
        zero = top + high + _MARGIN_MM / 2
        points = tuple((x, zero - y) for x, y in _points(heights, wave.frequency))
        lanes.append(Lane(name=wave.names[channel], zero=zero, points=points))
        top += max(_LEAST_LANE_MM, high - low + _MARGIN_MM)
    seconds = wave.values.shape[0] / wave.frequency
    width = round(_LEFT_MM + seconds * _MM_PER_S + _MARGIN_MM, 2)
    return Sheet(
        width=width, height=round(top + _MARGIN_MM, 2), lanes=tuple(lanes), seconds=round(seconds, 3)
    )


def drawn(wave: Wave) -> Drawn:
    """Draw the channels of a waveform below each other. Raises as `sheet_of` does."""
    sheet = sheet_of(wave)
    parts = [_HEAD.format(width=sheet.width, height=sheet.height), *map(_lane, sheet.lanes), "</svg>"]
    return Drawn(svg="".join(parts), leads=wave.names, seconds=sheet.seconds)


def _lane(lane: Lane) -> str:
    """Return the calibration pulse of 1 mV and 0.2 s, the name of the lead, and its line."""
    zero = lane.zero
    points = " ".join(f"{x:.2f},{y:.2f}" for x, y in lane.points)
    return (
        f'<path d="M2 {zero:.2f}h1v-10h5v10h1" fill="none" stroke="#000" stroke-width="0.25"/>'
        f'<text x="2" y="{zero - 11:.2f}" font-size="3" font-family="sans-serif">{escape(lane.name)}</text>'
        f'<polyline points="{points}" fill="none" stroke="#000" stroke-width="0.25"/>'
    )


def _points(heights: Values, frequency: float) -> Iterator[tuple[float, float]]:
    step = _MM_PER_S / frequency  # mm from one sample to the next
    many = max(1, int(_COLUMN_MM / step))
    if many <= 2:
        yield from ((_LEFT_MM + index * step, float(height)) for index, height in enumerate(heights))
        return
    for begin in range(0, len(heights), many):
        part = heights[begin : begin + many]
        for at in sorted({int(np.argmin(part)), int(np.argmax(part))}):
            yield _LEFT_MM + (begin + at) * step, float(part[at])
