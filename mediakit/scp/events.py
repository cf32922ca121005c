"""What the Storage SCP tells while it runs, as values. Told from several threads.

Nothing of a patient is shown with them: `Received.patient_id` is for who compares, and left out of its text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from mediakit.outcome import Outcome


class Reception(StrEnum):
    """What became of one instance that was sent."""

    STORED = "stored"
    SAME = "already-there"  # the same bytes lay there already
    CONFLICT = "conflict"  # another instance has the UID: refused
    REFUSED = "refused"  # no room, or it cannot be read as what it claims to be
    CUT_OFF = "cut-off"  # the association ended before all of it had come: nothing is kept, no answer given


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One C-STORE request was answered.

    `status` is that of PS3.4 B.2.3, `words` what the peer was told. `path` is below the folder, with "/"
    between names, "" when the instance is not there. UIDs are as the peer sent them, bounded.
    """

    sop_class: str
    sop_instance: str
    calling_ae: str
    reception: Reception
    status: int
    path: str = ""
    words: str = ""
    patient_id: str = field(default="", repr=False)


class Ending(StrEnum):
    """How an association ended."""

    RELEASED = "released"
    REJECTED = "rejected"
    ABORTED = "aborted"  # by either side, or the connection was lost


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationEnded:
    """An association is over; `counts` are the instances by what became of them.

    One that was cut off stands here alone, as its C-STORE request was not answered.
    `user` is who the peer said that he is, "" when it did not. `words` say why he was rejected, or why
    TLS failed.
    """

    calling_ae: str
    host: str
    ending: Ending
    counts: dict[Reception, int]
    user: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitmentAnswered:
    """A request for storage commitment was answered; `delivered` tells whether the peer took the report."""

    calling_ae: str
    committed: int
    failed: int
    delivered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MediumEnded:
    """A medium was burnt, or could not be: then it is tried again after `retry_s` seconds.

    `why` says the first reason, without names.
    """

    out: str
    outcome: Outcome
    instances: int
    why: str = ""
    retry_s: float = 0.0


ScpEvent = Received | AssociationEnded | CommitmentAnswered
ScpListener = Callable[[ScpEvent], None]
