"""Names in a folder: given by descriptor where the system can, made durable, and never one that is taken."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from functools import cache
from pathlib import Path

_HAS_DIR_FD = os.open in os.supports_dir_fd and os.link in os.supports_dir_fd
_FOLDER_FLAGS = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
NO_LINK = getattr(os, "O_NOFOLLOW", 0)
FILE_FLAGS = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_NAMELESS_FLAGS = os.O_RDWR | FILE_FLAGS | getattr(os, "O_TMPFILE", 0)
_OPEN_FILES = "/proc/self/fd"  # by which a file without a name gets one
NEW_FILE_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | FILE_FLAGS


@cache
def _has_nameless() -> bool:
    return hasattr(os, "O_TMPFILE") and Path(_OPEN_FILES).is_dir()


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, where the system can."""
    if os.name == "nt":
        return  # Windows opens no folder as a file
    fd = os.open(folder, os.O_RDONLY)
    try:
        _sync_names(fd)
    finally:
        os.close(fd)


def take_name(part: Path, target: Path) -> bool:
    """Give what stands under a hidden name its own one; False when that is taken. Raises OSError."""
    return _take_name((str(part), None), (str(target), None))


class OpenFolder:
    """A folder that many files are put into, each whole or not at all, none ever replaced.

    It is open by descriptor where the system can, so that no link put there later leads elsewhere; no link in
    it is followed. A file is created under a `hidden_name`, written, synced, given its name by `take_name`;
    `sync` makes that name durable. Every method raises OSError.
    """

    def __init__(self, path: str, fd: int | None) -> None:
        """Use `at` and `inside`."""
        self.path = path
        self._fd = fd

    @classmethod
    def at(cls, path: Path) -> OpenFolder:
        """Open a folder; a link at the path itself is followed, since the user named it."""
        return cls(str(path), os.open(path, _FOLDER_FLAGS) if _HAS_DIR_FD else None)

    def inside(self, name: str) -> OpenFolder:
        """Return a folder in this one, made when it is missing. OSError for anything else, a link too."""
        try:
            os.mkdir(self._of(name), 0o777, dir_fd=self._fd)
        except FileExistsError:
            pass
        else:
            self.sync()
        return self.enter(name)

    def enter(self, name: str) -> OpenFolder:
        """Return a folder in this one that is there. OSError for anything else, a link too."""
        path = os.path.join(self.path, name)  # noqa: PTH118 - a name for os.open
        if self._fd is not None:
            return OpenFolder(path, os.open(name, _FOLDER_FLAGS | NO_LINK, dir_fd=self._fd))
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        return OpenFolder(path, None)

    def again(self) -> OpenFolder:
        """Return it open once more, to be closed by itself."""
        return OpenFolder(self.path, None if self._fd is None else os.dup(self._fd))

    def look_up(self, name: str) -> os.stat_result | None:
        """Return what has a name; None when nothing has."""
        try:
            return os.stat(self._of(name), dir_fd=self._fd, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def create(self, name: str) -> int:
        """Return the descriptor of a new file, for reading and writing."""
        return os.open(self._of(name), NEW_FILE_FLAGS | NO_LINK, 0o666, dir_fd=self._fd)

    def create_nameless(self) -> int | None:
        """Return the descriptor of a new file without a name; None where the system has none.

        Unless `name_nameless` gives it a name, nothing is left of it, however the process ends.
        """
        if self._fd is None or not _has_nameless():
            return None
        try:
            return os.open(".", _NAMELESS_FLAGS, 0o666, dir_fd=self._fd)
        except OSError:
            return None  # systems say that in many ways; whatever else is wrong, `create` meets too

    def name_nameless(self, fd: int, name: str) -> bool:
        """Give what `create_nameless` made a name in this folder; return False when the name is taken."""
        try:
            os.link(
                f"{_OPEN_FILES}/{fd}", name, src_dir_fd=self._fd, dst_dir_fd=self._fd, follow_symlinks=True
            )
        except FileExistsError:
            return False
        return True

    def open_file(self, name: str) -> int:
        """Return a descriptor to read a file by."""
        return os.open(self._of(name), os.O_RDONLY | FILE_FLAGS | NO_LINK, dir_fd=self._fd)

    def remove(self, name: str) -> None:
        """Take a file away."""
        os.unlink(self._of(name), dir_fd=self._fd)

    def remove_folder(self, name: str) -> None:
        """Take an empty folder away."""
        os.rmdir(self._of(name), dir_fd=self._fd)

    def replace(self, old: str, folder: OpenFolder, new: str) -> None:
        """Give a file of this folder the name of one in another or the same, which it replaces."""
        os.replace(self._of(old), folder._of(new), src_dir_fd=self._fd, dst_dir_fd=folder._fd)

    def take_name(self, part: str, folder: OpenFolder, name: str) -> bool:
        """Give a file of this folder its name in another or the same; False when the name is taken."""
        return _take_name((self._of(part), self._fd), (folder._of(name), folder._fd))

    def sync(self) -> None:
        """Make the names in it durable, where the system can."""
        if self._fd is not None:
            _sync_names(self._fd)
        else:
            sync_folder(Path(self.path))

    def is_there(self) -> bool:
        """Return True when its path still leads to it."""
        try:
            found = os.lstat(self.path)
            mine = os.fstat(self._fd) if self._fd is not None else found
        except OSError:
            return False
        return stat.S_ISDIR(found.st_mode) and os.path.samestat(found, mine)

    def close(self) -> None:
        """Close it."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    def _of(self, name: str) -> str:
        """Return what to call a name in this folder, together with `dir_fd=self._fd`."""
        return name if self._fd is not None else os.path.join(self.path, name)  # noqa: PTH118 - as above


def _sync_names(fd: int) -> None:
    try:
        os.fsync(fd)
    except OSError as exc:
        # Some network file systems refuse to sync a folder; the files in it are synced all the same.
        if exc.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise


def _take_name(part: tuple[str, int | None], target: tuple[str, int | None]) -> bool:
    """Rename, and never replace a file that somebody made meanwhile; return False when there is one."""
    (old, old_fd), (new, new_fd) = part, target
    try:  # a hard link never replaces anything; FAT and some shares have none
        os.link(old, new, src_dir_fd=old_fd, dst_dir_fd=new_fd)
    except FileExistsError:
        return False
    except OSError:
        with suppress(FileNotFoundError):
            os.stat(new, dir_fd=new_fd, follow_symlinks=False)
            return False
        os.rename(old, new, src_dir_fd=old_fd, dst_dir_fd=new_fd)
    else:
        os.unlink(old, dir_fd=old_fd)
    return True
