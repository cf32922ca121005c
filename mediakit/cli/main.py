"""The `mediakit` command. Each sub-command is a file beside this one and loads its journey when it runs."""

from __future__ import annotations

import gc
import sys
from typing import Annotated, Any

import typer

from mediakit import __version__
from mediakit.cli import (
    burn,
    conformance,
    dest,
    diff,
    disc,
    explain,
    extract,
    fetch,
    import_,
    inspect,
    job,
    label,
    migrate,
    profiles,
    reconcile,
    repair,
    robots,
    salvage,
    schema,
    serve,
    update,
    validate,
    verify,
    watch,
)
from mediakit.cli.guard import heed_no_signals, take_signals
from mediakit.cli.streams import let_readers_leave

# A scan keeps hundreds of thousands of values that form no circles. Looking for some every 700 allocations,
# as Python does, takes a sixth of its time.
_ALLOCATIONS = 200_000

app = typer.Typer(
    name="mediakit",
    help="Write, validate and import DICOM interchange media.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("burn")(burn.burn)
app.command("inspect")(inspect.inspect)
app.command("validate")(validate.validate)
app.command("verify")(verify.verify)
app.command("extract")(extract.extract)
app.command("fetch")(fetch.fetch)
app.command("diff")(diff.diff)
app.command("repair")(repair.repair)
app.command("salvage")(salvage.salvage)
app.command("update")(update.update)
app.command("label")(label.label)
app.command("import")(import_.import_)
app.command("reconcile")(reconcile.reconcile)
app.command("watch")(watch.watch)
app.command("conformance")(conformance.conformance)
app.command("explain")(explain.explain)
app.command("schema")(schema.schema)
app.add_typer(dest.app, name="dest")
app.add_typer(disc.app, name="disc")
app.add_typer(job.app, name="job")
app.add_typer(migrate.app, name="migrate")
app.add_typer(robots.app, name="robot")
app.add_typer(serve.app, name="serve")
app.add_typer(profiles.app, name="profiles")


# What the parser raises for a call that is wrong, wherever this version of typer keeps it.
_CallError: Any = typer.BadParameter.__base__


def _version(asked: bool) -> None:
    if asked:
        print(f"mediakit {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Write, validate and import DICOM interchange media."""


def run() -> None:
    """Run the command line and end the process with its exit code, whatever signal comes meanwhile."""
    try:
        take_signals()
        gc.set_threshold(_ALLOCATIONS)
        let_readers_leave()
        code = _code_of_call()
    except (typer.Abort, KeyboardInterrupt):
        code = 130
    heed_no_signals()
    sys.exit(code)


def _code_of_call() -> Any:
    try:
        return app(standalone_mode=False)
    except _CallError as exc:
        exc.show()
        if "--json" in sys.argv:
            from mediakit.errors import UsageError
            from mediakit.report.json import error_doc, to_json

            sys.stdout.write(to_json(error_doc("mediakit", UsageError(exc.format_message()))))
        return exc.exit_code
