"""Drives and sticks, and what is in them, as text and as a document. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mediakit.drives.disc import Disc, DiscStatus
from mediakit.drives.robot import JobStatus, Robot
from mediakit.drives.stick import Stick
from mediakit.findings import printable
from mediakit.report.text import many, size_text

_WORDS = {
    DiscStatus.BLANK: "blank",
    DiscStatus.APPENDABLE: "written, open",
    DiscStatus.CLOSED: "written, closed",
    DiscStatus.ABSENT: "empty",
    DiscStatus.UNUSABLE: "cannot be used",
}


def drives_text(discs: Sequence[Disc], sticks: Sequence[Stick]) -> str:
    """Return one line for each drive and stick."""
    lines = [*map(_disc_line, discs), *map(_stick_line, sticks)]
    return "".join(f"{printable(line)}\n" for line in lines) or "no disc drives and no sticks\n"


def drives_doc(discs: Sequence[Disc], sticks: Sequence[Stick]) -> dict[str, Any]:
    """Return every drive and stick. Sizes are in bytes; a size that the drive does not say is null."""
    return {
        "schema": "mediakit/drives/1",
        "drives": [
            {
                "device": disc.device,
                "drive": disc.drive,
                "medium": disc.kind,
                "status": disc.status.value,
                "capacity_bytes": disc.capacity_bytes or None,
                "free_bytes": disc.free_bytes,
                "sessions": disc.sessions,
            }
            for disc in discs
        ],
        "sticks": [
            {
                "device": stick.device,
                "model": stick.model,
                "capacity_bytes": stick.size_bytes,
                "partitions": stick.partitions,
                "uses": list(stick.uses),
                "read_only": stick.is_read_only,
            }
            for stick in sticks
        ],
    }


def _disc_line(disc: Disc) -> str:
    return "  ".join(part for part in (disc.device, disc.drive, ", ".join(_disc_words(disc))) if part)


def _disc_words(disc: Disc) -> Iterator[str]:
    if disc.kind:
        yield disc.kind
    yield _WORDS[disc.status]
    if disc.sessions:
        yield many(disc.sessions, "session", "sessions")
    if disc.capacity_bytes:
        yield f"{size_text(disc.capacity_bytes)}, {size_text(disc.free_bytes)} free"


def _stick_line(stick: Stick) -> str:
    words = [many(stick.partitions, "partition", "partitions"), *stick.uses]
    words += ["write-protected"] if stick.is_read_only else []
    return "  ".join((stick.device, stick.model or "stick", ", ".join((size_text(stick.size_bytes), *words))))


def robots_text(robots: Sequence[tuple[Robot, int]]) -> str:
    """Return one line for each robot, with how many of our jobs it has."""
    lines = [
        f"{one.name}  {one.kind.value}  {one.folder}  {many(count, 'job', 'jobs')}" for one, count in robots
    ]
    return (
        "".join(f"{printable(line)}\n" for line in lines)
        or "no robots; `[robot.NAME]` in the configuration defines one\n"
    )


def robots_doc(robots: Sequence[tuple[Robot, int]]) -> dict[str, Any]:
    """Return every robot of the configuration."""
    return {
        "schema": "mediakit/robots/1",
        "robots": [
            {"name": one.name, "kind": one.kind.value, "folder": str(one.folder), "jobs": count}
            for one, count in robots
        ],
    }


def jobs_text(jobs: Sequence[tuple[str, JobStatus]]) -> str:
    """Return one line for each job of a robot."""
    lines = (
        f"{job}  {status.phase.value}, {many(status.good, 'good disc', 'good discs')}, {status.bad:,} bad"
        + (f": {status.error}" if status.error else "")
        for job, status in jobs
    )
    return "".join(f"{printable(line)}\n" for line in lines) or "no jobs of ours\n"


def jobs_doc(robot: Robot, jobs: Sequence[tuple[str, JobStatus]]) -> dict[str, Any]:
    """Return how the jobs of a robot stand."""
    return {
        "schema": "mediakit/robot-jobs/1",
        "robot": robot.name,
        "jobs": [
            {
                "job": job,
                "state": status.phase.value,
                "good": status.good,
                "bad": status.bad,
                "error": status.error,
            }
            for job, status in jobs
        ],
    }
