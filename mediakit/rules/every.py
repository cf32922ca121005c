"""All checks, and running them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from functools import cache, partial
from importlib.metadata import EntryPoint
from typing import Final

from msgspec import structs

from mediakit.fileset.survey import Survey
from mediakit.findings import Finding, printable
from mediakit.plug_ins import code_of, plug_ins
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
    manifest,
    medium,
    medium_fat,
    medium_mime,
    meta,
    names,
    pdi,
    pdi_directory,
    pdi_web,
    profile_keys,
    secure,
)
from mediakit.rules.check import Check, Find, RuleSet

GROUP: Final = "mediakit.rules"
CHECKS: Final[tuple[Check, ...]] = (
    *instances.CHECKS,
    *medium.CHECKS,
    *medium_fat.CHECKS,
    *medium_mime.CHECKS,
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
    *secure.CHECKS,
    *completeness.CHECKS,
    *manifest.CHECKS,
    *pdi.CHECKS,
    *pdi_directory.CHECKS,
    *pdi_web.CHECKS,
    *drg.CHECKS,
)


@cache
def checks() -> tuple[Check, ...]:
    """Return the checks of ours, then those of installed packages.

    Such a package names a sequence of `Check` in the entry point group `mediakit.rules`. Raises UsageError
    when one cannot be loaded, is something else, or has the id of another rule.
    """
    found = list(CHECKS)
    for plugin in plug_ins(GROUP).values():
        with code_of(plugin):
            theirs = tuple(plugin.load())
            ids = {rule.id for check in found for rule in check.rules}
            if not all(isinstance(check, Check) for check in theirs):
                raise TypeError("it is not a sequence of checks")
            if taken := sorted(ids.intersection(rule.id for check in theirs for rule in check.rules)):
                raise ValueError(f"{taken[0]} is the id of another rule")
            found += (replace(check, find=partial(_found_by, plugin, check.find)) for check in theirs)
    return tuple(found)


def _found_by(plugin: EntryPoint, find: Find, survey: Survey, profile: Profile | None) -> Iterator[Finding]:
    with code_of(plugin):
        yield from find(survey, profile)


def judge_medium(
    survey: Survey, profile: Profile | None, rule_sets: Collection[RuleSet]
) -> Iterator[tuple[RuleSet, Finding]]:
    """Yield everything that the checks of some rule sets find, with the set each finding belongs to.

    Findings name a file as all journeys show it (see `FileFact.shown_path`).
    """
    names = {file.path: file.shown_path for file in survey.files if file.shown_path != file.path}
    for check in checks():
        if check.rule_set in rule_sets:
            for finding in check.find(survey, profile):
                name = names.get(finding.where.path)
                yield check.rule_set, finding if name is None else _named(finding, name)


def _named(finding: Finding, path: str) -> Finding:
    """Return a finding at another path, also where its sentence repeats that path."""
    before, after = printable(finding.where.path), printable(path)
    detail = tuple((word, after if value == before else value) for word, value in finding.detail)
    return structs.replace(finding.moved(path), detail=detail)


def rule_set_of(rule_id: str) -> RuleSet:
    """Return the rule set that a rule belongs to; rules of readers and of the judge are of the standard."""
    return _rule_sets().get(rule_id, RuleSet.PS3)


@cache
def _rule_sets() -> Mapping[str, RuleSet]:
    return {rule.id: check.rule_set for check in checks() for rule in check.rules}
