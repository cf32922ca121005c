"""The header scan on any bytes: it returns, its reads are bounded, and its memory changes nothing."""

from __future__ import annotations

from io import BytesIO

from hypothesis import given
from hypothesis import strategies as st

from mediakit.dicom.header import Scanner, Unusable
from mediakit.dicom.instance import Instance
from mediakit.limits import MAX_SCANNED_BYTES
from mediakit.outcome import State
from tests.support.dicom_bytes import (
    IMPLICIT,
    RLE,
    ct,
    element,
    encapsulated,
    identity,
    item,
    part10,
    sequence,
    tiny,
    us,
)

REPORT = sequence(
    0x0040A730,
    [item(element(0x0040A010, "CS", "HAS CONCEPT MOD") + element(0x0040A160, "UT", "x"), undefined=True)],
    undefined=True,
)
SHARED = sequence(
    0x52009229, [item(sequence(0x00289110, [item(element(0x00280030, "DS", "1\\1"))], undefined=True))]
)
SEEDS = [
    ct(3, pixels=40),
    ct(4, pixels=40, implicit=True),
    ct(3, pixels=40)[128:],
    ct(3, pixels=40)[500:],
    tiny(tail=REPORT),
    tiny(tail=SHARED + us(0x54000100, 1)),
    tiny(RLE, encapsulated([b"abc", b"defg"])),
    tiny(
        IMPLICIT, sequence(0x00081140, [item(element(0x00081150, "UI", "1.2", implicit=True))], implicit=True)
    ),
    identity() + element(0x00080060, "CS", "CT"),
]


class Counting(BytesIO):
    """A stream that counts the bytes that are read from it."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        part = super().read(size)
        self.taken += len(part)
        return part


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Draw a real header with some bytes replaced, cut out, put in, or cut off."""
    raw = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, len(raw) - 1))
        deed = draw(st.sampled_from(["set", "length", "insert", "delete", "cut"]))
        if deed == "set":
            raw[place] = draw(st.integers(0, 255))
        elif deed == "length":
            raw[place : place + 4] = draw(st.sampled_from([b"\xff" * 4, b"\0" * 4, b"\xfe\xff\xff\x7f"]))
        elif deed == "insert":
            raw[place:place] = draw(st.binary(min_size=1, max_size=12))
        elif deed == "delete":
            del raw[place : place + draw(st.integers(1, 12))]
        else:
            del raw[max(place, 1) :]
        if not raw:
            break
    return bytes(raw)


def checked(raw: bytes, scanner: Scanner) -> Instance | Unusable:
    """Scan, and check what must hold for any bytes."""
    stream = Counting(raw)
    result = scanner.read(stream, len(raw), "s", "p")
    assert stream.taken <= min(MAX_SCANNED_BYTES, 8 * len(raw) + 8192)
    if isinstance(result, Unusable):
        assert result.state in {State.NOT_DICOM, State.UNREADABLE}
        assert result.finding.text
        assert result.finding.where.path == "p"
    else:
        assert result.sop_class
        assert result.sop_instance
        offset = result.header.pixel_offset
        assert offset is None or offset <= len(raw) or result.transfer_syntax.endswith("99")
    return result


@given(st.binary(max_size=2000))
def test_any_bytes_give_a_result(raw: bytes) -> None:
    checked(raw, Scanner())


@given(st.binary(max_size=600))
def test_any_data_set_behind_sound_meta_information_gives_a_result(data_set: bytes) -> None:
    for syntax in (
        "1.2.840.10008.1.2",
        "1.2.840.10008.1.2.1",
        "1.2.840.10008.1.2.2",
        "1.2.840.10008.1.2.1.99",
    ):
        result = checked(part10(data_set, syntax=syntax), Scanner())
        assert not isinstance(result, Unusable) or result.state is State.UNREADABLE


@given(mutated())
def test_any_damage_to_a_real_header_gives_a_result(raw: bytes) -> None:
    checked(raw, Scanner())


@given(st.lists(mutated(), min_size=2, max_size=8))
def test_a_scanner_that_remembers_says_what_a_new_one_says(files: list[bytes]) -> None:
    veteran = Scanner()
    for raw in SEEDS + files + SEEDS + files:
        assert checked(raw, veteran) == checked(raw, Scanner())


@given(
    st.lists(
        st.tuples(
            st.integers(1, 3000),
            st.booleans(),
            st.sampled_from(["", "A", "LONGER^NAME", "M\xfcller"]),
            st.booleans(),
        ),
        min_size=2,
        max_size=25,
    )
)
def test_series_of_slices_read_the_same_with_and_without_memory(
    slices: list[tuple[int, bool, str, bool]],
) -> None:
    veteran = Scanner()
    for number, implicit, name, cut in slices:
        raw = ct(number, pixels=40, implicit=implicit).replace(b"PHYSICIAN^ONE ", b"PHYSICIAN^TWO ")
        old = element(0x00100010, "PN", "TEST^PATIENT", implicit=implicit)
        raw = raw.replace(old, element(0x00100010, "PN", name, implicit=implicit))
        raw = raw[: -number % 50] if cut and number % 50 else raw
        expected = checked(raw, Scanner())
        assert checked(raw, veteran) == expected
        if not cut:
            assert isinstance(expected, Instance)
            assert expected.header.number(0x00200013) == number
