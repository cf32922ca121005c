"""Update: what is added and removed, that everything else stays byte for byte, and what is refused."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from pathlib import Path

import pydicom
import pytest

from mediakit.choices import OnReject
from mediakit.errors import UsageError
from mediakit.fileset.decode import decode
from mediakit.journeys.burn_order import Depth
from mediakit.journeys.update import update
from mediakit.journeys.update_order import Updated, UpdateOrder
from mediakit.outcome import Outcome, State
from mediakit.profile.load import load_profile
from mediakit.report.burnt import burn_text
from tests.support.cli import mediakit
from tests.support.studies import (
    CR,
    CT_1,
    CT_2,
    CT_3,
    CT_THIN,
    DICOMDIR_TESTS,
    MR,
    WHEN,
    XA_FOLDER,
    altered,
    at,
    burnt_to,
    files_in,
    folder_of,
    left_in,
)
from tests.support.updating import (
    CATALOGUE,
    assert_holds,
    assert_sound,
    content_of,
    directory_of,
    kept_but,
    records_of,
    updated,
)

ZIP_FOR_UPDATERS = """
schema = 1

[[profile]]
id = "PRI-WARD-ZIP"
title = "ZIP files of the ward"
source = "the ward"
base = "STD-GEN-ZIP-MAIL"
medium = "zip-mail"
roles = ["FSC", "FSR", "FSU"]
sessions = "not-applicable"

[[profile.sop]]
classes = ["*storage"]
syntaxes = ["*"]
fsc = "optional"
fsr = "optional"
fsu = "optional"
"""


HOLDS = """
import sys
from pathlib import Path
from mediakit.stages.act.update_journal import held_alone
with held_alone(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def uid_of(path: Path) -> str:
    return str(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID)


def ids(done: Updated) -> set[str]:
    return {finding.rule.id for finding in done.result.report.findings}


def counts(done: Updated) -> dict[State, int]:
    return dict(done.result.counts())


@pytest.fixture(name="disc")
def _disc(tmp_path: Path) -> Path:
    """Return an image with two images of one series and a text of a producer."""
    extra = folder_of(tmp_path / "extra", {"VIEWER/READ.ME": b"hello"})
    burnt_to(tmp_path / "disc.iso", CT_1, CT_2, file_set_id="SET_7", add=(extra,))
    return tmp_path / "disc.iso"


def test_what_is_added_stands_below_the_records_that_are_there_and_all_else_stays(disc: Path) -> None:
    before, old = content_of(disc), directory_of(disc)
    done = updated(disc, CT_3, CR)
    assert done.result.outcome is Outcome.GOOD
    assert counts(done) == {State.WRITTEN: 2, State.KEPT: 3, State.EXCLUDED: 1}
    assert_holds(content_of(disc), kept_but(before))
    assert records_of(old) < records_of(directory_of(disc))
    was, now = decode(old).directory, decode(directory_of(disc)).directory
    assert (now.file_set_uid, now.file_set_id) == (was.file_set_uid, "SET_7")
    (patient,) = now.roots
    assert [[len(series.children) for series in study.children] for study in patient.children] == [[3], [1]]
    assert_sound(disc)
    assert left_in(disc.parent) == ["disc.iso", "extra"]


def test_removed_instances_go_with_the_records_that_are_empty_then(disc: Path) -> None:
    updated(disc, CR)
    study = str(pydicom.dcmread(CR, stop_before_pixels=True).StudyInstanceUID)
    before = content_of(disc)
    done = updated(disc, instances=[uid_of(CT_1)], studies=[study])
    assert done.result.outcome is Outcome.GOOD
    assert counts(done) == {State.REMOVED: 2, State.KEPT: 2, State.EXCLUDED: 1}
    gone = [fate.source.removeprefix(f"{disc}/") for fate in done.result.fates if fate.state is State.REMOVED]
    after = content_of(disc)
    assert not after.keys() & set(gone)
    assert_holds(after, kept_but(before, gone))
    assert [record.type for record in decode(directory_of(disc)).directory.walk()] == [
        "PATIENT", "STUDY", "SERIES", "IMAGE",
    ]  # fmt: skip
    assert_sound(disc)


def test_a_medium_that_another_update_holds_is_left_as_it_is(disc: Path, tmp_path: Path) -> None:
    own = tmp_path / "ward.toml"
    own.write_text(ZIP_FOR_UPDATERS)
    archive, link = tmp_path / "a.zip", tmp_path / "link.iso"
    burnt_to(archive, CT_1, CT_2, profile="PRI-WARD-ZIP", own=[own])
    link.symlink_to(disc)
    ways: tuple[tuple[Path, dict[str, object]], ...] = (
        (disc, {}),
        (disc, {"session": True}),
        (link, {}),
        (archive, {"profile": load_profile("PRI-WARD-ZIP", [own])}),
    )
    for medium, changes in ways:
        before = medium.read_bytes()
        command = [sys.executable, "-c", HOLDS, str(medium)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
            assert other.stdout is not None
            other.stdout.readline()
            with pytest.raises(UsageError, match="another update of it is under way"):
                updated(medium, CT_3, **changes)
            rehearsed = updated(medium, CT_3, depth=Depth.PLAN, **changes)
            other.communicate()
        assert rehearsed.result.outcome is Outcome.GOOD
        assert medium.read_bytes() == before
    for source in (CT_3, CR):  # nothing holds it any more
        assert updated(disc, source).result.outcome is Outcome.GOOD


def test_a_medium_that_was_replaced_before_it_was_held_is_not_taken_for_the_new_one(
    disc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = disc.with_name("other.iso")
    shutil.copy(disc, other)
    flock = fcntl.flock

    def replaced_first(fd: int, how: int) -> None:
        other.replace(disc)
        flock(fd, how)

    monkeypatch.setattr(fcntl, "flock", replaced_first)
    with pytest.raises(UsageError, match="another update of it is under way"):
        updated(disc, CT_3)


def test_by_patient_and_series_nothing_is_removed_that_is_spelled_in_another_way(disc: Path) -> None:
    updated(disc, MR, all_patients=True)
    mr = pydicom.dcmread(MR, stop_before_pixels=True)
    wrong = updated(disc, patients=[mr.PatientID.lower()])
    assert (wrong.result.outcome, "MK-UPD-008" in ids(wrong)) == (Outcome.DOES_NOT_FIT, True)
    assert counts(wrong) == {State.KEPT: 5}
    done = updated(disc, patients=[mr.PatientID])
    assert (counts(done)[State.REMOVED], "MK-UPD-008" in ids(done)) == (1, False)
    ct = pydicom.dcmread(CT_1, stop_before_pixels=True)
    emptied = updated(disc, series=[ct.SeriesInstanceUID])
    assert emptied.result.outcome is Outcome.DOES_NOT_FIT  # the profile has no empty directory
    assert "MK-FST-014" in ids(emptied)
    assert len(content_of(disc)) == 4


def test_an_instance_that_is_there_is_not_written_again_and_another_of_its_uid_is_refused(
    disc: Path, tmp_path: Path
) -> None:
    before = disc.read_bytes()
    same = updated(disc, CT_1)
    assert (same.result.outcome, ids(same)) == (Outcome.GOOD, {"MK-UPD-005"})
    assert counts(same) == {State.ALREADY_THERE: 1, State.KEPT: 4}
    other = altered(CT_1, tmp_path / "other.dcm", ImageComments="seen again")
    refused = updated(disc, other, CT_3)
    assert (refused.result.outcome, "MK-UPD-006" in ids(refused)) == (Outcome.DOES_NOT_FIT, True)
    assert counts(refused) == {State.REFUSED: 1, State.WITHHELD: 1, State.KEPT: 4}
    assert disc.read_bytes() == before
    skipped = updated(disc, other, CT_3, on_reject=OnReject.SKIP)
    assert (skipped.result.outcome, counts(skipped)[State.WRITTEN]) == (Outcome.FINDINGS, 1)


def test_what_was_converted_when_it_was_added_is_there_already_the_next_time(disc: Path) -> None:
    packed = files_in(CT_THIN)[0]
    first = updated(disc, packed)
    assert (first.result.outcome, counts(first)[State.CONVERTED]) == (Outcome.GOOD, 1)
    again = updated(disc, packed)
    assert (again.result.outcome, counts(again)) == (Outcome.GOOD, {State.ALREADY_THERE: 1, State.KEPT: 5})


def test_a_source_without_an_instance_is_no_source(disc: Path, tmp_path: Path) -> None:
    done = updated(disc, folder_of(tmp_path / "none", {"A.TXT": b"hello"}))
    assert (done.result.outcome, counts(done)[State.NOT_DICOM]) == (Outcome.SOURCE, 1)


def test_an_instance_is_replaced_when_the_old_one_is_removed_in_the_same_run(
    disc: Path, tmp_path: Path
) -> None:
    other = altered(CT_1, tmp_path / "other.dcm", ImageComments="seen again")
    done = updated(disc, other, instances=[uid_of(CT_1)])
    assert done.result.outcome is Outcome.GOOD
    assert counts(done) == {State.WRITTEN: 1, State.REMOVED: 1, State.KEPT: 2, State.EXCLUDED: 1}
    assert "DICOM1/P0000001/S0000001/E0000001/I0000001" in content_of(disc)
    assert_sound(disc)


def test_another_patient_is_added_only_when_that_is_said(disc: Path, tmp_path: Path) -> None:
    before = disc.read_bytes()
    refused = updated(disc, MR)
    assert (refused.result.outcome, "MK-UPD-015" in ids(refused)) == (Outcome.IDENTITY, True)
    stranger = altered(CT_3, tmp_path / "x.dcm", PatientName="Someone^Else", PatientBirthDate="19010101")
    two_people = updated(disc, stranger)
    assert two_people.result.outcome is Outcome.IDENTITY
    assert disc.read_bytes() == before
    assert updated(disc, MR, all_patients=True).result.outcome is Outcome.GOOD
    assert_sound(disc)


def test_an_instance_whose_study_or_series_stands_elsewhere_is_refused(disc: Path, tmp_path: Path) -> None:
    elsewhere = altered(CT_3, tmp_path / "a.dcm", StudyInstanceUID="1.2.3.4")
    refused = updated(disc, elsewhere)
    assert (refused.result.outcome, "MK-FST-004" in ids(refused)) == (Outcome.DOES_NOT_FIT, True)
    others = altered(CT_3, tmp_path / "b.dcm", PatientID="SOMEBODY")
    assert "MK-FST-003" in ids(updated(disc, others, all_patients=True))


def test_profiles_without_an_updater_are_refused_in_words(tmp_path: Path) -> None:
    burnt_to(tmp_path / "a.zip", CT_1, profile="STD-GEN-ZIP-MAIL")
    with pytest.raises(UsageError, match="STD-GEN-ZIP-MAIL has no File-set Updater"):
        updated(tmp_path / "a.zip", CT_2)
    burnt_to(tmp_path / "disc.iso", CT_1)
    with pytest.raises(UsageError, match="STD-GEN-DVD-JPEG has no File-set Updater"):
        updated(tmp_path / "disc.iso", CT_2, profile=load_profile("STD-GEN-DVD-JPEG"))
    with pytest.raises(UsageError, match=r"on .* with UDF"):
        updated(tmp_path / "disc.iso", CT_2, profile=load_profile("STD-GEN-BD-JPEG"))
    with pytest.raises(UsageError, match="STD-GEN-SEC-CD asks for encrypted files"):
        updated(tmp_path / "disc.iso", CT_2, profile=load_profile("STD-GEN-SEC-CD"))
    with pytest.raises(UsageError, match="is a single file"):
        updated(CT_1, CT_2, profile=load_profile("STD-GEN-CD"))
    with pytest.raises(UsageError, match="nothing is to be added or removed"):
        updated(tmp_path / "disc.iso")


def test_every_media_format_that_can_be_written_can_be_updated(tmp_path: Path) -> None:
    own = tmp_path / "ward.toml"
    own.write_text(ZIP_FOR_UPDATERS)
    media = {
        "a.zip": "PRI-WARD-ZIP",
        "b.udf": "STD-GEN-BD-JPEG",
        "c.img": "STD-GEN-USB-JPEG",
        "d.iso": "STD-GEN-CD",
    }
    for name, profile in media.items():
        extra = folder_of(tmp_path / f"extra-{name}", {"DOCS/A.TXT": name.encode()})
        medium = tmp_path / name
        burnt_to(medium, CT_1, CT_2, profile=profile, own=[own], add=(extra,), file_set_id="SET_7")
        before, old = content_of(medium), directory_of(medium)
        size = medium.stat().st_size
        done = updated(medium, CR, instances=[uid_of(CT_2)], profile=load_profile(profile, [own]))
        assert done.result.outcome is Outcome.GOOD, name
        after = content_of(medium)
        assert_holds(after, kept_but(before, before.keys() - after.keys()))
        assert len(after) == len(before), name
        assert len(records_of(old) & records_of(directory_of(medium))) == 4, name
        assert name != "c.img" or medium.stat().st_size == size
        assert directory_of(medium).count(b"SET_7") == 1


def test_a_foreign_directory_keeps_every_byte_of_its_records(tmp_path: Path) -> None:
    medium = tmp_path / "foreign"
    shutil.copytree(DICOMDIR_TESTS, medium)
    for stray in {*medium.glob("DICOMDIR?*"), *medium.rglob("*.*")}:
        stray.unlink()
    shutil.rmtree(medium / "TINY_ALPHA")
    before, old = content_of(medium), directory_of(medium)
    done = updated(
        medium, CR, CT_1, out=tmp_path / "new.iso", all_patients=True, profile=load_profile("STD-GEN-CD")
    )
    assert done.result.outcome is Outcome.GOOD
    assert records_of(old) < records_of(directory_of(tmp_path / "new.iso"))
    assert_holds(content_of(tmp_path / "new.iso"), kept_but(before))
    assert content_of(medium) == before


def test_an_unsound_medium_is_refused_with_what_to_do(disc: Path, tmp_path: Path) -> None:
    shutil.copyfile(disc, tmp_path / "sound.iso")
    at = disc.read_bytes().index(b"\4\0\x12\x12US\2\0") + 8
    cut = disc.read_bytes().index(b"\4\0\0\x14UL\4\0")
    nobody: dict[str, Path | bytes] = {"DICOMDIR": b"none"}
    broken: dict[str, tuple[str, bytes]] = {
        "MK-DIR-028": ("flag.iso", disc.read_bytes()[:at] + b"\xff\xff" + disc.read_bytes()[at + 2 :]),
        "MK-DIR-0": ("items.iso", disc.read_bytes()[:cut] + b"XX" + disc.read_bytes()[cut + 2 :]),
    }
    for expected, (name, data) in broken.items():
        (tmp_path / name).write_bytes(data)
        done = updated(tmp_path / name, CR)
        assert done.result.outcome is Outcome.DOES_NOT_FIT
        (why,) = (one.text for one in done.result.report.findings if one.rule.id == "MK-UPD-001")
        assert expected in why, why
        assert (tmp_path / name).read_bytes() == data
    none = updated(
        folder_of(tmp_path / "none", nobody), CR, profile=load_profile("STD-GEN-CD"), out=tmp_path / "new.iso"
    )
    assert "MK-UPD-001" in ids(none)
    assert "MK-UPD-001" not in ids(updated(tmp_path / "sound.iso", CR))


def test_what_an_update_does_not_mend_is_said(tmp_path: Path) -> None:
    medium = tmp_path / "medium"
    burnt_to(medium, CT_1, CT_2, manifest=True)
    (next(medium.glob("DICOM/**/I0000001"))).unlink()
    shutil.copyfile(CT_3, medium / "STRAY")
    done = updated(medium, CR, out=tmp_path / "new.iso")
    assert done.result.outcome is Outcome.GOOD
    assert {"MK-UPD-002", "MK-UPD-003", "MK-UPD-004"} <= ids(done)
    told = {name: done.result.figures[name] for name in ("missing_before", "missing_after", "unlisted")}
    assert told == {"missing_before": 1, "missing_after": 1, "unlisted": 1}
    assert "1 before, 1 after" in burn_text(done)
    again = updated(medium, CT_1, out=tmp_path / "again.iso")
    assert (again.result.outcome, "MK-UPD-007" in ids(again)) == (Outcome.DOES_NOT_FIT, True)
    mended = updated(medium, CT_1, instances=[uid_of(CT_1)], out=tmp_path / "again.iso")
    assert (mended.result.outcome, "MK-UPD-002" in ids(mended)) == (Outcome.GOOD, False)
    assert "1 before, 0 after" in burn_text(mended)


def test_a_label_that_cannot_be_written_again_is_said(tmp_path: Path) -> None:
    image = tmp_path / "a.iso"
    burnt_to(image, CT_1, file_set_id="SET_7")
    content = image.read_bytes()
    image.write_bytes(content.replace(b"SET_7".ljust(32), b"Set 7".ljust(32)))
    done = updated(image, CT_2)
    assert (done.result.outcome, "MK-UPD-010" in ids(done)) == (Outcome.GOOD, True)
    assert "MK-UPD-010" not in ids(updated(image, CT_3))


def test_a_rehearsal_changes_nothing_and_says_all(disc: Path) -> None:
    before = disc.read_bytes()
    done = updated(disc, CT_3, instances=[uid_of(CT_1)], depth=Depth.PLAN)
    assert done.result.outcome is Outcome.GOOD
    assert counts(done) == {State.PLANNED: 1, State.TO_REMOVE: 1, State.KEPT: 3}
    assert disc.read_bytes() == before
    too_small = updated(disc, CT_3, capacity="300kB", depth=Depth.PLAN)
    assert (too_small.result.outcome, "MK-FST-011" in ids(too_small)) == (Outcome.DOES_NOT_FIT, True)


def test_the_command_shows_its_plan_and_its_report(disc: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    said = mediakit(
        "update",
        disc,
        "--add",
        CT_3,
        "--remove",
        uid_of(CT_1),
        "--report",
        report,
        "--state",
        tmp_path / "state",
    )
    assert said.code == 0, said.err
    assert "plan: 1 to add, 1 to remove, 2 stay as they are" in said.out
    assert "+ DICOM1/P0000001/S0000001/E0000001/I0000001" in said.out
    assert "1 file added, 1 file removed" in report.read_text()
    document = mediakit("update", disc, "--add", CT_3, "--json").document
    assert document["counts"] == {"already-there": 1, "kept": 4}
    assert mediakit("update", disc, "--patient", "").code == 2
    assert mediakit("update", disc, "--add", XA_FOLDER, "-n").code == 0


def test_names_that_a_new_image_would_lose_are_a_reason_to_refuse(tmp_path: Path) -> None:
    burnt_to(tmp_path / "set", CT_1)
    medium = tmp_path / "a.zip"
    own = tmp_path / "ward.toml"
    own.write_text(ZIP_FOR_UPDATERS)
    shutil.make_archive(str(tmp_path / "a"), "zip", tmp_path / "set")
    content = medium.read_bytes()
    medium.write_bytes(content.replace(b"DICOM/P0000001", b"DICOM\\P0000001"))
    done = updated(medium, CT_2, profile=load_profile("PRI-WARD-ZIP", [own]))
    (why,) = (one.text for one in done.result.report.findings if one.rule.id == "MK-UPD-001")
    assert "is also named" in why


def test_a_further_session_keeps_the_joliet_tree_and_changes_nothing_else(tmp_path: Path) -> None:
    image = tmp_path / "a.iso"
    burnt_to(image, CT_1, manifest=True)
    data = image.read_bytes()
    assert data[17 * 2048 :].startswith(b"\2CD001")
    assert updated(image, CT_2, session=True).result.outcome is Outcome.GOOD
    now = image.read_bytes()
    assert now[16 * 2048 : 18 * 2048] != data[16 * 2048 : 18 * 2048]
    assert now[: 16 * 2048] + now[18 * 2048 : len(data)] == data[: 16 * 2048] + data[18 * 2048 :]
    assert_sound(image)
    anew = tmp_path / "b.iso"
    assert updated(image, CT_3, out=anew).result.outcome is Outcome.GOOD
    assert anew.read_bytes()[17 * 2048 :].startswith(b"\2CD001")


def test_sessions_are_appended_where_medium_and_profile_have_them(tmp_path: Path) -> None:
    image = tmp_path / "a.iso"
    burnt_to(image, CT_1)
    for number, source in enumerate((CT_2, CT_3, CR), start=1):
        before, old = content_of(image), directory_of(image)
        data = image.read_bytes()
        assert updated(image, source, session=True).result.outcome is Outcome.GOOD
        now = image.read_bytes()
        assert now[: 16 * 2048] + now[17 * 2048 : len(data)] == data[: 16 * 2048] + data[17 * 2048 :]
        assert_holds(content_of(image), kept_but(before))
        assert records_of(old) < records_of(directory_of(image))
        assert f"DICOM{number}" in {path.split("/")[0] for path in content_of(image)}
    assert_sound(image)
    assert updated(image, instances=[uid_of(CT_2)], session=True).result.counts()[State.REMOVED] == 1
    assert_sound(image)
    full = updated(image, CT_2, session=True, capacity=f"{image.stat().st_size // 1000}kB")
    assert (full.result.outcome, "MK-FST-106" in ids(full)) == (Outcome.DOES_NOT_FIT, True)
    burnt_to(tmp_path / "folder", CT_1)
    burnt_to(tmp_path / "bd.udf", CT_1, profile="STD-GEN-BD-JPEG")
    for medium, changes, words in (
        (tmp_path / "folder", {}, "only a disc or image with ISO 9660"),
        (tmp_path / "bd.udf", {}, "only a disc or image with ISO 9660"),
        (image, {"out": tmp_path / "b.iso"}, "leave `-o` out"),
        (image, {"profile": load_profile("STD-GEN-BD-JPEG")}, "does not allow further sessions"),
    ):
        with pytest.raises(UsageError, match=words):
            updated(medium, CT_2, session=True, **changes)


def test_the_file_that_ends_an_update_is_named_and_the_others_are_held_back(tmp_path: Path) -> None:
    burnt_to(tmp_path / "a.iso", CT_1)
    burnt_to(tmp_path / "b", CT_1)
    for number, (name, is_session) in enumerate((("a.iso", False), ("b", False), ("a.iso", True))):
        source = folder_of(tmp_path / f"in{number}", {"b": CT_2, "c": CT_3})
        before = content_of(tmp_path / name)
        order = UpdateOrder(when=WHEN, add=(source,), catalogue=CATALOGUE, session=is_session)
        done = update(tmp_path / name, order, at("write", (source / "b").unlink))
        ends = {Path(fate.source).name: fate for fate in done.result.fates if str(source) in fate.source}
        assert {key: fate.state for key, fate in ends.items()} == {"b": State.FAILED, "c": State.WITHHELD}
        assert ends["b"].because is not None
        assert ends["b"].because.rule.id == "MK-FST-101"
        assert content_of(tmp_path / name) == before
