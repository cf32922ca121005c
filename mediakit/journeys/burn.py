"""The burn: look -> judge -> plan -> act -> prove -> one fate for every file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from msgspec import Struct, structs

from mediakit.dicom.instance import Header, Instance
from mediakit.errors import UsageError
from mediakit.events import FileSettled, Listener, silence
from mediakit.fileset.charset import place_of
from mediakit.fileset.contents import Descriptions, descriptions_of
from mediakit.fileset.plan import ExtraFile
from mediakit.fileset.survey import FileKind, Survey
from mediakit.findings import Severity
from mediakit.formats.envelope import stored_size_for
from mediakit.journeys.burn_figures import figures_of, media_of
from mediakit.journeys.burn_media import Planned, Work, rehearse_media, settle_media, write_media
from mediakit.journeys.burn_order import (
    BurnOrder,
    Burnt,
    Depth,
    notes_on,
)
from mediakit.journeys.burn_people import people_of
from mediakit.named_together import give_names, names_missing
from mediakit.outcome import Outcome, State
from mediakit.profile.model import Profile
from mediakit.rules.completeness import completeness_of
from mediakit.stages.act.writing import Written
from mediakit.stages.judge.prepare import Prepared, Store, prepare
from mediakit.stages.judge.spool import SPOOL, Spool
from mediakit.stages.look.fates import Fates
from mediakit.stages.look.instances import take_instances
from mediakit.stages.look.media import Media, look_at_all, open_media, scanner_for
from mediakit.stages.look.selecting import choose
from mediakit.stages.plan.arrange import arrange
from mediakit.stages.plan.draw import Draft
from mediakit.stages.plan.extra import gather
from mediakit.stages.plan.people import names_against_pdi
from mediakit.stages.plan.spanning import MediumPlan, plan_media
from mediakit.stages.plan.target import capacity_of, check_security, check_target, format_of
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
            from mediakit.profile.choose import choose as fitting  # noqa: PLC0415 - mostly one is named

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
    with Spool(tell) as spool, gather(order.add) as extra:
        sizes = (file.size for survey in surveys for file in survey.files)
        largest = max((*sizes, *(entry.size for entry in extra.entries)), default=0)
        work = Work(
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
            if order.onto is not None and order.depth is not Depth.PLAN:
                order.onto.check_media(len(planned.media))
            for medium in planned.media:
                check_target(medium.out, [Path(name) for name in media.trees], overwrite=order.overwrite)
        if planned is None or planned.is_refused:
            fates.settle_rest(State.WITHHELD)
            outcome = None if planned is None or not planned.media else Outcome.DOES_NOT_FIT
            outcome = Outcome.IDENTITY if taken.is_refused else outcome
            return _burnt(work, fates, planned, Written(outcome=outcome), taken.patients)
        fates.findings += notes_on(order.profile, "" if order.onto else work.variant)
        written = rehearse_media(planned, work) if order.depth is Depth.PLAN else write_media(planned, work)
        fates.findings += (*work.swept, *written.findings)
        settle_media(planned, written, work, fates)
        return _burnt(work, fates, planned, written, taken.patients)


class _Taken(Struct, frozen=True, kw_only=True):
    """The instances that were asked for, how many patients they are of, and whether that stops the burn.

    `places` leads from those in the spool to their source files.
    """

    instances: list[Instance]
    places: Mapping[str, str]
    patients: int
    is_refused: bool


def _take(surveys: list[Survey], work: Work, fates: Fates) -> _Taken:
    """Take the instances that were asked for, each once; `surveys` is emptied.

    Several patients on one medium are refused, also below one Patient ID, unless that was asked for.
    """
    order = work.order
    chosen = choose(surveys, order.selection)
    surveys.clear()
    chosen.settle(fates)
    wrapped = _wrapped(chosen.surveys, work, fates)
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


def _wrapped(surveys: Sequence[Survey], work: Work, fates: Fates) -> Prepared:
    """Make instances of images and documents where that is ordered; else say that it is possible."""
    wrap = work.order.wrap
    others = (file for survey in surveys for file in survey.files if file.kind is FileKind.OTHER)
    if wrap is not None or next(others, None) is not None:
        from mediakit.stages.judge.wrapping import could_be_wrapped, wrap_all  # noqa: PLC0415 - as below

        if wrap is not None:
            return wrap_all(surveys, wrap, work.terms, work.store, fates, work.tell)
        fates.findings += could_be_wrapped(surveys)
    return Prepared(instances=())


def _prepare(taken: _Taken, work: Work, fates: Fates) -> Prepared | None:
    """De-identify what was taken where that is ordered, judge and convert it; `taken` is emptied."""
    ready = Prepared(instances=tuple(taken.instances), places=taken.places)
    taken.instances.clear()
    order = work.order
    if order.deidentify is not None and work.engine is not None:
        from mediakit.stages.judge.deidentifying import Deidentifier  # noqa: PLC0415 - most burns do not

        how = order.deidentify.on_burned_in
        scanner = scanner_for(order.profile)
        deidentify = Deidentifier(engine=work.engine, on_burned_in=how, scanner=scanner, store=work.store)
        ready = deidentify(ready, fates, work.tell)
    return prepare(ready, work.terms, work.store, fates, work.tell)


def _plan(prepared: Prepared, work: Work, fates: Fates) -> Planned | None:
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
        stored_size=stored_size_for(order.envelope),
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
    return Planned(
        media=tuple(map(_without_headers, found.media)),
        is_refused=not found.media or any(one.severity is Severity.ERROR for one in found.findings),
        converted=left.places,
        viewer=choices,
        descriptions=descriptions_of(left.instances),
    )


def _without_headers(planned: MediumPlan) -> MediumPlan:
    """Return the plan without the headers, which have done their work and fill most of the memory."""
    spent = Header({}, {})
    files = (
        structs.replace(file, instance=structs.replace(file.instance, header=spent))
        for file in planned.plan.files
    )
    return structs.replace(planned, plan=replace(planned.plan, files=tuple(files)))


def _burnt(work: Work, fates: Fates, planned: Planned | None, written: Written, patients: int) -> Burnt:
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
