"""How many associations an import should have: learnt from what the destination gives. Pure, with no clock.

A single association spends its time waiting for answers; several hide the delay of a link and let a
destination work on several instances. How many are best cannot be asked for, only tried: more while that
brings more, half as many when that brings no less. A destination that does not take another one is left
with what it took.

What this process itself does sets the pace of the trials, since all associations share one interpreter.
Where it hardly works, four times as many are tried at once, else twice as many. Where it works most of the
time, further ones mostly take from the others: they are tried only when the import has lasted so long that
it costs little.

One peer loses instances that come over several associations, dcmqrscp of DCMTK. It is known by what it agrees
to: `PATIENT_STUDY_ONLY_FIND`, proposed with the first association, and its Implementation Version Name.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from mediakit.limits import MAX_AUTO_ASSOCIATIONS, MAX_LOADED_BYTES
from mediakit.transfer.probed import Negotiated

#: A fixed number of associations, or as many as turn out to be best.
Associations = int | Literal["auto"]

ANSWERS_EACH: Final = 6  # for each association, that are timed before they are judged
LEAST_S: Final = 0.2  # so long at least: shorter times say more of the machine than of the destination
GAIN: Final = 1.1  # more associations have to bring so much more
LOSS: Final = 0.95  # half as many must not bring less than that
BUSY: Final = 0.5  # of the time, that this process works: more are tried after a pause only
IDLE: Final = 0.25  # of the time, that it works: below, four times as many are tried
CHANGE: Final = 2.0  # a destination that is so much faster or slower than it was is tried again
PAUSE: Final = (
    16  # times that a trial takes, before the next one; twice as long after each that changes nothing
)
LONGEST_PAUSE_S: Final = 300.0
FIRST_REFUSAL_S: Final = 60.0  # before more are asked for again; twice as long after each time in vain
_GROW: Final = (4.0, 2.0)
_SHRINK: Final = (0.5,)
#: C-FIND in a retired information model, PS3.4-2004 C.3.3. Of the peers that are made with DCMTK, dcmqrscp
#: takes it (unless it was started with `-QO`); storescp and Orthanc do not.
PATIENT_STUDY_ONLY_FIND: Final = "1.2.840.10008.5.1.4.1.2.3.1"
_DCMTK: Final = "OFFIS_DCMTK_"  # the number of its release follows
_INSTANCE_BYTES: Final = 256 << 10  # what an instance costs beside its bytes, about: an answer, a delay


def loses_side_by_side(agreed: Negotiated) -> bool:
    """Return True for a peer that loses instances which come over several associations: dcmqrscp of DCMTK.

    Two of its processes now and then choose one file name, the later one overwrites what the other stored,
    and both answer with success (3.6.7). Where `PATIENT_STUDY_ONLY_FIND` was not proposed, every peer that is
    made with DCMTK counts as one.
    """
    if not agreed.implementation_version.startswith(_DCMTK):
        return False
    asked = [each for each in agreed.contexts if each.sop_class == PATIENT_STUDY_ONLY_FIND]
    return not asked or not asked[0].why


def most_by_count(instances: int, most: int) -> int:
    """Return how many associations can be tried with so many instances; at least one, at most `most`."""
    return max(1, min(most, instances // ANSWERS_EACH))


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

    It is told what happens, with the time in seconds by any clock that does not go back, and the seconds that
    all processors have spent on this process. With `least` and `most` alike the number is fixed.
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
        self._steps: tuple[float, ...] = _GROW  # by what `_at` is multiplied in the next trials
        self._pause_s = 0.0
        self._next_s = 0.0

    @property
    def is_fixed(self) -> bool:
        """Return True when there is nothing to be learnt."""
        return self._least >= self._most

    def hold(self) -> None:
        """Stay at `least` from now on: there is nothing more to be learnt."""
        self._most = self._ceiling = self._at = self.wanted = self._least

    def opened(self) -> None:
        """Note that an association is open."""
        self._open += 1
        self._timing = _Timing(skip=self._open)

    def closed(self) -> None:
        """Note that one is closed."""
        self._open -= 1
        self._timing = _Timing(skip=self._open)

    def answered(self, now: float, spent: float, size: int, waiting: int) -> None:
        """Note an answer to an instance of `size` bytes; so many others still wait to be sent."""
        if self.is_fixed or self._open != self.wanted:
            return
        timed = self._timing.after(now, spent, size, ANSWERS_EACH * self._open)
        if timed is not None:
            self._timing = _Timing()
            self._judge(now, timed, waiting)

    def turned_away(self, now: float, there: int) -> None:
        """Note that the destination does not take so many, or instances over so many: one fewer for a time.

        With it, `there` were open or about to be.
        """
        self._ceiling = self.wanted = self._at = max(self._least, min(self.wanted, there) - 1)
        self._steps = _SHRINK
        if now >= self._ceiling_until:
            self._refusal_s = min(self._refusal_s * 2 or FIRST_REFUSAL_S, LONGEST_PAUSE_S)
        self._ceiling_until = now + self._refusal_s
        self._timing = _Timing(skip=self._open)

    def _judge(self, now: float, timed: _Timed, waiting: int) -> None:
        """Go on from what `wanted` associations give."""
        rate = timed.rate
        if self.wanted != self._at:
            is_up = self.wanted > self._at
            if rate < self._rate * (GAIN if is_up else LOSS):
                self.wanted = self._at  # whose rate is taken once more before anything else is tried
                if not self._steps:
                    self._pause(now, timed.took)
                return
            self._at = self.wanted
            self._steps = _GROW if is_up else _SHRINK
            self._pause_s = 0.0
        elif not self._steps and self._is_due(now, timed):
            self._steps = (0.5, 2.0) if rate < self._rate * CHANGE else (2.0, 0.5)
        self._rate = rate
        if self._steps == _GROW and timed.busy >= BUSY:
            self._steps = ()
        while self._steps and self.wanted == self._at:
            factor, *rest = self._steps
            self._steps = tuple(rest)
            self.wanted = self._next(now, factor, timed.busy, waiting)
        if self.wanted == self._at and not self._steps and self._next_s <= now:
            self._pause(now, timed.took)

    def _is_due(self, now: float, timed: _Timed) -> bool:
        has_changed = not self._rate / CHANGE < timed.rate < self._rate * CHANGE
        return now >= self._next_s or (has_changed and timed.busy < BUSY)

    def _pause(self, now: float, took: float) -> None:
        self._pause_s = min(self._pause_s * 2 or took * PAUSE, LONGEST_PAUSE_S)
        self._next_s = now + self._pause_s

    def _next(self, now: float, factor: float, busy: float, waiting: int) -> int:
        """Return the number to be tried; the same where there is none in that direction."""
        if factor < 1:
            return max(self._least, int(self._at * factor))
        if factor > 2 and busy >= IDLE:
            return self._at
        if now >= self._ceiling_until:
            self._ceiling = self._most
        more = min(int(self._at * factor), self._ceiling)
        return more if waiting >= ANSWERS_EACH * more else self._at


@dataclass(frozen=True, slots=True, kw_only=True)
class _Timed:
    """What was done in a second, the share of the time that this process worked, and the seconds timed."""

    rate: float
    busy: float
    took: float


class _Timing:
    """Answers that are timed, after the first `skip`: those belong to associations that have only begun."""

    def __init__(self, skip: int = 0) -> None:
        self._skip = skip
        self._answers = 0
        self._work = 0
        self._since: tuple[float, float] | None = None

    def after(self, now: float, spent: float, size: int, answers: int) -> _Timed | None:
        """Note an answer; return what was timed when there were enough of them."""
        if self._skip > 0 or self._since is None:
            self._skip -= 1
            self._since = now, spent
            return None
        self._answers += 1
        self._work += size + _INSTANCE_BYTES
        took = now - self._since[0]
        if self._answers < answers or took < LEAST_S:
            return None
        return _Timed(rate=self._work / took, busy=(spent - self._since[1]) / took, took=took)
