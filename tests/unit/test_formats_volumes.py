"""Media of more than one volume, and of several files of one name: nothing of them is lost, nothing twice."""

from __future__ import annotations

import errno
import io
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from mediakit.errors import SourceError
from mediakit.formats.base import Node, NodeKind, TreeFacts
from mediakit.formats.iso_records import SECTOR, all_sessions, read_session
from mediakit.formats.registry import open_medium
from mediakit.formats.track_table import data_tracks
from mediakit.volume import CUT_OFF, Damage, FatVolume, IsoVolume
from tests.support.fat_images import FatImage, mbr
from tests.support.iso_bytes import Memory
from tests.support.iso_images import GAP, folder_at, pointed, records_of, renamed, with_session, written
from tests.support.media import content_of, contents, entry, nodes, read_all, write
from tests.support.scratches import Scratches


def facts_of(path: Path) -> TreeFacts:
    with open_medium(path) as tree:
        return tree.facts


def put(path: Path, image: bytes) -> Path:
    path.write_bytes(image)
    return path


# ---- files of one name


def test_two_files_of_one_name_are_two_files_and_the_first_is_found(tmp_path: Path) -> None:
    image = written([entry("A/IM1", 10), entry("A/IM2", 20)], tmp_path / "it")
    path = put(tmp_path / "two.iso", renamed(image, b"IM2.;1", b"IM1.;1"))
    assert nodes(path) == [Node("A/IM1", 10), Node("A/IM1 (2)", 20, stored="A/IM1")]
    assert contents(path) == {"A/IM1": content_of("A/IM1", 10), "A/IM1 (2)": content_of("A/IM2", 20)}
    with open_medium(path) as tree:
        assert tree.find("A/IM1") == Node("A/IM1", 10)
        assert tree.find("A/IM1 (2)") == Node("A/IM1 (2)", 20, stored="A/IM1")


def test_three_files_of_one_name_of_which_one_cannot_be_read_are_three(tmp_path: Path) -> None:
    image = written([entry("IM1", 10), entry("IM2", 20), entry("IM3", 30)], tmp_path / "it")
    image = renamed(renamed(pointed(image, "IM2", 90_000), b"IM2.;1", b"IM1.;1"), b"IM3.;1", b"IM1.;1")
    found = [(node.path, node.size, node.kind) for node in nodes(put(tmp_path / "it.iso", image))]
    assert found == [
        ("IM1", 10, NodeKind.FILE), ("IM1 (2)", 30, NodeKind.FILE), ("IM1 (3)", 20, NodeKind.UNREADABLE),
    ]  # fmt: skip


def test_two_folders_of_one_name_are_both_read(tmp_path: Path) -> None:
    image = written([entry("A1/IM1", 10), entry("A2/IM1", 20)], tmp_path / "it")
    at = next(one.at for one in records_of(image) if one.path == "A2")
    held = bytearray(image)
    held[at + 33 : at + 35] = b"A1"
    path = put(tmp_path / "it.iso", bytes(held))
    assert contents(path) == {"A1/IM1": content_of("A1/IM1", 10), "A1/IM1 (2)": content_of("A2/IM1", 20)}
    with open_medium(path) as tree:
        assert list(tree.folders()) == ["A1"]


# ---- folders that cannot be read


@pytest.mark.parametrize("damaged", ["gone", "noise", "zeros"])
def test_a_folder_that_cannot_be_read_is_damage_and_the_others_are_read(damaged: str, tmp_path: Path) -> None:
    image = written([entry("A/IM1"), entry("A/IM2"), entry("B/IM3")], tmp_path / "it")
    if damaged == "gone":
        image = pointed(image, "B", 900_000)
    else:
        at = folder_at(image, "B")
        content = bytes(SECTOR) if damaged == "zeros" else b"\5" + content_of("noise", SECTOR - 1)
        image = image[:at] + content + image[at + SECTOR :]
    path = put(tmp_path / "it.iso", image)
    assert contents(path).keys() == {"A/IM1", "A/IM2"}
    assert [one.path for one in facts_of(path).damage] == ["B"]
    with open_medium(path) as tree:
        assert list(tree.folders()) == ["A", "B"]


@pytest.mark.parametrize("lost", [1, 20])
def test_a_record_that_has_lost_its_beginning_is_damage_of_its_folder(lost: int, tmp_path: Path) -> None:
    image = written([entry("A/IM1"), entry("B/IM2"), entry("B/IM3"), entry("B/IM4")], tmp_path / "it")
    at = next(one.at for one in records_of(image) if one.path == "B/IM3")
    path = put(tmp_path / "it.iso", image[:at] + bytes(lost) + image[at + lost :])
    assert contents(path).keys() == {"A/IM1", "B/IM2"}
    assert [one.path for one in facts_of(path).damage] == ["B"]


def test_a_record_that_gives_two_lengths_is_damage_unless_one_is_left_out(tmp_path: Path) -> None:
    image = written([entry("IM1"), entry("IM2")], tmp_path / "a")
    record = next(one for one in records_of(image) if one.path == "IM1")
    cases = [  # form, byte of the record, value, what is said
        (">I", 14, 7, ["damage"]),
        (">I", 6, 1, ["damage"]),
        (">I", 14, 0, []),
        (">I", 6, 0, []),
        ("<I", 2, 900_000, ["made good"]),
    ]
    for form, offset, value, said in cases:
        held = bytearray(image)
        struct.pack_into(form, held, record.at + offset, value)
        path = put(tmp_path / f"{offset}-{value}.iso", bytes(held))
        assert contents(path)["IM1"] == content_of("IM1", 100)
        damage = facts_of(path).damage
        assert ["made good" if one.is_made_good else "damage" for one in damage] == said, (offset, value)


def test_an_image_that_ends_before_its_volume_is_damaged(tmp_path: Path) -> None:
    image = written([entry("A"), entry("B")], tmp_path / "it")
    assert facts_of(put(tmp_path / "it.iso", image[:-SECTOR])).damage == (Damage("", CUT_OFF),)


def test_a_hostile_number_of_damaged_folders_is_counted_and_not_listed(tmp_path: Path) -> None:
    image = written([entry(f"D{number // 100}/E{number}/F") for number in range(1200)], tmp_path / "it")
    held = bytearray(image)
    for record in records_of(image):
        if not record.is_self and record.path.count("/") == 1:
            struct.pack_into("<I4xI", held, record.at + 2, 900_000, record.size)
            struct.pack_into(">I", held, record.at + 6, 900_000)
    damage = facts_of(put(tmp_path / "it.iso", bytes(held))).damage
    assert len(damage) == 1001
    assert damage[-1] == Damage("", "200 more places are damaged")


# ---- sessions


def test_a_session_that_does_not_continue_the_first_stands_beside_it(tmp_path: Path) -> None:
    first = written([entry("DICOMDIR", 50), entry("A/IM1", 60)], tmp_path / "one")
    second = written([entry("DICOMDIR", 70), entry("B/IM2", 80)], tmp_path / "two")
    path = put(tmp_path / "apart.iso", with_session(first, second))
    assert [(node.path, node.size, node.stored) for node in nodes(path)] == [
        ("DICOMDIR (2)", 50, "DICOMDIR"), ("A/IM1", 60, ""), ("DICOMDIR", 70, ""), ("B/IM2", 80, ""),
    ]  # fmt: skip
    facts = facts_of(path)
    assert (facts.damage, len(facts.volumes)) == ((), 2)
    assert isinstance(facts.volume, IsoVolume)
    assert facts.volume.sessions == 2
    assert facts.volumes[0] == facts.volume


def test_a_file_that_two_sessions_hold_alike_is_one(tmp_path: Path) -> None:
    first = written([entry("README", 50), entry("A/IM1", 60)], tmp_path / "one")
    second = written([entry("README", 50), entry("B/IM2", 80)], tmp_path / "two")
    path = put(tmp_path / "apart.iso", with_session(first, second))
    assert contents(path).keys() == {"README", "A/IM1", "B/IM2"}


def test_of_a_session_that_continues_the_first_only_its_own_tree_counts(tmp_path: Path) -> None:
    first = written([entry("DICOMDIR", 50), entry("A/IM1", 60), entry("A/DELETED", 5)], tmp_path / "one")
    second = written([entry("DICOMDIR", 70), entry("A/IM1", 60), entry("B/IM2", 80)], tmp_path / "two")
    disc = with_session(first, second)
    at = next(one for one in records_of(first) if one.path == "A/IM1").block
    record = next(one for one in records_of(second) if one.path == "A/IM1")
    held = bytearray(disc)
    begins = len(disc) - len(second)
    struct.pack_into("<I", held, begins + record.at + 2, at)
    path = put(tmp_path / "continued.iso", bytes(held))
    assert contents(path).keys() == {"DICOMDIR", "A/IM1", "B/IM2"}
    assert len(facts_of(path).volumes) == 1


def test_a_second_session_that_cannot_be_read_is_damage(tmp_path: Path) -> None:
    first = written([entry("A/IM1")], tmp_path / "one")
    second = written([entry("B/IM2")], tmp_path / "two")
    disc = bytearray(with_session(first, second))
    begins = len(disc) - len(second)
    disc[begins + 18 * SECTOR :] = bytes(len(second) - 18 * SECTOR)
    path = put(tmp_path / "it.iso", bytes(disc))
    assert contents(path).keys() == {"A/IM1"}
    assert facts_of(path).damage == (
        Damage("", f"the session at sector {begins // SECTOR} was not read: it has no root folder"),
    )


@pytest.mark.parametrize("lost", [1, 2])
def test_a_session_whose_volume_descriptor_is_lost_is_damage(lost: int, tmp_path: Path) -> None:
    images = [written([entry(name)], tmp_path / name) for name in ("A", "B", "C")]
    disc = with_session(with_session(images[0], images[1]), images[2])
    at = sum(len(each) for each in images[:lost]) + (GAP * lost + 16) * SECTOR
    assert disc[at : at + 6] == b"\1CD001"
    path = put(tmp_path / "it.iso", disc[:at] + bytes(SECTOR) + disc[at + SECTOR :])
    assert contents(path).keys() == {"A", "B", "C"} - {"ABC"[lost]}
    (damage,) = facts_of(path).damage
    assert damage.what.startswith(f"the session before sector {at // SECTOR + 1} was not read")


def test_an_image_inside_a_file_is_no_session(tmp_path: Path) -> None:
    inner = written([entry("INNER")], tmp_path / "inner")
    first = written([entry("A")], tmp_path / "one")
    path = put(tmp_path / "it.iso", first + bytes(SECTOR) + inner)
    assert contents(path).keys() == {"A"}
    assert facts_of(path).damage == ()


class Unwritten(Memory):
    """A disc in a drive: what is not written between its sessions cannot be read."""

    def __init__(self, data: bytes, gap: range) -> None:
        super().__init__(data)
        self.gap = gap
        self.failed = 0

    def read(self, offset: int, size: int) -> bytes:
        if offset < self.gap.stop * SECTOR and offset + size > self.gap.start * SECTOR:
            self.failed += 1
            raise SourceError("cannot be read")
        return super().read(offset, size)


def test_where_the_drive_tells_the_tracks_nobody_reads_between_the_sessions(tmp_path: Path) -> None:
    one, two = written([entry("A/IM1")], tmp_path / "one"), written([entry("B/IM2")], tmp_path / "two")
    disc, begins = with_session(one, two), (len(one) // SECTOR) + GAP
    for tracks, is_searched in (
        ((0, begins), False),
        ((0, begins - 40, begins, begins + 3), True),  # one cannot be read, one is no file system
        ((0,), True),
        ((), True),
    ):
        image = Unwritten(disc, range(len(one) // SECTOR + 8, begins))
        first = read_session(image, 0)
        assert first is not None
        damage: list[Damage] = []
        found = all_sessions(image, first, damage, tracks)
        assert ([one.begins for one in found], damage) == ([0, begins], [])
        assert (0 < image.failed < 40) == is_searched, (tracks, image.failed)
    with put(tmp_path / "disc.iso", disc).open("rb") as file:
        assert data_tracks(file.fileno()) == ()  # it is no drive


def test_more_sessions_than_a_disc_can_have_are_not_all_read(tmp_path: Path) -> None:
    one = written([entry("A")], tmp_path / "one")
    facts = facts_of(put(tmp_path / "it.iso", with_session(one, one, 130)))
    assert [damage.path for damage in facts.damage] == [""]
    assert "more than 128 sessions" in facts.damage[0].what


# ---- partitions


def stick(*files: tuple[str, bytes]) -> bytes:
    image = FatImage()
    for name, content in files:
        image.add(name, content)
    return image.build()


def test_all_fat_partitions_of_a_disk_are_read(tmp_path: Path) -> None:
    disk = mbr((0x06, stick(("DICOMDIR", b"one"), ("IM1", b"1"))), (0x06, stick(("DICOMDIR", b"two"))))
    path = put(tmp_path / "disk", disk)
    assert contents(path) == {"DICOMDIR": b"one", "IM1": b"1", "DICOMDIR (2)": b"two"}
    facts = facts_of(path)
    assert facts.damage == ()
    assert [one.partition for one in facts.volumes if isinstance(one, FatVolume)] == [1, 2]


def test_a_partition_of_another_file_system_is_damage(tmp_path: Path) -> None:
    ntfs = (b"\xeb\x76\x90NTFS    ").ljust(510, b"\0") + b"\x55\xaa" + bytes(4096)
    path = put(tmp_path / "disk", mbr((0x07, ntfs), (0x06, stick(("IM1", b"1"))), (0x83, b"\1" * 4096)))
    assert contents(path) == {"IM1": b"1"}
    assert [one.what for one in facts_of(path).damage] == [
        "partition 1 is NTFS, not FAT, and was not read",
        "partition 3 is of type 0x83, not FAT, and was not read",
    ]


def test_partitions_that_start_computers_and_empty_ones_are_no_damage(tmp_path: Path) -> None:
    disk = mbr((0xEF, stick(("BOOT", b"1"))), (0x06, stick(("IM1", b"1"))), (0x83, bytes(4096)))
    path = put(tmp_path / "disk", disk)
    assert contents(path) == {"IM1": b"1"}
    assert facts_of(path).damage == ()


def test_a_second_partition_whose_folders_cannot_be_read_is_damage(tmp_path: Path) -> None:
    second = stick(("IM2", b"2"))
    disk = mbr((0x06, stick(("IM1", b"1"))), (0x06, second))
    path = put(tmp_path / "disk", disk[: len(disk) - len(second) + 1024])
    assert contents(path) == {"IM1": b"1"}
    assert any("partition 2" in one.what for one in facts_of(path).damage)


def test_a_fat_partition_behind_an_iso_is_read_as_well(tmp_path: Path) -> None:
    iso = bytearray(written([entry("IM1", 10)], tmp_path / "it"))
    fat = stick(("IM2", b"2"))
    struct.pack_into("<BxxxBxxxII", iso, 446, 0x80, 0x17, 0, len(iso) // 512)
    struct.pack_into("<BxxxBxxxII", iso, 462, 0, 0x06, len(iso) // 512, len(fat) // 512)
    iso[510:512] = b"\x55\xaa"
    path = put(tmp_path / "hybrid", bytes(iso) + fat)
    with open_medium(path) as tree:
        assert tree.facts.format == "iso9660"
        assert read_all(tree) == {"IM1": content_of("IM1", 10), "IM2": b"2"}
        assert tree.facts.damage == ()
        assert len(tree.facts.volumes) == 2


# ---- a lone file


def test_a_file_that_is_no_medium_stands_at_the_empty_path(tmp_path: Path) -> None:
    path = put(tmp_path / "image.dcm", b"text")
    with open_medium(path) as tree:
        assert list(tree.walk()) == [Node("", 4)]
        assert read_all(tree) == {"": b"text"}
        assert tree.find("") == Node("", 4)
        assert tree.find("image.dcm") is None


# ---- reads that fail


class Flaky(io.FileIO):
    """What stands below the files of a medium: its first reads fail, as those of a scratched disc do."""

    fails = 0
    met = 0

    @classmethod
    def _meet(cls) -> None:
        cls.met += 1
        if cls.met <= cls.fails:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def read(self, size: int | None = -1, /) -> bytes:
        Flaky._meet()
        return REAL.read(self, size)

    def readall(self) -> bytes:
        REAL.read(self, 3)  # some of it was read before it failed
        Flaky._meet()
        self.seek(-min(3, self.tell()), os.SEEK_CUR)
        return REAL.readall(self)

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        Flaky._meet()
        return REAL.readinto(self, buffer)


REAL = io.FileIO


def _buffered(stream: BinaryIO) -> bytes:
    reader = io.BufferedReader(stream, 16)  # type: ignore[type-var]  # a raw stream
    try:
        return reader.read(100)
    finally:
        reader.detach()


READS: dict[str, Callable[[BinaryIO], bytes]] = {
    "some": lambda stream: stream.read(100),
    "all": lambda stream: stream.read(),
    "buffered": _buffered,
}


@pytest.mark.parametrize("way", READS)
@pytest.mark.parametrize(("fails", "is_read"), [(0, True), (1, True), (2, True), (3, False)])
@pytest.mark.parametrize("kind", ["folder", "file"])
def test_a_read_of_a_file_is_tried_three_times(
    kind: str, fails: int, is_read: bool, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "IM1", b"content")
    monkeypatch.setattr(io, "FileIO", Flaky)
    monkeypatch.setattr(Flaky, "fails", fails)
    monkeypatch.setattr(Flaky, "met", 0)
    with (
        open_medium(tmp_path if kind == "folder" else tmp_path / "IM1") as tree,
        tree.open(next(iter(tree.walk()))) as stream,
    ):
        if is_read:
            assert READS[way](stream) == b"content"
        else:
            with pytest.raises(OSError, match="Input/output"):
                READS[way](stream)
            assert Flaky.met == 3


@pytest.mark.parametrize("kind", ["iso9660", "udf-2.60", "zip"])
@pytest.mark.parametrize(("fails", "is_read"), [(2, True), (None, False)])
def test_a_read_of_an_image_is_tried_three_times(
    kind: str, fails: int | None, is_read: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "medium"
    write(kind, [entry("IM1", 100_000)], path, **({"variant": "stored"} if kind == "zip" else {}))
    with open_medium(path) as tree, tree.open(Node("IM1", 100_000)) as stream:
        scratches = Scratches(monkeypatch, path, fails)
        scratches.scratch_inside(content_of("IM1", 100_000), 50_000)
        if is_read:
            assert stream.read() == content_of("IM1", 100_000)
        else:
            with pytest.raises(OSError, match="Input/output"):
                stream.read()
            assert list(scratches.reads.values()) == [3]


def test_a_folder_of_an_image_that_cannot_be_read_is_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = written([entry("A/IM1"), entry("B/IM2")], tmp_path / "it")
    path = put(tmp_path / "it.iso", image)
    scratches = Scratches(monkeypatch, path)
    scratches.scratch(folder_at(image, "B"))
    assert contents(path).keys() == {"A/IM1"}
    assert facts_of(path).damage == (Damage("B", "the folder cannot be read: Input/output error"),)
