"""The Storage Commitment service: takes requests, answers them from the instance store, and reports.

An instance is committed when a file of that SOP Class and Instance UID lies there and its header can be read.
The report goes to where the peer listens, when that is known; else back on the association of the request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Event as Flag
from threading import Thread
from time import monotonic

from pynetdicom.presentation import build_context, build_role

from mediakit.dicom.commitment import (
    CLASS_INSTANCE_CONFLICT,
    NO_SUCH_INSTANCE,
    PROCESSING_FAILURE,
    REQUEST_ACTION,
    STORAGE_COMMITMENT,
    WELL_KNOWN_INSTANCE,
    CommitmentReport,
    CommitmentRequest,
    Reference,
    read_request,
    report_set,
)
from mediakit.dicom.header import Scanner
from mediakit.dicom.identifier import Unintelligible
from mediakit.dicom.instance import Instance
from mediakit.errors import MediakitError
from mediakit.scp.contexts import MESSAGE_SYNTAXES
from mediakit.scp.events import CommitmentAnswered, ScpListener
from mediakit.scp.instance_store import InstanceStore
from mediakit.scp.operation import Answer, Operation, Report
from mediakit.scp.requestor import AssociationRequest, Dial, requested

_MOST_WAITING = 1000  # requests
_TIMEOUT_S = 30.0
_ATTEMPTS = 3
_PAUSE_S = 2.0
_TURN_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    dial: Dial
    calling_ae: str
    request: CommitmentRequest


class CommitmentService:
    """Answers requests: on their association, or one after the other on associations of its own.

    These are opened by a thread, from `start` to `stop`.
    """

    def __init__(
        self, instance_store: InstanceStore, callers: Mapping[str, Dial], ae_title: str, tell: ScpListener
    ) -> None:
        self._instance_store = instance_store
        self._callers = callers
        self._ae_title = ae_title
        self._tell = tell
        self._scanner = Scanner()
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()  # None wakes the thread
        self._stop = Flag()
        self._until = 0.0
        self._is_working = False
        self._thread = Thread(target=self._work, name="mediakit-commitment", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self, grace_s: float) -> None:
        """Answer what still waits, for so many seconds, then end."""
        self._until = monotonic() + grace_s
        self._stop.set()
        self._jobs.put(None)
        if self._thread.is_alive():
            self._thread.join()

    @property
    def is_busy(self) -> bool:
        """Return True while requests wait or are worked on."""
        return self._thread.is_alive() and (self._is_working or not self._jobs.empty())

    def asked(self, operation: Operation) -> Answer:
        """Take an N-ACTION request; it is worked on when the answer has gone out."""
        request = operation.request
        if request.number != REQUEST_ACTION:
            return Answer(status=0x0123, words="no such action")
        if request.sop_instance != WELL_KNOWN_INSTANCE:
            return Answer(status=NO_SUCH_INSTANCE, words="no such instance")
        try:
            wanted = read_request(operation.data_set())
        except Unintelligible:
            return Answer(status=0x0115, words="the request cannot be read")
        if self._jobs.qsize() > _MOST_WAITING:
            return Answer(status=0x0213, words="too many requests are waiting")
        return Answer(status=0, after=lambda: self._begin(operation.calling_ae, wanted))

    def _begin(self, calling_ae: str, wanted: CommitmentRequest) -> Report | None:
        """Return the report for the association of the request, or have it sent on one of our own."""
        dial = self._callers.get(calling_ae)
        if dial is not None:
            self._jobs.put(_Job(dial=dial, calling_ae=calling_ae, request=wanted))
            return None
        report = self._report(wanted)
        return Report(
            sop_instance=WELL_KNOWN_INSTANCE,
            event_type=report.event_type,
            data_set=report_set(report),
            delivered=lambda is_delivered: self._told(calling_ae, report, is_delivered=is_delivered),
        )

    def _work(self) -> None:
        while not self._stop.is_set() or monotonic() < self._until:
            try:
                job = self._jobs.get(timeout=_TURN_S)
            except Empty:
                job = None
            if job is None:
                if self._stop.is_set() and self._jobs.empty():
                    return
                continue
            self._is_working = True
            try:
                self._answer(job)
            except Exception:  # noqa: BLE001 - one request must not end the thread that answers the next ones
                nothing = CommitmentReport(transaction=job.request.transaction, committed=(), failed=())
                self._told(job.calling_ae, nothing, is_delivered=False)
            finally:
                self._is_working = False

    def _answer(self, job: _Job) -> None:
        report = self._report(job.request)
        self._told(job.calling_ae, report, is_delivered=self._deliver(job, report))

    def _told(self, calling_ae: str, report: CommitmentReport, *, is_delivered: bool) -> None:
        self._tell(
            CommitmentAnswered(
                calling_ae=calling_ae,
                committed=len(report.committed),
                failed=len(report.failed),
                delivered=is_delivered,
            )
        )

    def _report(self, request: CommitmentRequest) -> CommitmentReport:
        committed, failed = [], []
        for reference in request.references:
            reason = self._reason(reference)
            if reason:
                failed.append((reference, reason))
            else:
                committed.append(reference)
        return CommitmentReport(
            transaction=request.transaction, committed=tuple(committed), failed=tuple(failed)
        )

    def _reason(self, reference: Reference) -> int:
        """Return why an instance is not committed, 0 when it is."""
        place = self._instance_store.find(reference.sop_instance)
        if place is None:
            return NO_SUCH_INSTANCE
        try:
            with place.open("rb") as stream:
                found = self._scanner.read(stream, place.stat().st_size, "", "")
        except OSError:
            return PROCESSING_FAILURE
        if not isinstance(found, Instance) or found.sop_instance != reference.sop_instance:
            return PROCESSING_FAILURE
        return 0 if found.sop_class == reference.sop_class else CLASS_INSTANCE_CONFLICT

    def _deliver(self, job: _Job, report: CommitmentReport) -> bool:
        for attempt in range(_ATTEMPTS):
            if attempt and self._stop.wait(_PAUSE_S):
                return False
            if deliver(job.dial, job.calling_ae, self._ae_title, report):
                return True
        return False


def deliver(dial: Dial, called_ae: str, calling_ae: str, report: CommitmentReport) -> bool:
    """Open an association, send a report, and return True when the peer answered that it has it.

    We are the SCP of the service and the requestor of the association, which role selection says (PS3.7
    D.3.3.4).
    """
    request = AssociationRequest(
        calling_ae=calling_ae,
        called_ae=called_ae,
        contexts=[build_context(STORAGE_COMMITMENT, list(MESSAGE_SYNTAXES))],
        association_s=_TIMEOUT_S,
        answer_s=_TIMEOUT_S,
        items=[build_role(STORAGE_COMMITMENT, scp_role=True)],
    )
    try:
        with requested(dial(), request) as link:
            if not link.is_established:
                return False
            status, _ = link.send_n_event_report(
                report_set(report), report.event_type, STORAGE_COMMITMENT, WELL_KNOWN_INSTANCE
            )
            return "Status" in status and status.Status == 0
    except (OSError, MediakitError):
        return False
