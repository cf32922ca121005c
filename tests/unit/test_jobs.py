"""The folder of jobs: one holder a job, readers at any time, and damage is said and not fatal."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mediakit.errors import MediakitError, SourceError, UsageError
from mediakit.ledger.jobs import Jobs
from mediakit.ledger.same_destination import identity_of
from mediakit.transfer.states import Happening, TransferState
from tests.support import ledgers
from tests.support.ledgers import SOURCE, facts, lost_row, row, started, uid


def _holder(folder: Path, job_id: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, ledgers.__file__, "hold", str(folder), job_id],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def _killed(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate(timeout=60)


def _path(folder: Path, job_id: str) -> Path:
    return folder / f"{job_id}.sqlite"


def test_only_its_owner_can_read_a_job(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "jobs"
    with started(folder, 1):
        modes = {path.suffix: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes == {".sqlite": 0o600, ".lock": 0o600, ".sqlite-wal": 0o600, ".sqlite-shm": 0o600}
    assert folder.stat().st_mode & 0o777 == 0o700


def test_an_id_says_the_day_and_is_found_by_its_beginning(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path, clock=lambda: datetime(2026, 11, 24, tzinfo=UTC))
    jobs.start(facts()).close()
    jobs.start(facts()).close()
    one, other = (summary.job_id for summary in jobs.summaries())
    assert one.startswith("20261124-")
    assert len(one) == 15
    assert jobs.find(one) == one
    unique = next(one[:size] for size in range(1, 16) if one[:size] != other[:size])
    assert jobs.find(unique) == one
    for wrong in ("", "20261124", "2025", "../", one + "x"):
        with pytest.raises(UsageError):
            jobs.find(wrong)


def test_a_name_that_is_no_job_id_leads_nowhere(tmp_path: Path) -> None:
    with started(tmp_path / "jobs") as ledger:
        job_id = ledger.job_id
    jobs = Jobs(tmp_path / "jobs")
    for wrong in (f"../jobs/{job_id}", f"{job_id}\n", "", "20261124-zzzzzz"):
        for call in (jobs.resume, jobs.read, jobs.remove):
            with pytest.raises(UsageError, match="no such job"):
                call(wrong)


def test_a_folder_that_is_not_there_has_no_jobs(tmp_path: Path) -> None:
    assert Jobs(tmp_path / "none").summaries() == ()
    assert Jobs(tmp_path / "none").match("PACS", [uid(1)]) is None


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError):
        Jobs(tmp_path / "file").start(facts())
    with pytest.raises(UsageError):
        Jobs(tmp_path / "file").summaries()


def test_facts_and_outcome_are_told_newest_first(tmp_path: Path) -> None:
    moments = [datetime(2026, 11, 24, 12, tzinfo=UTC) + timedelta(minutes=count) for count in range(50)]
    jobs = Jobs(tmp_path, clock=iter(moments).__next__)
    with jobs.start(facts()) as first:
        first.add([row(1)], SOURCE)
        first.end("partly-stored")
    with jobs.start(facts("dir:/out")) as second:
        newest, oldest = jobs.summaries()
    assert (newest.job_id, newest.outcome, newest.is_running) == (second.job_id, "", True)
    assert (oldest.job_id, oldest.outcome, oldest.is_running) == (first.job_id, "partly-stored", False)
    assert oldest.counts == {TransferState.PLANNED: 1}
    assert oldest.facts == first.facts
    assert oldest.facts.created_at == "2026-11-24T12:00:00.000+00:00"
    assert oldest.changed_at == "2026-11-24T12:02:00.000+00:00"
    assert oldest.facts.options == {"jobs": "2"}


def test_a_job_is_held_once_in_a_process(tmp_path: Path) -> None:
    with started(tmp_path) as ledger:
        for call in (Jobs(tmp_path).resume, Jobs(tmp_path).remove):
            with pytest.raises(UsageError, match="at work in another process"):
                call(ledger.job_id)
    Jobs(tmp_path).resume(ledger.job_id).close()


def test_a_job_is_held_by_one_process_read_by_all_and_free_when_that_is_killed(tmp_path: Path) -> None:
    with started(tmp_path, 2) as ledger:
        pass
    holder = _holder(tmp_path, ledger.job_id)
    try:
        jobs = Jobs(tmp_path)
        with pytest.raises(UsageError, match="at work in another process"):
            jobs.resume(ledger.job_id)
        assert jobs.summaries()[0].is_running
        view = jobs.read(ledger.job_id)
        assert [one.state for one in view.rows()] == [TransferState.SENDING, TransferState.PLANNED]
        assert view.counts() == {TransferState.PLANNED: 1, TransferState.SENDING: 1}
        with pytest.raises(UsageError):
            jobs.remove(ledger.job_id)
    finally:
        _killed(holder)
    assert not jobs.summaries()[0].is_running
    assert jobs.read(ledger.job_id).counts()[TransferState.SENDING] == 1  # a reader changes nothing
    with jobs.resume(ledger.job_id) as resumed:
        assert resumed.counts() == {TransferState.PLANNED: 1, TransferState.UNCERTAIN: 1}
        line = resumed.history(uid(0))[-1]
        assert (line.happening, line.was, line.now) == ("lost", "sending", "uncertain")


def test_a_job_that_is_taken_up_again_is_unfinished(tmp_path: Path) -> None:
    with started(tmp_path) as ledger:
        ledger.end("good")
    Jobs(tmp_path).resume(ledger.job_id).close()
    assert Jobs(tmp_path).summaries()[0].outcome == ""


def test_the_job_with_most_of_the_instances_is_found_and_the_newest_of_equals(tmp_path: Path) -> None:
    moments = [datetime(2026, 11, 24, 12, tzinfo=UTC) + timedelta(minutes=count) for count in range(50)]
    jobs = Jobs(tmp_path, clock=iter(moments).__next__)
    ids = []
    for destination, numbers in (("A", range(3)), ("A", range(2)), ("A", range(2)), ("B", range(9))):
        with jobs.start(facts(destination)) as ledger:
            ledger.add([*(row(number) for number in numbers), lost_row("X")], SOURCE)
            ids.append(ledger.job_id)
    assert jobs.match("A", [uid(0), uid(1), uid(2)]) == ids[0]
    assert jobs.match("A", [uid(0)]) == ids[2]
    assert jobs.match("A", [uid(7), "path:X"]) is None
    assert jobs.match("B", [uid(7)]) == ids[3]
    _path(tmp_path, ids[2]).write_bytes(b"SQLite format 3\0" + bytes(50))
    assert jobs.match("A", [uid(0)]) == ids[0] or jobs.match("A", [uid(0)]) == ids[1]


def test_a_removed_job_is_gone_and_leaves_nothing(tmp_path: Path) -> None:
    with started(tmp_path, 1) as ledger:
        pass
    Jobs(tmp_path).read(ledger.job_id)
    Jobs(tmp_path).remove(ledger.job_id)
    assert list(tmp_path.iterdir()) == []


def test_a_newer_schema_is_refused_by_name(tmp_path: Path) -> None:
    with started(tmp_path) as ledger:
        pass
    with closing(sqlite3.connect(_path(tmp_path, ledger.job_id))) as base:
        base.execute("PRAGMA user_version=2")
    with pytest.raises(UsageError, match="schema version 2"):
        Jobs(tmp_path).resume(ledger.job_id)
    (summary,) = Jobs(tmp_path).summaries()
    assert "schema version 2" in summary.problem


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"no ledger at all" * 100),
        lambda path: path.write_bytes(path.read_bytes()[:5000]),
        lambda path: path.write_bytes(path.read_bytes()[:1024] + bytes(len(path.read_bytes()) - 1024)),
    ],
    ids=["empty", "something else", "cut off", "zeros"],
)
def test_a_damaged_ledger_is_said_to_be_and_the_others_are_listed(
    tmp_path: Path, damage: Callable[[Path], int]
) -> None:
    with started(tmp_path, 30) as broken, started(tmp_path, 1) as sound:
        pass
    damage(_path(tmp_path, broken.job_id))
    jobs = Jobs(tmp_path)
    for call in (jobs.resume, lambda job_id: list(jobs.read(job_id).rows())):
        with pytest.raises(SourceError):
            call(broken.job_id)
    problems = {summary.job_id: summary.problem for summary in jobs.summaries()}
    assert problems[broken.job_id]
    assert not problems[sound.job_id]
    jobs.remove(broken.job_id)
    assert [summary.job_id for summary in jobs.summaries()] == [sound.job_id]


def test_a_ledger_of_which_any_byte_is_wrong_is_read_or_refused_and_never_a_crash(tmp_path: Path) -> None:
    with started(tmp_path, 12) as ledger:
        ledger.happen(uid(1), Happening.SEND)
    path, jobs = _path(tmp_path, ledger.job_id), Jobs(tmp_path)
    sound = path.read_bytes()
    for at in range(0, len(sound), 97):
        path.write_bytes(sound[:at] + bytes([sound[at] ^ 0xA5]) + sound[at + 1 :])
        for name in (f"{path.name}-wal", f"{path.name}-shm"):
            path.with_name(name).unlink(missing_ok=True)
        for call in (
            jobs.summaries,
            lambda: [*jobs.read(ledger.job_id).rows(), *jobs.read(ledger.job_id).history(uid(1))],
            lambda: jobs.resume(ledger.job_id).close(),
        ):
            try:
                call()
            except MediakitError as exc:
                assert exc.exit_code in (2, 3)


def test_the_job_of_an_older_ledger_is_found_whatever_case_its_host_was_written_in(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path)
    with jobs.start(facts("PACS@Archive.Example:104")) as ledger:
        ledger.add([row(1)], SOURCE)
        job = ledger.job_id
    for same in ("PACS@archive.example:104", "PACS@ARCHIVE.EXAMPLE:104"):
        assert jobs.match(same, [uid(1)]) == job
    for other in ("pacs@archive.example:104", "PACS@archive.example:105", "PACS@archive.example.org:104"):
        assert jobs.match(other, [uid(1)]) is None


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("A@Host:104", "A@hOST:104", True),
        ("a@host:104", "A@host:104", False),
        ("A@[FD00::5]:104", "A@[fd00::5]:104", True),
        ("dicomweb+https://host/A", "dicomweb+https://host/a", False),
        ("dir:/x/A@HOST:1", "dir:/x/A@host:1", False),
        ("dir:/x/../y", "dir:/y/", True),
        ("zip:/x/A@HOST:1", "zip:/x/A@host:1", False),
    ],
)
def test_names_mean_one_destination_or_two(one: str, other: str, is_same: bool) -> None:
    assert (identity_of(one) == identity_of(other)) is is_same
