"""Carrying instances over one session, one after the other, with every step in the ledger.

While the answer to one instance is waited for, the next one is loaded. No byte of an instance is sent before
the ledger says so, and the next one only when the answer is in the ledger: a process that is killed leaves at
most one instance for each session of which nobody knows whether it arrived.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from mediakit.destinations.base import Lost, NegotiatedSession, Session, Unreachable
from mediakit.dicom.uids import class_name
from mediakit.errors import SourceError
from mediakit.events import Advanced, AssociationsOpen, Listener
from mediakit.findings import Finding, Rule, Severity
from mediakit.ledger.ledger import Ledger
from mediakit.stages.act.loading import Loaded, Loader, Unsendable
from mediakit.stages.act.parallel import Place
from mediakit.stages.act.rate import Rate
from mediakit.stages.act.waiting import Waiting
from mediakit.stages.look.closed import finding_on_failure
from mediakit.transfer.outgoing import Answer, Outgoing, StatusClass
from mediakit.transfer.row import key_of
from mediakit.transfer.states import Happening

REFUSED = Rule(
    id="MK-IMP-011",
    severity=Severity.ERROR,
    title="the destination refused it for lack of resources, also when asked again: {answer}",
    ref="PS3.4 B.2.3",
    hint="check disk space and limits at the destination, then `mediakit job retry`",
)
FAILED = Rule(
    id="MK-IMP-012",
    severity=Severity.ERROR,
    title="the destination does not accept it: {answer}",
    ref="PS3.4 B.2.3",
    hint="the log of the destination says why; then `mediakit job retry`",
)
WARNED = Rule(
    id="MK-IMP-013",
    severity=Severity.WARNING,
    title="the destination stored it with a warning: {answer}",
    ref="PS3.4 B.2.3",
    hint="it may have changed values: compare what it shows with the medium",
)
NO_ANSWER = Rule(
    id="MK-IMP-014",
    severity=Severity.ERROR,
    title="it was sent, but the connection ended before a reply came, {times}: {why}",
    ref="PS3.8 7.4",
    hint="`--resume` sends it again; if it ends the same way each time, look into the log of the destination",
)
OTHER_THERE = Rule(
    id="MK-IMP-015",
    severity=Severity.ERROR,
    title="the destination has another instance with this SOP Instance UID, and keeps that",
    ref="PS3.5 9",
    hint="find out which of the two is right before one is replaced",
)
UNCLEAR = Rule(
    id="MK-IMP-039",
    severity=Severity.ERROR,
    title="it was sent, and the reply does not say whether it was stored: {answer}",
    ref="PS3.18 10.5.3",
    hint="look at the destination: `--verify query` asks it, `--resume` sends the instance again",
)

PARTIAL = Rule(
    id="MK-IMP-038",
    severity=Severity.WARNING,
    title="the destination says that it does not store every attribute of {sop_class} ({level})",
    ref="PS3.4 B.4.1.1",
    hint="compare what it shows with the medium; for whole instances choose another destination",
)
ALONE = Rule(
    id="MK-IMP-048",
    severity=Severity.NOTE,
    title="sent over one association: dcmqrscp of DCMTK loses instances that come over several at once",
    ref="PS3.4 B.2.3",
    hint="nothing needs to be done; `--jobs N` opens N all the same, and `migrate` needs `--workers 1` here",
)

_FINDINGS = {
    StatusClass.REFUSED: REFUSED,
    StatusClass.ERROR: FAILED,
    StatusClass.WARNING: WARNED,
    StatusClass.UNCLEAR: UNCLEAR,
}


class Log:
    """What sending came to so far, for all threads.

    `because` has the finding that decided on an instance, `findings` all others, both with its path on the
    medium; `sent` are the keys of instances that may have gone out before, in this run or an earlier one.
    """

    def __init__(self, tell: Listener) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self.because: dict[str, Finding] = {}
        self.findings: list[Finding] = []
        self.sent: set[str] = set()
        self.count = 0
        self.bytes_sent = 0

    def note_session(self, session: Session) -> None:
        """Note what the peer said of itself when the session began, once for each SOP Class."""
        if not isinstance(session, NegotiatedSession):
            return
        said = [each for each in session.negotiated().contexts if each.is_partial and not each.why]
        with self._lock:
            for context in said:
                finding = PARTIAL.at(sop_class=class_name(context.sop_class), level=context.level)
                if finding not in self.findings:
                    self.findings.append(finding)

    def note_alone(self) -> None:
        """Note that there is one association where there would have been more."""
        with self._lock:
            self.findings.append(ALONE.at())

    def note_associations(self, count: int) -> None:
        """Note that more associations are open than before."""
        with self._lock:
            self._tell(AssociationsOpen(count))

    def note_answer(self, ready: Ready, finding: Finding | None) -> None:
        """Note an answer, and the finding that it gives."""
        path = ready.item.path
        with self._lock:
            self.findings += [each.moved(path) for each in ready.loaded.findings]
            self.because.pop(ready.key, None)
            if finding is not None:
                self.because[ready.key] = finding.moved(path)
            self.count += 1
            self.bytes_sent += ready.loaded.payload.data_set_bytes
            self._tell(Advanced(ready.item.size))

    def note_unsendable(self, key: str, item: Outgoing, finding: Finding) -> None:
        """Note an instance that cannot be sent."""
        with self._lock:
            self.because[key] = finding.moved(item.path)
            self._tell(Advanced(item.size))

    def note_lost(self, key: str, item: Outgoing, finding: Finding) -> None:
        """Note an instance that was sent and got no answer."""
        with self._lock:
            self.because[key] = finding.moved(item.path)


@dataclass(frozen=True, slots=True)
class Ready:
    """An instance that is loaded and can be sent."""

    key: str
    item: Outgoing
    loaded: Loaded = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What the carriers of one import share."""

    destination: str
    ledger: Ledger
    log: Log
    rate: Rate
    stop: threading.Event
    tries: int
    refusals: int


class Unread(Exception):  # noqa: N818 - reads as a sentence where it is raised
    """An instance could not be read to its end while it was sent, which ended the session."""


class Carrier:
    """Carries instances over one session. For one thread."""

    def __init__(
        self, session: Session, place: Place, waiting: Waiting, loader: Loader, shared: Shared
    ) -> None:
        self._session = session
        self._place = place
        self._waiting = waiting
        self._loader = loader
        self._shared = shared
        self._has_answered = False  # the peer, on this session
        self._next: Ready | None = None
        self._error: Exception | None = None

    def run(self) -> None:
        """Carry until nothing waits, this session is one too many, or it is of no use to go on.

        Raises Lost when the peer ends the session, Unread when an instance broke while it was read,
        Unreachable when it shows that nobody is there who stores.
        """
        try:
            self._next = self._load_next()
            while (ready := self._next) is not None and not self._is_over():
                self._next = None
                self._carry(ready)
                if self._next is None:
                    self._next = self._load_next()
        finally:
            if self._next is not None:
                self._waiting.put_back(self._next.item)

    def _is_over(self) -> bool:
        return (
            self._shared.stop.is_set()
            or self._waiting.is_over(self._shared.refusals)
            or self._place.is_spare()
        )

    def _carry(self, ready: Ready) -> None:
        """Bring one instance to the destination. Raises as `run` does."""
        ledger, log = self._shared.ledger, self._shared.log
        ledger.happen(ready.key, Happening.SEND)
        was_sent_before = ready.key in log.sent
        log.sent.add(ready.key)
        try:
            payload = self._shared.rate.limited(ready.loaded.payload)
            answer = self._session.send(ready.item, payload, self._load_meanwhile)
        except Lost as exc:
            self._note_lost([ready], exc)
            raise
        except Unreachable:  # this session has not brought it; an earlier one may have
            ledger.happen(ready.key, Happening.LOST if was_sent_before else Happening.HELD_BACK)
            if not was_sent_before:
                log.sent.discard(ready.key)
            self._waiting.put_back(ready.item)
            raise
        except (OSError, SourceError) as exc:  # it broke while it was read; the peer has not got it
            unsendable = Unsendable(Happening.CANNOT_READ, finding_on_failure(exc))
            self._note_unsendable(ready.key, ready.item, unsendable)
            raise Unread from exc
        self._note_answer(ready, answer)
        if self._error is not None:
            raise self._error

    def _load_meanwhile(self) -> None:
        """Load the next instance while an answer is waited for. An error here is not the session's."""
        try:
            self._next = self._load_next()
        except Exception as exc:  # noqa: BLE001 - raised by `_carry` when the answer is there
            self._error = exc

    def _load_next(self) -> Ready | None:
        """Return the next instance that can be sent; write down of others why they cannot."""
        while not self._is_over() and (item := self._take_next()) is not None:
            key = key_of(item.sop_instance, item.path)
            loaded = self._loader.load(
                item, self._session.takes(item.sop_class), self._session.refusal(item.sop_class)
            )
            if isinstance(loaded, Loaded):
                return Ready(key, item, loaded)
            self._note_unsendable(key, item, loaded)
        return None

    def _take_next(self) -> Outgoing | None:
        """Return the next instance that waits; none that ended a session where this one may end anyway."""
        return self._waiting.take(only_new=self._place.is_further)

    def _note_unsendable(self, key: str, item: Outgoing, unsendable: Unsendable) -> None:
        self._shared.ledger.happen(key, unsendable.happening, rule=unsendable.finding.rule.id)
        self._shared.log.note_unsendable(key, item, unsendable.finding)

    def _note_answer(self, ready: Ready, answer: Answer) -> None:
        """Note an answer.

        An error may come of what goes over other associations that nobody asked for: such an instance gets
        another try.
        """
        finding = _finding_on(answer, self._shared.destination)
        self._shared.ledger.happen(
            ready.key,
            answer.happening,
            sent_as=ready.loaded.payload.transfer_syntax,
            code=answer.code,
            words=answer.words,
            rule="" if finding is None else finding.rule.id,
        )
        self._has_answered = True
        is_refusal = answer.kind is StatusClass.REFUSED
        self._waiting.note_answer(ready.item, is_refusal=is_refusal)
        if (
            answer.kind is StatusClass.ERROR
            and self._place.has_others()
            and self._waiting.put_again(ready.item)
        ):
            self._shared.ledger.happen(ready.key, Happening.AGAIN)
        else:
            self._shared.log.note_answer(ready, finding)
        self._place.answered(ready.item, self._waiting.count(), is_refusal=is_refusal)

    def _note_lost(self, lost: Sequence[Ready], exc: Lost) -> None:
        """Note instances that were under way when the session ended.

        Where the destination answers over others, it may be this session that it does not want.
        """
        is_further = self._place.is_further
        is_alone = len(lost) == 1 and not is_further
        tries = [self._waiting.count_try(ready.item, is_alone=is_alone) for ready in lost]
        for ready, count in zip(lost, tries, strict=True):
            finding = NO_ANSWER.at(times=_times(count), why=exc.why or exc.what)
            self._shared.ledger.happen(ready.key, Happening.LOST, rule=NO_ANSWER.id)
            self._shared.log.note_lost(ready.key, ready.item, finding)
        if not self._has_answered and not is_further:
            self._waiting.note_fruitless(max(tries))
        most = self._shared.tries
        again = [ready.item for ready in lost if self._waiting.may_be_tried(ready.item, most)]
        if self._has_answered:  # they may be innocent: they go first on the next session
            self._waiting.keep(again)
            return
        for item in again:
            self._waiting.put_last(item)


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _finding_on(answer: Answer, destination: str) -> Finding | None:
    if answer.is_unequal:
        return OTHER_THERE.at()
    rule = _FINDINGS.get(answer.kind)
    if rule is None:
        return None
    return rule.at(answer=answer.text(destination))
