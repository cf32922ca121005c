"""`mediakit conformance`: the conformance statement of PS3.2, made from what the program works with."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from mediakit.cli.config import profile_paths
from mediakit.cli.guard import guarded
from mediakit.cli.options import Config, Profiles
from mediakit.cli.written import check_report, write_report


def conformance(
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="FILE.md, FILE.html or FILE.json; else printed as Markdown."),
    ] = None,
    profiles: Profiles = None,
    config: Config = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Print the DICOM conformance statement: profiles, roles, SOP Classes, network services, security.

    With --config it has the destinations and profiles of that configuration as well.
    """
    with guarded("conformance", as_json=as_json):
        from mediakit.cli.named import named_destinations
        from mediakit.profile.load import load_catalogue
        from mediakit.report.conformance import conformance_form_of, conformance_text
        from mediakit.report.conformance_doc import conformance_doc
        from mediakit.report.json import to_json

        form = None if out is None else conformance_form_of(out.name)
        if out is not None:
            check_report(out)
        catalogue = load_catalogue(profile_paths(profiles or [], config))
        destinations = () if config is None else named_destinations(config).values()
        doc = conformance_doc(catalogue, destinations)
        if out is not None and form is not None:
            write_report(out, form(doc))
        if as_json or out is None:
            sys.stdout.write(to_json(doc) if as_json else conformance_text(doc))
