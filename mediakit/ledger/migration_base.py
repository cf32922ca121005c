"""What a database has to do that holds the ledger of a migration: SQLite and PostgreSQL both do it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Protocol, TypeVar

_T = TypeVar("_T")
ANSWERS_AGAIN: Final = "the database of the ledger answers again"
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


#: Told that the database does not answer, and when it answers again (`ANSWERS_AGAIN`).
Told = Callable[[str], None]


def unheard(_words: str) -> None:
    """Hear that the database is away, and say nothing."""
