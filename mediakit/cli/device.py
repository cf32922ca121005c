"""From `--device` on the command line to a drive that may be written to, with questions to a person."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mediakit.cli.state import state_folder
from mediakit.errors import MediakitError, UsageError
from mediakit.findings import printable

if TYPE_CHECKING:  # drives are loaded when a command uses one
    from mediakit.drives.drive import Drive
    from mediakit.journeys.burn_order import BurnOrder
    from mediakit.journeys.onto_drive import OntoDrive
    from mediakit.profile.load import Catalogue
    from mediakit.profile.model import Profile

MOST_COPIES = 1000

Device = Annotated[
    str,
    typer.Option(
        "--device", metavar="DEV", help="Write onto the disc in /dev/sr0, or onto the stick /dev/sdX."
    ),
]
Copies = Annotated[int, typer.Option("--copies", min=1, max=MOST_COPIES, help="How many discs or sticks.")]
Speed = Annotated[int, typer.Option("--speed", min=0, max=1000, help="Speed of a disc drive, as 8 for 8x.")]
Simulate = Annotated[bool, typer.Option("--simulate", help="Let the drive do all but write.")]
LeaveOpen = Annotated[
    bool, typer.Option("--leave-open", help="Do not finalise the disc, where the profile allows that.")
]
YesErase = Annotated[
    bool, typer.Option("--yes-erase", help="Erase the stick or rewritable disc without asking.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The options of a command that writes to a drive."""

    device: str
    copies: int = 1
    speed: int = 0
    simulate: bool = False
    leave_open: bool = False
    yes_erase: bool = False

    def target(self, out: Path | None, *, span: bool) -> Path:
        """Return where it goes: a file or folder, or the device. Raises UsageError for neither or both."""
        if span and self.device:
            hint = "write the images (`--span -o`), and then each of them with `mediakit disc burn IMAGE`"
            raise UsageError("`--span` and `--device` exclude each other", hint=hint)
        if out is not None and self.device:
            hint = "write the image, and then `mediakit disc burn IMAGE --device DEV`"
            raise UsageError("`--out` and `--device` exclude each other", hint=hint)
        if out is None and not self.device:
            hint = "`-o OUT.iso` (or .img, .zip, a new folder), or `--device /dev/sr0`"
            raise UsageError("it is not said where this goes", hint=hint)
        if not self.device and self != Wanted(device=""):
            raise UsageError(
                "`--copies`, `--speed`, `--simulate`, `--leave-open` and `--yes-erase` go with `--device`"
            )
        return out or Path(self.device)


def drive_for(wanted: Wanted, *, is_rehearsal: bool = False) -> OntoDrive:
    """Return the drive, when its medium may be written to; asks on a terminal before something is erased.

    Raises UsageError.
    """
    from mediakit.drives.drive import open_drive
    from mediakit.drives.xorriso import How
    from mediakit.journeys.onto_drive import OntoDrive

    if wanted.copies > 1 and wanted.simulate:
        raise UsageError("`--copies` and `--simulate` exclude each other")
    if wanted.copies > 1 and not is_rehearsal and not sys.stdin.isatty():
        hint = "run it on a terminal"
        raise UsageError(
            "`--copies` needs a person who changes the media, and this is no terminal", hint=hint
        )
    how = How(speed=wanted.speed, simulate=wanted.simulate, leave_open=wanted.leave_open)
    drive = open_drive(wanted.device, how)
    is_asked = wanted.yes_erase or is_rehearsal or wanted.simulate
    drive = drive.allowed() if is_asked else _asked(drive)
    drive.check()

    def change(used: Drive, number: int, copies: int) -> Drive:
        return _changed(used, f"copy {number} of {copies}", yes_erase=wanted.yes_erase)

    return OntoDrive(drive=drive, copies=wanted.copies, change=change)


@contextmanager
def onto_drive(order: BurnOrder, onto: OntoDrive) -> Iterator[BurnOrder]:
    """Give the order whose image is made in the state folder, for the time of the block, for a drive."""
    from mediakit.formats.registry import sink
    from mediakit.stages.act.workplace import workplace

    medium = order.profile.medium
    variant = order.format or onto.drive.format_for(medium)
    with workplace(state_folder(None) / "media") as folder:
        yield replace(
            order,
            out=folder / f"medium{sink(variant or medium.images[0]).suffixes[0]}",
            format=variant,
            capacity=order.capacity or _capacity(onto.drive, order.profile),
            onto=onto,
        )


def profiles_of_drive(
    onto: OntoDrive, catalogue: Catalogue, medium: str, *, is_secure: bool
) -> tuple[Profile, ...]:
    """Return the general purpose profiles of what is in the drive. Raises UsageError."""
    from mediakit.stages.plan.target import profiles_for

    media = {one.medium.name: one.medium for one in catalogue.profiles.values() if one.medium.name}
    if medium:
        return profiles_for(catalogue, Path(onto.name), medium, is_secure=is_secure)
    for name, one in media.items():
        with suppress(MediakitError):
            onto.drive.format_for(one)
            return profiles_for(catalogue, Path(onto.name), name, is_secure=is_secure)
    hint = "name one with `-p` (`mediakit profiles list`)"
    raise UsageError(f"no profile is known for the {onto.drive.shown}", hint=hint)


def _capacity(drive: Drive, profile: Profile) -> str:
    """Return what the medium holds; a file that stands for a drive has no end, and holds what is usual."""
    usual = profile.medium.capacities.get(profile.medium.default_capacity)
    room = drive.room_bytes
    if room is not None and usual is not None and drive.device.startswith("stdio:"):
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
    print(question, end="", file=sys.stderr, flush=True)
    line = sys.stdin.readline()
    if not line:
        raise KeyboardInterrupt
    return line
