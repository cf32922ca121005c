"""`mediakit inspect`: what people read, the one JSON document, exit codes, and hostile names."""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import jsonschema
import pydicom
import pytest

from mediakit.report.inspection_doc import inspection_schema
from tests.support.cli import mediakit, process
from tests.support.dicom_bytes import ct
from tests.support.studies import CR, CT_1, MR, SAMPLES, altered, burnt_to, files_in, folder_of


@pytest.fixture(name="disc")
def _disc(tmp_path: Path) -> Path:
    """Return the content of a sound disc, to be broken by the test."""
    burnt_to(tmp_path / "disc", SAMPLES)
    return tmp_path / "disc"


def document(medium: Path) -> dict[str, Any]:
    """Return the JSON document, which obeys its schema."""
    said = mediakit("inspect", medium, "--json")
    assert said.err == ""
    found = said.document
    jsonschema.validate(found, inspection_schema())
    return found


class TestTheText:
    def test_a_person_reads_what_is_on_the_disc(self, tmp_path: Path) -> None:
        burnt_to(tmp_path / "a.iso", SAMPLES, file_set_id="CLINIC_7")
        said = mediakit("inspect", tmp_path / "a.iso")
        assert said.code == 0
        assert said.err == ""
        for words in (
            "ISO 9660 Level 1",
            "CLINIC_7",
            "3 patients, 7 studies, 21 series, 40 instances",
            "names every instance on the medium",
            "Müller-Beispiel, Jörg  ID MKS-0001, born 1958-04-12, M",
            "Shiken, Hanako = 試験, 花子",
            "2024-03-14  Angiographie Übersicht  accession MKA1002  XA  2 series, 2 instances, 658.4 kB",
            "CT Image Storage",
            "Explicit VR Little Endian",
            "outcome: good (exit code 0)",
        ):
            assert words in said.out, words

    def test_a_series_in_several_transfer_syntaxes_names_each(self, tmp_path: Path) -> None:
        shutil.copytree(SAMPLES / "mueller_joerg" / "20240312_CT" / "CT_THIN", tmp_path / "in")
        said = mediakit("inspect", tmp_path / "in")
        for name in ("RLE Lossless", "Implicit VR Little Endian", "JPEG 2000 Image Compression"):
            assert name in said.out

    def test_other_content_is_grouped_with_counts_and_sizes(self, disc: Path) -> None:
        folder_of(disc, {f"VIEWER/LIB{number}.DLL": b"MZ\x90\x00\x03" + bytes(1995) for number in range(9)})
        folder_of(disc, {"AUTORUN.INF": b"[autorun]\r\nopen=A.EXE\r\n"})
        said = mediakit("inspect", disc)
        (line,) = (line for line in said.out.splitlines() if line.startswith("  programs"))
        assert line.split() == ["programs", "9", "files", "18.0", "kB"]
        assert "    ... and 6 more" in said.out
        assert "  autorun files" in said.out
        assert mediakit("inspect", disc, "-v").out.count("VIEWER/LIB") == 9

    def test_what_is_missing_damaged_and_unlisted_is_said_with_its_rule(self, disc: Path) -> None:
        gone, broken, *_ = [path for path in files_in(disc) if path.name != "DICOMDIR"]
        gone.unlink()
        broken.write_bytes(broken.read_bytes()[:700])
        altered(MR, disc / "EXTRA", SOPInstanceUID="1.2.3.4")
        said = mediakit("inspect", disc)
        assert said.code == 1
        assert "  missing    1 instance that the directory names" in said.out
        assert "  damaged    1 file that cannot be read" in said.out
        assert "  directory  1 instance is not in it" in said.out
        assert "1 missing or damaged" in said.out
        assert "MK-CON-001" in said.err
        assert "hint:" in said.err

    def test_quiet_prints_errors_only(self, disc: Path) -> None:
        assert mediakit("inspect", disc, "-q").out == ""
        files_in(disc)[1].unlink()
        said = mediakit("inspect", disc, "-q")
        assert (said.code, said.out) == (1, "")
        assert "MK-CON-001" in said.err

    def test_a_large_medium_does_not_flood_the_terminal(self, tmp_path: Path) -> None:
        for number in range(60):
            one = {"PatientID": f"P{number:03d}", "StudyInstanceUID": f"1.2.{number + 1}"}
            altered(
                CT_1,
                tmp_path / "in" / f"I{number:03d}",
                **one,
                SOPInstanceUID=f"1.3.{number + 1}",
                SeriesInstanceUID=f"1.4.{number + 1}",
            )
        said = mediakit("inspect", tmp_path / "in")
        assert "60 patients, 60 studies, 60 series, 60 instances" in said.out
        assert said.out.count("CT Image Storage") == 40
        assert "... and 20 more series of 20 studies of 20 patients (`-v` shows all" in said.out
        assert mediakit("inspect", tmp_path / "in", "-v").out.count("CT Image Storage") == 60


class TestTheDocument:
    def test_it_lists_every_instance_with_where_it_was_met(self, disc: Path) -> None:
        gone, *_ = [path for path in files_in(disc) if path.name != "DICOMDIR"]
        uid = pydicom.dcmread(gone).SOPInstanceUID
        gone.unlink()
        altered(CR, disc / "EXTRA", SOPInstanceUID="1.2.3.4")
        found = document(disc)
        assert found["schema"] == "mediakit/inspection/1"
        assert (found["outcome"], found["exit_code"]) == ("findings", 1)
        by_uid = {one["sop_instance_uid"]: one for one in found["instances"]}
        assert len(by_uid) == len(found["instances"]) == 41
        assert (by_uid[uid]["source"], by_uid[uid]["path"], by_uid[uid]["size"]) == ("directory", "", 0)
        assert by_uid[uid]["file_id"] == gone.relative_to(disc).as_posix()
        assert (by_uid["1.2.3.4"]["source"], by_uid["1.2.3.4"]["path"]) == ("scan", "EXTRA")
        for one in found["instances"]:
            if one["source"] == "both":
                truth = pydicom.dcmread(disc / one["path"])
                assert one["sop_class_uid"] == truth.SOPClassUID
                assert one["transfer_syntax_uid"] == truth.file_meta.TransferSyntaxUID
                assert one["series_instance_uid"] == truth.SeriesInstanceUID
                assert one["study_instance_uid"] == truth.StudyInstanceUID
                assert one["patient_id"] == truth.PatientID
                assert one["size"] == (disc / one["path"]).stat().st_size

    def test_it_counts_what_it_lists(self, disc: Path) -> None:
        folder_of(disc, {"README.TXT": b"hello"})
        found = document(disc)
        assert found["counts"] == {
            "files": 42,
            "patients": 3,
            "studies": 7,
            "series": 21,
            "instances": 40,
            "missing": 0,
            "unreadable": 0,
            "not_in_directory": 0,
            "damaged": 0,
            "others": 2,
        }
        assert found["others"] == [
            {"path": "DICOMDIR", "size": (disc / "DICOMDIR").stat().st_size, "kind": "dicomdir"},
            {"path": "README.TXT", "size": 5, "kind": "text"},
        ]
        assert (found["directory"], found["directory_readable"]) == ("DICOMDIR", True)
        series = [
            one for patient in found["patients"] for study in patient["studies"] for one in study["series"]
        ]
        assert sum(one["instances"] for one in series) == len(found["instances"]) == 40

    def test_a_medium_without_an_instance_gives_the_same_document(self, tmp_path: Path) -> None:
        folder_of(tmp_path / "in", {"README.TXT": b"hello"})
        found = document(tmp_path / "in")
        assert (found["outcome"], found["exit_code"], found["instances"]) == ("source", 3, [])
        assert [one["kind"] for one in found["others"]] == ["text"]

    def test_what_cannot_be_opened_gives_an_error_document(self, tmp_path: Path) -> None:
        said = mediakit("inspect", tmp_path / "nowhere.iso", "--json")
        assert said.code == 3
        assert said.document["schema"] == "mediakit/error/1"
        assert said.document["journey"] == "inspect"


def test_an_empty_medium_is_said_to_be_empty(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    said = mediakit("inspect", tmp_path / "in")
    assert said.code == 3
    assert "holds      no DICOM instance" in said.out
    assert "outcome: nothing to read here (exit code 3)" in said.out


def test_a_call_without_a_medium_is_a_wrong_call() -> None:
    assert mediakit("inspect").code == 2


class TestHostileNames:
    @pytest.mark.parametrize(
        "name", [b"two\nlines", b"latin-\xfc", b"\x1b[2Jclear", b"right\xe2\x80\xaeleft"]
    )
    def test_a_file_name_is_shown_on_one_line(self, name: bytes, tmp_path: Path) -> None:
        folder_of(tmp_path / "in", {"IM1": CR})
        odd = Path(os.fsdecode(os.fsencode(tmp_path / "in") + b"/" + name))
        odd.write_bytes(b"hello")
        odd.with_name(odd.name + "x").write_bytes(ct(1)[:900])
        said = process("inspect", tmp_path / "in", "-v")
        assert said.code == 1
        assert all(line.isprintable() for line in (said.out + said.err).split("\n"))
        told = process("inspect", tmp_path / "in", "--json").document
        jsonschema.validate(told, inspection_schema())
        assert len(told["others"]) == 2

    @pytest.mark.parametrize(
        "value", ["A^B\x1b[2J", "X" * 5000, "a\nb\nc", "\u202egnp.exe", "=" * 60, "^" * 60]
    )
    def test_a_value_of_a_header_cannot_spoil_the_terminal(self, value: str, tmp_path: Path) -> None:
        dataset = pydicom.dcmread(CR)
        dataset.SpecificCharacterSet = "ISO_IR 192"
        with pydicom.config.disable_value_validation():
            for keyword in (
                "PatientName",
                "StudyDescription",
                "SeriesDescription",
                "PatientID",
                "AccessionNumber",
            ):
                setattr(dataset, keyword, value)
            dataset.save_as(tmp_path / "IM1")
        said = process("inspect", tmp_path / "IM1")
        assert said.code == 0
        assert all(line.isprintable() and len(line) < 500 for line in said.out.split("\n"))

    def test_names_that_lead_out_of_an_archive_are_only_names(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
            archive.write(CR, "../../IM1")
            archive.write(CT_1, "/absolute/IM2")
        found = document(tmp_path / "evil.zip")
        assert found["counts"]["instances"] == 2
        assert sorted(path.name for path in tmp_path.iterdir()) == ["evil.zip"]


@pytest.mark.parametrize("command", ["inspect", "validate"])
@pytest.mark.parametrize("where", ["folder", "a.zip"])
def test_an_image_in_a_folder_or_an_archive_is_said_not_to_have_been_opened(
    where: str, command: str, tmp_path: Path
) -> None:
    source = tmp_path / "in"
    source.mkdir()
    burnt_to(source / "CD.ISO", CT_1)
    if where == "a.zip":
        source = tmp_path / where
        with zipfile.ZipFile(source, "w") as archive:
            archive.write(tmp_path / "in" / "CD.ISO", "CD.ISO")
    said = mediakit(command, source)
    assert said.code == 3
    assert "MK-HYG-008" in said.err and "CD.ISO" in said.err and "`mediakit extract`" in said.err


def test_an_archive_beside_images_is_listed_as_not_opened(disc: Path) -> None:
    (disc / "VIEWER.ZIP").write_bytes(b"PK\x03\x04" + bytes(60))
    said = mediakit("inspect", disc)
    assert said.code == 0
    assert "archives (not opened)" in said.out
    assert said.err == ""
