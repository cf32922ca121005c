"""A log of what a long-running command says: one line each, with the time, in a file for its owner alone."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISREG

from mediakit.errors import UsageError
from mediakit.findings import printable


class LogFile:
    """Opened for each line, so that it may be rotated while the command runs."""

    def __init__(self, path: Path) -> None:
        """Raise UsageError when the file cannot be written, before a long run whose log would be lost."""
        self._path = path
        try:
            os.close(self._opened())
            is_file = S_ISREG(path.stat().st_mode)
        except OSError as exc:
            raise UsageError("the log cannot be written", where=str(path), why=exc.strerror or "") from exc
        if not is_file:
            raise UsageError("the log cannot be written", where=str(path), hint="name an ordinary file")

    def write(self, line: str) -> None:
        """Add a line. What the disk does not take is lost: the command goes on."""
        stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        try:
            number = self._opened()
        except OSError:
            return
        try:
            os.write(number, f"{stamp}  {printable(line)}\n".encode("utf-8", "backslashreplace"))
        except OSError:
            return
        finally:
            os.close(number)

    def _opened(self) -> int:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        flags |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # a pipe that nobody reads
        return os.open(self._path, flags, 0o600)
