"""The associations of an import: how many threads have one, which of them may go on, and how many there were.

`transfer.associations` says how many there should be. Here are the clocks and the lock, and the places of
the threads: a thread that is one too many gives up its place, but never the last one. Where the number is
to be learnt, associations are opened one after the other, so that a destination rejects one at most before
it is left alone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from mediakit.transfer.associations import AssociationCount
from mediakit.transfer.outgoing import Outgoing


class Parallel:
    """The threads of an import that send. For several threads.

    `changed` is set when there should be more of them, or one has ended. `tell_open` gets the number of
    associations that are open each time there are more than before; `most_open` is the highest of them.
    """

    def __init__(self, count: AssociationCount, tell_open: Callable[[int], None]) -> None:
        self._count = count
        self._tell_open = tell_open
        self._lock = threading.Lock()
        self._places = 0
        self._is_opening = False  # the last of them, in an import that may choose how many
        self._open = 0
        self._proven = 0  # of those that are open, over how many the destination has answered
        self.changed = threading.Event()
        self.most_open = 0

    def new_places(self, most: int) -> list[Place]:
        """Return places for further threads, at most so many."""
        with self._lock:
            count = max(0, min(self._count.wanted - self._places, most))
            if not self._count.is_fixed and count:
                count, self._is_opening = 1, True
            self._places += count
            return [Place(self) for _ in range(count)]

    @property
    def is_fixed(self) -> bool:
        """Return True when their number is not to be learnt."""
        return self._count.is_fixed

    def hold(self) -> None:
        """Stay at the one that there is from now on."""
        with self._lock:
            self._count.hold()

    @property
    def may_grow(self) -> bool:
        """Return True when threads may be added to those that there are."""
        return not (self._count.is_fixed or self._is_opening) and 0 < self._places < self._count.wanted

    def is_spare(self) -> bool:
        """Return True, and give up a place, when there are more threads than there should be."""
        with self._lock:
            is_spare = self._places > self._count.wanted
            self._places -= is_spare
            return is_spare

    def left(self) -> None:
        """Note that a thread gave up its place for another reason."""
        with self._lock:
            self._places -= 1
        self.changed.set()

    def settled(self) -> None:
        """Note that the association of a new place is open, or that it will never be."""
        self._is_opening = False
        if self.may_grow:
            self.changed.set()

    def opened(self) -> None:
        """Note that an association is open."""
        with self._lock:
            self._open += 1
            self._count.opened()
            if self._open > self.most_open:
                self.most_open = self._open
                self._tell_open(self._open)

    def closed(self, *, is_proven: bool) -> None:
        """Note that one is closed."""
        with self._lock:
            self._open -= 1
            self._proven -= is_proven
            self._count.closed()

    def proven(self) -> None:
        """Note that the destination answered over an association for the first time."""
        with self._lock:
            self._proven += 1

    def answered(self, item: Outgoing, waiting: int, *, is_refusal: bool) -> None:
        """Note an answer."""
        with self._lock:
            if is_refusal:
                self._turn_away()
            else:
                self._count.answered(time.monotonic(), time.process_time(), item.size, waiting)
        if self.may_grow:
            self.changed.set()

    def turned_away(self) -> None:
        """Note that one more is not wanted: it was refused, or ended early."""
        with self._lock:
            self._turn_away()

    def is_further(self, *, is_proven: bool) -> bool:
        """Return True for an association that stands beside one over which the destination answers."""
        with self._lock:
            return not self._count.is_fixed and not is_proven and self._proven > 0

    def has_others(self) -> bool:
        """Return True when other threads go on without this one, in an import that may choose how many."""
        with self._lock:
            return not self._count.is_fixed and self._places > 1

    def _turn_away(self) -> None:
        """Take one fewer, unless there are still more than there should be from the last time."""
        if not self._count.is_fixed and 1 < self._places <= self._count.wanted:
            self._count.turned_away(time.monotonic(), self._places)


class Place:
    """The place of one thread among those that send. For that thread."""

    def __init__(self, parallel: Parallel) -> None:
        self._parallel = parallel
        self._is_given_up = False
        self._is_settled = False
        self._is_open = False
        self._is_proven = False

    def is_spare(self) -> bool:
        """Return True when this thread has to end: there are more than there should be."""
        self._is_given_up = self._is_given_up or self._parallel.is_spare()
        return self._is_given_up

    def leave(self) -> None:
        """Give up the place."""
        if not self._is_given_up:
            self._is_given_up = True
            self._parallel.left()
        self._settle()
        self._parallel.changed.set()

    def opened(self) -> None:
        """Note that the association of this thread is open."""
        self._is_open = True
        self._parallel.opened()
        self._settle()

    def closed(self) -> None:
        """Note that it is closed."""
        if self._is_open:
            self._parallel.closed(is_proven=self._is_proven)
        self._is_open = self._is_proven = False

    def answered(self, item: Outgoing, waiting: int, *, is_refusal: bool = False) -> None:
        """Note an answer over it; so many instances wait to be sent."""
        if not self._is_proven:
            self._is_proven = True
            self._parallel.proven()
        self._parallel.answered(item, waiting, is_refusal=is_refusal)

    @property
    def is_further(self) -> bool:
        """Return True while only others have had answers: the destination may not want this association."""
        return self._parallel.is_further(is_proven=self._is_proven)

    def has_others(self) -> bool:
        """Return True when other threads send beside this one, in an import that may choose how many."""
        return self._parallel.has_others()

    def is_turned_away(self) -> bool:
        """Note that the association was refused or lost; return True when this thread has to end.

        The others do its work. The last one never ends so: it has all the patience of the import.
        """
        if not self.has_others():
            return False
        self._parallel.turned_away()
        return self.is_spare()

    def _settle(self) -> None:
        if not self._is_settled:
            self._is_settled = True
            self._parallel.settled()
