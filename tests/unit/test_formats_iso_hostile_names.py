"""Joliet and Rock Ridge trees that mean harm, or contradict one another: read as far as they go, and said."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from mediakit.errors import SourceError
from mediakit.formats.base import Node, NodeKind, TreeFacts
from mediakit.formats.iso_read import IsoTree
from mediakit.formats.iso_records import SECTOR, read_session, records
from mediakit.journeys.extract import ExtractOrder, extract
from mediakit.volume import IsoVolume
from tests.support.iso_bytes import Memory
from tests.support.media import entry, write

FILES = ("DICOMDIR", "DICOM/IM1", "DICOM/IM2", "Read me.html", "viewer/" + "ü" * 90, "viewer/RUN.sh")


@pytest.fixture(name="image", scope="module")
def _image(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    out = tmp_path_factory.mktemp("names") / "a.iso"
    write("iso9660", [entry(path, 10 + number) for number, path in enumerate(FILES)], out, joliet=True)
    return out.read_bytes()


def changed(image: bytes, old: bytes, new: bytes) -> bytes:
    """Return an image in which bytes that stand there once are others."""
    assert (image.count(old), len(old)) == (1, len(new)), (image.count(old), old, new)
    return image.replace(old, new)


def looked_at(image: bytes, tmp_path: Path) -> tuple[list[Node], TreeFacts, IsoVolume]:
    path = tmp_path / "it.iso"
    path.write_bytes(image)
    tree = IsoTree(path)
    try:
        volume = tree.facts.volume
        assert isinstance(volume, IsoVolume)
        return list(tree.walk()), tree.facts, volume
    finally:
        tree.close()


def record_at(image: bytes, path: str, *, joliet: bool) -> int:
    """Return the byte at which the record of a path begins."""
    session = read_session(Memory(image), 0)
    assert session is not None
    assert session.joliet is not None
    volume = session.joliet if joliet else session.primary
    return next(one.at for one in records(Memory(image), volume, []) if one.path == path and not one.is_self)


def packed(image: bytes, at: int, *numbers: int) -> bytes:
    """Return an image with numbers of 32 bits in both orders, from a byte on."""
    held = bytearray(image)
    for index, number in enumerate(numbers):
        struct.pack_into("<I", held, at + 8 * index, number)
        struct.pack_into(">I", held, at + 8 * index + 4, number)
    return bytes(held)


def continuation_of(image: bytes) -> tuple[int, int]:
    """Return the byte of the CE field of the long name, and the byte that it leads to."""
    at = image.index(b"CE\x1c\1", record_at(image, "VIEWER/UUUUUUUU", joliet=False))
    block, offset = struct.unpack_from("<I4xI", image, at + 4)
    return at, block * SECTOR + offset


def test_continuations_that_lead_nowhere_or_in_a_circle_are_said_and_the_file_keeps_its_short_name(
    image: bytes, tmp_path: Path
) -> None:
    at, there = continuation_of(image)
    in_a_circle = bytearray(image)
    in_a_circle[there : there + 28] = image[at : at + 28]
    to_each_other = bytearray(in_a_circle)
    to_each_other[there + 28 : there + 56] = image[at : at + 28]
    for broken, words in (
        (bytes(in_a_circle), "in a circle"),
        (bytes(to_each_other), "in a circle"),
        (packed(image, at + 4, 0x7FFFFFFF), "outside the image"),
        (packed(image, at + 4, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF), "outside the image"),
        (packed(image, at + 4, there // SECTOR, 0, 1 << 30), "outside the image or is too large"),
    ):
        nodes, facts, _ = looked_at(broken, tmp_path)
        (damage,) = facts.damage
        assert words in damage.what, damage
        assert (damage.path, damage.is_made_good) == ("VIEWER/UUUUUUUU", True)
        node = next(one for one in nodes if one.path == "VIEWER/UUUUUUUU")
        assert node.other.rock_ridge == "viewer/UUUUUUUU"
        assert len(nodes) == len(FILES)


def test_links_and_moved_folders_are_followed_nowhere(image: bytes, tmp_path: Path) -> None:
    name = b"NM\x11\1\0Read me.html"
    link = changed(image, name, b"SL\x0c\1\0\x08\x05\0../x"[:12].ljust(12, b"\0") + b"PD\5\1\0")
    nodes, _, _ = looked_at(link, tmp_path)
    assert [node.path for node in nodes if node.kind is NodeKind.LINK] == ["READ_ME.HTM"]
    for block in (0, 1 << 30, 23):
        moved = changed(
            image, name, b"CL\x0c\1" + struct.pack("<I", block) + struct.pack(">I", block) + b"PD\5\1\0"
        )
        nodes, facts, _ = looked_at(moved, tmp_path)
        assert "READ_ME.HTM" not in {node.path for node in nodes}
        (damage,) = facts.damage
        assert (damage.path, damage.is_made_good) == ("READ_ME.HTM", False)
    away = changed(image, b"NM\x0b\1\0viewer", b"RE\4\1PD\7\1\0\0\0")
    _, _, volume = looked_at(away, tmp_path)
    assert volume.not_in_rock_ridge == ("VIEWER/RUN.SH", "VIEWER/UUUUUUUU")


def test_a_moved_folder_that_is_its_own_parent_ends_the_way(image: bytes, tmp_path: Path) -> None:
    at = record_at(image, "VIEWER", joliet=False)
    own = struct.unpack_from("<I", image, at + 2)[0]
    inside = image.index(b"NM\x0b\1\0RUN.sh")
    held = bytearray(image)
    held[inside : inside + 12] = b"CL\x0c\1" + struct.pack("<I", own) + struct.pack(">I", own)
    nodes, _, volume = looked_at(bytes(held), tmp_path)
    assert volume.not_in_rock_ridge == ("VIEWER/UUUUUUUU",)
    assert {node.path for node in nodes} >= {"DICOM/IM1", "READ_ME.HTM"}


def test_joliet_folders_that_lead_in_a_circle_or_outside_are_said(image: bytes, tmp_path: Path) -> None:
    at = record_at(image, "viewer", joliet=True)
    session = read_session(Memory(image), 0)
    assert session is not None
    assert session.joliet is not None
    for block, size, words in (
        (session.joliet.root.block, SECTOR, "leads in a circle"),
        (1 << 30, SECTOR, "lies outside the image"),
        (19, SECTOR, "damaged"),
    ):
        _, facts, volume = looked_at(packed(image, at + 2, block, size), tmp_path)
        assert any(words in one.what for one in facts.damage), (block, facts.damage)
        assert set(volume.not_in_joliet) == {"VIEWER/UUUUUUUU", "VIEWER/RUN.SH"}


def test_files_that_one_tree_alone_has_and_names_of_other_files_are_said(
    image: bytes, tmp_path: Path
) -> None:
    one, two = (record_at(image, f"DICOM/IM{number}", joliet=True) for number in (1, 2))
    places = [struct.unpack_from("<I4xI", image, at + 2) for at in (one, two)]
    swapped = packed(packed(image, one + 2, *places[1]), two + 2, *places[0])
    _, _, volume = looked_at(swapped, tmp_path)
    assert (volume.crossed, volume.not_in_joliet) == (("DICOM/IM1", "DICOM/IM2"), ())
    _, _, volume = looked_at(packed(image, one + 2, 2, 100), tmp_path)
    assert (volume.not_in_joliet, volume.only_in_joliet) == (("DICOM/IM1",), ("DICOM/IM1",))
    by_rock = changed(image, b"NM\x08\1\0IM1", b"NM\x08\1\0IM2")
    _, _, volume = looked_at(by_rock, tmp_path)
    assert volume.crossed == ("DICOM/IM1",)


def test_no_name_leads_out_of_the_folder_that_files_are_extracted_to(image: bytes, tmp_path: Path) -> None:
    joliet, rock = "Read me.html;1".encode("utf-16-be"), b"NM\x11\1\0Read me.html"
    for number, name in enumerate(
        ("../../../up!", "..\\..\\..\\up!", "/etc/passwd!", "a\0b/../../cd", "............")
    ):
        broken = changed(image, rock, rock[:5] + name.encode())
        broken = changed(broken, joliet, f"{name};1".encode("utf-16-be"))
        folder = changed(broken, b"NM\x0b\1\0viewer", b"NM\x0b\1\0../../")
        folder = folder.replace("viewer".encode("utf-16-be"), "../../".encode("utf-16-be"))
        source, out = tmp_path / f"{number}.iso", tmp_path / f"far/in/out{number}"
        source.write_bytes(folder)
        out.parent.mkdir(parents=True, exist_ok=True)
        extract(source, ExtractOrder(out=out))
        found = [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".iso"]
        assert len([path for path in found if path.is_relative_to(out)]) == len(FILES)
        assert len(found) == len(FILES) * (number + 1)


def test_blows_anywhere_in_the_trees_end_in_files_or_a_refusal(image: bytes, tmp_path: Path) -> None:
    end = len(image) - len(FILES) * SECTOR
    dice = random.Random(7)  # noqa: S311 - no secret
    blows: tuple[Callable[[], bytes], ...] = (
        lambda: dice.randbytes(4),
        lambda: b"CE\x1c\1",
        lambda: b"\xff\xff\xff\xff",
        lambda: b"\0\0\0\0",
    )
    for number in range(150):
        held = bytearray(image)
        for _ in range(1 + number % 6):
            at = dice.randrange(16 * SECTOR, end)
            held[at : at + 4] = dice.choice(blows)()
        try:
            nodes, _, _ = looked_at(bytes(held), tmp_path)
        except SourceError:
            continue
        assert len(nodes) <= 3 * len(FILES)
