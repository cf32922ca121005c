"""How many associations an import should have: learnt from what the destination gives. Pure, with no clock.

One association after the other waits for answers; several hide the delay of a link and let a destination work
on several instances. How many are best cannot be asked for, only tried: twice as many while that brings more,
half as many when that brings no less. A destination that does not take another one is left with what it took.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import Final, Literal

from mediakit.limits import MAX_AUTO_ASSOCIATIONS, MAX_LOADED_BYTES

#: A fixed number of associations, or as many as turn out to be best.
Associations = int | Literal["auto"]

ANSWERS_EACH: Final = 6  # for each association, that are timed before they are judged
LEAST_S: Final = 0.25  # so long at least: shorter times say more of the machine than of the destination
GAIN: Final = 1.1  # twice as many have to bring so much more
LOSS: Final = 0.95  # half as many must not bring less than that
CHANGE: Final = 2.0  # a destination that is so much faster or slower than it was is tried again
PAUSE: Final = (
    16  # times that a trial takes, before the next one; twice as long after each that changes nothing
)
LONGEST_PAUSE_S: Final = 300.0
FIRST_REFUSAL_S: Final = 60.0  # before more are asked for again; twice as long after each time in vain
_INSTANCE_BYTES: Final = 256 << 10  # what an instance costs beside its bytes, about: an answer, a delay


def most_by_size(sizes: Iterable[int], most: int = MAX_AUTO_ASSOCIATIONS) -> int:
    """Return how many associations can hold instances of these sizes in memory, two each; at most `most`.

    What a single one would hold as well does not count.
    """
    extra, largest = 0, heapq.nlargest(2 * most, sizes)
    for count in range(2, most + 1):
        extra += sum(largest[2 * count - 2 : 2 * count])
        if extra > MAX_LOADED_BYTES:
            return count - 1
    return most


class AssociationCount:
    """How many associations there should be: `wanted`, never less than `least` nor more than `most`.

    It is told what happens, with the time in seconds by any clock that does not go back. With `least` and
    `most` alike the number is fixed.
    """

    def __init__(self, most: int, least: int = 1) -> None:
        self.wanted = least
        self._least = least
        self._most = most
        self._ceiling = most
        self._ceiling_until = 0.0
        self._refusal_s = 0.0
        self._open = 0
        self._timing = _Timing()
        self._rate = 0.0  # of `_at`
        self._at = least  # the number that is known to be good; `wanted` differs while another is tried
        self._steps = ["up"]  # what is to be tried next
        self._pause_s = 0.0
        self._next_s = 0.0

    @property
    def is_fixed(self) -> bool:
        """Return True when there is nothing to be learnt."""
        return self._least >= self._most

    def opened(self) -> None:
        """Note that an association is open."""
        self._open += 1
        self._timing = _Timing(skip=self._open)

    def closed(self) -> None:
        """Note that one is closed."""
        self._open -= 1
        self._timing = _Timing(skip=self._open)

    def answered(self, now: float, size: int, waiting: int) -> None:
        """Note an answer to an instance of `size` bytes; so many others still wait to be sent."""
        if self.is_fixed or self._open != self.wanted:
            return
        rate = self._timing.rate_after(now, size, ANSWERS_EACH * self._open)
        if rate:
            took = self._timing.took
            self._timing = _Timing()
            self._judge(now, rate, took, waiting)

    def turned_away(self, now: float, there: int) -> None:
        """Note that the destination does not take so many, or instances over so many: one fewer for a time.

        With it, `there` were open or about to be.
        """
        self._ceiling = self.wanted = self._at = max(self._least, min(self.wanted, there) - 1)
        self._steps = ["down"]
        if now >= self._ceiling_until:
            self._refusal_s = min(self._refusal_s * 2 or FIRST_REFUSAL_S, LONGEST_PAUSE_S)
        self._ceiling_until = now + self._refusal_s
        self._timing = _Timing(skip=self._open)

    def _judge(self, now: float, rate: float, took: float, waiting: int) -> None:
        """Go on from a rate of `wanted`, which took so many seconds to learn."""
        if self.wanted != self._at:
            is_up = self.wanted > self._at
            if rate < self._rate * (GAIN if is_up else LOSS):
                self.wanted = self._at  # whose rate is taken once more before anything else is tried
                if not self._steps:
                    self._pause(now, took)
                return
            self._at = self.wanted
            self._steps = ["up" if is_up else "down"]
            self._pause_s = 0.0
        elif not self._steps and self._is_due(now, rate):
            self._steps = ["down", "up"] if rate < self._rate * CHANGE else ["up", "down"]
        self._rate = rate
        while self._steps and self.wanted == self._at:
            self.wanted = self._next(now, self._steps.pop(0), waiting)
        if self.wanted == self._at and not self._steps and self._next_s <= now:
            self._pause(now, took)

    def _is_due(self, now: float, rate: float) -> bool:
        return now >= self._next_s or not self._rate / CHANGE < rate < self._rate * CHANGE

    def _pause(self, now: float, took: float) -> None:
        self._pause_s = min(self._pause_s * 2 or took * PAUSE, LONGEST_PAUSE_S)
        self._next_s = now + self._pause_s

    def _next(self, now: float, step: str, waiting: int) -> int:
        """Return the number to be tried; the same where there is none in that direction."""
        if step == "down":
            return max(self._least, self._at // 2)
        if now >= self._ceiling_until:
            self._ceiling = self._most
        more = min(self._at * 2, self._ceiling)
        return more if waiting >= ANSWERS_EACH * more else self._at


class _Timing:
    """Answers that are timed, after the first `skip`: those belong to associations that have only begun."""

    def __init__(self, skip: int = 0) -> None:
        self._skip = skip
        self._answers = 0
        self._work = 0
        self._since: float | None = None
        self.took = 0.0

    def rate_after(self, now: float, size: int, answers: int) -> float:
        """Note an answer; return what was done in a second when there were enough of them, else 0."""
        if self._skip > 0 or self._since is None:
            self._skip -= 1
            self._since = now
            return 0.0
        self._answers += 1
        self._work += size + _INSTANCE_BYTES
        self.took = now - self._since
        return self._work / self.took if self._answers >= answers and self.took >= LEAST_S else 0.0
