"""What an import came to, as values: more than the fates, for whoever has to act on it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mediakit.outcome import Result
from mediakit.transfer.patient_identity import Counted
from mediakit.transfer.row import Row

if TYPE_CHECKING:  # a neighbour, whose values are only passed on
    from mediakit.fileset.contents import PatientFact


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextLine:
    """What a destination would do with the instances of one SOP Class in a rehearsal.

    `transfer_syntaxes` are those the instances are stored in; `accepted` is "as is", "would be converted to
    ...", "would not be taken", or "" when nobody was asked; `why` says more.
    """

    sop_class: str
    transfer_syntaxes: tuple[str, ...]
    count: int
    accepted: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One attribute of one instance that was sent with another value. The values are patient data.

    `tag` is the number of the attribute, `name` its name.
    """

    key: str
    tag: int
    name: str
    before: str = field(default="", repr=False)
    after: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """An import that has ended, well or not.

    `job` is the id of its ledger, "" when nothing was begun. `rows` are the instances in physical order. In
    a rehearsal nothing was sent. `verified` says how storage was proven ("commit", "query"), "" when the
    answers were believed. `identities` are those on the medium when the guard said no: for a terminal.
    `patients` are those on the medium; none in an import that was recalled from its ledger.
    """

    result: Result
    job: str
    source: str
    destination: str
    rows: tuple[Row, ...]
    contexts: tuple[ContextLine, ...] = ()
    changes: tuple[Change, ...] = ()
    identities: tuple[Counted, ...] = field(default=(), repr=False)
    patients: tuple[PatientFact, ...] = field(default=(), repr=False)
    is_rehearsal: bool = False
    verified: str = ""
