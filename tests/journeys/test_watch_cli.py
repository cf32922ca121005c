"""Watching a folder: what comes is judged and imported, once, and told on one line."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import jsonschema
import pytest

from mediakit.drives.arrivals import Arrivals
from mediakit.ledger.lock import Lock
from mediakit.report.watched import watched_schema
from tests.support.cli import Said, mediakit
from tests.support.studies import CT_FOLDER


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """Return a folder with a disc, a broken image and something that is none."""
    folder = tmp_path / "inbox"
    folder.mkdir()
    said = mediakit("burn", str(CT_FOLDER), "-o", str(folder / "ct.iso"), "--viewer", "none", "--quiet")
    assert said.code == 0, said.err
    (folder / "broken.iso").write_bytes((folder / "ct.iso").read_bytes()[:60_000])
    (folder / "notes.iso.part").write_bytes(b"under way")
    return folder


def watched(inbox: Path, tmp_path: Path, *more: str) -> tuple[Said, list[dict[str, object]]]:
    state = ("--state", str(tmp_path / "state"))
    said = mediakit("watch", str(inbox), "--once", "--json", *state, *more)
    rows = [json.loads(line) for line in said.out.splitlines()]
    for row in rows:
        jsonschema.validate(row, watched_schema())
    return said, rows


def test_what_is_there_is_judged_and_imported_once(inbox: Path, tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    more = ("--import", f"dir:{tmp_path / 'in'}", "--reports", str(tmp_path / "reports"))
    said, rows = watched(inbox, tmp_path, *more)
    assert {Path(str(row["medium"])).name: row["exit_code"] == 0 for row in rows} == {
        "ct.iso": True,
        "broken.iso": False,
    }
    good = next(row for row in rows if row["exit_code"] == 0)
    assert (good["stored"], good["conforms"]) == (good["instances"], True)
    assert len(list((tmp_path / "in").rglob("*.dcm"))) == good["stored"]
    kinds = sorted(path.name.rpartition("-")[2] for path in (tmp_path / "reports").iterdir())
    assert kinds.count("validation.html") >= 1
    assert kinds.count("import.html") >= 1
    assert said.code == max(int(str(row["exit_code"])) for row in rows)
    said, again = watched(inbox, tmp_path, *more)
    assert [Path(str(row["medium"])).name for row in again] == ["broken.iso"]  # until it is taken away
    assert said.code != 0
    (inbox / "broken.iso").unlink()
    assert watched(inbox, tmp_path, *more)[1] == []
    os.utime(inbox / "ct.iso", (1, 1))
    _, changed = watched(inbox, tmp_path, *more)
    assert [Path(str(row["medium"])).name for row in changed] == ["ct.iso"]


def test_an_import_that_was_killed_goes_on_as_the_job_that_it_was(inbox: Path, tmp_path: Path) -> None:
    (inbox / "broken.iso").unlink()
    more = ("--import", f"dir:{tmp_path / 'in'}")
    assert watched(inbox, tmp_path, *more)[0].code == 0
    (job,) = (tmp_path / "state").rglob("jobs/*.sqlite")
    with closing(sqlite3.connect(job)) as base, base:  # as a process that was killed leaves it
        base.execute("DELETE FROM fact WHERE name IN ('outcome', 'ended_at')")
    os.utime(inbox / "ct.iso", (1, 1))
    _, rows = watched(inbox, tmp_path, *more)
    assert [row["exit_code"] for row in rows] == [0]
    listed = json.loads(mediakit("job", "list", "--json", "--state", tmp_path / "state").out)
    assert [one["ended_with"] for one in listed["jobs"]] == ["good"]


def test_only_valid_holds_back_what_has_errors(inbox: Path, tmp_path: Path) -> None:
    _, rows = watched(inbox, tmp_path, "--import", f"dir:{tmp_path / 'in'}", "--only-valid")
    words = {Path(str(row["medium"])).name: row["words"] for row in rows}
    assert words["ct.iso"] == ""
    assert words["broken.iso"] != ""


def test_what_is_neither_a_file_nor_a_folder_is_said_and_two_do_not_watch_one_place(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    os.mkfifo(inbox / "pipe")
    (inbox / "link").symlink_to(inbox / "nowhere")
    said, rows = watched(inbox, tmp_path)
    assert {Path(str(row["medium"])).name for row in rows} == {"link", "pipe"}
    assert said.code == 3
    folder = tmp_path / "state" / "watch"
    (kept,) = folder.glob("*.lock")
    lock = Lock(kept)
    try:
        assert mediakit("watch", str(inbox), "--once", "--state", str(tmp_path / "state")).code == 2
    finally:
        lock.release()
    assert mediakit("watch", str(tmp_path / "none"), "--once").code == 2


def test_a_destination_that_is_away_is_tried_again(inbox: Path, tmp_path: Path) -> None:
    more = ("--import", "PACS@127.0.0.1:1")
    said, rows = watched(inbox, tmp_path, *more)
    assert said.code == 5
    _, again = watched(inbox, tmp_path, *more)
    assert "ct.iso" in {Path(str(row["medium"])).name for row in again}
    assert len(again) <= len(rows)


def test_the_configuration_says_what_to_do_and_wrong_words_are_refused(inbox: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f'[watch]\nimport = "dir:{tmp_path / "in"}"\nonly-valid = true\n')
    _, rows = watched(inbox, tmp_path, "--config", str(config))
    assert any(row["stored"] for row in rows)
    for text in (
        '[watch]\nimprt = "x"\n',
        "[watch]\neject = 3\n",
        "watch = 1\n",
        '[watch]\nverify = "query"\n',
    ):
        config.write_text(text)
        said = mediakit("watch", str(inbox), "--once", "--config", str(config))
        assert said.code == 2, text


def test_a_medium_that_is_copied_in_is_handled_when_it_rests_and_ctrl_c_ends_it(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    command = (sys.executable, "-m", "mediakit", "watch", str(inbox), "--settle", "0.5")
    environment = {**os.environ, "MEDIAKIT_STATE": str(tmp_path / "state")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as running:
        shutil.copytree(CT_FOLDER, inbox / "disc")
        assert running.stdout is not None
        line = running.stdout.readline()
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 0
    assert str(inbox / "disc") in line
    assert "instances" in line


def test_an_entry_is_due_only_after_it_rested_and_forgotten_when_it_is_gone(tmp_path: Path) -> None:
    clock = [0.0]
    arrivals = Arrivals(tmp_path, settle_s=10, now=lambda: clock[0])
    (tmp_path / "a.iso").write_bytes(b"1")
    assert arrivals.due() == ()
    clock[0] = 9.0
    (tmp_path / "a.iso").write_bytes(b"12")
    assert arrivals.due() == ()
    assert arrivals.is_waiting
    clock[0] = 19.0
    ((medium, stamp),) = arrivals.due()
    arrivals.done(medium, stamp)
    assert arrivals.due() == ()
    (tmp_path / "a.iso").unlink()
    assert arrivals.due() == ()
    assert arrivals.handled == {}
