"""Files and folders that appear whole or not at all: written beside the target, synced, renamed.

`new_file` and `new_folder` are for one output; `open_folder` has what is for a folder that many files are put
into.

A killed run can leave a hidden `.mediakit-*.part` beside the target: it never has the target's name, and
nothing from the source is in its name. The next run of the same target removes it (see `unfinished`).
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from mediakit.errors import DoesNotFit, IntegrityError, MediakitError, UsageError
from mediakit.named_together import give_names
from mediakit.open_folder import FILE_FLAGS, NEW_FILE_FLAGS, NO_LINK, sync_folder, take_name
from mediakit.unfinished import held, neighbour, remove_left_over

_WRITE_BEHIND_BYTES = 64 << 20
_LOOK_EVERY_S = 0.01

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def no_temporary_room(what: str, exc: OSError) -> DoesNotFit:
    """Return the error for what cannot wait in a temporary file until it is written."""
    return DoesNotFit(
        f"{what} cannot be kept until they are written",
        where=tempfile.gettempdir(),
        why=exc.strerror or "",
        hint="set TMPDIR to a folder with more room; nothing was written",
    )


class Unsynced(OSError):  # noqa: N818 - reads as a sentence where it is raised
    """What was written stands whole under its name, but the folder that has the name could not be synced."""


def write_error(exc: OSError, target: Path) -> MediakitError:
    """Return our error for a failed write: no room is `DoesNotFit`, anything else `IntegrityError`.

    Either can have `Unsynced` as its cause: then all is there.
    """
    why = exc.strerror or type(exc).__name__
    if isinstance(exc, Unsynced):
        kind = DoesNotFit if exc.errno in _FULL else IntegrityError
        hint = (
            "it stands there whole, under its name; until `sync` ends well a loss of power can take it away"
        )
        return kind("its folder could not be synced", where=str(target), why=why, hint=hint)
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


def reserve(fd: int, begin: int, size_bytes: int) -> None:
    """Have the file system find the room for a part of a file that is to be written; it reads as zeros.

    Writing a large file then takes two thirds of the CPU time. Where a file system cannot do that nothing
    happens: `os.posix_fallocate` would write zeros everywhere instead. Raises OSError when there is no room.
    """
    if sys.platform != "linux" or not size_bytes:
        return
    import ctypes  # noqa: PLC0415 - of use here alone

    library = ctypes.CDLL(None, use_errno=True)
    # where glibc has 32 bits, its `fallocate` takes places of 32; musl knows that name alone, with 64
    allocate = getattr(library, "fallocate64", None) or getattr(library, "fallocate", None)
    if allocate is not None and allocate(fd, 0, ctypes.c_int64(begin), ctypes.c_int64(size_bytes)):
        code = ctypes.get_errno()
        if code in _FULL:
            raise OSError(code, os.strerror(code))


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
    _clear_left_over(target)
    _check_file_target(target, overwrite)
    part = neighbour(target)
    try:  # from before the file is there: a signal may come in the middle of `open`
        try:
            os.close(os.open(part, NEW_FILE_FLAGS, mode))
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
    fd = os.open(part, os.O_RDWR | FILE_FLAGS | NO_LINK)
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
                written = os.lseek(self._fd, 0, os.SEEK_CUR)
                if written - synced >= _WRITE_BEHIND_BYTES:
                    os.fsync(self._fd)
                    synced = written
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
    _clear_left_over(wanted)
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
                    _sync_name(target.parent)
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


def _clear_left_over(target: Path) -> None:
    """Give what a killed run left whole its name (see `named_together`), and remove what it left besides."""
    for _ in give_names(target):
        pass  # whoever has a report says it: see `journeys.burn`
    remove_left_over(target)


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
        elif not take_name(part, target):
            raise _exists(target)
        _sync_name(target.parent)
    except OSError as exc:
        raise write_error(exc, target) from exc


def _sync_name(folder: Path) -> None:
    """Sync the folder in which something has just got its name. Raises Unsynced."""
    try:
        sync_folder(folder)
    except OSError as exc:
        raise Unsynced(exc.errno, exc.strerror) from exc


def _exists(target: Path) -> UsageError:
    return UsageError("the target exists", where=str(target), hint="`--force` replaces it")


def _cannot_start(exc: OSError, target: Path) -> MediakitError:
    if exc.errno in _FULL:
        return write_error(exc, target)
    why = exc.strerror or type(exc).__name__
    return UsageError("the folder cannot be written to", where=str(target), why=why)
