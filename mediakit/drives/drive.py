"""What an image is put on: a disc drive with what is in it, or a stick. One protocol for both."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from mediakit.drives.block import is_block_device, stick_at, written_device
from mediakit.drives.disc import (
    BLOCK_BYTES,
    Disc,
    DiscStatus,
    check_all_read,
    check_disc,
    check_open,
    check_room,
    check_same,
    kind_error,
    shown_kind,
)
from mediakit.drives.read_back import reload_disc
from mediakit.drives.stick import Stick, check_stick, check_stick_room
from mediakit.drives.xorriso import AS_USUAL, How, burn, eject, program, state_of
from mediakit.errors import UsageError
from mediakit.events import Listener
from mediakit.profile.model import Medium, Profile, Sessions
from mediakit.volume import FILE_DRIVE

_OPEN = frozenset({Sessions.FINALIZE_OR_MULTISESSION, Sessions.FINALIZE_OR_MULTISESSION_OR_PACKET})


@dataclass(frozen=True, slots=True, kw_only=True)
class OnMedium:
    """What stands on a medium now: where it is read, how many bytes the image has, which of them are new.

    Those before `new_from` were there before.
    """

    path: Path
    size_bytes: int
    new_from: int = 0


class Drive(Protocol):
    """A drive with a medium in it, which an image can be written on."""

    @property
    def device(self) -> str:
        """Return what the user calls it."""
        ...

    @property
    def shown(self) -> str:
        """Return what is in it, in words."""
        ...

    @property
    def room_bytes(self) -> int | None:
        """Return how large an image may be; None when that is not known."""
        ...

    @property
    def is_simulation(self) -> bool:
        """Return True when nothing will be written."""
        ...

    @property
    def erases(self) -> str:
        """Return what writing destroys, in words; "" when nothing is lost."""
        ...

    def allowed(self) -> Drive:
        """Return the same drive, with leave to erase what is on its medium."""
        ...

    def renewed(self) -> Drive:
        """Return the same drive with what is in it now, without the leave to erase. Raises MediakitError."""
        ...

    def format_for(self, medium: Medium) -> str:
        """Return the media format for a medium of PS3.12, "" for any that suits.

        Raises UsageError when this is another medium.
        """
        ...

    def check(self, profile: Profile | None = None) -> None:
        """Raise UsageError when nothing may be written on it, or not so for this profile."""
        ...

    def check_before_asking(self) -> None:
        """Raise UsageError when no answer of the person before it would allow to erase the medium."""
        ...

    def check_room(self, size_bytes: int) -> None:
        """Raise DoesNotFit for an image that is too large."""
        ...

    def written(self, image: Path, tell: Listener) -> AbstractContextManager[OnMedium]:
        """Write the image; while the block runs nobody else writes to the medium.

        Raises IntegrityError or UsageError when nothing was written, SpoiledError when not all of it was.
        """
        ...

    def let_go(self) -> None:
        """Give the medium out, where the drive can. Raises UsageError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscDrive:
    """A disc drive; see `Drive`. With `how.begins` its disc gets a further session."""

    disc: Disc
    how: How = AS_USUAL
    may_erase: bool = False

    @property
    def device(self) -> str:
        """See `Drive`."""
        return self.disc.device

    @property
    def shown(self) -> str:
        """See `Drive`."""
        return f"{shown_kind(self.disc)} in {self.device}"

    @property
    def room_bytes(self) -> int | None:
        """See `Drive`."""
        begins = self.how.begins
        return begins * BLOCK_BYTES + self.disc.free_bytes if begins else self.disc.room_bytes

    @property
    def is_simulation(self) -> bool:
        """See `Drive`."""
        return self.how.simulate

    @property
    def erases(self) -> str:
        """See `Drive`."""
        is_written = self.disc.status in {DiscStatus.APPENDABLE, DiscStatus.CLOSED}
        is_kept = self.how.simulate or self.how.begins
        return (
            f"what is on the {self.shown}" if self.disc.is_rewritable and is_written and not is_kept else ""
        )

    def allowed(self) -> DiscDrive:
        """See `Drive`."""
        return replace(self, may_erase=True)

    def renewed(self) -> DiscDrive:
        """See `Drive`."""
        return replace(self, disc=state_of(self.device), may_erase=False)

    def format_for(self, medium: Medium) -> str:
        """See `Drive`."""
        wrong = kind_error(self.disc, medium.title, tuple(medium.discs))
        if wrong is not None:
            raise wrong
        if not medium.discs:
            hint = "choose the profile of a disc (`mediakit profiles list`)"
            raise UsageError(f"a {medium.title} is not a disc that mediakit can burn", hint=hint)
        return medium.discs.get(self.disc.kind, medium.images[0])

    def check(self, profile: Profile | None = None) -> None:
        """See `Drive`."""
        if self.how.begins:
            check_open(self.disc)
        else:
            check_disc(self.disc, may_erase=self.may_erase)
        if profile is None:
            return
        self.format_for(profile.medium)
        if self.how.leave_open and profile.sessions not in _OPEN:
            hint = "leave out `--leave-open`"
            raise UsageError(f"{profile.id} asks for a disc that is finalised", why="PS3.11", hint=hint)

    def check_sessions(self, sessions: int) -> None:
        """Raise UsageError when so many sessions were read, and the drive counts others."""
        check_all_read(self.disc, sessions)

    def check_before_asking(self) -> None:
        """See `Drive`."""
        check_disc(self.disc, may_erase=True)

    def check_room(self, size_bytes: int) -> None:
        """See `Drive`."""
        check_room(self.disc, size_bytes, self.how.begins)

    @contextmanager
    def written(self, image: Path, tell: Listener) -> Iterator[OnMedium]:
        """See `Drive`."""
        check_same(self.disc, state_of(self.device))
        burn(self.disc, image, self.how, tell)
        path = Path(self.device.removeprefix(FILE_DRIVE))
        size = image.stat().st_size
        if path.is_block_device() and not self.how.simulate:
            reload_disc(path, size, tell)
        yield OnMedium(path=path, size_bytes=size, new_from=self.how.begins * BLOCK_BYTES)

    def let_go(self) -> None:
        """See `Drive`."""
        if self.disc.is_real:
            eject(self.device)


@dataclass(frozen=True, slots=True, kw_only=True)
class StickDrive:
    """A stick or card; see `Drive`."""

    stick: Stick
    may_erase: bool = False

    @property
    def device(self) -> str:
        """See `Drive`."""
        return self.stick.device

    @property
    def shown(self) -> str:
        """See `Drive`."""
        return self.stick.shown

    @property
    def room_bytes(self) -> int:
        """See `Drive`."""
        return self.stick.size_bytes

    @property
    def is_simulation(self) -> bool:
        """See `Drive`."""
        return False

    @property
    def erases(self) -> str:
        """See `Drive`."""
        return f"everything on {self.device} ({self.shown})"

    def allowed(self) -> StickDrive:
        """See `Drive`."""
        return replace(self, may_erase=True)

    def renewed(self) -> StickDrive:
        """See `Drive`."""
        return replace(self, stick=stick_at(Path(self.device)), may_erase=False)

    def format_for(self, medium: Medium) -> str:
        """See `Drive`."""
        if "fat" not in medium.images:
            hint = "choose a profile of a stick or card (`--medium usb`), or name a disc drive"
            raise UsageError(f"{self.device} is not a {medium.title}", why=self.shown, hint=hint)
        return "fat"

    def check(self, profile: Profile | None = None) -> None:
        """See `Drive`."""
        check_stick(self.stick, may_erase=self.may_erase)
        if profile is not None:
            self.format_for(profile.medium)

    def check_before_asking(self) -> None:
        """See `Drive`."""
        check_stick(self.stick)

    def check_room(self, size_bytes: int) -> None:
        """See `Drive`."""
        check_stick_room(self.stick, size_bytes)

    @contextmanager
    def written(self, image: Path, tell: Listener) -> Iterator[OnMedium]:
        """See `Drive`."""
        path = Path(self.device)
        with written_device(path, image, tell) as size_bytes:
            yield OnMedium(path=path, size_bytes=size_bytes)

    def let_go(self) -> None:
        """See `Drive`."""


def open_disc(device: str, how: How) -> DiscDrive:
    """Return the drive with an open disc, on which `begins` is where a further session goes.

    Raises UsageError when what is in it cannot get one; else as `open_drive`.
    """
    drive = open_drive(device, how)
    if not isinstance(drive, DiscDrive):
        hint = "a stick: give the folder that it is mounted at, without `--session`"
        raise UsageError("only a disc gets a further session", where=device, hint=hint)
    check_open(drive.disc)
    return replace(drive, how=replace(how, begins=drive.disc.next_sector))


def open_drive(device: str, how: How) -> Drive:
    """Return the drive that a device is, with what is in it.

    "stdio:PATH" is a file that stands for a disc drive. Raises UsageError, and IntegrityError when the drive
    does not answer.
    """
    if sys.platform != "linux":
        hint = "write an image (`-o OUT.iso`), and burn that with a program of this system"
        raise UsageError("drives are used on Linux only", where=device, hint=hint)
    if device.startswith(FILE_DRIVE):
        if Path(device.removeprefix(FILE_DRIVE)).is_dir():
            hint = "name a file that stands for a drive; `-o FOLDER` writes a folder"
            raise UsageError("is a folder, and no drive", where=device, hint=hint)
        program()
        return DiscDrive(disc=state_of(device), how=how)
    path = Path(device)
    if is_block_device(path):
        if how != AS_USUAL:
            raise UsageError("`--speed`, `--simulate` and `--leave-open` are for disc drives", where=device)
        return StickDrive(stick=stick_at(path))
    if not path.is_block_device():
        hint = "`-o FILE` writes an image; a device is called /dev/sr0 or /dev/sdb"
        raise UsageError("is not a device", where=device, hint=hint)
    return DiscDrive(disc=state_of(str(path.resolve())), how=how)
