"""Folders for this user alone: what they hold may be patient data, and is gone when the run is.

A run that is killed leaves its folder. The next one removes it: whoever uses a folder holds a lock on a file
in it, which the system lets go when the process is gone, however it ended. Where the system has no such
locks nothing is removed.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import tempfile
import weakref
from contextlib import suppress
from pathlib import Path

from mediakit.open_folder import NEW_FILE_FLAGS
from mediakit.unfinished import locked

COPIES = "mediakit-"  # how folders with copies of instances begin, among those of other programs
_HELD = ".mediakit-held"
_CONTENT = "content"
_MOST_TRIES = 8


class PrivateFolder:
    """A new folder, `path`, and all that is put into it, until `close`."""

    def __init__(self, within: Path, prefix: str) -> None:
        """Raise OSError when it cannot be made."""
        for _ in range(_MOST_TRIES):
            made = Path(tempfile.mkdtemp(prefix=prefix, dir=within))  # of mode 0700
            try:
                os.close(os.open(made / _HELD, NEW_FILE_FLAGS, 0o600))
                fd = locked(made / _HELD, os.O_RDWR)
                if fd is None:
                    (made / _HELD).unlink()  # who finds none removes nothing
                (made / _CONTENT).mkdir(mode=0o700)
            except (BlockingIOError, FileNotFoundError):
                continue  # another run took it for left behind before it was held
            except BaseException:
                _remove(made)
                raise
            self.path = made / _CONTENT
            self._end = weakref.finalize(self, _end, made, fd)
            return
        raise FileExistsError(errno.EEXIST, "no folder could be kept", str(within))

    def close(self) -> None:
        """Remove the folder; a second call does nothing."""
        self._end()


def remove_left_behind(within: Path, prefix: str) -> int:
    """Remove what killed runs of this user left of the folders with a prefix; return how many held anything.

    Nothing is followed, and nothing is touched that belongs to another user or that another one can read.
    """
    like = re.compile(re.escape(prefix) + "[a-z0-9_]{8}")  # as `mkdtemp` makes them
    try:
        with os.scandir(within) as found:
            names = [one.name for one in found if like.fullmatch(one.name)]
    except OSError:
        return 0  # whether the folder can be used is found out when it is
    return sum(_is_removed(within / name) for name in names)


def _is_removed(folder: Path) -> bool:
    """Remove a folder that nobody holds; return True when there was something in it that is gone now."""
    try:
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or stat.S_IMODE(status.st_mode) != stat.S_IRWXU:
            return False
        if status.st_uid != os.geteuid():
            return False
        fd = locked(folder / _HELD, os.O_RDWR)
    except FileNotFoundError:
        with suppress(OSError):
            folder.rmdir()  # empty: killed before it was held; whoever is just there makes another
        return False
    except OSError:
        return False  # somebody holds it
    if fd is None:
        return False
    try:
        return _remove(folder)
    finally:
        os.close(fd)


def _end(folder: Path, fd: int | None) -> None:
    try:
        _remove(folder)
    finally:
        if fd is not None:
            os.close(fd)


def _remove(folder: Path) -> bool:
    """Remove the content, then what says that it is held: if it is stopped, the next run finds the rest."""
    content = folder / _CONTENT
    held_anything = content.exists()
    shutil.rmtree(content, ignore_errors=True)
    if content.exists():
        return False
    with suppress(OSError):
        (folder / _HELD).unlink(missing_ok=True)
        folder.rmdir()
    return held_anything
