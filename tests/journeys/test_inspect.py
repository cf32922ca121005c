"""Inspection: what is on a medium, whatever it is and however broken, told apart from what is missing."""

from __future__ import annotations

import zipfile
from collections import Counter
from pathlib import Path

import pydicom
import pytest

from mediakit.errors import SourceError
from mediakit.events import Event, FoundSomething
from mediakit.fileset.contents import InstanceFact, Seen
from mediakit.fileset.file_kinds import OtherKind
from mediakit.fileset.inspection import Inspection
from mediakit.journeys.inspect import inspect
from mediakit.outcome import Outcome
from tests.support.dicom_bytes import ct
from tests.support.studies import CR, SAMPLES, altered, burnt_to, files_in, folder_of
from tests.support.zoo import CAGES


@pytest.fixture(name="disc")
def _disc(tmp_path: Path) -> Path:
    """Return the content of a sound disc, to be broken by the test."""
    burnt_to(tmp_path / "disc", SAMPLES)
    return tmp_path / "disc"


def images(disc: Path) -> list[Path]:
    return [path for path in files_in(disc) if path.name != "DICOMDIR"]


def instances(inspection: Inspection) -> list[InstanceFact]:
    return [
        instance
        for patient in inspection.contents.patients
        for study in patient.studies
        for series in study.series
        for instance in series.instances
    ]


def by_source(inspection: Inspection) -> Counter[Seen]:
    return Counter(instance.seen for instance in instances(inspection))


def rules(inspection: Inspection) -> set[str]:
    return {finding.rule.id for finding in inspection.report.findings}


class TestSoundMedia:
    @pytest.mark.parametrize(
        ("name", "profile", "form", "kind"),
        [
            ("a.iso", "STD-GEN-CD", "iso9660", "ISO 9660 Level 1"),
            ("b.iso", "STD-GEN-BD-JPEG", "udf", "UDF"),
            ("a.zip", "STD-GEN-ZIP-MAIL", "zip", "ZIP archive"),
            ("disc", "STD-GEN-CD", "folder", "folder"),
        ],
    )
    def test_what_was_burned_is_told(
        self, name: str, profile: str, form: str, kind: str, tmp_path: Path
    ) -> None:
        burnt_to(tmp_path / name, SAMPLES, profile=profile)
        found = inspect(tmp_path / name)
        assert found.outcome is Outcome.GOOD
        assert (found.format, found.contents.kind.startswith(kind)) == (form, True)
        counts = found.counts
        assert (counts.patients, counts.studies, counts.series, counts.instances) == (3, 7, 21, 40)
        assert by_source(found) == {Seen.BOTH: 40}
        assert [other.kind for other in found.contents.others] == [OtherKind.DICOMDIR]
        assert found.report.findings == ()
        assert found.size_bytes > 1_000_000
        assert counts.size_bytes == sum(instance.size for instance in instances(found))

    @pytest.mark.interop
    @pytest.mark.parametrize("cage", [name for name in CAGES if "fat" in name.lower()])
    def test_a_stick_is_told(self, cage: str, disc: Path, tmp_path: Path) -> None:
        found = inspect(CAGES[cage](disc, tmp_path / "stick"))
        assert found.format == "fat"
        assert found.label == "STICK"
        assert found.outcome is Outcome.GOOD
        assert by_source(found) == {Seen.BOTH: 40}

    def test_every_instance_has_the_values_of_its_file(self, disc: Path) -> None:
        for instance in instances(inspect(disc)):
            truth = pydicom.dcmread(disc / instance.path)
            assert instance.sop_instance == truth.SOPInstanceUID
            assert instance.sop_class == truth.SOPClassUID
            assert instance.transfer_syntax == truth.file_meta.TransferSyntaxUID
            assert instance.size == (disc / instance.path).stat().st_size

    def test_a_folder_without_a_directory_is_known_by_its_files(self) -> None:
        found = inspect(SAMPLES)
        assert found.outcome is Outcome.GOOD
        assert by_source(found) == {Seen.SCAN: 40}
        assert (found.directory, found.is_directory_readable) == ("", False)
        assert [(other.path, other.kind) for other in found.contents.others] == [
            ("mueller_joerg/notes.txt", OtherKind.TEXT)
        ]

    def test_one_file_is_a_medium_of_one_instance(self) -> None:
        found = inspect(CR)
        assert found.outcome is Outcome.GOOD
        assert [instance.path for instance in instances(found)] == [CR.name]

    def test_the_medium_is_not_touched(self, disc: Path) -> None:
        before = {path: path.stat().st_mtime_ns for path in disc.rglob("*")}
        inspect(disc)
        assert {path: path.stat().st_mtime_ns for path in disc.rglob("*")} == before


class TestWhatIsBeside:
    def test_other_content_is_told_by_its_kind(self, disc: Path) -> None:
        folder_of(
            disc,
            {
                "VIEWER/VIEWER.EXE": b"MZ\x90\x00\x03" + bytes(60),
                "VIEWER/README": b"MZ\x90\x00\x03" + bytes(60),
                "AUTORUN.INF": b"[autorun]\r\nopen=VIEWER\\VIEWER.EXE\r\n",
                "INDEX.HTM": b"<html></html>",
                "NOTES.TXT": b"hello",
                "REPORT.PDF": b"%PDF-1.4",
                "MORE.ZIP": b"PK\x03\x04" + bytes(60),
                "SECRET.P7M": b"-----BEGIN PKCS7-----",
                "ODD.BIN": bytes(range(256)),
            },
        )
        found = inspect(disc)
        assert found.outcome is Outcome.GOOD
        assert {other.path: other.kind.value for other in found.contents.others} == {
            "DICOMDIR": "dicomdir",
            "VIEWER/VIEWER.EXE": "executable",
            "VIEWER/README": "executable",
            "AUTORUN.INF": "autorun",
            "INDEX.HTM": "web",
            "NOTES.TXT": "text",
            "REPORT.PDF": "document",
            "MORE.ZIP": "archive",
            "SECRET.P7M": "encrypted",
            "ODD.BIN": "unknown",
        }

    def test_an_encrypted_archive_holds_nothing_that_can_be_read(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.write(CR, "IM1")
        content = bytearray((tmp_path / "a.zip").read_bytes())
        content[6] |= 1
        content[content.rindex(b"PK\x01\x02") + 8] |= 1
        (tmp_path / "a.zip").write_bytes(content)
        found = inspect(tmp_path / "a.zip")
        assert found.outcome is Outcome.SOURCE
        assert [other.kind for other in found.contents.others] == [OtherKind.ENCRYPTED]
        assert rules(found) == {"MK-SRC-110"}


class TestBrokenMedia:
    def test_a_missing_file_is_an_instance_that_only_the_directory_knows(self, disc: Path) -> None:
        gone = images(disc)[0]
        uid = pydicom.dcmread(gone).SOPInstanceUID
        gone.unlink()
        found = inspect(disc)
        assert found.outcome is Outcome.FINDINGS
        assert by_source(found) == {Seen.BOTH: 39, Seen.DIRECTORY: 1}
        (missing,) = (instance for instance in instances(found) if instance.seen is Seen.DIRECTORY)
        assert (missing.sop_instance, missing.path) == (uid, "")
        assert missing.file_id == gone.relative_to(disc).as_posix()
        assert (found.counts.instances, found.counts.missing, found.damaged) == (39, 1, 0)
        assert rules(found) == {"MK-CON-001"}

    def test_a_file_that_no_record_references_is_found_by_the_scan(self, disc: Path) -> None:
        altered(CR, disc / "EXTRA", SOPInstanceUID="1.2.3.4")
        found = inspect(disc)
        assert by_source(found) == {Seen.BOTH: 40, Seen.SCAN: 1}
        assert found.counts.unlisted == 1
        assert found.outcome is Outcome.GOOD  # nothing is damaged, nothing is missing

    def test_a_damaged_image_is_told_once_as_damaged_and_not_as_missing(self, disc: Path) -> None:
        broken = images(disc)[0]
        broken.write_bytes(broken.read_bytes()[:700])
        found = inspect(disc)
        assert found.outcome is Outcome.FINDINGS
        assert (found.counts.missing, found.counts.unreadable, found.damaged) == (0, 1, 1)
        (lost,) = (instance for instance in instances(found) if instance.seen is Seen.DIRECTORY)
        assert lost.path == broken.relative_to(disc).as_posix()

    def test_a_damaged_file_that_no_record_knows_is_told_too(self, tmp_path: Path) -> None:
        folder_of(tmp_path / "in", {"A": CR, "B": CR.read_bytes()[:900], "EMPTY": b""})
        found = inspect(tmp_path / "in")
        assert found.outcome is Outcome.FINDINGS
        assert found.damaged == 2
        assert {finding.where.path for finding in found.report.findings} == {"B", "EMPTY"}

    @pytest.mark.parametrize("keep", [0.0, 0.1, 0.5, 0.99])
    def test_a_directory_that_is_cut_off_costs_no_instance(self, keep: float, disc: Path) -> None:
        whole = (disc / "DICOMDIR").read_bytes()
        (disc / "DICOMDIR").write_bytes(whole[: int(len(whole) * keep)])
        found = inspect(disc)
        assert found.outcome is Outcome.FINDINGS
        assert found.counts.instances == 40
        assert by_source(found)[Seen.DIRECTORY] == 0
        assert rules(found)

    @pytest.mark.parametrize("content", [b"no directory at all", bytes(2000), b"\xff" * 5000])
    def test_a_directory_that_is_none_costs_no_instance(self, content: bytes, disc: Path) -> None:
        (disc / "DICOMDIR").write_bytes(content)
        found = inspect(disc)
        assert found.outcome is Outcome.FINDINGS
        assert by_source(found) == {Seen.SCAN: 40}
        assert (found.directory, found.is_directory_readable) == ("DICOMDIR", False)
        assert "DICOMDIR cannot be read" in found.contents.kind

    def test_names_in_lower_case_are_found_and_are_no_damage(self, disc: Path) -> None:
        for path in images(disc):
            path.rename(path.with_name(path.name.lower() + ".dcm"))
        found = inspect(disc)
        assert found.outcome is Outcome.GOOD
        assert by_source(found) == {Seen.BOTH: 40}

    def test_a_directory_without_any_of_its_files_holds_no_instance(self, disc: Path) -> None:
        for path in images(disc):
            path.unlink()
        found = inspect(disc)
        assert found.outcome is Outcome.SOURCE
        assert (found.counts.instances, found.counts.missing) == (0, 40)
        assert rules(found) == {"MK-CON-014"}

    def test_an_image_that_is_cut_off_still_tells_what_it_names(self, tmp_path: Path) -> None:
        burnt_to(tmp_path / "a.iso", SAMPLES)
        whole = (tmp_path / "a.iso").read_bytes()
        (tmp_path / "a.iso").write_bytes(whole[: len(whole) // 2])
        found = inspect(tmp_path / "a.iso")
        assert found.outcome is Outcome.FINDINGS
        assert found.counts.instances + found.counts.missing + found.counts.unreadable == 40
        assert 0 < found.counts.instances < 40

    @pytest.mark.parametrize("name", ["nowhere", "nowhere.iso"])
    def test_what_is_not_there_cannot_be_opened(self, name: str, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="cannot be opened"):
            inspect(tmp_path / name)

    def test_an_empty_medium_holds_no_instance(self, tmp_path: Path) -> None:
        assert inspect(tmp_path).outcome is Outcome.SOURCE

    def test_what_is_found_is_told_while_it_goes(self, disc: Path) -> None:
        images(disc)[0].unlink()
        told: list[Event] = []
        found = inspect(disc, told.append)
        assert [event.finding for event in told if isinstance(event, FoundSomething)] == list(
            found.report.findings
        )


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="the system does not count what is read")
def test_pixel_data_are_not_read(tmp_path: Path) -> None:
    def bytes_read() -> int:
        return int(Path("/proc/self/io").read_text(encoding="ascii").split()[1])

    inspect(CR)  # loads modules
    for number in range(10):
        (tmp_path / f"IM{number}").write_bytes(ct(number, pixels=20_000_000))
    before = bytes_read()
    assert inspect(tmp_path).counts.instances == 10
    assert bytes_read() - before < 2_000_000
