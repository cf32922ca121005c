"""What a Storage SCP has done, as text and as the JSON document `mediakit/reception/1`. Pure."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from mediakit.report.json import FindingDoc, ReportDoc, finding_doc, report_doc
from mediakit.report.text import many
from mediakit.scp.events import AssociationEnded, CommitmentAnswered, Ending, MediumEnded, Received, Reception
from mediakit.scp.served import Served


class ReceivedDoc(msgspec.Struct, frozen=True, kw_only=True):
    """One C-STORE request and its answer. `status` is that of PS3.4 B.2.3; `path` is below the folder."""

    sop_instance_uid: str
    sop_class_uid: str
    sender: str
    state: str
    status: int
    path: str
    words: str


class MediumDoc(msgspec.Struct, frozen=True, kw_only=True):
    """One medium that was burnt while the server ran, or could not be."""

    target: str
    outcome: str
    exit_code: int
    instances: int
    why: str


class ReceptionDoc(msgspec.Struct, frozen=True, kw_only=True):
    """The whole document."""

    journey: str
    outcome: str
    exit_code: int
    ae_title: str
    host: str
    port: int
    folder: str
    associations: int
    counts: dict[str, int]
    findings: list[FindingDoc]
    received: list[ReceivedDoc]
    burn: ReportDoc | None
    media: list[MediumDoc] = []
    schema: Literal["mediakit/reception/1"] = "mediakit/reception/1"


def reception_doc(served: Served) -> ReceptionDoc:
    """Return what a server has done as the value that is written as JSON."""
    return ReceptionDoc(
        journey="receive",
        outcome=served.outcome.word,
        exit_code=int(served.outcome),
        ae_title=served.ae_title,
        host=served.host,
        port=served.port,
        folder=served.folder,
        associations=served.associations,
        counts={one.value: served.counts[one] for one in Reception if served.counts.get(one)},
        findings=[finding_doc(finding) for finding in served.report.findings],
        received=[_received_doc(one) for one in served.received],
        burn=None if served.burn is None else report_doc(served.burn),
        media=[_medium_doc(one) for one in served.media],
    )


def _medium_doc(ended: MediumEnded) -> MediumDoc:
    return MediumDoc(
        target=ended.out,
        outcome=ended.outcome.word,
        exit_code=int(ended.outcome),
        instances=ended.instances,
        why=ended.why,
    )


def _received_doc(received: Received) -> ReceivedDoc:
    return ReceivedDoc(
        sop_instance_uid=received.sop_instance,
        sop_class_uid=received.sop_class,
        sender=received.calling_ae,
        state=received.reception.value,
        status=received.status,
        path=received.path,
        words=received.words,
    )


def reception_schema() -> dict[str, Any]:
    """Return the JSON Schema of the document."""
    return msgspec.json.schema(ReceptionDoc)


_WORDS = {
    Reception.STORED: "stored",
    Reception.SAME: "already there",
    Reception.CONFLICT: "refused for another one with its UID",
    Reception.REFUSED: "refused",
    Reception.CUT_OFF: "cut off",
}
_ENDINGS = {Ending.RELEASED: "", Ending.ABORTED: ", aborted", Ending.REJECTED: ", rejected"}


def counts_text(counts: dict[Reception, int]) -> str:
    """Return "3 stored, 1 refused"."""
    parts = [f"{counts[one]:,} {_WORDS[one]}" for one in Reception if counts.get(one)]
    return ", ".join(parts) or "nothing sent"


def association_text(event: AssociationEnded) -> str:
    """Return an association that has ended on one line, without the AE titles of port scanners."""
    who = f"{event.calling_ae or 'a stranger'} ({event.host}{f', user {event.user}' if event.user else ''})"
    why = f": {event.words}" if event.words else ""
    return f"{who}: {counts_text(event.counts)}{_ENDINGS[event.ending]}{why}"


def commitment_text(event: CommitmentAnswered) -> str:
    """Return a request for storage commitment that was answered on one line."""
    told = "" if event.delivered else ", and could not be told"
    answer = f"{event.committed:,} committed, {event.failed:,} not"
    return f"{event.calling_ae}: asked for storage commitment, {answer}{told}"


def medium_text(event: MediumEnded) -> str:
    """Return what became of a medium on one line."""
    why = f": {event.why}" if event.why else ""
    if not event.instances:
        again = f"; it is tried again in {event.retry_s:,.0f} s, or when more comes" if event.retry_s else ""
        return f"not burnt: {event.outcome.word}{why}{again}"
    return f"burnt {event.out}: {many(event.instances, 'instance', 'instances')}, {event.outcome.word}{why}"


def served_text(served: Served) -> str:
    """Return the last line of a server."""
    came = many(served.associations, "association", "associations")
    return f"{came}, {counts_text(dict(served.counts))} in {served.folder}\n"
