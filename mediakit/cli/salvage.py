"""`mediakit salvage`: parse, run the journey, print."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mediakit.cli.grouped import grouped
from mediakit.cli.options import MINUTES, JsonReport
from mediakit.cli.output import Output, print_result
from mediakit.cli.written import check_json_report


@grouped
def salvage(
    src: Annotated[
        list[Path],
        typer.Argument(metavar="SRC...", help="Drive (/dev/sr0) or image; several copies of one medium."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="OUT.iso; one that is there is continued.")],
    rescue_map: Annotated[
        Path | None,
        typer.Option("--map", "--rescue-map", help="Map in the form of ddrescue; else OUT.iso.map."),
    ] = None,
    retries: Annotated[
        int, typer.Option(min=0, max=1000, help="How often sectors that failed are read again.")
    ] = 1,
    minutes: Annotated[
        float | None,
        typer.Option(
            parser=MINUTES, metavar="MINUTES", help="Stop after this time; the same command goes on."
        ),
    ] = None,
    report: JsonReport = None,
    *,
    output: Output,
) -> None:
    """Read what can be read of a damaged disc, and name what cannot.

    Several copies fill each other's gaps. The map belongs to the image: `import`, `validate`, `inspect` and
    `extract` skip files that touch a gap. Exit code 0 only when every file is whole.
    """
    with output.guarded("salvage"):
        from mediakit.journeys.salvage import SalvageOrder
        from mediakit.journeys.salvage import salvage as run_salvage
        from mediakit.report.text import salvage_text

        if report is not None:
            check_json_report(report)
        order = SalvageOrder(
            out=out,
            rescue_map=rescue_map,
            retries=retries,
            limit_s=None if minutes is None else minutes * 60,
        )
        with output.listener() as tell:
            result = run_salvage(src, order, tell)
        print_result(result, salvage_text, output, report=report)
        raise typer.Exit(int(result.outcome))
