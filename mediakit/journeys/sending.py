"""Sending: batches of instances over sessions that can fail, each step in the ledger before it is taken.

The threads here share three things: the queue, the ledger and the listener; each has a session and the medium
open for itself. Whatever happens, an instance is in the ledger in the state that is true of it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from mediakit.destinations.base import Context, Destination, Lost, Session, Unreachable
from mediakit.errors import MediakitError, SourceError
from mediakit.events import Advanced, Listener
from mediakit.findings import Finding, Rule, Severity
from mediakit.journeys.import_order import ImportOrder
from mediakit.journeys.loading import Held, Loaded, Loader
from mediakit.journeys.rate import Rate
from mediakit.journeys.scan import finding_on_failure
from mediakit.ledger.ledger import Ledger
from mediakit.transfer.negotiate import Batch
from mediakit.transfer.outgoing import Answer, Outgoing, StatusClass
from mediakit.transfer.row import key_of
from mediakit.transfer.states import Happening, TransferState

REFUSED = Rule(
    id="MK-IMP-011",
    severity=Severity.ERROR,
    title="the destination refused it for want of resources, also later: status {code}{words}",
    ref="PS3.4 B.2.3",
    hint="look for room and limits at the destination, then `mediakit job retry`",
)
FAILED = Rule(
    id="MK-IMP-012",
    severity=Severity.ERROR,
    title="the destination does not take it: status {code}{words}",
    ref="PS3.4 B.2.3",
    hint="the log of the destination tells why; then `mediakit job retry`",
)
WARNED = Rule(
    id="MK-IMP-013",
    severity=Severity.WARNING,
    title="the destination stored it with a warning: status {code}{words}",
    ref="PS3.4 B.2.3",
    hint="it may have changed values: compare what it shows with the medium",
)
NO_ANSWER = Rule(
    id="MK-IMP-014",
    severity=Severity.ERROR,
    title="it was sent and the connection ended before an answer came, {tries} times: {why}",
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

_FINDINGS = {StatusClass.REFUSED: REFUSED, StatusClass.ERROR: FAILED, StatusClass.WARNING: WARNED}


@dataclass(slots=True)
class Sent:
    """What sending came to. `stopped` says why it ended before everything was tried, "" when it did not.

    `because` has the finding that decided on an instance, `findings` all others, both with the place of it.
    """

    stopped: str = ""
    because: dict[str, Finding] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    count: int = 0
    bytes_sent: int = 0


class Sender:
    """Sends batches to one destination."""

    def __init__(
        self,
        destination: Destination,
        ledger: Ledger,
        order: ImportOrder,
        loader: Callable[[], Loader],
        tell: Listener,
    ) -> None:
        self._destination = destination
        self._ledger = ledger
        self._order = order
        self._loader = loader
        self._tell = tell
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._rate = Rate(order.rate, self._stop)
        self._sessions: set[Session] = set()
        self.sent = Sent()

    def send(self, batches: Iterable[Batch]) -> Sent:
        """Send all, batch by batch, in rounds while instances are refused for want of resources.

        KeyboardInterrupt lets the instances under way end within the grace time, and passes on.
        """
        for batch in batches:
            left: Sequence[Outgoing] = batch.items
            for wait_s in (0.0, *self._order.patience.refusals):
                self._stop.wait(wait_s)
                left = self._round(replace(batch, items=tuple(left)))
                if self.sent.stopped or not left:
                    break
            if self.sent.stopped:
                break
        return self.sent

    def _round(self, batch: Batch) -> Sequence[Outgoing]:
        """Send a batch once over; return the instances that are worth another round."""
        queue = _Queue(batch.items)
        contexts = tuple(Context(each.sop_class, (each.transfer_syntax,)) for each in batch.proposals)
        workers = [
            threading.Thread(target=self._work, args=(queue, contexts), name=f"mediakit-send-{number}")
            for number in range(min(self._order.associations, len(batch.items)))
        ]
        try:
            for worker in workers:
                worker.start()
            _wait(workers)
        except BaseException:
            self._end(workers)
            raise
        if queue.fault is not None:
            raise queue.fault
        if queue.is_left() and not queue.refused and not self.sent.stopped:
            self.sent.stopped = queue.why or "the destination cannot be reached"
        return (*queue.refused, *queue.rest())

    def _end(self, workers: Sequence[threading.Thread]) -> None:
        """Let what is under way end, but not for ever."""
        self._stop.set()
        try:
            for worker in workers:
                worker.join(self._order.patience.grace_s)
        finally:
            with self._lock:
                sessions = tuple(self._sessions)
            for session in sessions:
                session.abort()
            for worker in workers:
                if worker.is_alive():
                    worker.join(self._order.patience.grace_s)

    def _work(self, queue: _Queue, contexts: Sequence[Context]) -> None:
        """Take from the queue until it is empty, on one session after the other."""
        try:
            with self._loader() as loader:
                while not self._stop.is_set() and not queue.is_over(self._order.patience.in_a_row):
                    if not self._on_session(queue, contexts, loader):
                        return
        except (MediakitError, OSError) as exc:
            queue.fail(exc)
        except Exception as exc:  # noqa: BLE001 - a fault of ours in a thread must not look like an end
            queue.fail(exc)

    def _on_session(self, queue: _Queue, contexts: Sequence[Context], loader: Loader) -> bool:
        """Send over one session; return True when another one is worth while."""
        if not queue.is_left():
            return False
        session = self._connected(queue, contexts)
        if session is None:
            return False
        try:
            while not self._stop.is_set() and not queue.is_over(self._order.patience.in_a_row):
                item = queue.take()
                if item is None:
                    return False
                self._one(session, item, queue, loader)
        except Lost as exc:
            return queue.note_loss(str(exc.why or exc.what)) <= len(self._order.patience.connections) + 1
        finally:
            with self._lock:
                self._sessions.discard(session)
            session.close()
        return True

    def _connected(self, queue: _Queue, contexts: Sequence[Context]) -> Session | None:
        waits = (queue.pause(self._order.patience.connections), *self._order.patience.connections)
        for number, wait_s in enumerate(waits):
            if self._stop.wait(wait_s):
                return None
            try:
                session = self._destination.connect(contexts)
            except Unreachable as exc:
                queue.why = str(exc)
                if not exc.is_passing or number == len(waits) - 1:
                    return None
                continue
            with self._lock:
                self._sessions.add(session)
            return session
        return None

    def _one(self, session: Session, item: Outgoing, queue: _Queue, loader: Loader) -> None:
        """Bring one instance to the destination, or write down why not. Raises Lost."""
        key = key_of(item.sop_instance, item.path)
        loaded = loader.load(item, session.takes(item.sop_class))
        if isinstance(loaded, Held):
            self._held(key, item, loaded)
            return
        self._ledger.happen(key, Happening.SEND)
        try:
            answer = session.send(item, self._rate.limited(loaded.payload))
        except Lost as exc:
            self._lost(key, item, queue, exc)
            raise
        except (OSError, SourceError) as exc:  # it broke while it was read; the peer has not got it
            self._held(key, item, Held(Happening.CANNOT_READ, finding_on_failure(exc)))
            raise Lost("the association was ended", why="an instance could not be read to its end") from exc
        self._answered(key, item, loaded, answer, queue)

    def _answered(self, key: str, item: Outgoing, loaded: Loaded, answer: Answer, queue: _Queue) -> None:
        self._ledger.happen(
            key,
            answer.happening,
            sent_as=loaded.payload.transfer_syntax,
            code=answer.code,
            words=answer.words,
            rule=OTHER_THERE.id if answer.is_unequal else "",
        )
        queue.note_answer(item, is_refusal=answer.kind is StatusClass.REFUSED)
        finding = None
        if answer.is_unequal:
            finding = OTHER_THERE.at()
        elif (rule := _FINDINGS.get(answer.kind)) is not None:
            words = f" ({answer.words})" if answer.words else ""
            finding = rule.at(code=f"{answer.code:04X}", words=words)
        self._told(key, item, finding, loaded)

    def _told(self, key: str, item: Outgoing, finding: Finding | None, loaded: Loaded) -> None:
        with self._lock:
            self.sent.findings += [each.moved(item.path) for each in loaded.findings]
            self.sent.because.pop(key, None)
            if finding is not None:
                self.sent.because[key] = finding.moved(item.path)
            self.sent.count += 1
            self.sent.bytes_sent += loaded.payload.data_set_bytes
            self._tell(Advanced(item.size))

    def _held(self, key: str, item: Outgoing, held: Held) -> None:
        if self._ledger.happen(key, held.happening, rule=held.finding.rule.id):
            with self._lock:
                self.sent.because[key] = held.finding.moved(item.path)
                self._tell(Advanced(item.size))

    def _lost(self, key: str, item: Outgoing, queue: _Queue, exc: Lost) -> None:
        state = self._ledger.happen(key, Happening.LOST, rule=NO_ANSWER.id)
        tries = queue.put_back(item, self._order.patience.tries)
        if state is TransferState.UNCERTAIN:
            with self._lock:
                finding = NO_ANSWER.at(tries=tries, why=exc.why or exc.what)
                self.sent.because[key] = finding.moved(item.path)


class _Queue:
    """The instances of a round that nobody has taken yet, and how it goes. For several threads."""

    def __init__(self, items: Iterable[Outgoing]) -> None:
        self._lock = threading.Lock()
        self._waiting = deque(items)
        self._tries: dict[str, int] = {}
        self._losses = 0
        self._refusals = 0
        self.refused: list[Outgoing] = []
        self.fault: Exception | None = None
        self.why = ""

    def take(self) -> Outgoing | None:
        """Return the next instance, None when there is none."""
        with self._lock:
            return self._waiting.popleft() if self._waiting else None

    def put_back(self, item: Outgoing, most: int) -> int:
        """Put an instance back in front, unless it was tried so often; return how often it was."""
        with self._lock:
            self._tries[item.path] = tries = self._tries.get(item.path, 0) + 1
            if tries < most:
                self._waiting.appendleft(item)
            return tries

    def note_answer(self, item: Outgoing, *, is_refusal: bool) -> None:
        """Note that the peer answered."""
        with self._lock:
            self._losses = 0
            self._refusals = self._refusals + 1 if is_refusal else 0
            if is_refusal:
                self.refused.append(item)

    def note_loss(self, why: str) -> int:
        """Note that a session was lost; return how many were since the last answer."""
        with self._lock:
            self._losses += 1
            self.why = why
            return self._losses

    def pause(self, waits: Sequence[float]) -> float:
        """Return how long to wait before the next session, in seconds: longer the more were lost in a row."""
        with self._lock:
            return waits[min(self._losses, len(waits)) - 1] if self._losses and waits else 0.0

    def is_over(self, refusals: int) -> bool:
        """Return True when it is of no use to go on with this round."""
        with self._lock:
            return self._refusals >= refusals or self.fault is not None

    def is_left(self) -> bool:
        """Return True when instances are waiting."""
        with self._lock:
            return bool(self._waiting)

    def rest(self) -> tuple[Outgoing, ...]:
        """Return the instances that nobody took."""
        with self._lock:
            return tuple(self._waiting)

    def fail(self, exc: Exception) -> None:
        """Note that a thread cannot go on."""
        with self._lock:
            self.fault = self.fault or exc


def _wait(workers: Sequence[threading.Thread]) -> None:
    for worker in workers:
        while worker.is_alive():
            worker.join(0.2)  # in short waits, so that a signal is heard on every system
