"""`mediakit extract`: parse, run the journey, print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mediakit.cli.grouped import grouped
from mediakit.cli.keys import Opening
from mediakit.cli.options import JsonReport, Medium, RescueMap
from mediakit.cli.output import Output, print_result
from mediakit.cli.selecting import Selecting
from mediakit.cli.written import check_json_report
from mediakit.errors import UsageError


@grouped
def extract(
    src: Medium,
    out: Annotated[Path, typer.Option("--out", "-o", help="A new folder.")],
    only: Annotated[str, typer.Option(help="all, dicom or other.")] = "all",
    *,
    selecting: Selecting,
    opening: Opening,
    report: JsonReport = None,
    rescue_map: RescueMap = None,
    output: Output,
) -> None:
    """Copy the files of a medium into a new folder, byte for byte.

    Files that cannot be read are left out and named; names that are not safe are changed, and named too.
    """
    with output.guarded("extract"):
        from mediakit.journeys.extract import ExtractOrder, Only
        from mediakit.journeys.extract import extract as run_extract
        from mediakit.report.text import result_text

        if only not in set(Only):
            raise UsageError(f"`--only` takes {', '.join(Only)}", where=only)
        if report is not None:
            check_json_report(report, out)
        order = ExtractOrder(
            out=out,
            only=Only(only),
            selection=selecting.selection(),
            keys=opening.keys(),
            rescue_map=rescue_map,
        )
        with output.listener() as tell:
            result = run_extract(src, order, tell)
        print_result(result, result_text, output, report=report)
        raise typer.Exit(int(result.outcome))
