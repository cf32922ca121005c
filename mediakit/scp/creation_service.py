"""The Media Creation Management service: takes requests, starts and cancels jobs, and says where they stand.

Little is checked when a job is created, as the standard advises: what is wrong with it shows when it is made,
and N-GET tells (PS3.4 S.3.2).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pynetdicom.dimse_primitives import N_ACTION, N_CREATE, N_GET
from pynetdicom.events import Event

from mediakit.dicom.identifier import Unintelligible, status_of
from mediakit.dicom.instance_names import is_name
from mediakit.dicom.media_creation import (
    CANCEL,
    INITIATE,
    Execution,
    Info,
    Missing,
    asked_of,
    read_creation,
    read_start,
    state_set,
)
from mediakit.errors import MediakitError
from mediakit.findings import printable
from mediakit.scp.creation_jobs import CreationJob, CreationJobs, new_uid

if TYPE_CHECKING:
    from pydicom import Dataset

_GOOD, _OPTIONAL_MISSING = 0x0000, 0x0001
_FAILED, _DUPLICATE, _BAD_ARGUMENT, _NO_INSTANCE, _MISSING = 0x0110, 0x0111, 0x0115, 0x0112, 0x0120
_NO_ACTION, _NO_ROOM = 0x0123, 0x0213
_INITIATED, _ENDED, _BEING_MADE = 0xA510, 0xC201, 0xC202  # PS3.4 S.3.2.2.4
_UNREADABLE: Final = (Unintelligible, AttributeError, OSError, TypeError, ValueError)

Answer = tuple["Dataset", "Dataset | None"]


class CreationService:
    """Answers N-CREATE, N-ACTION and N-GET over the jobs. Called from the threads of associations."""

    def __init__(self, jobs: CreationJobs) -> None:
        self._jobs = jobs

    def create(self, event: Event) -> Answer:
        """Keep a new job, which waits to be initiated."""
        try:
            job = self._job(event)
        except Missing as exc:
            return status_of(_MISSING, f"it has no {exc}"), None
        except _UNREADABLE:
            return status_of(_BAD_ARGUMENT, "the request cannot be read"), None
        try:
            if not self._jobs.add(job):
                return status_of(_DUPLICATE, "there is a job with this UID"), None
        except (OSError, MediakitError):
            return status_of(_NO_ROOM, "the job cannot be kept"), None
        state = _state_of(job)
        if event.request.AffectedSOPInstanceUID is None:  # type: ignore[union-attr]  # it is an N-CREATE
            state.AffectedSOPInstanceUID = job.uid
        return status_of(_GOOD), state

    def _job(self, event: Event) -> CreationJob:
        """Return the job that an N-CREATE asks for. Raises Missing, ValueError and what reading raises."""
        asked = event.request
        uid = str(asked.AffectedSOPInstanceUID or "") if isinstance(asked, N_CREATE) else ""
        if uid and not is_name(uid):
            raise ValueError("the SOP Instance UID is not a UID")
        return CreationJob(
            uid=uid or new_uid(),
            request=read_creation(event.attribute_list),
            created=self._jobs.now(),
            calling_ae=printable(event.assoc.requestor.ae_title.strip()),
        )

    def act(self, event: Event) -> Answer:
        """Initiate or cancel a job."""
        asked = event.request
        if not isinstance(asked, N_ACTION):
            return status_of(_FAILED), None
        uid = str(asked.RequestedSOPInstanceUID or "")
        if self._jobs.find(uid) is None:
            return status_of(_NO_INSTANCE, "there is no such job"), None
        try:
            if asked.ActionTypeID == INITIATE:
                return self._initiate(uid, event), None
            if asked.ActionTypeID == CANCEL:
                return self._cancel(uid), None
        except (OSError, MediakitError):
            return status_of(_NO_ROOM, "the job cannot be kept"), None
        return status_of(_NO_ACTION, "no such action"), None

    def get(self, event: Event) -> Answer:
        """Say where a job stands."""
        asked = event.request
        uid = str(asked.RequestedSOPInstanceUID or "") if isinstance(asked, N_GET) else ""
        job = self._jobs.find(uid)
        if job is None:
            return status_of(_NO_INSTANCE, "there is no such job"), None
        try:
            tags = [int(tag) for tag in event.attribute_identifiers or ()]
        except _UNREADABLE:
            return status_of(_BAD_ARGUMENT, "the list of attributes cannot be read"), None
        found, is_all = asked_of(_state_of(job), tags)
        return status_of(_GOOD if is_all else _OPTIONAL_MISSING), found

    def _initiate(self, uid: str, event: Event) -> Dataset:
        try:
            copies, priority = read_start(event.action_information)
        except Missing as exc:
            return status_of(_BAD_ARGUMENT, f"wrong {exc}")
        except _UNREADABLE:
            return status_of(_BAD_ARGUMENT, "the request cannot be read")

        def queued(job: CreationJob) -> CreationJob | None:
            if job.status is not Execution.IDLE:
                return None
            return replace(
                job,
                status=Execution.PENDING,
                info=Info.QUEUED,
                copies=copies,
                priority=priority,
                queued=self._jobs.now(),
            )

        if self._jobs.change(uid, queued) is None:
            return status_of(_INITIATED, "it was initiated before")
        return status_of(_GOOD)

    def _cancel(self, uid: str) -> Dataset:
        job = self._jobs.find(uid)
        if job is None:
            return status_of(_NO_INSTANCE, "there is no such job")
        if job.status.is_over:
            return status_of(_ENDED, "it has ended")
        if job.status is Execution.CREATING or not self._jobs.remove_waiting(uid):
            return status_of(_BEING_MADE, "it is being made, and cannot be interrupted")
        return status_of(_GOOD)


def _state_of(job: CreationJob) -> Dataset:
    return state_set(job.status, job.info, job.pieces, job.failed, job.media)
