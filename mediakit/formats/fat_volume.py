"""Where the FAT volume of a disk begins and how it is laid out: boot sectors and partition tables.

No folder and no chain is read here. Other file systems are recognised so far as to name them in a refusal.
Source: Microsoft FAT specification 1.03; UEFI 5.3 (GPT); PS3.12 Annexes A and R.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterator, Sequence

from msgspec import Struct

from mediakit.errors import SourceError
from mediakit.formats.fat_names import ENTRY_BYTES
from mediakit.formats.readable import Readable, WithoutGaps
from mediakit.volume import Damage

_SECTOR_SIZES = (512, 1024, 2048, 4096)
_BACKUP_AT = 6 * 512  # where FAT32 keeps a second boot sector
_FAT12_BELOW, _FAT16_BELOW = 4085, 65525  # clusters
_TABLE_AT, _SIGNATURE_AT = 446, 510
_PROTECTIVE = 0xEE
_EFI_SYSTEM = 0xEF
_SYSTEM = frozenset(
    uuid.UUID(text).bytes_le
    for text in (
        "C12A7328-F81F-11D2-BA4B-00A0C93EC93B",  # EFI system partition
        "E3C9E316-0B5C-4DB8-817D-F92DF00215AE",  # Microsoft reserved
        "21686148-6449-6E6F-744E-656564454649",  # BIOS boot
    )
)
_MAX_GPT_ENTRIES = 128
_MAX_PLACES = 8  # volumes that are read of one disk
_BLANK_BYTES = 68 * 1024  # every file system has something here
_FOREIGN = {b"EXFAT   ": "exFAT", b"NTFS    ": "NTFS", b"-FVE-FS-": "BitLocker"}
_TAKES_FAT = "PS3.12 Annex R takes FAT only; mount the medium and give its folder to read it all the same"


class Boot(Struct, frozen=True, kw_only=True):
    """A FAT volume by its boot sector. All `_at` are bytes of the image.

    `clusters` counts data clusters; they are numbered from 2. `root_cluster` is 0 where the root is no chain
    but the `root_bytes` at `root_at` (FAT12, FAT16). `first_table` is the number of the FAT copy in use.
    """

    at: int
    bits: int  # 12, 16 or 32
    sector_bytes: int
    sectors_per_cluster: int
    tables_at: int
    table_bytes: int
    tables: int
    first_table: int
    root_at: int
    root_bytes: int
    root_cluster: int
    data_at: int
    clusters: int
    end_at: int  # where the volume says that it ends
    media: int
    label: str = ""

    @property
    def cluster_bytes(self) -> int:
        """Return the size of a cluster in bytes."""
        return self.sector_bytes * self.sectors_per_cluster


class Partition(Struct, frozen=True):
    """One used entry of a partition table; `at` and `size` are in bytes.

    `number` counts from 1; `kind` is the type byte of the table.
    """

    number: int
    kind: int
    at: int
    size: int
    is_data: bool = True  # False for partitions that serve to start the computer


class Place(Struct, frozen=True, kw_only=True):
    """A FAT volume and the partition that it lies in: number and type are 0 on an unpartitioned disk."""

    boot: Boot
    partition: int = 0
    partition_type: int = 0
    partitions: int = 0
    damage: tuple[Damage, ...] = ()


def locate(image: Readable, where: str, damage: list[Damage]) -> list[Place]:
    """Return the FAT volumes of a disk: the whole of it, or its FAT partitions.

    What else lies there is in `damage`. Raises SourceError when there is no FAT, and then names what is
    there. Source: PS3.12 Annex R.
    """
    if boot := read_boot(image, 0):
        return [Place(boot=boot)]
    if name := _foreign(image, 0):
        raise SourceError(f"is {name}, not FAT", where=where, hint=_TAKES_FAT)
    found = partitions(image)
    if places := fat_places(image, found, damage):
        return places
    if found:
        raise SourceError(
            "has partitions, but none with FAT",
            where=where,
            why=", ".join(f"partition {one.number} is {_name_of(image, one)}" for one in found[:8]),
            hint=_TAKES_FAT,
        )
    if boot := _backup_boot(image):
        used = Damage("", "the boot sector is damaged; its backup copy was used", is_made_good=True)
        return [Place(boot=boot, damage=(used,))]
    raise SourceError("is not a FAT volume", where=where, hint="the boot sector is missing or damaged")


def fat_places(image: Readable, found: Sequence[Partition], damage: list[Damage]) -> list[Place]:
    """Return the FAT volumes among partitions. Others that may hold files are named in `damage`."""
    places: dict[int, Place] = {}
    for one in found:
        if not one.is_data or one.at in places:
            continue
        boot = read_boot(image, one.at)
        if boot is None:
            if not _is_blank(image, one):
                name = _name_of(image, one)
                damage.append(Damage("", f"partition {one.number} is {name}, not FAT, and was not read"))
        elif len(places) >= _MAX_PLACES:
            damage.append(Damage("", f"partition {one.number} was not read: there are too many"))
        else:
            places[one.at] = Place(
                boot=boot, partition=one.number, partition_type=one.kind, partitions=len(found)
            )
    return list(places.values())


def is_disk(image: Readable) -> bool:
    """Return True for a volume, a disk of partitions, and FAT32 that has lost its boot sector."""
    return is_volume(image) or bool(partitions(image) or _backup_boot(image))


def is_volume(image: Readable) -> bool:
    """Return True when an unpartitioned volume begins the image: FAT, or one refused by name."""
    boot = read_boot(image, 0)
    return bool(_foreign(image, 0)) or (boot is not None and _has_table(image, boot))


def lies_behind(image: Readable, end: int) -> bool:
    """Return True when a FAT partition is there, and no partition holds any of the first `end` bytes.

    What stands before all partitions is left over from an earlier use of the disk.
    """
    found = partitions(image)
    return (
        bool(found)
        and all(one.at >= end for one in found)
        and any(one.is_data and read_boot(image, one.at) for one in found)
    )


def read_boot(image: Readable, at: int) -> Boot | None:
    """Return the volume whose boot sector stands at this byte, or None when none that makes sense does.

    The number of clusters says which FAT it is; the text in the boot sector means nothing.
    """
    found = image.read(at, 512)
    if len(found) < 512 or (found[510:512] != b"\x55\xaa" and found[0] not in {0xEB, 0xE9}):
        return None
    sector, per_cluster, reserved, tables, root_entries, few, media, short_table = struct.unpack_from(
        "<HBHBHHBH", found, 11
    )
    many, long_table, flags, _version, root_cluster = struct.unpack_from("<IIHHI", found, 32)
    is_long = short_table == 0
    sectors, table = few or many, (long_table if is_long else short_table) * sector
    if (
        sector not in _SECTOR_SIZES
        or per_cluster not in {1, 2, 4, 8, 16, 32, 64, 128}
        or not (reserved and tables in {1, 2} and sectors and table)
        or not (media == 0xF0 or media >= 0xF8)
        or is_long == bool(root_entries)
    ):
        return None
    root_at = reserved * sector + tables * table
    root_bytes = -(-root_entries * ENTRY_BYTES // sector) * sector
    data_at = root_at + root_bytes
    clusters = (sectors * sector - data_at) // (per_cluster * sector)
    bits = 32 if is_long else 12 if clusters < _FAT12_BELOW else 16
    if clusters < 1:
        return None
    if bits == 16:
        clusters = min(clusters, _FAT16_BELOW - 1)
    return Boot(
        at=at,
        bits=bits,
        sector_bytes=sector,
        sectors_per_cluster=per_cluster,
        tables_at=at + reserved * sector,
        table_bytes=table,
        tables=tables,
        first_table=flags & 0x0F if is_long and flags & 0x80 and flags & 0x0F < tables else 0,
        root_at=at + root_at,
        root_bytes=root_bytes,
        root_cluster=root_cluster if is_long else 0,
        data_at=at + data_at,
        clusters=min(clusters, table * 8 // bits - 2),
        end_at=at + sectors * sector,
        media=media,
        label=_label(found, 71 if is_long else 43),
    )


def partitions(image: Readable) -> tuple[Partition, ...]:
    """Return the used entries of the partition table, of a GPT where there is one; () when there is none.

    A first sector that cannot be read has none: an optical disc does not need it.
    """
    found = WithoutGaps(image).read(0, 512)
    if len(found) < 512 or found[_SIGNATURE_AT:] != b"\x55\xaa":
        return ()
    rows = [struct.unpack_from("<BxxxBxxxII", found, _TABLE_AT + 16 * row) for row in range(4)]
    if any(status not in {0, 0x80} for status, *_ in rows):
        return ()
    used = [  # hybrid ISO images have active partitions of type 0, and some that begin at 0
        (row, kind, first, size)
        for row, (status, kind, first, size) in enumerate(rows, 1)
        if (kind or status) and size
    ]
    if any(kind == _PROTECTIVE for _, kind, _, _ in used) and (table := tuple(_gpt(image))):
        return table
    sector = _table_sector(image, [first for _, _, first, _ in used])
    return tuple(
        Partition(row, kind, first * sector, size * sector, kind != _EFI_SYSTEM)
        for row, kind, first, size in used
        if first * sector < image.size
    )


def _table_sector(image: Readable, firsts: list[int]) -> int:
    """Return the unit that a partition table counts in: it does not say, so the volumes tell."""
    for sector in _SECTOR_SIZES:
        if any(read_boot(image, first * sector) or _foreign(image, first * sector) for first in firsts):
            return sector
    return 512


def _gpt(image: Readable) -> Iterator[Partition]:
    """Yield the used entries of the GUID partition table, or of its copy at the end of the disk."""
    for sector in _SECTOR_SIZES:
        for at in (sector, image.size - sector):
            header = image.read(max(at, 0), 92)
            if len(header) < 92 or header[:8] != b"EFI PART":
                continue
            block, count, size = struct.unpack_from("<QII", header, 72)
            if size < 128 or size > 4096 or block * sector >= image.size:
                continue
            table = image.read(block * sector, min(count, _MAX_GPT_ENTRIES) * size)
            yield from _gpt_entries(table, size, sector, image.size)
            return


def _gpt_entries(table: bytes, size: int, sector: int, end: int) -> Iterator[Partition]:
    for row in range(len(table) // size):
        kind = table[row * size : row * size + 16]
        first, last = struct.unpack_from("<QQ", table, row * size + 32)
        if any(kind) and first * sector < end:
            length = max(0, last + 1 - first) * sector
            yield Partition(row + 1, _PROTECTIVE, first * sector, length, kind not in _SYSTEM)


def _backup_boot(image: Readable) -> Boot | None:
    """Return an unpartitioned FAT32 volume by the copy of its boot sector."""
    found = image.read(_BACKUP_AT, 512)
    if len(found) < 512 or found[510:512] != b"\x55\xaa" or found[50:52] != b"\6\0":
        return None
    boot = read_boot(_Moved(image, _BACKUP_AT), 0)
    return boot if boot and boot.bits == 32 and boot.sector_bytes == 512 and _has_table(image, boot) else None


class _Moved:
    """An image seen from a later byte on."""

    def __init__(self, image: Readable, by: int) -> None:
        self._image = image
        self._by = by
        self.size = image.size - by

    def read(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes at `offset`."""
        return self._image.read(offset + self._by, size)


def _has_table(image: Readable, boot: Boot) -> bool:
    """Return True when a FAT begins as every FAT does, with the media byte."""
    starts = (boot.tables_at + copy * boot.table_bytes for copy in range(boot.tables))
    return any(image.read(start, 2) == bytes((boot.media, 0xFF)) for start in starts)


def _foreign(image: Readable, at: int) -> str:
    found = image.read(at, 512)
    return _FOREIGN.get(found[3:11], "") if found[510:] == b"\x55\xaa" else ""


def _is_blank(image: Readable, one: Partition) -> bool:
    return not any(image.read(one.at, min(one.size, _BLANK_BYTES)))


def _name_of(image: Readable, one: Partition) -> str:
    return _foreign(image, one.at) or f"of type 0x{one.kind:02X}"


def _label(found: bytes, at: int) -> str:
    has_label = found[at - 5] == 0x29
    label = found[at : at + 11].decode("cp437").rstrip(" \0") if has_label else ""
    return "" if label == "NO NAME" else label
