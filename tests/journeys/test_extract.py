"""Extraction: every file of a medium byte for byte, or named as left behind."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from mediakit.errors import SourceError, UsageError
from mediakit.journeys.extract import ExtractOrder, Only, extract
from mediakit.outcome import Outcome, State
from tests.support.cli import mediakit
from tests.support.media import a_small_medium, content_of, write
from tests.support.studies import CT_1

SAMPLES = Path("samples/studies")


def test_every_file_of_an_image_is_written_with_its_bytes(tmp_path: Path) -> None:
    write("iso9660", a_small_medium(), tmp_path / "a.iso")
    result = extract(tmp_path / "a.iso", ExtractOrder(out=tmp_path / "out"))
    assert result.outcome is Outcome.GOOD
    for entry in a_small_medium():
        found = (tmp_path / "out" / entry.path).read_bytes()
        assert found == content_of(entry.path, entry.size)
    assert {fate.sha256 for fate in result.fates} == {
        hashlib.sha256(content_of(entry.path, entry.size)).hexdigest() for entry in a_small_medium()
    }


def test_names_that_lead_out_of_the_folder_are_changed_and_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr("../outside", b"1")
        archive.writestr("/absolute", b"2")
        archive.writestr("fine", b"3")
    (tmp_path / "deep").mkdir()
    result = extract(tmp_path / "evil.zip", ExtractOrder(out=tmp_path / "deep" / "out"))
    assert not (tmp_path / "deep" / "outside").exists()
    assert sorted(path.name for path in (tmp_path / "deep" / "out").rglob("*")) == [
        "_",
        "absolute",
        "fine",
        "outside",
    ]
    assert [finding.rule.id for finding in result.report.findings] == ["MK-EXT-001", "MK-EXT-001"]


def test_a_damaged_file_is_left_out_and_named_and_the_others_are_written(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("GOOD", b"good" * 100)
        archive.writestr("BAD", b"bad!" * 100)
    image = (tmp_path / "a.zip").read_bytes().replace(b"bad!bad!", b"worsebad", 1)
    (tmp_path / "a.zip").write_bytes(image)
    result = extract(tmp_path / "a.zip", ExtractOrder(out=tmp_path / "out"))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["GOOD"]
    assert {fate.source.rpartition("/")[2]: fate.state for fate in result.fates} == {
        "GOOD": State.WRITTEN,
        "BAD": State.UNREADABLE,
    }
    assert result.outcome is Outcome.FINDINGS


def test_links_are_not_followed(tmp_path: Path) -> None:
    source = tmp_path / "medium"
    source.mkdir()
    (source / "IM1").write_bytes(b"x")
    (source / "link").symlink_to("/etc/passwd")
    result = extract(source, ExtractOrder(out=tmp_path / "out"))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["IM1"]
    assert result.outcome is Outcome.FINDINGS


@pytest.mark.parametrize(("only", "expected"), [(Only.DICOM, 40), (Only.OTHER, 1), (Only.ALL, 41)])
def test_only_the_files_asked_for_are_written(tmp_path: Path, only: Only, expected: int) -> None:
    result = extract(SAMPLES, ExtractOrder(out=tmp_path / "out", only=only))
    assert sum(path.is_file() for path in (tmp_path / "out").rglob("*")) == expected
    assert result.counts()[State.WRITTEN] == expected
    assert result.counts().get(State.EXCLUDED, 0) == 41 - expected


def test_a_folder_with_content_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"1")
    with pytest.raises(UsageError, match="holds files already"):
        extract(SAMPLES, ExtractOrder(out=tmp_path))


def test_a_source_is_not_extracted_into_itself(tmp_path: Path) -> None:
    (tmp_path / "IM1").write_bytes(b"1")
    with pytest.raises(UsageError, match="lies in the source"):
        extract(tmp_path, ExtractOrder(out=tmp_path / "out"))


def test_one_file_is_extracted_under_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "IM1.dcm").write_bytes(CT_1.read_bytes())
    extract(tmp_path / "IM1.dcm", ExtractOrder(out=tmp_path / "out"))
    assert (tmp_path / "out" / "IM1.dcm").read_bytes() == CT_1.read_bytes()


def test_one_file_that_is_no_medium_is_exit_code_3(tmp_path: Path) -> None:
    (tmp_path / "IM1.dcm").write_bytes(b"abc")
    with pytest.raises(SourceError, match="no file system"):
        extract(tmp_path / "IM1.dcm", ExtractOrder(out=tmp_path / "out"))


def test_a_missing_source_ends_with_exit_code_3_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        extract(tmp_path / "none.iso", ExtractOrder(out=tmp_path / "out"))
    assert list(tmp_path.iterdir()) == []


def test_the_command_gives_one_json_document_with_the_manifest(tmp_path: Path) -> None:
    said = mediakit("extract", SAMPLES, "-o", tmp_path / "out", "--json")
    assert said.code == 0
    assert said.document["journey"] == "extract"
    for file in said.document["files"]:
        assert hashlib.sha256((tmp_path / "out" / file["file_id"]).read_bytes()).hexdigest() == file["sha256"]


def test_the_command_refuses_an_unknown_choice(tmp_path: Path) -> None:
    said = mediakit("extract", SAMPLES, "-o", tmp_path / "out", "--only", "images")
    assert said.code == 2
    assert "all, dicom, other" in said.err
