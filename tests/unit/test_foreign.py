"""Images and archives that are known and not read: named, with what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from mediakit.errors import SourceError
from mediakit.formats.registry import open_tree

_SYNC = b"\0" + b"\xff" * 10 + b"\0"


def held(*marks: tuple[int, bytes], size: int = 100_000) -> bytes:
    content = bytearray(size)
    for at, mark in marks:
        content[at : at + len(mark)] = mark
    return bytes(content)


FOREIGN = {
    "HFS+": (held((1024, b"H+\0\4")), "mount"),
    "ext4": (held((1080, b"\x53\xef"), (1048, b"\2")), "mount"),
    "APFS": (held((32, b"NXSB")), "mount"),
    "Apple disk image": (held((100_000 - 512, b"koly")), "mount"),
    "7-Zip": (held((0, b"7z\xbc\xaf\x27\x1c")), "unpack"),
    "RAR": (held((0, b"Rar!\x1a\x07\0")), "unpack"),
    "gzip": (held((0, b"\x1f\x8b\x08")), "unpack"),
    "tar archive": (held((257, b"ustar")), "unpack"),
    "sectors of 2,352": (held((0, _SYNC), (2352, _SYNC)), "bchunk"),
    "sectors of 2,448": (held((0, _SYNC), (2448, _SYNC)), "bchunk"),
    "sectors of 2,336": (held((16 * 2336 + 9, b"CD001")), "bchunk"),
    "Nero": (held((0, b"NER5")), "convert"),
    "SquashFS": (held((0, b"hsqs")), "mount"),
    "ReiserFS": (held((65588, b"ReIsEr2Fs")), "mount"),
    "Apple partition map": (held((0, b"ER"), (512, b"PM\0\0")), "mount"),
    "cpio": (held((0, b"070701")), "unpack"),
    "LHA": (held((0, b"\x22\x33-lh5-")), "unpack"),
    "VMDK": (held((0, b"KDMV")), "convert"),
    "VHD image": (held((100_000 - 512, b"conectix")), "convert"),
    "list of tracks": (held((0, b'FILE "a.bin" BINARY\r\n  TRACK 01 MODE1/2352\r\n'), size=400), "bchunk"),
}


@pytest.mark.parametrize("name", sorted(FOREIGN))
def test_what_is_known_and_not_read_is_named_with_what_to_do(name: str, tmp_path: Path) -> None:
    content, hint = FOREIGN[name]
    path = tmp_path / "source.bin"
    path.write_bytes(content)
    with pytest.raises(SourceError) as caught:
        open_tree(path)
    assert name in caught.value.what
    assert hint in caught.value.hint
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("name", sorted(FOREIGN))
def test_a_dicom_file_is_opened_whatever_its_other_bytes_are(name: str, tmp_path: Path) -> None:
    content = bytearray(FOREIGN[name][0])
    content[128:132] = b"DICM"
    (tmp_path / "source.dcm").write_bytes(content)
    open_tree(tmp_path / "source.dcm").close()


def test_such_files_in_a_folder_are_other_content(tmp_path: Path) -> None:
    (tmp_path / "a.7z").write_bytes(FOREIGN["7-Zip"][0])
    tree = open_tree(tmp_path)
    assert [node.path for node in tree.walk()] == ["a.7z"]
    tree.close()
