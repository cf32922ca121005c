"""Names in every character set, as DCMTK and pydicom read them."""

from __future__ import annotations

import io
import subprocess
import warnings
from pathlib import Path

import pydicom
import pytest

from mediakit.dicom.text import decode
from tests.support.dicom_bytes import element, identity, part10
from tests.support.peers import need

pytestmark = pytest.mark.interop

NAMES = (
    ("ISO_IR 100", b"M\xfcller^J\xfcrgen"),
    ("ISO_IR 101", b"\xa9imkov\xe1"),
    ("ISO_IR 109", b"\xa1\xb1"),
    ("ISO_IR 110", b"\xc0\xe0"),
    ("ISO_IR 126", b"\xc4\xe9\xef\xed"),
    ("ISO_IR 127", b"\xe2\xc8\xc7"),
    ("ISO_IR 138", b"\xf9\xf8\xe5"),
    ("ISO_IR 144", b"\xbb\xee\xda"),
    ("ISO_IR 148", b"\xdd\xfd"),
    ("ISO_IR 166", b"\xa1\xa2\xc3"),
    ("ISO_IR 203", b"\xa6imkov\xe1^L\xbdna"),
    ("ISO_IR 13", b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3"),
    ("ISO_IR 192", "Wang^XiaoDong=王^小東".encode()),
    ("GB18030", b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab"),
    ("GBK", b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab"),
    ("\\ISO 2022 IR 58", b"Zhang^X=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab"),
    ("\\ISO 2022 IR 149", b"Hong^Gil=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7"),
    ("\\ISO 2022 IR 87", b"Yamada^T=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B"),
    ("ISO 2022 IR 13\\ISO 2022 IR 87", b"\xd4\xcf\xc0\xde=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J"),
    ("\\ISO 2022 IR 87\\ISO 2022 IR 159", b"A^B=\x1b$(D0!\x1b(B"),
    ("ISO 2022 IR 100\\ISO 2022 IR 144", b"M\xfc=\x1b-L\xbb\xee^\xe9"),
    ("ISO 2022 IR 100\\ISO 2022 IR 126", b"M\xfc=\x1b-F\xc4\xe9"),
)
# It has no table for the first, reads escape sequences of the second as text, and does not end the third
# behind the delimiter of a component, as PS3.5 6.1.2.5.3 and DCMTK do.
UNKNOWN_TO_PYDICOM = {"ISO_IR 203", "\\ISO 2022 IR 58", "ISO 2022 IR 100\\ISO 2022 IR 144"}
READ_BY_DCMTK = 15  # at least: some builds of DCMTK know no Japanese sets and no ISO_IR 203


def file_of(charset: str, name: bytes) -> bytes:
    values = element(0x00080005, "CS", charset.encode()) + identity() + element(0x00100010, "PN", name)
    return part10(values)


def test_pydicom_reads_the_same_names() -> None:
    differ = []
    for charset, name in NAMES:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read = str(pydicom.dcmread(io.BytesIO(file_of(charset, name))).PatientName)
        if charset not in UNKNOWN_TO_PYDICOM and read != decode(name, charset.encode(), "PN"):
            differ.append((charset, read, decode(name, charset.encode(), "PN")))
    assert not differ


def test_dcmtk_reads_the_same_names(tmp_path: Path) -> None:
    need("dcmdump")
    read = {}
    for charset, name in NAMES:
        (tmp_path / "one.dcm").write_bytes(file_of(charset, name))
        command = ["dcmdump", "+U8", "+L", "+P", "0010,0010", str(tmp_path / "one.dcm")]
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode == 0 and b"[" in done.stdout and b"E:" not in done.stderr:
            read[charset] = done.stdout.decode().partition("[")[2].partition("]")[0].strip()
    ours = {charset: decode(name, charset.encode(), "PN") for charset, name in NAMES if charset in read}
    assert read == ours
    assert len(read) >= READ_BY_DCMTK
