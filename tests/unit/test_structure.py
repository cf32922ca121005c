"""The pass over sequences: faults at any depth, in every encoding, and its bounds."""

from __future__ import annotations

from io import BytesIO
from struct import pack

from hypothesis import given
from hypothesis import strategies as st

from mediakit.dicom.bounded_read import Window
from mediakit.dicom.elements import EXPLICIT_LITTLE, IMPLICIT_LITTLE, ElementHeader, Encoding
from mediakit.dicom.header import Scanner, Unusable
from mediakit.dicom.instance import Breach, Fault
from mediakit.dicom.structure import Faults, check_sequence
from mediakit.limits import MAX_ELEMENTS
from tests.support.dicom_bytes import ITEM_END, UNDEFINED, element, item, sequence, tiny

INNER, OUTER = 0x00081140, 0x00081115


def faults_in(content: bytes, *, implicit: bool = False, undefined: bool = False) -> list[Fault]:
    encoding: Encoding = IMPLICIT_LITTLE if implicit else EXPLICIT_LITTLE
    faults = Faults()
    header = ElementHeader(OUTER, b"SQ", 12, UNDEFINED if undefined else len(content))
    assert check_sequence(Window(BytesIO(content), len(content)), 0, header, encoding, faults) == len(content)
    return list(faults.found)


def test_a_sound_sequence_has_no_fault_whatever_its_lengths_and_encoding() -> None:
    for implicit in (False, True):
        for undefined in (False, True):
            uids = element(0x00081150, "UI", "1.2", implicit=implicit)
            uids += element(0x00081155, "UI", "1.2.3", implicit=implicit)
            inner = sequence(INNER, [item(uids), item(b"")], undefined=undefined, implicit=implicit)
            content = item(inner + element(0x0020000E, "UI", "1.9", implicit=implicit), undefined=undefined)
            assert faults_in(content, implicit=implicit) == []


def test_an_odd_length_deep_inside_is_found_in_every_encoding() -> None:
    for implicit in (False, True):
        name = element(0x00080104, "LO", b"odd", implicit=implicit)
        head = name[:6] + b"\3" + name[7:8] if not implicit else name[:4] + b"\3\0\0\0"
        raw = head + b"odd"
        content = item(sequence(INNER, [item(raw)], implicit=implicit))
        expected = [Fault(Breach.ODD_LENGTH, 0x00080104)]
        found = faults_in(content, implicit=implicit)
        assert found[:1] == expected
        assert set(found) <= {*expected, Fault(Breach.NESTING, INNER)}


def test_an_item_whose_inside_cannot_be_followed_does_not_hide_the_next_one() -> None:
    broken = item(b"\xfe\xff\xdd\xe0" * 5)
    twice = item(element(0x00081150, "UI", "1.2") * 2)
    assert faults_in(broken + twice) == [Fault(Breach.NESTING, OUTER), Fault(Breach.TWICE, 0x00081150)]


def test_a_delimiter_in_an_item_of_defined_length_is_astray() -> None:
    assert faults_in(item(element(0x00081150, "UI", "1.2") + ITEM_END)) == [Fault(Breach.NESTING, OUTER)]


def test_of_many_faults_the_first_ones_are_kept() -> None:
    content = item(b"".join(element(0x00100000 + 2 * n, "FD", bytes(4)) for n in range(100)))
    assert len(faults_in(content)) == 16


def test_a_file_of_too_many_items_is_unreadable_and_the_limit_is_named() -> None:
    empty = pack("<HHI", 0xFFFE, 0xE000, 0) * (MAX_ELEMENTS + 1)
    raw = tiny(tail=element(0x00291020, "SQ", empty))
    result = Scanner().read(BytesIO(raw), len(raw), "s", "p")
    assert isinstance(result, Unusable)
    assert (result.finding.rule.id, str(MAX_ELEMENTS) in result.finding.text) == ("MK-SRC-015", True)


@given(st.binary(max_size=300), st.booleans())
def test_whatever_the_bytes_are_the_pass_ends_at_the_end_of_the_sequence(
    content: bytes, implicit: bool
) -> None:
    faults_in(content, implicit=implicit)
