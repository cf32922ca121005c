"""The folder of jobs: start one, take one up again, find one, and look at them while they are at work."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from mediakit.errors import MediakitError, UsageError, mapped
from mediakit.ledger import reading, store
from mediakit.ledger.ledger import Clock, Ledger, moment_text, now_utc
from mediakit.ledger.lock import Lock, is_held
from mediakit.ledger.same_destination import identity_of
from mediakit.ledger.values import HistoryLine, JobFacts, JobSummary
from mediakit.open_folder import sync_folder
from mediakit.transfer.row import Row
from mediakit.transfer.states import Happening, TransferState

_SUFFIX: Final = ".sqlite"
_LETTERS: Final = "23456789abcdefghjkmnpqrstuvwxyz"  # none that is taken for another
_JOB_ID: Final = re.compile(r"[0-9]{8}-[0-9a-z]{6}")
_LOST: Final = "the process ended before the answer came"


class Jobs:
    """The jobs of a folder, which is made when the first job is started."""

    def __init__(self, folder: str | os.PathLike[str], clock: Clock = now_utc) -> None:
        self._folder = Path(folder)
        self._clock = clock

    def start(self, facts: JobFacts) -> Ledger:
        """Begin a job and hold it. Raises UsageError when the folder cannot be written."""
        moment = self._clock()
        facts = replace(facts, created_at=moment_text(moment))
        job_id = f"{moment:%Y%m%d}-{''.join(secrets.choice(_LETTERS) for _ in range(6))}"
        path = self._path(job_id)
        part = path.with_name(f".{path.name}.part")
        with mapped({OSError: UsageError}, "the ledger cannot be written", str(self._folder)):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = self._lock(job_id)
            try:
                store.create(part, lambda base: reading.write_facts(base, facts))
                part.rename(path)
                sync_folder(self._folder)  # what is sent from now on must not be forgotten
                return self._opened(path, lock)
            except BaseException:
                with suppress(OSError):
                    part.unlink(missing_ok=True)
                lock.release()
                raise

    def resume(self, job_id: str) -> Ledger:
        """Hold a job again; what was under way is uncertain, and the job unfinished.

        Raises UsageError when there is no such job or it is at work in another process, SourceError when its
        ledger is damaged.
        """
        path = self._known(job_id)
        lock = self._lock(job_id)
        try:
            ledger = self._opened(path, lock)
        except BaseException:
            lock.release()
            raise
        try:
            ledger.check()
            lost = [row.key for row in ledger.rows({TransferState.SENDING})]
            ledger.happen_all(lost, Happening.LOST, words=_LOST)
            ledger.end("")
        except BaseException:
            ledger.close()
            raise
        return ledger

    def match(self, destination: str, keys: Collection[str]) -> str | None:
        """Return the job of this destination that has most of these keys, the newest of equals; None: no one.

        Its spelling does not matter. Only UIDs count: that a file of the same path cannot be read says
        nothing of the medium. Ledgers that cannot be read are passed over.
        """
        wanted = frozenset(key for key in keys if not key.startswith("path:"))
        same = identity_of(destination)
        found = []
        for job_id in self._ids():
            with suppress(MediakitError), store.open_for_reading(self._path(job_id)) as base:
                facts = reading.facts_of(base)
                if identity_of(facts.destination) == same:
                    count = sum(key in wanted for key in reading.keys_of(base))
                    found.append((count, facts.created_at or job_id, job_id))
        most, _, best = max(found, default=(0, "", ""))
        return best if most else None

    def summaries(self) -> tuple[JobSummary, ...]:
        """Return how all jobs stand, the newest first; one whose ledger cannot be read says why."""
        found = [self._summary(job_id) for job_id in self._ids()]
        return tuple(
            sorted(found, key=lambda one: (one.facts.created_at or one.job_id, one.job_id), reverse=True)
        )

    def find(self, beginning: str) -> str:
        """Return the id of the one job whose id begins like this. Raises UsageError."""
        found = [job_id for job_id in self._ids() if job_id.startswith(beginning)] if beginning else []
        if len(found) == 1:
            return found[0]
        if beginning in found:
            return beginning
        if found:
            raise UsageError("several jobs begin like this", where=beginning, why=", ".join(found[:5]))
        raise UsageError("there is no such job", where=beginning, hint="`mediakit job list` shows them")

    def read(self, job_id: str) -> JobView:
        """Return a job to look at, also while it is at work. Raises UsageError, SourceError."""
        path = self._known(job_id)
        summary = self._summary(job_id)
        with store.open_for_reading(path) as base:
            return JobView(path, reading.facts_of(base), summary)

    def remove(self, job_id: str) -> None:
        """Delete a job for good. Raises UsageError when there is none, or a process is at work on it."""
        path = self._known(job_id)
        lock = self._lock(job_id)
        with mapped({OSError: UsageError}, "the job cannot be removed", str(path)):
            try:
                for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
                    path.with_name(name).unlink(missing_ok=True)
            finally:
                lock.release()
            self._lock_path(job_id).unlink(missing_ok=True)

    def _path(self, job_id: str) -> Path:
        return self._folder / f"{job_id}{_SUFFIX}"

    def _lock_path(self, job_id: str) -> Path:
        return self._folder / f"{job_id}.lock"

    def _ids(self) -> list[str]:
        try:
            names = os.listdir(self._folder)  # noqa: PTH208 - names are all that is needed
        except FileNotFoundError:
            return []
        except OSError as exc:
            raise UsageError(
                "the jobs cannot be listed", where=str(self._folder), why=exc.strerror or ""
            ) from exc
        stems = (name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX))
        return sorted(stem for stem in stems if _JOB_ID.fullmatch(stem))

    def _known(self, job_id: str) -> Path:
        path = self._path(job_id)
        if not _JOB_ID.fullmatch(job_id) or not os.path.isfile(path):  # noqa: PTH113 - False where one may not look
            raise UsageError("there is no such job", where=job_id, hint="`mediakit job list` shows them")
        return path

    def _lock(self, job_id: str) -> Lock:
        try:
            return Lock(self._lock_path(job_id))
        except BlockingIOError as exc:
            raise UsageError(f"job {job_id} is at work in another process") from exc
        except OSError as exc:
            raise UsageError("the job cannot be held", where=job_id, why=exc.strerror or str(exc)) from exc

    def _opened(self, path: Path, lock: Lock) -> Ledger:
        base = store.open_for_writing(path)
        try:
            return Ledger(path, base, lock, self._clock)
        except BaseException:
            base.close()
            raise

    def _summary(self, job_id: str) -> JobSummary:
        is_running = is_held(self._lock_path(job_id))
        try:
            with store.open_for_reading(self._path(job_id)) as base:
                outcome, changed_at = reading.end_of(base)
                return JobSummary(
                    job_id=job_id,
                    facts=reading.facts_of(base),
                    counts=reading.counts_of(base),
                    outcome=outcome,
                    is_running=is_running,
                    changed_at=changed_at,
                )
        except MediakitError as exc:
            nothing = JobFacts(source="", destination="")
            return JobSummary(
                job_id=job_id, facts=nothing, counts={}, is_running=is_running, problem=str(exc)
            )


class JobView:
    """A job to look at. Each call sees it as it is at that moment."""

    def __init__(self, path: Path, facts: JobFacts, summary: JobSummary) -> None:
        self._path = path
        self.job_id = path.stem
        self.facts = facts
        self.summary = summary

    def rows(self, states: Collection[TransferState] | None = None) -> Iterator[Row]:
        """Yield the rows in physical order. Raises SourceError when the ledger is damaged."""
        pages = reading.Pages(states, None)
        with store.open_for_reading(self._path) as base:
            while page := pages.next(base):
                yield from page

    def counts(self) -> Mapping[TransferState, int]:
        """Return how many instances are in each state; no zeros."""
        with store.open_for_reading(self._path) as base:
            return reading.counts_of(base)

    def history(self, key: str) -> tuple[HistoryLine, ...]:
        """Return every change of one instance, the first one first; empty when there is no such key."""
        with store.open_for_reading(self._path) as base:
            return reading.history_of(base, key)

    def kept(self, name: str) -> str | None:
        """Return the fact that was kept under a name."""
        with store.open_for_reading(self._path) as base:
            return reading.kept_of(base, name)
