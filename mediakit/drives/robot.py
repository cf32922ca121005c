"""Disc robots that are driven by files in a shared folder: texts of jobs, and what a status says. Pure.

Epson TD Bridge takes JDF files and masters the disc itself from a folder. Primera PTBurn takes JRQ files and
burns an image. Facts are from the makers' public guides; neither was tried on a real robot.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from mediakit.errors import UsageError
from mediakit.findings import printable

_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")
_MOST_LINES = 20_000
_MOST_TEXT = 200
_MOST_DISCS = 1_000_000
_NO_ERROR = frozenset({"", "0", "16"})  # JobErrorNumber of PTBurn where there is none
JOB_MARK = "mk-"  # what the ids of our jobs begin with


class RobotKind(StrEnum):
    """What drives the robot."""

    EPSON = "epson-jdf"
    PRIMERA = "primera-jrq"


@dataclass(frozen=True, slots=True, kw_only=True)
class Robot:
    """A robot as configured.

    `folder` is the one it watches, `status` a status file or a folder of them, `images` where what is to be
    burned waits; the robot calls that place `seen_as`. `label` and `publisher` are as the robot knows them.
    """

    name: str
    kind: RobotKind
    folder: Path
    images: Path
    seen_as: str
    status: Path
    label: str = ""
    publisher: str = ""
    wait_minutes: float = 60.0

    @property
    def takes_images(self) -> bool:
        """Return False when it masters discs itself, from a folder."""
        return self.kind is RobotKind.PRIMERA

    @property
    def job_suffix(self) -> str:
        """Return the suffix of a job that is handed in."""
        return ".JRQ" if self.kind is RobotKind.PRIMERA else ".JDF"


@dataclass(frozen=True, slots=True, kw_only=True)
class RobotJob:
    """What is asked of a robot. `content` has the names to put on the disc, for one that masters it itself.

    `disc` is the kind of disc: "CD", "DVD" or "BD". `label` is the file of its label among the images, "" for
    the one that is configured.
    """

    job_id: str
    copies: int
    disc: str
    volume_label: str = ""
    content: tuple[str, ...] = ()
    label: str = ""


class JobPhase(StrEnum):
    """How far a job is."""

    WAITING = "waiting"
    WORKING = "working"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"

    @property
    def is_ended(self) -> bool:
        """Return True when nothing more will come of it."""
        return self in {JobPhase.DONE, JobPhase.FAILED}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatus:
    """What a robot says of a job; `error` is in its own words, cleaned."""

    phase: JobPhase = JobPhase.UNKNOWN
    good: int = 0
    bad: int = 0
    error: str = ""


def job_text(robot: Robot, job: RobotJob) -> bytes:
    """Return the job file. Raises UsageError for an id or a path that it cannot hold."""
    if not _ID.fullmatch(job.job_id):
        raise UsageError("not a job id", where=job.job_id, hint="1 to 40 letters, digits, - and _")
    label = seen(robot, job.label) if job.label else robot.label
    if robot.kind is RobotKind.PRIMERA:
        pairs = [
            ("JobID", job.job_id),
            ("ClientID", "mediakit"),
            ("ImageFile", seen(robot, f"{job.job_id}.ISO")),
            ("ImageType", "MODE_1_2048"),
            ("Copies", str(job.copies)),
            ("VerifyDisc", "YES"),
            ("RejectIfNotBlank", "YES"),
            *([("PrintLabel", label)] if label else []),
        ]
        return _encoded(f"{key} = {value}" for key, value in pairs)
    pairs = [
        ("JOB_ID", job.job_id),
        *([("PUBLISHER", robot.publisher)] if robot.publisher else []),
        ("COPIES", str(job.copies)),
        ("DISC_TYPE", job.disc),
        ("FORMAT", "ISO9660L2" if job.disc == "CD" else "UDF102"),
        ("CLOSE_DISC", "YES"),
        *(("DATA", f"{seen(robot, f'{job.job_id}/{name}')}\t\\{name}") for name in job.content),
        *([("VOLUME_LABEL", job.volume_label)] if job.volume_label else []),
        *([("LABEL", label)] if label else []),
    ]
    return _encoded(f"{key}={value}" for key, value in pairs)


def cancel_text(robot: Robot, job_id: str) -> tuple[str, bytes]:
    """Return the name and the text of the file that cancels a job. Raises UsageError for no id of a job."""
    if not _ID.fullmatch(job_id):
        raise UsageError("not a job id", where=job_id, hint="`mediakit robot status NAME` lists the jobs")
    if robot.kind is RobotKind.PRIMERA:
        return f"{job_id}.PTM", _encoded(("Message = ABORT", "ClientID = mediakit"))
    return f"{job_id}.JCF", _encoded(("[CANCEL]", f"JOB_ID={job_id}"))


def seen(robot: Robot, name: str) -> str:
    r"""Return what the robot calls a file of `images`: with backslashes where it is a path of Windows."""
    base = robot.seen_as.rstrip("/\\")
    is_windows = "\\" in robot.seen_as or re.match(r"[A-Za-z]:", robot.seen_as) is not None
    return f"{base}\\{name}".replace("/", "\\") if is_windows else f"{base}/{name}"


def sections_of(text: str) -> Mapping[str, Mapping[str, str]]:
    """Return the sections of a status file, names and keys in capitals; other lines are left out."""
    found: dict[str, dict[str, str]] = {}
    section: dict[str, str] = {}
    for line in text.splitlines()[:_MOST_LINES]:
        line = line.strip()  # noqa: PLW2901 - the line as it counts
        if line.startswith("[") and line.endswith("]"):
            section = found.setdefault(line[1:-1].strip().upper(), {})
        elif "=" in line:
            key, _, value = line.partition("=")
            section.setdefault(key.strip().upper(), value.strip())
    return found


def status_of(
    robot: Robot, job_id: str, sections: Iterable[Mapping[str, Mapping[str, str]]], suffix: str
) -> JobStatus:
    """Return how a job stands, by the sections of all status files and the suffix that its file has now.

    The suffix alone never makes a job done: a robot that ends says how many discs are good.
    """
    said = next((found for each in sections if (found := each.get(job_id.upper())) is not None), None)
    if said is None:
        return JobStatus(phase=_by_suffix(suffix))
    if robot.kind is RobotKind.PRIMERA:
        return _primera(said, suffix)
    return _epson(said)


def text_of(content: bytes) -> str:
    """Return the text of a status file, whatever it is encoded in."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _by_suffix(suffix: str) -> JobPhase:
    return {
        ".JDF": JobPhase.WAITING,
        ".JRQ": JobPhase.WAITING,
        ".RJD": JobPhase.WAITING,
        ".QRJ": JobPhase.WAITING,
        ".INP": JobPhase.WORKING,
        ".STP": JobPhase.PAUSED,
        ".ERR": JobPhase.FAILED,
    }.get(suffix.upper(), JobPhase.UNKNOWN)


def _epson(said: Mapping[str, str]) -> JobStatus:
    phase = {
        "1": JobPhase.WAITING,
        "2": JobPhase.WORKING,
        "3": JobPhase.PAUSED,
        "4": JobPhase.DONE,
        "5": JobPhase.FAILED,
        "6": JobPhase.FAILED,
    }.get(said.get("STATUS", ""), JobPhase.UNKNOWN)
    error = said.get("ERROR", "") or ("the robot did not accept the job" if said.get("STATUS") == "6" else "")
    return JobStatus(
        phase=phase,
        good=_count(said.get("COMPLETION_NUMBER", "")),
        bad=_count(said.get("ERRORDISC_NUMBER", "")),
        error=_words(error),
    )


def _primera(said: Mapping[str, str], suffix: str) -> JobStatus:
    error = said.get("JOBERRORSTRING", "") or said.get("DISCERRORSTRING0", "")
    number = said.get("JOBERRORNUMBER", "")
    state, detail = said.get("JOBSTATE", ""), said.get("CURRENTSTATUSSTATE", "")
    if detail in {"13", "15"} or state in {"3", "4"} or number not in _NO_ERROR or suffix.upper() == ".ERR":
        phase = JobPhase.FAILED
    elif state == "2" or detail == "10":
        phase = JobPhase.DONE
    elif detail == "11":
        phase = JobPhase.PAUSED
    else:
        phase = {"0": JobPhase.WAITING, "1": JobPhase.WORKING}.get(state, JobPhase.UNKNOWN)
    return JobStatus(
        phase=phase,
        good=_count(said.get("GOODDISCS", "")),
        bad=_count(said.get("BADDISCS", "")),
        error=_words(error or (said.get("CURRENTSTATUS", "") if phase is JobPhase.FAILED else "")),
    )


def _count(text: str) -> int:
    return min(int(text), _MOST_DISCS) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _words(text: str) -> str:
    return printable(text)[:_MOST_TEXT]


def _encoded(lines: Iterable[str]) -> bytes:
    text = "".join(f"{line}\r\n" for line in lines)
    try:
        return text.encode("cp1252")
    except UnicodeEncodeError as exc:
        why = "a path or label has characters that job files cannot hold"
        raise UsageError("the job of the robot cannot be written", why=why) from exc
