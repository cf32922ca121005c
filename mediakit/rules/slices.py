"""Slices that are missing between others: gaps in positions that are evenly spaced everywhere else.

Slices are compared within one series, orientation, echo, temporal position and acquisition. A series that is
spaced in two ways, or has few slices, gives no finding. Slices at either end leave no gap.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from msgspec import Struct, field

from mediakit.dicom.instance import Header, Instance
from mediakit.dicom.packed import Several, Values
from mediakit.dicom.uids import is_image
from mediakit.findings import Finding, Rule, Severity, Where

MISSING = Rule(
    id="MK-CMP-008",
    severity=Severity.WARNING,
    title="series {series}: {count:slice is|slices are} missing between others, which are {step} mm apart "
    "everywhere else; beside {places}",
    ref="PS3.3 C.7.6.2",
    hint="ask the sender whether the series is complete; planes made from these slices are wrong",
)
UNEVEN = Rule(
    id="MK-CMP-009",
    severity=Severity.NOTE,
    title="series {series}: {count:distance} between slices differ from {step} mm, which they have "
    "everywhere else; beside {places}",
    ref="PS3.3 C.7.6.2",
    hint="two parts of the body in one series look like this; where one was meant, slices may be missing",
)

_POSITION = 0x00200032
_ORIENTATION = 0x00200037
_FRAMES = 0x00280008
_IMAGE_TYPE = 0x00080008
_ECHO = 0x00180086
_ACQUISITION = 0x00200012
_TEMPORAL_POSITION = 0x00200100
_SERIES = 0x0020000E
_ALIKE = (_SERIES, _ACQUISITION, _FRAMES, _ORIENTATION, _IMAGE_TYPE, _ECHO, _TEMPORAL_POSITION)
_alike = Several(*_ALIKE)
_MOST_MM = 1e9
_FEWEST = 6  # slices of which a spacing can be told
_EVEN = 0.8  # of the distances, at least, are equal where one of them stands out
_SAME_MM = 0.01  # slices closer to each other lie in one place
_TOLERANCE = 0.1  # of the distance between slices
_PER_ACQUISITION = 3
_LISTED = 4
_Group = tuple[tuple[float, ...], str, str, str]


class _Slice(Struct, frozen=True, order=True, gc=False):
    """Where an image lies along the normal of its plane, in mm, and its file."""

    at: float
    path: str
    acquisition: str

    @property
    def name(self) -> str:
        """Return the name of the file, without its folder."""
        return self.path.rpartition("/")[2]


class _Gaps(Struct):
    """What was found in one series."""

    step: float = 0.0
    missing: int = 0
    uneven: int = 0
    beside: list[str] = field(default_factory=list)
    beside_uneven: list[str] = field(default_factory=list)


def missing_slices(held: Iterable[tuple[str, Instance]]) -> Iterator[Finding]:
    """Report series with gaps between slices that are evenly spaced otherwise."""
    series: dict[str, dict[_Group, list[_Slice]]] = {}
    for plane, slices in _placed(held):
        series.setdefault(plane.series, {}).setdefault(plane.group, []).extend(slices)
    for uid, groups in series.items():
        gaps = _Gaps()
        for slices in groups.values():
            for stack in _stacks(slices):
                _look_for_gaps(stack, gaps)
        first = next(iter(groups.values()))[0]
        yield from _findings(uid, gaps, Where(path=first.path.rpartition("/")[0]))


def _findings(series: str, gaps: _Gaps, where: Where) -> Iterator[Finding]:
    step = f"{gaps.step:g}"
    if gaps.missing:
        yield MISSING.at(where, series=series, count=gaps.missing, step=step, places=_listed(gaps.beside))
    elif gaps.uneven:
        places = _listed(gaps.beside_uneven)
        yield UNEVEN.at(where, series=series, count=gaps.uneven, step=step, places=places)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_LISTED]) + (" ..." if len(names) > _LISTED else "")


def _placed(held: Iterable[tuple[str, Instance]]) -> Iterator[tuple[_Plane, list[_Slice]]]:
    """Yield every plane that slices have, and where each of these lies."""
    planes: dict[Values, _Plane | None] = {}
    slices: dict[Values, list[_Slice]] = {}
    for path, instance in held:
        values = instance.header.values
        alike = _alike(values)
        if alike not in planes:
            planes[alike] = _plane(alike)
        plane = planes[alike]
        if plane is None or not is_image(instance.sop_class):
            continue
        position = _decimals(values.get(_POSITION, b""), 3)
        if position is not None:
            (a, b, c), (x, y, z) = plane.normal, position
            one = _Slice(a * x + b * y + c * z, path, plane.acquisition)
            slices.setdefault(alike, []).append(one)
    for alike, found in slices.items():
        plane = planes[alike]
        if plane is not None:
            yield plane, found


class _Plane(NamedTuple):
    """The series and acquisition of an image, its normal, and which images it is compared with."""

    series: str
    acquisition: str
    normal: tuple[float, float, float]
    group: _Group


def _plane(alike: Values) -> _Plane | None:
    """Return the plane of an image by its values of `_ALIKE`; None for what is no slice of a series."""
    found = zip(_ALIKE, alike, strict=True)
    header = Header({}, {tag: value for tag, value in found if value is not None})
    series = header.text(_SERIES)
    orientation = _decimals(header.values.get(_ORIENTATION, b""), 6)
    image_type = header.text(_IMAGE_TYPE)
    is_single = (header.number(_FRAMES) or 1) <= 1
    if not series or not is_single or orientation is None or "LOCALIZER" in image_type:
        return None
    ux, uy, uz, vx, vy, vz = orientation
    rounded = tuple(round(value, 3) for value in orientation)
    group = rounded, image_type, header.text(_ECHO), header.text(_TEMPORAL_POSITION)
    normal = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    return _Plane(series, header.text(_ACQUISITION), normal, group)


def _decimals(raw: bytes, count: int) -> tuple[float, ...] | None:
    """Return the numbers of a value; None when they are others than so many sound ones."""
    try:
        values = tuple(map(float, raw.rstrip(b" \0").split(b"\\")))
    except ValueError:
        return None
    is_sound = len(values) == count and sum(map(abs, values)) < _MOST_MM  # never true of what is no number
    return values if is_sound else None


def _stacks(slices: list[_Slice]) -> Iterator[list[_Slice]]:
    """Part slices by acquisition, where one acquisition is more than a slice or two."""
    acquisitions: dict[str, list[_Slice]] = {}
    for one in slices:
        acquisitions.setdefault(one.acquisition, []).append(one)
    if len(acquisitions) * _PER_ACQUISITION <= len(slices):
        yield from acquisitions.values()
    else:
        yield slices


def _look_for_gaps(stack: list[_Slice], gaps: _Gaps) -> None:
    """Add the gaps of one stack: what is a whole multiple of the usual distance has lost slices."""
    places: list[_Slice] = []
    for one in sorted(stack):
        if not places or one.at - places[-1].at > _SAME_MM:
            places.append(one)
    if len(places) < _FEWEST:
        return
    distances = [after.at - before.at for before, after in pairwise(places)]
    step = median(distances)
    odd = [index for index, each in enumerate(distances) if abs(each - step) > _TOLERANCE * step]
    if not odd or len(distances) - len(odd) < _EVEN * len(distances):
        return
    gaps.step = round(step, 3)
    for index in odd:
        times = round(distances[index] / step)
        is_multiple = abs(distances[index] - times * step) <= _TOLERANCE * step
        if times > 1 and is_multiple and times - 1 < len(places) / 2:
            gaps.missing += times - 1
            gaps.beside.append(places[index].name)
        else:
            gaps.uneven += 1
            gaps.beside_uneven.append(places[index].name)
