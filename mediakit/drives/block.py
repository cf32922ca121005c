"""Block devices of Linux: what the kernel says of one, and writing an image onto it."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mediakit.drives.stick import Stick
from mediakit.durable import write_all
from mediakit.errors import MediakitError, SpoiledError, UsageError
from mediakit.events import Advanced, Listener, PhaseEnded, PhaseStarted

_BLOCK = 1 << 20
_TAIL_BYTES = 1 << 20  # where a second partition table of an earlier use (GPT) may stand
_REREAD_PARTITIONS, _FLUSH = 0x125F, 0x1261  # ioctls BLKRRPART and BLKFLSBUF
_MOST_TEXT = 1 << 20
_DISC_DRIVES = frozenset({11})  # major numbers of SCSI disc drives
_RIGHT = "writing to a device needs the right to: run as administrator, or as a member of the group `disk`"


def is_block_device(path: Path) -> bool:
    """Return True for a block device that is not a disc drive. Raises UsageError for what is not there."""
    try:
        found = path.stat()
    except (OSError, ValueError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else ""
        hint = "`mediakit disc list` shows the drives and sticks"
        raise UsageError("there is no such device", where=str(path), why=why or "", hint=hint) from exc
    return stat.S_ISBLK(found.st_mode) and os.major(found.st_rdev) not in _DISC_DRIVES


def stick_at(path: Path, root: Path = Path("/")) -> Stick:
    """Return what the kernel says of a block device. Raises UsageError.

    `root` is where `sys` and `proc` lie.
    """
    try:
        number = path.stat().st_rdev
    except OSError as exc:
        raise UsageError("there is no such device", where=str(path), why=exc.strerror or "") from exc
    return stick_of(str(path), f"{os.major(number)}:{os.minor(number)}", root)


def stick_of(device: str, number: str, root: Path = Path("/")) -> Stick:
    """Return what the kernel says of the block device with a number ("8:16"). Raises UsageError."""
    folder = root / "sys/dev/block" / number
    if not folder.exists():
        raise UsageError("the system knows nothing of this device", where=device)
    is_partition = (folder / "partition").exists()
    whole = folder.resolve().parent if is_partition else folder.resolve()
    parts = [child for child in sorted(whole.iterdir()) if (child / "partition").is_file()]
    return Stick(
        device=device,
        model=" ".join(f"{_text(whole / 'device/vendor')} {_text(whole / 'device/model')}".split())
        or _text(whole / "device/name"),
        size_bytes=_number(folder / "size") * 512,
        sector_bytes=_number(whole / "queue/logical_block_size") or 512,
        partitions=len(parts),
        is_partition=is_partition,
        is_removable=_number(whole / "removable") == 1 or _text(whole / "device/type") == "SD",
        is_read_only=_number(folder / "ro") == 1,
        uses=tuple(_uses([whole, *parts], root)),
    )


def removable_sticks(root: Path = Path("/")) -> tuple[Stick, ...]:
    """Return the removable block devices that have a medium, without the disc drives."""
    found = []
    with suppress(OSError):
        for child in sorted((root / "sys/block").iterdir()):
            number = _text(child / "dev")
            if number and int(number.partition(":")[0]) not in _DISC_DRIVES:
                with suppress(UsageError):
                    found.append(stick_of(f"/dev/{child.name}", number, root))
    return tuple(stick for stick in found if stick.is_removable and stick.size_bytes)


@contextmanager
def written_device(device: Path, image: Path, tell: Listener) -> Iterator[int]:
    """Write an image onto a block device, and give how many bytes of it were written: those up to its last.

    The device is held alone until the block ends, so that nothing mounts it before it was read back. Raises
    UsageError when it is in use or may not be written, SpoiledError when it was not written to its end.
    """
    used = used_bytes(image)
    flags = os.O_RDWR | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
    try:
        fd = os.open(device, flags)
    except OSError as exc:
        why = "it is in use" if exc.errno == errno.EBUSY else exc.strerror or ""
        hint = "unmount it first" if exc.errno == errno.EBUSY else _RIGHT
        raise UsageError("the device cannot be written to", where=str(device), why=why, hint=hint) from exc
    try:
        tell(PhaseStarted("stick", total=used, unit="bytes"))
        try:
            _copy(image, fd, used, tell)
            _clear_tail(fd, used)
            os.fsync(fd)
        except OSError as exc:
            what = "the stick was not written to its end"
            raise SpoiledError(what, where=str(device), why=exc.strerror or "") from exc
        except KeyboardInterrupt as exc:
            exc.add_note(f"{device} was being written: what was on it is lost, and it holds nothing whole")
            raise
        tell(PhaseEnded("stick"))
        control(fd, _FLUSH)
        yield used
        control(fd, _REREAD_PARTITIONS)
    finally:
        with suppress(OSError):
            os.close(fd)


def used_bytes(image: Path) -> int:
    """Return the bytes of an image up to its last one that is not a hole."""
    size = end = image.stat().st_size
    if not hasattr(os, "SEEK_DATA"):
        return size
    with image.open("rb", buffering=0) as stream:
        at = end = 0
        while at < size:
            try:
                at = os.lseek(stream.fileno(), at, os.SEEK_DATA)
            except OSError as exc:
                if exc.errno == errno.ENXIO:  # nothing but a hole
                    return end
                return size
            at = end = os.lseek(stream.fileno(), at, os.SEEK_HOLE)
    return end


def control(fd: int, request: int) -> None:
    """Ask the kernel for something that a device may not know; it is no harm when it cannot."""
    import fcntl  # noqa: PLC0415 - not on Windows

    with suppress(OSError):
        fcntl.ioctl(fd, request)


def _copy(image: Path, fd: int, used: int, tell: Listener) -> None:
    left = used
    os.lseek(fd, 0, os.SEEK_SET)
    with image.open("rb", buffering=0) as stream:
        while left:
            block = stream.read(min(_BLOCK, left))
            if not block:
                raise MediakitError("the image became shorter", where=str(image))
            write_all(fd, block)
            left -= len(block)
            tell(Advanced(len(block)))


def _clear_tail(fd: int, used: int) -> None:
    """Clear the last megabyte, when nothing of the image is there."""
    end = os.lseek(fd, 0, os.SEEK_END)
    if end - _TAIL_BYTES >= used:
        os.lseek(fd, end - _TAIL_BYTES, os.SEEK_SET)
        write_all(fd, bytes(_TAIL_BYTES))


def _uses(folders: list[Path], root: Path) -> Iterator[str]:
    """Yield what uses a device or one of its partitions."""
    names = {folder.name for folder in folders}
    numbers = {_text(folder / "dev") for folder in folders}
    for line in _text(root / "proc/self/mountinfo").splitlines():
        fields = line.split()
        if len(fields) > 4 and (fields[2] in numbers or _source(fields) in names):
            yield f"mounted at {fields[4]}"
    for line in _text(root / "proc/swaps").splitlines()[1:]:
        if line.split() and line.split()[0].rpartition("/")[2] in names:
            yield "used as swap"
    for folder in folders:
        with suppress(OSError):
            for holder in sorted((folder / "holders").iterdir()):
                yield f"used by {holder.name}"


def _source(fields: list[str]) -> str:
    """Return the last part of the source of a mount: some file systems hide the number of their device."""
    if "-" not in fields:
        return ""
    rest = fields[fields.index("-") + 1 :]
    return rest[1].rpartition("/")[2] if len(rest) > 1 and rest[1].startswith("/dev/") else ""


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return stream.read(_MOST_TEXT).decode("utf-8", "replace").strip()
    except OSError:
        return ""


def _number(path: Path) -> int:
    text = _text(path)
    return int(text) if text.isascii() and text.isdigit() else 0
