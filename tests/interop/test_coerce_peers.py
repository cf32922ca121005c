"""What foreign readers say of files whose values were exchanged."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pydicom
import pytest

from mediakit.dicom.coerce import Coerced, coerce
from mediakit.dicom.original_attributes import CoercionNote
from tests.support.peers import need, run

pytestmark = pytest.mark.interop

FILES = Path(pydicom.__file__).parent / "data" / "test_files"
NOTE = CoercionNote(
    system="MEDIAKIT", at=datetime(2026, 1, 31, 14, 5, 9, tzinfo=UTC), source="Foreign Hospital"
)
LOCAL = {
    0x00100010: "Doe^Jane",
    0x00100020: "L-77",
    0x00100021: "HOME",
    0x00100030: "19610430",
    0x00080050: "A1",
}
SOURCES = [
    "CT_small.dcm",
    "MR_small.dcm",
    "MR_small_implicit.dcm",
    "MR_small_bigendian.dcm",
    "image_dfl.dcm",
    "JPEG2000.dcm",
    "SC_rgb_rle.dcm",
    "rtplan.dcm",
    "reportsi.dcm",
    "693_J2KI.dcm",
    "waveform_ecg.dcm",
]


def coerced(name: str, folder: Path, changes: dict[int, str]) -> Path:
    with (FILES / name).open("rb") as stream:
        result = coerce(stream, changes, NOTE)
    assert isinstance(result, Coerced), result
    path = folder / "coerced.dcm"
    path.write_bytes(result.data)
    return path


def complaints(path: Path) -> set[str]:
    said = run("dciodvfy", "-new", str(path))
    return {line for line in (said.stderr + said.stdout).splitlines() if line.startswith("Error")}


@pytest.mark.parametrize("name", SOURCES)
def test_dcmtk_reads_the_new_and_the_old_values(name: str, tmp_path: Path) -> None:
    need("dcmdump")
    path = coerced(name, tmp_path, LOCAL)
    dumped = run("dcmdump", "+L", "-q", str(path))
    assert dumped.returncode == 0, dumped.stderr
    assert "[Doe^Jane]" in dumped.stdout
    assert "OriginalAttributesSequence" in dumped.stdout
    assert "[COERCE]" in dumped.stdout
    original = pydicom.dcmread(FILES / name)
    if original.get("PatientID"):
        assert f"[{original.PatientID}]" in dumped.stdout


@pytest.mark.parametrize("name", SOURCES)
def test_dcmtk_reads_names_in_utf_8(name: str, tmp_path: Path) -> None:
    need("dcmdump")
    path = coerced(name, tmp_path, {0x00100010: "Yamada^Tarou=山田^太郎=やまだ^たろう"})
    dumped = run("dcmdump", "+L", "-q", "+U8", str(path))
    assert dumped.returncode == 0, dumped.stderr
    assert "[Yamada^Tarou=山田^太郎=やまだ^たろう]" in dumped.stdout


@pytest.mark.parametrize("name", [name for name in SOURCES if name != "image_dfl.dcm"])  # it cannot inflate
def test_dciodvfy_finds_no_error_that_the_original_has_not(name: str, tmp_path: Path) -> None:
    need("dciodvfy")
    path = coerced(name, tmp_path, LOCAL)
    assert complaints(path) <= complaints(FILES / name)


def test_dciodvfy_takes_a_nonconforming_value(tmp_path: Path) -> None:
    need("dciodvfy")
    source = tmp_path / "source.dcm"
    source.write_bytes((FILES / "CT_small.dcm").read_bytes().replace(b"LO\4\x001CT1", b"LO\4\x001\x1bT1"))
    with source.open("rb") as stream:
        result = coerce(stream, LOCAL, NOTE)
    assert isinstance(result, Coerced)
    path = tmp_path / "coerced.dcm"
    path.write_bytes(result.data)
    assert b"1\x1bT1" in result.data
    assert complaints(path) <= complaints(FILES / "CT_small.dcm")


def test_pixels_stay_the_same(tmp_path: Path) -> None:
    for name in ("CT_small.dcm", "MR_small_bigendian.dcm", "image_dfl.dcm", "SC_rgb_rle.dcm"):
        path = coerced(name, tmp_path, LOCAL)
        assert pydicom.dcmread(path).PixelData == pydicom.dcmread(FILES / name).PixelData
