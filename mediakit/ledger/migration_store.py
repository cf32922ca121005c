"""The tables of a migration, and the statements that hold for more than one question. No connection here.

SQLite and PostgreSQL are given the same statements: values stand as `?`, and `now_s()` is the time in seconds
by the clock of the database, so that all workers have one clock. Leases until
`leases_end_s()` are over.
"""

from __future__ import annotations

from typing import Final

from mediakit.ledger.migration_values import ARRIVED

VERSION: Final = 2

#: `{number}` is the type of a column that counts by itself, `{by_key}` keeps rows in the order of their key.
SCHEMA: Final = """
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) {by_key};
CREATE TABLE disc (
    id {number} PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting',
    rank INTEGER NOT NULL DEFAULT 1000000,
    owner TEXT NOT NULL DEFAULT '',
    lease_until DOUBLE PRECISION NOT NULL DEFAULT 0,
    not_before DOUBLE PRECISION NOT NULL DEFAULT 0,
    visits INTEGER NOT NULL DEFAULT 0,
    tries INTEGER NOT NULL DEFAULT 0,
    deaths INTEGER NOT NULL DEFAULT 0,
    retries INTEGER NOT NULL DEFAULT 0,
    is_inventoried INTEGER NOT NULL DEFAULT 0,
    unsettled INTEGER NOT NULL DEFAULT 0,
    outcome TEXT NOT NULL DEFAULT '',
    words TEXT NOT NULL DEFAULT ''
);
CREATE INDEX disc_turn ON disc (state, rank, id);
CREATE INDEX disc_new ON disc (state, is_inventoried, rank, id);
CREATE TABLE instance (
    sop TEXT PRIMARY KEY,
    digest TEXT NOT NULL,
    state TEXT NOT NULL,
    disc INTEGER REFERENCES disc (id),
    was_claimed INTEGER NOT NULL DEFAULT 0
) {by_key};
CREATE INDEX instance_disc ON instance (disc);
CREATE INDEX instance_state ON instance (state);
CREATE TABLE seen (
    disc INTEGER NOT NULL REFERENCES disc (id),
    number INTEGER NOT NULL,
    path TEXT NOT NULL,
    sop TEXT NOT NULL,
    digest TEXT NOT NULL,
    size BIGINT NOT NULL,
    state TEXT NOT NULL,
    words TEXT NOT NULL,
    PRIMARY KEY (disc, number)
) {by_key};
CREATE INDEX seen_sop ON seen (sop);
CREATE TABLE study (
    disc INTEGER NOT NULL REFERENCES disc (id),
    number INTEGER NOT NULL,
    study TEXT NOT NULL,
    patient_id TEXT NOT NULL,
    date TEXT NOT NULL,
    accession TEXT NOT NULL,
    modalities TEXT NOT NULL,
    instances INTEGER NOT NULL,
    PRIMARY KEY (disc, number)
) {by_key};
CREATE TABLE wish (rank INTEGER PRIMARY KEY, kind TEXT NOT NULL, value TEXT NOT NULL);
"""

ARRIVED_LIST: Final = ", ".join(f"'{state.value}'" for state in sorted(ARRIVED))

#: The next disc of those that wait; `{new}` restricts it.
WAITING: Final = (
    "SELECT id FROM disc WHERE state = 'waiting' {new} AND not_before <= now_s() ORDER BY rank, id LIMIT 1"
)
LEFT: Final = "SELECT 1 FROM disc WHERE state = 'running' OR (state = 'waiting' {new}) LIMIT 1"
#: A disc that somebody has had for a moment: one that is not there is let go at once.
WORKED_ON: Final = (
    "SELECT 1 FROM disc WHERE state = 'running' AND lease_until > now_s()"
    " AND lease_until < now_s() + ? LIMIT 1"
)
HAS_ENDED: Final = "state NOT IN ('waiting', 'running')"
EXPIRED: Final = (
    "SELECT id FROM disc WHERE state = 'running' AND lease_until <= leases_end_s() ORDER BY id LIMIT 1"
)
TAKE: Final = (
    "UPDATE disc SET state = 'running', owner = ?, visits = visits + 1,"
    " lease_until = now_s() + ? WHERE id = ?"
    " RETURNING id, path, visits - 1, retries, is_inventoried"
)
#: Instances become this disc's when nobody has them, in one statement: two workers never both get one. An
#: upsert, so that what another disc let go is claimed by the same statement.
_CLAIM: Final = (
    "INSERT INTO instance (sop, digest, state, disc) VALUES {values}"
    " ON CONFLICT (sop) DO UPDATE SET digest = excluded.digest, state = 'claimed', disc = excluded.disc"
    " WHERE instance.state = 'wanted' RETURNING sop, was_claimed"
)
_HELD: Final = (
    "SELECT sop, instance.digest, instance.state, instance.disc, disc.path FROM instance"
    " LEFT JOIN disc ON disc.id = instance.disc WHERE sop IN ({values})"
)
WANT: Final = (
    "INSERT INTO instance (sop, digest, state) VALUES (?, '', 'wanted') ON CONFLICT (sop) DO NOTHING"
)
#: What this disc had claimed and cannot bring is wanted again.
RELEASE: Final = (
    "UPDATE instance SET state = 'wanted', disc = NULL, was_claimed = 1"
    " WHERE sop = ? AND disc = ? AND state <> 'stored'"
)
#: Discs that were worked through and have a copy of what is wanted again get another turn.
REOPEN: Final = (
    "UPDATE disc SET state = 'waiting', not_before = 0 WHERE state IN ('done', 'partly') AND id <> ?"
    " AND id IN (SELECT disc FROM seen WHERE sop = ? AND state = 'duplicate' AND digest <> '')"
)
#: A copy whose instance is wanted again.
LET_GO: Final = (
    "SELECT 1 FROM seen JOIN instance USING (sop) WHERE seen.disc = ? AND seen.state = 'duplicate'"
    " AND seen.digest <> '' AND instance.state = 'wanted' LIMIT 1"
)
RANK: Final = (
    "UPDATE disc SET rank = coalesce((SELECT min(wish.rank) FROM wish WHERE"
    " (wish.kind = 'disc' AND wish.value IN (disc.path, disc.name))"
    " OR EXISTS (SELECT 1 FROM study WHERE study.disc = disc.id AND ("
    "(wish.kind = 'patient_id' AND wish.value = study.patient_id)"
    " OR (wish.kind = 'study_uid' AND wish.value = study.study)"
    " OR (wish.kind = 'accession' AND wish.value = study.accession)))), 1000000)"
)


def claim_of(count: int) -> str:
    """Return the statement that claims so many instances; each has the values UID, digest and disc."""
    return _CLAIM.format(values=", ".join(["(?, ?, 'claimed', ?)"] * count))


def held_of(count: int) -> str:
    """Return the statement that tells whose so many instances are; the values are UIDs."""
    return _HELD.format(values=", ".join("?" * count))
