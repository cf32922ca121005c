"""Which image of a patient an overlay lies on, and where: by instance and frame, or by plane. Pure.

The plane of an image is that of PS3.3 C.7.6.2.1.1; pixels are counted as in docs/viewer-format.md.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np

from mediakit.extras.viewer.codec import Values
from mediakit.extras.viewer.rows import Row
from mediakit.limits import MAX_OVERLAY_NUMBERS, MAX_OVERLAY_STEPS

#: The key of a series, and the row in it.
Place = tuple[str, int]

_PARALLEL = 0.9995  # cosine of the angle between normals that still makes one plane, about 2 degrees
_SAME_MM = 0.01
_ALONE_MM = 1.0  # between the planes of a single image without a thickness


class TooLarge(Exception):  # noqa: N818 - an answer about one overlay
    """An overlay has more than a page can show."""


class Budget:
    """What one overlay may take: numbers that are written, steps of looking for an image."""

    def __init__(self) -> None:
        self._numbers = MAX_OVERLAY_NUMBERS
        self._steps = MAX_OVERLAY_STEPS

    def write(self, numbers: int) -> None:
        """Count numbers that go into the document. Raises TooLarge."""
        self._numbers -= numbers
        if self._numbers < 0:
            raise TooLarge(f"it has more than {MAX_OVERLAY_NUMBERS} numbers")

    def step(self, steps: int = 1) -> None:
        """Count comparisons with images. Raises TooLarge."""
        self._steps -= steps
        if self._steps < 0:
            raise TooLarge(f"it takes more than {MAX_OVERLAY_STEPS} comparisons with images")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """The grid of one image in the patient: `corner` is the centre of its first pixel, lengths in mm."""

    corner: Values
    across: Values  # of a row, the direction in which columns count up
    down: Values
    spacing: tuple[float, float]  # between rows, between columns
    size: tuple[int, int]
    thickness: float | None

    @classmethod
    def of(cls, row: Row) -> Plane | None:
        """Return the plane of a row of META.BIN; None when it has none."""
        position, orientation, spacing = (row.get(key) for key in ("position", "orientation", "spacing"))
        if position is None or orientation is None or spacing is None:
            return None
        across, down = (np.array(orientation[at : at + 3], float) for at in (0, 3))
        return cls(
            corner=np.array(position, float),
            across=across / np.linalg.norm(across),
            down=down / np.linalg.norm(down),
            spacing=(float(spacing[0]), float(spacing[1])),
            size=(int(row.get("rows") or 0), int(row.get("columns") or 0)),
            thickness=row.get("thickness"),
        )

    @property
    def normal(self) -> Values:
        """Return the direction across the plane, of length 1."""
        across: Values = np.cross(self.across, self.down)
        length = float(np.linalg.norm(across))
        return np.array(across / length)

    def distance(self, points: Values) -> float:
        """Return how far the farthest of some points (n x 3, mm) is from the plane."""
        return float(np.abs((points - self.corner) @ self.normal).max(initial=0.0))

    def pixels(self, points: Values) -> Values:
        """Return (column, row) of points (n x 3, mm): the corner of the first pixel is (0, 0)."""
        away = points - self.corner
        x, y = away @ self.across / self.spacing[1], away @ self.down / self.spacing[0]
        return np.stack([x, y], axis=1) + 0.5

    def points(self, pixels: Values) -> Values:
        """Return the points of the patient at (column, row): the other way of `pixels`."""
        x, y = ((pixels - 0.5) * (self.spacing[1], self.spacing[0])).T
        found: Values = self.corner + np.outer(x, self.across) + np.outer(y, self.down)
        return found

    def corners(self) -> Values:
        """Return the outer corners of the grid, in mm."""
        rows, columns = self.size
        return self.points(np.array([[0, 0], [columns, 0], [0, rows], [columns, rows]], float))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stack:
    """Parallel planes of one series, by their place along the normal.

    `half` is half the distance between neighbours in mm, 0 when it is not known.
    """

    key: str
    normal: Values
    along: list[float]
    rows: list[int]
    half: float

    def near(self, along: float) -> Iterator[int]:
        """Yield the rows whose planes are nearest to a place: one, or several at the same place."""
        at = bisect_left(self.along, along)
        sides = [self.along[index] for index in (at - 1, at) if 0 <= index < len(self.along)]
        nearest = min(sides, key=lambda one: abs(one - along))
        begin = bisect_left(self.along, nearest - _SAME_MM)
        for index in range(begin, len(self.along)):
            if self.along[index] > nearest + _SAME_MM:
                return
            yield self.rows[index]


@dataclass(frozen=True, slots=True, kw_only=True)
class Laid:
    """An overlay laid on images: what its document says, and the keys of the series that it lies on.

    `data` is JSON. `why` is the reason when it is not shown.
    """

    title: str = ""
    data: Mapping[str, Any] | None = field(default=None, repr=False)
    keys: tuple[str, ...] = ()
    why: dict[str, str] | None = None


class Atlas:
    """The rows of the images of one patient, by key of their series. An overlay never leaves its patient."""

    def __init__(self, series: Mapping[str, Sequence[Row]]) -> None:
        self._series = series
        self._named: dict[tuple[str, int], list[Place]] = defaultdict(list)
        grouped: dict[Any, list[tuple[int, Plane]]] = defaultdict(list)
        for key, rows in series.items():
            for index, row in enumerate(rows):
                for frame in (row["frame"], 0):
                    self._named[row["instance"], frame].append((key, index))
                plane = Plane.of(row)
                if plane is not None:
                    reference = row.get("frame_of_reference", "")
                    grouped[key, reference, row.get("stack", 0)].append((index, plane))
        self._stacks: dict[str, list[_Stack]] = defaultdict(list)
        for (key, reference, _), found in grouped.items():
            self._stacks[reference].append(_stack(key, found))

    def named(self, instance: str, frame: int = 0) -> Sequence[Place]:
        """Return where a frame of an instance is shown; frame 0: all of its frames."""
        return self._named.get((instance, frame), ())

    def row(self, place: Place) -> Row:
        """Return the row at a place."""
        return self._series[place[0]][place[1]]

    def of_plane(
        self, points: Values, named: Sequence[Place], where: tuple[str, Collection[str]], budget: Budget
    ) -> list[Place]:
        """Return the images that points (n x 3, mm) lie on: of those that were named, else of all.

        `where`: the frame of reference, and the keys of the series to look in. Raises TooLarge.
        """
        some = dict.fromkeys(named)
        if len(some) == 1 and self.lies_on(points, named[0]):
            return [named[0]]
        on_plane = list(self._on_plane(points, where, budget))
        nearest = [place for place in on_plane if place in some]
        return nearest or [place for place in some if self.lies_on(points, place)] or on_plane

    def _on_plane(
        self, points: Values, where: tuple[str, Collection[str]], budget: Budget
    ) -> Iterator[Place]:
        """Yield the nearest image of each stack, where it is nearer than half a spacing."""
        reference, keys = where
        if not reference:
            return
        for stack in self._stacks.get(reference, ()):
            budget.step()
            if keys and stack.key not in keys:
                continue
            for index in stack.near(float(points[0] @ stack.normal)):
                if self.lies_on(points, (stack.key, index), stack.half):
                    yield stack.key, index

    def lies_on(self, points: Values, place: Place, half: float = 0.0) -> bool:
        """Return True when points are nearer to the plane of an image than half a spacing (mm).

        Without a spacing the thickness of the image counts.
        """
        plane = Plane.of(self.row(place))
        if plane is None:
            return False
        return plane.distance(points) < (half or (plane.thickness or _ALONE_MM) / 2)


def _stack(key: str, found: list[tuple[int, Plane]]) -> _Stack:
    normal = found[0][1].normal
    placed = sorted(
        (float(plane.corner @ normal), index)
        for index, plane in found
        if abs(float(plane.normal @ normal)) > _PARALLEL
    )
    along, rows = [one for one, _ in placed], [index for _, index in placed]
    gaps = [b - a for a, b in pairwise(along) if b - a > _SAME_MM]
    half = median(gaps) / 2 if gaps else 0.0
    return _Stack(key=key, normal=normal, along=along, rows=rows, half=half)


def colour_of(lab: Sequence[float]) -> list[int] | None:
    """Return sRGB of 0 to 255 for a CIELab value of PS3.3 C.10.7.1.1 (white D50); None when it is none."""
    if len(lab) != 3 or not all(0 <= one <= 0xFFFF for one in lab):
        return None
    lightness, a, b = lab[0] * 100 / 65535, lab[1] * 255 / 65535 - 128, lab[2] * 255 / 65535 - 128
    y = (lightness + 16) / 116
    axes = np.array([y + a / 500, y, y - b / 200])
    cubes = np.where(axes > 6 / 29, axes**3, (axes - 4 / 29) * 3 * (6 / 29) ** 2)
    linear = np.clip(_TO_RGB @ (cubes * _WHITE), 0, 1)
    shown = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return [round(float(one) * 255) for one in shown]


_WHITE = np.array([0.9642, 1.0, 0.8249])  # D50
_TO_RGB = np.array(  # from XYZ of D50 to linear sRGB, adapted as Bradford has it
    [
        [3.1338561, -1.6168667, -0.4906146],
        [-0.9787684, 1.9161415, 0.0334540],
        [0.0719453, -0.2289914, 1.4052427],
    ]
)
_PALETTE = (
    (230, 97, 60), (86, 180, 233), (240, 228, 66), (0, 178, 120), (204, 121, 167), (255, 165, 0),
    (120, 140, 255), (160, 220, 90), (250, 128, 150), (64, 224, 208), (200, 160, 110), (190, 130, 240),
)  # fmt: skip


def palette(number: int) -> list[int]:
    """Return a colour for a segment or structure that names none."""
    return list(_PALETTE[number % len(_PALETTE)])
