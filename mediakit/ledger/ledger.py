"""One job, open for writing: rows come in, things happen to them; what a call did is kept when it returns.

Usable from several threads. A call that is interrupted has either done its work or left no trace of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from threading import Lock as ThreadLock
from types import TracebackType
from typing import Final, Self

from mediakit.ledger import reading
from mediakit.ledger.lock import Lock
from mediakit.ledger.store import bounded, check_soundness, door, stored, transaction
from mediakit.ledger.values import Happened, HistoryLine, JobFacts
from mediakit.transfer.row import Row, key_of
from mediakit.transfer.states import Happening, TransferState, after

Clock = Callable[[], datetime]

_BATCH: Final = 2_000
_DONE: Final = ", ".join(f"'{state.value}'" for state in TransferState if state.is_done)
_TAKEN: Final = ("source", "sop_class", "transfer_syntax", "path", "size", "study", "series")
_ADD: Final = (
    "INSERT INTO instance (position, key, source, sop_class, sop_instance, transfer_syntax, path, size,"  # noqa: S608
    " study, series, state, sent_as, code, words, rule, attempts, changed_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    f" ON CONFLICT (key) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _TAKEN)}"
    f" WHERE state NOT IN ({_DONE})"
)
_PLACE: Final = "UPDATE instance SET position = ? WHERE key = ?"
_ADDED: Final = (
    "INSERT INTO history (key, at, happening, was, now, code, words, rule)"
    " SELECT key, ?, 'added', '', state, code, words, rule FROM instance WHERE id > ? ORDER BY id"
)
_STATE: Final = "SELECT state FROM instance WHERE key = ?"
_HAPPEN: Final = (
    "INSERT INTO history (key, at, happening, was, now, sent_as, code, words, rule)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def now_utc() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


class Ledger:
    """One job, open for writing until `close`, which also leaving a `with` block does."""

    def __init__(self, path: Path, base: sqlite3.Connection, lock: Lock, clock: Clock) -> None:
        self.job_id = path.stem
        self._path = path
        self._base = base
        self._lock = lock
        self._clock = clock
        self._turn = ThreadLock()
        self._cursor = base.cursor()
        with door(path):
            self.facts: JobFacts = reading.facts_of(base)

    def add(self, rows: Iterable[Row], source: str) -> None:
        """Take in what stands on a medium, in physical order; `source` is how the user names the medium.

        New keys come in as they are. Known ones keep their state and take their place in this order; when
        they are not done, also where and how they stand on this medium. The row of a file that could not be
        read ("path:...") is superseded by one of the same path that has a UID. What comes is kept in steps of
        some thousand rows. Raises UsageError, SourceError.
        """
        left = iter(rows)
        while batch := list(islice(left, _BATCH)):
            with self._change():
                self._add(batch, source)

    def happen(
        self,
        key: str,
        happening: Happening,
        *,
        sent_as: str = "",
        code: int = 0,
        words: str = "",
        rule: str = "",
    ) -> TransferState:
        """Write down what happened to an instance, and return its state.

        It outlives the process from the moment that this returns. `code`, `words` and `rule` replace those of
        the last answer; a proof or denial without any leaves them. Raises ForbiddenTransition, KeyError when
        there is no such row, UsageError, SourceError.
        """
        at = self._now()
        said = (sent_as, code, bounded(words), rule)
        with self._turn, door(self._path):
            if self._base.in_transaction:  # an interrupted call left it open
                self._base.rollback()
            return self._happen(key, happening, at, said)

    def happen_all(
        self,
        keys: Iterable[str],
        happening: Happening,
        *,
        sent_as: str = "",
        code: int = 0,
        words: str = "",
        rule: str = "",
    ) -> None:
        """Write down that the same happened to many instances: to all or to none. Raises as `happen`."""
        self.happen_each(
            Happened(key=key, happening=happening, sent_as=sent_as, code=code, words=words, rule=rule)
            for key in keys
        )

    def happen_each(self, changes: Iterable[Happened]) -> None:
        """Write down what happened, in this order: all of it or nothing. Raises as `happen`."""
        at = self._now()
        every = list(changes)
        with self._change():
            for each in every:
                said = (each.sent_as, each.code, bounded(each.words), each.rule)
                self._happen(each.key, each.happening, at, said)

    def check(self) -> None:
        """Read all of the ledger before it is relied on. Raises SourceError when it is damaged."""
        with self._turn:
            check_soundness(self._base, self._path)

    def row(self, key: str) -> Row | None:
        """Return what is known of one instance."""
        with self._turn, door(self._path):
            return reading.row_of(self._base, key)

    def rows(
        self, states: Collection[TransferState] | None = None, *, source: str | None = None
    ) -> Iterator[Row]:
        """Yield the rows in physical order: all, those in some states, those last seen on one medium.

        Rows may be changed meanwhile: each is yielded once, as it is when its turn comes (within some hundred
        rows).
        """
        pages = reading.Pages(states, source)
        while page := self._page(pages):
            yield from page

    def counts(self) -> Mapping[TransferState, int]:
        """Return how many instances are in each state; no zeros."""
        with self._turn, door(self._path):
            return reading.counts_of(self._base)

    def history(self, key: str) -> tuple[HistoryLine, ...]:
        """Return every change of one instance, the first one first."""
        with self._turn, door(self._path):
            return reading.history_of(self._base, key)

    def keep(self, name: str, value: str) -> None:
        """Keep a small fact of the job under a name; it replaces the one before."""
        with self._change():
            self._base.execute(
                "INSERT OR REPLACE INTO kept (name, value) VALUES (?, ?)", (name, stored(value))
            )

    def kept(self, name: str) -> str | None:
        """Return the fact that was kept under a name."""
        with self._turn, door(self._path):
            return reading.kept_of(self._base, name)

    def end(self, outcome: str) -> None:
        """Write down how the job ended (the word of an outcome); "" makes it unfinished again."""
        at = self._now() if outcome else ""
        with self._change():
            self._base.executemany(
                "INSERT OR REPLACE INTO fact (name, value) VALUES (?, ?)",
                [("outcome", outcome), ("ended_at", at)],
            )

    def close(self) -> None:
        """Let go of the job. A second call does nothing."""
        try:
            with self._turn:
                self._base.close()
        finally:
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _now(self) -> str:
        return moment_text(self._clock())

    @contextmanager
    def _change(self) -> Iterator[None]:
        """Make many statements one transaction; see `store.transaction`."""
        with self._turn, door(self._path), transaction(self._base):
            yield

    def _happen(
        self, key: str, happening: Happening, at: str, said: tuple[str, int, str, str]
    ) -> TransferState:
        found = self._cursor.execute(_STATE, (stored(key),)).fetchone()
        if found is None:
            raise KeyError(key)
        was = TransferState(found[0])
        now = after(was, happening)
        self._cursor.execute(_HAPPEN, (stored(key), at, happening.value, was.value, now.value, *said))
        return now

    def _page(self, pages: reading.Pages) -> list[Row]:
        with self._turn, door(self._path):
            return pages.next(self._base)

    def _add(self, batch: list[Row], source: str) -> None:
        name = stored(source)
        self._base.execute("INSERT OR IGNORE INTO source (name) VALUES (?)", (name,))
        (source_id,) = self._base.execute("SELECT id FROM source WHERE name = ?", (name,)).fetchone()
        at = self._now()
        self._supersede(batch, at)
        (last,) = self._base.execute("SELECT coalesce(max(position), 0) FROM instance").fetchone()
        (known,) = self._base.execute("SELECT coalesce(max(id), 0) FROM instance").fetchone()
        self._base.executemany(
            _ADD,
            [
                (last + count, stored(row.key), source_id, *_item(row), *_standing(row), "")
                for count, row in enumerate(batch, start=1)
            ],
        )
        came = self._base.execute(_ADDED, (at, known)).rowcount
        if came < len(batch):
            self._base.executemany(
                _PLACE, [(last + count, stored(row.key)) for count, row in enumerate(batch, start=1)]
            )

    def _supersede(self, batch: list[Row], at: str) -> None:
        """Let the rows go whose files could not be read, and now can."""
        for row in batch:
            before = key_of("", row.item.path)
            if row.key == before or not row.item.sop_instance:
                continue
            found = self._cursor.execute(_STATE, (stored(before),)).fetchone()
            if found is None:
                continue
            words = bounded(f"now known as {row.item.sop_instance}")
            self._cursor.execute(_HAPPEN, (stored(before), at, "superseded", found[0], "", "", 0, words, ""))
            self._cursor.execute("DELETE FROM instance WHERE key = ?", (stored(before),))


def moment_text(moment: datetime) -> str:
    """Return a time as the ledger keeps it: ISO 8601, UTC, milliseconds, so that texts sort as times."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def _item(row: Row) -> tuple[str | bytes | int, ...]:
    item = row.item
    return (
        stored(item.sop_class),
        stored(item.sop_instance),
        stored(item.transfer_syntax),
        stored(item.path),
        item.size,
        stored(item.study),
        stored(item.series),
    )


def _standing(row: Row) -> tuple[str | bytes | int, ...]:
    return (row.state.value, row.sent_as, row.code, bounded(row.words), row.rule, row.attempts)
