"""One disc of a migration: look, write down what is on it, claim what nobody else brings, import that.

The import is the one of `mediakit import`, with a job of its own; the ledger of the migration says which
instances of the disc it is for. What comes of it is a `Visit`, which the ledger writes down at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mediakit.dicom.header import Scanner
from mediakit.dicom.instance import shown
from mediakit.dicom.instance_names import name_in
from mediakit.errors import MediakitError, SourceError
from mediakit.events import silence
from mediakit.fileset.contents import Contents
from mediakit.fileset.survey import Survey
from mediakit.findings import Finding
from mediakit.formats.base import Tree
from mediakit.formats.gapped import gaps_of
from mediakit.formats.registry import open_medium
from mediakit.journeys.import_ import import_inventory
from mediakit.journeys.import_result import GONE, STOPPED, Ended, Task, imported_of
from mediakit.ledger.jobs import Jobs
from mediakit.ledger.migration import Migration
from mediakit.ledger.migration_address import is_database
from mediakit.ledger.migration_values import (
    DiscClaim,
    DiscState,
    InstanceState,
    SeenFile,
    SeenStudy,
    Visit,
)
from mediakit.outcome import Fate, Outcome, State
from mediakit.stages.import_order import ImportOrder, Matching
from mediakit.stages.judge.claimed_rows import claimed_rows
from mediakit.stages.look.closed import finding_on_failure
from mediakit.stages.look.inventory import Inventory, inventory_of
from mediakit.stages.look.media import Media, data_set_digest, look
from mediakit.stages.look.selecting import Chosen
from mediakit.stages.plan.import_target import Target
from mediakit.transfer.imported import Imported
from mediakit.transfer.row import Row
from mediakit.transfer.states import TransferState

_T = TransferState
_ENDS = {
    _T.STORED: InstanceState.STORED,
    _T.STORED_WITH_WARNING: InstanceState.STORED,
    _T.COMMITTED: InstanceState.STORED,
    _T.ALREADY_THERE: InstanceState.STORED,
    _T.UNCONFIRMED: InstanceState.UNPROVEN,
    _T.FAILED: InstanceState.REFUSED,
    _T.NOT_NEGOTIATED: InstanceState.REFUSED,
    _T.CONFLICT: InstanceState.REFUSED,
}
_LEFT = frozenset({_T.PLANNED, _T.SENDING, _T.UNCERTAIN, _T.REFUSED})
_AT_WORK = "a worker that did not renew its lease is still at work on it"
_NOT_HERE = "not every machine sees it under this path"
_NOT_READ = frozenset({_T.UNREADABLE, _T.MISSING})


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscOrder:
    """How the discs of a migration are imported.

    `most_tries` is how often a disc is imported of which something was left, though the destination answered.
    `is_inventory`: nothing is sent. `jobs` is where their jobs are kept on this machine,
    by default beside the ledger.
    """

    target: Target
    order: ImportOrder
    matching: Matching | None = None
    most_tries: int = 5
    is_inventory: bool = False
    jobs: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looked:
    """A disc as it was looked at. `digests` are those of the data sets, by place and SOP Instance UID.

    `names` are by place the UIDs that damaged files begin with: another disc may have these instances whole.
    """

    inventory: Inventory
    order: ImportOrder
    places: tuple[str, ...]
    names: Mapping[str, str]
    digests: Mapping[tuple[str, str], str] = field(repr=False)


def visit_disc(ledger: Migration, claim: DiscClaim, order: DiscOrder) -> Visit:
    """Work on a disc that was claimed, and return what came of it.

    Raises LeaseLost when it is another worker's by now, and UsageError when a ledger cannot be written.
    """
    if _is_elsewhere(ledger, claim, order):
        return Visit(state=DiscState.WAITING, words=_NOT_HERE, counts_as_try=True, is_elsewhere=True)
    return _visited(ledger, claim, order)


def _visited(ledger: Migration, claim: DiscClaim, order: DiscOrder) -> Visit:
    try:
        looked = _look(claim, order)
    except SourceError as exc:
        return Visit(state=DiscState.UNREADABLE, outcome=Outcome.SOURCE.word, words=exc.reason)
    except MediakitError as exc:  # nobody could be asked whose it is, or it is not known
        return _undecided(exc)
    task = Task(
        source=Path(claim.path),
        target=order.target,
        order=looked.order,
        inventory=looked.inventory,
        tell=silence,
    )
    planned = imported_of(task, Ended(rows=looked.inventory.rows), planned=State.PLANNED).result.fates
    unsettled = len(set(looked.places) - {fate.source for fate in planned})
    files = tuple(_files(planned, looked))
    ledger.note_inventory(claim, files, tuple(_studies(looked.inventory.contents)), unsettled)
    if order.is_inventory:
        return Visit(state=DiscState.WAITING)
    jobs = Jobs(jobs_folder(order.jobs or jobs_beside(ledger.address), claim))
    try:
        imported = import_inventory(task, jobs, _Claiming(ledger, claim, jobs, looked.digests))
    except _AtWork:
        return Visit(state=DiscState.WAITING, words=_AT_WORK, counts_as_try=True)
    except SourceError as exc:  # it went away meanwhile
        return Visit(state=DiscState.UNREADABLE, outcome=Outcome.SOURCE.word, words=exc.reason)
    return _visit_of(imported, tuple(_files(imported.result.fates, looked)), ledger.tries(claim), order)


def _is_elsewhere(ledger: Migration, claim: DiscClaim, order: DiscOrder) -> bool:
    """Return True for a disc that is not on this machine, and that another one may see."""
    if not is_database(ledger.address) or os.path.lexists(claim.path):
        return False
    return ledger.tries(claim) + 1 < order.most_tries


def jobs_beside(ledger: str | os.PathLike[str]) -> Path:
    """Return where the jobs of a migration are kept whose ledger is a file."""
    path = Path(ledger)
    return path.with_name(f"{path.name}.discs")


def jobs_folder(jobs: Path, claim: DiscClaim) -> Path:
    """Return where the job of a disc is kept: `mediakit job list --state LEDGER.discs/17` shows it."""
    number = f"{claim.disc}-{claim.retries}" if claim.retries else str(claim.disc)
    return jobs / number / "jobs"


def _look(claim: DiscClaim, order: DiscOrder) -> _Looked:
    source, how = Path(claim.path), order.order
    with open_medium(source, how.keys, gaps_of(source)) as tree:
        survey = look(tree, claim.path, Scanner())
        inventory = inventory_of(Chosen(surveys=(survey,)), how.scope)
        inventory, digests = _with_digests(inventory, survey, tree, claim)
    if order.matching is not None and not order.is_inventory:
        from mediakit.journeys.reconcile import matched_rows  # noqa: PLC0415 - loads the network

        how = replace(how, mapping=matched_rows(survey, order.matching))
    places = tuple(shown(claim.path, file.path) for file in survey.files)
    names = {place: name_in(file.head) for place, file in zip(places, survey.files, strict=True)}
    return _Looked(inventory=inventory, order=how, places=places, names=names, digests=digests)


def _with_digests(
    inventory: Inventory, survey: Survey, tree: Tree, claim: DiscClaim
) -> tuple[Inventory, Mapping[tuple[str, str], str]]:
    """Read every instance once, unless an earlier visit did; a row says which cannot be read."""
    instances = {file.path: instance for file, instance in survey.instances()}
    media = Media({survey.subject: tree})
    digests: dict[tuple[str, str], str] = {}
    rows: list[Row] = []
    because: dict[str, Finding] = {}
    for row in inventory.rows:
        instance = instances.get(row.item.path)
        if row.state is not _T.PLANNED or instance is None:
            rows.append(row)
            continue
        name = (shown(survey.subject, row.place), row.item.sop_instance)
        try:
            digests[name] = claim.digests.get(name) or data_set_digest(media, instance)
            rows.append(row)
        except (SourceError, OSError) as exc:
            rows.append(replace(row, state=_T.UNREADABLE))
            because[row.key] = finding_on_failure(exc).moved(name[0])
    return replace(inventory, rows=tuple(rows), because={**inventory.because, **because}), digests


class _AtWork(Exception):  # noqa: N818 - reads as a sentence; never reaches a user
    """The job of the disc is held by a worker that lives, though its lease was not renewed."""


class _Claiming:
    """The part of a disc that its import is for: what the ledger of the migration gives to it."""

    def __init__(
        self, ledger: Migration, claim: DiscClaim, jobs: Jobs, digests: Mapping[tuple[str, str], str]
    ) -> None:
        self._ledger = ledger
        self._claim = claim
        self._jobs = jobs
        self._digests = {sop: digest for (_, sop), digest in digests.items()}

    def __call__(self, task: Task) -> Task:
        """Return the task with the rows that are this disc's; it goes on with the job of an earlier visit."""
        shares = self._ledger.share(self._claim, self._digests)
        job = self._jobs.match(task.target.destination.name, [row.key for row in task.rows]) or ""
        if job and self._jobs.read(job).summary.is_running:
            raise _AtWork
        in_job = frozenset(row.key for row in self._jobs.read(job).rows()) if job else frozenset()
        claimed = claimed_rows(task.rows, shares, in_job, task.place)
        kept = {row.key for row in claimed.rows}
        if not in_job.isdisjoint({row.key for row in task.rows} - kept):
            job = ""  # it has what is another disc's by now
            claimed = claimed_rows(task.rows, shares, frozenset(), task.place)
        asks = claimed.is_retaken or self._claim.visits > 0 or task.order.ask_first
        return replace(
            task,
            rows=claimed.rows,
            left_out=(*task.left_out, *claimed.left_out),
            findings=(*task.findings, *claimed.findings),
            order=replace(task.order, job=job, resume=bool(job), ask_first=asks),
        )


def _visit_of(imported: Imported, files: Sequence[SeenFile], tries: int, order: DiscOrder) -> Visit:
    """Return what an import came to, for the ledger: the disc comes again while something is left."""
    outcome = imported.result.outcome
    left = [row for row in imported.rows if row.state in _LEFT and row.item.sop_instance]
    if outcome is Outcome.IDENTITY:
        words = next((finding.text for finding in imported.result.report.findings), "")
        return Visit(state=DiscState.REFUSED, files=tuple(files), outcome=outcome.word, words=words)
    has_sent = bool(imported.result.figures.get("sent"))
    stopped = any(finding.rule is STOPPED for finding in imported.result.report.findings)
    is_away = stopped and not has_sent
    is_interrupted = outcome is Outcome.INTERRUPTED
    counts = bool(left) and not (is_away or is_interrupted)
    comes_again = is_interrupted or (bool(left) and (not counts or tries + 1 < order.most_tries))
    instances = {row.item.sop_instance: _ENDS[row.state] for row in imported.rows if row.state in _ENDS}
    if left and not comes_again:
        instances |= {row.item.sop_instance: InstanceState.UNCERTAIN for row in left}
    is_good = all(file.state.is_good for file in files)
    ended = DiscState.DONE if is_good else DiscState.PARTLY
    return Visit(
        state=DiscState.WAITING if comes_again else ended,
        files=tuple(files),
        instances=instances,
        wanted=tuple(
            row.item.sop_instance for row in imported.rows if row.state in _NOT_READ and row.item.sop_instance
        ),
        outcome=outcome.word,
        words=_why(imported, left),
        counts_as_try=counts,
        is_away=stopped,
    )


def _why(imported: Imported, left: Sequence[Row]) -> str:
    """Return why something was left: what ended the import, else what was said of the first one."""
    ends = (STOPPED, GONE)
    stopped = next((one.text for one in imported.result.report.findings if one.rule in ends), "")
    return stopped or next((row.words for row in left if row.words), "")


def _undecided(exc: MediakitError) -> Visit:
    is_away = exc.exit_code == Outcome.NO_ASSOCIATION
    return Visit(
        state=DiscState.WAITING if is_away else DiscState.REFUSED,
        outcome=Outcome(exc.exit_code).word,
        words=exc.reason,
        is_away=is_away,
    )


def _files(fates: Sequence[Fate], looked: _Looked) -> Iterator[SeenFile]:
    sizes = {shown(looked.inventory.source, row.place): row.item.size for row in looked.inventory.rows}
    for fate in fates:
        is_unnamed = fate.state is State.UNREADABLE and not fate.sop_instance
        yield SeenFile(
            path=fate.source,
            state=fate.state,
            sop_instance=looked.names.get(fate.source, "") if is_unnamed else fate.sop_instance,
            digest=looked.digests.get((fate.source, fate.sop_instance), ""),
            size=sizes.get(fate.source, 0),
            words="" if fate.because is None else fate.because.text,
        )


def _studies(contents: Contents) -> Iterator[SeenStudy]:
    for patient in contents.patients:
        for study in patient.studies:
            yield SeenStudy(
                study=study.uid,
                patient_id=patient.id,
                date=study.date,
                accession=study.accession,
                modalities=" ".join(sorted({one.modality for one in study.series if one.modality})),
                instances=sum(len(one.instances) for one in study.series),
            )
