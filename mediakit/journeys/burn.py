"""The burn: look -> judge -> plan -> act -> prove -> one fate for every file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from io import BytesIO
from pathlib import Path

from mediakit.dicom.deidentify.engine import Engine
from mediakit.dicom.instance import Header, Instance
from mediakit.errors import IntegrityError, UsageError
from mediakit.events import FileSettled, Listener, PhaseEnded, PhaseStarted, silence
from mediakit.fileset.charset import place_of
from mediakit.fileset.contents import Descriptions, descriptions_of
from mediakit.fileset.fat_geometry import wishes_of
from mediakit.fileset.plan import DICOMDIR, ExtraFile
from mediakit.fileset.survey import Survey
from mediakit.findings import Finding, Severity
from mediakit.formats.base import Entry, Order, Receipt
from mediakit.formats.envelope import sealed
from mediakit.formats.registry import check_medium, written_medium
from mediakit.journeys.burn_figures import figures_of, media_of
from mediakit.journeys.burn_order import (
    PARTLY_WRITTEN,
    BurnOrder,
    Burnt,
    Depth,
    notes_on,
)
from mediakit.journeys.burn_people import people_of
from mediakit.named_together import NamesToCome, give_names, named_together, names_missing
from mediakit.outcome import Fate, Outcome, State
from mediakit.profile.choose import choose as fitting
from mediakit.profile.model import Profile
from mediakit.rules.completeness import completeness_of
from mediakit.stages.act.pressing import Pressed
from mediakit.stages.act.writing import Written, attempt, named_for_user, with_pressed
from mediakit.stages.judge.deidentifying import Deidentifier
from mediakit.stages.judge.prepare import Prepared, Store, Terms, prepare
from mediakit.stages.judge.spool import SPOOL, Spool
from mediakit.stages.judge.wrapping import could_be_wrapped, wrap_all
from mediakit.stages.look.fates import Fates
from mediakit.stages.look.instances import take_instances
from mediakit.stages.look.media import Media, look_at_all, open_media, scanner_for
from mediakit.stages.look.selecting import choose
from mediakit.stages.plan.arrange import arrange
from mediakit.stages.plan.draw import Draft
from mediakit.stages.plan.extra import ExtraContent, gather
from mediakit.stages.plan.people import Choice, in_reading_order, names_against_pdi
from mediakit.stages.plan.spanning import MediumPlan, plan_media
from mediakit.stages.plan.target import capacity_of, check_security, check_target, format_of
from mediakit.stages.prove.proof import Expected, prove
from mediakit.stages.prove.sweeping import sweep
from mediakit.transfer.patient_identity import Mixed, identities_of, several_patients, two_people


def burn(sources: Sequence[Path], order: BurnOrder, tell: Listener = silence) -> Burnt:
    """Burn the instances of some sources as a file-set of a profile.

    Returns one fate for every file met, in the sources and in the content to add. Raises MediakitError
    when the journey cannot begin: a source that cannot be opened, a target that exists or does not suit
    the medium, a File-set ID that is none.
    """
    return burn_fitting(sources, (order.profile,), order, tell)


def burn_fitting(
    sources: Sequence[Path], candidates: Sequence[Profile], order: BurnOrder, tell: Listener = silence
) -> Burnt:
    """Burn by that one of some profiles of one medium which fits best; see `burn`."""
    check_order(sources, candidates, order)
    with open_media(sources, order.keys) as media:
        surveys = list(look_at_all(media, scanner_for(*candidates), tell))
        if len(candidates) > 1:
            chosen = choose(surveys, order.selection).surveys
            instances = [instance for survey in chosen for _, instance in survey.instances()]
            order = replace(order, profile=fitting(instances, candidates).profile or candidates[0])
        return burn_looked_at(surveys, media, order, tell)


def check_order(sources: Sequence[Path], candidates: Sequence[Profile], order: BurnOrder) -> None:
    """Raise UsageError for an order that cannot be carried out, before anything is read."""
    format_of(candidates[0], order.out, order.format)
    check_security(candidates[0], is_sealed=order.envelope is not None)
    if order.span and capacity_of(candidates[0].medium, order.capacity) is None:
        hint = "say it, for example `--capacity 4GB`"
        raise UsageError("`--span` needs to know how much a medium holds", hint=hint)
    check_target(order.out, (*sources, *order.add), overwrite=order.overwrite)


def burn_looked_at(surveys: list[Survey], media: Media, order: BurnOrder, tell: Listener = silence) -> Burnt:
    """Burn what was looked at already; see `burn`.

    `surveys` is emptied: the headers of what does not go on are most of the memory, and nobody else should
    hold them.
    """
    check_security(order.profile, is_sealed=order.envelope is not None)
    with Spool() as spool, gather(order.add) as extra:
        sizes = (file.size for survey in surveys for file in survey.files)
        largest = max((*sizes, *(entry.size for entry in extra.entries)), default=0)
        work = _Work(
            order=order,
            variant=format_of(order.profile, order.out, order.format, largest),
            store=Store(media, spool),
            extra=extra,
            tell=tell,
            engine=None if order.deidentify is None else order.deidentify.engine(),
        )
        order.check_joliet(work.variant)
        fates = Fates(surveys, extra.places.values())
        fates.findings += names_missing(order.out) if order.depth is Depth.PLAN else give_names(order.out)
        taken = _take(surveys, work, fates)
        prepared = None if taken.is_refused else _prepare(taken, work, fates)
        planned = None if prepared is None else _plan(prepared, work, fates)
        del prepared
        if planned is not None and len(planned.media) > 1:
            for medium in planned.media:
                check_target(medium.out, [Path(name) for name in media.trees], overwrite=order.overwrite)
        if planned is None or planned.is_refused:
            fates.settle_rest(State.WITHHELD)
            outcome = None if planned is None or not planned.media else Outcome.DOES_NOT_FIT
            outcome = Outcome.IDENTITY if taken.is_refused else outcome
            return _burnt(work, fates, planned, Written(outcome=outcome), taken.patients)
        fates.findings += notes_on(order.profile, "" if order.onto else work.variant)
        written = _rehearse(planned, work) if order.depth is Depth.PLAN else _write(planned, work)
        fates.findings += (*work.swept, *written.findings)
        _settle(planned, written, work, fates)
        return _burnt(work, fates, planned, written, taken.patients)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
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
class _Taken:
    """The instances that were asked for, how many patients they are of, and whether that stops the burn.

    `places` leads from those in the spool to their source files.
    """

    instances: list[Instance]
    places: Mapping[str, str]
    patients: int
    is_refused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planned:
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


def _take(surveys: list[Survey], work: _Work, fates: Fates) -> _Taken:
    """Take the instances that were asked for, each once; `surveys` is emptied.

    Several patients on one medium are refused, also below one Patient ID, unless that was asked for.
    """
    order = work.order
    chosen = choose(surveys, order.selection)
    surveys.clear()
    chosen.settle(fates)
    wrapped = Prepared(instances=())
    if order.wrap is None:
        fates.findings += could_be_wrapped(chosen.surveys)
    else:
        wrapped = wrap_all(chosen.surveys, order.wrap, work.terms, work.store, fates, work.tell)
    instances = [*take_instances(chosen.surveys, fates), *wrapped.instances]
    identities = identities_of(instances)
    mixed = Mixed.ALLOW if order.all_patients or len(order.selection.patients) > 1 else Mixed.REFUSE
    found = [*several_patients(identities, mixed), *(() if order.all_patients else two_people(identities))]
    several = [one for one in found if one.severity is Severity.ERROR]
    fates.findings += several
    return _Taken(
        instances=instances,
        places=wrapped.places,
        patients=len({identity.patient_id for identity, _ in identities}),
        is_refused=chosen.is_nothing or bool(several),
    )


def _prepare(taken: _Taken, work: _Work, fates: Fates) -> Prepared | None:
    """De-identify what was taken where that is ordered, judge and convert it; `taken` is emptied."""
    ready = Prepared(instances=tuple(taken.instances), places=taken.places)
    taken.instances.clear()
    order = work.order
    if order.deidentify is not None and work.engine is not None:
        how = order.deidentify.on_burned_in
        scanner = scanner_for(order.profile)
        deidentify = Deidentifier(engine=work.engine, on_burned_in=how, scanner=scanner, store=work.store)
        ready = deidentify(ready, fates, work.tell)
    return prepare(ready, work.terms, work.store, fates, work.tell)


def _plan(prepared: Prepared, work: _Work, fates: Fates) -> _Planned | None:
    """Collate, make icons, plan the media; None when nothing may be written."""
    order = work.order
    arranged = arrange(prepared, work.terms, work.store, fates, work.tell)
    if arranged is None:
        return None
    left = arranged.prepared
    fates.findings += completeness_of([(left.place_of(one), one) for one in left.instances])
    entries = work.extra.entries
    people = people_of(order, work.store, work.tell)
    draft = Draft(
        profile=order.profile,
        extra=tuple(ExtraFile(one.path, one.size, work.extra.places[one.path]) for one in entries),
        icons=arranged.icons,
        producers=(*people, *order.producers()),
        least=(*(one.least for one in people), *order.producers()),
        capacity=capacity_of(order.profile.medium, order.capacity),
        stored_size=int if order.envelope is None else order.envelope.sealed_size,
    )
    found = plan_media(draft, arranged.collated, order.out, order.file_set_id, is_spanned=order.span)
    for instance, finding in found.too_large:
        fates.refuse(left.place_of(instance), (finding,), sop_instance=instance.sop_instance)
    spooled = {place_of(one): left.place_of(one) for one in left.instances if one.source == SPOOL}
    choices = tuple(one.choices[medium.file_set_id] for one in people for medium in found.media)
    told = (*found.findings, *dict.fromkeys(finding for one in choices for finding in one.findings))
    fates.findings += names_against_pdi(order.people, [entry.path for entry in entries])
    fates.findings += (finding.moved(spooled.get(finding.where.path, finding.where.path)) for finding in told)
    if work.terms.stop(fates):
        return None
    return _Planned(
        media=tuple(map(_without_headers, found.media)),
        is_refused=not found.media or any(one.severity is Severity.ERROR for one in found.findings),
        converted=left.places,
        viewer=choices,
        descriptions=descriptions_of(left.instances),
    )


def _without_headers(planned: MediumPlan) -> MediumPlan:
    """Return the plan without the headers, which have done their work and fill most of the memory."""
    spent = Header({}, {})
    files = (replace(file, instance=replace(file.instance, header=spent)) for file in planned.plan.files)
    return replace(planned, plan=replace(planned.plan, files=tuple(files)))


def _write(planned: _Planned, work: _Work) -> Written:
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


def _place_in(medium: MediumPlan, planned: _Planned, work: _Work, path: str) -> str:
    """Return the place of the source of a file of a medium."""
    places = (planned.place_of(one.instance) for one in medium.plan.files if str(one.file_id) == path)
    return next(places, work.extra.places.get(path, path))


@contextmanager
def _written(medium: MediumPlan, work: _Work, names: NamesToCome, done: list[Receipt]) -> Iterator[None]:
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


def _rehearse(planned: _Planned, work: _Work) -> Written:
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


def _how(planned: MediumPlan, work: _Work) -> Order:
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


def _entries(planned: MediumPlan, work: _Work) -> list[Entry]:
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


def _settle(planned: _Planned, written: Written, work: _Work, fates: Fates) -> None:
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


def _burnt(work: _Work, fates: Fates, planned: _Planned | None, written: Written, patients: int) -> Burnt:
    order = work.order
    planned_media = () if planned is None else planned.media
    choices = () if planned is None else planned.viewer
    figures = figures_of(order, work.variant, (planned_media, choices), written, patients)
    result = fates.result("burn", order.profile.id, figures, order.fail_on, written.outcome)
    for fate in result.fates:
        work.tell(FileSettled(fate))
    return Burnt(
        result=result,
        plans=tuple(medium.plan for medium in planned_media),
        media=media_of(order, planned_media, written),
        is_rehearsal=order.depth is Depth.PLAN,
        descriptions=Descriptions() if planned is None else planned.descriptions,
    )
