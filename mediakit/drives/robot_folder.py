"""The folders of a disc robot: jobs are moved in, the status is read, what was burned is taken away."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from mediakit.drives.robot import (
    JOB_MARK,
    JobStatus,
    Robot,
    RobotJob,
    cancel_text,
    job_text,
    sections_of,
    text_of,
)
from mediakit.drives.robot import status_of as status_by
from mediakit.durable import new_file, write_all
from mediakit.errors import MediakitError, UsageError, mapped
from mediakit.open_folder import sync_folder

_MOST_BYTES = 1 << 20
_MOST_FILES = 64
_BLOCK = 1 << 20
_SUFFIXES = (".JDF", ".RJD", ".JRQ", ".QRJ", ".INP", ".STP", ".DON", ".ERR")


def check_robot(robot: Robot) -> None:
    """Raise UsageError when one of its folders is not there."""
    for folder in (robot.folder, robot.images):
        if not folder.is_dir():
            hint = "is the share mounted? See `[robot.NAME]` in the configuration (docs/burning.md)"
            raise UsageError(f"a folder of the robot {robot.name} is not there", where=str(folder), hint=hint)


def hand_in(robot: Robot, job: RobotJob, image: Path, label: bytes = b"") -> None:
    """Put an image (or a folder) where the robot finds it, then move the job into the folder that it watches.

    `label` is the picture that `job.label` names. A robot sees a job file whole or not at all. Raises
    UsageError, or what `durable.write_error` makes of an OSError; nothing is left then.
    """
    sweep(robot)
    content = job_text(robot, job)
    kept = image_of(robot, job.job_id)
    try:
        if image.is_dir():
            with mapped({OSError: UsageError}, "the files for the robot cannot be copied", str(kept)):
                shutil.copytree(image, kept)
                sync_folder(robot.images)
        else:
            with new_file(kept, overwrite=False, mode=0o664) as fd, image.open("rb", buffering=0) as stream:
                while block := stream.read(_BLOCK):
                    write_all(fd, block)
        if job.label:
            _put(robot.images / job.label, label)
        _put(robot.folder / f"{job.job_id}{robot.job_suffix}", content)
    except BaseException:
        forget(robot, job.job_id)
        raise


def cancel(robot: Robot, job_id: str) -> None:
    """Ask the robot to stop a job. Raises UsageError when it does not know the job or cannot be asked."""
    name, content = cancel_text(robot, job_id)
    if not _suffix_of(robot, job_id):
        hint = f"`mediakit robot status {robot.name}` lists the jobs"
        raise UsageError("the robot has no such job", where=job_id, hint=hint)
    _put(robot.folder / name, content)


def status_of(robot: Robot, job_id: str) -> JobStatus:
    """Return how a job stands."""
    return status_by(robot, job_id, _sections(robot), _suffix_of(robot, job_id))


def jobs_of(robot: Robot) -> tuple[str, ...]:
    """Return the ids of our jobs that are in the watched folder, the oldest first."""
    with suppress(OSError):
        found = {
            child.stem
            for child in robot.folder.iterdir()
            if child.name.startswith(JOB_MARK) and child.suffix.upper() in _SUFFIXES
        }
        return tuple(sorted(found))
    return ()


def image_of(robot: Robot, job_id: str) -> Path:
    """Return where the image or folder of a job lies."""
    return robot.images / (f"{job_id}.ISO" if robot.takes_images else job_id)


def label_name(job_id: str) -> str:
    """Return the name of the file with the label of a job."""
    return f"{job_id}.JPG"


def forget(robot: Robot, job_id: str) -> None:
    """Take away what a job was burned from: it is patient data."""
    with suppress(OSError):
        (robot.images / label_name(job_id)).unlink()
    kept = image_of(robot, job_id)
    if kept.is_dir() and not kept.is_symlink():
        shutil.rmtree(kept, ignore_errors=True)
    else:
        with suppress(OSError):
            kept.unlink()


def sweep(robot: Robot) -> None:
    """Take away what is left of jobs that ended while nobody waited for them."""
    with suppress(OSError):
        for child in list(robot.images.glob(f"{JOB_MARK}*")):
            if status_of(robot, child.stem).phase.is_ended:
                forget(robot, child.stem)


def _sections(robot: Robot) -> Iterator[Mapping[str, Mapping[str, str]]]:
    """Yield what stands in the status files, each open for as short as can be: the robot replaces it."""
    place = robot.status
    with suppress(OSError):
        files = sorted(place.glob("*.[tT][xX][tT]"))[:_MOST_FILES] if place.is_dir() else [place]
        for file in files:
            with suppress(OSError):
                with file.open("rb", buffering=0) as stream:
                    content = stream.read(_MOST_BYTES)
                yield sections_of(text_of(content))


def _suffix_of(robot: Robot, job_id: str) -> str:
    for suffix in reversed(_SUFFIXES):  # the latest first
        for name in (f"{job_id}{suffix}", f"{job_id}{suffix.lower()}"):
            if (robot.folder / name).exists():
                return suffix
    return ""


def _put(path: Path, content: bytes) -> None:
    """Write a file under another name, and give it its own when it is whole."""
    try:
        with new_file(path, overwrite=False, mode=0o664) as fd:
            write_all(fd, content)
    except MediakitError as exc:
        raise UsageError("the robot cannot be reached", where=str(path), why=exc.why or exc.what) from exc
