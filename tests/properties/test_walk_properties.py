"""The walk over nested elements and the writer: total on any bytes, and each undoes the other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediakit.dicom.elements import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE, MAX_DEPTH, Encoding
from mediakit.dicom.walk import Step, Unwalkable, Walker
from mediakit.dicom.write import NestedWriter
from tests.support.dicom_bytes import ct, item, sequence

ENCODINGS = st.sampled_from([EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG])
SEED = ct(1, pixels=10)[132:]
NESTED = sequence(0x00081140, [item(sequence(0x00081199, [item(b"")], undefined=True))], undefined=True)

Plain = tuple[int, str, bytes]
Nested = tuple[int, bool, list[tuple[bool, list[Plain]]]]

PLAIN = st.tuples(
    st.integers(0x00080001, 0x7FDFFFFF).filter(lambda tag: tag & 0xFFFF),
    st.sampled_from(["LO", "UN", "US", "OB", "DS", "UT", "FD"]),
    st.binary(max_size=20),
)
SEQUENCES = st.tuples(
    st.integers(0x00080001, 0x7FDFFFFF),
    st.booleans(),
    st.lists(st.tuples(st.booleans(), st.lists(PLAIN, max_size=3)), max_size=3),
)


@given(
    st.one_of(st.binary(max_size=200), st.binary(max_size=8).map(lambda end: SEED + NESTED + end)),
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=6),
    ENCODINGS,
    st.booleans(),
    st.booleans(),
)
def test_any_bytes_end_the_walk_or_are_refused_by_its_own_error(
    raw: bytes, changes: list[tuple[int, int]], encoding: Encoding, of_items: bool, lenient: bool
) -> None:
    changed = bytearray(raw)
    for place, byte in changes:
        if changed:
            changed[place % len(changed)] = byte
    at = steps = 0
    try:
        for token in Walker(bytes(changed), encoding, of_items=of_items, lenient=lenient):
            assert token.at == at
            assert at <= token.start <= token.next <= len(changed)
            assert token.end <= len(changed)
            at, steps = token.next, steps + 1
    except Unwalkable as exc:
        assert exc.finding("").text
        assert 0 <= exc.at <= len(changed)
    assert steps <= len(changed) // 4 + 1


def written(elements: list[Plain | Nested], encoding: Encoding) -> bytes:
    writer = NestedWriter(encoding)
    for tag, vr_or_kind, content in elements:
        if isinstance(vr_or_kind, str):
            assert isinstance(content, bytes)
            writer.element(tag, vr_or_kind, content)
            continue
        assert isinstance(content, list)
        writer.open_sequence(tag, "SQ", undefined=vr_or_kind)
        for undefined, inner in content:
            writer.open_item(undefined=undefined)
            for each in inner:
                writer.element(*each)
            writer.close()
        writer.close()
    return bytes(writer.out)


@given(st.lists(st.one_of(PLAIN, SEQUENCES), max_size=5), ENCODINGS)
def test_what_is_written_is_walked_as_it_was(elements: list[Plain | Nested], encoding: Encoding) -> None:
    raw, again = written(elements, encoding), NestedWriter(encoding)
    sequences = {tag for tag, kind, _ in elements if not isinstance(kind, str)}
    plain = {tag for tag, kind, _ in elements if isinstance(kind, str)}
    if encoding.implicit and sequences & plain:
        return  # a tag has one VR in Implicit VR

    def vr_of(depth: int, tag: int, *_: object) -> str:
        return "SQ" if depth == 0 and tag in sequences else "UN"

    for token in Walker(raw, encoding, vr_of):
        if token.step is Step.ELEMENT:
            again.element(token.tag, token.vr, raw[token.start : token.end])
        elif token.step is Step.SEQUENCE:
            again.open_sequence(token.tag, token.vr, undefined=token.end < 0)
        elif token.step is Step.ITEM:
            again.open_item(undefined=token.end < 0)
        else:
            again.close()
    assert bytes(again.out) == raw


def test_a_reader_gives_up_where_no_real_file_nests_so_deep() -> None:
    def nested(depth: int) -> bytes:
        writer = NestedWriter()
        for _ in range(depth):
            writer.open_sequence(0x00081140, "SQ", undefined=True)
            writer.open_item(undefined=True)
        for _ in range(2 * depth):
            writer.close()
        return bytes(writer.out)

    assert len(list(Walker(nested(MAX_DEPTH), EXPLICIT_LITTLE, lenient=True))) == 4 * MAX_DEPTH
    with pytest.raises(Unwalkable, match="nested"):
        list(Walker(nested(MAX_DEPTH + 1), EXPLICIT_LITTLE, lenient=True))
