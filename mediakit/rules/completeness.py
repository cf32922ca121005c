"""Signs that something is missing: gaps in the numbers of a series, references to absent instances.

These are signs, no proofs: a series may have been made with gaps, and a document may speak of images that
were never meant to be on the medium. What a sender left out without a trace cannot be told from the medium.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from mediakit.dicom.instance import Instance
from mediakit.dicom.uids import class_name
from mediakit.fileset.nested import values_of
from mediakit.fileset.survey import Survey
from mediakit.findings import Finding, Rule, Severity, Where
from mediakit.profile.model import Profile
from mediakit.rules.check import Check

GAPS = Rule(
    id="MK-CMP-001",
    severity=Severity.WARNING,
    title="series {series} has {count:instance} numbered {first} to {last}; {missing} are missing: {numbers}",
    ref="PS3.3 C.7.6.1",
    hint="images may be missing: ask the sender whether the series is complete",
)
SPARSE = Rule(
    id="MK-CMP-002",
    severity=Severity.NOTE,
    title="series {series} has {count:instance} numbered {first} to {last}; half of the numbers or "
    "more are missing",
    ref="PS3.3 C.7.6.1",
    hint="some systems number this way; it means nothing when the sender is known to do so",
)
DOUBLED = Rule(
    id="MK-CMP-003",
    severity=Severity.NOTE,
    title="series {series} has {count:instance|instances} with an Instance Number used more than once",
    ref="PS3.3 C.7.6.1",
    hint="viewers may show them in any order",
)
ABSENT = Rule(
    id="MK-CMP-004",
    severity=Severity.WARNING,
    title="a {name} refers to {count:instance|instances} not on the medium, first {uid}",
    ref="PS3.3 C.11.11, C.12.2",
    hint="what it marks or shows cannot be seen from this medium",
)

_NUMBER = 0x00200013
_REFERENCED_INSTANCE = 0x00081155
_REFERRING = (0x00081115, 0x00700402)  # Referenced Series Sequence, Blending Sequence
_LISTED = 8
_MOST_HELD = 200_000


def check_numbers(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report series whose Instance Numbers have holes or come twice; a copy of an instance counts once."""
    series: dict[str, list[int]] = {}
    first: dict[str, str] = {}
    seen: set[str] = set()
    for file, instance in survey.instances():
        number = instance.header.number(_NUMBER)
        if number is not None and instance.series and instance.sop_instance not in seen:
            seen.add(instance.sop_instance)
            series.setdefault(instance.series, []).append(number)
            first.setdefault(instance.series, file.path)
    for uid, numbers in series.items():
        yield from _judge_numbers(uid, numbers, Where(path=first[uid].rpartition("/")[0]))


def check_references(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report presentation states and documents that refer to instances that are not on the medium."""
    there: set[str] | None = None
    for file, instance in survey.instances():
        referred = _referred(instance)
        if not referred:
            continue
        if there is None:
            there = {other.sop_instance for _, other in survey.instances()}
        absent = [uid for uid in referred if uid not in there]
        if absent:
            name = class_name(instance.sop_class) or instance.sop_class
            yield ABSENT.at(Where(path=file.path), name=name, count=len(absent), uid=absent[0])


def _judge_numbers(series: str, numbers: list[int], where: Where) -> Iterator[Finding]:
    different = Counter(numbers)
    if len(different) < len(numbers):
        doubled = sum(times for times in different.values() if times > 1)
        yield DOUBLED.at(where, series=series, count=doubled)
    low, high = min(different), max(different)
    begin = 1 if 1 <= low <= len(different) else low  # a series that begins at 3 of 10 lacks 1 and 2
    missing = high - begin + 1 - len(different)
    if not missing or len(different) < 2:
        return
    if missing >= len(different):
        yield SPARSE.at(where, series=series, count=len(numbers), first=low, last=high)
        return
    holes = _holes(sorted(different), begin)
    yield GAPS.at(
        where, series=series, count=len(numbers), first=low, last=high, missing=missing, numbers=holes
    )


def _holes(numbers: list[int], begin: int) -> str:
    """Return the ranges that are not there, some of them."""
    ranges: list[str] = []
    expected = begin
    for number in numbers:
        if number > expected:
            ranges.append(str(expected) if number == expected + 1 else f"{expected}-{number - 1}")
            if len(ranges) > _LISTED:
                return ", ".join(ranges[:_LISTED]) + " ..."
        expected = number + 1
    return ", ".join(ranges)


def _referred(instance: Instance) -> list[str]:
    found: dict[str, None] = {}
    for tag in _REFERRING:
        content = instance.header.values.get(tag)
        if content:
            for raw in values_of(content, _REFERENCED_INSTANCE):
                uid = raw.strip(b" \0").decode("latin-1")
                if uid and len(found) < _MOST_HELD:
                    found[uid] = None
    return list(found)


CHECKS: Final = (
    Check(check_numbers, (GAPS, SPARSE, DOUBLED)),
    Check(check_references, (ABSENT,)),
)
