"""FAT volumes made by mkfs.fat and mtools, told as mdir, mtype, 7z and fsck.fat tell them."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mediakit.formats.base import Node, NodeKind
from mediakit.formats.fat_read import FatTree
from mediakit.formats.registry import open_tree
from mediakit.volume import FatVolume
from tests.support.media import content_of, contents, fingerprint, nodes
from tests.support.peers import need, run
from tests.support.tree_media import mtools

pytestmark = pytest.mark.interop

NAMES = {  # as given to mcopy -> as stored
    "DICOMDIR": "DICOMDIR",
    "DICOM/IM000001": "DICOM/IM000001",
    "DICOM/im000002.dcm": "DICOM/IM000002.DCM",
    "DICOM/Mixed.Dcm": "DICOM/MIXED.DCM",
    "DICOM/1.2.840.113619.2.55.3.dcm": "DICOM/12840~1.DCM",
    "DICOM/1.2.840.113619.2.55.4.dcm": "DICOM/12840~2.DCM",
}
MIB = {"12": 2, "16": 4, "32": 40}  # of volumes with one sector per cluster
SIZES = (0, 1, 511, 512, 513, 4096, 70_000)


def blank(path: Path, mib: int, *options: str) -> Path:
    path.write_bytes(b"")
    os.truncate(path, mib << 20)
    mtools("mkfs.fat", *options, str(path))
    return path


def put(image: str, name: str, content: bytes, scratch: Path) -> None:
    scratch.write_bytes(content)
    mtools("mcopy", "-o", "-i", image, str(scratch), f"::{name}")
    scratch.unlink()


def fill(image: str, scratch: Path) -> dict[str, bytes]:
    """Copy files into an image; return what a reader must find."""
    mtools("mmd", "-i", image, "::DICOM", "::VOID")
    expected = {}
    for number, (name, stored) in enumerate(NAMES.items()):
        expected[stored] = content_of(name, SIZES[number])
        put(image, name, expected[stored], scratch)
    return expected


def facts_of(path: Path) -> FatVolume:
    tree = open_tree(path)
    tree.close()
    assert isinstance(tree.facts.volume, FatVolume)
    return tree.facts.volume


VARIANTS = {
    "FAT12": (2, ["-F", "12"]),
    "FAT12 of large clusters": (64, ["-F", "12", "-s", "128"]),
    "FAT12 of one table": (2, ["-F", "12", "-f", "1"]),
    "FAT12 of 4096": (8, ["-F", "12", "-S", "4096"]),
    "FAT16": (32, ["-F", "16"]),
    "FAT16 of 2048": (64, ["-F", "16", "-S", "2048"]),
    "FAT16 of 1024": (64, ["-F", "16", "-S", "1024", "-s", "1"]),
    "FAT16 with reserved sectors": (32, ["-F", "16", "-R", "64"]),
    "FAT32": (64, ["-F", "32"]),
    "FAT32 of 4096": (300, ["-F", "32", "-S", "4096", "-s", "1"]),
    "FAT32 without alignment": (64, ["-F", "32", "-a"]),
    "of any kind": (20, []),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_volumes_of_mkfs_are_read_as_mtools_wrote_them(variant: str, tmp_path: Path) -> None:
    need("mkfs.fat", "mcopy", "mmd", "minfo")
    mib, options = VARIANTS[variant]
    path = blank(tmp_path / "image", mib, *options, "-n", "LABEL 1")
    expected = fill(str(path), tmp_path / "one")
    before = fingerprint(path)
    tree = open_tree(path)
    assert (tree.facts.format, tree.facts.label, tree.facts.damage) == ("fat", "LABEL 1", ())
    assert sorted(tree.folders()) == ["DICOM", "VOID"]
    tree.close()
    assert contents(path) == expected
    assert fingerprint(path) == before
    volume = facts_of(path)
    told = mtools("minfo", "-i", str(path), "::")
    assert f"cluster size: {volume.sectors_per_cluster} sectors" in told
    assert f"sector size: {volume.sector_bytes} bytes" in told
    if variant.startswith("FAT"):
        assert volume.kind == variant[:5]
    assert volume.depth == 2
    assert not volume.is_truncated


def test_names_are_those_that_mdir_shows(tmp_path: Path) -> None:
    need("mkfs.fat", "mcopy", "mmd", "mdir")
    path = blank(tmp_path / "image", 16, "-F", "16")
    expected = fill(str(path), tmp_path / "one")
    shown = {
        line for line in mtools("mdir", "-b", "-/", "-i", str(path), "::").splitlines() if line[-1] != "/"
    }
    found = nodes(path)
    assert {node.path for node in found} == expected.keys()
    assert {f"::/{node.also[0] if node.also else node.path}" for node in found} == shown
    volume = facts_of(path)
    assert volume.lower_case == ("DICOM/IM000002.DCM",)
    assert volume.long_names == ("DICOM/MIXED.DCM", "DICOM/12840~1.DCM", "DICOM/12840~2.DCM")


@pytest.mark.parametrize(
    "name",
    ["Ärzte Übersicht.dcm", "ファイル.dcm", "n" * 251 + ".dcm", "two.dots.dcm", "sp ace"],
)
def test_long_names_of_any_script_are_told(name: str, tmp_path: Path) -> None:
    need("mkfs.fat", "mcopy", "7z")
    path = blank(tmp_path / "image", 4, "-F", "12")
    put(str(path), name, b"content", tmp_path / "one")
    (node,) = nodes(path)
    assert node.also == (name,)
    told = run("7z", "l", "-slt", "-ba", str(path), env={"LC_ALL": "C.UTF-8"}).stdout
    assert f"Path = {name}\n" in told


def test_7z_extracts_what_we_read(tmp_path: Path) -> None:
    need("mkfs.fat", "mcopy", "mmd", "7z")
    path = blank(tmp_path / "image", 32, "-F", "16")
    fill(str(path), tmp_path / "one")
    told = run("7z", "x", "-y", f"-o{tmp_path / 'found'}", str(path))
    assert told.returncode == 0, told.stdout
    found = {
        one.relative_to(tmp_path / "found").as_posix(): one.read_bytes()
        for one in (tmp_path / "found").rglob("*")
        if one.is_file()
    }
    tree = open_tree(path)
    ours = {}
    for node in tree.walk():
        with tree.open(node) as stream:
            ours[node.also[0] if node.also else node.path] = stream.read()
    tree.close()
    assert ours == found


@pytest.mark.parametrize("bits", ["12", "16", "32"])
def test_files_in_pieces_are_read_and_deleted_ones_are_not(bits: str, tmp_path: Path) -> None:
    need("mkfs.fat", "mcopy", "mdel")
    mib = MIB[bits]
    path = blank(tmp_path / "image", mib, "-F", bits, "-s", "1")
    image, scratch = str(path), tmp_path / "one"
    put(image, "FILLER", bytes((mib << 20) * 3 // 4), scratch)
    for number in range(40):
        put(image, f"SMALL{number}", content_of(f"{number}", 3000), scratch)
    mtools("mdel", "-i", image, "::FILLER", *(f"::SMALL{number}" for number in range(0, 40, 2)))
    with_holes = {f"SMALL{number}": content_of(f"{number}", 3000) for number in range(1, 40, 2)}
    big = content_of("BIG", (mib << 20) * 4 // 5)
    put(image, "BIG", big, scratch)
    assert contents(path) == {**with_holes, "BIG": big}
    tree = open_tree(path)
    assert isinstance(tree, FatTree)
    assert len(tree._files["BIG"].where()) > 1  # it is in pieces indeed
    tree.close()
    told = subprocess.run(
        ["mtype", "-i", image, "::BIG"], capture_output=True, check=True, timeout=60,
        env={**os.environ, "MTOOLS_SKIP_CHECK": "1"},
    )  # fmt: skip
    assert told.stdout == big


def test_a_folder_of_very_many_files_is_read(tmp_path: Path) -> None:
    need("mkfs.fat", "mcopy", "mmd")
    path = blank(tmp_path / "image", 64, "-F", "32", "-s", "1")
    source = tmp_path / "IMAGES"
    source.mkdir()
    for number in range(3000):
        (source / f"IM{number:06}").write_bytes(b"%d" % number)
    mtools("mcopy", "-s", "-i", str(path), str(source), "::")
    assert contents(path) == {f"IMAGES/IM{number:06}": b"%d" % number for number in range(3000)}


@pytest.mark.parametrize("kind", [0x01, 0x06, 0x0B, 0x0C, 0x0E])
def test_a_partition_filled_by_mtools_is_read(kind: int, tmp_path: Path) -> None:
    need("mkfs.fat", "mcopy", "mmd")
    disk = tmp_path / "disk"
    disk.write_bytes(b"")
    os.truncate(disk, 41 << 20)
    sectors = (40 << 20) // 512
    with disk.open("r+b") as file:
        file.seek(446)
        file.write(struct.pack("<BxxxBxxxII", 0x80, kind, 2048, sectors))
        file.seek(510)
        file.write(b"\x55\xaa")
    bits = {0x01: "12", 0x06: "16", 0x0E: "16"}.get(kind, "32")
    mtools("mkfs.fat", "-F", bits, "--offset", "2048", "-h", "2048", str(disk), str(40 << 10))
    expected = fill(f"{disk}@@1M", tmp_path / "one")
    assert contents(disk) == expected
    volume = facts_of(disk)
    assert (volume.partition, volume.partition_type, volume.partitions) == (1, kind, 1)
    assert volume.kind == f"FAT{bits}"


def test_a_floppy_of_mformat_is_read(tmp_path: Path) -> None:
    need("mformat", "mcopy", "mmd")
    path = tmp_path / "image"
    mtools("mformat", "-C", "-f", "1440", "-v", "FLOPPY", "-i", str(path), "::")
    expected = fill(str(path), tmp_path / "one")
    assert contents(path) == expected
    assert facts_of(path).volume_id == "FLOPPY"


def test_hidden_files_are_told(tmp_path: Path) -> None:
    need("mkfs.fat", "mcopy", "mattrib")
    path = blank(tmp_path / "image", 4)
    put(str(path), "HIDDEN", b"x", tmp_path / "one")
    put(str(path), "SYSTEM", b"x", tmp_path / "one")
    mtools("mattrib", "-i", str(path), "+h", "::HIDDEN")
    mtools("mattrib", "-i", str(path), "+s", "::SYSTEM")
    assert facts_of(path).hidden == ("HIDDEN",)


@pytest.mark.parametrize("bits", ["12", "16", "32"])
def test_where_fsck_finds_shared_clusters_so_do_we(bits: str, tmp_path: Path) -> None:
    need("mkfs.fat", "mcopy", "fsck.fat")
    path = blank(tmp_path / "image", MIB[bits], "-F", bits, "-s", "1")
    for name in ("SOUND", "FIRST", "SECOND"):
        put(str(path), name, content_of(name, 2000), tmp_path / "one")
    held = bytearray(path.read_bytes())
    first, second = (held.index(name.ljust(11)) for name in (b"FIRST", b"SECOND"))
    held[second + 26 : second + 28] = held[first + 26 : first + 28]
    path.write_bytes(held)
    assert "share clusters" in run("fsck.fat", "-n", str(path)).stdout
    kinds = {node.path: node.kind for node in nodes(path)}
    assert kinds == {
        "SOUND": NodeKind.FILE, "FIRST": NodeKind.UNREADABLE, "SECOND": NodeKind.UNREADABLE,
    }  # fmt: skip


@pytest.fixture
def device(tmp_path: Path) -> Iterator[tuple[Path, dict[str, bytes]]]:
    """Return a block device with a FAT volume, and what is on it."""
    need("mkfs.fat", "mcopy", "mmd", "losetup")
    path = blank(tmp_path / "image", 16, "-F", "16")
    expected = fill(str(path), tmp_path / "one")
    told = run("losetup", "--find", "--show", "--read-only", str(path))
    if told.returncode:
        pytest.skip(f"no loop device here: {told.stderr.strip()}")
    made = Path(told.stdout.strip())
    yield made, expected
    run("losetup", "--detach", str(made))


def test_a_block_device_is_read_as_an_image(device: tuple[Path, dict[str, bytes]]) -> None:
    path, expected = device
    assert contents(path) == expected
    tree = open_tree(path)
    assert (tree.facts.format, tree.facts.size_bytes) == ("fat", 16 << 20)
    assert tree.find("DICOMDIR") == Node("DICOMDIR", 0)
    tree.close()


AS_NOBODY = """
import os, sys
from pathlib import Path
from mediakit.errors import SourceError
from mediakit.formats.registry import open_tree
os.setgroups([])
os.setuid(65534)
try:
    open_tree(Path(sys.argv[1]))
except SourceError as exc:
    print(exc, exc.hint)
"""


def test_a_device_without_the_right_to_read_it_says_what_is_needed(
    device: tuple[Path, dict[str, bytes]],
) -> None:
    told = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, str(device[0])],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert "administrator" in told.stdout, told.stderr


HYBRIDS = {
    "protective": ["--protective-msdos-label"],
    "offset": ["-partition_offset", "16"],
    "system partition": ["-append_partition", "2", "0xef", "FAT"],
    "system partition in a GPT": ["-append_partition", "2", "0xef", "FAT", "-appended_part_as_gpt"],
}


@pytest.mark.parametrize("hybrid", HYBRIDS)
def test_an_iso_that_has_partitions_as_well_is_an_iso(hybrid: str, tmp_path: Path) -> None:
    need("mkfs.fat", "xorriso")
    fat = blank(tmp_path / "fat", 2)
    source = tmp_path / "source"
    source.mkdir()
    (source / "DICOMDIR").write_bytes(b"directory")
    options = [str(fat) if one == "FAT" else one for one in HYBRIDS[hybrid]]
    told = run("xorriso", "-as", "mkisofs", *options, "-o", str(tmp_path / "image"), str(source))
    assert told.returncode == 0, told.stderr
    assert (tmp_path / "image").read_bytes()[510:512] == b"\x55\xaa"
    tree = open_tree(tmp_path / "image")
    assert tree.facts.format == "iso9660"
    assert [node.path for node in tree.walk()] == ["DICOMDIR"]
    tree.close()


def test_a_stick_that_held_an_iso_before_is_fat(tmp_path: Path) -> None:
    need("mkfs.fat", "mcopy", "mmd", "xorriso")
    disk = tmp_path / "disk"
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "OLD").write_bytes(b"old")
    told = run("xorriso", "-as", "mkisofs", "-o", str(disk), str(tmp_path / "source"))
    assert told.returncode == 0, told.stderr
    os.truncate(disk, 41 << 20)
    with disk.open("r+b") as file:
        file.write(bytes(446) + struct.pack("<BxxxBxxxII", 0, 0x0E, 2048, 40 << 11) + bytes(48) + b"\x55\xaa")
        file.seek(1 << 20)
        file.write(bytes(1 << 20))
    mtools("mkfs.fat", "-F", "16", "--offset", "2048", str(disk), str(40 << 10))
    expected = fill(f"{disk}@@1M", tmp_path / "one")
    assert disk.read_bytes()[32769:32774] == b"CD001"
    assert contents(disk) == expected
