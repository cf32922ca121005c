"""What a destination says when it is asked for the proof that it has some instances. Values only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mediakit.events import Listener
from mediakit.transfer.outgoing import Outgoing


class Verify(StrEnum):
    """How storage is proven when everything was sent."""

    NONE = "none"  # the answers of the peer are believed
    COMMIT = "commit"  # Storage Commitment Push Model
    QUERY = "query"  # C-FIND, or QIDO-RS


@dataclass(frozen=True, slots=True)
class Proven:
    """The destination has it, and says so."""


@dataclass(frozen=True, slots=True)
class Denied:
    """The destination says that it has it not, or cannot answer for it."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Nothing was said of it in time."""

    reason: str = "no answer came in time"


ProofAnswer = Proven | Denied | NoAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The answers by SOP Instance UID. `kind` is "commit" or "query"; `words` what went wrong as a whole."""

    kind: str
    answers: Mapping[str, ProofAnswer]
    words: str = ""


#: Asks a destination which instances it has, and tells how many are answered for. Never raises for a peer.
Prover = Callable[[Sequence[Outgoing], Listener], Proof]
