"""Sending: batches of instances over sessions that can fail, in rounds, by several threads.

The threads share the instances that wait, the ledger and the log; each has a session and a loader of its own
(see `carrying`). How many there are is said by `parallel`: a fixed number, or as many as turn out to be best.
Whatever happens, the ledger has what is true of every instance.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial

from mediakit.destinations.base import (
    Context,
    Destination,
    Lost,
    NegotiatedSession,
    ParallelDestination,
    Session,
    Unreachable,
    WindowedSession,
    contexts_of,
)
from mediakit.dicom.uids import IMPLICIT_VR_LITTLE_ENDIAN
from mediakit.errors import SourceError, UsageError
from mediakit.events import Listener
from mediakit.ledger.ledger import Ledger
from mediakit.limits import MAX_AUTO_ASSOCIATIONS
from mediakit.stages.act.carrying import Carrier, Log, Shared, Unread
from mediakit.stages.act.loading import HELD_BYTES, Loader
from mediakit.stages.act.parallel import Parallel, Place
from mediakit.stages.act.rate import Rate
from mediakit.stages.act.waiting import Waiting
from mediakit.stages.act.windowed import WindowedCarrier
from mediakit.stages.import_order import ImportOrder
from mediakit.transfer.associations import (
    PATIENT_STUDY_ONLY_FIND,
    AssociationCount,
    loses_side_by_side,
    most_by_count,
    most_by_size,
)
from mediakit.transfer.negotiate import Batch
from mediakit.transfer.outgoing import Outgoing

#: What is proposed with the first association, if there may be more: it tells whether the peer stands that.
_SIGN = Context(PATIENT_STUDY_ONLY_FIND, (IMPLICIT_VR_LITTLE_ENDIAN,))


class Sender:
    """Sends batches to one destination.

    `stopped` and `gone` say why it ended before all was tried, else "": because of the destination, or
    because the medium could not be opened any more. `most_open` is how many sessions were open at once.
    """

    def __init__(
        self,
        destination: Destination,
        ledger: Ledger,
        order: ImportOrder,
        loader: Callable[[], Loader],
        tell: Listener,
    ) -> None:
        self._destination = destination
        self._order = order
        self._patience = order.patience
        self._loader = loader
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._sessions: set[Session] = set()
        self.stopped = ""
        self.gone = ""
        self.log = Log(tell)
        self._is_known = False  # whether the peer stands more than one association
        self._must_stay_alone = False
        self._parallel = Parallel(AssociationCount(most=1), self.log.note_associations)
        self._shared = Shared(
            destination=destination.name,
            ledger=ledger,
            log=self.log,
            rate=Rate(order.rate, self._stop),
            stop=self._stop,
            tries=order.patience.tries,
            refusals=order.patience.refusals_in_a_row,
        )

    @property
    def most_open(self) -> int:
        """Return how many sessions were open at once, at most."""
        return self._parallel.most_open

    def send(self, batches: Sequence[Batch], sent_before: Collection[str] = ()) -> None:
        """Send all, batch by batch, in rounds while instances are refused for want of resources.

        `sent_before` are the keys of those that may have been sent before. KeyboardInterrupt lets the
        instances that are being sent end within the grace time, and passes on.
        """
        self.log.sent.update(sent_before)
        count = _count(self._destination, self._order, [item for batch in batches for item in batch.items])
        self._parallel = Parallel(count, self.log.note_associations)
        for batch in batches:
            left: Sequence[Outgoing] = batch.items
            rest: Sequence[Outgoing] = ()
            for wait_s in (0.0, *self._patience.refusals):
                self._stop.wait(wait_s)
                refused, rest = self._round(replace(batch, items=tuple(left)))
                left = (*refused, *rest)
                if self.stopped or self.gone or not left:
                    break
            else:
                if rest:
                    self.stopped = "it refuses one instance after the other for want of resources"
            if self.stopped or self.gone:
                break

    def _round(self, batch: Batch) -> tuple[Sequence[Outgoing], Sequence[Outgoing]]:
        """Send a batch once over; return what was refused and what was not tried: worth another round."""
        waiting = Waiting(batch.items)
        workers: list[_Worker] = []
        try:
            self._run(waiting, contexts_of(batch.proposals), workers)
        except BaseException:
            self._end(workers)
            raise
        if waiting.fault is not None:
            raise waiting.fault
        if waiting.gone and waiting.is_left():
            self.gone = waiting.gone
        elif waiting.is_left() and not waiting.refused:
            self.stopped = waiting.why or "the destination cannot be reached"
        return waiting.refused, waiting.rest()

    def _run(self, waiting: Waiting, contexts: Sequence[Context], workers: list[_Worker]) -> None:
        """Begin the threads, and further ones when there should be more, and wait until all have ended.

        One begins again when two have left the last instances to each other.
        """
        is_begin = True
        while is_begin or not all(worker.has_ended for worker in workers):
            if self._must_stay_alone and self._parallel.may_grow:
                self._parallel.hold()
                self.log.note_alone()
            if is_begin or (self._parallel.may_grow and self._is_worth_more(waiting)):
                for place in self._parallel.new_places(waiting.count()):
                    act = partial(self._work, place, waiting, contexts)
                    worker = _Worker(act, f"mediakit-send-{len(workers)}", self._parallel.changed)
                    workers.append(worker)
                    worker.start()
            is_begin = False
            self._parallel.changed.wait(0.2)  # in short waits, so that a signal is heard on every system
            self._parallel.changed.clear()
            if all(worker.has_ended for worker in workers) and not waiting.why:
                is_begin = self._is_worth_more(waiting)

    def _is_worth_more(self, waiting: Waiting) -> bool:
        """Return True when there is work for further threads."""
        is_over = self._stop.is_set() or waiting.is_over(self._patience.refusals_in_a_row) or waiting.gone
        return not is_over and waiting.count() > 0

    def _end(self, workers: Sequence[_Worker]) -> None:
        """Let what is under way end, but not for ever."""
        self._stop.set()
        try:
            for worker in workers:
                worker.wait(self._patience.grace_s)
        finally:
            with self._lock:
                sessions = tuple(self._sessions)
            for session in sessions:
                session.abort()
            for worker in workers:
                worker.wait(self._patience.grace_s)

    def _work(self, place: Place, waiting: Waiting, contexts: Sequence[Context]) -> None:
        """Carry over one session after the other until nothing waits any more, or the place is given up."""
        try:
            loader = self._opened(waiting)
            if loader is None:
                return
            with loader:
                while self._on_session(place, waiting, contexts, loader):
                    pass
        except Exception as exc:  # noqa: BLE001 - the thread that waits raises it
            waiting.fail(exc)
        finally:
            waiting.leave()
            place.leave()

    def _opened(self, waiting: Waiting) -> Loader | None:
        """Return the medium, opened for this thread; None when it cannot be opened any more."""
        try:
            return self._loader()
        except SourceError as exc:
            waiting.gone = exc.reason
            return None

    def _on_session(
        self, place: Place, waiting: Waiting, contexts: Sequence[Context], loader: Loader
    ) -> bool:
        """Carry over one session; return True when another one is worth while."""
        if self._stop.is_set() or waiting.is_over(self._patience.refusals_in_a_row) or not waiting.is_left():
            return False
        if place.is_spare() or (session := self._connected(place, waiting, contexts)) is None:
            return False
        try:
            _carrier(session, waiting, loader, self._shared, place).run()
            return not place.is_further  # else nothing is left that it may take
        except Unread:
            return True
        except (Lost, Unreachable) as exc:
            if place.is_turned_away():
                return False
            waiting.why = exc.reason if isinstance(exc, Unreachable) else str(exc.why or exc.what)
            return isinstance(exc, Lost) and waiting.fruitless <= self._patience.fruitless_in_a_row
        finally:
            with self._lock:
                self._sessions.discard(session)
            place.closed()
            session.close()

    def _connected(self, place: Place, waiting: Waiting, contexts: Sequence[Context]) -> Session | None:
        """Return a new session; None when there is none to be had.

        A peer that has never answered is tried once more only: its address may be wrong. Where others go
        on without it, a session that is refused is one too many.
        """
        waits = self._patience.connections
        wait_s = waiting.pause(waits)
        for number in range(len(waits) + 1):
            if self._stop.wait(wait_s) or (number and not waiting.is_left()):
                return None
            try:
                session = self._destination.connect(self._proposed(contexts))
            except Unreachable as exc:
                if place.is_turned_away():
                    return None
                waiting.why = exc.reason
                most = len(waits) if exc.is_busy or self.log.count else min(len(waits), 1)
                if not exc.is_passing or number >= most:
                    return None
                wait_s = waits[number]
                continue
            with self._lock:
                self._sessions.add(session)
            self._learn(session)
            place.opened()
            self.log.note_session(session)
            return session
        return None

    def _proposed(self, contexts: Sequence[Context]) -> Sequence[Context]:
        """Return what to propose: these contexts, and `_SIGN` behind them while it is of use and has room."""
        most = self._destination.most_contexts
        if self._is_known or self._parallel.is_fixed or most is None or len(contexts) >= most:
            return contexts
        return (*contexts, _SIGN)

    def _learn(self, session: Session) -> None:
        """Learn of the first session whether there may be others beside it."""
        if not self._is_known and not self._parallel.is_fixed and isinstance(session, NegotiatedSession):
            self._must_stay_alone = loses_side_by_side(session.negotiated())
        self._is_known = True


def check_associations(destination: Destination, order: ImportOrder) -> None:
    """Raise UsageError for a number of associations that is none, or more than the destination allows."""
    count = order.associations
    if count == "auto":
        return
    if count < 1:
        raise UsageError(f"{count} is not a number of associations", hint='give 1 or more, or "auto"')
    most = destination.most_sessions if isinstance(destination, ParallelDestination) else None
    if most is not None and count > most:
        raise UsageError(
            f"{count} associations are more than this destination is set to have",
            where=destination.name,
            hint=f"`max-associations` of the destination is {most}",
        )


def share_of_associations(destination: Destination, imports: int) -> int:
    """Return how many associations each of so many imports may have that run at once.

    Raises UsageError when the destination is set to have fewer than there are imports.
    """
    most = destination.most_sessions if isinstance(destination, ParallelDestination) else None
    if most is not None and most < imports:
        raise UsageError(
            f"{imports} workers need more associations than this destination is set to have",
            where=destination.name,
            hint=f"`max-associations` of the destination is {most}",
        )
    return max(1, min(most or MAX_AUTO_ASSOCIATIONS, MAX_AUTO_ASSOCIATIONS) // imports)


def _count(destination: Destination, order: ImportOrder, items: Collection[Outgoing]) -> AssociationCount:
    """Return how many sessions there may be: as ordered, or as destination, work and memory allow."""
    if order.associations != "auto":
        return AssociationCount(most=order.associations, least=order.associations)
    most = order.most_associations
    if not isinstance(destination, ParallelDestination):
        most = 1
    elif destination.most_sessions is not None:
        most = min(most, destination.most_sessions)
    most = most_by_count(len(items), most)
    is_changed = bool(order.mapping) or order.deidentify is not None  # then it is in memory whole
    sizes = (item.size if is_changed else min(item.size, HELD_BYTES) for item in items)
    return AssociationCount(most=most_by_size(sizes, most))


def _carrier(session: Session, waiting: Waiting, loader: Loader, shared: Shared, place: Place) -> Carrier:
    """Return what carries over a session: several instances at once where its peer agreed to that."""
    if isinstance(session, WindowedSession) and session.window > 1:
        return WindowedCarrier(session, place, waiting, loader, shared)
    return Carrier(session, place, waiting, loader, shared)


class _Worker(threading.Thread):
    """A thread whose end can also be waited for after a signal.

    When KeyboardInterrupt is raised in `Thread.join`, CPython (3.11 at least) takes the thread for ended.
    """

    def __init__(self, act: Callable[[], None], name: str, at_end: threading.Event) -> None:
        super().__init__(name=name)
        self._act = act
        self._at_end = at_end
        self._has_ended = threading.Event()

    def run(self) -> None:
        """Act."""
        try:
            self._act()
        finally:
            self._has_ended.set()
            self._at_end.set()

    @property
    def has_ended(self) -> bool:
        """Return True when it has ended."""
        return self._has_ended.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait at most so long; return True when it has ended, or never began."""
        return self.ident is None or self._has_ended.wait(seconds)
