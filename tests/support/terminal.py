"""Commands on a terminal, with somebody who answers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.forked import Forked

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
    here = {"TERM": "xterm", "COLUMNS": "120", "NO_COLOR": "", **environment}
    process = Forked(*arguments, "--progress", "never", environment=here, terminal=theirs)
    shown = b""
    with process:
        os.close(theirs)
        try:
            os.write(ours, "".join(f"{line}\n" for line in answers).encode())
            while block := os.read(ours, 65536):
                shown += block
        except OSError:  # the other side has been closed
            pass
        finally:
            os.close(ours)
        code = process.wait(60)
    return Shown(shown.decode().replace("\r\n", "\n"), code)
