"""A PostgreSQL of its own for tests: in a temporary folder, on a socket there, as a user without rights."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import pytest

_BINARIES: Final = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
_SETTINGS: Final = "-c listen_addresses='' -c fsync=off -c shared_buffers=16MB"


def need_postgres() -> Path:
    """Return the folder of its programs; skip the running test without it, fail it when CI=true."""
    if _BINARIES:
        return _BINARIES[-1]
    if os.environ.get("CI") == "true":
        pytest.fail("peer not installed: postgresql")
    pytest.skip("peer not installed: postgresql")


class Postgres(AbstractContextManager["Postgres"]):
    """A server that can be stopped, killed and started again."""

    def __init__(self) -> None:
        self._programs = need_postgres()
        self._folder = Path(tempfile.mkdtemp(prefix="mediakit-pg-"))  # a socket has a short path
        self._as_user: list[str] = []
        if os.geteuid() == 0:  # it does not run as root
            user = pwd.getpwnam("postgres")
            os.chown(self._folder, user.pw_uid, user.pw_gid)
            self._as_user = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        self._run("initdb", "-U", "me", "--auth=trust", "-E", "UTF8", "--locale=C", "--no-sync")

    def __enter__(self) -> Postgres:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if (self._folder / "data/postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def address(self, name: str = "mediakit") -> str:
        """Return the address of a ledger in it."""
        return f"postgresql://me@/postgres?host={self._folder}#{name}"

    @property
    def folder(self) -> Path:
        """Return where its socket is, as PGHOST takes it."""
        return self._folder

    def start(self) -> None:
        """Start the server and wait until it answers."""
        settings = f"{_SETTINGS} -c unix_socket_directories={self._folder}"
        self._run("pg_ctl", "-w", "-o", settings, "-l", str(self._folder / "log"), "start")

    def stop(self, how: str = "immediate") -> None:
        """Stop the server; `immediate` is as if it had been killed."""
        self._run("pg_ctl", "-w", "-m", how, "stop")

    def _run(self, program: str, *arguments: str) -> None:
        """Raise AssertionError with all that the program and the server said when it fails."""
        ended = subprocess.run(
            [*self._as_user, str(self._programs / program), "-D", str(self._folder / "data"), *arguments],
            cwd=self._folder,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=100,
        )
        if ended.returncode:
            log = self._folder / "log"
            said = log.read_text(errors="replace")[-4000:] if log.exists() else ""
            raise AssertionError(f"{program} {arguments} failed: {ended.stdout}\nlog of the server: {said}")
