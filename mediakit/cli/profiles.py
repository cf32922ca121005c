"""`mediakit profiles list | show | fit | check`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from mediakit.cli import complete
from mediakit.cli.config import profile_paths
from mediakit.cli.guard import guarded
from mediakit.cli.helping import Group
from mediakit.cli.options import Config, Profiles
from mediakit.cli.progress import Progress, listener

app = typer.Typer(
    cls=Group, help="Look at media storage application profiles.", no_args_is_help=True, rich_markup_mode=None
)

_Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command("list")
def list_(profiles: Profiles = None, config: Config = None, as_json: _Json = False) -> None:
    """List every profile with its medium and roles."""
    with guarded("profiles list", as_json=as_json):
        from mediakit.profile.load import load_catalogue
        from mediakit.report.profiles import list_doc, list_text

        catalogue = load_catalogue(profile_paths(profiles or [], config))
        _print(list_doc(catalogue) if as_json else list_text(catalogue), as_json=as_json)


@app.command("show")
def show(
    identifier: Annotated[
        str, typer.Argument(metavar="ID", autocompletion=complete.profiles, help="For example STD-GEN-CD.")
    ],
    profiles: Profiles = None,
    config: Config = None,
    as_json: _Json = False,
) -> None:
    """Show one profile: SOP Classes, Transfer Syntaxes, keys, values, medium."""
    with guarded("profiles show", as_json=as_json):
        from mediakit.profile.load import load_profile
        from mediakit.report.profiles import show_doc, show_text

        profile = load_profile(identifier, profile_paths(profiles or [], config))
        _print(show_doc(profile) if as_json else show_text(profile), as_json=as_json)


@app.command("fit")
def fit(
    src: Annotated[list[Path], typer.Argument(metavar="SRC...", help="Folders, files, ISO or ZIP images.")],
    profiles: Profiles = None,
    config: Config = None,
    as_json: _Json = False,
    progress: Annotated[Progress, typer.Option(help="Show progress on standard error.")] = Progress.AUTO,
) -> None:
    """Say which profiles take these instances as they are, and what stands in the way of the others."""
    with guarded("profiles fit", as_json=as_json):
        from mediakit.journeys.fit import fit_sources
        from mediakit.profile.load import load_catalogue
        from mediakit.report.profiles import fit_doc, fit_text

        catalogue = load_catalogue(profile_paths(profiles or [], config))
        with listener(progress, quiet=as_json) as tell:
            fitted = fit_sources(src, tuple(catalogue.profiles.values()), tell)
        make = fit_doc if as_json else fit_text
        _print(make(fitted.fits, fitted.instances, fitted.left_out), as_json=as_json)
        raise typer.Exit(int(fitted.outcome))


@app.command("check")
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A TOML file with profiles.")],
    as_json: _Json = False,
) -> None:
    """Check a profile file; print every error, or say that it is sound."""
    with guarded("profiles check", as_json=as_json):
        from mediakit.profile.load import check_file
        from mediakit.report.profiles import check_doc, check_text

        faults = check_file(file)
        name = str(file)
        _print(check_doc(name, faults) if as_json else check_text(name, faults), as_json=as_json)
        raise typer.Exit(2 if faults else 0)


def _print(output: object, *, as_json: bool) -> None:
    if as_json:
        from mediakit.report.json import to_json

        sys.stdout.write(to_json(output))
    else:
        sys.stdout.write(str(output))
