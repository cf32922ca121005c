from __future__ import annotations

import pytest

from mediakit.fileset.survey import FileKind
from mediakit.findings import Severity
from mediakit.rules import names
from tests.support.each import each
from tests.support.instances import make_instance
from tests.support.surveys import filed, found_by, ids, medium_of, other_file, survey_of


def found(*paths: str) -> list[str]:
    """Return what is found when instances lie at these paths."""
    files = (filed(make_instance(f"1.2.{number}"), path) for number, path in enumerate(paths))
    return ids(found_by(names.CHECKS, survey_of(*files)))


def test_what_burn_writes_has_legal_names() -> None:
    assert found_by(names.CHECKS, medium_of(make_instance())) == []


@pytest.mark.parametrize("path", ["0", "A", "12345678", "IM_00001", "________", "A/B/C/D/E/F/G/H"])
def test_a_name_that_is_a_file_id_is_right(path: str) -> None:
    assert found(path) == []


@each(
    ("path", "rules"),
    [
        ("DICOM/im1", ["MK-NAM-001"]),
        ("dicom/IM1", ["MK-NAM-001"]),
        ("DICOM/IM1.DCM", ["MK-NAM-002"]),
        ("DICOM/IM1.", ["MK-NAM-002"]),
        ("CT.001/IM1", ["MK-NAM-002"]),
        ("DICOM/IM_000001", ["MK-NAM-003"]),
        ("LONGNAMES/IM1", ["MK-NAM-003"]),
        ("DICOM/IM-1", ["MK-NAM-004"]),
        ("DICOM/IM 1", ["MK-NAM-004"]),
        ("DICOM/SCH\xc4DEL", ["MK-NAM-004"]),
        ("MY DISC/IM1", ["MK-NAM-004"]),
        ("A/B/C/D/E/F/G/h", ["MK-NAM-001"]),
        ("A/B/C/D/E/F/G/H/I", ["MK-NAM-005"]),
        ("DICOM/image-0001.dcm", ["MK-NAM-001", "MK-NAM-002", "MK-NAM-003", "MK-NAM-004"]),
    ],
)
def test_every_fault_of_a_name_is_found_and_no_other(path: str, rules: list[str]) -> None:
    assert found(path) == rules


@pytest.mark.parametrize("path", ["DICOM/12345678.DCM", "DICOM/1.2.840.10008.5.1"])
def test_an_extension_does_not_make_a_name_long(path: str) -> None:
    assert found(path) == ["MK-NAM-002"]


def test_files_of_one_folder_are_one_finding_at_the_first_and_those_of_another_are_another() -> None:
    paths = ("A/im1", "A/IM2", "A/im3", "B/im1")
    files = (filed(make_instance(f"1.2.{path}"), path) for path in paths)
    first, second = found_by(names.CHECKS[:1], survey_of(*files))
    assert (first.rule, first.severity) == (names.LOWER_CASE, Severity.ERROR)
    assert (first.where.path, dict(first.detail)) == ("A/im1", {"count": 2, "example": "A/im1"})
    assert (second.where.path, dict(second.detail)) == ("B/im1", {"count": 1, "example": "B/im1"})


def test_a_name_with_control_characters_is_shown_without_them() -> None:
    (finding,) = found_by(names.CHECKS, survey_of(filed(make_instance(), "A/IM\x1b1")))
    assert (finding.rule, finding.where.path) == (names.CHARACTERS, "A/IM\x1b1")
    assert dict(finding.detail)["example"] == "A/IM\\x1b1"


def test_names_of_other_files_are_free() -> None:
    others = (
        other_file("Viewer/Read me first.html"),
        other_file("image-0001.dcm", FileKind.DAMAGED),
        other_file("dicomdir", FileKind.DICOMDIR),
        other_file("A/B/C/D/E/F/G/H/I"),
    )
    assert found_by(names.CHECKS, survey_of(*others)) == []


@pytest.mark.parametrize("path", ["DICOM/CON", "AUX/IM1", "NUL", "COM1", "LPT9"])
def test_the_name_of_a_device_is_a_warning(path: str) -> None:
    (finding,) = found_by(names.CHECKS, survey_of(filed(make_instance(), path)))
    assert (finding.rule, finding.severity) == (names.DEVICE_NAME, Severity.WARNING)
    assert (finding.where.path, dict(finding.detail)) == (path, {"count": 1, "example": path})


@pytest.mark.parametrize("path", ["DICOM/CON1", "CONS/IM1", "COM10", "NULL", "XAUX"])
def test_a_name_that_only_resembles_that_of_a_device_is_right(path: str) -> None:
    assert found(path) == []


@pytest.mark.parametrize("path", ["CON.DCM", "DICOM/COM1.DCM", "AUX.1.2.3/IM1"])
def test_an_extension_does_not_save_the_name_of_a_device(path: str) -> None:
    assert found(path) == ["MK-NAM-002", "MK-NAM-006"]


def test_two_names_that_only_case_tells_apart_are_found_at_the_second() -> None:
    survey = survey_of(filed(make_instance("1.2.1"), "A/IM1"), other_file("a/im1"))
    (finding,) = found_by(names.CHECKS, survey)
    assert (finding.rule, finding.severity) == (names.ONLY_CASE, Severity.WARNING)
    assert (finding.where.path, dict(finding.detail)) == ("a/im1", {"other": "A/IM1"})


def test_other_names_are_not_told_apart_by_case_alone() -> None:
    different = survey_of(other_file("A/IM1"), other_file("A/IM2"), other_file("B/IM1"))
    same = survey_of(other_file("A/IM1"), other_file("A/IM1"))  # an archive can hold a name twice
    assert found_by(names.CHECKS, different) == []
    assert found_by(names.CHECKS, same) == []
