"""The order in which the frames of a series are shown: stacks, then along the normal. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from mediakit.extras.viewer.rows import Row, normal_of

_PLACES = 3  # decimals of direction cosines that make two planes parallel
_STEP_MM = 0.01  # closer positions are one


def in_order(rows: Sequence[Row]) -> list[tuple[int, int]]:
    """Return (index, stack) of every row in the order to show."""
    found = sorted(range(len(rows)), key=lambda index: _as_numbered(rows[index]))
    stacks: dict[Any, list[int]] = defaultdict(list)
    for index in found:
        stacks[_stack_key(rows[index])].append(index)
    shown: list[tuple[int, int]] = []
    number = 0
    for stack in stacks.values():
        for part in _parts(rows, stack):
            shown += ((index, number) for index in part)
            number += 1
    return shown


def _as_numbered(row: Row) -> tuple[Any, ...]:
    number = row.get("number")
    return (number is None, number or 0, row.get("file", ""), row.get("frame", 1))


def _stack_key(row: Row) -> Any:
    orientation, position = row.get("orientation"), row.get("position")
    plane = tuple(round(one, _PLACES) + 0.0 for one in orientation) if orientation else None
    size = (row.get("rows"), row.get("columns"))
    loop = row.get("instance") if row.get("frame_time") and position is None else None
    return (plane if position else None, size, row.get("frame_of_reference"), row.get("stack_id"), loop)


def _parts(rows: Sequence[Row], stack: list[int]) -> list[list[int]]:
    """Return a stack in parts: one for each time that the same positions were taken."""
    if any(rows[index].get("position") is None for index in stack):
        return [stack]
    at = {index: _along(rows[index]) for index in stack}
    turns: dict[int, int] = {}
    met: dict[int, int] = defaultdict(int)
    for index in stack:
        place = round(at[index] / _STEP_MM)
        turns[index] = met[place]
        met[place] += 1
    times = set(met.values())
    if len(times) > 1:  # not the same positions each time: one stack, side by side
        turns = dict.fromkeys(stack, 0)
    parts = [[index for index in stack if turns[index] == turn] for turn in sorted(set(turns.values()))]
    return [sorted(part, key=lambda index: at[index], reverse=_falls(part, at)) for part in parts]


def _along(row: Row) -> float:
    along: float = sum(a * b for a, b in zip(row["position"], normal_of(row["orientation"]), strict=True))
    return along


def _falls(part: list[int], at: dict[int, float]) -> bool:
    """Return True when positions fall while instance numbers rise: the numbers give the direction."""
    return len(part) > 1 and at[part[0]] > at[part[-1]]
