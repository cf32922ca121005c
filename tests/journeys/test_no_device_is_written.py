"""A device or another special file as an output: refused in words, before anything is written."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.support.cli import mediakit
from tests.support.people import Person, medium_of

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such files")
ANNA = Person(patient_id="1", name="A^B", birth_date="19700101", sex="F")


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIAKIT_STATE", str(tmp_path / "state"))


def special_files(folder: Path) -> list[Path]:
    """Return a device, a link to one whose name has a suffix, and a named pipe."""
    device, link, pipe = Path("/dev/null"), folder / "link.html", folder / "pipe.iso"
    link.symlink_to(device)
    os.mkfifo(pipe)
    return [device, link, pipe]


def test_a_special_file_is_no_output_of_any_command(tmp_path: Path) -> None:
    medium = medium_of(tmp_path / "cd", [ANNA])
    new = iter(tmp_path / f"new{number}" for number in range(100))
    wrong = []
    for special in special_files(tmp_path):
        for command in (
            ("burn", medium, "-p", "STD-GEN-CD", "-o", special),
            ("burn", medium, "-p", "STD-GEN-CD", "-o", special, "--force"),
            ("burn", medium, "-p", "STD-GEN-CD", "-o", special, "-n"),
            ("burn", medium, "-p", "STD-GEN-CD", "-o", next(new), "--report", special),
            ("extract", medium, "-o", special),
            ("extract", medium, "-o", next(new), "--report", special),
            ("repair", medium, "-o", special),
            ("validate", medium, "--report", special),
            ("import", medium, f"dir:{next(new)}", "--report", special),
            ("reconcile", medium, "X@127.0.0.1:1", "-o", special, "--force"),
        ):
            said = mediakit(*command)
            if said.code != 2 or "choose a file name; a device is not written to" not in said.err:
                wrong.append((command[0], command[-1], said.code, said.out + said.err))
    assert wrong == []
    assert not list(tmp_path.glob("new*"))
    assert Path("/dev/null").is_char_device()
