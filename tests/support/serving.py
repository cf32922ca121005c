"""`mediakit serve scp` as a process of its own, which says where it listens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.cli import Said
from tests.support.forked import Forked

_LISTENS = re.compile(r"listening on (.+):([0-9]+) as (.+)\n")
_END_S = 60


@dataclass
class Serving:
    """A server that runs; `finish` gives what it said."""

    process: Forked
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
        code = self.process.wait(_END_S)
        streams = self.process.out, self.process.err
        for stream in streams:
            stream.end()
        out, err = (_LISTENS.sub("", stream.data.decode(), count=1) for stream in streams)
        return Said(code, out, err)


@contextmanager
def serving(folder: Path, *options: str | Path, largest_file: int | None = None) -> Iterator[Serving]:
    """Run a server on a free port until the block ends; a limit to files stands in for a full disk.

    `largest_file` is in bytes.
    """
    words = ("serve", "scp", "--dir", folder, "--port", "0", *options)
    with Forked(*words, most_bytes=largest_file) as process:
        first = (process.err if "--json" in options else process.out).first_line()
        found = _LISTENS.fullmatch(first)
        assert found is not None, first + process.err.data.decode()
        yield Serving(process, found[1], int(found[2]), found[3])
