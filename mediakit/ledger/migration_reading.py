"""What stands in the ledger of a migration, for whoever looks at it, also while it is at work. Read only."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from mediakit.ledger.migration_address import store_at
from mediakit.ledger.migration_base import Base
from mediakit.ledger.migration_store import ARRIVED_LIST
from mediakit.ledger.migration_values import (
    Conflict,
    DiscLine,
    DiscState,
    InstanceState,
    Migrated,
    MigrationFacts,
    Needed,
    Planned,
    SeenStudy,
    StudyLine,
)
from mediakit.ledger.store import loaded
from mediakit.outcome import State

_T = TypeVar("_T")
_UNSETTLED: Final = "SELECT sum(unsettled), count(*) FROM disc WHERE unsettled > 0"
_UNSENT: Final = (
    "SELECT count(*), count(DISTINCT seen.disc) FROM seen JOIN disc ON disc.id = seen.disc"
    " WHERE seen.state = 'planned' AND disc.state NOT IN ('waiting', 'running')"
)
_NOT_ONCE: Final = (
    "SELECT count(*), count(DISTINCT disc) FROM instance WHERE state = 'stored' AND"  # noqa: S608
    f" (SELECT count(*) FROM seen WHERE seen.sop = instance.sop AND seen.state IN ({ARRIVED_LIST})) <> 1"
)
_NOT_STORED: Final = (
    "SELECT count(*), count(DISTINCT seen.disc) FROM seen LEFT JOIN instance USING (sop)"  # noqa: S608
    f" WHERE seen.state IN ({ARRIVED_LIST}) AND coalesce(instance.state, '') <> 'stored'"
)
_OF_NOTHING: Final = (
    "SELECT count(*), count(DISTINCT seen.disc) FROM seen LEFT JOIN instance USING (sop)"
    " WHERE seen.state = 'duplicate' AND seen.digest <> '' AND instance.sop IS NULL"
)
#: Files that are to be sent, their instances, and the different data sets among them.
_PLANNED: Final = (
    "SELECT coalesce(sum(files), 0), count(DISTINCT sop), count(*) FROM"
    " (SELECT sop, digest, count(*) AS files FROM seen WHERE state = 'planned' AND digest <> ''"
    " GROUP BY sop, digest) AS kinds"
)
_COPIES: Final = (
    "SELECT disc, count(*) FROM seen WHERE state = 'planned' AND digest <> '' AND EXISTS (SELECT 1 FROM seen"
    " AS copy WHERE copy.sop = seen.sop AND copy.digest = seen.digest AND copy.disc <> seen.disc)"
    " GROUP BY disc"
)
# Each asks for what must not be there when a migration has ended, and says what it would mean.
_CHECKS: Final = (
    ("{count} files of {discs} have no state", _UNSETTLED),
    ("{count} files on {discs} that have ended are still to be sent", _UNSENT),
    ("{count} instances are stored, and not exactly one file on {discs} says so", _NOT_ONCE),
    ("{count} files on {discs} are said to be stored, and their instance is not", _NOT_STORED),
    ("{count} copies on {discs} belong to no instance that is known", _OF_NOTHING),
)


def migrated_of(address: str | os.PathLike[str], away_most_s: float = 0.0) -> Migrated:
    """Return how a migration stands. Raises UsageError, SourceError.

    A database that does not answer is waited for, `away_most_s` at most.
    """
    return _read(address, _migrated, away_most_s)


def studies_of(address: str | os.PathLike[str], away_most_s: float = 0.0) -> tuple[StudyLine, ...]:
    """Return every study of every disc, as `migrated_of` does. Raises UsageError, SourceError."""
    return _read(address, lambda base: tuple(_studies(base)), away_most_s)


def _read(address: str | os.PathLike[str], work: Callable[[Base], _T], away_most_s: float = 0.0) -> _T:
    store = store_at(address, away_most_s, read_only=True)
    try:
        return store.look(work)
    finally:
        store.close()


def _migrated(base: Base) -> Migrated:
    named = {str(name): loaded(value) for name, value in base.execute("SELECT name, value FROM fact")}
    files = base.execute("SELECT state, count(*) FROM seen GROUP BY state").fetchall()
    instances = base.execute("SELECT state, count(*) FROM instance GROUP BY state").fetchall()
    (patients, studies) = base.execute(
        "SELECT count(DISTINCT patient_id), count(DISTINCT study) FROM study"
    ).fetchone()
    (unnamed,) = base.execute("SELECT count(*) FROM seen WHERE state = 'unreadable' AND sop = ''").fetchone()
    return Migrated(
        facts=MigrationFacts(
            destination=named.get("destination", ""),
            created_at=named.get("created_at", ""),
            map_digest=named.get("map", ""),
        ),
        is_paused=named.get("word") == "pause",
        discs=tuple(_discs(base)),
        files={State(state): int(count) for state, count in files},
        instances={InstanceState(state): int(count) for state, count in instances},
        needed=tuple(_needed(base)),
        conflicts=tuple(_conflicts(base)),
        patients=int(patients),
        studies=int(studies),
        unnamed=int(unnamed),
        planned=_planned(base),
        imbalances=tuple(_imbalances(base)),
    )


def _studies(base: Base) -> Iterator[StudyLine]:
    for disc, study, patient_id, date, accession, modalities, instances in base.execute(
        "SELECT disc.path, study, patient_id, date, accession, modalities, instances"
        " FROM study JOIN disc ON disc.id = study.disc ORDER BY disc.id, study.number"
    ):
        yield StudyLine(
            loaded(disc),
            SeenStudy(
                study=loaded(study),
                patient_id=loaded(patient_id),
                date=loaded(date),
                accession=loaded(accession),
                modalities=loaded(modalities),
                instances=int(instances),
            ),
        )


def _discs(base: Base) -> Iterator[DiscLine]:
    counts: dict[int, dict[State, int]] = {}
    for disc, state, count in base.execute("SELECT disc, state, count(*) FROM seen GROUP BY disc, state"):
        counts.setdefault(disc, {})[State(state)] = int(count)
    copies = {disc: int(count) for disc, count in base.execute(_COPIES)}
    for disc, path, state, outcome, words, is_inventoried in base.execute(
        "SELECT id, path, state, outcome, words, is_inventoried FROM disc ORDER BY id"
    ):
        yield DiscLine(
            path=loaded(path),
            state=DiscState(state),
            outcome=loaded(outcome),
            words=loaded(words),
            is_inventoried=bool(is_inventoried),
            files=counts.get(disc, {}),
            copies=copies.get(disc, 0),
        )


def _planned(base: Base) -> Planned:
    (files, instances, kinds) = base.execute(_PLANNED).fetchone()
    return Planned(int(instances), int(files) - int(kinds), int(kinds) - int(instances))


def _needed(base: Base) -> Iterator[Needed]:
    """Yield what no disc gave, with the discs that should have it; a readable copy that waits is no want."""
    found: dict[str, list[str]] = {}
    for sop, path in base.execute(
        "SELECT instance.sop, disc.path FROM instance LEFT JOIN seen ON seen.sop = instance.sop"
        " LEFT JOIN disc ON disc.id = seen.disc WHERE instance.state = 'wanted' AND NOT EXISTS"
        " (SELECT 1 FROM seen AS copy WHERE copy.sop = instance.sop AND copy.state = 'planned')"
        " ORDER BY instance.sop, disc.id"
    ):
        discs = found.setdefault(loaded(sop), [])
        if path is not None and loaded(path) not in discs:
            discs.append(loaded(path))
    yield from (Needed(sop, tuple(discs)) for sop, discs in found.items())


def _conflicts(base: Base) -> Iterator[Conflict]:
    for sop, path, words in base.execute(
        "SELECT sop, path, words FROM seen WHERE state = 'conflict' ORDER BY disc, number"
    ):
        yield Conflict(loaded(sop), loaded(path), loaded(words))


def _imbalances(base: Base) -> Iterator[str]:
    for words, question in _CHECKS:
        count, discs = base.execute(question).fetchone()
        if count:
            yield words.format(count=count, discs=f"{discs} discs")
