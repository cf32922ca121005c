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
        parts = entry.path.split("/")
        if any(part in {"", ".", ".."} or "\0" in part for part in parts):
            raise UsageError("this path cannot stand on a medium", where=printable(entry.path))
        if entry.path in files:
            raise UsageError("two entries have this path", where=printable(entry.path))
        files.add(entry.path)
        parent = entry.path.rpartition("/")[0]
        if parent and parent not in folders:
            for depth in range(1, len(parts)):
                folders.setdefault("/".join(parts[:depth]))
    if clash := files & folders.keys():
        raise UsageError("this path is a file and a folder at once", where=printable(min(clash)))
    return tuple(folders)
