"""What a burn, a repair or an update leaves on the terminal and in the report files."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mediakit.cli.output import Output
from mediakit.cli.terminal import print_findings, print_summary
from mediakit.cli.written import check_report, now, write_report

if TYPE_CHECKING:  # the journey is loaded when the command runs: `--help` stays fast
    from mediakit.journeys.burn_order import Burnt, Depth
    from mediakit.journeys.update_order import Updated


def check_burn_reports(reports: Sequence[Path], out: Path) -> None:
    """Raise UsageError before a long run whose report would be lost, or is of an unknown kind."""
    from mediakit.report.forms import burn_form_of

    for path in reports:
        check_report(path, out)
        burn_form_of(path.name)


def depth_of(*, is_rehearsal: bool, proof: bool, has_report: bool) -> Depth:
    """Return how far to go. Only a report shows the SHA-256 of files, and taking them is most of the work."""
    from mediakit.journeys.burn_order import Depth

    if is_rehearsal:
        return Depth.PLAN
    if proof:
        return Depth.PROVE if has_report else Depth.CHECK
    return Depth.HASH if has_report else Depth.WRITE


def print_burnt(
    burnt: Burnt | Updated,
    reports: Sequence[Path],
    output: Output,
    *,
    with_names: bool,
) -> None:
    """Print findings, plan and summary, or the one JSON document; write the reports that were asked for.

    A file that was left out is named once: with its reason in the summary, not among the findings.
    """
    from mediakit.report.forms import burn_form_of

    made_at = f"{now():%Y-%m-%d %H:%M} UTC"
    for path in reports:
        write_report(path, burn_form_of(path.name)(burnt, made_at, with_names=with_names))
    if output.as_json:
        sys.stdout.write(burn_form_of(".json")(burnt, with_names=with_names))
        return
    from mediakit.report.burnt import burn_text, plan_text
    from mediakit.report.text import findings_besides

    report = burnt.result.report if output.quiet else findings_besides(burnt.result)
    print_findings(report, quiet=output.quiet, verbose=output.verbose)
    if output.quiet:
        return
    if burnt.is_rehearsal and burnt.result.journey != "update":
        sys.stdout.write("".join(map(plan_text, burnt.plans)))
    print_summary(burn_text(burnt, everything=output.verbose > 0))
