from __future__ import annotations

from dataclasses import replace

from msgspec import structs

from mediakit.fileset.survey import FileKind, Survey
from mediakit.findings import Severity, Where
from mediakit.profile.load import load_profile
from mediakit.rules import instances
from mediakit.stages.look.closed import CANNOT_READ
from mediakit.volume import Damage
from tests.support.instances import make_instance
from tests.support.surveys import found_by, ids, medium_of, other_file, survey_of

PROFILE = load_profile("STD-GEN-CD")
A_CT = make_instance()


def found(medium: Survey, profile: object = PROFILE) -> list[str]:
    """Return what the checks find; they pass on findings of others as well."""
    return ids(finding for check in instances.CHECKS for finding in check.find(medium, profile))  # type: ignore[arg-type]


def test_a_right_medium_has_nothing_to_say() -> None:
    assert found(medium_of(A_CT)) == []


def test_a_medium_for_which_no_profile_can_be_told_is_said_to_be_one() -> None:
    assert found(medium_of(A_CT), None) == ["MK-VAL-001"]


def test_what_the_reader_of_the_medium_could_not_follow_is_an_error_each() -> None:
    damage = (Damage("A", "the folder leads in a circle"), Damage("B", "the folder lies outside the image"))
    findings = found_by(instances.CHECKS[:1], replace(medium_of(A_CT), damage=damage))
    assert ids(findings) == ["MK-VAL-002", "MK-VAL-002"]
    assert findings[1].where == Where(path="B")
    assert damage[1].what in findings[1].text


def test_damage_that_a_second_copy_makes_good_is_a_warning() -> None:
    damage = (Damage("", "the boot sector is damaged; its backup copy was used", is_made_good=True),)
    findings = found_by(instances.CHECKS[:1], replace(medium_of(A_CT), damage=damage))
    assert ids(findings) == ["MK-VAL-003"]
    assert findings[0].severity is Severity.WARNING


def test_files_that_cannot_be_read_are_named_and_other_files_are_not() -> None:
    why = CANNOT_READ.at(why="Input/output error")
    damaged = structs.replace(other_file("DICOM/IM9", FileKind.DAMAGED), finding=why)
    other = structs.replace(other_file("NOTES.TXT"), finding=why)
    findings = list(instances.check_reading(survey_of(damaged, other), PROFILE))
    assert [(one.rule, one.where.path) for one in findings] == [(CANNOT_READ, "DICOM/IM9")]


def test_findings_of_the_decoder_get_the_path_of_the_directory() -> None:
    medium = medium_of(A_CT)
    assert medium.decoded is not None
    broken = survey_of(directory=b"\0" * 200)
    assert {one.where.path for one in instances.check_decoding(broken, PROFILE)} == {"DICOMDIR"}
    assert list(instances.check_decoding(medium, PROFILE)) == []


def test_an_instance_that_the_profile_does_not_take_is_an_error_at_its_file() -> None:
    compressed = structs.replace(A_CT, transfer_syntax="1.2.840.10008.1.2.4.70")
    (finding,) = instances.check_profile(medium_of(compressed), PROFILE)
    assert finding.severity is Severity.ERROR
    assert finding.where.path == next(file.path for file in medium_of(compressed).files if file.instance)
