"""Rehearsal of an import: what would be proposed, and, when the peer is asked, what it would take.

Nothing is sent. A probe opens each association that the import would open, and closes it again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from mediakit.destinations.base import Destination, Unreachable, contexts_of
from mediakit.dicom.uids import syntax_name
from mediakit.findings import Finding
from mediakit.stages.act.loading import no_context
from mediakit.stages.import_order import ImportDepth, ImportOrder
from mediakit.transfer.imported import ContextLine
from mediakit.transfer.negotiate import Batch, Way, batches, route
from mediakit.transfer.outgoing import Outgoing
from mediakit.transfer.row import Row, key_of
from mediakit.transfer.states import TransferState


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """What a rehearsal found. `because` by key; `stopped` says why the peer could not be asked."""

    rows: tuple[Row, ...]
    lines: tuple[ContextLine, ...]
    because: Mapping[str, Finding]
    stopped: str


def rehearse(rows: Sequence[Row], destination: Destination, order: ImportOrder) -> Rehearsed:
    """Plan the associations of an import, and ask the peer what it takes when the order says so."""
    items = [row.item for row in rows if row.state is TransferState.PLANNED]
    lines: list[ContextLine] = []
    stopped = ""
    refused: dict[str, Finding] = {}
    for batch in batches(items, destination.most_contexts, may_convert=order.may_convert):
        if order.depth is ImportDepth.PLAN:
            lines += _planned(batch)
            continue
        try:
            session = destination.connect(contexts_of(batch.proposals))
        except Unreachable as exc:
            stopped = exc.reason
            lines += _planned(batch)
            continue
        try:
            classes = {item.sop_class for item in batch.items}
            taken = {uid: session.takes(uid) for uid in classes}
            refusals = {uid: session.refusal(uid) for uid in classes}
        finally:
            session.close()
        for (sop_class, syntax), members in _kinds(batch.items):
            line = _line(sop_class, syntax, members, taken[sop_class], order)
            lines.append(line)
            if line.accepted == _REFUSED:
                finding = no_context(sop_class, syntax, refusals[sop_class])
                refused.update((key_of(each.sop_instance, each.path), finding) for each in members)
    return Rehearsed(
        rows=tuple(_row(row, refused) for row in rows), lines=tuple(lines), because=refused, stopped=stopped
    )


_REFUSED = "would not be taken"


def _kinds(items: Sequence[Outgoing]) -> Iterator[tuple[tuple[str, str], list[Outgoing]]]:
    kinds: dict[tuple[str, str], list[Outgoing]] = {}
    for item in items:
        kinds.setdefault((item.sop_class, item.transfer_syntax), []).append(item)
    yield from kinds.items()


def _planned(batch: Batch) -> Iterator[ContextLine]:
    for (sop_class, syntax), members in _kinds(batch.items):
        yield ContextLine(
            sop_class=sop_class, transfer_syntaxes=(syntax,), count=len(members), accepted="", why=""
        )


def _line(
    sop_class: str, syntax: str, members: Sequence[Outgoing], takes: frozenset[str] | None, order: ImportOrder
) -> ContextLine:
    way = route(syntax, takes, may_convert=order.may_convert)
    why = ""
    if way.way is Way.AS_IS:
        accepted = "as is"
    elif way.way is Way.CONVERTED:
        accepted = f"would be converted to {syntax_name(way.transfer_syntax)}"
        why = "the destination does not take it as it is stored"
    else:
        accepted = _REFUSED
        why = "the SOP Class is not taken at all" if not takes else "not in this transfer syntax"
    return ContextLine(
        sop_class=sop_class, transfer_syntaxes=(syntax,), count=len(members), accepted=accepted, why=why
    )


def _row(row: Row, refused: dict[str, Finding]) -> Row:
    finding = refused.get(row.key)
    if finding is None:
        return row
    return replace(row, state=TransferState.NOT_NEGOTIATED, rule=finding.rule.id)
