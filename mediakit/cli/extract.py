"""`mediakit extract`: parse, run the journey, print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mediakit.cli.grouped import grouped
from mediakit.cli.guard import guarded
from mediakit.cli.keys import Opening
from mediakit.cli.options import Json, Medium, Quiet, RescueMap, ShowProgress, Verbose
from mediakit.cli.progress import Progress, listener
from mediakit.cli.selecting import Selecting
from mediakit.cli.terminal import print_result
from mediakit.cli.written import check_report, write_report
from mediakit.errors import UsageError


@grouped
def extract(
    src: Medium,
    out: Annotated[Path, typer.Option("--out", "-o", help="A new folder.")],
    only: Annotated[str, typer.Option(help="all, dicom or other.")] = "all",
    *,
    selecting: Selecting,
    opening: Opening,
    report: Annotated[
        Path | None, typer.Option(help="Write the JSON report with every SHA-256 here.")
    ] = None,
    rescue_map: RescueMap = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
    progress: ShowProgress = Progress.AUTO,
) -> None:
    """Copy the files of a medium into a new folder, byte for byte.

    Files that cannot be read are left out and named; names that are not safe are changed, and named too.
    """
    with guarded("extract", as_json=as_json, verbose=verbose):
        from mediakit.journeys.extract import ExtractOrder, Only
        from mediakit.journeys.extract import extract as run_extract
        from mediakit.report.json import report_doc, to_json
        from mediakit.report.text import result_text

        if only not in set(Only):
            raise UsageError(f"`--only` takes {', '.join(Only)}", where=only)
        if report is not None:
            check_report(report, out)
        order = ExtractOrder(
            out=out,
            only=Only(only),
            selection=selecting.selection(),
            keys=opening.keys(),
            rescue_map=rescue_map,
        )
        with listener(progress, quiet=quiet or as_json) as tell:
            result = run_extract(src, order, tell)
        if report is not None:
            write_report(report, to_json(report_doc(result)))
        print_result(result, result_text, as_json=as_json, quiet=quiet, verbose=verbose)
        raise typer.Exit(int(result.outcome))
