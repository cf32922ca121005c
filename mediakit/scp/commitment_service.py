"""The Storage Commitment service: takes requests, answers them from the instance store, and reports.

An instance is committed when a file of that SOP Class and Instance UID lies there and its header can be read.
The report goes to where the peer listens, when that is known; else back on the association of the request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from queue import Empty, SimpleQueue
from threading import Event as Flag
from threading import Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING

from pynetdicom.association import Association
from pynetdicom.dimse_primitives import N_ACTION, N_EVENT_REPORT
from pynetdicom.dsutils import encode
from pynetdicom.events import Event
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
from mediakit.dicom.identifier import Unintelligible, status_of
from mediakit.dicom.instance import Instance
from mediakit.errors import MediakitError
from mediakit.scp.contexts import MESSAGE_SYNTAXES
from mediakit.scp.events import CommitmentAnswered, ScpListener
from mediakit.scp.instance_store import InstanceStore
from mediakit.scp.requestor import AssociationRequest, Dial, requested

if TYPE_CHECKING:
    from pydicom import Dataset

_MOST_WAITING = 1000  # requests
_TIMEOUT_S = 30.0
_ATTEMPTS = 3
_PAUSE_S = 2.0
_TURN_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    association: Association
    calling_ae: str
    request: CommitmentRequest


class CommitmentService:
    """Answers requests one after the other, in a thread of its own from `start` to `stop`."""

    def __init__(
        self, instance_store: InstanceStore, callers: Mapping[str, Dial], ae_title: str, tell: ScpListener
    ) -> None:
        self._instance_store = instance_store
        self._callers = callers
        self._ae_title = ae_title
        self._tell = tell
        self._scanner = Scanner()
        self._lock = Lock()
        self._taken: dict[Association, list[_Job]] = {}  # the response to these has not gone out yet
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
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
        if self._thread.is_alive():
            self._thread.join()

    @property
    def is_busy(self) -> bool:
        """Return True while requests wait or are worked on."""
        return self._is_working or not self._jobs.empty() or bool(self._taken)

    def asked(self, event: Event) -> tuple[Dataset, None]:
        """Take an N-ACTION request; return the status of its response."""
        request = event.request
        if not isinstance(request, N_ACTION) or request.ActionTypeID != REQUEST_ACTION:
            return status_of(0x0123, "no such action"), None
        if request.RequestedSOPInstanceUID != WELL_KNOWN_INSTANCE:
            return status_of(NO_SUCH_INSTANCE, "no such instance"), None
        try:
            wanted = read_request(event.action_information)
        except (Unintelligible, AttributeError, OSError, TypeError, ValueError):
            return status_of(0x0115, "the request cannot be read"), None
        if self._jobs.qsize() > _MOST_WAITING:
            return status_of(0x0213, "too many requests are waiting"), None
        job = _Job(association=event.assoc, calling_ae=event.assoc.requestor.ae_title.strip(), request=wanted)
        with self._lock:
            self._taken.setdefault(event.assoc, []).append(job)
        return status_of(0x0000), None

    def responded(self, event: Event) -> None:
        """Begin with what was taken on an association, now that a response goes out on it."""
        with self._lock:
            jobs = self._taken.pop(event.assoc, [])
        for job in jobs:
            self._jobs.put(job)

    def left(self, association: Association) -> None:
        """Forget an association that is over."""
        with self._lock:
            self._taken.pop(association, None)

    def _work(self) -> None:
        while not self._stop.is_set() or monotonic() < self._until:
            try:
                job = self._jobs.get(timeout=_TURN_S)
            except Empty:
                if self._stop.is_set():
                    return
                continue
            self._is_working = True
            self._answer(job)
            self._is_working = False

    def _answer(self, job: _Job) -> None:
        report = self._report(job.request)
        self._tell(
            CommitmentAnswered(
                calling_ae=job.calling_ae,
                committed=len(report.committed),
                failed=len(report.failed),
                delivered=self._deliver(job, report),
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
        dial = self._callers.get(job.calling_ae)
        if dial is None:
            return _answer_back(job.association, report)
        for attempt in range(_ATTEMPTS):
            if attempt and self._stop.wait(_PAUSE_S):
                return False
            if deliver(dial, job.calling_ae, self._ae_title, report):
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


def _answer_back(association: Association, report: CommitmentReport) -> bool:
    """Send a report on the association of the request; the response to it is not waited for."""
    context = next(
        (one for one in association.accepted_contexts if one.abstract_syntax == STORAGE_COMMITMENT), None
    )
    if context is None or context.context_id is None or not association.is_established:
        return False
    syntax = context.transfer_syntax[0]
    encoded = encode(report_set(report), syntax.is_implicit_VR, syntax.is_little_endian)
    if encoded is None:
        return False
    message = N_EVENT_REPORT()
    message.MessageID = 1
    message.AffectedSOPClassUID = STORAGE_COMMITMENT
    message.AffectedSOPInstanceUID = WELL_KNOWN_INSTANCE
    message.EventTypeID = report.event_type
    message.EventInformation = BytesIO(encoded)
    association.dimse.send_msg(message, context.context_id)
    return association.is_established
