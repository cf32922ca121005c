"""Files of a medium into a new folder, one by one: a file that cannot be read is left out and named."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from mediakit.durable import check_room, new_folder, write_all
from mediakit.errors import IntegrityError, SourceError
from mediakit.events import Listener
from mediakit.formats.base import Entry
from mediakit.formats.legal import check_paths
from mediakit.formats.stream_copy import Pourer
from mediakit.open_folder import sync_folder
from mediakit.secure.checksums import SHA_256


class Unpacked:
    """What became of the entries: `sha256` (hex) of what was written, `failed` says why of the others."""

    def __init__(self) -> None:
        self.sha256: dict[str, str] = {}
        self.failed: dict[str, str] = {}


def unpack(entries: Sequence[Entry], target: Path, tell: Listener) -> Unpacked:
    """Write the entries into the new folder `target`, which appears when all is written and synced.

    Nothing of an entry that cannot be read to its end is kept. Raises UsageError when the target exists with
    content, DoesNotFit when there is no room.
    """
    unpacked = Unpacked()
    folders = check_paths(entries)
    with new_folder(target) as part, Pourer(tell, SHA_256) as pourer:
        check_room(part, sum(entry.size for entry in entries))
        for folder in folders:
            (part / folder).mkdir()
        for entry in entries:
            try:
                _write(part / entry.path, entry, pourer)
            except (SourceError, IntegrityError) as exc:
                (part / entry.path).unlink(missing_ok=True)
                unpacked.failed[entry.path] = exc.why or exc.what
        hashes = pourer.finish()
        _sync(part, folders, hashes)
    unpacked.sha256 = {path: digest for path, digest in hashes.items() if path not in unpacked.failed}
    return unpacked


def _write(path: Path, entry: Entry, pourer: Pourer) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    fd = os.open(path, flags, 0o644)
    try:
        pourer.pour(entry, partial(write_all, fd))
    finally:
        os.close(fd)


def _sync(part: Path, folders: Sequence[str], written: dict[str, str]) -> None:
    """Make everything durable; one `sync` first, so that the `fsync` of each file finds little to do."""
    if hasattr(os, "sync"):
        os.sync()
    for path in written:
        if (part / path).exists():
            fd = os.open(part / path, os.O_RDWR)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
    for folder in reversed(("", *folders)):
        sync_folder(part / folder)
