"""The instances that wait to be sent in one round, for all threads of it, and how the round goes."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Sequence

from mediakit.transfer.outgoing import Outgoing


class Waiting:
    """The instances of a round that nobody has taken yet, and how it goes. For several threads."""

    def __init__(self, items: Iterable[Outgoing]) -> None:
        self._lock = threading.Lock()
        self._waiting = deque(items)
        self._own: dict[int, Outgoing] = {}
        self._tries: dict[str, int] = {}
        self._losses = 0
        self._refusals = 0
        self.refused: list[Outgoing] = []
        self.fault: Exception | None = None
        self.why = ""

    def take(self, most: int) -> list[Outgoing]:
        """Return the next instances, at most so many: first what this thread keeps, and that alone."""
        with self._lock:
            own = self._own.pop(threading.get_ident(), None)
            if own is not None:
                return [own]
            return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]

    def count_try(self, item: Outgoing) -> int:
        """Note that an instance went out without an answer; return how often it did."""
        with self._lock:
            self._tries[item.path] = tries = self._tries.get(item.path, 0) + 1
            return tries

    def keep(self, item: Outgoing) -> None:
        """Keep an instance for the next session of this thread.

        That one is new; those of other threads may be over as well, which they learn only when they send.
        """
        with self._lock:
            self._own[threading.get_ident()] = item

    def leave(self) -> None:
        """Give the others what this thread keeps: it ends."""
        with self._lock:
            own = self._own.pop(threading.get_ident(), None)
            if own is not None:
                self._waiting.appendleft(own)

    def put_back(self, item: Outgoing) -> None:
        """Put an instance back in front."""
        with self._lock:
            self._waiting.appendleft(item)

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
        """Return True when instances are waiting that this thread can take."""
        with self._lock:
            return bool(self._waiting) or threading.get_ident() in self._own

    def rest(self) -> tuple[Outgoing, ...]:
        """Return the instances that nobody took."""
        with self._lock:
            return tuple(self._waiting)

    def fail(self, exc: Exception) -> None:
        """Note that a thread cannot go on."""
        with self._lock:
            self.fault = self.fault or exc
