"""Repair: a sound file-set from a broken one, with every instance that is still there."""

from __future__ import annotations

from pathlib import Path

import pytest

from mediakit.choices import OnReject
from mediakit.errors import SourceError
from mediakit.journeys.burn_order import Burnt, Depth
from mediakit.journeys.diff import diff
from mediakit.journeys.repair import RepairOrder, repair
from mediakit.journeys.validate import ValidateOrder, validate
from mediakit.outcome import Outcome, State
from mediakit.profile.load import load_catalogue, load_profile
from tests.support.cli import mediakit
from tests.support.media import WHEN
from tests.support.studies import burnt_to

CATALOGUE = tuple(load_catalogue(()).profiles.values())


@pytest.fixture(name="disc")
def _disc(tmp_path: Path) -> Path:
    """Return the content of a sound disc, to be broken by the test."""
    burnt_to(tmp_path / "disc", Path("samples/studies"), file_set_id="OLD_SET")
    return tmp_path / "disc"


def repaired(source: Path, out: Path, **changes: object) -> Burnt:
    order = {"out": out, "when": WHEN, "catalogue": CATALOGUE, **changes}
    return repair(source, RepairOrder(**order))  # type: ignore[arg-type]  # each test passes its fields


def assert_sound(out: Path, profile: str) -> None:
    validation = validate(out, ValidateOrder(profile=load_profile(profile)))
    assert [verdict.sentence for verdict in validation.verdicts] == [f"conforms to {profile}"]
    assert validation.result.outcome is Outcome.GOOD


def images(disc: Path) -> list[Path]:
    return sorted(path for path in disc.rglob("*") if path.is_file() and path.name != "DICOMDIR")


def test_a_disc_without_a_directory_gets_one(disc: Path, tmp_path: Path) -> None:
    (disc / "DICOMDIR").unlink()
    burnt = repaired(disc, tmp_path / "new.iso")
    assert burnt.result.outcome is Outcome.GOOD
    assert burnt.result.journey == "repair"
    assert_sound(tmp_path / "new.iso", "STD-GEN-CD")
    assert diff(disc, tmp_path / "new.iso").counts() == {State.SAME: 80, State.EXCLUDED: 1}


def test_the_file_set_id_of_a_broken_directory_is_kept(disc: Path, tmp_path: Path) -> None:
    content = bytearray((disc / "DICOMDIR").read_bytes())
    content[len(content) // 2 :] = b"\xff" * (len(content) - len(content) // 2)
    (disc / "DICOMDIR").write_bytes(content)
    burnt = repaired(disc, tmp_path / "new.iso")
    assert burnt.result.outcome is Outcome.GOOD
    assert burnt.result.figures["file_set_id"] == "OLD_SET"


def test_lower_case_names_with_extensions_become_file_ids(disc: Path, tmp_path: Path) -> None:
    for path in images(disc):
        path.rename(path.with_name(path.name.lower() + ".dcm"))
    burnt = repaired(disc, tmp_path / "new")
    assert burnt.result.outcome is Outcome.GOOD
    assert all("." not in path.name and path.name.isupper() for path in images(tmp_path / "new"))


def test_a_truncated_image_is_left_out_and_named_and_the_rest_is_sound(disc: Path, tmp_path: Path) -> None:
    broken = images(disc)[0]
    broken.write_bytes(broken.read_bytes()[:-100])
    burnt = repaired(disc, tmp_path / "new.iso")
    assert burnt.result.outcome is Outcome.FINDINGS
    assert [fate.source for fate in burnt.result.fates if not fate.state.is_good] == [str(broken)]
    assert_sound(tmp_path / "new.iso", "STD-GEN-CD")


def test_what_the_old_directory_names_and_the_medium_does_not_hold_is_named(
    disc: Path, tmp_path: Path
) -> None:
    gone, replaced = images(disc)[0], images(disc)[5]
    gone.unlink()
    replaced.write_bytes(b"no image any more" * 100)
    burnt = repaired(disc, tmp_path / "new.iso")
    assert burnt.result.outcome is Outcome.FINDINGS
    told = [finding.text for finding in burnt.result.report.findings]
    assert any(gone.relative_to(disc).as_posix() in text for text in told)
    assert any(replaced.relative_to(disc).as_posix() in text for text in told)
    assert not any(finding.rule.id == "MK-SRC-107" for finding in burnt.result.report.findings)  # not twice
    assert_sound(tmp_path / "new.iso", "STD-GEN-CD")


def test_an_image_that_lies_under_another_name_is_not_called_lost(disc: Path, tmp_path: Path) -> None:
    images(disc)[0].rename(disc / "ELSEWHER")
    burnt = repaired(disc, tmp_path / "new.iso")
    assert burnt.result.outcome is Outcome.GOOD
    assert burnt.result.counts()[State.WRITTEN] == 40


def test_nothing_is_written_for_a_broken_image_when_that_is_asked_for(disc: Path, tmp_path: Path) -> None:
    broken = images(disc)[0]
    broken.write_bytes(broken.read_bytes()[:-100])
    burnt = repaired(disc, tmp_path / "new.iso", on_reject=OnReject.FAIL)
    assert burnt.result.counts()[State.WITHHELD] > 0
    assert not (tmp_path / "new.iso").exists()


def test_a_file_without_meta_information_is_written_anew(disc: Path, tmp_path: Path) -> None:
    bare = images(disc)[0]
    content = bare.read_bytes()
    bare.write_bytes(content[132 + 12 + int.from_bytes(content[140:144], "little") :])
    burnt = repaired(disc, tmp_path / "new.iso")
    assert burnt.result.counts()[State.CONVERTED] == 1
    assert_sound(tmp_path / "new.iso", "STD-GEN-CD")


def test_a_zip_that_is_no_file_set_becomes_one(tmp_path: Path) -> None:
    burnt_to(tmp_path / "a.zip", Path("samples/studies"), profile="STD-GEN-ZIP-MAIL")
    burnt = repaired(tmp_path / "a.zip", tmp_path / "b.zip")
    assert burnt.result.outcome is Outcome.GOOD
    assert burnt.result.figures["profile"] == "STD-GEN-ZIP-MAIL"


def test_the_profile_can_be_named(disc: Path, tmp_path: Path) -> None:
    burnt = repaired(disc, tmp_path / "new", profile=load_profile("STD-GEN-USB-JPEG"))
    assert burnt.result.figures["profile"] == "STD-GEN-USB-JPEG"


def test_a_rehearsal_writes_nothing(disc: Path, tmp_path: Path) -> None:
    burnt = repaired(disc, tmp_path / "new.iso", depth=Depth.PLAN)
    assert burnt.result.counts()[State.PLANNED] == 40
    assert not (tmp_path / "new.iso").exists()


def test_a_medium_without_instances_cannot_be_repaired(tmp_path: Path) -> None:
    (tmp_path / "disc").mkdir()
    (tmp_path / "disc" / "README.TXT").write_text("nothing", encoding="ascii")
    with pytest.raises(SourceError, match="no DICOM instance"):
        repaired(tmp_path / "disc", tmp_path / "new.iso")


def test_the_command_repairs_and_says_what_it_did(disc: Path, tmp_path: Path) -> None:
    (disc / "DICOMDIR").unlink()
    said = mediakit("repair", disc, "-o", tmp_path / "new.iso", "--report", tmp_path / "new.json")
    assert said.code == 0
    assert "40 files" in said.out
    assert '"journey": "repair"' in (tmp_path / "new.json").read_text(encoding="utf-8")
