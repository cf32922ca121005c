"""From `--device` on the command line to a drive that may be written to, with questions to a person."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mediakit.cli.helping import DRIVES
from mediakit.cli.state import state_folder
from mediakit.cli.terminal import answer_to
from mediakit.errors import MediakitError, UsageError
from mediakit.findings import printable

if TYPE_CHECKING:  # drives are loaded when a command uses one
    from mediakit.drives.drive import Drive
    from mediakit.journeys.burn_order import BurnOrder
    from mediakit.journeys.onto_drive import OntoDrive
    from mediakit.profile.load import Catalogue
    from mediakit.profile.model import Profile
    from mediakit.stages.act.pressing import Onto

MOST_COPIES = 1000

Device = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="DEV",
        help="Write onto the disc in /dev/sr0, or onto the stick /dev/sdX.",
        rich_help_panel=DRIVES,
    ),
]
Devices = Annotated[
    list[str] | None,
    typer.Option(
        "--device",
        metavar="DEV",
        help="Write onto the disc in /dev/sr0, or the stick /dev/sdX (with --span: again for each medium).",
        rich_help_panel=DRIVES,
    ),
]
Robot = Annotated[
    str,
    typer.Option(
        "--robot", metavar="NAME", help="Let this disc robot make the discs.", rich_help_panel=DRIVES
    ),
]
Copies = Annotated[
    int,
    typer.Option(
        "--copies", min=1, max=MOST_COPIES, help="How many discs or sticks.", rich_help_panel=DRIVES
    ),
]
Speed = Annotated[
    int,
    typer.Option(
        "--speed",
        min=0,
        max=1000,
        show_default=False,
        help="Speed of a disc drive: 8 for 8x. Default: that of the drive.",
        rich_help_panel=DRIVES,
    ),
]
Simulate = Annotated[
    bool, typer.Option("--simulate", help="Let the drive do all but write.", rich_help_panel=DRIVES)
]
LeaveOpen = Annotated[
    bool,
    typer.Option(
        "--leave-open",
        help="Do not finalise the disc, where the profile allows that.",
        rich_help_panel=DRIVES,
    ),
]
YesErase = Annotated[
    bool,
    typer.Option(
        "--yes-erase", help="Erase the stick or rewritable disc without asking.", rich_help_panel=DRIVES
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Where an image goes: the options of a command that writes to a drive or robot.

    With `span` further drives may be named (`others`), for one medium each.
    """

    device: str = ""
    others: tuple[str, ...] = ()
    span: bool = False
    robot: str = ""
    copies: int = 1
    speed: int = 0
    simulate: bool = False
    leave_open: bool = False
    yes_erase: bool = False

    def target(self, out: Path | None) -> Path:
        """Return where it goes: a file or folder, a device or a robot. Raises UsageError unless it is one."""
        given = [name for name, one in self._places(out) if one]
        if len(given) > 1:
            hint = "write the image, and then put it there with `mediakit disc burn IMAGE`"
            raise UsageError(f"{' and '.join(given)} exclude each other", hint=hint)
        if not given:
            hint = "`-o OUT.iso` (or .img, .zip, a new folder), `--device /dev/sr0` or `--robot NAME`"
            raise UsageError("no target is named", hint=hint)
        if self.span and self.robot:
            hint = "write the images (`--span -o`), and then each of them with `mediakit disc burn IMAGE`"
            raise UsageError("`--span` and `--robot` exclude each other", hint=hint)
        if self.span and self.copies > 1:
            raise UsageError("`--span` and `--copies` exclude each other", hint="run it once for each copy")
        if self.others and (not self.span or len({self.device, *self.others}) <= len(self.others)):
            hint = (
                "with `--span` name another drive for each medium; `--copies` is for several that are equal"
            )
            raise UsageError("`--device` is given several times", hint=hint)
        for_drives = replace(self, device="", others=(), robot="", copies=1, span=False) != Wanted()
        if (for_drives and not self.device) or (self.copies > 1 and out is not None):
            named = "`--copies`, `--speed`, `--simulate`, `--leave-open` and `--yes-erase`"
            hint = "only `--copies` goes with `--robot`"
            raise UsageError(f"{named} go with `--device`", hint=hint)
        return out or Path(self.device or f"robot {self.robot}")

    def _places(self, out: Path | None) -> tuple[tuple[str, object], ...]:
        return ("`--out`", out), ("`--device`", self.device), ("`--robot`", self.robot)


def onto_for(wanted: Wanted, config: Path | None, *, is_rehearsal: bool = False) -> Onto | None:
    """Return the drive or robot that is meant, None when it is neither. Raises UsageError; see `_drive`."""
    if not wanted.robot:
        return _drive(wanted, is_rehearsal=is_rehearsal) if wanted.device else None
    from mediakit.cli.robots import robot_named
    from mediakit.journeys.onto_robot import OntoRobot

    onto = OntoRobot(robot=robot_named(wanted.robot, config), when=datetime.now(UTC), copies=wanted.copies)
    onto.check()
    return onto


def _drive(wanted: Wanted, *, is_rehearsal: bool) -> OntoDrive:
    """Return the drive, when its medium may be written to; asks on a terminal before something is erased.

    Raises UsageError.
    """
    from mediakit.drives.drive import open_drive
    from mediakit.drives.xorriso import How
    from mediakit.journeys.onto_drive import OntoDrive, nobody

    if wanted.copies > 1 and wanted.simulate:
        raise UsageError("`--copies` and `--simulate` exclude each other")
    if wanted.copies > 1 and not is_rehearsal and not sys.stdin.isatty():
        hint = "run it on a terminal"
        raise UsageError(
            "`--copies` needs a person who changes the media, and this is no terminal", hint=hint
        )
    how = How(speed=wanted.speed, simulate=wanted.simulate, leave_open=wanted.leave_open)
    is_asked = wanted.yes_erase or is_rehearsal or wanted.simulate
    drives = []
    for device in (wanted.device, *wanted.others):
        drive = open_drive(device, how)
        drive = drive.allowed() if is_asked else _asked(drive)
        drive.check()
        drives.append(drive)

    def change(used: Drive, number: int, many: int) -> Drive:
        what = "medium" if wanted.span else "copy"
        return _changed(used, f"{what} {number} of {many}", yes_erase=wanted.yes_erase)

    return OntoDrive(
        drive=drives[0],
        others=tuple(drives[1:]),
        copies=wanted.copies,
        change=change if sys.stdin.isatty() else nobody,
    )


@contextmanager
def made_for(order: BurnOrder, onto: Onto) -> Iterator[BurnOrder]:
    """Give the order whose image is made in the state folder, for the time of the block, and put there."""
    from mediakit.formats.registry import format_named
    from mediakit.journeys.onto_robot import OntoRobot
    from mediakit.stages.act.workplace import workplace

    medium = order.profile.medium
    if isinstance(onto, OntoRobot):
        onto = onto.made_for(medium, order.file_set_id)
    variant = onto.format_for(order.profile)
    if variant != "folder":
        variant = order.format or variant
    suffix = next(iter(format_named(variant or medium.images[0]).suffixes), "")
    with workplace(state_folder(None) / "media") as folder:
        yield replace(
            order,
            out=folder / f"medium{suffix}",
            format=variant if suffix else "",
            capacity=order.capacity or _capacity(onto, order.profile),
            onto=onto,
        )


def profiles_onto(onto: Onto, catalogue: Catalogue, medium: str, *, is_secure: bool) -> tuple[Profile, ...]:
    """Return the general purpose profiles of what is in the drive, or a robot makes. Raises UsageError."""
    from mediakit.stages.plan.target import profiles_for

    media = {one.medium.name: one.medium for one in catalogue.profiles.values() if one.medium.name}
    if medium:
        return profiles_for(catalogue, Path(onto.name), medium, is_secure=is_secure)
    for name, one in media.items():
        with suppress(MediakitError):
            onto.format_for(catalogue.profiles[one.general[0]])
            return profiles_for(catalogue, Path(onto.name), name, is_secure=is_secure)
    hint = "name one with `-p` (`mediakit profiles list`)"
    raise UsageError("no profile is known for what is in there", where=onto.name, hint=hint)


def _capacity(onto: Onto, profile: Profile) -> str:
    """Return what the medium holds; a file that stands for a drive has no end, and holds what is usual."""
    from mediakit.volume import FILE_DRIVE

    usual = profile.medium.capacities.get(profile.medium.default_capacity)
    room = onto.room_bytes
    if room is not None and usual is not None and onto.name.startswith(FILE_DRIVE):
        room = min(usual, room)
    return "" if room is None else str(room)


def _asked(drive: Drive) -> Drive:
    """Ask whether what is on the medium may be erased. Raises UsageError when nobody says so."""
    if not drive.erases:
        return drive
    drive.check_before_asking()
    if not sys.stdin.isatty():
        hint = "`--yes-erase` says that it may be erased"
        raise UsageError(f"this would erase {printable(drive.erases)}", hint=hint)
    print(f"This erases {printable(drive.erases)}.", file=sys.stderr)
    if _answer("Type `yes` to go on: ").strip().lower() != "yes":
        raise UsageError("nothing was erased or written: the answer was not `yes`")
    return drive.allowed()


def _changed(used: Drive, which: str, *, yes_erase: bool) -> Drive:
    """Ask for the next medium until there is one that may be written to. Ctrl-C ends it."""
    with suppress(MediakitError):
        used.let_go()
    while True:
        _answer(f"{which}: insert the next medium in {used.device} and press Enter (Ctrl-C stops): ")
        try:
            drive = used.renewed()
            drive = drive.allowed() if yes_erase else _asked(drive)
            drive.check()
        except MediakitError as exc:
            print(f"error: {printable(str(exc))}", file=sys.stderr)
        else:
            return drive


def _answer(question: str) -> str:
    line = answer_to(question)
    if not line:
        raise KeyboardInterrupt
    return line
