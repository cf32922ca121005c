"""What `migrate` prints and writes of a migration: how it stands, the reports, the dashboard."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mediakit.cli.output import Output
from mediakit.cli.terminal import print_end, print_summary
from mediakit.cli.written import check_report, now, write_report
from mediakit.errors import UsageError

if TYPE_CHECKING:  # the reports are loaded when they are made
    from mediakit.report.migrated import MigrationReport

_TURN_S: Final = 2.0  # between two states of the dashboard


def check_forms(reports: Sequence[Path], dashboard: Path | None = None) -> None:
    """Raise UsageError before a long run whose report or dashboard would be lost."""
    from mediakit.report.forms import migration_form_of

    for path in reports:
        check_report(path)
        migration_form_of(path.name)
    if dashboard is not None:
        check_report(dashboard)
        if dashboard.suffix.lower() not in {".html", ".htm"}:
            raise UsageError("the dashboard is a page", where=str(dashboard), hint="name a file .html")


def report_of(ledger: str, outcome: int | None = None, away_most_s: float = 0.0) -> MigrationReport:
    """Return how a migration stands; a database that does not answer is waited for."""
    from mediakit.journeys.migrate import outcome_of_migration
    from mediakit.ledger.migration_reading import migrated_of, studies_of
    from mediakit.outcome import Outcome
    from mediakit.report.migrated import MigrationReport

    migrated = migrated_of(ledger, away_most_s)
    return MigrationReport(
        ledger=ledger,
        migrated=migrated,
        outcome=outcome_of_migration(migrated) if outcome is None else Outcome(outcome),
        studies=studies_of(ledger, away_most_s),
    )


def print_migrated(
    shown: MigrationReport,
    reports: Sequence[Path],
    output: Output,
) -> None:
    """Write the reports; print how a migration stands, or its one JSON document."""
    from mediakit.report.forms import migration_form_of
    from mediakit.report.migrated import migration_text

    for path in reports:
        write_report(path, migration_form_of(path.name)(shown, f"{now():%Y-%m-%d %H:%M} UTC"))
    if output.as_json:
        sys.stdout.write(migration_form_of(".json")(shown))
    elif not output.quiet:
        print_summary(migration_text(shown, everything=output.verbose > 0))
    elif shown.outcome:
        print_end(shown.outcome.line)


def write_dashboard(path: Path, shown: MigrationReport, *, is_running: bool) -> None:
    """Write the page that shows how a migration stands."""
    from mediakit.report.migrated_html import migration_html

    write_report(path, migration_html(shown, f"{now():%Y-%m-%d %H:%M:%S} UTC", is_running=is_running))


class Dashboard:
    """Writes the page of a running migration anew, as often as it is called and due."""

    def __init__(self, path: Path, ledger: str, away_most_s: float) -> None:
        self._path = path
        self._ledger = ledger
        self._away_most_s = away_most_s
        self._due = 0.0

    def __call__(self) -> None:
        """Write it when it is due: a large ledger takes long to count, so it is not counted all the time."""
        started = time.monotonic()
        if started >= self._due:
            shown = report_of(self._ledger, away_most_s=self._away_most_s)
            write_dashboard(self._path, shown, is_running=True)
            ended = time.monotonic()
            self._due = ended + max(_TURN_S, 10 * (ended - started))
