"""`mediakit inspect`: parse, run the journey, print."""

from __future__ import annotations

import sys
from functools import partial

import typer

from mediakit.cli.grouped import grouped
from mediakit.cli.keys import Opening
from mediakit.cli.options import Medium, RescueMap
from mediakit.cli.output import Output, print_ended


@grouped
def inspect(
    src: Medium,
    *,
    opening: Opening,
    rescue_map: RescueMap = None,
    output: Output,
) -> None:
    """Show what is on a medium: kind of disc, patients, studies, series, what else, and what is damaged.

    Patients are named. Headers and the DICOMDIR are read, no pixel data. `--json` lists every instance.
    """
    with output.guarded("inspect"):
        from mediakit.journeys.inspect import inspect as run_inspect

        keys = opening.keys()
        with output.listener() as tell:
            inspection = run_inspect(src, tell, keys, rescue_map)
        if output.as_json:
            from mediakit.report.inspection_doc import inspection_doc
            from mediakit.report.json import to_json

            sys.stdout.write(to_json(inspection_doc(inspection)))
        else:
            from mediakit.report.inspection import inspection_text

            print_ended(inspection.report, partial(inspection_text, inspection), inspection.outcome, output)
        raise typer.Exit(int(inspection.outcome))
