"""Where an image lies while it is made for a drive: a folder for this user alone, removed in the end."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mediakit.errors import UsageError
from mediakit.ledger.lock import Lock, is_held

_PREFIX = "making-"


@contextmanager
def workplace(folder: Path) -> Iterator[Path]:
    """Give a new folder below `folder`, which is made when it is missing; both are for this user alone.

    What an earlier run left that was killed is removed first: it holds patient data. Raises UsageError.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sweep(folder)
        made = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=folder))
        lock = Lock(_lock_of(made))
    except OSError as exc:
        why = exc.strerror or str(exc)
        raise UsageError("no image can be made there", where=str(folder), why=why) from exc
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
        lock.release()
        _lock_of(made).unlink(missing_ok=True)


def _sweep(folder: Path) -> None:
    for left in folder.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if left.is_dir() and _lock_of(left).exists() and not is_held(_lock_of(left)):
                shutil.rmtree(left, ignore_errors=True)
                _lock_of(left).unlink(missing_ok=True)


def _lock_of(made: Path) -> Path:
    return made.parent / f"lock-{made.name.removeprefix(_PREFIX)}"
