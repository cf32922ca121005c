"""Formats by name, and media told by content."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from mediakit.errors import SourceError, UsageError
from mediakit.formats.registry import SINKS, TREES, open_tree, sink, sniff
from tests.support.each import each
from tests.support.fat_images import FatImage, mbr
from tests.support.iso_bytes import Memory
from tests.support.media import a_small_medium, nodes, write


@pytest.mark.parametrize("name", sorted(SINKS))
def test_every_named_format_can_be_loaded_and_says_what_is_known_of_it(name: str) -> None:
    made = sink(name)
    assert callable(made.write)
    assert (made.suffixes, made.file_systems) == (SINKS[name].suffixes, SINKS[name].file_systems)


def test_an_unknown_format_is_a_usage_error_that_names_the_known_ones() -> None:
    with pytest.raises(UsageError) as caught:
        sink("hfs")
    assert "iso9660" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "kind"), [("iso9660", "iso9660"), ("udf-2.60", "udf"), ("zip", "zip"), ("mime", "mime")]
)
def test_the_content_decides_and_not_the_name(name: str, kind: str, tmp_path: Path) -> None:
    write(name, a_small_medium(), tmp_path / "image.dcm")
    tree = open_tree(tmp_path / "image.dcm")
    assert tree.facts.format == kind
    assert kind in TREES
    tree.close()


def test_any_other_file_is_a_tree_of_one(tmp_path: Path) -> None:
    (tmp_path / "x.iso").write_bytes(b"not an image")
    assert [node.path for node in nodes(tmp_path / "x.iso")] == ["x.iso"]


def test_a_dicom_file_with_a_preamble_like_zip_is_a_file() -> None:
    assert sniff(Memory(b"PK\3\4".ljust(128, b"\0") + b"DICM")) == "file"


@each("size", [0, 1, 3, 127, 131, 32768, 32773, 34816])
def test_short_files_are_files(size: int) -> None:
    assert sniff(Memory(bytes(size))) == "file"


def test_an_empty_zip_is_a_zip(tmp_path: Path) -> None:
    write("zip", [], tmp_path / "out")
    assert nodes(tmp_path / "out") == []


def test_what_is_missing_or_special_is_a_source_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        open_tree(tmp_path / "missing")
    with pytest.raises(SourceError):
        open_tree(Path("/dev/null"))
    with pytest.raises(SourceError):
        open_tree(Path("nul\0byte"))


FAT = FatImage().build()
MIB = 1 << 20


def held(*pieces: tuple[int, bytes], size: int = 3 * MIB) -> bytes:
    """Return bytes of a size with these pieces at their places."""
    image = bytearray(size)
    for at, piece in pieces:
        image[at : at + len(piece)] = piece
    return bytes(image)


def optical(*names: bytes, step: int = 2048) -> list[tuple[int, bytes]]:
    return [(32768 + number * step, b"\1" + name) for number, name in enumerate(names)]


def partition(row: int, kind: int, first: int, count: int = 2000, status: int = 0) -> tuple[int, bytes]:
    return 446 + 16 * row, struct.pack("<BxxxBxxxII", status, kind, first, count)


SIGNATURE = (510, b"\x55\xaa")
ISO = optical(b"CD001", b"CD001")
BRIDGE = optical(b"CD001", b"CD001", b"BEA01", b"NSR02", b"TEA01")
RAW = b"\0" + b"\xff" * 10 + b"\0"
DICOM = (128, b"DICM")
PROGRAM_ZIP = b"PK\1\2".ljust(46, b"\0") + struct.pack("<4s4xHHII2x", b"PK\5\6", 1, 1, 46, 1000)
AMBIGUOUS = {
    "ISO 9660": (held(*ISO), "iso9660"),
    "a bridge": (held(*BRIDGE), "iso9660"),
    "UDF alone": (held(*optical(b"BEA01", b"NSR03", b"TEA01")), "udf"),
    "UDF in sectors of 4096": (held(*optical(b"BEA01", b"NSR03", b"TEA01", step=4096)), "udf"),
    "raw sectors": (held((0, RAW), (2352, RAW)), "file"),
    "one sync only": (held((0, RAW)), "file"),
    "ISO with a partition over all": (held(SIGNATURE, partition(0, 0x17, 0, 6000, 0x80), *ISO), "iso9660"),
    "ISO with a FAT partition for booting": (
        held(SIGNATURE, partition(0, 0, 0, 6000, 0x80), partition(1, 0xEF, 100), (51200, FAT), *ISO),
        "iso9660"),
    "ISO with a partition over its later part": (
        held(SIGNATURE, partition(0, 0xCD, 64, 6000), partition(1, 0xEF, 100), (51200, FAT), *ISO),
        "iso9660"),
    "a stick that was an ISO once": (held((0, mbr((0x0C, FAT))), *ISO, size=MIB + len(FAT)), "fat"),
    "an ISO with a table of nothing": (held(SIGNATURE, *ISO), "iso9660"),
    "FAT": (FAT, "fat"),
    "FAT that begins with PK": (b"PK\3\4" + FAT[4:], "fat"),
    "FAT over an old ISO": (held((0, FAT), *ISO), "fat"),
    "FAT in a partition": (mbr((0x06, FAT)), "fat"),
    "partitions of other kinds": (mbr((0x83, bytes(512))), "fat"),
    "a table of partitions that makes no sense": (held(SIGNATURE, partition(0, 6, 9, status=7)), "file"),
    "NTFS": (held((3, b"NTFS    "), SIGNATURE), "fat"),
    "NTFS in name only": (held((3, b"NTFS    ")), "file"),
    "DICOM that begins like FAT": (held((0, FAT[:128]), DICOM, SIGNATURE), "file"),
    "DICOM that begins like NTFS": (held((3, b"NTFS    "), DICOM, SIGNATURE), "file"),
    "DICOM that begins like raw sectors": (held((0, RAW), (2352, RAW), DICOM), "file"),
    "DICOM that begins like a program": (held((0, b"MZ"), DICOM, size=1000) + PROGRAM_ZIP, "file"),
    "DICOM that begins like a TIFF": (held((0, b"II*\0"), DICOM), "file"),
    "ZIP": (b"PK\3\4".ljust(100, b"\0"), "zip"),
    "the first of several ZIPs": (b"PK\7\x08PK\3\4".ljust(100, b"\0"), "zip"),
    "a program with a ZIP": (held((0, b"MZ"), size=1000) + PROGRAM_ZIP, "zip"),
    "a program without": (held((0, b"MZ"), size=1000), "file"),
    "a program that names a ZIP": (held((0, b"MZ"), (500, b"PK\5\6"), size=1000), "file"),
    "something with a ZIP behind": (held((0, b"\xff\xd8"), size=1000) + PROGRAM_ZIP, "file"),
}  # fmt: skip


@each("name", AMBIGUOUS)
def test_what_is_ambiguous_is_told_apart(name: str) -> None:
    image, kind = AMBIGUOUS[name]
    assert sniff(Memory(image)) == kind


def test_a_path_to_a_folder_is_a_folder_whatever_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "stick.img").mkdir()
    tree = open_tree(tmp_path / "stick.img")
    assert tree.facts.format == "folder"
    tree.close()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SourceError):
        open_tree(tmp_path / "pipe")
