"""Putting an image on what a user holds in the end: the values that the stage gives, and its rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mediakit.events import Listener
from mediakit.findings import Finding, Rule, Severity
from mediakit.outcome import Outcome
from mediakit.profile.model import Profile

SPOILED_SESSION = Rule(
    id="MK-DRV-007",
    severity=Severity.ERROR,
    title="the new session must not be used: {why}",
    ref="PS3.12 F.2.1.2",
    hint="`mediakit validate` says whether the disc shows its earlier set whole: if so, make a new one of it "
    "and what is to be added (`mediakit update DEV --add SRC -o NEW.iso`), else see `mediakit repair`",
)

Proof = Callable[[Path], tuple[Finding, ...]]  # reads a medium, and returns what is wrong with it


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressed:
    """What came of it: how many copies are good, and what is to be said.

    `outcome` is that of a journey which must not end well although some copies are good, else None.
    """

    copies: int
    said: str
    findings: tuple[Finding, ...] = ()
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Which of several media is next, beginning with 1. `profile` is what each of them has to suit."""

    number: int = 1
    many: int = 1
    profile: Profile | None = None


ONLY = Turn()


class Onto(Protocol):
    """Where an image goes when it is made: a drive, or a robot with many."""

    @property
    def name(self) -> str:
        """Return what the user calls it."""
        ...

    @property
    def is_simulation(self) -> bool:
        """Return True when nothing will be written."""
        ...

    @property
    def room_bytes(self) -> int | None:
        """Return how large an image may be; None when that is not known."""
        ...

    def format_for(self, profile: Profile) -> str:
        """Return the media format for the medium of a profile, "" for any that suits.

        Raises UsageError when this is another medium.
        """
        ...

    def check(self, profile: Profile | None = None) -> None:
        """Raise UsageError when nothing can be written there, or not so for this profile."""
        ...

    def check_room(self, size_bytes: int) -> None:
        """Raise DoesNotFit for an image that is too large."""
        ...

    def check_media(self, many: int) -> None:
        """Raise UsageError when so many different media cannot be made there, one after the other."""
        ...

    def name_of(self, turn: Turn) -> str:
        """Return what the user calls the place of one of several media."""
        ...

    def put(self, image: Path, proof: Proof | None, tell: Listener, turn: Turn = ONLY) -> Pressed:
        """Put the image there; with `proof` every copy is read back, compared with it, and proven.

        Raises MediakitError when no copy is good, SpoiledError when a medium was written and is of no use.
        """
        ...
