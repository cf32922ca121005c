"""Update: instances added to a file-set and removed from it; everything else stays as it is (PS3.10 8.3).

An image or archive is written anew beside the old one, proven and renamed over it; a folder or mounted stick
is changed in place; a session is appended to an ISO image. Whatever ends an update, the medium holds the old
set or the new one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from msgspec import structs

from mediakit.drives.drive import DiscDrive
from mediakit.errors import IntegrityError, UsageError, mapped
from mediakit.events import Listener, PhaseEnded, silence
from mediakit.fileset.decode import decode
from mediakit.fileset.manifest import SIGNATURE
from mediakit.fileset.merge import contradictions
from mediakit.fileset.plan import DICOMDIR, ExtraFile, FileSetPlan, complete
from mediakit.fileset.removal import asked_of
from mediakit.fileset.updating import Addition, lay_out_update
from mediakit.findings import Finding, Severity, Where
from mediakit.formats.base import Order, Receipt
from mediakit.formats.envelope import stored_size_for
from mediakit.journeys.burn_order import Depth
from mediakit.journeys.onto_drive import OntoDrive
from mediakit.journeys.update_order import Updated, UpdateOrder
from mediakit.journeys.update_result import Done, updated
from mediakit.journeys.update_work import SESSIONS, Work, opened, remade_by
from mediakit.outcome import Outcome, State
from mediakit.stages.act.disc_session import Prove, write_on_disc
from mediakit.stages.act.pressing import Pressed
from mediakit.stages.act.update_journal import Journal, held_alone, journal_of
from mediakit.stages.act.updating import (
    Change,
    append,
    check_anew,
    check_append,
    check_in_place,
    placed_of,
    session_end,
    write_anew,
    write_in_place,
)
from mediakit.stages.act.writing import Written, attempt, named_for_user, with_pressed
from mediakit.stages.judge.additions import Known, mixed_up
from mediakit.stages.judge.prepare import Prepared, prepare
from mediakit.stages.judge.updatable import SIGNED
from mediakit.stages.look.fates import Fates
from mediakit.stages.look.instances import take_instances
from mediakit.stages.plan.arrange import Arranged, arrange, refuse
from mediakit.stages.plan.staying import NotUpdatedError, Stay, kept_files, what_stays
from mediakit.stages.plan.target import check_target
from mediakit.stages.plan.update_target import (
    Way,
    fat_wishes_of,
    is_device,
    label_of,
)
from mediakit.stages.prove.proof import Expected, prove, prove_in_place, prove_session
from mediakit.volume import IsoVolume

Show = Callable[[FileSetPlan, tuple[str, ...]], None]


def say_nothing(_plan: FileSetPlan, _removed: tuple[str, ...]) -> None:
    """See a plan and say nothing."""


def update(medium: Path, order: UpdateOrder, tell: Listener = silence, show: Show = say_nothing) -> Updated:
    """Add instances to the file-set of a medium, remove others.

    `show` is given the plan, and the paths that go, before anything is done. Returns one fate for every file
    of the medium and of the sources. Raises MediakitError when the journey cannot begin: a medium or source
    that cannot be opened, a profile without the role of an updater, a target that cannot be.
    """
    if not order.add and not order.removal:
        raise UsageError("nothing is to be added or removed", where=str(medium))
    if order.out is not None:
        check_target(order.out, (medium, *order.add), overwrite=order.overwrite)
    with (
        _journal(medium, order) as (journal, left),
        opened(medium, order, tell, journal.completed) as work,
    ):
        fates = _met(work)
        fates.findings += left
        done = Done(
            order=order,
            profile=work.profile,
            target=work.target,
            seen=work.seen,
            written=Written(),
        )
        planned = _plan(work, fates)
        if isinstance(planned, _Stopped):
            return updated(replace(done, written=Written(outcome=planned.outcome)), fates, tell)
        change = planned.change
        show(change.plan, change.removed)
        done = replace(
            done,
            plan=change.plan,
            stay=planned.stay,
            prepared=planned.prepared,
            written=_rehearse(planned, work) if order.depth is Depth.PLAN else _write(planned, work, journal),
        )
        return updated(done, fates, tell)


@dataclass(frozen=True, slots=True)
class _Stopped:
    """Nothing is written. `outcome` None lets the fates decide."""

    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planned:
    """What is going to be done, and where the new instances come from."""

    change: Change
    stay: Stay
    prepared: Prepared | None
    expected: Expected


@contextmanager
def _journal(medium: Path, order: UpdateOrder) -> Iterator[tuple[Journal, tuple[Finding, ...]]]:
    """Give the journal of a folder that is changed in place, and what an earlier run had left there.

    A medium that is to be changed is held meanwhile, so that no other update begins with the same old set;
    not a drive, which keeps its tray shut while it is held (and asks before it writes what is in it).
    """
    is_in_place = order.out is None and medium.is_dir()
    writes = order.depth is not Depth.PLAN
    with (
        held_alone(medium) if writes and order.out is None and not is_device(medium) else nullcontext(),
        journal_of(medium, order.state if is_in_place else None, writes=writes) as journal,
    ):
        with mapped({OSError: UsageError}, "what an earlier update left cannot be removed", str(medium)):
            left = tuple(journal.clean_up() if writes else journal.rehearse())
        yield journal, left


def _met(work: Work) -> Fates:
    """Return the fates, with every file of the medium entered."""
    fates = Fates((work.seen, *work.surveys))
    for file in work.seen.files:
        fates.enter(work.place_of(file.path))
    return fates


def _plan(work: Work, fates: Fates) -> _Planned | _Stopped:
    """Find out what stays, what goes and what is new; nothing is written yet."""
    stay = _what_stays(work, fates)
    if stay is None:
        return _Stopped(Outcome.DOES_NOT_FIT)
    known = Known(stay.links, work.store)
    new = known.new_of(take_instances(work.surveys, fates), fates)
    if new and not work.order.all_patients:
        mixed = list(mixed_up(new, known.instances()))
        fates.findings += mixed
        if any(finding.severity is Severity.ERROR for finding in mixed):
            return _Stopped(Outcome.IDENTITY)
    if work.terms.stop(fates) or _is_nothing_to_add(work):
        return _nothing(fates)
    taken = Prepared(instances=tuple(new))
    prepared = prepare(taken, work.terms, work.store, fates, work.tell) if new else None
    if prepared is not None:
        prepared = known.without_known(prepared, fates)
    if work.terms.stop(fates) or (new and prepared is None):
        return _nothing(fates)
    is_same = len(stay.links) == len(work.seen.links)
    if prepared is None or not prepared.instances:
        return _Stopped() if is_same else _laid_out(stay, None, work, fates)
    arranged = _arranged(prepared, stay, work, fates)
    return _nothing(fates) if arranged is None else _laid_out(stay, arranged, work, fates)


def _is_nothing_to_add(work: Work) -> bool:
    """Return True when sources were named, and no instance is in them."""
    return bool(work.surveys) and not any(True for each in work.surveys for _ in each.instances())


def _nothing(fates: Fates) -> _Stopped:
    is_refused = any(fate.state is State.REFUSED for fate in fates.settled())
    return _Stopped(Outcome.DOES_NOT_FIT if is_refused else Outcome.SOURCE)


def _what_stays(work: Work, fates: Fates) -> Stay | None:
    """Return what stays of the medium; None when it is not safe to update it, or not as was asked."""
    try:
        stay, findings = what_stays(
            work.seen,
            work.tree,
            work.order.removal,
            work.target,
            envelope=work.envelope,
            completed=work.completed,
        )
        if stay.made.is_signed and work.order.signer is None:
            raise NotUpdatedError([SIGNED.at(Where(path=work.place_of(SIGNATURE)))])
    except NotUpdatedError as exc:
        fates.findings += exc.findings
        return None
    fates.findings += findings
    return stay


def _arranged(prepared: Prepared, stay: Stay, work: Work, fates: Fates) -> Arranged | None:
    """Collate what is new; what contradicts the records that stay is refused."""
    arranged = arrange(prepared, work.terms, work.store, fates, work.tell)
    if arranged is None:
        return None
    numbers = {one.sop_instance: index for index, one in enumerate(arranged.prepared.instances)}
    against = {
        numbers[leaf.instance.sop_instance]: finding
        for leaf, finding in contradictions(stay.directory, arranged.collated)
    }
    if not against:
        return arranged
    refuse(arranged.prepared, against, fates)
    left = arranged.prepared.without(against)
    if not left.instances or work.terms.stop(fates):
        return None
    return arrange(left, work.terms, work.store, fates, work.tell)


def _laid_out(stay: Stay, arranged: Arranged | None, work: Work, fates: Fates) -> _Planned | _Stopped:
    """Lay out the updated file-set, and find out whether it fits the medium."""
    kept = kept_files(stay, work.seen, work.tree)
    names = [*(file.path for file in work.seen.files), *work.tree.folders()]
    added = None if arranged is None else Addition(collated=arranged.collated, icons=arranged.icons)
    laid_out = lay_out_update(stay.directory, kept, names, work.profile, added)
    capacity = work.capacity_bytes
    again = remade_by(work, laid_out, stay)
    sizes = [ExtraFile(entry.path, entry.size) for entry in again.entries]
    plan = complete(laid_out, capacity, sizes, stored_size_for(work.envelope))
    fates.findings += (*again.findings, *plan.findings)
    if any(finding.severity is Severity.ERROR for finding in plan.findings):
        return _Stopped(Outcome.DOES_NOT_FIT)
    change = Change(
        plan=plan,
        tree=work.tree,
        store=work.store,
        target=work.target,
        removed=tuple(file.path for file in stay.gone),
        made=again.entries,
        outdated=tuple(file.path for file in stay.outdated),
        envelope=work.envelope,
        asked=tuple(asked.key for asked in asked_of(work.order.removal)),
        directory=work.seen.dicomdir.path if work.seen.dicomdir is not None else DICOMDIR,
    )
    expected = Expected(
        directory=plan.directory,
        dicomdir=plan.dicomdir,
        references=None,
        total_bytes=Expected.of(plan).total_bytes,
        known=frozenset(finding.rule for finding in decode(plan.dicomdir).findings),
        named=change.other_names(),
    )
    prepared = None if arranged is None else arranged.prepared
    return _Planned(change=change, stay=stay, prepared=prepared, expected=expected)


def _how(planned: _Planned, work: Work) -> tuple[Order, tuple[Finding, ...]]:
    """Return how the medium is written anew, and what is to be said of that."""
    facts, variant = work.tree.facts, work.target.variant
    label, findings = label_of(facts, variant, planned.change.plan.directory.file_set_id)
    return Order(
        label=label,
        when=work.order.when,
        variant=variant,
        overwrite=work.order.out is None or work.order.overwrite,
        fat=fat_wishes_of(facts, work.profile, work.capacity_bytes),
        joliet=isinstance(facts.volume, IsoVolume) and facts.volume.has_joliet,
        rock_ridge=isinstance(facts.volume, IsoVolume) and facts.volume.has_rock_ridge,
    ), findings


def _rehearse(planned: _Planned, work: Work) -> Written:
    """Make the checks that writing makes before its first byte."""
    how, findings = _how(planned, work)

    def check() -> tuple[()]:
        if work.target.way is Way.IN_PLACE:
            check_in_place(planned.change)
        elif work.drive is not None:
            _check_disc(planned.change, how, work.drive)
        elif work.target.way is Way.SESSION:
            check_append(planned.change, how, planned.change.plan.capacity_bytes)
        else:
            check_anew(planned.change, how)
        return ()

    written = attempt(check, is_proven=False)
    return structs.replace(written, findings=(*findings, *written.findings))


def _write(planned: _Planned, work: Work, journal: Journal) -> Written:
    """Write, prove, and put in the place of what was there."""
    if work.target.way is Way.IN_PLACE:
        return _write_in_place(planned, work, journal)
    if work.drive is not None:
        return _write_on_disc(planned, work, work.drive)
    how, findings = _how(planned, work)

    change = planned.change
    is_session = work.target.way is Way.SESSION
    prove_it = _session_proof(planned, work) if is_session else _proof(planned, work)

    def check(part: Path, receipt: Receipt) -> None:
        work.tell(PhaseEnded("write"))
        if wrong := prove_it(part, receipt):
            raise IntegrityError("what was written is not what was planned", findings=wrong)

    def write() -> tuple[Receipt]:
        with named_for_user(partial(_place_in, planned, work)):
            if not is_session:
                return (write_anew(change, how, work.tell, check),)
            check_append(change, how, change.plan.capacity_bytes)
            return (append(change, how, work.tell, check),)

    written = attempt(write, is_proven=True)
    return structs.replace(written, findings=(*findings, *written.findings))


def _proof(planned: _Planned, work: Work) -> Prove:
    return lambda part, receipt: prove(part, planned.expected, receipt, work.envelope, work.tell)


def _session_proof(planned: _Planned, work: Work) -> Prove:
    placed = placed_of(planned.change)
    return lambda part, receipt: prove_session(
        part, planned.expected, receipt, placed, work.envelope, work.tell
    )


def _check_disc(change: Change, how: Order, drive: DiscDrive) -> None:
    """Raise what a session on the disc in a drive needs to fit. Raises DoesNotFit."""
    drive.check_room(session_end(change, how, drive.how.begins, change.plan.capacity_bytes))


def _write_on_disc(planned: _Planned, work: Work, drive: DiscDrive) -> Written:
    """Write a session on the disc in a drive, and prove it from there."""
    how, findings = _how(planned, work)
    pressed: list[Pressed] = []
    onto = OntoDrive(drive=drive)
    assert work.order.state is not None  # noqa: S101 - of `opened`
    folder = work.order.state / SESSIONS

    def write() -> tuple[Receipt]:
        with named_for_user(partial(_place_in, planned, work)):
            _check_disc(planned.change, how, drive)
            prove_it = _session_proof(planned, work)
            receipt, done = write_on_disc(planned.change, how, onto, folder, prove_it, work.tell)
        pressed.append(done)
        return (receipt,)

    written = attempt(write, is_proven=True)
    written = with_pressed(written, pressed[0]) if pressed else written
    return structs.replace(written, findings=(*findings, *written.findings))


def _place_in(planned: _Planned, work: Work, path: str) -> str:
    """Return the place of the source of a file of the updated medium."""
    new = (one.instance for one in planned.change.plan.files if one.file_id.path == path)
    places = (planned.prepared.place_of(one) for one in new if planned.prepared is not None)
    return next(places, work.place_of(path))


def _write_in_place(planned: _Planned, work: Work, journal: Journal) -> Written:
    left: list[Finding] = []

    def check(directory: Path, receipt: Receipt) -> None:
        work.tell(PhaseEnded("write"))
        wrong = prove_in_place(directory, planned.expected, receipt, work.envelope, work.tell)
        if wrong:
            raise IntegrityError("what was written is not what was planned", findings=wrong)

    def write() -> tuple[Receipt]:
        with named_for_user(partial(_place_in, planned, work)):
            done = write_in_place(planned.change, journal, work.tell, check)
        left.extend(finding.moved(work.place_of(finding.where.path)) for finding in done.findings)
        return (done.receipt,)

    written = attempt(write, is_proven=False)
    if written.receipt is not None:
        proof = f"the directory and {len(written.receipt.sums)} new files read back, every byte equal"
        written = structs.replace(written, proof=proof)
    return structs.replace(written, findings=(*written.findings, *left))
