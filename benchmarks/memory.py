"""Measure the peak memory of a burn and of a validation: `python benchmarks/memory.py WORK --files 200000`.

Makes `small:N` of `make_workload.py` below WORK when it is not there, burns it to an ISO image with proof and
validates that, each in a process of its own. Exit code 1 when a peak is over `--limit` or a command fails.
The image takes as much room as the workload, 9.5 KB a file; it is removed at the end. POSIX only.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from make_workload import make

_PROFILE = "STD-GEN-CD"


class Measured(NamedTuple):
    """What one command took. `peak_mb` is in 1,000,000 bytes, `cpu_s` is of user and system together."""

    exit_code: int
    peak_mb: float
    cpu_s: float


def measured(arguments: Sequence[str]) -> Measured:
    """Run the command in a process of its own and return what it took; its output is dropped."""
    command = [sys.executable, "-m", "mediakit", *arguments]
    quiet = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_WRONLY, 0) for stream in (1, 2)]
    pid = os.posix_spawn(sys.executable, command, os.environ, file_actions=quiet)
    _, status, used = os.wait4(pid, 0)
    unit = 1 if sys.platform == "darwin" else 1024
    return Measured(
        os.waitstatus_to_exitcode(status), used.ru_maxrss * unit / 1e6, used.ru_utime + used.ru_stime
    )


def main() -> int:
    """Measure both commands and print one line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--limit", type=float, default=700, help="MB that no command may take")
    given = parser.parse_args()
    source, image = given.work / f"small{given.files}", given.work / "memory.iso"
    if not source.exists():
        make(source, f"small:{given.files}")
    image.unlink(missing_ok=True)
    room = f"--capacity={given.files // 10 + 100}MB"
    commands = {
        "burn": (
            "burn",
            "--all-patients",
            str(source),
            "-p",
            _PROFILE,
            room,
            "--viewer",
            "none",
            "-o",
            str(image),
        ),
        "validate": ("validate", str(image), "-p", _PROFILE),
    }
    is_good = True
    for name, arguments in commands.items():
        found = measured(arguments)
        # more than a CD holds is a warning of `validate`, not an error
        is_good &= found.exit_code == 0 and found.peak_mb < given.limit
        print(
            f"{name:<9} {given.files:>9,} files  peak {found.peak_mb:6.0f} MB  CPU {found.cpu_s:6.2f} s",
            end="",
        )
        print("" if found.exit_code == 0 else f"  failed with exit code {found.exit_code}")
    image.unlink(missing_ok=True)
    return 0 if is_good else 1


if __name__ == "__main__":
    raise SystemExit(main())
