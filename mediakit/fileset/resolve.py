"""The file that a File ID means, on media whose names are not quite those of the directory.

A Referenced File ID and a name on the medium may differ in case, by an extension, by ";1" or a dot at the
end, by the separator, or because the medium shows the file under other names as well. Pure: paths in,
paths out. What is found is always one of the paths given, so nothing outside the medium can be meant.
Source: PS3.10 8.2, 8.5; PS3.12 F.2.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from mediakit.fileset.record import FileRef


class Difference(StrEnum):
    """How the name on the medium differs from the File ID. A match may have several."""

    CASE = "case"  # lower case on the medium, or in the File ID
    EXTENSION = "extension"  # ".dcm" on the medium, or in the File ID
    VERSION = "version"  # ";1", or a dot at the end
    SEPARATOR = "separator"  # "/" inside a component, doubled, leading or trailing separators
    OTHER_NAME = "other-name"  # found by its Joliet, Rock Ridge or long name
    LEADING = "leading"  # the File ID names folders above the root of the file-set, or begins with "."


@dataclass(frozen=True, slots=True)
class Match:
    """The file that a File ID means: its path as given, and how its name differs (nothing when exact)."""

    path: str
    differences: frozenset[Difference] = frozenset()


class Names:
    """The names of a medium, to look File IDs up in. Each look-up takes constant time."""

    def __init__(self, files: Iterable[tuple[str, tuple[str, ...]]]) -> None:
        """`files` are path and other names of every file ("/" between components)."""
        self._exact = {path for path, _ in files}

    def find(self, reference: FileRef) -> Match | None:
        """Return the one file that the reference means; None when there is none, or several equally well."""
        path = str(reference.file_id) if reference.file_id is not None else ""
        return Match(path) if path in self._exact else None

    def find_path(self, path: str) -> Match | None:
        """Return the one file that a path means ("DICOMDIR" is looked up so); None as in `find`."""
        return Match(path) if path in self._exact else None
