"""One faulted import by seed: a process of its own that is killed, starved or lied to, then a good resume.

What must hold: after the fault the ledger and the peer agree, or the ledger says that it is not known; after
the resume everything is stored, or named with the reason.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mediakit.destinations.dicomweb import DicomwebDestination
from mediakit.destinations.dicomweb_address import DicomwebAddress
from mediakit.destinations.dimse import DimseDestination
from mediakit.destinations.peer import Peer
from mediakit.errors import MediakitError
from mediakit.journeys.import_ import import_medium
from mediakit.ledger import jobs as ledger_jobs
from mediakit.ledger import ledger as ledger_of_one
from mediakit.ledger.jobs import Jobs
from mediakit.stages.import_order import ImportOrder
from mediakit.stages.plan.import_target import Target
from mediakit.transfer.states import Happening, TransferState
from tests.support import fault_http
from tests.support.fault_http import FaultServer, serving
from tests.support.fault_script import CUTS, AtConnection, AtInstance, Script
from tests.support.forked import CONTEXT, load_first
from tests.support.importing import (
    ALL_PATIENTS,
    HASTY,
    PATIENT,
    QUICK,
    Watch,
    WatchedScp,
    digests,
    folder_of_small,
    small,
    states_in,
)
from tests.support.scratches import Scratches
from tests.support.studies import burnt_to
from tests.support.trials import Trial

load_first("tests.faults.faulted_changes")
COUNT = 12
PIXELS = 6000
SENT = digests(COUNT, PIXELS)
LONGEST_RUN_S = 120.0
MOST_RESUMES = 4
_T = TransferState
KNOWN_THERE = {_T.STORED, _T.STORED_WITH_WARNING, _T.ALREADY_THERE, _T.COMMITTED}
UNKNOWN = {_T.SENDING, _T.UNCERTAIN}

LIES = (
    AtInstance.WRONG_MESSAGE_ID,
    AtInstance.WRONG_CONTEXT,
    AtInstance.OTHER_CONTEXT,
    AtInstance.OTHER_INSTANCE,
    AtInstance.OTHER_CLASS,
    AtInstance.OTHER_COMMAND,
    AtInstance.REQUEST,
    AtInstance.ANSWER_TWICE,
    AtInstance.GARBAGE,
    AtInstance.HUGE_PDU,
    AtInstance.NO_UIDS,
)
SLOW = (AtInstance.TINY_FRAGMENTS, AtInstance.STALL, AtInstance.DEAF)
STATUSES = (0xB000, 0xA700, 0xC000, 0x0122, 0xA900)
WEB: tuple[fault_http.Fault, ...] = (
    fault_http.drops_in_body,
    fault_http.drops_before_answer,
    fault_http.drops_in_answer,
    fault_http.talks_garbage,
    fault_http.replies(500),
    fault_http.replies(503),
    fault_http.replies(200, b"{"),
    fault_http.replies(200, fault_http.stow_response("1.2.3.4")),
)


@dataclass(frozen=True, kw_only=True)
class Media:
    """The same instances in two forms."""

    folder: Path
    image: Path

    @classmethod
    def made_in(cls, place: Path) -> Media:
        """Make both."""
        folder = folder_of_small(place / "medium", COUNT, PIXELS)
        burnt_to(place / "medium.iso", folder)
        return cls(folder=folder, image=place / "medium.iso")


@dataclass(frozen=True, kw_only=True)
class Task:
    """What the process does: where to, and what is wrong in it (all by value, it goes to another process)."""

    medium: Path
    state: Path
    dicom_port: int = 0
    web: str = ""
    associations: int = 1
    is_hasty: bool = False
    resume: bool = True
    most_bytes: int = 0  # of any file that it writes
    scratched: Mapping[int, int] = field(default_factory=dict)  # instance: at which byte
    heals_after: int | None = None
    clock: int = 0  # the seed of a clock that jumps


def work(task: Task) -> None:
    """Do an import with what is wrong in this process; write what it says beside the ledger."""
    os.setsid()
    said: dict[str, object]
    with pytest.MonkeyPatch.context() as patch:
        _go_wrong(task, patch)
        try:
            said = _imported(task)
        except MediakitError as exc:
            said = {"error": type(exc).__name__, "text": str(exc)}
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.getrlimit(resource.RLIMIT_FSIZE)[1],) * 2)
    (task.state / "said.json").write_text(json.dumps(said))


def _go_wrong(task: Task, patch: pytest.MonkeyPatch) -> None:
    if task.most_bytes:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (task.most_bytes, hard))
    if task.scratched:
        scratches = Scratches(patch, task.medium, task.heals_after)
        for number, at in task.scratched.items():
            scratches.scratch_inside(small(number, PIXELS), at)
    if task.clock:
        choose, real = random.Random(task.clock), time.time  # noqa: S311 - not a secret

        def jumping() -> datetime:
            return datetime.now(UTC) + timedelta(seconds=choose.uniform(-4e8, 4e8))

        for module in (ledger_of_one, ledger_jobs):
            if hasattr(module, "now_utc"):
                patch.setattr(module, "now_utc", jumping)
        patch.setattr(time, "time", lambda: real() + choose.uniform(-4e8, 4e8))


def _imported(task: Task) -> dict[str, object]:
    order = ImportOrder(
        patience=QUICK, expectation=ALL_PATIENTS, associations=task.associations, resume=task.resume
    )
    destination: Any
    if task.web:
        destination = DicomwebDestination(DicomwebAddress(url=f"http://{task.web}/dicom"))
    else:
        timeouts = HASTY if task.is_hasty else PATIENT
        destination = DimseDestination(
            Peer(called_ae="FAULTY", host="127.0.0.1", port=task.dicom_port, timeouts=timeouts)
        )
    done = import_medium(task.medium, Target(destination=destination), Jobs(task.state / "jobs"), order)
    states = {row.key: row.state.value for row in done.rows}
    return {"outcome": done.result.outcome.name, "states": states, "job": done.job}


class Process:
    """A process that does a task, and can be killed; forked from one that has all modules loaded."""

    def __init__(self, target: Callable[[Any], None], task: object) -> None:
        self._process = CONTEXT.Process(target=target, args=(task,))

    def run(self, latest_s: float = LONGEST_RUN_S, *, must_end: bool = True) -> bool:
        """Run it; return False when it was killed. Raises AssertionError when it does not end."""
        self._process.start()
        self._process.join(latest_s)
        is_running = self._process.exitcode is None
        self.kill()
        self._process.join(LONGEST_RUN_S)
        assert not (is_running and must_end), f"it did not end in {latest_s} s"
        code = self._process.exitcode
        assert code in {0, -signal.SIGKILL}, f"it ended with {code}"
        return code == 0

    def kill(self) -> None:
        """Kill it as `kill -9` does, from any thread."""
        with suppress(ValueError, AttributeError):
            self._process.kill()


# The kinds of faults.


def _script(choose: random.Random, faults: tuple[AtInstance, ...], statuses: tuple[int, ...] = ()) -> Script:
    """Return a script in which a third of the first instances go wrong."""
    wrong = {number: choose.choice((*faults, *statuses)) for number in range(COUNT) if choose.random() < 0.35}
    return Script(
        longest_pdu=1024,
        faults={number: each for number, each in wrong.items() if isinstance(each, AtInstance)},
        statuses={number: each for number, each in wrong.items() if isinstance(each, int)},
        dies_after=choose.choice([None, None, None, choose.randrange(1, COUNT)]),
    )


def _killed(choose: random.Random, scp: WatchedScp, task: Task) -> bool:
    """Kill the process at a random moment of what the peer receives, or of time."""
    process = Process(work, task)
    few, whole = choose.randrange(1, COUNT * PIXELS), choose.randrange(1, COUNT + 1)
    kind = choose.choice(["bytes", "before", "after", "time"])

    def at(limit: int, count: int) -> None:
        if count >= limit:
            process.kill()

    scp.watch = {
        "bytes": Watch(at_bytes=partial(at, few)),
        "before": Watch(before_answer=partial(at, whole)),
        "after": Watch(after_answer=partial(at, whole)),
        "time": Watch(),
    }[kind]
    latest_s = choose.uniform(0.02, 0.3) if kind == "time" else LONGEST_RUN_S
    ended = process.run(latest_s, must_end=kind != "time")
    scp.watch = Watch()
    return ended


def _prepared(kind: str, choose: random.Random, media: Media) -> tuple[Script, dict[str, Any]]:
    """Return what the peer does and what is wrong in the process, for a kind of trial."""
    script, wrong = Script(longest_pdu=1024), dict[str, Any](medium=media.folder)
    if kind == "no room for the ledger":
        wrong["most_bytes"] = choose.randrange(1, 90_000)
    elif kind == "read errors of the medium":
        bad = choose.sample(range(COUNT), choose.randrange(1, 5))
        wrong["medium"] = media.image
        wrong["scratched"] = {number: choose.randrange(0, PIXELS) for number in bad}
        wrong["heals_after"] = choose.choice([None, None, 1, 3])
    elif kind == "a peer that breaks off or refuses":
        script = _script(choose, CUTS, STATUSES)
    elif kind == "a peer that lies":
        script = _script(choose, LIES, STATUSES)
    elif kind == "a slow peer":
        script = Script(
            at_connection=choose.choice([AtConnection.NOTHING, AtConnection.DRIP]),
            faults={choose.randrange(COUNT): choose.choice(SLOW), choose.randrange(COUNT): SLOW[0]},
            longest_pdu=1024,
        )
        wrong["is_hasty"] = True
    elif kind == "a clock that jumps":
        script, wrong["clock"] = _script(choose, CUTS), choose.randrange(1, 1 << 30)
    return script, wrong


KINDS = (
    "kill -9",
    "kill -9",
    "no room for the ledger",
    "read errors of the medium",
    "a peer that breaks off or refuses",
    "a peer that lies",
    "a slow peer",
    "a clock that jumps",
    "a web server that breaks off or lies",
)


def faulted_import(number: int, choose: random.Random, media: Media, place: Path) -> Trial:
    """Do one trial in an empty folder, which is removed when all held."""
    kind = choose.choice(KINDS)
    state = place / f"import-{number}"
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir(parents=True)
    try:
        ended = (_web if kind == KINDS[-1] else _dicom)(kind, choose, media, state)
    except AssertionError as exc:
        return Trial(number=number, kind=kind, wrong=f"{exc}"[:2000] or "an invariant")
    shutil.rmtree(state)
    return Trial(number=number, kind=kind, ended=ended)


def _dicom(kind: str, choose: random.Random, media: Media, state: Path) -> str:
    script, wrong = _prepared(kind, choose, media)
    wrong |= {"state": state, "associations": choose.choice([1, 1, 2, 3])}
    with WatchedScp(script) as scp:
        task = Task(**wrong, dicom_port=scp.port)
        for _ in range(choose.randrange(1, 4) if kind == "kill -9" else 1):
            if kind != "kill -9":
                first = Process(work, task).run()
            elif first := _killed(choose, scp, task):
                break
        _check(state, scp, is_ended=first)
        before = scp
        if script.dies_after is None:
            scp.script = Script()
            _go_on(task.medium, state, scp)
    if script.dies_after is not None:
        with WatchedScp(Script()) as scp:
            # the address is another one: the ledger of the dead peer stays, a new job goes to this one
            _go_on(task.medium, state / "elsewhere", scp)
            _check_end(state / "elsewhere", scp, refused=set())
        return "the peer died"
    _check_end(state, scp, refused=_turned_down(before, script))
    return "ended by itself, then resumed" if first else "killed, then resumed"


def _go_on(medium: Path, state: Path, scp: WatchedScp) -> None:
    """Resume with all in order until nothing is left that a resume does."""
    state.mkdir(exist_ok=True)
    for _ in range(MOST_RESUMES):
        assert Process(work, Task(medium=medium, state=state, dicom_port=scp.port)).run()
        said = json.loads((state / "said.json").read_text())
        assert "error" not in said, said
        if said["outcome"] == "GOOD":
            return


def _turned_down(scp: WatchedScp, script: Script) -> set[str]:
    """Return the UIDs that the peer answered with an error once: a resume leaves them alone."""
    wrong = {n for n, each in script.faults.items() if each in LIES}
    wrong |= {n for n, status in script.statuses.items() if isinstance(n, int) and status}  # type: ignore[union-attr]
    return {key for number, key in enumerate(scp.begun) if number in wrong}


def _summaries(jobs: Jobs) -> list[str]:
    """Return the jobs in which anything was written down; none is damaged."""
    found = jobs.summaries()
    assert all(not one.problem for one in found), [one.problem for one in found]
    return [one.job_id for one in found if one.counts]


def _known(state: Path) -> dict[str, TransferState]:
    jobs = Jobs(state / "jobs")
    found = _summaries(jobs)
    assert len(found) <= 1, f"{len(found)} jobs for one import"
    if not found:
        return {}
    rows = list(jobs.read(found[0]).rows())
    assert len({row.key for row in rows}) == len(rows) == COUNT, "an instance has no row, or two"
    return states_in(jobs, found[0])


def _check(state: Path, scp: WatchedScp, *, is_ended: bool) -> None:
    """Compare the ledger behind a fault with what the peer has, and with what the process said."""
    known = _known(state)
    whole = {one.uid for one in scp.received if one.sha256 == SENT[one.uid]}
    assert all(one.sha256 == SENT[one.uid] for one in scp.received), "other bytes than on the medium"
    false = [key for key, now in known.items() if now in KNOWN_THERE and key not in whole]
    assert not false, f"said to be stored, and the peer does not have them: {false}"
    lost = {key: known[key] for key in scp.acknowledged if key in known and known[key] is _T.PLANNED}
    assert not lost, f"the peer has them, and the ledger knows nothing: {lost}"
    if is_ended and known:
        said = json.loads((state / "said.json").read_text())
        if "states" in said:
            told = set(said["states"].values())
            assert _T.SENDING not in told, "an import that ended leaves something under way"
            rows = Jobs(state / "jobs").read(said["job"]).rows()
            assert said["states"] == {row.key: row.state.value for row in rows}, "result and ledger differ"


def _check_end(state: Path, scp: WatchedScp, refused: set[str]) -> None:
    """All is stored, whole, or was turned down by the peer; nothing twice that was known to be there."""
    known = _known(state)
    left = {key: now.value for key, now in known.items() if now not in KNOWN_THERE}
    assert left.keys() <= refused, f"left behind a good resume: {left}, turned down: {sorted(refused)}"
    assert known.keys() == SENT.keys()
    whole = {one.uid for one in scp.received if one.sha256 == SENT[one.uid]}
    assert known.keys() - left.keys() <= whole
    jobs = Jobs(state / "jobs")
    (job,) = _summaries(jobs)
    view = jobs.read(job)
    for key, times in Counter(scp.stored).items():
        again = Counter(line.happening for line in view.history(key))[Happening.SEND.value]
        assert times <= again, f"{key} was sent {times} times, and written down {again} times"


def _web(_: str, choose: random.Random, media: Media, state: Path) -> str:
    with serving() as server:
        server.faults = [
            choose.choice((*WEB, fault_http.Handler.store)) for _ in range(choose.randrange(1, 8))
        ]
        task = Task(medium=media.folder, state=state, web=server.address)
        assert Process(work, task).run()
        known = _known(state)
        false = [key for key, now in known.items() if now in KNOWN_THERE and key not in server.stored]
        assert not false, f"said to be stored, and the server does not have them: {false}"
        _web_again(task, server)
        known = _known(state)
        left = {key: now for key, now in known.items() if now not in KNOWN_THERE}
        assert set(left.values()) <= {_T.FAILED, _T.CONFLICT}, left
        assert known.keys() - left.keys() <= server.stored.keys()
    return "ended by itself, then resumed"


def _web_again(task: Task, server: FaultServer) -> None:
    server.faults = []
    for _ in range(MOST_RESUMES):
        assert Process(work, task).run()
        if json.loads((task.state / "said.json").read_text()).get("outcome") == "GOOD":
            break


@contextmanager
def media_in(place: Path) -> Iterator[Media]:
    """Make the media of all trials; remove them at the end."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    try:
        yield Media.made_in(place)
    finally:
        shutil.rmtree(place, ignore_errors=True)
