"""The lock of a job: held by one process, and gone when that process is, however it ended.

It is a tiny SQLite file beside the ledger that is held in an exclusive transaction: this works alike on all
systems, and leaves the ledger itself free for readers. The file stays; what counts is who holds it.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

_LOOK_S: Final = 0.25  # one who only asks whether it is held lets go at once


class Lock:
    """Holds a lock file until `release`. Raises BlockingIOError when another one holds it, OSError."""

    def __init__(self, path: Path) -> None:
        with suppress(FileExistsError):
            # Never opened but by SQLite: to close another handle would lose the lock of this process.
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        base = _connected(path, _LOOK_S)
        try:
            base.execute("PRAGMA journal_mode=OFF")  # nothing is written: no journal beside it
            base.execute("BEGIN EXCLUSIVE")
        except BaseException as exc:
            base.close()
            if isinstance(exc, sqlite3.Error):
                raise _meant(exc, path) from exc
            raise
        self._base = base

    def release(self) -> None:
        """Let go; a second call does nothing."""
        self._base.close()


def is_held(path: Path) -> bool:
    """Return True when a process, this one or another, holds the lock."""
    if not path.exists():
        return False
    with closing(_connected(path, 0)) as base:
        try:
            base.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.Error as exc:
            return _is_busy(exc)
    return False


def _connected(path: Path, timeout_s: float) -> sqlite3.Connection:
    try:
        return sqlite3.connect(path, timeout=timeout_s, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as exc:
        raise _meant(exc, path) from exc


def _meant(exc: sqlite3.Error, path: Path) -> OSError:
    return BlockingIOError(str(path)) if _is_busy(exc) else OSError(f"{path}: {exc}")


def _is_busy(exc: sqlite3.Error) -> bool:
    return getattr(exc, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
