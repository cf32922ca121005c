"""The options that choose among what is on a medium, the same for every command."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from mediakit.cli.helping import TAKEN
from mediakit.errors import UsageError

if TYPE_CHECKING:  # loaded when a command runs: `--help` stays fast
    from mediakit.fileset.selection import Selection

_DATE = re.compile(r"([0-9]{4})([-.]?)([0-9]{2})\2([0-9]{2})", re.ASCII)

AllPatients = Annotated[
    bool,
    typer.Option("--all-patients", help="Take a medium with several patients.", rich_help_panel=TAKEN),
]


@dataclass(frozen=True, kw_only=True)
class Selecting:
    """The options of a selection. One that may be given several times takes what has any of its values."""

    heading: ClassVar[str] = TAKEN

    patient: Annotated[list[str] | None, typer.Option(metavar="ID", help="Only this Patient ID.")] = None
    study: Annotated[list[str] | None, typer.Option(metavar="UID", help="Only this Study Instance UID.")] = (
        None
    )
    accession: Annotated[
        list[str] | None, typer.Option(metavar="NUMBER", help="Only this Accession Number.")
    ] = None
    series: Annotated[
        list[str] | None, typer.Option(metavar="UID", help="Only this Series Instance UID.")
    ] = None
    modality: Annotated[
        list[str] | None, typer.Option(metavar="CODE", help="Only this modality, for example CT.")
    ] = None
    body_part: Annotated[
        list[str] | None, typer.Option(metavar="CODE", help="Only this body part, for example CHEST.")
    ] = None
    since: Annotated[
        str | None, typer.Option(metavar="DATE", help="Only studies of this day or later (YYYYMMDD).")
    ] = None
    until: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="Only studies of this day or earlier (YYYYMMDD)."),
    ] = None

    def selection(self) -> Selection:
        """Return what was chosen. Raises UsageError."""
        from mediakit.fileset.selection import Selection

        first, last = day_of("--since", self.since), day_of("--until", self.until)
        if first and last and first > last:
            raise UsageError("`--since` is later than `--until`")
        return Selection(
            patients=frozenset(self.patient or ()),
            studies=frozenset(self.study or ()),
            accessions=frozenset(self.accession or ()),
            series=frozenset(self.series or ()),
            modalities=frozenset(self.modality or ()),
            body_parts=frozenset(self.body_part or ()),
            since=first,
            until=last,
        )


def day_of(option: str, value: str | None) -> str:
    """Return the value of an option that is a day as YYYYMMDD, "" when it is not given. Raises UsageError."""
    text = value or ""
    if text and (found := _DATE.fullmatch(text.strip())) is not None:
        with suppress(ValueError):
            return f"{date(int(found[1]), int(found[3]), int(found[4])):%Y%m%d}"
    if text:
        raise UsageError(f"`{option}` is not a date", hint="as DICOM has it: YYYYMMDD, for example 19610430")
    return ""
