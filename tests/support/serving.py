"""`mediakit serve scp` as a process of its own, which says where it listens."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.cli import Said, command

_LISTENS = re.compile(r"listening on (.+):([0-9]+) as (.+)\n")
_END_S = 60


@dataclass
class Serving:
    """A server that runs; `finish` gives what it said."""

    process: subprocess.Popen[str]
    host: str
    port: int
    ae_title: str

    @property
    def address(self) -> tuple[str, int]:
        return self.host, self.port

    def finish(self, number: int | None = None) -> Said:
        """Send a signal, unless it ends by itself, and wait for the end."""
        if number is not None:
            self.process.send_signal(number)
        out, err = self.process.communicate(timeout=_END_S)
        return Said(self.process.returncode, out, err)


@contextmanager
def serving(folder: Path, *options: str | Path, largest_file: int | None = None) -> Iterator[Serving]:
    """Run a server on a free port until the block ends; a limit to files stands in for a full disk.

    `largest_file` counts in blocks of 512 bytes.
    """
    call = command("serve", "scp", "--dir", folder, "--port", "0", *options)
    if largest_file is not None:
        call = ["sh", "-c", f'ulimit -f {largest_file} && exec "$@"', "sh", *call]
    process = subprocess.Popen(
        call,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        first = (process.stderr if "--json" in options else process.stdout).readline()
        found = _LISTENS.fullmatch(first)
        assert found is not None, first + process.stderr.read()
        yield Serving(process, found[1], int(found[2]), found[3])
    finally:
        process.kill()
        process.communicate(timeout=_END_S)
