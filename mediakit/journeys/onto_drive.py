"""From an image to the media in a drive: write, read back past the cache, compare, prove; copy by copy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mediakit.drives.drive import Drive, open_drive
from mediakit.drives.read_back import compare
from mediakit.drives.xorriso import How
from mediakit.errors import MediakitError, SpoiledError, UsageError
from mediakit.events import Listener, PhaseEnded, PhaseStarted
from mediakit.findings import printable
from mediakit.outcome import Outcome
from mediakit.profile.model import Profile
from mediakit.stages.act.pressing import ONLY, Onto, Pressed, Proof, Turn
from mediakit.stages.act.writing import reason_for

Change = Callable[[Drive, int, int], Drive]  # the drive, which copy or medium is next, of how many


def nobody(drive: Drive, _number: int, _copies: int) -> Drive:
    """Say that there is nobody who changes the media. Raises UsageError."""
    hint = "run it on a terminal, or let a robot make them (`--robot`)"
    raise UsageError(f"there is nobody to change the medium in {drive.device}", hint=hint)


def drive_at(
    device: str, *, speed: int = 0, simulate: bool = False, leave_open: bool = False, may_erase: bool = False
) -> Onto:
    """Return a drive ("/dev/sr0") or stick ("/dev/sdb") with what is in it, for the `onto` of an order.

    `speed` 0 lets the drive decide. `may_erase` allows to erase a rewritable disc or a stick, and a device
    that does not call itself removable. Raises UsageError when nothing may be written to it, IntegrityError
    when it does not answer.
    """
    drive = open_drive(device, How(speed=speed, simulate=simulate, leave_open=leave_open))
    if drive.erases and not may_erase:
        raise UsageError(f"this would erase {printable(drive.erases)}", hint="`may_erase` allows it")
    drive = drive.allowed() if may_erase else drive
    drive.check()
    return OntoDrive(drive=drive)


@dataclass(frozen=True, slots=True, kw_only=True)
class OntoDrive:
    """A drive as the place where an image goes; see `Onto`.

    `change` asks for the next medium, of copies or of several. `others` are further drives with a medium
    each: of several media the second goes into the first of them.
    """

    drive: Drive
    others: tuple[Drive, ...] = ()
    copies: int = 1
    change: Change = nobody

    @property
    def name(self) -> str:
        """See `Onto`."""
        return self.drive.device

    @property
    def is_simulation(self) -> bool:
        """See `Onto`."""
        return self.drive.is_simulation

    @property
    def room_bytes(self) -> int | None:
        """See `Onto`."""
        rooms = [one.room_bytes for one in self._drives if one.room_bytes is not None]
        return min(rooms, default=None)

    def format_for(self, profile: Profile) -> str:
        """See `Onto`."""
        return self.drive.format_for(profile.medium)

    def check(self, profile: Profile | None = None) -> None:
        """See `Onto`."""
        for drive in self._drives:
            drive.check(profile)

    def check_room(self, size_bytes: int) -> None:
        """See `Onto`."""
        for drive in self._drives:
            drive.check_room(size_bytes)

    def check_media(self, many: int) -> None:
        """See `Onto`."""
        if many > 1 and self.copies > 1:
            raise UsageError("several media and copies of them exclude each other")
        if many > len(self._drives) and self.change is nobody and not self.is_simulation:
            hint = "run it on a terminal, or name a drive for each (`--device` again)"
            what = f"{many} media are needed, and there is nobody to change the medium in {self.name}"
            raise UsageError(what, hint=hint)

    def name_of(self, turn: Turn) -> str:
        """See `Onto`."""
        return self._drives[turn.number - 1].device if turn.number <= len(self._drives) else self.name

    def put(self, image: Path, proof: Proof | None, tell: Listener, turn: Turn = ONLY) -> Pressed:
        """See `Onto`."""
        drive = self._drive_for(turn, tell)
        for number in range(1, self.copies + 1):
            try:
                if number > 1:
                    copy = Turn(number=number, many=self.copies, profile=turn.profile)
                    drive = self._next(drive, copy, tell)
                self._write(drive, image, proof, tell)
            except MediakitError as exc:
                if number == 1:
                    raise
                return self._short(number, exc)
        return Pressed(copies=0 if self.is_simulation else self.copies, said=self._said(proof is not None))

    def _write(self, drive: Drive, image: Path, proof: Proof | None, tell: Listener) -> None:
        drive.check_room(image.stat().st_size)
        with drive.written(image, tell) as medium:
            if proof is None or drive.is_simulation:
                return
            try:
                compare(image, medium.path, medium.size_bytes, tell, medium.new_from)
                wrong = proof(medium.path)
            except KeyboardInterrupt as exc:
                exc.add_note(f"{drive.device} was written, and not read back to its end: validate it")
                raise
            if wrong:
                what = "what was read back is not what was planned"
                raise SpoiledError(what, where=drive.device, findings=wrong)

    @property
    def _drives(self) -> tuple[Drive, ...]:
        return (self.drive, *self.others)

    def _drive_for(self, turn: Turn, tell: Listener) -> Drive:
        if turn.number <= len(self._drives):
            return self._drives[turn.number - 1]
        return self.drive if self.is_simulation else self._next(self.drive, turn, tell)

    def _next(self, drive: Drive, turn: Turn, tell: Listener) -> Drive:
        tell(PhaseStarted("confirm"))
        try:
            drive = self.change(drive, turn.number, turn.many)
        finally:
            tell(PhaseEnded("confirm"))
        drive.check(turn.profile)
        return drive

    def _short(self, number: int, exc: MediakitError) -> Pressed:
        done = number - 1
        return Pressed(
            copies=done,
            said=f"{done} of {self.copies} copies read back, every byte equal; the others are not made",
            findings=(*exc.findings, reason_for(exc)),
            outcome=Outcome.INTEGRITY,
        )

    def _said(self, is_proven: bool) -> str:
        if self.is_simulation:
            return "simulated: nothing was written on the disc"
        what = "read back from the drive" if self.copies == 1 else f"{self.copies} copies read back"
        return f"{what}, every byte equal" if is_proven else "not read back (`--no-proof`)"
