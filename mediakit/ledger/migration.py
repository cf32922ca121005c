"""The ledger of a migration: which discs there are, who works on which, and what became of every file.

It decides which disc brings an instance; how that goes to the destination is in the job of the disc. Usable
from several processes at once and from several threads of each: every call is one transaction. What a worker
reports counts only while the disc is still its own.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock as ThreadLock
from types import TracebackType
from typing import Any, Final, Self

from mediakit.errors import UsageError, mapped
from mediakit.ledger import migration_store as sql
from mediakit.ledger.ledger import Clock, moment_text, now_utc
from mediakit.ledger.migration_values import (
    DiscClaim,
    DiscState,
    InstanceState,
    MigrationFacts,
    SeenFile,
    SeenStudy,
    Share,
    Visit,
)
from mediakit.ledger.store import bounded, create, door, loaded, open_for_writing, stored, transaction
from mediakit.open_folder import sync_folder
from mediakit.outcome import State

MOST_DEATHS: Final = 5  # workers that may end while they work on one disc
_NOT_READ: Final = frozenset({State.UNREADABLE, State.MISSING})
_GAVE_UP: Final = "the process ended each time it worked on this disc"
_DESTINATION, _MAP, _CREATED = "destination", "map", "created_at"
_WORD, _HOLD, _AWAY = "word", "hold_until", "away_since"


class LeaseLost(Exception):  # noqa: N818 - reads as a sentence; never reaches a user
    """The disc is another worker's by now: what was to be written down is not."""


class Migration:
    """The ledger of a migration, open for writing until `close`."""

    def __init__(self, path: Path, base: sqlite3.Connection) -> None:
        self.path = path
        self._base = base
        self._turn = ThreadLock()

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a ledger that is there. Raises UsageError, SourceError."""
        if not path.is_file():
            raise UsageError("there is no such ledger of a migration", where=str(path))
        return cls(path, open_for_writing(path, sql.MIGRATION))

    @classmethod
    def begin(cls, path: Path, facts: MigrationFacts, clock: Clock = now_utc) -> Self:
        """Open a ledger, which is made when it is not there.

        Raises UsageError when it cannot be written, or is that of another destination or patient map.
        """
        with mapped({OSError: UsageError}, "the ledger cannot be written", str(path)):
            if not path.exists():
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                part = path.with_name(f".{path.name}.part")
                part.unlink(missing_ok=True)
                named = {
                    _DESTINATION: facts.destination,
                    _MAP: facts.map_digest,
                    _CREATED: moment_text(clock()),
                    _WORD: "run",
                    _HOLD: "0",
                    _AWAY: "0",
                }
                values = [(name, stored(value)) for name, value in named.items()]
                try:
                    create(
                        part,
                        lambda base: _fill(base, values),
                        sql.MIGRATION,
                    )
                    part.rename(path)
                    sync_folder(path.parent)
                except BaseException:
                    with suppress(OSError):
                        part.unlink(missing_ok=True)
                    raise
        migration = cls.open(path)
        try:
            migration.check(facts)
        except BaseException:
            migration.close()
            raise
        return migration

    def check(self, facts: MigrationFacts) -> None:
        """Raise UsageError when the ledger is that of another destination or patient map."""
        known = self.facts()
        if known.destination != facts.destination:
            raise UsageError(
                "this ledger is that of a migration to another destination",
                where=str(self.path),
                why=known.destination,
                hint="name another ledger with `--ledger`",
            )
        if known.map_digest != facts.map_digest:
            raise UsageError(
                "this migration was begun with another patient map",
                where=str(self.path),
                hint="go on with the same `--map`, or name another ledger with `--ledger`",
            )

    def facts(self) -> MigrationFacts:
        """Return what the migration was begun with."""
        return MigrationFacts(
            destination=self._fact(_DESTINATION), created_at=self._fact(_CREATED), map_digest=self._fact(_MAP)
        )

    def add_discs(self, paths: Iterable[str]) -> None:
        """Take in discs, in this order; those that are known stay as they are."""
        with self._change():
            self._base.executemany(
                "INSERT INTO disc (path, name) VALUES (?, ?) ON CONFLICT (path) DO NOTHING",
                [(stored(path), stored(path.rstrip("/").rpartition("/")[2])) for path in paths],
            )

    def set_first(self, wishes: Iterable[tuple[str, str]]) -> None:
        """Say what comes first: (kind, value), kinds are disc, patient_id, study_uid and accession."""
        with self._change():
            self._base.execute("DELETE FROM wish")
            self._base.executemany(
                "INSERT INTO wish (kind, value, rank) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                [(kind, stored(value), rank) for rank, (kind, value) in enumerate(wishes)],
            )
            self._base.execute(sql.RANK)

    def retry(self) -> int:
        """Give every disc that needs attention another turn, as if nobody had tried; return how many."""
        with self._change():
            return self._base.execute(
                "UPDATE disc SET state = 'waiting', not_before = 0, tries = 0, deaths = 0,"
                " retries = retries + 1 WHERE state IN ('partly', 'refused', 'unreadable', 'failed')"
            ).rowcount

    def say(self, word: str) -> None:
        """Write down whether discs may be begun: "run" or "pause"."""
        self._write_fact(_WORD, word)

    @property
    def is_paused(self) -> bool:
        """Return True when no disc may be begun."""
        return self._fact(_WORD) == "pause"

    def hold(self, seconds: float) -> None:
        """Let no disc begin for so long: the destination is away."""
        until = f"CAST({sql.NOW} + ? AS TEXT)" if seconds else "CAST(? AS TEXT)"
        with self._change():
            self._base.execute(f"UPDATE fact SET value = {until} WHERE name = ?", (seconds, _HOLD))  # noqa: S608

    def set_away(self, *, is_away: bool) -> None:
        """Write down whether the destination answers: how long it does not counts from the first time."""
        if not is_away and self._fact(_AWAY) == "0":
            return
        since = f"CASE value WHEN '0' THEN CAST({sql.NOW} AS TEXT) ELSE value END" if is_away else "'0'"
        with self._change():
            self._base.execute(f"UPDATE fact SET value = {since} WHERE name = ?", (_AWAY,))  # noqa: S608

    def is_given_up(self, most_s: float) -> bool:
        """Return True when the destination has been away for so long, or has never stored anything."""
        with self._turn, door(self.path):
            away_s = self._one(
                f"SELECT {sql.NOW} - CAST(value AS REAL) FROM fact WHERE name = ? AND value <> '0'",  # noqa: S608
                _AWAY,
            )
            if not isinstance(away_s, float):
                return False
            has_stored = self._one("SELECT 1 FROM instance WHERE state = 'stored' LIMIT 1") is not None
            return away_s > most_s or not has_stored

    def progress(self, *, is_inventory: bool = False) -> tuple[int, int]:
        """Return how many discs were worked through, and how many there are."""
        is_done = "is_inventoried = 1 OR " if is_inventory else ""
        with self._turn, door(self.path):
            done, total = self._row(
                f"SELECT coalesce(sum({is_done} state NOT IN ('waiting', 'running')), 0), count(*) FROM disc"  # noqa: S608
            )
            return int(done), int(total)

    def claim(self, owner: str, lease_s: float, *, is_inventory: bool = False) -> DiscClaim | None:
        """Take the next disc; None when there is none at the moment.

        First come those whose worker is gone. A disc that many of them did not survive is given up.
        """
        with self._change():
            while expired := self._one(sql.EXPIRED):
                (deaths,) = self._row(
                    "UPDATE disc SET deaths = deaths + 1, owner = '' WHERE id = ? RETURNING deaths", expired
                )
                if deaths < MOST_DEATHS:
                    return self._taken(expired, owner, lease_s)
                self._give_up(expired)
            held = self._one(f"SELECT CAST(value AS REAL) > {sql.NOW} FROM fact WHERE name = ?", _HOLD)  # noqa: S608
            if held:
                return None
            new = "AND is_inventoried = 0" if is_inventory else ""
            disc = self._one(sql.WAITING.format(new=new))
            return None if disc is None else self._taken(disc, owner, lease_s)

    def is_left(self, *, is_inventory: bool = False) -> bool:
        """Return True when a disc waits, or somebody works on one."""
        new = "AND is_inventoried = 0" if is_inventory else ""
        with self._turn, door(self.path):
            return (
                self._one(f"SELECT 1 FROM disc WHERE state = 'running' OR (state = 'waiting' {new}) LIMIT 1")  # noqa: S608
                is not None
            )

    def renew(self, claim: DiscClaim, lease_s: float) -> bool:
        """Make the lease last longer; return False when the disc is another worker's."""
        with self._change():
            return bool(
                self._base.execute(
                    f"UPDATE disc SET lease_until = {sql.NOW} + ? WHERE id = ? AND owner = ?",  # noqa: S608
                    (lease_s, claim.disc, claim.owner),
                ).rowcount
            )

    def bury(self, owner: str) -> None:
        """End the leases of a worker that is known to have ended."""
        with self._change():
            self._base.execute(
                "UPDATE disc SET lease_until = 0 WHERE owner = ? AND state = 'running'", (owner,)
            )

    def note_inventory(
        self, claim: DiscClaim, files: Sequence[SeenFile], studies: Iterable[SeenStudy], unsettled: int
    ) -> None:
        """Write down what is on a disc, before anything of it is sent. Raises LeaseLost.

        `unsettled` is how many of its files have no state: none, or there is a fault in mediakit.
        """
        with self._change():
            self._check_owner(claim)
            self._write_files(claim.disc, files)
            unread = [file.sop_instance for file in files if file.state in _NOT_READ and file.sop_instance]
            self._base.executemany(sql.WANT, [(stored(sop),) for sop in unread])
            self._base.execute("DELETE FROM study WHERE disc = ?", (claim.disc,))
            self._base.executemany(
                "INSERT INTO study VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                [(claim.disc, *_study(study)) for study in studies],
            )
            self._base.execute(
                "UPDATE disc SET is_inventoried = 1, unsettled = ? WHERE id = ?", (unsettled, claim.disc)
            )
            self._base.execute(f"{sql.RANK} WHERE id = ?", (claim.disc,))

    def share(self, claim: DiscClaim, digests: Mapping[str, str]) -> Mapping[str, Share]:
        """Claim the instances of a disc (digests by SOP Instance UID), and say of each whose it is.

        Raises LeaseLost.
        """
        shares: dict[str, Share] = {}
        with self._change():
            self._check_owner(claim)
            for sop, digest in sorted(digests.items()):
                taken = self._base.execute(sql.CLAIM, (stored(sop), digest, claim.disc)).fetchone()
                if taken is not None:
                    shares[sop] = Share(is_mine=True, is_retaken=bool(taken[0]))
                    continue
                known, state, disc, path = self._row(sql.HELD, stored(sop))
                shares[sop] = Share(
                    is_mine=disc == claim.disc,
                    state=InstanceState(state),
                    other="" if path is None else loaded(path),
                    is_other_data=known != digest,
                )
        return shares

    def settle(self, claim: DiscClaim, visit: Visit, wait_s: float = 0.0) -> None:
        """Write down what became of a disc: the states of its files and instances at once.

        What it could not bring is wanted again, and discs with a copy of it get another turn. A disc that
        comes again does so after `wait_s`. Raises LeaseLost.
        """
        with self._change():
            self._check_owner(claim)
            if visit.files:
                self._write_files(claim.disc, visit.files)
            self._base.executemany(
                "UPDATE instance SET state = ? WHERE sop = ? AND disc = ?",
                [(state.value, stored(sop), claim.disc) for sop, state in sorted(visit.instances.items())],
            )
            self._release(claim.disc, visit.wanted)
            state = visit.state
            if state.has_ended:
                self._let_go(claim.disc, visit.words)
            if state.has_ended and self._one(sql.LET_GO, claim.disc):
                state = DiscState.WAITING  # another disc let go of it meanwhile
            self._base.execute(
                f"UPDATE disc SET state = ?, owner = '', lease_until = 0, not_before = {sql.NOW} + ?,"  # noqa: S608
                " outcome = ?, words = ?, tries = tries + ?, deaths = 0 WHERE id = ?",
                (
                    state.value,
                    wait_s,
                    visit.outcome,
                    stored(bounded(visit.words)),
                    int(visit.counts_as_try),
                    claim.disc,
                ),
            )

    def tries(self, claim: DiscClaim) -> int:
        """Return how many times a disc was tried without an end."""
        with self._turn, door(self.path):
            return int(self._one("SELECT tries FROM disc WHERE id = ?", claim.disc) or 0)

    def close(self) -> None:
        """Let go of the ledger. A second call does nothing."""
        with self._turn:
            self._base.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _taken(self, disc: int, owner: str, lease_s: float) -> DiscClaim:
        number, path, visits, retries, is_inventoried = self._row(sql.TAKE, owner, lease_s, disc)
        rows = self._base.execute(
            "SELECT path, sop, digest FROM seen WHERE disc = ? AND digest <> ''", (disc,)
        )
        return DiscClaim(
            disc=int(number),
            path=loaded(path),
            owner=owner,
            visits=int(visits),
            retries=int(retries),
            is_inventoried=bool(is_inventoried),
            digests={(loaded(place), loaded(sop)): str(digest) for place, sop, digest in rows},
        )

    def _let_go(self, disc: int, words: str) -> None:
        """Leave to other discs what a disc that has ended claimed and did not bring."""
        sops = self._base.execute(
            "SELECT sop FROM instance WHERE disc = ? AND state = 'claimed'", (disc,)
        ).fetchall()
        self._release(disc, [loaded(sop) for (sop,) in sops])
        self._base.execute(
            "UPDATE seen SET state = 'unsent', words = ? WHERE disc = ? AND state = 'planned'",
            (stored(bounded(words)), disc),
        )

    def _give_up(self, disc: int) -> None:
        self._let_go(disc, _GAVE_UP)
        self._base.execute(
            "UPDATE disc SET state = 'failed', owner = '', outcome = 'fault', words = ? WHERE id = ?",
            (_GAVE_UP, disc),
        )

    def _release(self, disc: int, sops: Collection[str]) -> None:
        for sop in sorted(sops):
            self._base.execute(sql.WANT, (stored(sop),))
            if self._base.execute(sql.RELEASE, (stored(sop), disc)).rowcount:
                self._base.execute(sql.REOPEN, (disc, stored(sop)))

    def _write_files(self, disc: int, files: Iterable[SeenFile]) -> None:
        self._base.execute("DELETE FROM seen WHERE disc = ?", (disc,))
        self._base.executemany(
            "INSERT INTO seen (disc, path, sop, digest, size, state, words) VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(disc, *_file(file)) for file in files],
        )

    def _check_owner(self, claim: DiscClaim) -> None:
        if self._one("SELECT owner FROM disc WHERE id = ?", claim.disc) != claim.owner:
            raise LeaseLost

    def _fact(self, name: str) -> str:
        with self._turn, door(self.path):
            return loaded(self._one("SELECT value FROM fact WHERE name = ?", name))

    def _write_fact(self, name: str, value: str) -> None:
        with self._change():
            self._base.execute("UPDATE fact SET value = ? WHERE name = ?", (value, name))

    def _one(self, statement: str, *values: object) -> Any:
        found = self._base.execute(statement, values).fetchone()
        return None if found is None else found[0]

    def _row(self, statement: str, *values: object) -> tuple[Any, ...]:
        found: tuple[Any, ...] = self._base.execute(statement, values).fetchone()
        return found

    @contextmanager
    def _change(self) -> Iterator[None]:
        """Make many statements one transaction; see `store.transaction`."""
        with self._turn, door(self.path), transaction(self._base):
            yield


def _fill(base: sqlite3.Connection, values: list[tuple[str, str | bytes]]) -> None:
    base.executemany("INSERT INTO fact (name, value) VALUES (?, ?)", values)


def _file(file: SeenFile) -> tuple[str | bytes | int, ...]:
    return (
        stored(file.path),
        stored(file.sop_instance),
        file.digest,
        file.size,
        file.state.value,
        stored(bounded(file.words)),
    )


def _study(study: SeenStudy) -> tuple[str | bytes | int, ...]:
    return (
        stored(study.study),
        stored(study.patient_id),
        stored(study.date),
        stored(study.accession),
        stored(study.modalities),
        study.instances,
    )
