"""The import of instances that lose what says who the patients are: new UIDs, copies, and their search."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from mediakit.errors import SourceError
from mediakit.formats.base import Node, Tree
from mediakit.journeys.import_result import StageResult, Task
from mediakit.ledger.jobs import Jobs
from mediakit.ledger.ledger import Ledger
from mediakit.stages.act.deidentified import Copies, Deidentifying
from mediakit.stages.act.loading import Loader
from mediakit.stages.judge.deidentified_rows import deidentified_rows, with_key
from mediakit.stages.prove.sweeping import sweep_files
from mediakit.transfer.outgoing import Outgoing
from mediakit.transfer.row import key_of
from mediakit.transfer.states import TransferState


def deidentified(task: Task, jobs: Jobs) -> Task:
    """Give the instances their new UIDs when they are to be de-identified. Raises UsageError."""
    order = with_key(task.order, jobs, task.target.destination.name, task.inventory)
    if order.deidentify is None:
        return task
    engine = order.deidentify.engine()
    new = deidentified_rows(task.inventory, engine)
    return replace(
        task,
        order=order,
        inventory=new.inventory,
        rows=new.inventory.rows,
        deidentifying=Deidentifying(
            engine=engine, on_burned_in=order.deidentify.on_burned_in, originals=new.originals
        ),
        left_out=(*task.left_out, *new.left_out),
        findings=(*task.findings, *new.findings),
    )


def copied(
    task: Task,
    ledger: Ledger,
    copies: Copies,
    to_send: Sequence[Outgoing],
    medium: Callable[[], Tree],
) -> StageResult:
    """De-identify what is to be sent, and search it: what still says who a patient is does not go out.

    Raises DoesNotFit when there is no room for the copies.
    """
    deidentifying = task.deidentifying
    if deidentifying is None or not to_send:
        return StageResult()
    keys = {key_of(item.sop_instance, item.path) for item in to_send}
    read = (row for row in task.rows if row.state is TransferState.PLANNED)
    others = [row.item for row in read if row.key not in keys]  # sent before, of the same patients
    try:
        loader = Loader(medium())
    except SourceError as exc:
        return StageResult(gone=exc.reason)
    with loader:
        deidentifying([*to_send, *others], keys, loader, copies, task.tell)
    nodes = [Node(item.path, item.size) for item in copies.items.values()]
    swept = sweep_files(nodes, copies.open, deidentifying.engine, task.tell)
    for key, item in tuple(copies.items.items()):
        if found := swept.found.get(item.path):
            copies.hold_back(key, found[0])
            copies.findings += found[1:]
    for key, unsendable in copies.unsendable.items():
        ledger.happen(key, unsendable.happening, rule=unsendable.finding.rule.id)
    return StageResult(
        because={key: unsendable.finding for key, unsendable in copies.unsendable.items()},
        findings=task.as_shown((*copies.findings, *swept.notes)),
    )
