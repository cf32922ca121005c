"""Reading around bad sectors, with a medium whose sectors fail as they are told to."""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mediakit.formats.rescue_map import BAD, GOOD, UNTRIED, RescueMap, parse_map
from mediakit.stages.act.salvaging import BLOCK, SECTOR, Reader, Rescue, TimeIsUpError
from tests.support.media import content_of

SECTORS = 400
SIZE = SECTORS * SECTOR - 100  # the last sector is cut short
DATA = content_of("medium", SIZE)


class Faulty:
    """A medium with bad sectors; `heals` are read after so many tries."""

    def __init__(self, bad: set[int], heals: dict[int, int] | None = None) -> None:
        self.size = SIZE
        self.bad = bad
        self.heals = heals or {}
        self.reads: list[tuple[int, int]] = []
        self.tries: Counter[int] = Counter()

    def read(self, offset: int, size: int) -> bytes:
        self.reads.append((offset, size))
        for sector in range(offset // SECTOR, -(-(offset + size) // SECTOR)):
            self.tries[sector] += 1
            if sector in self.bad or self.tries[sector] <= self.heals.get(sector, 0):
                raise OSError(errno.EIO, os.strerror(errno.EIO))
        return DATA[offset : offset + size]


@contextmanager
def rescue_to(tmp_path: Path, deadline: float | None = None) -> Iterator[Rescue]:
    clock = iter(range(10**9))
    fd = os.open(tmp_path / "a.iso", os.O_RDWR | os.O_CREAT)
    try:
        yield Rescue(
            fd=fd,
            image=tmp_path / "a.iso",
            map_path=tmp_path / "a.map",
            map=RescueMap.of(SIZE),
            now=lambda: next(clock) / 10,
            deadline=deadline,
        )
    finally:
        os.close(fd)


def read_all(rescue: Rescue, medium: Faulty, retries: int = 1) -> None:
    reader = Reader(rescue, medium, RescueMap.of(SIZE))
    reader.sweep([(0, SIZE)], is_skipping=True)
    reader.sweep([(0, SIZE)])
    reader.scrape()
    for _ in range(retries):
        reader.retry()


def bad_sectors(rescue: Rescue) -> set[int]:
    return {
        sector
        for start, end, _ in rescue.map.areas({BAD})
        for sector in range(start // SECTOR, -(-end // SECTOR))
    }


@pytest.mark.parametrize(
    "bad", [set(), {0}, {7}, {31, 32}, {SECTORS - 1}, set(range(40, 200)), set(range(0, SECTORS, 3))]
)
def test_every_good_sector_is_read_and_every_bad_one_named(bad: set[int], tmp_path: Path) -> None:
    with rescue_to(tmp_path) as rescue:
        read_all(rescue, Faulty(bad))
        rescue.save()
        assert bad_sectors(rescue) == bad
        assert {status for _, _, status in rescue.map.areas()} <= {BAD, GOOD}
    image = (tmp_path / "a.iso").read_bytes()
    for start, end, _ in rescue.map.areas({GOOD}):
        assert image[start:end] == DATA[start:end]
    assert parse_map((tmp_path / "a.map").read_bytes()) == rescue.map


def test_what_can_be_read_comes_first_in_large_blocks_and_bad_sectors_last(tmp_path: Path) -> None:
    medium = Faulty({40, 41})
    with rescue_to(tmp_path) as rescue:
        read_all(rescue, medium)
    assert all(size == BLOCK for _, size in medium.reads[: SIZE // BLOCK - 1])
    assert medium.reads[-2:] == [(40 * SECTOR, SECTOR), (41 * SECTOR, SECTOR)]
    assert len(medium.reads) < 40


def test_a_sector_that_is_read_at_a_later_try_is_taken(tmp_path: Path) -> None:
    with rescue_to(tmp_path) as rescue:
        read_all(rescue, Faulty(set(), {50: 9}), retries=0)
        assert bad_sectors(rescue) == {50}
    with rescue_to(tmp_path) as rescue:
        read_all(rescue, Faulty(set(), {50: 9}), retries=5)
        assert bad_sectors(rescue) == set()


def test_at_the_time_limit_the_map_has_what_is_in_the_image(tmp_path: Path) -> None:
    with rescue_to(tmp_path, deadline=1.2) as rescue:
        with pytest.raises(TimeIsUpError):
            read_all(rescue, Faulty(set()))
        rescue.save()
        assert 0 < rescue.map.good_bytes() < SIZE
        assert {status for _, _, status in rescue.map.areas()} == {GOOD, UNTRIED}


def test_a_medium_that_ends_early_has_no_bytes_there(tmp_path: Path) -> None:
    medium = Faulty(set())
    with rescue_to(tmp_path) as rescue:
        rescue.map.mark(SIZE, SIZE + 5 * SECTOR, UNTRIED)
        reader = Reader(rescue, medium, RescueMap.of(SIZE + 5 * SECTOR))
        reader.sweep([(0, SIZE + 5 * SECTOR)])
        reader.scrape()
        assert rescue.map.good_bytes() >= SIZE - SECTOR
        assert rescue.map.missing(SIZE + 5 * SECTOR).extents
