"""The workers of a migration as processes of this machine: one that ended is replaced."""

from __future__ import annotations

import multiprocessing
import os
import secrets
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Final

from mediakit.journeys.migrate_unseen import Unseen
from mediakit.journeys.migrate_work import MigrateOrder, Said, error_of, work
from mediakit.ledger.migration import Migration

if TYPE_CHECKING:  # only named here
    from multiprocessing.context import BaseContext

_GRACE_S: Final = 30.0  # for workers that were asked to end


@dataclass(slots=True)
class _Worker:
    """A process that works on one disc after the other. `said` is what ended it, when it could say so."""

    owner: str
    process: BaseProcess
    hears: Connection
    said: Said | None = None
    reports: list[Unseen] = field(default_factory=list)

    def listen(self) -> None:
        """Take in what it has sent."""
        with suppress(EOFError, OSError):
            while self.hears.poll():
                message = self.hears.recv()
                if isinstance(message, Unseen):
                    self.reports.append(message)
                else:
                    self.said = message


class Processes:
    """So many processes of this machine."""

    def __init__(self, order: MigrateOrder, ledger: Migration) -> None:
        self._order = order
        self._ledger = ledger
        self._context = _context()
        self.last_words = ""
        self._workers: list[_Worker] = []

    def keep_at_work(self) -> int:
        """Replace workers that ended, and return how many did so by no will of their own.

        Raises what ended a worker: the ledger cannot be written, or the destination is none.
        """
        deaths = 0
        for worker in [one for one in self._workers if not one.process.is_alive()]:
            self._workers.remove(worker)
            self._ledger.bury(worker.owner)
            worker.listen()
            worker.hears.close()
            if worker.said is not None:
                raise error_of(worker.said)
            if worker.process.exitcode:
                self.last_words = f"exit code {worker.process.exitcode}"
                deaths += 1
        while len(self._workers) < self._order.workers:
            self._workers.append(self._started())
        return deaths

    def reports(self) -> list[Unseen]:
        """Return what workers have reported since the last call."""
        reports: list[Unseen] = []
        for worker in self._workers:
            worker.listen()
            reports += worker.reports
            worker.reports.clear()
        return reports

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

    def _started(self) -> _Worker:
        owner = f"{os.getpid()}-{secrets.token_hex(6)}"
        hears, says = self._context.Pipe(duplex=False)
        process = self._context.Process(  # type: ignore[attr-defined]  # each context has it
            target=work_here, args=(self._order, owner, says), name=f"mediakit-migrate-{owner}"
        )
        process.start()
        says.close()
        return _Worker(owner, process, hears)


def work_here(order: MigrateOrder, owner: str, says: Connection) -> None:
    """Work until nothing is left: the whole of a worker process. What ends it is told."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    one_at_a_time = threading.Lock()

    def report(unseen: Unseen) -> None:
        with one_at_a_time, suppress(OSError):  # nobody hears it any more
            says.send(unseen)

    with suppress(KeyboardInterrupt):
        said = work(order, owner, is_wanted=_has_parent, report=report)
        if said is not None:
            says.send(said)


def _has_parent() -> bool:
    parent = multiprocessing.parent_process()
    return parent is None or parent.is_alive()


def _context() -> BaseContext:
    """Return how workers are started: where it is possible, from a process that has loaded everything."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", __name__])
    return context
