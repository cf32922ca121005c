"""What is asked of an open ledger: its facts, rows, counts and history. Queries only."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from mediakit.ledger.store import loaded, stored
from mediakit.ledger.values import HistoryLine, JobFacts
from mediakit.transfer.outgoing import Outgoing
from mediakit.transfer.row import Row
from mediakit.transfer.states import TransferState

_PAGE: Final = 500
_COLUMNS: Final = (
    "key, sop_class, sop_instance, transfer_syntax, path, size, study, series,"
    " state, sent_as, code, words, rule, attempts, changed_at"
)
_ROW: Final = f"SELECT {_COLUMNS} FROM instance WHERE key = ?"  # noqa: S608 - constants
_ROWS: Final = (
    f"SELECT position, id, {_COLUMNS} FROM instance WHERE (position, id) > (?, ?)"  # noqa: S608 - constants
    " AND (? OR state IN (SELECT value FROM json_each(?)))"
    " AND (? OR source = (SELECT id FROM source WHERE name = ?)) ORDER BY position, id LIMIT ?"
)


def row_of(base: sqlite3.Connection, key: str) -> Row | None:
    """Return what is known of one instance."""
    values = base.execute(_ROW, (stored(key),)).fetchone()
    return None if values is None else _row(values)


class Pages:
    """Walks over the rows in pages, in the order of the medium; no cursor stays open between two of them."""

    def __init__(self, states: Collection[TransferState] | None, source: str | None) -> None:
        names = json.dumps(sorted(state.value for state in states or ()))
        self._asked = (states is None, names, source is None, stored(source or ""))
        self._last: tuple[int, int] = (-1, -1)

    def next(self, base: sqlite3.Connection) -> list[Row]:
        """Return the next rows; an empty list when there are no more."""
        found = base.execute(_ROWS, (*self._last, *self._asked, _PAGE)).fetchall()
        if found:
            self._last = found[-1][:2]
        return [_row(values[2:]) for values in found]


def keys_of(base: sqlite3.Connection) -> Iterator[str]:
    """Yield the keys of all rows."""
    return (loaded(key) for (key,) in base.execute("SELECT key FROM instance"))


def counts_of(base: sqlite3.Connection) -> Mapping[TransferState, int]:
    """Return how many instances are in each state, in the order of `TransferState`; no zeros."""
    found = dict(base.execute("SELECT state, count(*) FROM instance GROUP BY state").fetchall())
    known = {TransferState(name): int(count) for name, count in found.items()}
    return {state: known[state] for state in TransferState if state in known}


def history_of(base: sqlite3.Connection, key: str) -> tuple[HistoryLine, ...]:
    """Return every change of one instance, the first one first."""
    found = base.execute(
        "SELECT at, happening, was, now, sent_as, code, words, rule FROM history WHERE key = ? ORDER BY id",
        (stored(key),),
    ).fetchall()
    return tuple(
        HistoryLine(
            key=key,
            at=loaded(at),
            happening=loaded(happening),
            was=loaded(was),
            now=loaded(now),
            sent_as=loaded(sent_as),
            code=int(code),
            words=loaded(words),
            rule=loaded(rule),
        )
        for at, happening, was, now, sent_as, code, words, rule in found
    )


def facts_of(base: sqlite3.Connection) -> JobFacts:
    """Return what the job was begun with. Raises ValueError when that does not stand there."""
    named = _named(base)
    options = json.loads(named.get("options", "{}"))
    if not isinstance(options, dict) or "destination" not in named:
        raise ValueError("it does not say what it is about")
    return JobFacts(
        source=named.get("source", ""),
        destination=named["destination"],
        created_at=named.get("created_at", ""),
        calling_ae=named.get("calling_ae", ""),
        options={str(name): str(value) for name, value in options.items()},
    )


def end_of(base: sqlite3.Connection) -> tuple[str, str]:
    """Return the outcome ("" while there is none), and when the job changed last."""
    named = _named(base)
    last = base.execute("SELECT at FROM history ORDER BY id DESC LIMIT 1").fetchone()
    moments = [named.get("created_at", ""), named.get("ended_at", ""), loaded(last[0]) if last else ""]
    return named.get("outcome", ""), max(moments)


def kept_of(base: sqlite3.Connection, name: str) -> str | None:
    """Return a small fact that was kept under this name."""
    found = base.execute("SELECT value FROM kept WHERE name = ?", (name,)).fetchone()
    return None if found is None else loaded(found[0])


def write_facts(base: sqlite3.Connection, facts: JobFacts) -> None:
    """Write down what a job is begun with."""
    named = {
        "source": facts.source,
        "destination": facts.destination,
        "created_at": facts.created_at,
        "calling_ae": facts.calling_ae,
        "options": json.dumps(dict(facts.options)),
    }
    base.executemany(
        "INSERT INTO fact (name, value) VALUES (?, ?)",
        [(name, stored(value)) for name, value in named.items()],
    )


def _named(base: sqlite3.Connection) -> dict[str, str]:
    return {loaded(name): loaded(value) for name, value in base.execute("SELECT name, value FROM fact")}


def _row(values: tuple[Any, ...]) -> Row:
    size, state, code, attempts = values[5], values[8], values[10], values[13]
    text = [loaded(value) if not isinstance(value, int) else "" for value in values]
    return Row(
        key=text[0],
        item=Outgoing(
            sop_class=text[1],
            sop_instance=text[2],
            transfer_syntax=text[3],
            path=text[4],
            size=int(size),
            study=text[6],
            series=text[7],
        ),
        state=TransferState(state),
        sent_as=text[9],
        code=int(code),
        words=text[11],
        rule=text[12],
        attempts=int(attempts),
        changed_at=text[14],
    )
