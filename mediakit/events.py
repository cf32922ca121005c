"""What a journey tells while it runs. Listeners never change its course; the default is silence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mediakit.findings import Finding
from mediakit.outcome import Fate


@dataclass(frozen=True, slots=True)
class PhaseStarted:
    """A phase begins. `total` counts in `unit` ("files" or "bytes"); 0 when not known."""

    phase: str
    total: int = 0
    unit: str = "files"


@dataclass(frozen=True, slots=True)
class Advanced:
    """The running phase moved on by `amount` units."""

    amount: int = 1


@dataclass(frozen=True, slots=True)
class AssociationsOpen:
    """An import sends over `count` associations at once: more than at any time before."""

    count: int


@dataclass(frozen=True, slots=True)
class PhaseEnded:
    """A phase is over."""

    phase: str


@dataclass(frozen=True, slots=True)
class FileSettled:
    """The fate of one input file is known."""

    fate: Fate


@dataclass(frozen=True, slots=True)
class FoundSomething:
    """A finding was made."""

    finding: Finding


@dataclass(frozen=True, slots=True)
class Noted:
    """Something a person at the terminal should know while it lasts, in words."""

    words: str


Event = Noted | PhaseStarted | Advanced | AssociationsOpen | PhaseEnded | FileSettled | FoundSomething
Listener = Callable[[Event], None]


def silence(_event: Event) -> None:
    """Hear an event and say nothing."""
