"""`mediakit migrate`: what arrives is exactly the set, each instance once, whatever ends the workers."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from distributed import LocalCluster

from mediakit.errors import UsageError
from mediakit.events import Event, Noted, silence
from mediakit.journeys import migrate_cluster
from mediakit.journeys.migrate import Workers, migrate
from mediakit.journeys.migrate_cluster import Cluster
from mediakit.journeys.migrate_processes import Processes
from mediakit.journeys.migrate_sources import discs_of
from mediakit.journeys.migrate_unseen import DATABASE, Lacks, Unseen
from mediakit.journeys.migrate_work import MigrateOrder
from mediakit.ledger.migration import Migration
from mediakit.ledger.migration_reading import migrated_of
from mediakit.ledger.migration_values import DiscState, InstanceState, Migrated, MigrationFacts
from mediakit.outcome import Outcome
from tests.support.migrations import Archive, CountingScp, Made, archive_of
from tests.support.postgres import Postgres


@dataclass(frozen=True, kw_only=True)
class Team:
    """Who works: the processes that can be killed, what gathers them, what else goes away and comes back."""

    processes: Callable[[], list[int]]
    gather: Callable[[MigrateOrder, Migration], Workers] = Processes
    leave: Callable[[], None] = lambda: None
    come: Callable[[], None] = lambda: None
    kills: int = 5


def migrated(
    archive: Path, ledger: str, made: Made, team: Team, hear: Callable[[], None]
) -> tuple[Migrated, Outcome]:
    order = MigrateOrder(ledger=ledger, make=made, workers=3, lease_s=5.0, away_s=0.3, away_most_s=60.0)
    with Migration.begin(ledger, MigrationFacts(destination=made().target.destination.name)) as migration:
        migration.add_discs(discs_of([archive]))
    return migrate(order, hear=hear, gather=team.gather)


def check(archive: Archive, scp: CountingScp, found: Migrated) -> None:
    """Compare what arrived and what the ledger says with what the discs hold."""
    assert found.imbalances == ()
    assert sum(found.files.values()) == archive.files
    assert {one.sop_instance for one in found.needed} == archive.needed
    assert all(len(one.discs) == 1 for one in found.needed)
    assert found.instances == {
        InstanceState.STORED: len(archive.wanted),
        InstanceState.WANTED: len(archive.needed),
    }
    assert scp.stores.keys() == archive.wanted.keys()
    assert {uid: scp.pixels[uid] in digests for uid, digests in archive.wanted.items()} == dict.fromkeys(
        archive.wanted, True
    )
    assert len(found.conflicts) == sum(len(digests) - 1 for digests in archive.wanted.values())


def test_each_instance_is_stored_once_though_workers_are_killed_and_the_destination_goes_away(
    tmp_path: Path,
) -> None:
    def processes() -> list[int]:
        return [one.pid for one in multiprocessing.active_children() if one.pid and "mediakit" in one.name]

    disturbed(tmp_path, str(tmp_path / "ledger.sqlite"), 20, Team(processes=processes))


@pytest.mark.takes_long
def test_each_instance_is_stored_once_though_also_the_database_and_workers_of_a_cluster_are_killed(
    tmp_path: Path,
) -> None:
    with Postgres() as postgres, local_cluster() as cluster:
        team = Team(
            processes=lambda: [one.pid for one in cluster.workers.values() if one.pid],
            gather=partial(Cluster, cluster.scheduler_address, silence),
            leave=postgres.stop,
            come=postgres.start,
            kills=3,
        )
        disturbed(tmp_path, postgres.address(), 12, team)


def test_a_run_whose_scheduler_is_killed_or_says_nothing_ends_and_the_next_one_completes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = archive_of(tmp_path / "archive", 12, seed=13)
    losses = [(5, signal.SIGKILL), (20, signal.SIGSTOP)]
    said: list[object] = []
    with Postgres() as postgres, CountingScp() as scp, ExitStack() as stack:
        ledger = postgres.address()
        order = MigrateOrder(
            ledger=ledger,
            make=Made(scp.address, jobs=tmp_path / "jobs"),
            workers=1,
            lease_s=2.0,
            away_s=0.3,
        )
        with Migration.begin(ledger, MigrationFacts(destination="there")) as migration:
            migration.add_discs(discs_of([archive.folder]))
        here = stack.enter_context(Scheduler(tmp_path))

        def on_store(count: int) -> None:
            if losses and count >= losses[0][0]:
                monkeypatch.setattr(migrate_cluster, "_ANSWER_S", 1)
                os.kill(here.process.pid, losses.pop(0)[1])

        def run(patience_s: float) -> tuple[Migrated, Outcome]:
            monkeypatch.setattr(migrate_cluster, "_ANSWER_S", 30)
            gather = partial(Cluster, here.address, said.append)
            return migrate(replace(order, away_most_s=patience_s), said.append, gather=gather)

        scp.on_store = on_store
        for _ in range(2):
            with pytest.raises(UsageError, match="the Dask scheduler does not answer"):
                run(0.0)
            assert migrated_of(ledger).imbalances == ()
            if here.process.poll() is None:
                os.kill(here.process.pid, signal.SIGCONT)
            else:
                here = stack.enter_context(Scheduler(tmp_path))
        found, outcome = run(60.0)
        check(archive, scp, found)
        assert outcome is Outcome.PARTLY_STORED
        assert max(scp.stores.values()) == 1
    assert said.count(Noted("the Dask scheduler does not answer: it is waited for")) == 2


def test_a_worker_of_another_version_does_nothing_and_says_so(tmp_path: Path) -> None:
    order = MigrateOrder(ledger=str(tmp_path / "none"), make=Made("X@127.0.0.1:1"))
    said = migrate_cluster.work_there(order, "0.0.1", "topic")
    assert said is not None
    assert (said[0], said[1]) == (2, "a worker has another version of mediakit")


NOBODY: Final = "nobody works on a disc, because no worker sees what it needs:"


def words_of(events: Sequence[object]) -> list[str]:
    return [event.words for event in events if isinstance(event, Noted)]


def test_discs_that_no_worker_sees_are_named_once_and_what_is_waited_for_is_said(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "archive", 3, seed=13)
    said: list[Event] = []
    with Postgres() as postgres, CountingScp() as scp:
        made = Made(scp.address, jobs=tmp_path / "jobs")
        order = MigrateOrder(ledger=postgres.address(), make=made, workers=2, away_s=0.5, away_most_s=60.0)
        with Migration.begin(order.ledger, MigrationFacts(destination="there")) as migration:
            migration.add_discs(discs_of([archive.folder]))
        archive.folder.rename(tmp_path / "elsewhere")
        found, outcome = migrate(order, said.append)
    assert outcome is Outcome.SOURCE
    assert {disc.state for disc in found.discs} == {DiscState.UNREADABLE}
    here = socket.gethostname()
    named = [words for words in words_of(said) if words.startswith(f"{here}: {archive.folder}")]
    assert len(named) == 1
    assert named[0].endswith(" is not there")
    (waiting,) = [words for words in words_of(said) if words.startswith(NOBODY)]
    assert f"\n  {here}: {archive.folder}" in waiting
    assert "1 min at most" in waiting


def test_a_machine_that_does_not_reach_the_database_says_so_and_works_when_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = archive_of(tmp_path / "archive", 3, seed=13)
    road = tmp_path / "road"
    said: list[Event] = []
    with Postgres() as postgres, CountingScp() as scp, Scheduler(tmp_path, PGHOST=str(road)) as there:

        def hear(event: Event) -> None:
            said.append(event)
            if isinstance(event, Noted) and event.words.startswith(NOBODY):
                road.symlink_to(postgres.folder)

        monkeypatch.setenv("PGHOST", str(postgres.folder))
        ledger = "postgresql://me@/postgres#mediakit"
        made = Made(scp.address, jobs=tmp_path / "jobs")
        order = MigrateOrder(ledger=ledger, make=made, workers=1, away_s=1.0, away_most_s=120.0)
        with Migration.begin(ledger, MigrationFacts(destination="there")) as migration:
            migration.add_discs(discs_of([archive.folder]))
        found, _ = migrate(order, hear, gather=partial(Cluster, there.address, hear))
    check(archive, scp, found)
    missed = f"{socket.gethostname()}: the database of the ledger does not answer: "
    told = [words for words in words_of(said) if missed in words]
    assert [words.startswith(missed) for words in told] == [True, False]
    assert f"\n  {missed}" in told[1]
    assert "2 min at most" in told[1]


def test_a_migration_ends_when_nobody_has_seen_what_it_needs_for_long() -> None:
    lacks = Lacks(away_s=30, away_most_s=3600)
    lacks.note(Unseen("one", DATABASE, "no way"), 0)
    assert list(lacks.to_say(0, lambda: False)) == []
    (named, _) = lacks.to_say(31, lambda: False)
    assert named == "one: no way"
    assert list(lacks.to_say(40, lambda: True)) == []  # somebody else works
    assert list(lacks.to_say(50, lambda: False)) == []
    with pytest.raises(UsageError, match="no worker sees what it needs") as raised:
        list(lacks.to_say(3651, lambda: False))
    assert raised.value.why == "one: no way"
    lacks.note(Unseen("one", DATABASE, ""), 3652)
    assert list(lacks.to_say(9999, lambda: False)) == []


class Scheduler(AbstractContextManager["Scheduler"]):
    """A scheduler and a worker of it, each a process of its own."""

    def __init__(self, folder: Path, **environment: str) -> None:
        """`environment` is that of the worker, beside ours."""
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{port}"
        place = ("--host", "127.0.0.1", "--no-dashboard")
        self.process = self._started("scheduler", *place, "--port", str(port))
        only = ("--nthreads", "1", "--no-nanny", "--local-directory", str(folder))
        self._worker = self._started("worker", self.address, *place, *only, **environment)
        until = time.monotonic() + 60
        while not _listens(port) and time.monotonic() < until:
            time.sleep(0.05)

    def __exit__(self, *_: object) -> None:
        for process in (self._worker, self.process):
            process.kill()
            process.wait(60)

    @staticmethod
    def _started(what: str, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-m", f"distributed.cli.dask_{what}", *arguments]
        env = {**os.environ, **environment}
        return subprocess.Popen(words, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def local_cluster() -> LocalCluster:
    return LocalCluster(  # type: ignore[no-untyped-call]
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=50
    )


def disturbed(folder: Path, ledger: str, discs: int, team: Team) -> None:
    """Migrate while workers are killed, the destination goes away, and the database is killed."""
    archive = archive_of(folder / "archive", discs, seed=13)
    choose = random.Random(13)  # noqa: S311 - not a secret
    moments = sorted(choose.sample(range(5, discs * 5 // 2), team.kills))
    alive: list[int] = []
    killed: list[int] = []
    one_at_a_time = threading.Lock()
    returns: list[Future[None]] = []

    def be_back(come: Callable[[], None], after_s: float) -> None:
        time.sleep(after_s)
        come()

    def go_away() -> None:
        scp.leave()
        be_back(scp.come, 1.0)

    def on_store(count: int) -> None:
        with one_at_a_time:
            if not (moments and count >= moments[0] and alive):
                return
            moments.pop(0)
            killed.append(choose.choice(alive))
            with suppress(ProcessLookupError):
                os.kill(killed[-1], signal.SIGKILL)
            if len(killed) == team.kills - 2:
                returns.append(others.submit(go_away))
            if len(killed) == team.kills - 1:
                gone = others.submit(team.leave)
                wait([gone])  # it is away before this instance is answered: what became of it cannot be noted
                returns.extend([gone, others.submit(be_back, team.come, 0.5)])

    def hear() -> None:
        alive[:] = team.processes()

    with ThreadPoolExecutor() as others, CountingScp(on_store) as scp:
        made = Made(scp.address, jobs=folder / "jobs")
        found, outcome = migrated(archive.folder, ledger, made, team, hear)
        for one in returns:
            one.result()
        check(archive, scp, found)
        assert outcome is Outcome.PARTLY_STORED
        assert len(killed) == team.kills
        assert len(returns) == 3
        # what a killed worker had handed over whole is sent again where the destination has not stored it yet
        # when it is asked: at most one instance for each time that a connection was cut off
        assert max(scp.stores.values()) <= 2
        assert sum(count > 1 for count in scp.stores.values()) <= team.kills + 1
