"""`mediakit migrate` as a user calls it."""

from __future__ import annotations

import csv
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import dask
import jsonschema
import pytest

from mediakit.journeys import migrate_cluster
from mediakit.ledger.migration import Migration
from mediakit.ledger.migration_reading import migrated_of
from mediakit.ledger.migration_values import MigrationFacts
from mediakit.report.migrated import migration_schema
from tests.support.certificates import make_certificates
from tests.support.cli import Said, mediakit, process
from tests.support.importing import small
from tests.support.postgres import Postgres


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    for name, numbers in (("a", (1, 2)), ("b", (2, 3))):
        (tmp_path / "discs" / name).mkdir(parents=True)
        for number in numbers:
            (tmp_path / "discs" / name / f"IM{number}").write_bytes(small(number, 200))
    (tmp_path / "received").mkdir()
    return tmp_path


def test_inventory_run_and_the_same_command_again(archive: Path) -> None:
    def migrate(*options: str | Path, run: Callable[..., Said] = mediakit) -> Said:
        where = (archive / "discs", f"dir:{archive / 'received'}")
        return run("migrate", *where, "--ledger", archive / "m.sqlite", *options)

    reports = ("--report", archive / "i.csv", "--report", archive / "i.html")
    said = migrate("--inventory-only", "-w", "1", *reports)
    assert said.code == 0, said.err
    assert "it balances" in said.out
    with (archive / "i.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    columns = ("instances", "copies")
    told = [(Path(row["disc"]).name, *(row[name] for name in columns)) for row in rows]
    assert told == [("a", "2", "1"), ("b", "2", "1")]
    assert "3 instances, 1 further copy" in said.out
    assert "what to do: see the inventory, then run it without `--inventory-only`.\n" in said.out
    page = (archive / "i.html").read_text()
    assert "2 discs" in page
    assert not list((archive / "received").rglob("*.dcm"))

    said = migrate("--json", "--dashboard", archive / "now.html", run=process)
    document = said.document
    jsonschema.validate(document, migration_schema())
    assert document["outcome"] == "good"
    assert document["instances_by_state"] == {"stored": 3}
    assert document["files_by_state"] == {"duplicate": 1, "stored": 3}
    assert len(list((archive / "received").rglob("*.dcm"))) == 3
    assert "2 of 2 discs" in (archive / "now.html").read_text()
    assert 'http-equiv="refresh"' not in (archive / "now.html").read_text()

    before = (archive / "m.sqlite").stat().st_size
    again = migrate("--json")
    assert again.document["instances_by_state"] == {"stored": 3}
    assert again.code == 0
    assert (archive / "m.sqlite").stat().st_size == before
    shown = mediakit("migrate", "status", archive / "m.sqlite", "-v")
    assert "discs      2: done 2" in shown.out
    assert "what to do: nothing. The discs can be put away.\n" in shown.out


def test_a_paused_migration_begins_no_disc_and_a_wrong_call_says_what_is_wrong(archive: Path) -> None:
    ledger = archive / "m.sqlite"
    out = f"dir:{archive / 'received'}"
    for arguments, words in (
        ((archive / "discs",), "where to"),
        ((archive / "gone", out), "cannot be listed"),
        ((archive / "discs", out, "--hours", "25-3"), "hours"),
        ((archive / "discs", out, "--hours", "19:30-19:30"), "hours"),
        ((archive / "discs", out, "--cluster", "http://x"), "Dask scheduler"),
        ((archive / "discs", out, "--cluster", "tcp://x"), "all its machines"),
        ((archive / "discs", out, "--dashboard", archive / "x.txt"), "dashboard"),
        ((archive / "discs", out, "--report", archive / "x.pdf"), "not known"),
        ((archive / "discs", out, "--map", archive / "m.csv", "--match", "query"), "exclude"),
    ):
        said = mediakit("migrate", "--ledger", ledger, *arguments)
        assert said.code == 2, said.out
        assert words in said.err
    said = mediakit("migrate", "status", archive / "none")
    assert said.code == 2
    assert "there is no such ledger" in said.err


def test_a_run_that_an_error_ends_has_its_report_and_its_dashboard(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate_cluster, "_ANSWER_S", 1)
    written = ("--report", archive / "end.json", "--dashboard", archive / "now.html")
    with Postgres() as postgres:
        where = (archive / "discs", f"dir:{archive / 'received'}", "--ledger", postgres.address())
        said = mediakit("migrate", *where, "--cluster", "tcp://127.0.0.1:1", *written)
    assert said.code == 2
    assert "the Dask scheduler does not answer" in said.err
    assert "waiting 2" in said.out
    assert json.loads((archive / "end.json").read_text())["exit_code"] == 2
    assert 'http-equiv="refresh"' not in (archive / "now.html").read_text()


@contextmanager
def closing_at_once(context: ssl.SSLContext | None) -> Iterator[int]:
    """Give the port of what ends every connection when something has come, as a scheduler with TLS does."""

    def serve() -> None:
        with suppress(OSError):
            while True:
                link, _ = listening.accept()
                with link, suppress(OSError):
                    link.settimeout(5)
                    if context is None:
                        link.recv(10)
                    else:
                        context.wrap_socket(link, server_side=True).close()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_it_is_said_why_a_scheduler_with_tls_is_not_reached(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate_cluster, "_ANSWER_S", 5)
    theirs, ours = make_certificates(archive / "theirs"), make_certificates(archive / "ours")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(theirs.server, theirs.server_key)
    settings = {
        "distributed.comm.tls.ca-file": str(ours.authority),
        "distributed.comm.tls.client.cert": str(ours.client),
        "distributed.comm.tls.client.key": str(ours.client_key),
    }
    with Postgres() as postgres, dask.config.set(settings):
        for scheme, tls, why in (
            ("tcp", None, "it ended the connection"),
            ("tls", context, "no TLS connection (unable to get local issuer certificate)"),
        ):
            where = (archive / "discs", f"dir:{archive / 'received'}", "--ledger", postgres.address(scheme))
            with closing_at_once(tls) as port:
                said = mediakit("migrate", *where, "--cluster", f"{scheme}://127.0.0.1:{port}")
            assert said.code == 2
            assert f"the Dask scheduler does not answer: {why}" in said.err
            assert "tls://HOST:PORT" in said.err


def test_runs_that_begin_at_the_same_time_have_one_ledger_and_leave_nothing_beside_it(
    archive: Path,
) -> None:
    def begin(number: int) -> None:
        with Migration.begin(archive / "m.sqlite", MigrationFacts(destination="dir:x")) as migration:
            migration.add_discs([f"/{number}"])

    with ThreadPoolExecutor(8) as others:
        list(others.map(begin, range(24)))
    assert len(migrated_of(str(archive / "m.sqlite")).discs) == 24
    assert not [one.name for one in archive.iterdir() if one.name.startswith(".")]


def test_pause_and_resume_are_words_in_the_ledger(archive: Path) -> None:
    with Migration.begin(archive / "m.sqlite", MigrationFacts(destination="dir:x")) as migration:
        migration.add_discs(["/a"])
        assert mediakit("migrate", "pause", archive / "m.sqlite").code == 0
        assert migration.is_paused
        said = mediakit("migrate", "status", archive / "m.sqlite", "--json")
        assert json.loads(said.out)["paused"] is True
        assert mediakit("migrate", "resume", archive / "m.sqlite").code == 0
        assert not migration.is_paused
