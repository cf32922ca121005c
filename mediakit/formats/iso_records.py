"""The structures of ISO 9660: volume descriptors and directory records, bounded, from bytes to values.

Never trusts a length, never enters a folder twice, never leaves the image. Source: ECMA-119.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from msgspec import Struct, structs

from mediakit.errors import SourceError
from mediakit.formats.readable import Readable, holds
from mediakit.volume import Damage

SECTOR = 2048
FIRST_DESCRIPTOR = 16
_MAX_DESCRIPTORS = 64
_MAX_FOLDER_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 64  # Level 1 has 8; deeper trees come from disregard or malice
_DIRECTORY, MULTI_EXTENT = 0x02, 0x80
HIDDEN, ASSOCIATED, RECORD_FORMAT, PROTECTED = 0x01, 0x04, 0x08, 0x10
_PRIMARY, _SUPPLEMENTARY, _TERMINATOR = 1, 2, 255
_UCS_2 = (b"%/@", b"%/C", b"%/E")
_LOOK_FOR_ROOT = 512  # sectors of an image of one later session that its root may lie in
_RUN_OUT = 152 * 2048  # bytes: padding, and two blocks that a drive counts and cannot read
_MOST_FAILED = 8  # sectors of a chunk: each takes a drive long
_CHUNK = 512 * SECTOR
_MAX_SESSIONS = 128  # a CD has 99 tracks at the most
# Block and size in one order, and in the other; flags, unit and gap: from the third byte of a record on.
_LITTLE, _BIG = struct.Struct("<I4xI4x7xBBB"), struct.Struct(">4xI4xI")


class IsoRecord(NamedTuple):
    """One directory record as it stands. `at` is the byte of the image at which it begins.

    `name` is the identifier as recorded; `block` is where the data begin, behind `attributes` blocks of an
    Extended Attribute Record; `gap` is not 0 for interleaved files.
    """

    path: str
    at: int
    block: int
    size: int
    flags: int
    is_self: bool  # "." or ".."
    name: bytes = b""
    folder: int = 0  # block of the folder that it stands in
    attributes: int = 0
    gap: int = 0
    system_use: bytes = b""

    @property
    def is_directory(self) -> bool:
        """Return True for folders."""
        return bool(self.flags & _DIRECTORY)


class Descriptor(Struct, frozen=True):
    """What a volume descriptor says. `block_size` is in bytes, `blocks` is the size of the volume.

    `root` has the path "". `is_joliet`: its names are UCS-2. `first_block` is the block that the first byte
    of the image stands for: not 0 in an image of a later session alone.
    """

    label: str
    system: str
    created: str
    block_size: int
    blocks: int
    root: IsoRecord
    is_joliet: bool = False
    first_block: int = 0


@dataclass(frozen=True, slots=True)
class Session:
    """One set of volume descriptors, and the sector at which its session begins."""

    primary: Descriptor
    joliet: Descriptor | None = None
    has_udf: bool = False
    begins: int = 0
    damage: tuple[Damage, ...] = ()


def read_session(image: Readable, begins: int) -> Session | None:
    """Return the volumes that are described behind the 16 sectors of a session; None when there is none.

    When the primary descriptor is damaged, the one of Joliet stands in for it.
    """
    primary: Descriptor | None = None
    joliet: Descriptor | None = None
    fault: SourceError | None = None
    has_udf = False
    for sector in range(begins + FIRST_DESCRIPTOR, begins + FIRST_DESCRIPTOR + _MAX_DESCRIPTORS):
        try:
            found = image.read(sector * SECTOR, SECTOR)
        except SourceError as exc:  # others may be whole
            fault = exc
            continue
        name = found[1:6]
        has_udf |= name in {b"NSR02", b"NSR03"}
        if len(found) < SECTOR or name not in {b"CD001", b"BEA01", b"NSR02", b"NSR03", b"TEA01", b"BOOT2"}:
            break
        if name != b"CD001":
            continue
        try:
            if found[0] == _PRIMARY and primary is None:
                primary = _descriptor(found, sector * SECTOR)
            elif found[0] == _SUPPLEMENTARY and found[88:91] in _UCS_2 and joliet is None:
                joliet = _descriptor(found, sector * SECTOR, is_joliet=True)
        except SourceError as exc:
            fault = exc
    if primary is None and joliet is None:
        if fault is not None:
            raise fault
        return None
    lost = () if fault is None else (Damage("", f"{fault.what}: {fault.why}", is_made_good=True),)
    return Session(primary or joliet or _never(), joliet if primary else None, has_udf, begins, lost)


def all_sessions(
    image: Readable, first: Session, damage: list[Damage], tracks: Sequence[int] = ()
) -> list[Session]:
    """Return the sessions of an image, the last one at the end; those that cannot be read are in `damage`.

    Later sessions begin behind the volume of the one before; only there is looked for them: where the drive
    says that `tracks` begin, and else sector by sector. Their blocks are
    counted from the beginning of the disc (PS3.12 F.2, ECMA-119).
    """
    found = [first]
    while len(found) < _MAX_SESSIONS:
        last = found[-1]
        behind = max(
            last.primary.blocks * last.primary.block_size, (last.begins + FIRST_DESCRIPTOR + 1) * SECTOR
        )
        later = _next_track(image, behind, tracks) or _next_session(image, behind, damage)
        if later is None:
            return found
        found.append(later)
    damage.append(Damage("", f"there are more than {_MAX_SESSIONS} sessions, of which no more were read"))
    return found


def moved(image: Readable, session: Session) -> Session:
    """Return the session with its true place, when the image holds it alone and not what came before it.

    Then blocks are counted from the beginning of a disc that is not here: the root folder shows by how many.
    """
    root = session.primary.root
    if _is_root(image, root.block * session.primary.block_size, root.block):
        return session
    for sector in range(FIRST_DESCRIPTOR, FIRST_DESCRIPTOR + _LOOK_FOR_ROOT):
        if sector < root.block and _is_root(image, sector * SECTOR, root.block):
            first = root.block - sector
            joliet = session.joliet
            return replace(
                session,
                primary=structs.replace(session.primary, first_block=first),
                joliet=None if joliet is None else structs.replace(joliet, first_block=first),
            )
    return session


def records(
    image: Readable, volume: Descriptor, damage: list[Damage], most_bytes: int | None = None
) -> Iterator[IsoRecord]:
    """Yield the record of everything below the root, "." and ".." included, folder by folder.

    All folders together may have `most_bytes`, by default the size of the image: more would overlap, and
    could be without number. What cannot be followed is skipped and said in `damage`. Source: ECMA-119 9.1.
    """
    seen = {volume.root.block}
    todo = [(volume.root, 0)]
    left_bytes = image.size if most_bytes is None else min(image.size, most_bytes)
    while todo:
        folder, depth = todo.pop()
        left_bytes -= folder.size
        if left_bytes < 0:
            damage.append(Damage(folder.path, "the folder shares its place with others and was not entered"))
            left_bytes += folder.size
            continue
        deeper: list[tuple[IsoRecord, int]] = []
        for record in _folder(image, volume, folder, damage):
            yield record
            if record.is_self or not record.is_directory:
                continue
            if record.block in seen or depth >= MAX_DEPTH:
                damage.append(
                    Damage(record.path, "the folder leads in a circle or too deep and was not entered")
                )
                continue
            seen.add(record.block)
            deeper.append((record, depth + 1))
        todo.extend(reversed(deeper))


def shown_name(stored: bytes, *, is_joliet: bool = False) -> str:
    """Return a recorded name as a path component: without version, and without a dot at the end."""
    encoding = ("utf-16-be", "replace") if is_joliet else ("utf-8", "surrogateescape")
    text = stored.decode(*encoding)
    name, semicolon, version = text.replace("/", "\\").rpartition(";")
    if not semicolon or not version.isdigit():
        name = text.replace("/", "\\")
    return name.removesuffix(".") or name


def _next_track(image: Readable, behind: int, tracks: Sequence[int]) -> Session | None:
    """Return the next session that begins with a track; None when the table of contents has none."""
    for begins in tracks:
        if begins * SECTOR >= behind and (session := _sound_session(image, begins, [])) is not None:
            return session
    return None


def _next_session(image: Readable, behind: int, damage: list[Damage]) -> Session | None:
    at = -(-behind // SECTOR) * SECTOR
    unread = 0
    while at < image.size:
        chunk, failed = _readable_of(image, at, _CHUNK + SECTOR)
        unread = unread or failed
        offset = chunk.find(b"\1CD001\1")
        while offset >= 0:
            begins = (at + offset) // SECTOR - FIRST_DESCRIPTOR
            if (at + offset) % SECTOR == 0 and begins >= 0:
                session = _sound_session(image, begins, damage)
                if session is not None:
                    damage.extend(_lost_sessions(chunk[:offset], at))
                    return session
            offset = chunk.find(b"\1CD001\1", offset + 1)
        damage.extend(_lost_sessions(chunk, at))
        at += _CHUNK
    if unread and unread < image.size - _RUN_OUT:  # what is behind the last track of a CD cannot be read
        damage.append(Damage("", f"sector {unread // SECTOR} cannot be read: a session may begin behind it"))
    return None


def _lost_sessions(chunk: bytes, at: int) -> Iterator[Damage]:
    """Report each session whose primary descriptor is lost; the chunk begins at `at`, with a sector."""
    offset = chunk.find(b"CD001\1", SECTOR)
    while offset >= 0:
        before = chunk[offset - SECTOR : offset - SECTOR + 5]
        if offset % SECTOR == 1 and chunk[offset - 1] != _PRIMARY and before != b"CD001":
            sector = (at + offset) // SECTOR
            what = f"the session before sector {sector} was not read: its volume descriptor is damaged"
            yield Damage("", what)
        offset = chunk.find(b"CD001\1", offset + 1)


def _readable_of(image: Readable, at: int, size: int) -> tuple[bytes, int]:
    """Return what can be read, with zeros for what cannot, and where the first of that is (0: none).

    Behind a few sectors that failed only the end is tried, backwards: a session can begin in the middle.
    """
    try:
        return image.read(at, size), 0
    except SourceError:
        pass
    found = bytearray(min(size, image.size - at))
    failed: list[int] = []

    def is_read(offset: int) -> bool:
        try:
            part = image.read(at + offset, SECTOR)
        except SourceError:
            return False
        found[offset : offset + len(part)] = part
        return True

    for offset in range(0, len(found), SECTOR):
        if not is_read(offset):
            failed.append(at + offset)
        if len(failed) == _MOST_FAILED:
            behind = reversed(range(offset + SECTOR, len(found), SECTOR))
            next((one for one in behind if not is_read(one)), None)
            break
    return bytes(found), failed[0] if failed else 0


def _sound_session(image: Readable, begins: int, damage: list[Damage]) -> Session | None:
    """Return the session when its root folder is where it says: not an image that lies inside the image."""
    try:
        session = read_session(image, begins)
    except SourceError:
        session = None
    if session is None:
        return None
    root, block_size = session.primary.root, session.primary.block_size
    if _is_root(image, root.block * block_size, root.block):
        return session
    if root.block * block_size >= begins * SECTOR:  # an image inside the image counts from its own beginning
        damage.append(Damage("", f"the session at sector {begins} was not read: it has no root folder"))
    return None


def _is_root(image: Readable, at: int, block: int) -> bool:
    found = image.read(at, 34)
    return (
        len(found) == 34
        and found[0] >= 34
        and found[32:34] == b"\1\0"
        and found[2:6] == struct.pack("<I", block)
    )


def _descriptor(found: bytes, at: int, *, is_joliet: bool = False) -> Descriptor:
    block_size = struct.unpack_from("<H", found, 128)[0]
    if block_size not in {512, 1024, 2048}:
        raise SourceError("the volume descriptor is damaged", why=f"blocks of {block_size} bytes")
    block, size = struct.unpack_from("<I4xI", found, 158)
    encoding = "utf-16-be" if is_joliet else "latin-1"
    return Descriptor(
        label=found[40:72].decode(encoding, "replace").rstrip(" \0"),
        created=found[813:821].decode("ascii", "replace").strip(" 0\0"),
        system=found[8:40].decode(encoding, "replace").rstrip(" \0"),
        block_size=block_size,
        blocks=struct.unpack_from("<I", found, 80)[0],
        root=IsoRecord("", at + 156, block + found[157], size, _DIRECTORY, is_self=False),
        is_joliet=is_joliet,
    )


def _never() -> Descriptor:
    raise AssertionError("a session has a descriptor")


def _folder(
    image: Readable, volume: Descriptor, folder: IsoRecord, damage: list[Damage]
) -> Iterator[IsoRecord]:
    start = (folder.block - volume.first_block) * volume.block_size
    if folder.size > _MAX_FOLDER_BYTES or not holds(image, [(start, folder.size)]):
        damage.append(
            Damage(folder.path, "the folder lies outside the image or is too large and was not entered")
        )
        return
    try:
        found = image.read(start, folder.size)
    except SourceError as exc:
        damage.append(Damage(folder.path, f"the folder cannot be read: {exc.why}"))
        return
    prefix = f"{folder.path}/" if folder.path else ""
    unpack, unpack_big = _LITTLE.unpack_from, _BIG.unpack_from
    at, end = 0, len(found)
    own: set[bytes] = set()
    while at < end:
        length = found[at]
        if not length:  # a record does not cross a sector: the rest of this one is empty
            at = _sector_end(found, at, folder.path, damage)
            continue
        name_size = found[at + 32] if at + 33 <= end else 255
        if length < 33 + name_size or at + length > end or not name_size:
            damage.append(
                Damage(folder.path, f"the folder is damaged at byte {at}; its other files were not read")
            )
            return
        block, size, flags, unit, gap = unpack(found, at + 2)
        big = unpack_big(found, at + 2)
        name = found[at + 33 : at + 33 + name_size]
        is_self = name in {b"\0", b"\1"}
        if is_self:
            own.add(name)
        use = found[at + 33 + name_size + (name_size + 1) % 2 : at + length]
        attributes = found[at + 1]
        path = prefix + shown_name(name, is_joliet=volume.is_joliet and not is_self)
        if big != (block, size) and big[0] and (big[1] or not size):
            words = f"{size} bytes at block {block}, and {big[1]} bytes at block {big[0]}"
            is_outside = not holds(image, [((block - volume.first_block) * volume.block_size, size)])
            if is_outside and holds(image, [((big[0] - volume.first_block) * volume.block_size, big[1])]):
                block, size = big
            is_made_good = is_outside and (block, size) == big
            damage.append(Damage(path, f"its record says two places: {words}", is_made_good=is_made_good))
        yield IsoRecord(
            path,
            start + at,
            block + attributes,
            size,
            flags,
            is_self,
            name,
            folder.block,
            attributes,
            unit | gap,
            use,
        )
        at += length
    if len(own) < 2:
        damage.append(
            Damage(folder.path, "the folder is damaged: it has no records of itself and its parent")
        )


def _sector_end(found: bytes, at: int, path: str, damage: list[Damage]) -> int:
    """Return where the next sector of a folder begins; nothing but zeros may stand before it.

    Numbers that agree in both byte orders are what is left of a record.
    """
    stop = min(at + SECTOR - at % SECTOR, len(found))
    little, big = struct.Struct("<I4xI").unpack_from, struct.Struct(">4xI4xI").unpack_from
    places = range(at, stop - 33) if found.count(0, at, stop) < stop - at else ()
    if any(little(found, place + 2) == big(found, place + 2) != (0, 0) for place in places):
        damage.append(Damage(path, f"the folder is damaged at byte {at}; files may be missing there"))
    return stop
