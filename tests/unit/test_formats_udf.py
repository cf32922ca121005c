"""What a UDF volume says of itself, partitions of packet writing, and volumes that mean harm."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from mediakit.errors import SourceError
from mediakit.formats.base import Node, NodeKind
from mediakit.formats.registry import open_tree
from mediakit.formats.udf_partitions import Pieces, Sparable, Virtual
from mediakit.formats.udf_tags import BLOCK, DIRECTORY, IS_HIDDEN, Damaged, Tag
from mediakit.volume import Damage, UdfVolume, Volume
from tests.support.media import DEEP, a_small_medium, contents, entry, many, write
from tests.support.udf_images import PARTITION_AT, changed, places, with_sparing, with_virtual


@pytest.fixture(name="image")
def _image(tmp_path: Path) -> bytes:
    write("udf-2.60", a_small_medium(), tmp_path / "out")
    return (tmp_path / "out").read_bytes()


def opened(path: Path, held: bytes) -> tuple[Volume | None, list[Node], tuple[Damage, ...]]:
    """Return the volume of an image, its nodes and damage."""
    path.write_bytes(held)
    tree = open_tree(path)
    try:
        return tree.facts.volume, list(tree.walk()), tree.facts.damage
    finally:
        tree.close()


def volume_of(path: Path, held: bytes) -> UdfVolume:
    volume = opened(path, held)[0]
    assert isinstance(volume, UdfVolume)
    return volume


@pytest.mark.parametrize(("name", "revision"), [("udf-2.60", "2.60"), ("udf-2.50", "2.50")])
def test_our_volume_says_what_annex_x_asks(name: str, revision: str, tmp_path: Path) -> None:
    write(name, a_small_medium(), tmp_path / "out", label="SET_1")
    assert volume_of(tmp_path / "same", (tmp_path / "out").read_bytes()) == UdfVolume(
        volume_id="SET_1",
        revision=revision,
        depth=len(DEEP.split("/")),
        interchange_level=2,
        maximum_level=2,
        has_metadata=True,
    )


def test_a_reader_of_2_50_may_read_what_we_write_in_2_60(image: bytes) -> None:
    (at,) = places(image, Tag.INTEGRITY)
    partitions, of_use = struct.unpack_from("<II", image, at + 72)
    read, write_, most = struct.unpack_from("<HHH", image, at + 80 + 8 * partitions + 40)
    assert of_use == 46
    assert (read, write_, most) == (0x0250, 0x0260, 0x0260)


@pytest.mark.parametrize("stored", [0x0102, 0x0150, 0x0200, 0x0201, 0x0250, 0x0260])
def test_the_revision_is_that_of_the_domain_of_the_logical_volume(
    stored: int, image: bytes, tmp_path: Path
) -> None:
    for at in places(image, Tag.LOGICAL_VOLUME):
        image = changed(image, at, lambda found: struct.pack_into("<H", found, 240, stored))
    assert volume_of(tmp_path / "it", image).revision == f"{stored >> 8}.{stored & 0xFF:02x}"


def test_without_a_domain_of_the_volume_that_of_the_file_set_counts(image: bytes, tmp_path: Path) -> None:
    def forget(at: int) -> Callable[[bytearray], None]:
        return lambda found: found.__setitem__(slice(at, at + 32), bytes(32))

    for at in places(image, Tag.LOGICAL_VOLUME):
        image = changed(image, at, forget(216))
    assert volume_of(tmp_path / "one", image).revision == "2.60"
    image = changed(image, places(image, Tag.FILE_SET)[0], forget(416))
    assert volume_of(tmp_path / "both", image).revision == ""


def test_an_image_that_is_cut_off_says_so(image: bytes, tmp_path: Path) -> None:
    assert not volume_of(tmp_path / "whole", image).is_truncated
    volume, nodes, _ = opened(tmp_path / "cut", image[: -40 * BLOCK])
    assert isinstance(volume, UdfVolume)
    assert volume.is_truncated
    assert [node.path for node in nodes if node.kind is NodeKind.UNREADABLE] == ["BIG"]


def test_a_longer_image_is_not_cut_off(image: bytes, tmp_path: Path) -> None:
    assert not volume_of(tmp_path / "long", image + bytes(150 * BLOCK)).is_truncated


def test_hidden_files_and_files_closed_to_some_are_examples(image: bytes, tmp_path: Path) -> None:
    for at in places(image, Tag.FILE_IDENTIFIER):
        if b"\x08DICOMDIR" in image[at : at + 64] or b"\x08DICOM\0" in image[at : at + 64]:
            image = changed(image, at, lambda found: found.__setitem__(18, found[18] | IS_HIDDEN))
    *_, last = places(image, Tag.EXTENDED_FILE_ENTRY)[2:-1]  # the mirror of the metadata file comes last
    image = changed(image, last, lambda found: struct.pack_into("<I", found, 44, 0b10110_10110_10010))
    root = places(image, Tag.EXTENDED_FILE_ENTRY)[1]
    image = changed(image, root, lambda found: struct.pack_into("<I", found, 44, 0))
    volume = volume_of(tmp_path / "odd", image)
    assert volume.hidden == ("DICOMDIR",)  # of a folder nothing is said
    assert volume.closed_to_others == ("README",)


def test_files_of_odd_types_are_examples_and_cannot_be_opened(image: bytes, tmp_path: Path) -> None:
    *_, last = places(image, Tag.EXTENDED_FILE_ENTRY)[2:-1]
    image = changed(image, last, lambda found: found.__setitem__(27, 7))  # a character device
    volume, nodes, _ = opened(tmp_path / "odd", image)
    assert isinstance(volume, UdfVolume)
    assert volume.odd_types == ("README",)
    assert Node("README", 0, NodeKind.SPECIAL) in nodes


@pytest.mark.parametrize("count", [8, 400])
def test_a_moved_packet_is_found_by_the_sparing_table(count: int, tmp_path: Path) -> None:
    write("udf-2.60", a_small_medium() if count == 8 else many(count), tmp_path / "out")
    spared = with_sparing((tmp_path / "out").read_bytes())
    volume = volume_of(tmp_path / "spared", spared)
    assert (volume.has_sparing, volume.has_virtual, volume.is_truncated) == (True, False, False)
    assert contents(tmp_path / "spared") == contents(tmp_path / "out")


@pytest.mark.parametrize("revision", [0x0150, 0x0200])
@pytest.mark.parametrize("behind", [0, 150])
def test_blocks_behind_a_virtual_allocation_table_are_found(
    revision: int, behind: int, image: bytes, tmp_path: Path
) -> None:
    held = with_virtual(image, revision=revision) + bytes(behind * BLOCK)
    volume = volume_of(tmp_path / "virtual", held)
    assert (volume.has_virtual, volume.has_sparing, volume.is_truncated) == (True, False, False)
    assert contents(tmp_path / "virtual") == contents(tmp_path / "out")


def test_a_disc_without_its_virtual_allocation_table_is_refused_by_reason(
    image: bytes, tmp_path: Path
) -> None:
    (tmp_path / "cut").write_bytes(with_virtual(image)[:-BLOCK])
    with pytest.raises(SourceError, match="Virtual Allocation Table was not found"):
        open_tree(tmp_path / "cut")


def test_blocks_of_a_partition_in_pieces_are_found_across_them() -> None:
    space = Pieces.of(((100, 2 * BLOCK), (9000, 0), (50_000, BLOCK), (70_000, 3 * BLOCK)), BLOCK)
    assert list(space.extents(1, BLOCK)) == [(100 + BLOCK, BLOCK)]
    assert list(space.extents(1, 3 * BLOCK)) == [(100 + BLOCK, BLOCK), (50_000, BLOCK), (70_000, BLOCK)]
    assert list(space.extents(4, 100)) == [(70_000 + BLOCK, 100)]
    for block, size in ((6, 1), (5, BLOCK + 1), (1 << 31, 1)):
        with pytest.raises(Damaged):
            list(space.extents(block, size))


def test_a_virtual_block_outside_its_table_or_deleted_is_damage() -> None:
    below = Pieces.of(((0, 10 * BLOCK),), BLOCK)
    space = Virtual(below, struct.pack("<III", 7, 0xFFFFFFFF, 12), BLOCK)
    assert list(space.extents(0, 100)) == [(7 * BLOCK, 100)]
    for block in (1, 2, 3, 0x3FFFFFFF):
        with pytest.raises(Damaged):
            list(space.extents(block, 100))


def test_extents_of_a_sparable_partition_end_where_packets_were_moved() -> None:
    below = Pieces.of(((100 * BLOCK, 96 * BLOCK),), BLOCK)
    space = Sparable(below, {32: 1000}, (32,), 32, BLOCK)
    assert list(space.extents(30, 40 * BLOCK - 1)) == [
        (130 * BLOCK, 2 * BLOCK),
        (1000 * BLOCK, 32 * BLOCK),
        (164 * BLOCK, 6 * BLOCK - 1),
    ]
    assert list(space.extents(40, BLOCK)) == [(1008 * BLOCK, BLOCK)]


def test_a_partition_map_that_says_nothing_sensible_is_refused(image: bytes, tmp_path: Path) -> None:
    held = with_sparing(image)
    for at in places(held, Tag.LOGICAL_VOLUME):
        held = changed(held, at, lambda found: struct.pack_into("<H", found, 440 + 40, 0))
    (tmp_path / "it").write_bytes(held)
    with pytest.raises(SourceError, match="its packets have no length"):
        open_tree(tmp_path / "it")


def test_folders_that_share_their_names_are_not_read_for_more_than_the_image_holds(tmp_path: Path) -> None:
    write("udf-2.60", [entry(f"D{number}/F{number}") for number in range(60)], tmp_path / "out")
    held = (tmp_path / "out").read_bytes()
    metadata_blocks = struct.unpack_from("<I", held, PARTITION_AT * BLOCK + 216)[0] // BLOCK

    def grow(found: bytearray) -> None:
        struct.pack_into("<Q", found, 56, metadata_blocks * BLOCK)
        struct.pack_into("<II", found, 216, metadata_blocks * BLOCK, 0)

    _root, *folders = [at for at in places(held, Tag.EXTENDED_FILE_ENTRY) if held[at + 27] == DIRECTORY]
    for at in folders:
        held = changed(held, at, grow)
    damage = opened(tmp_path / "greedy", held)[2]
    assert len(damage) == 60
    most = len(held) // (metadata_blocks * BLOCK)
    assert len([one for one in damage if "it is too large" in one.what]) == 60 - most
