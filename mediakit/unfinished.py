"""What is not whole yet stands under a hidden name; what a killed run left there is removed by the next one.

The name tells the target by a digest. Whoever writes holds a lock on it, which the system lets go when the
process is gone, however it ended: a name that nobody holds was left behind. Where the system has no such
locks nothing is removed.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mediakit.errors import UsageError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_PART = ".part"
_FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)


def hidden_name(random_bytes: int = 4) -> str:
    """Return a new name for what is not whole yet: hidden, and with nothing of a patient in it."""
    return f".mediakit-{secrets.token_hex(random_bytes)}{_PART}"


def neighbour(target: Path, suffix: str = _PART) -> Path:
    """Return a new hidden name beside a target, which tells that it is for this one."""
    return target.parent / f"{beginning_of(target)}{secrets.token_hex(4)}{suffix}"


@contextmanager
def held(part: Path) -> Iterator[None]:
    """Hold what was made under a hidden name, so that no other run takes it for left behind.

    Raises UsageError when another run was quicker and removes it.
    """
    try:
        fd = locked(part)
    except (BlockingIOError, FileNotFoundError) as exc:
        hint = "run it again when the other has ended"
        raise UsageError(
            "another run begins with the same target", where=str(part.parent), hint=hint
        ) from exc
    try:
        yield
    finally:
        if fd is not None:
            os.close(fd)


def remove_left_over(target: Path) -> None:
    """Remove what killed runs of this user left beside a target, for this target, and nobody holds."""
    try:
        with os.scandir(target.parent) as found:
            names = [one.name for one in found if is_part_of(one.name, target)]
    except OSError:
        return  # whether the folder can be used is found out when it is
    for name in names:
        with suppress(BlockingIOError, FileNotFoundError):  # somebody holds it, or removed it
            fd = locked(target.parent / name)
            if fd is not None:
                try:
                    _remove(target.parent / name, os.fstat(fd))
                finally:
                    os.close(fd)


def _remove(part: Path, status: os.stat_result) -> None:
    if status.st_uid != os.geteuid():
        return
    if stat.S_ISDIR(status.st_mode):
        shutil.rmtree(part, ignore_errors=True)
    elif stat.S_ISREG(status.st_mode):
        with suppress(OSError):
            part.unlink()


def is_part_of(name: str, target: Path) -> bool:
    """Return True for a hidden name of what is to stand at a target."""
    return name.startswith(beginning_of(target)) and name.endswith(_PART)


def beginning_of(target: Path) -> str:
    """Return how the hidden names for a target begin: a digest, since a name may be that of a patient."""
    digest = hashlib.sha256(os.fsencode(target.name)).hexdigest()
    return f".mediakit-{digest[:8]}-"


def locked(path: Path, access: int = os.O_RDONLY) -> int | None:
    """Return a descriptor that holds a file or folder; None where the system cannot lock it.

    A network file system locks only what is opened for writing (`access`), which a folder cannot be.
    Raises BlockingIOError when somebody holds it, FileNotFoundError when it is gone or another one by now.
    """
    if fcntl is None:
        return None
    fd = -1
    try:
        fd = os.open(path, access | _FLAGS)
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(fd), path.lstat()):  # whoever held it before may have removed it
            raise FileNotFoundError(errno.ENOENT, "is another one now", str(path))
    except OSError as exc:
        if fd >= 0:
            os.close(fd)
        if isinstance(exc, BlockingIOError | FileNotFoundError):
            raise
        return None
    return fd
