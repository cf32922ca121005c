"""What a medium carries for people: the options of `burn`, and the institution of the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mediakit.choices import ForPeople, LinkCase, Viewer
from mediakit.cli.config import settings
from mediakit.errors import UsageError

ViewerForm = Annotated[
    Viewer,
    typer.Option(
        help="Images for any browser: full, preview (smaller), auto (what fits), none.", show_default=True
    ),
]
Pdi = Annotated[bool, typer.Option("--pdi", help="Add the pages of IHE PDI: INDEX.HTM, README.TXT, IHE_PDI.")]
LinkCases = Annotated[LinkCase, typer.Option(help="Links of pages: upper (IHE PDI), lower (DRG).")]


def for_people(viewer: Viewer, link_case: LinkCase, *, pdi: bool, config: Path | None) -> ForPeople:
    """Return what is asked for. Raises UsageError when the configuration is wrong."""
    if not pdi and viewer is Viewer.NONE:
        return ForPeople()
    return ForPeople(viewer=viewer, pdi=pdi, link_case=link_case, institution=_institution(config))


def _institution(config: Path | None) -> tuple[str, ...]:
    for file, values in settings(config):
        if "institution" not in values:
            continue
        found = values["institution"]
        lines = found if isinstance(found, list) else [found]
        if not lines or not all(isinstance(line, str) and line.isprintable() for line in lines):
            raise UsageError("`institution` must be a list of lines of text", where=str(file))
        return tuple(lines)
    return ()
