"""The instances that wait to be sent in one round, for all threads of it, and how the round goes."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Sequence

from mediakit.transfer.outgoing import Outgoing

MOST_ERRORS_AGAIN = 32  # instances of a round that are sent once more after an error


class Waiting:
    """The instances of a round that nobody has taken yet, and how it goes. For several threads."""

    def __init__(self, items: Iterable[Outgoing]) -> None:
        self._lock = threading.Lock()
        self._waiting = deque(items)
        self._again: deque[Outgoing] = deque()
        self._own: dict[int, deque[Outgoing]] = {}
        self._tries: dict[str, int] = {}
        self._beside: set[str] = set()
        self._erred: set[str] = set()
        self._has_answered = False
        self._refusals = 0
        self.fruitless = 0  # connections in a row that ended without any answer
        self.refused: list[Outgoing] = []
        self.fault: Exception | None = None
        self.why = ""  # the destination cannot be reached, since its last answer
        self.gone = ""  # why the medium could not be opened any more

    def take(self, *, only_new: bool = False) -> Outgoing | None:
        """Return the next instance, None when there is none: first what this thread keeps.

        What was put last comes when nothing else is left, and never with `only_new`.
        """
        with self._lock:
            queue = self._own.get(threading.get_ident()) or self._waiting
            if not queue and not only_new:
                queue = self._again
            return queue.popleft() if queue else None

    def count(self) -> int:
        """Return how many are left that any thread can take."""
        return len(self._waiting) + len(self._again)

    def count_try(self, item: Outgoing, *, is_alone: bool = True) -> int:
        """Note that an instance was sent and got no answer; return how often that happened.

        `is_alone` off: others were under way beside it, of which any may have ended the session.
        """
        with self._lock:
            self._tries[item.path] = tries = self._tries.get(item.path, 0) + 1
            if not is_alone:
                self._beside.add(item.path)
            return tries

    def may_be_tried(self, item: Outgoing, most: int) -> bool:
        """Return False for an instance that was sent so often; a time beside others does not count."""
        with self._lock:
            return self._tries.get(item.path, 0) - (item.path in self._beside) < most

    def was_tried(self, item: Outgoing) -> bool:
        """Return True for an instance that was sent before in this round and got no answer."""
        with self._lock:
            return item.path in self._tries

    def keep(self, items: Sequence[Outgoing]) -> None:
        """Keep instances for the next session of this thread, in front of what it keeps already.

        That one is new; those of other threads may be over as well, which they learn only when they send.
        """
        with self._lock:
            self._own.setdefault(threading.get_ident(), deque()).extendleft(reversed(items))

    def put_last(self, item: Outgoing) -> None:
        """Put an instance behind all others, and what is of its SOP Class behind the rest.

        A connection ended when nothing else was on it. Where a peer breaks over one, it often does so over
        all of the class.
        """
        with self._lock:
            self._again.append(item)
            self._waiting = deque(sorted(self._waiting, key=lambda each: each.sop_class == item.sop_class))

    def put_again(self, item: Outgoing) -> bool:
        """Put an instance that was answered with an error behind all others, for another try.

        Return False when it had that already, or so many had that the errors are the destination's own.
        """
        with self._lock:
            if item.path in self._erred or len(self._erred) >= MOST_ERRORS_AGAIN:
                return False
            self._erred.add(item.path)
            self._again.append(item)
            return True

    def leave(self) -> None:
        """Give the others what this thread keeps: it ends."""
        with self._lock:
            self._waiting.extendleft(reversed(self._own.pop(threading.get_ident(), ())))

    def put_back(self, item: Outgoing) -> None:
        """Put an instance back in front."""
        with self._lock:
            self._waiting.appendleft(item)

    def note_answer(self, item: Outgoing, *, is_refusal: bool) -> None:
        """Note that the peer answered."""
        with self._lock:
            self._has_answered = True
            self.why = ""
            self.fruitless = 0
            self._refusals = self._refusals + 1 if is_refusal else 0
            if is_refusal:
                self.refused.append(item)

    def note_fruitless(self, tries: int) -> None:
        """Note that a session ended without any answer, over an instance that was tried so often.

        That a second try fails says nothing of a peer that answered others.
        """
        with self._lock:
            if tries == 1 or not self._has_answered:
                self.fruitless += 1

    def pause(self, waits: Sequence[float]) -> float:
        """Return how long to wait before the next session, in seconds: longer the more were fruitless."""
        with self._lock:
            return waits[min(self.fruitless, len(waits)) - 1] if self.fruitless and waits else 0.0

    def is_over(self, refusals: int) -> bool:
        """Return True when it is of no use to go on with this round."""
        with self._lock:
            return self._refusals >= refusals or self.fault is not None

    def is_left(self) -> bool:
        """Return True when instances are waiting that this thread can take."""
        with self._lock:
            return bool(self._own.get(threading.get_ident()) or self._waiting or self._again)

    def rest(self) -> tuple[Outgoing, ...]:
        """Return the instances that nobody took."""
        with self._lock:
            return (*self._waiting, *self._again)

    def fail(self, exc: Exception) -> None:
        """Note that a thread cannot go on."""
        with self._lock:
            self.fault = self.fault or exc
