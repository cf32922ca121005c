"""The geometry of FAT volumes: the number of clusters makes the type, and it always fits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediakit.fileset.fat_geometry import (
    FAT16_LEAST,
    FAT32_LEAST,
    FatError,
    FatGeometry,
    FatWishes,
    bytes_for,
    clusters_needed,
    geometry_for,
    wishes_of,
)
from mediakit.profile.load import load_profile

GB = 10**9
_SIZES = st.lists(st.integers(0, 3 * GB), min_size=1, max_size=30)


def files_of(sizes: list[int]) -> list[tuple[str, int]]:
    return [(f"DICOM/A{number % 3}/F{number}", size) for number, size in enumerate(sizes)]


def is_right(made: FatGeometry) -> bool:
    """Check what readers go by: the type by the number of clusters, and that the tables hold all of them."""
    by_count = 16 if FAT16_LEAST <= made.clusters < FAT32_LEAST else 32
    held = made.table_sectors * made.sector_bytes // (made.bits // 8)
    return made.bits == by_count and held >= made.clusters + 2 and made.cluster_bytes <= 128 << 10


@given(_SIZES, st.booleans())
def test_the_smallest_volume_holds_all_and_is_what_it_says(sizes: list[int], is_whole: bool) -> None:
    files = files_of(sizes)
    made = geometry_for(files, FatWishes(is_partitioned=not is_whole))
    assert is_right(made)
    assert clusters_needed(files, made.bits, made.cluster_bytes) <= made.clusters
    assert made.size_bytes >= bytes_for(files, FatWishes(is_partitioned=not is_whole))
    assert (made.start == 0) is is_whole


@given(st.integers(8 << 20, 400 * GB))
def test_a_volume_of_any_size_asked_for_is_right_and_not_larger(size_bytes: int) -> None:
    made = geometry_for([("A", 1)], FatWishes(size_bytes=size_bytes))
    assert is_right(made)
    assert size_bytes - made.sector_bytes < made.size_bytes <= size_bytes
    assert made.bits == (32 if size_bytes > 2 << 30 else 16)


@pytest.mark.parametrize(
    ("profile", "size", "bits", "sector_bytes", "cluster_bytes"),
    [
        ("STD-GEN-USB-JPEG", 4 * GB, 32, 512, {4096}),
        ("STD-GEN-USB-JPEG", GB, 16, 512, {16384}),
        ("STD-GEN-SD-JPEG", 4 * GB, 16, 512, {65536}),
        ("STD-CTMR-MOD41", None, 16, 512, {32768, 65536}),
        ("STD-US-ID-SF-MOD23-90", None, 16, 2048, {16384, 32768, 65536, 131072}),
    ],
)
def test_a_medium_has_the_type_and_the_clusters_of_its_annex(
    profile: str, size: int | None, bits: int, sector_bytes: int, cluster_bytes: set[int]
) -> None:
    medium = load_profile(profile).medium
    made = geometry_for(files_of([5_000_000]), wishes_of(medium, size))
    assert (made.bits, made.sector_bytes) == (bits, sector_bytes)
    assert made.cluster_bytes in cluster_bytes
    assert (made.start == 0) is ("MOD" in profile)


@pytest.mark.parametrize(
    ("sizes", "wishes", "why"),
    [
        ([20_000_000], FatWishes(size_bytes=16_000_000), "clusters of"),
        ([1], FatWishes(size_bytes=1_000_000), "no FAT16 volume"),
        ([1], FatWishes(kinds=(16,), size_bytes=8 * GB), "no FAT16 volume"),
        ([4 * GB, GB], FatWishes(kinds=(16,)), "more than a FAT volume"),
    ],
)
def test_what_no_volume_can_hold_is_refused_with_why(sizes: list[int], wishes: FatWishes, why: str) -> None:
    with pytest.raises(FatError, match=why):
        geometry_for(files_of(sizes), wishes)
