"""The keys of directory records: those that the type of record and the profile demand, and their values.

What a record of an instance needs is decided by the same plan that `burn` writes by (`fileset.keys`), so
writer and judge cannot disagree. Conditions that ask for the instance are judged when its file is on the
medium. Source: PS3.3 Tables F.5-1 to F.5-49; tables X.3-2 of PS3.11.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mediakit.dicom.dictionary import tag_name
from mediakit.dicom.instance import SPECIFIC_CHARACTER_SET, Instance, Tag
from mediakit.dicom.text import decode, is_complete, needs_charset
from mediakit.fileset.key_values import has_value, is_legal
from mediakit.fileset.keys import Demand, KeyPlan, Wanted, key_plan, standard_plan
from mediakit.fileset.record import DirectoryRecord, Key
from mediakit.fileset.record_types import KEYS
from mediakit.fileset.survey import Link, Survey
from mediakit.findings import Finding, Rule, Severity, Where
from mediakit.profile.model import Profile
from mediakit.rules.check import Check

NO_VALUE = Rule(
    id="MK-DIR-121",
    severity=Severity.ERROR,
    title="a record of type {type} lacks a value for {key}",
    ref="PS3.3 F.5",
    hint="systems that sort by this key cannot place what is below; `mediakit repair` writes it anew",
)
ABSENT = Rule(
    id="MK-DIR-122",
    severity=Severity.ERROR,
    title="a record of type {type} lacks {key}, which must be there even when empty",
    ref="PS3.3 F.5",
    hint="strict readers refuse the directory for this; `mediakit repair` writes it anew",
)
ILLEGAL = Rule(
    id="MK-DIR-123",
    severity=Severity.ERROR,
    title="in a record of type {type} the value of {key} is not legal for its VR {vr}",
    ref="PS3.5 6.2",
    hint="readers may refuse the record or show a wrong value; the file itself may be right",
)
NO_CHARSET = Rule(
    id="MK-DIR-124",
    severity=Severity.ERROR,
    title="in a record of type {type} {key} is not plain ASCII, and no Specific Character Set is named",
    ref="PS3.3 F.5",
    hint="names are shown garbled, and may be taken for another patient's",
)
WRONG_CHARSET = Rule(
    id="MK-DIR-125",
    severity=Severity.WARNING,
    title="in a record of type {type} {key} has bytes that are not of its Specific Character Set",
    ref="PS3.5 6.1",
    hint="names are shown garbled; compare with what the instances themselves say",
)
UNCONFIRMED = Rule(
    id="MK-DIR-126",
    severity=Severity.NOTE,
    title="a record of type {type} lacks {key}; that it must be there is unconfirmed",
    ref="PS3.3 F.5",
    hint="editions of the standard differ here; nothing needs to be done",
)
PROFILE_NO_VALUE = Rule(
    id="MK-PRO-101",
    severity=Severity.ERROR,
    title="a record of type {type} lacks a value for {key}, which {profile} demands",
    ref="PS3.11",
    hint="systems that rely on the profile may not show what is below; `mediakit repair` writes it anew",
)
PROFILE_ABSENT = Rule(
    id="MK-PRO-102",
    severity=Severity.ERROR,
    title="a record of type {type} lacks {key}, which {profile} demands even when empty",
    ref="PS3.11",
    hint="systems that rely on the profile may refuse the directory; `mediakit repair` writes it anew",
)

_TEXT_VRS = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
_REMEMBERED = 4096


class _Plans:
    """The key plans of a profile, by record type; made when the first record of a type is met."""

    def __init__(self, profile: Profile | None) -> None:
        self._profile = profile
        self._plans: dict[str, KeyPlan] = {}
        self._unconfirmed = {
            type_: frozenset(spec.tag for spec in specs if spec.unconfirmed) for type_, specs in KEYS.items()
        }

    def of(self, record_type: str) -> KeyPlan:
        """Return what records of this type need; nothing for a type that is not current."""
        plan = self._plans.get(record_type)
        if plan is None:
            if record_type not in KEYS:
                plan = ()
            elif self._profile is None:
                plan = standard_plan(record_type)
            else:
                plan = key_plan(record_type, self._profile)
            plan = tuple(wanted for wanted in plan if wanted.demand is not Demand.IF_VALUE)
            self._plans[record_type] = plan
        return plan

    def is_unconfirmed(self, record_type: str, tag: Tag) -> bool:
        """Return True for a key whose Type no source confirms."""
        return tag in self._unconfirmed.get(record_type, ())


def check_keys(survey: Survey, profile: Profile | None) -> Iterator[Finding]:
    """Report every record that lacks a key, or has one with an illegal or garbled value."""
    if survey.decoded is None or survey.dicomdir is None:
        return
    plans = _Plans(profile)
    name = "" if profile is None else profile.id
    judge = _Judge(plans, survey.dicomdir.path, name)
    carriers = _carriers(survey.links)
    for record in survey.decoded.directory.walk():
        yield from judge.record(record, carriers.get(id(record)))


def _carriers(links: tuple[Link, ...]) -> dict[int, Instance]:
    """Return an instance for each record: its own, or the first one below it."""
    carriers: dict[int, Instance] = {}
    for link in links:
        if link.file is not None and link.file.instance is not None:
            for record in (link.record, *link.above):
                carriers.setdefault(id(record), link.file.instance)
    return carriers


class _Judge:
    """Judges records one by one; equal values are judged once."""

    def __init__(self, plans: _Plans, path: str, profile: str) -> None:
        self._plans = plans
        self._path = path
        self._profile = profile
        self._sound: set[Key] = set()

    def record(self, record: DirectoryRecord, carrier: Instance | None) -> Iterator[Finding]:
        """Yield what is wrong with one record."""
        held = {key.tag: key for key in record.keys}
        for wanted in self._plans.of(record.type):
            key = held.get(wanted.tag)
            if key is None or not key.value or not has_value(key.value, wanted.vr):
                finding = self._gap(record, wanted, key, carrier)
                if finding is not None:
                    yield finding
        for key in record.keys:
            if key not in self._sound:
                yield from self._value(record, key, held.get(SPECIFIC_CHARACTER_SET))

    def _gap(
        self, record: DirectoryRecord, wanted: Wanted, key: Key | None, carrier: Instance | None
    ) -> Finding | None:
        if wanted.demand is Demand.CONDITION:
            if carrier is None or not wanted.needs_value(carrier):
                return None
        elif wanted.demand is Demand.PRESENT and key is not None:
            return None
        where = Where(path=self._path, record=record.seen_at, tag=wanted.tag)
        named = _named(wanted.tag)
        if self._plans.is_unconfirmed(record.type, wanted.tag):
            return UNCONFIRMED.at(where, type=record.type, key=named, ref=wanted.ref)
        present = wanted.demand is Demand.PRESENT
        if wanted.ref.startswith("PS3.3"):
            return (ABSENT if present else NO_VALUE).at(where, type=record.type, key=named, ref=wanted.ref)
        rule = PROFILE_ABSENT if present else PROFILE_NO_VALUE
        return rule.at(where, type=record.type, key=named, profile=self._profile, ref=wanted.ref)

    def _value(self, record: DirectoryRecord, key: Key, charset: Key | None) -> Iterator[Finding]:
        where = Where(path=self._path, record=record.seen_at, tag=key.tag)
        named = _named(key.tag)
        if key.vr != "SQ" and not is_legal(key.value, key.vr):
            yield ILLEGAL.at(where, type=record.type, key=named, vr=key.vr)
        elif key.vr in _TEXT_VRS and needs_charset(key.value):
            said = b"" if charset is None else charset.value
            if not said.strip(b" \0"):
                yield NO_CHARSET.at(where, type=record.type, key=named)
            elif not is_complete(decode(key.value, said, key.vr)):
                yield WRONG_CHARSET.at(where, type=record.type, key=named)
        elif len(self._sound) < _REMEMBERED:
            self._sound.add(key)


def _named(tag: Tag) -> str:
    return tag_name(tag) or f"{tag:08X}"


CHECKS: Final = (
    Check(
        check_keys,
        (
            NO_VALUE,
            ABSENT,
            ILLEGAL,
            NO_CHARSET,
            WRONG_CHARSET,
            UNCONFIRMED,
            PROFILE_NO_VALUE,
            PROFILE_ABSENT,
        ),
    ),
)
