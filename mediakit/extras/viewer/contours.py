"""The contours of an RT Structure Set as lines in pixels of the images (PS3.3 C.8.8.5, C.8.8.6)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np

from mediakit.dicom.attributes import Attributes
from mediakit.extras.viewer.atlas import Atlas, Budget, Laid, Place, Plane, palette
from mediakit.extras.viewer.codec import Values

_CLOSED = {"CLOSED_PLANAR", "CLOSEDPLANAR_XOR"}
_DECIMALS = 2  # of a pixel


def structure_set(found: Attributes, atlas: Atlas) -> Laid:
    """Return the contours that lie on images. Raises TooLarge."""
    regions = {one.whole("ROINumber"): one for one in found.items("StructureSetROISequence")}
    search = _Search(found, atlas)
    structures, contours, missing, keys = [], [], 0, set()
    not_drawn: set[str] = set()
    for index, item in enumerate(found.items("ROIContourSequence")):
        number = item.whole("ReferencedROINumber")
        region = regions.get(number)
        colour = item.numbers("ROIDisplayColor")
        is_colour = len(colour) == 3 and all(0 <= one <= 255 for one in colour)
        structures.append(
            {
                "number": index + 1,  # those of the file can be absent or used twice
                "name": region.text("ROIName") if region is not None else "",
                "colour": [int(one) for one in colour] if is_colour else palette(index),
            }
        )
        reference = region.text("ReferencedFrameOfReferenceUID") if region is not None else ""
        for contour in item.items("ContourSequence"):
            if contour.text("ContourGeometricType") == "OPEN_NONPLANAR":
                not_drawn.add("nonplanar")
                continue
            points = _points(contour)
            if points is None:
                not_drawn.add("damaged")
                continue
            lines = list(search.lines(contour, points, reference))
            missing += not lines
            for (key, row), line in lines:
                keys.add(key)
                contours.append({"structure": index + 1, "on": [key, row], **line})
    data = {"structures": structures, "contours": contours, "missing": missing}
    return Laid(data=data | {"not_drawn": sorted(not_drawn)}, keys=tuple(sorted(keys)))


def _points(contour: Attributes) -> Values | None:
    """Return the points of a contour; None when its data are none, or not three values a point."""
    numbers = contour.numbers("ContourData")
    return np.array(numbers, float).reshape(-1, 3) if numbers and len(numbers) % 3 == 0 else None


class _Search:
    """Finds the images of contours: those that a contour names, else those of its plane."""

    def __init__(self, found: Attributes, atlas: Atlas) -> None:
        self._atlas = atlas
        self._budget = Budget()
        self._reference = found.text("FrameOfReferenceUID")
        self._keys = frozenset(_series_of(found, atlas))

    def lines(
        self, contour: Attributes, points: Values, reference: str
    ) -> Iterator[tuple[Place, dict[str, Any]]]:
        """Yield where one contour lies, and its points there. Raises TooLarge."""
        kind = contour.text("ContourGeometricType")
        for place in self._places(contour, points, reference or self._reference):
            plane = Plane.of(self._atlas.row(place))
            if plane is None:
                continue
            pixels = np.round(plane.pixels(points), _DECIMALS)
            self._budget.write(pixels.size + 4)
            shown: dict[str, Any] = {"points": pixels.ravel().tolist(), "closed": kind in _CLOSED}
            if len(points) == 1:
                shown["closed"] = False
            yield place, shown

    def _places(self, contour: Attributes, points: Values, reference: str) -> list[Place]:
        named: list[Place] = []
        for item in contour.items("ContourImageSequence"):
            uid = item.text("ReferencedSOPInstanceUID")
            for frame in item.numbers("ReferencedFrameNumber") or (0,):
                found = self._atlas.named(uid, int(frame))
                self._budget.step(1 + len(found))
                named += found
        return self._atlas.of_plane(points, named, (reference, self._keys), self._budget)


def _series_of(found: Attributes, atlas: Atlas) -> Collection[str]:
    """Return the keys of the series that a structure set says it was drawn on."""
    keys: set[str] = set()
    for frame in found.items("ReferencedFrameOfReferenceSequence"):
        for study in frame.items("RTReferencedStudySequence"):
            for series in study.items("RTReferencedSeriesSequence"):
                for image in series.items("ContourImageSequence"):
                    places = atlas.named(image.text("ReferencedSOPInstanceUID"))
                    keys.update(key for key, _ in places[:1])
    return keys
