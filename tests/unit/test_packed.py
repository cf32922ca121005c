"""Packed header values are a mapping like any other."""

from __future__ import annotations

import tracemalloc
from io import BytesIO

import pytest

from mediakit.dicom.header import Scanner
from mediakit.dicom.instance import Instance
from mediakit.dicom.packed import Common, Packed, Several
from tests.support.dicom_bytes import ct

COMMON = {1: b"A", 2: b""}
SHARED = Common(COMMON, {3: 0, 4: 1})
PACKED = Packed(SHARED, (b"C", b"D"))


def test_packed_values_equal_the_dictionary_of_the_same_values() -> None:
    whole = {1: b"A", 2: b"", 3: b"C", 4: b"D"}
    assert dict(PACKED) == whole
    assert whole == PACKED
    assert whole == PACKED
    assert len(PACKED) == 4
    assert repr(PACKED) == f"Packed({whole})"
    assert Packed(SHARED, (b"C", b"E")) != PACKED


def test_a_value_is_found_whether_it_is_common_or_not() -> None:
    assert [PACKED.get(tag) for tag in (1, 2, 3, 4, 5)] == [b"A", b"", b"C", b"D", None]
    assert PACKED.get(5, b"none") == b"none"
    assert (PACKED[1], PACKED[4]) == (b"A", b"D")
    assert (1 in PACKED, 3 in PACKED, 5 in PACKED) == (True, True, False)
    with pytest.raises(KeyError):
        PACKED[5]


def test_several_values_are_those_of_single_tags_in_headers_of_any_kind() -> None:
    for tags in ((4, 1, 5, 3), (1, 2), (5, 6), (4, 3)):
        several = Several(*tags)
        expected = tuple(map(PACKED.get, tags))
        assert several(PACKED) == several(PACKED) == several(dict(PACKED)) == expected
    several = Several(4, 1)
    assert (several(PACKED), several(Packed(SHARED, (b"C", b"E")))) == ((b"D", b"A"), (b"E", b"A"))
    with pytest.raises(ValueError, match="get"):
        Several(4)


def test_headers_of_a_series_share_what_they_have_in_common() -> None:
    scanner = Scanner()
    files = [ct(number, pixels=40) for number in range(400)]
    for number in range(100):  # until the layout of the series is known
        _scanned(scanner, files[number])
    tracemalloc.start()
    instances = [_scanned(scanner, raw) for raw in files[100:]]
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert all(len(instance.header.values) > 40 for instance in instances)
    assert size / len(instances) < 1600  # with a dictionary for each of them it was twice as much


def test_headers_that_no_layout_is_known_for_say_the_same() -> None:
    raw = ct(1, pixels=40)
    scanner = Scanner()
    plain, quick = _scanned(scanner, raw), _scanned(scanner, raw)
    assert plain.header == quick.header
    assert plain == quick


def _scanned(scanner: Scanner, raw: bytes) -> Instance:
    found = scanner.read(BytesIO(raw), len(raw), "source", "IN/1")
    assert isinstance(found, Instance)
    return found
