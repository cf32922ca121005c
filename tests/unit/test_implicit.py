"""Implicit VR Little Endian as what a file is converted to: the transfer syntax that every SCP takes."""

from __future__ import annotations

import io
from pathlib import Path
from struct import pack

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediakit.dicom import part10
from mediakit.dicom.transcode import NotConvertible, Transcoded, transcode
from mediakit.dicom.uids import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN
from tests.support.dicom_bytes import element, identity, item, sequence
from tests.support.dicom_bytes import part10 as whole
from tests.support.each import each
from tests.support.peers import need, run

FILES = Path(pydicom.__file__).parent / "data" / "test_files"
READABLE = sorted(FILES.glob("*.dcm"))


def to_implicit(data: bytes) -> Transcoded:
    result = transcode(io.BytesIO(data), IMPLICIT_VR_LITTLE_ENDIAN)
    assert isinstance(result, Transcoded), result
    return result


@each("path", READABLE, ids=lambda path: path.name)
def test_every_value_of_a_real_file_is_the_same_after_the_way_there_and_back(path: Path) -> None:
    data = path.read_bytes()
    explicit = transcode(io.BytesIO(data), EXPLICIT_VR_LITTLE_ENDIAN)
    implicit = transcode(io.BytesIO(data), IMPLICIT_VR_LITTLE_ENDIAN)
    assert isinstance(explicit, Transcoded) is isinstance(implicit, Transcoded)
    if not isinstance(explicit, Transcoded) or not isinstance(implicit, Transcoded):
        return
    assert implicit.changed_uid is False
    file = part10.read(io.BytesIO(implicit.data))
    assert file.syntax == file.declared == IMPLICIT_VR_LITTLE_ENDIAN
    mine, theirs = part10.read(io.BytesIO(explicit.data)).elements, file.elements
    assert [each.tag for each in mine] == [each.tag for each in theirs]
    for one, other in zip(mine, theirs, strict=True):
        if one.vr != "SQ" and other.vr != "SQ":
            assert bytes(one.value) == bytes(other.value)


@pytest.mark.parametrize(
    "name", ["CT_small.dcm", "MR_small_bigendian.dcm", "image_dfl.dcm", "SC_rgb_rle.dcm"]
)
def test_pydicom_reads_the_same_pixels_and_values(name: str) -> None:
    before = pydicom.dcmread(FILES / name)
    after = pydicom.dcmread(io.BytesIO(to_implicit((FILES / name).read_bytes()).data))
    assert after.file_meta.TransferSyntaxUID == IMPLICIT_VR_LITTLE_ENDIAN
    assert np.array_equal(before.pixel_array, after.pixel_array)
    assert before.SOPInstanceUID == after.SOPInstanceUID
    assert str(before.PatientName) == str(after.PatientName)


@pytest.mark.parametrize(
    "name", ["rtplan.dcm", "reportsi.dcm", "CT_small.dcm", "waveform_ecg.dcm", "JPEG2000.dcm"]
)
def test_dcmdump_reads_the_same_values_from_both(name: str, tmp_path: Path) -> None:
    need("dcmdump")
    dumps = []
    for syntax in (EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN):
        result = transcode(io.BytesIO((FILES / name).read_bytes()), syntax)
        assert isinstance(result, Transcoded)
        path = tmp_path / "file.dcm"
        path.write_bytes(result.data)
        dumped = run("dcmdump", "+L", "-q", str(path))
        assert dumped.returncode == 0, dumped.stderr
        lines = dumped.stdout.splitlines()
        start = next(at for at, line in enumerate(lines) if line.startswith("(0008"))
        # A sequence is longer with explicit headers; VRs of private elements are not in the implicit file.
        dumps.append([_place(line) + _shown(line) for line in lines[start:] if not _is_private(line)])
    assert dumps[0] == dumps[1]


def _place(line: str) -> str:
    return line[: line.index("(") + 11]


def _is_private(line: str) -> bool:
    return line.strip()[4] in "13579bdf"


def _shown(line: str) -> str:
    value = line.strip()[15:].split("#")[0].strip()
    return value if value.startswith("[") else ""


def test_nested_sequences_keep_their_kinds_of_length() -> None:
    inner = sequence(0x00081199, [item(element(0x00081155, "UI", "1.2"), undefined=True)], undefined=True)
    outer = sequence(0x00081115, [item(inner + element(0x0020000E, "UI", "1.3"))])
    data = to_implicit(whole(identity() + outer)).data
    expected_inner = sequence(
        0x00081199,
        [item(element(0x00081155, "UI", "1.2", implicit=True), undefined=True)],
        undefined=True,
        implicit=True,
    )
    expected = sequence(
        0x00081115, [item(expected_inner + element(0x0020000E, "UI", "1.3", implicit=True))], implicit=True
    )
    assert data.endswith(expected)


def test_an_element_of_unknown_vr_keeps_its_bytes() -> None:
    content = item(element(0x00091002, "UN", "x", implicit=True))
    unknown = element(0x00091010, "UN", content + pack("<HHI", 0xFFFE, 0xE0DD, 0), length=0xFFFFFFFF)
    data = to_implicit(whole(identity() + unknown + element(0x00091020, "UN", b"\1\2\3\4"))).data
    assert content in data
    assert data.endswith(element(0x00091020, "UN", b"\1\2\3\4", implicit=True))


def test_a_sequence_that_holds_fragments_is_refused() -> None:
    fragments = element(0x7FE00010, "OB", item(b"\1\2") + pack("<HHI", 0xFFFE, 0xE0DD, 0), length=0xFFFFFFFF)
    data = whole(identity() + sequence(0x00880200, [item(fragments)]))
    assert isinstance(transcode(io.BytesIO(data), IMPLICIT_VR_LITTLE_ENDIAN), NotConvertible)


ELEMENTS = st.dictionaries(
    st.integers(0x00180020, 0x00181FFF).filter(lambda tag: tag & 0xFFFF),
    st.binary(max_size=20).map(lambda raw: raw + b"\0" * (len(raw) % 2)),
    max_size=6,
)


@given(plain=ELEMENTS, nested=st.lists(ELEMENTS, max_size=3), undefined=st.booleans())
def test_any_elements_come_back_as_they_were(
    plain: dict[int, bytes], nested: list[dict[int, bytes]], undefined: bool
) -> None:
    def encoded(elements: dict[int, bytes]) -> bytes:
        return b"".join(element(tag, "UN", raw) for tag, raw in sorted(elements.items()))

    body = identity() + encoded(plain)
    items = [item(encoded(each), undefined=undefined) for each in nested]
    body += sequence(0x00400275, items, undefined=undefined)
    file = part10.read(io.BytesIO(to_implicit(whole(body)).data))
    found = {each.tag: bytes(each.value) for each in file.elements}
    assert {tag: found[tag] for tag in plain} == plain
    (held,) = [each for each in file.elements if each.tag == 0x00400275]
    assert held.undefined is undefined
    read = pydicom.dcmread(io.BytesIO(to_implicit(whole(body)).data), force=True)
    assert [sorted(map(int, each.keys())) for each in read[0x00400275].value] == [
        sorted(each) for each in nested
    ]


@pytest.mark.parametrize(
    "odd",
    [
        element(0x00120064, "LO", "Some software"),
        sequence(0x00081115, [item(element(0x00120064, "LO", "Some software"))]),
        sequence(0x00081115, [item(element(0x00280010, "IS", "12"))], undefined=True),
        element(0x00120064, "UN", item(element(0x00080100, "SH", "AB"))),
        sequence(0x00081115, [item(element(0x00120064, "UN", item(element(0x00080100, "SH", "AB"))))]),
    ],
)
def test_an_element_with_another_vr_than_the_dictionary_is_not_carried_into_implicit_vr(odd: bytes) -> None:
    data = whole(identity() + odd)
    result = transcode(io.BytesIO(data), IMPLICIT_VR_LITTLE_ENDIAN)
    assert isinstance(result, NotConvertible)
    assert result.finding.rule.id == "MK-CNV-029"
    assert result.finding.where.tag in {0x00120064, 0x00280010}
    assert isinstance(transcode(io.BytesIO(data), EXPLICIT_VR_LITTLE_ENDIAN), Transcoded)


@pytest.mark.parametrize(
    "fine",
    [
        element(0x00120064, "LO", ""),
        element(0x00081030, "ST", "text is text"),
        element(0x00280106, "SS", b"\xff\xff"),
        element(0x00091001, "LO", "private"),
        element(0x00120064, "UN", b"\xfe\xff\x00\xe0\0\0\0\0"),
        element(0x00120064, "UN", item(element(0x00080100, "SH", "AB", implicit=True))),
    ],
)
def test_what_reads_the_same_by_the_dictionary_is_carried(fine: bytes) -> None:
    assert isinstance(transcode(io.BytesIO(whole(identity() + fine)), IMPLICIT_VR_LITTLE_ENDIAN), Transcoded)
