"""Maps of rescued images, as ddrescue writes them: read and written; hostile ones are refused."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediakit.errors import SourceError
from mediakit.formats.readable import Gaps
from mediakit.formats.rescue_map import BAD, GOOD, STATUSES, UNTRIED, RescueMap, parse_map

SMALL = b"# Mapfile. Created by GNU ddrescue version 1.27\n0x10 ? 1\n0x00 0x10 +\n0x10 0x20 -\n0x30 0x40 ?\n"
OF_DDRESCUE = b"""# Mapfile. Created by GNU ddrescue version 1.27
# Command line: ddrescue /dev/sr0 disc.iso disc.map
# Start time:   2026-11-27 12:00:00
# current_pos  current_status  current_pass
0x00120000     G               1
#      pos        size  status
0x00000000  0x00117000  +
0x00117000  0x00000800  -
0x00117800  0x00000800  /
0x00118000  0x00001000  *
0x00119000  0x00007000  ?
"""


def test_the_form_of_ddrescue_is_read_and_written_back() -> None:
    found = parse_map(OF_DDRESCUE)
    assert list(found.areas()) == [
        (0, 0x117000, "+"),
        (0x117000, 0x117800, "-"),
        (0x117800, 0x118000, "/"),
        (0x118000, 0x119000, "*"),
        (0x119000, 0x120000, "?"),
    ]
    assert parse_map(found.text().encode()) == found


def test_numbers_are_decimal_hexadecimal_or_octal_and_the_pass_may_be_missing() -> None:
    found = parse_map(b"0 ?\n0 16 +  # a comment\n020 0X10 -\n32 1 ?\n")
    assert list(found.areas()) == [(0, 16, "+"), (16, 32, "-"), (32, 33, "?")]


def test_what_is_before_the_first_area_was_not_read() -> None:
    found = parse_map(b"0 + 1\n10 5 +\n")
    assert list(found.areas()) == [(0, 10, "?"), (10, 15, "+")]
    assert found.missing(20).extents == [(0, 10), (15, 5)]
    assert found.missing(12).extents == [(0, 10)]
    assert found.missing(5).extents == [(0, 5)]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"# nothing\n",
        b"0 ? 1\n",
        b"0 x 1\n0 1 +\n",
        b"0 ? 1 1\n0 1 +\n",
        b"0 ? x\n0 1 +\n",
        b"0 ? 1\n0 1\n",
        b"0 ? 1\n0 1 F\n",
        b"0 ? 1\n0 0 +\n",
        b"0 ? 1\n0 2 +\n1 2 -\n",
        b"0 ? 1\n0 2 +\n3 2 -\n",
        b"0 ? 1\n0 -2 +\n",
        b"0 ? 1\n0 0x +\n",
        b"0 ? 1\n0 08 +\n",
        b"0 ? 1\n0 99999999999999999999 +\n",
        b"0 ? 1\n0 " + b"9" * 10_000 + b" +\n",
        b"0 ? 1\n0 0xFFFFFFFFFFFFFFFF +\n",
        b"\xff\xfe\0\0" * 100,
        b"0 ? 1\n0 " + b" " * 100_000 + b"1 +\n",
        bytes(65 << 20),
    ],
)
def test_what_is_no_map_is_refused(data: bytes) -> None:
    with pytest.raises(SourceError, match="map"):
        parse_map(data, "x.map")


@given(st.binary(max_size=60), st.integers(0, len(SMALL)), st.integers(0, 9))
def test_any_bytes_give_a_map_without_gaps_or_a_refusal(junk: bytes, at: int, drop: int) -> None:
    try:
        found = parse_map(SMALL[:at] + junk + SMALL[at + drop :])
    except SourceError:
        return
    areas = list(found.areas())
    assert [start for start, _, _ in areas[1:]] == [end for _, end, _ in areas[:-1]]
    assert areas[0][0] == 0
    assert areas[-1][1] == found.size


marks = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 12), st.sampled_from(sorted(STATUSES))), max_size=25
)


@given(st.integers(0, 30), marks)
def test_marks_give_what_a_list_of_bytes_gives(size: int, some: list[tuple[int, int, str]]) -> None:
    found, plain = RescueMap.of(size), [UNTRIED] * size
    for start, length, status in some:
        found.mark(start, start + length, status)
        if length:
            plain += [UNTRIED] * (start + length - len(plain))
            plain[start : start + length] = [status] * length
    shown = [status for start, end, status in found.areas() for _ in range(start, end)]
    assert shown == plain
    assert found.size == len(plain)
    areas = list(found.areas())
    assert all(one[2] != other[2] for one, other in pairwise(areas))
    assert found.good_bytes() == plain.count(GOOD)
    missing = {at for start, length in found.missing(60).extents for at in range(start, start + length)}
    assert missing == {at for at in range(60) if at >= len(plain) or plain[at] != GOOD}
    gaps = found.missing(60)
    for start, length in ((0, 60), (7, 9), (13, 1)):
        touched = {at for low, size in gaps.touching(start, length) for at in range(low, low + size)}
        assert touched == missing & set(range(start, start + length))


def test_gaps_remember_what_was_asked_for() -> None:
    gaps = Gaps([(10, 5), (20, 5)])
    gaps.check(0, 10)
    gaps.check(15, 5)
    with pytest.raises(OSError, match="map"):
        gaps.check(12, 10)
    assert gaps.missed == [(12, 3), (20, 2)]
    assert BAD in STATUSES
