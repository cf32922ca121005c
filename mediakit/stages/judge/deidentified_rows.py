"""The instances of an import as they will be called when they are de-identified on their way.

The ledger, the destination and every proof of storage know the new UIDs alone. They follow from a key that
the job keeps, so that a job goes on with the same ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from mediakit.dicom.deidentify.engine import Engine
from mediakit.dicom.deidentify.files import CLOSED
from mediakit.dicom.deidentify.order import Deidentification, new_key
from mediakit.dicom.deidentify.subject import why_closed
from mediakit.dicom.instance import shown
from mediakit.dicom.uids import EXPLICIT_VR_LITTLE_ENDIAN, SYNTAXES
from mediakit.errors import MediakitError, UsageError
from mediakit.findings import Finding, Where
from mediakit.ledger.jobs import Jobs
from mediakit.ledger.same_destination import identity_of
from mediakit.outcome import Fate, State
from mediakit.stages.import_order import ImportOrder
from mediakit.stages.look.inventory import Inventory
from mediakit.transfer.outgoing import Outgoing
from mediakit.transfer.row import Row, key_of
from mediakit.transfer.states import TransferState

#: Under this name a job keeps its key.
KEPT_KEY = "deidentification-key"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeidentifiedRows:
    """An inventory under its new UIDs. `originals` lead from them back to those on the medium.

    `left_out` are the instances of kinds that cannot be de-identified, with their fates.
    """

    inventory: Inventory
    originals: Mapping[str, str] = field(repr=False)
    left_out: tuple[Fate, ...]
    findings: tuple[Finding, ...]


def with_key(order: ImportOrder, jobs: Jobs, destination: str, inventory: Inventory) -> ImportOrder:
    """Return the order with the key of the job that it goes on with, else its own or a new one.

    Raises UsageError when the job was begun without de-identification, or the other way round: a job that
    was begun with it must not go on with the instances as they are.
    """
    wanted = order.deidentify
    if wanted is None:
        if order.resume and not order.job:
            job, _ = _earlier(Deidentification(), jobs, destination, inventory)
            if job:
                raise UsageError(
                    "this medium was being imported with `--deidentify`, which is not given now",
                    where=job,
                    why="what is left would be sent with the names and IDs of the patients",
                    hint="give `--deidentify` with the options that it was begun with",
                )
        return order
    if order.job:
        kept = jobs.read(order.job).kept(KEPT_KEY)
        if kept is None:
            raise UsageError("this job was begun without `--deidentify`", where=order.job)
        return replace(order, deidentify=replace(wanted, key=bytes.fromhex(kept)))
    earlier = b""
    if order.resume and not wanted.key:
        _, earlier = _earlier(wanted, jobs, destination, inventory)
    return replace(order, deidentify=replace(wanted, key=wanted.key or earlier or new_key()))


def _earlier(
    wanted: Deidentification, jobs: Jobs, destination: str, inventory: Inventory
) -> tuple[str, bytes]:
    """Return the job that has most of these instances under new UIDs, and its key; "" and b"" for none."""
    best, most = ("", b""), 0
    same = identity_of(destination)
    for summary in jobs.summaries():
        facts = summary.facts
        if summary.problem or facts.options.get("deidentify") == "":
            continue
        if identity_of(facts.destination) != same:
            continue
        with suppress(MediakitError):
            job = jobs.read(summary.job_id)
            key = bytes.fromhex(job.kept(KEPT_KEY) or "")
            if key:
                uid = _uids(replace(wanted, key=key).engine())
                new = {uid(row.item.sop_instance) for row in inventory.rows}
                count = sum(row.key in new for row in job.rows())
                best, most = ((summary.job_id, key), count) if count > most else (best, most)
    return best


def deidentified_rows(inventory: Inventory, engine: Engine) -> DeidentifiedRows:
    """Return the rows of an inventory as they will be sent."""
    uid = _uids(engine)
    rows: list[Row] = []
    keys: dict[str, str] = {}
    originals: dict[str, str] = {}
    left_out: list[Fate] = []
    for row in inventory.rows:
        item = row.item
        why = why_closed(item.sop_class, item.transfer_syntax) if row.state is TransferState.PLANNED else ""
        if why:
            place = shown(inventory.source, row.place)
            because = CLOSED.at(Where(path=place), why=why)
            fate = Fate(
                source=place, state=State.EXCLUDED, because=because, sop_instance=uid(item.sop_instance)
            )
            left_out.append(fate)
            continue
        new = _renamed(item, uid)
        keys[row.key] = key_of(new.sop_instance, item.path) if item.sop_instance else row.key
        originals[new.sop_instance] = item.sop_instance
        rows.append(replace(row, key=keys[row.key], item=new))
    return DeidentifiedRows(
        inventory=replace(
            inventory,
            rows=tuple(rows),
            members={keys[key]: one for key, one in inventory.members.items() if key in keys},
            because={keys[key]: one for key, one in inventory.because.items() if key in keys},
            left_out=frozenset(key if key.startswith("path:") else uid(key) for key in inventory.left_out),
        ),
        originals=originals,
        left_out=tuple(left_out),
        findings=tuple(fate.because for fate in left_out if fate.because is not None),
    )


def _renamed(item: Outgoing, uid: Callable[[str], str]) -> Outgoing:
    known = SYNTAXES.get(item.transfer_syntax)
    is_native = known is not None and not known.is_encapsulated
    return replace(
        item,
        sop_instance=uid(item.sop_instance),
        study=uid(item.study),
        series=uid(item.series),
        transfer_syntax=EXPLICIT_VR_LITTLE_ENDIAN if is_native else item.transfer_syntax,
    )


def _uids(engine: Engine) -> Callable[[str], str]:
    """Return what gives an instance its new UID."""
    return (lambda old: old) if engine.keeps_uids else engine.pseudonyms.uid
