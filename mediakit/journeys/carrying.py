"""Carrying instances over one session, one after the other, with every step in the ledger.

While the answer to one instance is waited for, the next one is read and made ready. No byte of an instance
goes out before the ledger says that it does. Answers are written down together, within `WRITE_EVERY_S` and at
most `MOST_AHEAD` of them, as are the instances that go out next: what the ledger does not know yet is
*sending* there, which a later look at it takes for uncertain. With a peer that takes its time, that is one.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field

from mediakit.destinations.base import Lost, Session, Unreachable
from mediakit.errors import SourceError
from mediakit.events import Advanced, Listener
from mediakit.findings import Finding, Rule, Severity
from mediakit.journeys.loading import Held, Loaded, Loader
from mediakit.journeys.look import finding_on_failure
from mediakit.journeys.rate import Rate
from mediakit.journeys.waiting import Waiting
from mediakit.ledger.ledger import Ledger
from mediakit.ledger.values import Happened
from mediakit.transfer.outgoing import Answer, Outgoing, StatusClass
from mediakit.transfer.row import key_of
from mediakit.transfer.states import Happening

REFUSED = Rule(
    id="MK-IMP-011",
    severity=Severity.ERROR,
    title="the destination refused it for want of resources, also later: {answer}",
    ref="PS3.4 B.2.3",
    hint="look for room and limits at the destination, then `mediakit job retry`",
)
FAILED = Rule(
    id="MK-IMP-012",
    severity=Severity.ERROR,
    title="the destination does not take it: {answer}",
    ref="PS3.4 B.2.3",
    hint="the log of the destination tells why; then `mediakit job retry`",
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
    title="it was sent and the connection ended before an answer came, {times}: {why}",
    ref="PS3.8 7.3",
    hint="`--resume` sends it again; when it ends so each time, look into the log of the destination",
)
OTHER_THERE = Rule(
    id="MK-IMP-015",
    severity=Severity.ERROR,
    title="the destination has another instance with this SOP Instance UID, and keeps that",
    ref="PS3.5 9",
    hint="find out which of the two is right before one is replaced",
)

WRITE_EVERY_S = 0.05
MOST_AHEAD = 4
_FINDINGS = {StatusClass.REFUSED: REFUSED, StatusClass.ERROR: FAILED, StatusClass.WARNING: WARNED}


class Log:
    """What sending came to so far, for all threads.

    `because` has the finding that decided on an instance, `findings` all others, both with its path on the
    medium; `went` are the keys of instances that may have gone out before, in this run or an earlier one.
    """

    def __init__(self, tell: Listener) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self.because: dict[str, Finding] = {}
        self.findings: list[Finding] = []
        self.went: set[str] = set()
        self.count = 0
        self.bytes_sent = 0

    def answered(self, ready: Ready, finding: Finding | None) -> None:
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

    def held(self, key: str, item: Outgoing, finding: Finding) -> None:
        """Note an instance that cannot go out."""
        with self._lock:
            self.because[key] = finding.moved(item.path)
            self._tell(Advanced(item.size))

    def lost(self, key: str, item: Outgoing, finding: Finding) -> None:
        """Note an instance that went out without an answer."""
        with self._lock:
            self.because[key] = finding.moved(item.path)


@dataclass(frozen=True, slots=True)
class Ready:
    """An instance ready to go out."""

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
    """An instance broke while it went out, and the session with it: that says nothing of the peer."""


class Carrier:
    """Carries instances over one session. For one thread."""

    def __init__(self, session: Session, waiting: Waiting, loader: Loader, shared: Shared) -> None:
        self._session = session
        self._waiting = waiting
        self._loader = loader
        self._shared = shared
        self._unwritten: list[Happened] = []
        self._has_to_write = False
        self._written_at = 0.0
        self._claimed: deque[Outgoing] = deque()  # taken, and not made ready yet
        self._noted: set[str] = set()  # keys that go out by the ledger
        self._ahead = 1
        self._claimed_at = 0.0
        self._fault: Exception | None = None
        self._has_brought = False  # this session, an answer
        self._following: Ready | None = None

    def run(self) -> None:
        """Carry until nothing waits, or it is of no use to go on.

        Raises Lost when the peer ends the session, Unread when what is on the medium did, Unreachable when
        it shows that nobody is there who stores.
        """
        try:
            self._following = self._made_ready()
            while (ready := self._following) is not None and not self._is_over():
                self._following = None
                self._carry(ready)
                if self._following is None:
                    self._following = self._made_ready()
        finally:
            self._hold_back()

    def _is_over(self) -> bool:
        return self._shared.stop.is_set() or self._waiting.is_over(self._shared.refusals)

    def _carry(self, ready: Ready) -> None:
        """Bring one instance to the destination. Raises as `run` does."""
        if ready.key not in self._noted:
            self._note_send(ready.key)
        if self._has_to_write:
            self._write_down()
        self._noted.discard(ready.key)
        went_before = ready.key in self._shared.log.went
        self._shared.log.went.add(ready.key)
        try:
            payload = self._shared.rate.limited(ready.loaded.payload)
            answer = self._session.send(ready.item, payload, self._meanwhile)
        except Lost as exc:
            self._lost(ready, exc)
            raise
        except Unreachable:
            self._turned_away(ready, went_before=went_before)
            raise
        except (OSError, SourceError) as exc:  # it broke while it was read; the peer has not got it
            self._held(ready.key, ready.item, Held(Happening.CANNOT_READ, finding_on_failure(exc)))
            raise Unread from exc
        self._answered(ready, answer)
        if self._fault is not None:
            raise self._fault

    def _meanwhile(self) -> None:
        """Make the next instance ready, and write down what is known. A fault here is not the session's."""
        try:
            self._following = self._made_ready()
            if self._has_to_write or time.monotonic() - self._written_at > WRITE_EVERY_S:
                self._write_down()
        except Exception as exc:  # noqa: BLE001 - raised by `_carry` when the answer is there
            self._fault = exc

    def _made_ready(self) -> Ready | None:
        """Return the next instance that can go out; what cannot is noted."""
        while not self._is_over() and (item := self._take()) is not None:
            key = key_of(item.sop_instance, item.path)
            loaded = self._loader.load(item, self._session.takes(item.sop_class))
            if isinstance(loaded, Loaded):
                return Ready(key, item, loaded)
            self._held(key, item, loaded)
        return None

    def _take(self) -> Outgoing | None:
        """Take the next instance; note some of those behind it as going out when it goes quickly."""
        if not self._claimed:
            now = time.monotonic()
            is_quick = now - self._claimed_at < WRITE_EVERY_S
            self._ahead = min(2 * self._ahead, MOST_AHEAD) if is_quick else 1
            self._claimed_at = now
            self._claimed.extend(self._waiting.take(self._ahead))
            for item in self._claimed:
                key = key_of(item.sop_instance, item.path)
                if key not in self._shared.log.went:  # of the others the ledger keeps what is known of them
                    self._note_send(key)
        return self._claimed.popleft() if self._claimed else None

    def _note_send(self, key: str) -> None:
        self._unwritten.append(Happened(key=key, happening=Happening.SEND))
        self._noted.add(key)
        self._has_to_write = True

    def _held(self, key: str, item: Outgoing, held: Held) -> None:
        self._noted.discard(key)
        self._unwritten.append(Happened(key=key, happening=held.happening, rule=held.finding.rule.id))
        self._shared.log.held(key, item, held.finding)

    def _answered(self, ready: Ready, answer: Answer) -> None:
        finding = _finding_on(answer, self._shared.destination)
        self._unwritten.append(
            Happened(
                key=ready.key,
                happening=answer.happening,
                sent_as=ready.loaded.payload.transfer_syntax,
                code=answer.code,
                words=answer.words,
                rule="" if finding is None else finding.rule.id,
            )
        )
        self._has_brought = True
        self._waiting.note_answer(ready.item, is_refusal=answer.kind is StatusClass.REFUSED)
        self._shared.log.answered(ready, finding)

    def _lost(self, ready: Ready, exc: Lost) -> None:
        tries = self._waiting.count_try(ready.item)
        finding = NO_ANSWER.at(times=_times(tries), why=exc.why or exc.what)
        self._unwritten.append(Happened(key=ready.key, happening=Happening.LOST, rule=NO_ANSWER.id))
        self._shared.log.lost(ready.key, ready.item, finding)
        self._write_down()  # before another thread can take it
        if not self._has_brought:
            self._waiting.note_vain(tries)
        if tries >= self._shared.tries:
            return
        if self._has_brought:  # it may be innocent: it goes first on the next session
            self._waiting.keep(ready.item)
        else:
            self._waiting.put_last(ready.item)

    def _turned_away(self, ready: Ready, *, went_before: bool) -> None:
        """Put back an instance that this session has not brought; an earlier one may have."""
        happening = Happening.LOST if went_before else Happening.HELD_BACK
        self._unwritten.append(Happened(key=ready.key, happening=happening))
        if not went_before:
            self._shared.log.went.discard(ready.key)
        self._claimed.appendleft(ready.item)

    def _hold_back(self) -> None:
        """Write down what is known, and put back what was taken and did not go out."""
        if self._following is not None:
            self._claimed.appendleft(self._following.item)
            self._following = None
        self._unwritten += [Happened(key=key, happening=Happening.HELD_BACK) for key in self._noted]
        self._noted.clear()
        self._write_down()  # before another thread can take them
        while self._claimed:
            self._waiting.put_back(self._claimed.pop())

    def _write_down(self) -> None:
        changes, self._unwritten = self._unwritten, []
        self._has_to_write = False
        self._written_at = time.monotonic()
        if changes:
            self._shared.ledger.happen_each(changes)


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _finding_on(answer: Answer, destination: str) -> Finding | None:
    if answer.is_unequal:
        return OTHER_THERE.at()
    rule = _FINDINGS.get(answer.kind)
    if rule is None:
        return None
    return rule.at(answer=answer.told(destination))
