"""Packed header values are a mapping like any other."""

from __future__ import annotations

import pytest

from mediakit.dicom.packed import Packed

COMMON = {1: b"A", 2: b""}
PACKED = Packed(COMMON, {3: 0, 4: 1}, (b"C", b"D"))


def test_packed_values_equal_the_dictionary_of_the_same_values() -> None:
    whole = {1: b"A", 2: b"", 3: b"C", 4: b"D"}
    assert dict(PACKED) == whole
    assert whole == PACKED
    assert whole == PACKED
    assert len(PACKED) == 4
    assert repr(PACKED) == f"Packed({whole})"
    assert Packed(COMMON, {3: 0, 4: 1}, (b"C", b"E")) != PACKED


def test_a_value_is_found_whether_it_is_common_or_not() -> None:
    assert [PACKED.get(tag) for tag in (1, 2, 3, 4, 5)] == [b"A", b"", b"C", b"D", None]
    assert PACKED.get(5, b"none") == b"none"
    assert (PACKED[1], PACKED[4]) == (b"A", b"D")
    assert (1 in PACKED, 3 in PACKED, 5 in PACKED) == (True, True, False)
    with pytest.raises(KeyError):
        PACKED[5]
