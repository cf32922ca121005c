"""DICOMDIRs against foreign readers and writers: DCMTK, dicom3tools, GDCM, pydicom."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.fileset import FileSet
from pydicom.uid import UID

from mediakit.fileset.decode import Decoded, decode
from mediakit.fileset.encode import encode
from mediakit.fileset.file_id import FileID
from mediakit.fileset.record import Directory, DirectoryRecord, FileRef, Key
from tests.support.directories import CT, EXPLICIT_LE, FILE_SET_UID, key, shape, starts
from tests.support.peers import need, run

PYDICOM_FILES = Path(pydicom.__file__).parent / "data" / "test_files"
SOUND_VARIANTS = [
    "DICOMDIR",
    "DICOMDIR-bigEnd",
    "DICOMDIR-implicit",
    "DICOMDIR-reordered",
    "DICOMDIR-empty.dcm",
]


@pytest.fixture
def medium(tmp_path: Path) -> Path:
    """Write 2 patients, 3 series each, 5 tiny CT images each, and our DICOMDIR of them."""
    roots = []
    for p in (1, 2):
        series = []
        for s in (1, 2, 3):
            images = [_image(tmp_path, p, s, i) for i in range(1, 6)]
            keys = (
                key(0x00080060, "CS", "CT"),
                key(0x0020000E, "UI", f"1.2.3.{p}.{s}"),
                key(0x00200011, "IS", str(s)),
            )
            series.append(DirectoryRecord("SERIES", keys, None, tuple(images)))
        study = (
            key(0x00080020, "DA", "20200102"),
            key(0x00080030, "TM", "101112"),
            key(0x00080050, "SH", ""),
            key(0x00081030, "LO", "CHEST"),
            key(0x0020000D, "UI", f"1.2.3.{p}"),
            key(0x00200010, "SH", "1"),
        )
        names = (
            Key(0x00080005, "CS", b"ISO_IR 100"),
            key(0x00100010, "PN", f"Müller^Number{p}"),
            key(0x00100020, "LO", f"ID{p}"),
        )
        roots.append(
            DirectoryRecord("PATIENT", names, None, (DirectoryRecord("STUDY", study, None, tuple(series)),))
        )
    (tmp_path / "DICOMDIR").write_bytes(encode(Directory("PEERS", FILE_SET_UID, tuple(roots))))
    return tmp_path


def _image(folder: Path, p: int, s: int, i: int) -> DirectoryRecord:
    """Write one tiny valid CT instance and return its record."""
    file_id = FileID(f"P{p}/S{s}/I{i}")
    instance = f"1.2.3.{p}.{s}.{i}"
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(CT)
    meta.MediaStorageSOPInstanceUID = UID(instance)
    meta.TransferSyntaxUID = UID(EXPLICIT_LE)
    ds = Dataset()
    ds.file_meta = meta
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.SOPClassUID, ds.SOPInstanceUID = CT, instance
    ds.PatientName, ds.PatientID = f"Müller^Number{p}", f"ID{p}"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = f"1.2.3.{p}", f"1.2.3.{p}.{s}"
    ds.StudyDate, ds.StudyTime, ds.StudyID, ds.AccessionNumber = "20200102", "101112", "1", ""
    ds.StudyDescription, ds.Modality, ds.SeriesNumber, ds.InstanceNumber = "CHEST", "CT", s, i
    path = folder.joinpath(*file_id.parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.save_as(path, enforce_file_format=True)
    return DirectoryRecord(
        "IMAGE", (key(0x00200013, "IS", str(i)),), FileRef(file_id, CT, instance, EXPLICIT_LE)
    )


@contextmanager
def file_set(path: Path | None = None) -> Iterator[FileSet]:
    """Give pydicom's FileSet and take its staging folder away again, which it leaves to chance."""
    made = FileSet(path)
    try:
        yield made
    finally:
        made._stage["t"].cleanup()


def pydicom_records(path: Path) -> Iterator[Dataset]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd test files make pydicom warn; not what is tested here
        yield from pydicom.dcmread(path).get("DirectoryRecordSequence", ())


def same_as_pydicom(decoded: Decoded, path: Path) -> None:
    """Assert that we and pydicom see the same records, references and plain keys in the file."""
    ours = sorted(decoded.directory.walk(), key=lambda record: record.seen_at or 0)
    theirs = list(pydicom_records(path))
    assert [record.type for record in ours] == [item.DirectoryRecordType for item in theirs]
    for record, item in zip(ours, theirs, strict=True):
        file_id = item.get("ReferencedFileID")
        if file_id is None:
            assert record.reference is None
        else:
            assert record.reference is not None
            parts = (file_id,) if isinstance(file_id, str) else tuple(file_id)
            stored = record.reference.file_id
            assert (stored.parts if stored else record.reference.raw_file_id) == parts
            assert record.reference.sop_instance == item.ReferencedSOPInstanceUIDInFile
            assert record.reference.sop_class == item.ReferencedSOPClassUIDInFile
            assert record.reference.transfer_syntax == item.ReferencedTransferSyntaxUIDInFile
        tags = [int(element.tag) for element in item if element.tag.group > 4]
        assert [k.tag for k in record.keys] == tags
        for k in record.keys:
            if k.vr in {"CS", "DA", "IS", "SH", "TM", "UI"}:
                value = item[k.tag].value
                text = (
                    "\\".join(map(str, value))
                    if isinstance(value, pydicom.multival.MultiValue)
                    else str(value or "")
                )
                assert k.value.strip(b" \0").decode("latin-1") == text.strip()


@pytest.mark.interop
def test_dcmdump_sees_our_records_at_our_offsets(medium: Path) -> None:
    need("dcmdump")
    done = run("dcmdump", "-q", str(medium / "DICOMDIR"))
    assert done.returncode == 0, done.stderr
    shown = [int(found) for found in re.findall(r"offset=\$(\d+)", done.stdout)]
    data = (medium / "DICOMDIR").read_bytes()
    assert shown == starts(data)
    assert [record.seen_at for record in decode(data).directory.walk()] == shown
    links = {int(found) for found in re.findall(r"\(0004,14[02]0\) up (\d+)", done.stdout)}
    assert links - {0} <= set(shown)


def test_pydicom_sees_the_same_tree_and_finds_the_files(medium: Path) -> None:
    with file_set(medium / "DICOMDIR") as fs:
        assert (fs.ID, str(fs.UID)) == ("PEERS", FILE_SET_UID)
        assert sorted(fs.find_values("PatientID")) == ["ID1", "ID2"]
        assert len(list(fs)) == 30
        for instance in fs:
            loaded = instance.load()
            assert loaded.SOPInstanceUID == instance.ReferencedSOPInstanceUIDInFile
            assert loaded.SeriesInstanceUID == instance.SeriesInstanceUID
            assert loaded.PatientID == instance.PatientID
    same_as_pydicom(decode((medium / "DICOMDIR").read_bytes()), medium / "DICOMDIR")


@pytest.mark.interop
def test_dciodvfy_finds_nothing_wrong_in_our_directory(medium: Path) -> None:
    need("dciodvfy")
    done = run("dciodvfy", "-new", str(medium / "DICOMDIR"))
    said = done.stdout + done.stderr
    assert "Error" not in said
    assert "BasicDirectory" in said


@pytest.mark.interop
def test_gdcm_reads_our_directory(medium: Path) -> None:
    need("gdcmdump", "gdcminfo")
    dumped = run("gdcmdump", str(medium / "DICOMDIR"))
    assert dumped.returncode == 0
    assert len(re.findall(r"\(0004,1430\)", dumped.stdout)) == 40
    told = run("gdcminfo", str(medium / "DICOMDIR"))
    assert "Media Storage Directory Storage" in told.stdout + told.stderr


@pytest.mark.interop
@pytest.mark.parametrize("lengths", ["+e", "-e"])
@pytest.mark.parametrize("tool", ["dcmgpdir", "dcmmkdir"])
def test_a_directory_of_dcmtk_is_read_without_findings(medium: Path, tool: str, lengths: str) -> None:
    need(tool)
    made = medium / "THEIRS"
    command = (tool, lengths, "+r", "+id", str(medium), "+D", str(made), "P1", "P2")
    done = run(*command)
    assert made.exists(), done.stderr
    decoded = decode(made.read_bytes())
    assert decoded.findings == ()
    ours = decode((medium / "DICOMDIR").read_bytes())
    assert sorted(shape(decoded.directory.roots)) == sorted(shape(ours.directory.roots))
    same_as_pydicom(decoded, made)


def test_a_directory_of_pydicom_is_read_without_findings(medium: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with file_set() as fs:
        fs.ID = "THEIRS"
        for path in sorted(medium.glob("P*/S*/I*")):
            fs.add(path)
        fs.write(out)
    decoded = decode((out / "DICOMDIR").read_bytes())
    assert decoded.findings == ()
    assert decoded.directory.file_set_id == "THEIRS"
    assert [record.type for record in decoded.directory.walk()].count("IMAGE") == 30
    same_as_pydicom(decoded, out / "DICOMDIR")


@pytest.mark.parametrize("name", SOUND_VARIANTS)
def test_the_variants_of_pydicom_are_read_as_pydicom_reads_them(name: str) -> None:
    path = PYDICOM_FILES / "dicomdirtests" / name
    decoded = decode(path.read_bytes())
    wrong_encoding = ["MK-DIR-005"] if name.endswith(("bigEnd", "implicit")) else []
    assert [finding.rule.id for finding in decoded.findings] == wrong_encoding
    same_as_pydicom(decoded, path)


def test_all_encodings_of_one_directory_give_the_same_tree() -> None:
    folder = PYDICOM_FILES / "dicomdirtests"
    wanted = list(shape(decode((folder / "DICOMDIR").read_bytes()).directory.roots))
    for name in ("DICOMDIR-bigEnd", "DICOMDIR-implicit", "DICOMDIR-reordered", "DICOMDIR-nooffset"):
        assert list(shape(decode((folder / name).read_bytes()).directory.roots)) == wanted, name


def test_a_directory_whose_root_offset_is_that_of_an_image_is_put_together_again() -> None:
    decoded = decode((PYDICOM_FILES / "dicomdirtests" / "DICOMDIR-nopatient").read_bytes())
    sound = decode((PYDICOM_FILES / "dicomdirtests" / "DICOMDIR").read_bytes())
    assert "MK-DIR-016" in [finding.rule.id for finding in decoded.findings]
    named = [(d, "PATIENT" if t == "UNKNOWN" else t) for d, t, _ in shape(decoded.directory.roots)]
    assert len(named) >= len(list(shape(sound.directory.roots))) - 1
    assert {d for d, t in named if t == "IMAGE"} == {4}


def test_a_file_set_id_with_a_space_is_read_and_reported() -> None:
    decoded = decode((PYDICOM_FILES / "dicomdirtests" / "TINY_ALPHA" / "DICOMDIR").read_bytes())
    assert decoded.directory.file_set_id == "TINY ALPHA"
    assert [finding.rule.id for finding in decoded.findings] == ["MK-DIR-034"]
