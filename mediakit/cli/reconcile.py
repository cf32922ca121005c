"""`mediakit reconcile`: parse, run the journey, write the map, print."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mediakit.cli import complete
from mediakit.cli.grouped import grouped
from mediakit.cli.keys import Opening
from mediakit.cli.options import Config, Medium
from mediakit.cli.output import Output, print_ended
from mediakit.cli.target import match_of, peer_named
from mediakit.cli.written import check_report
from mediakit.errors import UsageError

if TYPE_CHECKING:  # destinations and the journey are loaded when the command runs
    from mediakit.transfer.mapping import Reconciled


@grouped
def reconcile(
    src: Medium,
    dest: Annotated[
        str,
        typer.Argument(
            metavar="DEST",
            autocompletion=complete.destinations,
            help="Who is asked: AET@host:port, or a name.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The review file to write (CSV).")],
    match: Annotated[
        str, typer.Option(help="query: patients that DEST knows; worklist: orders of its worklist.")
    ] = "query",
    approve_above: Annotated[
        int | None,
        typer.Option(min=0, max=100, help="Approve matches whose confidence is higher; without: none."),
    ] = None,
    *,
    opening: Opening,
    discs: Annotated[
        bool,
        typer.Option("--discs", help="SRC is a folder of discs, or a CSV file with them, as for migrate."),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace the review file.")] = False,
    config: Config = None,
    output: Output,
) -> None:
    """Find local patients for those on a medium, and write a map for a person to review.

    Nothing is sent but queries. Exit code 0 when there is one good candidate for each patient, 7 when not.
    `mediakit import --map` applies the rows that are approved.
    """
    with output.guarded("reconcile"):
        from mediakit.journeys.reconcile import ReconcileOrder
        from mediakit.journeys.reconcile import reconcile as run_reconcile

        who = match_of(match)
        if str(out) == "-":
            hint = (
                "name a file, for example `-o map.csv`: it has names of patients, and is made for you alone"
            )
            raise UsageError("the map is not written on standard output", hint=hint)
        check_report(out, src if src.is_dir() else None)
        if out.exists() and not force:
            raise UsageError("there is a file already", where=str(out), hint="`--force` replaces it")
        keys = opening.keys(config)
        order = ReconcileOrder(match=who, approve_above=approve_above, keys=keys, discs=_discs(src, discs))
        peer = peer_named(dest, config)
        with output.listener() as tell:
            reconciled = run_reconcile(src, peer, order, tell)
        _write(out, reconciled, force=force)
        _print(reconciled, out, output)
        raise typer.Exit(int(reconciled.outcome))


def _discs(src: Path, is_archive: bool) -> tuple[Path, ...]:
    from mediakit.journeys.migrate_sources import discs_of

    return tuple(Path(disc) for disc in discs_of([src])) if is_archive else ()


def _write(out: Path, reconciled: Reconciled, *, force: bool) -> None:
    """Write the map for spreadsheets, which take a file for UTF-8 by its byte order mark alone.

    It has names of patients: nobody else may read it.
    """
    from mediakit.durable import new_file, write_all
    from mediakit.transfer.mapping import format_map

    with new_file(out, overwrite=force, mode=0o600) as fd:
        write_all(fd, format_map(reconciled.rows).encode("utf-8-sig"))


def _print(reconciled: Reconciled, out: Path, output: Output) -> None:
    if output.as_json:
        from mediakit.report.json import to_json
        from mediakit.report.reconciled import reconciliation_doc

        sys.stdout.write(to_json(reconciliation_doc(reconciled, str(out))))
        return
    from mediakit.report.reconciled import reconciliation_text

    def summary(*, everything: bool) -> str:  # noqa: ARG001 - it is always whole
        return reconciliation_text(reconciled, str(out))

    print_ended(reconciled.report, summary, reconciled.outcome, output)
