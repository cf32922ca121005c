"""What a ledger tells about a job, as values: its facts, its summary, the history of an instance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from mediakit.transfer.states import Happening, TransferState

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFacts:
    """What a job was begun with: no secrets, no patient data.

    `destination` is the name of the destination as reports print it, `created_at` ISO 8601 with offset (""
    until the job is started), `options` those of the command that began it.
    """

    source: str
    destination: str
    created_at: str = ""
    calling_ae: str = ""
    options: Mapping[str, str] = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSummary:
    """How a job stands. `outcome` is "" while it is unfinished; `problem` says why it cannot be read."""

    job_id: str
    facts: JobFacts
    counts: Mapping[TransferState, int]
    outcome: str = ""
    is_running: bool = False
    changed_at: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryLine:
    """One change of one instance. `was` and `now` are states; "" where it came in, or was superseded.

    `happening` is the value of a `Happening`, or "added" or "superseded".
    """

    key: str
    at: str
    happening: str
    was: str
    now: str
    sent_as: str = ""
    code: int = 0
    words: str = field(default="", repr=False)
    rule: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """Something that happened to an instance, to be written down; see `Ledger.happen`."""

    key: str
    happening: Happening
    sent_as: str = ""
    code: int = 0
    words: str = field(default="", repr=False)
    rule: str = ""
