"""A softcopy presentation state as the viewer has it (PS3.3 C.11.9 to C.11.11, C.10.4 to C.10.7, C.7.6.11).

A state replaces what an image says of itself. What of it is not drawn is named in `not_drawn`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mediakit.dicom.attributes import Attributes
from mediakit.extras.viewer.annotations import Annotations, layers_of
from mediakit.extras.viewer.atlas import Atlas, Budget, Laid, Place, TooLarge, colour_of
from mediakit.extras.viewer.voi import shade_of

_MOST_ITEMS = 10_000
_TURNS = {0, 90, 180, 270}
_FARTHEST = 1e6  # pixels

#: What a state can hold that the page does not draw: keyword of a sequence or element, code.
_NOT_DRAWN = (
    ("MaskSubtractionSequence", "mask"),
    ("RedPaletteColorLookupTableData", "palette"),
    ("ModalityLUTSequence", "modality_lut"),
    ("ShutterOverlayGroup", "bitmap"),
)
_PLANES = range(0x60003000, 0x60203000, 0x20000)


def presentation(found: Attributes, atlas: Atlas) -> Laid:
    """Return what a state says of the images that it names. Raises TooLarge."""
    state = _State(found, atlas)
    images = state.images()
    told = _not_drawn(found) | state.not_drawn
    keys = {key for image in images for key, _ in image["on"]}
    data = {
        "images": images,
        "layers": layers_of(found),
        "missing": state.missing,
        "not_drawn": sorted(told),
    }
    return Laid(data=data, keys=tuple(sorted(keys)))


def _not_drawn(found: Attributes) -> set[str]:
    told = {code for keyword, code in _NOT_DRAWN if found.value(keyword) is not None}
    if any(found.raw(tag) for tag in _PLANES):
        told.add("bitmap")
    return told


@dataclass(slots=True)
class _Scopes:
    """Items of a sequence by the images that they are for: those without a list of images are for all."""

    everywhere: list[int] = field(default_factory=list)
    at: dict[Place, list[int]] = field(default_factory=lambda: defaultdict(list))

    def of(self, place: Place) -> tuple[int, ...]:
        """Return the items for one image, in the order of the file."""
        return tuple(sorted({*self.everywhere, *self.at.get(place, ())}))


class _State:
    """The parts of one state, and the images that they are for."""

    def __init__(self, found: Attributes, atlas: Atlas) -> None:
        self._found = found
        self._atlas = atlas
        self._budget = Budget()
        self.not_drawn: set[str] = set()
        self.missing = 0
        self._places = self._named()
        self._windows = found.items("SoftcopyVOILUTSequence")
        self._areas = found.items("DisplayedAreaSelectionSequence")
        self._notes = found.items("GraphicAnnotationSequence")
        turn = found.whole("ImageRotation") or 0
        self._turn = {
            "rotate": turn % 360 if turn % 360 in _TURNS else 0,
            "flip": found.text("ImageHorizontalFlip") == "Y",
        }
        if turn % 360 not in _TURNS:
            self.not_drawn.add("turn")

    def images(self) -> list[dict[str, Any]]:
        """Return one entry for all images of which the state says the same. Raises TooLarge."""
        windows, areas, notes = map(self._scopes, (self._windows, self._areas, self._notes))
        groups: dict[Any, list[Place]] = defaultdict(list)
        for place in self._places:
            row = self._atlas.row(place)
            scale = (row.get("slope", 1), row.get("intercept", 0), str(row.get("type", ""))[:1])
            parts = (windows.of(place)[:1], areas.of(place)[:1], notes.of(place))
            self._budget.step(1 + len(parts[2]))
            groups[parts, scale].append(place)
        shutter = list(_shutter(self._found))
        return [
            {"on": [list(place) for place in places], **self._looks(parts, places[0]), "shutter": shutter}
            for (parts, _), places in groups.items()
        ]

    def _looks(self, parts: Sequence[Sequence[int]], place: Place) -> dict[str, Any]:
        window, area, notes = parts
        row = self._atlas.row(place)
        shade = shade_of(self._found, [self._windows[one] for one in window], row)
        self.not_drawn |= shade.not_drawn
        drawn = Annotations([self._notes[one] for one in notes], self._budget)
        graphics = list(drawn)
        self.not_drawn |= drawn.not_drawn
        return {
            "window": shade.window,
            "function": shade.function,
            "voi_lut": shade.table,
            "invert": shade.is_inverted,
            **self._turn,
            "area": self._area(self._areas[area[0]]) if area else None,
            "graphics": graphics,
        }

    def _area(self, item: Attributes) -> list[float] | None:
        """Return the shown area: its corners are pixels counted from 1, as the image is seen when turned."""
        if item.text("PresentationSizeMode") in {"TRUE SIZE", "MAGNIFY"}:
            self.not_drawn.add("size")
        corners = (
            item.numbers("DisplayedAreaTopLeftHandCorner"),
            item.numbers("DisplayedAreaBottomRightHandCorner"),
        )
        if any(len(one) != 2 or max(map(abs, one)) > _FARTHEST for one in corners):
            return None
        (x0, y0), (x1, y1) = corners
        return [min(x0, x1) - 1, min(y0, y1) - 1, max(x0, x1), max(y0, y1)]

    def _named(self) -> dict[Place, None]:
        """Return the images that the state names, and count those that are not there."""
        places: dict[Place, None] = {}
        for series in self._found.items("ReferencedSeriesSequence"):
            for uid, frame in _references(series):
                here = self._atlas.named(uid, frame)
                self._budget.step(1 + len(here))
                self.missing += not here
                places.update(dict.fromkeys(here))
        return places

    def _scopes(self, items: Sequence[Attributes]) -> _Scopes:
        if len(items) > _MOST_ITEMS:
            raise TooLarge(f"it has more than {_MOST_ITEMS} annotations")
        scopes = _Scopes()
        for index, item in enumerate(items):
            named = list(_references(item))
            if not named:
                scopes.everywhere.append(index)
            for uid, frame in named:
                here = self._atlas.named(uid, frame)
                self._budget.step(1 + len(here))
                for place in here:
                    scopes.at[place].append(index)
        return scopes


def _references(item: Attributes) -> Iterator[tuple[str, int]]:
    """Yield (SOP Instance UID, frame) of the images that an item names; frame 0 means all."""
    for image in item.items("ReferencedImageSequence"):
        uid = image.text("ReferencedSOPInstanceUID")
        for frame in image.numbers("ReferencedFrameNumber") or (0,):
            yield uid, int(frame)


def _shutter(found: Attributes) -> Iterator[dict[str, Any]]:
    """Yield the shapes outside of which the image is covered; their pixels count from 1 (PS3.3 C.7.6.11)."""
    gray = {"gray": _shutter_gray(found)}
    shapes = found.texts("ShutterShape")
    edges = [found.number(f"Shutter{edge}Edge") for edge in ("LeftVertical", "UpperHorizontal")]
    edges += [found.number(f"Shutter{edge}Edge") for edge in ("RightVertical", "LowerHorizontal")]
    if "RECTANGULAR" in shapes and None not in edges:
        left, top, right, bottom = (edge or 0.0 for edge in edges)
        yield {"shape": "rectangle", "box": [left - 1, top - 1, right, bottom], **gray}
    center, radius = found.numbers("CenterOfCircularShutter"), found.number("RadiusOfCircularShutter")
    if "CIRCULAR" in shapes and len(center) == 2 and radius is not None and radius > 0:
        yield {"shape": "circle", "center": [center[1] - 0.5, center[0] - 0.5], "radius": radius, **gray}
    vertices = found.numbers("VerticesOfThePolygonalShutter")
    if "POLYGONAL" in shapes and len(vertices) >= 6 and not len(vertices) % 2:
        points = (np.array(vertices).reshape(-1, 2)[:, ::-1] - 0.5).ravel().tolist()
        yield {"shape": "polygon", "points": points, **gray}


def _shutter_gray(found: Attributes) -> float:
    value = found.number("ShutterPresentationValue")
    if value is not None:
        return round(min(max(value / 0xFFFF, 0.0), 1.0), 4)
    colour: Sequence[int] = colour_of(found.numbers("ShutterPresentationColorCIELabValue")) or (0,)
    return round(sum(colour) / len(colour) / 255, 4)
