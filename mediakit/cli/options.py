"""Options that several commands share, said once."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from mediakit.cli.helping import OUTPUT
from mediakit.cli.progress import Progress
from mediakit.errors import UsageError
from mediakit.findings import Severity

if TYPE_CHECKING:
    from mediakit.transfer.associations import Associations

Medium = Annotated[
    Path, typer.Argument(metavar="SRC", help="Folder, drive, device, ISO, UDF, FAT or ZIP image.")
]
Media = Annotated[
    list[Path],
    typer.Argument(metavar="SRC...", help="Folders, drives, devices, ISO, UDF, FAT or ZIP images."),
]
Profiles = Annotated[
    list[Path] | None, typer.Option("--profiles", help="File or folder of your own AUG-/PRI- profiles.")
]
Config = Annotated[
    Path | None, typer.Option("--config", help="Configuration file to use in place of the usual ones.")
]
FailOn = Annotated[
    Severity,
    typer.Option(
        "--fail-on", help="Findings of this severity and above give exit code 1.", rich_help_panel=OUTPUT
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the report as one JSON document.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
Verbose = Annotated[int, typer.Option("--verbose", "-v", count=True, help="Print everything.")]
WithNames = Annotated[
    bool,
    typer.Option(
        "--with-names",
        help="Name patients and studies in reports (HTML, JSON): patient data.",
        rich_help_panel=OUTPUT,
    ),
]
BurnReports = Annotated[
    list[Path] | None,
    typer.Option(
        "--report",
        metavar="FILE",
        help="Write a report: FILE.html, or FILE.json with the manifest.",
        rich_help_panel=OUTPUT,
    ),
]
JsonReport = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="FILE.json",
        help="Write the report as one JSON document, with every file.",
        rich_help_panel=OUTPUT,
    ),
]
_RESCUE_MAP = "Map of a rescued image, as ddrescue writes it; else SRC.map beside it."
RescueMap = Annotated[Path | None, typer.Option("--rescue-map", "--map", help=_RESCUE_MAP)]
RescueMapOfImport = Annotated[Path | None, typer.Option("--rescue-map", help=_RESCUE_MAP)]
ShowProgress = Annotated[Progress, typer.Option("--progress", help="Show progress on standard error.")]
LimitRate = Annotated[
    str, typer.Option("--limit-rate", metavar="RATE", help="Most bytes a second, for example 10MB.")
]
CommitPort = Annotated[
    int | None,
    typer.Option(
        "--commit-port", metavar="PORT", min=1, max=65535, help="Our port for reports of Storage Commitment."
    ),
]
SideBySide = Annotated[
    str,
    typer.Option(
        "--jobs",
        "-j",
        metavar="N|auto",
        help="Associations at the same time: 1 to 32, or auto: as many as are fastest.",
    ),
]


@dataclass(frozen=True, slots=True)
class Numbers:
    """What an option takes whose number may have a fraction: from 0 to `most` of `unit`. A typer parser."""

    unit: str
    most: int

    @property
    def __name__(self) -> str:
        """Return what older versions of click call the type of the option by."""
        return self.unit

    def __call__(self, value: str | float) -> float:
        """Return the number. Raises typer.BadParameter for any other, and for `nan`."""
        with suppress(ValueError):
            number = float(value)
            if 0 <= number <= self.most:
                return number
        raise typer.BadParameter(f"{value} is not a number of {self.unit} from 0 to {self.most:,}")


SECONDS: Final = Numbers("seconds", 365 * 86_400)
MINUTES: Final = Numbers("minutes", 365 * 1440)
DAYS: Final = Numbers("days", 36_500)
MILLIMETRES: Final = Numbers("millimetres", 120)


def side_by_side(text: str) -> Associations:
    """Return what `--jobs` says. Raises UsageError."""
    from mediakit.destinations.peer import MOST_ASSOCIATIONS

    if text == "auto":
        return "auto"
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:9]) <= MOST_ASSOCIATIONS:
        hint = f"`--jobs` takes `auto`, or a number from 1 to {MOST_ASSOCIATIONS}"
        raise UsageError("not a number of associations", where=text, hint=hint)
    return int(text)
