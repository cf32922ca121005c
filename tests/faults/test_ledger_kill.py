"""A process that writes a ledger is killed at any moment: nothing that it was told is done is lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from mediakit.ledger import store
from mediakit.ledger.jobs import Jobs
from mediakit.transfer.states import Happening
from tests.support import ledgers
from tests.support.ledgers import started, uid

KILLS = 12
INSTANCES = 40


def _killed_after(
    folder: Path, job_id: str, seed: int, lines: int, how: int = signal.SIGKILL
) -> list[list[str]]:
    """Let a process write until it has said so many lines, end it, and return all that it said."""
    with subprocess.Popen(
        [sys.executable, ledgers.__file__, "write", str(folder), job_id, str(seed)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(lines)]
        process.send_signal(how)
        said += process.stdout.readlines()
    return [line.split() for line in said if line.endswith("\n")]


def test_a_kill_at_any_moment_loses_nothing_that_was_done(tmp_path: Path) -> None:
    choose = random.Random(20261124)  # noqa: S311 - not a secret
    with started(tmp_path, INSTANCES) as ledger:
        job_id = ledger.job_id
    jobs = Jobs(tmp_path)
    known = {uid(number): ["added"] for number in range(INSTANCES)}
    for turn in range(KILLS):
        said = _killed_after(tmp_path, job_id, turn, choose.randrange(1, 1500))
        done: dict[str, list[str]] = defaultdict(list)
        for word, key, happening in said:
            if word == "done":
                done[key].append(happening)
        begun = said[-1][1:] if said[-1][0] == "begin" else ["", ""]
        view = jobs.read(job_id)
        # Open meanwhile, so that the log that was left behind is gone through once and not at every look.
        with store.open_for_reading(tmp_path / f"{job_id}.sqlite"):
            rows = {one.key: one for one in view.rows()}
            histories = {key: view.history(key) for key in known}
        for key, before in known.items():
            now = [line.happening for line in histories[key]]
            lost = [Happening.LOST.value] if before[-1] == Happening.SEND.value else []
            wanted = [*before, *lost, *done[key]]
            assert now[: len(wanted)] == wanted, f"kill {turn}"
            assert now[len(wanted) :] in ([], [begun[1]] if begun[0] == key else []), f"kill {turn}"
            known[key] = now
        assert rows.keys() == known.keys()
        assert all(histories[key][-1].now == one.state.value for key, one in rows.items())
    with jobs.resume(job_id) as resumed:
        resumed.check()


def test_ctrl_c_at_any_moment_leaves_a_ledger_that_goes_on(tmp_path: Path) -> None:
    with started(tmp_path, INSTANCES) as ledger:
        job_id = ledger.job_id
    jobs, choose = Jobs(tmp_path), random.Random(7)  # noqa: S311 - not a secret
    for turn in range(5):
        said = _killed_after(tmp_path, job_id, turn, choose.randrange(50, 900), signal.SIGINT)
        done = sum(word == "done" for word, *_ in said)
        assert done > 0
        with jobs.resume(job_id) as resumed:  # nobody holds it
            resumed.check()
            assert all(resumed.history(one.key)[-1].now == one.state.value for one in resumed.rows())
