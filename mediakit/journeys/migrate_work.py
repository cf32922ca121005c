"""What every worker of a migration does: take a disc, import what is its own, write down what came of it.

Processes of one machine and the workers of a cluster run the same loop. What is true stands in the ledger.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from functools import partial
from math import inf
from typing import Final

from mediakit.errors import MediakitError
from mediakit.journeys.migrate_disc import DiscOrder, visit_disc
from mediakit.journeys.migrate_unseen import DATABASE, DISCS, Reported, Unseen
from mediakit.ledger.migration import Migration
from mediakit.ledger.migration_base import ANSWERS_AGAIN
from mediakit.ledger.migration_steps import LeaseLost
from mediakit.ledger.migration_values import DiscClaim
from mediakit.outcome import Outcome

TURN_S: Final = 0.2  # between two looks into the ledger
#: What ended a worker: the exit code, what, where, why, and a hint.
Said = tuple[int, str, str, str, str]


@dataclass(frozen=True, slots=True)
class Hours:
    """When discs may be begun, local time of the machine: minutes of the day from `first` up to `last`.

    From 20:00 to 06:00 is a night.
    """

    first: int
    last: int

    def holds_at(self, minute: int) -> bool:
        """Return True when discs may be begun in a minute of the day."""
        if self.first <= self.last:
            return self.first <= minute < self.last
        return minute >= self.first or minute < self.last


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrateOrder:
    """What to migrate, and how.

    `ledger` is the address of what knows the discs. `make` gives the order for a disc, in each worker: other
    processes, also of other machines, must be able to import it. `workers` work at a time at most; 0: as many
    as the cluster has. `lease_s` is how long a disc stays with a worker that no longer answers. A destination
    that is away is tried again after each `away_s`, for `away_most_s` at most, and one that never answered
    once; a database is waited for as long.
    """

    ledger: str
    make: Callable[[], DiscOrder]
    workers: int = 2
    hours: Hours | None = None
    lease_s: float = 60.0
    away_s: float = 30.0
    away_most_s: float = 3600.0


class _Turn(Enum):
    """What a turn of a worker came to."""

    WORKED = auto()
    WAITED = auto()  # nothing may be begun at the moment
    OVER = auto()  # nothing is left, or the worker was asked to end


def work(
    order: MigrateOrder,
    owner: str,
    *,
    most_discs: float = inf,
    most_s: float = inf,
    is_wanted: Callable[[], bool] = lambda: True,
    report: Reported = lambda _: None,
) -> Said | None:
    """Take disc after disc until none is left; return what ended it before that, else None.

    It also ends after so many discs and seconds, and when it is not wanted any more. `report` is called, also
    by another thread, each time this machine does not see a disc, or reach the database of the ledger.
    """
    until = time.monotonic() + most_s
    discs = 0
    try:
        with Migration.open(order.ledger, order.away_most_s, partial(_of_database, report)) as ledger:
            how = order.make()
            while is_wanted() and discs < most_discs and time.monotonic() < until:
                turn = _turn(ledger, order, how, owner, report)
                if turn is _Turn.OVER:
                    break
                discs += turn is _Turn.WORKED
    except MediakitError as exc:
        return (exc.exit_code, exc.what, exc.where, exc.why, exc.hint)
    return None


def error_of(said: Said) -> MediakitError:
    """Return what ended a worker as it was raised there."""
    code, what, where, why, hint = said
    error = MediakitError(what, where=where, why=why, hint=hint)
    error.exit_code = code
    return error


def _of_database(report: Reported, words: str) -> None:
    """Report what is told of the database."""
    why = "" if words == ANSWERS_AGAIN else words.partition("\n")[0]
    report(Unseen(socket.gethostname(), DATABASE, why))


def _turn(ledger: Migration, order: MigrateOrder, how: DiscOrder, owner: str, report: Reported) -> _Turn:
    now = datetime.now().astimezone()
    is_open = order.hours is None or order.hours.holds_at(now.hour * 60 + now.minute)
    claim = None
    if is_open and not ledger.is_paused:
        claim = ledger.claim(owner, order.lease_s, is_inventory=how.is_inventory)
    if claim is None:
        if not ledger.is_left(is_inventory=how.is_inventory):
            return _Turn.OVER
        time.sleep(TURN_S)
        return _Turn.WAITED
    visit = None
    with _lease_kept(ledger, claim, order.lease_s), suppress(LeaseLost):
        visit = visit_disc(ledger, claim, how)
        ledger.settle(claim, visit, order.away_s if visit.is_away or visit.counts_as_try else 0.0)
        if visit.outcome == Outcome.INTERRUPTED.word:
            return _Turn.OVER
        ledger.set_away(is_away=visit.is_away)
        if visit.is_away:
            ledger.hold(order.away_s)
    if visit is not None and visit.is_elsewhere:
        report(Unseen(socket.gethostname(), DISCS, f"{claim.path} is not there"))
        time.sleep(order.away_s)  # leave it, and the next ones, to machines that see them
    return _Turn.WORKED


@contextmanager
def _lease_kept(ledger: Migration, claim: DiscClaim, lease_s: float) -> Iterator[None]:
    """Renew the lease of a disc while the block runs."""
    is_over = threading.Event()

    def renew() -> None:
        while not is_over.wait(lease_s / 3):
            with suppress(MediakitError):  # the ledger is busy: it is tried again before the lease is over
                ledger.renew(claim, lease_s)

    thread = threading.Thread(target=renew, name="mediakit-lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
