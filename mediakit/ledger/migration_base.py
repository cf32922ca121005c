"""Where the ledger of a migration lies: a file of SQLite, or a database of PostgreSQL. What both can do.

An address is a path, or `postgresql://USER@HOST/DATABASE#NAME` as libpq reads it; NAME is the schema,
`mediakit` when none is given. No password stands in it: libpq has `~/.pgpass`, `PGPASSFILE` and `service=`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from mediakit.errors import UsageError

_T = TypeVar("_T")
_SCHEMES: Final = ("postgresql://", "postgres://")
#: Also with the one "/" that a path leaves of it.
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")
NO_LEDGER: Final = "there is no such ledger of a migration"


class Rows(Protocol):
    """What a statement gave."""

    @property
    def rowcount(self) -> int:
        """Return how many rows were changed."""

    def fetchone(self) -> Any:
        """Return the next row, or None."""

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""

    def __iter__(self) -> Iterator[Any]: ...


class Base(Protocol):
    """A database within one transaction. Values stand as `?` in statements."""

    def execute(self, statement: str, values: Sequence[Any] = ..., /) -> Rows:
        """Run a statement."""

    def executemany(self, statement: str, rows: Sequence[Sequence[Any]], /) -> object:
        """Run a statement for each of many rows of values."""


class Store(Protocol):
    """A database that holds a migration; usable from several threads. Raises UsageError, SourceError."""

    def change(self, work: Callable[[Base], _T]) -> _T:
        """Make what `work` does one change, whole or not at all, while nobody else changes anything.

        `work` may run again from its beginning when the connection was lost before the change was kept.
        """

    def look(self, work: Callable[[Base], _T]) -> _T:
        """Return what `work` reads, all of it of one moment."""

    def close(self) -> None:
        """Let go of the database. A second call does nothing."""


#: Told that the database does not answer, and when it answers again.
Told = Callable[[str], None]


def unheard(_words: str) -> None:
    """Hear that the database is away, and say nothing."""


def is_database(address: str | os.PathLike[str]) -> bool:
    """Return True for an address of PostgreSQL, False for a path. Raises UsageError for other schemes."""
    text = str(address)
    if text.startswith(_SCHEMES):
        return True
    scheme = _SCHEME.match(text)
    if scheme is not None:
        raise UsageError(
            "not an address of a ledger",
            where=f"{scheme[1]}://",  # what follows may have a password
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
