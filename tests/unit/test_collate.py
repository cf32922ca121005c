"""Which instances stand where in the directory, in which order, and which cannot stand at all."""

from __future__ import annotations

import pytest

from mediakit.choices import Supply
from mediakit.fileset.collate import collate
from mediakit.fileset.groups import Collated
from mediakit.fileset.supply import is_suppliable
from mediakit.findings import Finding
from tests.support.instances import CT, CT_PROTOCOL, ECG, HANGING_PROTOCOL, PDF, make_instance, make_profile

PATIENT_ID = 0x00100020
PROFILE = make_profile()


def uids(collated: Collated) -> list[str]:
    return [leaf.instance.sop_instance for leaf in collated.leaves()]


def rules(findings: object) -> list[str]:
    assert isinstance(findings, tuple | list)
    return [finding.rule.id for finding in findings]


def value(keys: tuple[object, ...], tag: int) -> bytes | None:
    return next((key.value for key in keys if key.tag == tag), None)  # type: ignore[attr-defined]


def supplied(findings: tuple[Finding, ...]) -> list[tuple[int | None, str]]:
    """Return what stands in the directory alone: supplied values, and those that were put right."""
    values = {"MK-KEY-003": "value", "MK-KEY-005": "new"}
    found = [finding for finding in findings if finding.rule.id in values]
    return [(finding.where.tag, str(dict(finding.detail)[values[finding.rule.id]])) for finding in found]


def test_the_order_is_that_of_ids_dates_and_numbers_whatever_the_order_of_the_input() -> None:
    instances = [
        make_instance("1.1", number=10),
        make_instance("1.2", number=2),
        make_instance("1.3", number=2, series="1.2.3.3", values={0x00200011: b"10"}),
        make_instance("1.4", study="1.2.2", series="1.2.2.1", values={0x00080020: b"20250101"}),
        make_instance("1.5", study="1.2.9", series="1.2.9.1", patient_id=b"AAA"),
        make_instance("1.6", sop_class=HANGING_PROTOCOL, values=hanging_protocol()),
    ]
    expected = ["1.5", "1.2", "1.1", "1.3", "1.4", "1.6"]
    for turn in range(len(instances)):
        turned = instances[turn:] + instances[:turn]
        assert uids(collate(turned, PROFILE, Supply.NONE)) == expected
        assert uids(collate(turned[::-1], PROFILE, Supply.NONE)) == expected


def hanging_protocol() -> dict[int, bytes]:
    return {
        0x00720002: b"HP",
        0x00720004: b"two up",
        0x00720006: b"SITE",
        0x00720008: b"ME",
        0x0072000A: b"20240101",
        0x0072000C: b"\xfe\xff\x00\xe0\x00\x00\x00\x00",
        0x00720014: b"\x00\x00",
    }


@pytest.mark.parametrize("sop_class", [CT_PROTOCOL, "1.2.840.10008.5.1.4.1.1.501.1", "1.3.6.1.4.1.9.9", ""])
def test_a_class_without_a_record_type_is_refused_and_not_called_an_image(sop_class: str) -> None:
    collated = collate([make_instance(sop_class=sop_class)], PROFILE, Supply.DIRECTORY)
    assert collated.refused[0].rule.id == "MK-FST-001"
    assert uids(collated) == []


def test_a_study_under_two_patient_ids_is_refused_whole_and_both_ids_are_shown() -> None:
    instances = [
        make_instance("1.1", patient_id=b"A"),
        make_instance("1.2", patient_id=b"B", series="1.2.3.5"),
        make_instance("1.3", patient_id=None, series="1.2.3.6"),
        make_instance("1.4", patient_id=b"B", study="1.9", series="1.9.1"),
    ]
    collated = collate(instances, PROFILE, Supply.DIRECTORY)
    assert sorted(collated.refused) == [0, 1, 2]
    assert "`A`, `B`" in collated.refused[2].text
    assert uids(collated) == ["1.4"]


def test_padding_does_not_make_two_patients() -> None:
    instances = [make_instance("1.1", patient_id=b"A "), make_instance("1.2", patient_id=b" A")]
    assert len(collate(instances, PROFILE, Supply.NONE).patients) == 1


def test_a_series_in_two_studies_is_refused() -> None:
    instances = [make_instance("1.1"), make_instance("1.2", study="1.2.4")]
    collated = collate(instances, PROFILE, Supply.DIRECTORY)
    assert [collated.refused[index].rule.id for index in (0, 1)] == ["MK-FST-004"] * 2
    assert "1.2.3, 1.2.4" in collated.refused[0].text


@pytest.mark.parametrize("tag", [0x0020000D, 0x0020000E])
def test_a_missing_uid_is_refused_under_either_policy(tag: int) -> None:
    for supply in Supply:
        collated = collate([make_instance(values={tag: None})], PROFILE, supply)
        assert collated.refused[0].rule.id == "MK-FST-002"
        assert collated.refused[0].where.tag == tag


def test_the_same_sop_instance_uid_twice_is_refused_both_times() -> None:
    collated = collate([make_instance(path="A"), make_instance(path="B")], PROFILE, Supply.DIRECTORY)
    assert rules(list(collated.refused.values())) == ["MK-FST-005"] * 2


def test_nothing_is_found_in_whole_instances() -> None:
    collated = collate([make_instance("1.1"), make_instance("1.2", number=2)], PROFILE, Supply.NONE)
    assert collated.refused == {}
    assert collated.findings == ()


@pytest.mark.parametrize(
    ("record", "tag"),
    [
        ("PATIENT", PATIENT_ID),
        ("STUDY", 0x00080020),
        ("STUDY", 0x00080030),
        ("STUDY", 0x00200010),
        ("SERIES", 0x00080060),
        ("SERIES", 0x00200011),
        ("IMAGE", 0x00200013),
    ],
)
def test_a_missing_type_1_key_is_refused_by_name_when_nobody_supplies_it(record: str, tag: int) -> None:
    collated = collate([make_instance(values={tag: None})], PROFILE, Supply.NONE)
    finding = collated.refused[0]
    assert (finding.rule.id, finding.where.tag) == ("MK-KEY-001", tag)
    assert finding.text.startswith(f"the {record} record needs ")
    assert is_suppliable(tag)
    supplying = collate([make_instance(values={tag: b"  "})], PROFILE, Supply.DIRECTORY)
    assert supplying.refused == {}
    assert [found[0] for found in supplied(supplying.findings)] == [tag]


def test_study_date_and_time_come_from_the_nearest_dates_of_the_instance() -> None:
    values = {
        0x00080020: None,
        0x00080030: b"",
        0x00080021: b"bad!",
        0x00080022: b"20230304",
        0x00080033: b"0910",
    }
    collated = collate([make_instance(values=values)], PROFILE, Supply.DIRECTORY)
    assert supplied(collated.findings) == [(0x00080020, "20230304"), (0x00080030, "0910")]


def test_without_any_date_the_unknown_one_is_written_into_the_directory_alone() -> None:
    instance = make_instance(values={0x00080020: None, 0x00080030: None})
    collated = collate([instance], PROFILE, Supply.DIRECTORY)
    keys = collated.patients[0].studies[0].keys
    assert (value(keys, 0x00080020), value(keys, 0x00080030)) == (b"19000101", b"000000")
    assert 0x00080020 not in next(collated.leaves()).instance.header.values


def test_missing_numbers_are_the_next_free_ones_in_order_of_uid() -> None:
    instances = [
        make_instance("1.9", number=None),
        make_instance("1.8", number=None),
        make_instance("1.7", number=41),
    ]
    collated = collate(instances, PROFILE, Supply.DIRECTORY)
    assert uids(collated) == ["1.7", "1.8", "1.9"]
    assert [value(leaf.keys, 0x00200013) for leaf in collated.leaves()] == [b"41", b"42", b"43"]


def test_a_number_at_the_limit_is_not_passed() -> None:
    instances = [make_instance("1.1", number=2**31 - 1), make_instance("1.2", number=None)]
    leaves = list(collate(instances, PROFILE, Supply.DIRECTORY).leaves())
    assert [value(leaf.keys, 0x00200013) for leaf in leaves] == [b"2147483647", b"1 "]


def test_an_image_without_patient_id_gets_that_of_its_study() -> None:
    instances = [make_instance("1.1"), make_instance("1.2", number=2, patient_id=None)]
    collated = collate(instances, PROFILE, Supply.DIRECTORY)
    assert [patient.patient_id for patient in collated.patients] == [b"PAT1"]
    assert supplied(collated.findings) == [(PATIENT_ID, "PAT1")]


def test_a_made_patient_id_is_the_same_for_the_same_person_and_not_the_name() -> None:
    first = make_instance("1.1", patient_id=None)
    second = make_instance("1.2", patient_id=b"", study="1.5", series="1.5.1")
    collated = collate([first, second], PROFILE, Supply.DIRECTORY)
    (patient,) = collated.patients
    assert patient.patient_id.startswith(b"MK")
    assert len(patient.patient_id) == 18
    assert len(patient.studies) == 2
    assert value(patient.keys, PATIENT_ID) == patient.patient_id


def test_two_anonymous_people_do_not_become_one() -> None:
    nobody = {0x00100010: b"ANONYMOUS ", 0x00100030: b""}
    instances = [
        make_instance("1.1", patient_id=None, values=nobody),
        make_instance("1.2", patient_id=None, study="1.5", series="1.5.1", values=nobody),
    ]
    assert len(collate(instances, PROFILE, Supply.DIRECTORY).patients) == 2


def test_a_made_patient_id_never_meets_a_real_one() -> None:
    orphan = make_instance("1.1", patient_id=None)
    made = collate([orphan], PROFILE, Supply.DIRECTORY).patients[0].patient_id
    real = make_instance("1.2", patient_id=made, study="1.5", series="1.5.1")
    collated = collate([orphan, real], PROFILE, Supply.DIRECTORY)
    assert len({patient.patient_id for patient in collated.patients}) == 2


def test_what_says_something_of_the_object_is_never_made_up() -> None:
    document = make_instance(sop_class=PDF, values={0x00420012: None})
    for supply in Supply:
        collated = collate([document], PROFILE, supply)
        assert collated.refused[0].rule.id == "MK-KEY-002"
        assert "MIME Type of Encapsulated Document (0042,0012)" in collated.refused[0].text


def test_a_waveform_without_content_date_gets_one_from_its_acquisition() -> None:
    ecg = make_instance(sop_class=ECG, values={0x00080022: b"20240506", 0x00080032: b"1200"})
    collated = collate([ecg], PROFILE, Supply.DIRECTORY)
    assert supplied(collated.findings) == [(0x00080023, "20240506"), (0x00080033, "1200")]


def test_a_value_its_vr_does_not_allow_is_taken_as_missing_and_said() -> None:
    instance = make_instance(values={0x00080020: b"1.2.3 "})
    assert collate([instance], PROFILE, Supply.NONE).refused[0].rule.id == "MK-KEY-001"
    collated = collate([instance], PROFILE, Supply.DIRECTORY)
    assert rules(collated.findings) == ["MK-KEY-004", "MK-KEY-003", "MK-KEY-031"]
    assert value(collated.patients[0].studies[0].keys, 0x00080020) == b"19000101"


def test_a_date_in_the_old_form_is_understood() -> None:
    collated = collate([make_instance(values={0x00080020: b"1994.05.31"})], PROFILE, Supply.DIRECTORY)
    assert supplied(collated.findings) == [(0x00080020, "19940531")]


def test_the_first_value_in_order_is_taken_and_the_other_said() -> None:
    instances = [make_instance("1.1"), make_instance("1.2", number=2, values={0x00081030: b"ABDOMEN "})]
    for order in (instances, instances[::-1]):
        collated = collate(order, PROFILE, Supply.NONE)
        assert value(collated.patients[0].studies[0].keys, 0x00081030) == b"THORAX"
        assert rules(collated.findings) == ["MK-KEY-011"]
        assert "Study Description" in collated.findings[0].text


def test_one_patient_id_with_two_names_is_a_warning_that_shows_no_name() -> None:
    instances = [
        make_instance("1.1"),
        make_instance("1.2", study="1.5", series="1.5.1", values={0x00100010: b"ROE^JANE"}),
    ]
    collated = collate(instances, PROFILE, Supply.NONE)
    warnings = [finding for finding in collated.findings if finding.rule.id == "MK-KEY-012"]
    assert len(warnings) == 1
    everything = " ".join(finding.text for finding in collated.findings)
    assert "PAT1" in everything
    assert "1.1" in everything
    assert "1.2" in everything
    assert "ROE" not in everything
    assert "DOE" not in everything


def test_a_name_in_other_case_or_with_empty_components_is_the_same_person() -> None:
    instances = [make_instance("1.1"), make_instance("1.2", number=2, values={0x00100010: b"Doe^John^^"})]
    assert collate(instances, PROFILE, Supply.NONE).findings == ()


def test_a_refused_leaf_takes_nothing_with_it() -> None:
    instances = [
        make_instance("1.1"),
        make_instance("1.2", sop_class=PDF, number=2),
        make_instance("1.3", number=3),
    ]
    collated = collate(instances, PROFILE, Supply.NONE)
    assert sorted(collated.refused) == [1]
    assert uids(collated) == ["1.1", "1.3"]


def test_a_group_of_which_nothing_is_left_has_no_record() -> None:
    instances = [
        make_instance("1.1", sop_class=PDF),
        make_instance("1.2", sop_class=CT, study="1.5", series="1.5.1"),
    ]
    collated = collate(instances, PROFILE, Supply.NONE)
    assert [study.uid for study in collated.patients[0].studies] == ["1.5"]


def test_a_patient_id_that_cannot_be_read_is_refused() -> None:
    charset = {0x00080005: b"ISO_IR 192"}
    instances = [
        make_instance("1.1", patient_id=b"A\xff", values=charset),
        make_instance("1.2", patient_id=b"A\xfe", study="1.5", series="1.5.1", values=charset),
    ]
    refused = collate(instances, PROFILE, Supply.DIRECTORY).refused
    assert [finding.rule.id for finding in refused.values()] == ["MK-KEY-036"] * 2


def test_one_patient_id_in_two_character_sets_is_one_patient() -> None:
    instances = [
        make_instance("1.1", patient_id="Ü1".encode("latin-1"), values={0x00080005: b"ISO_IR 100"}),
        make_instance("1.2", number=2, patient_id="Ü1".encode(), values={0x00080005: b"ISO_IR 192"}),
    ]
    collated = collate(instances, PROFILE, Supply.NONE)
    assert [patient.patient_id.decode() for patient in collated.patients] == ["Ü1"]


def test_an_instance_without_patient_id_joins_its_study_only_under_the_same_name() -> None:
    known = make_instance("1.1", values={0x00100010: b"DOE^JANE"})
    same = make_instance("1.2", number=2, patient_id=None, values={0x00100010: b"Doe^Jane^"})
    other = make_instance("1.3", number=3, patient_id=None, values={0x00100010: b"ROE^RICHARD"})
    assert collate([known, same], PROFILE, Supply.DIRECTORY).refused == {}
    refused = collate([known, other], PROFILE, Supply.DIRECTORY).refused
    assert [(index, finding.rule.id) for index, finding in refused.items()] == [(1, "MK-FST-006")]
    nameless = make_instance("1.1", patient_id=None, values={0x00100010: b"DOE^JANE"})
    refused = collate([nameless, other], PROFILE, Supply.DIRECTORY).refused
    assert [finding.rule.id for finding in refused.values()] == ["MK-FST-006"] * 2
    unnamed = make_instance("1.4", number=4, values={0x00100010: b""})
    refused = collate([unnamed, nameless, other], PROFILE, Supply.DIRECTORY).refused
    assert [(index, finding.rule.id) for index, finding in refused.items()] == [
        (1, "MK-FST-006"),
        (2, "MK-FST-006"),
    ]
    assert collate([unnamed, nameless], PROFILE, Supply.DIRECTORY).refused == {}


def test_a_patient_id_of_a_space_that_is_no_padding_is_an_id() -> None:
    latin = {0x00080005: b"ISO_IR 100"}
    instances = [make_instance("1.1"), make_instance("1.2", number=2, patient_id=b"\xa0", values=latin)]
    refused = collate(instances, PROFILE, Supply.DIRECTORY).refused
    assert [finding.rule.id for finding in refused.values()] == ["MK-FST-003"] * 2
