"""What the ledger of a migration tells, as values: discs, instances, and how all of it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from mediakit.outcome import State

_NOTHING: Mapping[str, str] = MappingProxyType({})


class DiscState(StrEnum):
    """Where a disc stands."""

    WAITING = "waiting"  # nobody works on it
    RUNNING = "running"  # a worker has it, until its lease is over
    DONE = "done"  # nothing on it needs attention
    PARTLY = "partly"  # it was worked through, and something on it needs attention
    REFUSED = "refused"  # the identity guard held everything back
    UNREADABLE = "unreadable"  # it cannot be opened
    FAILED = "failed"  # worker after worker ended while it worked on it

    @property
    def has_ended(self) -> bool:
        """Return True when nobody works on it any more."""
        return self not in {DiscState.WAITING, DiscState.RUNNING}


class InstanceState(StrEnum):
    """Where an instance stands, whichever discs it is on."""

    WANTED = "wanted"  # no copy that was read so far
    CLAIMED = "claimed"  # one disc brings it, all others have a copy
    STORED = "stored"  # at the destination
    UNPROVEN = "unproven"  # stored by the word of the destination, and the proof denies it or did not come
    UNCERTAIN = "uncertain"  # was sent, or was to be sent, and no answer came in all tries
    REFUSED = "refused"  # the destination does not take it


#: States of files whose instance arrived by this copy.
ARRIVED = frozenset({State.STORED, State.STORED_WITH_WARNING, State.COMMITTED, State.ALREADY_THERE})


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationFacts:
    """What a migration was begun with: no secrets. `map_digest` tells its patient map, "" for none."""

    destination: str
    created_at: str = ""
    map_digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscClaim:
    """A disc that a worker has: until its lease is over it is nobody else's.

    `visits` counts the times it was worked on before, `retries` how often the user asked for another try.
    `digests` are known from an earlier visit, by place and SOP Instance UID.
    """

    disc: int
    path: str
    owner: str
    visits: int = 0
    retries: int = 0
    is_inventoried: bool = False
    digests: Mapping[tuple[str, str], str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenFile:
    """A file of a disc, or an instance that its directory names: the state it is in, and why."""

    path: str
    state: State
    sop_instance: str = ""
    digest: str = ""
    size: int = 0
    words: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenStudy:
    """A study on a disc. Patient data."""

    study: str
    patient_id: str = field(repr=False)
    date: str = ""
    accession: str = field(default="", repr=False)
    modalities: str = ""
    instances: int = 0


@dataclass(frozen=True, slots=True)
class Share:
    """What an instance of a disc is for this disc: its own to bring, or that of another one.

    `other` is the disc that has it. `is_retaken`: another disc had it before, and may have sent it.
    """

    is_mine: bool
    state: InstanceState = InstanceState.CLAIMED
    other: str = ""
    is_other_data: bool = False
    is_retaken: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What working on a disc came to.

    `instances` gives by SOP Instance UID where those of this disc now stand; `wanted` are those that it has
    no readable copy of. `state` WAITING lets it come again. `counts_as_try`: something was left though the
    destination answered. `is_away`: it does not answer any more. `is_elsewhere`: this machine does not
    see the disc.
    """

    state: DiscState
    files: tuple[SeenFile, ...] = ()
    instances: Mapping[str, InstanceState] = field(default_factory=dict)
    wanted: tuple[str, ...] = ()
    outcome: str = ""
    words: str = field(default="", repr=False)
    counts_as_try: bool = False
    is_away: bool = False
    is_elsewhere: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscLine:
    """How one disc stands. `files` counts what it holds by state.

    `copies` are files that are still to be sent, and that other discs have too.
    """

    path: str
    state: DiscState
    outcome: str = ""
    words: str = field(default="", repr=False)
    is_inventoried: bool = False
    files: Mapping[State, int] = field(default_factory=dict)
    copies: int = 0


@dataclass(frozen=True, slots=True)
class Planned:
    """What was read and is still to be sent: `instances` by UID, `copies` of them besides.

    `others` have the UID of one and other bytes.
    """

    instances: int = 0
    copies: int = 0
    others: int = 0


@dataclass(frozen=True, slots=True)
class Needed:
    """An instance that no disc gave, and the discs that should have it."""

    sop_instance: str
    discs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Conflict:
    """An instance with other bytes than the one of the same UID that was taken. `path` is its file."""

    sop_instance: str
    path: str
    words: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class StudyLine:
    """A study of the inventory, on one disc."""

    disc: str
    study: SeenStudy


@dataclass(frozen=True, slots=True, kw_only=True)
class Migrated:
    """How a migration stands. `imbalances` say what does not add up; it is empty when all does.

    `unnamed` files cannot be read, and nobody knows which instances they are.
    """

    facts: MigrationFacts
    is_paused: bool
    discs: tuple[DiscLine, ...]
    files: Mapping[State, int]
    instances: Mapping[InstanceState, int]
    needed: tuple[Needed, ...]
    conflicts: tuple[Conflict, ...]
    patients: int
    studies: int
    unnamed: int = 0
    planned: Planned = Planned()
    imbalances: tuple[str, ...] = ()

    @property
    def discs_by_state(self) -> Mapping[DiscState, int]:
        """Return how many discs are in each state; no zeros."""
        counts = {state: sum(disc.state is state for disc in self.discs) for state in DiscState}
        return {state: count for state, count in counts.items() if count}
