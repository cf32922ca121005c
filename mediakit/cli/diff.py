"""`mediakit diff`: parse, run the journey, print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mediakit.cli.grouped import grouped
from mediakit.cli.keys import Opening
from mediakit.cli.options import FailOn, JsonReport
from mediakit.cli.output import Output, print_result
from mediakit.cli.written import check_json_report
from mediakit.findings import Severity


@grouped
def diff(
    one: Annotated[Path, typer.Argument(metavar="A", help="A medium: folder, drive, device or image.")],
    other: Annotated[Path, typer.Argument(metavar="B", help="Another medium.")],
    *,
    opening: Opening,
    fail_on: FailOn = Severity.ERROR,
    report: JsonReport = None,
    output: Output,
) -> None:
    """Compare two media instance by instance, by every byte; names and places of files do not matter.

    Exit code 0 when both hold the same instances, 1 when not.
    """
    with output.guarded("diff"):
        from mediakit.journeys.diff import diff as run_diff
        from mediakit.report.text import result_text

        if report is not None:
            check_json_report(report)
        keys = opening.keys()
        with output.listener() as tell:
            result = run_diff(one, other, fail_on, tell, keys)
        print_result(result, result_text, output, report=report)
        raise typer.Exit(int(result.outcome))
