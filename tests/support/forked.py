"""Commands in processes of their own that begin with the package loaded: to start one costs little.

They are forked from a server (that of `multiprocessing`) which has imported what commands load late. Signals,
limits, exit code, working folder, environment and output are those of a process. What a new interpreter makes
of its environment is not shown so: `tests.support.cli.raw` starts one.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import resource
import runpy
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Any

import mediakit

CONTEXT = multiprocessing.get_context("forkserver")
_LONGEST_END_S = 60
_TERMINAL = ((0, "r"), (1, "w"), (2, "w"))
_PACKAGE = Path(mediakit.__file__).parent
_LATE = [
    ".".join(("mediakit", *path.relative_to(_PACKAGE).with_suffix("").parts))
    for path in sorted(_PACKAGE.rglob("*.py"))
    if not path.name.startswith("__")
]
_LATE += ["pynetdicom", "runpy"]
CONTEXT.set_forkserver_preload(_LATE)


def load_first(*names: str) -> None:
    """Load these modules too before anything is forked; too late once something was."""
    _LATE.extend(names)
    CONTEXT.set_forkserver_preload(_LATE)


class _Descriptor:
    """A file descriptor that goes with a process into it."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __reduce__(self) -> tuple[Callable[[Any], _Descriptor], tuple[Any]]:
        return _taken, (DupFd(self.number),)


def _taken(sent: Any) -> _Descriptor:
    return _Descriptor(sent.detach())


@dataclass(frozen=True, kw_only=True)
class _Call:
    words: tuple[str, ...]
    cwd: str
    environment: Mapping[str, str]
    most_bytes: int | None
    streams: tuple[_Descriptor, _Descriptor]
    terminal: _Descriptor | None


class Written:
    """What a process writes to one of its streams, kept as it comes."""

    def __init__(self) -> None:
        self.data = b""
        self._ours, self.theirs = os.pipe()
        self._has_line = threading.Event()
        self._thread = threading.Thread(target=self._read)

    def begin(self) -> None:
        """Read until nobody writes any more; to be called when the process has its end of the pipe."""
        os.close(self.theirs)
        self._thread.start()

    def first_line(self) -> str:
        """Wait for the first line, or the end, and return it."""
        self._has_line.wait(_LONGEST_END_S)
        return self.data.decode().partition("\n")[0] + "\n"

    def end(self) -> None:
        """Wait for the end."""
        self._thread.join(_LONGEST_END_S)

    def _read(self) -> None:
        try:
            while block := os.read(self._ours, 1 << 16):
                self.data += block
                if b"\n" in block:
                    self._has_line.set()
        finally:
            self._has_line.set()
            os.close(self._ours)


class Forked:
    """`mediakit` with these arguments, which runs for as long as the block, or until it ends by itself."""

    def __init__(
        self,
        *arguments: str | Path,
        cwd: Path | None = None,
        environment: Mapping[str, str] | None = None,
        most_bytes: int | None = None,
        terminal: int | None = None,
    ) -> None:
        """Say what is to be run; no file that it writes may have more than `most_bytes`.

        With a terminal its streams are there, and nothing comes to `out` and `err`.
        """
        self.out, self.err = Written(), Written()
        self._begun = threading.Event()
        self._is_over = False
        call = _Call(
            words=tuple(map(str, arguments)),
            cwd=str(cwd or Path.cwd()),
            environment={**os.environ, **(environment or {})},
            most_bytes=most_bytes,
            streams=(_Descriptor(self.out.theirs), _Descriptor(self.err.theirs)),
            terminal=None if terminal is None else _Descriptor(terminal),
        )
        self._process = CONTEXT.Process(target=_run, args=(call,))

    def __enter__(self) -> Forked:
        """Start it."""
        self._process.start()
        self._begun.set()
        self.out.begin()
        self.err.begin()
        return self

    def __exit__(self, *_: object) -> None:
        """End it if it still runs."""
        self.kill()
        self.wait(_LONGEST_END_S)
        self.out.end()
        self.err.end()

    def send_signal(self, number: int) -> None:
        """Send it a signal, from any thread; nothing happens when it has ended."""
        self._begun.wait(_LONGEST_END_S)
        with suppress(ProcessLookupError):
            if not self._is_over and self._process.pid is not None:
                os.kill(self._process.pid, number)

    def kill(self) -> None:
        """End it as `kill -9` does, from any thread."""
        self.send_signal(signal.SIGKILL)

    def wait(self, seconds: float) -> int:
        """Return the exit code, or the negative number of a signal; from one thread.

        Raises subprocess.TimeoutExpired when it goes on for longer.
        """
        self._process.join(seconds)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired("mediakit", seconds)
        self._is_over = True
        return code


def _run(call: _Call) -> None:
    os.chdir(call.cwd)
    os.environ.clear()
    os.environ.update(call.environment)
    time.tzset()
    for number, stream in enumerate(call.streams, 1):
        os.dup2(stream.number, number)
        os.close(stream.number)
    if call.terminal is not None:
        for number in range(3):
            os.dup2(call.terminal.number, number)
        os.close(call.terminal.number)
        sys.stdin, sys.stdout, sys.stderr = (
            open(number, mode, 1, closefd=False)  # noqa: SIM115 - they end with the process
            for number, mode in _TERMINAL
        )
    if call.most_bytes is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (call.most_bytes, call.most_bytes))
    sys.argv = ["mediakit", *call.words]
    try:
        runpy.run_module("mediakit", run_name="__main__", alter_sys=True)
    finally:
        atexit._run_exitfuncs()
