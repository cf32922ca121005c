"""The keys of directory records: those that the type of record and the profile demand.

What a record of an instance needs is decided by the same plan that `burn` writes by (`fileset.keys`), so
writer and judge cannot disagree. Conditions that ask for the instance are judged when its file is on the
medium. What the values are, `key_values` judges. Source: PS3.3 Tables F.5-1 to F.5-49.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from mediakit.dicom.instance import Instance, Tag
from mediakit.fileset.key_names import key_text
from mediakit.fileset.key_values import has_value
from mediakit.fileset.keys import Demand, KeyPlan, Wanted, key_plan, standard_plan
from mediakit.fileset.record import DirectoryRecord, Key
from mediakit.fileset.record_types import KEYS
from mediakit.fileset.survey import RecordLink, Survey
from mediakit.fileset.tally import Tally
from mediakit.findings import Finding, Rule, Severity, Where
from mediakit.profile.model import Profile
from mediakit.rules.check import Check

NO_VALUE = Rule(
    id="MK-DIR-121",
    severity=Severity.ERROR,
    title="{count} of {all} {type} records have no value for {key}",
    ref="PS3.3 F.5",
    hint="systems that sort by this key cannot place what the record stands for; `mediakit repair` "
    "rewrites it",
)
ABSENT = Rule(
    id="MK-DIR-122",
    severity=Severity.ERROR,
    title="{count} of {all} {type} records do not have {key}, which must be present even when empty",
    ref="PS3.3 F.5",
    hint="strict readers refuse the directory for this; `mediakit repair` writes a new one",
)
UNCONFIRMED = Rule(
    id="MK-DIR-126",
    severity=Severity.NOTE,
    title="{count} of {all} {type} records do not have {key}; whether it is required is unconfirmed",
    ref="PS3.3 F.5",
    hint="editions of the standard differ here; nothing needs to be done",
)
NOT_TAKEN_OVER = Rule(
    id="MK-DIR-127",
    severity=Severity.ERROR,
    title="{count} of {all} {type} records do not have {key}, though the instances do",
    ref="PS3.3 F.5",
    hint="systems that rely on the directory do not see it; the files have it, and `mediakit repair` "
    "copies it",
)
PROFILE_NO_VALUE = Rule(
    id="MK-PRO-101",
    severity=Severity.ERROR,
    title="{count} of {all} {type} records have no value for {key}, required by {profile}",
    ref="PS3.11",
    hint="systems that rely on the profile may refuse the medium; `mediakit repair` writes a complete "
    "directory",
)
PROFILE_ABSENT = Rule(
    id="MK-PRO-102",
    severity=Severity.ERROR,
    title="{count} of {all} {type} records do not have {key}, required by {profile} even when empty",
    ref="PS3.11",
    hint="systems that rely on the profile may refuse the medium; `mediakit repair` writes a complete "
    "directory",
)
PROFILE_NOT_TAKEN_OVER = Rule(
    id="MK-PRO-103",
    severity=Severity.ERROR,
    title="{count} of {all} {type} records do not have {key}, required by {profile} because the images "
    "have it",
    ref="PS3.11",
    hint="systems that rely on the profile do not see it; the files have it, and `mediakit repair` copies it",
)

_GROUPS = frozenset({"PATIENT", "STUDY", "SERIES"})
_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class _Plan:
    """What records need: `firm` keys always or on a condition, `due` keys if an instance has them."""

    firm: KeyPlan = ()
    due: KeyPlan = ()
    unconfirmed: frozenset[Tag] = frozenset()

    @classmethod
    def of(cls, record_type: str, profile: Profile | None) -> _Plan:
        """Return the plan for a type of record; one that asks nothing for a type that is not current."""
        specs = KEYS.get(record_type)
        if specs is None:
            return cls()
        plan = standard_plan(record_type) if profile is None else key_plan(record_type, profile)
        unconfirmed = frozenset(spec.tag for spec in specs if spec.unconfirmed)
        firm = (each for each in plan if each.demand is not Demand.IF_VALUE or each.tag in unconfirmed)
        return cls(tuple(firm), tuple(wanted for wanted in plan if wanted.is_due), unconfirmed)


def check_keys(survey: Survey, profile: Profile | None) -> Iterator[Finding]:
    """Report keys that records of a type lack: one finding for a type and key, at the first such record."""
    if survey.decoded is None or survey.dicomdir is None:
        return
    judge = _Judge(profile, survey.dicomdir.path, _Instances(survey.links))
    for record in survey.decoded.directory.walk():
        judge.record(record)
    yield from judge.findings()


class _Instances:
    """The instances that records stand for: their own, or all below them."""

    def __init__(self, links: tuple[RecordLink, ...]) -> None:
        self._links = links
        self._own = {
            id(link.record): link.file.instance
            for link in links
            if link.file is not None and link.file.instance is not None
        }
        self._below: Mapping[int, list[Instance]] | None = None

    def of(self, record: DirectoryRecord) -> Iterable[Instance]:
        """Return the instances of a record, as far as they are on the medium."""
        own = self._own.get(id(record))
        if own is not None:
            return (own,)
        return self._all_below().get(id(record), ()) if record.type in _GROUPS else ()

    def _all_below(self) -> Mapping[int, list[Instance]]:
        if self._below is None:
            below: dict[int, list[Instance]] = {}
            for link in self._links:
                instance = self._own.get(id(link.record))
                if instance is not None:
                    for record in link.above:
                        below.setdefault(id(record), []).append(instance)
            self._below = below
        return self._below


@dataclass(slots=True)
class _Judge:
    """Judges records one by one and counts what they lack; equal keys are looked at once."""

    profile: Profile | None
    path: str
    instances: _Instances
    _plans: dict[str, _Plan] = field(default_factory=dict)
    _full: set[Key] = field(default_factory=set)
    _lacking: Tally = field(default_factory=Tally)
    _all: Counter[str] = field(default_factory=Counter)

    def record(self, record: DirectoryRecord) -> None:
        """Count what one record lacks."""
        kind = record.type
        self._all[kind] += 1
        plan = self._plans.get(kind)
        if plan is None:
            plan = self._plans[kind] = _Plan.of(kind, self.profile)
        held = {key.tag: key for key in record.keys}
        for wanted in plan.firm:
            key = held.get(wanted.tag)
            if key not in self._full and not self._has_value(wanted, key):
                self._lacks(record, wanted, key)
        for wanted in plan.due:
            if wanted.tag not in held and self._is_due(record, wanted):
                self._count(record, wanted, NOT_TAKEN_OVER, PROFILE_NOT_TAKEN_OVER)

    def findings(self) -> Iterator[Finding]:
        """Yield what was counted."""
        for finding in self._lacking.findings():
            detail = dict(finding.detail)
            yield finding.rule.at(finding.where, **detail, all=self._all[str(detail["type"])])

    def _has_value(self, wanted: Wanted, key: Key | None) -> bool:
        if key is None or not has_value(key.value, wanted.vr):
            return False
        if len(self._full) < _REMEMBERED:
            self._full.add(key)
        return True

    def _lacks(self, record: DirectoryRecord, wanted: Wanted, key: Key | None) -> None:
        if wanted.demand in {Demand.PRESENT, Demand.IF_VALUE}:
            if key is None:
                self._count(record, wanted, ABSENT, PROFILE_ABSENT)
        elif wanted.demand is Demand.VALUE or any(map(wanted.needs_value, self.instances.of(record))):
            self._count(record, wanted, NO_VALUE, PROFILE_NO_VALUE)

    def _is_due(self, record: DirectoryRecord, wanted: Wanted) -> bool:
        for instance in self.instances.of(record):
            raw = wanted.raw(instance)
            if raw and wanted.look(raw, instance).key is not None:
                return True
        return False

    def _count(self, record: DirectoryRecord, wanted: Wanted, standard: Rule, of_profile: Rule) -> None:
        where = Where(path=self.path, record=record.seen_at, tag=wanted.tag)
        detail = {"type": record.type, "key": key_text(wanted.tag), "ref": wanted.ref}
        same = (record.type, wanted.tag)
        if wanted.tag in self._plans[record.type].unconfirmed:
            self._lacking.add(UNCONFIRMED, same, where, **detail)
        elif self.profile is None or wanted.ref.startswith("PS3.3"):
            self._lacking.add(standard, same, where, **detail)
        else:
            detail["ref"] = wanted.ref or self.profile.source
            self._lacking.add(of_profile, same, where, **detail, profile=self.profile.id)


CHECKS: Final = (
    Check(
        check_keys,
        (
            NO_VALUE,
            ABSENT,
            UNCONFIRMED,
            NOT_TAKEN_OVER,
            PROFILE_NO_VALUE,
            PROFILE_ABSENT,
            PROFILE_NOT_TAKEN_OVER,
        ),
    ),
)
