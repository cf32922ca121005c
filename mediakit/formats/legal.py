"""What must be true of the entries of any sink before the first byte is written."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mediakit.errors import UsageError
from mediakit.findings import printable
from mediakit.formats.base import Entry

#: A file name of ISO 9660 Level 1, which is a short name of FAT too; File IDs have no extension.
SHORT_NAME = re.compile(r"[A-Z0-9_]{1,8}(\.[A-Z0-9_]{1,3})?")


def check_paths(entries: Sequence[Entry]) -> tuple[str, ...]:
    """Return the folders that the entries need, parents first, in the order of first need.

    Raises UsageError for a path that is absolute, climbs, is empty somewhere, stands twice, or is a file
    and a folder at once.
    """
    files: set[str] = set()
    folders: dict[str, None] = {}
    for entry in entries:
        path = entry.path
        if not is_sound_path(path):
            raise UsageError("this path cannot stand on a medium", where=printable(path))
        if path in files:
            raise UsageError("two entries have this path", where=printable(path))
        files.add(path)
        parent = path.rpartition("/")[0]
        if parent and parent not in folders:
            parts = parent.split("/")
            for depth in range(1, len(parts) + 1):
                folders.setdefault("/".join(parts[:depth]))
    if clash := files & folders.keys():
        raise UsageError("this path is a file and a folder at once", where=printable(min(clash)))
    return tuple(folders)


def is_sound_path(path: str) -> bool:
    """Return True when a path has "/" between names of which none is empty, "." or ".."."""
    if "\0" in path:
        return False
    if path[:1] not in {"", ".", "/"} and path[-1] != "/" and "/." not in path and "//" not in path:
        return True  # the common case, without a loop
    return not any(part in {"", ".", ".."} for part in path.split("/"))
