"""`mediakit migrate`: many discs into a PACS, how that stands, pause and resume."""

from __future__ import annotations

import hashlib
import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mediakit.cli.grouped import grouped
from mediakit.cli.guard import guarded
from mediakit.cli.helping import Group
from mediakit.cli.import_ import map_rows, rate_of
from mediakit.cli.migrated import Dashboard, check_forms, print_migrated, report_of, write_dashboard
from mediakit.cli.options import MINUTES, SECONDS, Config, Verbose
from mediakit.cli.output import Output
from mediakit.cli.state import StateFolder, state_folder
from mediakit.cli.target import unattended
from mediakit.errors import MediakitError, UsageError
from mediakit.transfer.proof import Verify

if TYPE_CHECKING:  # the journey is loaded when the command runs: `--help` stays fast
    from mediakit.events import Listener
    from mediakit.journeys.migrate import Workers
    from mediakit.journeys.migrate_disc import DiscOrder
    from mediakit.journeys.migrate_work import Hours, MigrateOrder
    from mediakit.ledger.migration import Migration
    from mediakit.ledger.migration_values import MigrationFacts
    from mediakit.report.migrated import MigrationReport

_Ledger = Annotated[
    str, typer.Argument(metavar="LEDGER", help="The ledger of a migration: a file, or postgresql://...")
]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
_Reports = Annotated[
    list[Path] | None,
    typer.Option("--report", metavar="FILE", help="Write a report: FILE.html, .json or .csv (inventory)."),
]


class _RunByDefault(Group):
    """A family of commands of which `run` need not be named: `mediakit migrate SRC... DEST`."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Put `run` before what names no command."""
        if args and args[0] not in {*self.commands, "-h", "--help"}:
            args.insert(0, "run")
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_RunByDefault,
    help="Migrate thousands of discs into a PACS, each instance once, and see how that stands.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("run")
@grouped
def run(
    places: Annotated[
        list[str],
        typer.Argument(
            metavar="SRC... DEST",
            help="Folders of discs and images, single ones, or CSV files that name them; then where to.",
        ),
    ],
    ledger: Annotated[
        str,
        typer.Option(
            metavar="FILE|postgresql://...",
            help="Where everything is written down.  [default: a file in the state folder]",
        ),
    ] = "",
    inventory_only: Annotated[
        bool, typer.Option("--inventory-only", help="Read every disc and say what is there; send nothing.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            "-w",
            min=1,
            max=1000,
            help="Discs at a time; they share the associations.  [default: 2; all threads of a cluster]",
        ),
    ] = None,
    cluster: Annotated[
        str,
        typer.Option(metavar="tcp://HOST:8786", help="Work on the machines of a Dask cluster (also tls://)."),
    ] = "",
    first: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV", help="What comes first: a column disc, patient_id, study_uid or accession."
        ),
    ] = None,
    hours: Annotated[
        str, typer.Option(metavar="20-06", help="Begin discs only then; also 19:30-06:15.")
    ] = "",
    limit_rate: Annotated[str, typer.Option(help="Most bytes a second of all workers, like 10MB.")] = "",
    verify: Annotated[Verify, typer.Option(help="Proof of storage: commit or query.")] = Verify.NONE,
    ask_first: Annotated[
        bool, typer.Option("--ask-first", help="Query first; do not send what is there already.")
    ] = False,
    map_: Annotated[
        Path | None, typer.Option("--map", help="CSV file of local values in place of foreign ones.")
    ] = None,
    match: Annotated[
        str | None, typer.Option(help="Ask for local values: worklist or query. Sure matches only.")
    ] = None,
    all_patients: Annotated[
        bool, typer.Option("--all-patients", help="Take discs with several patients.")
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Give discs that need attention another try.")
    ] = False,
    wait: Annotated[
        int,
        typer.Option(
            min=0, max=MINUTES.most, metavar="MINUTES", help="How long to wait for a PACS that is away."
        ),
    ] = 60,
    dashboard: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="A page that is rewritten while it runs.")
    ] = None,
    report: _Reports = None,
    state: StateFolder = None,
    config: Config = None,
    *,
    output: Output,
) -> None:
    """Import many discs by several workers, each instance once, whatever happens on the way.

    The same command goes on after anything. Exit code 0 only when every instance of every disc is at the
    destination; `migrate status` tells how it stands.
    """
    with output.guarded("migrate"):
        from mediakit.journeys.migrate import migrate
        from mediakit.journeys.migrate_sources import discs_of, first_of
        from mediakit.journeys.migrate_work import MigrateOrder

        if len(places) < 2:
            raise UsageError("name the discs, and then where to", hint="`mediakit migrate FOLDER pacs`")
        *sources, dest = places
        if map_ is not None and match is not None:
            raise UsageError("`--map` and `--match` exclude each other", hint="give one of them")
        check_forms(report or (), dashboard)
        at_a_time = workers or (0 if cluster else 2)  # 0: nobody knows how many threads a cluster will have
        made = _Made(
            dest=dest,
            config=config,
            verify=verify,
            ask_first=ask_first,
            map=map_,
            match=match or "",
            all_patients=all_patients,
            rate=-(-rate_of(limit_rate) // (at_a_time or 1)),  # 0 would be no limit
            workers=at_a_time,
            inventory_only=inventory_only,
            ledger=ledger,
            state=state,
        )
        if cluster:
            _check_cluster(cluster, ledger, workers, limit_rate)
        wishes = None if first is None else first_of(first)
        where = _ledger_of(ledger, sources, dest, state)
        order = MigrateOrder(
            ledger=where,
            make=made,
            workers=at_a_time,
            hours=_hours(hours),
            away_most_s=wait * 60.0,
        )
        _begin(where, made.facts(), discs_of([Path(one) for one in sources]), wishes, retry_failed)
        if not output.is_silent:
            print(f"ledger: {where}", file=sys.stderr)
        hear = Dashboard(dashboard, where, order.away_most_s) if dashboard else _nothing
        show = _End(dashboard=dashboard, reports=report or ())
        try:
            with output.listener() as tell:
                _, outcome = migrate(order, tell, hear, _gathered(cluster, tell))
        except MediakitError as exc:
            with suppress(MediakitError):  # it may be the ledger that cannot be read
                show(report_of(where, exc.exit_code), replace(output, as_json=False, quiet=output.is_silent))
            raise
        show(report_of(where, int(outcome), order.away_most_s), output)
        raise typer.Exit(int(outcome))


@dataclass(frozen=True, slots=True, kw_only=True)
class _End:
    """Where the end of a run is shown, whatever ended it."""

    dashboard: Path | None
    reports: Sequence[Path]

    def __call__(self, shown: MigrationReport, output: Output) -> None:
        """Write and print how it stands."""
        if self.dashboard is not None:
            write_dashboard(self.dashboard, shown, is_running=False)
        print_migrated(shown, self.reports, output)


@app.command("status")
def status(
    ledger: _Ledger,
    watch: Annotated[
        float,
        typer.Option(parser=SECONDS, metavar="SECONDS", help="Print it again every so many seconds."),
    ] = 0.0,
    report: _Reports = None,
    as_json: _Json = False,
    verbose: Verbose = 0,
) -> None:
    """Show how a migration stands, also while it runs: discs, files, instances, what is needed."""
    output = Output(as_json=as_json, verbose=verbose)
    with output.guarded("migrate status"):
        check_forms(report or ())
        while True:
            shown = report_of(ledger)
            print_migrated(shown, report or (), output)
            if not watch:
                raise typer.Exit(int(shown.outcome) if as_json else 0)
            sys.stdout.flush()
            time.sleep(watch)


@app.command("pause")
def pause(ledger: _Ledger) -> None:
    """Let a migration begin no further disc; what is under way is finished."""
    _say(ledger, "pause")


@app.command("resume")
def resume(ledger: _Ledger) -> None:
    """Let a paused migration go on."""
    _say(ledger, "run")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """Makes the order for a disc from what the command line says, in each process."""

    dest: str
    config: Path | None
    verify: Verify
    ask_first: bool
    map: Path | None
    match: str
    all_patients: bool
    rate: int
    workers: int
    inventory_only: bool
    ledger: str
    state: Path | None

    def __call__(self) -> DiscOrder:
        """Return the order. Raises UsageError."""
        from mediakit.journeys.migrate_disc import DiscOrder
        from mediakit.stages.act.sending import share_of_associations

        target, order, matching = unattended(
            self.dest,
            self.config,
            verify=self.verify,
            ask_first=self.ask_first,
            match=self.match,
            all_patients=self.all_patients,
        )
        mapping = map_rows(self.map) if self.map is not None else ()
        share = share_of_associations(target.destination, self.workers) if self.workers else 1
        return DiscOrder(
            target=target,
            order=replace(
                order,
                rate=self.rate,
                mapping=mapping,
                most_associations=share,
            ),
            matching=matching,
            is_inventory=self.inventory_only,
            jobs=_jobs_of(self.ledger, self.state),
        )

    def facts(self) -> MigrationFacts:
        """Return what the ledger keeps of it. Raises UsageError."""
        from mediakit.ledger.migration_values import MigrationFacts
        from mediakit.transfer.mapping import digest_of

        how = self()
        return MigrationFacts(
            destination=how.target.destination.name, map_digest=digest_of(how.order.mapping)
        )


def _begin(
    ledger: str,
    facts: MigrationFacts,
    discs: tuple[str, ...],
    wishes: tuple[tuple[str, str], ...] | None,
    retry_failed: bool,
) -> None:
    from mediakit.ledger.migration import Migration

    with Migration.begin(ledger, facts) as migration:
        migration.add_discs(discs)
        if wishes is not None:
            migration.set_first(wishes)
        if retry_failed:
            migration.retry()


def _say(ledger: str, word: str) -> None:
    with guarded(f"migrate {word}"):
        from mediakit.ledger.migration import Migration

        with Migration.open(ledger) as migration:
            migration.say(word)


def _check_cluster(address: str, ledger: str, workers: int | None, rate: str) -> None:
    from mediakit.ledger.migration_address import is_database

    if not address.startswith(("tcp://", "tls://")):
        raise UsageError(
            "not the address of a Dask scheduler", where=address, hint="tcp://HOST:8786, or tls://"
        )
    if not is_database(ledger):
        raise UsageError(
            "a cluster needs a ledger that all its machines reach",
            hint="name a database: `--ledger postgresql://HOST/DATABASE`",
        )
    if rate and workers is None:
        raise UsageError(
            "`--limit-rate` in a cluster needs to know among how many it is shared",
            hint="say with `--workers N` how many discs are worked on at a time",
        )


def _gathered(cluster: str, tell: Listener) -> Callable[[MigrateOrder, Migration], Workers]:
    """Return what gathers the workers: processes of this machine, or those of a cluster."""
    if not cluster:
        from mediakit.journeys.migrate_processes import Processes

        return Processes
    from mediakit.journeys.migrate_cluster import Cluster

    return partial(Cluster, cluster, tell)


def _ledger_of(option: str, sources: list[str], dest: str, state: Path | None) -> str:
    """Return the address of the ledger: by default a file of its own for these sources and this destination.

    The same command finds it again.
    """
    from mediakit.ledger.migration_address import is_database

    if is_database(option):
        return option
    if option:
        return os.path.abspath(option)  # noqa: PTH100
    named = "\0".join([*(os.path.abspath(one) for one in sources), dest])  # noqa: PTH100
    return str(_own_place(state, named, ".sqlite").absolute())


def _jobs_of(ledger: str, state: Path | None) -> Path | None:
    """Return where this machine keeps the jobs of discs: beside a ledger that is a file (None)."""
    from mediakit.ledger.migration_address import is_database

    if not is_database(ledger):
        return None
    return _own_place(state, ledger, ".discs")


def _own_place(state: Path | None, named: str, suffix: str) -> Path:
    digest = hashlib.sha256(named.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return state_folder(state) / "migrations" / f"{digest}{suffix}"


def _hours(text: str) -> Hours | None:
    from mediakit.journeys.migrate_work import Hours

    if not text:
        return None
    found = re.fullmatch(r"(\d\d?)(?::([0-5]\d))?-(\d\d?)(?::([0-5]\d))?", text.strip())
    parts = [int(part or 0) for part in found.groups()] if found else []
    minutes = [60 * hour + minute for hour, minute in zip(parts[::2], parts[1::2], strict=True)]
    if not minutes or max(minutes) > 24 * 60 or minutes[0] == minutes[1]:
        raise UsageError("not hours of the day", where=text, hint="for example `--hours 20-06` for the night")
    return Hours(minutes[0], minutes[1])


def _nothing() -> None:
    """Rewrite no dashboard."""
