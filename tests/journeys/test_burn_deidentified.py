"""`burn --deidentify`: a whole disc that does not say who the patients are, and the search at its end."""

from __future__ import annotations

import json
from pathlib import Path

import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset

from mediakit.choices import ForPeople, OnBurnedIn, Viewer
from mediakit.dicom.deidentify.engine import Engine
from mediakit.dicom.deidentify.order import Deidentification
from mediakit.outcome import Outcome, State
from tests.support.cli import mediakit
from tests.support.studies import (
    CR,
    CT_1,
    CT_2,
    NAMES,
    SAMPLES,
    altered,
    burnt_to,
    folder_of,
    left_in,
    states,
)

KEPT = Deidentification(on_burned_in=OnBurnedIn.KEEP)
ENCODINGS = ("utf-8", "latin-1", "utf-16-le", "utf-16-be", "iso2022_jp", "shift_jis", "iso8859-7")


@pytest.fixture(autouse=True)
def _nobodys_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))


def originals() -> list[Dataset]:
    paths = (path for path in sorted(SAMPLES.rglob("*")) if path.is_file() and path.suffix != ".txt")
    return [pydicom.dcmread(path, force=True, stop_before_pixels=True) for path in paths]


class TestTheDisc:
    def test_it_holds_nothing_of_the_old_values(self, tmp_path: Path) -> None:
        out = tmp_path / "disc"
        people = ForPeople(viewer=Viewer.FULL, pdi=True)
        burnt = burnt_to(out, SAMPLES, deidentify=KEPT, people=people, manifest=True)
        assert burnt.result.outcome is Outcome.GOOD
        kinds = set(states(burnt).values())
        assert kinds == {State.DEIDENTIFIED, State.EXCLUDED, State.NOT_DICOM}
        before = originals()
        old = {str(one.get(word, "")) for one in before for word in ("PatientID", "AccessionNumber")}
        old |= {
            str(one[tag].value)
            for one in before
            for tag in (0x00080018, 0x0020000D, 0x0020000E)
            if tag in one
        }
        words = [*NAMES, *(value for value in old if len(value) > 4)]
        raws = {word.encode(codec, "ignore") for word in words for codec in ENCODINGS}
        raws = {raw for raw in raws if len(raw) > 5}
        for path in out.rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                assert not [raw for raw in raws if raw in content], path

    def test_its_directory_and_its_instances_agree(self, tmp_path: Path) -> None:
        out = tmp_path / "disc"
        burnt_to(out, SAMPLES, deidentify=KEPT)
        directory = pydicom.dcmread(out / "DICOMDIR")
        records = directory.DirectoryRecordSequence
        patients = [str(one.PatientID) for one in records if one.DirectoryRecordType == "PATIENT"]
        assert patients == [f"TEACH-{number:04d}" for number in range(1, len(patients) + 1)]
        assert len(patients) > 1
        named = 0
        for one in records:
            if "ReferencedFileID" in one:
                instance = pydicom.dcmread(out.joinpath(*one.ReferencedFileID))
                assert instance.SOPInstanceUID == one.ReferencedSOPInstanceUIDInFile
                assert str(instance.PatientID) in patients
                named += 1
        assert named == len(list((out / "DICOM").rglob("I*")))
        assert mediakit("validate", out).code == 0

    def test_references_lead_to_instances_of_the_disc(self, tmp_path: Path) -> None:
        def ends(folder: Path) -> tuple[int, int]:
            files = [path for path in folder.rglob("*") if path.is_file()]
            all_of = [pydicom.dcmread(path, force=True) for path in files if path.name != "DICOMDIR"]
            uids = {one.get("SOPInstanceUID") for one in all_of}
            seen: list[str] = []
            for one in all_of:
                one.walk(
                    lambda _, each: (
                        seen.append(each.value) if each.keyword == "ReferencedSOPInstanceUID" else None
                    )
                )
            return len(seen), sum(uid in uids for uid in seen)

        plain, clean = tmp_path / "plain", tmp_path / "clean"
        burnt_to(plain, SAMPLES)
        burnt_to(clean, SAMPLES, deidentify=KEPT)
        before, after = ends(plain), ends(clean)
        assert after[0] - after[1] <= before[0] - before[1]
        assert after[1] > 40

    def test_two_discs_with_one_key_file_fit_together(self, tmp_path: Path) -> None:
        key = tmp_path / "key"
        key.write_bytes(b"0123456789abcdef0123456789abcdef")
        uids = []
        for number, source in enumerate((CT_1, CT_2, CT_1)):
            out = tmp_path / f"disc{number}"
            options = ("--deidentify", "basic", "--deidentify-key-file", key)
            assert mediakit("burn", source, "-o", out, "-p", "STD-GEN-CD", *options).code == 0
            (path,) = (out / "DICOM").rglob("I*")
            one = pydicom.dcmread(path)
            uids.append((one.PatientID, one.StudyInstanceUID, one.SOPInstanceUID))
        assert uids[0] == uids[2]
        assert uids[0][:2] == uids[1][:2]
        assert uids[0][2] != uids[1][2]
        other = tmp_path / "other"
        mediakit("burn", CT_1, "-o", other, "-p", "STD-GEN-CD", "--deidentify", "basic")
        (path,) = (other / "DICOM").rglob("I*")
        assert pydicom.dcmread(path).SOPInstanceUID != uids[0][2]


class TestTheSearch:
    def burn(self, tmp_path: Path, content: str, *more: str | Path) -> tuple[int, str, str]:
        add = folder_of(tmp_path / "more", {"NOTES.TXT": content.encode()})
        out = tmp_path / "disc.iso"
        arguments = ("-o", out, "-p", "STD-GEN-CD", "--deidentify", "basic", "--add", add)
        said = mediakit("burn", CT_1, *arguments, *more)
        return said.code, said.out, said.err

    def test_an_old_name_on_the_medium_fails_the_burn_and_leaves_nothing(self, tmp_path: Path) -> None:
        for number, text in enumerate(("shown to Beispiel, Jörg", "id MKS-0001 again")):
            work = tmp_path / str(number)
            work.mkdir()
            code, out, err = self.burn(work, text)
            assert (code, "MK-DEI-010" in out + err, "NOTES.TXT" in out + err) == (8, True, True), (out, err)
            assert "Jörg" not in out + err
            assert "MK-DEI-014" in err, err
            assert "outcome: identifying text found, nothing written (exit code 8)" in out
            for wrong in ("MK-FST-101", "not proven", "Check the disk", "has room"):
                assert wrong not in out + err, wrong
            assert left_in(work) == ["more"]

    def test_harmless_text_passes(self, tmp_path: Path) -> None:
        code, _, out = self.burn(tmp_path, "A teaching case of the thorax. Ask your teacher.")
        assert (code, "MK-DEI-010" in out, "MK-DEI-014" in out + _) == (0, False, False)

    def test_a_birth_date_is_reported_only(self, tmp_path: Path) -> None:
        day = str(pydicom.dcmread(CT_1).PatientBirthDate)
        code, out, err = self.burn(tmp_path, f"on {day[:4]}-{day[4:6]}-{day[6:]} it rained")
        assert code == 0
        assert "MK-DEI-012" in err
        assert day[:4] + "-" not in out + err

    def test_an_old_name_as_the_label_fails_the_burn(self, tmp_path: Path) -> None:
        code, out, err = self.burn(tmp_path, "nothing", "--file-set-id", "BEISPIEL")
        assert (code, "MK-DEI-011" in out + err) == (8, True)

    def test_a_name_in_an_attribute_that_is_kept_is_found(self, tmp_path: Path) -> None:
        name = str(pydicom.dcmread(CT_1).PatientName)
        source = altered(CT_1, tmp_path / "one.dcm", Manufacturer="Acme", BodyPartExamined="CHEST")
        kept = altered(source, tmp_path / "in" / "two.dcm", ImageComments=name)
        table = tmp_path / "table.toml"
        table.write_text('keep = ["ImageComments"]\n')
        options = ("--deidentify", "basic", "--deidentify-table", table)
        said = mediakit(
            "burn", kept, "-o", tmp_path / "a.zip", "--deidentify-table", table, "--json", *options[:2]
        )
        found = [one for one in said.document["findings"] if one["rule"] == "MK-DEI-010"]
        assert (said.code, bool(found)) == (8, True)
        assert found[0]["tag"] == "(0020,4000)"

    def test_a_disc_for_teaching_and_placeholders_can_be_de_identified_again(self, tmp_path: Path) -> None:
        source = altered(CT_1, tmp_path / "one.dcm", OperatorsName="REMOVED", PatientID="UNKNOWN")
        for number, one in enumerate((source, tmp_path / "0.zip", tmp_path / "1.zip")):
            said = mediakit("burn", one, "-o", tmp_path / f"{number}.zip", "--deidentify", "basic")
            assert said.code == 0, said

    def test_names_too_ordinary_are_told(self, tmp_path: Path) -> None:
        source = altered(CT_1, tmp_path / "one.dcm", PatientID="7", PatientName="Date^Time")
        said = mediakit("burn", source, "-o", tmp_path / "a.zip", "--deidentify", "basic", "--json")
        assert said.code == 0
        assert "MK-DEI-013" in said.out


class TestWhatDoesNotGo:
    def test_images_with_text_stop_the_burn_until_it_is_decided(self, tmp_path: Path) -> None:
        source = altered(CR, tmp_path / "in" / "one.dcm", BurnedInAnnotation="YES")
        out = tmp_path / "a.zip"
        refused = mediakit("burn", source, "-o", out, "--deidentify", "basic")
        assert (refused.code, "MK-DEI-003" in refused.out, out.exists()) == (4, True, False)
        kept = mediakit("burn", source, "-o", out, "--deidentify", "basic", "--burned-in", "keep")
        assert (kept.code, "MK-DEI-005" in kept.err, out.exists()) == (0, True, True)

    def test_what_cannot_be_cleaned_is_left_out_and_named(self, tmp_path: Path) -> None:
        pdf = tmp_path / "in" / "report.dcm"
        altered(CT_1, pdf, SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1", PixelData=None)
        said = mediakit("burn", pdf, CT_2, "-o", tmp_path / "a.zip", "--deidentify", "basic", "--json")
        assert said.code == 0
        by_name = {Path(one["source"]).name: one for one in said.document["files"]}
        assert by_name["report.dcm"]["state"] == "excluded"
        assert by_name[CT_2.name]["state"] == "de-identified"

    def test_wrong_options_are_refused_before_anything_is_read(self, tmp_path: Path) -> None:
        table, key = tmp_path / "t.toml", tmp_path / "k"
        table.write_text("keep = [")
        key.write_bytes(b"short")
        for options in (
            ("--deidentify", "all"),
            ("--deidentify-table", table),
            ("--deidentify", "basic", "--deidentify-table", table),
            ("--deidentify", "basic", "--deidentify-table", tmp_path / "none"),
            ("--deidentify", "basic", "--deidentify-key-file", key),
            ("--deidentify", "retain-safe-private"),
        ):
            said = mediakit("burn", CT_1, "-o", tmp_path / "a.zip", *options)
            assert (said.code, "hint" in said.err or "TOML" in said.err or "read" in said.err) == (2, True), (
                options
            )
        assert left_in(tmp_path) == ["k", "t.toml"]

    def test_a_rehearsal_writes_nothing(self, tmp_path: Path) -> None:
        said = mediakit("burn", CT_1, "-o", tmp_path / "a.zip", "--deidentify", "basic", "-n", "--json")
        assert said.code == 0
        assert left_in(tmp_path) == []
        assert json.dumps(said.document).count("planned") >= 1

    def test_what_a_camera_says_in_a_wrapped_photo(self, tmp_path: Path) -> None:
        photo, out = tmp_path / "in" / "photo.jpg", tmp_path / "disc"
        photo.parent.mkdir()
        camera = Image.Exif()
        camera[0x013B] = "Photographer Mustermann"
        Image.new("RGB", (64, 64), (99, 10, 200)).save(photo, exif=camera, comment=b"Kirchweg 12")
        arguments = ["--wrap", "--wrap-study", "new", "--wrap-patient-id", "PXQ-881234"]
        arguments += ["--wrap-patient-name", "Quappenfeld^Ortrud", "--deidentify", "basic"]
        said = mediakit("burn", photo, "-o", out, "-p", "STD-GEN-CD", *arguments, "--burned-in", "keep")
        assert said.code == 0, said
        contents = [path.read_bytes() for path in out.rglob("*") if path.is_file()]
        assert contents
        assert not [one for one in contents if b"Mustermann" in one or b"Kirchweg" in one]


def test_an_engine_is_made_for_each_run() -> None:
    order = Deidentification()
    assert isinstance(order.engine(), Engine)
    assert order.engine() is not order.engine()
