"""The media of a burn: one, or with `--span` as many as it takes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from mediakit.dicom.instance import Instance
from mediakit.fileset.charset import place_of
from mediakit.fileset.groups import Collated
from mediakit.fileset.plan import TOO_BIG, FileSetPlan
from mediakit.fileset.spread import NOTHING, Room, Spread, spread
from mediakit.findings import Finding, Rule, Severity, Where
from mediakit.formats.base import Entry
from mediakit.stages.plan.draw import Draft, Drawn
from mediakit.stages.plan.other_media import dummy, other_media
from mediakit.stages.plan.produce import Producer

SEVERAL_MEDIA = Rule(
    id="MK-FST-107",
    severity=Severity.WARNING,
    title="everything fits on {media:medium|media} of this size",
    ref="PS3.12",
    hint="`--span` writes them, each a file-set of its own",
)
LARGER_THAN_MEDIUM = Rule(
    id="MK-FST-108",
    severity=Severity.ERROR,
    title="an instance of {size:byte|bytes} is too large for {medium} of {capacity:byte|bytes}",
    ref="PS3.12",
    hint="choose a larger medium (`--capacity`), or leave it out (`--on-reject skip`)",
)
NO_ROOM_AT_ALL = Rule(
    id="MK-FST-110",
    severity=Severity.ERROR,
    title="{medium} of {capacity:byte|bytes} has no room even for a file-set without instances",
    ref="PS3.12",
    hint="choose a larger medium (`--capacity`), or add less (`--add`): several of this size do not help",
)

_LONGEST_ID = 16  # PS3.10 8.1
_INDEX_BYTES = 2048  # a sector, the least that a file takes


class MediumPlan(Struct, frozen=True, kw_only=True):
    """One medium that is to be written: its target, its plan, and the entries made for it by producers."""

    out: Path
    plan: FileSetPlan
    produced: tuple[Entry, ...]

    @property
    def file_set_id(self) -> str:
        """Return the File-set ID, which is also the label of the volume."""
        return self.plan.directory.file_set_id


class PlannedMedia(Struct, frozen=True, kw_only=True):
    """The media of a burn, what was found while planning them, and the instances that are on none."""

    media: tuple[MediumPlan, ...]
    findings: tuple[Finding, ...]
    too_large: tuple[tuple[Instance, Finding], ...] = ()


def plan_media(
    draft: Draft, collated: Collated, out: Path, file_set_id: str, *, is_spanned: bool
) -> PlannedMedia:
    """Plan one medium; where it does not hold everything, several when `is_spanned`, else say how many.

    With `is_spanned` an instance that no medium holds is on none. Raises UsageError as `lay_out` does.
    """
    whole = draft.complete(draft.laid_out(collated, file_set_id))
    found = whole.plan.findings
    single = (MediumPlan(out=out, plan=whole.plan, produced=whole.produced),)
    others = tuple(finding for finding in found if finding.rule is not TOO_BIG)
    if len(others) == len(found) or any(one.severity is Severity.ERROR for one in others):
        return PlannedMedia(media=single, findings=found)
    spreading = _spread(draft, collated, file_set_id)
    if spreading is None:  # not even what goes on every medium fits
        medium = whole.plan.profile.medium.title
        finding = NO_ROOM_AT_ALL.at(medium=medium, capacity=whole.plan.capacity_bytes or 0)
        return PlannedMedia(media=single, findings=(*others, finding))
    too_large = tuple(
        (leaf.instance, _larger_than_medium(leaf.instance, whole.plan)) for leaf in spreading.too_large
    )
    if not is_spanned:
        count = (SEVERAL_MEDIA.at(media=len(spreading.parts)),)
        told = tuple(finding for _, finding in too_large) or count
        return PlannedMedia(media=single, findings=(*found, *told))
    drawn = _drawn(draft, spreading.parts, file_set_id)
    media = tuple(
        MediumPlan(out=numbered(out, number, len(drawn)), plan=one.plan, produced=one.produced)
        for number, one in enumerate(drawn, 1)
    )
    return PlannedMedia(media=media, findings=(*others, *_misfits(drawn)), too_large=too_large)


def _larger_than_medium(instance: Instance, plan: FileSetPlan) -> Finding:
    """Return the finding on an instance that no medium of this plan holds."""
    return LARGER_THAN_MEDIUM.at(
        Where(path=place_of(instance)),
        size=instance.size,
        medium=plan.profile.medium.title,
        capacity=plan.capacity_bytes or 0,
    )


def numbered(out: Path, number: int, many: int) -> Path:
    """Return the target of one of several media: "disc.iso" becomes "disc-1of3.iso"; a lone one keeps it."""
    if many == 1:
        return out
    return out.with_name(f"{out.stem}-{number:0{len(str(many))}d}of{many}{out.suffix}")


def numbered_id(file_set_id: str, number: int, many: int) -> str:
    """Return the File-set ID of one of several media: "DICOM" becomes "DICOM_1", at most 16 characters."""
    mark = f"_{number:0{len(str(many))}d}"
    return file_set_id[: _LONGEST_ID - len(mark)] + mark


def _spread(draft: Draft, collated: Collated, file_set_id: str) -> Spread | None:
    """Spread over media with room for MEDIA.TXT; None when they have no room for what goes on each."""
    capacity = draft.capacity or 0
    index_bytes = _INDEX_BYTES
    while True:
        index = dummy(index_bytes)

        def measure(part: Collated, index: Producer = index) -> int:
            return draft.least_bytes(draft.laid_out(part, "X" * _LONGEST_ID), index)

        if measure(NOTHING) > capacity:
            return None
        spreading = spread(collated, Room(capacity=capacity, measure=measure))
        if not _misfits(_drawn(draft, spreading.parts, file_set_id)):
            return spreading
        index_bytes *= 2


def _drawn(draft: Draft, parts: Sequence[Collated], file_set_id: str) -> tuple[Drawn, ...]:
    many = len(parts)
    if many == 1:
        return (draft.complete(draft.laid_out(parts[0], file_set_id)),)
    laid_out = [
        draft.laid_out(part, numbered_id(file_set_id, number, many)) for number, part in enumerate(parts, 1)
    ]
    return tuple(
        draft.complete(one, other_media(laid_out, parts, number)) for number, one in enumerate(laid_out, 1)
    )


def _misfits(drawn: Sequence[Drawn]) -> tuple[Finding, ...]:
    return tuple(finding for one in drawn for finding in one.plan.findings if finding.rule is TOO_BIG)
