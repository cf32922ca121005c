"""A small FAT image spelled out by hand, to be broken on purpose."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

SECTOR = 512
END = {12: 0xFFF, 16: 0xFFFF, 32: 0x0FFFFFFF}
BAD = {12: 0xFF7, 16: 0xFFF7, 32: 0x0FFFFFF7}
CLUSTERS = {12: 200, 16: 5000, 32: 5000}  # FAT32 is told by its boot sector also when it is so small
_TABLE_SECTORS = {12: 1, 16: 20, 32: 40}
_ROOT_ENTRIES = 64


def short_entry(
    name: str, cluster: int, size: int = 0, *, attributes: int = 0x20, case: int = 0, raw: bytes = b""
) -> bytes:
    """Return one folder entry; `raw` are 11 bytes in place of the name."""
    stem, _, ending = name.partition(".")
    stored = raw or stem.encode("cp437").ljust(8) + ending.encode("cp437").ljust(3)
    return struct.pack("<11sBB7xHHHHI", stored, attributes, case, cluster >> 16, 0, 0, cluster & 0xFFFF, size)


def long_entries(name: str, short: str) -> bytes:
    """Return the entries of a long name as they stand before the short one."""
    stem, _, ending = short.partition(".")
    check = 0
    for byte in stem.encode("cp437").ljust(8) + ending.encode("cp437").ljust(3):
        check = ((check >> 1 | check << 7) + byte) & 0xFF
    units = name.encode("utf-16-le")
    if len(units) % 26:
        units = (units + b"\0\0").ljust(-(-(len(units) + 2) // 26) * 26, b"\xff")
    count = len(units) // 26
    parts = []
    for number in range(count, 0, -1):
        part = units[(number - 1) * 26 : number * 26]
        sequence = number | (0x40 if number == count else 0)
        parts.append(
            struct.pack("<B10sBBB12sH4s", sequence, part[:10], 0x0F, 0, check, part[10:22], 0, part[22:])
        )
    return b"".join(parts)


@dataclass
class FatImage:
    """One sector per cluster, two tables. Chains are written as they are told, sound or not."""

    bits: int = 16
    chains: dict[int, int] = field(default_factory=dict)  # in both tables
    second: dict[int, int] = field(default_factory=dict)  # in the second table only
    root: list[bytes] = field(default_factory=list)
    clusters: dict[int, bytes] = field(default_factory=dict)
    next: int = 3  # cluster 2 is the root of FAT32

    def add(self, name: str, content: bytes, case: int = 0) -> int:
        """Put a file into the root and return its first cluster."""
        first = self.take(content)
        self.root.append(short_entry(name, first, len(content), case=case))
        return first

    def add_folder(self, name: str, *entries: bytes) -> int:
        """Put a folder into the root and return its first cluster."""
        dots = short_entry("", self.next, raw=b".".ljust(11), attributes=0x10)
        dots += short_entry("", 0, raw=b"..".ljust(11), attributes=0x10)
        first = self.take(dots + b"".join(entries))
        self.root.append(short_entry(name, first, attributes=0x10))
        return first

    def take(self, content: bytes) -> int:
        """Write bytes to clusters in a row and return the first, 0 for no bytes."""
        first, count = self.next, -(-len(content) // SECTOR)
        for number in range(count):
            self.clusters[first + number] = content[number * SECTOR : (number + 1) * SECTOR]
            self.chains[first + number] = first + number + 1 if number + 1 < count else END[self.bits]
        self.next += count
        return first if count else 0

    def build(self) -> bytes:
        """Return the image."""
        is_wide = self.bits == 32
        table_sectors, root_sectors = _TABLE_SECTORS[self.bits], 0 if is_wide else _ROOT_ENTRIES // 16
        held = b"".join(self.root)
        chains = dict(self.chains)
        if is_wide:
            self.clusters[2], chains[2] = held[:SECTOR], END[32]
            held = b""
        reserved = 32 if is_wide else 1
        total = reserved + 2 * table_sectors + root_sectors + CLUSTERS[self.bits]
        data = b"".join(
            self.clusters.get(number, b"").ljust(SECTOR, b"\0")
            for number in range(2, CLUSTERS[self.bits] + 2)
        )
        boot = self._boot(total, table_sectors)
        return b"".join(
            (
                boot.ljust(reserved * SECTOR, b"\0"),
                self._table(chains, table_sectors),
                self._table({**chains, **self.second}, table_sectors),
                held.ljust(root_sectors * SECTOR, b"\0"),
                data,
            )
        )

    def _boot(self, total: int, table_sectors: int) -> bytes:
        is_wide = self.bits == 32
        boot = bytearray(SECTOR)
        boot[:11] = b"\xeb\x3c\x90MSDOS5.0"
        struct.pack_into(
            "<HBHBHHBH", boot, 11, SECTOR, 1, 32 if is_wide else 1, 2, 0 if is_wide else _ROOT_ENTRIES,
            0, 0xF8, 0 if is_wide else table_sectors,
        )  # fmt: skip
        struct.pack_into("<I", boot, 32, total)
        if is_wide:
            struct.pack_into("<IHHIHH", boot, 36, table_sectors, 0, 0, 2, 1, 6)
        boot[510:] = b"\x55\xaa"
        return bytes(boot)

    def _table(self, chains: dict[int, int], sectors: int) -> bytes:
        rows = [0] * (CLUSTERS[self.bits] + 2)
        rows[0], rows[1] = END[self.bits] & ~0xFF | 0xF8, END[self.bits]
        for at, value in chains.items():
            rows[at] = value
        if self.bits == 12:
            whole = sum(value << 12 * number for number, value in enumerate(rows))
            return whole.to_bytes(sectors * SECTOR, "little")
        return struct.pack(f"<{len(rows)}{'I' if self.bits == 32 else 'H'}", *rows).ljust(
            sectors * SECTOR, b"\0"
        )


def mbr(*volumes: tuple[int, bytes], sector: int = 512) -> bytes:
    """Return a disk with a partition table: type byte and bytes of each partition, from 1 MiB on."""
    disk = bytearray(1 << 20)
    for number, (kind, content) in enumerate(volumes):
        struct.pack_into(
            "<BxxxBxxxII", disk, 446 + 16 * number, 0, kind, len(disk) // sector, len(content) // sector
        )
        disk += content.ljust(-(-len(content) // sector) * sector, b"\0")
    disk[510:512] = b"\x55\xaa"
    return bytes(disk)
