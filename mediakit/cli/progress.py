"""Listeners of the command line: a bar on a terminal, plain lines elsewhere, silence when asked for."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING

from mediakit.events import (
    Advanced,
    AssociationsOpen,
    Event,
    Listener,
    Noted,
    PhaseEnded,
    PhaseStarted,
    silence,
)

if TYPE_CHECKING:  # rich is slow to load and most runs draw no bar
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

_TITLES = {
    "scan": "reading headers",
    "judge": "judging",
    "convert": "converting",
    "icons": "making icons",
    "write": "writing",
    "proof": "reading back",
    "disc": "burning",
    "stick": "writing the stick",
    "robot": "waiting for discs",
    "read back": "comparing",
    "compare": "comparing",
    "send": "sending",
    "ask": "asking what is there",
    "prove": "asking for the proof",
}


class Progress(StrEnum):
    """When to show progress on standard error."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


@contextmanager
def listener(progress: Progress, *, quiet: bool) -> Iterator[Listener]:
    """Give the listener that fits: a bar on a terminal, plain phase lines with `always`, else silence."""
    if quiet or progress is Progress.NEVER:
        yield silence
    elif sys.stderr.isatty():
        with _bar() as tell:
            yield tell
    elif progress is Progress.ALWAYS:
        yield _plain
    else:
        yield _notes


def _notes(event: Event) -> None:
    if isinstance(event, Noted):
        print(event.words, file=sys.stderr, flush=True)


def _plain(event: Event) -> None:
    _notes(event)
    if isinstance(event, PhaseStarted):
        print(f"{_TITLES.get(event.phase, event.phase)} ...", file=sys.stderr, flush=True)


@contextmanager
def _bar() -> Iterator[Listener]:
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as RichProgress

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description:<18}"),
        BarColumn(),
        TaskProgressColumn(show_speed=False),
        TextColumn("{task.fields[count]}"),
        TimeElapsedColumn(),
    )
    with RichProgress(*columns, console=console, transient=True, refresh_per_second=10) as bar:
        yield _Bar(bar)


class _Bar:
    """Draws one phase after the other; at most ten redraws a second."""

    def __init__(self, bar: RichProgress) -> None:
        self._bar = bar
        self._task: TaskID | None = None
        self._unit = "files"
        self._pending = 0
        self._done = 0
        self._due = 0.0
        self._associations = 0

    def __call__(self, event: Event) -> None:
        if isinstance(event, Advanced):
            self._pending += event.amount
            if time.monotonic() >= self._due:
                self._draw()
        elif isinstance(event, AssociationsOpen):
            self._associations = event.count
        elif isinstance(event, PhaseStarted) and event.phase == "confirm":
            self._close()
            self._bar.stop()  # a person reads and answers meanwhile
        elif isinstance(event, PhaseEnded) and event.phase == "confirm":
            self._bar.start()
        elif isinstance(event, PhaseStarted):
            self._close()
            self._unit, self._pending, self._done, self._associations = event.unit, 0, 0, 0
            title = _TITLES.get(event.phase, event.phase)
            self._task = self._bar.add_task(title, total=event.total or None, count="")
        elif isinstance(event, PhaseEnded):
            self._close()
        elif isinstance(event, Noted):
            self._bar.console.print(event.words, markup=False, highlight=False)

    def _draw(self) -> None:
        if self._task is None:
            return
        self._done += self._pending
        count = counted(self._done, self._unit)
        if self._associations > 1:
            count += f", {self._associations} associations"
        self._bar.update(self._task, advance=self._pending, count=count)
        self._pending = 0
        self._due = time.monotonic() + 0.1

    def _close(self) -> None:
        if self._task is not None:
            self._bar.remove_task(self._task)
            self._task = None


def counted(done: int, unit: str) -> str:
    """Return how far a phase is: "1 file", "2,000 discs", "1.5 MB"."""
    if unit == "bytes":
        return f"{done / 1e6:.1f} MB"
    return f"{done:,} {unit.removesuffix('s') if done == 1 else unit}"
