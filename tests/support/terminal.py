"""Commands on a terminal, with somebody who answers."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.cli import command

pty = pytest.importorskip("pty", reason="needs pseudo terminals")


@dataclass(frozen=True)
class Shown:
    """What a terminal showed, and the exit code."""

    text: str
    code: int


def on_terminal(columns: int, *arguments: str | Path, **environment: str) -> str:
    """Run a command on a terminal of so many columns; return what it shows."""
    return answered((), *arguments, COLUMNS=str(columns), **environment).text


def answered(answers: Sequence[str], *arguments: str | Path, **environment: str) -> Shown:
    """Run a command on a terminal where somebody types these lines, whatever is asked."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command(*arguments, "--progress", "never"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120", "NO_COLOR": "", **environment},
    )
    os.close(theirs)
    shown = b""
    try:
        os.write(ours, "".join(f"{line}\n" for line in answers).encode())
        while block := os.read(ours, 65536):
            shown += block
    except OSError:  # the other side has been closed
        pass
    finally:
        os.close(ours)
        code = process.wait(timeout=60)
    return Shown(shown.decode().replace("\r\n", "\n"), code)
