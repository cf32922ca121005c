"""Scan, conversion and transport as stored choose the same encoding for the same bytes."""

from __future__ import annotations

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediakit.dicom.bounded_read import Malformed
from mediakit.dicom.data_set import data_set_place
from mediakit.dicom.fallback import Claims
from mediakit.dicom.opening import Opening, opened
from mediakit.dicom.part10 import Opened, Unreadable, open_whole
from mediakit.dicom.uids import SYNTAXES
from mediakit.errors import SourceError
from tests.support.dicom_bytes import IMPLICIT, ct, element, identity, part10, us

BIG = "1.2.840.10008.1.2.2"
EXPLICIT = "1.2.840.10008.1.2.1"
JPEG = "1.2.840.10008.1.2.4.50"
SEEDS = [
    ct(3, pixels=40),
    ct(4, pixels=40, implicit=True),
    ct(3, pixels=40)[128:],
    ct(3, pixels=40)[500:],
    identity() + element(0x00080060, "CS", "CT"),
    part10(element(0x00080018, "UI", "1.2.3"), syntax=IMPLICIT),
    part10(element(0x00080018, "UI", "1.2.3", implicit=True), syntax=EXPLICIT),
    part10(b"\0\x08\0\x18UI\0\x041.2\0\0\x08\0\x60CS\0\x02CT", syntax=IMPLICIT),
    part10(b"\0\x08\0\x18UI\0\x041.2\0\0\x08\0\x60CS\0\x02CT", syntax=BIG),
    part10(us(0x00280010, 3, implicit=True), syntax=JPEG),
]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Draw a file of which some bytes, mostly of the first elements, are others, gone, or new."""
    raw = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, len(raw) - 1))
        deed = draw(st.sampled_from(["set", "insert", "delete", "cut"]))
        if deed == "set":
            raw[place] = draw(st.sampled_from([0, 8, 0x20, 0x55, 0x49, 0xFF]))
        elif deed == "insert":
            raw[place:place] = draw(st.binary(min_size=1, max_size=9))
        elif deed == "delete":
            del raw[place : place + draw(st.integers(1, 12))]
        else:
            del raw[max(place, 1) :]
        if not raw:
            break
    return bytes(raw)


def scanned(raw: bytes, look: int) -> Opening | None:
    try:
        return opened(BytesIO(raw), len(raw), raw[:look], Claims())
    except Malformed:
        return None


def converted(raw: bytes) -> Opened | None:
    try:
        return open_whole(BytesIO(raw))
    except Unreadable:
        return None


@given(damaged(), st.sampled_from([8192, 65536]))
def test_what_a_scan_can_read_every_reader_reads_in_the_same_encoding(raw: bytes, look: int) -> None:
    scan = scanned(raw, look)
    whole = converted(raw)
    if scan is None:
        return
    assert (whole is None) == (scan.declared != "" and scan.declared not in SYNTAXES)
    place = data_set_place(BytesIO(raw), len(raw), ("1.2", "1.3"), scan.syntax)
    assert place.at == scan.begin
    if whole is not None:
        assert whole.encoding is scan.encoding
        assert whole.declared == scan.declared
        assert whole.syntax(has_fragments=False) == scan.syntax
        assert len(whole.head) == scan.begin


@given(st.binary(max_size=300))
def test_what_a_scan_does_not_take_for_dicom_nobody_else_takes_for_it(raw: bytes) -> None:
    if scanned(raw, 8192) is None:
        assert converted(raw) is None


def test_an_encoding_is_not_chosen_by_the_first_bytes_alone() -> None:
    """A first length of 4C43H looks like a VR, and a first VR of two letters may be no VR at all."""
    long_value = element(0x00080005, "CS", "x" * 0x4C43, implicit=True)
    raw = part10(long_value + element(0x00080018, "UI", "1.2.3", implicit=True), syntax=IMPLICIT)
    scan, whole = scanned(raw, 8192), converted(raw)
    assert scan is not None
    assert whole is not None
    assert scan.encoding.implicit
    assert whole.encoding is scan.encoding


def test_a_wrong_group_length_does_not_move_the_data_set() -> None:
    """Its end would lie inside the last element of the meta information."""
    sound = ct(3, pixels=40)
    (length,) = [int.from_bytes(sound[140:144], "little")]
    raw = sound[:140] + (length - 3).to_bytes(4, "little") + sound[144:]
    place = data_set_place(BytesIO(raw), len(raw), ("1.2.840.10008.5.1.4.1.1.2", "1.2.3"), EXPLICIT)
    assert place.at == 144 + length
    assert place.head != raw[: place.at]


def test_a_file_without_data_set_is_no_source_of_one() -> None:
    with pytest.raises(SourceError):
        data_set_place(BytesIO(part10(b"")), len(part10(b"")), ("1.2", "1.3"), EXPLICIT)
