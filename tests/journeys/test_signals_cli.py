"""Signals: whenever one comes, the exit code is 130 or that of a command that was through already."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.studies import CT_1

# The process sends itself a signal at a place where no command runs.
_BEFORE = "main.let_readers_leave = strike"
_AFTER = "import atexit; atexit.register(strike)"
_BETWEEN = "whole = main.app; main.app = lambda **given: (whole(**given), strike())[0]"
_IN_MADE_CODE = "main.let_readers_leave = lambda: exec('strike()')"  # as a dataclass is made
_WHILE_LOADING = (
    "sys.addaudithook(lambda event, given: event == 'import' and given[0] == 'typer' and strike())"
)
_RUN = """
import os, sys
from mediakit.cli import {module} as main
def strike():
    os.kill(os.getpid(), {number})
{place}
sys.argv = ["mediakit", *sys.argv[1:]]
main.run()
"""


def code_of(place: str, number: signal.Signals, *arguments: str | Path, ignored: bool = False) -> int:
    """Return the exit code of a command that is struck at a place."""
    module = "start" if place == _WHILE_LOADING else "main"
    run = _RUN.format(number=int(number), place=place, module=module)
    call = [sys.executable, "-c", run, *map(str, arguments)]
    before = (lambda: signal.signal(number, signal.SIG_IGN)) if ignored else None
    return subprocess.run(call, capture_output=True, preexec_fn=before, check=False).returncode


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_signal_before_or_after_a_command_does_not_end_the_process_in_its_own_way() -> None:
    wrong = []
    for place, number, code in (
        (_WHILE_LOADING, signal.SIGTERM, 130),
        (_BEFORE, signal.SIGTERM, 130),
        (_IN_MADE_CODE, signal.SIGTERM, 130),
        (_IN_MADE_CODE, signal.SIGINT, 130),
        (_BETWEEN, signal.SIGTERM, 0),
        (_AFTER, signal.SIGTERM, 0),
        (_AFTER, signal.SIGINT, 0),
    ):
        found = code_of(place, number, "inspect", CT_1)
        if found != code:
            wrong.append((place, number, found))
    assert not wrong
    assert code_of(_BEFORE, signal.SIGHUP, "inspect", CT_1, ignored=True) == 0  # as under nohup
