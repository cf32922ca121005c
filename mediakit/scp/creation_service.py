"""The Media Creation Management service: takes requests, starts and cancels jobs, and says where they stand.

Little is checked when a job is created, as the standard advises: what is wrong with it shows when it is made,
and N-GET tells (PS3.4 S.3.2).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from mediakit.dicom.identifier import Unintelligible
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
from mediakit.scp.creation_jobs import CreationJob, CreationJobs, new_uid
from mediakit.scp.operation import Answer, Operation

if TYPE_CHECKING:
    from pydicom import Dataset

_GOOD, _OPTIONAL_MISSING = 0x0000, 0x0001
_DUPLICATE, _BAD_ARGUMENT, _NO_INSTANCE, _MISSING = 0x0111, 0x0115, 0x0112, 0x0120
_NO_ACTION, _NO_ROOM = 0x0123, 0x0213
_INITIATED, _ENDED, _BEING_MADE = 0xA510, 0xC201, 0xC202  # PS3.4 S.3.2.2.4
_UNREADABLE: Final = (Unintelligible, ValueError)


class CreationService:
    """Answers N-CREATE, N-ACTION and N-GET over the jobs. Called from the threads of associations."""

    def __init__(self, jobs: CreationJobs) -> None:
        self._jobs = jobs

    def create(self, operation: Operation) -> Answer:
        """Keep a new job, which waits to be initiated."""
        try:
            job = self._job(operation)
        except Missing as exc:
            return Answer(status=_MISSING, words=f"it has no {exc}")
        except _UNREADABLE:
            return Answer(status=_BAD_ARGUMENT, words="the request cannot be read")
        try:
            if not self._jobs.add(job):
                return Answer(status=_DUPLICATE, words="there is a job with this UID")
        except (OSError, MediakitError):
            return Answer(status=_NO_ROOM, words="the job cannot be kept")
        return Answer(status=_GOOD, data_set=_state_of(job), sop_instance=job.uid)

    def _job(self, operation: Operation) -> CreationJob:
        """Return the job that an N-CREATE asks for. Raises Missing, ValueError, Unintelligible."""
        uid = operation.request.sop_instance
        if uid and not is_name(uid):
            raise ValueError("the SOP Instance UID is not a UID")
        if not operation.request.has_data_set:
            raise Missing("Referenced SOP Sequence")
        return CreationJob(
            uid=uid or new_uid(),
            request=read_creation(operation.data_set()),
            created=self._jobs.now(),
            calling_ae=operation.calling_ae,
        )

    def act(self, operation: Operation) -> Answer:
        """Initiate or cancel a job."""
        uid, action = operation.request.sop_instance, operation.request.number
        if self._jobs.find(uid) is None:
            return Answer(status=_NO_INSTANCE, words="there is no such job")
        try:
            if action == INITIATE:
                return self._initiate(uid, operation)
            if action == CANCEL:
                return self._cancel(uid)
        except (OSError, MediakitError):
            return Answer(status=_NO_ROOM, words="the job cannot be kept")
        return Answer(status=_NO_ACTION, words="no such action")

    def get(self, operation: Operation) -> Answer:
        """Say where a job stands."""
        job = self._jobs.find(operation.request.sop_instance)
        if job is None:
            return Answer(status=_NO_INSTANCE, words="there is no such job")
        found, is_all = asked_of(_state_of(job), operation.request.attributes)
        return Answer(status=_GOOD if is_all else _OPTIONAL_MISSING, data_set=found)

    def _initiate(self, uid: str, operation: Operation) -> Answer:
        try:
            copies, priority = read_start(operation.data_set())
        except Missing as exc:
            return Answer(status=_BAD_ARGUMENT, words=f"wrong {exc}")
        except _UNREADABLE:
            return Answer(status=_BAD_ARGUMENT, words="the request cannot be read")

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
            return Answer(status=_INITIATED, words="it was initiated before")
        return Answer(status=_GOOD)

    def _cancel(self, uid: str) -> Answer:
        job = self._jobs.find(uid)
        if job is None:
            return Answer(status=_NO_INSTANCE, words="there is no such job")
        if job.status.is_over:
            return Answer(status=_ENDED, words="it has ended")
        if job.status is Execution.CREATING or not self._jobs.remove_waiting(uid):
            return Answer(status=_BEING_MADE, words="it is being made, and cannot be interrupted")
        return Answer(status=_GOOD)


def _state_of(job: CreationJob) -> Dataset:
    return state_set(job.status, job.info, job.pieces, job.failed, job.media)
