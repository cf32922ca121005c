"""Change a folder that is a medium without ever leaving half of it: what is new first, what goes last.

Every folder is entered by descriptor, and no link is followed. The names that are made are new; only the
DICOMDIR and what was made of the instances are replaced, by renames.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO

from mediakit.durable import check_room, write_all
from mediakit.events import Listener
from mediakit.formats.base import Entry
from mediakit.formats.stream_copy import Pourer
from mediakit.open_folder import OpenFolder
from mediakit.secure.checksums import SHA_256

_NOT_EMPTY = frozenset({errno.ENOTEMPTY, errno.EEXIST})


def put_files(root: Path, entries: Sequence[Entry], tell: Listener, made: list[str]) -> dict[str, str]:
    """Write new files, all synced; return the SHA-256 (hex) of each, by path.

    The path of each is added to `made` when there is a file of ours under it. Raises OSError, also for a name
    that is taken, and what `Pourer.pour` raises.
    """
    check_room(root, sum(entry.size for entry in entries))
    with Pourer(tell, SHA_256) as pourer, closing(OpenFolder.at(root)) as top:
        for entry in entries:
            fd = _created(top, entry.path)
            made.append(entry.path)
            try:
                pourer.pour(entry, partial(write_all, fd))
            finally:
                os.close(fd)
        if hasattr(os, "sync"):
            os.sync()  # all at once: the syncs of the single files then find nothing to do
        for entry in entries:
            with _folder_of(top, entry.path) as (folder, name):
                _sync(folder, name)
                folder.sync()
        return pourer.finish()


def _created(top: OpenFolder, path: str) -> int:
    """Make a file, and the folders above it. Raises OSError; then none of these folders is left empty."""
    try:
        with _folder_of(top, path, make=True) as (folder, name):
            return folder.create(name)
    except OSError:
        for above in _parents(path):
            _remove_empty(top, above)
        raise


def put_directory(root: Path, name: str, content: bytes, made: list[str]) -> None:
    """Write a DICOMDIR under another name, synced; see `put_files`. Raises OSError."""
    with closing(OpenFolder.at(root)) as top:
        fd = top.create(name)
        made.append(name)
        try:
            write_all(fd, content)
            os.fsync(fd)
        finally:
            os.close(fd)
        top.sync()


def put_in_place(root: Path, new: str, name: str) -> None:
    """Give the new DICOMDIR the name of the old one. Raises OSError; then the old one is there."""
    with closing(OpenFolder.at(root)) as top:
        top.replace(new, top, name)
        with suppress(OSError):  # the new one is there: a system that cannot sync names cannot undo it
            top.sync()


def put_over(root: Path, names: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Give files other names, over the files that have them; return what could not be replaced, and why.

    Each of `names` has the path of a file and its new path. What is not there is no failure: it has its new
    name already. Raises OSError when the folder itself cannot be opened.
    """
    failed: list[tuple[str, str]] = []
    with closing(OpenFolder.at(root)) as top:
        for old, new in names:
            try:
                with _folder_of(top, old) as (folder, name):
                    if folder.look_up(name) is None:
                        continue
                    with _folder_of(top, new, make=True) as (other, new_name):
                        folder.replace(name, other, new_name)
                        other.sync()
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as exc:
                failed.append((new, exc.strerror or type(exc).__name__))
    return failed


def take_away(root: Path, paths: Iterable[str]) -> list[tuple[str, str]]:
    """Remove files, and the folders that are empty then; return what could not be removed, and why.

    What is not there is no failure. Raises OSError when the folder itself cannot be opened.
    """
    failed: list[tuple[str, str]] = []
    emptied: set[str] = set()
    with closing(OpenFolder.at(root)) as top:
        for path in paths:
            try:
                _remove_file(top, path)
                emptied.update(_parents(path))
            except (FileNotFoundError, NotADirectoryError):
                emptied.update(_parents(path))
            except OSError as exc:
                failed.append((path, exc.strerror or type(exc).__name__))
        for path in sorted(emptied, key=lambda each: (-each.count("/"), each)):
            _remove_empty(top, path)
        with suppress(OSError):
            top.sync()
    return failed


def open_in(root: Path, path: str) -> BinaryIO | None:
    """Open a file to read it; return None when there is none, or no regular file. Raises OSError."""
    try:
        with closing(OpenFolder.at(root)) as top, _folder_of(top, path) as (folder, name):
            found = folder.look_up(name)
            if found is None or not stat.S_ISREG(found.st_mode):
                return None
            return os.fdopen(folder.open_file(name), "rb")
    except (FileNotFoundError, NotADirectoryError):
        return None


def _remove_file(top: OpenFolder, path: str) -> None:
    with _folder_of(top, path) as (folder, name):
        found = folder.look_up(name)
        if found is None:
            return
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EPERM, "is not a file")
        folder.remove(name)
        folder.sync()


def _remove_empty(top: OpenFolder, path: str) -> None:
    try:
        with _folder_of(top, path) as (folder, name):
            folder.remove_folder(name)
    except OSError as exc:
        if exc.errno not in {*_NOT_EMPTY, errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM}:
            raise


def _parents(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


@contextmanager
def _folder_of(top: OpenFolder, path: str, *, make: bool = False) -> Iterator[tuple[OpenFolder, str]]:
    """Give the folder that a path lies in, and its name there."""
    *above, name = path.split("/")
    if any(part in {"", ".", ".."} for part in (*above, name)):
        raise OSError(errno.EINVAL, "is no path on a medium")
    folder = top
    try:
        for part in above:
            deeper = folder.inside(part) if make else folder.enter(part)
            if folder is not top:
                folder.close()
            folder = deeper
        yield folder, name
    finally:
        if folder is not top:
            folder.close()


def _sync(folder: OpenFolder, name: str) -> None:
    fd = folder.open_file(name)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
