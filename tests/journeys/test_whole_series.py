"""What seems to be missing is said before burning, and by those who get the medium."""

from __future__ import annotations

from pathlib import Path

import pytest

from mediakit.journeys.inspect import inspect
from mediakit.outcome import Outcome
from tests.support.cli import Said, mediakit
from tests.support.studies import CT_THIN, SAMPLES, altered, files_in

CT_THIN_1 = files_in(CT_THIN)[0]


def signs(said: Said) -> list[str]:
    """Return the rules of the group that are met in a JSON report."""
    return sorted(one["rule"] for one in said.document["findings"] if one["rule"].startswith("MK-CMP"))


@pytest.fixture(name="lacking")
def _lacking(tmp_path: Path) -> Path:
    """Return a CT series of eleven slices, 2 mm apart, without the sixth one."""
    folder = tmp_path / "in"
    for at in range(1, 12):
        if at != 6:
            altered(
                CT_THIN_1,
                folder / f"CT{at}",
                SOPInstanceUID=f"1.2.3.4.{at}",
                InstanceNumber=at,
                ImagePositionPatient=[0, 0, 2.0 * at],
            )
    return folder


def test_a_gap_is_a_warning_of_burn_inspect_and_validate_alike(lacking: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.iso"
    gap = ["MK-CMP-001", "MK-CMP-008"]
    rehearsed = mediakit("burn", lacking, "-p", "STD-GEN-CD", "-o", out, "-n", "--json")
    assert (rehearsed.code, signs(rehearsed)) == (0, gap)
    strict = mediakit("burn", lacking, "-p", "STD-GEN-CD", "-o", out, "-n", "--fail-on", "warning")
    assert strict.code == 1
    assert "1 slice is missing" in strict.err + strict.out
    burnt = mediakit("burn", lacking, "-p", "STD-GEN-CD", "-o", out, "--json")
    assert (burnt.code, signs(burnt)) == (0, gap)
    judged = mediakit("validate", out, "--json")
    assert (judged.code, signs(judged)) == (0, gap)
    seen = inspect(out)
    assert sorted(one.rule.id for one in seen.report.findings) == gap
    assert seen.outcome is Outcome.GOOD


def test_the_samples_are_whole(tmp_path: Path) -> None:
    rehearsed = mediakit("burn", "--all-patients", SAMPLES, "-o", tmp_path / "a.iso", "-n", "--json")
    assert (rehearsed.code, signs(rehearsed)) == (0, [])
