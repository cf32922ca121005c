"""The command line: in process, and as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from mediakit.cli.main import app
from tests.support.forked import Forked


@dataclass(frozen=True, slots=True)
class Said:
    """What a command left: exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """Return the one JSON document on standard output. Fails when there is anything else."""
        document = json.loads(self.out)
        assert isinstance(document, dict)
        assert document["exit_code"] == self.code
        return document


def mediakit(*arguments: str | Path) -> Said:
    """Run a command in this process."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return Said(result.exit_code, result.stdout, result.stderr)


def command(*arguments: str | Path) -> list[str]:
    """Return a command line that runs mediakit with this interpreter."""
    return [sys.executable, "-m", "mediakit", *map(str, arguments)]


def raw(
    *arguments: str | Path, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """Run a command in a process of its own, by a new interpreter."""
    return subprocess.run(
        command(*arguments),
        capture_output=True,
        cwd=cwd,
        env={**os.environ, **environment},
        timeout=120,
        check=False,
    )


def process(*arguments: str | Path, cwd: Path | None = None, **environment: str) -> Said:
    """Run a command in a process of its own; its output is read as UTF-8, strictly.

    It is forked, but for what an interpreter must read when it starts.
    """
    if any(name.startswith(_FOR_THE_INTERPRETER) for name in environment):
        done = raw(*arguments, cwd=cwd, **environment)
        return Said(done.returncode, done.stdout.decode(), done.stderr.decode())
    return ended(Forked(*arguments, cwd=cwd, environment=environment))


_FOR_THE_INTERPRETER = ("PYTHON", "LC_", "LANG")


def limited(size: int, *arguments: str | Path, **environment: str) -> Said:
    """Run a command that can make no file larger than this, in a process of its own: as on a full disk."""
    return ended(Forked(*arguments, environment=environment, most_bytes=size))


def ended(running: Forked) -> Said:
    """Run it to its end."""
    with running:
        code = running.wait(120)
    return Said(code, running.out.data.decode(), running.err.data.decode())
