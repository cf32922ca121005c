"""What a medium must no longer say: the options of de-identification, its table and key files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from mediakit import toml
from mediakit.choices import OnBurnedIn
from mediakit.cli.helping import DEIDENTIFIED
from mediakit.errors import UsageError

if TYPE_CHECKING:
    from mediakit.dicom.deidentify.order import Deidentification

_MOST_BYTES = 4 << 20  # of a table or a key


@dataclass(frozen=True, kw_only=True)
class Deidentifying:
    """The options of de-identification."""

    heading: ClassVar[str] = DEIDENTIFIED

    deidentify: Annotated[
        str | None,
        typer.Option(
            metavar="OPTIONS", help="De-identify (PS3.15 E): basic, or options such as retain-device."
        ),
    ] = None
    deidentify_table: Annotated[
        Path | None,
        typer.Option(help="TOML file: what to keep, remove, replace, and new patients.", show_default=False),
    ] = None
    deidentify_key: Annotated[
        Path | None,
        typer.Option("--deidentify-key-file", help="Secret file: several media get the same new values."),
    ] = None
    burned_in: Annotated[
        OnBurnedIn, typer.Option(help="What becomes of images that may have text in their pixels.")
    ] = OnBurnedIn.REFUSE

    def wanted(self) -> Deidentification | None:
        """Return what is asked for, None when nothing is. Raises UsageError."""
        table, key_file = self.deidentify_table, self.deidentify_key
        if self.deidentify is None:
            if table is not None or key_file is not None or self.burned_in is not OnBurnedIn.REFUSE:
                hint = "write `--deidentify basic`, or name its options"
                raise UsageError("options of de-identification are given without `--deidentify`", hint=hint)
            return None
        from mediakit.dicom.deidentify.order import Deidentification

        return Deidentification(
            options=self.deidentify,
            table={} if table is None else _table(table),
            key=b"" if key_file is None else _key(key_file),
            on_burned_in=self.burned_in,
            where=str(table),
        )


def _table(file: Path) -> dict[str, Any]:
    try:
        return toml.loads(_content(file).decode("utf-8"))
    except (ValueError, RecursionError) as exc:  # a number can be too long, a value too deep
        raise UsageError("this is not a TOML file", where=str(file), why=str(exc)) from exc


def _key(file: Path) -> bytes:
    key = _content(file)
    if not key:
        hint = f"make a key and keep it secret: `head -c 32 /dev/urandom > {file}`"
        raise UsageError("this file is empty", where=str(file), hint=hint)
    return key


def _content(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
    except OSError as exc:
        raise UsageError("this file cannot be read", where=str(file), why=exc.strerror or "") from exc
    if len(content) > _MOST_BYTES:
        raise UsageError(f"this file has more than {_MOST_BYTES} bytes", where=str(file))
    return content
