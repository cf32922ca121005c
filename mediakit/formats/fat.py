"""Writing FAT16 and FAT32 images for sticks, cards and magneto-optical disks. Files are runs of clusters.

Only short names, in upper case as File IDs are. Source: Microsoft FAT specification 1.03; PS3.12 Annexes A,
M, Q to U.
"""

from __future__ import annotations

import hashlib
import os
import re
import struct
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from sys import byteorder

from mediakit.durable import check_room, reserve, write_all, written_file
from mediakit.errors import DoesNotFit
from mediakit.events import Listener
from mediakit.fileset.fat_geometry import (
    ENTRY_BYTES,
    ROOT_ENTRIES,
    FatError,
    FatGeometry,
    FatWishes,
    geometry_for,
)
from mediakit.findings import printable
from mediakit.formats import moment
from mediakit.formats.base import Entry, Order, Receipt
from mediakit.formats.legal import SHORT_NAME, check_paths
from mediakit.formats.stream_copy import Pourer

_LABEL = re.compile(r"[A-Z0-9_]{0,11}")
_MAX_FILE_BYTES = {16: 2**31 - 1, 32: 2**32 - 1}
_MAX_FOLDER_ENTRIES = 65536  # of a folder, "." and ".." among them
_ARCHIVE, _FOLDER, _LABEL_ENTRY = 0x20, 0x10, 0x08
_FIXED_DISK = 0xF8  # media byte
_PARTITION = {16: 0x0E, 32: 0x0C}  # types of the partition table, addressed by blocks
_FIRST = 2  # the first cluster
_INFORMATION_AT, _BACKUP_AT = 1, 6  # sectors of FAT32
_HEADS, _TRACK_SECTORS = 255, 63


@dataclass(slots=True)
class _Run:
    """A file or folder: its first cluster (0: none) and how many it has."""

    first: int = 0
    count: int = 0


@dataclass(slots=True)
class _Folder:
    """A folder, its entries as recorded, and where it lies."""

    path: str
    children: list[tuple[str, int]] = field(default_factory=list)  # name, number of the entry; -1 is a folder
    run: _Run = field(default_factory=_Run)


class FatSink:
    """Writes a FAT16 or FAT32 image, by the medium and the size; partitioned unless that was not wanted."""

    suffixes = (".img",)
    file_systems = ("FAT16", "FAT32")
    max_file_bytes: int | None = _MAX_FILE_BYTES[32]
    is_folder = False

    def check(self, entries: Sequence[Entry], order: Order) -> int:
        """Return the size in bytes; see `Sink`."""
        return _Plan(entries, check_paths(entries), order).used_bytes

    def write(self, entries: Sequence[Entry], part: Path, order: Order, tell: Listener) -> Receipt:
        """Write the image; see `Sink`. Raises DoesNotFit for what FAT cannot hold."""
        plan = _Plan(entries, check_paths(entries), order)
        geometry = plan.geometry
        with written_file(part) as fd, Pourer(tell, order.checksum) as pourer:
            check_room(part, plan.used_bytes)
            os.ftruncate(fd, geometry.size_bytes)  # what is behind the last file stays a hole
            reserve(fd, plan.offset_of(0), plan.used_bytes - plan.offset_of(0))
            for at, content in plan.structure():
                os.lseek(fd, at, os.SEEK_SET)
                write_all(fd, content)
            for entry, run in zip(entries, plan.runs, strict=True):
                pourer.pour_at(entry, fd, plan.offset_of(run.first))
            sums = pourer.finish()
        return Receipt(target=part, size_bytes=geometry.size_bytes, sums=sums, checksum=order.checksum)


class _Plan:
    """Where everything lies, for one image. Folders come first, then the files in their order."""

    def __init__(self, entries: Sequence[Entry], folders: Sequence[str], order: Order) -> None:
        self.entries, self.order = entries, order
        self.geometry = _checked(entries, folders, order)
        self.folders = {path: _Folder(path) for path in ("", *folders)}
        for path in folders:
            parent, _, name = path.rpartition("/")
            self.folders[parent].children.append((name, -1))
        for number, entry in enumerate(entries):
            parent, _, name = entry.path.rpartition("/")
            self.folders[parent].children.append((name, number))
        self._next = _FIRST
        for folder in self.folders.values():
            self._check_folder(folder)
            if folder.path or self.geometry.bits == 32:
                own = 2 if folder.path else bool(order.label)
                folder.run = self._run((len(folder.children) + own) * ENTRY_BYTES or 1)
        self.runs = [self._run(entry.size) for entry in entries]

    @property
    def used_bytes(self) -> int:
        """Return the bytes up to the end of the last file; what is behind stays a hole."""
        return self.offset_of(self._next)

    def offset_of(self, cluster: int) -> int:
        """Return the byte of the image at which a cluster begins."""
        made = self.geometry
        first = (made.start + made.data_at) * made.sector_bytes
        return first + max(cluster - _FIRST, 0) * made.cluster_bytes

    def structure(self) -> Iterator[tuple[int, bytes]]:
        """Yield everything but the files, with its byte in the image."""
        made = self.geometry
        begin = made.start * made.sector_bytes
        if made.start:
            yield 0, self._partition_table()
        boot = self._boot_sector()
        yield begin, boot
        if made.bits == 32:
            information = self._information_sector()
            yield begin + _INFORMATION_AT * made.sector_bytes, information
            yield begin + _BACKUP_AT * made.sector_bytes, boot
            yield begin + (_BACKUP_AT + _INFORMATION_AT) * made.sector_bytes, information
        table = self._table()
        for copy in range(2):
            yield begin + (made.reserved + copy * made.table_sectors) * made.sector_bytes, table
        root_at = begin + (made.reserved + 2 * made.table_sectors) * made.sector_bytes
        for folder in self.folders.values():
            yield self.offset_of(folder.run.first) if folder.run.first else root_at, self._folder(folder)

    def _run(self, size: int) -> _Run:
        count = -(-size // self.geometry.cluster_bytes)
        run = _Run(self._next if count else 0, count)
        self._next += count
        return run

    def _check_folder(self, folder: _Folder) -> None:
        count = len(folder.children)
        if not folder.path and self.geometry.bits == 16 and count >= ROOT_ENTRIES:
            why = f"{count} names, and FAT16 has room for {ROOT_ENTRIES - 1}"
            raise DoesNotFit("the root folder has too many names", why=why)
        if count + 2 > _MAX_FOLDER_ENTRIES:
            raise DoesNotFit(
                "a folder has more names than FAT can hold", where=folder.path, why=f"{count} names"
            )

    def _table(self) -> bytes:
        """Return the used part of a file allocation table: chains are runs, so each entry names the next."""
        end = 0xFFFF if self.geometry.bits == 16 else 0x0FFFFFFF
        table = array("H" if self.geometry.bits == 16 else "I", range(1, self._next + 1))
        table[0], table[1] = end & ~0xFF | _FIXED_DISK, end
        for run in (*(folder.run for folder in self.folders.values()), *self.runs):
            if run.count:
                table[run.first + run.count - 1] = end
        if byteorder == "big":
            table.byteswap()
        return table.tobytes()

    def _folder(self, folder: _Folder) -> bytes:
        when = _dos(self.order)
        entries: list[bytes] = []
        if folder.path:
            parent = self.folders[folder.path.rpartition("/")[0]]
            above = parent.run.first if parent.path else 0
            entries += [_entry(b".", _FOLDER, when, folder.run.first), _entry(b"..", _FOLDER, when, above)]
        elif self.order.label:
            entries.append(struct.pack("<11sB10xHHHI", self._label(), _LABEL_ENTRY, *when, 0, 0))
        prefix = f"{folder.path}/" if folder.path else ""
        for name, number in folder.children:
            if number < 0:
                entries.append(_entry(_short(name), _FOLDER, when, self.folders[prefix + name].run.first))
            else:
                first, size = self.runs[number].first, self.entries[number].size
                entries.append(_entry(_short(name), _ARCHIVE, when, first, size))
        return b"".join(entries)

    def _boot_sector(self) -> bytes:
        made = self.geometry
        is_32 = made.bits == 32
        sectors, tables = made.sectors, made.table_sectors
        small = sectors if sectors < 0x10000 and not is_32 else 0
        head = struct.pack(
            "<3s8sHBHBHHBHHHII",
            b"\xeb\x58\x90" if is_32 else b"\xeb\x3c\x90",
            b"MEDIAKIT",
            *(made.sector_bytes, made.cluster_sectors, made.reserved, 2, 0 if is_32 else ROOT_ENTRIES, small),
            *(
                _FIXED_DISK,
                0 if is_32 else tables,
                _TRACK_SECTORS,
                _HEADS,
                made.start,
                0 if small else sectors,
            ),
        )
        if is_32:
            head += struct.pack("<IHHIHH12x", tables, 0, 0, _FIRST, _INFORMATION_AT, _BACKUP_AT)
        serial, kind = _serial(self), b"FAT32   " if is_32 else b"FAT16   "
        head += struct.pack("<BxBI11s8s", 0x80, 0x29, serial, self._label() or b"NO NAME    ", kind)
        return head.ljust(510, b"\0") + b"\x55\xaa"

    def _information_sector(self) -> bytes:
        """Return FSInfo: how many clusters are free, and the first of them."""
        free = self.geometry.clusters + _FIRST - self._next
        following = self._next if free else 0xFFFFFFFF
        return struct.pack("<4s480x4sII12x4s", b"RRaA", b"rrAa", free, following, b"\0\0\x55\xaa")

    def _partition_table(self) -> bytes:
        made = self.geometry
        first, last = _chs(made.start), _chs(made.start + made.sectors - 1)
        row = struct.pack("<B3sB3sII", 0, first, _PARTITION[made.bits], last, made.start, made.sectors)
        return bytes(440) + struct.pack("<I2x", _serial(self)) + row + bytes(48) + b"\x55\xaa"

    def _label(self) -> bytes:
        return self.order.label.encode("ascii").ljust(11) if self.order.label else b""


def _checked(entries: Sequence[Entry], folders: Sequence[str], order: Order) -> FatGeometry:
    """Return the geometry of a volume that can hold all of it. Raises DoesNotFit."""
    if not _LABEL.fullmatch(order.label):
        hint = "name a shorter File-set ID"
        raise DoesNotFit("the label is not one of FAT", why="0 to 11 characters of A-Z 0-9 _", hint=hint)
    for path in (*folders, *(entry.path for entry in entries)):
        if not SHORT_NAME.fullmatch(path.rpartition("/")[2]):
            why = "a name has 8 characters of A-Z 0-9 _, then a dot and 3 if any"
            raise DoesNotFit(
                "cannot stand on FAT as a short name", where=printable(path), why=why, hint="rename it"
            )
    wishes = order.fat or FatWishes()
    try:
        geometry = geometry_for([(entry.path, entry.size) for entry in entries], wishes)
    except FatError as exc:
        hint = "split the content over several media, or ask for another `--capacity`"
        raise DoesNotFit("the FAT volume cannot be made", why=str(exc), hint=hint) from exc
    most = _MAX_FILE_BYTES[geometry.bits]
    for entry in entries:
        if entry.size > most:
            why = f"{entry.size:,} bytes, and a file on FAT{geometry.bits} has at most {most:,}"
            raise DoesNotFit("is too large for the volume", where=printable(entry.path), why=why)
    return geometry


def _entry(name: bytes, attributes: int, when: tuple[int, int], first: int, size: int = 0) -> bytes:
    """Return a folder entry; the time is that of creation, last access and last change."""
    time, date = when
    return struct.pack(
        "<11sB2xHHHHHHHI",
        name.ljust(11),
        attributes,
        time,
        date,
        date,
        first >> 16,
        time,
        date,
        first & 0xFFFF,
        size,
    )


def _short(name: str) -> bytes:
    stem, _, extension = name.partition(".")
    return f"{stem:<8}{extension:<3}".encode("ascii")


def _dos(order: Order) -> tuple[int, int]:
    """Return time and date in the steps of FAT: two seconds, years from 1980."""
    year, month, day, hour, minute, second = moment.dos(order.when)
    return hour << 11 | minute << 5 | second // 2, (year - 1980) << 9 | month << 5 | day


def _serial(plan: _Plan) -> int:
    """Return a serial number of the volume: the same content gets the same one."""
    content = hashlib.sha256(f"{plan.order.label} {moment.epoch_ns(plan.order.when)}\n".encode())
    for entry in plan.entries:
        content.update(f"{entry.path!a} {entry.size}\n".encode())
    return int.from_bytes(content.digest()[:4], "little")


def _chs(sector: int) -> bytes:
    """Return a sector as cylinder, head, sector; what is too far has the largest values."""
    cylinder, rest = divmod(sector, _HEADS * _TRACK_SECTORS)
    if cylinder > 1023:
        return b"\xfe\xff\xff"
    head, number = divmod(rest, _TRACK_SECTORS)
    return bytes((head, cylinder >> 2 & 0xC0 | number + 1, cylinder & 0xFF))
