"""The values of instances that directory records take: are they legal, and of their character set.

A burn and a validation ask here, so they say the same. What no record may hold but can be put right in the
DICOMDIR is a warning; what cannot is an error, for which a burn refuses the instance. The judge of profiles
looks at the UIDs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain

from msgspec import Struct, field

from mediakit.dicom import text
from mediakit.dicom.instance import SPECIFIC_CHARACTER_SET, Instance, Tag
from mediakit.dicom.packed import Common, Packed, Several
from mediakit.dicom.scanned import SERIES, STUDY
from mediakit.fileset import nested
from mediakit.fileset.key_names import key_text
from mediakit.fileset.key_values import bare, why_illegal
from mediakit.fileset.keys import KeyPlan, Wanted, key_plan, standard_plan
from mediakit.fileset.record_types import KEYS, RECORD_TYPE_OF, ROOT_TYPES
from mediakit.fileset.supply import PATIENT_ID
from mediakit.fileset.tally import Tally
from mediakit.findings import Finding, Rule, Severity, Where, printable
from mediakit.profile.model import Profile

ILLEGAL = Rule(
    id="MK-KEY-031",
    severity=Severity.WARNING,
    title="{count:instance has|instances have} a value of {key} that is not legal for VR {vr}: {why}",
    ref="PS3.5 6.2",
    hint="the DICOMDIR gets a legal value or none; correct the instances at their source",
)
ILLEGAL_ID = Rule(
    id="MK-KEY-032",
    severity=Severity.ERROR,
    title="{key} is not legal for VR {vr}: {why}",
    ref="PS3.5 6.2",
    hint="another ID could be that of another patient: correct the instance at its source",
)
UNKNOWN_TERM = Rule(
    id="MK-KEY-033",
    severity=Severity.ERROR,
    title="Specific Character Set (0008,0005) has the value `{term}`, which is not a Defined Term there",
    ref="PS3.3 C.12.1.1.2",
    hint="names cannot be read for certain: correct the instance at its source",
)
MISPLACED_TERM = Rule(
    id="MK-KEY-034",
    severity=Severity.WARNING,
    title="{count:instance uses|instances use} Defined Terms in Specific Character Set (0008,0005) that may "
    "not stand alone, or not together",
    ref="PS3.3 C.12.1.1.2",
    hint="the DICOMDIR is written in UTF-8; correct the instances at their source",
)
UNDECLARED = Rule(
    id="MK-KEY-035",
    severity=Severity.ERROR,
    title="{key} has bytes above 127 or escape sequences, but no Specific Character Set allows them",
    ref="PS3.5 6.1.2.1",
    hint="nobody can tell which characters are meant: correct the instance at its source",
)
NOT_OF_CHARSET = Rule(
    id="MK-KEY-036",
    severity=Severity.ERROR,
    title="{key} has bytes that are not of its Specific Character Set `{charset}`",
    ref="PS3.5 6.1",
    hint="nobody can tell which characters are meant: correct the instance at its source",
)

NO_UID = Rule(
    id="MK-FST-002",
    severity=Severity.ERROR,
    title="{key} is missing",
    ref="PS3.3 F.5",
    hint="mediakit never makes up a UID: correct the instance at its source",
)

#: All rules of this file.
VALUE_RULES = (NO_UID, ILLEGAL, ILLEGAL_ID, UNKNOWN_TERM, MISPLACED_TERM, UNDECLARED, NOT_OF_CHARSET)
RELATED_CLASSES: Tag = 0x0008001A  # the one value that references take beside the UIDs
_ALWAYS = (SPECIFIC_CHARACTER_SET, RELATED_CLASSES, STUDY, SERIES)
_GROUPS = ("PATIENT", "STUDY", "SERIES")
_JUDGED_BEFORE = frozenset({STUDY, SERIES})  # by `profile.file_rules`; here, whether they are there


class JudgedValues(Struct):
    """What was found: instances to refuse, by their place in the input, and what to warn of."""

    refused: dict[int, Finding] = field(default_factory=dict)
    _warned: dict[str, list[Finding]] = field(default_factory=dict)

    def warnings(self, without: frozenset[str] = frozenset()) -> Iterator[Finding]:
        """Yield one warning for each attribute and reason, at the first instance; those `without` not."""
        tally = Tally()
        for place, findings in sorted(self._warned.items()):
            for finding in findings if place not in without else ():
                same = (finding.where.tag, finding.detail)
                tally.add(finding.rule, same, finding.where, **dict(finding.detail))
        yield from tally.findings()

    def warn(self, place: str, finding: Finding) -> None:
        """Keep a warning."""
        self._warned.setdefault(place, []).append(finding)


def judge_values(instances: Iterable[tuple[str, Instance]], profile: Profile | None) -> JudgedValues:
    """Judge the values of instances, each given with its place."""
    judged = JudgedValues()
    plans = _Plans(profile)
    for index, (place, instance) in enumerate(instances):
        for finding in _findings(instance, plans.of(instance), place):
            if finding.severity is Severity.ERROR:
                judged.refused.setdefault(index, finding)
            else:
                judged.warn(place, finding)
    return judged


class _Asked(Struct, frozen=True):
    """What is judged of instances, and what takes it, behind `_ALWAYS`, out of headers.

    `is_in_study`: they stand in a series of a study.
    """

    plan: KeyPlan
    values: Several
    is_in_study: bool

    @classmethod
    def of(cls, plan: KeyPlan, *, is_in_study: bool) -> _Asked:
        """Return what a plan asks for."""
        return cls(plan, Several(*_ALWAYS, *(wanted.tag for wanted in plan)), is_in_study)


class _Plans:
    """What the records of an instance take, by the type of its own record."""

    def __init__(self, profile: Profile | None) -> None:
        self._profile = profile
        self._known: dict[str, _Asked] = {}
        self._left: dict[tuple[str, Common], _Asked] = {}

    def of(self, instance: Instance) -> _Asked:
        """Return what is to be judged of an instance: not again what is sound and alike in its layout."""
        values = instance.header.values
        if not isinstance(values, Packed):
            return self._whole(instance)
        key = (instance.sop_class, values.common)
        left = self._left.get(key)
        if left is None:
            whole = self._whole(instance)
            plan = tuple(each for each in whole.plan if not _is_settled(each, values.common))
            left = _Asked.of(plan, is_in_study=whole.is_in_study)
            self._left[key] = left
        return left

    def _whole(self, instance: Instance) -> _Asked:
        record = RECORD_TYPE_OF.get(instance.sop_class, "")
        asked = self._known.get(record)
        if asked is None:
            types = [record] if record in ROOT_TYPES else [*_GROUPS, record]
            united = {each.tag: each for each in chain.from_iterable(map(self._plan, types))}
            asked = _Asked.of(
                tuple(each for tag, each in united.items() if tag not in _JUDGED_BEFORE),
                is_in_study=record in KEYS and record not in ROOT_TYPES,
            )
            self._known[record] = asked
        return asked

    def _plan(self, record: str) -> KeyPlan:
        if record not in KEYS:
            return ()
        return standard_plan(record) if self._profile is None else key_plan(record, self._profile)


def _is_settled(wanted: Wanted, common: Common) -> bool:
    """Return True when an attribute is right in every instance of a layout."""
    if wanted.derive is not None or wanted.tag in common.places:
        return False
    raw = common.values.get(wanted.tag)
    known = None if not raw else wanted.known.get(raw) or wanted.learn(raw)
    return known is None or not (known.why or known.is_foreign)


def _findings(instance: Instance, asked: _Asked, place: str) -> Iterator[Finding]:
    charset, related, study, series, *values = asked.values(instance.header.values)
    if asked.is_in_study and not (study and series):
        tag = SERIES if study else STUDY
        yield NO_UID.at(Where(path=place, tag=tag), key=key_text(tag))
    if charset and not _is_sound_charset(charset):
        yield from _of_charset(bare(charset), place)
    why = why_illegal(related, "UI", most=0) if related else ""
    if why:
        where = Where(path=place, tag=RELATED_CLASSES)
        yield ILLEGAL.at(where, key=key_text(RELATED_CLASSES), vr="UI", why=why)
    for wanted, value in zip(asked.plan, values, strict=True):
        raw = value if wanted.derive is None else wanted.derive(instance)
        known = None if not raw else wanted.known.get(raw) or wanted.learn(raw)
        if raw and known is not None and (known.why or known.is_foreign):
            yield from _of_value(instance, wanted, raw, place)


@lru_cache(maxsize=256)  # most instances have the same
def _is_sound_charset(value: bytes) -> bool:
    charset = bare(value)
    return text.unknown_term(charset) is None and not text.is_misplaced(charset)


def _of_charset(charset: bytes, place: str) -> Iterator[Finding]:
    where = Where(path=place, tag=SPECIFIC_CHARACTER_SET)
    term = text.unknown_term(charset)
    if term is not None:
        yield UNKNOWN_TERM.at(where, term=printable(term))
    elif text.is_misplaced(charset):
        yield MISPLACED_TERM.at(where)


def _of_value(instance: Instance, wanted: Wanted, raw: bytes, place: str) -> Iterator[Finding]:
    where = Where(path=place, tag=wanted.tag)
    key = key_text(wanted.tag)
    known = wanted.look(raw, instance)
    charset = bare(instance.header.values.get(SPECIFIC_CHARACTER_SET, b""))
    if known.is_foreign and not _is_readable(wanted.vr, raw, charset):
        if text.is_default(charset):
            yield UNDECLARED.at(where, key=key)
        else:
            yield NOT_OF_CHARSET.at(where, key=key, charset=printable(charset.decode("latin-1")))
    elif known.why:
        rule = ILLEGAL_ID if wanted.tag == PATIENT_ID else ILLEGAL
        yield rule.at(where, key=key, vr=wanted.vr, why=known.why)


def _is_readable(vr: str, raw: bytes, charset: bytes) -> bool:
    return nested.is_readable(raw, charset) if vr == "SQ" else text.is_readable(raw, charset, vr)
