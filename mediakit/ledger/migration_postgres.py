"""The ledger of a migration in a database of PostgreSQL: for several machines. The only door to psycopg.

One change after the other, as in SQLite: a lock of the database is held until a change is kept. A database
that restarts or does not answer is waited for, and a change is made again unless the database has kept it,
which it is asked for by the number of the transaction (`pg_xact_status`, PostgreSQL 13).
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, Self, TypeVar
from urllib.parse import urldefrag

from mediakit.errors import MediakitError, UsageError
from mediakit.ledger import migration_store as sql
from mediakit.ledger.migration_base import ANSWERS_AGAIN, NO_LEDGER, Base, Rows, Told, unheard

try:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict
except ImportError as exc:  # the extra is not installed
    raise UsageError(
        "a ledger in PostgreSQL needs the package psycopg",
        hint="install it with `pip install 'dicom-mediakit[cluster]'`",
    ) from exc

_T = TypeVar("_T")
_Connection = psycopg.Connection[tuple[Any, ...]]
_SCHEMA: Final = "mediakit"
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,40}")
_FIRST_PAUSE_S, _MOST_PAUSE_S = 0.2, 3.0
_CONNECT_S: Final = 10
#: A peer that vanished must not hold the lock for ever, nor be waited for: seconds, on either side.
_SILENCE_S: Final = 30
_SESSION: Final = (
    f"SET idle_in_transaction_session_timeout = '{_SILENCE_S}s'",
    "SET synchronous_commit = on",
    "SET client_min_messages = warning",
)
_ALIVE: Final[dict[str, Any]] = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": _SILENCE_S * 1000,
}
#: Workers that live through a restart need a moment to renew their leases: none ends before that.
_FUNCTIONS: Final = (
    """CREATE FUNCTION now_s() RETURNS double precision LANGUAGE sql VOLATILE
    AS 'SELECT extract(epoch FROM clock_timestamp())::double precision'""",
    """CREATE FUNCTION leases_end_s() RETURNS double precision LANGUAGE sql VOLATILE
    AS 'SELECT CASE WHEN clock_timestamp() - pg_postmaster_start_time() < interval ''10 s'' THEN 0
    ELSE extract(epoch FROM clock_timestamp())::double precision END'""",
)
#: Begins a text that PostgreSQL would not keep as it is: the hexadecimal bytes follow.
_BYTES: Final = "\x01"


class PostgresStore:
    """A database of PostgreSQL. Connects again by itself."""

    def __init__(self, address: str, away_most_s: float, tell: Told) -> None:
        self._address, self._schema = _parts(address)
        self._shown = address
        self._key = int.from_bytes(hashlib.sha256(self._schema.encode()).digest()[:8], "big", signed=True)
        self._away_most_s = away_most_s
        self._tell = tell
        self._turn = threading.Lock()
        self._base: _Connection | None = None

    @classmethod
    def open(cls, address: str, away_most_s: float, tell: Told) -> Self:
        """Open a ledger that is there. Raises UsageError."""
        store = cls(address, away_most_s, tell)
        try:
            if not store.look(_is_there):
                raise UsageError(NO_LEDGER, where=address)
            store.look(store._check_version)
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def make(cls, address: str, fill: Callable[[Base], None]) -> None:
        """Make the schema and its tables when they are not there. Raises UsageError."""
        store = cls(address, 0.0, unheard)
        try:
            store.change(lambda base: store._make(base, fill))
        finally:
            store.close()

    def change(self, work: Callable[[Base], _T]) -> _T:
        """Make what `work` does one change; see `Store`."""
        attempt: Callable[[_Connection], _T] = _Attempt(self._key, work)
        return self._patiently(attempt)

    def look(self, work: Callable[[Base], _T]) -> _T:
        """Return what `work` reads; see `Store`."""

        def reads(connection: _Connection) -> _T:
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            found = work(_Session(connection))
            connection.execute("COMMIT")
            return found

        return self._patiently(reads)

    def close(self) -> None:
        """Close the connection."""
        with self._turn:
            self._forget()

    def _patiently(self, work: Callable[[_Connection], _T]) -> _T:
        """Run `work` in one transaction, again when the connection was lost or others were in the way."""
        until = time.monotonic() + self._away_most_s
        pause_s, was_told = _FIRST_PAUSE_S, False
        while True:
            try:
                found = self._once(work)
            except _Passing as exc:
                if time.monotonic() >= until:
                    raise self._meant(exc.cause) from exc.cause
                if exc.is_away and not was_told:
                    self._tell(
                        f"the database of the ledger does not answer: {_said(exc.cause)}\n"
                        f"it is waited for, {self._away_most_s / 60:.0f} min at most"
                    )
                    was_told = True
            else:
                if was_told:
                    self._tell(ANSWERS_AGAIN)
                return found
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _MOST_PAUSE_S)

    def _once(self, work: Callable[[_Connection], _T]) -> _T:
        with self._turn:
            try:
                connection = self._connected()
            except psycopg.OperationalError as exc:
                self._forget()
                raise _Passing(exc, is_away=True) from exc
            except psycopg.Error as exc:  # libpq does not understand the address
                raise self._meant(exc) from exc
            try:
                return work(connection)
            except psycopg.Error as exc:
                if connection.closed or connection.broken:
                    self._forget()
                    raise _Passing(exc, is_away=True) from exc
                if isinstance(exc, (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)):
                    raise _Passing(exc, is_away=False) from exc
                raise self._meant(exc) from exc
            except _StillKept as exc:
                raise _Passing(exc, is_away=False) from exc
            finally:
                self._end_transaction()

    def _connected(self) -> _Connection:
        if self._base is None:
            self._base = psycopg.connect(
                self._address,
                autocommit=True,
                connect_timeout=_CONNECT_S,
                client_encoding="UTF8",
                application_name="mediakit migrate",
                row_factory=_rows,
                **_ALIVE,
            )
            for statement in (*_SESSION, f'SET search_path = "{self._schema}"'):
                self._base.execute(statement)
        return self._base

    def _end_transaction(self) -> None:
        """Leave no transaction open, whatever ended it; a connection that cannot end one is given up."""
        if self._base is None or self._base.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
            return
        try:
            self._base.execute("ROLLBACK")
        except psycopg.Error:
            self._forget()

    def _forget(self) -> None:
        if self._base is not None:
            with suppress(psycopg.Error):
                self._base.close()
            self._base = None

    def _make(self, base: Base, fill: Callable[[Base], None]) -> None:
        (encoding,) = base.execute("SHOW server_encoding").fetchone()
        if encoding != "UTF8":
            raise UsageError(
                "the database of the ledger must be one of UTF-8", where=self._shown, why=f"it is {encoding}"
            )
        base.execute(f'CREATE SCHEMA IF NOT EXISTS "{self._schema}"')
        if _is_there(base):
            return
        schema = sql.SCHEMA.format(number="INTEGER GENERATED BY DEFAULT AS IDENTITY", by_key="")
        for statement in (*_FUNCTIONS, *schema.split(";")):
            if statement.strip():
                base.execute(statement)
        base.execute("INSERT INTO fact (name, value) VALUES ('version', ?)", (str(sql.VERSION),))
        fill(base)

    def _check_version(self, base: Base) -> None:
        found = base.execute("SELECT value FROM fact WHERE name = 'version'").fetchone()
        if found is None or found[0] != str(sql.VERSION):
            raise UsageError(
                f"the ledger has another schema version than {sql.VERSION}, which this mediakit knows",
                where=self._shown,
                hint="use the mediakit that wrote it, or a newer one",
            )

    def _meant(self, exc: BaseException) -> MediakitError:
        hint = ""
        if "password" in str(exc) or isinstance(exc, psycopg.errors.InvalidPassword):
            hint = "put the password into ~/.pgpass, or name a file with PGPASSFILE"
        return UsageError(
            "the database of the ledger cannot be used", where=self._shown, why=_said(exc), hint=hint
        )


class _Attempt:
    """A change, as often as it takes: once it was to be kept, the database is asked whether it was."""

    def __init__(self, key: int, work: Callable[[Base], Any]) -> None:
        self._key = key
        self._work = work
        self._sent = ""  # the number of the transaction whose end was not heard of
        self._found: Any = None

    def __call__(self, connection: _Connection) -> Any:
        if self._sent and self._is_kept(connection):
            return self._found
        connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
        row = connection.execute(
            "SELECT pg_current_xact_id()::text FROM pg_advisory_xact_lock(%s)", (self._key,)
        ).fetchone()
        self._found = self._work(_Session(connection))
        self._sent = "" if row is None else str(row[0])
        connection.execute("COMMIT")
        self._sent = ""
        return self._found

    def _is_kept(self, connection: _Connection) -> bool:
        row = connection.execute("SELECT pg_xact_status(%s::xid8)", (self._sent,)).fetchone()
        status = None if row is None else row[0]
        if status == "in progress":
            raise _StillKept("an earlier connection is not at its end yet")
        self._sent = ""
        return status == "committed"


class _StillKept(Exception):  # noqa: N818 - never reaches a user
    """The database has not decided yet about the change of a connection that was lost."""


class _Passing(Exception):  # noqa: N818 - never reaches a user
    """What may be over when it is tried again."""

    def __init__(self, cause: Exception, *, is_away: bool) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.is_away = is_away


class _Session:
    """A connection that is given the statements of SQLite, and bytes where a text is no Unicode."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> Rows:
        """Run a statement."""
        return self._connection.execute(_query(statement), [_kept(value) for value in values] or None)

    def executemany(self, statement: str, rows: Sequence[Sequence[Any]], /) -> object:
        """Run a statement for each of many rows of values."""
        if rows:
            values = [[_kept(value) for value in row] for row in rows]
            self._connection.cursor().executemany(_query(statement), values)
        return None


def _query(statement: str) -> bytes:
    return statement.replace("?", "%s").encode()


def _kept(value: Any) -> Any:
    """Return a value as PostgreSQL keeps it: texts hold no NUL and are Unicode."""
    if isinstance(value, str):
        if "\0" not in value and not value.startswith(_BYTES):
            return value
        value = value.encode()
    return _BYTES + value.hex() if isinstance(value, bytes) else value


def _rows(_cursor: object) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    return lambda values: tuple(_given(value) for value in values)


def _given(value: Any) -> Any:
    """Return what `_kept` was given."""
    return bytes.fromhex(value[1:]) if isinstance(value, str) and value.startswith(_BYTES) else value


def _is_there(base: Base) -> bool:
    return bool(base.execute("SELECT to_regclass('fact') IS NOT NULL").fetchone()[0])


def _parts(address: str) -> tuple[str, str]:
    """Return what libpq is given, and the name of the schema. Raises UsageError."""
    # Before anything is taken apart: libpq cuts at other places than a URL library does.
    before_at, at, _ = address.partition("://")[2].rpartition("@")
    if (at and ":" in before_at) or "password" in address.partition("?")[2].lower():
        raise _has_password()
    plain, name = urldefrag(address)
    try:
        found = conninfo_to_dict(plain)
    except psycopg.Error as exc:
        raise UsageError("not an address of a database", where="postgresql://") from exc
    if any("password" in key for key in found):
        raise _has_password()
    if name and not _NAME.fullmatch(name):
        raise UsageError(
            "not a name for a ledger", where=address, hint="small letters, digits and _ after the #"
        )
    return plain, name or _SCHEMA


def _has_password() -> UsageError:
    return UsageError(
        "a password does not belong into the address of a ledger",
        where="postgresql://",  # not shown
        why="others see command lines, and reports name the ledger",
        hint="put it into ~/.pgpass, or name a file with PGPASSFILE or a service",
    )


def _said(exc: BaseException) -> str:
    """Return the first line of what the database said."""
    lines = str(exc).strip().splitlines()
    return lines[0] if lines else type(exc).__name__
