"""A migration as text, as the JSON document `mediakit/migration/1`, and its inventory as CSV. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

from mediakit.findings import printable
from mediakit.ledger.migration_values import DiscLine, DiscState, Migrated, StudyLine
from mediakit.outcome import Outcome, State
from mediakit.report.text import many
from mediakit.transfer.mapping import no_formula

_MOST_LINES: Final = 20
_COLUMNS: Final = (
    "disc",
    "disc_state",
    "patient_id",
    "study_uid",
    "study_date",
    "accession",
    "modalities",
    "instances",
    "damaged",
    "copies",
    "why",
)
_DAMAGED: Final = (State.UNREADABLE, State.MISSING)


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationReport:
    """How a migration stands, with what its reports need. `studies` are patient data, for the CSV file."""

    ledger: str
    migrated: Migrated
    outcome: Outcome
    studies: tuple[StudyLine, ...] = ()


class DiscDoc(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One disc; `files` counts what it holds by state.

    `copies` are still to be sent, and other discs have them too.
    """

    path: str
    state: str
    outcome: str = ""
    words: str = ""
    files: dict[str, int] = {}
    copies: int = 0


class PlannedDoc(msgspec.Struct, frozen=True, kw_only=True):
    """What is still to be sent: instances, further copies of them, and other bytes of their UIDs."""

    instances: int
    copies: int
    other_bytes: int


class NeededDoc(msgspec.Struct, frozen=True, kw_only=True):
    """An instance that no disc gave, and the discs that should have it."""

    sop_instance_uid: str
    discs: list[str]


class ConflictDoc(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was kept back: another one with its SOP Instance UID and other bytes was taken."""

    sop_instance_uid: str
    path: str
    words: str


class MigrationDoc(msgspec.Struct, frozen=True, kw_only=True):
    """How a migration stands. `imbalances` is empty when every file of every disc is in one state."""

    ledger: str
    destination: str
    outcome: str
    exit_code: int
    paused: bool
    patients: int
    studies: int
    discs_by_state: dict[str, int]
    files_by_state: dict[str, int]
    instances_by_state: dict[str, int]
    unnamed_unreadable_files: int
    planned: PlannedDoc
    needed: list[NeededDoc]
    conflicts: list[ConflictDoc]
    imbalances: list[str]
    discs: list[DiscDoc]
    schema: Literal["mediakit/migration/1"] = "mediakit/migration/1"


def migration_doc(report: MigrationReport) -> MigrationDoc:
    """Return a migration as the value that is written as JSON."""
    migrated = report.migrated
    return MigrationDoc(
        ledger=report.ledger,
        destination=migrated.facts.destination,
        outcome=report.outcome.word,
        exit_code=int(report.outcome),
        paused=migrated.is_paused,
        patients=migrated.patients,
        studies=migrated.studies,
        discs_by_state={state.value: count for state, count in migrated.discs_by_state.items()},
        files_by_state={state.value: count for state, count in sorted(migrated.files.items())},
        instances_by_state={state.value: count for state, count in sorted(migrated.instances.items())},
        unnamed_unreadable_files=migrated.unnamed,
        planned=PlannedDoc(
            instances=migrated.planned.instances,
            copies=migrated.planned.copies,
            other_bytes=migrated.planned.others,
        ),
        needed=[
            NeededDoc(sop_instance_uid=one.sop_instance, discs=list(one.discs)) for one in migrated.needed
        ],
        conflicts=[
            ConflictDoc(sop_instance_uid=one.sop_instance, path=one.path, words=one.words)
            for one in migrated.conflicts
        ],
        imbalances=list(migrated.imbalances),
        discs=[
            DiscDoc(
                path=disc.path,
                state=disc.state.value,
                outcome=disc.outcome,
                words=disc.words,
                files={state.value: count for state, count in sorted(disc.files.items())},
                copies=disc.copies,
            )
            for disc in migrated.discs
        ],
    )


def migration_schema() -> dict[str, Any]:
    """Return the JSON Schema of the document."""
    return msgspec.json.schema(MigrationDoc)


def migration_text(report: MigrationReport, *, everything: bool = False) -> str:
    """Return a migration for a terminal; `everything` has a line for each disc and no list cut short."""
    migrated = report.migrated
    lines = [
        f"migration to {migrated.facts.destination}" + (", paused" if migrated.is_paused else ""),
        f"  discs      {len(migrated.discs):,}: {counted(migrated.discs_by_state.items())}",
        f"  patients   {migrated.patients:,}, studies {migrated.studies:,}",
        f"  files      {sum(migrated.files.values()):,}: {counted(migrated.files.items())}",
        f"  instances  {sum(migrated.instances.values()):,}: {counted(migrated.instances.items())}",
        *([f"  to be sent {planned_words(migrated)}"] if migrated.planned.instances else []),
        *_cut(tuple(_needed(migrated)), everything=everything),
        *_cut(tuple(_conflicts(migrated)), everything=everything),
        *_cut(tuple(_discs(migrated, everything=everything)), everything=everything),
        balance(migrated),
        f"what to do: {next_step(report)}",
        report.outcome.line,
    ]
    return "".join(f"{printable(line)}\n" for line in lines)


def next_step(report: MigrationReport) -> str:
    """Return what to do with the discs, and with the migration."""
    migrated = report.migrated
    states = {state for state, count in migrated.discs_by_state.items() if count}
    steps = (
        (migrated.is_paused, f"`mediakit migrate resume {report.ledger}` lets it go on."),
        (
            DiscState.RUNNING in states,
            "nothing while it runs. The same command resumes it.",
        ),
        (
            migrated.planned.instances > 0,
            "see the inventory, then run it without `--inventory-only`.",
        ),
        (DiscState.WAITING in states, "keep the discs. The same command continues with those that wait."),
        (report.outcome is Outcome.GOOD, "nothing. The discs can be put away."),
        (DiscState.REFUSED in states, "keep the discs. Find out whose images were held back (`--map`)."),
    )
    others = "keep the discs. See what needs attention, then run the same command with `--retry-failed`."
    return next((step for applies, step in steps if applies), others)


def migration_csv(report: MigrationReport) -> str:
    """Return the inventory: one row for each study of each disc, and one for a disc without any."""
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(_COLUMNS)
    left = {disc.path: disc for disc in report.migrated.discs}
    known = dict(left)
    for line in report.studies:
        left.pop(line.disc, None)
        study = line.study
        values = (study.patient_id, study.study, study.date, study.accession, study.modalities)
        rows.writerow(_row(known[line.disc], (*values, str(study.instances))))
    for disc in left.values():
        rows.writerow(_row(disc, ("", "", "", "", "", "0")))
    return text.getvalue()


def balance(migrated: Migrated) -> str:
    """Return whether the account adds up, as a sentence."""
    if migrated.imbalances:
        return f"it does not balance: {'; '.join(migrated.imbalances)}"
    return "it balances: every file of every disc is in one state, and each stored instance was brought once"


def counted(counts: Iterable[tuple[Any, int]]) -> str:
    """Return counts by state as words: "stored 12, duplicate 3"."""
    return ", ".join(f"{getattr(state, 'shown', state.value)} {count:,}" for state, count in counts) or "none"


def planned_words(migrated: Migrated) -> str:
    """Return what is still to be sent, as words."""
    planned = migrated.planned
    others = f", {planned.others:,} with other bytes" if planned.others else ""
    copies = many(planned.copies, "further copy", "further copies")
    return f"{many(planned.instances, 'instance', 'instances')}, {copies}{others}"


def is_noteworthy(disc: DiscLine) -> bool:
    """Return True for a disc that needs attention."""
    return disc.state.has_ended and disc.state is not DiscState.DONE


def disc_words(disc: DiscLine) -> str:
    """Return what is to be said of a disc, without its path."""
    parts = [disc.words] if disc.words else []
    bad = [(state, count) for state, count in disc.files.items() if not state.is_good]
    parts += [counted(bad)] if bad else []
    return "; ".join(parts)


def _needed(migrated: Migrated) -> Iterator[str]:
    if migrated.needed:
        yield f"needed, as no disc gave {'it' if len(migrated.needed) == 1 else 'them'}:"
    for one in migrated.needed:
        yield f"  {one.sop_instance} from {', '.join(one.discs) or 'a disc that is not here'}"


def _conflicts(migrated: Migrated) -> Iterator[str]:
    if migrated.conflicts:
        files = many(len(migrated.conflicts), "file was", "files were")
        yield f"{files} kept back, as other bytes have the SOP Instance UID:"
    for one in migrated.conflicts:
        yield f"  {one.path}: {one.words}"


def _discs(migrated: Migrated, *, everything: bool) -> Iterator[str]:
    for disc in migrated.discs:
        if everything or is_noteworthy(disc):
            words = disc_words(disc)
            yield f"{disc.path}: {disc.state.value}" + (f" ({words})" if words else "")


def _cut(lines: tuple[str, ...], *, everything: bool) -> Iterator[str]:
    shown = lines if everything else lines[:_MOST_LINES]
    yield from shown
    if len(lines) > len(shown):
        yield f"  ... and {len(lines) - len(shown):,} more (`-v` shows all)"


def _row(disc: DiscLine, values: tuple[str, ...]) -> tuple[str, ...]:
    damaged = sum(disc.files.get(state, 0) for state in _DAMAGED)
    copies = disc.files.get(State.DUPLICATE, 0) + disc.copies
    cells = (disc.path, disc.state.value, *values, str(damaged), str(copies), disc.words)
    return tuple(_cell(cell) for cell in cells)


def _cell(text: str) -> str:
    """Return a cell that a spreadsheet takes for no formula, and that any file can hold."""
    return no_formula(text.encode("utf-8", "backslashreplace").decode())
