"""The burn as a library call, on the committed samples and on the files that pydicom ships."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pydicom
import pytest

from mediakit.choices import Convert, OnReject, Supply
from mediakit.errors import ProfileError, SourceError, UsageError
from mediakit.events import Advanced, Event, FileSettled, PhaseEnded, PhaseStarted
from mediakit.fileset.decode import decode
from mediakit.findings import Severity
from mediakit.formats.registry import open_tree
from mediakit.journeys.burn_order import Burnt, Depth
from mediakit.outcome import Outcome, State
from tests.support.studies import (
    CARRIED,
    CR,
    CT_1,
    CT_2,
    CT_3,
    CT_FOLDER,
    CT_THIN,
    DICOMDIR_TESTS,
    MR,
    MR_FOLDER,
    NOTES,
    PYDICOM_FILES,
    SAMPLES,
    XA_FOLDER,
    altered,
    burnt_to,
    fate_of,
    files_in,
    folder_of,
    left_in,
    sha256,
    states,
)


def on_medium(path: Path) -> dict[str, bytes]:
    """Return every file of a medium by its path, read by our reader."""
    tree = open_tree(path)
    try:
        found = {}
        for node in tree.walk():
            with tree.open(node) as stream:
                found[node.path] = stream.read()
        return found
    finally:
        tree.close()


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> tuple[Burnt, Path]:
    """Burn all samples to an ISO image, once for all tests that only look at it."""
    out = tmp_path_factory.mktemp("burn") / "samples.iso"
    return burnt_to(out, SAMPLES), out


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> tuple[Burnt, Path]:
    """Burn what pydicom ships, odd and broken files as they are, leaving out what cannot go."""
    out = tmp_path_factory.mktemp("burn") / "foreign.iso"
    return burnt_to(out, PYDICOM_FILES, on_reject=OnReject.SKIP), out


class TestTheSamples:
    def test_every_file_has_one_fate(self, samples: tuple[Burnt, Path]) -> None:
        fates = samples[0].result.fates
        assert sorted(fate.source for fate in fates) == sorted(map(str, files_in(SAMPLES)))

    def test_all_goes_well(self, samples: tuple[Burnt, Path]) -> None:
        burnt = samples[0]
        assert burnt.result.outcome is Outcome.GOOD
        assert burnt.result.counts() == {State.WRITTEN: 34, State.CONVERTED: 6, State.NOT_DICOM: 1}
        assert fate_of(burnt, "notes.txt").state is State.NOT_DICOM
        assert burnt.result.report.worst() is not Severity.ERROR

    def test_what_is_carried_has_the_bytes_of_the_source(self, samples: tuple[Burnt, Path]) -> None:
        burnt, out = samples
        medium = on_medium(out)
        carried = [fate for fate in burnt.result.fates if fate.state is State.WRITTEN]
        assert len(carried) == 34
        for fate in carried:
            assert medium[fate.became] == Path(fate.source).read_bytes()
            assert fate.sha256 == sha256(Path(fate.source))

    def test_what_is_converted_has_the_same_pixels_and_identity(self, samples: tuple[Burnt, Path]) -> None:
        burnt, out = samples
        medium = on_medium(out)
        converted = [fate for fate in burnt.result.fates if fate.state is State.CONVERTED]
        assert {Path(fate.source).parent.name for fate in converted} == {"CT_THIN", "XA Cine", "loops"}
        for fate in converted:
            ours = pydicom.dcmread(pydicom.filebase.DicomBytesIO(medium[fate.became]))
            theirs = pydicom.dcmread(fate.source)
            assert ours.file_meta.TransferSyntaxUID == pydicom.uid.ExplicitVRLittleEndian
            assert ours.SOPInstanceUID == theirs.SOPInstanceUID == fate.sop_instance
            assert ours.PatientName == theirs.PatientName
            if theirs.file_meta.TransferSyntaxUID != pydicom.uid.JPEGBaseline8Bit:
                assert (ours.pixel_array == theirs.pixel_array).all()

    def test_the_medium_holds_the_planned_files_and_no_other(self, samples: tuple[Burnt, Path]) -> None:
        burnt, out = samples
        carried = {fate.became for fate in burnt.result.fates if fate.state in CARRIED}
        assert set(on_medium(out)) == {"DICOMDIR", *carried}

    def test_the_directory_references_every_instance(self, samples: tuple[Burnt, Path]) -> None:
        burnt, out = samples
        decoded = decode(on_medium(out)["DICOMDIR"])
        assert decoded.findings == ()
        references = {
            str(record.reference.file_id): record.reference.sop_instance
            for record in decoded.directory.walk()
            if record.reference is not None
        }
        assert references == {
            fate.became: fate.sop_instance for fate in burnt.result.fates if fate.state in CARRIED
        }

    def test_pydicom_reads_three_patients_from_the_directory(self, samples: tuple[Burnt, Path]) -> None:
        dicomdir = pydicom.dcmread(pydicom.filebase.DicomBytesIO(on_medium(samples[1])["DICOMDIR"]))
        kinds = Counter(record.DirectoryRecordType for record in dicomdir.DirectoryRecordSequence)
        assert kinds["PATIENT"] == 3
        names = {str(r.PatientName) for r in dicomdir.DirectoryRecordSequence if "PatientName" in r}
        assert names == {"Müller-Beispiel^Jörg", "Shiken^Hanako=試験^花子=しけん^はなこ", "Παράδειγμα^Ελένη"}

    def test_every_finding_on_a_file_names_a_file_that_was_given(self, samples: tuple[Burnt, Path]) -> None:
        given = {str(path) for path in files_in(SAMPLES)}
        assert {finding.where.path for finding in samples[0].result.report.findings} <= given

    def test_every_conversion_is_a_finding(self, samples: tuple[Burnt, Path]) -> None:
        burnt = samples[0]
        told = {f.where.path for f in burnt.result.report.findings if f.rule.id == "MK-CNV-001"}
        assert told == {fate.source for fate in burnt.result.fates if fate.state is State.CONVERTED}

    def test_the_figures_tell_what_was_done(self, samples: tuple[Burnt, Path]) -> None:
        burnt, out = samples
        figures = burnt.result.figures
        assert figures["instances"] == 40
        assert figures["format"] == "iso9660"
        assert figures["written_bytes"] == out.stat().st_size <= int(figures["needs_bytes"])
        assert figures["proof"] == "41 files read back, every byte equal"

    def test_nothing_but_the_image_is_left(self, samples: tuple[Burnt, Path]) -> None:
        assert left_in(samples[1].parent) == ["samples.iso"]


class TestForeignFiles:
    def test_every_file_has_one_fate(self, foreign: tuple[Burnt, Path]) -> None:
        fates = foreign[0].result.fates
        assert sorted(fate.source for fate in fates) == sorted(map(str, files_in(PYDICOM_FILES)))
        assert foreign[0].result.outcome is Outcome.FINDINGS

    def test_each_file_ends_in_the_state_that_is_true_of_it(self, foreign: tuple[Burnt, Path]) -> None:
        found = states(foreign[0])
        expected = {
            "CT_small.dcm": State.WRITTEN,
            "test-SR.dcm": State.WRITTEN,
            "waveform_ecg.dcm": State.WRITTEN,
            "ExplVR_BigEnd.dcm": State.CONVERTED,
            "image_dfl.dcm": State.CONVERTED,
            "693_J2KI.dcm": State.CONVERTED,
            "MR_truncated.dcm": State.UNREADABLE,
            "rtplan_truncated.dcm": State.UNREADABLE,
            "MR_small.dcm": State.REFUSED,  # eight files have its UID, in as many encodings
            "MR_small_RLE.dcm": State.REFUSED,
            "JPEG2000.dcm": State.REFUSED,
            "SC_rgb_jpeg_app14_dcmd.dcm": State.DUPLICATE,
            "zipMR.gz": State.NOT_DICOM,
            "test1.json": State.NOT_DICOM,
            "rtplan.dump": State.NOT_DICOM,
            "DICOMDIR-reordered": State.EXCLUDED,
            "DICOMDIR-bigEnd": State.EXCLUDED,
            "DICOMDIR-empty.dcm": State.EXCLUDED,
        }
        assert {name: found[name] for name in expected} == expected

    def test_what_is_left_out_has_a_reason_and_what_is_carried_has_none(
        self, foreign: tuple[Burnt, Path]
    ) -> None:
        for fate in foreign[0].result.fates:
            assert (fate.because is None) == (fate.state in CARRIED)
            assert bool(fate.became) == bool(fate.sha256) == (fate.state in CARRIED)

    def test_a_refused_file_is_refused_for_an_error(self, foreign: tuple[Burnt, Path]) -> None:
        for fate in foreign[0].result.fates:
            if fate.because is not None and not fate.state.is_good:
                assert fate.because.severity is Severity.ERROR
                assert fate.because.where.path == fate.source

    def test_what_is_carried_has_the_bytes_of_the_source(self, foreign: tuple[Burnt, Path]) -> None:
        burnt, out = foreign
        medium = on_medium(out)
        carried = [fate for fate in burnt.result.fates if fate.state is State.WRITTEN]
        assert len(carried) > 50
        for fate in carried:
            assert medium[fate.became] == Path(fate.source).read_bytes()

    def test_a_file_set_of_others_can_be_burned_again(self, tmp_path: Path) -> None:
        burnt = burnt_to(tmp_path / "out", DICOMDIR_TESTS, on_reject=OnReject.SKIP, profile="STD-GEN-CD")
        counts = burnt.result.counts()
        assert counts[State.EXCLUDED] == 8
        assert counts[State.NOT_DICOM] == 2
        assert sum(counts.values()) == len(files_in(DICOMDIR_TESTS))

    def test_an_image_of_ours_is_a_source_again(self, foreign: tuple[Burnt, Path], tmp_path: Path) -> None:
        first, out = foreign
        again = burnt_to(tmp_path / "again.iso", out)
        assert again.result.outcome is Outcome.GOOD
        carried = {f.sop_instance: f.sha256 for f in first.result.fates if f.state in CARRIED}
        assert {f.sop_instance: f.sha256 for f in again.result.fates if f.state in CARRIED} == carried
        assert fate_of(again, "DICOMDIR").source == f"{out}/DICOMDIR"
        assert (tmp_path / "again.iso").read_bytes() == out.read_bytes()


class TestRefusals:
    def test_one_refused_file_keeps_all_from_being_written(self, tmp_path: Path) -> None:
        source = folder_of(tmp_path / "in", {"ct": CT_1, "cr": CR, "notes.txt": NOTES})
        burnt = burnt_to(tmp_path / "out.iso", source, profile="STD-CTMR-CD")
        assert states(burnt) == {
            "ct": State.WITHHELD,
            "cr": State.REFUSED,
            "notes.txt": State.NOT_DICOM,
        }
        assert burnt.result.outcome is Outcome.DOES_NOT_FIT
        assert left_in(tmp_path) == ["in"]

    def test_refused_files_are_left_out_when_asked(self, tmp_path: Path) -> None:
        source = folder_of(tmp_path / "in", {"ct": CT_1, "cr": CR})
        burnt = burnt_to(tmp_path / "out.iso", source, profile="STD-CTMR-CD", on_reject=OnReject.SKIP)
        assert states(burnt) == {"ct": State.WRITTEN, "cr": State.REFUSED}
        assert burnt.result.outcome is Outcome.FINDINGS
        because = fate_of(burnt, "cr").because
        assert because is not None
        assert because.rule.id == "MK-PRO-003"

    def test_nothing_is_written_when_all_are_refused(self, tmp_path: Path) -> None:
        burnt = burnt_to(tmp_path / "out.iso", CR, profile="STD-CTMR-CD", on_reject=OnReject.SKIP)
        assert burnt.result.outcome is Outcome.DOES_NOT_FIT
        assert left_in(tmp_path) == []

    def test_without_conversion_other_encodings_are_refused(self, tmp_path: Path) -> None:
        burnt = burnt_to(tmp_path / "out.iso", CT_THIN, CT_1, convert=Convert.NONE, on_reject=OnReject.SKIP)
        assert Counter(states(burnt).values()) == {State.REFUSED: 4, State.WRITTEN: 1}

    def test_lossless_conversion_changes_no_pixel_and_is_the_default(self, tmp_path: Path) -> None:
        burnt = burnt_to(tmp_path / "out", CT_THIN)
        assert set(states(burnt).values()) == {State.CONVERTED}
        for fate in burnt.result.fates:
            ours, theirs = pydicom.dcmread(tmp_path / "out" / fate.became), pydicom.dcmread(fate.source)
            assert (ours.pixel_array == theirs.pixel_array).all()

    def test_nothing_is_converted_for_a_burn_that_cannot_go(self, tmp_path: Path) -> None:
        phases: list[Event] = []
        burnt_to(tmp_path / "out", CT_THIN, CR, profile="STD-CTMR-CD", tell=phases.append)
        assert PhaseStarted("convert", total=4) not in phases

    def test_the_same_instance_twice_is_written_once(self, tmp_path: Path) -> None:
        source = folder_of(tmp_path / "in", {"a": CT_1, "b": CT_1, "c/d": CT_1})
        burnt = burnt_to(tmp_path / "out", source)
        assert states(burnt) == {"a": State.WRITTEN, "b": State.DUPLICATE, "d": State.DUPLICATE}
        assert burnt.result.outcome is Outcome.GOOD
        assert len(files_in(tmp_path / "out")) == 2

    def test_one_uid_with_different_bytes_is_refused_with_both_named(self, tmp_path: Path) -> None:
        source = folder_of(tmp_path / "in", {"a": CT_1, "c": CT_2})
        altered(CT_1, source / "b", WindowCenter="41")
        burnt = burnt_to(tmp_path / "out", source)
        assert states(burnt) == {"a": State.REFUSED, "b": State.REFUSED, "c": State.WITHHELD}
        for name, other in (("a", "b"), ("b", "a")):
            because = fate_of(burnt, name).because
            assert because is not None
            assert because.rule.id == "MK-SRC-106"
            assert str(source / other) in because.text
        assert burnt.result.outcome is Outcome.DOES_NOT_FIT

    def test_one_study_under_two_patients_is_refused_with_both_shown(self, tmp_path: Path) -> None:
        source = folder_of(tmp_path / "in", {"a": CT_1, "mr": MR})
        altered(CT_2, source / "b", PatientID="OTHER-7")
        burnt = burnt_to(tmp_path / "out", source)
        found = states(burnt)
        assert State.REFUSED in {found["a"], found["b"]}
        assert found["mr"] is State.WITHHELD
        assert burnt.result.outcome is Outcome.DOES_NOT_FIT
        shown = " ".join(finding.text for finding in burnt.result.report.findings)
        assert "OTHER-7" in shown
        assert "MKS-0001" in shown
        assert left_in(tmp_path) == ["in"]

    def test_missing_keys_are_supplied_in_the_directory_and_the_instance_stays(self, tmp_path: Path) -> None:
        poor = altered(CT_1, tmp_path / "in" / "poor", StudyID="", PatientID="")
        burnt = burnt_to(tmp_path / "out", tmp_path / "in")
        fate = fate_of(burnt, "poor")
        assert fate.state is State.WRITTEN
        assert (tmp_path / "out" / fate.became).read_bytes() == poor.read_bytes()
        records = pydicom.dcmread(tmp_path / "out" / "DICOMDIR").DirectoryRecordSequence
        assert all(r.StudyID for r in records if r.DirectoryRecordType == "STUDY")
        assert all(r.PatientID for r in records if r.DirectoryRecordType == "PATIENT")
        supplied = {f.where.tag for f in burnt.result.report.findings if f.severity is Severity.WARNING}
        assert {0x00100020, 0x00200010} <= supplied

    def test_missing_keys_are_refused_when_nobody_may_supply_them(self, tmp_path: Path) -> None:
        altered(CT_1, tmp_path / "in" / "poor", StudyID="")
        burnt = burnt_to(tmp_path / "out", tmp_path / "in", supply=Supply.NONE)
        assert states(burnt) == {"poor": State.REFUSED}
        assert burnt.result.outcome is Outcome.DOES_NOT_FIT

    def test_supplied_keys_are_the_same_in_every_burn(self, tmp_path: Path) -> None:
        altered(CT_1, tmp_path / "in" / "poor", StudyID="", PatientID="", StudyTime="")
        for name in ("one", "two"):
            burnt_to(tmp_path / name, tmp_path / "in")
        assert (tmp_path / "one/DICOMDIR").read_bytes() == (tmp_path / "two/DICOMDIR").read_bytes()

    def test_warnings_can_be_made_to_count(self, tmp_path: Path) -> None:
        altered(CT_1, tmp_path / "in" / "poor", StudyID="")
        burnt = burnt_to(tmp_path / "out", tmp_path / "in", fail_on=Severity.WARNING)
        assert states(burnt) == {"poor": State.WRITTEN}
        assert burnt.result.outcome is Outcome.FINDINGS


class TestTheRehearsal:
    def test_nothing_is_written_and_the_plan_is_that_of_the_real_burn(self, tmp_path: Path) -> None:
        source = folder_of(tmp_path / "in", {"a": CT_1, "b": CT_2, "c": MR, "n": NOTES})
        for thin in files_in(CT_THIN):
            folder_of(source, {thin.name: thin})
        rehearsed = burnt_to(tmp_path / "out.iso", source, depth=Depth.PLAN)
        assert left_in(tmp_path) == ["in"]
        assert rehearsed.is_rehearsal
        assert set(states(rehearsed).values()) == {State.PLANNED, State.NOT_DICOM}
        assert rehearsed.result.outcome is Outcome.GOOD
        real = burnt_to(tmp_path / "out.iso", source)
        assert rehearsed.plan is not None
        assert real.plan is not None
        assert rehearsed.plan.dicomdir == real.plan.dicomdir
        assert rehearsed.plan == real.plan
        assert on_medium(tmp_path / "out.iso")["DICOMDIR"] == rehearsed.plan.dicomdir
        places = {fate.source: fate.became for fate in rehearsed.result.fates}
        assert {fate.source: fate.became for fate in real.result.fates} == places

    def test_it_tells_the_same_refusals(self, tmp_path: Path) -> None:
        source = folder_of(tmp_path / "in", {"a": CT_1, "b": CR})
        rehearsed = burnt_to(tmp_path / "out", source, profile="STD-CTMR-CD", depth=Depth.PLAN)
        real = burnt_to(tmp_path / "out", source, profile="STD-CTMR-CD")
        assert rehearsed.result == real.result

    def test_without_proof_nothing_is_read_back(self, tmp_path: Path) -> None:
        phases: list[Event] = []
        burnt = burnt_to(tmp_path / "out", CT_1, depth=Depth.WRITE, tell=phases.append)
        assert burnt.result.outcome is Outcome.GOOD
        assert not any(isinstance(event, PhaseStarted) and event.phase == "proof" for event in phases)


class TestSources:
    def test_a_file_can_be_a_source_and_is_known_by_its_own_name(self, tmp_path: Path) -> None:
        burnt = burnt_to(tmp_path / "out", CT_1, MR, NOTES)
        assert [(fate.source, fate.state) for fate in burnt.result.fates] == [
            (str(CT_1), State.WRITTEN),
            (str(MR), State.WRITTEN),
            (str(NOTES), State.NOT_DICOM),
        ]

    def test_sources_inside_one_another_give_each_file_one_fate(self, tmp_path: Path) -> None:
        source = folder_of(tmp_path / "in", {"a/ct": CT_1, "b/ct2": CT_2})
        burnt = burnt_to(tmp_path / "out", source / "a", source, source / "b" / "ct2")
        assert states(burnt) == {"ct": State.WRITTEN, "ct2": State.WRITTEN}
        assert len(burnt.result.fates) == 2

    def test_one_source_named_twice_is_a_wrong_call(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="twice"):
            burnt_to(tmp_path / "out", CT_1, CT_1)

    def test_a_zip_and_an_image_are_sources(self, tmp_path: Path) -> None:
        burnt_to(tmp_path / "one.zip", CT_1, CT_2, profile="STD-GEN-ZIP-MAIL")
        burnt_to(tmp_path / "two.iso", MR_FOLDER)
        burnt = burnt_to(tmp_path / "all", tmp_path / "one.zip", tmp_path / "two.iso", CT_3)
        assert burnt.result.outcome is Outcome.GOOD
        assert burnt.result.counts() == {State.WRITTEN: 11, State.EXCLUDED: 2}

    def test_the_target_cannot_be_a_source(self, tmp_path: Path) -> None:
        image = tmp_path / "a.iso"
        burnt_to(image, CT_1)
        before = image.read_bytes()
        with pytest.raises(UsageError, match="is a source"):
            burnt_to(image, image, overwrite=True)
        assert image.read_bytes() == before

    def test_a_source_that_is_not_there_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError) as caught:
            burnt_to(tmp_path / "out", tmp_path / "nowhere")
        assert caught.value.where == str(tmp_path / "nowhere")
        assert left_in(tmp_path) == []


class TestTargets:
    @pytest.mark.parametrize(
        ("profile", "name", "kind"),
        [
            ("STD-GEN-CD", "a.iso", "iso9660"),
            ("STD-GEN-BD", "a.iso", "udf"),
            ("STD-GEN-ZIP-MAIL", "a.zip", "zip"),
            ("STD-GEN-USB-JPEG", "stick", "folder"),
            ("STD-CTMR-CD", "a.iso", "iso9660"),
        ],
    )
    def test_each_medium_gets_its_format(self, profile: str, name: str, kind: str, tmp_path: Path) -> None:
        burnt = burnt_to(tmp_path / name, CT_FOLDER, profile=profile)
        assert burnt.result.outcome is Outcome.GOOD
        tree = open_tree(tmp_path / name)
        assert tree.facts.format == kind
        tree.close()
        medium = on_medium(tmp_path / name)
        assert len(medium) == 11
        assert {medium[fate.became] for fate in burnt.result.fates} == {
            path.read_bytes() for path in files_in(CT_FOLDER)
        }

    def test_the_volume_carries_the_file_set_id(self, tmp_path: Path) -> None:
        burnt_to(tmp_path / "a.iso", CT_1, file_set_id="RAD_0042")
        tree = open_tree(tmp_path / "a.iso")
        assert tree.facts.label == "RAD_0042"
        tree.close()
        dicomdir = pydicom.dcmread(pydicom.filebase.DicomBytesIO(on_medium(tmp_path / "a.iso")["DICOMDIR"]))
        assert dicomdir.FileSetID == "RAD_0042"

    @pytest.mark.parametrize("name", ["lower", "A B", "ABCDEFGHIJKLMNOPQ", "Ä", "A\n"])
    def test_a_file_set_id_that_is_none_is_refused(self, name: str, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="File-set ID"):
            burnt_to(tmp_path / "a.iso", CT_1, file_set_id=name)
        assert left_in(tmp_path) == []

    def test_the_images_of_a_cardiac_disc_have_icons(self, tmp_path: Path) -> None:
        burnt = burnt_to(tmp_path / "xa.iso", XA_FOLDER, profile="STD-XABC-CD")
        assert burnt.result.outcome is Outcome.GOOD, [f.text for f in burnt.result.report.findings]
        dicomdir = pydicom.dcmread(pydicom.filebase.DicomBytesIO(on_medium(tmp_path / "xa.iso")["DICOMDIR"]))
        icons = [r for r in dicomdir.DirectoryRecordSequence if "IconImageSequence" in r]
        assert icons
        for record in icons:
            (icon,) = record.IconImageSequence
            assert (icon.Rows, icon.Columns, icon.BitsAllocated) == (128, 128, 8)
            assert len(set(icon.PixelData)) > 10

    def test_a_folder_that_holds_files_is_refused(self, tmp_path: Path) -> None:
        folder_of(tmp_path / "out", {"precious": b"x"})
        for overwrite in (False, True):
            with pytest.raises(UsageError, match="folder with content"):
                burnt_to(tmp_path / "out", CT_1, overwrite=overwrite)
        assert left_in(tmp_path / "out") == ["precious"]

    def test_an_empty_folder_is_filled(self, tmp_path: Path) -> None:
        (tmp_path / "out").mkdir()
        assert burnt_to(tmp_path / "out", CT_1).result.outcome is Outcome.GOOD
        assert "DICOMDIR" in left_in(tmp_path / "out")

    def test_an_image_that_exists_is_replaced_only_when_asked(self, tmp_path: Path) -> None:
        out = tmp_path / "a.iso"
        out.write_bytes(b"precious")
        with pytest.raises(UsageError, match="exists"):
            burnt_to(out, CT_1)
        assert out.read_bytes() == b"precious"
        assert burnt_to(out, CT_1, overwrite=True).result.outcome is Outcome.GOOD
        assert "DICOMDIR" in on_medium(out)

    def test_a_replaced_image_stays_when_the_new_one_cannot_be_made(self, tmp_path: Path) -> None:
        out = tmp_path / "a.iso"
        out.write_bytes(b"precious")
        burnt = burnt_to(out, CR, profile="STD-CTMR-CD", overwrite=True)
        assert burnt.result.outcome is Outcome.DOES_NOT_FIT
        assert out.read_bytes() == b"precious"

    def test_a_dangling_link_at_the_target_is_not_followed(self, tmp_path: Path) -> None:
        (tmp_path / "a.iso").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(UsageError, match="exists"):
            burnt_to(tmp_path / "a.iso", CT_1)
        assert left_in(tmp_path) == ["a.iso"]

    def test_a_target_in_no_folder_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="does not exist"):
            burnt_to(tmp_path / "nowhere" / "a.iso", CT_1)

    def test_what_is_too_big_is_not_written(self, tmp_path: Path) -> None:
        burnt = burnt_to(tmp_path / "a.iso", CT_FOLDER, capacity="600kB")
        assert burnt.result.outcome is Outcome.DOES_NOT_FIT
        assert set(states(burnt).values()) <= {State.WITHHELD, State.REFUSED}
        assert "MK-FST-011" in burnt.result.report.by_rule()
        assert left_in(tmp_path) == []

    def test_a_secure_profile_is_refused_before_anything_is_read(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="say who can open them"):
            burnt_to(tmp_path / "a.iso", tmp_path / "nowhere", profile="STD-GEN-SEC-CD")

    def test_an_unknown_profile_is_told_with_those_that_are_near(self, tmp_path: Path) -> None:
        with pytest.raises(ProfileError) as caught:
            burnt_to(tmp_path / "a.iso", CT_1, profile="STD-GEN-CC")
        assert "STD-GEN-CD" in caught.value.hint

    def test_a_mail_profile_says_that_the_file_itself_is_plain(self, tmp_path: Path) -> None:
        burnt = burnt_to(tmp_path / "a.zip", CT_1, profile="STD-GEN-SEC-ZIP-MAIL")
        assert burnt.result.outcome is Outcome.GOOD
        assert "MK-FST-103" in burnt.result.report.by_rule()

    @pytest.mark.parametrize("name", ["x.iso", "sub/x.iso", "new"])
    def test_it_is_not_written_into_its_own_source(self, name: str, tmp_path: Path) -> None:
        source = folder_of(tmp_path / "in", {"A": CT_1, "sub/B": CT_2})
        with pytest.raises(UsageError, match="lies in the source"):
            burnt_to(source / name, source)
        with pytest.raises(UsageError, match="lies in the source"):
            burnt_to(source / name, CT_3, add=(source,))
        assert left_in(source) == ["A", "sub"]

    def test_it_may_stand_beside_its_source_under_a_name_that_begins_alike(self, tmp_path: Path) -> None:
        source = folder_of(tmp_path / "in", {"A": CT_1})
        assert burnt_to(tmp_path / "in.iso", source).result.outcome is Outcome.GOOD


class TestTheSameInputGivesTheSameBytes:
    @pytest.mark.parametrize(
        ("name", "profile"),
        [
            ("a.iso", "STD-GEN-CD"),
            ("a.zip", "STD-GEN-ZIP-MAIL"),
            ("a", "STD-GEN-CD"),
            ("u.iso", "STD-GEN-BD"),
        ],
    )
    def test_whatever_the_names_and_the_order_of_the_sources(
        self, name: str, profile: str, tmp_path: Path
    ) -> None:
        thin = files_in(CT_THIN)[0]
        one = folder_of(tmp_path / "in1", {"a": CT_1, "b": CT_2, "c": MR, "d": thin, "n": NOTES})
        two = folder_of(tmp_path / "in2", {"z/y": CT_1, "z/x": CT_2, "w": thin})
        three = folder_of(tmp_path / "in3", {"m": MR})
        (tmp_path / "one").mkdir()
        (tmp_path / "two").mkdir()
        burnt_to(tmp_path / "one" / name, one, profile=profile)
        burnt_to(tmp_path / "two" / name, three, two, profile=profile)
        left, right = on_medium(tmp_path / "one" / name), on_medium(tmp_path / "two" / name)
        assert left == right
        assert len(left) == 5
        if "." in name:
            assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
        else:
            times = [{p.stat().st_mtime for p in files_in(tmp_path / side)} for side in ("one", "two")]
            assert times[0] == times[1]
            assert len(times[0]) == 1


class TestOtherContent:
    def test_it_goes_to_the_root_with_a_fate_of_its_own(self, tmp_path: Path) -> None:
        extra = folder_of(tmp_path / "extra", {"README.TXT": b"hello", "VIEWER/RUN.EXE": b"MZ"})
        for out, profile in (
            ("a.iso", "STD-GEN-CD"),
            ("folder", "STD-GEN-CD"),
            ("a.zip", "STD-GEN-ZIP-MAIL"),
        ):
            burnt = burnt_to(tmp_path / out, CT_1, add=(extra,), profile=profile)
            assert burnt.result.outcome is Outcome.GOOD
            medium = on_medium(tmp_path / out)
            assert medium["README.TXT"] == b"hello"
            assert medium["VIEWER/RUN.EXE"] == b"MZ"
            fate = fate_of(burnt, "RUN.EXE")
            assert (fate.source, fate.state, fate.became, fate.sha256) == (
                str(extra / "VIEWER" / "RUN.EXE"),
                State.WRITTEN,
                "VIEWER/RUN.EXE",
                sha256(extra / "VIEWER" / "RUN.EXE"),
            )

    def test_it_never_takes_the_names_of_the_file_set(self, tmp_path: Path) -> None:
        extra = folder_of(tmp_path / "extra", {"DICOM/P0000001/README.TXT": b"x", "DICOM.TXT": b"y"})
        burnt = burnt_to(tmp_path / "out", CT_1, add=(extra,))
        fate = fate_of(burnt, CT_1.name)
        assert not fate.became.startswith("DICOM/")
        assert (tmp_path / "out" / fate.became).read_bytes() == CT_1.read_bytes()
        assert (tmp_path / "out/DICOM/P0000001/README.TXT").read_bytes() == b"x"

    @pytest.mark.parametrize("name", ["DICOMDIR", "dicomdir", "DicomDir/x"])
    def test_a_directory_of_its_own_is_refused(self, name: str, tmp_path: Path) -> None:
        extra = folder_of(tmp_path / "extra", {name: b"x"})
        with pytest.raises(UsageError, match="DICOMDIR is reserved"):
            burnt_to(tmp_path / "out", CT_1, add=(extra,))

    def test_a_dicom_file_is_refused_because_every_one_must_be_referenced(self, tmp_path: Path) -> None:
        extra = folder_of(tmp_path / "extra", {"IMAGE": CT_2})
        with pytest.raises(UsageError, match="DICOM file"):
            burnt_to(tmp_path / "out", CT_1, add=(extra,))

    def test_two_folders_with_one_name_are_refused(self, tmp_path: Path) -> None:
        composed, decomposed = "\u00c4.TXT", "A\u0308.TXT"  # one name on macOS
        one = folder_of(tmp_path / "one", {"README": b"1", composed: b"1"})
        for number, name in enumerate(("README", "readme", decomposed, decomposed.lower())):
            two = folder_of(tmp_path / str(number), {name: b"2"})
            with pytest.raises(UsageError, match="twice"):
                burnt_to(tmp_path / "out", CT_1, add=(one, two))

    def test_a_link_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "extra").mkdir()
        (tmp_path / "extra" / "passwd").symlink_to("/etc/passwd")
        with pytest.raises(UsageError, match="only regular files"):
            burnt_to(tmp_path / "out", CT_1, add=(tmp_path / "extra",))

    def test_it_counts_for_the_capacity(self, tmp_path: Path) -> None:
        extra = folder_of(tmp_path / "extra", {"BIG": bytes(2_000_000)})
        burnt = burnt_to(tmp_path / "a.iso", CT_1, add=(extra,), capacity="1MB")
        assert burnt.result.outcome is Outcome.DOES_NOT_FIT
        assert states(burnt) == {"BIG": State.WITHHELD, CT_1.name: State.WITHHELD}

    def test_it_may_lie_inside_a_source(self, tmp_path: Path) -> None:
        source = folder_of(tmp_path / "in", {"ct": CT_1, "viewer/RUN.EXE": b"MZ"})
        burnt = burnt_to(tmp_path / "out", source, add=(source / "viewer",))
        assert states(burnt) == {"ct": State.WRITTEN, "RUN.EXE": State.WRITTEN}


class TestEvents:
    def test_each_phase_begins_and_ends_in_its_turn(self, tmp_path: Path) -> None:
        events: list[Event] = []
        burnt_to(tmp_path / "out.iso", CT_1, CT_THIN, tell=events.append)
        phases = [
            (type(event).__name__, event.phase)
            for event in events
            if isinstance(event, PhaseStarted | PhaseEnded)
        ]
        expected = ["scan", "judge", "convert", "write", "proof"]
        assert phases == [(kind, name) for name in expected for kind in ("PhaseStarted", "PhaseEnded")]

    def test_the_bytes_that_are_told_are_those_that_were_announced(self, tmp_path: Path) -> None:
        events: list[Event] = []
        burnt_to(tmp_path / "out.iso", CT_FOLDER, tell=events.append)
        for phase in ("write", "proof"):
            start = next(n for n, e in enumerate(events) if isinstance(e, PhaseStarted) and e.phase == phase)
            end = events.index(PhaseEnded(phase))
            started: Any = events[start]
            told = sum(event.amount for event in events[start:end] if isinstance(event, Advanced))
            assert told == started.total

    def test_every_fate_is_told_once_in_the_end(self, tmp_path: Path) -> None:
        events: list[Event] = []
        burnt = burnt_to(tmp_path / "out.iso", CT_FOLDER, NOTES, tell=events.append)
        told = [event.fate for event in events if isinstance(event, FileSettled)]
        assert told == list(burnt.result.fates)


def test_the_library_needs_no_working_folder_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder_of(tmp_path / "in", {"ct": CT_1})
    burnt = burnt_to(Path("out.iso"), Path("in"))
    assert [fate.source for fate in burnt.result.fates] == [f"in{os.sep}ct"]
    assert left_in(tmp_path) == ["in", "out.iso"]
