"""Spread a file-set over the fewest media that hold it. Pure, and the same for the same input.

A patient stays on one medium where one medium holds all of it, else each study that one holds, else each
series. Only a series that is larger than a medium is split, between its instances.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import count

from msgspec import Struct, structs

from mediakit.fileset.groups import Collated, Leaf, PatientGroup, SeriesGroup, StudyGroup

_MOST_SEARCHED = 24  # units: more are packed by rule alone
_MOST_STEPS = 50_000

NOTHING = Collated(patients=(), roots=(), refused={}, findings=())


class Room(Struct, frozen=True, kw_only=True):
    """What a medium holds, in bytes, and how many a part of the file-set takes on one, everything counted."""

    capacity: int
    measure: Callable[[Collated], int]

    def holds(self, part: Collated) -> bool:
        """Return True when one medium holds the part."""
        return self.measure(part) <= self.capacity


class Spread(Struct, frozen=True, kw_only=True):
    """A part of the file-set for each medium, in the order of the directory, and what no medium holds."""

    parts: tuple[Collated, ...]
    too_large: tuple[Leaf, ...] = ()


class _Unit(Struct, frozen=True, kw_only=True):
    """What stays together. `at` is its place in the directory: patient, study, series, first instance."""

    at: tuple[int, ...]
    part: Collated


def spread(collated: Collated, room: Room) -> Spread:
    """Spread what is collated over the fewest media.

    No medium is the answer when none holds an instance. The parts have no findings: those of the whole say it
    all.
    """
    too_large: list[Leaf] = []
    units = list(_units(collated, room, too_large))
    if not units:
        return Spread(parts=(), too_large=tuple(too_large))
    sizes = [room.measure(unit.part) for unit in units]
    empty = room.measure(NOTHING)
    whole = room.measure(_joined(units))
    shared = max(0, sum(sizes) - len(units) * empty + empty - whole) // len(units)
    weights = [max(1, size - empty - shared) for size in sizes]
    slack = 0
    while True:
        bins = pack(weights, room.capacity - empty - slack)
        parts = tuple(_joined([units[index] for index in one]) for one in bins)
        over = [room.measure(part) - room.capacity for part in parts]
        if max(over) <= 0:
            return Spread(parts=parts, too_large=tuple(too_large))
        slack = max(2 * slack, slack + max(over))  # what weights cannot know: whole sectors, folders


def pack(weights: Sequence[int], room: int) -> list[list[int]]:
    """Return the indices of some weights in the fewest bins, each in order, and so are the bins.

    What weighs more than the room has a bin of its own. Of ways with equally few bins the one that keeps the
    order is taken: next fit, then first fit, then first fit by decreasing weight. Few weights are searched
    for fewer bins still.
    """
    in_order = range(len(weights))
    decreasing = sorted(in_order, key=lambda index: (-weights[index], index))
    ways = (
        _next_fit(weights, room),
        _first_fit(weights, room, in_order),
        _first_fit(weights, room, decreasing),
    )
    best = min(ways, key=len)
    if room > 0 and len(weights) <= _MOST_SEARCHED:
        cut = [min(weight, room) for weight in weights]
        for fewer in range(-(-sum(cut) // room), len(best)):
            if (found := _search(cut, room, decreasing, fewer)) is not None:
                best = found
                break
    return sorted(sorted(one) for one in best)


def _next_fit(weights: Sequence[int], room: int) -> list[list[int]]:
    bins: list[list[int]] = []
    left = 0
    for index, weight in enumerate(weights):
        if not bins or weight > left:
            bins.append([])
            left = room
        bins[-1].append(index)
        left -= weight
    return bins


def _first_fit(weights: Sequence[int], room: int, order: Sequence[int]) -> list[list[int]]:
    bins: list[list[int]] = []
    left: list[int] = []
    for index in order:
        weight = weights[index]
        number = next((number for number, free in enumerate(left) if weight <= free), len(bins))
        if number == len(bins):
            bins.append([])
            left.append(room)
        bins[number].append(index)
        left[number] -= weight
    return bins


def _search(weights: Sequence[int], room: int, order: Sequence[int], most: int) -> list[list[int]] | None:
    """Return a way with at most so many bins; None when there is none, or it was not found in time."""
    bins: list[list[int]] = [[] for _ in range(most)]
    left = [room] * most
    steps = count()

    def place(depth: int) -> bool:
        if depth == len(order):
            return True
        index = order[depth]
        tried: set[int] = set()
        for number, free in enumerate(left):
            if weights[index] > free or free in tried or next(steps) > _MOST_STEPS:
                continue
            tried.add(free)  # bins with equal room are alike
            bins[number].append(index)
            left[number] -= weights[index]
            if place(depth + 1):
                return True
            bins[number].pop()
            left[number] += weights[index]
        return False

    return [one for one in bins if one] if place(0) else None


def _units(collated: Collated, room: Room, too_large: list[Leaf]) -> Iterator[_Unit]:
    """Yield what stays together, in the order of the directory; what no medium holds goes to `too_large`."""
    for p, patient in enumerate(collated.patients):
        whole = _of(patient)
        if room.holds(whole):
            yield _Unit(at=(p,), part=whole)
            continue
        for s, study in enumerate(patient.studies):
            part = _of(patient, study)
            if room.holds(part):
                yield _Unit(at=(p, s), part=part)
                continue
            for e, series in enumerate(study.series):
                part = _of(patient, study, series)
                if room.holds(part):
                    yield _Unit(at=(p, s, e), part=part)
                else:
                    yield from _series_units((p, s, e), (patient, study, series), room, too_large)
    for index, leaf in enumerate(collated.roots):
        part = structs.replace(NOTHING, roots=(leaf,))
        if room.holds(part):
            yield _Unit(at=(len(collated.patients), index), part=part)
        else:
            too_large.append(leaf)


def _series_units(
    at: tuple[int, int, int],
    below: tuple[PatientGroup, StudyGroup, SeriesGroup],
    room: Room,
    too_large: list[Leaf],
) -> Iterator[_Unit]:
    patient, study, series = below

    def part_of(first: int, end: int) -> Collated:
        return _of(patient, study, replace(series, leaves=series.leaves[first:end]))

    first = 0
    while first < len(series.leaves):
        ends = range(first + 1, len(series.leaves) + 1)
        held = bisect_right(ends, room.capacity, key=lambda end: room.measure(part_of(first, end)))
        if held:
            yield _Unit(at=(*at, first), part=part_of(first, first + held))
        else:
            too_large.append(series.leaves[first])
        first += held or 1


def _of(
    patient: PatientGroup, study: StudyGroup | None = None, series: SeriesGroup | None = None
) -> Collated:
    """Return a patient alone, with one study alone, with one series alone."""
    if study is not None:
        study = study if series is None else replace(study, series=(series,))
        patient = replace(patient, studies=(study,))
    return structs.replace(NOTHING, patients=(patient,))


def _joined(units: Sequence[_Unit]) -> Collated:
    """Return what several units hold, in their order: what was parted is one record again."""
    patients: list[PatientGroup] = []
    roots: list[Leaf] = []
    last: tuple[int, ...] = ()
    for unit in units:
        roots += unit.part.roots
        for patient in unit.part.patients:
            if last[:1] == unit.at[:1]:
                patients[-1] = _with_patient(patients[-1], patient, (last, unit.at))
            else:
                patients.append(patient)
        last = unit.at
    return structs.replace(NOTHING, patients=tuple(patients), roots=tuple(roots))


def _with_patient(
    one: PatientGroup, more: PatientGroup, at: tuple[tuple[int, ...], tuple[int, ...]]
) -> PatientGroup:
    before, now = at
    if before[:2] != now[:2]:
        return replace(one, studies=(*one.studies, *more.studies))
    *studies, last = one.studies
    (study,) = more.studies
    if before[:3] != now[:3]:
        return replace(one, studies=(*studies, replace(last, series=(*last.series, *study.series))))
    *several, open_series = last.series
    (series,) = study.series
    joined = replace(open_series, leaves=(*open_series.leaves, *series.leaves))
    return replace(one, studies=(*studies, replace(last, series=(*several, joined))))
