"""Multipart answers, cut anywhere, whole or not."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediakit.destinations.multipart import NotMultipart, PartBegins, boundary_of, parts_of

BOUNDARY = b"b0undary"
bodies = st.lists(st.binary(max_size=40) | st.just(b"\r\n--b0undar") | st.just(b"--b0undary\r\n"), max_size=4)


def body_of(parts: list[bytes], head: bytes = b"Content-Type: application/dicom\r\n") -> bytes:
    written = b"".join(b"--" + BOUNDARY + b"\r\n" + head + b"\r\n" + part + b"\r\n" for part in parts)
    return written + b"--" + BOUNDARY + b"--\r\n"


def read(chunks: list[bytes]) -> list[bytes]:
    found: list[bytearray] = []
    for event in parts_of(chunks, BOUNDARY):
        if isinstance(event, PartBegins):
            assert event.media_type == "application/dicom"
            found.append(bytearray())
        else:
            found[-1] += event.data
    return [bytes(part) for part in found]


@given(bodies, st.lists(st.integers(0, 400), max_size=8))
def test_parts_come_out_as_they_went_in_wherever_the_answer_is_cut(
    parts: list[bytes], cuts: list[int]
) -> None:
    whole = body_of(parts)
    places = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    chunks = [whole[start:end] for start, end in pairwise(places)]
    assert read(chunks) == parts


@given(bodies, st.data())
def test_an_answer_that_ends_early_is_never_taken_for_a_whole_one(
    parts: list[bytes], data: st.DataObject
) -> None:
    whole = body_of(parts).removesuffix(b"--\r\n")
    with pytest.raises(NotMultipart):
        read([whole[: data.draw(st.integers(0, len(whole)))]])


def test_a_header_without_an_end_is_refused_in_bounds() -> None:
    endless = (b"X: " + b"y" * 1000 for _ in iter(int, 1))
    with pytest.raises(NotMultipart, match="does not end"):
        list(parts_of(iter([b"--" + BOUNDARY + b"\r\n", *(next(endless) for _ in range(100))]), BOUNDARY))


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ('multipart/related; type="application/dicom"; boundary=abc', b"abc"),
        ('Multipart/Related; boundary="a b;c"; type="application/dicom"', b"a b;c"),
        ("multipart/related;boundary=x; start=1", b"x"),
    ],
)
def test_the_boundary_is_read_in_every_form(content_type: str, boundary: bytes) -> None:
    assert boundary_of(content_type) == boundary


@pytest.mark.parametrize(
    "content_type", ["", "application/dicom", "multipart/related", "text/html; boundary=a"]
)
def test_another_kind_of_answer_is_none(content_type: str) -> None:
    with pytest.raises(NotMultipart):
        boundary_of(content_type)
