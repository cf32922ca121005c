"""The file of a job: its schema, how it is made and opened, and what the errors of SQLite mean.

The history is the record, and an instance is what its history adds up to: a trigger carries every line of the
history over to the instance, so one statement makes one change, whole or not at all. Nothing here knows what
a change means.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mediakit.errors import MediakitError, SourceError, UsageError

SCHEMA_VERSION: Final = 1
_APPLICATION_ID: Final = 0x4D4B4C44  # "MKLD", in the header of the file (SQLite file format 1.3)
_PAGE_BYTES: Final = 1024  # a change writes two pages: small ones cost less
_CHECKPOINT_PAGES: Final = 16_384  # only a checkpoint waits for the disk
_CACHE_KIB: Final = 16_384
_BUSY_S: Final = 10.0  # a reader may have to wait for a checkpoint
_WORDS: Final = 256
_FULL: Final = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN})
_ANOTHER_PLACE: Final = "make room there, or name another folder with `--state`"

_SCHEMA: Final = """
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE kept (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE source (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE instance (
    id INTEGER PRIMARY KEY,
    position INTEGER NOT NULL,
    key TEXT NOT NULL UNIQUE,
    source INTEGER NOT NULL REFERENCES source (id),
    sop_class TEXT NOT NULL,
    sop_instance TEXT NOT NULL,
    transfer_syntax TEXT NOT NULL,
    path TEXT NOT NULL,
    size INTEGER NOT NULL,
    study TEXT NOT NULL,
    series TEXT NOT NULL,
    state TEXT NOT NULL,
    sent_as TEXT NOT NULL,
    code INTEGER NOT NULL,
    words TEXT NOT NULL,
    rule TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    changed_at TEXT NOT NULL
);
CREATE INDEX instance_position ON instance (position);
CREATE TABLE history (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    at TEXT NOT NULL,
    happening TEXT NOT NULL,
    was TEXT NOT NULL,
    now TEXT NOT NULL,
    sent_as TEXT NOT NULL DEFAULT '',
    code INTEGER NOT NULL DEFAULT 0,
    words TEXT NOT NULL DEFAULT '',
    rule TEXT NOT NULL DEFAULT ''
);
CREATE TRIGGER happened AFTER INSERT ON history WHEN new.was <> '' AND new.now <> ''
BEGIN
    UPDATE instance SET
        state = new.now,
        changed_at = new.at,
        attempts = attempts + (new.happening = 'send') - (new.happening = 'held-back'),
        sent_as = CASE WHEN new.sent_as <> '' THEN new.sent_as
                       WHEN new.happening = 'again' THEN '' ELSE sent_as END,
        (code, words, rule) = (
            SELECT code, words, rule
            WHERE new.happening IN ('proven', 'denied') AND new.code = 0 AND new.words = '' AND new.rule = ''
            UNION ALL
            SELECT new.code, new.words, new.rule
        )
    WHERE key = new.key;
END;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What sort of ledger a file is: its number in the header, the version of its schema, the schema."""

    application_id: int
    version: int
    schema: str


JOB: Final = Kind(application_id=_APPLICATION_ID, version=SCHEMA_VERSION, schema=_SCHEMA)


def stored(text: str) -> str | bytes:
    """Return how a text is kept: as it is, or as bytes where a name on the medium is no valid Unicode."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def loaded(value: object) -> str:
    """Return the text that `stored` gave. Raises ValueError when it is none."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogatepass")
    raise ValueError("not a text")


def bounded(words: str) -> str:
    """Return the words of a peer as the ledger keeps them: printable, and not too many."""
    words = words[: 2 * _WORDS]
    if not words.isprintable():
        words = "".join(letter if letter.isprintable() else " " for letter in words)
    return words.strip()[:_WORDS]


@contextmanager
def door(path: Path) -> Iterator[None]:
    """Turn what SQLite and wrong values raise into ours: SourceError when the ledger is damaged."""
    try:
        yield
    except sqlite3.ProgrammingError:
        raise  # a fault of ours: a ledger was used after it was closed
    except sqlite3.DatabaseError as exc:
        raise _meant(exc, path) from exc
    except (ValueError, TypeError, OverflowError, sqlite3.Error) as exc:
        raise _damaged(path, str(exc)) from exc


@contextmanager
def transaction(base: sqlite3.Connection, kind: str = "IMMEDIATE") -> Iterator[None]:
    """Make many statements one change: whole, or not at all, also when it is interrupted.

    A transaction of the `kind` DEFERRED reads: all that it sees is of one moment.
    """
    if base.in_transaction:
        base.rollback()
    try:
        base.execute(f"BEGIN {kind}")
        yield
        base.execute("COMMIT")
    except BaseException:
        if base.in_transaction:
            base.rollback()
        raise


def _meant(exc: sqlite3.DatabaseError, path: Path) -> MediakitError:
    primary = getattr(exc, "sqlite_errorcode", 0) & 0xFF
    if primary in _FULL:
        return UsageError(
            "the ledger cannot be opened or written",
            where=str(path),
            why=str(exc),
            hint=_ANOTHER_PLACE,
        )
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return UsageError("the ledger is in use", where=str(path), why=str(exc))
    if primary == sqlite3.SQLITE_IOERR:
        return UsageError(
            "the disk of the ledger is full, or answers with errors",
            where=str(path),
            why=str(exc),
            hint=_ANOTHER_PLACE,
        )
    return _damaged(path, str(exc))


def _damaged(path: Path, why: str) -> SourceError:
    return SourceError(
        "the ledger is damaged",
        where=str(path),
        why=why,
        hint="start a new import: what the destination has already is found again there",
    )


def create(path: Path, fill: Callable[[sqlite3.Connection], None], kind: Kind = JOB) -> None:
    """Make a ledger that only its owner can read; `fill` writes the first into it. Raises OSError, ours."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    with door(path), closing(_connected(path, "rw")) as base:
        base.execute(f"PRAGMA page_size={_PAGE_BYTES}")
        base.execute(f"PRAGMA application_id={kind.application_id}")
        base.execute(f"PRAGMA user_version={kind.version}")
        base.executescript(kind.schema)
        fill(base)


def open_for_writing(path: Path, kind: Kind = JOB) -> sqlite3.Connection:
    """Open a ledger: what is committed survives the death of the process. Raises UsageError, SourceError."""
    with door(path):
        base = _connected(path, "rw")
        try:
            _check_kind(base, path, kind)
            base.execute("PRAGMA journal_mode=WAL")
            base.execute("PRAGMA synchronous=NORMAL")
            base.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
            base.execute(f"PRAGMA cache_size={-_CACHE_KIB}")
        except BaseException:
            base.close()
            raise
        return base


@contextmanager
def open_for_reading(path: Path, kind: Kind = JOB) -> Iterator[sqlite3.Connection]:
    """Open a ledger that may be at work elsewhere; nothing is changed. Raises UsageError, SourceError."""
    with door(path), closing(open_to_read(path, kind)) as base:
        yield base


def open_to_read(path: Path, kind: Kind = JOB) -> sqlite3.Connection:
    """Open a ledger as `open_for_reading`, until it is closed."""
    with door(path):
        base = _connected(path, "ro")
        try:
            _check_kind(base, path, kind)
        except BaseException:
            base.close()
            raise
        return base


def check_soundness(base: sqlite3.Connection, path: Path) -> None:
    """Read all of a ledger before it is relied on. Raises SourceError when it is damaged."""
    with door(path):
        (said,) = base.execute("PRAGMA quick_check(1)").fetchone()
        if said != "ok":
            raise _damaged(path, bounded(str(said)))


def _connected(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=_BUSY_S,
        isolation_level=None,  # a statement is a transaction, unless one is begun
        check_same_thread=False,
    )


def _check_kind(base: sqlite3.Connection, path: Path, kind: Kind) -> None:
    (application_id,) = base.execute("PRAGMA application_id").fetchone()
    (version,) = base.execute("PRAGMA user_version").fetchone()
    if application_id != kind.application_id:
        raise _damaged(path, "it is no ledger of mediakit")
    if version != kind.version:
        raise UsageError(
            f"the ledger has schema version {version}, and this mediakit knows {kind.version}",
            where=str(path),
            hint="use the mediakit that wrote it, or a newer one",
        )
