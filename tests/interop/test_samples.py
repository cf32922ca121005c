"""The samples before foreign judges: dicom3tools, DCMTK and GDCM."""

from __future__ import annotations

from pathlib import Path

import gdcm
import pydicom
import pytest

from tests.support.peers import need, run

STUDIES = Path(__file__).parents[2] / "samples" / "studies"
FILES = sorted(path for path in STUDIES.rglob("*") if path.is_file() and path.name != "notes.txt")
IDS = [path.relative_to(STUDIES).as_posix() for path in FILES]

pytestmark = pytest.mark.interop


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_dciodvfy_finds_no_error(path: Path) -> None:
    need("dciodvfy")
    said = run("dciodvfy", str(path))
    lines = (said.stdout + said.stderr).splitlines()
    assert lines, "dciodvfy names the IOD that it recognised"
    assert [line for line in lines if line.startswith("Error") or "not found" in line] == []
    assert said.returncode == 0


def test_dcentvfy_finds_the_entities_consistent() -> None:
    need("dcentvfy")
    said = run("dcentvfy", *map(str, FILES))
    assert [line for line in (said.stdout + said.stderr).splitlines() if line.startswith("Error")] == []


def test_dcmftest_takes_every_sample_for_a_dicom_file_and_the_notes_for_none() -> None:
    need("dcmftest")
    said = run("dcmftest", *map(str, FILES), str(STUDIES / "mueller_joerg" / "notes.txt"))
    assert [line[:3] for line in said.stdout.splitlines()] == ["yes"] * len(FILES) + ["no:"]


def test_dcmdump_reads_every_sample_without_complaint() -> None:
    need("dcmdump")
    said = run("dcmdump", "-q", "+P", "SOPInstanceUID", *map(str, FILES))
    assert (said.returncode, said.stderr) == (0, "")
    for path in FILES:
        assert f"[{pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID}]" in said.stdout


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("mueller_joerg/20240311_CR/thorax_pa.DCM", "Müller-Beispiel^Jörg"),
        ("paradeigma_eleni/20240522_DENT/34-36.dcm", "Παράδειγμα^Ελένη"),
    ],
)
def test_dcmdump_decodes_the_names(path: str, name: str) -> None:
    # Not the Japanese one: DCMTK built with the iconv of the C library refuses ISO 2022.
    need("dcmdump")
    said = run("dcmdump", "+U8", "+P", "PatientName", str(STUDIES / path))
    assert f"[{name}]" in said.stdout


def test_dsrdump_reads_the_structured_documents() -> None:
    need("dsrdump")
    reports = STUDIES / "mueller_joerg" / "20240312_CT" / "reports"
    for name, title in (("SR_befund.dcm", "CT Report"), ("KO0001", "Of Interest")):
        said = run("dsrdump", str(reports / name))
        assert said.returncode == 0
        assert title in said.stdout


def test_gdcm_reads_the_pixels_of_every_image() -> None:
    read = 0
    for path in FILES:
        if "PixelData" in pydicom.dcmread(path, defer_size=1024):
            reader = gdcm.ImageReader()
            reader.SetFileName(str(path))
            assert reader.Read(), path.name
            read += 1
    assert read == 33
