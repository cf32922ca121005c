"""`mediakit verify`: parse, run the journey, print."""

from __future__ import annotations

import typer

from mediakit.cli.grouped import grouped
from mediakit.cli.keys import Opening
from mediakit.cli.manifest import PublicKeys, known_keys
from mediakit.cli.options import Config, FailOn, JsonReport, Medium, RescueMap
from mediakit.cli.output import Output, print_result
from mediakit.cli.written import check_json_report
from mediakit.findings import Severity


@grouped
def verify(
    src: Medium,
    public_key: PublicKeys = None,
    *,
    opening: Opening,
    rescue_map: RescueMap = None,
    config: Config = None,
    fail_on: FailOn = Severity.ERROR,
    report: JsonReport = None,
    output: Output,
) -> None:
    """Check every file of a medium against its manifest, and the manifest against its signature.

    Names what was changed, is missing, was added or cannot be read. Exit code 0 when there is none of these.
    """
    with output.guarded("verify"):
        from mediakit.journeys.verify import VerifyOrder
        from mediakit.journeys.verify import verify as run_verify
        from mediakit.report.text import verify_text

        if report is not None:
            check_json_report(report, src if src.is_dir() else None)
        order = VerifyOrder(
            known=known_keys(public_key, config=config),
            keys=opening.keys(config),
            fail_on=fail_on,
            rescue_map=rescue_map,
        )
        with output.listener() as tell:
            result = run_verify(src, order, tell)
        print_result(result, verify_text, output, report=report)
        raise typer.Exit(int(result.outcome))
