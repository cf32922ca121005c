"""What was done with a medium that came, on one line and as the JSON document `mediakit/watched/1`. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from mediakit.findings import Severity, printable
from mediakit.report.next_step import ARRIVED
from mediakit.report.text import many
from mediakit.transfer.imported import Imported

if TYPE_CHECKING:  # the value of a journey, which is loaded by who has one
    from mediakit.journeys.watch import Handled


class WatchedDoc(msgspec.Struct, frozen=True, kw_only=True):
    """One medium. Counts are those of the medium, and of its instances at the destination."""

    at: str
    medium: str
    outcome: str
    exit_code: int
    conforms: bool | None
    errors: int
    warnings: int
    instances: int
    stored: int | None
    destination: str
    words: str
    reports: list[str]
    schema: Literal["mediakit/watched/1"] = "mediakit/watched/1"


def watched_doc(handled: Handled, at: str, reports: Sequence[str] = ()) -> WatchedDoc:
    """Return what was done with one medium as the value that is written as JSON, one line each."""
    validation, imported = handled.validation, handled.imported
    words = "" if handled.error is None else str(handled.error)
    counts = dict.fromkeys(Severity, 0)
    instances = 0
    if validation is not None:
        instances = int(validation.result.figures.get("instances", 0))
        for finding in validation.result.report.findings:
            counts[finding.severity] += 1
    return WatchedDoc(
        at=at,
        medium=str(handled.medium),
        outcome=handled.outcome.word,
        exit_code=int(handled.outcome),
        conforms=None if validation is None else not counts[Severity.ERROR],
        errors=counts[Severity.ERROR],
        warnings=counts[Severity.WARNING],
        instances=instances,
        stored=None if imported is None else _stored(imported),
        destination="" if imported is None else imported.destination,
        words="not imported, as it has errors" if handled.is_held_back else words,
        reports=list(reports),
    )


def watched_line(done: WatchedDoc) -> str:
    """Return what was done on one line: "disc.iso: conforms, 12 of 12 instances at PACS; good"."""
    verdict = {True: "conforms", False: many(done.errors, "error", "errors"), None: "not readable"}[
        done.conforms
    ]
    parts = [verdict, many(done.instances, "instance", "instances")]
    if done.stored is not None:
        parts.append(f"{done.stored:,} at {printable(done.destination)}")
    if done.words:
        parts.append(printable(done.words))
    ended = _ENDS.get(done.outcome, done.outcome)
    return f"{printable(done.medium)}: {', '.join(parts)}; {ended} (exit code {done.exit_code})"


_ENDS = {
    "good": "good",
    "findings": "problems found",
    "source": "cannot be read",
    "no-association": "the destination could not be reached",
    "partly-stored": "not everything was stored",
    "identity": "not imported: patient not confirmed",
    "integrity": "storage not proven",
}


def watched_schema() -> dict[str, Any]:
    """Return the JSON Schema of the document."""
    return msgspec.json.schema(WatchedDoc)


def _stored(imported: Imported) -> int:
    return sum(count for state, count in imported.result.counts().items() if state in ARRIVED)
