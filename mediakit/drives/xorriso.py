"""xorriso, which speaks to disc drives: found when it is needed, run with bounds, never left behind."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from mediakit.drives.disc import (
    BLOCK_BYTES,
    Disc,
    DiscStatus,
    Packet,
    behind,
    disc_of,
    drives_of,
    packet_of,
    reason_of,
    written_mb,
)
from mediakit.errors import IntegrityError, NotBurnedError, SpoiledError, UsageError
from mediakit.events import Advanced, Listener, PhaseEnded, PhaseStarted
from mediakit.volume import FILE_DRIVE

_MOST_LINE = 64 * 1024
_MOST_FOREIGN = 1000  # lines that are none of xorriso's
_MOST_KEPT = 10_000  # lines
_SLOWEST_BYTES_PER_S = 100_000  # CD at single speed has 150,000
_CD = frozenset({"CD-R", "CD-RW"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long to wait, in seconds: `silent_s` without a line, `total_s` for all of it, `leave_s` to stop."""

    silent_s: float = 180.0  # a drive that spins up, blanks or closes says so every second
    total_s: float = 600.0
    leave_s: float = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """How to burn. `speed` 0 lets the drive decide; `leave_open` allows further sessions.

    `begins` is the sector at which the image goes on with an open disc: what lies before it is there already.
    """

    speed: int = 0
    simulate: bool = False
    leave_open: bool = False
    begins: int = 0


LIMITS = Limits()
AS_USUAL = How()


def program() -> str:
    """Return the path of xorriso. Raises UsageError, with the name of the package."""
    found = shutil.which("xorriso")
    if found is None:
        hint = "install it: the package is called `xorriso` (Debian: apt install xorriso)"
        raise UsageError("disc drives are used through the program xorriso, which is not here", hint=hint)
    return found


def state_of(device: str, limits: Limits = LIMITS) -> Disc:
    """Return what is in a drive; `device` is as xorriso takes it ("/dev/sr0", "stdio:/path").

    Raises UsageError when there is no such drive or it cannot be used, and IntegrityError when it does not
    answer.
    """
    packets = _said(("-outdev", device, "-toc"), device, limits)
    found = disc_of(device, packets)
    reason = reason_of(packets)
    if found is None and not reason:
        raise IntegrityError("xorriso says nothing that can be understood of the drive", where=device)
    if found is None:
        hint = "`mediakit disc list` shows the drives; using one needs the right to (group `cdrom`)"
        raise UsageError("the drive cannot be used", where=device, why=reason, hint=hint)
    file = Path(device.removeprefix(FILE_DRIVE))
    return found if found.is_real or not file.is_file() else behind(found, file.stat().st_size)


def all_drives(limits: Limits = LIMITS) -> tuple[Disc, ...]:
    """Return every disc drive of this machine with what is in it; one that does not answer is `UNUSABLE`.

    Raises UsageError without xorriso.
    """
    found = []
    for device, drive in drives_of(_said(("-device_links",), "drives", limits)):
        try:
            found.append(state_of(device, limits))
        except (UsageError, IntegrityError):  # in use by another program, or broken
            found.append(Disc(device=device, drive=drive, status=DiscStatus.UNUSABLE))
    return tuple(found)


def eject(device: str, limits: Limits = LIMITS) -> None:
    """Open the tray. Raises UsageError when the drive does not do it."""
    with Xorriso(("-outdev", device, "-eject", "out"), device, limits) as run:
        packets = list(run.packets())
    if run.code:
        why = reason_of(packets)
        raise UsageError(
            "the drive cannot be opened", where=device, why=why, hint="`mediakit disc list` shows the drives"
        )


def burn(disc: Disc, image: Path, how: How, tell: Listener, limits: Limits | None = None) -> None:
    """Burn an image on the medium of a drive, which is erased first where that is needed and can be done.

    With `how.begins` what the image has from that sector on becomes a further session. Raises NotBurnedError
    when nothing was written, SpoiledError when the medium was begun and is not whole.
    """
    start = how.begins * BLOCK_BYTES
    size = image.stat().st_size - start
    limits = limits or Limits(total_s=3600 + size / _SLOWEST_BYTES_PER_S)
    tell(PhaseStarted("disc", total=size, unit="bytes"))
    packets: list[Packet] = []
    is_begun = False
    done = 0
    try:
        with (
            _from(image, start) as content,
            Xorriso(_arguments(disc, image, how), disc.device, limits, content if start else None) as run,
        ):
            for packet in run.packets():
                packets.append(packet)
                is_begun |= packet.text.startswith("Beginning to write")
                now_at = min((written_mb(packet) or 0) << 20, size)
                if now_at > done:
                    tell(Advanced(now_at - done))
                    done = now_at
    except IntegrityError as exc:
        raise _failed(disc, is_begun and not how.simulate, exc.reason) from exc
    except KeyboardInterrupt as exc:
        if not how.simulate:  # it may have begun and not have said so yet
            to_do = (
                "check what is on it" if start else "throw it away unless `mediakit disc list` shows it blank"
            )
            exc.add_note(f"the disc in {disc.device} was being written: {to_do}")
        raise
    is_good = any("completed successfully" in packet.text for packet in packets)
    if run.code or not is_good:
        why = reason_of(packets) or f"xorriso ended with {run.code} and without a word of success"
        raise _failed(disc, is_begun and not how.simulate, why)
    tell(PhaseEnded("disc"))


class Xorriso:
    """A run of xorriso, as a context manager: no process is left when the block ends, however it does."""

    def __init__(
        self, arguments: Sequence[str], subject: str, limits: Limits, content: BinaryIO | None = None
    ) -> None:
        self._command = [program(), "-pkt_output", "on", *arguments]
        self._subject = subject
        self._limits = limits
        self._content = content
        self._process: subprocess.Popen[bytes] | None = None
        self.code = -1

    def __enter__(self) -> Self:
        # A session of its own: a Ctrl-C of the terminal comes to us alone, and we end it.
        self._process = subprocess.Popen(  # noqa: S603 - no shell, the arguments are ours
            self._command,
            stdin=self._content or subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _exc: BaseException | None, _trace: TracebackType | None
    ) -> None:
        process = self._process
        if process is None:
            return
        if process.stdout is not None:
            process.stdout.close()
        try:
            self._signal(process, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(self._limits.leave_s)
        finally:  # a second Ctrl-C comes here too
            self._signal(process, signal.SIGKILL)
            with suppress(subprocess.TimeoutExpired):
                process.wait(self._limits.leave_s)

    def packets(self) -> Iterator[Packet]:
        """Yield what it says until it ends; `code` is its exit code then.

        Raises IntegrityError when it is silent for too long, does not end, or does not speak as xorriso does.
        """
        foreign = 0
        for line in self._lines():
            packet = packet_of(line)
            if packet is not None:
                yield packet
                continue
            foreign += 1
            if foreign > _MOST_FOREIGN:
                raise IntegrityError("xorriso does not speak as it should", where=self._subject)

    def _lines(self) -> Iterator[str]:
        assert self._process is not None and self._process.stdout is not None  # noqa: S101 - of `__enter__`
        stdout = self._process.stdout.fileno()
        end = time.monotonic() + self._limits.total_s
        rest = b""
        while True:
            left = min(self._limits.silent_s, end - time.monotonic())
            if left <= 0 or not select.select([stdout], [], [], left)[0]:
                raise IntegrityError("the drive does not answer", where=self._subject)
            got = os.read(stdout, _MOST_LINE)
            if not got:
                break
            *lines, rest = (rest + got).split(b"\n")
            if len(rest) > _MOST_LINE:
                raise IntegrityError("xorriso does not speak as it should", where=self._subject)
            yield from (line.decode("utf-8", "replace") for line in lines)
        try:
            self.code = self._process.wait(self._limits.leave_s)
        except subprocess.TimeoutExpired as exc:
            raise IntegrityError("xorriso does not end", where=self._subject) from exc

    @staticmethod
    def _signal(process: subprocess.Popen[bytes], number: int) -> None:
        if process.poll() is None:
            with suppress(OSError):
                os.killpg(process.pid, number)


def _said(arguments: Sequence[str], subject: str, limits: Limits) -> list[Packet]:
    kept: list[Packet] = []
    with Xorriso(arguments, subject, limits) as run:
        for packet in run.packets():
            if len(kept) < _MOST_KEPT:
                kept.append(packet)
    return kept


def _arguments(disc: Disc, image: Path, how: How) -> list[str]:
    arguments = ["-return_with", "SORRY", "32", "-as", "cdrecord", "-v", f"dev={disc.device}"]
    if how.speed:
        arguments.append(f"speed={how.speed}")
    if how.simulate:
        arguments.append("-dummy")
    if disc.is_rewritable and not how.begins:
        arguments.append("blank=as_needed")
    if how.begins and not disc.is_real:  # a disc knows itself where it goes on; this would be written over
        arguments.append(f"write_start_address={how.begins}s")
    if how.leave_open:
        arguments.append("-multi")
    if disc.kind not in _CD:  # the run-out blocks of a track of a CD cannot be read for sure: padding stays
        arguments.append("padsize=0")
    if how.begins:
        return [*arguments, f"tsize={image.stat().st_size // BLOCK_BYTES - how.begins}s", "-"]
    return [*arguments, str(image)]


def _from(image: Path, start: int) -> BinaryIO:
    """Open an image as a program takes it up that reads from a byte on."""
    stream = image.open("rb", buffering=0)
    stream.seek(start)
    return stream


def _failed(disc: Disc, is_begun: bool, why: str) -> IntegrityError:
    if is_begun:
        return SpoiledError("the disc was not written to its end", where=disc.device, why=why)
    return NotBurnedError("the disc could not be burned", where=disc.device, why=why)
