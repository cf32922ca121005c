"""What became of every file, and the exit code that follows: one pure function decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import IntEnum, StrEnum

from msgspec import Struct

from mediakit.findings import Finding, Report, Severity


class State(StrEnum):
    """The state in which an input file ends a journey. Every input file ends in exactly one."""

    WRITTEN = "written"  # carried byte for byte
    CONVERTED = "converted"  # written in another transfer syntax, as the policy allows
    DEIDENTIFIED = "de-identified"  # written without what says who the patient is
    PLANNED = "planned"  # dry run: would be written
    DUPLICATE = "duplicate"  # the same SOP Instance with the same bytes is written once
    NOT_DICOM = "not-dicom"  # recognised by content as something else
    EXCLUDED = "excluded"  # a DICOMDIR of the source: a new one is made
    REFUSED = "refused"  # the profile or the file-set cannot take it
    UNREADABLE = "unreadable"  # an I/O error, or bytes that are not a whole DICOM file
    WITHHELD = "withheld"  # would fit, but nothing was written because of other files
    FAILED = "failed"  # should have been written and was not
    VALID = "valid"  # validate: an instance or a DICOMDIR without an error
    FAULTY = "faulty"  # validate: something about this file is an error
    SAME = "same"  # diff: the other medium has this file with the same bytes
    DIFFERS = "differs"  # diff: the other medium has this instance with other bytes
    ALONE = "alone"  # diff: the other medium does not have it
    KEPT = "kept"  # update: on the medium before and after it
    REMOVED = "removed"  # update: no longer on the medium, as asked
    TO_REMOVE = "to-remove"  # update, dry run: would be removed
    FETCHED = "fetched"  # fetch: came from the archive and lies in the folder
    STORED = "stored"  # import: the destination answered success
    STORED_WITH_WARNING = (
        "stored-with-warning"  # import: stored, and the destination changed or doubts something
    )
    COMMITTED = "committed"  # import: stored, and the proof that was asked for says so
    ALREADY_THERE = "already-there"  # import, update, fetch: it was there before
    UNCONFIRMED = "unconfirmed"  # import: stored by the peer's word, and the proof denies it or did not come
    UNCERTAIN = "uncertain"  # import: sent, and no answer came
    UNSENT = "unsent"  # import: to be sent, and the journey ended before
    NOT_NEGOTIATED = "not-negotiated"  # import: the destination takes it in no transfer syntax it may have
    MISSING = "missing"  # import: named by the directory, and not on the medium
    CONFLICT = "conflict"  # import: the same SOP Instance UID as another one with other bytes

    @property
    def shown(self) -> str:
        """Return the word for a person, where that of the JSON reports is hard to understand."""
        return _SHOWN.get(self, self.value)

    @property
    def is_good(self) -> bool:
        """Return True when the file needs nobody's attention."""
        return self in _GOOD


_SHOWN = {
    State.EXCLUDED: "left out",
    State.WITHHELD: "held back",
    State.TO_REMOVE: "to remove",
    State.FAULTY: "with errors",
}
_GOOD = frozenset(
    {
        State.WRITTEN,
        State.CONVERTED,
        State.DEIDENTIFIED,
        State.PLANNED,
        State.DUPLICATE,
        State.NOT_DICOM,
        State.EXCLUDED,
        State.VALID,
        State.SAME,
        State.STORED,
        State.STORED_WITH_WARNING,
        State.COMMITTED,
        State.ALREADY_THERE,
        State.FETCHED,
        State.KEPT,
        State.REMOVED,
        State.TO_REMOVE,
    }
)
_FRUIT = frozenset(State) - frozenset(
    {
        State.DUPLICATE,
        State.NOT_DICOM,
        State.EXCLUDED,
        State.REFUSED,
        State.UNREADABLE,
        State.WITHHELD,
        State.FAILED,
        State.UNCERTAIN,
        State.UNSENT,
        State.NOT_NEGOTIATED,
        State.MISSING,
        State.CONFLICT,
    }
)  # a journey in which no file ends in one of these has come to nothing


class Fate(Struct, frozen=True, kw_only=True, gc=False):
    """What became of one input file.

    `source` is its path as the user knows it, `became` the File ID with "/" between components,
    `sha256` that of the bytes on the medium (hex). `because` is the finding that decided. `medium` is the
    number of the medium when several were written, 0 when there is one, or when it is on each.
    """

    source: str
    state: State
    because: Finding | None = None
    became: str = ""
    sop_instance: str = ""
    sha256: str = ""
    medium: int = 0


class Outcome(IntEnum):
    """The named ends of a journey; the value is the exit code."""

    GOOD = 0
    FINDINGS = 1
    USAGE = 2
    SOURCE = 3
    DOES_NOT_FIT = 4
    NO_ASSOCIATION = 5
    PARTLY_STORED = 6
    IDENTITY = 7
    INTEGRITY = 8
    FAULT = 70
    INTERRUPTED = 130

    @property
    def word(self) -> str:
        """Return the name as JSON reports have it, for example "does-not-fit"."""
        return self.name.lower().replace("_", "-")

    @property
    def sentence(self) -> str:
        """Return how a journey ended, in words for a person: "not everything was stored"."""
        return _SENTENCES.get(self, self.word.replace("-", " "))

    @property
    def line(self) -> str:
        """Return the last line of a command: "outcome: good (exit code 0)"."""
        return f"outcome: {self.sentence} (exit code {int(self)})"


def sentence_of(word: str) -> str:
    """Return the sentence of an outcome that is named by its word, as a ledger has it; else the word."""
    return next((one.sentence for one in Outcome if one.word == word), word)


_SENTENCES = {
    Outcome.FINDINGS: "problems found",
    Outcome.SOURCE: "nothing to read here",
    Outcome.NO_ASSOCIATION: "the destination could not be reached",
    Outcome.PARTLY_STORED: "not everything was stored",
    Outcome.IDENTITY: "stopped: patient not confirmed",
    Outcome.INTEGRITY: "storage not proven",
    Outcome.FAULT: "an error in mediakit",
}


class Figures:
    """What a journey counted and measured: a base for one frozen record for each journey."""

    __slots__ = ()

    def as_mapping(self) -> Mapping[str, str | int | float]:
        """Return the fields as reports print them, without those that are None."""
        values = ((each.name, getattr(self, each.name)) for each in fields(self))  # type: ignore[arg-type]
        return {name: value for name, value in values if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The only thing a journey returns."""

    journey: str
    fates: tuple[Fate, ...]
    report: Report
    outcome: Outcome
    figures: Mapping[str, str | int | float] = field(default_factory=dict)

    def counts(self) -> Mapping[State, int]:
        """Return how many input files ended in each state."""
        return Counter(fate.state for fate in self.fates)


def outcome_of(fates: Sequence[Fate], report: Report, fail_on: Severity = Severity.ERROR) -> Outcome:
    """Return the outcome of a journey that was not ended by an exception.

    A file that should have been written and was not outweighs everything; then comes "nothing was
    written", or read; then files that need attention or findings at or above `fail_on`.
    """
    states = {fate.state for fate in fates}
    if State.FAILED in states:
        return Outcome.INTEGRITY
    if State.WITHHELD in states or not states & _FRUIT:
        return _nothing_written(states)
    if any(not state.is_good for state in states):
        return Outcome.FINDINGS
    worst = report.worst()
    return Outcome.FINDINGS if worst is not None and worst.rank >= fail_on.rank else Outcome.GOOD


def _nothing_written(states: set[State]) -> Outcome:
    if State.REFUSED in states:
        return Outcome.DOES_NOT_FIT
    return Outcome.SOURCE


_NOT_WANTED = frozenset({State.NOT_DICOM, State.EXCLUDED, State.DUPLICATE})  # nobody wants these at the peer
_NOT_READ = frozenset({State.UNREADABLE, State.MISSING})


def outcome_of_import(fates: Sequence[Fate], report: Report, fail_on: Severity = Severity.ERROR) -> Outcome:
    """Return the outcome of an import that was not ended by an exception or a signal.

    Good only when every instance of the medium is at the destination. Withheld files mean that the identity
    guard stopped the journey, unconfirmed ones that the peer's word does not hold.
    """
    wanted = {fate.state for fate in fates} - _NOT_WANTED
    if State.WITHHELD in wanted:
        return Outcome.IDENTITY
    if State.UNCONFIRMED in wanted:
        return Outcome.INTEGRITY
    if wanted <= _NOT_READ:
        return Outcome.SOURCE
    if wanted <= _NOT_READ | {State.UNSENT}:
        return Outcome.NO_ASSOCIATION
    if any(not state.is_good for state in wanted):
        return Outcome.PARTLY_STORED
    worst = report.worst()
    return Outcome.FINDINGS if worst is not None and worst.rank >= fail_on.rank else Outcome.GOOD
