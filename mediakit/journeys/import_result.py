"""What an import comes to: from its steps and the rows of its ledger to fates, findings, figures and outcome.

Values, and functions that make one from the other. Nothing is read, sent or written here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mediakit.dicom.instance import shown
from mediakit.events import FileSettled, FoundSomething, Listener
from mediakit.findings import Finding, Report, Rule, Severity, Where
from mediakit.outcome import Fate, Figures, Outcome, Result, State, outcome_of_import
from mediakit.stages.act.coercing import Coercer
from mediakit.stages.act.deidentified import Deidentifying
from mediakit.stages.import_order import ImportDepth, ImportOrder
from mediakit.stages.judge.identity_guard import NOBODY, GuardedIdentities
from mediakit.stages.look.inventory import Inventory
from mediakit.stages.plan.import_target import Target
from mediakit.transfer.imported import ContextLine, Imported
from mediakit.transfer.proof import Verify
from mediakit.transfer.row import Row
from mediakit.transfer.states import TransferState

_T = TransferState

STOPPED = Rule(
    id="MK-IMP-020",
    severity=Severity.ERROR,
    title="the import ended before everything was sent: {why}",
    ref="PS3.8 7.1",
    hint="once the destination works again, the same command with `--resume` goes on",
)
GONE = Rule(
    id="MK-IMP-031",
    severity=Severity.ERROR,
    title="the medium was removed before everything was sent: {why}",
    ref="PS3.10 8.6",
    hint="put it in again; the same command with `--resume` goes on",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportFigures(Figures):
    """The figures of an import. What is None did not come about."""

    source: str
    format: str
    kind: str
    destination: str
    instances: int
    patient_ids: str
    job: str | None = None
    sent: int | None = None
    sent_bytes: int | None = None
    associations: int | None = None
    send_seconds: float | None = None
    objects_per_s: float | None = None
    megabytes_per_s: float | None = None
    proof: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
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
    deidentifying: Deidentifying | None = None
    rows: tuple[Row, ...] = ()
    left_out: tuple[Fate, ...] = ()
    findings: tuple[Finding, ...] = ()

    def place(self, row: Row) -> str:
        """Return the place of an instance as the user knows it."""
        return shown(self.inventory.source, row.place)

    def as_shown(self, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        """Return findings on files of the medium with their places as the user knows them."""
        return tuple(finding.moved(shown(self.inventory.source, finding.where.path)) for finding in findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageResult:
    """What asking, de-identifying, sending or proving came to.

    `because` is by key, the reason of a state. `stopped` and `gone` say why sending ended before all was
    tried: because of the destination, or because the medium went away. So many `associations` were open at
    once, at most.
    """

    because: Mapping[str, Finding] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    sent: int | None = None
    sent_bytes: int = 0
    associations: int = 0
    seconds: float = 0.0
    stopped: str = ""
    gone: str = ""
    proof: str | None = None
    is_interrupted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What an import came to, whatever ended it. `job` is "" when there is no ledger."""

    rows: Sequence[Row]
    steps: tuple[StageResult, ...] = ()
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


def imported_of(task: Task, ended: Ended, planned: State | None = None) -> Imported:
    """Return what an import gives when it ends, and tell the listener.

    `planned` is the state of an instance that is to be sent, when nothing was.
    """
    inventory, order = task.inventory, task.order
    fates = tuple(_fates(task, ended, planned))
    findings = _report_of(task, ended)
    for finding in findings.findings:
        task.tell(FoundSomething(finding))
    for fate in fates:
        task.tell(FileSettled(fate))
    result = Result(
        journey="import",
        fates=fates,
        report=findings,
        outcome=_outcome(task, ended, fates, findings),
        figures=_figures(task, ended).as_mapping(),
    )
    return Imported(
        result=result,
        job=ended.job,
        source=inventory.source,
        destination=task.target.destination.name,
        rows=tuple(ended.rows),
        contexts=ended.contexts,
        identities=task.identities.identities if task.identities.is_refused else (),
        changes=() if task.coercer is None else tuple(task.coercer.changes),
        patients=inventory.contents.patients,
        is_rehearsal=order.depth is not ImportDepth.SEND,
        verified=order.verify.value if order.verify is not Verify.NONE else "",
    )


def _fates(task: Task, ended: Ended, planned: State | None) -> Iterator[Fate]:
    """Yield one fate for every file, and for every instance that has none."""
    others = (*task.inventory.fates, *task.left_out)
    settled = {fate.source for fate in others}
    because = _because(task, ended)
    named: set[str] = set()
    for row in ended.rows:
        place = task.place(row)
        if place in settled and row.state in {_T.CONFLICT, _T.EXCLUDED}:
            continue  # it is among the others: with all files of this UID, or not asked for
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


def _because(task: Task, ended: Ended) -> dict[str, Finding]:
    """Return by key why an instance is in its state: what was found last."""
    reasons = dict(task.inventory.because)
    for step in ended.steps:
        reasons |= step.because
    return reasons


def _report_of(task: Task, ended: Ended) -> Report:
    place = {row.key: task.place(row) for row in ended.rows}
    source = task.inventory.source
    findings = [*task.inventory.findings, *task.findings]
    findings += [finding.moved(place[key]) for key, finding in _because(task, ended).items() if key in place]
    findings += [finding for step in ended.steps for finding in step.findings]
    if ended.stopped:
        findings.append(STOPPED.at(Where(path=task.target.destination.name), why=ended.stopped))
    if ended.gone:
        findings.append(GONE.at(Where(path=source), why=ended.gone))
    return Report.of(source, findings)


def _outcome(task: Task, ended: Ended, fates: tuple[Fate, ...], findings: Report) -> Outcome:
    if ended.is_interrupted:
        return Outcome.INTERRUPTED
    if task.inventory.is_nothing:
        return Outcome.IDENTITY
    if task.order.depth is not ImportDepth.SEND and ended.stopped:
        return Outcome.NO_ASSOCIATION
    outcome = outcome_of_import(fates, findings, task.order.fail_on)
    if ended.gone and outcome is Outcome.NO_ASSOCIATION:  # nothing was sent, though there is a destination
        return Outcome.PARTLY_STORED
    return outcome


def _figures(task: Task, ended: Ended) -> ImportFigures:
    sent = next((step for step in ended.steps if step.sent is not None), None)
    inventory = task.inventory
    return ImportFigures(
        source=inventory.source,
        format=inventory.format,
        kind=inventory.contents.kind,
        destination=task.target.destination.name,
        instances=len(inventory.rows),
        patient_ids=_patient_ids(task),
        job=ended.job or None,
        sent=None if sent is None else sent.sent,
        sent_bytes=None if sent is None else sent.sent_bytes,
        associations=None if sent is None else sent.associations,
        send_seconds=None if sent is None else round(sent.seconds, 3),
        objects_per_s=None if sent is None else _rate(sent.sent or 0, sent.seconds),
        megabytes_per_s=None if sent is None else _rate(sent.sent_bytes / 1e6, sent.seconds),
        proof=next((step.proof for step in ended.steps if step.proof), None),
    )


def _patient_ids(task: Task) -> str:
    """Return whose Patient IDs the instances go in under."""
    if task.order.deidentify is not None:
        return "new"
    is_local = [row.approved and bool(row.to_patient_id) for row in task.order.mapping]
    if not any(is_local):
        return "of the medium"
    return "local" if all(is_local) else "local and of the medium"


def _rate(amount: float, seconds: float) -> float:
    return round(amount / seconds, 1) if seconds else 0.0
