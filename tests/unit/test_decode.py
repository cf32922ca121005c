"""The DICOMDIR decoder on sound and on broken bytes: what it reads, what it repairs, what it says."""

from __future__ import annotations

import pytest

from mediakit.dicom.elements import EXPLICIT_BIG, IMPLICIT_LITTLE
from mediakit.fileset.decode import Decoded, decode
from mediakit.fileset.decode_findings import FINDINGS_PER_RULE
from mediakit.fileset.decode_values import Source, Work, read_sequence
from mediakit.fileset.encode import encode
from mediakit.fileset.file_id import FileID
from tests.support.directories import (
    IMPLICIT_LE,
    ITEM_END,
    SEQUENCE_END,
    UNDEFINED,
    Item,
    dicomdir,
    directory,
    element,
    image,
    item,
    meta,
    padded,
    patient,
    reference,
    shape,
    starts,
    ul,
)
from tests.unit.test_encode import BY_HAND

CHAIN = [
    Item(kind="PATIENT", lower=1),
    Item(kind="STUDY", lower=2),
    Item(kind="SERIES", lower=3),
    image(1, next=4),
    image(2),
]
CHAIN_SHAPE = [
    (1, "PATIENT", ""),
    (2, "STUDY", ""),
    (3, "SERIES", ""),
    (4, "IMAGE", "A/B1"),
    (4, "IMAGE", "A/B2"),
]


def rules(decoded: Decoded) -> list[str]:
    return [finding.rule.id for finding in decoded.findings]


def seen(decoded: Decoded) -> list[tuple[int, str, str]]:
    return list(shape(decoded.directory.roots))


def changed(index: int, **values: int | None) -> list[Item]:
    """Return CHAIN with one record changed."""
    old = CHAIN[index]
    fields = {name: getattr(old, name) for name in old.__dataclass_fields__} | values
    return [*CHAIN[:index], Item(**fields), *CHAIN[index + 1 :]]


def test_a_directory_spelled_out_by_hand_is_read() -> None:
    decoded = decode(BY_HAND)
    assert rules(decoded) == ["MK-DIR-023"]  # an IMAGE right below a PATIENT
    assert (decoded.directory.file_set_id, decoded.directory.file_set_uid) == ("DISC", "1.2.3.4.55")
    (root,) = decoded.directory.roots
    assert (root.type, root.seen_at) == ("PATIENT", 314)
    assert [(key.tag, key.vr, key.value) for key in root.keys] == [
        (0x00100010, "PN", b"A^B "),
        (0x00100020, "LO", b"ID1 "),
    ]
    (child,) = root.children
    assert child.seen_at == 396
    assert child.reference is not None
    assert child.reference.file_id == FileID("A/B1")
    assert child.reference.sop_instance == "1.2.9"
    assert decoded.meta[0x00020012] == b"2.25.7"


def test_a_sound_directory_has_no_findings() -> None:
    decoded = decode(dicomdir(CHAIN))
    assert seen(decoded) == CHAIN_SHAPE
    assert decoded.findings == ()


def test_a_memoryview_is_read_as_bytes_are() -> None:
    assert decode(memoryview(dicomdir(CHAIN))) == decode(dicomdir(CHAIN))


def test_records_may_stand_in_any_order_in_the_file() -> None:
    items = [image(2), Item(kind="SERIES", lower=3), Item(kind="PATIENT", lower=4), image(1, next=0)]
    decoded = decode(dicomdir([*items, Item(kind="STUDY", lower=1)], first=2, last=2))
    assert seen(decoded) == CHAIN_SHAPE
    assert decoded.findings == ()


def test_undefined_lengths_are_as_good_as_defined_ones() -> None:
    items = [
        Item(**{**{n: getattr(i, n) for n in i.__dataclass_fields__}, "is_undefined": True}) for i in CHAIN
    ]
    decoded = decode(dicomdir(items, sequence_length=UNDEFINED, tail=SEQUENCE_END))
    assert seen(decoded) == CHAIN_SHAPE
    assert decoded.findings == ()


ICON = element(0x00280010, "US", b"\1\0") + element(0x7FE00010, "OW", b"\xff\0")
NESTED = element(0x0040A168, "SQ", item(ICON, UNDEFINED) + ITEM_END, UNDEFINED) + SEQUENCE_END


@pytest.mark.parametrize(
    ("encoded", "content"),
    [
        (element(0x00880200, "SQ", item(ICON)), item(ICON)),
        (element(0x00880200, "SQ", item(ICON), UNDEFINED) + SEQUENCE_END, item(ICON)),
        (
            element(0x00880200, "SQ", item(ICON, UNDEFINED) + ITEM_END, UNDEFINED) + SEQUENCE_END,
            item(ICON, UNDEFINED) + ITEM_END,
        ),
        (
            element(0x00880200, "SQ", item(NESTED, UNDEFINED) + ITEM_END, UNDEFINED) + SEQUENCE_END,
            item(NESTED, UNDEFINED) + ITEM_END,
        ),
        (element(0x00880200, "SQ", b""), b""),
    ],
    ids=["defined", "outer-undefined", "both-undefined", "nested", "empty"],
)
def test_a_sequence_is_kept_as_its_items_without_its_delimiter(encoded: bytes, content: bytes) -> None:
    decoded = decode(dicomdir([Item(kind="PATIENT", extra=encoded + element(0x00880904, "LO", b"z "))]))
    assert decoded.findings == ()
    first, last = decoded.directory.roots[0].keys
    assert (first.tag, first.vr, first.value) == (0x00880200, "SQ", content)
    assert last.value == b"z "


def test_a_sequence_hidden_in_vr_un_is_turned_into_a_plain_one() -> None:
    hidden = b"\x10\0\x20\0\4\0\0\0ID1 "  # Implicit VR, PS3.5 6.2.2
    encoded = element(0x00101002, "UN", item(hidden), UNDEFINED) + SEQUENCE_END
    (root,) = decode(dicomdir([Item(kind="PATIENT", extra=encoded)])).directory.roots
    assert root.keys[0].vr == "SQ"
    assert root.keys[0].value == item(element(0x00100020, "LO", b"ID1 "), UNDEFINED) + ITEM_END


@pytest.mark.parametrize(
    "data", [b"", b"x", bytes(132), bytes(128) + b"DICM", b"GIF89a" + bytes(500), b"\xff" * 1000]
)
def test_what_is_no_dicomdir_gives_an_empty_directory_and_says_so(data: bytes) -> None:
    decoded = decode(data)
    assert decoded.directory.roots == ()
    assert "MK-DIR-001" in rules(decoded)


@pytest.mark.parametrize("prefix", [b"", b"DICM"])
def test_a_file_without_preamble_is_read(prefix: bytes) -> None:
    decoded = decode(dicomdir(CHAIN, prefix=prefix))
    assert seen(decoded) == CHAIN_SHAPE
    assert rules(decoded) == ["MK-DIR-002"]


def test_a_bare_data_set_is_read() -> None:
    decoded = decode(dicomdir(CHAIN, prefix=b"", head=b""))
    assert seen(decoded) == CHAIN_SHAPE
    assert {"MK-DIR-002", "MK-DIR-003", "MK-DIR-027"} == set(rules(decoded))


def test_meta_information_that_does_not_tell_the_truth_is_reported() -> None:
    wrong = meta(sop_class="1.2.3", syntax=IMPLICIT_LE)
    decoded = decode(dicomdir(CHAIN, head=wrong.replace(b"\4\0", b"\4\0", 1)))
    assert seen(decoded) == CHAIN_SHAPE
    assert rules(decoded) == ["MK-DIR-004", "MK-DIR-006"]


def test_offsets_that_are_all_wrong_by_the_same_number_are_read_as_meant() -> None:
    data = dicomdir(CHAIN)
    decoded = decode(
        data[:132] + meta(file_set_uid="1.2.3.4.5.6.7.8.9.10.11.12.13.14") + data[132 + len(meta()) :]
    )
    assert seen(decoded) == CHAIN_SHAPE
    assert rules(decoded) == ["MK-DIR-013"]


def test_a_directory_whose_records_form_a_ring_is_reported_and_ends() -> None:
    decoded = decode(dicomdir(changed(4, next=3)))
    assert seen(decoded) == CHAIN_SHAPE
    assert rules(decoded) == ["MK-DIR-014"]


def test_a_record_that_leads_back_to_its_own_series_is_a_ring() -> None:
    decoded = decode(dicomdir(changed(3, lower=2)))
    assert seen(decoded) == CHAIN_SHAPE
    assert rules(decoded) == ["MK-DIR-014"]


def test_a_record_that_two_records_lead_to_is_taken_once() -> None:
    items = [*CHAIN[:2], Item(kind="SERIES", lower=3, next=5), *CHAIN[3:], Item(kind="SERIES", lower=3)]
    decoded = decode(dicomdir(items))
    assert seen(decoded) == [*CHAIN_SHAPE, (3, "SERIES", "")]
    assert rules(decoded) == ["MK-DIR-015"]


def test_an_offset_that_points_nowhere_means_the_next_record_that_nobody_else_means() -> None:
    begins = starts(dicomdir(CHAIN))
    decoded = decode(dicomdir(changed(3, next=None, next_at=begins[4] - 2)))
    assert seen(decoded) == CHAIN_SHAPE
    assert rules(decoded) == ["MK-DIR-012"]
    assert decoded.findings[0].where.record == begins[3]


def test_an_offset_that_points_nowhere_takes_no_record_that_another_means() -> None:
    begins = starts(dicomdir(CHAIN))
    decoded = decode(dicomdir(changed(4, lower_at=begins[1] - 2)))
    assert seen(decoded) == CHAIN_SHAPE
    assert rules(decoded) == ["MK-DIR-012"]
    assert "passed over" in decoded.findings[0].text


def test_an_offset_beyond_the_file_is_reported() -> None:
    decoded = decode(dicomdir(changed(4, next_at=0xFFFFFFFF)))
    assert seen(decoded) == CHAIN_SHAPE
    assert rules(decoded) == ["MK-DIR-012"]


def test_a_lost_series_is_put_below_the_study_before_it_with_its_chain() -> None:
    decoded = decode(dicomdir(changed(1, lower=None)))
    assert seen(decoded) == CHAIN_SHAPE
    assert rules(decoded) == ["MK-DIR-016"]
    assert decoded.findings[0].where.record == starts(dicomdir(CHAIN))[2]


def test_a_lost_ring_is_opened_at_its_first_record() -> None:
    items = [*changed(2, lower=None)[:3], image(1, next=4), image(2, next=3)]
    decoded = decode(dicomdir(items))
    assert seen(decoded) == CHAIN_SHAPE
    assert sorted(rules(decoded)) == ["MK-DIR-014", "MK-DIR-016"]


def test_a_wrong_root_offset_does_not_tear_a_record_out_of_its_series() -> None:
    decoded = decode(dicomdir(CHAIN, first=3))
    assert seen(decoded) == CHAIN_SHAPE
    assert rules(decoded) == ["MK-DIR-016", "MK-DIR-015"]


def test_a_root_said_to_be_empty_is_built_from_its_records() -> None:
    decoded = decode(dicomdir(CHAIN, first_at=0))
    assert seen(decoded) == CHAIN_SHAPE
    assert rules(decoded) == ["MK-DIR-018", "MK-DIR-016"]


def test_a_wrong_last_root_offset_is_reported() -> None:
    decoded = decode(dicomdir(CHAIN, last=4))
    assert seen(decoded) == CHAIN_SHAPE
    assert rules(decoded) == ["MK-DIR-017"]


def test_a_file_without_the_record_sequence_says_so() -> None:
    data = dicomdir([])
    decoded = decode(data[: data.index(b"\x04\0\x20\x12SQ")])
    assert decoded.directory.file_set_id == "TEST"
    assert rules(decoded) == ["MK-DIR-009"]


def test_records_are_found_when_the_sequence_is_not() -> None:
    data = dicomdir(CHAIN).replace(b"\x04\0\x20\x12SQ", b"\x04\0\x20\x12??")
    decoded = decode(data)
    assert seen(decoded) == CHAIN_SHAPE
    assert "MK-DIR-009" in rules(decoded)


@pytest.mark.parametrize("wrong_by", [-30, -1, 1, 8, 20, 10_000])
def test_a_record_with_a_wrong_length_is_read_by_its_content(wrong_by: int) -> None:
    decoded = decode(dicomdir(changed(3, wrong_by=wrong_by)))
    assert seen(decoded) == CHAIN_SHAPE
    assert set(rules(decoded)) <= {"MK-DIR-007", "MK-DIR-008"}
    assert decoded.findings


@pytest.mark.parametrize("length", [0, 8, 100])
def test_a_sequence_that_is_longer_than_it_says_is_read_to_its_end(length: int) -> None:
    decoded = decode(dicomdir(CHAIN, sequence_length=length))
    assert seen(decoded) == CHAIN_SHAPE
    assert "MK-DIR-008" in rules(decoded)


def test_a_sequence_that_says_it_is_longer_than_the_file_is_truncated() -> None:
    decoded = decode(dicomdir(CHAIN, sequence_length=1_000_000))
    assert seen(decoded) == CHAIN_SHAPE
    assert rules(decoded) == ["MK-DIR-007"]


def test_a_truncated_file_gives_the_records_before_the_cut() -> None:
    whole = dicomdir(CHAIN)
    cut = starts(whole)[4] + 20
    decoded = decode(whole[:cut])
    assert seen(decoded)[:4] == CHAIN_SHAPE[:4]
    assert "MK-DIR-007" in rules(decoded)


def test_garbage_between_records_is_passed_over() -> None:
    whole = dicomdir(CHAIN, sequence_length=UNDEFINED, tail=SEQUENCE_END)
    at = starts(dicomdir(CHAIN))[4]
    decoded = decode(whole[:at] + b"garbage!" + whole[at:])
    assert seen(decoded) == CHAIN_SHAPE
    assert rules(decoded) == ["MK-DIR-011", "MK-DIR-012"]


def test_an_element_that_is_none_costs_only_its_record_the_rest() -> None:
    broken = Item(kind="IMAGE", next=4, extra=reference("A\\B1") + b"\x20\0\x13\0??\2\x001 ")
    decoded = decode(dicomdir([*CHAIN[:3], broken, CHAIN[4]]))
    assert seen(decoded) == CHAIN_SHAPE
    assert rules(decoded) == ["MK-DIR-010"]


def test_keys_out_of_order_are_put_in_order_and_the_first_of_two_counts() -> None:
    extra = (
        element(0x00200013, "IS", b"1 ") + element(0x00080005, "CS", b"") + element(0x00200013, "IS", b"2 ")
    )
    decoded = decode(dicomdir([Item(kind="PATIENT", extra=extra)]))
    (root,) = decoded.directory.roots
    assert [(key.tag, key.value) for key in root.keys] == [(0x00080005, b""), (0x00200013, b"1 ")]
    assert set(rules(decoded)) == {"MK-DIR-031"}


def test_values_of_odd_length_are_read_and_said() -> None:
    extra = element(0x00100010, "PN", b"DOE^JOH") + element(0x00100020, "LO", b"ID")
    decoded = decode(dicomdir([Item(kind="PATIENT", extra=extra)]))
    (root,) = decoded.directory.roots
    assert [(key.tag, key.value) for key in root.keys] == [(0x00100010, b"DOE^JOH"), (0x00100020, b"ID")]
    assert rules(decoded) == ["MK-DIR-037"]


@pytest.mark.parametrize(
    "stored", ["img\\1", "A\\TOOLONGNAME", "A\\\\B", "A\\B.DCM", "\\".join("ABCDEFGHI"), "Ä"]
)
def test_a_file_id_that_is_not_legal_is_kept_as_stored(stored: str) -> None:
    decoded = decode(dicomdir([Item(kind="PRIVATE", extra=reference(stored))]))
    found = decoded.directory.roots[0].reference
    assert found is not None
    assert found.file_id is None
    assert found.raw_file_id == padded(stored)
    assert "MK-DIR-020" in rules(decoded)


@pytest.mark.parametrize(
    ("record", "rule"),
    [
        (Item(kind="PATIENT", in_use=0), "MK-DIR-019"),
        (Item(kind="HOLOGRAM"), "MK-DIR-021"),
        (Item(kind="TOPIC"), "MK-DIR-022"),
        (Item(kind="STUDY"), "MK-DIR-023"),
        (Item(kind="PATIENT", extra=element(0x00041500, "CS", b"AB")), "MK-DIR-025"),
        (Item(kind="PRIVATE"), "MK-DIR-026"),
        (Item(kind=""), "MK-DIR-033"),
    ],
)
def test_what_a_record_says_wrong_is_a_finding(record: Item, rule: str) -> None:
    decoded = decode(dicomdir([record]))
    assert set(rules(decoded)) == {rule}
    assert len(decoded.directory.roots) == 1


def test_a_multi_referenced_file_record_is_resolved_and_stands_nowhere_in_the_tree() -> None:
    series = [Item(kind="PATIENT", lower=1), Item(kind="STUDY", lower=2), Item(kind="SERIES", lower=3)]
    where = starts(dicomdir([*series, Item(kind="IMAGE", extra=ul(0x00041504, 0))]))[3]
    size = len(Item(kind="IMAGE", extra=ul(0x00041504, 0)).encoded([0] * 9))
    pointing = Item(kind="IMAGE", extra=ul(0x00041504, where + size))
    decoded = decode(dicomdir([*series, pointing, Item(kind="MRDR", extra=reference("X\\Y"))]))
    assert seen(decoded) == [*CHAIN_SHAPE[:3], (4, "IMAGE", "X/Y")]
    assert rules(decoded) == ["MK-DIR-024"]


def test_an_offset_to_a_multi_referenced_record_that_is_none_is_reported() -> None:
    decoded = decode(dicomdir([Item(kind="PATIENT", extra=ul(0x00041504, 77))]))
    assert rules(decoded) == ["MK-DIR-032"]


def test_a_file_that_two_records_reference_is_reported_at_the_second() -> None:
    one = Item(kind="IMAGE", extra=reference("A\\B1"))
    decoded = decode(dicomdir([*CHAIN[:3], image(1, next=4), one]))
    assert rules(decoded) == ["MK-DIR-035"]
    assert decoded.findings[0].where.record == starts(dicomdir([*CHAIN[:3], image(1, next=4), one]))[4]


def test_a_patient_with_two_records_is_reported_without_saying_who_it_is() -> None:
    identity = element(0x00100020, "LO", b"SECRET")
    two = [Item(kind="PATIENT", next=1, extra=identity), Item(kind="PATIENT", extra=identity)]
    decoded = decode(dicomdir(two, last=1))
    assert rules(decoded) == ["MK-DIR-036"]
    assert "SECRET" not in repr(decoded.findings) + decoded.findings[0].text


def implicit(tag: int, value: bytes, length: int | None = None) -> bytes:
    size = len(value) if length is None else length
    return (
        (tag >> 16).to_bytes(2, "little")
        + (tag & 0xFFFF).to_bytes(2, "little")
        + size.to_bytes(4, "little")
        + value
    )


def big(tag: int, vr: str, value: bytes) -> bytes:
    head = tag.to_bytes(4, "big") + vr.encode()
    if vr in {"OW", "SQ", "UN"}:
        return head + b"\0\0" + len(value).to_bytes(4, "big") + value
    return head + len(value).to_bytes(2, "big") + value


PLAIN = (
    item(
        element(0x00280010, "US", b"\x02\x01")
        + element(0x0040A043, "SQ", item(element(0x00080100, "SH", b"1234"), UNDEFINED) + ITEM_END, UNDEFINED)
        + SEQUENCE_END
        + element(0x7FE00010, "OW", b"\x04\x03\x06\x05"),
        UNDEFINED,
    )
    + ITEM_END
)


def test_a_sequence_in_implicit_vr_becomes_explicit() -> None:
    code = implicit(0x0040A043, item(implicit(0x00080100, b"1234")))
    icon = implicit(0x00280010, b"\x02\x01") + code + implicit(0x7FE00010, b"\x04\x03\x06\x05")
    for data in (item(icon), item(icon, UNDEFINED) + ITEM_END):
        source = Source(data, IMPLICIT_LITTLE, Work.on(len(data)))
        assert read_sequence(source, 0, len(data), len(data)) == (PLAIN, len(data))


def test_a_sequence_in_big_endian_becomes_little_endian() -> None:
    begin = b"\xff\xfe\xe0\0"
    code = big(0x00080100, "SH", b"1234")
    nested = big(0x0040A043, "SQ", begin + len(code).to_bytes(4, "big") + code)
    icon = big(0x00280010, "US", b"\x01\x02") + nested + big(0x7FE00010, "OW", b"\x03\x04\x05\x06")
    data = begin + len(icon).to_bytes(4, "big") + icon
    source = Source(data, EXPLICIT_BIG, Work.on(len(data)))
    assert read_sequence(source, 0, len(data), len(data)) == (PLAIN, len(data))


def test_an_attribute_that_no_table_knows_is_of_vr_un_in_implicit_vr() -> None:
    data = item(implicit(0x00091001, b"ab"))
    source = Source(data, IMPLICIT_LITTLE, Work.on(len(data)))
    content, _ = read_sequence(source, 0, len(data), len(data))
    assert content == item(element(0x00091001, "UN", b"ab"), UNDEFINED) + ITEM_END


def test_the_file_set_identification_is_checked() -> None:
    data = (
        dicomdir(CHAIN)
        .replace(b"TEST", b"te t")
        .replace(element(0x00041212, "US", b"\0\0"), element(0x00041212, "US", b"\xff\xff"))
    )
    decoded = decode(data)
    assert decoded.directory.file_set_id == "te t"
    assert sorted(rules(decoded)) == ["MK-DIR-028", "MK-DIR-034"]


def test_findings_of_one_rule_are_counted_when_they_are_too_many() -> None:
    count = FINDINGS_PER_RULE + 7
    items = [Item(kind="PATIENT", next=i + 1 if i + 1 < count else None, in_use=0) for i in range(count)]
    decoded = decode(dicomdir(items, last=count - 1))
    assert len(decoded.directory.roots) == count
    assert len(decoded.findings) == FINDINGS_PER_RULE + 1
    assert decoded.findings[-1].rule.id == "MK-DIR-099"
    assert decoded.findings[-1].text.startswith("7 more findings of MK-DIR-019")


def test_a_tree_that_is_too_deep_is_cut_and_nothing_is_lost() -> None:
    count = 500
    private = element(0x00041432, "UI", b"1.2\0")
    items = [
        Item(kind="PRIVATE", lower=i + 1 if i + 1 < count else None, extra=private) for i in range(count)
    ]
    decoded = decode(dicomdir(items))
    assert len(list(decoded.directory.walk())) == count
    assert set(rules(decoded)) == {"MK-DIR-016", "MK-DIR-017", "MK-DIR-030"}


def test_every_finding_can_tell_its_sentence() -> None:
    data = dicomdir(changed(3, next_at=3, in_use=0), last=4, sequence_length=3)
    assert all(finding.text for finding in decode(data).findings)


def test_offsets_of_records_are_kept_and_do_not_count_for_equality() -> None:
    made = directory(patient(1), patient(2))
    data = encode(made)
    decoded = decode(data)
    assert decoded.directory == made
    assert [record.seen_at for record in decoded.directory.walk()] == starts(data)
