"""What a Storage SCP has done, when it has ended: counts, findings, and each instance when that is asked for.

Findings are counted by sender and reason, in bounds: a sender that sends a million odd instances is one line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from mediakit.findings import Finding, Report, Rule, Severity
from mediakit.outcome import Outcome, Result
from mediakit.scp.events import (
    AssociationEnded,
    CommitmentAnswered,
    Ending,
    MediumEnded,
    Received,
    Reception,
    ScpEvent,
)
from mediakit.scp.receiver import OUT_OF_RESOURCES, PROCESSING_FAILURE

NO_ROOM = Rule(
    id="MK-SCP-001",
    severity=Severity.ERROR,
    title="{count:instance|instances} from {sender} could not be written: {words}",
    ref="PS3.4 B.2.3",
    hint="check that the folder has room and can be written, and have the sender send them again",
)
OTHER_BYTES = Rule(
    id="MK-SCP-002",
    severity=Severity.WARNING,
    title="{count:instance|instances} from {sender} refused, because another one here has the same UID",
    ref="PS3.5 9",
    hint="what came first stays as it is; ask the sender which of the two is right",
)
NOT_TAKEN = Rule(
    id="MK-SCP-003",
    severity=Severity.WARNING,
    title="{count:instance|instances} from {sender} refused: {words}",
    ref="PS3.4 B.2.3",
    hint="the sender was informed; it has to send them correctly",
)
UNDELIVERED = Rule(
    id="MK-SCP-004",
    severity=Severity.WARNING,
    title="{count:report|reports} of storage commitment could not be delivered to {sender}",
    ref="PS3.4 J.3.3",
    hint="`--peer AET@host:port` says where it listens",
)

REJECTED = Rule(
    id="MK-SCP-005",
    severity=Severity.WARNING,
    title="{count:association|associations} from {sender} rejected: {words}",
    ref="PS3.7 D.3.3.7.3",
    hint="whom to let in says the file of `--users`; `mediakit serve user NAME` makes a line for it",
)
CUT_OFF = Rule(
    id="MK-SCP-006",
    severity=Severity.WARNING,
    title="{count:instance|instances} from {sender} cut off: the association ended before all had come",
    ref="PS3.4 B.2.3",
    hint="nothing of it is kept and the sender got no answer: have it send the instance again",
)

_MOST_KINDS = 1000  # of findings; further senders are taken together
_OURS = frozenset({OUT_OF_RESOURCES, PROCESSING_FAILURE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A server that has ended. `received` is empty when it was not kept.

    `burn` is what was burnt at the end, `media` what was burnt meanwhile.
    """

    ae_title: str
    host: str
    port: int
    folder: str
    associations: int
    counts: Mapping[Reception, int]
    report: Report
    outcome: Outcome
    received: tuple[Received, ...] = ()
    burn: Result | None = None
    media: tuple[MediumEnded, ...] = ()

    @property
    def is_anything_here(self) -> bool:
        """Return True when at least one instance came, or came again."""
        return bool(self.counts.get(Reception.STORED) or self.counts.get(Reception.SAME))


@dataclass(slots=True)
class Tally:
    """Counts what a server tells. For one thread."""

    keeps_all: bool = False
    associations: int = 0
    counts: Counter[Reception] = field(default_factory=Counter)
    received: list[Received] = field(default_factory=list)
    _problems: Counter[tuple[Rule, str, str]] = field(default_factory=Counter)

    def hear(self, event: ScpEvent) -> None:
        """Count an event."""
        if isinstance(event, Received):
            self.counts[event.reception] += 1
            if self.keeps_all:
                self.received.append(event)
            if event.reception is Reception.CONFLICT:
                self._note(OTHER_BYTES, event.calling_ae)
            elif event.reception is Reception.REFUSED:
                rule = NO_ROOM if event.status in _OURS else NOT_TAKEN
                self._note(rule, event.calling_ae, event.words)
        elif isinstance(event, AssociationEnded):
            self.associations += bool(event.calling_ae)
            if event.words and event.ending is Ending.REJECTED:
                self._note(REJECTED, event.calling_ae, event.words)
            cut_off = event.counts.get(Reception.CUT_OFF, 0)
            if cut_off:
                self.counts[Reception.CUT_OFF] += cut_off
                self._note(CUT_OFF, event.calling_ae, count=cut_off)
        elif isinstance(event, CommitmentAnswered) and not event.delivered:
            self._note(UNDELIVERED, event.calling_ae)

    def findings(self) -> list[Finding]:
        """Return what there is to say."""
        return [
            rule.at(count=count, sender=sender, words=words)
            for (rule, sender, words), count in self._problems.items()
        ]

    def _note(self, rule: Rule, sender: str, words: str = "", *, count: int = 1) -> None:
        key = (rule, sender, words)
        if key not in self._problems and len(self._problems) >= _MOST_KINDS:
            key = (rule, "others", words)
        self._problems[key] += count
