"""What a profile demands inside the sequences of directory records (tables X.3-2 of PS3.11).

The keys themselves, those of the profile too, `directory_keys` judges; icons have rules of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mediakit.dicom.instance import Tag
from mediakit.fileset.key_names import key_text
from mediakit.fileset.nested import demanded_inside, is_inside
from mediakit.fileset.record import DirectoryRecord, Key
from mediakit.fileset.survey import Survey
from mediakit.fileset.tally import Tally
from mediakit.findings import Finding, Rule, Severity, Where
from mediakit.profile.model import KeyRule, Profile
from mediakit.rules.check import Check

LACKS_NESTED = Rule(
    id="MK-PRO-104",
    severity=Severity.ERROR,
    title="{count:{type} record has|{type} records have} no {key} in {parent}, required by {profile}",
    ref="PS3.11",
    hint="what the sequence refers to cannot be found through the directory; the files may have it",
)

_Nested = dict[str, dict[Tag, list[KeyRule]]]  # by record type and sequence
_REMEMBERED = 4096


def check_nested(survey: Survey, profile: Profile | None) -> Iterator[Finding]:
    """Report sequences of records whose items lack what the profile demands in them."""
    demanded = {} if profile is None else _demanded(profile)
    if profile is None or survey.decoded is None or survey.dicomdir is None or not demanded:
        return
    path = survey.dicomdir.path
    lacking = Tally()
    known: dict[tuple[str, Key], tuple[KeyRule, ...]] = {}
    for record in survey.decoded.directory.walk():
        sequences = demanded.get(record.type)
        if sequences is None:
            continue
        for key in record.keys:
            if key.tag in sequences:
                missing = known.get((record.type, key))
                if missing is None:
                    missing = tuple(rule for rule in sequences[key.tag] if not is_inside(rule, key.value))
                    if len(known) < _REMEMBERED:
                        known[(record.type, key)] = missing
                for rule in missing:
                    _count(lacking, record, rule, path, profile)
    yield from lacking.findings()


def _demanded(profile: Profile) -> _Nested:
    demanded: _Nested = {}
    for record_type in sorted({record_type for rule in profile.keys for record_type in rule.records}):
        for rule in demanded_inside(profile, record_type):
            demanded.setdefault(record_type, {}).setdefault(rule.parent or 0, []).append(rule)
    return demanded


def _count(lacking: Tally, record: DirectoryRecord, rule: KeyRule, path: str, profile: Profile) -> None:
    lacking.add(
        LACKS_NESTED,
        (record.type, rule.parent, rule.tag),
        Where(path=path, record=record.seen_at, tag=rule.parent),
        type=record.type,
        parent=key_text(rule.parent or 0),
        key=key_text(rule.tag),
        profile=profile.id,
        ref=rule.ref or profile.source,
    )


CHECKS: Final = (Check(check_nested, (LACKS_NESTED,)),)
