"""Signs that something is missing: gaps in the numbers of a series, fewer instances than their headers say.

These are signs, no proofs: a series may have been made with gaps. Slices are in `slices`, references in
`references`. `burn`, `inspect` and `validate` use the same functions. What a sender left out without a trace
cannot be told from the medium.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from typing import Final

from msgspec import Struct, field

from mediakit.dicom.instance import Header, Instance
from mediakit.dicom.packed import Several
from mediakit.fileset.survey import Survey
from mediakit.findings import Finding, Rule, Severity, Where
from mediakit.profile.model import Profile
from mediakit.rules import references, slices
from mediakit.rules.check import Check

GAPS = Rule(
    id="MK-CMP-001",
    severity=Severity.WARNING,
    title="series {series} has {count:instance} numbered {first} to {last}; "
    "{missing:is|are} missing: {numbers}",
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
FEWER_OF_SERIES = Rule(
    id="MK-CMP-006",
    severity=Severity.WARNING,
    title="series {series} has {count:instance}, but Number of Series Related Instances (0020,1209) "
    "says {said}",
    ref="PS3.3 C.3.4",
    hint="images may be missing: ask the sender whether the series is complete",
)
FEWER_OF_STUDY = Rule(
    id="MK-CMP-007",
    severity=Severity.NOTE,
    title="study {study} has {count:instance} here, but Number of Study Related Instances (0020,1208) "
    "says {said}",
    ref="PS3.3 C.3.4",
    hint="a part of a study may be meant; if the whole study is, ask the sender for the rest",
)

Held = tuple[str, Instance]  # a file and what it holds

_NUMBER = 0x00200013
_MODALITY = 0x00080060
_IMAGE_TYPE = 0x00080008
_FRAMES = 0x00280008
_OF_SERIES = 0x00201209
_OF_STUDY = 0x00201208
_STUDY = 0x0020000D
_SERIES = 0x0020000E
_ALIKE = (_STUDY, _SERIES, _FRAMES, _IMAGE_TYPE, _MODALITY)
_alike = Several(*_ALIKE)
_said = Several(_STUDY, _SERIES, _OF_STUDY, _OF_SERIES)
#: Exposures of these are deleted or repeated one by one, so that gaps are the rule.
_SINGLE_EXPOSURES = frozenset({"MG", "DX", "CR", "PX", "IO", "RG"})
_LISTED = 8


def completeness_of(held: Collection[Held]) -> Iterator[Finding]:
    """Yield every sign that something is missing among some instances, each of them held by one file."""
    for find in (_numbers, slices.missing_slices, references.absent, _totals):
        yield from find(held)


def check_completeness(survey: Survey, _profile: Profile | None = None) -> Iterator[Finding]:
    """Yield every sign that something is missing on a medium."""
    return completeness_of([(file.path, instance) for file, instance in survey.instances()])


class _Numbered(Struct):
    """The Instance Numbers of one series."""

    study: str
    where: Where
    numbers: list[int] = field(default_factory=list)


def _numbers(held: Iterable[Held]) -> Iterator[Finding]:
    """Report series whose Instance Numbers have holes or come twice; a copy of an instance counts once."""
    series: dict[str, _Numbered] = {}
    seen: set[str] = set()
    unnumbered: set[str] = set()
    for path, instance in held:
        number = instance.header.number(_NUMBER)
        study, uid, has_gaps_anyway = _kind(_alike(instance.header.values))
        if number is None or not uid or instance.sop_instance in seen:
            continue
        seen.add(instance.sop_instance)
        if has_gaps_anyway:
            unnumbered.add(uid)
        if uid not in series:
            series[uid] = _Numbered(study, Where(path=path.rpartition("/")[0]))
        series[uid].numbers.append(number)
    taken: dict[str, Counter[int]] = {}
    for one in series.values():
        taken.setdefault(one.study, Counter()).update(set(one.numbers))
    for uid, one in series.items():
        if uid not in unnumbered:
            yield from _judge_numbers(uid, one, taken[one.study])


@lru_cache(maxsize=1024)  # images of one series have them alike
def _kind(alike: tuple[bytes | None, ...]) -> tuple[str, str, bool]:
    """Return study, series and whether gaps are the rule for an image, by its values of `_ALIKE`."""
    found = zip(_ALIKE, alike, strict=True)
    header = Header({}, {tag: value for tag, value in found if value is not None})
    is_multi_frame = (header.number(_FRAMES) or 1) > 1
    is_localizer = b"LOCALIZER" in header.values.get(_IMAGE_TYPE, b"").split(b"\\", 3)[2:3]
    has_gaps_anyway = is_multi_frame or is_localizer or header.text(_MODALITY) in _SINGLE_EXPOSURES
    return header.text(_STUDY), header.text(_SERIES), has_gaps_anyway


def _judge_numbers(series: str, one: _Numbered, taken: Counter[int]) -> Iterator[Finding]:
    """`taken` are the numbers of all series of the study: some systems number through several of them."""
    numbers = one.numbers
    different = Counter(numbers)
    if len(different) < len(numbers):
        doubled = sum(times for times in different.values() if times > 1)
        yield DOUBLED.at(one.where, series=series, count=doubled)
    low, high = min(different), max(different)
    begin = 1 if 1 <= low <= len(different) else low  # a series that begins at 3 of 10 lacks 1 and 2
    if all(number in taken for number in range(begin, low)):
        begin = low
    missing = high - begin + 1 - len(different)
    if not missing or len(different) < 2:
        return
    if missing >= len(different):
        yield SPARSE.at(one.where, series=series, count=len(numbers), first=low, last=high)
        return
    yield GAPS.at(
        one.where,
        series=series,
        count=len(numbers),
        first=low,
        last=high,
        missing=missing,
        numbers=_holes(sorted(different), begin),
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


class _Alike(Struct):
    """Instances whose headers say the same of their series and study: the first, and the UIDs of all."""

    path: str
    first: Instance
    uids: set[str] = field(default_factory=set)


def _totals(held: Collection[Held]) -> Iterator[Finding]:
    """Report series and studies with fewer instances than their headers say there are."""
    groups: dict[tuple[bytes | None, ...], _Alike] = {}
    for path, instance in held:
        said = _said(instance.header.values)
        group = groups.get(said)
        if group is None:
            group = groups[said] = _Alike(path, instance)
        group.uids.add(instance.sop_instance)
    yield from _fewer(FEWER_OF_SERIES, "series", _OF_SERIES, groups.values())
    yield from _fewer(FEWER_OF_STUDY, "study", _OF_STUDY, groups.values())


def _fewer(rule: Rule, level: str, tag: int, groups: Iterable[_Alike]) -> Iterator[Finding]:
    there: dict[str, set[str]] = {}
    said: dict[str, int] = {}
    first: dict[str, str] = {}
    for group in groups:
        uid = group.first.series if level == "series" else group.first.study
        there.setdefault(uid, set()).update(group.uids)
        said[uid] = max(said.get(uid, 0), group.first.header.number(tag) or 0)
        first.setdefault(uid, group.path)
    for uid, instances in there.items():
        if uid and len(instances) < said[uid]:
            where = Where(path=first[uid].rpartition("/")[0])
            yield rule.at(where, count=len(instances), said=said[uid], **{level: uid})


CHECKS: Final = (
    Check(
        check_completeness,
        (
            *(GAPS, SPARSE, DOUBLED, FEWER_OF_SERIES, FEWER_OF_STUDY),
            *(references.ABSENT, references.NOT_HERE),
            *(slices.MISSING, slices.UNEVEN),
        ),
    ),
)
