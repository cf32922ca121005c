"""The `mediakit` command. Each sub-command is a file beside this one and loads its journey when it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from mediakit import __version__
from mediakit.cli import burn, profiles

app = typer.Typer(
    name="mediakit",
    help="Write, validate and import DICOM interchange media.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("burn")(burn.burn)
app.add_typer(profiles.app, name="profiles")


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
    """Run the command line."""
    app()
