"""From an image to the discs of a robot: hand in, wait, say what it made of it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from mediakit.drives.robot import JOB_MARK, JobPhase, JobStatus, Robot, RobotJob
from mediakit.drives.robot_folder import check_robot, forget, hand_in, label_name, status_of
from mediakit.errors import UsageError
from mediakit.events import Advanced, Listener, PhaseEnded, PhaseStarted
from mediakit.findings import Rule, Severity
from mediakit.outcome import Outcome
from mediakit.profile.model import Medium, Profile
from mediakit.stages.act.pressing import ONLY, Pressed, Proof, Turn

_LOOK_EVERY_S = 1.0

NOT_ALL_MADE = Rule(
    id="MK-DRV-002",
    severity=Severity.ERROR,
    title="the robot {robot} made {good} of {copies} discs in job {job}: {why}",
    ref="PS3.10 8.4",
    hint="look at the robot, throw the rejected discs away, and order what is missing once more",
)
NOT_ENDED = Rule(
    id="MK-DRV-003",
    severity=Severity.ERROR,
    title="the robot {robot} has not ended job {job} after {minutes:minute}; it may still go on ({phase})",
    ref="PS3.10 8.4",
    hint="ask with `mediakit robot status`, or stop it with `mediakit robot cancel`",
)
NOT_READ_BACK = Rule(
    id="MK-DRV-004",
    severity=Severity.NOTE,
    title="the discs are good by the word of the robot {robot}; mediakit did not read them back",
    ref="PS3.10 8.4",
    hint="check one of them with `mediakit validate`",
)

REJECTED = Rule(
    id="MK-DRV-005",
    severity=Severity.WARNING,
    title="the robot {robot} rejected {bad:disc}, and made others in their place",
    ref="PS3.10 8.4",
    hint="throw the rejected discs away",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OntoRobot:
    """A robot as the place where an image goes; see `Onto`.

    `when` goes into the id of the job; `draw` makes the label of an image as a picture; `disc` and
    `volume_label` are for a robot that masters discs itself.
    """

    robot: Robot
    when: datetime
    copies: int = 1
    disc: str = "CD"
    volume_label: str = ""
    draw: Callable[[Path], bytes] | None = None
    sleep: Callable[[float], None] = time.sleep

    @property
    def name(self) -> str:
        """See `Onto`."""
        return f"robot {self.robot.name}"

    @property
    def is_simulation(self) -> bool:
        """See `Onto`."""
        return False

    @property
    def room_bytes(self) -> int | None:
        """See `Onto`."""
        return None

    def format_for(self, profile: Profile) -> str:
        """See `Onto`."""
        medium = profile.medium
        if not _disc_of(medium):
            hint = "choose the profile of a CD, DVD or BD (`-p`, `--medium`)"
            raise UsageError(f"a {medium.title} is not a disc that a robot makes", hint=hint)
        if not self.robot.takes_images:
            return "folder"
        return next(iter(medium.discs.values()))

    def made_for(self, medium: Medium, volume_label: str) -> OntoRobot:
        """Return the same, for discs of a medium of PS3.12 with a volume label."""
        return replace(self, disc=_disc_of(medium), volume_label=volume_label)

    def check(self, profile: Profile | None = None) -> None:
        """See `Onto`."""
        check_robot(self.robot)
        if profile is not None:
            self.format_for(profile)

    def check_room(self, size_bytes: int) -> None:
        """See `Onto`."""

    def check_media(self, many: int) -> None:
        """See `Onto`."""
        if many > 1:
            hint = "write the images (`--span -o`), and then each of them with `mediakit disc burn IMAGE`"
            raise UsageError(f"{many} media are needed, and a job of a robot is for one", hint=hint)

    def name_of(self, turn: Turn) -> str:  # noqa: ARG002 - of Onto
        """See `Onto`."""
        return self.name

    def put(self, image: Path, proof: Proof | None, tell: Listener, turn: Turn = ONLY) -> Pressed:  # noqa: ARG002 - of Onto
        """See `Onto`. What the robot burned from is taken away when it has ended."""
        if image.is_dir() == self.robot.takes_images:
            what = "images" if self.robot.takes_images else "sources (`mediakit burn SRC --robot NAME`)"
            raise UsageError(f"the robot {self.robot.name} takes {what} only", where=str(image))
        job = self._job(image)
        hand_in(self.robot, job, image, b"" if self.draw is None else self.draw(image))
        tell(PhaseStarted("robot", total=self.copies, unit="files"))
        try:
            status = self._waited(job, tell)
        except KeyboardInterrupt as exc:
            exc.add_note(f"job {job.job_id} is with the robot: `mediakit robot cancel` stops it")
            raise
        tell(PhaseEnded("robot"))
        if status.phase.is_ended:
            forget(self.robot, job.job_id)
        return self._pressed(job, status)

    def _job(self, image: Path) -> RobotJob:
        job_id = f"{JOB_MARK}{self.when:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"
        return RobotJob(
            job_id=job_id,
            label="" if self.draw is None else label_name(job_id),
            copies=self.copies,
            disc=self.disc,
            volume_label=self.volume_label,
            content=tuple(sorted(child.name for child in image.iterdir())) if image.is_dir() else (),
        )

    def _waited(self, job: RobotJob, tell: Listener) -> JobStatus:
        """Wait until the job has ended, at most as long as is configured; return how it stands then."""
        end = time.monotonic() + 60 * self.robot.wait_minutes
        good = 0
        while True:
            status = status_of(self.robot, job.job_id)
            if status.good > good:
                tell(Advanced(status.good - good))
                good = status.good
            if status.phase.is_ended or time.monotonic() >= end:
                return status
            self.sleep(_LOOK_EVERY_S)

    def _pressed(self, job: RobotJob, status: JobStatus) -> Pressed:
        robot, good = self.robot.name, min(status.good, self.copies)
        if status.phase is JobPhase.DONE and good == self.copies:
            findings = [NOT_READ_BACK.at(robot=robot)]
            findings += [REJECTED.at(robot=robot, bad=status.bad)] if status.bad else []
            return Pressed(copies=good, said=self._said(good), findings=tuple(findings))
        if not status.phase.is_ended:
            minutes = int(self.robot.wait_minutes)
            finding = NOT_ENDED.at(robot=robot, job=job.job_id, minutes=minutes, phase=status.phase.value)
        else:
            why = status.error or f"{status.bad} bad, and no reason given"
            finding = NOT_ALL_MADE.at(robot=robot, good=good, copies=self.copies, job=job.job_id, why=why)
        return Pressed(copies=good, said=self._said(good), findings=(finding,), outcome=Outcome.INTEGRITY)

    def _said(self, good: int) -> str:
        return f"{good} of {self.copies} discs good by the word of the robot, not read back"


def _disc_of(medium: Medium) -> str:
    """Return what a robot calls the discs of a medium: "CD", "DVD" or "BD"; "" for what is none."""
    kind = next(iter(medium.discs), "")
    return "" if kind == "DVD-RAM" else kind.split("-")[0].split("+")[0]
