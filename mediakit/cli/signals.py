"""Signals end a process as Ctrl-C does: what was begun is cleaned up, and the exit code says so.

Nothing but the standard library is imported: this is what a process has to do first.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_NUMBERS: Final = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGINT") if hasattr(signal, name)
)


class _Interrupted(KeyboardInterrupt):
    """A signal came.

    Where a plain KeyboardInterrupt passes through code that is made from text, as that of a dataclass while a
    module is loaded, CPython ends the process by SIGINT, whatever exit code it is given.
    """


def take_signals() -> None:
    """Let signals end the process as Ctrl-C does, from before a command begins; see `heed_no_signals`.

    One that is ignored stays so: that is how `nohup` starts a command.
    """
    for number in _NUMBERS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _as_interrupt)


def heed_no_signals() -> None:
    """Ignore signals: the process is about to end, and its exit code says what became of the command."""
    for number in _NUMBERS:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def signals_as_interrupts() -> Iterator[None]:
    """Stop as for Ctrl-C, also when the terminal is closed: no converted images are left behind.

    When the block ends in a process of ours (`take_signals`), it is too late for a signal; in any other one
    the handlers are as they were.
    """
    before = {number: signal.getsignal(number) for number in _NUMBERS}
    take_signals()
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if handler is _as_interrupt else handler)


def _as_interrupt(number: int, _frame: FrameType | None) -> None:
    if number != signal.SIGINT:
        signal.signal(number, signal.SIG_IGN)  # cleaning up is short and must not be interrupted again
    raise _Interrupted
