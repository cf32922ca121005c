"""What a validation gives: the verdict on each rule set, with everything that it rests on. Values only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mediakit.fileset.contents import Contents
from mediakit.findings import Finding, Severity
from mediakit.outcome import Result
from mediakit.rules.check import RuleSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Conformance:
    """Whether a medium meets a claim: `claim` reads "STD-GEN-CD", "IHE PDI" or "DRG 2006".

    `counts` has the number of findings of each severity that bear on it, `ignored` that of findings which the
    user said do not count.
    """

    rule_set: RuleSet
    claim: str
    counts: Mapping[Severity, int] = field(default_factory=dict)
    ignored: int = 0

    @property
    def holds(self) -> bool:
        """Return True when nothing that was found is an error."""
        return not self.counts.get(Severity.ERROR, 0)

    @property
    def sentence(self) -> str:
        """Return the verdict in the words of PS3.2 7.5: "conforms to STD-GEN-CD"."""
        sentence = f"conforms to {self.claim}" if self.holds else f"does not conform to {self.claim}"
        if not self.ignored:
            return sentence
        return f"{sentence} ({self.ignored:,} {'finding' if self.ignored == 1 else 'findings'} ignored)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """The whole answer on one medium.

    `profile_id` is the profile that it was judged by ("" when none can be told), `is_chosen` is True when the
    user named it, `also_fits` are other profiles that take every instance as it is. `unconfirmed` are the
    parts of the profile that no source at hand confirms.
    """

    result: Result
    verdicts: tuple[Conformance, ...]
    contents: Contents
    profile_id: str = ""
    is_chosen: bool = False
    also_fits: tuple[str, ...] = ()
    unconfirmed: tuple[str, ...] = ()


def conformance_of(
    rule_set: RuleSet, claim: str, findings: Iterable[Finding], ignored: int = 0
) -> Conformance:
    """Return the verdict that some findings give."""
    counts = dict.fromkeys(Severity, 0)
    for finding in findings:
        counts[finding.severity] += 1
    return Conformance(rule_set=rule_set, claim=claim, counts=counts, ignored=ignored)
