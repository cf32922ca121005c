"""The keys of directory records: what the standard and the profile demand, and what values are."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from mediakit.dicom.instance import Instance
from mediakit.fileset.record import Directory, DirectoryRecord, Key
from mediakit.findings import Finding, Severity
from mediakit.profile.load import load_profile
from mediakit.profile.model import KeyCondition, KeyRule, Profile
from mediakit.rules import directory_keys, key_values, profile_keys
from tests.support import directories
from tests.support.each import each
from tests.support.instances import ECG, PDF, SR, XA, make_instance, make_profile
from tests.support.surveys import (
    changed,
    directory_of,
    files_of,
    found_by,
    ids,
    medium_of,
    survey_of,
    with_keys,
    with_reference,
)

CHECKS = (*directory_keys.CHECKS, *key_values.CHECKS, *profile_keys.CHECKS)
CODE = b"\xfe\xff\x00\xe0\x0a\x00\x00\x00\x08\x00\x00\x01SH\x02\x00X "  # an item with Code Value
SR_VALUES: dict[int, bytes | None] = {
    0x00080023: b"20240102",
    0x00080033: b"1011",
    0x0040A491: b"COMPLETE",
    0x0040A493: b"UNVERIFIED",
    0x0040A043: CODE,
}


def judged(directory: Directory, *instances: Instance, profile: Profile | None = None) -> list[Finding]:
    return found_by(CHECKS, survey_of(*files_of(directory, *instances), directory=directory), profile)


def judged_with(
    values: Mapping[int, bytes | None], record_type: str = "IMAGE", profile: Profile | None = None
) -> list[Finding]:
    """Return what is found when the values of one record are changed, on a medium of one CT image."""
    instance = make_instance()
    wrong = changed(directory_of(instance, profile=profile), record_type, with_keys(values))
    return judged(wrong, instance, profile=profile)


def detail(finding: Finding) -> dict[str, object]:
    return dict(finding.detail)


@pytest.mark.parametrize("name", ["STD-GEN-CD", "STD-GEN-DVD-JPEG", "STD-CTMR-CD"])
def test_a_right_directory_gives_no_finding(name: str) -> None:
    profile = load_profile(name)
    instances = [make_instance(), make_instance("1.2.3.4.2", number=2, values={0x00080008: None})]
    survey = medium_of(*instances, profile=profile)
    assert found_by(CHECKS, survey, profile) == []
    assert found_by(CHECKS, survey) == []


@each(
    ("record_type", "tag"),
    [
        ("PATIENT", 0x00100020),
        ("STUDY", 0x00080020),
        ("STUDY", 0x00080030),
        ("STUDY", 0x0020000D),
        ("STUDY", 0x00200010),
        ("SERIES", 0x00080060),
        ("SERIES", 0x0020000E),
        ("SERIES", 0x00200011),
        ("IMAGE", 0x00200013),
    ],
)
@each("value", [None, b"", b"  "])
def test_a_type_1_key_without_a_value_is_an_error(record_type: str, tag: int, value: bytes | None) -> None:
    (finding,) = judged_with({tag: value}, record_type)
    assert (finding.rule.id, finding.severity) == ("MK-DIR-121", Severity.ERROR)
    assert finding.where.tag == tag
    assert finding.where.record is not None
    assert finding.ref.startswith("PS3.3 Table F.5-")


@pytest.mark.parametrize(
    ("record_type", "tag"), [("PATIENT", 0x00100010), ("STUDY", 0x00080050), ("STUDY", 0x00081030)]
)
def test_a_type_2_key_may_be_empty_and_must_be_there(record_type: str, tag: int) -> None:
    assert judged_with({tag: b""}, record_type) == []
    (finding,) = judged_with({tag: None}, record_type)
    assert (finding.rule.id, finding.severity) == ("MK-DIR-122", Severity.ERROR)


def test_what_many_records_lack_is_one_finding_with_a_count() -> None:
    instances = [make_instance(f"1.2.3.4.{n}", number=n) for n in (1, 2, 3)]
    wrong = directory_of(*instances)
    for which in (1, 2):
        wrong = changed(wrong, "IMAGE", with_keys({0x00200013: None}), which=which)
    (finding,) = judged(wrong, *instances)
    assert (detail(finding)["count"], detail(finding)["all"]) == (2, 3)
    assert finding.text == "2 of 3 IMAGE records have no value for Instance Number (0020,0013)"


def test_records_of_types_that_are_not_current_need_no_key() -> None:
    instance = make_instance()
    odd = (DirectoryRecord("CURVE", ()), DirectoryRecord("NONSENSE", ()))
    wrong = changed(directory_of(instance), "SERIES", lambda record: replace(record, children=odd))
    assert judged(wrong) == []


@pytest.mark.parametrize(("flag", "expected"), [(b"UNVERIFIED", []), (b"VERIFIED", ["MK-DIR-121"])])
def test_a_key_on_a_condition_is_judged_by_the_instance(flag: bytes, expected: list[str]) -> None:
    made = make_instance(sop_class=SR, values=SR_VALUES)
    found = make_instance(sop_class=SR, values={**SR_VALUES, 0x0040A493: flag})
    assert ids(judged(directory_of(made), found)) == expected


def test_a_condition_is_not_judged_without_the_instance() -> None:
    verified = make_instance(sop_class=SR, values={**SR_VALUES, 0x0040A493: b"VERIFIED"})
    directory = directory_of(make_instance(sop_class=SR, values=SR_VALUES))
    assert ids(judged(directory, verified)) == ["MK-DIR-121"]
    assert found_by(CHECKS, survey_of(directory=directory)) == []


def test_a_key_that_only_the_instance_has_is_an_error_of_the_directory() -> None:
    modifiers = make_instance(sop_class=SR, values={**SR_VALUES, 0x0040A730: CODE})
    directory = directory_of(make_instance(sop_class=SR, values=SR_VALUES))
    (finding,) = judged(directory, modifiers)
    assert (finding.rule.id, finding.where.tag) == ("MK-DIR-127", 0x0040A730)
    assert judged(directory_of(modifiers), modifiers) == []


def test_a_key_of_type_3_is_not_missed() -> None:
    instance = make_instance(
        sop_class="1.2.840.10008.5.1.4.1.1.481.2", values={0x3004000A: b"PLAN", 0x30040006: b"A REMARK"}
    )
    wrong = changed(directory_of(instance), "RT DOSE", with_keys({0x30040006: None}))
    assert judged(wrong, instance) == []


def test_a_key_whose_type_is_unconfirmed_is_a_note_that_says_so() -> None:
    instance = make_instance(
        sop_class="1.2.840.10008.5.1.4.1.1.91.1",
        values={
            0x00080023: b"20240102",
            0x00080033: b"1011",
            0x00700080: b"A ",
            0x00700081: b"",
            0x00700084: b"",
        },
    )
    (finding,) = judged(
        changed(directory_of(instance), "ANNOTATION", with_keys({0x00700084: None})), instance
    )
    assert (finding.rule.id, finding.severity) == ("MK-DIR-126", Severity.NOTE)
    assert "unconfirmed" in finding.text


def test_an_empty_sequence_of_type_2_is_enough_and_one_of_type_1_is_not() -> None:
    values = {0x00080023: b"", 0x00080033: b"", 0x0040A043: b"", 0x00420010: b"", 0x00420012: b"text/xml"}
    document = make_instance(sop_class=PDF, values=values)
    assert judged(directory_of(document), document) == []
    report = make_instance(sop_class=SR, values=SR_VALUES)
    wrong = changed(directory_of(report), "SR DOCUMENT", with_keys({0x0040A043: b""}))
    assert ids(judged(wrong, report)) == ["MK-DIR-121"]


# --- the profile -----------------------------------------------------------------------------------------


def test_a_key_that_the_profile_takes_over_from_the_image_is_missed() -> None:
    profile = load_profile("STD-GEN-CD")
    (finding,) = judged_with({0x00080008: None}, profile=profile)
    assert (finding.rule.id, finding.ref) == ("MK-PRO-103", "PS3.11 Table D.3-2")
    assert "STD-GEN-CD" in finding.text
    assert judged_with({0x00080008: None}) == []


def test_a_key_of_the_profile_that_the_image_has_not_is_not_missed() -> None:
    profile = load_profile("STD-GEN-CD")
    instance = make_instance(values={0x00080008: None})
    assert judged(directory_of(instance, profile=profile), instance, profile=profile) == []


def test_a_key_that_the_profile_always_demands_needs_a_value() -> None:
    profile = load_profile("STD-CTMR-CD")
    (finding,) = judged_with({0x00280010: None}, profile=profile)
    assert (finding.rule.id, finding.ref) == ("MK-PRO-101", "PS3.11 Table E.3-2")


def test_a_key_of_type_2_of_the_profile_must_be_there() -> None:
    rule = KeyRule(records=("SERIES",), tag=0x00080080, type="2", ref="PS3.11 Table A.3-2")
    profile = make_profile(rule)
    assert judged_with({0x00080080: b""}, "SERIES", profile) == []
    assert ids(judged_with({0x00080080: None}, "SERIES", profile)) == ["MK-PRO-102"]


def test_a_key_without_a_clause_of_its_own_names_the_source_of_the_profile() -> None:
    profile = make_profile(KeyRule(records=("SERIES",), tag=0x00080080, type="2"))
    (finding,) = judged_with({0x00080080: None}, "SERIES", profile)
    assert finding.ref == "PS3.11 Annex D"


def test_a_key_that_some_instance_below_has_must_be_in_the_group() -> None:
    profile = load_profile("STD-GEN-DVD-JPEG")
    values = {0x00080080: b"CLINIC"}
    without, having = make_instance(), make_instance("1.2.3.4.2", number=2, values=values)
    right = directory_of(without, having, profile=profile)
    assert judged(right, without, having, profile=profile) == []
    wrong = changed(right, "SERIES", with_keys({0x00080080: None}))
    (finding,) = judged(wrong, without, having, profile=profile)
    assert (finding.rule.id, detail(finding)["type"]) == ("MK-PRO-103", "SERIES")


def test_a_value_of_the_shared_groups_counts_as_that_of_the_image() -> None:
    profile = load_profile("STD-GEN-DVD-JPEG")
    instance = make_instance(shared={0x00200032: b"1\\2\\3 "})
    right = directory_of(instance, profile=profile)
    assert judged(right, instance, profile=profile) == []
    wrong = changed(right, "IMAGE", with_keys({0x00200032: None}))
    assert ids(judged(wrong, instance, profile=profile)) == ["MK-PRO-103"]


def test_an_illegal_value_of_an_instance_need_not_be_taken_over() -> None:
    profile = make_profile(
        KeyRule(records=("IMAGE",), tag=0x00080022, type="1C", condition=KeyCondition.PRESENT, ref="X")
    )
    for value, expected in ((b"YESTERDAY ", []), (b"20240102", ["MK-PRO-103"])):
        instance = make_instance(values={0x00080022: value})
        wrong = changed(directory_of(instance, profile=profile), "IMAGE", with_keys({0x00080022: None}))
        assert ids(judged(wrong, instance, profile=profile)) == expected


def test_a_condition_on_the_class_is_judged_by_the_instance() -> None:
    profile = load_profile("STD-XA1K-CD")
    for sop_class, expected in ((XA, ["MK-PRO-101"]), ("1.2.840.10008.5.1.4.1.1.7", [])):
        instance = make_instance(sop_class=sop_class, values={0x00500004: b"NO"})
        right = directory_of(instance, profile=profile)
        assert judged(right, instance, profile=profile) == []
        wrong = changed(right, "IMAGE", with_keys({0x00080008: None}))
        assert ids(judged(wrong, instance, profile=profile)) == expected


def referenced(*elements: tuple[int, bytes]) -> bytes:
    return directories.item(b"".join(directories.element(tag, "UI", value) for tag, value in elements))


def test_what_the_profile_demands_inside_a_sequence_is_looked_for() -> None:
    profile = load_profile("STD-GEN-CD")
    whole = referenced((0x00081150, b"1.2.840.10008.5.1.4.1.1.2\0"), (0x00081155, b"1.2.3\0"))
    half = referenced((0x00081150, b"1.2.840.10008.5.1.4.1.1.2\0"))
    assert judged_with({0x00081140: whole}, profile=profile) == []
    (finding,) = judged_with({0x00081140: half}, profile=profile)
    assert (finding.rule.id, finding.where.tag) == ("MK-PRO-104", 0x00081140)
    assert "Referenced SOP Instance UID" in finding.text
    assert judged_with({0x00081140: half}) == []
    assert judged_with({0x00081140: b""}, profile=profile) == []


# --- values ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record_type", "tag", "value"),
    [
        ("STUDY", 0x00080020, b"2024.01.02"),
        ("STUDY", 0x00080020, b"20240230"),
        ("STUDY", 0x00080030, b"10:11:12"),
        ("SERIES", 0x00200011, b"1.5 "),
        ("IMAGE", 0x00200013, b"99999999999"),
        ("STUDY", 0x00080020, b"20240102\0\0"),
        ("STUDY", 0x00200010, b"A\0"),
        ("SERIES", 0x00200011, b"1\0"),
    ],
)
def test_a_value_that_is_not_legal_for_its_vr_is_an_error(record_type: str, tag: int, value: bytes) -> None:
    (finding,) = judged_with({tag: value}, record_type)
    assert (finding.rule.id, finding.where.tag) == ("MK-DIR-123", tag)


@pytest.mark.parametrize("uid", [b"1.2.03", b"1.2.x ", b"1." + b"2" * 64])
def test_a_uid_of_a_wrong_form_is_an_error(uid: bytes) -> None:
    assert ids(judged_with({0x0020000D: uid}, "STUDY")) == ["MK-DIR-129"]


def test_a_referenced_uid_of_a_wrong_form_is_an_error() -> None:
    instance = make_instance()
    survey = survey_of(
        directory=changed(directory_of(instance), "IMAGE", with_reference(sop_instance="1.02"))
    )
    (finding,) = found_by(CHECKS, survey)
    assert (finding.rule.id, finding.where.tag) == ("MK-DIR-129", 0x00041511)


def test_a_key_under_another_vr_is_a_warning() -> None:
    def as_text(record: DirectoryRecord) -> DirectoryRecord:
        keys = (Key(key.tag, "LO" if key.tag == 0x00200013 else key.vr, key.value) for key in record.keys)
        return replace(record, keys=tuple(keys))

    instance = make_instance()
    (finding,) = judged(changed(directory_of(instance), "IMAGE", as_text), instance)
    assert (finding.rule.id, finding.severity) == ("MK-DIR-128", Severity.WARNING)


NAME = 0x00100010
CHARSET = 0x00080005


@each(
    ("name", "charset", "expected"),
    [
        (b"DOE^JANE", None, []),
        (b"M\xfcller^J\xf6rg ", b"ISO_IR 100", []),
        ("Müller^Jörg".encode(), b"ISO_IR 192", []),
        ("M\ufffdller".encode(), b"ISO_IR 192", []),
        (b"M\xfcller^J\xf6rg ", None, ["MK-DIR-124"]),
        (b"M\xfcller^J\xf6rg ", b"", ["MK-DIR-124"]),
        (b"M\xfcller^J\xf6rg ", b"ISO_IR 6", ["MK-DIR-124"]),
        (b"DOE^JANE", b"ISO-IR 100", ["MK-DIR-130"]),
        (b"M\xfcller^J\xf6rg ", b"ISO 2022 IR 100 ", ["MK-DIR-131"]),
        (b"Zhang=\x1b$)A\xd5\xc5 ", b"\\ISO 2022 IR 58", []),
        (b"M\xfcller^J\xf6rg ", b"ISO_IR 192", ["MK-DIR-125"]),
        (b"M\xfcller^J\xf6rg ", b"KLINGON ", ["MK-DIR-130", "MK-DIR-125"]),
        (b"\x1b$B;3ED\x1b(B^", b"\\ISO 2022 IR 87", []),
        (b"\x1b$B;3ED\x1b(B^", None, ["MK-DIR-124"]),
    ],
)
def test_text_must_be_of_the_character_set_of_its_record(
    name: bytes, charset: bytes | None, expected: list[str]
) -> None:
    assert ids(judged_with({NAME: name, CHARSET: charset}, "PATIENT")) == expected


def test_text_inside_a_sequence_must_be_of_the_character_set_too() -> None:
    meaning = directories.item(directories.element(0x00080104, "LO", b"Schl\xfcssel "))
    own = directories.item(
        directories.element(CHARSET, "CS", b"ISO_IR 100")
        + directories.element(0x00080104, "LO", b"Schl\xfcssel ")
    )
    for content, charset, expected in (
        (meaning, None, ["MK-DIR-124"]),
        (meaning, b"ISO_IR 192", ["MK-DIR-125"]),
        (meaning, b"ISO_IR 100", []),
        (own, None, []),
    ):
        report = make_instance(sop_class=SR, values={**SR_VALUES, 0x0040A043: CODE})
        wrong = changed(
            directory_of(report), "SR DOCUMENT", with_keys({0x0040A043: content, CHARSET: charset})
        )
        assert ids(judged(wrong, report)) == expected


def test_the_same_garbled_text_in_two_records_is_counted_twice() -> None:
    instances = [
        make_instance(f"1.2.3.{n}.1", study=f"1.2.3.{n}", series=f"1.2.3.{n}.4", values={0x00081030: b"A"})
        for n in (1, 2)
    ]
    wrong = directory_of(*instances)
    for which in (0, 1):
        wrong = changed(
            wrong, "STUDY", with_keys({0x00081030: b"\xfc ", CHARSET: b"ISO_IR 192"}), which=which
        )
    (finding,) = judged(wrong, *instances)
    assert (finding.rule.id, detail(finding)["count"]) == ("MK-DIR-125", 2)


def test_no_text_shows_the_value_of_a_name() -> None:
    for finding in judged_with({NAME: b"M\xfcller^J\xf6rg ", 0x00100020: b"GEHEIM\xfc "}, "PATIENT"):
        assert "ller" not in finding.text
        assert "GEHEIM" not in finding.text


def test_a_waveform_record_needs_date_and_time_of_its_content() -> None:
    instance = make_instance(sop_class=ECG, values={0x00080023: b"20240102", 0x00080033: b"1011"})
    wrong = changed(directory_of(instance), "WAVEFORM", with_keys({0x00080023: None, 0x00080033: None}))
    assert ids(judged(wrong, instance)) == ["MK-DIR-121", "MK-DIR-121"]
