"""Import: look -> guard the identity -> plan -> send -> prove -> one state for every instance.

Whatever ends it, the ledger has what is true of every instance, and `resume` goes on from there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from mediakit.dicom.header import Scanner
from mediakit.dicom.instance import shown
from mediakit.errors import UsageError
from mediakit.events import FileSettled, FoundSomething, Listener, PhaseEnded, PhaseStarted, silence
from mediakit.findings import Finding, Report, Rule, Severity, Where
from mediakit.formats.registry import open_medium
from mediakit.journeys.confirming import Confirmed, confirm, leave_what_is_there
from mediakit.journeys.identity_guard import (
    NOBODY,
    Coercer,
    GuardedIdentities,
    guard_identities,
    without_other_patients,
)
from mediakit.journeys.import_order import ImportDepth, ImportOrder, Matching
from mediakit.journeys.import_target import Target
from mediakit.journeys.inventory import Inventory, inventory_of
from mediakit.journeys.loading import Loader
from mediakit.journeys.look import look
from mediakit.journeys.rehearsing import rehearse
from mediakit.journeys.sending import Sender
from mediakit.journeys.stored_report import keep_imported
from mediakit.ledger.jobs import Jobs
from mediakit.ledger.ledger import Ledger
from mediakit.ledger.values import JobFacts
from mediakit.outcome import Fate, Figures, Outcome, Result, State, outcome_of_import
from mediakit.transfer.imported import ContextLine, Imported
from mediakit.transfer.mapping import digest_of
from mediakit.transfer.negotiate import batches
from mediakit.transfer.outgoing import Outgoing
from mediakit.transfer.patient_identity import Expectation, Mixed
from mediakit.transfer.proof import Verify
from mediakit.transfer.row import Row
from mediakit.transfer.states import Happening, TransferState

STOPPED = Rule(
    id="MK-IMP-020",
    severity=Severity.ERROR,
    title="the import ended before everything was sent: {why}",
    ref="PS3.8 7.1",
    hint="when the destination is well again, the same command with `--resume` goes on",
)
GONE = Rule(
    id="MK-IMP-031",
    severity=Severity.ERROR,
    title="the medium went away before everything was sent: {why}",
    ref="PS3.10 8.6",
    hint="put it in again; the same command with `--resume` goes on",
)
BEFORE = Rule(
    id="MK-IMP-022",
    severity=Severity.WARNING,
    title="there was an import of these instances to this destination before: job {job} ({outcome})",
    ref="PS3.4 B",
    hint="`--resume` goes on with it, and sends nothing again that is stored",
)

OF_ANOTHER_JOB = Rule(
    id="MK-IMP-023",
    severity=Severity.NOTE,
    title="is no part of this job",
    ref="PS3.4 B",
    hint="`mediakit import` brings it, as a job of its own",
)

_T = TransferState
_TO_SEND = (frozenset({_T.PLANNED, _T.REFUSED}), frozenset({_T.UNCERTAIN}))


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportFigures(Figures):
    """The figures of an import. What is None did not come about."""

    source: str
    format: str
    kind: str
    destination: str
    instances: int
    job: str | None = None
    sent: int | None = None
    sent_bytes: int | None = None
    send_seconds: float | None = None
    objects_per_s: float | None = None
    megabytes_per_s: float | None = None
    proof: str | None = None


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
    inventory, order = _look(source, order, matching, tell)
    task = _guard(_Task(source=source, target=target, order=order, inventory=inventory, tell=tell))
    if task.identities.is_refused:
        return _imported(task, _Report(rows=task.rows, fates=tuple(_withheld(task))))
    if order.depth is not ImportDepth.SEND:
        return _rehearsed(task)
    if not task.rows and not order.job:  # nothing that a job could go on with
        return _imported(task, _Report(rows=(), fates=inventory.fates))
    earlier = order.job or jobs.match(target.destination.name, [row.key for row in task.rows]) or ""
    is_new = not earlier or not (order.resume or order.job)
    if earlier and is_new:
        task = _with_warning(task, jobs, earlier)
    with _new_job(task, jobs) if is_new else _resumed_job(task, jobs, earlier) as ledger:
        task = _plan(task, ledger)
        steps = tuple(_act(task, ledger))
        rows = tuple(ledger.rows())
        report = _Report(rows=rows, fates=(), steps=steps, job=ledger.job_id)
        imported = _imported(task, replace(report, fates=tuple(_fates(task, report))))
        keep_imported(ledger, imported)
    return imported


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
    with open_medium(source) as tree:
        seen = look(tree, str(source), Scanner(), tell)
    if matching is not None:
        from mediakit.journeys.reconcile import matched_rows  # noqa: PLC0415 - loads the network

        order = replace(order, mapping=matched_rows(seen, matching, tell))
    return inventory_of(seen, order.scope), order


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """What is imported, where to, and how. `rows` are the instances of the inventory that this import has.

    `left_out` are files that are no part of it, with their fates; `findings` are those met before sending.
    """

    source: Path
    target: Target
    order: ImportOrder
    inventory: Inventory
    tell: Listener
    identities: GuardedIdentities = NOBODY
    coercer: Coercer | None = None
    rows: tuple[Row, ...] = ()
    left_out: tuple[Fate, ...] = ()
    findings: tuple[Finding, ...] = ()

    def place(self, row: Row) -> str:
        """Return the place of an instance as the user knows it."""
        return shown(self.inventory.source, row.place)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """What asking, sending or proving came to.

    `because` is by key, the reason of a state. `stopped` and `gone` say why sending ended before all was
    tried: because of the destination, or because the medium went away.
    """

    because: Mapping[str, Finding] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    sent: int | None = None
    sent_bytes: int = 0
    seconds: float = 0.0
    stopped: str = ""
    gone: str = ""
    proof: str | None = None
    is_interrupted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Report:
    """What there is to report when an import ends."""

    rows: Sequence[Row]
    fates: tuple[Fate, ...]
    steps: tuple[_Step, ...] = ()
    job: str = ""
    contexts: tuple[ContextLine, ...] = ()

    @property
    def is_interrupted(self) -> bool:
        """Return True when a signal ended it."""
        return any(step.is_interrupted for step in self.steps)

    @property
    def stopped(self) -> str:
        """Return why the destination ended it, else ""."""
        return next((step.stopped for step in self.steps if step.stopped), "")

    @property
    def gone(self) -> str:
        """Return why the medium could not be read any more, else ""."""
        return next((step.gone for step in self.steps if step.gone), "")


def _guard(task: _Task) -> _Task:
    """Judge whose instances these are; leave out those of patients that were not chosen."""
    inventory, order = task.inventory, task.order
    if order.retry:  # a job was guarded when it was begun: only the values of its map count
        identities = replace(guard_identities(inventory, _of_all(order)), findings=(), left_out=frozenset())
        return replace(task, rows=inventory.rows, coercer=Coercer(identities, order))
    identities = guard_identities(inventory, order)
    if not identities.is_refused and order.expectation.patient:
        inventory = without_other_patients(inventory, order.expectation.patient)
    rows = inventory.rows
    if not identities.is_refused:
        rows = tuple(
            replace(row, state=_T.EXCLUDED) if row.key in identities.left_out else row for row in rows
        )
    return replace(
        task,
        inventory=inventory,
        identities=identities,
        coercer=Coercer(identities, order),
        rows=rows,
        findings=tuple(
            finding.moved(finding.where.path or inventory.source) for finding in identities.findings
        ),
    )


def _of_all(order: ImportOrder) -> ImportOrder:
    return replace(order, expectation=Expectation(mixed=Mixed.ALLOW))


def _withheld(task: _Task) -> Iterator[Fate]:
    """Yield the fates when nothing is sent because the identity guard says no."""
    for fate in _fates(task, _Report(rows=task.rows, fates=()), planned=State.PLANNED):
        yield replace(fate, state=State.WITHHELD) if fate.state is State.PLANNED else fate


def _rehearsed(task: _Task) -> Imported:
    rehearsed = rehearse(task.rows, task.target.destination, task.order)
    if task.coercer is not None:
        task.coercer.rehearse()
    step = _Step(because=rehearsed.because, stopped=rehearsed.stopped)
    report = _Report(rows=rehearsed.rows, fates=(), steps=(step,), contexts=tuple(rehearsed.lines))
    return _imported(task, replace(report, fates=tuple(_fates(task, report, planned=State.PLANNED))))


def _with_warning(task: _Task, jobs: Jobs, earlier: str) -> _Task:
    outcome = jobs.read(earlier).summary.outcome or "unfinished"
    before = BEFORE.at(Where(path=task.inventory.source), job=earlier, outcome=outcome)
    return replace(task, findings=(*task.findings, before))


def _new_job(task: _Task, jobs: Jobs) -> Ledger:
    name = task.target.destination.name
    options = {
        "destination": task.target.written or name,
        "scope": task.order.scope.value,
        "verify": task.order.verify.value,
        "map": digest_of(task.order.mapping),
    }
    return jobs.start(JobFacts(source=str(task.source.absolute()), destination=name, options=options))


def _resumed_job(task: _Task, jobs: Jobs, job: str) -> Ledger:
    """Hold a job again. A job that is refused stays as it ended."""
    approved = jobs.read(job).facts.options.get("map", "")
    if approved != digest_of(task.order.mapping):
        others = ", or begin a new import without `--resume`" if not task.order.retry else ""
        raise UsageError(
            "instances of one job would get different local values",
            where=job,
            why="what its map approved is not what is approved now",
            hint=("go on with the same `--map`" if approved else "go on without `--map`") + others,
        )
    return jobs.resume(job)


def _plan(task: _Task, ledger: Ledger) -> _Task:
    """Write down what is to be done, and open again what a new copy or a new try can change."""
    if task.order.retry:
        task = _kept_to_job(task, ledger)
    ledger.add(task.rows, task.inventory.source)
    readable = {row.key for row in task.rows if row.state is _T.PLANNED}
    again = {_T.UNREADABLE, _T.MISSING, _T.NOT_NEGOTIATED, _T.CONFLICT}
    again |= {_T.FAILED, _T.UNCONFIRMED} if task.order.retry else {_T.EXCLUDED}
    keys = [row.key for row in ledger.rows(again) if row.key in readable]
    ledger.happen_all(keys, Happening.AGAIN)
    left_out = {row.key for row in task.rows if row.state is _T.EXCLUDED}
    keys = [row.key for row in ledger.rows({_T.PLANNED}) if row.key in left_out]
    ledger.happen_all(keys, Happening.SKIP)
    return task


def _kept_to_job(task: _Task, ledger: Ledger) -> _Task:
    """Leave out what is no part of the job: another copy of the medium may hold more."""
    known = {row.key: row for row in ledger.rows()}
    paths = {row.item.path for row in known.values() if not row.item.sop_instance}
    is_part = [row.key in known or row.item.path in paths for row in task.rows]
    others = [row for row, is_kept in zip(task.rows, is_part, strict=True) if not is_kept]
    reasons = [OF_ANOTHER_JOB.at(Where(path=task.place(row))) for row in others]
    fates = (Fate(source=reason.where.path, state=State.EXCLUDED, because=reason) for reason in reasons)
    return replace(
        task,
        rows=tuple(row for row, is_kept in zip(task.rows, is_part, strict=True) if is_kept),
        left_out=tuple(fates),
        findings=(*task.findings, *reasons),
    )


def _act(task: _Task, ledger: Ledger) -> Iterator[_Step]:
    """Ask, send and prove, as far as that was ordered; a signal ends it after the step under way."""
    order, target = task.order, task.target
    steps: list[Callable[[], _Step]] = []
    if order.ask_first and target.query is not None:
        ask = partial(leave_what_is_there, ledger, target.query)
        steps.append(lambda: _step_of(task, ask(tuple(_to_send(task, ledger)), task.tell)))
    steps.append(partial(_send, task, ledger))
    if order.verify is not Verify.NONE and target.verify is not None:
        prove = partial(confirm, ledger, target.verify, task.tell)
        steps.append(lambda: _step_of(task, prove(), word=order.verify.value))
    for run in steps:
        try:
            step = run()
        except KeyboardInterrupt:
            step = _Step(is_interrupted=True)
        yield step
        if step.is_interrupted:
            return


def _step_of(task: _Task, confirmed: Confirmed, word: str = "") -> _Step:
    place = task.target.destination.name
    counted = f"{word}: {confirmed.confirmed} of {confirmed.asked} confirmed"
    return _Step(
        because=confirmed.because,
        findings=tuple(finding.moved(place) for finding in confirmed.findings),
        proof=counted if word and confirmed.asked else None,
    )


def _to_send(task: _Task, ledger: Ledger) -> Iterator[Outgoing]:
    """Yield what is to be sent and is on this medium, as it is there.

    At last those that got no answer: such an instance may end every association, and hold up the rest.
    """
    here = {row.key: row.item for row in task.rows if row.state is _T.PLANNED}
    for states in _TO_SEND:
        yield from (here[row.key] for row in ledger.rows(states) if row.key in here)


def _send(task: _Task, ledger: Ledger) -> _Step:
    order, destination = task.order, task.target.destination
    items = list(_to_send(task, ledger))
    planned = batches(items, destination.most_contexts, may_convert=order.may_convert)
    change = task.coercer if task.coercer is not None and task.coercer.is_needed else None
    loader = partial(Loader, task.source, change, may_convert=order.may_convert)
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
    log, source = sender.log, task.inventory.source
    return _Step(
        because=log.because,
        findings=tuple(finding.moved(shown(source, finding.where.path)) for finding in log.findings),
        sent=log.count,
        sent_bytes=log.bytes_sent,
        seconds=time.monotonic() - start,
        stopped=sender.stopped,
        gone=sender.gone,
        is_interrupted=is_interrupted,
    )


def _fates(task: _Task, report: _Report, planned: State | None = None) -> Iterator[Fate]:
    """Yield one fate for every file, and for every instance that has none.

    `planned` is the state of an instance that is to be sent, when nothing was.
    """
    others = (*task.inventory.fates, *task.left_out)
    settled = {fate.source for fate in others}
    because = _because(task, report)
    named: set[str] = set()
    for row in report.rows:
        place = task.place(row)
        if place in settled and row.state is _T.CONFLICT:
            continue  # it is among the others, with all files of this UID
        if place in settled or place in named:  # the directory gives one File ID to several instances
            place = f"{place} ({row.key})"
        named.add(place)
        state = planned if planned is not None and row.state is _T.PLANNED else row.state.fate
        reason = because.get(row.key)
        yield Fate(
            source=place,
            state=state,
            because=None if reason is None or state.is_good else reason.moved(place),
            sop_instance=row.item.sop_instance,
        )
    yield from others


def _because(task: _Task, report: _Report) -> dict[str, Finding]:
    """Return by key why an instance is in its state: what was found last."""
    reasons = dict(task.inventory.because)
    for step in report.steps:
        reasons |= step.because
    return reasons


def _imported(task: _Task, report: _Report) -> Imported:
    """Return what an import gives when it ends, and tell it."""
    inventory, order = task.inventory, task.order
    findings = _report_of(task, report)
    for finding in findings.findings:
        task.tell(FoundSomething(finding))
    for fate in report.fates:
        task.tell(FileSettled(fate))
    result = Result(
        journey="import",
        fates=report.fates,
        report=findings,
        outcome=_outcome(task, report, findings),
        figures=_figures(task, report).as_mapping(),
    )
    return Imported(
        result=result,
        job=report.job,
        source=inventory.source,
        destination=task.target.destination.name,
        rows=tuple(report.rows),
        contexts=report.contexts,
        identities=task.identities.identities if task.identities.is_refused else (),
        changes=() if task.coercer is None else tuple(task.coercer.changes),
        is_rehearsal=order.depth is not ImportDepth.SEND,
        verified=order.verify.value if order.verify is not Verify.NONE else "",
    )


def _report_of(task: _Task, report: _Report) -> Report:
    place = {row.key: task.place(row) for row in report.rows}
    source = task.inventory.source
    findings = [*task.inventory.findings, *task.findings]
    findings += [finding.moved(place[key]) for key, finding in _because(task, report).items() if key in place]
    findings += [finding for step in report.steps for finding in step.findings]
    if report.stopped:
        findings.append(STOPPED.at(Where(path=task.target.destination.name), why=report.stopped))
    if report.gone:
        findings.append(GONE.at(Where(path=source), why=report.gone))
    return Report.of(source, findings)


def _outcome(task: _Task, report: _Report, findings: Report) -> Outcome:
    if report.is_interrupted:
        return Outcome.INTERRUPTED
    if task.order.depth is not ImportDepth.SEND and report.stopped:
        return Outcome.NO_ASSOCIATION
    outcome = outcome_of_import(report.fates, findings, task.order.fail_on)
    if report.gone and outcome is Outcome.NO_ASSOCIATION:  # nothing was sent, though there is a destination
        return Outcome.PARTLY_STORED
    return outcome


def _figures(task: _Task, report: _Report) -> ImportFigures:
    sent = next((step for step in report.steps if step.sent is not None), None)
    inventory = task.inventory
    return ImportFigures(
        source=inventory.source,
        format=inventory.format,
        kind=inventory.contents.kind,
        destination=task.target.destination.name,
        instances=len(inventory.rows),
        job=report.job or None,
        sent=None if sent is None else sent.sent,
        sent_bytes=None if sent is None else sent.sent_bytes,
        send_seconds=None if sent is None else round(sent.seconds, 3),
        objects_per_s=None if sent is None else _rate(sent.sent or 0, sent.seconds),
        megabytes_per_s=None if sent is None else _rate(sent.sent_bytes / 1e6, sent.seconds),
        proof=next((step.proof for step in report.steps if step.proof), None),
    )


def _rate(amount: float, seconds: float) -> float:
    return round(amount / seconds, 1) if seconds else 0.0
