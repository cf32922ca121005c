"""Salvage beside GNU ddrescue: its damaged copies are completed, and each goes on where the other stopped."""

from __future__ import annotations

from pathlib import Path

import pytest

from mediakit.formats.rescue_map import GOOD, parse_map
from mediakit.journeys.salvage import SalvageOrder, salvage
from mediakit.outcome import Outcome
from tests.support.peers import need, run
from tests.support.studies import CT_FOLDER, burnt_to

pytestmark = pytest.mark.interop

SECTOR = 2048


@pytest.fixture
def disc(tmp_path: Path) -> Path:
    need("ddrescue", "ddrescuelog")
    assert burnt_to(tmp_path / "disc.iso", CT_FOLDER).result.outcome is Outcome.GOOD
    return tmp_path / "disc.iso"


def damaged(disc: Path, name: str, bad: list[tuple[int, int]]) -> Path:
    """Let ddrescue read the disc as a drive with bad sectors (first, how many)."""
    at, lines = 0, ["0 ? 1"]
    for first, many in bad:
        lines += [f"{at} {first * SECTOR - at} +", f"{first * SECTOR} {many * SECTOR} -"]
        at = (first + many) * SECTOR
    lines.append(f"{at} {disc.stat().st_size - at} +")
    faults, copy = disc.with_name(f"{name}.faults"), disc.with_name(f"{name}.iso")
    faults.write_text("\n".join([*lines, ""]))
    done = run(
        "ddrescue", "-q", "-H", str(faults), "-b2048", str(disc), str(copy), str(copy.with_suffix(".map"))
    )
    assert done.returncode == 0, done.stderr
    return copy


def rescued(map_path: Path) -> str:
    done = run("ddrescuelog", "-t", str(map_path))
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_its_damaged_copies_give_the_whole_disc_and_it_agrees(disc: Path, tmp_path: Path) -> None:
    one = damaged(disc, "one", [(50, 9), (100, 1)])
    two = damaged(disc, "two", [(20, 1), (70, 30)])
    out = tmp_path / "whole.iso"
    assert salvage([one, two], SalvageOrder(out=out)).outcome is Outcome.GOOD
    assert out.read_bytes() == disc.read_bytes()
    assert run("ddrescuelog", "-D", f"{out}.map").returncode == 0  # it says: all is read


def test_a_sector_that_no_copy_has_is_counted_as_it_counts(disc: Path, tmp_path: Path) -> None:
    one = damaged(disc, "one", [(50, 3)])
    two = damaged(disc, "two", [(52, 2)])
    out = tmp_path / "whole.iso"
    result = salvage([one, two], SalvageOrder(out=out))
    assert result.outcome is Outcome.FINDINGS
    assert result.figures["missing_bytes"] == SECTOR
    assert run("ddrescuelog", "-D", f"{out}.map").returncode == 1
    assert "non-tried:     2048 B" in rescued(Path(f"{out}.map"))


def test_each_goes_on_where_the_other_stopped(disc: Path, tmp_path: Path) -> None:
    size = disc.stat().st_size
    out, map_path = tmp_path / "ours.iso", tmp_path / "ours.map"
    assert run("ddrescue", "-q", "-b2048", "-s", "200000", str(disc), str(out), str(map_path)).returncode == 0
    assert 0 < parse_map(map_path.read_bytes()).good_bytes() < size
    assert salvage([disc], SalvageOrder(out=out, rescue_map=map_path)).outcome is Outcome.GOOD
    assert out.read_bytes() == disc.read_bytes()

    clock = iter(range(10**6))
    out, map_path = tmp_path / "theirs.iso", tmp_path / "theirs.map"
    order = SalvageOrder(out=out, rescue_map=map_path, limit_s=5, now=lambda: float(next(clock)))
    salvage([disc], order)
    assert 0 < parse_map(map_path.read_bytes()).good_bytes() < size
    assert run("ddrescue", "-q", "-b2048", str(disc), str(out), str(map_path)).returncode == 0
    assert out.read_bytes() == disc.read_bytes()
    assert list(parse_map(map_path.read_bytes()).areas()) == [(0, size, GOOD)]
