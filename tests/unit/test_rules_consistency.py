"""The directory against the files: missing, misnamed, superfluous ones, and records that say otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from mediakit.dicom.header import Scanner
from mediakit.dicom.instance import Instance
from mediakit.fileset.encode import encode
from mediakit.fileset.record import Directory
from mediakit.fileset.survey import FileFact, FileKind, Survey
from mediakit.findings import Finding, Severity
from mediakit.formats.registry import open_tree
from mediakit.profile.load import load_profile
from mediakit.profile.model import DicomdirRule, Profile
from mediakit.rules import (
    consistency,
    directory,
    directory_keys,
    disagreement,
    icons,
    key_values,
    profile_keys,
)
from mediakit.stages.look.media import look as survey_medium
from tests.support.each import each
from tests.support.instances import SR, make_instance, make_profile
from tests.support.studies import burnt_to
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
    with_keys,
)

CHECKS = (*consistency.CHECKS, *disagreement.CHECKS)
ALL = (
    *CHECKS,
    *directory.CHECKS,
    *directory_keys.CHECKS,
    *icons.CHECKS,
    *key_values.CHECKS,
    *profile_keys.CHECKS,
)
FIRST, SECOND = make_instance("1.2.3.4.1"), make_instance("1.2.3.4.2", number=2)
PLACE = "DICOM/P0000001/S0000001/E0000001/I0000001"
CHARSET, NAME, PATIENT_ID = 0x00080005, 0x00100010, 0x00100020


def judged(survey: Survey, profile: Profile | None = None) -> list[Finding]:
    return found_by(CHECKS, survey, profile)


def two_files(*, first: FileFact | None = None, wrong: Directory | None = None) -> Survey:
    """Return a medium of two instances, with another first file or another directory."""
    right = directory_of(FIRST, SECOND)
    files = files_of(right, FIRST, SECOND)
    return survey_of(*([first] if first else []), *files[bool(first) :], directory=wrong or right)


def said(values: Mapping[int, bytes | None], record_type: str, *found: Instance) -> list[Finding]:
    """Return what is found when one record says these values and the instances say what they say."""
    instances = found or (FIRST, SECOND)
    right = directory_of(*instances)
    wrong = changed(right, record_type, with_keys(values))
    return judged(survey_of(*files_of(right, *instances), directory=wrong))


def test_a_right_medium_gives_no_finding() -> None:
    assert judged(medium_of(FIRST, SECOND), make_profile()) == []


@pytest.mark.parametrize(
    ("profile", "name"), [("STD-GEN-CD", "set.iso"), ("STD-GEN-CD", "set"), ("STD-GEN-DVD-JPEG", "set")]
)
def test_what_burn_writes_of_the_samples_gives_no_finding(tmp_path: Path, profile: str, name: str) -> None:
    burnt_to(tmp_path / name, Path("samples/studies"), profile=profile)
    chosen = load_profile(profile)
    tree = open_tree(tmp_path / name)
    try:
        survey = survey_medium(tree, name, Scanner(key.tag for key in chosen.keys))
    finally:
        tree.close()
    assert len(survey.links) == 40
    assert found_by(ALL, survey, chosen) == []
    assert found_by(ALL, survey) == []


# --- files -----------------------------------------------------------------------------------------------


def test_a_missing_file_is_reported_at_its_record() -> None:
    right = directory_of(FIRST, SECOND)
    survey = survey_of(*files_of(right, FIRST, SECOND)[1:], directory=right)
    (finding,) = judged(survey)
    assert (finding.rule.id, finding.severity) == ("MK-CON-001", Severity.ERROR)
    assert finding.where.record == survey.links[0].record.seen_at
    assert PLACE in finding.text
    assert "1.2.3.4.1" in finding.text


def test_a_directory_without_any_of_its_files_is_one_finding() -> None:
    (finding,) = judged(survey_of(directory=directory_of(FIRST, SECOND)))
    assert (finding.rule.id, dict(finding.detail)["count"]) == ("MK-CON-014", 2)


def test_a_file_id_that_is_not_legal_is_shown_without_control_characters() -> None:
    right = directory_of(FIRST, SECOND)
    file_id = PLACE.replace("/", "\\").encode()
    raw = encode(right).replace(file_id, file_id[:-4] + b"\xe4\x1b[2")
    (finding,) = judged(survey_of(*files_of(right, FIRST, SECOND)[1:], directory=raw))
    assert finding.rule.id == "MK-CON-001"
    assert "I000\\xe4\\x1b[2" in finding.text


@pytest.mark.parametrize(
    ("name", "how"),
    [
        (PLACE.lower(), "case"),
        (f"{PLACE}.dcm", "extension"),
        (f"{PLACE};1", "version"),
        (f"{PLACE.lower()}.dcm", "case, extension"),
    ],
)
def test_a_file_under_another_name_is_found_and_reported(name: str, how: str) -> None:
    (finding,) = judged(two_files(first=filed(FIRST, name)))
    assert (finding.rule.id, finding.severity) == ("MK-CON-002", Severity.ERROR)
    assert dict(finding.detail)["how"] == how
    assert PLACE in finding.text
    assert name in finding.text


def test_many_files_misnamed_in_one_manner_are_one_finding() -> None:
    right = directory_of(FIRST, SECOND)
    files = [structs.replace(file, path=file.path.lower()) for file in files_of(right, FIRST, SECOND)]
    (finding,) = judged(survey_of(*files, directory=right))
    assert (finding.rule.id, dict(finding.detail)["count"]) == ("MK-CON-002", 2)


def test_a_file_found_by_its_long_name_is_reported() -> None:
    (finding,) = judged(two_files(first=filed(FIRST, "DICOM/P0000001/ODD", also=(PLACE,))))
    assert (finding.rule.id, dict(finding.detail)["how"]) == ("MK-CON-002", "other-name")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (FileKind.OTHER, "MK-CON-010"),
        (FileKind.DAMAGED, "MK-CON-004"),
        (FileKind.CLOSED, "MK-CON-004"),
        (FileKind.DICOMDIR, "MK-CON-009"),
    ],
)
def test_a_reference_to_what_is_no_instance_is_reported(kind: FileKind, expected: str) -> None:
    (finding,) = judged(two_files(first=other_file(PLACE, kind)))
    assert (finding.rule.id, finding.severity) == (expected, Severity.ERROR)


def test_a_retired_record_may_reference_a_file_that_is_not_dicom() -> None:
    wrong = changed(
        directory_of(FIRST, SECOND), "IMAGE", lambda record: structs.replace(record, type="HL7 STRUC DOC")
    )
    assert judged(two_files(first=other_file(PLACE), wrong=wrong)) == []


def test_a_file_that_no_record_references_is_reported() -> None:
    right = directory_of(FIRST)
    survey = survey_of(*files_of(right, FIRST), filed(SECOND, "MORE/IM2"), directory=right)
    (finding,) = judged(survey, make_profile())
    assert (finding.rule.id, finding.where.path) == ("MK-CON-003", "MORE/IM2")
    assert ids(judged(survey)) == ["MK-CON-003"]


def test_files_need_no_record_where_the_profile_says_so_or_there_is_no_directory() -> None:
    right = directory_of(FIRST)
    files = (*files_of(right, FIRST), filed(SECOND, "MORE/IM2"))
    free = make_profile(dicomdir=DicomdirRule(all_files_referenced=False))
    assert judged(survey_of(*files, directory=right), free) == []
    assert judged(survey_of(*files), make_profile()) == []


def test_a_file_that_is_not_dicom_needs_no_record() -> None:
    survey = medium_of(FIRST)
    assert judged(replace(survey, files=(*survey.files, other_file("README.TXT")))) == []


def test_a_directory_that_references_no_file_of_the_medium_is_one_finding() -> None:
    empty = Directory("TEST", "1.2.3", ())
    survey = survey_of(filed(FIRST, "IM1"), filed(SECOND, "IM2"), directory=empty)
    (finding,) = judged(survey)
    assert (finding.rule.id, dict(finding.detail)["count"]) == ("MK-CON-015", 2)


def test_an_instance_in_two_files_is_a_warning_that_names_both() -> None:
    survey = medium_of(FIRST)
    survey = replace(survey, files=(*survey.files, filed(FIRST, "COPY/IM1")))
    finding = judged(survey, make_profile(dicomdir=DicomdirRule(all_files_referenced=False)))[0]
    assert (finding.rule.id, finding.severity) == ("MK-CON-008", Severity.WARNING)
    assert PLACE in finding.text
    assert "COPY/IM1" in finding.text


def test_a_folder_that_was_copied_is_one_finding() -> None:
    survey = medium_of(FIRST, SECOND)
    copies = (filed(FIRST, "COPY/IM1"), filed(SECOND, "COPY/IM2"))
    profile = make_profile(dicomdir=DicomdirRule(all_files_referenced=False))
    (finding,) = judged(replace(survey, files=survey.files + copies), profile)
    assert (finding.rule.id, dict(finding.detail)["count"]) == ("MK-CON-008", 2)


# --- what a record says of its file ----------------------------------------------------------------------


def test_another_instance_in_the_file_is_reported() -> None:
    (finding,) = judged(two_files(first=filed(structs.replace(FIRST, sop_instance="1.2.9"), PLACE)))
    assert (finding.rule.id, finding.severity) == ("MK-CON-006", Severity.ERROR)
    assert "1.2.3.4.1" in finding.text
    assert "1.2.9" in finding.text


@pytest.mark.parametrize(
    ("part", "uid", "rule"),
    [
        ("sop_class", SR, "MK-CON-005"),
        ("transfer_syntax", "1.2.840.10008.1.2.4.70", "MK-CON-007"),
    ],
)
def test_another_class_or_syntax_in_files_is_one_finding(part: str, uid: str, rule: str) -> None:
    right = directory_of(FIRST, SECOND)
    found = [structs.replace(instance, **{part: uid}) for instance in (FIRST, SECOND)]
    (finding,) = judged(survey_of(*files_of(right, *found), directory=right))
    assert (finding.rule.id, finding.severity) == (rule, Severity.ERROR)
    assert dict(finding.detail)["count"] == 2
    assert dict(finding.detail)["path"] == PLACE


@pytest.mark.parametrize(
    ("tag", "part"),
    [(0x00020002, "sop_class"), (0x00020003, "sop_instance"), (0x00020010, "transfer_syntax")],
)
def test_a_record_that_agrees_with_the_file_meta_information_is_right(tag: int, part: str) -> None:
    raw = getattr(FIRST, part).encode() + b"\0"
    header = structs.replace(FIRST.header, meta={tag: raw})
    file = filed(structs.replace(FIRST, header=header, **{part: "1.2.9"}), PLACE)
    assert judged(two_files(first=file)) == []


# --- keys ------------------------------------------------------------------------------------------------


def test_another_patient_id_is_the_gravest_and_told_once() -> None:
    (finding,) = said({PATIENT_ID: b"PAT2", NAME: b"ROE^RICHARD "}, "PATIENT")
    assert (finding.rule.id, finding.severity) == ("MK-CON-011", Severity.ERROR)
    assert dict(finding.detail)["count"] == 2
    assert dict(finding.detail)["path"] == PLACE
    assert "until this is cleared up" in finding.rule.hint
    assert "ROE" not in finding.text


def test_one_image_of_another_patient_among_others_is_found() -> None:
    right = directory_of(FIRST, SECOND)
    other = make_instance("1.2.3.4.2", number=2, patient_id=b"PAT2", values={NAME: b"ROE^RICHARD "})
    found = judged(survey_of(*files_of(right, FIRST, other), directory=right))
    assert {one.rule.id for one in found} == {"MK-CON-011", "MK-CON-017"}
    finding = next(one for one in found if one.rule.id == "MK-CON-011")
    assert dict(finding.detail)["count"] == 1
    assert dict(finding.detail)["path"] == PLACE[:-1] + "2"


def test_another_name_under_the_same_id_is_a_warning() -> None:
    (finding,) = said({NAME: b"ROE^RICHARD "}, "PATIENT")
    assert (finding.rule.id, finding.severity) == ("MK-CON-016", Severity.WARNING)
    assert "ROE" not in finding.text


def test_another_name_counts_as_another_patient_where_the_image_has_no_id() -> None:
    right = directory_of(FIRST)
    anonymous = make_instance("1.2.3.4.1", patient_id=b"", values={NAME: b"ROE^RICHARD "})
    assert ids(judged(survey_of(*files_of(right, anonymous), directory=right))) == ["MK-CON-011"]


def test_an_image_without_patient_is_not_of_another_patient() -> None:
    right = directory_of(FIRST)
    for name in (b"", b"^^^^", b"^= "):
        anonymous = make_instance("1.2.3.4.1", patient_id=b"", values={NAME: name})
        assert judged(survey_of(*files_of(right, anonymous), directory=right)) == [], name
    unnamed = directory_of(make_instance("1.2.3.4.1", values={NAME: b"^^"}))
    named = make_instance("1.2.3.4.1", patient_id=b"", values={NAME: b"ROE^RICHARD"})
    assert ids(judged(survey_of(*files_of(unnamed, named), directory=unnamed))) == ["MK-CON-013"]


@pytest.mark.parametrize(
    ("record_type", "tag", "value"),
    [
        ("STUDY", 0x0020000D, b"1.2.9"),
        ("SERIES", 0x0020000E, b"1.2.9"),
        ("SERIES", 0x00080060, b"MR"),
    ],
)
def test_another_study_series_or_modality_is_an_error_told_once(
    record_type: str, tag: int, value: bytes
) -> None:
    (finding,) = said({tag: value}, record_type)
    assert (finding.rule.id, finding.severity, finding.where.tag) == ("MK-CON-012", Severity.ERROR, tag)
    assert dict(finding.detail)["count"] == 2


@pytest.mark.parametrize(
    ("record_type", "tag", "value"),
    [
        ("STUDY", 0x00080020, b"20240103"),
        ("STUDY", 0x00080030, b"1012"),
        ("STUDY", 0x00080050, b"B2"),
        ("STUDY", 0x00081030, b"ABDOMEN"),
        ("STUDY", 0x00081030, b""),
        ("SERIES", 0x00200011, b"3"),
        ("IMAGE", 0x00200013, b"7"),
    ],
)
def test_another_value_of_other_keys_is_a_warning(record_type: str, tag: int, value: bytes) -> None:
    (finding,) = said({tag: value}, record_type)
    assert (finding.rule.id, finding.severity, finding.where.tag) == ("MK-CON-013", Severity.WARNING, tag)
    assert dict(finding.detail)["type"] == record_type


def test_images_of_a_series_that_differ_in_one_key_are_one_finding() -> None:
    right = directory_of(FIRST, SECOND)
    wrong = right
    for which in (0, 1):
        wrong = changed(wrong, "IMAGE", with_keys({0x00200013: b"77"}), which=which)
    (finding,) = judged(survey_of(*files_of(right, FIRST, SECOND), directory=wrong))
    assert (finding.rule.id, dict(finding.detail)["count"]) == ("MK-CON-013", 2)


def test_a_binary_value_is_compared_with_its_zeros() -> None:
    image = make_instance(values={0x00280010: b"\x00\x02"})
    right = directory_of(image)
    for value, expected in ((b"\x00\x02", []), (b"\x02\x00", ["MK-CON-013"])):
        wrong = changed(right, "IMAGE", with_keys({0x00280010: value}))
        assert ids(judged(survey_of(*files_of(right, image), directory=wrong))) == expected


def test_a_key_without_a_value_is_left_to_the_rules_on_keys() -> None:
    for record_type, tag in (("PATIENT", PATIENT_ID), ("STUDY", 0x0020000D), ("SERIES", 0x00080060)):
        assert said({tag: b""}, record_type) == []


@each(
    ("record_type", "tag", "value", "found"),
    [
        ("PATIENT", NAME, b"Doe^John^^^", b"DOE^JOHN"),
        ("PATIENT", NAME, b"DOE^JOHN=", b"DOE^JOHN"),
        ("PATIENT", NAME, b"DOE ^JOHN ", b"DOE^JOHN"),
        ("PATIENT", NAME, b"YAMADA^TAROU", b"YAMADA^TAROU=X^Y"),
        ("PATIENT", PATIENT_ID, b" PAT1 ", b"PAT1"),
        ("STUDY", 0x00080020, b"20240102", b"2024.01.02"),
        ("STUDY", 0x00080030, b"101100.000", b"1011"),
        ("STUDY", 0x00080030, b"101112", b"10:11:12"),
        ("STUDY", 0x0020000D, b"1.2.3 ", b"1.2.3\0"),
        ("SERIES", 0x00200011, b"02", b"2 "),
        ("SERIES", 0x00200011, b"2", b"2. "),
        ("IMAGE", 0x00200013, b"+1", b"1"),
        ("IMAGE", 0x00080008, b"ORIGINAL \\PRIMARY", b"ORIGINAL\\PRIMARY "),
        ("IMAGE", 0x00280030, b"0.5\\0.50", b"0.500\\0.5"),
        ("IMAGE", 0x0008002A, b"20240102101112.5", b"20240102101112.500"),
    ],
)
def test_values_that_say_the_same_are_the_same(
    record_type: str, tag: int, value: bytes, found: bytes
) -> None:
    right = directory_of(FIRST)
    image = make_instance("1.2.3.4.1", values={tag: found})
    wrong = changed(right, record_type, with_keys({tag: value}))
    assert judged(survey_of(*files_of(right, image), directory=wrong)) == []


@pytest.mark.parametrize(
    ("tag", "value", "found"),
    [
        (0x00280030, b"0.5\\0.5", b"0.5\\0.6"),
        (0x00280030, b"0.5\\0.5", b"0.5"),
        (0x0008002A, b"20240102101112+0100", b"20240102101112+0200"),
        (0x00080008, b"ORIGINAL\\PRIMARY", b"DERIVED\\PRIMARY"),
        (0x00200032, b"1\\2\\3", b"3\\2\\1"),
    ],
)
def test_values_that_say_something_else_are_not(tag: int, value: bytes, found: bytes) -> None:
    right = directory_of(FIRST)
    image = make_instance("1.2.3.4.1", values={tag: found})
    wrong = changed(right, "IMAGE", with_keys({tag: value}))
    assert ids(judged(survey_of(*files_of(right, image), directory=wrong))) == ["MK-CON-013"]


def test_a_value_that_is_illegal_in_the_image_is_not_held_against_the_directory() -> None:
    for tag, value, found in (
        (0x00080020, b"19000101", b"UNKNOWN "),
        (0x00080030, b"000000", b"NOON"),
    ):
        image = make_instance("1.2.3.4.1", values={tag: found})
        right = directory_of(FIRST)
        wrong = changed(right, "STUDY", with_keys({tag: value}))
        assert judged(survey_of(*files_of(right, image), directory=wrong)) == []


def described(
    theirs: bytes, their_charset: bytes | None, ours: bytes, our_charset: bytes | None
) -> list[str]:
    """Return what is found when image and STUDY record have these Study Descriptions."""
    image = make_instance("1.2.3.4.1", values={0x00081030: theirs, CHARSET: their_charset})
    wrong = changed(directory_of(FIRST), "STUDY", with_keys({0x00081030: ours, CHARSET: our_charset}))
    return ids(judged(survey_of(*files_of(wrong, image), directory=wrong)))


def test_the_same_text_in_another_character_set_is_the_same() -> None:
    assert described(b"Sch\xe4del", b"ISO_IR 100", "Schädel".encode(), b"ISO_IR 192") == []
    assert described(b"Sch\xe4del", b"ISO_IR 100", b"Sch\xe4del", b"ISO_IR 100") == []


def test_the_same_bytes_in_another_character_set_are_another_text() -> None:
    assert described(b"Sch\xe4del", b"ISO_IR 100", b"Sch\xe4del", b"ISO_IR 144") == ["MK-CON-013"]


def test_the_same_bytes_without_a_character_set_are_left_to_the_rules_on_values() -> None:
    assert described(b"Sch\xe4del", b"ISO_IR 100", b"Sch\xe4del", None) == []


def test_text_that_was_forced_into_ascii_is_another_text() -> None:
    assert described(b"Sch\xe4del", b"ISO_IR 100", b"Sch?del", None) == ["MK-CON-013"]


def test_sequences_are_not_compared() -> None:
    image = make_instance(sop_class=SR, values={0x0040A043: b"\xfe\xff\x00\xe0\x00\x00\x00\x00"})
    wrong = changed(
        directory_of(FIRST), "IMAGE", with_keys({0x0040A043: b"\xfe\xff\x00\xe0\xff\xff\xff\xff"})
    )
    survey = survey_of(*files_of(wrong, structs.replace(image, sop_instance="1.2.3.4.1")), directory=wrong)
    assert ids(judged(survey)) == ["MK-CON-005"]


def test_a_medium_without_directory_has_nothing_to_compare() -> None:
    assert judged(survey_of(filed(FIRST), filed(SECOND))) == []


def test_a_study_of_two_patients_and_a_series_in_two_studies_are_errors() -> None:
    files = [
        filed(make_instance("1.2.3.4.1"), "A"),
        filed(make_instance("1.2.3.4.2", patient_id=b"PAT2"), "B"),
        filed(make_instance("1.2.3.4.3", patient_id=None), "C"),  # without Patient ID: it says nothing
        filed(make_instance("1.2.3.4.4", study="1.2.9"), "D"),
    ]
    found = {one.rule.id: one for one in judged(survey_of(*files))}
    assert (found["MK-CON-017"].where.path, found["MK-CON-018"].where.path) == ("B", "D")
    assert "2 patients: Patient IDs `PAT1`, `PAT2`" in found["MK-CON-017"].text
    assert "2 studies" in found["MK-CON-018"].text
    sound = [filed(make_instance("1.2.3.4.1"), "A"), filed(make_instance("1.2.3.5.1", series="1.2.3.5"), "B")]
    assert {"MK-CON-017", "MK-CON-018"}.isdisjoint(one.rule.id for one in judged(survey_of(*sound)))
