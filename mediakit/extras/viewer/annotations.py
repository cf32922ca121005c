"""Graphic annotations of a presentation state: layers, lines, texts (PS3.3 C.10.5, C.10.7)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mediakit.dicom.attributes import Attributes
from mediakit.extras.viewer.atlas import Budget, colour_of

_UNITS = {"PIXEL": "pixel", "DISPLAY": "display"}
_LEAST_POINTS = {"POINT": 1, "POLYLINE": 2, "INTERPOLATED": 2, "CIRCLE": 2, "ELLIPSE": 4}
_COMPOUND_LINES = {"ARROW", "AXIS", "CUTLINE", "RANGELINE", "RULER", "INFINITELINE"}
_LONGEST_TEXT = 1024
_FARTHEST = 1e6

Graphic = dict[str, Any]


def layers_of(found: Attributes) -> list[dict[str, Any]]:
    """Return the graphic layers in the order in which they are drawn."""
    layers = []
    for item in found.items("GraphicLayerSequence"):
        gray = item.number("GraphicLayerRecommendedDisplayGrayscaleValue")
        colour = colour_of(item.numbers("GraphicLayerRecommendedDisplayCIELabValue"))
        if colour is None and gray is not None and 0 <= gray <= 0xFFFF:
            colour = [round(gray / 257)] * 3
        layers.append(
            {
                "name": item.text("GraphicLayer"),
                "order": item.whole("GraphicLayerOrder") or 0,
                "colour": colour,
            }
        )
    return sorted(layers, key=lambda layer: layer["order"])


class Annotations:
    """The graphics of some annotations; `not_drawn` names what is left out, once they have been taken."""

    def __init__(self, notes: Sequence[Attributes], budget: Budget) -> None:
        self._notes = notes
        self._budget = budget
        self.not_drawn: set[str] = set()

    def __iter__(self) -> Iterator[Graphic]:
        """Yield the graphics. Raises TooLarge."""
        for note in self._notes:
            layer = note.text("GraphicLayer")
            drawn = set()
            for item in note.items("GraphicObjectSequence"):
                drawn.add(item.whole("CompoundGraphicInstanceID"))
                yield from self._kept(layer, self._object(item))
            for item in note.items("TextObjectSequence"):
                drawn.add(item.whole("CompoundGraphicInstanceID"))
                yield from self._kept(layer, *self._text(item))
            for item in note.items("CompoundGraphicSequence"):
                if item.whole("CompoundGraphicInstanceID") not in drawn:  # else its parts were drawn
                    yield from self._kept(layer, *self._compound(item))

    def _kept(self, layer: str, *graphics: Graphic | None) -> Iterator[Graphic]:
        for one in graphics:
            if one is None:
                self.not_drawn.add("graphic")
                continue
            self._budget.write(len(one["points"]) + 8 + len(one.get("text", "")) // 8)
            yield {"layer": layer, **one}

    def _object(self, item: Attributes) -> Graphic | None:
        kind = item.text("GraphicType")
        points = _points(item, "GraphicData")
        unit = _UNITS.get(item.text("GraphicAnnotationUnits"))
        least = _LEAST_POINTS.get(kind)
        is_flat = item.whole("GraphicDimensions") in {None, 2}
        if least is None or unit is None or not is_flat or len(points) < 2 * least:
            return None
        return _graphic(unit, kind.lower(), points, is_filled=item.text("GraphicFilled") == "Y")

    def _text(self, item: Attributes) -> list[Graphic | None]:
        text = item.lines("UnformattedTextValue")[:_LONGEST_TEXT]
        box, at = _points(item, "BoundingBoxTopLeftHandCorner"), _points(item, "AnchorPoint")
        box_unit = _UNITS.get(item.text("BoundingBoxAnnotationUnits"))
        unit = _UNITS.get(item.text("AnchorPointAnnotationUnits"))
        has_box, has_anchor = len(box) == 2 and box_unit is not None, len(at) == 2 and unit is not None
        if not has_box and not has_anchor:
            return [None]
        where, place = (box_unit, box) if has_box else (unit, at)
        drawn: list[Graphic | None] = [_graphic(where or "", "text", place) | {"text": text}]
        if has_anchor and item.text("AnchorPointVisibility") == "Y":
            drawn.append(_graphic(unit or "", "point", at))
            if has_box and box_unit == unit:
                drawn.append(_graphic(unit or "", "polyline", [*box, *at]))
        return drawn

    def _compound(self, item: Attributes) -> list[Graphic | None]:
        kind, points = item.text("CompoundGraphicType"), _points(item, "GraphicData")
        unit = _UNITS.get(item.text("CompoundGraphicUnits"))
        is_filled = item.text("GraphicFilled") == "Y"
        if unit is None or len(points) < 4:
            return [None]
        if kind == "MULTILINE":
            pairs = [points[at : at + 4] for at in range(0, len(points) - 3, 4)]
            return [_graphic(unit, "polyline", pair) for pair in pairs]
        if kind in _COMPOUND_LINES:
            return [_graphic(unit, "polyline", points)]
        is_turned = bool(item.number("RotationAngle"))
        x0, y0, x1, y1 = points[:4]
        if kind == "RECTANGLE" and not is_turned:
            return [_graphic(unit, "polyline", [x0, y0, x1, y0, x1, y1, x0, y1, x0, y0], is_filled=is_filled)]
        if kind == "ELLIPSE" and not is_turned:
            x, y = (x0 + x1) / 2, (y0 + y1) / 2
            return [_graphic(unit, "ellipse", [x0, y, x1, y, x, y0, x, y1], is_filled=is_filled)]
        return [None]


def _graphic(unit: str, kind: str, points: list[float], *, is_filled: bool = False) -> Graphic:
    return {"unit": unit, "type": kind, "points": points, "filled": is_filled}


def _points(item: Attributes, keyword: str) -> list[float]:
    """Return coordinates x, y, x, y...; [] when one of them is none."""
    numbers = item.numbers(keyword)
    if len(numbers) % 2 or any(abs(one) > _FARTHEST for one in numbers):
        return []
    return [round(one, 4) for one in numbers]
