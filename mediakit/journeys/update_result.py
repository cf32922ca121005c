"""What an update gives: one fate for every file of the medium and of the sources, and the figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from mediakit.dicom.instance import shown
from mediakit.events import FileSettled, Listener
from mediakit.fileset.plan import FileSetPlan
from mediakit.fileset.survey import FileFact, Survey
from mediakit.findings import Finding, Rule, Where
from mediakit.journeys.burn_order import Depth
from mediakit.journeys.update_order import AS_ASKED, REPLACED, Updated, UpdateFigures, UpdateOrder
from mediakit.outcome import Fate, State
from mediakit.profile.model import Profile
from mediakit.stages.act.writing import Written
from mediakit.stages.judge.prepare import Prepared
from mediakit.stages.judge.updatable import DANGLING, UNLISTED
from mediakit.stages.look.fates import Fates
from mediakit.stages.plan.remaking import MADE_AGAIN
from mediakit.stages.plan.staying import Stay
from mediakit.stages.plan.update_target import UpdateTarget


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How far an update came. `plan` and what goes with it are None when it ended before."""

    order: UpdateOrder
    profile: Profile
    target: UpdateTarget
    seen: Survey
    plan: FileSetPlan | None = None
    stay: Stay | None = None
    prepared: Prepared | None = None
    written: Written

    @property
    def is_rehearsal(self) -> bool:
        """Return True when nothing was to be written."""
        return self.order.depth is Depth.PLAN or self.order.simulate


def updated(done: Done, fates: Fates, tell: Listener) -> Updated:
    """Settle every file and return the result; what has no fate then stays, or was held back."""
    written, order, plan = done.written, done.order, done.plan
    fates.findings += written.findings
    for fate in (*_fates_of(done), *_outdated(done)):
        fates.record(fate)
    if written.outcome is None and plan is not None and done.seen.dicomdir and not done.is_rehearsal:
        fates.settle(shown(done.seen.subject, done.seen.dicomdir.path), State.EXCLUDED, REPLACED.at())
    open_places = set(fates.open_places())
    for file in done.seen.files:
        place = shown(done.seen.subject, file.path)
        if place in open_places:
            fates.record(Fate(source=place, state=State.KEPT, sop_instance=_uid(file)))
    fates.settle_rest(State.WITHHELD)
    figures = _figures(done, Counter(finding.rule for finding in fates.findings))
    result = fates.result("update", done.profile.id, figures, order.fail_on, written.outcome)
    for fate in result.fates:
        tell(FileSettled(fate))
    return Updated(result=result, plan=plan, is_rehearsal=done.is_rehearsal)


def _fates_of(done: Done) -> Iterator[Fate]:
    """Yield the fates of the new instances and of what is removed."""
    written, plan, prepared = done.written, done.plan, done.prepared
    state = _state_of_new(done)
    is_failed = state is State.FAILED
    sha256: Mapping[str, str] = {} if written.receipt is None else written.receipt.sha256
    wrong: Mapping[str, Finding] = {one.where.path: one for one in written.findings if one.where.path}
    if plan is not None and prepared is not None:
        for file in plan.files:
            path, uid = file.file_id.path, file.instance.sop_instance
            place = prepared.place_of(file.instance)
            state = written.state_of_unwritten(place) if is_failed else state
            is_converted = uid in prepared.places and state is State.WRITTEN
            yield Fate(
                source=place,
                state=State.CONVERTED if is_converted else state,
                because=wrong.get(path, wrong.get(place)),
                became=path,
                sop_instance=uid,
                sha256=sha256.get(path, ""),
            )
    if written.outcome is not None:
        return
    removed = State.TO_REMOVE if done.is_rehearsal else State.REMOVED
    what = "is to be removed" if done.is_rehearsal else "removed"
    if done.stay is None:
        return
    for gone in done.stay.gone:
        place = shown(done.seen.subject, gone.path)
        failure = wrong.get(place)
        yield Fate(
            source=place,
            state=removed if failure is None else State.FAILED,
            because=failure or AS_ASKED.at(Where(path=place), what=what),
            sop_instance=_uid(gone),
        )


def _outdated(done: Done) -> Iterator[Fate]:
    """Yield the fates of the files that mediakit had made, of which others were made."""
    plan, stay = done.plan, done.stay
    if plan is None or stay is None or done.written.outcome is not None or done.is_rehearsal:
        return
    wrong = {one.where.path: one for one in done.written.findings if one.where.path}
    made = {one.path for one in plan.extra if not one.is_stored}
    for file in stay.outdated:
        place = shown(done.seen.subject, file.path)
        what = "it was made again" if file.path in made else "the updated medium has no such file"
        failure = wrong.get(place)
        yield Fate(
            source=place,
            state=State.EXCLUDED if failure is None else State.FAILED,
            because=failure or MADE_AGAIN.at(Where(path=place), what=what),
        )


def _state_of_new(done: Done) -> State:
    if done.written.outcome is not None:
        return State.WITHHELD if done.is_rehearsal else State.FAILED
    return State.PLANNED if done.is_rehearsal else State.WRITTEN


def _uid(file: FileFact) -> str:
    return "" if file.instance is None else file.instance.sop_instance


def _figures(done: Done, found: Counter[Rule]) -> UpdateFigures:
    plan, order, profile, written = done.plan, done.order, done.profile, done.written
    figures = UpdateFigures(
        profile=profile.id,
        profile_source=profile.source,
        target=str(order.out or done.seen.subject),
        format=done.target.variant,
        medium=profile.medium.title,
        way=done.target.way.value,
        proof=written.proof,
        written_bytes=None if written.receipt is None or done.is_rehearsal else written.receipt.size_bytes,
    )
    if plan is None:
        return figures
    return replace(
        figures,
        file_set_id=plan.directory.file_set_id,
        file_set_uid=plan.directory.file_set_uid,
        kept=sum(one.is_stored for one in plan.extra),
        added=len(plan.files),
        removed=0 if done.stay is None else len(done.stay.gone),
        missing_before=sum(1 for _ in done.seen.missing()),
        missing_after=found[DANGLING],
        unlisted=found[UNLISTED],
        dicomdir_bytes=len(plan.dicomdir),
        needs_bytes=plan.total_bytes,
        capacity_bytes=plan.capacity_bytes,
    )
