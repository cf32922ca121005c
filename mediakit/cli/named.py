"""Destinations by name: from the configuration, and from `destinations.toml` in the user's own folder.

The second file is written by `mediakit dest add` and `dest remove` alone, and is read whatever configuration
is in use. No file wins: a name that is defined twice is an error, since patient data would go one way or the
other.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from mediakit.cli.config import own_folder, read_toml, settings
from mediakit.cli.destination_rows import DestinationRow, check_name, named_of, to_toml
from mediakit.destinations.address import Named
from mediakit.destinations.options import Options
from mediakit.destinations.registry import parse_address
from mediakit.errors import UsageError

_HEAD = "# Written by `mediakit dest add` and `mediakit dest remove`: comments and other settings are lost.\n"


def own_file() -> Path:
    """Return the file that `dest add` writes."""
    return own_folder() / "destinations.toml"


def named_destinations(config: Path | None) -> Mapping[str, Named]:
    """Return every destination that has a name, sorted. Raises UsageError with the first fault."""
    found: dict[str, Named] = {}
    for file, tables in _tables(config):
        for name, raw in tables.items():
            one = named_of(name, raw, file)
            if name in found:
                hint = f"`mediakit dest remove {name}` takes it out of {own_file()}"
                where = f"{found[name].origin} and {file}"
                raise UsageError(f"the destination `{name}` is defined twice", where=where, hint=hint)
            found[name] = one
    return dict(sorted(found.items()))


def destination_named(text: str, config: Path | None) -> Named:
    """Return what the user means by DEST: the name of a destination, else an address.

    Raises UsageError, with names that resemble the text.
    """
    known = named_destinations(config)
    if text in known:
        return known[text]
    try:
        return Named(name="", address=parse_address(text), options=Options())
    except UsageError as exc:
        close = difflib.get_close_matches(text, known, n=3, cutoff=0.6)
        if not close:
            raise
        hint = f"did you mean {' or '.join(close)}?"
        raise UsageError(exc.what, where=exc.where, why=exc.why, hint=hint) from exc


def add_destination(name: str, row: DestinationRow, config: Path | None) -> Named:
    """Keep a destination under a name; what else stands in the file stays.

    Raises UsageError when the name is taken, or something is wrong with it.
    """
    file = own_file()
    check_name(name)
    one = named_of(name, msgspec.to_builtins(row), file, where=name)
    known = named_destinations(config)
    if name in known:
        hint = f"`mediakit dest remove {name}` first, or take another name"
        raise UsageError(f"there already is a destination `{name}`", where=known[name].origin, hint=hint)
    _write(file, {**_own_rows(file), name: row})
    return one


def remove_destination(name: str, config: Path | None) -> None:
    """Forget a destination. Raises UsageError when it is not one that `add_destination` keeps."""
    file = own_file()
    rows = _own_rows(file)
    if name not in rows:
        for other, values in settings(config):
            if name in _destinations(other, values):
                hint = "take it out of that file by hand"
                raise UsageError(f"`{name}` was not added by `dest add`", where=str(other), hint=hint)
        hint = "`mediakit dest list` shows them all"
        raise UsageError(f"there is no destination `{name}`", where=str(file), hint=hint)
    _write(file, {known: row for known, row in rows.items() if known != name})


def _tables(config: Path | None) -> list[tuple[Path, Mapping[str, object]]]:
    """Return the files that define destinations, with their tables by name."""
    places = [(file, _destinations(file, values)) for file, values in settings(config)]
    file = own_file()
    if os.path.isfile(file):  # noqa: PTH113 - as in `settings`
        places.append((file, _own_tables(file)))
    return places


def _own_tables(file: Path) -> Mapping[str, object]:
    values = read_toml(file)
    if unknown := sorted(values.keys() - {"destinations"}):
        hint = f"other settings belong into {own_folder() / 'config.toml'}"
        raise UsageError(f"unknown setting `{unknown[0]}`", where=str(file), hint=hint)
    return _destinations(file, values)


def _destinations(file: Path, values: Mapping[str, object]) -> Mapping[str, object]:
    tables = values.get("destinations", {})
    if not isinstance(tables, dict):
        hint = '[destinations.pacs] and below it url = "PACS@10.0.0.1:104"'
        raise UsageError("`destinations` must be a table of tables", where=str(file), hint=hint)
    return tables


def _own_rows(file: Path) -> dict[str, DestinationRow]:
    """Return the rows of the user's file as they stand there; each was looked through."""
    if not os.path.isfile(file):  # noqa: PTH113 - as in `settings`
        return {}
    tables = _own_tables(file)
    for name, raw in tables.items():
        named_of(name, raw, file)
    return {name: msgspec.convert(raw, DestinationRow) for name, raw in tables.items()}


def _write(file: Path, rows: Mapping[str, DestinationRow]) -> None:
    from mediakit.durable import new_file, write_all

    try:
        content = (_HEAD + to_toml(rows)).encode("utf-8")
        file.parent.mkdir(parents=True, exist_ok=True)
    except UnicodeEncodeError as exc:
        raise UsageError("a name or path that is not Unicode cannot be kept", where=str(file)) from exc
    except OSError as exc:
        raise UsageError("the folder cannot be written to", where=str(file), why=exc.strerror or "") from exc
    with new_file(file, overwrite=True, mode=0o600) as fd:
        write_all(fd, content)
