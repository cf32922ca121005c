"""Sending: batches of instances over sessions that can fail, in rounds, by several threads.

The threads share the instances that wait, the ledger and the log; each has a session and the medium open for
itself (see `carrying`). Whatever happens, the ledger has what is true of every instance.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from functools import partial

from mediakit.destinations.base import (
    Context,
    Destination,
    Lost,
    Session,
    Unreachable,
    WindowedSession,
    contexts_of,
)
from mediakit.errors import SourceError
from mediakit.events import Listener
from mediakit.ledger.ledger import Ledger
from mediakit.stages.act.carrying import Carrier, Log, Shared, Unread
from mediakit.stages.act.loading import Loader
from mediakit.stages.act.rate import Rate
from mediakit.stages.act.waiting import Waiting
from mediakit.stages.act.windowed import WindowedCarrier
from mediakit.stages.import_order import ImportOrder
from mediakit.transfer.negotiate import Batch
from mediakit.transfer.outgoing import Outgoing


class Sender:
    """Sends batches to one destination.

    `stopped` and `gone` say why it ended before all was tried, else "": because of the destination, or
    because the medium could not be opened any more.
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
        self._patience = order.patience
        self._associations = order.associations
        self._loader = loader
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._sessions: set[Session] = set()
        self.stopped = ""
        self.gone = ""
        self.log = Log(tell)
        self._shared = Shared(
            destination=destination.name,
            ledger=ledger,
            log=self.log,
            rate=Rate(order.rate, self._stop),
            stop=self._stop,
            tries=order.patience.tries,
            refusals=order.patience.refusals_in_a_row,
        )

    def send(self, batches: Iterable[Batch], sent_before: Collection[str] = ()) -> None:
        """Send all, batch by batch, in rounds while instances are refused for want of resources.

        `sent_before` are the keys of those that may have been sent before. KeyboardInterrupt lets the
        instances that are being sent end within the grace time, and passes on.
        """
        self.log.sent.update(sent_before)
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
        contexts = contexts_of(batch.proposals)
        workers = [
            _Worker(partial(self._work, waiting, contexts), f"mediakit-send-{number}")
            for number in range(min(self._associations, len(batch.items)))
        ]
        try:
            for worker in workers:
                worker.start()
            _wait(workers)
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

    def _work(self, waiting: Waiting, contexts: Sequence[Context]) -> None:
        """Carry over one session after the other until nothing waits any more."""
        try:
            loader = self._opened(waiting)
            if loader is None:
                return
            with loader:
                while self._on_session(waiting, contexts, loader):
                    pass
        except Exception as exc:  # noqa: BLE001 - the thread that waits raises it
            waiting.fail(exc)
        finally:
            waiting.leave()

    def _opened(self, waiting: Waiting) -> Loader | None:
        """Return the medium, opened for this thread; None when it cannot be opened any more."""
        try:
            return self._loader()
        except SourceError as exc:
            waiting.gone = exc.reason
            return None

    def _on_session(self, waiting: Waiting, contexts: Sequence[Context], loader: Loader) -> bool:
        """Carry over one session; return True when another one is worth while."""
        if self._stop.is_set() or waiting.is_over(self._patience.refusals_in_a_row) or not waiting.is_left():
            return False
        session = self._connected(waiting, contexts)
        if session is None:
            return False
        try:
            _carrier(session, waiting, loader, self._shared).run()
        except Unread:
            return True
        except Lost as exc:
            waiting.why = str(exc.why or exc.what)
            return waiting.fruitless <= self._patience.fruitless_in_a_row
        except Unreachable as exc:
            waiting.why = exc.reason
            return False
        finally:
            with self._lock:
                self._sessions.discard(session)
            session.close()
        return True

    def _connected(self, waiting: Waiting, contexts: Sequence[Context]) -> Session | None:
        """Return a new session; None when there is none to be had.

        A peer that has never answered is tried once more only: its address may be wrong.
        """
        waits = self._patience.connections
        wait_s = waiting.pause(waits)
        for number in range(len(waits) + 1):
            if self._stop.wait(wait_s):
                return None
            try:
                session = self._destination.connect(contexts)
            except Unreachable as exc:
                waiting.why = exc.reason
                most = len(waits) if exc.is_busy or self.log.count else min(len(waits), 1)
                if not exc.is_passing or number >= most:
                    return None
                wait_s = waits[number]
                continue
            with self._lock:
                self._sessions.add(session)
            self.log.note_session(session)
            return session
        return None


def _carrier(session: Session, waiting: Waiting, loader: Loader, shared: Shared) -> Carrier:
    """Return what carries over a session: several instances at once where its peer agreed to that."""
    if isinstance(session, WindowedSession) and session.window > 1:
        return WindowedCarrier(session, waiting, loader, shared)
    return Carrier(session, waiting, loader, shared)


class _Worker(threading.Thread):
    """A thread whose end can also be waited for after a signal.

    When KeyboardInterrupt is raised in `Thread.join`, CPython (3.11 at least) takes the thread for ended.
    """

    def __init__(self, act: Callable[[], None], name: str) -> None:
        super().__init__(name=name)
        self._act = act
        self._has_ended = threading.Event()

    def run(self) -> None:
        """Act."""
        try:
            self._act()
        finally:
            self._has_ended.set()

    def wait(self, seconds: float) -> bool:
        """Wait at most so long; return True when it has ended, or never began."""
        return self.ident is None or self._has_ended.wait(seconds)


def _wait(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        while not worker.wait(0.2):
            pass  # in short waits, so that a signal is heard on every system
