"""Where the decoder puts its findings: a bounded list, however bad the medium is."""

from __future__ import annotations

from collections import Counter

from mediakit.findings import NOWHERE, Detail, Finding, Rule, Severity, Where

#: So many findings of one rule are kept; one more line tells how many there were beyond.
FINDINGS_PER_RULE = 1000

MORE_OF_THE_SAME = Rule(
    id="MK-DIR-099",
    severity=Severity.NOTE,
    title="{count:more finding|more findings} of {rule} not listed",
    ref="PS3.3 F.3",
    hint="they are like those that are listed; fix these first",
)


class FindingList:
    """Findings in the order they were made, at most `FINDINGS_PER_RULE` of each rule."""

    def __init__(self) -> None:
        self._kept: list[Finding] = []
        self._met: Counter[str] = Counter()

    def add(self, rule: Rule, record: int | None = None, **detail: Detail) -> None:
        """Keep a finding; `record` is the offset of the record it was made at."""
        self._met[rule.id] += 1
        if self._met[rule.id] <= FINDINGS_PER_RULE:
            where = NOWHERE if record is None else Where(record=record)
            self._kept.append(rule.at(where, **detail))

    def all(self) -> tuple[Finding, ...]:
        """Return all findings kept, and one for each rule that was met too often."""
        rest = ((rule, met - FINDINGS_PER_RULE) for rule, met in self._met.items())
        more = (MORE_OF_THE_SAME.at(rule=rule, count=count) for rule, count in rest if count > 0)
        return (*self._kept, *more)
