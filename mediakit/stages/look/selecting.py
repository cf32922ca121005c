"""Leave out of what was looked at what was not asked for, before anything else is decided."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from mediakit.dicom.instance import shown
from mediakit.fileset.selection import Selection, select
from mediakit.fileset.survey import FileFact, Survey
from mediakit.findings import Finding, Rule, Severity, Where
from mediakit.outcome import State
from mediakit.stages.look.fates import Fates
from mediakit.transfer.patient_identity import identities_of, shown_ids

NOTHING_CHOSEN = Rule(
    id="MK-IDN-001",
    severity=Severity.ERROR,
    title="nothing here matches what was asked for; the Patient IDs here are {ids}",
    ref="PS3.3 C.7.1.1",
    hint="compare what was asked for with what `mediakit inspect` shows",
)
LEFT_OUT = Rule(
    id="MK-IDN-002",
    severity=Severity.NOTE,
    title="{count:instance|instances} left out, as asked; their Patient IDs: {ids}",
    ref="PS3.3 C.7.1.1",
    hint="nothing needs to be done; without the options that choose, everything is taken",
)
NOT_CHOSEN = Rule(
    id="MK-IMP-033",
    severity=Severity.NOTE,
    title="was not asked for",
    ref="PS3.3 C.7.1.1",
    hint="nothing needs to be done; without the options that choose, everything is taken",
)


class Chosen(Struct, frozen=True, kw_only=True):
    """What was asked for, and what was left out: (place, file) of each. `is_nothing`: nothing is left."""

    surveys: tuple[Survey, ...]
    left_out: tuple[tuple[str, FileFact], ...] = ()
    findings: tuple[Finding, ...] = ()
    is_nothing: bool = False

    def settle(self, fates: Fates) -> None:
        """Give what was left out its fate, and keep the findings."""
        for place, file in self.left_out:
            if fates.enter(place):
                uid = "" if file.instance is None else file.instance.sop_instance
                fates.settle(place, State.EXCLUDED, NOT_CHOSEN.at(), sop_instance=uid)
        fates.findings += self.findings


def choose(surveys: Iterable[Survey], selection: Selection) -> Chosen:
    """Leave out what was not asked for of some media. Nothing is left out without a selection."""
    surveys = tuple(surveys)
    if not selection:
        return Chosen(surveys=surveys)
    selected = [select(survey, selection) for survey in surveys]
    left_out = [
        (shown(survey.subject, file.path), file)
        for survey, each in zip(surveys, selected, strict=True)
        for file in each.left_out
    ]
    instances = [file.instance for _, file in left_out if file.instance is not None]
    is_nothing = not any(_holds_anything(each.survey) for each in selected)
    findings: tuple[Finding, ...] = ()
    if instances:
        ids = shown_ids(identities_of(instances))
        where = Where(path=surveys[0].subject)
        rule = (
            NOTHING_CHOSEN.at(where, ids=ids)
            if is_nothing
            else LEFT_OUT.at(where, count=len(instances), ids=ids)
        )
        findings = (rule,)
    return Chosen(
        surveys=tuple(each.survey for each in selected),
        left_out=tuple(left_out),
        findings=findings,
        is_nothing=is_nothing and bool(instances),
    )


def _holds_anything(survey: Survey) -> bool:
    """Return True when there is an instance, or a record of one that is missing."""
    return any(True for _ in survey.instances()) or any(True for _ in survey.all_links())
