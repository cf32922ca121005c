"""Files and folders that appear whole or not at all: written beside the target, synced, renamed.

`new_file` and `new_folder` are for one output, `OpenFolder` is for a folder that many files are put into.

A killed run can leave a hidden `.mediakit-*.part` beside the target: it never has the target's name, and
nothing from the source is in its name. The next run of the same target removes it (see `unfinished`).
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from mediakit.errors import DoesNotFit, IntegrityError, MediakitError, UsageError
from mediakit.unfinished import held, neighbour, remove_left_over

_WRITE_BEHIND_BYTES = 64 << 20
_LOOK_EVERY_S = 0.01

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_HAS_DIR_FD = os.open in os.supports_dir_fd and os.link in os.supports_dir_fd
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_FOLDER_FLAGS = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_FILE_FLAGS = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_NEW_FILE_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | _FILE_FLAGS


def no_temporary_room(what: str, exc: OSError) -> DoesNotFit:
    """Return the error for what cannot wait in a temporary file until it is written."""
    return DoesNotFit(
        f"{what} cannot be kept until they are written",
        where=tempfile.gettempdir(),
        why=exc.strerror or "",
        hint="set TMPDIR to a folder with more room; nothing was written",
    )


def write_error(exc: OSError, target: Path) -> MediakitError:
    """Return our error for a failed write: no room is `DoesNotFit`, anything else `IntegrityError`."""
    why = exc.strerror or type(exc).__name__
    if exc.errno in _FULL:
        hint = "free some space there or write to another place; nothing was left behind"
        return DoesNotFit("there is no room for the output", where=str(target), why=why, hint=hint)
    return IntegrityError("the output cannot be written", where=str(target), why=why)


def check_regular(target: Path) -> None:
    """Raise UsageError when a device or other special file stands there: its content is not ours to replace.

    A link counts as what it leads to; where it leads nowhere it can be replaced. Raises OSError.
    """
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise UsageError("choose a file name; a device is not written to", where=str(target))


def check_room(part: Path, size_bytes: int) -> None:
    """Raise OSError (ENOSPC) when the file system of `part` says that it has less room than this.

    A courtesy before a long copy: the room can still run out later, which the write then reports. `new_file`,
    `staged_file` and `new_folder` say it of the target.
    """
    try:
        free_bytes = shutil.disk_usage(part if part.is_dir() else part.parent).free
    except OSError:
        return
    if free_bytes < size_bytes:
        raise OSError(errno.ENOSPC, f"{size_bytes} bytes needed, {free_bytes} free")


def write_all(fd: int, view: memoryview | bytes) -> None:
    """Write every byte at the file's position; the system may take several calls."""
    done = os.write(fd, view)
    while done < len(view):
        done += os.write(fd, view[done:])


@contextmanager
def new_file(target: Path, *, overwrite: bool, mode: int = 0o666) -> Iterator[int]:
    """Give a descriptor to write to; when the block ends well, the file stands at `target`, synced.

    See `staged_file` for what is raised.
    """
    with staged_file(target, overwrite=overwrite, mode=mode) as part, written_file(part) as fd:
        yield fd


@contextmanager
def staged_file(target: Path, *, overwrite: bool, mode: int = 0o666) -> Iterator[Path]:
    """Give an empty file under a hidden name; when the block ends well, it stands at `target`.

    Until then `target` is what it was, so that what is written can be proven first. The caller syncs the file
    (see `written_file`). `mode` are the permissions, of which the umask takes away; those of a file that is
    replaced are not kept. Whatever ends the block otherwise (KeyboardInterrupt too), no trace is left. Raises
    UsageError when the target exists and `overwrite` is off, or cannot be replaced, and what `write_error`
    makes of an OSError of the block.
    """
    _check_file_target(target, overwrite)
    remove_left_over(target)
    part = neighbour(target)
    try:  # from before the file is there: a signal may come in the middle of `open`
        try:
            os.close(os.open(part, _NEW_FILE_FLAGS, mode))
        except OSError as exc:
            raise _cannot_start(exc, target) from exc
        with held(part):
            try:
                yield part
            except OSError as exc:
                raise write_error(exc, target) from exc
            _put_file(part, target, overwrite)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


@contextmanager
def written_file(part: Path) -> Iterator[int]:
    """Give a descriptor to write to an empty file; it is synced when the block ends well. Raises OSError."""
    fd = os.open(part, os.O_RDWR | _FILE_FLAGS | _NO_LINK)
    try:
        with _WriteBehind(fd):
            yield fd
        os.fsync(fd)
    finally:
        os.close(fd)


class _WriteBehind:
    """Sends what is written to the disk while the file still grows, so that the final sync has little to do.

    An error that the disk reports to this thread would not be reported again: it is raised at the end.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._stop = threading.Event()
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="mediakit-write-behind", daemon=True)

    def __enter__(self) -> None:
        try:
            self._thread.start()
        except BaseException:  # a signal: nobody would stop the thread
            self._stop.set()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, _exc: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        if self._error is not None and kind is None:
            raise self._error

    def _run(self) -> None:
        synced = 0
        try:
            while not self._stop.wait(_LOOK_EVERY_S):
                size = os.fstat(self._fd).st_size
                if size - synced >= _WRITE_BEHIND_BYTES:
                    os.fsync(self._fd)
                    synced = size
        except OSError as exc:
            self._error = exc


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Give a folder to fill; when the block ends well, it stands at `target`.

    The caller syncs the files. An empty folder may stand at the target; one that holds anything is refused.
    An empty mount point (a USB stick) is filled in place: the content moves up when it is whole, `DICOMDIR`
    last, so that a stopped run has none. Raises UsageError.
    """
    in_place = target.is_mount()
    wanted = target / "x" if in_place else target
    remove_left_over(wanted)
    _check_folder_target(target)
    part = neighbour(wanted)
    try:
        try:
            part.mkdir()
        except OSError as exc:
            raise _cannot_start(exc, target) from exc
        try:
            with held(part):
                yield part
                if in_place:
                    move_up(part, target)
                else:
                    part.rename(target)
                    sync_folder(target.parent)
        except OSError as exc:
            raise write_error(exc, target) from exc
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def move_up(part: Path, target: Path) -> None:
    """Move the content of `part` into `target`, `DICOMDIR` last; take all of it away again when one fails."""
    names = sorted((child.name for child in part.iterdir()), key=lambda name: (name == "DICOMDIR", name))
    moved: list[str] = []
    try:
        for name in names:
            (part / name).rename(target / name)
            moved.append(name)
        part.rmdir()
        sync_folder(target)
    except BaseException:
        for name in reversed(moved):
            with suppress(OSError):
                (target / name).rename(part / name)
        raise


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, where the system can."""
    if os.name == "nt":
        return  # Windows opens no folder as a file
    fd = os.open(folder, os.O_RDONLY)
    try:
        _sync_names(fd)
    finally:
        os.close(fd)


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
            return OpenFolder(path, os.open(name, _FOLDER_FLAGS | _NO_LINK, dir_fd=self._fd))
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        return OpenFolder(path, None)

    def look_up(self, name: str) -> os.stat_result | None:
        """Return what has a name; None when nothing has."""
        try:
            return os.stat(self._of(name), dir_fd=self._fd, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def create(self, name: str) -> int:
        """Return the descriptor of a new file, for reading and writing."""
        return os.open(self._of(name), _NEW_FILE_FLAGS | _NO_LINK, 0o666, dir_fd=self._fd)

    def open_file(self, name: str) -> int:
        """Return a descriptor to read a file by."""
        return os.open(self._of(name), os.O_RDONLY | _FILE_FLAGS | _NO_LINK, dir_fd=self._fd)

    def remove(self, name: str) -> None:
        """Take a file away."""
        os.unlink(self._of(name), dir_fd=self._fd)

    def remove_folder(self, name: str) -> None:
        """Take an empty folder away."""
        os.rmdir(self._of(name), dir_fd=self._fd)

    def replace(self, old: str, new: str) -> None:
        """Give a file of this folder the name of another, which it replaces."""
        os.replace(self._of(old), self._of(new), src_dir_fd=self._fd, dst_dir_fd=self._fd)

    def take_name(self, part: str, folder: OpenFolder, name: str) -> bool:
        """Give a file of this folder its name in another or the same; False when the name is taken."""
        return _take_name((self._of(part), self._fd), (folder._of(name), folder._fd))

    def sync(self) -> None:
        """Make the names in it durable, where the system can."""
        if self._fd is not None:
            _sync_names(self._fd)
        else:
            sync_folder(Path(self.path))

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


def _check_file_target(target: Path, overwrite: bool) -> None:
    try:
        mode = target.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as exc:
        raise _cannot_start(exc, target) from exc
    with suppress(OSError):
        check_regular(target)
    if not overwrite:
        raise _exists(target)
    if not stat.S_ISREG(mode):
        raise UsageError("choose a file name: that is a folder or a link", where=str(target))


def _check_folder_target(target: Path) -> None:
    try:
        check_regular(target)
        if not stat.S_ISDIR(target.lstat().st_mode):
            raise UsageError("the target exists and is not a folder", where=str(target))
        with os.scandir(target) as found:
            if next(found, None) is not None:
                hint = "name a new or an empty folder"
                raise UsageError("the target folder holds files already", where=str(target), hint=hint)
    except FileNotFoundError:
        return
    except OSError as exc:
        raise _cannot_start(exc, target) from exc


def _put_file(part: Path, target: Path, overwrite: bool) -> None:
    try:
        if overwrite:
            part.replace(target)
        elif not _take_name((str(part), None), (str(target), None)):
            raise _exists(target)
        sync_folder(target.parent)
    except OSError as exc:
        raise write_error(exc, target) from exc


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


def _exists(target: Path) -> UsageError:
    return UsageError("the target exists", where=str(target), hint="`--force` replaces it")


def _cannot_start(exc: OSError, target: Path) -> MediakitError:
    if exc.errno in _FULL:
        return write_error(exc, target)
    why = exc.strerror or type(exc).__name__
    return UsageError("the folder cannot be written to", where=str(target), why=why)
