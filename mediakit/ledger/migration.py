"""The ledger of a migration: which discs there are, who works on which, and what became of every file.

It decides which disc brings an instance; how that goes to the destination is in the job of the disc. Usable
from several processes at once and from several threads of each: every call is one transaction. What a worker
reports counts only while the disc is still its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from types import TracebackType
from typing import Concatenate, Final, ParamSpec, Self, TypeVar

from mediakit.errors import UsageError
from mediakit.ledger import migration_steps as steps
from mediakit.ledger import migration_store as sql
from mediakit.ledger.ledger import Clock, moment_text, now_utc
from mediakit.ledger.migration_address import make_at, store_at
from mediakit.ledger.migration_base import Base, Store, Told, unheard
from mediakit.ledger.migration_values import (
    DiscClaim,
    DiscState,
    MigrationFacts,
    SeenFile,
    SeenStudy,
    Share,
    Visit,
)
from mediakit.ledger.same_destination import identity_of
from mediakit.ledger.store import bounded, loaded, stored
from mediakit.outcome import State

_P = ParamSpec("_P")
_T = TypeVar("_T")
_MANY: Final = 200  # instances that are claimed by one statement
_MOMENT_S: Final = 0.25  # longer than it takes to see that a disc is not there
MOST_DEATHS: Final = 5  # workers that may end while they work on one disc
_NOT_READ: Final = frozenset({State.UNREADABLE, State.MISSING})
_DESTINATION, _MAP, _CREATED = "destination", "map", "created_at"
_WORD, _HOLD, _AWAY = "word", "hold_until", "away_since"


def _change(
    method: Callable[Concatenate[Migration, Base, _P], _T],
) -> Callable[Concatenate[Migration, _P], _T]:
    """Make a method one change of the ledger. It may run again: what it is given must last for that."""

    @wraps(method)
    def whole(self: Migration, /, *args: _P.args, **named: _P.kwargs) -> _T:
        return self.store.change(lambda base: method(self, base, *args, **named))

    return whole


def _look(
    method: Callable[Concatenate[Migration, Base, _P], _T],
) -> Callable[Concatenate[Migration, _P], _T]:
    """Make all that a method reads be of one moment."""

    @wraps(method)
    def whole(self: Migration, /, *args: _P.args, **named: _P.kwargs) -> _T:
        return self.store.look(lambda base: method(self, base, *args, **named))

    return whole


class Migration:
    """The ledger of a migration, open for writing until `close`. `address` tells where it lies."""

    def __init__(self, address: str | os.PathLike[str], store: Store) -> None:
        self.address = str(address)
        self.store = store

    @classmethod
    def open(cls, address: str | os.PathLike[str], away_most_s: float = 0.0, tell: Told = unheard) -> Self:
        """Open a ledger that is there.

        A database that does not answer is waited for, `away_most_s` at most, now and later; `tell` hears of
        it. Raises UsageError, SourceError.
        """
        return cls(address, store_at(address, away_most_s, tell))

    @classmethod
    def begin(cls, address: str | os.PathLike[str], facts: MigrationFacts, clock: Clock = now_utc) -> Self:
        """Open a ledger, which is made when it is not there.

        Raises UsageError when it cannot be written, or is that of another destination or patient map.
        """
        named = {
            _DESTINATION: facts.destination,
            _MAP: facts.map_digest,
            _CREATED: moment_text(clock()),
            _WORD: "run",
            _HOLD: "0",
            _AWAY: "0",
        }
        values = [(name, stored(value)) for name, value in named.items()]

        def fill(base: Base) -> None:
            base.executemany("INSERT INTO fact (name, value) VALUES (?, ?)", values)

        make_at(address, fill)
        migration = cls.open(address)
        try:
            migration.check(facts)
        except BaseException:
            migration.close()
            raise
        return migration

    def check(self, facts: MigrationFacts) -> None:
        """Raise UsageError when the ledger is that of another destination or patient map."""
        known = self.facts()
        if identity_of(known.destination) != identity_of(facts.destination):
            raise UsageError(
                "this ledger is that of a migration to another destination",
                where=self.address,
                why=known.destination,
                hint="name another ledger with `--ledger`",
            )
        if known.map_digest != facts.map_digest:
            raise UsageError(
                "this migration was begun with another patient map",
                where=self.address,
                hint="go on with the same `--map`, or name another ledger with `--ledger`",
            )

    def facts(self) -> MigrationFacts:
        """Return what the migration was begun with."""
        return MigrationFacts(
            destination=self._fact(_DESTINATION), created_at=self._fact(_CREATED), map_digest=self._fact(_MAP)
        )

    @_change
    def add_discs(self, base: Base, paths: Sequence[str]) -> None:
        """Take in discs, in this order; those that are known stay as they are."""
        base.executemany(
            "INSERT INTO disc (path, name) VALUES (?, ?) ON CONFLICT (path) DO NOTHING",
            [(stored(path), stored(path.rstrip("/").rpartition("/")[2])) for path in paths],
        )

    @_change
    def set_first(self, base: Base, wishes: Sequence[tuple[str, str]]) -> None:
        """Say what comes first: (kind, value), kinds are disc, patient_id, study_uid and accession."""
        base.execute("DELETE FROM wish")
        base.executemany(
            "INSERT INTO wish (kind, value, rank) VALUES (?, ?, ?)",
            [(kind, stored(value), rank) for rank, (kind, value) in enumerate(wishes)],
        )
        base.execute(sql.RANK)

    @_change
    def retry(self, base: Base) -> int:
        """Give every disc that needs attention another turn, as if nobody had tried; return how many."""
        return base.execute(
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

    @_change
    def hold(self, base: Base, seconds: float) -> None:
        """Let no disc begin for so long: the destination is away."""
        base.execute("UPDATE fact SET value = CAST(now_s() + ? AS TEXT) WHERE name = ?", (seconds, _HOLD))

    def set_away(self, *, is_away: bool) -> None:
        """Write down whether the destination answers: how long it does not counts from the first time."""
        if is_away:
            self._set_away()
        elif self._fact(_AWAY) != "0":
            self._write_fact(_AWAY, "0")

    @_look
    def is_given_up(self, base: Base, most_s: float) -> bool:
        """Return True when the destination has been away for so long, or has never stored anything."""
        away_s = steps.one(
            base,
            "SELECT now_s() - CAST(value AS DOUBLE PRECISION) FROM fact WHERE name = ? AND value <> '0'",
            _AWAY,
        )
        if not isinstance(away_s, float):
            return False
        has_stored = steps.one(base, "SELECT 1 FROM instance WHERE state = 'stored' LIMIT 1") is not None
        return away_s > most_s or not has_stored

    @_look
    def progress(self, base: Base, *, is_inventory: bool = False) -> tuple[int, int]:
        """Return how many discs were worked through, and how many there are."""
        is_done = "is_inventoried = 1 OR" if is_inventory else ""
        done, total = steps.row(
            base,
            f"SELECT count(CASE WHEN {is_done} {sql.HAS_ENDED} THEN 1 END), count(*) FROM disc",  # noqa: S608
        )
        return int(done), int(total)

    @_change
    def claim(
        self, base: Base, owner: str, lease_s: float, *, is_inventory: bool = False
    ) -> DiscClaim | None:
        """Take the next disc; None when there is none at the moment.

        First come those whose worker is gone. A disc that many of them did not survive is given up.
        """
        while expired := steps.one(base, sql.EXPIRED):
            (deaths,) = steps.row(
                base, "UPDATE disc SET deaths = deaths + 1, owner = '' WHERE id = ? RETURNING deaths", expired
            )
            if deaths < MOST_DEATHS:
                return steps.taken(base, expired, owner, lease_s)
            steps.give_up(base, expired)
        held = steps.one(
            base, "SELECT CAST(value AS DOUBLE PRECISION) > now_s() FROM fact WHERE name = ?", _HOLD
        )
        if held:
            return None
        new = "AND is_inventoried = 0" if is_inventory else ""
        disc = steps.one(base, sql.WAITING.format(new=new))
        return None if disc is None else steps.taken(base, disc, owner, lease_s)

    @_look
    def is_left(self, base: Base, *, is_inventory: bool = False) -> bool:
        """Return True when a disc waits, or somebody works on one."""
        new = "AND is_inventoried = 0" if is_inventory else ""
        found = steps.one(base, sql.LEFT.format(new=new))
        return found is not None

    @_look
    def is_worked_on(self, base: Base, lease_s: float) -> bool:
        """Return True when somebody has worked on a disc for a moment; leases are of `lease_s`."""
        return steps.one(base, sql.WORKED_ON, lease_s - _MOMENT_S) is not None

    @_change
    def renew(self, base: Base, claim: DiscClaim, lease_s: float) -> bool:
        """Make the lease last longer; return False when the disc is another worker's."""
        return bool(
            base.execute(
                "UPDATE disc SET lease_until = now_s() + ? WHERE id = ? AND owner = ?",
                (lease_s, claim.disc, claim.owner),
            ).rowcount
        )

    @_change
    def bury(self, base: Base, owner: str) -> None:
        """End the leases of a worker that is known to have ended."""
        base.execute("UPDATE disc SET lease_until = 0 WHERE owner = ? AND state = 'running'", (owner,))

    @_change
    def note_inventory(
        self,
        base: Base,
        claim: DiscClaim,
        files: Sequence[SeenFile],
        studies: Sequence[SeenStudy],
        unsettled: int,
    ) -> None:
        """Write down what is on a disc, before anything of it is sent. Raises LeaseLost.

        `unsettled` is how many of its files have no state: none, or there is a fault in mediakit.
        """
        steps.check_owner(base, claim)
        steps.write_files(base, claim.disc, files)
        unread = [file.sop_instance for file in files if file.state in _NOT_READ and file.sop_instance]
        base.executemany(sql.WANT, [(steps.kept_uid(sop),) for sop in unread])
        base.execute("DELETE FROM study WHERE disc = ?", (claim.disc,))
        base.executemany(
            "INSERT INTO study VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [(claim.disc, number, *steps.study_values(study)) for number, study in enumerate(studies)],
        )
        base.execute(
            "UPDATE disc SET is_inventoried = 1, unsettled = ? WHERE id = ?", (unsettled, claim.disc)
        )
        base.execute(f"{sql.RANK} WHERE id = ?", (claim.disc,))

    @_change
    def share(self, base: Base, claim: DiscClaim, digests: Mapping[str, str]) -> Mapping[str, Share]:
        """Claim the instances of a disc (digests by SOP Instance UID), and say of each whose it is.

        Raises LeaseLost.
        """
        shares: dict[str, Share] = {}
        steps.check_owner(base, claim)
        every = [(steps.kept_uid(sop), sop, digest) for sop, digest in sorted(digests.items())]
        for some in (every[at : at + _MANY] for at in range(0, len(every), _MANY)):
            named = {loaded(kept): (sop, digest) for kept, sop, digest in some}
            values = [value for kept, _, digest in some for value in (kept, digest, claim.disc)]
            for kept, was_claimed in base.execute(sql.claim_of(len(some)), values).fetchall():
                shares[named.pop(loaded(kept))[0]] = Share(is_mine=True, is_retaken=bool(was_claimed))
            left = [stored(uid) for uid in named]
            held = base.execute(sql.held_of(len(left)), left).fetchall() if left else []
            for kept, *rest in held:
                sop, digest = named[loaded(kept)]
                shares[sop] = steps.held_share(claim, digest, rest)
        return shares

    @_change
    def settle(self, base: Base, claim: DiscClaim, visit: Visit, wait_s: float = 0.0) -> None:
        """Write down what became of a disc: the states of its files and instances at once.

        What it could not bring is wanted again, and discs with a copy of it get another turn. A disc that
        comes again does so after `wait_s`. Raises LeaseLost.
        """
        steps.check_owner(base, claim)
        if visit.files:
            steps.write_files(base, claim.disc, visit.files)
        base.executemany(
            "UPDATE instance SET state = ? WHERE sop = ? AND disc = ?",
            [
                (state.value, steps.kept_uid(sop), claim.disc)
                for sop, state in sorted(visit.instances.items())
            ],
        )
        steps.release(base, claim.disc, visit.wanted)
        state = visit.state
        if state.has_ended:
            steps.let_go(base, claim.disc, visit.words)
        if state.has_ended and steps.one(base, sql.LET_GO, claim.disc):
            state = DiscState.WAITING  # another disc let go of it meanwhile
        base.execute(
            "UPDATE disc SET state = ?, owner = '', lease_until = 0, not_before = now_s() + ?,"
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

    @_look
    def tries(self, base: Base, claim: DiscClaim) -> int:
        """Return how many times a disc was tried without an end."""
        return int(steps.one(base, "SELECT tries FROM disc WHERE id = ?", claim.disc) or 0)

    def close(self) -> None:
        """Let go of the ledger. A second call does nothing."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @_look
    def _fact(self, base: Base, name: str) -> str:
        return loaded(steps.one(base, "SELECT value FROM fact WHERE name = ?", name))

    @_change
    def _write_fact(self, base: Base, name: str, value: str) -> None:
        base.execute("UPDATE fact SET value = ? WHERE name = ?", (value, name))

    @_change
    def _set_away(self, base: Base) -> None:
        since = "CASE value WHEN '0' THEN CAST(now_s() AS TEXT) ELSE value END"
        base.execute(f"UPDATE fact SET value = {since} WHERE name = ?", (_AWAY,))  # noqa: S608 - ours
