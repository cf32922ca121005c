"""The directory codec on arbitrary trees, arbitrary bytes and damaged directories."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediakit.errors import DoesNotFit
from mediakit.fileset.decode import decode
from mediakit.fileset.decode_findings import FINDINGS_PER_RULE
from mediakit.fileset.encode import encode
from mediakit.fileset.file_id import FileID
from mediakit.fileset.record import Directory, DirectoryRecord, FileRef, Key
from mediakit.fileset.record_types import CHILDREN
from tests.support.directories import (
    ITEM_END,
    SEQUENCE_END,
    UNDEFINED,
    Item,
    dicomdir,
    directory,
    element,
    image,
    item,
    patient,
    starts,
)
from tests.support.each import each

# Two records of an arbitrary tree may have the same File ID or identity: not a matter of the codec.
REPEATED = {"MK-DIR-035", "MK-DIR-036"}
CONTAINERS = {"PATIENT", "STUDY", "SERIES", "PRIVATE"}

components = st.text("ABCXYZ0189_", min_size=1, max_size=8)
file_ids = st.lists(components, min_size=1, max_size=8).map(lambda parts: FileID("/".join(parts)))
uids = st.lists(st.integers(0, 99999), min_size=2, max_size=9).map(lambda n: "1.2." + ".".join(map(str, n)))
even_bytes = st.binary(max_size=40).map(lambda b: b + b" " * (len(b) % 2))
text_vrs = st.sampled_from(
    ["CS", "LO", "PN", "SH", "UI", "DA", "TM", "IS", "DT", "US", "OB", "UN", "UT", "UV"]
)
plain_keys = st.builds(Key, st.integers(0x00080005, 0xFFFC0000), text_vrs, even_bytes)
charsets = st.sampled_from(
    [b"ISO_IR 100", b"ISO_IR 192", b"\\ISO 2022 IR 87 ", b"ISO 2022 IR 6\\ISO 2022 IR 87"]
)


@st.composite
def sequence_keys(draw: st.DrawFn) -> Key:
    inner = element(0x00080100, "SH", draw(even_bytes))
    deeper = element(0x0040A168, "SQ", item(inner))
    content = item(inner + deeper) if draw(st.booleans()) else item(inner, UNDEFINED) + ITEM_END
    return Key(draw(st.sampled_from([0x0040A043, 0x00880200, 0x00081115])), "SQ", content)


@st.composite
def key_tuples(draw: st.DrawFn) -> tuple[Key, ...]:
    keys = draw(st.lists(st.one_of(plain_keys, sequence_keys()), max_size=5))
    keys.append(Key(0x00080005, "CS", draw(charsets)))
    by_tag = {key.tag: key for key in keys}
    return tuple(by_tag[tag] for tag in sorted(by_tag))


references = st.builds(
    FileRef, file_ids, uids, uids, uids, st.lists(uids, max_size=2).map(tuple), st.just(b"")
)


@st.composite
def records(draw: st.DrawFn, kind: str, depth: int) -> DirectoryRecord:
    keys = draw(key_tuples())
    if kind == "PRIVATE":
        keys = (Key(0x00041432, "UI", b"1.2.3\0"), *keys)
    reference = None if kind in CONTAINERS and draw(st.booleans()) else draw(references)
    children: tuple[DirectoryRecord, ...] = ()
    if depth and (kind in CONTAINERS or draw(st.integers(0, 4)) == 0):
        kinds = draw(st.lists(st.sampled_from(sorted(CHILDREN[kind])), max_size=3))
        children = tuple(draw(records(child, depth - 1)) for child in kinds)
    return DirectoryRecord(kind, keys, reference, children)


@st.composite
def directories(draw: st.DrawFn) -> Directory:
    kinds = draw(st.lists(st.sampled_from(sorted(CHILDREN[""])), max_size=3))
    roots = tuple(draw(records(kind, 6)) for kind in kinds)
    file_set_id = draw(st.text("ABC019_", max_size=16))
    descriptor = draw(st.one_of(st.just(""), file_ids.map(lambda f: f.value)))
    charset = "ISO_IR 100" if descriptor else ""
    return Directory(file_set_id, draw(uids), roots, descriptor, charset)


@given(directories())
def test_what_is_encoded_is_decoded_the_same_without_findings(made: Directory) -> None:
    data = encode(made)
    decoded = decode(data)
    assert decoded.directory == made
    assert {finding.rule.id for finding in decoded.findings} <= REPEATED
    assert encode(decoded.directory) == data


@given(directories())
@settings(max_examples=30)
def test_records_stand_in_the_file_in_depth_first_order_and_offsets_point_at_items(made: Directory) -> None:
    data = encode(made)
    assert [record.seen_at for record in decode(data).directory.walk()] == starts(data)


@pytest.mark.parametrize("kind", sorted(set().union(*CHILDREN.values())))
@given(st.data())
@settings(max_examples=5)
def test_every_type_survives_below_a_parent_that_may_have_it(kind: str, data: st.DataObject) -> None:
    record = data.draw(records(kind, 0))
    while kind not in CHILDREN[""]:
        kind = next(parent for parent, below in CHILDREN.items() if kind in below and parent != "PRIVATE")
        record = DirectoryRecord(kind, (), None, (record,))
    made = directory(record)
    decoded = decode(encode(made))
    assert decoded.directory == made
    assert decoded.findings == ()


def check(data: bytes) -> None:
    """Assert what holds for the decoding of any bytes."""
    decoded = decode(data)
    seen = [record.seen_at for record in decoded.directory.walk()]
    assert len(seen) == len(set(seen))
    assert all(at is not None and 0 <= at <= len(data) - 8 for at in seen)
    per_rule: dict[str, int] = {}
    for finding in decoded.findings:
        assert finding.text
        per_rule[finding.rule.id] = per_rule.get(finding.rule.id, 0) + 1
    assert all(count <= FINDINGS_PER_RULE or rule == "MK-DIR-099" for rule, count in per_rule.items())
    for record in decoded.directory.walk():
        tags = [key.tag for key in record.keys]
        assert tags == sorted(set(tags))
    try:
        again = encode(decoded.directory)
    except DoesNotFit:
        return
    assert len(decode(again).directory.roots) == len(decoded.directory.roots)


@given(st.binary(max_size=600))
def test_arbitrary_bytes_give_an_answer(data: bytes) -> None:
    check(data)
    check(bytes(128) + b"DICM" + data)


SOUND = encode(directory(patient(1, series_count=2), patient(2)))
HEAD_SIZE = starts(SOUND)[0]
FOREIGN = Path(pydicom.__file__).parent / "data" / "test_files" / "dicomdirtests"
VICTIMS = [SOUND, *((FOREIGN / f"DICOMDIR-{name}").read_bytes() for name in ("implicit", "bigEnd"))]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(VICTIMS)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(132, len(data) - 5))
        how = draw(st.sampled_from(["byte", "number", "cut", "insert", "copy"]))
        if how == "byte":
            data[at] = draw(st.integers(0, 255))
        elif how == "number":
            data[at : at + 4] = draw(st.sampled_from([0, 1, HEAD_SIZE, 0xFFFFFFFF, 0xFFFF])).to_bytes(
                4, "little"
            )
        elif how == "cut":
            del data[at : at + draw(st.integers(1, 60))]
        elif how == "insert":
            data[at:at] = draw(
                st.sampled_from([ITEM_END, SEQUENCE_END, b"\xfe\xff\0\xe0\xff\xff\xff\xff", b"??"])
            )
        else:
            data[at:at] = data[at : at + 80]
        if len(data) < 200:
            break
    return bytes(data)


@given(damaged())
def test_damaged_directories_give_an_answer(data: bytes) -> None:
    check(data)


@given(st.data())
def test_arbitrary_links_lose_no_record(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 14))
    link = st.one_of(st.none(), st.integers(0, count - 1))
    kinds = st.sampled_from(["PATIENT", "STUDY", "SERIES", "IMAGE", "HOLOGRAM"])
    items = [Item(kind=data.draw(kinds), next=data.draw(link), lower=data.draw(link)) for _ in range(count)]
    raw = dicomdir(items, first=data.draw(link), last=data.draw(link))
    decoded = decode(raw)
    assert sorted(record.seen_at or 0 for record in decoded.directory.walk()) == starts(raw)


def steps(action: Callable[[], Any]) -> int:
    """Return how many lines of the codec ran: a measure of work that no busy machine can change."""
    count = 0

    def trace(frame: Any, event: str, arg: Any) -> Any:
        nonlocal count
        if "fileset" not in frame.f_code.co_filename:
            return None
        count += 1
        return trace

    sys.settrace(trace)
    try:
        action()
    finally:
        sys.settrace(None)
    return count


def wide(count: int) -> bytes:
    return encode(directory(patient(1, image_count=count)))


def deep(count: int) -> bytes:
    uid = element(0x00041432, "UI", b"1.2\0")
    links = [i + 1 if i + 1 < count else None for i in range(count)]
    return dicomdir([Item(kind="PRIVATE", lower=below, extra=uid) for below in links])


def rings(count: int) -> bytes:
    return dicomdir([Item(kind="IMAGE", next=i ^ 1, lower=(i + 2) % count) for i in range(count)], first_at=0)


def all_to_one(count: int) -> bytes:
    return dicomdir([image(i, next=0, lower=0) for i in range(count)])


def nowhere(count: int) -> bytes:
    return dicomdir([Item(kind="IMAGE", next_at=7 + i, lower_at=9_999_999 + i) for i in range(count)])


def misplaced(count: int) -> bytes:
    return dicomdir([Item(kind="SERIES", next=(i + 1) % count) for i in range(count)])


def endless_sequences(count: int) -> bytes:
    """Return records that each open a sequence which nobody closes."""
    open_ = element(0x00880200, "SQ", b"", UNDEFINED)
    return dicomdir([Item(kind="IMAGE", extra=open_, is_undefined=True) for _ in range(count)])


def nested_sequences(count: int) -> bytes:
    nest = (element(0x00880200, "SQ", b"", UNDEFINED) + item(b"", UNDEFINED)) * 20
    return dicomdir([Item(kind="IMAGE", extra=nest) for _ in range(count)])


def endless_implicit_sequences(count: int) -> bytes:
    """Return the same hidden in VR UN, so that it has to be written anew."""
    open_ = element(0x00880200, "UN", b"", UNDEFINED)
    return dicomdir([Item(kind="IMAGE", extra=open_, is_undefined=True) for _ in range(count)])


def garbage(count: int) -> bytes:
    return dicomdir([Item(kind="IMAGE", wrong_by=3) for _ in range(count)])


def half_markers(count: int) -> bytes:
    return bytes(128) + b"DICM" + b"\x04\0\0\x14UL\x04\0" * count


@each(
    "make",
    [
        wide,
        deep,
        rings,
        all_to_one,
        nowhere,
        misplaced,
        endless_sequences,
        endless_implicit_sequences,
        nested_sequences,
        garbage,
        half_markers,
    ],
)
def test_the_work_of_decoding_grows_with_the_size_of_the_file_and_no_faster(
    make: Callable[[int], bytes],
) -> None:
    small, large = make(100), make(400)
    growth = steps(lambda: decode(large)) / steps(lambda: decode(small))
    assert growth < 1.35 * len(large) / len(small)


def test_the_work_of_encoding_grows_with_the_number_of_records_and_no_faster() -> None:
    small, large = directory(patient(1, image_count=100)), directory(patient(1, image_count=400))
    assert steps(lambda: encode(large)) < 4.2 * steps(lambda: encode(small))
