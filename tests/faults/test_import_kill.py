"""`kill -9` of a real `mediakit import` at any moment: what is resumed brings exactly the set to the peer."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from mediakit.ledger.jobs import Jobs
from mediakit.limits import MAX_AUTO_ASSOCIATIONS
from mediakit.transfer.states import Happening, TransferState
from tests.support.cli import process
from tests.support.fault_bytes import window_item
from tests.support.fault_script import Script
from tests.support.forked import Forked
from tests.support.importing import Watch, WatchedScp, digests, folder_of_small, states_in, uid

COUNT = 240
PIXELS = 2000
KILLS = 10  # of each import; there are four
LONGEST_RUN_S = 60
SENT = digests(COUNT, PIXELS)
_T = TransferState


@pytest.fixture(scope="module")
def medium(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of_small(tmp_path_factory.mktemp("medium") / "m", COUNT, PIXELS)


def arguments(scp: WatchedScp, medium: Path, state: Path) -> list[str | Path]:
    peer = f"FAULTY@127.0.0.1:{scp.port}"
    return ["import", medium, peer, "--state", state, "--json", "--all-patients", "--resume"]


def moment(choose: random.Random, scp: WatchedScp, end: Callable[[], None]) -> float:
    """Arrange for an end at a random moment of what is received; return after how many seconds at last."""
    done = threading.Event()
    delay_s = choose.choice([0.0, 0.0, 0.0005, 0.002, 0.005]) * choose.random()

    def once() -> None:
        if not done.is_set():
            done.set()
            time.sleep(delay_s)
            end()

    def at(limit: int) -> Callable[[int], None]:
        return lambda count: once() if count >= limit else None

    kind = choose.choice(["bytes", "bytes", "before", "after", "after", "after", "time"])
    whole = len(scp.received) + choose.randrange(1, 6)
    few = scp.bytes_got + choose.randrange(1, 5 * (PIXELS + 2000))
    scp.watch = {
        "bytes": Watch(at_bytes=at(few)),
        "before": Watch(before_answer=at(whole)),
        "after": Watch(after_answer=at(whole)),
        "time": Watch(),
    }[kind]
    return choose.uniform(0.02, 0.4) if kind == "time" else LONGEST_RUN_S


def check_what_is_known(jobs: Jobs, scp: WatchedScp) -> None:
    """Compare the ledger that a killed process left with what the peer has."""
    for summary in jobs.summaries():
        assert not summary.problem
        if not summary.counts:  # killed before it had written down anything
            continue
        known = states_in(jobs, summary.job_id)
        stored = {key for key, state in known.items() if state is _T.STORED}
        has = set(scp.acknowledged)
        assert stored <= has
        assert {known[key] for key in has - stored} <= {_T.SENDING, _T.UNCERTAIN}


@contextmanager
def receiving(window: int = 1) -> Iterator[WatchedScp]:
    """Run a good SCP with small PDUs, so that an instance has moments within."""
    with WatchedScp(Script(longest_pdu=1024, user_items=window_item(window))) as scp:
        yield scp


@pytest.mark.parametrize(("associations", "window"), [(1, 1), (3, 1), (1, 8), (2, 8)])
def test_whatever_moment_it_is_killed_at_the_peer_gets_exactly_the_set(
    associations: int, window: int, medium: Path, tmp_path: Path
) -> None:
    choose = random.Random(20261124 + associations)  # noqa: S311 - not a secret
    kills = imports = 0
    while kills < KILLS:
        imports += 1
        assert imports <= KILLS  # one in which nothing could be killed proves nothing
        kills += killed_until_it_is_done(
            tmp_path / str(imports), medium, choose, (associations, window, KILLS - kills)
        )


def test_a_kill_while_auto_has_many_associations_loses_nothing(medium: Path, tmp_path: Path) -> None:
    """An answer takes a while, so that they become many."""
    jobs = Jobs(tmp_path / "jobs")
    with receiving() as scp:
        running = Forked(*arguments(scp, medium, tmp_path))

        def kill(_: int) -> None:
            time.sleep(0.01)
            if len(scp.proposed) >= 3:
                running.kill()

        scp.watch = Watch(before_answer=kill)
        with running:
            assert running.wait(LONGEST_RUN_S) == -signal.SIGKILL
        check_what_is_known(jobs, scp)
        (known,) = (states_in(jobs, each.job_id) for each in jobs.summaries())
        assert Counter(known.values())[_T.SENDING] <= len(scp.proposed) <= MAX_AUTO_ASSOCIATIONS
        scp.watch = Watch(before_answer=lambda _: time.sleep(0.01))
        with Forked(*arguments(scp, medium, tmp_path)) as again:
            assert again.wait(LONGEST_RUN_S) == 0
        assert json.loads(again.out.data)["figures"]["associations"] > 1
        check_the_set(jobs, scp, most_doubles=MAX_AUTO_ASSOCIATIONS)


def killed_until_it_is_done(
    state: Path, medium: Path, choose: random.Random, how: tuple[int, int, int]
) -> int:
    """Kill one import again and again, at most so many times; return how often. At last it ends well."""
    associations, window, most = how
    jobs, kills, code = Jobs(state / "jobs"), 0, -1
    with receiving(window) as scp:
        while code:
            running = Forked(*arguments(scp, medium, state), "--jobs", str(associations))
            latest_s = moment(choose, scp, running.kill)
            if kills == most:
                scp.watch, latest_s = Watch(), LONGEST_RUN_S
            with running, suppress(subprocess.TimeoutExpired):
                running.wait(latest_s)
            code = running.wait(LONGEST_RUN_S)
            assert code in {0, -signal.SIGKILL}
            kills += code == -signal.SIGKILL
            check_what_is_known(jobs, scp)
        check_the_set(jobs, scp, most_doubles=associations * window * kills)
    return kills


def check_the_set(jobs: Jobs, scp: WatchedScp, most_doubles: int) -> None:
    """The peer has each instance, whole; twice only those of which nobody knew; the ledger has them all."""
    (job,) = (summary.job_id for summary in jobs.summaries() if summary.counts)
    assert {one.uid: one.sha256 for one in scp.received} == SENT
    assert all(one.sha256 == SENT[one.uid] for one in scp.received)
    assert set(scp.acknowledged) == SENT.keys()
    assert states_in(jobs, job) == dict.fromkeys(SENT, _T.STORED)
    view = jobs.read(job)
    times = Counter(scp.stored)
    for key, count in times.items():
        happened = Counter(line.happening for line in view.history(key))
        assert count <= 1 + happened[Happening.LOST.value], (key, happened)
    assert sum(times.values()) - COUNT <= most_doubles


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("associations", [1, 3])
def test_a_signal_ends_it_with_a_true_document_and_a_resume_brings_the_rest(
    how: int, associations: int, medium: Path, tmp_path: Path
) -> None:
    jobs = Jobs(tmp_path / "jobs")
    many = ("--jobs", str(associations))
    with receiving() as scp:
        running = Forked(*arguments(scp, medium, tmp_path), *many)
        scp.watch = Watch(before_answer=lambda count: running.send_signal(how) if count == 20 else None)
        with running:
            code = running.wait(LONGEST_RUN_S)
        document = json.loads(running.out.data)
        assert (code, document["exit_code"]) == (130, 130)
        states = {one["sop_instance_uid"]: one["state"] for one in document["instances"]}
        assert states.keys() == SENT.keys()
        assert {key for key, state in states.items() if state == "stored"} == set(scp.acknowledged)
        assert set(states.values()) == {"stored", "unsent"}
        assert 20 <= len(scp.acknowledged) < COUNT
        said = process(*arguments(scp, medium, tmp_path), *many)
    assert said.code == 0, said.err
    assert said.document["job"] == document["job"]
    assert len(scp.received) == COUNT
    check_the_set(jobs, scp, most_doubles=0)


def test_a_second_process_is_refused_while_the_first_is_at_work(medium: Path, tmp_path: Path) -> None:
    go_on = threading.Event()
    arrived = threading.Event()

    def hold(count: int) -> None:
        if count == 10:
            arrived.set()
            go_on.wait(LONGEST_RUN_S)

    with receiving() as scp:
        scp.watch = Watch(before_answer=hold)
        with Forked(*arguments(scp, medium, tmp_path)) as running:
            assert arrived.wait(LONGEST_RUN_S)
            second = process(*arguments(scp, medium, tmp_path))
            before = len(scp.called)
            go_on.set()
            code = running.wait(LONGEST_RUN_S)
    assert second.code == 2
    assert "at work in another process" in str(second.document["error"])
    assert code == 0
    assert before == 1
    assert Counter(scp.stored) == dict.fromkeys((uid(number) for number in range(COUNT)), 1)
