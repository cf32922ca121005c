"""Keys reach their records as raw bytes, with the character set that holds for them."""

from __future__ import annotations

from collections.abc import Sequence
from struct import pack

import pytest
from pydicom.datadict import dictionary_VM

from mediakit.choices import Supply
from mediakit.dicom.instance import Instance
from mediakit.dicom.wanted import MOST, WANTED
from mediakit.errors import ProfileError
from mediakit.fileset.collate import collate
from mediakit.fileset.groups import Collated
from mediakit.fileset.key_values import is_legal, number, padded, repaired
from mediakit.fileset.keys import key_plan
from mediakit.fileset.record import Key
from mediakit.fileset.record_types import KEYS
from mediakit.profile.load import load_catalogue, load_profile
from mediakit.profile.model import KeyCondition, KeyRule, Profile
from tests.support.each import each
from tests.support.instances import CT, ENHANCED_CT, SR, XA, make_instance, make_profile

CHARSET = 0x00080005
NAME = 0x00100010
REFERENCED = 0x00081140


def rule(
    tag: int, type_: str, condition: KeyCondition = KeyCondition.ALWAYS, record: str = "IMAGE"
) -> KeyRule:
    return KeyRule(records=(record,), tag=tag, type=type_, condition=condition)


def leaf_keys(instance: Instance, profile: Profile | None = None) -> dict[int, bytes]:
    collated = collate([instance], profile or make_profile(), Supply.NONE)
    assert collated.refused == {}
    return by_tag(next(collated.leaves()).keys)


def patient_keys(
    instances: Sequence[Instance], profile: Profile | None = None
) -> tuple[dict[int, bytes], Collated]:
    collated = collate(instances, profile or make_profile(), Supply.NONE)
    return by_tag(collated.patients[0].keys), collated


def by_tag(keys: tuple[Key, ...]) -> dict[int, bytes]:
    tags = [key.tag for key in keys]
    assert tags == sorted(set(tags))
    assert all(len(key.value) % 2 == 0 for key in keys)
    return {key.tag: key.value for key in keys}


def element(tag: int, vr: bytes, value: bytes) -> bytes:
    head = pack("<HH", tag >> 16, tag & 0xFFFF) + vr
    return head + (pack("<HI", 0, len(value)) if vr == b"SQ" else pack("<H", len(value))) + value


def item(*elements: bytes) -> bytes:
    content = b"".join(elements)
    return b"\xfe\xff\x00\xe0" + pack("<I", len(content)) + content


def test_type_2_keys_are_written_empty_when_absent_and_nothing_is_said() -> None:
    instance = make_instance(values={NAME: None, 0x00080050: None, 0x00081030: None})
    keys, collated = patient_keys([instance])
    assert keys[NAME] == b""
    study = by_tag(collated.patients[0].studies[0].keys)
    assert (study[0x00080050], study[0x00081030]) == (b"", b"")
    assert collated.findings == ()


# Of a study: the tag, what the instance has, what the record gets; None where the key is left out.
PUT_RIGHT = (
    (0x00200010, b"ABCDEFGHIJKLMNOPQRST", b"ABCDEFGHIJKLMNOP"),
    (0x00081030, b"D" * 70, b"D" * 64),
    (0x00081030, b"Line\nbreak", b"Line break"),
    (0x00081030, "Ä".encode() * 70, "Ä".encode() * 64),
    (0x00200010, b"A\\B ", b"A "),
    (0x00080050, b"ACC-1234567890123456789", b"ACC-123456789012"),
    (0x00080020, b"2024.01.02", b"20240102"),
)


def test_what_no_record_may_hold_is_put_right_in_the_directory_and_said() -> None:
    for tag, raw, expected in PUT_RIGHT:
        instance = make_instance(values={tag: raw, CHARSET: b"ISO_IR 192"})
        collated = collate([instance], make_profile(), Supply.DIRECTORY)
        assert by_tag(collated.patients[0].studies[0].keys)[tag].rstrip() == expected.rstrip()
        assert {finding.rule.id for finding in collated.findings} == {"MK-KEY-005", "MK-KEY-031"}
        assert expected.decode().rstrip() in " ".join(finding.text for finding in collated.findings)


def test_names_are_put_right_and_never_shown() -> None:
    for raw, expected in (
        (b"A=B=C=D", b"A=B=C"),
        (b"N" * 82 + b"^X", b"N" * 64),
        (b"A^B^C^D^E^F^G", b"A^B^C^D^E"),
    ):
        collated = collate([make_instance(values={NAME: raw})], make_profile(), Supply.DIRECTORY)
        assert by_tag(collated.patients[0].keys)[NAME].rstrip() == expected
        assert not [finding for finding in collated.findings if expected.decode() in finding.text]


def test_a_code_that_cannot_be_put_right_is_supplied_where_that_may_be() -> None:
    for raw, expected in ((b"ct", b"CT"), (b"LONGER_THAN_SIXTEEN", b"OT"), (b"C-T", b"OT")):
        collated = collate([make_instance(values={0x00080060: raw})], make_profile(), Supply.DIRECTORY)
        assert by_tag(collated.patients[0].studies[0].series[0].keys)[0x00080060] == expected


def test_a_patient_id_that_no_record_may_hold_is_refused() -> None:
    for raw in (b"A\\B", b"P" * 65, b"P\n1"):
        refused = collate([make_instance(patient_id=raw)], make_profile(), Supply.DIRECTORY).refused
        assert [finding.rule.id for finding in refused.values()] == ["MK-KEY-032"]


def test_plain_text_gets_no_character_set_though_the_instance_names_one() -> None:
    keys, _ = patient_keys([make_instance(values={CHARSET: b"ISO_IR 100"})])
    assert CHARSET not in keys


def test_text_outside_ascii_gets_the_character_set_of_its_instance() -> None:
    name = "MÜLLER^A".encode("latin-1")
    keys, collated = patient_keys([make_instance(values={CHARSET: b"ISO_IR 100", NAME: name})])
    assert (keys[CHARSET], keys[NAME]) == (b"ISO_IR 100", name)
    assert CHARSET not in by_tag(collated.patients[0].studies[0].keys)


def test_escape_sequences_need_the_character_set_too() -> None:
    name = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B"
    charset = b"\\ISO 2022 IR 87 "
    keys, _ = patient_keys([make_instance(values={CHARSET: charset, NAME: name})])
    assert keys[CHARSET] == charset


# Specific Character Set and name of an instance that is refused.
UNREADABLE = (
    (None, b"M\xfcller", "MK-KEY-035"),
    (b"ISO_IR 6", b"M\xfcller", "MK-KEY-035"),
    (b"ISO_IR 192", b"M\xfcller", "MK-KEY-036"),
    (b"\\ISO 2022 IR 87", b"A=\x1b$)A\xd5\xc5", "MK-KEY-036"),
    (b"ISO IR 192", "Müller".encode(), "MK-KEY-033"),
    (b"ISO_IR192", b"MILLER", "MK-KEY-033"),
)


def test_an_instance_whose_text_cannot_be_read_for_certain_is_refused() -> None:
    for charset, name, rule_id in UNREADABLE:
        instance = make_instance(values={CHARSET: charset, NAME: name})
        refused = collate([instance], make_profile(), Supply.DIRECTORY).refused
        assert [finding.rule.id for finding in refused.values()] == [rule_id]


def test_text_that_many_readers_could_not_read_is_written_in_utf_8() -> None:
    for charset, name, expected in (
        (b"ISO_IR 203", b"\xa6im\xa4 ", "Šim€"),
        (b"ISO 2022 IR 87", b"A=\x1b$B;3ED\x1b(B ", "A=山田"),
    ):
        keys, collated = patient_keys([make_instance(values={CHARSET: charset, NAME: name})])
        assert (keys[CHARSET], keys[NAME].decode().rstrip()) == (b"ISO_IR 192", expected)
        is_misplaced = charset.startswith(b"ISO 2022")
        expected_rules = ["MK-KEY-022", "MK-KEY-034"] if is_misplaced else ["MK-KEY-022"]
        assert [finding.rule.id for finding in collated.findings] == expected_rules


def test_keys_from_instances_with_several_character_sets_are_united_in_utf_8() -> None:
    institution = 0x00080080
    profile = make_profile(
        rule(
            institution, "1C", KeyCondition.PRESENT_IN_SUBORDINATES, "PATIENT"
        )  # any text from another instance
    )
    instances = [
        make_instance("1.1", values={CHARSET: b"ISO_IR 100", NAME: "MÜLLER^A".encode("latin-1")}),
        make_instance(
            "1.2",
            number=2,
            values={CHARSET: b"ISO_IR 144", NAME: None, institution: "Клиника".encode("iso8859-5")},
        ),
    ]
    keys, collated = patient_keys(instances, profile)
    assert keys[CHARSET] == b"ISO_IR 192"
    assert keys[NAME].decode().rstrip() == "MÜLLER^A"
    assert keys[institution].decode().rstrip() == "Клиника"
    assert [finding.rule.id for finding in collated.findings] == ["MK-KEY-022"] * 2


def test_a_key_only_some_instances_have_is_taken_from_the_first_that_has_it() -> None:
    profile = make_profile(rule(0x00080080, "1C", KeyCondition.PRESENT_IN_SUBORDINATES, "SERIES"))
    instances = [
        make_instance("1.1", values={0x00080080: b""}),
        make_instance("1.2", number=2, values={0x00080080: b"CLINIC"}),
    ]
    series = collate(instances, profile, Supply.NONE).patients[0].studies[0].series[0]
    assert by_tag(series.keys)[0x00080080] == b"CLINIC"


def test_a_profile_raises_a_key_to_type_1() -> None:
    profile = make_profile(rule(0x00280010, "1"))
    assert leaf_keys(make_instance(), profile)[0x00280010] == b"\x00\x02"
    collated = collate([make_instance(values={0x00280010: None})], profile, Supply.DIRECTORY)
    assert "Rows (0028,0010)" in collated.refused[0].text


def test_a_key_for_images_is_not_asked_of_documents() -> None:
    profile = make_profile(rule(0x00280010, "1"))
    collated = collate([report()], profile, Supply.NONE)
    assert collated.refused == {}


def test_shared_functional_groups_stand_in_for_the_top_level_only_where_the_profile_says_so() -> None:
    position = b"1\\2\\3 "
    instance = make_instance(sop_class=ENHANCED_CT, shared={0x00200032: position})
    shared = make_profile(rule(0x00200032, "1C", KeyCondition.PRESENT_OR_SHARED))
    plain = make_profile(rule(0x00200032, "1C", KeyCondition.PRESENT))
    assert leaf_keys(instance, shared)[0x00200032] == position
    assert 0x00200032 not in leaf_keys(instance, plain)
    both = make_instance(values={0x00200032: b"9\\9\\9 "}, shared={0x00200032: position})
    assert leaf_keys(both, shared)[0x00200032] == b"9\\9\\9 "


def test_a_sequence_is_copied_whole_and_its_nested_rules_add_nothing() -> None:
    content = item(element(0x00081150, b"UI", b"1.2\0"), element(0x00081155, b"UI", b"1.2.3\0"))
    nested = KeyRule(
        records=("IMAGE",),
        tag=0x00081150,
        type="1C",
        condition=KeyCondition.PARENT_PRESENT,
        parent=REFERENCED,
    )
    profile = make_profile(rule(REFERENCED, "1C", KeyCondition.PRESENT), nested)
    keys = leaf_keys(make_instance(values={REFERENCED: content}), profile)
    assert keys[REFERENCED] == content
    assert 0x00081150 not in keys


def test_lengths_inside_a_sequence_are_not_taken_for_text() -> None:
    plain = item(element(0x00080104, b"LO", b"A" * 0x90))
    foreign = item(element(0x00080104, b"LO", "Ü ".encode("latin-1")))
    for content, needs in ((plain, False), (foreign, True)):
        instance = make_instance(values={CHARSET: b"ISO_IR 100", REFERENCED: content})
        keys = leaf_keys(instance, make_profile(rule(REFERENCED, "1C", KeyCondition.PRESENT)))
        assert (CHARSET in keys) is needs


@pytest.mark.parametrize(
    ("image_type", "is_refused"),
    [(b"ORIGINAL\\PRIMARY\\BIPLANE A ", True), (b"ORIGINAL\\PRIMARY\\SINGLE PLANE", False)],
)
def test_a_biplane_image_needs_its_other_plane(image_type: bytes, is_refused: bool) -> None:
    profile = make_profile(rule(REFERENCED, "1C", KeyCondition.BIPLANE))
    collated = collate(
        [make_instance(sop_class=XA, values={0x00080008: image_type})], profile, Supply.DIRECTORY
    )
    assert bool(collated.refused) is is_refused


def test_image_type_is_asked_of_xa_images_alone() -> None:
    profile = make_profile(rule(0x00080008, "1C", KeyCondition.XA_IMAGE))
    refused = [
        collate([make_instance(sop_class=sop_class, values={0x00080008: None})], profile, Supply.NONE).refused
        for sop_class in (XA, CT)
    ]
    assert [len(each) for each in refused] == [1, 0]


def report(**values: bytes) -> Instance:
    elements: dict[int, bytes | None] = {
        0x00080023: b"20240102",
        0x00080033: b"1011",
        0x0040A491: b"COMPLETE",
        0x0040A493: b"UNVERIFIED",
        0x0040A043: item(element(0x00080100, b"SH", b"18748-4 ")),
    }
    elements.update({int(tag, 16): value for tag, value in values.items()})
    return make_instance(sop_class=SR, values=elements)


def test_a_verified_report_carries_the_latest_verification() -> None:
    observers = b"".join(
        item(element(0x0040A030, b"DT", when), element(0x0040A075, b"PN", b"DOE "))
        for when in (b"20240101120000", b"20240301120000", b"20231231120000")
    )
    keys = leaf_keys(report(**{"0040A493": b"VERIFIED", "0040A073": observers}))
    assert keys[0x0040A030] == b"20240301120000"
    assert 0x0040A030 not in leaf_keys(report(**{"0040A073": observers}))


def test_a_verified_report_without_a_time_of_verification_is_refused() -> None:
    collated = collate([report(**{"0040A493": b"VERIFIED"})], make_profile(), Supply.DIRECTORY)
    assert collated.refused[0].where.tag == 0x0040A030


def test_concept_modifiers_are_copied() -> None:
    content = item(element(0x0040A010, b"CS", b"HAS CONCEPT MOD "))
    assert leaf_keys(report(**{"0040A730": content}))[0x0040A730] == content


@each("identifier", load_catalogue().profiles)
def test_every_shipped_profile_has_keys_that_can_be_picked(identifier: str) -> None:
    profile = load_profile(identifier)
    for record_type in KEYS:
        tags = [wanted.tag for wanted in key_plan(record_type, profile)]
        assert tags == sorted(set(tags))
        asked = {each.tag for each in profile.keys if record_type in each.records and each.parent is None}
        assert asked - {0x00880200} <= set(tags)


def test_a_key_that_no_scan_finds_is_a_fault_of_the_profile() -> None:
    with pytest.raises(ProfileError, match="0009,1001"):
        collate([make_instance()], make_profile(rule(0x00091001, "1")), Supply.NONE)


@each(
    ("raw", "vr", "legal"),
    [
        (b"20240229", "DA", True),
        (b"20230229", "DA", False),
        (b"00000101", "DA", False),
        (b"1.2.3 ", "DA", False),
        (b"2024010", "DA", False),
        (b"235960", "TM", True),
        (b"24", "TM", False),
        (b"10:11:12", "TM", False),
        (b"101112.123456", "TM", True),
        (b"1011.5", "TM", False),
        (b"20240102030405.5+0100", "DT", True),
        (b" -12 ", "IS", True),
        (b"1_0", "IS", False),
        (b"2147483648", "IS", False),
        (b"1\\x", "IS", False),
        (b"\x00\x02", "US", True),
        (b"\x00", "US", False),
        (b"anything at all", "LO", True),
    ],
)
def test_what_a_vr_allows(raw: bytes, vr: str, legal: bool) -> None:
    assert is_legal(raw, vr) is legal


@pytest.mark.parametrize(
    ("raw", "vr", "meant"),
    [
        (b"1994.05.31", "DA", b"19940531"),
        (b"1994.13.31", "DA", None),
        (b"10:11:12.5", "TM", b"101112.5"),
        (b"5.000", "IS", b"5"),
        (b"5.5", "IS", None),
        (b"x", "IS", None),
    ],
)
def test_what_an_illegal_value_can_only_mean(raw: bytes, vr: str, meant: bytes | None) -> None:
    assert repaired(raw, vr) == meant


def test_numbers_and_padding() -> None:
    assert [number(raw) for raw in (b"12 ", b"\x00", b"3\\4 ", b"1_0 ", b"+7")] == [12, None, 3, None, 7]
    assert [padded(b"A", vr) for vr in ("LO", "UI")] == [b"A ", b"A\0"]


def test_a_key_that_only_a_user_profile_names_takes_its_vr_from_the_dictionary() -> None:
    plan = key_plan("IMAGE", make_profile(rule(0x00180015, "1C", KeyCondition.PRESENT)))
    assert {wanted.tag: wanted.vr for wanted in plan}[0x00180015] == "CS"


def test_the_number_of_values_is_that_of_the_data_dictionary() -> None:
    several = {tag: dictionary_VM(tag) for tag in WANTED if dictionary_VM(tag) != "1"}
    assert {tag: str(most) for tag, most in MOST.items() if most} | {
        tag: several[tag] for tag, most in MOST.items() if not most and several[tag].endswith("n")
    } == several


REPORT = {0x00080023: b"20240102", 0x00080033: b"1011", 0x0040A491: b"COMPLETE", 0x0040A493: b"UNVERIFIED"}


def test_items_of_a_sequence_are_put_right_too() -> None:
    code = 0x0040A043
    content = item(
        element(CHARSET, b"CS", b"ISO IR 192"),
        element(0x00080100, b"SH", b"C" * 20),
        element(0x00080102, b"SH", b"DCM "),
    )
    report = make_instance(sop_class=SR, values={**REPORT, code: content})
    collated = collate([report], make_profile(), Supply.DIRECTORY)
    keys = by_tag(collated.patients[0].studies[0].series[0].leaves[0].keys)
    assert keys[code] == item(element(0x00080100, b"SH", b"C" * 16), element(0x00080102, b"SH", b"DCM "))
    assert {finding.rule.id for finding in collated.findings} == {"MK-KEY-005", "MK-KEY-031"}
