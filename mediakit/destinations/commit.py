"""Proof of storage by Storage Commitment Push Model: the peer is asked, and its reports are listened for.

A report may come on the association of the request or on one that the peer opens to us; both are heard. What
a report says counts for the instances that were asked for in its transaction, once: reports that come late,
twice, or for a transaction that nobody began change nothing. Source: PS3.4 J.
Loaded on use: pynetdicom takes long to import.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Condition
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING
from uuid import uuid4

from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.events import Event, EventHandlerType

from mediakit.destinations.association import association
from mediakit.destinations.base import Context, Unreachable
from mediakit.destinations.peer import Peer, Timeouts
from mediakit.dicom.commitment import (
    REQUEST_ACTION,
    STORAGE_COMMITMENT,
    WELL_KNOWN_INSTANCE,
    CommitmentReport,
    CommitmentRequest,
    Reference,
    read_report,
    reason_words,
    request_set,
)
from mediakit.dicom.identifier import Unintelligible, status_of
from mediakit.events import Advanced, Listener, silence
from mediakit.network.message import EVENT_REPORT_RQ
from mediakit.scp.contexts import MESSAGE_SYNTAXES
from mediakit.scp.negotiation import Policy
from mediakit.scp.operation import Answer, OfferedClass, Operation
from mediakit.scp.server import Listening, Server
from mediakit.transfer.proof import Denied, NoAnswer, Proof, ProofAnswer, Proven

if TYPE_CHECKING:
    from pydicom import Dataset

_TURN_S = 0.2
_LISTENER_GRACE_S = 1.0


def _new_uid() -> str:
    return f"2.25.{uuid4().int}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitOptions:
    """How to ask. Times are in seconds.

    `listen_port` is where the peer opens its association to report (it has to be told there as the port of
    our AE title); None when it reports on the association of the request. `wait_s` is how long reports are
    waited for after the last request; the association of the request is held open for `hold_s` of it.
    `most_references` bounds one request: some peers take no more, none needs more. With `ssl_context` reports
    come over TLS.
    """

    listen_host: str = "0.0.0.0"  # noqa: S104 - the peer is another host
    listen_port: int | None = None
    wait_s: float = Timeouts().proof_s
    hold_s: float = 10.0
    most_references: int = 1000
    ssl_context: ssl.SSLContext | None = None
    new_uid: Callable[[], str] = _new_uid


def prove_by_commit(
    peer: Peer, items: Sequence[tuple[str, str]], options: CommitOptions, tell: Listener = silence
) -> Proof:
    """Ask a peer to commit to instances, by (SOP Class, SOP Instance) UIDs, and return what it says of each.

    A peer that is not there, does not offer the service or does not report gives no answers, with `words`
    that say why. Raises UsageError when the port to listen on cannot be had.
    """
    with StorageCommitment(peer, options, tell) as commitment:
        return commitment.ask([Reference(*item) for item in items])


class StorageCommitment:
    """Storage commitment as an SCU, with the SCP that hears the reports. Listens inside `with`."""

    def __init__(self, peer: Peer, options: CommitOptions, tell: Listener = silence) -> None:
        self.address = ("", 0)
        self._tell = tell
        self._told = 0
        self._peer = peer
        self._options = options
        self._heard = _Heard()
        self._handlers: list[EventHandlerType] = [(evt.EVT_N_EVENT_REPORT, self._reported)]
        self._server: Server | None = None

    def __enter__(self) -> StorageCommitment:
        options = self._options
        if options.listen_port is not None:
            listening = Listening(
                ae_title=self._peer.calling_ae, host=options.listen_host, port=options.listen_port
            )
            reports = OfferedClass(operations={EVENT_REPORT_RQ: self._told_on_ours}, lets_scp=True)
            policy = Policy(ae_title=listening.ae_title, classes={STORAGE_COMMITMENT: reports})
            self._server = Server(listening, policy, options.ssl_context)
            self.address = self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.stop(_LISTENER_GRACE_S)

    def ask(self, references: Sequence[Reference]) -> Proof:
        """Ask for all of them, wait for the reports, and return what is known then."""
        wanted = list({reference.sop_instance: reference for reference in references}.values())
        refused: dict[str, ProofAnswer] = {}
        words = ""
        until = 0.0
        try:
            with association(
                self._peer, [Context(STORAGE_COMMITMENT, MESSAGE_SYNTAXES)], self._handlers
            ) as link:
                refused = self._request_all(link, wanted)
                until = monotonic() + self._options.wait_s
                self._hold(link)
        except Unreachable as exc:
            words = exc.reason
            until = monotonic() + self._options.wait_s  # what was asked for before may still be reported
        if self._server is not None:
            self._wait(until)
        answers = refused | self._heard.answers()
        if not words and any(each.sop_instance not in answers for each in wanted):
            words = self._silence()
        default = NoAnswer(words)
        return Proof(
            kind="commit",
            answers={each.sop_instance: answers.get(each.sop_instance, default) for each in wanted},
            words=words,
        )

    def _silence(self) -> str:
        """Return what to say of a peer that took the request and did not report."""
        if self._server is not None:
            return (
                f"no report came to port {self.address[1]} within {self._options.wait_s:g} s; "
                f"the peer has to know this port, our host and our AE title, {self._peer.calling_ae}"
            )
        return (
            f"no report came on the association of the request within {self._hold_s:g} s; "
            "for reports on one that the peer opens itself "
            "give our port (`--commit-port`, or `commit-port` of the destination)"
        )

    def _wait(self, until: float) -> bool:
        """Wait for a report on every transaction, and tell what comes; return whether all are there."""
        while True:
            is_all = self._heard.wait(min(_TURN_S, max(0.0, until - monotonic())))
            count = len(self._heard.answers())
            if count > self._told:
                self._tell(Advanced(count - self._told))
                self._told = count
            if is_all or monotonic() >= until:
                return is_all

    def _request_all(self, link: Association, wanted: Sequence[Reference]) -> dict[str, ProofAnswer]:
        """Send the requests; return the answers of those that the peer does not take."""
        refused: dict[str, ProofAnswer] = {}
        most = self._options.most_references
        for at in range(0, len(wanted), most):
            batch = tuple(wanted[at : at + most])
            request = CommitmentRequest(transaction=self._options.new_uid(), references=batch)
            self._heard.begin(request)
            why = self._request(link, request)
            if why:
                self._heard.forget(request.transaction)
                refused |= dict.fromkeys((each.sop_instance for each in batch), Denied(why))
        return refused

    def _request(self, link: Association, request: CommitmentRequest) -> str:
        """Send one request; return why the peer does not take it, or "". Raises Unreachable."""
        if not link.is_established:
            raise _lost(self._peer)
        status, _ = link.send_n_action(
            request_set(request), REQUEST_ACTION, STORAGE_COMMITMENT, WELL_KNOWN_INSTANCE
        )
        if "Status" not in status:
            raise _lost(self._peer)
        code = int(status.Status)
        return f"the peer refused the request (status {code:04X})" if code else ""

    @property
    def _hold_s(self) -> float:
        """Return how long the association of the request is held open, in seconds.

        Also without a port of ours: a peer that has not reported by then means to open an association of its
        own, which nobody would hear.
        """
        return min(self._options.hold_s, self._options.wait_s)

    def _hold(self, link: Association) -> None:
        """Keep the association open for reports that come on it."""
        link.network_timeout = self._hold_s + self._peer.timeouts.answer_s  # nothing is said meanwhile
        until = monotonic() + self._hold_s
        while link.is_established and monotonic() < until:
            if self._wait(min(until, monotonic() + _TURN_S)):
                return

    def _reported(self, event: Event) -> tuple[Dataset, None]:
        """Hear a report on the association of the request, which is the library's."""
        answer = self._answer(lambda: event.event_information)
        return status_of(answer.status, answer.words), None

    def _told_on_ours(self, operation: Operation) -> Answer:
        """Hear a report on an association that the peer has opened."""
        return self._answer(operation.data_set)

    def _answer(self, data_set: Callable[[], Dataset]) -> Answer:
        """Hear a report; the status of the answer tells the peer what became of it."""
        try:
            report = read_report(data_set())
        except (Unintelligible, AttributeError, OSError, TypeError, ValueError):
            return Answer(status=0x0110, words="the report cannot be read")
        if not self._heard.hear(report):
            return Answer(status=0x0115, words="no such transaction")
        return Answer(status=0)


@dataclass(slots=True)
class _Heard:
    """What has been asked and what has been heard, for several threads."""

    changed: Condition = field(default_factory=Condition)
    asked: dict[str, Mapping[str, str]] = field(default_factory=dict)  # SOP Class by instance, by transaction
    open: set[str] = field(default_factory=set)  # transactions without a report
    found: dict[str, ProofAnswer] = field(default_factory=dict)

    def begin(self, request: CommitmentRequest) -> None:
        """Expect a report: before the request goes out, since the report may overtake its response."""
        with self.changed:
            self.asked[request.transaction] = {
                each.sop_instance: each.sop_class for each in request.references
            }
            self.open.add(request.transaction)

    def forget(self, transaction: str) -> None:
        """Expect no report."""
        with self.changed:
            self.open.discard(transaction)

    def hear(self, report: CommitmentReport) -> bool:
        """Take a report; False when it is for a transaction that nobody began."""
        with self.changed:
            asked = self.asked.get(report.transaction)
            if asked is None:
                return False
            if report.transaction in self.open:
                self.open.discard(report.transaction)
                self._take(report, asked)
                self.changed.notify_all()
            return True

    def _take(self, report: CommitmentReport, asked: Mapping[str, str]) -> None:
        for reference, reason in report.failed:  # first: what is in both lists is not proven
            if reference.sop_instance in asked:
                self.found.setdefault(reference.sop_instance, Denied(reason_words(reason)))
        for reference in report.committed:
            if asked.get(reference.sop_instance) == reference.sop_class:
                self.found.setdefault(reference.sop_instance, Proven())
        for sop_instance in asked:
            self.found.setdefault(sop_instance, NoAnswer("the report of the peer does not name it"))

    def wait(self, timeout_s: float) -> bool:
        """Wait until there is a report for every transaction; return whether there is."""
        with self.changed:
            return self.changed.wait_for(lambda: not self.open, timeout_s)

    def answers(self) -> dict[str, ProofAnswer]:
        """Return what is known now."""
        with self.changed:
            return dict(self.found)


def _lost(peer: Peer) -> Unreachable:
    return Unreachable("the peer did not answer the request for storage commitment", where=str(peer))
