from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.tag import BaseTag

from mediakit.dicom import part10
from mediakit.dicom.implementation import IMPLEMENTATION_CLASS_UID
from mediakit.dicom.transcode import Loss, NotConvertible, Transcoded, transcode
from mediakit.dicom.uids import EXPLICIT_VR_LITTLE_ENDIAN
from tests.support.each import each

FILES = Path(pydicom.__file__).parent / "data" / "test_files"
RLE = "1.2.840.10008.1.2.5"
DAMAGED = {"MR_truncated.dcm", "rtplan_truncated.dcm", "no_meta.dcm", "DICOMDIR-nooffset"}
NATIVE = ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"]
IMPLICIT = (FILES / "MR_small_implicit.dcm").read_bytes()


def convert(data: bytes, to: str = EXPLICIT_VR_LITTLE_ENDIAN, loss: Loss = Loss.LOSSLESS) -> Transcoded:
    result = transcode(io.BytesIO(data), to, loss)
    assert isinstance(result, Transcoded), result
    return result


def refused(data: bytes, to: str = EXPLICIT_VR_LITTLE_ENDIAN, loss: Loss = Loss.LOSSLESS) -> str:
    result = transcode(io.BytesIO(data), to, loss)
    assert isinstance(result, NotConvertible)
    assert result.finding.text
    return result.finding.rule.id


def rules(result: Transcoded) -> set[str]:
    assert all(finding.text for finding in result.findings)
    return {finding.rule.id for finding in result.findings}


def explicit(*elements: tuple[int, str, bytes]) -> bytes:
    out = b""
    for tag, vr, value in elements:
        head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr.encode())
        long = vr in {"OB", "OW", "SQ", "UN", "UT", "OF"}
        out += head + (struct.pack("<HL", 0, len(value)) if long else struct.pack("<H", len(value))) + value
    return out


def implicit(*elements: tuple[int, bytes]) -> bytes:
    return b"".join(
        struct.pack("<HHL", tag >> 16, tag & 0xFFFF, len(value)) + value for tag, value in elements
    )


def part_10(syntax: str, body: bytes) -> bytes:
    value = syntax.encode() + b"\0" * (len(syntax) % 2)
    meta = explicit((0x00020002, "UI", b"1.2.3\0"), (0x00020010, "UI", value), (0x00020016, "AE", b"SENDER"))
    return bytes(128) + b"DICM" + meta + body


def native_files() -> list[Path]:
    found = []
    for path in sorted(FILES.rglob("*")):
        if path.is_dir() or path.name in DAMAGED or path.suffix in {".txt", ".json", ".icc", ".dump", ".gz"}:
            continue
        if path.name == "README":
            continue
        syntax = pydicom.dcmread(path, force=True, stop_before_pixels=True).file_meta.get(
            "TransferSyntaxUID", ""
        )
        if syntax in NATIVE and not path.name.startswith("rtdose_expb"):
            found.append(path)
    return found


def tags_of(dataset: pydicom.Dataset) -> list[BaseTag]:
    keys: Iterable[BaseTag] = dataset.keys()
    return [tag for tag in keys if tag.element]


def evened(value: object) -> object:
    """Return raw bytes with the NUL that makes their number even."""
    return value + b"\0" * (len(value) % 2) if isinstance(value, bytes) else value or b""


def differences(left: pydicom.Dataset, right: pydicom.Dataset, same_order: bool) -> list[str]:
    """Compare raw value bytes element by element, however deep; iterative like what it judges."""
    found, stack = [], [(left, right)]
    while stack:
        one, other = stack.pop()
        tags = tags_of(one)
        if tags != tags_of(other):
            found.append("other tags")
            continue
        for tag in tags:
            before, after = one.get_item(tag), other.get_item(tag)
            first, second = one[tag], other[tag]
            if first.VR == "SQ" and second.VR == "SQ":
                if len(first.value) != len(second.value):
                    found.append(f"{tag} items")
                stack += zip(first.value, second.value, strict=False)
            elif same_order and evened(getattr(before, "value", 0)) != evened(getattr(after, "value", 1)):
                found.append(f"{tag} raw")
            elif same_order and isinstance(first.value, bytes):
                continue  # compared as they lie there
            elif tag != 0x7FE00010 and (first.value != second.value or first.VR != second.VR):
                found.append(f"{tag} value")
    return found


@each("path", native_files(), ids=lambda path: path.name)
def test_every_native_file_keeps_every_element_in_explicit_little_endian(path: Path) -> None:
    result = convert(path.read_bytes())
    before, after = pydicom.dcmread(path, force=True), pydicom.dcmread(io.BytesIO(result.data))
    assert after.file_meta.TransferSyntaxUID == EXPLICIT_VR_LITTLE_ENDIAN
    big = before.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.2"
    assert differences(before, after, same_order=not big) == []
    assert not result.changed_uid


def test_bytes_of_an_explicit_data_set_are_carried_over_as_they_are() -> None:
    body = explicit(
        (0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.7\0"),
        (0x00080018, "UI", b"1.2.3.4\0"),
        (0x00080020, "DA", b"not a date  "),
        (0x00100010, "PN", b"\xc4\xd6^odd \0"),
        (0x00180050, "DS", b" 1.5000 "),
        (0x00290010, "LO", b"SOMEBODY"),
        (0x00291001, "UN", b"\x01\x02\x03\x04"),
    )
    result = convert(part_10(EXPLICIT_VR_LITTLE_ENDIAN, body))
    assert result.data.endswith(body)
    assert result.sop_instance == "1.2.3.4"
    assert rules(result) == set()


def test_the_meta_information_names_us_the_data_set_and_the_sender() -> None:
    body = explicit((0x00080016, "UI", b"1.2.5\0"), (0x00080018, "UI", b"1.2.6\0"))
    meta = pydicom.dcmread(io.BytesIO(convert(part_10(EXPLICIT_VR_LITTLE_ENDIAN, body)).data)).file_meta
    assert meta.MediaStorageSOPClassUID == "1.2.5"
    assert meta.MediaStorageSOPInstanceUID == "1.2.6"
    assert meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
    assert meta.SourceApplicationEntityTitle == "SENDER"


def test_implicit_sequences_keep_defined_lengths_and_lose_their_group_lengths() -> None:
    item = implicit((0x00080000, b"\x0a\0\0\0"), (0x00081150, b"1.2\0"))
    items = struct.pack("<HHL", 0xFFFE, 0xE000, len(item)) + item
    result = convert(part_10(NATIVE[0], implicit((0x00080018, b"1.2\0"), (0x00081140, items))))
    inner = explicit((0x00081150, "UI", b"1.2\0"))
    expected = struct.pack("<HHL", 0xFFFE, 0xE000, len(inner)) + inner
    assert result.data.endswith(explicit((0x00081140, "SQ", expected)))


def test_implicit_sequences_of_undefined_length_stay_so_at_any_depth() -> None:
    depth = 100
    opened = struct.pack("<HHL", 0x0008, 0x1140, 0xFFFFFFFF) + struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)
    closed = struct.pack("<HHLHHL", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
    body = implicit((0x00080018, b"1.2\0")) + opened * depth + closed * depth
    result = convert(part_10(NATIVE[0], body))
    again = part10.read(io.BytesIO(result.data))
    assert [(e.tag, e.vr, e.undefined) for e in again.elements][1:] == [(0x00081140, "SQ", True)]
    assert result.data.count(b"\xfe\xff\x00\xe0") == depth


@pytest.mark.parametrize(("representation", "vr"), [(0, "US"), (1, "SS")])
def test_the_sign_of_an_implicit_value_follows_pixel_representation(representation: int, vr: str) -> None:
    body = implicit(
        (0x00280103, struct.pack("<H", representation)), (0x00280106, b"\xfe\xff"), (0x7FE00010, b"\0\0")
    )
    read = part10.read(io.BytesIO(part_10(NATIVE[0], body)))
    assert [e.vr for e in read.elements] == ["US", vr, "OW"]


def test_private_values_take_the_vr_of_their_creator_and_unknown_ones_become_un() -> None:
    body = implicit(
        (0x00190010, b"GEMS_ACQU_01"),
        (0x00191002, b"\1\0\0\0"),
        (0x001910FD, b"abc "),
        (0x00210010, b"NOBODY"),
        (0x00211001, b"abcd"),
    )
    read = part10.read(io.BytesIO(part_10(NATIVE[0], body)))
    assert [e.vr for e in read.elements] == ["LO", "SL", "UN", "LO", "UN"]


def test_a_creator_of_one_item_says_nothing_of_the_next_item() -> None:
    def item(*elements: tuple[int, bytes]) -> bytes:
        content = implicit(*elements)
        return struct.pack("<HHL", 0xFFFE, 0xE000, len(content)) + content

    first = item((0x00190010, b"GEMS_ACQU_01"), (0x00191002, b"\1\0\0\0"))
    second = item((0x00191002, b"\1\0\0\0"))
    result = convert(part_10(NATIVE[0], implicit((0x00081140, first + second))))
    assert result.data.count(b"\x19\0\x02\x10SL") == 1
    assert result.data.count(b"\x19\0\x02\x10UN") == 1


def test_a_value_too_long_for_its_vr_becomes_un() -> None:
    value = b"x" * 70000
    read = part10.read(io.BytesIO(part_10(NATIVE[0], implicit((0x00104000, b"ok"), (0x00204000, value)))))
    assert [(e.vr, bytes(e.value)) for e in read.elements] == [("LT", b"ok"), ("UN", value)]


def test_group_lengths_and_a_used_preamble_are_told() -> None:
    body = explicit((0x00080000, "UL", b"\x10\0\0\0"), (0x00080018, "UI", b"1.2\0"))
    file = part_10(EXPLICIT_VR_LITTLE_ENDIAN, body)
    result = convert(b"II*\0" + file[4:])
    assert rules(result) == {"MK-CNV-003", "MK-CNV-004"}
    assert result.data[:128] == bytes(128)
    assert b"\x08\0\0\0UL" not in result.data


def test_a_bare_data_set_gets_meta_information() -> None:
    body = IMPLICIT[
        132 + 12 + pydicom.dcmread(io.BytesIO(IMPLICIT)).file_meta.FileMetaInformationGroupLength :
    ]
    result = convert(body)
    assert {"MK-CNV-001", "MK-CNV-007"} <= rules(result)
    elements = part10.read(io.BytesIO(result.data)).elements
    assert elements == part10.read(io.BytesIO(convert(IMPLICIT).data)).elements


def test_a_data_set_that_is_not_encoded_as_declared_is_read_as_it_is() -> None:
    result = convert(part_10(EXPLICIT_VR_LITTLE_ENDIAN, implicit((0x00080018, b"1.2\0"))))
    assert "MK-CNV-009" in rules(result)
    assert result.sop_instance == "1.2"


def test_big_endian_samples_of_32_bits_are_refused_because_two_readings_exist() -> None:
    assert refused((FILES / "rtdose_expb.dcm").read_bytes()) == "MK-CNV-027"


def test_zeros_behind_the_last_element_are_left_out() -> None:
    body = explicit((0x00080018, "UI", b"1.2\0"))
    assert convert(part_10(EXPLICIT_VR_LITTLE_ENDIAN, body + bytes(1000))).data.endswith(body)


def test_what_is_no_image_cannot_be_encoded_but_can_be_explicit() -> None:
    plan = (FILES / "rtplan.dcm").read_bytes()
    assert refused(plan, RLE) == "MK-CNV-023"
    assert convert(plan).sop_instance


@pytest.mark.parametrize("to", ["1.2.840.10008.1.2.2", "1.2.840.10008.1.2.4.100", "1.2.3"])
def test_other_targets_are_refused(to: str) -> None:
    assert refused(IMPLICIT, to) == "MK-CNV-022"


def test_the_same_input_gives_the_same_bytes() -> None:
    assert convert(IMPLICIT, RLE).data == convert(IMPLICIT, RLE).data


def test_a_deflated_bomb_or_a_cut_stream_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part10, "MAX_INFLATED_BYTES", 1 << 20)
    packer = zlib.compressobj(wbits=-15)
    deflated = packer.compress(explicit((0x00080018, "UI", b"1.2\0"), (0x00420011, "OB", bytes(4 << 20))))
    deflated += packer.flush()
    assert refused(part_10(NATIVE[2], deflated)) == "MK-CNV-020"
    assert refused(part_10(NATIVE[2], deflated[:-30])) == "MK-CNV-020"


@given(cut=st.integers(0, len(IMPLICIT)))
def test_a_file_cut_anywhere_is_refused_or_whole_up_to_an_element(cut: int) -> None:
    result = transcode(io.BytesIO(IMPLICIT[:cut]), EXPLICIT_VR_LITTLE_ENDIAN)
    assert isinstance(result, Transcoded | NotConvertible)


@given(data=st.binary(max_size=200), bare=st.booleans(), syntax=st.sampled_from(NATIVE))
def test_garbage_gives_a_value_and_never_an_exception(data: bytes, bare: bool, syntax: str) -> None:
    result = transcode(io.BytesIO(data if bare else part_10(syntax, data)), EXPLICIT_VR_LITTLE_ENDIAN)
    assert isinstance(result, Transcoded | NotConvertible)


@given(changes=st.lists(st.tuples(st.integers(132, 1500), st.integers(0, 255)), max_size=12))
def test_a_damaged_header_gives_a_value_and_never_an_exception(changes: list[tuple[int, int]]) -> None:
    data = bytearray(IMPLICIT)
    for at, byte in changes:
        data[at] = byte
    result = transcode(io.BytesIO(bytes(data)), EXPLICIT_VR_LITTLE_ENDIAN)
    assert isinstance(result, Transcoded | NotConvertible)


@given(
    st.lists(
        st.tuples(
            st.integers(0x00080002, 0x7FDFFFFF).filter(lambda tag: tag & 0xFFFF),
            st.sampled_from(["LO", "UN", "US", "OB", "DS", "UT", "FD"]),
            st.binary(max_size=40).map(lambda value: value + value),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_any_explicit_elements_come_out_byte_for_byte(elements: list[tuple[int, str, bytes]]) -> None:
    in_order = sorted({each[0]: each for each in elements}.values())
    body = explicit((0x00080001, "UL", b"\0\0\0\0"), *in_order)
    assert convert(part_10(EXPLICIT_VR_LITTLE_ENDIAN, body)).data.endswith(body)
