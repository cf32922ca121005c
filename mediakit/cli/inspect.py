"""`mediakit inspect`: parse, run the journey, print."""

from __future__ import annotations

import sys

import typer

from mediakit.cli.grouped import grouped
from mediakit.cli.guard import guarded
from mediakit.cli.keys import Opening
from mediakit.cli.options import Json, Medium, Quiet, RescueMap, ShowProgress, Verbose
from mediakit.cli.progress import Progress, listener
from mediakit.cli.terminal import print_findings, print_summary


@grouped
def inspect(
    src: Medium,
    *,
    opening: Opening,
    rescue_map: RescueMap = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
    progress: ShowProgress = Progress.AUTO,
) -> None:
    """Show what is on a medium: kind of disc, patients, studies, series, what else, and what is damaged.

    Patients are named. Headers and the DICOMDIR are read, no pixel data. `--json` lists every instance.
    """
    with guarded("inspect", as_json=as_json, verbose=verbose):
        from mediakit.journeys.inspect import inspect as run_inspect

        keys = opening.keys()
        with listener(progress, quiet=quiet or as_json) as tell:
            inspection = run_inspect(src, tell, keys, rescue_map)
        if as_json:
            from mediakit.report.inspection_doc import inspection_doc
            from mediakit.report.json import to_json

            sys.stdout.write(to_json(inspection_doc(inspection)))
        else:
            from mediakit.report.inspection import inspection_text

            print_findings(inspection.report, quiet=quiet, verbose=verbose)
            if not quiet:
                print_summary(inspection_text(inspection, everything=verbose > 0))
        raise typer.Exit(int(inspection.outcome))
