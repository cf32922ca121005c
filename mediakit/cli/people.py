"""What a medium carries for people: the options of `burn`, and the institution of the configuration."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, ClassVar

import typer

from mediakit.choices import ForPeople, LinkCase, Viewer
from mediakit.cli.config import settings
from mediakit.cli.helping import PEOPLE
from mediakit.errors import UsageError

ViewerForm = Annotated[
    Viewer | None,
    typer.Option(
        help="Images for any browser: full, preview (smaller), auto (what fits), none. Default: auto on "
        "discs and sticks with a general purpose profile, else none.",
        show_default=False,
    ),
]


@dataclass(frozen=True, kw_only=True)
class Pages:
    """The options for what people open: images for browsers, pages."""

    heading: ClassVar[str] = PEOPLE

    viewer: ViewerForm = None
    pdi: Annotated[
        bool, typer.Option("--pdi", help="Add the pages of IHE PDI: INDEX.HTM, README.TXT, IHE_PDI.")
    ] = False
    link_case: Annotated[LinkCase, typer.Option(help="Links of pages: upper (IHE PDI), lower (DRG).")] = (
        LinkCase.UPPER
    )

    def wanted(self, usual: Viewer, config: Path | None) -> ForPeople:
        """Return what is wished, with the institution; `usual` is the viewer where nobody says which one.

        Raises UsageError for links in lower case where there are no links, and for a wrong configuration.
        """
        is_asked = self.viewer is not None or self.pdi
        wish = ForPeople(
            viewer=self.viewer or usual, pdi=self.pdi, link_case=self.link_case, is_asked=is_asked
        )
        if self.link_case is LinkCase.LOWER and not wish.is_anything:
            raise UsageError(
                "`--link-case lower` says how links are spelled, and no page with links is made",
                hint="add `--viewer auto` or `--pdi`, or leave `--link-case` out",
            )
        return replace(wish, institution=institution_of(config)) if wish.is_anything else wish


def institution_of(config: Path | None) -> tuple[str, ...]:
    """Return the lines of the institution in the configuration. Raises UsageError."""
    for file, values in settings(config):
        if "institution" not in values:
            continue
        found = values["institution"]
        lines = found if isinstance(found, list) else [found]
        if not lines or not all(isinstance(line, str) and line.isprintable() for line in lines):
            raise UsageError("`institution` must be a list of lines of text", where=str(file))
        return tuple(lines)
    return ()
