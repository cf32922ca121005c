"""What a burn or a repair leaves on the terminal and in the report file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mediakit.cli.written import write_report
from mediakit.findings import Severity

if TYPE_CHECKING:  # the journey is loaded when the command runs: `--help` stays fast
    from mediakit.journeys.burn import Burnt


def print_burnt(burnt: Burnt, report: Path | None, *, as_json: bool, quiet: bool, verbose: int) -> None:
    """Print findings, plan and summary, or the one JSON document; write the report when asked for."""
    from mediakit.report.text import burn_text, findings_text, plan_text

    if report is not None or as_json:
        from mediakit.report.json import report_doc, to_json

        document = to_json(report_doc(burnt.result))
        if report is not None:
            write_report(report, document)
        if as_json:
            sys.stdout.write(document)
    if not as_json:
        least = Severity.NOTE if verbose else Severity.ERROR if quiet else Severity.WARNING
        for line in findings_text(burnt.result.report, least=least):
            print(line, file=sys.stderr)
        if burnt.plan is not None and burnt.is_rehearsal and not quiet:
            sys.stdout.write(plan_text(burnt.plan))
        if not quiet:
            sys.stdout.write(burn_text(burnt.result, everything=verbose > 0))
