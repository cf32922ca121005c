"""What is in a disc drive, and whether an image may be burned on it. Pure: values, texts and decisions.

The texts are those that `xorriso -pkt_output on` writes: a letter for the channel (R result, I message, M
mark), 1 where a line ends, and the line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from mediakit.errors import DoesNotFit, MediakitError, NotBurnedError, UsageError
from mediakit.findings import printable

BLOCK_BYTES = 2048
_PACKET = re.compile(r"([RIM]):[01]:(.*)", re.DOTALL)
_UPDATE = re.compile(r"UPDATE :\s+([0-9]{1,9}) of\s+[0-9]{1,9} MB written")
_BLOCKS = re.compile(r"\s*([0-9]{1,12}) readable , ([0-9]{1,12}) (?:writable|unused) , ([0-9]{1,12}) overall")
_ADDRESS = re.compile(r"([0-9]{1,9})s")
_TYPE = re.compile(r"vendor '(.*)' product '(.*)' revision")
_ROW = re.compile(r"[0-9]+\s+-dev\s+'([^']{1,4096})'\s+\S+ :\s+'([^']*)'\s+'([^']*)'")
_MOST_TEXT = 200
_ALIGNED = 16  # sectors: what a file that stands for a disc is written in
_ALIGNED_BYTES = _ALIGNED * BLOCK_BYTES
_REWRITABLE = frozenset({"CD-RW", "DVD-RW", "DVD+RW", "DVD-RAM", "BD-RE", "stdio"})


class DiscStatus(StrEnum):
    """How far a disc is written."""

    BLANK = "blank"
    APPENDABLE = "appendable"  # written, and left open for further sessions
    CLOSED = "closed"
    ABSENT = "absent"
    UNUSABLE = "unusable"  # the drive does not know it, or cannot go on with it


@dataclass(frozen=True, slots=True)
class Packet:
    """A line of xorriso: the channel ("R", "I", "M") and the text."""

    channel: str
    text: str

    @property
    def is_failure(self) -> bool:
        """Return True when it says why something did not succeed."""
        return self.channel == "I" and any(
            f" : {word} : " in self.text for word in ("FATAL", "FAILURE", "SORRY", "ABORT")
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Disc:
    """A drive and what is in it; sizes in bytes, `kind` as the drive names it ("CD-R", "BD-RE", "").

    `next_sector` is where a further session would begin (the next writable address); 0: there is none.
    """

    device: str
    drive: str = ""
    kind: str = ""
    status: DiscStatus = DiscStatus.ABSENT
    capacity_bytes: int = 0
    free_bytes: int = 0
    sessions: int = 0
    next_sector: int = 0

    @property
    def is_rewritable(self) -> bool:
        """Return True when what is on it can be erased."""
        return self.kind in _REWRITABLE

    @property
    def is_real(self) -> bool:
        """Return False for a file that stands for a drive."""
        return self.kind != "stdio"

    @property
    def room_bytes(self) -> int | None:
        """Return what can be written to it, None when the drive does not say.

        What is rewritable is erased first. A closed one that is not a CD may show only what is written on it.
        """
        if self.status is DiscStatus.BLANK or not self.is_rewritable:
            return self.free_bytes
        return self.capacity_bytes if self.free_bytes or self.kind == "CD-RW" else None


def packet_of(line: str) -> Packet | None:
    """Return what a line says; None when it is none of xorriso's."""
    match = _PACKET.fullmatch(line)
    return None if match is None else Packet(match[1], printable(match[2].strip()))


def written_mb(packet: Packet) -> int | None:
    """Return how many megabytes are written, of a packet that tells progress."""
    match = _UPDATE.search(packet.text)
    return None if match is None else int(match[1])


def reason_of(packets: Iterable[Packet]) -> str:
    """Return why it did not succeed: the first failure of all, "" when there is none."""
    reasons = [packet.text for packet in packets if packet.is_failure and " : aborting : " not in packet.text]
    return reasons[0].rpartition(" : ")[2][:_MOST_TEXT] if reasons else ""


def disc_of(device: str, packets: Iterable[Packet]) -> Disc | None:
    """Return what xorriso says of a drive (`-outdev DEVICE -toc`); None when it says nothing of a medium."""
    said: dict[str, str] = {}
    for packet in packets:
        name, colon, value = packet.text.partition(":")
        if packet.channel == "R" and colon:
            said.setdefault(name.strip(), value.strip())
    if "Media current" not in said:
        return None
    current, blocks = said["Media current"], _BLOCKS.fullmatch(said.get("Media blocks", ""))
    made = _TYPE.match(said.get("Drive type", ""))
    sessions = re.match(r"([0-9]{1,6}) session", said.get("Media summary", ""))
    status = _status_of(said.get("Media status", ""))
    is_known = "not recognizable" not in current and status is not DiscStatus.ABSENT
    kind = next(iter(current.split(",")[0].split()), "")[:32] if is_known else ""
    address = _ADDRESS.fullmatch(said.get("Media nwa", ""))
    return Disc(
        device=device,
        drive="" if made is None else " ".join(f"{made[1]} {made[2]}".split())[:_MOST_TEXT],
        kind=kind,
        status=status,
        capacity_bytes=int(blocks[3]) * BLOCK_BYTES if blocks else 0,
        free_bytes=int(blocks[2]) * BLOCK_BYTES if blocks else 0,
        sessions=int(sessions[1]) if sessions else 0,
        next_sector=int(address[1]) if address else 0,
    )


def behind(disc: Disc, size_bytes: int) -> Disc:
    """Return a file that stands for a disc with its true end: xorriso knows of its first session alone."""
    return replace(disc, next_sector=max(disc.next_sector, -(-size_bytes // _ALIGNED_BYTES) * _ALIGNED))


def drives_of(packets: Iterable[Packet]) -> tuple[tuple[str, str], ...]:
    """Return the devices that `xorriso -device_links` lists, each with the name of its maker and model."""
    rows = (_ROW.match(packet.text) for packet in packets if packet.channel == "R")
    return tuple((row[1], " ".join(f"{row[2]} {row[3]}".split())) for row in rows if row)


def check_disc(disc: Disc, *, may_erase: bool = False) -> None:
    """Raise UsageError when nothing may be burned on what is in the drive."""
    _check_usable(disc, "blank disc")
    if disc.status is DiscStatus.BLANK or (may_erase and disc.is_rewritable):
        return
    hint = "insert a blank disc"
    if disc.status is DiscStatus.APPENDABLE and not disc.is_rewritable:
        hint += f"; `mediakit update {disc.device} --session --add SRC` adds to this one, which is open"
    if disc.is_rewritable:
        hint += ", or let `--yes-erase` erase this one"
    raise UsageError(f"the {shown_kind(disc)} in the drive is not blank", where=disc.device, hint=hint)


def check_open(disc: Disc) -> None:
    """Raise UsageError when what is in the drive cannot get a further session."""
    _check_usable(disc, "disc that is open")
    what, where = f"the {shown_kind(disc)} in the drive", disc.device
    if disc.status is DiscStatus.BLANK:
        hint = "`mediakit burn SRC --device DEV --leave-open` writes its first session"
        raise UsageError(f"{what} is blank: there is no session to go on from", where=where, hint=hint)
    hint = "`-o NEW.iso` makes a whole new image of what is on it and what is added, for a blank disc"
    if disc.status is DiscStatus.CLOSED:
        raise UsageError(f"{what} is closed: no session can be added", where=where, hint=hint)
    if disc.is_rewritable and disc.is_real:
        raise UsageError(f"{what} is written over, and gets no further sessions", where=where, hint=hint)
    if not disc.next_sector:
        raise UsageError("the drive does not say where a session can begin", where=where, hint=hint)


def check_all_read(disc: Disc, sessions: int) -> None:
    """Raise UsageError when the drive counts other sessions than were read: the last one may be unknown."""
    if disc.is_real and disc.sessions != sessions:
        raise UsageError(
            "not every session of the disc was read",
            where=disc.device,
            why=f"the drive counts {disc.sessions}, {sessions} can be read as ISO 9660",
            hint="insert the disc again; if it stays so, burn a new one (`mediakit salvage` rescues it)",
        )


def check_same(disc: Disc, now: Disc) -> None:
    """Raise NotBurnedError when the drive holds another disc than before, or was written to meanwhile."""
    if not disc.is_real:  # what is free is that of the file system, which others use too
        now = replace(now, free_bytes=disc.free_bytes, capacity_bytes=disc.capacity_bytes)
    if now != disc:
        raise NotBurnedError(
            "the disc in the drive is not the one that was there before, or was written to meanwhile",
            where=disc.device,
        )


def check_room(disc: Disc, size_bytes: int, begins: int = 0) -> None:
    """Raise DoesNotFit when the medium in the drive has less room than an image takes.

    What lies before the sector `begins` is on the medium already.
    """
    room = disc.free_bytes if begins else disc.room_bytes
    size_bytes -= begins * BLOCK_BYTES
    if room is not None and size_bytes > room:
        raise DoesNotFit(
            f"the {shown_kind(disc)} in the drive is too small",
            where=disc.device,
            why=f"{size_bytes:,} bytes are needed, {room:,} are there",
            hint="insert a larger disc, or choose less",
        )


def kind_error(disc: Disc, medium: str, kinds: tuple[str, ...]) -> MediakitError | None:
    """Return what is wrong with burning an image for a medium (its title, its kinds of disc) on this one."""
    if not disc.is_real or disc.kind in kinds:
        return None
    hint = f"insert {' or '.join(kinds)}" if kinds else "choose a profile of a disc"
    return UsageError(f"the {disc.kind} in the drive is not a {medium}", where=disc.device, hint=hint)


def shown_kind(disc: Disc) -> str:
    """Return what to call the medium."""
    return disc.kind if disc.is_real else "file that stands for a disc"


def _check_usable(disc: Disc, wanted: str) -> None:
    if disc.status is DiscStatus.ABSENT:
        raise UsageError("there is no disc in the drive", where=disc.device, hint=f"insert a {wanted}")
    if disc.status is DiscStatus.UNUSABLE or not disc.kind:
        raise UsageError("the drive cannot use this disc", where=disc.device, hint=f"insert another {wanted}")


def _status_of(text: str) -> DiscStatus:
    if "damaged" in text or "no writable address" in text:
        return DiscStatus.UNUSABLE
    for words, status in (
        ("is blank", DiscStatus.BLANK),
        ("is appendable", DiscStatus.APPENDABLE),
        ("is closed", DiscStatus.CLOSED),
        ("not present", DiscStatus.ABSENT),
    ):
        if words in text:
            return status
    return DiscStatus.UNUSABLE
