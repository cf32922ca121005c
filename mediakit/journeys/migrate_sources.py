"""Which discs a migration is about: entries of folders, media, what CSV files name. What comes first."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from mediakit.drives.arrivals import UNFINISHED
from mediakit.errors import UsageError, mapped
from mediakit.formats.gapped import map_beside

_MAX_LIST_BYTES: Final = 64 << 20
_KINDS: Final = ("disc", "patient_id", "study_uid", "accession")


def discs_of(sources: Sequence[Path]) -> tuple[str, ...]:
    """Return the paths of all discs, absolute, in the order of the sources and then by name, each once.

    Raises UsageError when a source is not there or holds nothing.
    """
    found: dict[str, None] = {}
    for source in sources:
        with mapped({OSError: UsageError}, "the discs cannot be listed", str(source)):
            discs = [os.path.abspath(path) for path in _discs(source)]  # noqa: PTH100 - links stay as they are
        if not discs:
            raise UsageError("there are no discs in it", where=str(source))
        found.update(dict.fromkeys(discs))
    return tuple(found)


def first_of(path: Path) -> tuple[tuple[str, str], ...]:
    """Return what is to come first, from a CSV file with one of the columns that say what.

    Columns are `disc` (a path or a name), `patient_id`, `study_uid`, `accession`. Raises UsageError.
    """
    rows = _rows(path)
    names = [name.strip().lower() for name in rows[0]] if rows else []
    if not set(names) & set(_KINDS):
        raise UsageError(
            "does not say what comes first", where=str(path), hint=f"name a column {', '.join(_KINDS)}"
        )
    return tuple(
        (name, value.strip())
        for row in rows[1:]
        for name, value in zip(names, row, strict=False)
        if name in _KINDS and value.strip()
    )


def _discs(source: Path) -> Iterator[Path]:
    if source.suffix.lower() == ".csv":
        yield from _listed(source)
    elif not source.is_dir() or _is_medium(source):
        source.stat()
        yield source
    else:
        entries = sorted(
            entry
            for entry in source.iterdir()
            if not entry.name.startswith(".") and not entry.name.lower().endswith(UNFINISHED)
        )
        maps = {map_ for entry in entries if entry.suffix != ".map" and (map_ := map_beside(entry))}
        yield from (entry for entry in entries if entry not in maps)


def _is_medium(folder: Path) -> bool:
    """Return True for a folder that is a medium itself, and not one of media."""
    return any(entry.name.upper() in {"DICOMDIR", "DICOMDIR.", "DICOMDIR;1"} for entry in folder.iterdir())


def _listed(path: Path) -> Iterator[Path]:
    rows = _rows(path)
    names = [name.strip().lower() for name in rows[0]] if rows else []
    column = names.index("disc") if "disc" in names else 0
    for row in rows["disc" in names :]:
        if len(row) > column and row[column].strip():
            yield path.parent / row[column].strip()


def _rows(path: Path) -> list[list[str]]:
    with mapped({OSError: UsageError}, "the list cannot be read", str(path)), path.open("rb") as stream:
        raw = stream.read(_MAX_LIST_BYTES + 1)
    if len(raw) > _MAX_LIST_BYTES:
        raise UsageError("the list is too long", where=str(path), why="it has more than 64 MB")
    with mapped({UnicodeDecodeError: UsageError, csv.Error: UsageError}, "is not a CSV file", str(path)):
        return [
            row for row in csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""), strict=True) if row
        ]
