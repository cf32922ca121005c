"""Prepared instances in the order of the directory, with the icons of their records."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from mediakit.events import Listener, silence
from mediakit.fileset.collate import collate
from mediakit.fileset.groups import Collated
from mediakit.fileset.record import Key
from mediakit.findings import Finding
from mediakit.stages.judge.prepare import Prepared, Store, Terms
from mediakit.stages.look.fates import Fates
from mediakit.stages.plan.icons import make_icons


class Arranged(Struct, frozen=True, kw_only=True):
    """The order of the directory, the instances that are in it, and icons by SOP Instance UID."""

    collated: Collated
    prepared: Prepared
    icons: Mapping[str, Key]


def arrange(
    prepared: Prepared, terms: Terms, store: Store, fates: Fates, tell: Listener = silence
) -> Arranged | None:
    """Collate and make icons; None when nothing may be written. What is refused is settled in `fates`."""
    collated, left = _collate(prepared, terms, fates)
    if not left.instances or terms.stop(fates):
        return None
    icons = make_icons(left.instances, terms.profile.icon, store, tell)
    if icons.refused:
        refuse(left, icons.refused, fates)
        collated, left = _collate(left.without(icons.refused), terms, fates)
        if not left.instances or terms.stop(fates):
            return None
    return Arranged(collated=collated, prepared=left, icons=icons.icons)


def refuse(prepared: Prepared, refused: Mapping[int, Finding], fates: Fates) -> None:
    """Settle instances as refused, by their index."""
    for index, finding in refused.items():
        instance = prepared.instances[index]
        fates.refuse(prepared.place_of(instance), (finding,), sop_instance=instance.sop_instance)


def _collate(prepared: Prepared, terms: Terms, fates: Fates) -> tuple[Collated, Prepared]:
    """Return the order of the directory, and the instances that are in it; the others are settled."""
    collated = collate(prepared.instances, terms.profile, terms.supply)
    refuse(prepared, collated.refused, fates)
    return collated, prepared.without(collated.refused)
