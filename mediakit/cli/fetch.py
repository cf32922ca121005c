"""`mediakit fetch`, and what `burn --from` shares with it: parse, run the journey, print."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mediakit.cli import complete
from mediakit.cli.grouped import grouped
from mediakit.cli.login import AskPasscode, PasscodeFile, User, login_of
from mediakit.cli.options import Config, JsonReport
from mediakit.cli.output import Output, print_result
from mediakit.cli.selecting import Selecting
from mediakit.cli.state import state_folder
from mediakit.cli.written import check_json_report

if TYPE_CHECKING:  # the journey is loaded when the command runs: `--help` stays fast
    from mediakit.fileset.selection import Selection
    from mediakit.journeys.fetch import FetchOrder

Priors = Annotated[
    int,
    typer.Option(
        "--priors", min=0, max=1000, help="How many earlier studies of the same patient to add, newest first."
    ),
]
From = Annotated[
    str,
    typer.Option(
        "--from",
        metavar="DEST",
        autocompletion=complete.destinations,
        help="Fetch from this archive what --study, --patient or --accession name, and burn it.",
    ),
]
ListenPort = Annotated[
    int | None,
    typer.Option(
        "--listen-port", metavar="PORT", min=1, max=65535, help="Our port, for archives that need C-MOVE."
    ),
]


@grouped
def fetch(
    dest: Annotated[
        str,
        typer.Argument(
            metavar="DEST",
            autocompletion=complete.destinations,
            help="AET@host:port, dicomweb+https://..., or a name from `dest list`.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the instances; made when missing.")],
    *,
    selecting: Selecting,
    priors: Priors = 0,
    listen_port: ListenPort = None,
    user: User = None,
    passcode_file: PasscodeFile = None,
    ask_passcode: AskPasscode = False,
    report: JsonReport = None,
    config: Config = None,
    output: Output,
) -> None:
    """Fetch studies from an archive (a PACS) into a folder, and say which instances did not come.

    The archive is asked first what it has; what came is compared with that by UID.
    """
    with output.guarded("fetch"):
        from mediakit.journeys.fetch import fetch as run_fetch
        from mediakit.report.text import fetch_text

        if report is not None:
            check_json_report(report, out)
        selection = selecting.selection()
        login = login_of(user, passcode_file, asks=ask_passcode)
        order = fetch_order(dest, out, selection, config, priors, listen_port)
        order = replace(order, options=replace(order.options, login=login or order.options.login))
        with output.listener() as tell:
            result = run_fetch(order, tell)
        print_result(result, fetch_text, output, report=report)
        raise typer.Exit(int(result.outcome))


def fetch_order(
    dest: str,
    folder: Path,
    selection: Selection,
    config: Path | None,
    priors: int,
    listen_port: int | None,
) -> FetchOrder:
    """Return the order for a destination as the user wrote it. Raises UsageError."""
    from mediakit.cli.named import destination_named
    from mediakit.journeys.fetch import FetchOrder

    named = destination_named(dest, config)
    options = named.options if listen_port is None else replace(named.options, commit_port=listen_port)
    named.address.check(options)
    return FetchOrder(
        address=named.address, options=options, folder=folder, selection=selection, priors=priors
    )


@contextmanager
def into_workplace(
    dest: str, selection: Selection, config: Path | None, priors: int, listen_port: int | None
) -> Iterator[FetchOrder]:
    """Give the order to fetch into a private folder, which is removed at the end. Raises UsageError."""
    from mediakit.stages.act.workplace import workplace

    with workplace(state_folder(None) / "fetched") as folder:
        yield fetch_order(dest, folder, selection, config, priors, listen_port)
