"""The fates of a journey: every file that was met, and the one state it ended in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mediakit.dicom.instance import shown
from mediakit.fileset.survey import Survey
from mediakit.findings import Finding, Report, Severity
from mediakit.outcome import Fate, Figures, Outcome, Result, State, outcome_of
from mediakit.rules.instances import damage_findings


class Fates:
    """Collects fates and findings while a journey runs. A file is entered once and settled once.

    It is made of the surveys of the journey: what could not be read of a medium is among the findings from
    the beginning, so no journey can end as if it had seen the whole medium.
    """

    def __init__(self, surveys: Sequence[Survey], places: Iterable[str] = ()) -> None:
        """`places` are files that are met before those of the surveys."""
        self._fates: dict[str, Fate | None] = dict.fromkeys(places)
        self._states: set[State] = set()
        self.findings: list[Finding] = [
            finding.moved(shown(survey.subject, finding.where.path))
            for survey in surveys
            for finding in damage_findings(survey)
        ]
        self.is_damaged = any(finding.severity is Severity.ERROR for finding in self.findings)

    def enter(self, place: str) -> bool:
        """Note that a file was met; its fate is still open. Return False when it was met before."""
        if place in self._fates:
            return False
        self._fates[place] = None
        return True

    def settle(
        self, place: str, state: State, finding: Finding | None = None, *, sop_instance: str = ""
    ) -> None:
        """Give a file its fate. The finding is moved to the file's place and kept for the report."""
        because = None if finding is None else finding.moved(place)
        if because is not None:
            self.findings.append(because)
        self.record(Fate(source=place, state=state, because=because, sop_instance=sop_instance))

    def refuse(self, place: str, findings: Iterable[Finding], *, sop_instance: str = "") -> None:
        """Settle a file as refused, for the first of the findings that is an error; keep them all."""
        moved = [finding.moved(place) for finding in findings]
        because = next((f for f in moved if f.severity is Severity.ERROR), moved[0] if moved else None)
        self.findings.extend(moved)
        self.record(Fate(source=place, state=State.REFUSED, because=because, sop_instance=sop_instance))

    def record(self, fate: Fate) -> None:
        """Give a file a fate that is already made, without a finding."""
        self._fates[fate.source] = fate
        self._states.add(fate.state)

    def note(self, place: str, findings: Iterable[Finding]) -> None:
        """Keep findings on a file whose fate is still open."""
        self.findings.extend(finding.moved(place) for finding in findings)

    def open_places(self) -> tuple[str, ...]:
        """Return the files that have no fate yet, in the order they were met."""
        return tuple(place for place, fate in self._fates.items() if fate is None)

    def settle_rest(self, state: State, finding: Finding | None = None) -> None:
        """Give every file that has no fate yet this one."""
        for place in self.open_places():
            because = None if finding is None else finding.moved(place)
            self.record(Fate(source=place, state=state, because=because))

    def settled(self) -> tuple[Fate, ...]:
        """Return the fates given so far, in the order the files were met."""
        return tuple(fate for fate in self._fates.values() if fate is not None)

    @property
    def is_bad(self) -> bool:
        """Return True when a file ended in a state that needs somebody's attention."""
        return any(not state.is_good for state in self._states)

    def fates(self) -> tuple[Fate, ...]:
        """Return the fate of every file, in the order the files were met.

        Raises AssertionError when a file was left without one: that is a fault of ours, never passed over.
        """
        if left := self.open_places():
            raise AssertionError(f"{len(left)} files were left without a fate")
        return self.settled()

    def result(
        self,
        journey: str,
        subject: str,
        figures: Figures,
        fail_on: Severity = Severity.ERROR,
        outcome: Outcome | None = None,
    ) -> Result:
        """Return the result of the journey. `outcome` is given when it ended early."""
        fates = self.fates()
        report = Report.of(subject, self.findings)
        return Result(
            journey=journey,
            fates=fates,
            report=report,
            outcome=outcome_of(fates, report, fail_on) if outcome is None else outcome,
            figures=figures.as_mapping(),
        )
