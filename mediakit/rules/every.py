"""All checks, and running them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from mediakit.fileset.survey import Survey
from mediakit.findings import Finding
from mediakit.profile.model import Profile
from mediakit.rules import (
    completeness,
    consistency,
    directory,
    directory_keys,
    disagreement,
    drg,
    hygiene,
    icons,
    instances,
    key_values,
    medium,
    medium_fat,
    meta,
    names,
    pdi,
    pdi_directory,
    pdi_web,
    profile_keys,
)
from mediakit.rules.check import Check, RuleSet

CHECKS: Final[tuple[Check, ...]] = (
    *instances.CHECKS,
    *medium.CHECKS,
    *medium_fat.CHECKS,
    *directory.CHECKS,
    *directory_keys.CHECKS,
    *key_values.CHECKS,
    *profile_keys.CHECKS,
    *icons.CHECKS,
    *consistency.CHECKS,
    *disagreement.CHECKS,
    *names.CHECKS,
    *meta.CHECKS,
    *hygiene.CHECKS,
    *completeness.CHECKS,
    *pdi.CHECKS,
    *pdi_directory.CHECKS,
    *pdi_web.CHECKS,
    *drg.CHECKS,
)


def judge_medium(
    survey: Survey, profile: Profile | None, rule_sets: Collection[RuleSet]
) -> Iterator[tuple[RuleSet, Finding]]:
    """Yield everything that the checks of some rule sets find, with the set each finding belongs to."""
    for check in CHECKS:
        if check.rule_set in rule_sets:
            for finding in check.find(survey, profile):
                yield check.rule_set, finding


_OWNERS: Final = {rule.id: check.rule_set for check in CHECKS for rule in check.rules}


def rule_set_of(rule_id: str) -> RuleSet:
    """Return the rule set that a rule belongs to; rules of readers and of the judge are of the standard."""
    return _OWNERS.get(rule_id, RuleSet.PS3)
