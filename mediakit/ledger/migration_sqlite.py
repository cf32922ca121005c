"""The ledger of a migration as one file of SQLite: for processes of one machine."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Final, TypeVar

from mediakit.errors import UsageError, mapped
from mediakit.ledger import migration_store as sql
from mediakit.ledger import store
from mediakit.ledger.migration_base import NO_LEDGER, Base
from mediakit.open_folder import sync_folder
from mediakit.unfinished import neighbour

_T = TypeVar("_T")
_KIND: Final = store.Kind(
    application_id=0x4D4B4D47,  # "MKMG"
    version=sql.VERSION,
    schema=sql.SCHEMA.format(number="INTEGER", by_key="WITHOUT ROWID"),
)
_MOUNTS: Final = Path("/proc/self/mountinfo")
#: File systems of other machines, on which the locks of SQLite do not hold, as the kernel names them.
_SHARES: Final = frozenset(
    {"afs", "beegfs", "ceph", "cifs", "davfs", "fuse.glusterfs", "fuse.sshfs", "gfs2", "glusterfs", "lustre"}
    | {"ncpfs", "nfs", "nfs4", "ocfs2", "smb2", "smb3", "smbfs"}
)


class SqliteStore:
    """A file of SQLite. One process after the other writes."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Open a file that is there. Raises UsageError, SourceError."""
        if not path.is_file():
            raise UsageError(NO_LEDGER, where=str(path))
        self._path = path
        self._turn = Lock()
        opened = store.open_to_read if read_only else store.open_for_writing
        self._base = opened(path, _KIND)
        for name in ("now_s", "leases_end_s"):
            self._base.create_function(name, 0, time.time)

    @classmethod
    def make(cls, path: Path, fill: Callable[[Base], None]) -> None:
        """Make the file when it is not there. Raises UsageError."""
        with mapped({OSError: UsageError}, "the ledger cannot be written", str(path)):
            if path.exists():
                return
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            check_is_local(path.parent)
            part = neighbour(path)  # of this run alone: another one may begin at the same time
            try:
                store.create(part, fill, _KIND)
                _name(part, path)
                sync_folder(path.parent)
            finally:
                with suppress(OSError):
                    part.unlink(missing_ok=True)

    def change(self, work: Callable[[Base], _T]) -> _T:
        """Make what `work` does one change; see `Store`."""
        with self._turn, store.door(self._path), store.transaction(self._base):
            return work(self._base)

    def look(self, work: Callable[[Base], _T]) -> _T:
        """Return what `work` reads; see `Store`."""
        with self._turn, store.door(self._path), store.transaction(self._base, "DEFERRED"):
            return work(self._base)

    def close(self) -> None:
        """Close the file."""
        with self._turn:
            self._base.close()


def _name(part: Path, path: Path) -> None:
    """Give a ledger its name; one that another run made meanwhile stays."""
    try:
        path.hardlink_to(part)
    except FileExistsError:
        return
    except OSError:  # a file system without such links
        part.rename(path)


def check_is_local(folder: Path, mounts: Path = _MOUNTS) -> None:
    """Raise UsageError when a folder lies on a share of the network, as far as the system tells."""
    with suppress(OSError, UnicodeDecodeError):
        kind = _file_system_of(os.path.realpath(folder), mounts.read_text("utf-8"))
        if kind in _SHARES:
            raise UsageError(
                "a ledger of SQLite must not lie on a network share",
                where=str(folder),
                why=f"it is {kind}, where locks of files do not hold",
                hint="name a local file with `--ledger`, or a database: `--ledger postgresql://HOST/DATABASE`",
            )


def _file_system_of(folder: str, mounts: str) -> str:
    """Return the kind of file system that a folder is on; "" when it is not known (proc(5), mountinfo)."""
    best, kind = "", ""
    for line in mounts.splitlines():
        fields, _, rest = line.partition(" - ")
        place = fields.split()[4] if len(fields.split()) > 4 else ""
        for code, letter in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
            place = place.replace(code, letter)
        inside = folder == place or folder.startswith(f"{place.rstrip('/')}/")
        if place and inside and len(place) >= len(best) and rest:
            best, kind = place, rest.split()[0]
    return kind
