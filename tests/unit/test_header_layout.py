"""The memory of the header scan: it has to pay and to stay small. What it reads is tested elsewhere."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from io import BytesIO

import pytest

from mediakit.dicom.elements import EXPLICIT_LITTLE
from mediakit.dicom.header import Scanner
from mediakit.dicom.instance import Instance
from mediakit.dicom.known_headers import MAX_LAYOUTS, Memo
from tests.support.dicom_bytes import ct, element, us

NAME = element(0x00100010, "PN", "TEST^PATIENT")
STUDY = element(0x0020000D, "UI", "1.3.12.2.1107.5.1.4.60001.30000008010107300000000001")
SERIES = element(0x0020000E, "UI", "1.3.12.2.1107.5.1.4.60001.30000008010107300000000002")


def slice_of(patient: int, number: int) -> bytes:
    """Return one CT slice of one of many patients."""
    raw = ct(number, pixels=40)
    for old, new in (
        (NAME, element(0x00100010, "PN", "N" * (4 + patient * 7 % 23))),
        (STUDY, element(0x0020000D, "UI", f"1.2.3.{patient}")),
        (SERIES, element(0x0020000E, "UI", f"1.2.4.{patient}")),
    ):
        assert old in raw
        raw = raw.replace(old, new)
    return raw


@pytest.mark.parametrize(
    "file",
    [
        pytest.param(lambda n: slice_of(0, n + 1), id="one series"),
        pytest.param(lambda n: slice_of(n // 60, n % 60 + 1), id="one patient after the other"),
        pytest.param(lambda n: slice_of(n % 10, n // 10 + 1), id="patients in turn"),
        pytest.param(lambda n: slice_of(n, 1 + n % 7), id="every file another patient"),
        pytest.param(lambda n: ct(n + 1, pixels=40, implicit=True), id="implicit VR"),
        pytest.param(lambda n: ct(n + 1, pixels=40, bulky=True), id="bulky private elements"),
    ],
)
def test_nearly_all_files_that_resemble_others_are_read_the_quick_way(file: Callable[[int], bytes]) -> None:
    scanner = Scanner()
    for n in range(300):
        raw = file(n)
        assert isinstance(scanner.read(BytesIO(raw), len(raw), "s", "p"), Instance)
    quick = scanner._explicit_memo._hits + scanner._implicit_memo._hits
    assert quick >= 280


def test_the_number_of_layouts_is_bounded_and_learning_stops_when_it_does_not_pay() -> None:
    memo = Memo(EXPLICIT_LITTLE, None)
    for number in range(500):
        raw = us(0x00100000 + 2 * number, 1) + us(0x00280010, 2)
        assert memo.match(raw, 0, len(raw)) is None
        memo.learn(raw, 0, len(raw), b"", {0x00280010: b"\2\0"})
    assert len(memo._layouts) <= MAX_LAYOUTS
    assert memo._learnt < 100


def test_a_layout_gives_the_values_that_differ_and_keeps_those_that_do_not() -> None:
    memo = Memo(EXPLICIT_LITTLE, {0x00100020: b"LO", 0x00280010: b"US"})
    files = [element(0x00100020, "LO", name) + us(0x00280010, 512) for name in ("A", "BCD", "EFGHIJ")]
    for raw in files[:2]:
        assert memo.match(raw, 0, len(raw)) is None
        memo.learn(raw, 0, len(raw), b"", {0x00100020: raw[8:-10], 0x00280010: b"\0\2"})
    found = memo.match(files[2], 0, len(files[2]))
    assert found is not None
    layout, values, end = found
    assert (layout.places, values, end) == ({0x00100020: 0}, [b"EFGHIJ"], len(files[2]))
    assert layout.constant == {0x00280010: b"\0\2"}


@pytest.mark.parametrize(
    "other",
    [
        us(0x00280010, 1) + us(0x00280011, 2) + b"\0",  # bytes behind
        us(0x00280010, 1) + us(0x00280012, 2),  # another element
        us(0x00280010, 1) + element(0x00280011, "SS", b"\2\0"),  # another VR
        us(0x00280010, 1),  # too short
        us(0x00280010, 1) + us(0x00280011, 2)[:-1],  # cut off
    ],
)
def test_a_layout_does_not_match_what_differs_in_anything_but_values(other: bytes) -> None:
    memo = Memo(EXPLICIT_LITTLE, None)
    for value in (2, 3):
        raw = us(0x00280010, value) + us(0x00280011, value)
        memo.learn(raw, 0, len(raw), b"", {0x00280010: raw[8:10], 0x00280011: raw[18:20]})
    same = us(0x00280010, 7) + us(0x00280011, 8)
    assert memo.match(same, 0, len(same)) is not None
    assert memo.match(other, 0, len(other)) is None


def test_explicit_files_are_read_without_pydicom() -> None:
    code = """
import sys
from io import BytesIO
from mediakit.dicom.header import Scanner
raw = sys.stdin.buffer.read()
print(Scanner().read(BytesIO(raw), len(raw), "s", "p").sop_class)
assert "pydicom" not in sys.modules
"""
    done = subprocess.run(
        [sys.executable, "-c", code], input=ct(1, pixels=40), capture_output=True, check=True
    )
    assert done.stdout.strip() == b"1.2.840.10008.5.1.4.1.1.2"
