"""Update: nothing of what is removed stays on the medium without a word."""

from __future__ import annotations

import shutil
from pathlib import Path

import pydicom

from mediakit.journeys.burn_order import Depth
from mediakit.outcome import Outcome, State
from tests.journeys.test_update import ids, uid_of
from tests.support.cli import mediakit
from tests.support.studies import CR, CT_1, CT_2, MR, SAMPLES, altered, burnt_to, folder_of
from tests.support.updating import content_of, updated


def test_a_medium_with_content_that_others_made_of_its_instances_is_not_updated(tmp_path: Path) -> None:
    burnt_to(tmp_path / "a.iso", SAMPLES, span=True, capacity="1500kB")
    (spanned,) = tmp_path.glob("a-3of*.iso")
    viewer = folder_of(
        tmp_path / "viewer", {"VIEWER/INDEX.BIN": b"mk.index({});", "VIEWER/VIEWER.HTM": b"<p>"}
    )
    pages = folder_of(tmp_path / "pages", {"IHE_PDI/INDEX.HTM": b"<html></html>"})
    burnt_to(tmp_path / "viewer.iso", CT_1, CT_2, add=(viewer,))
    burnt_to(tmp_path / "web", CT_1, CT_2, add=(pages,))
    for name, said in (("viewer.iso", "VIEWER/"), ("web", "IHE_PDI/"), (spanned.name, "MEDIA.TXT")):
        medium = tmp_path / name
        before = content_of(medium)
        for done in (
            updated(medium, instances=[uid_of(CT_1)], state=tmp_path / "state"),
            updated(medium, CR, state=tmp_path / "state"),
            updated(medium, CR, depth=Depth.PLAN),
        ):
            assert done.result.outcome is Outcome.DOES_NOT_FIT, name
            wrong = [one for one in done.result.report.findings if one.rule.id == "MK-UPD-016"]
            assert any(said in one.where.path for one in wrong), name
            assert set(done.result.counts()) <= {State.KEPT, State.WITHHELD}
        assert content_of(medium) == before
    other = folder_of(tmp_path / "other", {"MEDIA.TXT": b"of another set: 1.2.3", "VIEWER/READ.ME": b"hello"})
    burnt_to(tmp_path / "b.iso", CT_1, add=(other,))
    done = updated(tmp_path / "b.iso", CT_2)
    assert (done.result.outcome, "MK-UPD-016" in ids(done)) == (Outcome.GOOD, False)


def test_the_command_warns_of_a_list_of_checksums_that_is_no_longer_true(tmp_path: Path) -> None:
    burnt_to(tmp_path / "medium", CT_1, CT_2, manifest=True)
    with (tmp_path / "medium" / "MANIFEST.TXT").open("ab") as stream:
        stream.write(b"of somebody else\n")
    for change in (("--remove", uid_of(CT_1)), ("--add", CT_1)):
        said = mediakit("update", tmp_path / "medium", *change, "--state", tmp_path / "state")
        assert said.code == 0
        assert "warning: MK-UPD-004" in said.err, change


def test_nothing_is_removed_while_another_file_of_the_medium_holds_it_too(tmp_path: Path) -> None:
    medium = tmp_path / "medium"
    burnt_to(medium, CT_1, CT_2, MR)
    mr = pydicom.dcmread(MR, stop_before_pixels=True)
    (medium / "OLD").mkdir()
    shutil.copyfile(CT_1, medium / "OLD" / "COPY")
    altered(MR, medium / "OLD" / "OTHER", SOPInstanceUID="1.2.3.4")  # of the same study, in no record
    before = content_of(medium)
    for changes, path in (
        ({"instances": [uid_of(CT_1)]}, "OLD/COPY"),
        ({"patients": [mr.PatientID]}, "OLD/OTHER"),
        ({"studies": [mr.StudyInstanceUID]}, "OLD/OTHER"),
        ({"series": [mr.SeriesInstanceUID], "out": tmp_path / "new.iso"}, "OLD/OTHER"),
    ):
        done = updated(medium, state=tmp_path / "state", **changes)
        assert done.result.outcome is Outcome.DOES_NOT_FIT
        found = [one.where.path for one in done.result.report.findings if one.rule.id == "MK-UPD-017"]
        assert found == [str(medium / path)]
        assert set(done.result.counts()) == {State.KEPT}
        assert content_of(medium) == before
    done = updated(medium, instances=[uid_of(CT_2)], state=tmp_path / "state")
    assert (done.result.outcome, "MK-UPD-017" in ids(done)) == (Outcome.GOOD, False)
