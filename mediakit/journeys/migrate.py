"""Migrate: import thousands of discs by several workers, each instance once, whatever ends them.

Workers are processes of this machine, or those of a Dask cluster; all run the loop of `migrate_work`. What is
true stands in the ledger; a worker that ended is replaced, and its disc goes to another one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from mediakit.errors import MediakitError
from mediakit.events import Advanced, Listener, Noted, PhaseEnded, PhaseStarted, silence
from mediakit.journeys.migrate_processes import Processes
from mediakit.journeys.migrate_unseen import Lacks, Unseen
from mediakit.journeys.migrate_work import TURN_S, MigrateOrder
from mediakit.ledger.migration import Migration
from mediakit.ledger.migration_reading import migrated_of
from mediakit.ledger.migration_values import DiscState, InstanceState, Migrated
from mediakit.outcome import Outcome

_MOST_DEATHS: Final = 20  # of workers one after the other, while no disc was finished


class Workers(Protocol):
    """Those who work on the discs, wherever they are. `last_words` tell what was last lost."""

    last_words: str

    def keep_at_work(self) -> int:
        """Replace workers that ended, and return how many did so by no will of their own.

        Raises what ended a worker.
        """

    def reports(self) -> Iterable[Unseen]:
        """Return what workers have reported since the last call."""

    def end(self) -> None:
        """Let the workers end what they do, and wait for them, but not for ever."""


def migrate(
    order: MigrateOrder,
    tell: Listener = silence,
    hear: Callable[[], None] = lambda: None,
    gather: Callable[[MigrateOrder, Migration], Workers] = Processes,
) -> tuple[Migrated, Outcome]:
    """Run workers until no disc is left, and return how all of it stands, and the outcome.

    `hear` is called again and again meanwhile; `gather` gives the workers. Raises UsageError and SourceError
    for a ledger that cannot be used. KeyboardInterrupt lets the workers end what they send, and is
    an outcome.
    """
    with Migration.open(order.ledger, order.away_most_s, lambda words: tell(Noted(words))) as ledger:
        ledger.hold(0.0)
        ledger.set_away(is_away=False)
        workers = gather(order, ledger)
        try:
            ended = _Watch(order, ledger, tell, hear).until_nothing_is_left(workers)
        except KeyboardInterrupt:
            ended = Outcome.INTERRUPTED
        finally:
            workers.end()
    migrated = migrated_of(order.ledger, order.away_most_s)
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


class _Watch:
    """Looks at the ledger while others work."""

    def __init__(
        self, order: MigrateOrder, ledger: Migration, tell: Listener, hear: Callable[[], None]
    ) -> None:
        self._order = order
        self._ledger = ledger
        self._tell = tell
        self._hear = hear
        self._is_inventory = order.make().is_inventory
        self._deaths = 0
        self._ended = 0
        self._lacks = Lacks(order.away_s, order.away_most_s)

    def until_nothing_is_left(self, workers: Workers) -> Outcome | None:
        """Keep the workers at work; return why it ended before nothing was left, else None.

        Raises what ended a worker: the ledger cannot be written, or the destination is none. UsageError
        when no worker sees what it needs.
        """
        done, total = self._ledger.progress(is_inventory=self._is_inventory)
        self._tell(PhaseStarted("migrate", total=total, unit="discs"))
        self._tell(Advanced(done))
        self._ended = done
        try:
            while self._ledger.is_left(is_inventory=self._is_inventory):
                if self._ledger.is_given_up(self._order.away_most_s):
                    return Outcome.NO_ASSOCIATION
                self._deaths += workers.keep_at_work()
                if self._deaths > _MOST_DEATHS:
                    raise MediakitError(
                        "one worker after the other ended",
                        why=workers.last_words,
                        hint="run it with `--workers 1`, and report it",
                    )
                self._note_progress()
                self._note_lacks(workers)
                self._hear()
                time.sleep(TURN_S)
        finally:
            self._tell(PhaseEnded("migrate"))
        return None

    def _note_lacks(self, workers: Workers) -> None:
        now = time.monotonic()
        for report in workers.reports():
            self._lacks.note(report, now)
        for words in self._lacks.to_say(now, lambda: self._ledger.is_worked_on(self._order.lease_s)):
            self._tell(Noted(words))

    def _note_progress(self) -> None:
        done, _ = self._ledger.progress(is_inventory=self._is_inventory)
        if done > self._ended:
            self._tell(Advanced(done - self._ended))
            self._deaths = 0
            self._lacks.note_progress()
        self._ended = done
