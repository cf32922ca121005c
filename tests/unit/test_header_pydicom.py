"""The header scan against pydicom, on every file of pydicom's own test data."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from io import BytesIO
from os.path import relpath
from pathlib import Path

import pydicom
import pytest
from pydicom import Dataset, dcmread
from pydicom.datadict import dictionary_VR
from pydicom.filereader import read_dataset

from mediakit.dicom.header import Scanner
from mediakit.dicom.instance import BINARY_TAGS, MEDIA_STORAGE_DIRECTORY, Instance
from mediakit.dicom.scanned import Scanned
from mediakit.dicom.wanted import CONTENT_SEQUENCE, SHARED_GROUPS, WANTED, WANTED_INSIDE
from mediakit.outcome import State
from tests.support.dicom_bytes import element
from tests.support.each import each

FOLDER = Path(pydicom.__file__).parent / "data" / "test_files"
FILES = sorted(
    relpath(path, FOLDER)
    for folder in (FOLDER, FOLDER.parent / "charset_files")
    for path in folder.rglob("*")
    if path.is_file()
)

# Files that are no instance for us, though pydicom reads something of them with force=True.
NOT_DICOM = {
    "README.txt",
    "../charset_files/FileInfo.txt",
    "crayons.icc",
    "dicomdirtests/README.txt",
    "dicomdirtests/TINY_ALPHA/README",
    "no_meta.dcm",  # begins with a stray space; pydicom finds one senseless element
    "rtplan.dump",
    "rtstruct.dump",
    "test1.json",
    "test_PN.json",
    "zipMR.gz",
}
UNREADABLE = {
    "MR_truncated.dcm": "MK-SRC-007",
    # Its transfer syntax says JPEG and explicit VR, its data set is implicit VR: forbidden by PS3.5 A.4.
    "SC_rgb_jpeg.dcm": "MK-SRC-012",
    "rtplan_truncated.dcm": "MK-SRC-002",
    "empty_charset_LEI.dcm": "MK-SRC-010",
    "meta_missing_tsyntax.dcm": "MK-SRC-010",
    "nested_priv_SQ.dcm": "MK-SRC-010",
}


def scanned(name: str) -> Scanned:
    raw = (FOLDER / name).read_bytes()
    return Scanner().scan(BytesIO(raw), len(raw))


def read(name: str) -> object:
    raw = (FOLDER / name).read_bytes()
    return Scanner().read(BytesIO(raw), len(raw), "source", name)


def of_pydicom(name: str) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dcmread(FOLDER / name, stop_before_pixels=True, force=True)


def decoded(values: Mapping[int, bytes]) -> Dataset:
    """Decode our raw values with pydicom's own conversion."""
    raw = b"".join(
        element(tag, WANTED.get(tag, "DS"), value, length=len(value)) for tag, value in sorted(values.items())
    )
    return read_dataset(BytesIO(raw), is_implicit_VR=False, is_little_endian=True)


def same(ours: Dataset, theirs: Dataset, tag: int) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return (tag in ours) == (tag in theirs) and (tag not in ours or ours[tag].value == theirs[tag].value)


def inside(dataset: Dataset, tag: int) -> Iterator[object]:
    """Yield the values of a tag at any depth below a data set, in order."""
    for found in dataset:
        if found.tag == tag:
            yield found.value
        elif found.VR == "SQ":
            for item in found.value:
                yield from inside(item, tag)


def test_the_test_data_are_there_and_every_exception_names_one_of_them() -> None:
    assert len(FILES) > 180
    assert set(FILES) >= NOT_DICOM | set(UNREADABLE)


def test_the_vrs_of_the_wanted_elements_are_those_of_the_dictionary() -> None:
    assert {tag: dictionary_VR(tag) for tag in WANTED} == dict(WANTED)
    widths = {tag: {"US": 2, "UL": 4}[vr] for tag, vr in WANTED.items() if vr in {"US", "UL"}}
    assert dict(BINARY_TAGS) == widths


@each("name", sorted(set(FILES) - NOT_DICOM - set(UNREADABLE)))
def test_every_wanted_value_of_a_readable_file_equals_pydicoms(name: str) -> None:
    ours = scanned(name)
    theirs = of_pydicom(name)
    mine = decoded(ours.values)
    for tag in set(WANTED) - {CONTENT_SEQUENCE}:
        assert same(mine, theirs, tag), f"{tag:08X}"
    modifiers = [
        item for item in theirs.get("ContentSequence", []) if item.RelationshipType == "HAS CONCEPT MOD"
    ]
    assert list(mine.get("ContentSequence", [])) == modifiers


@pytest.mark.parametrize("name", [name for name in FILES if "liver" in name])
def test_values_of_the_shared_functional_groups_equal_pydicoms(name: str) -> None:
    ours = scanned(name).shared
    theirs = of_pydicom(name)[SHARED_GROUPS].value[0]
    assert ours
    for tag in WANTED_INSIDE:
        first = next(inside(theirs, tag), None)
        assert (tag in ours) == (first is not None)
        if tag in ours:
            assert decoded({tag: ours[tag]})[tag].value == first


@each("name", sorted(set(FILES) - NOT_DICOM - set(UNREADABLE)))
def test_a_readable_file_is_an_instance_with_pydicoms_identity(name: str) -> None:
    instance = read(name)
    theirs = of_pydicom(name)
    assert isinstance(instance, Instance), instance
    meta = theirs.file_meta
    assert instance.sop_class == theirs.get("SOPClassUID", meta.get("MediaStorageSOPClassUID"))
    assert instance.sop_instance == theirs.get("SOPInstanceUID", meta.get("MediaStorageSOPInstanceUID"))
    assert instance.transfer_syntax == meta.get("TransferSyntaxUID", instance.transfer_syntax)
    assert instance.study == theirs.get("StudyInstanceUID", "")
    if "DICOMDIR" in name:
        assert instance.sop_class == MEDIA_STORAGE_DIRECTORY


@each("name", sorted(set(FILES) & NOT_DICOM))
def test_other_content_is_not_dicom(name: str) -> None:
    result = read(name)
    assert not isinstance(result, Instance)
    assert result.state is State.NOT_DICOM  # type: ignore[attr-defined]


@pytest.mark.parametrize(("name", "rule"), sorted(UNREADABLE.items()))
def test_a_file_without_end_or_identity_is_unreadable_for_the_right_reason(name: str, rule: str) -> None:
    result = read(name)
    assert not isinstance(result, Instance)
    assert (result.state, result.finding.rule.id) == (State.UNREADABLE, rule)  # type: ignore[attr-defined]


def test_one_scanner_over_all_files_gives_the_same_as_a_new_one_for_each() -> None:
    veteran = Scanner()
    for _ in range(3):
        for name in FILES:
            raw = (FOLDER / name).read_bytes()
            assert veteran.read(BytesIO(raw), len(raw), "source", name) == read(name), name
