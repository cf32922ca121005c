"""Migrate: import thousands of discs by several worker processes, each instance once, whatever ends them.

Every worker runs one loop: take a disc, import what of it is its own, write down what came of it. What is
true stands in the ledger; a worker that ended is replaced, and its disc goes to another one.
"""

from __future__ import annotations

import multiprocessing
import os
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mediakit.errors import MediakitError
from mediakit.events import Advanced, Listener, PhaseEnded, PhaseStarted, silence
from mediakit.journeys.migrate_disc import DiscOrder, visit_disc
from mediakit.ledger.migration import LeaseLost, Migration
from mediakit.ledger.migration_reading import migrated_of
from mediakit.ledger.migration_values import DiscState, InstanceState, Migrated
from mediakit.outcome import Outcome

if TYPE_CHECKING:  # only named here
    from multiprocessing.context import BaseContext

    from mediakit.ledger.migration_values import DiscClaim

_TURN_S: Final = 0.2
_MOST_DEATHS: Final = 20  # of workers one after the other, while no disc was finished
_GRACE_S: Final = 30.0  # for workers that were asked to end


@dataclass(frozen=True, slots=True)
class Hours:
    """The hours, local time, in which discs may be begun: from `first` up to `last`; 20-06 is a night."""

    first: int
    last: int

    def holds_at(self, hour: int) -> bool:
        """Return True when discs may be begun in an hour of the day."""
        if self.first <= self.last:
            return self.first <= hour < self.last
        return hour >= self.first or hour < self.last


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrateOrder:
    """What to migrate, and how.

    `ledger` knows the discs. `make` gives the order for a disc, in each worker once: other processes must be
    able to import it. `lease_s` is how long a disc stays with a worker that no longer answers. A destination
    that is away is tried again after each `away_s`, for `away_most_s` at most; one that never answered once.
    """

    ledger: Path
    make: Callable[[], DiscOrder]
    workers: int = 2
    hours: Hours | None = None
    lease_s: float = 60.0
    away_s: float = 30.0
    away_most_s: float = 3600.0


@dataclass(slots=True)
class _Worker:
    """A process that works on one disc after the other."""

    owner: str
    process: BaseProcess
    hears: Connection


def migrate(
    order: MigrateOrder, tell: Listener = silence, hear: Callable[[], None] = lambda: None
) -> tuple[Migrated, Outcome]:
    """Run workers until no disc is left, and return how all of it stands, and the outcome.

    `hear` is called again and again meanwhile. Raises UsageError and SourceError for a ledger that cannot be
    used. KeyboardInterrupt lets the workers end what they send, and is an outcome.
    """
    with Migration.open(order.ledger) as ledger:
        ledger.hold(0.0)
        ledger.set_away(is_away=False)
        team = _Team(order, ledger, tell, hear)
        try:
            ended = team.run()
        except KeyboardInterrupt:
            ended = Outcome.INTERRUPTED
        finally:
            team.end()
    migrated = migrated_of(order.ledger)
    return migrated, ended or outcome_of_migration(migrated)


def outcome_of_migration(migrated: Migrated) -> Outcome:
    """Return the outcome: good only when every instance of every disc is at the destination.

    After an inventory it is good when every instance could be read.
    """
    states = migrated.discs_by_state
    instances = migrated.instances
    sent = sum(count for state, count in instances.items() if state is not InstanceState.WANTED)
    if migrated.imbalances:
        return Outcome.FAULT
    if migrated.discs and states.get(DiscState.UNREADABLE, 0) == len(migrated.discs):
        return Outcome.SOURCE
    if states.get(DiscState.REFUSED, 0):
        return Outcome.IDENTITY
    if instances.get(InstanceState.UNPROVEN, 0):
        return Outcome.INTEGRITY
    is_whole = not (migrated.needed or migrated.conflicts or migrated.unnamed)
    ended_well = {DiscState.DONE, DiscState.PARTLY, DiscState.WAITING}
    is_whole = is_whole and not set(states) - ended_well
    if not sent:  # an inventory
        return Outcome.GOOD if is_whole else Outcome.FINDINGS
    left = {InstanceState.CLAIMED, InstanceState.UNCERTAIN, InstanceState.REFUSED}
    is_whole = is_whole and not left & set(instances) and not states.get(DiscState.WAITING, 0)
    return Outcome.GOOD if is_whole else Outcome.PARTLY_STORED


class _Team:
    """The workers of a migration, and what is done while they work."""

    def __init__(
        self, order: MigrateOrder, ledger: Migration, tell: Listener, hear: Callable[[], None]
    ) -> None:
        self._order = order
        self._ledger = ledger
        self._tell = tell
        self._hear = hear
        self._is_inventory = order.make().is_inventory
        self._context = _context()
        self._workers: list[_Worker] = []
        self._deaths = 0
        self._ended = 0

    def run(self) -> Outcome | None:
        """Keep so many workers at work until nothing is left; return why it ended before that, else None.

        Raises what ended a worker: the ledger cannot be written, or the destination is none.
        """
        done, total = self._ledger.progress(is_inventory=self._is_inventory)
        self._tell(PhaseStarted("migrate", total=total, unit="discs"))
        self._tell(Advanced(done))
        self._ended = done
        try:
            while self._ledger.is_left(is_inventory=self._is_inventory):
                if self._ledger.is_given_up(self._order.away_most_s):
                    return Outcome.NO_ASSOCIATION
                self._replace_those_that_ended()
                self._note_progress()
                self._hear()
                time.sleep(_TURN_S)
        finally:
            self._tell(PhaseEnded("migrate"))
        return None

    def end(self) -> None:
        """Ask the workers to end what they do, and wait for them, but not for ever."""
        for worker in self._workers:
            if worker.process.is_alive() and worker.process.pid:
                with suppress(ProcessLookupError):
                    os.kill(worker.process.pid, signal.SIGINT)
        until = time.monotonic() + _GRACE_S
        for worker in self._workers:
            worker.process.join(max(0.1, until - time.monotonic()))
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.hears.close()
            self._ledger.bury(worker.owner)
        self._workers = []

    def _replace_those_that_ended(self) -> None:
        for worker in [one for one in self._workers if not one.process.is_alive()]:
            self._workers.remove(worker)
            self._ledger.bury(worker.owner)
            said = _heard(worker.hears)
            worker.hears.close()
            if said is not None:
                raise said
            self._deaths += worker.process.exitcode != 0
        if self._deaths > _MOST_DEATHS:
            raise MediakitError(
                "one worker after the other ended", hint="run it with `--workers 1`, and report it"
            )
        while len(self._workers) < self._order.workers:
            self._workers.append(self._started())

    def _started(self) -> _Worker:
        owner = f"{os.getpid()}-{secrets.token_hex(6)}"
        hears, says = self._context.Pipe(duplex=False)
        process = self._context.Process(  # type: ignore[attr-defined]  # each context has it
            target=work, args=(self._order, owner, says), name=f"mediakit-migrate-{owner}"
        )
        process.start()
        says.close()
        return _Worker(owner, process, hears)

    def _note_progress(self) -> None:
        done, _ = self._ledger.progress(is_inventory=self._is_inventory)
        if done > self._ended:
            self._tell(Advanced(done - self._ended))
            self._deaths = 0
        self._ended = done


def work(order: MigrateOrder, owner: str, says: Connection) -> None:
    """Take disc after disc until none is left: the whole of a worker process. What ends it is told."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with Migration.open(order.ledger) as ledger:
            how = order.make()
            while _turn(ledger, order, how, owner):
                pass
    except KeyboardInterrupt:
        return
    except MediakitError as exc:
        says.send((exc.exit_code, exc.what, exc.where, exc.why, exc.hint))


def _turn(ledger: Migration, order: MigrateOrder, how: DiscOrder, owner: str) -> bool:
    """Work on one disc, or wait for one; return False when there is none left, or nobody to work for."""
    parent = multiprocessing.parent_process()
    if parent is not None and not parent.is_alive():
        return False
    is_open = order.hours is None or order.hours.holds_at(datetime.now().astimezone().hour)
    claim = None
    if is_open and not ledger.is_paused:
        claim = ledger.claim(owner, order.lease_s, is_inventory=how.is_inventory)
    if claim is None:
        if not ledger.is_left(is_inventory=how.is_inventory):
            return False
        time.sleep(_TURN_S)
        return True
    with _lease_kept(ledger, claim, order.lease_s), suppress(LeaseLost):
        visit = visit_disc(ledger, claim, how)
        ledger.settle(claim, visit, order.away_s if visit.is_away or visit.counts_as_try else 0.0)
        if visit.outcome == Outcome.INTERRUPTED.word:
            return False
        ledger.set_away(is_away=visit.is_away)
        if visit.is_away:
            ledger.hold(order.away_s)
    return True


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


def _heard(hears: Connection) -> MediakitError | None:
    """Return what ended a worker, when it could say so."""
    try:
        if not hears.poll():
            return None
        code, what, where, why, hint = hears.recv()
    except (EOFError, OSError):
        return None
    said = MediakitError(what, where=where, why=why, hint=hint)
    said.exit_code = code
    return said


def _context() -> BaseContext:
    """Return how workers are started: where it is possible, from a process that has loaded everything."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", __name__])
    return context
