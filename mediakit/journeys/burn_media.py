"""Writing the media of a burn: each is written and proven, put where it goes; then all get their names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct, field, structs

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
    SOME_ARE_GOOD,
    BurnOrder,
    Depth,
)
from mediakit.named_together import named_together
from mediakit.outcome import Fate, Outcome, State
from mediakit.secure.checksums import SHA_256, Checksum, for_one_run
from mediakit.stages.act.pressing import Onto, Pressed, Proof, Turn
from mediakit.stages.act.writing import Written, attempt, named_for_user, with_pressed
from mediakit.stages.judge.prepare import Store, Terms
from mediakit.stages.look.fates import Fates
from mediakit.stages.plan.extra import ExtraContent
from mediakit.stages.plan.people import Choice, in_reading_order
from mediakit.stages.plan.spanning import MediumPlan
from mediakit.stages.plan.target import capacity_of
from mediakit.stages.prove.proof import Expected, prove

if TYPE_CHECKING:  # most burns de-identify nothing
    from mediakit.dicom.deidentify.engine import Engine

_QUICK_FROM_BYTES: Final = 8_000_000  # see `_checksum`


class Work(Struct, frozen=True, kw_only=True):
    """What all stages of a burn are given: the order, where bytes come from, and who hears of progress."""

    order: BurnOrder
    variant: str
    store: Store
    extra: ExtraContent
    tell: Listener
    engine: Engine | None = None  # where instances are de-identified
    swept: list[Finding] = field(default_factory=list)

    @property
    def terms(self) -> Terms:
        """Return on what terms instances go on the medium."""
        order = self.order
        return Terms(
            profile=order.profile, convert=order.convert, supply=order.supply, on_reject=order.on_reject
        )


class Planned(Struct, frozen=True, kw_only=True):
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
    """Write and prove each medium under a hidden name; put them where they go; give them their names."""
    done: list[Receipt] = []
    made: list[_Made] = []

    def write() -> Sequence[Receipt]:
        order = work.order
        with named_together(order.out, overwrite=order.overwrite) as names, ExitStack() as stack:
            for medium in planned.media:
                with named_for_user(partial(_place_in, medium, planned, work)):
                    staged = stack.enter_context(_written(medium, work, done))
                names.add(staged.part, medium.out)
                made.append(staged)
            if order.onto is not None:
                _put(made, order.onto, planned, work)
            names.begin()
        return done

    written = attempt(write, is_proven=work.order.depth.is_proven)
    if work.order.onto is not None:
        return _with_media(written, made, work.order)
    if written.outcome is None or not done:
        return written
    names = PARTLY_WRITTEN.at(names=len(done), why=", ".join(str(one.target) for one in done))
    return structs.replace(written, receipts=tuple(done), findings=(names, *written.findings))


class _Made(Struct, kw_only=True):
    """An image that is written and proven, and what came of putting it on a medium."""

    plan: MediumPlan
    part: Path
    receipt: Receipt
    proof: Proof | None
    pressed: Pressed | None = None


def _put(made: Sequence[_Made], onto: Onto, planned: Planned, work: Work) -> None:
    """Put the images on media, one after the other. Raises what `Onto.put` raises."""
    for number, one in enumerate(made, 1):
        turn = Turn(number=number, many=len(made), profile=work.order.profile)
        try:
            with named_for_user(partial(_place_in, one.plan, planned, work)):
                one.pressed = onto.put(one.part, one.proof, work.tell, turn)
        except KeyboardInterrupt as exc:
            if number > 1 and not onto.is_simulation:
                exc.add_note(f"of {len(made)} media the first {number - 1} are good: keep them")
            raise


def _with_media(written: Written, made: Sequence[_Made], order: BurnOrder) -> Written:
    """Return what came of it all when the images were put on media; those that are good are named."""
    good = [(one, one.pressed) for one in made if one.pressed is not None]
    if not good:
        return written
    _, pressed = good[0]
    if len(made) > 1:
        pressed = replace(pressed, copies=sum(one.copies for _, one in good))
        pressed = replace(pressed, said=f"{len(good)} of {len(made)} media: {pressed.said}")
    if written.outcome is None:
        return with_pressed(written, pressed)
    if order.is_simulation:
        return written
    names = ", ".join(f"medium {number} ({one.plan.file_set_id})" for number, (one, _) in enumerate(good, 1))
    some = SOME_ARE_GOOD.at(
        total=len(made), capacity=made[0].plan.plan.capacity_bytes or 0, count=len(good), names=names
    )
    return structs.replace(
        written,
        receipts=tuple(replace(one.receipt, target=one.plan.out) for one, _ in good),
        findings=(some, *written.findings),
        proof=pressed.said,
        outcome=Outcome.INTEGRITY,
        copies=pressed.copies,
    )


def _place_in(medium: MediumPlan, planned: Planned, work: Work, path: str) -> str:
    """Return the place of the source of a file of a medium."""
    places = (planned.place_of(one.instance) for one in medium.plan.files if one.file_id.path == path)
    return next(places, work.extra.places.get(path, path))


@contextmanager
def _written(medium: MediumPlan, work: Work, done: list[Receipt]) -> Iterator[_Made]:
    """Write a medium and prove it; it is in `done` when it has its name, which is at the end of the block."""
    order = work.order
    expected = Expected.of(medium.plan)
    made: list[_Made] = []

    def check(part: Path, receipt: Receipt) -> None:
        work.tell(PhaseEnded("write"))

        def proof(path: Path) -> tuple[Finding, ...]:
            return prove(path, expected, receipt, order.envelope, work.tell)

        proven_by = proof if order.depth.is_proven else None
        if proven_by is not None and (wrong := proven_by(part)):
            raise IntegrityError("what was written is not what was planned", findings=wrong)
        if work.engine is not None:
            from mediakit.stages.prove.sweeping import sweep  # noqa: PLC0415 - see above

            work.swept.extend(sweep(part, work.engine, order.envelope, work.tell))
        made.append(_Made(plan=medium, part=part, receipt=receipt, proof=proven_by))

    with written_medium(
        work.variant,
        _entries(medium, work),  # nothing else holds them: they are let go before the proof
        medium.out,
        _how(medium, work),
        work.tell,
        check,
    ) as receipt:
        yield made[0]
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
        checksum=_checksum(order, planned.plan.total_bytes),
        variant=work.variant,
        overwrite=order.overwrite,
        fat=wishes_of(medium, capacity_of(medium, order.capacity), is_partitioned=not order.unpartitioned),
        joliet=order.has_joliet,
    )


def _checksum(order: BurnOrder, size_bytes: int) -> Checksum | None:
    """Return what the proof of a medium compares by, None where there is none.

    To load what makes the code for one run takes as long as the SHA-256 of `_QUICK_FROM_BYTES`, twice.
    """
    if order.has_manifest or order.depth.has_sha256:
        return SHA_256
    if not order.depth.is_proven:
        return None
    return for_one_run() if size_bytes >= _QUICK_FROM_BYTES else SHA_256


def _entries(planned: MediumPlan, work: Work) -> list[Entry]:
    """Return what is to be written, and tell how much it is."""
    plan, opened = planned.plan, work.store.open
    entries = [
        Entry(DICOMDIR, len(plan.dicomdir), partial(BytesIO, plan.dicomdir)),
        *(Entry(file.file_id.path, file.size, partial(opened, file.instance)) for file in plan.files),
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
            path, uid = file.file_id.path, file.instance.sop_instance
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
