"""What we burn, as DCMTK, dicom3tools, GDCM, pydicom, isoinfo, xorriso and 7z see it."""

from __future__ import annotations

import hashlib
import re
import shutil
import warnings
from datetime import UTC, datetime
from pathlib import Path

import pydicom
import pytest
from pydicom.fileset import FileSet
from pydicom.uid import UID

from mediakit.choices import OnReject
from mediakit.journeys.burn import burn
from mediakit.journeys.burn_order import BurnOrder, Burnt
from mediakit.outcome import Fate, Outcome, State
from mediakit.profile.load import load_profile
from tests.support.peers import need, run

pytestmark = pytest.mark.interop

SAMPLES = Path(__file__).parents[2] / "samples" / "studies"
PYDICOM_FILES = Path(pydicom.__file__).parent / "data" / "test_files"
WHEN = datetime(2026, 1, 2, 3, 4, 6, tzinfo=UTC)
CARRIED = {State.WRITTEN, State.CONVERTED}


def burnt(sources: list[Path], out: Path, profile: str = "STD-GEN-CD") -> Burnt:
    order = BurnOrder(
        profile=load_profile(profile), out=out, when=WHEN, on_reject=OnReject.SKIP, all_patients=True
    )
    return burn(sources, order)


def carried(result: Burnt) -> dict[str, Fate]:
    return {fate.became: fate for fate in result.result.fates if fate.state in CARRIED}


@pytest.fixture(scope="module", params=["samples", "pydicom"])
def sources(request: pytest.FixtureRequest) -> list[Path]:
    return [SAMPLES] if request.param == "samples" else [PYDICOM_FILES]


@pytest.fixture(scope="module")
def folder(sources: list[Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Burnt]:
    out = tmp_path_factory.mktemp("folder") / "set"
    return out, burnt(sources, out)


@pytest.fixture(scope="module")
def image(sources: list[Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Burnt]:
    out = tmp_path_factory.mktemp("image") / "set.iso"
    return out, burnt(sources, out)


def test_dcmdump_sees_every_reference_with_its_file_id_and_uids(folder: tuple[Path, Burnt]) -> None:
    need("dcmdump")
    out, result = folder
    dump = run("dcmdump", "-q", "+L", "-Un", str(out / "DICOMDIR"))
    assert dump.returncode == 0, dump.stderr
    file_ids = re.findall(r"\(0004,1500\) CS \[(.*?)\]", dump.stdout)
    instances = re.findall(r"\(0004,1511\) UI \[(.*?)\]", dump.stdout)
    wanted = carried(result)
    assert [name.replace("\\", "/") for name in file_ids] == sorted(wanted)
    assert instances == [wanted[name.replace("\\", "/")].sop_instance for name in file_ids]


def test_dcmdump_and_pydicom_agree_with_us_on_every_offset(folder: tuple[Path, Burnt]) -> None:
    need("dcmdump")
    out, result = folder
    dump = run("dcmdump", "-q", "-Un", str(out / "DICOMDIR")).stdout
    # dcmdump resolves an offset to a record, or leaves it as a number
    offsets = re.findall(r"\(0004,(?:1400|1420)\) up (\S+)", dump)
    assert len(offsets) >= 2 * len(carried(result))
    directory = pydicom.dcmread(out / "DICOMDIR")
    starts = {item.seq_item_tell for item in directory.DirectoryRecordSequence}
    used = {
        offset
        for item in directory.DirectoryRecordSequence
        for offset in (
            item.OffsetOfTheNextDirectoryRecord,
            item.OffsetOfReferencedLowerLevelDirectoryEntity,
        )
        if offset
    }
    first = directory.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity
    assert used | {first} == starts


def test_pydicom_file_set_loads_the_same_instances(folder: tuple[Path, Burnt]) -> None:
    out, result = folder
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom warns of odd values inside its own test files
        file_set = FileSet(out / "DICOMDIR")
        seen = {Path(one.path).relative_to(out).as_posix(): one.SOPInstanceUID for one in file_set}
    file_set._stage["t"].cleanup()  # pydicom leaves its folder to the collector, which warns
    assert seen == {name: fate.sop_instance for name, fate in carried(result).items()}
    assert file_set.ID == "DICOM"


def test_dcmgpdir_appends_to_our_directory(folder: tuple[Path, Burnt], tmp_path: Path) -> None:
    need("dcmgpdir", "dcmdump")
    out, result = folder
    copy = tmp_path / "set"
    shutil.copytree(out, copy)
    new = pydicom.dcmread(SAMPLES / "mueller_joerg/20240311_CR/thorax_pa.DCM")
    new.SOPInstanceUID = new.file_meta.MediaStorageSOPInstanceUID = UID("2.25.4711")
    new.InstanceNumber = "4711"
    new.save_as(copy / "NEWIMAGE")
    done = run("dcmgpdir", "+A", "+D", str(copy / "DICOMDIR"), "+id", str(copy), "NEWIMAGE")
    assert done.returncode == 0, done.stderr
    assert "E:" not in done.stderr
    dump = run("dcmdump", "-q", "+L", "-Un", str(copy / "DICOMDIR")).stdout
    instances = re.findall(r"\(0004,1511\) UI \[(.*?)\]", dump)
    assert sorted(instances) == sorted([*(f.sop_instance for f in carried(result).values()), "2.25.4711"])


def test_dciodvfy_finds_no_error_in_the_directory_of_the_samples(tmp_path: Path) -> None:
    need("dciodvfy")
    for profile in ("STD-GEN-CD", "STD-GEN-USB-JPEG"):
        out = tmp_path / profile
        burnt([SAMPLES], out, profile)
        said = run("dciodvfy", str(out / "DICOMDIR")).stderr
        assert "Error" not in said
        # additional keys of the profile are no part of the IOD that dciodvfy knows: it says so and no more
        others = [line for line in said.splitlines() if line.startswith("Warning")]
        assert all("not present in standard DICOM IOD" in line for line in others)


def test_gdcm_reads_the_directory_and_every_file(folder: tuple[Path, Burnt]) -> None:
    need("gdcminfo", "gdcmdump")
    out, result = folder
    dump = run("gdcmdump", str(out / "DICOMDIR"))
    assert dump.returncode == 0
    assert dump.stdout.count("(0004,1500)") == len(carried(result))
    converted = [fate.became for fate in result.result.fates if fate.state is State.CONVERTED]
    for name in converted:
        assert run("gdcmdump", str(out / name)).returncode == 0


def test_isoinfo_lists_level_1_names_and_the_file_set_id_as_volume(image: tuple[Path, Burnt]) -> None:
    need("isoinfo")
    path, result = image
    facts = run("isoinfo", "-d", "-i", str(path)).stdout
    assert "Volume id: DICOM" in facts
    assert "NO Joliet present" in facts
    listed = run("isoinfo", "-f", "-i", str(path)).stdout.split()
    files = {name for name in listed if name.endswith(";1")}
    assert files == {"/DICOMDIR.;1", *(f"/{name}.;1" for name in carried(result))}


def test_xorriso_extracts_every_file_with_the_bytes_we_report(
    image: tuple[Path, Burnt], tmp_path: Path
) -> None:
    need("xorriso")
    path, result = image
    out = tmp_path / "out"
    done = run("xorriso", "-osirrox", "on", "-indev", str(path), "-extract", "/", str(out))
    assert done.returncode == 0, done.stderr
    _assert_bytes(out, result)


def test_7z_tests_and_extracts_the_image(image: tuple[Path, Burnt], tmp_path: Path) -> None:
    need("7z")
    path, result = image
    assert run("7z", "t", str(path)).returncode == 0
    assert run("7z", "x", "-y", f"-o{tmp_path}", str(path)).returncode == 0
    _assert_bytes(tmp_path, result)


def test_a_written_file_has_the_bytes_of_its_source(folder: tuple[Path, Burnt]) -> None:
    out, result = folder
    for fate in result.result.fates:
        if fate.state is State.WRITTEN:
            assert (out / fate.became).read_bytes() == Path(fate.source).read_bytes()


def test_7z_reads_the_udf_image_of_a_bd_profile(tmp_path: Path) -> None:
    need("7z")
    path = tmp_path / "bd.iso"
    result = burnt([SAMPLES], path, "STD-GEN-BD")
    assert result.result.outcome is Outcome.GOOD
    assert run("7z", "x", "-y", "-tudf", f"-o{tmp_path / 'out'}", str(path)).returncode == 0
    _assert_bytes(tmp_path / "out", result)


def test_unzip_reads_the_archive_of_the_mail_profile(tmp_path: Path) -> None:
    need("unzip")
    path = tmp_path / "DICOM.ZIP"
    result = burnt([SAMPLES], path, "STD-GEN-ZIP-MAIL")
    assert result.result.outcome is Outcome.GOOD
    assert run("unzip", "-q", str(path), "-d", str(tmp_path / "out")).returncode == 0
    _assert_bytes(tmp_path / "out", result)


def test_decompressed_images_are_the_ones_dcmtk_decodes(tmp_path: Path) -> None:
    need("dcmdjpeg", "dcmdrle")
    out = tmp_path / "set"
    result = burnt([SAMPLES], out)
    tools = {"1.2.840.10008.1.2.4.70": "dcmdjpeg", "1.2.840.10008.1.2.5": "dcmdrle"}
    compared = 0
    for fate in result.result.fates:
        if fate.state is State.CONVERTED:
            tool = tools.get(
                str(pydicom.dcmread(fate.source, stop_before_pixels=True).file_meta.TransferSyntaxUID)
            )
            if tool is not None:
                theirs = tmp_path / "theirs"
                assert run(tool, fate.source, str(theirs)).returncode == 0
                assert pydicom.dcmread(out / fate.became).PixelData == pydicom.dcmread(theirs).PixelData
                compared += 1
    assert compared >= 2


def _assert_bytes(root: Path, result: Burnt) -> None:
    found = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    wanted = carried(result)
    assert found == {"DICOMDIR", *wanted}
    for name, fate in wanted.items():
        assert hashlib.sha256((root / name).read_bytes()).hexdigest() == fate.sha256
