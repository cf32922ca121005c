"""The figures of a burn: how much, on what, with which checksum."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from mediakit.fileset.manifest import MANIFEST
from mediakit.formats.base import Receipt
from mediakit.journeys.burn_order import BurnFigures, BurnOrder, BurntMedium
from mediakit.journeys.burn_people import pages_among, viewer_figures
from mediakit.stages.act.pressing import Turn
from mediakit.stages.act.writing import Written
from mediakit.stages.plan.people import Choice
from mediakit.stages.plan.spanning import MediumPlan


def figures_of(
    order: BurnOrder,
    variant: str,
    planned: tuple[Sequence[MediumPlan], Sequence[Choice]],
    written: Written,
    patients: int,
) -> BurnFigures:
    """Return the figures of a burn; `planned` are its media and their viewers, none if it came not so far."""
    media, choices = planned
    plans = tuple(medium.plan for medium in media)
    only = plans[0] if len(plans) == 1 else None
    content, _ = pages_among(one.path for plan in plans for one in plan.extra)
    return BurnFigures(
        profile=order.profile.id,
        profile_source=order.profile.source,
        target=str(order.out) if order.onto is None else order.onto.name,
        format=variant,
        medium=order.profile.medium.title,
        file_set_id=order.file_set_id,
        made=f"{order.when:%Y-%m-%d}",
        content=content,
        checksum=_checksums(order, media, written)[0] if only is not None else None,
        media=len(plans) if len(plans) > 1 else None,
        instances=sum(len(plan.files) for plan in plans) if plans else None,
        patients=patients,
        file_set_uid=None if only is None else only.directory.file_set_uid,
        dicomdir_bytes=sum(len(plan.dicomdir) for plan in plans) if plans else None,
        needs_bytes=sum(plan.total_bytes for plan in plans) if plans else None,
        capacity_bytes=plans[0].capacity_bytes if plans else None,
        written_bytes=sum(one.size_bytes for one in written.receipts) if written.receipts else None,
        copies=written.copies,
        proof=written.proof,
        **viewer_figures(choices),
    )


def media_of(order: BurnOrder, media: Sequence[MediumPlan], written: Written) -> tuple[BurntMedium, ...]:
    """Return what became of each of several media; nothing when there is one."""
    if len(media) < 2:
        return ()
    sizes = {receipt.target: receipt.size_bytes for receipt in written.receipts}
    return tuple(
        BurntMedium(
            target=str(medium.out) if order.onto is None else order.onto.name_of(Turn(number=number)),
            file_set_id=medium.file_set_id,
            file_set_uid=medium.plan.directory.file_set_uid,
            patients=sum(record.type == "PATIENT" for record in medium.plan.directory.roots),
            instances=len(medium.plan.files),
            needs_bytes=medium.plan.total_bytes,
            written_bytes=sizes.get(medium.out),
            checksum=checksum,
            content=content,
            has_viewer=has_viewer,
        )
        for number, (medium, checksum, (content, has_viewer)) in enumerate(
            zip(media, _checksums(order, media, written), _contents(media), strict=True), 1
        )
    )


def _contents(media: Sequence[MediumPlan]) -> list[tuple[str, bool]]:
    """Return what PDI has on the label of each medium, and whether it has a viewer."""
    return [pages_among(one.path for one in medium.plan.extra) for medium in media]


def _checksums(order: BurnOrder, media: Sequence[MediumPlan], written: Written) -> list[str | None]:
    """Return the SHA-256 of the MANIFEST.TXT of each medium, else of its DICOMDIR.

    None while a manifest is not written, and for files in envelopes: on the medium they are other bytes.
    """
    if order.envelope is not None:
        return [None for _ in media]
    receipts = {receipt.target: receipt for receipt in written.receipts}
    return [_checksum(medium, receipts.get(medium.out)) for medium in media]


def _checksum(medium: MediumPlan, receipt: Receipt | None) -> str | None:
    if any(entry.path == MANIFEST for entry in medium.produced):
        return None if receipt is None else receipt.sha256.get(MANIFEST)
    added = any(one.path == MANIFEST for one in medium.plan.extra)
    return None if added else hashlib.sha256(medium.plan.dicomdir).hexdigest()
