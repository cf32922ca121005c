"""Carrying several instances at once over one session, as many as the peer agreed to (PS3.7 D.3.3.3).

No byte of an instance is sent before the ledger says so, and no more are under way than the window holds: a
process that is killed leaves at most so many instances for each session of which nobody knows whether they
arrived. What was lost with others is sent alone the next time, so that one instance that ends every
connection is told from those that were only beside it.
"""

from __future__ import annotations

from contextlib import suppress

from mediakit.destinations.base import Lost, WindowedSession
from mediakit.errors import SourceError
from mediakit.stages.act.carrying import Carrier, Ready, Shared, Unread
from mediakit.stages.act.loading import Loader, Unsendable
from mediakit.stages.act.parallel import Place
from mediakit.stages.act.waiting import Waiting
from mediakit.stages.look.closed import finding_on_failure
from mediakit.transfer.outgoing import Answer, Outgoing
from mediakit.transfer.row import key_of
from mediakit.transfer.states import Happening


class WindowedCarrier(Carrier):
    """Carries instances over one session with a window. For one thread."""

    def __init__(
        self, session: WindowedSession, place: Place, waiting: Waiting, loader: Loader, shared: Shared
    ) -> None:
        super().__init__(session, place, waiting, loader, shared)
        self._windowed = session
        self._under_way: dict[str, Ready] = {}

    def run(self) -> None:
        """Carry until nothing waits and every answer is there; see `Carrier.run`."""
        try:
            super().run()
            self._settle(0)
        except (Lost, Unread):
            raise
        except Exception:
            with suppress(Lost):  # what has gone out is not to be left in doubt by another fault
                self._settle(0)
            raise

    def _carry(self, ready: Ready) -> None:
        is_alone = self._waiting.was_tried(ready.item)
        if is_alone:
            self._settle(0)
        self._shared.ledger.happen(ready.key, Happening.SEND)
        self._shared.log.sent.add(ready.key)
        self._under_way[ready.key] = ready
        try:
            self._windowed.start(ready.item, self._shared.rate.limited(ready.loaded.payload))
        except Lost as exc:
            self._end(exc)
            raise
        except (OSError, SourceError) as exc:  # it broke while it was read; the peer has not got it
            unsendable = Unsendable(Happening.CANNOT_READ, finding_on_failure(exc))
            del self._under_way[ready.key]
            self._note_unsendable(ready.key, ready.item, unsendable)
            with suppress(Lost):
                self._settle(0)
            raise Unread from exc
        self._settle(0 if is_alone else self._windowed.window - 1)

    def _settle(self, most: int) -> None:
        """Wait for answers until at most so many instances are under way. Raises Lost."""
        while len(self._under_way) > most:
            try:
                item, answer = self._windowed.answer()
            except Lost as exc:
                self._end(exc)
                raise
            self._take(item, answer)

    def _take(self, item: Outgoing, answer: Answer) -> None:
        ready = self._under_way.pop(key_of(item.sop_instance, item.path), None)
        if ready is not None:  # None: it broke while it was read, which decides
            self._note_answer(ready, answer)

    def _end(self, exc: Lost) -> None:
        """Note what is known of everything that was under way when the session ended."""
        for item, answer in self._windowed.known():
            self._take(item, answer)
        lost, self._under_way = tuple(self._under_way.values()), {}
        if lost:
            self._note_lost(lost, exc)
