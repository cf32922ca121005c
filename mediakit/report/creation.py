"""What a server of Media Creation Management does, one line for each job. Pure; nothing names patients."""

from __future__ import annotations

from mediakit.dicom.media_creation import Execution
from mediakit.report.text import many
from mediakit.scp.creation_jobs import CreationJob


def job_text(job: CreationJob) -> str:
    """Return a job that has ended on one line."""
    what = many(len(job.request.items), "instance", "instances")
    who = f"job {job.uid} of {job.calling_ae}, {what}"
    if job.status is Execution.DONE:
        return f"{who}: {', '.join(job.targets)} ({many(job.copies, 'copy', 'copies')})"
    failed = f", {len(job.failed):,} of them failed" if job.failed else ""
    return f"{who}: {job.info.value}{failed}{f': {job.words}' if job.words else ''}"
