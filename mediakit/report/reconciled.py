"""A reconciliation as text for a terminal, and as a JSON document, "mediakit/reconciliation/1"."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from mediakit.findings import printable
from mediakit.outcome import Outcome
from mediakit.report.inspection import date_text
from mediakit.report.json import FindingDoc, finding_doc
from mediakit.transfer.mapping import COLUMNS, Reconciled
from mediakit.transfer.matching import Ranking

_WORDS = {
    "matched": "one good candidate",
    "several": "several candidates, as good as each other",
    "weak": "a weak candidate only",
    "none": "no matching patient found",
}


_SHOWN = (
    ("Patient ID", "patient_id"),
    ("Issuer", "issuer"),
    ("Name", "name"),
    ("Birth date", "birth_date"),
    ("Sex", "sex"),
)


class ReconciliationDoc(msgspec.Struct, frozen=True, kw_only=True):
    """What was found out. `map` is the review file, `rows` are its rows by the names of its columns."""

    source: str
    peer: str
    map: str
    outcome: str
    exit_code: int
    counts: dict[str, int]
    findings: list[FindingDoc]
    rows: list[dict[str, str | int | bool | None]]
    schema: Literal["mediakit/reconciliation/1"] = "mediakit/reconciliation/1"


def reconciliation_doc(reconciled: Reconciled, path: str) -> ReconciliationDoc:
    """Return a reconciliation as the value that is written as JSON; `path` is the review file."""
    return ReconciliationDoc(
        source=reconciled.source,
        peer=reconciled.peer,
        map=path,
        outcome=reconciled.outcome.word,
        exit_code=int(reconciled.outcome),
        counts=dict(reconciled.counts),
        findings=[finding_doc(finding) for finding in reconciled.report.findings],
        rows=[{name: getattr(row, name) for name in COLUMNS} for row in reconciled.rows],
    )


def reconciliation_schema() -> dict[str, Any]:
    """Return the JSON Schema of the document."""
    return msgspec.json.schema(ReconciliationDoc)


def candidates_text(ranking: Ranking) -> str:
    """Return an identity of a medium beside its local candidates, for the person who has to choose."""
    there = ranking.wanted.subject.identity
    people = [each.candidate.identity for each in ranking.scored]
    titles = ["", "on the medium", *(f"local {number}" for number in range(1, len(people) + 1))]
    if len(people) == 1:
        titles[2] = "local patient"
    rows = [titles]
    for title, name in _SHOWN:
        values = [_shown(name, getattr(each, name)) for each in (there, *people)]
        if any(values):
            rows.append([title, *(printable(value) or "-" for value in values)])
    if ranking.wanted.subject.accession or any(each.candidate.accession for each in ranking.scored):
        orders = [ranking.wanted.subject.accession, *(each.candidate.accession for each in ranking.scored)]
        rows.append(["Accession", *(printable(value) or "-" for value in orders)])
    if people:
        rows.append(["confidence", "", *(str(each.confidence) for each in ranking.scored)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(titles))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    for number, each in enumerate(ranking.scored, start=1):
        whose = f"local {number}" if len(people) > 1 else "compared"
        lines.append(f"{whose}: {', '.join(each.why) or 'nothing agrees'}")
    return "".join(f"  {line.rstrip()}\n" for line in lines)


def _shown(name: str, value: str) -> str:
    return date_text(value) if name == "birth_date" else value


def reconciliation_text(reconciled: Reconciled, path: str) -> str:
    """Return what was found out, without names: those are in the review file at `path`."""
    approved = sum(row.approved for row in reconciled.rows)
    words = "row" if len(reconciled.rows) == 1 else "rows"
    lines = [
        printable(f"{reconciled.source} -> {path}, with candidates of {reconciled.peer}"),
        *(f"  {count:>5}  {_WORDS[word]}" for word, count in reconciled.counts.items() if count),
        f"  {len(reconciled.rows):>5,}  {words} in the map, {approved:,} approved",
    ]
    step = "import with `--map`, which applies the approved rows."
    if approved < len(reconciled.rows):
        step = f"look at the rows, write `yes` into `approved` where they are right, then {step}"
    return "\n".join([*lines, f"what to do: {step}", _outcome_line(reconciled.outcome)]) + "\n"


def _outcome_line(outcome: Outcome) -> str:
    if outcome is Outcome.IDENTITY:
        return f"outcome: not everybody has one good candidate (exit code {int(outcome)})"
    return outcome.line
