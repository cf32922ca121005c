"""Import: look -> guard the identity -> plan -> send -> prove -> one state for every instance.

Whatever ends it, the ledger has what is true of every instance, and `resume` goes on from there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from mediakit.dicom.header import Scanner
from mediakit.errors import UsageError
from mediakit.events import Listener, PhaseEnded, PhaseStarted, silence
from mediakit.findings import Rule, Severity, Where
from mediakit.formats.base import Tree
from mediakit.formats.gapped import gaps_of
from mediakit.formats.registry import open_medium, open_named
from mediakit.journeys.import_deidentified import copied, deidentified
from mediakit.journeys.import_result import Ended, StageResult, Task, imported_of
from mediakit.journeys.stored_report import keep_imported
from mediakit.ledger.jobs import Jobs
from mediakit.ledger.ledger import Ledger
from mediakit.ledger.values import JobFacts
from mediakit.outcome import Fate, Outcome, State, sentence_of
from mediakit.stages.act.coercing import Coercer
from mediakit.stages.act.deidentified import Copies
from mediakit.stages.act.loading import Loader
from mediakit.stages.act.rehearsing import rehearse
from mediakit.stages.act.sending import Sender, check_associations
from mediakit.stages.import_order import ImportDepth, ImportOrder, Matching
from mediakit.stages.judge.deidentified_rows import KEPT_KEY
from mediakit.stages.judge.identity_guard import (
    guard_identities,
)
from mediakit.stages.judge.spool import Spool
from mediakit.stages.look.inventory import Inventory, inventory_of
from mediakit.stages.look.media import look
from mediakit.stages.look.selecting import choose
from mediakit.stages.plan.import_target import Target
from mediakit.stages.prove.confirming import Confirmed, confirm, leave_what_is_there
from mediakit.transfer.imported import Imported
from mediakit.transfer.mapping import digest_of
from mediakit.transfer.negotiate import batches
from mediakit.transfer.outgoing import Outgoing
from mediakit.transfer.patient_identity import Expectation, Mixed
from mediakit.transfer.proof import Verify
from mediakit.transfer.states import Happening, TransferState

BEFORE = Rule(
    id="MK-IMP-022",
    severity=Severity.WARNING,
    title="these instances were imported to this destination before: job {job} ({outcome})",
    ref="PS3.4 B",
    hint="`--resume` goes on with it, and sends nothing again that is stored",
)

OF_ANOTHER_JOB = Rule(
    id="MK-IMP-023",
    severity=Severity.NOTE,
    title="does not belong to this job",
    ref="PS3.4 B",
    hint="`mediakit import` imports it, as a job of its own",
)

_T = TransferState
_TO_SEND = (frozenset({_T.PLANNED, _T.REFUSED}), frozenset({_T.UNCERTAIN}))


def import_medium(
    source: Path,
    target: Target,
    jobs: Jobs,
    order: ImportOrder,
    tell: Listener = silence,
    matching: Matching | None = None,
) -> Imported:
    """Bring the instances of a medium to a destination.

    With `matching` a peer is asked for local values, which take the place of a map of the order.

    Returns one state for every instance and one fate for every other file, also when the destination cannot
    be reached or a signal ends it (outcome `INTERRUPTED`). Raises SourceError when the medium cannot be
    opened, UsageError when a job cannot be begun or resumed, and with `matching` as `reconcile` does, and
    IdentityError when the peer knows nobody.
    """
    if order.deidentify is not None and (order.mapping or matching is not None):
        raise UsageError("local values do not go with `--deidentify`", hint="leave one of them out")
    inventory, order = _look(source, order, matching, tell)
    return import_inventory(
        Task(source=source, target=target, order=order, inventory=inventory, tell=tell), jobs
    )


def import_inventory(task: Task, jobs: Jobs, part: Callable[[Task], Task] = lambda task: task) -> Imported:
    """Bring the instances of an inventory to a destination, as `import_medium` does after it has looked.

    `part` says, when nobody objects to whose they are, which of them this import has to bring.
    """
    check_associations(task.target.destination, task.order)
    task = _guard(task)
    if task.identities.is_refused or task.inventory.is_nothing:
        return imported_of(task, Ended(rows=task.rows), planned=State.WITHHELD)
    task = part(deidentified(task, jobs))
    order, target = task.order, task.target
    if order.depth is not ImportDepth.SEND:
        return _rehearsed(task)
    if not task.rows and not order.job:  # nothing that a job could go on with
        return imported_of(task, Ended(rows=()))
    keys = [*(row.key for row in task.rows), *task.inventory.left_out]
    earlier = order.job or jobs.match(target.destination.name, keys) or ""
    is_new = not earlier or not (order.resume or order.job)
    if earlier and is_new:
        task = _with_warning(task, jobs, earlier)
    with _new_job(task, jobs) if is_new else _resumed_job(task, jobs, earlier) as ledger:
        if task.order.deidentify is not None:
            ledger.keep(KEPT_KEY, task.order.deidentify.key.hex())
        task = _plan(task, ledger)
        steps = tuple(_act(task, ledger))
        ended = Ended(rows=tuple(ledger.rows()), steps=steps, job=ledger.job_id)
        imported = keep_imported(ledger, imported_of(task, ended))
    if is_new and imported.result.outcome is Outcome.NO_ASSOCIATION:
        return _without_job(imported, jobs)
    return imported


def _without_job(imported: Imported, jobs: Jobs) -> Imported:
    """Forget a job that never reached its destination: nothing was sent, so nothing can be lost."""
    jobs.remove(imported.job)
    figures = {name: value for name, value in imported.result.figures.items() if name != "job"}
    return replace(imported, job="", result=replace(imported.result, figures=figures))


def retry_job(
    source: Path, target: Target, jobs: Jobs, job: str, order: ImportOrder, tell: Listener = silence
) -> Imported:
    """Try again what a job did not bring to the destination, from its medium or another copy of it.

    Raises as `import_medium` does.
    """
    return import_medium(source, target, jobs, replace(order, job=job, retry=True), tell)


def _look(
    source: Path, order: ImportOrder, matching: Matching | None, tell: Listener
) -> tuple[Inventory, ImportOrder]:
    """Look at the medium, and ask for local values of those who are on it."""
    with open_medium(source, order.keys, gaps_of(source, order.rescue_map)) as tree:
        chosen = choose([look(tree, str(source), Scanner(), tell)], order.selection)
    if matching is not None and not chosen.is_nothing:
        from mediakit.journeys.reconcile import matched_rows  # noqa: PLC0415 - loads the network

        mixed = order.expectation.mixed
        order = replace(order, mapping=matched_rows(chosen.surveys[0], matching, mixed, tell))
    return inventory_of(chosen, order.scope), order


def _guard(task: Task) -> Task:
    """Judge whose instances these are."""
    inventory, order = task.inventory, task.order
    if order.retry:  # a job was guarded when it was begun: only the values of its map count
        identities = replace(guard_identities(inventory, _of_all(order)), findings=())
        return replace(task, rows=inventory.rows, coercer=Coercer(identities, order))
    identities = guard_identities(inventory, order, requires_local_id=task.target.requires_local_id)
    return replace(
        task,
        identities=identities,
        coercer=Coercer(identities, order),
        rows=inventory.rows,
        findings=tuple(
            finding.moved(finding.where.path or inventory.source) for finding in identities.findings
        ),
    )


def _of_all(order: ImportOrder) -> ImportOrder:
    return replace(order, expectation=Expectation(mixed=Mixed.ALLOW))


def _rehearsed(task: Task) -> Imported:
    rehearsed = rehearse(task.rows, task.target.destination, task.order)
    if task.coercer is not None:
        task.coercer.rehearse()
    step = StageResult(because=rehearsed.because, stopped=rehearsed.stopped)
    ended = Ended(rows=rehearsed.rows, steps=(step,), contexts=rehearsed.lines)
    return imported_of(task, ended, planned=State.PLANNED)


def _with_warning(task: Task, jobs: Jobs, earlier: str) -> Task:
    outcome = sentence_of(jobs.read(earlier).summary.outcome) or "unfinished"
    before = BEFORE.at(Where(path=task.inventory.source), job=earlier, outcome=outcome)
    return replace(task, findings=(*task.findings, before))


def _new_job(task: Task, jobs: Jobs) -> Ledger:
    name = task.target.destination.name
    options = {
        "destination": task.target.written or name,
        "scope": task.order.scope.value,
        "verify": task.order.verify.value,
        "map": digest_of(task.order.mapping),
        "deidentify": _how(task.order),
    }
    return jobs.start(JobFacts(source=str(task.source.absolute()), destination=name, options=options))


def _resumed_job(task: Task, jobs: Jobs, job: str) -> Ledger:
    """Hold a job again. A job that is refused stays as it ended."""
    approved, given = jobs.read(job).facts.options.get("map", ""), digest_of(task.order.mapping)
    if approved != given:
        others = ", or begin a new import without `--resume`" if not task.order.retry else ""
        how = ("with another" if given else "with a") if approved else "without a"
        raise UsageError(
            f"this job was started {how} patient map",
            where=job,
            why="what its map approved is not what is approved now" if approved and given else "",
            hint=("go on with the same `--map`" if approved else "go on without `--map`") + others,
        )
    if jobs.read(job).facts.options.get("deidentify", "") != _how(task.order):
        raise UsageError(
            "this job was started with another de-identification",
            where=job,
            hint="go on by `mediakit import --resume` with the `--deidentify` it was begun with",
        )
    return jobs.resume(job)


def _how(order: ImportOrder) -> str:
    """Return how instances are de-identified, as a job keeps it: without a key and without names."""
    return "" if order.deidentify is None else order.deidentify.digest


def _plan(task: Task, ledger: Ledger) -> Task:
    """Write down what is to be done, and open again what a new copy or a new try can change."""
    if task.order.retry:
        task = _kept_to_job(task, ledger)
    ledger.add(task.rows, task.inventory.source)
    readable = {row.key for row in task.rows if row.state is _T.PLANNED}
    again = {_T.UNREADABLE, _T.MISSING, _T.NOT_NEGOTIATED, _T.CONFLICT}
    again |= {_T.FAILED, _T.UNCONFIRMED} if task.order.retry else {_T.EXCLUDED}
    keys = [row.key for row in ledger.rows(again) if row.key in readable]
    ledger.happen_all(keys, Happening.AGAIN)
    keys = [row.key for row in ledger.rows({_T.PLANNED}) if row.key in task.inventory.left_out]
    ledger.happen_all(keys, Happening.SKIP)
    return task


def _kept_to_job(task: Task, ledger: Ledger) -> Task:
    """Leave out what is no part of the job: another copy of the medium may hold more."""
    known = {row.key: row for row in ledger.rows()}
    if not known:  # the job ended before it wrote down what it was to do: all of the medium is
        return task
    paths = {row.item.path for row in known.values() if not row.item.sop_instance}
    is_part = [row.key in known or row.item.path in paths for row in task.rows]
    others = [row for row, is_kept in zip(task.rows, is_part, strict=True) if not is_kept]
    spoilt = [
        fate for fate in task.inventory.fates if not fate.state.is_good and fate.sop_instance not in known
    ]
    spoilt = [fate for fate in spoilt if fate.sop_instance]
    reasons = [OF_ANOTHER_JOB.at(Where(path=task.place(row))) for row in others]
    reasons += [OF_ANOTHER_JOB.at(Where(path=fate.source)) for fate in spoilt]
    fates = (Fate(source=reason.where.path, state=State.EXCLUDED, because=reason) for reason in reasons)
    gone = {fate.source for fate in spoilt}
    because = {fate.because for fate in spoilt}
    inventory = task.inventory
    return replace(
        task,
        inventory=replace(
            inventory,
            fates=tuple(fate for fate in inventory.fates if fate.source not in gone),
            findings=tuple(finding for finding in inventory.findings if finding not in because),
        ),
        rows=tuple(row for row, is_kept in zip(task.rows, is_part, strict=True) if is_kept),
        left_out=tuple(fates),
        findings=(*task.findings, *reasons),
    )


def _act(task: Task, ledger: Ledger) -> Iterator[StageResult]:
    """Ask, de-identify, send and prove, as far as that was ordered.

    A signal ends it after the step under way.
    """
    order, target = task.order, task.target
    steps: list[Callable[[], StageResult]] = []
    if order.ask_first and target.query is not None:
        ask = partial(leave_what_is_there, ledger, target.query)
        steps.append(lambda: _step_of(task, ask(tuple(_to_send(task, ledger)), task.tell)))
    with Spool(task.tell) as spool:
        if task.deidentifying is None:
            steps.append(partial(_send, task, ledger))
        else:
            copies = Copies(spool)
            steps += [
                lambda: copied(task, ledger, copies, tuple(_to_send(task, ledger)), partial(_medium, task)),
                partial(_send, task, ledger, copies),
            ]
        if order.verify is not Verify.NONE and target.verify is not None:
            prove = partial(confirm, ledger, target.verify, task.tell)
            steps.append(lambda: _step_of(task, prove(), word=order.verify.value))
        for run in steps:
            try:
                step = run()
            except KeyboardInterrupt:
                step = StageResult(is_interrupted=True)
            yield step
            if step.is_interrupted:
                return


def _step_of(task: Task, confirmed: Confirmed, word: str = "") -> StageResult:
    place = task.target.destination.name
    counted = f"{word}: {confirmed.confirmed} of {confirmed.asked} confirmed"
    return StageResult(
        because=confirmed.because,
        findings=tuple(finding.moved(place) for finding in confirmed.findings),
        proof=counted if word and confirmed.asked else None,
    )


def _to_send(task: Task, ledger: Ledger) -> Iterator[Outgoing]:
    """Yield what is to be sent and is on this medium, as it is there.

    At last those that got no answer: such an instance may end every association, and hold up the rest.
    """
    here = {row.key: row.item for row in task.rows if row.state is _T.PLANNED}
    for states in _TO_SEND:
        yield from (here[row.key] for row in ledger.rows(states) if row.key in here)


def _medium(task: Task) -> Tree:
    """Open the medium for one thread. Raises SourceError."""
    return open_named(task.source, task.order.keys, gaps_of(task.source, task.order.rescue_map))


def _send(task: Task, ledger: Ledger, copies: Copies | None = None) -> StageResult:
    """Send from the medium, or the copies of what is on it."""
    order, destination = task.order, task.target.destination
    items = list(_to_send(task, ledger) if copies is None else copies.items.values())
    planned = batches(items, destination.most_contexts, may_convert=order.may_convert)
    coercer = task.coercer if task.coercer is not None and task.coercer.is_needed else None

    def loader() -> Loader:
        return Loader(_medium(task) if copies is None else copies, coercer, may_convert=order.may_convert)

    sender = Sender(destination, ledger, order, loader, task.tell)
    sent_before = [row.key for row in ledger.rows({_T.UNCERTAIN, _T.REFUSED})]
    is_interrupted = False
    task.tell(PhaseStarted("send", total=sum(item.size for item in items), unit="bytes"))
    start = time.monotonic()
    try:
        sender.send(planned, sent_before)
    except KeyboardInterrupt:
        is_interrupted = True
    finally:
        task.tell(PhaseEnded("send"))
    log = sender.log
    return StageResult(
        because=log.because,
        findings=task.as_shown(log.findings),
        sent=log.count,
        sent_bytes=log.bytes_sent,
        associations=sender.most_open,
        seconds=time.monotonic() - start,
        stopped=sender.stopped,
        gone=sender.gone,
        is_interrupted=is_interrupted,
    )
