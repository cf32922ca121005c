"""Writing the media of a burn: each is written and proven, put where it goes; then all get their names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from io import BytesIO
from pathlib import Path

from mediakit.dicom.deidentify.engine import Engine
from mediakit.dicom.instance import Instance
from mediakit.errors import IntegrityError
from mediakit.events import Listener, PhaseEnded, PhaseStarted
from mediakit.fileset.charset import place_of
from mediakit.fileset.contents import Descriptions
from mediakit.fileset.fat_geometry import wishes_of
from mediakit.fileset.plan import DICOMDIR
from mediakit.findings import Finding
from mediakit.formats.base import Entry, Order, Receipt
from mediakit.formats.envelope import sealed
from mediakit.formats.registry import check_medium, written_medium
from mediakit.journeys.burn_order import (
    PARTLY_WRITTEN,
    BurnOrder,
    Depth,
)
from mediakit.named_together import NamesToCome, named_together
from mediakit.outcome import Fate, State
from mediakit.stages.act.pressing import Pressed
from mediakit.stages.act.writing import Written, attempt, named_for_user, with_pressed
from mediakit.stages.judge.prepare import Store, Terms
from mediakit.stages.look.fates import Fates
from mediakit.stages.plan.extra import ExtraContent
from mediakit.stages.plan.people import Choice, in_reading_order
from mediakit.stages.plan.spanning import MediumPlan
from mediakit.stages.plan.target import capacity_of
from mediakit.stages.prove.proof import Expected, prove
from mediakit.stages.prove.sweeping import sweep


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What all stages of a burn are given: the order, where bytes come from, and who hears of progress."""

    order: BurnOrder
    variant: str
    store: Store
    extra: ExtraContent
    tell: Listener
    engine: Engine | None = None  # where instances are de-identified
    pressed: list[Pressed] = field(default_factory=list)
    swept: list[Finding] = field(default_factory=list)

    @property
    def terms(self) -> Terms:
        """Return on what terms instances go on the medium."""
        order = self.order
        return Terms(
            profile=order.profile, convert=order.convert, supply=order.supply, on_reject=order.on_reject
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """The media to be written, and what leads back from them to the source files.

    `converted` leads from the SOP Instance UID of a converted instance to the place of its source file.
    `viewer` says for each medium which images it has for browsers, if it may have any.
    """

    media: tuple[MediumPlan, ...]
    is_refused: bool
    converted: Mapping[str, str]
    viewer: tuple[Choice, ...]
    descriptions: Descriptions

    def place_of(self, instance: Instance) -> str:
        """Return the place of the source file of a planned instance."""
        return self.converted.get(instance.sop_instance) or place_of(instance)


def write_media(planned: Planned, work: Work) -> Written:
    """Write each medium under a hidden name and prove it; give them their names when all are proven."""
    done: list[Receipt] = []

    def write() -> Sequence[Receipt]:
        order = work.order
        with named_together(order.out, overwrite=order.overwrite) as names, ExitStack() as stack:
            for medium in planned.media:
                with named_for_user(partial(_place_in, medium, planned, work)):
                    stack.enter_context(_written(medium, work, names, done))
            names.begin()
        return done

    written = attempt(write, is_proven=work.order.depth is Depth.PROVE)
    if written.outcome is None and work.pressed:
        return with_pressed(written, work.pressed[0])
    if written.outcome is None or not done:
        return written
    names = PARTLY_WRITTEN.at(names=len(done), why=", ".join(str(one.target) for one in done))
    return replace(written, receipts=tuple(done), findings=(names, *written.findings))


def _place_in(medium: MediumPlan, planned: Planned, work: Work, path: str) -> str:
    """Return the place of the source of a file of a medium."""
    places = (planned.place_of(one.instance) for one in medium.plan.files if str(one.file_id) == path)
    return next(places, work.extra.places.get(path, path))


@contextmanager
def _written(medium: MediumPlan, work: Work, names: NamesToCome, done: list[Receipt]) -> Iterator[None]:
    """Write a medium and prove it; it is in `done` when it has its name, which is at the end of the block."""
    order = work.order
    expected = Expected.of(medium.plan)

    def check(part: Path, receipt: Receipt) -> None:
        work.tell(PhaseEnded("write"))

        def proof(medium: Path) -> tuple[Finding, ...]:
            return prove(medium, expected, receipt.sha256, order.envelope, work.tell)

        proven_by = proof if order.depth is Depth.PROVE else None
        if proven_by is not None and (wrong := proven_by(part)):
            raise IntegrityError("what was written is not what was planned", findings=wrong)
        if work.engine is not None:
            work.swept.extend(sweep(part, work.engine, order.envelope, work.tell))
        if order.onto is not None:
            work.pressed.append(order.onto.put(part, proven_by, work.tell))
        names.add(part, medium.out)

    with written_medium(
        work.variant,
        _entries(medium, work),  # nothing else holds them: they are let go before the proof
        medium.out,
        _how(medium, work),
        work.tell,
        check,
    ) as receipt:
        yield
    done.append(receipt)


def rehearse_media(planned: Planned, work: Work) -> Written:
    """Make the checks that writing makes before its first byte."""

    def check() -> Sequence[Receipt]:
        besides = 0
        for medium in planned.media:
            entries = _entries(medium, work)
            size_bytes = check_medium(work.variant, entries, medium.out, _how(medium, work), besides)
            if work.order.onto is not None:
                work.order.onto.check_room(size_bytes)
            besides += size_bytes
        return ()

    return attempt(check, is_proven=False)


def _how(planned: MediumPlan, work: Work) -> Order:
    order, medium = work.order, work.order.profile.medium
    return Order(
        label=planned.file_set_id,
        when=order.when,
        hashing=order.has_manifest or order.depth in {Depth.HASH, Depth.PROVE},
        variant=work.variant,
        overwrite=order.overwrite,
        fat=wishes_of(medium, capacity_of(medium, order.capacity), is_partitioned=not order.unpartitioned),
        joliet=order.has_joliet,
    )


def _entries(planned: MediumPlan, work: Work) -> list[Entry]:
    """Return what is to be written, and tell how much it is."""
    plan, opened = planned.plan, work.store.open
    entries = [
        Entry(DICOMDIR, len(plan.dicomdir), partial(BytesIO, plan.dicomdir)),
        *(Entry(str(file.file_id), file.size, partial(opened, file.instance)) for file in plan.files),
        *work.extra.entries,
        *planned.produced,
    ]
    if work.order.people.is_anything:
        entries = in_reading_order(entries)
    envelope = work.order.envelope
    if envelope is not None:
        entries = [sealed(entry, envelope) for entry in entries]
    if work.order.depth is not Depth.PLAN:
        work.tell(PhaseStarted("write", total=sum(entry.size for entry in entries), unit="bytes"))
    return entries


def settle_media(planned: Planned, written: Written, work: Work, fates: Fates) -> None:
    """Give a fate to everything that was planned."""
    receipts = {receipt.target: receipt for receipt in written.receipts}
    wrong = {finding.where.path: finding for finding in written.findings if finding.where.path}
    for number, medium in enumerate(planned.media, 1):
        receipt = receipts.get(medium.out)
        sha256 = {} if receipt is None else receipt.sha256
        if work.order.depth is Depth.PLAN:
            carried = converted = State.PLANNED if written.outcome is None else State.WITHHELD
        elif receipt is not None and work.order.is_simulation:
            carried = converted = State.PLANNED
        elif receipt is None:
            carried = converted = State.FAILED
        else:
            carried, converted = State.WRITTEN, State.CONVERTED
            converted = State.DEIDENTIFIED if work.engine is not None else converted
        for file in medium.plan.files:
            path, uid = str(file.file_id), file.instance.sop_instance
            place = planned.place_of(file.instance)
            state = converted if uid in planned.converted else carried
            fates.record(
                Fate(
                    source=place,
                    state=written.state_of_unwritten(place) if state is State.FAILED else state,
                    because=wrong.get(path, wrong.get(place)),
                    became=path,
                    sop_instance=uid,
                    sha256=sha256.get(path, ""),
                    medium=number if len(planned.media) > 1 else 0,
                )
            )
    if len(receipts) < len(planned.media) and work.order.depth is not Depth.PLAN:
        carried = State.FAILED
    for path, place in work.extra.places.items():
        state = written.state_of_unwritten(place) if carried is State.FAILED else carried
        because = wrong.get(path, wrong.get(place))
        fates.record(
            Fate(source=place, state=state, because=because, became=path, sha256=sha256.get(path, ""))
        )
