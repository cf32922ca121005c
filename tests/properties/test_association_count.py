"""How many associations an import has: within bounds, as the destination gives, and without swinging."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from mediakit.limits import MAX_AUTO_ASSOCIATIONS, MAX_LOADED_BYTES
from mediakit.transfer.associations import FIRST_REFUSAL_S, AssociationCount, most_by_size

Rate = Callable[[int, float], float]


class Run:
    """An import into a destination of which the rate for each number of associations is known.

    Each instance costs this process `work_s` of a processor.
    """

    def __init__(
        self, count: AssociationCount, rate: Rate, *, takes: int = 100, work_s: float = 0.0005
    ) -> None:
        self.count = count
        self.now = 0.0
        self.spent = 0.0
        self._work_s = work_s
        self.wanted: list[int] = []
        self.asked_for_more: list[float] = []
        self._rate = rate
        self._takes = takes
        self._open = 0

    def send(self, instances: int, size: int = 9000) -> None:
        for left in range(instances, 0, -1):
            self._follow()
            self.now += 1 / self._rate(self._open, self.now)
            self.spent += self._work_s
            self.count.answered(self.now, self.spent, size, left - 1)
            self.wanted.append(self.count.wanted)

    def _follow(self) -> None:
        """Open and close associations as the threads of an import would."""
        while self._open < self.count.wanted:
            if self._open == self._takes:
                self.asked_for_more.append(self.now)
                self.count.turned_away(self.now, self._open + 1)
            else:
                self._open += 1
                self.count.opened()
        while self._open > self.count.wanted:
            self._open -= 1
            self.count.closed()

    def changes(self) -> int:
        return sum(one != other for one, other in zip(self.wanted, self.wanted[1:], strict=False))


def test_over_a_link_with_delay_it_grows_to_what_the_link_holds() -> None:
    run = Run(AssociationCount(most=16), lambda count, _: min(50.0 * count, 1200.0))
    run.send(5000)
    assert max(run.wanted) == 16
    assert run.now < 5000 / 50 / 8  # eight times as fast as a single one, what it took to grow included
    assert run.changes() < 20
    assert list(dict.fromkeys(run.wanted))[:3] == [1, 4, 16]


def test_where_one_is_best_it_stays_with_one() -> None:
    """A peer that works on one instance at a time, and a process that has no time for more."""
    for rate, work_s, most in (
        (lambda *_: 200.0, 0.0005, 4),
        (lambda *_: 2000.0, 0.0004, 2),
        (lambda count, _: 3000.0 / count**0.3, 0.0003, 2),
    ):
        run = Run(AssociationCount(most=16), rate, work_s=work_s)
        run.send(20_000)
        assert max(run.wanted) == most
        assert run.wanted.count(1) > 0.9 * len(run.wanted)
        assert run.changes() < 24


def test_a_short_import_in_a_busy_process_tries_nothing_and_a_long_one_does() -> None:
    run = Run(AssociationCount(most=16), lambda count, _: min(1000.0 * count, 1900.0), work_s=0.0006)
    run.send(2000)
    assert set(run.wanted) == {1}
    run.send(20_000)
    assert run.wanted[-1] == 2


def test_two_are_found_where_four_are_too_many() -> None:
    rates = {1: 100.0, 2: 180.0, 4: 90.0}
    run = Run(AssociationCount(most=16), lambda count, _: rates.get(count, 50.0))
    run.send(5000)
    assert run.wanted.count(2) > 0.9 * len(run.wanted)


def test_it_comes_within_a_tenth_of_the_best_fixed_number() -> None:
    """Destinations with so many workers, that lose with more."""
    for workers in (1, 2, 4, 8):

        def rate(count: int, _: float, workers: int = workers) -> float:
            return 150.0 * min(count, workers) / (1 + 0.05 * max(0, count - workers))

        run = Run(AssociationCount(most=16), rate)
        run.send(20_000)
        assert 20_000 / run.now > 0.9 * rate(workers, 0), workers


def test_a_peer_that_slows_down_is_left_with_fewer() -> None:
    run = Run(AssociationCount(most=16), lambda count, now: 50.0 * count if now < 10 else 60.0)
    run.send(5000)
    grown = max(run.wanted)
    run.send(5000)
    assert grown == 16
    assert run.wanted[-1] == 1


def test_a_peer_that_takes_no_more_is_not_asked_for_more_for_a_time() -> None:
    run = Run(AssociationCount(most=16), lambda count, _: 50.0 * count, takes=3)
    run.send(20_000)
    assert max(run.wanted) <= 6
    assert run.wanted.count(3) > 0.9 * len(run.wanted)
    times = [run.asked_for_more[0]]
    times += [time for time in run.asked_for_more if time != times[0]]
    assert all(later - times[0] >= FIRST_REFUSAL_S for later in times[1:])
    assert 2 <= len(times) < 20


def test_a_fixed_number_stays_whatever_happens() -> None:
    run = Run(AssociationCount(most=4, least=4), lambda count, _: 50.0 / count)
    run.send(2000)
    run.count.turned_away(run.now, 4)
    assert set(run.wanted) == {4}
    assert run.count.is_fixed


@given(
    most=st.integers(1, 16),
    events=st.lists(
        st.tuples(st.sampled_from("oocaaaaaat"), st.floats(0, 5), st.integers(0, 1 << 30)), max_size=300
    ),
)
def test_whatever_happens_it_stays_within_its_bounds(most: int, events: list[tuple[str, float, int]]) -> None:
    count, now, is_open = AssociationCount(most=most), 0.0, 0
    for kind, after, size in events:
        now += after
        if kind == "o" and is_open < count.wanted:
            is_open += 1
            count.opened()
        elif kind == "c" and is_open:
            is_open -= 1
            count.closed()
        elif kind == "a":
            count.answered(now, now / 3, size, 1000)
        elif kind == "t":
            before = count.wanted
            count.turned_away(now, before)
            assert count.wanted == max(1, before - 1)
        assert 1 <= count.wanted <= most


@given(st.lists(st.integers(0, 1 << 28), max_size=60))
def test_what_they_hold_fits_into_memory(sizes: list[int]) -> None:
    count = most_by_size(sizes)
    assert 1 <= count <= MAX_AUTO_ASSOCIATIONS
    largest = sorted(sizes, reverse=True)
    assert sum(largest[2 : 2 * count]) <= MAX_LOADED_BYTES
    if count < MAX_AUTO_ASSOCIATIONS:
        assert sum(largest[2 : 2 * count + 2]) > MAX_LOADED_BYTES
