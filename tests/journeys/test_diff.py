"""Comparison of two media, instance by instance and byte by byte."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mediakit.errors import UsageError
from mediakit.findings import Severity
from mediakit.journeys.diff import diff
from mediakit.outcome import Outcome, State
from tests.support.cli import mediakit
from tests.support.studies import burnt_to

SAMPLES = Path("samples/studies")


@pytest.fixture(name="copy")
def _copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SAMPLES, tmp_path / "copy"))


def _image(folder: Path) -> Path:
    """Return one CT image of the samples, Explicit VR Little Endian."""
    return min((folder / "mueller_joerg" / "20240312_CT" / "CT_AXIAL").iterdir())


def test_a_copy_under_other_names_is_the_same(copy: Path) -> None:
    for number, path in enumerate(sorted(path for path in copy.rglob("*") if path.is_file())):
        if path.name != "notes.txt":
            path.rename(path.with_name(f"X{number}"))
    result = diff(SAMPLES, copy)
    assert result.outcome is Outcome.GOOD
    assert result.counts() == {State.SAME: 82}


def test_a_missing_instance_is_told_with_its_uid(copy: Path) -> None:
    _image(copy).unlink()
    result = diff(SAMPLES, copy)
    assert result.outcome is Outcome.FINDINGS
    (alone,) = [fate for fate in result.fates if fate.state is State.ALONE]
    assert alone.source == str(_image(SAMPLES))
    assert alone.because is not None
    assert alone.because.rule.id == "MK-DIF-001"
    assert alone.sop_instance in alone.because.text


def test_an_instance_that_was_added_is_told_too(copy: Path) -> None:
    _image(copy).unlink()
    result = diff(copy, SAMPLES)
    assert [fate.source for fate in result.fates if fate.state is State.ALONE] == [str(_image(SAMPLES))]


def test_one_changed_byte_of_pixel_data_is_told_on_both_sides(copy: Path) -> None:
    image = _image(copy)
    content = bytearray(image.read_bytes())
    content[-1] ^= 1
    image.write_bytes(content)
    result = diff(SAMPLES, copy)
    assert result.counts()[State.DIFFERS] == 2
    assert {finding.rule.id for finding in result.report.findings} == {"MK-DIF-002"}
    assert "pixel data" in result.report.findings[0].text


def test_a_changed_attribute_is_named_without_its_value(copy: Path) -> None:
    image = _image(copy)
    content = image.read_bytes()
    at = content.index(b"\x10\x00\x10\x00PN") + 8
    image.write_bytes(content[:at] + b"Zz" + content[at + 2 :])
    texts = [
        finding.text for finding in diff(SAMPLES, copy).report.findings if finding.rule.id == "MK-DIF-002"
    ]
    assert texts
    assert all("Patient's Name (0010,0010)" in text and "Zz" not in text for text in texts)


def test_the_same_instances_in_another_file_set_are_the_same(tmp_path: Path) -> None:
    source = Path("samples/studies/mueller_joerg/20240314_XA")
    burnt_to(tmp_path / "a.iso", source, profile="STD-GEN-DVD-JPEG")
    burnt_to(tmp_path / "b", source, profile="STD-GEN-DVD-JPEG")
    result = diff(tmp_path / "a.iso", tmp_path / "b")
    assert result.outcome is Outcome.GOOD
    assert set(result.counts()) == {State.SAME, State.EXCLUDED}


def test_other_content_that_differs_is_a_note(copy: Path) -> None:
    next(copy.rglob("notes.txt")).write_text("something else", encoding="utf-8")
    result = diff(SAMPLES, copy)
    assert result.outcome is Outcome.GOOD
    assert [finding.rule.id for finding in result.report.findings] == ["MK-DIF-004", "MK-DIF-004"]
    assert diff(SAMPLES, copy, Severity.NOTE).outcome is Outcome.FINDINGS


def test_two_files_of_one_instance_find_each_its_like(copy: Path) -> None:
    image = _image(copy)
    shutil.copy(image, image.with_name("TWIN"))
    content = bytearray(image.read_bytes())
    content[-1] ^= 1
    image.write_bytes(content)
    result = diff(copy, SAMPLES)
    states = {fate.source: fate.state for fate in result.fates}
    assert states[str(image)] is State.DIFFERS
    assert states[str(image.with_name("TWIN"))] is State.SAME
    assert states[str(_image(SAMPLES))] is State.SAME


def test_a_medium_is_not_compared_with_itself() -> None:
    with pytest.raises(UsageError):
        diff(SAMPLES, SAMPLES / ".." / "studies")


def test_the_command_says_what_differs_and_ends_with_1(copy: Path) -> None:
    _image(copy).unlink()
    said = mediakit("diff", SAMPLES, copy)
    assert said.code == 1
    assert said.out.count("MK-DIF-001") == 1  # beside the file, and nowhere else
    assert "MK-DIF-001" not in said.err
    assert "MK-DIF-001" in mediakit("diff", SAMPLES, copy, "--quiet").err
    assert mediakit("diff", SAMPLES, copy, "--json").document["counts"] == {"alone": 1, "same": 80}
