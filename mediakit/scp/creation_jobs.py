"""The jobs of Media Creation Management, each in a file of its own, so that they outlive a restart.

A job that was being made when a process was killed waits again at the next start; its media get the same
names, so that nothing is made twice. For several threads.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from time import time
from typing import Final

import msgspec

from mediakit.dicom.media_creation import CreationRequest, Execution, Info, MadeMedium, Priority
from mediakit.durable import new_file, write_all
from mediakit.errors import UsageError, mapped

MOST_JOBS: Final = 10_000
_SUFFIX: Final = ".json"
_MOST_BYTES: Final = 64 << 20
_ORDER: Final = {Priority.HIGH: 0, Priority.MEDIUM: 1, Priority.LOW: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class CreationJob:
    """One job. Times are seconds since 1970. `failed` are SOP Class, Instance UID and Failure Reason."""

    uid: str
    request: CreationRequest
    created: float
    calling_ae: str = ""
    status: Execution = Execution.IDLE
    info: Info = Info.NORMAL
    copies: int = 1
    priority: Priority = Priority.LOW
    queued: float = 0.0
    ended: float = 0.0
    pieces: int = 0
    failed: tuple[tuple[str, str, int], ...] = ()
    media: tuple[MadeMedium, ...] = ()
    targets: tuple[str, ...] = ()
    words: str = ""

    @property
    def name(self) -> str:
        """Return a name for its media that no other job has."""
        return hashlib.sha256(self.uid.encode("ascii", "replace")).hexdigest()[:12]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEnded:
    """A job has ended, well or not."""

    job: CreationJob


@dataclass(slots=True)
class CreationJobs:
    """All jobs, in memory and on the disk."""

    folder: Path
    keep_s: float
    now: Callable[[], float] = time
    _jobs: dict[str, CreationJob] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def begin(self) -> None:
        """Read what earlier runs left; what was being made waits again. Raises UsageError."""
        with mapped({OSError: UsageError}, "the jobs cannot be read", str(self.folder)):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for path in sorted(self.folder.glob(f"*{_SUFFIX}")):
                with path.open("rb") as stream:
                    raw = stream.read(_MOST_BYTES)
                try:
                    job = msgspec.json.decode(raw, type=CreationJob)
                except msgspec.MsgspecError as exc:
                    raise UsageError(
                        "a job cannot be read", where=str(path), why=str(exc), hint="move the file away"
                    ) from exc
                self._jobs[job.uid] = job
        for job in [job for job in self._jobs.values() if job.status is Execution.CREATING]:
            self.put(replace(job, status=Execution.PENDING, info=Info.QUEUED))

    def find(self, uid: str) -> CreationJob | None:
        """Return a job; None when there is none, or no longer."""
        with self._lock:
            return self._jobs.get(uid)

    def add(self, job: CreationJob) -> bool:
        """Keep a new job; False when there is one of this UID. Raises OSError when there is no room."""
        self._forget_old()
        with self._lock:
            if job.uid in self._jobs:
                return False
            if len(self._jobs) >= MOST_JOBS:
                raise OSError("there are too many jobs")
            self._write(job)
        return True

    def put(self, job: CreationJob) -> None:
        """Keep what became of a job. Raises OSError."""
        with self._lock:
            self._write(job)

    def change(self, uid: str, change: Callable[[CreationJob], CreationJob | None]) -> CreationJob | None:
        """Let a function change a job, with nobody between; it returns None to leave it. Raises OSError."""
        with self._lock:
            job = self._jobs.get(uid)
            changed = None if job is None else change(job)
            if changed is not None:
                self._write(changed)
            return changed

    def remove_waiting(self, uid: str) -> bool:
        """Forget a job that nobody makes; False when it is being made, or is over. Raises OSError."""
        with self._lock:
            job = self._jobs.get(uid)
            if job is None or job.status not in {Execution.IDLE, Execution.PENDING}:
                return False
            self._remove(job)
            return True

    def next(self) -> CreationJob | None:
        """Take the most urgent job that waits, the oldest of those first; it is being made from now on."""
        with self._lock:
            waiting = [job for job in self._jobs.values() if job.status is Execution.PENDING]
            if not waiting:
                return None
            job = min(waiting, key=lambda each: (_ORDER[each.priority], each.queued, each.uid))
            taken = replace(job, status=Execution.CREATING, info=Info.NORMAL)
            self._write(taken)
            return taken

    @property
    def is_waiting(self) -> bool:
        """Return True when a job waits."""
        with self._lock:
            return any(job.status is Execution.PENDING for job in self._jobs.values())

    def _forget_old(self) -> None:
        """Forget jobs that ended, or were created and never initiated, so long ago."""
        before = self.now() - self.keep_s
        with self._lock:
            for job in list(self._jobs.values()):
                idle = job.status is Execution.IDLE
                if (job.status.is_over or idle) and (job.created if idle else job.ended) < before:
                    self._remove(job)

    def _remove(self, job: CreationJob) -> None:
        self._file(job).unlink(missing_ok=True)
        del self._jobs[job.uid]

    def _write(self, job: CreationJob) -> None:
        with new_file(self._file(job), overwrite=True, mode=0o600) as fd:
            write_all(fd, msgspec.json.encode(job))
        self._jobs[job.uid] = job

    def _file(self, job: CreationJob) -> Path:
        return self.folder / f"{job.name}{_SUFFIX}"


def new_uid() -> str:
    """Return a new UID for a job that its SCU gave none (PS3.5 B.2)."""
    return f"2.25.{int.from_bytes(os.urandom(16), 'big') | 1 << 120}"
