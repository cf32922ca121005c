"""Which profiles would take these instances as they are, and what stands in the way of the others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from msgspec import Struct, field

from mediakit.choices import Convert
from mediakit.dicom.instance import Instance
from mediakit.findings import Finding, Severity
from mediakit.profile.file_rules import REWRITTEN, is_uid
from mediakit.profile.judge import CONVERTED, Decision, Judge, judged_tags
from mediakit.profile.model import Profile

_OF_CONVERSION = (CONVERTED, REWRITTEN)


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One thing that stands in the way of a profile, with how many instances it concerns."""

    rule_id: str
    text: str
    count: int
    example_path: str


@dataclass(frozen=True, slots=True)
class Fit:
    """How some instances fare under one profile, with lossless conversion allowed.

    `obstacles` tells why instances are refused and, behind that, what would have to be converted; each
    list has the most frequent first.
    """

    profile_id: str
    title: str
    takes_all_as_is: bool
    accepted: int
    convertible: int
    refused: int
    obstacles: tuple[Obstacle, ...]


class _Group(Struct):
    """Instances that no profile can tell apart; the first one stands for all."""

    first: Instance
    count: int = 0


class _Count(Struct):
    verdicts: dict[Decision, int] = field(default_factory=lambda: dict.fromkeys(Decision, 0))
    obstacles: dict[tuple[Decision, str, str], tuple[int, str]] = field(default_factory=dict)

    def add(self, decision: Decision, finding: Finding, group: _Group) -> None:
        key = (decision, finding.rule.id, finding.text)
        count, path = self.obstacles.get(key, (0, group.first.path))
        self.obstacles[key] = (count + group.count, path)


def fit(instances: Sequence[Instance], profiles: Iterable[Profile]) -> tuple[Fit, ...]:
    """Return the fit of every profile, best first.

    First those that take all as they are, then those that take all after lossless conversions (fewest
    first), then the others by the number of refusals; equals by identifier. No instance fits nowhere.
    """
    known = tuple(profiles)
    groups = _groups(instances, known)
    fits = [_fit(profile, groups, len(instances)) for profile in known]
    return tuple(sorted(fits, key=_order))


def _order(one: Fit) -> tuple[bool, int, int, str]:
    return (not one.takes_all_as_is, one.refused, one.convertible, one.profile_id)


def _groups(instances: Sequence[Instance], profiles: Sequence[Profile]) -> tuple[_Group, ...]:
    """Group the instances by all that a judge looks at, in the order they came."""
    tags = sorted(frozenset().union(*(judged_tags(profile) for profile in profiles)))
    groups: dict[object, _Group] = {}
    for instance in instances:
        header = instance.header
        key = (
            instance.sop_class,
            instance.transfer_syntax,
            header.notes,
            header.faults,
            bool(instance.sop_instance),
            is_uid(instance.sop_instance),
            tuple(map(header.values.get, tags)),
        )
        group = groups.get(key)
        if group is None:
            group = groups[key] = _Group(instance)
        group.count += 1
    return tuple(groups.values())


def _fit(profile: Profile, groups: Sequence[_Group], total: int) -> Fit:
    judge = Judge(profile, Convert.LOSSLESS)
    counted = _Count()
    for group in groups:
        verdict = judge(group.first)
        counted.verdicts[verdict.decision] += group.count
        for finding in _in_the_way(verdict.decision, verdict.findings):
            counted.add(verdict.decision, finding, group)
    accepted = counted.verdicts[Decision.ACCEPT]
    return Fit(
        profile_id=profile.id,
        title=profile.title,
        takes_all_as_is=0 < total == accepted,
        accepted=accepted,
        convertible=counted.verdicts[Decision.CONVERT],
        refused=counted.verdicts[Decision.REFUSE],
        obstacles=_obstacles(counted),
    )


def _in_the_way(decision: Decision, findings: Sequence[Finding]) -> Iterable[Finding]:
    """Return the findings that tell why an instance was not accepted, each text once."""
    if decision is Decision.ACCEPT:
        return ()
    told = [f for f in findings if (f.severity is Severity.ERROR) or f.rule in _OF_CONVERSION]
    return {(f.rule.id, f.text): f for f in told}.values()


def _obstacles(counted: _Count) -> tuple[Obstacle, ...]:
    ranked = sorted(
        counted.obstacles.items(),
        key=lambda item: (item[0][0] is not Decision.REFUSE, -item[1][0], item[0][1:]),
    )
    return tuple(
        Obstacle(rule_id=rule_id, text=text, count=count, example_path=path)
        for (_, rule_id, text), (count, path) in ranked
    )
