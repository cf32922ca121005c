"""How a journey talks to whoever started it: the options that every journey has."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from mediakit.cli.guard import guarded
from mediakit.cli.helping import OUTPUT
from mediakit.cli.options import Json, Quiet, ShowProgress
from mediakit.cli.progress import Progress, listener
from mediakit.cli.terminal import print_end, print_findings, print_summary
from mediakit.cli.written import write_report
from mediakit.events import Listener
from mediakit.findings import Severity
from mediakit.outcome import Outcome, State

if TYPE_CHECKING:
    from mediakit.findings import Report
    from mediakit.outcome import Result


@dataclass(frozen=True, kw_only=True)
class Output:
    """The options of what is printed."""

    heading: ClassVar[str] = OUTPUT

    as_json: Json = False
    quiet: Quiet = False
    verbose: Annotated[int, typer.Option("--verbose", "-v", count=True, help="Print everything.")] = 0
    progress: ShowProgress = Progress.AUTO

    @property
    def is_silent(self) -> bool:
        """Return True when nothing may be printed but errors, or the one JSON document."""
        return self.quiet or self.as_json

    def guarded(self, command: str) -> AbstractContextManager[None]:
        """Give what goes around a command: errors become messages and exit codes."""
        return guarded(command, as_json=self.as_json, verbose=self.verbose)

    def listener(self) -> AbstractContextManager[Listener]:
        """Give the listener that fits."""
        return listener(self.progress, quiet=self.is_silent)


def print_result(
    result: Result,
    summary: Callable[..., str],
    output: Output,
    told: Report | None = None,
    report: Path | None = None,
) -> None:
    """Print how a journey ended: as the JSON document, or what was found and the summary.

    `told` are the findings to print; None for those that do not stand with the files in the summary, and for
    all with `--quiet`, which prints no summary, and where a file could not be read: then the hints matter.
    The JSON document goes to `report` too where that is given. Raises UsageError when it cannot be written.
    """
    if output.as_json or report is not None:
        from mediakit.report.json import report_doc, to_json

        document = to_json(report_doc(result))
        if report is not None:
            write_report(report, document)
        if output.as_json:
            sys.stdout.write(document)
            return
    if told is None:
        from mediakit.report.text import findings_besides

        is_read = all(fate.state is not State.UNREADABLE for fate in result.fates)
        told = findings_besides(result) if is_read and not output.quiet else result.report
    print_ended(told, partial(summary, result), result.outcome, output)


def print_ended(told: Report, summary: Callable[..., str], outcome: Outcome, output: Output) -> None:
    """Print what was found and the summary.

    With `--quiet` errors alone; where there is none and the exit code is not 0, how it ended.
    """
    print_findings(told, quiet=output.quiet, verbose=output.verbose)
    if not output.quiet:
        print_summary(summary(everything=output.verbose > 0))
    elif outcome and told.worst() is not Severity.ERROR:
        print_end(outcome.line)
