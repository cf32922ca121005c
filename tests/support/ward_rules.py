"""A check from outside of the package, as a hospital may have it: found by an entry point."""

from __future__ import annotations

from collections.abc import Iterator

from mediakit.fileset.survey import Survey
from mediakit.findings import Finding, Rule, Severity
from mediakit.profile.model import Profile
from mediakit.rules.check import Check
from mediakit.rules.instances import CHECKS as OURS

FEW = Rule(
    id="WARD-001",
    severity=Severity.ERROR,
    title="{count} files are fewer than a disc of this ward has",
    ref="house rule 7",
)


def check_number(survey: Survey, profile: Profile | None) -> Iterator[Finding]:
    if len(survey.files) < 100:
        yield FEW.at(count=len(survey.files))


CHECKS = (Check(check_number, (FEW,)),)
TAKEN = OURS
NO_CHECKS = ("text",)


def check_with_a_fault(survey: Survey, profile: Profile | None) -> Iterator[Finding]:
    raise RuntimeError("the ward's own fault")


FAULTY = (Check(check_with_a_fault, (FEW,)),)
