"""Who reads the output may leave (`| head -1`): the journey ends as it would, and says nothing of it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.cli import command
from tests.support.studies import CT_FOLDER, SAMPLES, files_in

pytestmark = pytest.mark.skipif(os.name == "nt", reason="pipes of POSIX")


def closed(*streams: str) -> dict[str, int]:
    """Return pipes whose reader has left, for some streams of a process."""
    pipes = {}
    for name in streams:
        reading, pipes[name] = os.pipe()
        os.close(reading)
    return pipes


def ended(arguments: tuple[str | Path, ...], *streams: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command whose output nobody reads; what is read of it is in the result."""
    pipes = closed(*streams)
    try:
        return subprocess.run(
            command(*arguments),
            stdout=pipes.get("stdout", subprocess.PIPE),
            stderr=pipes.get("stderr", subprocess.PIPE),
            timeout=120,
            check=False,
        )
    finally:
        for number in pipes.values():
            os.close(number)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("inspect", CT_FOLDER, "-v"), 0),
        (("inspect", CT_FOLDER, "--json"), 0),
        (("validate", CT_FOLDER, "-v"), 1),
        (("validate", "nothing-there", "--json"), 3),
        (("inspect", "--json"), 2),
        (("explain", "MK-DIR-001"), 0),
        (("--version",), 0),
    ],
)
def test_the_exit_code_is_that_of_the_journey(arguments: tuple[str | Path, ...], code: int) -> None:
    done = ended(arguments, "stdout")
    assert done.returncode == code
    assert b"fault" not in done.stderr and b"Broken" not in done.stderr
    assert ended(arguments, "stdout", "stderr").returncode == code


def test_an_import_whose_progress_nobody_reads_brings_everything(tmp_path: Path) -> None:
    arguments = ("import", SAMPLES, f"dir:{tmp_path / 'out'}", "--all-patients", "--progress", "always")
    done = ended((*arguments, "--state", tmp_path / "state"), "stdout", "stderr")
    assert done.returncode == 0
    assert len(files_in(tmp_path / "out")) >= 40


def test_output_that_is_read_is_whole(tmp_path: Path) -> None:
    whole = subprocess.run(
        command("inspect", SAMPLES, "--json"), capture_output=True, timeout=120, check=False
    )
    assert whole.returncode == 0
    assert whole.stdout.count(b'"sop_instance_uid"') == 40
