"""What the changes of a migration's ledger are made of: each function is a part of one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from typing import Any, Final

from mediakit.ledger import migration_store as sql
from mediakit.ledger.migration_base import Base
from mediakit.ledger.migration_values import DiscClaim, InstanceState, SeenFile, SeenStudy, Share
from mediakit.ledger.store import bounded, loaded, stored

_MOST_UID: Final = 256  # PS3.5 9.1 allows 64; an index of PostgreSQL takes some 2,700 bytes
_GAVE_UP: Final = "the process ended each time it worked on this disc"


class LeaseLost(Exception):  # noqa: N818 - reads as a sentence; never reaches a user
    """The disc is another worker's by now: what was to be written down is not."""


def kept_uid(sop: str) -> str | bytes:
    """Return a UID as it is kept: one that is far longer than any may be by its beginning and its SHA-256."""
    if len(sop) > _MOST_UID:
        digest = hashlib.sha256(sop.encode("utf-8", "surrogatepass")).hexdigest()
        sop = f"{sop[:64]}... SHA-256 {digest}"
    return stored(sop)


def one(base: Base, statement: str, *values: object) -> Any:
    """Return the first value of the first row, or None."""
    found = base.execute(statement, values).fetchone()
    return None if found is None else found[0]


def row(base: Base, statement: str, *values: object) -> tuple[Any, ...]:
    """Return the first row of what must have one."""
    found: tuple[Any, ...] = base.execute(statement, values).fetchone()
    return found


def held_share(claim: DiscClaim, digest: str, found: Sequence[Any]) -> Share:
    """Return what an instance is for a disc that could not claim it; `found` is its row of `held_of`."""
    known, state, disc, path = found
    return Share(
        is_mine=disc == claim.disc,
        state=InstanceState(state),
        other="" if path is None else loaded(path),
        is_other_data=known != digest,
    )


def _file(file: SeenFile) -> tuple[str | bytes | int, ...]:
    return (
        stored(file.path),
        kept_uid(file.sop_instance),
        file.digest,
        file.size,
        file.state.value,
        stored(bounded(file.words)),
    )


def study_values(study: SeenStudy) -> tuple[str | bytes | int, ...]:
    """Return a study as its row holds it."""
    return (
        stored(study.study),
        stored(study.patient_id),
        stored(study.date),
        stored(study.accession),
        stored(study.modalities),
        study.instances,
    )


def taken(base: Base, disc: int, owner: str, lease_s: float) -> DiscClaim:
    """Give a disc to a worker."""
    number, path, visits, retries, is_inventoried = row(base, sql.TAKE, owner, lease_s, disc)
    rows = base.execute("SELECT path, sop, digest FROM seen WHERE disc = ? AND digest <> ''", (disc,))
    return DiscClaim(
        disc=int(number),
        path=loaded(path),
        owner=owner,
        visits=int(visits),
        retries=int(retries),
        is_inventoried=bool(is_inventoried),
        digests={(loaded(place), loaded(sop)): str(digest) for place, sop, digest in rows},
    )


def let_go(base: Base, disc: int, words: str) -> None:
    """Leave to other discs what a disc that has ended claimed and did not bring."""
    sops = base.execute("SELECT sop FROM instance WHERE disc = ? AND state = 'claimed'", (disc,)).fetchall()
    release(base, disc, [loaded(sop) for (sop,) in sops])
    base.execute(
        "UPDATE seen SET state = 'unsent', words = ? WHERE disc = ? AND state = 'planned'",
        (stored(bounded(words)), disc),
    )


def give_up(base: Base, disc: int) -> None:
    """Try a disc no more that no worker survives."""
    let_go(base, disc, _GAVE_UP)
    base.execute(
        "UPDATE disc SET state = 'failed', owner = '', outcome = 'fault', words = ? WHERE id = ?",
        (_GAVE_UP, disc),
    )


def release(base: Base, disc: int, sops: Collection[str]) -> None:
    """Make wanted again what a disc claimed and cannot bring; discs with a copy get another turn."""
    for sop in sorted(sops):
        base.execute(sql.WANT, (kept_uid(sop),))
        if base.execute(sql.RELEASE, (kept_uid(sop), disc)).rowcount:
            base.execute(sql.REOPEN, (disc, kept_uid(sop)))


def write_files(base: Base, disc: int, files: Sequence[SeenFile]) -> None:
    """Write down the files of a disc, in place of what was known of them."""
    base.execute("DELETE FROM seen WHERE disc = ?", (disc,))
    base.executemany(
        "INSERT INTO seen (disc, number, path, sop, digest, size, state, words)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [(disc, number, *_file(file)) for number, file in enumerate(files)],
    )


def check_owner(base: Base, claim: DiscClaim) -> None:
    """Raise LeaseLost when the disc is another worker's."""
    if one(base, "SELECT owner FROM disc WHERE id = ?", claim.disc) != claim.owner:
        raise LeaseLost
