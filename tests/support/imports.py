"""Imports that have ended, as values: good, and with one instance in every state that needs attention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mediakit.findings import Finding, Report, Rule, Severity, Where
from mediakit.outcome import Fate, Outcome, Result, State
from mediakit.stages.look.inventory_rules import DIRECTORY
from mediakit.transfer.imported import Imported
from mediakit.transfer.row import Row
from mediakit.transfer.states import TransferState
from tests.support.ledgers import PEER, SOURCE, lost_row, row

JOB = "20261124-8f3k2q"
LOST = Rule(
    id="MK-XXX-001",
    severity=Severity.ERROR,
    title="sector {sector} cannot be read",
    ref="PS3.10 7",
    hint="clean the disc",
)
NO_DIRECTORY = Rule(
    id="MK-XXX-002",
    severity=Severity.WARNING,
    title="there is no DICOMDIR",
    ref="PS3.10 8.6",
    hint="count with `mediakit inspect`",
)
_QUIET = {TransferState.SENDING, *(state for state in TransferState if state.is_done)}
ATTENTION = (*(state for state in TransferState if state not in _QUIET), TransferState.STORED_WITH_WARNING)


def imported(
    rows: Sequence[Row],
    *,
    outcome: Outcome = Outcome.PARTLY_STORED,
    others: Sequence[Fate] = (),
    findings: Sequence[Finding] = (),
    **changes: object,
) -> Imported:
    """Return an import that ended with these rows."""
    because = {finding.where.path: finding for finding in findings}
    fates = [
        Fate(
            source=f"{SOURCE}/{one.item.path}",
            state=one.state.fate,
            because=because.get(f"{SOURCE}/{one.item.path}"),
            sop_instance=one.item.sop_instance,
        )
        for one in rows
    ]
    result = Result(
        journey="import",
        fates=(*fates, *others),
        report=Report.of(SOURCE, findings),
        outcome=outcome,
        figures={"sent": 2, "sent_bytes": 2_500_000, "objects_per_s": 812.5, "megabytes_per_s": 40.1},
    )
    made = Imported(result=result, job=JOB, source=SOURCE, destination=PEER, rows=tuple(rows))
    return replace(made, **changes)  # type: ignore[arg-type]  # each test passes fields of it


def good(count: int = 2) -> Imported:
    """Return an import in which everything was stored."""
    rows = [row(number, state=TransferState.STORED) for number in range(count)]
    others = [
        Fate(source=f"{SOURCE}/DICOMDIR", state=State.EXCLUDED, because=DIRECTORY.at()),
        Fate(source=f"{SOURCE}/README.TXT", state=State.NOT_DICOM),
    ]
    return imported(rows, outcome=Outcome.GOOD, others=others)


def troubled(name: str = "DICOM/BAD", **changes: object) -> Imported:
    """Return an import in which one instance ended in each state that needs attention, and one well."""
    rows = [row(0, state=TransferState.STORED)]
    for number, state in enumerate(ATTENTION, start=1):
        one = row(number, f"{name}{number}", state)
        rows.append(replace(one, code=0xA900 + number, words=f"words {number} <b>of</b> the peer"))
    rows.append(lost_row(name))
    findings = [LOST.at(Where(path=f"{SOURCE}/{name}"), sector=16), NO_DIRECTORY.at(Where(path=SOURCE))]
    return imported(rows, findings=findings, **changes)  # type: ignore[arg-type]
