"""A ledger of a migration in PostgreSQL: the database goes away and comes back; wrong addresses; shares."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from mediakit.errors import UsageError
from mediakit.ledger.migration import Migration
from mediakit.ledger.migration_address import store_at
from mediakit.ledger.migration_base import Base
from mediakit.ledger.migration_reading import migrated_of
from mediakit.ledger.migration_sqlite import check_is_local
from mediakit.ledger.migration_values import DiscState, MigrationFacts, SeenFile, Visit
from mediakit.outcome import State
from tests.support.postgres import Postgres

FACTS = MigrationFacts(destination="PACS@127.0.0.1:1")


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with Postgres() as server:
        yield server


def test_a_change_whose_end_was_not_heard_of_is_made_once(postgres: Postgres) -> None:
    """A commit that waits for a standby is kept already; its connection is cut before it is said."""
    address = postgres.address("once")
    with (
        Migration.begin(address, FACTS),
        psycopg.connect(address.partition("#")[0], autocommit=True) as admin,
    ):
        store = store_at(address, 30.0)

        def configured(value: str) -> None:
            admin.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{value}'".encode())
            admin.execute("SELECT pg_reload_conf()")

        def cut() -> None:
            for _ in range(400):
                found = admin.execute("SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
                if pids := found.fetchall():
                    admin.execute("SELECT pg_terminate_backend(%s)", pids[0])
                    break
                time.sleep(0.02)
            configured("")

        def count(base: Base) -> int:
            return int(base.execute("SELECT count(*) FROM wish").fetchone()[0])

        runs: list[int] = []

        def add(base: Base) -> int:
            runs.append(1)
            base.execute("INSERT INTO wish (kind, value, rank) VALUES ('disc', '/a', ?)", (count(base),))
            return len(runs)

        configured("nobody")
        time.sleep(0.2)
        thread = threading.Thread(target=cut)
        thread.start()
        try:
            assert store.change(add) == 1
        finally:
            thread.join()
        assert store.look(count) == 1
        store.close()


def test_a_database_that_restarts_is_waited_for_and_this_is_said(postgres: Postgres) -> None:
    address = postgres.address("restart")
    told: list[str] = []
    with Migration.begin(address, FACTS) as first:
        first.add_discs(["/a"])
    with Migration.open(address, 30.0, told.append) as ledger:
        claim = ledger.claim("one", 60.0)
        assert claim is not None
        file = SeenFile(path="/a/\udcff\x01", state=State.STORED, sop_instance="1.2", digest="d")
        ledger.note_inventory(claim, [file], [], 0)
        ledger.share(claim, {"1.2": "d"})
        postgres.stop()
        timer = threading.Timer(0.7, postgres.start)
        timer.start()
        ledger.settle(claim, Visit(state=DiscState.DONE, files=(file,)))
        timer.join()
    assert [words.splitlines()[0][:42] for words in told] == [
        "the database of the ledger does not answer",
        "the database of the ledger answers again",
    ]
    assert migrated_of(address).files == {State.STORED: 1}
    postgres.stop()
    try:
        with pytest.raises(UsageError, match="cannot be used"):
            migrated_of(address)
    finally:
        postgres.start()


def test_addresses_that_cannot_be_meant_are_refused_and_no_password_is_shown(postgres: Postgres) -> None:
    plain = postgres.address("none")
    for address, words in (
        (plain, "there is no such ledger"),
        (plain.replace("#none", "#No"), "not a name"),
        (plain.replace("me@", "me:geheim@"), "password"),
        (plain.replace("?", "?password=geheim&"), "password"),
        (plain.replace("/postgres", "/nothere"), "cannot be used"),
        ("postgresql:///?nonsense=1", "not an address"),
        ("postgresql://[/x", "not an address"),
        *((f"postgresql://me:ge{mark}heim77@127.0.0.1:1/x", "password") for mark in "?#/@"),
        ("postgresql://me:geheim@[::1/x", "password"),
        ("postgresql://127.0.0.1:1/x?sslmode=disable;password=geheim", "password"),
        ("postgresql://127.0.0.1:1/x?pass%77ord=geheim", "password"),
        ("POSTGRESQL://me:geheim@h/x", "not an address of a ledger"),
        (" postgresql://me:geheim@h/x", "not an address of a ledger"),
        ("postgresql:me:geheim@h/x", "not an address of a ledger"),
        ("host=h password=geheim dbname=x", "not an address of a ledger"),
        ("mysql:/me:geheim@h/x", "not an address of a ledger"),
    ):
        with pytest.raises(UsageError) as caught:
            Migration.open(address)
        assert words in str(caught.value)
        assert not {"geheim", "heim77"} & set(re.split(r"\W", f"{caught.value} {caught.value.hint}"))


def test_a_file_on_a_share_of_the_network_is_refused(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    lines = (
        "1 0 8:1 / / rw - ext4 /dev/sda1 rw",
        "2 1 0:5 / /mnt/the\\040share rw shared:1 - nfs4 server:/x rw",
        "3 2 8:2 / /mnt/the\\040share/disk rw - xfs /dev/sdb rw",
    )
    mounts.write_text("\n".join(lines))
    with pytest.raises(UsageError, match="network share"):
        check_is_local(Path("/mnt/the share/ledgers"), mounts)
    for local in ("/mnt/the share/disk/x", "/home", "/mnt/the shared"):
        check_is_local(Path(local), mounts)
    check_is_local(tmp_path, tmp_path / "none")
