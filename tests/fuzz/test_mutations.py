"""The short form of `make fuzz`: some changed inputs for every reader, in a process with bounded memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).parents[2]
USERS_FILES = ("config", "deidentify-table", "label", "profile")


def test_changed_bytes_are_read_or_refused_in_words_by_every_reader(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.mutations", "--count", "20", "--kept", tmp_path / "kept"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"| all | {20 * len(TARGETS)} |" in done.stdout
    assert not (tmp_path / "kept").exists()


def test_files_of_the_user_that_are_nested_too_deeply_or_hold_too_long_numbers_are_refused_in_words() -> None:
    for target in USERS_FILES:
        deep = (b"[" * 100_000, b"{a=" * 2000, b"[" * 3000 + b"]" * 3000, b"0\na" + b".a" * 30_000 + b" = 1")
        for value in (*deep, b"9" * 5000):
            TARGETS[target](b"a = " + value)
