"""Where the ledger of a migration lies: a file of SQLite, or a database of PostgreSQL.

An address is a path, or `postgresql://USER@HOST/DATABASE#NAME` as libpq reads it; NAME is the schema,
`mediakit` when none is given. No password stands in it: libpq has `~/.pgpass`, `PGPASSFILE` and `service=`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from mediakit.errors import UsageError
from mediakit.ledger.migration_base import Base, Store, Told, unheard

_SCHEMES: Final = ("postgresql://", "postgres://")
#: What is meant as an address and is none: with the one "/" that a path leaves of it, in words of libpq.
_MEANT: Final = re.compile(
    r"\s*(?:([A-Za-z][A-Za-z0-9+.-]+):/|(postgres\w*):|(?:host|hostaddr|service|user|password|dbname)\s*=)",
    re.IGNORECASE,
)


def is_database(address: str | os.PathLike[str]) -> bool:
    """Return True for an address of PostgreSQL, False for a path. Raises UsageError for other schemes."""
    text = str(address)
    if text.startswith(_SCHEMES):
        return True
    meant = _MEANT.match(text)
    if meant is not None:
        scheme = meant[1] or meant[2]
        raise UsageError(
            "not an address of a ledger",
            where=f"{scheme}://" if scheme else "",  # what follows may have a password
            hint="give a path, or `postgresql://HOST/DATABASE`, in small letters",
        )
    return False


def store_at(
    address: str | os.PathLike[str],
    away_most_s: float = 0.0,
    tell: Told = unheard,
    *,
    read_only: bool = False,
) -> Store:
    """Open the store of a ledger that is there.

    A database that does not answer is waited for, `away_most_s` at most. Raises UsageError, SourceError.
    """
    if is_database(address):
        from mediakit.ledger.migration_postgres import PostgresStore  # noqa: PLC0415 - an extra

        return PostgresStore.open(str(address), away_most_s, tell)
    from mediakit.ledger.migration_sqlite import SqliteStore  # noqa: PLC0415 - it is one or the other

    return SqliteStore(Path(address), read_only=read_only)


def make_at(address: str | os.PathLike[str], fill: Callable[[Base], None]) -> None:
    """Make a ledger when it is not there; `fill` writes the first into it. Raises UsageError."""
    if is_database(address):
        from mediakit.ledger.migration_postgres import PostgresStore  # noqa: PLC0415 - an extra

        PostgresStore.make(str(address), fill)
    else:
        from mediakit.ledger.migration_sqlite import SqliteStore  # noqa: PLC0415 - it is one or the other

        SqliteStore.make(Path(address), fill)
