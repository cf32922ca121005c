"""What came of writing a medium: the receipt, or why nothing was written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from msgspec import Struct
from msgspec.structs import replace

from mediakit.durable import Unsynced
from mediakit.errors import (
    DoesNotFit,
    IdentifyingError,
    MediakitError,
    NotBurnedError,
    SpoiledError,
    SpoiledSessionError,
    UnreadError,
)
from mediakit.findings import Finding, Rule, Severity, Where
from mediakit.formats.base import Receipt
from mediakit.outcome import Outcome, State
from mediakit.stages.act.pressing import SPOILED_SESSION, Pressed

FAILED_TO_WRITE = Rule(
    id="MK-FST-101",
    severity=Severity.ERROR,
    title="nothing was written: {why}",
    ref="PS3.10 8.6",
    hint="check that the folder exists, can be written to and has room, and run the same command again",
)
NOT_ON_MEDIUM = Rule(
    id="MK-FST-106",
    severity=Severity.ERROR,
    title="nothing was written: {why}",
    ref="PS3.12",
    hint="rename what is named, leave it out, or choose another medium (`--medium`) or media format",
)
NOT_SYNCED = Rule(
    id="MK-FST-113",
    severity=Severity.ERROR,
    title="it was written and stands whole under its name, but a loss of power can still take it away: {why}",
    ref="PS3.10 8.6",
    hint="run `sync` and check it with `mediakit validate`, or see to the disk and make it again",
)
STILL_IDENTIFIES = Rule(
    id="MK-DEI-014",
    severity=Severity.ERROR,
    title="nothing was written: {why}",
    ref="PS3.15 E.1.1",
    hint="MK-DEI-010 and MK-DEI-011 say where: remove or replace it, or leave the file out, and burn again",
)
SPOILED = Rule(
    id="MK-DRV-001",
    severity=Severity.ERROR,
    title="the medium must not be used: {why}",
    ref="PS3.10 8.4",
    hint="throw the disc away (check or replace a stick), insert another, and run the same command again",
)

NOT_BURNED = Rule(
    id="MK-DRV-009",
    severity=Severity.ERROR,
    title="nothing was written on the medium: {why}",
    ref="PS3.10 8.6",
    hint="check that the drive works and the right medium is in it, and run the same command again",
)
UNREAD = Rule(
    id="MK-DRV-008",
    severity=Severity.ERROR,
    title="the medium was written, and could not be read back: {why}",
    ref="PS3.10 8.4",
    hint="insert the disc again and run `mediakit validate DEV`: give it away only if it is good",
)


class Written(Struct, frozen=True, kw_only=True):
    """What came of writing and proving: a receipt for each medium that has its name now.

    `outcome` is that of a journey that ended early, else None; `stopped_by` is the file that ended it, as the
    user knows it. `copies` counts the good media that a drive or robot made, None without one.
    """

    receipts: tuple[Receipt, ...] = ()
    proof: str | None = None
    findings: tuple[Finding, ...] = ()
    outcome: Outcome | None = None
    stopped_by: str = ""
    copies: int | None = None

    @property
    def receipt(self) -> Receipt | None:
        """Return the receipt of the only medium; None when it is not there."""
        return self.receipts[0] if self.receipts else None

    def state_of_unwritten(self, place: str) -> State:
        """Return the state of a file that is not on the medium: held back where another one ended it all."""
        return State.FAILED if self.stopped_by in {"", place} else State.WITHHELD


@contextmanager
def named_for_user(place_of: Callable[[str], str]) -> Iterator[None]:
    """Name the file that stops the writing as the user knows it, by its path on the medium."""
    try:
        yield
    except MediakitError as exc:
        if exc.path:
            exc.path = place_of(exc.path)
        raise


def with_pressed(written: Written, done: Pressed) -> Written:
    """Return what came of it all when the image was put where it goes, too."""
    proof = f"{written.proof}; {done.said}" if written.proof else done.said
    is_made = bool(done.copies) or done.outcome is None
    return replace(
        written,
        receipts=written.receipts if is_made else (),
        proof=proof,
        findings=done.findings,
        outcome=done.outcome,
        copies=done.copies,
    )


def attempt(write: Callable[[], Iterable[Receipt]], *, is_proven: bool) -> Written:
    """Write by calling `write`, and say what came of it. It gives nothing when it only made its checks."""
    try:
        receipts = tuple(write())
    except MediakitError as exc:
        return _not_written(exc)
    except OSError as exc:
        findings = (FAILED_TO_WRITE.at(why=exc.strerror or str(exc)),)
        return Written(findings=findings, outcome=Outcome.INTEGRITY)
    if not receipts:
        return Written()
    files = sum(len(receipt.sums) for receipt in receipts)
    proof = f"{files} files read back, every byte equal" if is_proven else None
    return Written(receipts=receipts, proof=proof)


#: What says more than that it was not written; the first that fits counts.
_RULES = (
    (SpoiledSessionError, SPOILED_SESSION),
    (SpoiledError, SPOILED),
    (NotBurnedError, NOT_BURNED),
    (UnreadError, UNREAD),
    (IdentifyingError, STILL_IDENTIFIES),
)


def reason_for(exc: MediakitError) -> Finding:
    """Return the finding that says why a medium is not there, or must not be used."""
    is_of_format = isinstance(exc, DoesNotFit) and not isinstance(exc.__cause__, OSError)
    rule = NOT_ON_MEDIUM if is_of_format else FAILED_TO_WRITE
    rule = NOT_SYNCED if isinstance(exc.__cause__, Unsynced) else rule
    rule = next((own for kind, own in _RULES if isinstance(exc, kind)), rule)
    return rule.at(Where(path=exc.path), why=str(exc))


def _not_written(exc: MediakitError) -> Written:
    wrong = exc.findings
    return Written(
        proof=f"failed: {len(wrong)} findings" if wrong else None,
        findings=(*wrong, reason_for(exc)),
        outcome=Outcome(exc.exit_code),
        stopped_by=exc.path,
    )
