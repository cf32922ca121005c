"""Headers of elements and nested sequences, in every encoding, sound and broken."""

from __future__ import annotations

from io import BytesIO
from struct import pack

import pytest
from pydicom import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_sequence
from pydicom.filewriter import write_sequence

from mediakit.dicom.bounded_read import Malformed, Window
from mediakit.dicom.elements import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    Encoding,
    dictionary_vr,
    header_at,
    skip_undefined,
)
from mediakit.dicom.sequences import find_inside, items, to_explicit_little
from mediakit.dicom.values import converted, swapped
from mediakit.dicom.walk import Step
from tests.support.dicom_bytes import ITEM_END, SEQUENCE_END, UNDEFINED, element, item, sequence, us
from tests.support.each import each

ENCODINGS = [EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG]


def nested() -> list[Dataset]:
    """Return items with numbers of every width, text, private elements, and sequences in sequences."""
    inner = Dataset()
    inner.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    inner.add_new(0x00081155, "UI", "1.2.3")
    inner.add_new(0x00091001, "UN", b"ab")
    middle = Dataset()
    middle.add_new(0x00280010, "US", 300)
    middle.add_new(0x00186018, "UL", 70000)
    middle.add_new(0x00186020, "SL", -5)
    middle.add_new(0x0018602C, "FD", 0.25)
    middle.add_new(0x00720076, "FL", 1.5)
    middle.add_new(0x00080428, "UV", 1 << 40)
    middle.add_new(0x00280009, "AT", [0x00181063, 0x00181065])
    middle.add_new(0x00281201, "OW", b"\x01\x01\x02\x02")  # pydicom does not turn OW around
    middle.add_new(0x0040A160, "UT", "text of some length")
    middle.add_new(0x00081140, "SQ", [inner, Dataset()])
    middle.add_new(0x00081115, "SQ", [])
    return [middle, inner]


def written(items: list[Dataset], encoding: Encoding, *, undefined: bool = False) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_little_endian = not encoding.big_endian
    buffer.is_implicit_VR = encoding.implicit
    holder = Dataset()
    holder.add_new(0x00081140, "SQ", items)
    for one in items:
        one.is_undefined_length_sequence_item = undefined
    write_sequence(buffer, holder[0x00081140], ["iso8859"])
    return buffer.getvalue()


def read_back(content: bytes) -> list[Dataset]:
    """Read content in Explicit VR Little Endian with pydicom."""
    return list(read_sequence(BytesIO(content), False, True, len(content), ["iso8859"]))


@pytest.mark.parametrize("undefined", [False, True])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_sequence_of_any_encoding_becomes_the_same_items(encoding: Encoding, undefined: bool) -> None:
    content = written(nested(), encoding, undefined=undefined)
    ours = to_explicit_little(content, encoding)
    assert read_back(ours) == read_back(written(nested(), EXPLICIT_LITTLE))
    assert to_explicit_little(ours, EXPLICIT_LITTLE) == ours


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_cut_through_a_sequence_is_noticed(encoding: Encoding) -> None:
    whole = written(nested(), encoding, undefined=True)
    first = len(whole) - len(written(nested()[1:], encoding, undefined=True))
    for size in range(1, len(whole)):
        if size != first:  # between two items the rest is a whole sequence
            with pytest.raises(Malformed):
                to_explicit_little(whole[:size], encoding)


@each(
    "content",
    [
        ITEM_END,
        SEQUENCE_END,
        us(0x00280010, 1),
        item(ITEM_END),
        item(item(b"")),
        item(us(0x00280010, 1), undefined=True) + b"\0\0",
        item(element(0x00081140, "SQ", b"", length=20)),
        item(element(0x00081140, "SQ", item(b""), length=UNDEFINED)),
        item(element(0x00281201, "OW", item(b"ab", undefined=True) + SEQUENCE_END, length=UNDEFINED)),
    ],
)
def test_structures_that_cannot_be_are_refused(content: bytes) -> None:
    with pytest.raises(Malformed):
        to_explicit_little(content, EXPLICIT_LITTLE)


def test_walk_tells_depth_and_place_of_everything() -> None:
    content = item(us(0x00280010, 1) + sequence(0x00081140, [item(us(0x00280011, 2))], undefined=True))
    steps = [(token.step, token.depth, token.tag) for token in items(content, EXPLICIT_LITTLE)]
    assert steps == [
        (Step.ITEM, 0, 0xFFFEE000),
        (Step.ELEMENT, 1, 0x00280010),
        (Step.SEQUENCE, 1, 0x00081140),
        (Step.ITEM, 2, 0xFFFEE000),
        (Step.ELEMENT, 3, 0x00280011),
        (Step.ITEM_CLOSED, 2, 0xFFFEE000),
        (Step.SEQUENCE_CLOSED, 1, 0x00081140),
        (Step.ITEM_CLOSED, 0, 0xFFFEE000),
    ]


def test_un_of_undefined_length_holds_implicit_elements() -> None:
    inner = item(us(0x00280010, 7, implicit=True), undefined=True)
    content = item(sequence(0x00081140, [inner], undefined=True, vr="UN"))
    assert find_inside(content, EXPLICIT_LITTLE, frozenset({0x00280010})) == {0x00280010: b"\x07\0"}


def test_encapsulated_data_inside_an_item_are_passed_over() -> None:
    fragments = item(b"") + item(b"\xfe\xff\xdd\xe0abcd") + SEQUENCE_END
    icon = element(0x7FE00010, "OB", fragments, length=UNDEFINED)
    content = item(icon)
    assert to_explicit_little(content, EXPLICIT_LITTLE) == content
    assert Step.FRAGMENTS in {token.step for token in items(content, EXPLICIT_LITTLE)}


def test_a_sequence_of_undefined_length_is_passed_over_to_its_own_delimiter() -> None:
    inside = sequence(0x00081140, [item(us(0x00280010, 1), undefined=True)], undefined=True)
    content = item(inside, undefined=True) + item(SEQUENCE_END) + SEQUENCE_END
    raw = content + b"behind"
    window = Window(BytesIO(raw), len(raw))
    assert skip_undefined(window, 0, EXPLICIT_LITTLE) == len(content)


def test_vrs_that_nobody_knows_have_the_length_that_their_form_tells() -> None:
    long_form = pack("<HH2sHI", 9, 1, b"ZZ", 0, 6)
    short_form = pack("<HH2sH", 9, 1, b"ZZ", 6)
    assert header_at(long_form, 0, EXPLICIT_LITTLE)[2:] == (12, 6)
    assert header_at(short_form, 0, EXPLICIT_LITTLE)[2:] == (8, 6)


def test_the_dictionary_knows_vrs_of_all_kinds_of_tags() -> None:
    assert dictionary_vr(0x00100010) == b"PN"
    assert dictionary_vr(0x00080000) == b"UL"
    assert dictionary_vr(0x00090010) == b"LO"
    assert dictionary_vr(0x00091001) == b"UN"
    assert dictionary_vr(0x00280106) == b"US"
    assert dictionary_vr(0x7FE00010) == b"OW"
    assert dictionary_vr(0x00085555) == b"UN"


def test_numbers_are_turned_around_one_by_one() -> None:
    assert swapped(b"\0\1\0\2", b"US") == b"\1\0\2\0"
    assert swapped(b"\0\0\0\1", b"UL") == b"\1\0\0\0"
    assert swapped(b"\0\1\xff", b"US") == b"\1\0\xff"
    assert swapped(b"\0\1\0\2", b"OW") == b"\1\0\2\0"
    assert swapped(b"AB", b"CS") == b"AB"


@each(
    ("value", "vr", "expected", "result"),
    [
        (b"AB", b"LO", b"SH", b"AB"),
        (b"\x05\0", b"SS", b"US", b"\x05\0"),
        (b"\xff\xff", b"SS", b"US", None),
        (b"\0\0\1\0", b"UL", b"US", None),
        (b"12\\13", b"IS", b"US", b"\x0c\0\x0d\0"),
        (b"1.5", b"DS", b"US", None),
        (b"\x0c\0", b"US", b"IS", b"12"),
        (b"\x05\0", b"US", b"DS", b"5 "),
        (b"\0" * 8, b"FD", b"DS", None),
        (b"", b"US", b"IS", b""),
    ],
)
def test_values_of_another_vr_are_converted_or_refused(
    value: bytes, vr: bytes, expected: bytes, result: bytes | None
) -> None:
    assert converted(value, vr, expected) == result


@pytest.mark.parametrize("size", [0x4F4C, 0x4E50, 0x5344])  # LO, PN, DS
def test_the_length_of_an_item_is_no_vr(size: int) -> None:
    fill = size - len(element(0x00091002, "OB", b""))
    content = item(element(0x00091002, "OB", bytes(fill)))
    assert len(content) == size + 8
    assert to_explicit_little(content, EXPLICIT_LITTLE) == content
    raw = content + SEQUENCE_END
    assert skip_undefined(Window(BytesIO(raw), len(raw)), 0, EXPLICIT_LITTLE) == len(raw)


def test_a_sequence_is_not_followed_behind_what_holds_it() -> None:
    raw = item(b"", undefined=True) + SEQUENCE_END
    held = len(raw) - 8
    with pytest.raises(Malformed):
        skip_undefined(Window(BytesIO(), held, raw), 0, EXPLICIT_LITTLE)
