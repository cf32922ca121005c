"""The real `mediakit import` and an SCP that does wrong: exit code, one JSON document, no hang.

Where today's tools (`storescu`, `dcmsend`) end well although nothing was stored, it does not.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.support.cli import Said, process
from tests.support.fault_script import AtConnection, AtInstance, Script
from tests.support.importing import WatchedScp, digests, folder_of_small
from tests.support.peers import need, run

COUNT = 4
SENT = digests(COUNT)
HASTY = "timeouts = { connect = 5, association = 0.5, answer = 0.5 }"


@pytest.fixture(scope="module")
def medium(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of_small(tmp_path_factory.mktemp("medium") / "m", COUNT)


def imported(scp: WatchedScp, medium: Path, folder: Path, *options: str) -> Said:
    """Run the command, as a process, with short waits for the peer."""
    config = folder / "mediakit.toml"
    config.write_text(f'[destinations.faulty]\nurl = "FAULTY@127.0.0.1:{scp.port}"\n{HASTY}\n')
    state = folder / "state"
    return process("import", medium, "faulty", "--config", config, "--state", state, "--json", *options)


def states(said: Said) -> Counter[str]:
    return Counter(one["state"] for one in said.document["instances"])


@pytest.mark.parametrize(
    ("script", "code", "ended"),
    [
        (Script(), 0, {"stored": 4}),
        (Script(reject=(1, 1, 7)), 5, {"unsent": 4}),
        (Script(at_connection=AtConnection.ABORT), 5, {"unsent": 4}),
        (Script(at_connection=AtConnection.GARBAGE), 5, {"unsent": 4}),
        (Script(classes=frozenset({"1.2.3"})), 6, {"not-negotiated": 4}),
        (Script(statuses=lambda _number, _uid: 0xC000), 6, {"failed": 4}),
        (Script(statuses=lambda _number, _uid: 0x0124), 6, {"failed": 4}),
        (Script(statuses=lambda _number, _uid: 0xB007), 0, {"stored-with-warning": 4}),
        (Script(statuses={1: 0xA900}), 6, {"stored": 3, "failed": 1}),
        (Script(faults={3: AtInstance.ABORT}), 0, {"stored": 4}),
        (Script(faults={3: AtInstance.STALL}), 0, {"stored": 4}),
        (Script(faults={3: AtInstance.CLOSE_IN_PDU}, longest_pdu=512), 0, {"stored": 4}),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else "",
)
def test_the_exit_code_and_the_document_are_true(
    script: Script, code: int, ended: dict[str, int], medium: Path, tmp_path: Path
) -> None:
    with WatchedScp(script) as scp:
        said = imported(scp, medium, tmp_path)
    assert said.code == code, said.err
    assert states(said) == ended
    assert len(set(scp.acknowledged)) == ended.get("stored", 0) + ended.get("stored-with-warning", 0)
    assert "Traceback" not in said.err


def test_what_was_not_reached_is_brought_by_a_resume(medium: Path, tmp_path: Path) -> None:
    with WatchedScp(Script(reject=(1, 1, 7), reject_times=1)) as scp:
        assert imported(scp, medium, tmp_path).code == 5
        said = imported(scp, medium, tmp_path, "--resume")
    assert said.code == 0
    assert sorted(scp.stored) == sorted(SENT)


def test_no_name_of_a_patient_is_in_what_is_said_of_a_failure(medium: Path, tmp_path: Path) -> None:
    with WatchedScp(Script(statuses=lambda _number, _uid: 0xC000)) as scp:
        said = imported(scp, medium, tmp_path, "-v")
    assert said.code == 6
    assert "TEST^PATIENT" not in said.err + said.out
    assert "PID000123" not in said.err


def test_where_todays_tools_say_success_for_nothing_ours_does_not(medium: Path, tmp_path: Path) -> None:
    need("storescu", "dcmsend")
    files = [str(path) for path in sorted(medium.iterdir())]
    codes = {}
    for tool, more in (("storescu", ["+sd", "--no-halt"]), ("dcmsend", ["+sd"])):
        with WatchedScp(Script(statuses=lambda _number, _uid: 0xC000)) as scp:
            where = ("127.0.0.1", str(scp.port))
            codes[tool] = run(tool, *more, *where, str(medium), env={"TCP_NODELAY": "1"}).returncode
            assert scp.received and not scp.acknowledged
    assert 0 in codes.values()  # both, in DCMTK 3.6.7
    with WatchedScp(Script(statuses=lambda _number, _uid: 0xC000)) as scp:
        said = imported(scp, medium, tmp_path)
    assert (said.code, said.document["outcome"]) == (6, "partly-stored")
    assert states(said) == {"failed": len(files)}
    assert all(one["because"] for one in said.document["instances"])
