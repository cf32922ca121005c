"""`mediakit schema`: the JSON Schemas of the documents, as they are shipped."""

from __future__ import annotations

import sys
from importlib.resources import files
from typing import Annotated

import typer

from mediakit.cli.guard import guarded
from mediakit.errors import UsageError


def schema(
    name: Annotated[
        str, typer.Argument(metavar="[NAME]", help="For example validation. Without it: all names.")
    ] = "",
) -> None:
    """Print the JSON Schema of one of our documents, or the names of all."""
    with guarded("schema"):
        shipped = {
            each.name.removesuffix(".json"): each
            for each in (files("mediakit") / "report" / "schemas").iterdir()
            if each.name.endswith(".json")
        }
        if not name:
            sys.stdout.write("".join(f"{known}\n" for known in sorted(shipped)))
            return
        wanted = name.removeprefix("mediakit/").removesuffix("/1")
        if wanted not in shipped:
            raise UsageError(f"there is no schema `{name}`", hint=f"there are {', '.join(sorted(shipped))}")
        sys.stdout.write(shipped[wanted].read_text(encoding="utf-8"))
