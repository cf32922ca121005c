"""The directory as a whole: there is one, in its place, and its records reference what they may."""

from __future__ import annotations

from dataclasses import replace

import pytest
from msgspec import structs

from mediakit.fileset.file_id import FileID
from mediakit.fileset.record import Directory, DirectoryRecord
from mediakit.fileset.survey import FileKind, Survey
from mediakit.findings import Finding, Severity
from mediakit.profile.load import load_profile
from mediakit.profile.model import DicomdirRule, Profile
from mediakit.rules import directory
from tests.support import directories
from tests.support.instances import CT, SR, make_instance, make_profile
from tests.support.surveys import (
    changed,
    directory_of,
    filed,
    files_of,
    found_by,
    ids,
    medium_of,
    other_file,
    survey_of,
    with_reference,
)

FIRST, SECOND = make_instance("1.2.3.4.1"), make_instance("1.2.3.4.2", number=2)
RT = "1.2.840.10008.5.1.4.1.1.481."


def judged(survey: Survey, profile: Profile | None = None) -> list[Finding]:
    return found_by(directory.CHECKS, survey, profile)


def of_class(sop_class: str, record_type: str) -> Survey:
    """Return a medium with one record of this type that references this class."""
    right = directory_of(FIRST)
    wrong = changed(right, "IMAGE", with_reference(sop_class=sop_class))
    return survey_of(
        *files_of(right, FIRST),
        directory=changed(wrong, "IMAGE", lambda record: structs.replace(record, type=record_type)),
    )


def test_a_right_medium_gives_no_finding() -> None:
    survey = medium_of(FIRST, SECOND)
    assert len(survey.links) == 2
    assert judged(survey, make_profile()) == []
    assert judged(survey) == []


def test_a_medium_without_dicomdir_is_no_file_set() -> None:
    assert ids(judged(survey_of(filed(FIRST)), make_profile())) == ["MK-DIR-101"]
    assert ids(judged(survey_of(filed(FIRST)))) == ["MK-DIR-101"]


def test_a_profile_that_needs_no_dicomdir_takes_a_medium_without() -> None:
    mime = make_profile(dicomdir=DicomdirRule(mandatory=False))
    assert judged(survey_of(filed(FIRST)), mime) == []


def test_a_dicomdir_in_a_folder_is_reported_with_its_place() -> None:
    right = directory_of(FIRST)
    files = [structs.replace(file, path=f"COPY/{file.path}") for file in files_of(right, FIRST)]
    survey = survey_of(*files, directory=right, at="COPY/DICOMDIR")
    (finding,) = judged(survey)
    assert (finding.rule.id, finding.where.path) == ("MK-DIR-102", "COPY/DICOMDIR")
    assert "COPY/DICOMDIR" in finding.text


@pytest.mark.parametrize("name", ["dicomdir", "DICOMDIR.;1", "DICOMDIR.DCM"])
def test_a_directory_of_another_name_is_reported(name: str) -> None:
    assert ids(judged(survey_of(directory=directory_of(FIRST), at=name))) == ["MK-DIR-110"]


def test_other_directories_are_named() -> None:
    survey = medium_of(FIRST)
    other = other_file("OLD/DICOMDIR", FileKind.DICOMDIR)
    (finding,) = judged(replace(survey, files=(*survey.files, other)))
    assert finding.rule.id == "MK-DIR-103"
    assert "OLD/DICOMDIR" in finding.text


def test_a_cd_holds_one_directory_and_other_media_are_not_judged_by_that() -> None:
    survey = medium_of(FIRST)
    other = other_file("OLD/DICOMDIR", FileKind.DICOMDIR)
    both = replace(survey, files=(*survey.files, other))
    found = {finding.rule.id: finding for finding in judged(both, make_profile())}
    assert found["MK-DIR-116"].severity is Severity.ERROR
    assert "MK-DIR-116" not in ids(judged(survey, make_profile()))
    stick = load_profile("STD-GEN-USB-JPEG")
    assert "MK-DIR-116" not in ids(judged(both, stick))


def test_of_many_other_directories_some_are_named() -> None:
    survey = medium_of(FIRST)
    others = tuple(other_file(f"OLD{n}/DICOMDIR", FileKind.DICOMDIR) for n in range(9))
    (finding,) = judged(replace(survey, files=survey.files + others))
    assert "10 DICOMDIR files" in finding.text
    assert "OLD4/DICOMDIR ..." in finding.text
    assert "OLD5" not in finding.text


def test_a_file_that_took_the_name_of_the_dicomdir_is_reported() -> None:
    survey = survey_of(other_file("DICOMDIR"), directory=directory_of(FIRST), at="COPY/DICOMDIR")
    assert ids(judged(survey)) == ["MK-DIR-102", "MK-DIR-104"]


def test_a_dicomdir_that_cannot_be_read_is_reported() -> None:
    survey = medium_of(FIRST)
    assert ids(judged(replace(survey, decoded=None, links=()))) == ["MK-DIR-111"]


def test_an_empty_directory_is_reported_unless_the_profile_allows_it() -> None:
    survey = survey_of(directory=Directory("TEST", "1.2.3", ()))
    (finding,) = judged(survey, make_profile())
    assert (finding.rule.id, finding.ref) == ("MK-DIR-105", "PS3.11 Annex D")
    assert judged(survey, make_profile(dicomdir=DicomdirRule(empty_allowed=True))) == []
    assert judged(survey) == []


@pytest.mark.parametrize(("uid", "expected"), [("1.2.03", ["MK-DIR-109"]), ("1.2.3", []), ("", [])])
def test_a_file_set_uid_that_is_none_is_reported(uid: str, expected: list[str]) -> None:
    raw = directories.dicomdir([], first=None, last=None, head=directories.meta(file_set_uid=uid))
    assert ids(judged(survey_of(directory=raw))) == expected


def test_a_descriptor_file_that_is_there_is_no_finding() -> None:
    survey = medium_of(FIRST, directory=replace(directory_of(FIRST), descriptor="README"))
    assert judged(replace(survey, files=(*survey.files, other_file("README")))) == []


def test_a_descriptor_file_that_is_absent_is_reported() -> None:
    survey = medium_of(FIRST, directory=replace(directory_of(FIRST), descriptor="INFO\\README"))
    (finding,) = judged(survey)
    assert (finding.rule.id, finding.text) == (
        "MK-DIR-108",
        "the File-set Descriptor File INFO/README is not on the medium",
    )


def test_a_descriptor_file_id_with_an_extension_is_illegal() -> None:
    raw = directories.dicomdir([], first=None, last=None)
    at = raw.index(b"\4\0\0\x12UL")
    raw = raw[:at] + directories.element(0x00041141, "CS", b"README.TXT") + raw[at:]
    assert ids(judged(survey_of(other_file("README.TXT"), directory=raw))) == ["MK-DIR-112"]


def test_a_record_of_a_wrong_type_is_reported_once_with_a_count() -> None:
    right = directory_of(FIRST, SECOND)
    wrong = right
    for which in (0, 1):
        wrong = changed(wrong, "IMAGE", with_reference(sop_class=SR), which=which)
    (finding,) = judged(survey_of(*files_of(right, FIRST, SECOND), directory=wrong))
    assert finding.rule.id == "MK-DIR-106"
    assert finding.where.record is not None
    assert dict(finding.detail)["count"] == 2
    assert dict(finding.detail)["right"] == "SR DOCUMENT"


@pytest.mark.parametrize(
    ("sop_class", "record_type"),
    [
        (CT, "IMAGE"),
        (f"{RT}23", "IMAGE"),
        (f"{RT}23", "RADIOTHERAPY"),
        (f"{RT}25", "PLAN"),
        ("1.2.840.10008.5.1.4.1.1.9", "CURVE"),
        ("1.2.826.0.1.3680043.9.9", "PRIVATE"),
    ],
)
def test_types_that_the_standard_gives_or_leaves_open_are_taken(sop_class: str, record_type: str) -> None:
    assert judged(of_class(sop_class, record_type)) == []


@pytest.mark.parametrize(
    ("sop_class", "record_type"),
    [(f"{RT}25", "IMAGE"), (f"{RT}10", "IMAGE"), (CT, "SR DOCUMENT"), (CT, "NONSENSE")],
)
def test_other_types_are_wrong(sop_class: str, record_type: str) -> None:
    assert ids(judged(of_class(sop_class, record_type))) == ["MK-DIR-106"]


def test_a_class_that_has_no_record_type_is_a_warning() -> None:
    assert ids(judged(of_class("1.2.826.0.1.3680043.9.9", "IMAGE"))) == ["MK-DIR-107"]
    assert ids(judged(of_class("1.2.840.10008.5.1.4.1.1.200.1", "IMAGE"))) == ["MK-DIR-107"]


def test_groups_with_nothing_below_are_reported() -> None:
    wrong = changed(directory_of(FIRST), "SERIES", lambda record: structs.replace(record, children=()))
    (finding,) = judged(survey_of(directory=wrong))
    assert (finding.rule.id, dict(finding.detail)["type"]) == ("MK-DIR-114", "SERIES")


def test_a_leaf_without_a_file_is_reported() -> None:
    wrong = changed(directory_of(FIRST), "IMAGE", lambda record: structs.replace(record, reference=None))
    assert ids(judged(survey_of(directory=wrong))) == ["MK-DIR-115"]


def test_a_private_record_needs_neither_file_nor_children() -> None:
    private = DirectoryRecord("PRIVATE", (directories.key(0x00041432, "UI", "1.2.3"),))
    right = directory_of(FIRST)
    survey = survey_of(*files_of(right, FIRST), directory=replace(right, roots=(*right.roots, private)))
    assert judged(survey) == []


def test_an_instance_that_two_records_reference_in_two_files_is_reported() -> None:
    right = directory_of(FIRST, SECOND)
    wrong = changed(right, "IMAGE", with_reference(sop_instance="1.2.3.4.1"), which=1)
    assert ids(judged(survey_of(*files_of(right, FIRST, SECOND), directory=wrong))) == ["MK-DIR-113"]


def test_two_files_of_one_instance_are_left_to_the_comparison_of_files() -> None:
    right = directory_of(FIRST)
    (image,) = (record for record in right.walk() if record.type == "IMAGE")
    assert image.reference is not None
    copy = structs.replace(image, reference=structs.replace(image.reference, file_id=FileID("COPY")))
    doubled = changed(right, "SERIES", lambda record: structs.replace(record, children=(image, copy)))
    survey = survey_of(*files_of(right, FIRST), filed(FIRST, "COPY"), directory=doubled)
    assert judged(survey) == []
