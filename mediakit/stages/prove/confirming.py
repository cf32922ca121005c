"""Ask a destination what it has, before anything is sent or at the end, and write down what it says."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from mediakit.errors import MediakitError
from mediakit.events import Listener, PhaseEnded, PhaseStarted
from mediakit.findings import Finding, Rule, Severity, Where
from mediakit.ledger.ledger import Ledger
from mediakit.ledger.values import Happened
from mediakit.transfer.outgoing import Outgoing
from mediakit.transfer.proof import Denied, NoAnswer, Proof, Proven, Prover
from mediakit.transfer.row import Row, key_of
from mediakit.transfer.states import TRANSITIONS, Happening, TransferState

UNPROVEN = Rule(
    id="MK-IMP-021",
    severity=Severity.ERROR,
    title="the destination reported success, but did not confirm storage: {why}",
    ref="PS3.4 J.3",
    hint="keep the medium; check the destination, then `mediakit job retry JOB`",
)
UNANSWERED = Rule(
    id="MK-IMP-024",
    severity=Severity.WARNING,
    title="the destination did not say whether everything is there: {why}",
    ref="PS3.4 J.3.3",
    hint="the same command with `--resume` asks again, and sends nothing twice",
)

_T = TransferState
#: States in which an instance counts as stored, and is not proven to be.
TO_PROVE = frozenset({_T.STORED, _T.STORED_WITH_WARNING, _T.ALREADY_THERE, _T.UNCONFIRMED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """What a proof came to: how many of those asked for are confirmed, and what was found.

    `because` is why an instance is not confirmed, by its key; `findings` are about the destination.
    """

    confirmed: int = 0
    asked: int = 0
    because: Mapping[str, Finding] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


def leave_what_is_there(
    ledger: Ledger, prover: Prover, items: Sequence[Outgoing], tell: Listener
) -> Confirmed:
    """Ask before sending; write down what is there already: it is not sent."""
    tell(PhaseStarted("ask", total=len(items)))
    proof = _asked(prover, items, tell)
    there = [item for item in items if isinstance(proof.answers.get(item.sop_instance), Proven)]
    ledger.happen_all(
        [key_of(item.sop_instance, item.path) for item in there], Happening.FOUND_THERE, rule=""
    )
    tell(PhaseEnded("ask"))
    return Confirmed(confirmed=len(there), asked=len(items), findings=_on_silence(proof))


def confirm(
    ledger: Ledger, prover: Prover, tell: Listener, states: Collection[TransferState] = TO_PROVE
) -> Confirmed:
    """Ask for proof of everything that counts as stored; write down what it says of each instance."""
    rows = [row for row in ledger.rows(states) if row.item.sop_instance]
    if not rows:
        return Confirmed()
    tell(PhaseStarted("prove", total=len(rows)))
    proof = _asked(prover, [row.item for row in rows], tell)
    happened: list[Happened] = []
    because: dict[str, Finding] = {}
    for row in rows:
        answer = proof.answers.get(row.item.sop_instance, NoAnswer(proof.words or "no answer came"))
        if isinstance(answer, Proven):
            if row.state is not _T.COMMITTED:
                happened.append(Happened(key=row.key, happening=Happening.PROVEN))
        else:
            why = (
                "no answer came" if answer.reason == proof.words else answer.reason
            )  # the report says that once
            because[row.key] = UNPROVEN.at(Where(path=row.item.path), why=why)
            happened += _denied(row, answer)
    ledger.happen_each(happened)
    tell(PhaseEnded("prove"))
    return Confirmed(
        confirmed=len(rows) - len(because), asked=len(rows), because=because, findings=_on_silence(proof)
    )


def _asked(prover: Prover, items: Sequence[Outgoing], tell: Listener) -> Proof:
    """Return what the destination says. What is stored is stored: no fault here ends the import."""
    try:
        return prover(items, tell)
    except MediakitError as exc:
        return Proof(kind="", answers={}, words=str(exc))


def _denied(row: Row, answer: Denied | NoAnswer) -> list[Happened]:
    was_proven = row.state is _T.COMMITTED and isinstance(answer, NoAnswer)  # silence takes nothing back
    if was_proven or Happening.DENIED not in TRANSITIONS[row.state]:
        return []
    return [Happened(key=row.key, happening=Happening.DENIED, words=answer.reason, rule=UNPROVEN.id)]


def _on_silence(proof: Proof) -> tuple[Finding, ...]:
    return (UNANSWERED.at(why=proof.words),) if proof.words else ()
