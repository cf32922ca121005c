"""`import --deidentify`: what arrives does not say who the patients are; a job goes on under its own UIDs."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from tests.support.cli import Said, mediakit
from tests.support.studies import CT_1, CT_2, CT_FOLDER, NAMES, altered, folder_of


@pytest.fixture(autouse=True)
def _nobodys_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))


def sent(tmp_path: Path, source: Path, *options: str | Path, to: str = "there") -> Said:
    state = ("--state", tmp_path / "state", "--json")
    return mediakit("import", source, f"dir:{tmp_path / to}", "--deidentify", "basic", *state, *options)


def arrived(tmp_path: Path, to: str = "there") -> list[Dataset]:
    paths = sorted(path for path in (tmp_path / to).rglob("*") if path.is_file())
    return [pydicom.dcmread(path) for path in paths]


def test_what_arrives_is_de_identified_and_the_report_says_so(tmp_path: Path) -> None:
    said = sent(tmp_path, CT_FOLDER)
    assert said.code == 0
    there = arrived(tmp_path)
    before = [pydicom.dcmread(path) for path in sorted(CT_FOLDER.iterdir())]
    assert len(there) == len(before)
    assert {one.PatientIdentityRemoved for one in there} == {"YES"}
    assert len({(str(one.PatientID), one.StudyInstanceUID) for one in there}) == 1
    assert sorted(one.PixelData for one in there) == sorted(one.PixelData for one in before)
    for path in (tmp_path / "there").rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert not [name for name in NAMES if name.encode("latin-1", "ignore") in content and name.isascii()]
    uids = {one["sop_instance_uid"] for one in said.document["instances"]}
    assert uids == {one.SOPInstanceUID for one in there}
    assert said.out.count("MK-DEI-020") >= len(there)
    assert said.document["figures"]["patient_ids"] == "new"


def test_a_resumed_job_goes_on_under_the_same_uids_and_its_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    first = folder_of(tmp_path / "one", {"a": CT_1})
    sent(tmp_path, first)
    both = folder_of(tmp_path / "two", {"a": CT_1, "b": CT_2})
    again = sent(tmp_path, both, "--resume")
    assert again.code == 0
    assert again.document["figures"]["sent"] == 1
    there = arrived(tmp_path)
    assert len({one.SOPInstanceUID for one in there}) == len(there) == 2
    assert len({one.StudyInstanceUID for one in there}) == 1
    for path in (tmp_path / "state").rglob("*.sqlite*"):
        assert path.stat().st_mode & 0o077 == 0
    other = sent(tmp_path, both, "--resume", "--burned-in", "keep")
    assert other.code == 2
    (job,) = {path.stem for path in (tmp_path / "state").rglob("*.sqlite")}
    retried = mediakit("job", "retry", job, "--state", tmp_path / "state")
    assert (retried.code, "another de-identification" in retried.err) == (2, True)


def test_a_job_that_was_begun_so_does_not_go_on_with_the_instances_as_they_are(tmp_path: Path) -> None:
    first = folder_of(tmp_path / "one", {"a": CT_1})
    both = folder_of(tmp_path / "two", {"a": CT_1, "b": CT_2})
    sent(tmp_path, first)
    destination, state = f"dir:{tmp_path / 'there'}", ("--state", tmp_path / "state")
    plain = mediakit("import", both, destination, *state, "--resume", "--keep-id")
    assert (plain.code, "with `--deidentify`" in plain.err) == (2, True)
    assert len(arrived(tmp_path)) == 1
    elsewhere = mediakit(
        "import", both, f"dir:{tmp_path / 'other'}", *state, "--resume", "--keep-id", "--json"
    )
    assert (elsewhere.code, elsewhere.document["figures"]["sent"]) == (0, 2)


def test_an_option_that_is_given_without_a_value_is_never_off(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "one", {"a": CT_1})
    for words in (
        ("import", source, f"dir:{tmp_path / 'there'}", "--deidentify", ""),
        ("import", source, f"dir:{tmp_path / 'there'}", "--match", " "),
        ("burn", source, "-o", tmp_path / "a.iso", "--deidentify", " "),
        ("migrate", source, f"dir:{tmp_path / 'there'}", "--match", ""),
        ("migrate", source, f"dir:{tmp_path / 'there'}", "--hours="),
        ("import", "", f"dir:{tmp_path / 'there'}"),
    ):
        said = mediakit(*words)
        assert (said.code, "is empty" in said.err) == (2, True), words
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one"]


def test_what_cannot_go_is_named_and_nothing_of_it_is_sent(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "in", {"a": CT_1})
    altered(CT_2, source / "pdf", SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1", PixelData=None)
    altered(CT_2, source / "text", SOPInstanceUID="1.2.3.4.5.6", BurnedInAnnotation="YES")
    said = sent(tmp_path, source)
    states = {one["path"]: one["state"] for one in said.document["instances"]}
    states |= {Path(one["source"]).name: one["state"] for one in said.document["files"]}
    assert states == {"a": "stored", "pdf": "excluded", "text": "failed"}
    assert said.code == 6
    assert len(arrived(tmp_path)) == 1


def test_what_still_says_who_another_image_is_of_does_not_leave(tmp_path: Path) -> None:
    table = tmp_path / "table.toml"
    table.write_text('keep = ["SeriesDescription"]')
    first, both = tmp_path / "first", tmp_path / "both"
    first.mkdir()
    altered(CT_1, first / "a", AccessionNumber="ACC-7077-XY")
    shutil.copytree(first, both)
    altered(CT_2, both / "b", SeriesDescription="as in ACC-7077-XY")
    altered(CT_2, both / "c", SOPInstanceUID="1.2.3.4.5.6", SeriesDescription="19600101")
    at_once = sent(tmp_path, both, "--deidentify-table", table, to="at-once")
    # the other image was sent by an earlier run: it is read again for what has to be searched for
    began = sent(tmp_path, first, "--deidentify-table", table, to="later")
    later = sent(tmp_path, both, "--deidentify-table", table, "--resume", to="later")
    assert began.code == 0
    for said, folder in ((at_once, "at-once"), (later, "later")):
        assert said.code == 6, said
        ends = {one["path"]: one["state"] for one in said.document["instances"]}
        assert ends == {"a": "stored", "b": "failed", "c": "stored"}
        (found,) = [one for one in said.document["findings"] if one["rule"] == "MK-DEI-010"]
        assert found["tag"] == "(0008,103E)"
        assert "ACC-7077-XY" not in said.out + said.err
        assert len(arrived(tmp_path, folder)) == 2
    for path in (tmp_path / "later").rglob("*"):
        assert path.is_dir() or b"ACC-7077-XY" not in path.read_bytes()


def test_without_room_for_the_copies_nothing_is_sent_and_the_job_can_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
        ended = sent(tmp_path, CT_FOLDER)
    assert (ended.code, "TMPDIR" in ended.err) == (4, True)
    assert not [path for path in (tmp_path / "there").rglob("*") if path.is_file()]
    again = sent(tmp_path, CT_FOLDER, "--resume")
    assert (again.code, len(arrived(tmp_path))) == (0, len(list(CT_FOLDER.iterdir())))


def test_local_values_and_a_rehearsal(tmp_path: Path) -> None:
    refused = sent(tmp_path, CT_1, "--keep-id")
    assert refused.code == 2
    planned = sent(tmp_path, CT_1, "--dry-run")
    assert planned.code == 0
    assert not (tmp_path / "there").exists()
