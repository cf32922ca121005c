"""The geometry of a FAT volume that is written once: type, clusters, tables and sizes. Pure.

All sizes are known before, so every file is one run of clusters. Source: Microsoft FAT specification 1.03;
PS3.12 Annexes A, M, Q, R, S, T and U.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from msgspec import Struct

from mediakit.profile.model import Medium

ENTRY_BYTES = 32
ROOT_ENTRIES = 512  # of FAT12 and FAT16, the label among them
FAT16_LEAST, FAT32_LEAST = 4085, 65525  # clusters: their number is what makes the type
_FAT32_MOST = 0x0FFFFFF5
_FAT16_VOLUME = 2 << 30  # above it a stick has FAT32
_PARTITION_AT = 1 << 20  # bytes; what today's systems align a first partition to
_RESERVED = {16: 1, 32: 32}  # sectors in front of the tables
# Largest volume in bytes, bytes of a cluster: what Windows formats with, so that all systems read it.
_CLUSTERS = {
    16: (
        *((16 << 20, 1 << 10), (128 << 20, 2 << 10), (256 << 20, 4 << 10), (512 << 20, 8 << 10)),
        *((1 << 30, 16 << 10), (2 << 30, 32 << 10), (4 << 30, 64 << 10)),
    ),
    32: (
        (260 << 20, 512),
        (8 << 30, 4 << 10),
        (16 << 30, 8 << 10),
        (32 << 30, 16 << 10),
        (2 << 40, 32 << 10),
    ),
}


class FatError(ValueError):
    """No FAT volume of these wishes can be made; the text says why."""


class FatWishes(Struct, frozen=True, kw_only=True):
    """What a FAT volume has to be. `size_bytes` is that of the image; None takes the smallest that fits.

    `kinds` are the types allowed (16, 32); `cluster_sectors` the sectors of a cluster that the medium has,
    none: by the size of the volume.
    """

    kinds: tuple[int, ...] = (16, 32)
    sector_bytes: int = 512
    cluster_sectors: tuple[int, ...] = ()
    is_partitioned: bool = True
    size_bytes: int | None = None


class FatGeometry(Struct, frozen=True, kw_only=True):
    """A FAT volume: sizes in sectors of `sector_bytes`, `start` before it, `sectors` in it."""

    bits: int
    sector_bytes: int
    cluster_sectors: int
    start: int
    sectors: int
    table_sectors: int

    @property
    def reserved(self) -> int:
        """Return the sectors in front of the first table."""
        return _RESERVED[self.bits]

    @property
    def root_sectors(self) -> int:
        """Return the sectors of the root folder that are no cluster; 0 on FAT32."""
        return 0 if self.bits == 32 else _up(ROOT_ENTRIES * ENTRY_BYTES, self.sector_bytes)

    @property
    def data_at(self) -> int:
        """Return the first sector of cluster 2."""
        return self.reserved + 2 * self.table_sectors + self.root_sectors

    @property
    def cluster_bytes(self) -> int:
        """Return the size of a cluster."""
        return self.cluster_sectors * self.sector_bytes

    @property
    def clusters(self) -> int:
        """Return how many clusters there are."""
        return (self.sectors - self.data_at) // self.cluster_sectors

    @property
    def size_bytes(self) -> int:
        """Return the size of the whole image."""
        return (self.start + self.sectors) * self.sector_bytes


def wishes_of(medium: Medium, size_bytes: int | None, *, is_partitioned: bool = True) -> FatWishes:
    """Return what a volume for a medium has to be (PS3.12); `size_bytes` is the capacity asked for."""
    kinds = tuple(int(name[3:]) for name in medium.file_systems if name in {"FAT16", "FAT32"})
    return FatWishes(
        kinds=kinds or FatWishes().kinds,
        sector_bytes=medium.sector_bytes,
        cluster_sectors=medium.cluster_sectors,
        is_partitioned=is_partitioned and medium.partitioned,
        size_bytes=size_bytes,
    )


def geometry_for(files: Sequence[tuple[str, int]], wishes: FatWishes) -> FatGeometry:
    """Return the volume for files (path with "/" between components, size in bytes), with room for them.

    Raises FatError when there is none.
    """
    if wishes.size_bytes is not None:
        made = _of_size(wishes, wishes.size_bytes)
        needed = clusters_needed(files, made.bits, made.cluster_bytes)
        if needed > made.clusters:
            raise FatError(
                f"{needed:,} clusters of {made.cluster_bytes:,} bytes are needed, {made.clusters:,} are there"
            )
        return made
    for bits in sorted(wishes.kinds):
        for most_bytes, cluster_bytes in _steps(wishes, bits):
            needed = clusters_needed(files, bits, cluster_bytes)
            least = FAT16_LEAST if bits == 16 else FAT32_LEAST
            clusters = max(needed + needed // 50 + 64, least + 64)
            if bits == 16 and clusters >= FAT32_LEAST:
                continue
            made = _of_clusters(wishes, bits, cluster_bytes // wishes.sector_bytes, clusters)
            is_small = made.sectors * wishes.sector_bytes <= most_bytes
            if is_small and not (bits == 16 and 32 in wishes.kinds and made.size_bytes > _FAT16_VOLUME):
                return made
    raise FatError("it is more than a FAT volume of this medium can hold")


def clusters_needed(files: Sequence[tuple[str, int]], bits: int, cluster_bytes: int) -> int:
    """Return how many clusters files and their folders take."""
    entries = Counter(parents(path for path, _ in files))
    root = entries.pop("", 0)
    content = sum(_up(size, cluster_bytes) for _, size in files)
    folders = sum(_up((count + 2) * ENTRY_BYTES, cluster_bytes) for count in entries.values())
    return content + folders + (_up((root + 1) * ENTRY_BYTES, cluster_bytes) if bits == 32 else 0)


def bytes_for(files: Sequence[tuple[str, int]], wishes: FatWishes) -> int:
    """Return the bytes of a volume of the wished size that files take, what the file system keeps included.

    More than the wished size when they do not fit.
    """
    made = geometry_for(files, wishes) if wishes.size_bytes is None else _of_size(wishes, wishes.size_bytes)
    needed = clusters_needed(files, made.bits, made.cluster_bytes)
    return (made.start + made.data_at) * made.sector_bytes + needed * made.cluster_bytes


def _of_size(wishes: FatWishes, size_bytes: int) -> FatGeometry:
    sectors = size_bytes // wishes.sector_bytes - _start(wishes)
    bits = max(wishes.kinds) if size_bytes > _FAT16_VOLUME else min(wishes.kinds)
    for most_bytes, cluster_bytes in _steps(wishes, bits):
        if sectors * wishes.sector_bytes > most_bytes:
            continue
        per_cluster = cluster_bytes // wishes.sector_bytes
        table = 1
        while True:  # the tables take room from the clusters that they count
            made = FatGeometry(
                bits=bits,
                sector_bytes=wishes.sector_bytes,
                cluster_sectors=per_cluster,
                start=_start(wishes),
                sectors=sectors,
                table_sectors=table,
            )
            wanted = _table_sectors(made.clusters, bits, wishes.sector_bytes)
            if wanted <= table:
                break
            table = wanted
        if made.clusters < (FAT16_LEAST if bits == 16 else FAT32_LEAST):
            break
        if bits == 16 and made.clusters >= FAT32_LEAST:
            continue
        return made
    raise FatError(f"no FAT{bits} volume of {size_bytes:,} bytes can be made for this medium")


def _of_clusters(wishes: FatWishes, bits: int, cluster_sectors: int, clusters: int) -> FatGeometry:
    table = _table_sectors(clusters, bits, wishes.sector_bytes)
    root = 0 if bits == 32 else _up(ROOT_ENTRIES * ENTRY_BYTES, wishes.sector_bytes)
    return FatGeometry(
        bits=bits,
        sector_bytes=wishes.sector_bytes,
        cluster_sectors=cluster_sectors,
        start=_start(wishes),
        sectors=_RESERVED[bits] + 2 * table + root + clusters * cluster_sectors,
        table_sectors=table,
    )


def _steps(wishes: FatWishes, bits: int) -> Iterable[tuple[int, int]]:
    if wishes.cluster_sectors:
        return [((4 << 30) * 8, count * wishes.sector_bytes) for count in sorted(wishes.cluster_sectors)]
    return [(most, max(size, wishes.sector_bytes)) for most, size in _CLUSTERS[bits]]


def _start(wishes: FatWishes) -> int:
    return _PARTITION_AT // wishes.sector_bytes if wishes.is_partitioned else 0


def _table_sectors(clusters: int, bits: int, sector_bytes: int) -> int:
    return _up((clusters + 2) * (bits // 8), sector_bytes)


def parents(paths: Iterable[str]) -> list[str]:
    """Return the parent of every file and of every folder, once for each entry in it."""
    folders: set[str] = {""}
    parents: list[str] = []
    for path in paths:
        parent = path.rpartition("/")[0]
        parents.append(parent)
        while parent not in folders:
            folders.add(parent)
            parent = parent.rpartition("/")[0]
            parents.append(parent)
    return parents


def _up(size: int, unit: int) -> int:
    return -(-size // unit)
