"""The files one by one: can they be read, and does the profile take them as they are (PS3.10 7, PS3.11)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mediakit.fileset.decode import HIDES_RECORDS
from mediakit.fileset.instance_values import VALUE_RULES, judge_values
from mediakit.fileset.survey import FileKind, Survey
from mediakit.findings import Finding, Rule, Severity, Where
from mediakit.profile.judge import Convert, Decision, Judge
from mediakit.profile.model import Profile
from mediakit.rules.check import Check
from mediakit.volume import CUT_OFF

NO_PROFILE = Rule(
    id="MK-VAL-001",
    severity=Severity.ERROR,
    title="no profile could be chosen: no readable DICOM files",
    ref="PS3.11",
    hint="name the profile that it should conform to with `--profile`",
)
NOT_WHOLE = Rule(
    id="MK-VAL-002",
    severity=Severity.ERROR,
    title="the medium is damaged: {what}",
    ref="PS3.12",
    hint="some files may be missing from this report; try another copy of the medium",
)


MADE_GOOD = Rule(
    id="MK-VAL-003",
    severity=Severity.WARNING,
    title="the medium is damaged: {what}",
    ref="PS3.12",
    hint="everything was read from a second copy on the medium; copy the medium before more of it fails",
)


def damage_findings(survey: Survey) -> Iterator[Finding]:
    """Report what could not be read of the medium itself. Every journey says this."""
    for damage in survey.damage:
        rule = MADE_GOOD if damage.is_made_good else NOT_WHOLE
        yield rule.at(Where(path=damage.path), what=damage.what)


def check_reading(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report every file that could not be read, and what the reader of the medium could not follow."""
    for damage, finding in zip(survey.damage, damage_findings(survey), strict=True):
        if damage.what != CUT_OFF:  # MK-MED-003 says so here
            yield finding
    for file in survey.files:
        if file.kind is FileKind.CLOSED and file.seal is not None:
            continue  # `rules.secure` says so, once for all
        if file.finding is not None and file.kind is not FileKind.OTHER:
            yield file.finding.moved(file.path)


def check_decoding(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report what was wrong with the bytes of the DICOMDIR, and how it was repaired to be read.

    Of other directories it is reported why they were not read, and what may have hidden records.
    """
    for finding in survey.decoded.findings if survey.decoded is not None else ():
        yield finding.moved("" if survey.dicomdir is None else survey.dicomdir.path)
    for other in survey.other_directories:
        if other.finding is not None and other.finding is not other.file.finding:
            yield other.finding.moved(other.file.path)
        for finding in other.decoded.findings if other.decoded is not None else ():
            if finding.rule in HIDES_RECORDS:
                yield finding.moved(other.file.path)


def check_profile(survey: Survey, profile: Profile | None) -> Iterator[Finding]:
    """Report every instance that the profile does not take as it is.

    Source: PS3.11, tables X.3-1 and X.3-3 of the annex of the profile.
    """
    if profile is None:
        yield NO_PROFILE.at()
        return
    judge = Judge(profile, Convert.NONE)
    for file, instance in survey.instances():
        verdict = judge(instance)
        if verdict.decision is not Decision.ACCEPT or verdict.findings:
            for finding in verdict.findings:
                yield finding.moved(file.path)


def check_values(survey: Survey, profile: Profile | None) -> Iterator[Finding]:
    """Report values of instances that no directory record may hold, or that cannot be read."""
    judged = judge_values(((file.path, instance) for file, instance in survey.instances()), profile)
    yield from judged.refused.values()
    yield from judged.warnings()


CHECKS: Final = (
    Check(check_reading, (NOT_WHOLE, MADE_GOOD)),
    Check(check_decoding, ()),
    Check(check_profile, (NO_PROFILE,)),
    Check(check_values, VALUE_RULES),
)
