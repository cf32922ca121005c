"""What a journey tells while it runs. Listeners never change its course; the default is silence."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from mediakit.findings import Finding
from mediakit.outcome import Fate


class PhaseStarted(Struct, frozen=True):
    """A phase begins. `total` counts in `unit` ("files" or "bytes"); 0 when not known."""

    phase: str
    total: int = 0
    unit: str = "files"


class Advanced(Struct, frozen=True):
    """The running phase moved on by `amount` units."""

    amount: int = 1


class AssociationsOpen(Struct, frozen=True):
    """An import sends over `count` associations at once: more than at any time before."""

    count: int


class PhaseEnded(Struct, frozen=True):
    """A phase is over."""

    phase: str


class FileSettled(Struct, frozen=True):
    """The fate of one input file is known."""

    fate: Fate


class FoundSomething(Struct, frozen=True):
    """A finding was made."""

    finding: Finding


class Noted(Struct, frozen=True):
    """Something a person at the terminal should know while it lasts, in words."""

    words: str


Event = Noted | PhaseStarted | Advanced | AssociationsOpen | PhaseEnded | FileSettled | FoundSomething
Listener = Callable[[Event], None]


def silence(_event: Event) -> None:
    """Hear an event and say nothing."""
