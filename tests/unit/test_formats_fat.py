"""FAT volumes: names, chains, partitions, and images that are broken or mean harm."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediakit.errors import SourceError
from mediakit.formats.base import Node, NodeKind
from mediakit.formats.fat_read import FatTree
from mediakit.formats.registry import open_tree, sniff
from mediakit.volume import Damage, FatVolume
from tests.support.fat_images import BAD, SECTOR, FatImage, long_entries, mbr, short_entry
from tests.support.iso_bytes import Memory
from tests.support.media import content_of, contents

CONTENT = content_of("FAT", 3 * SECTOR + 7)
BITS = (12, 16, 32)
KINDS = pytest.mark.parametrize("bits", BITS)


def opened(tmp_path: Path, image: bytes) -> FatTree:
    path = tmp_path / "image"
    path.write_bytes(image)
    tree = open_tree(path)
    assert isinstance(tree, FatTree)
    return tree


def nodes_of(tmp_path: Path, image: bytes) -> list[Node]:
    tree = opened(tmp_path, image)
    tree.close()
    return list(tree.walk())


def volume_of(tree: FatTree) -> FatVolume:
    assert isinstance(tree.facts.volume, FatVolume)
    return tree.facts.volume


def faults(nodes: list[Node]) -> dict[str, str]:
    return {node.path: node.why for node in nodes}


def with_neighbour(bits: int) -> tuple[FatImage, int]:
    """Return an image of a sound file and one more, and the first cluster of that."""
    image = FatImage(bits)
    image.add("SOUND", CONTENT)
    return image, image.add("OTHER", CONTENT)


# ---- names


@KINDS
def test_files_and_folders_are_found_with_their_bytes(bits: int, tmp_path: Path) -> None:
    image = FatImage(bits)
    first = image.take(CONTENT)
    image.add_folder("DICOM", short_entry("IM1.DCM", first, len(CONTENT)))
    image.add("DICOMDIR", b"directory")
    image.add("EMPTY", b"")
    tree = opened(tmp_path, image.build())
    assert list(tree.walk()) == [Node("EMPTY"), Node("DICOM/IM1.DCM", len(CONTENT)), Node("DICOMDIR", 9)]
    assert list(tree.folders()) == ["DICOM"]
    assert volume_of(tree) == FatVolume(kind=f"FAT{bits}", depth=2)
    with tree.open(Node("DICOM/IM1.DCM")) as stream:
        assert stream.read() == CONTENT
    tree.close()


def test_long_names_stand_beside_the_short_ones(tmp_path: Path) -> None:
    image = FatImage()
    long = "Bild Ä ファイル, the first of many.dcm"
    inner = long_entries(long, "BILD~1.DCM") + short_entry("BILD~1.DCM", image.take(b"x"), 1)
    image.root.append(long_entries("Long folder", "LONGFO~1"))
    image.add_folder("LONGFO~1", inner)
    tree = opened(tmp_path, image.build())
    assert list(tree.walk()) == [Node("LONGFO~1/BILD~1.DCM", 1, also=(f"Long folder/{long}",))]
    assert volume_of(tree).long_names == ("LONGFO~1", "LONGFO~1/BILD~1.DCM")
    assert tree.find(f"Long folder/{long}") is None
    tree.close()


def test_a_long_name_that_is_the_short_one_is_none(tmp_path: Path) -> None:
    image = FatImage()
    image.root.append(long_entries("IM000001", "IM000001"))
    image.add("IM000001", b"x")
    tree = opened(tmp_path, image.build())
    assert list(tree.walk()) == [Node("IM000001", 1)]
    assert volume_of(tree).long_names == ()
    tree.close()


@pytest.mark.parametrize("characters", [12, 13, 14, 26, 255])
def test_long_names_of_every_length_are_whole(characters: int, tmp_path: Path) -> None:
    image = FatImage()
    image.root.append(long_entries("n" * characters, "NNNNNN~1"))
    image.add("NNNNNN~1", b"x")
    assert nodes_of(tmp_path, image.build())[0].also == ("n" * characters,)


def test_long_names_that_belong_to_another_file_are_left_out(tmp_path: Path) -> None:
    image = FatImage()
    parts = long_entries("a rather long name for a file", "ARATHE~1")
    for held, name in (
        (parts, "WRONGSUM"),  # of another short name
        (parts[32:], "HEADLESS"),
        (parts[:32], "TAILLESS"),
        (parts[32:64] + parts[:32] + parts[64:], "ORDER"),
    ):
        image.root.append(held)
        image.add(name, b"x")
    assert [node.also for node in nodes_of(tmp_path, image.build())] == [()] * 4


def test_lower_case_flags_are_honoured_beside_the_name_as_stored(tmp_path: Path) -> None:
    image = FatImage()
    for number, case in enumerate((0x08, 0x10, 0x18)):
        image.add(f"IM{number}.DCM", b"x", case=case)
    image.add("1.2", b"x", case=0x18)
    tree = opened(tmp_path, image.build())
    assert [node.also for node in tree.walk()] == [("im0.DCM",), ("IM1.dcm",), ("im2.dcm",), ()]
    assert volume_of(tree).lower_case == ("IM0.DCM", "IM1.DCM", "IM2.DCM")
    tree.close()


def test_deleted_names_labels_and_bytes_beyond_ascii(tmp_path: Path) -> None:
    image = FatImage()
    image.root.append(short_entry("", 0, attributes=0x08, raw=b"MY STICK   "))
    image.root.append(short_entry("", 3, 5, raw=b"\xe5ELETED    "))
    image.root.append(short_entry("", 0, 0, raw=b"\x05KANJI     "))
    image.root.append(short_entry("", 0, 0, raw=b"\x80BER    TXT"))
    image.root.append(short_entry("HIDDEN", 0, 0, attributes=0x02))
    tree = opened(tmp_path, image.build())
    assert [node.path for node in tree.walk()] == ["\u03c3KANJI", "ÇBER.TXT", "HIDDEN"]
    assert tree.facts.label == "MY STICK"
    assert volume_of(tree).volume_id == "MY STICK"
    assert volume_of(tree).hidden == ("HIDDEN",)
    tree.close()


def test_entries_that_are_no_names_are_counted_and_left_out(tmp_path: Path) -> None:
    image = FatImage()
    image.root.append(short_entry("", 3, 5, raw=b"\x01\x02\x03        "))
    image.root.append(short_entry("ODD", 3, 5, attributes=0xC0))
    image.root.append(short_entry("", 3, 5, raw=b"        TXT"))
    image.add("GOOD", b"x")
    tree = opened(tmp_path, image.build())
    assert [node.path for node in tree.walk()] == ["GOOD"]
    assert tree.facts.damage == (Damage("", "3 damaged entries of folders were left out"),)
    tree.close()


def test_a_slash_in_a_name_is_not_a_folder(tmp_path: Path) -> None:
    image = FatImage()
    image.root.append(long_entries("../../etc/passwd", "A/B"))
    image.add("A/B", b"x")
    assert nodes_of(tmp_path, image.build()) == [Node("A\\B", 1, also=("..\\..\\etc\\passwd",))]


def test_two_files_of_a_name_are_two_files(tmp_path: Path) -> None:
    image = FatImage()
    image.add("SAME.DCM", b"first")
    image.add("SAME.DCM", b"second")
    nodes = nodes_of(tmp_path, image.build())
    assert [(node.path, node.stored) for node in nodes] == [
        ("SAME.DCM", ""), ("SAME (2).DCM", "SAME.DCM"),
    ]  # fmt: skip
    assert contents(tmp_path / "image") == {"SAME.DCM": b"first", "SAME (2).DCM": b"second"}


# ---- chains


@KINDS
def test_files_come_in_the_order_of_their_clusters(bits: int, tmp_path: Path) -> None:
    image = FatImage(bits)
    late = image.take(b"late") and image.take(CONTENT)
    image.root.append(short_entry("LATE", late, len(CONTENT)))
    image.root.append(short_entry("EARLY", 3, 4))
    assert [node.path for node in nodes_of(tmp_path, image.build())] == ["EARLY", "LATE"]


@KINDS
def test_a_file_in_pieces_is_joined(bits: int, tmp_path: Path) -> None:
    image = FatImage(bits)
    image.next = 100
    parts = [CONTENT[at : at + SECTOR] for at in range(0, len(CONTENT), SECTOR)]
    places = [120, 110, 111, 90]
    for place, part, after in zip(places, parts, [*places[1:], 0xFFFFFFF & (1 << bits) - 1], strict=True):
        image.clusters[place], image.chains[place] = part, after
    image.root.append(short_entry("PIECES", 120, len(CONTENT)))
    (tmp_path / "image").write_bytes(image.build())
    assert contents(tmp_path / "image") == {"PIECES": CONTENT}


@KINDS
@pytest.mark.parametrize(
    ("step", "why"),
    [("free", "free"), ("bad", "bad"), ("out", "out of the volume"), ("end", "too early"), ("ring", "ring"),
     ("one", "cannot be read")],
)  # fmt: skip
def test_a_broken_chain_makes_its_file_unreadable_and_no_other(
    bits: int, step: str, why: str, tmp_path: Path
) -> None:
    image, first = with_neighbour(bits)
    values = {
        "free": 0,
        "bad": BAD[bits],
        "out": BAD[bits] - 8,
        "end": BAD[bits] + 8,
        "ring": first,
        "one": 1,
    }
    image.chains[first + 1] = values[step]
    nodes = nodes_of(tmp_path, image.build())
    assert [(node.path, node.kind) for node in nodes] == [
        ("SOUND", NodeKind.FILE), ("OTHER", NodeKind.UNREADABLE),
    ]  # fmt: skip
    assert why in nodes[1].why


@KINDS
def test_files_that_share_clusters_are_both_unreadable(bits: int, tmp_path: Path) -> None:
    image, first = with_neighbour(bits)
    third = image.add("THIRD", CONTENT)
    image.chains[third + 1] = first + 2
    found = faults(nodes_of(tmp_path, image.build()))
    assert found["SOUND"] == ""
    assert "shares clusters" in found["OTHER"]
    assert "shares clusters" in found["THIRD"]


@KINDS
def test_the_second_table_is_used_where_the_first_is_broken(bits: int, tmp_path: Path) -> None:
    image, first = with_neighbour(bits)
    good = image.chains[first + 1]
    image.chains[first + 1] = 0
    image.second[first + 1] = good
    tree = opened(tmp_path, image.build())
    assert faults(list(tree.walk())) == {"SOUND": "", "OTHER": ""}
    assert tree.facts.damage == (
        Damage("", "the first allocation table is damaged; files read by the second: 1", is_made_good=True),
    )
    with tree.open(Node("OTHER")) as stream:
        assert stream.read() == CONTENT
    tree.close()


@KINDS
def test_a_first_table_that_is_wiped_costs_no_file(bits: int, tmp_path: Path) -> None:
    image, _ = with_neighbour(bits)
    image.add_folder("DICOM", short_entry("IM1", image.take(CONTENT), len(CONTENT)))
    held = bytearray(image.build())
    reserved, sectors = (32, 40) if bits == 32 else (1, 1 if bits == 12 else 20)
    held[reserved * SECTOR : (reserved + sectors) * SECTOR] = bytes(sectors * SECTOR)
    (tmp_path / "image").write_bytes(held)
    assert contents(tmp_path / "image") == dict.fromkeys(["SOUND", "OTHER", "DICOM/IM1"], CONTENT)


@KINDS
@pytest.mark.parametrize("cluster", [0, 1, 0xFFF0])
def test_a_first_cluster_outside_the_volume_is_told(bits: int, cluster: int, tmp_path: Path) -> None:
    image = FatImage(bits)
    image.add("SOUND", CONTENT)
    image.root.append(short_entry("OTHER", cluster, 700))
    found = faults(nodes_of(tmp_path, image.build()))
    assert found["SOUND"] == ""
    assert "not one of the volume" in found["OTHER"]


def test_a_size_larger_than_the_volume_is_told(tmp_path: Path) -> None:
    image = FatImage()
    image.root.append(short_entry("HUGE", 3, 0xFFFFFFFF))
    assert "larger than the volume" in nodes_of(tmp_path, image.build())[0].why


def test_a_chain_longer_than_its_file_is_cut_at_its_size(tmp_path: Path) -> None:
    image = FatImage()
    first = image.take(CONTENT)
    image.root.append(short_entry("SHORT", first, 700))
    (tmp_path / "image").write_bytes(image.build())
    assert contents(tmp_path / "image") == {"SHORT": CONTENT[:700]}


@KINDS
def test_a_cut_image_keeps_the_files_before_the_cut(bits: int, tmp_path: Path) -> None:
    image, first = with_neighbour(bits)
    held = image.build()
    tree = opened(tmp_path, held[: held.rindex(image.clusters[first + 1])])
    assert faults(list(tree.walk())) == {"SOUND": "", "OTHER": "it lies outside the image"}
    assert volume_of(tree).is_truncated
    with tree.open(Node("SOUND")) as stream:
        assert stream.read() == CONTENT
    tree.close()


# ---- folders


@KINDS
def test_a_folder_that_holds_itself_is_read_once(bits: int, tmp_path: Path) -> None:
    image = FatImage(bits)
    image.add_folder("RING", short_entry("AGAIN", 3, attributes=0x10), short_entry("IM1", 0, 0))
    tree = opened(tmp_path, image.build())
    assert list(tree.folders()) == ["RING", "RING/AGAIN"]
    assert [(node.path, node.kind) for node in tree.walk()] == [
        ("RING/IM1", NodeKind.FILE), ("RING/AGAIN", NodeKind.UNREADABLE),
    ]  # fmt: skip
    tree.close()


def test_a_folder_made_of_a_files_bytes_is_unreadable(tmp_path: Path) -> None:
    image = FatImage()
    image.root.append(short_entry("FAKE", image.take(CONTENT), attributes=0x10))
    nodes = nodes_of(tmp_path, image.build())
    assert nodes == [Node("FAKE", 0, NodeKind.UNREADABLE, "it does not begin as folders do")]


def test_a_folder_whose_chain_breaks_is_told_and_what_is_before_is_read(tmp_path: Path) -> None:
    image = FatImage()
    first = image.add_folder("DICOM", *(short_entry(f"IM{number}", 0) for number in range(30)))
    image.chains[first] = 0
    nodes = nodes_of(tmp_path, image.build())
    assert [node.path for node in nodes] == [*(f"DICOM/IM{number}" for number in range(14)), "DICOM"]
    assert nodes[-1].kind is NodeKind.UNREADABLE


def test_folders_deeper_than_any_system_makes_are_not_entered(tmp_path: Path) -> None:
    image = FatImage()
    below = short_entry("IM1", 0)
    for _ in range(70):
        dots = short_entry("", 0, raw=b".".ljust(11), attributes=0x10)
        below = short_entry("D", image.take(dots + below), attributes=0x10)
    image.root.append(below)
    nodes = nodes_of(tmp_path, image.build())
    assert [(node.kind, node.why) for node in nodes] == [(NodeKind.UNREADABLE, "it lies too deep")]


@pytest.mark.timeout(20)  # a walk for each would take millions of steps
def test_very_many_claims_on_one_long_chain_cost_one_walk(tmp_path: Path) -> None:
    image = FatImage()
    long = image.take(bytes(4000 * SECTOR))
    starts = [*range(long + 3000, long, -1), *[long] * 3000]
    entries = (short_entry(f"F{number}", start, 900 * SECTOR) for number, start in enumerate(starts))
    image.add_folder("D", *entries)
    nodes = nodes_of(tmp_path, image.build())
    assert len(nodes) == 6000
    assert {node.kind for node in nodes} == {NodeKind.UNREADABLE}


# ---- places


def test_the_first_fat_partition_is_taken_and_its_number_told(tmp_path: Path) -> None:
    image = FatImage()
    image.add("DICOMDIR", CONTENT)
    tree = opened(tmp_path, mbr((0x83, bytes(4096)), (0x0E, image.build()), (0x0E, FatImage().build())))
    volume = volume_of(tree)
    assert (volume.partition, volume.partition_type, volume.partitions) == (2, 0x0E, 3)
    with tree.open(Node("DICOMDIR")) as stream:
        assert stream.read() == CONTENT
    tree.close()


_EFI_SYSTEM = bytes.fromhex("28732ac11ff8d211ba4b00a0c93ec93b")


def gpt(kind: str, content: bytes, *, is_broken: bool = False) -> bytes:
    """Return a disk with a GUID partition table of two: one of another system, then this."""
    basic = bytes.fromhex("a2a0d0ebe5b9334487c068b6b72699c7")
    disk = bytearray(mbr((0xEE, b"\0" * 512)))[: 1 << 20]
    rows = struct.pack("<16s16sQQ80x", b"L" * 16, b"1" * 16, 2000, 2001)
    rows += struct.pack("<16s16sQQ80x", basic if kind == "basic" else _EFI_SYSTEM, b"2" * 16, 2048, 9999)
    header = struct.pack("<8s64xQII", b"EFI PART", 2, 128, 128).ljust(512, b"\0")
    disk[512:1024] = bytes(512) if is_broken else header
    disk[1024 : 1024 + len(rows)] = rows
    return bytes(disk) + content + header


@pytest.mark.parametrize("is_broken", [False, True], ids=["first", "copy"])
def test_a_gpt_is_followed_to_its_basic_data(is_broken: bool, tmp_path: Path) -> None:
    image = FatImage()
    image.add("DICOMDIR", CONTENT)
    tree = opened(tmp_path, gpt("basic", image.build(), is_broken=is_broken))
    volume = volume_of(tree)
    assert (volume.partition, volume.partition_type, volume.partitions) == (2, 0xEE, 2)
    assert [node.path for node in tree.walk()] == ["DICOMDIR"]
    tree.close()


def test_the_system_partition_of_a_gpt_is_not_the_medium(tmp_path: Path) -> None:
    (tmp_path / "image").write_bytes(gpt("system", FatImage().build()))
    with pytest.raises(SourceError, match="none with FAT"):
        open_tree(tmp_path / "image")


@pytest.mark.parametrize("sector", [2048, 4096])
def test_partition_tables_that_count_in_larger_sectors_are_understood(sector: int, tmp_path: Path) -> None:
    image = FatImage()
    image.add("DICOMDIR", CONTENT)
    (tmp_path / "image").write_bytes(mbr((0x0C, image.build()), sector=sector))
    assert contents(tmp_path / "image") == {"DICOMDIR": CONTENT}


@pytest.mark.parametrize(("mark", "name"), [(b"EXFAT   ", "exFAT"), (b"NTFS    ", "NTFS")])
def test_what_is_not_fat_is_refused_by_name(mark: bytes, name: str, tmp_path: Path) -> None:
    foreign = (b"\xeb\x76\x90" + mark).ljust(510, b"\0") + b"\x55\xaa" + bytes(4096)
    for number, held in enumerate((foreign, mbr((0x07, foreign)))):
        path = tmp_path / str(number)
        path.write_bytes(held)
        with pytest.raises(SourceError) as caught:
            open_tree(path)
        assert name in str(caught.value)
        assert "mount" in caught.value.hint


def test_fat32_without_its_boot_sector_is_read_by_the_copy(tmp_path: Path) -> None:
    image = FatImage(32)
    image.add("DICOMDIR", CONTENT)
    held = bytearray(image.build())
    held[6 * SECTOR : 7 * SECTOR] = held[:SECTOR]
    held[:SECTOR] = bytes(SECTOR)
    tree = opened(tmp_path, bytes(held))
    assert [node.path for node in tree.walk()] == ["DICOMDIR"]
    assert "backup" in tree.facts.damage[0].what
    tree.close()


def test_the_label_text_of_the_boot_sector_does_not_decide_the_kind(tmp_path: Path) -> None:
    image = FatImage(16)
    image.add("DICOMDIR", CONTENT)
    held = bytearray(image.build())
    held[54:62] = b"FAT12   "
    tree = opened(tmp_path, bytes(held))
    assert volume_of(tree).kind == "FAT16"
    tree.close()


# ---- anything


def drain(path: Path) -> None:
    """Open and read all, or raise what may be raised."""
    try:
        tree = FatTree(path)
    except SourceError:
        return
    nodes = list(tree.walk())
    assert len({node.path for node in nodes if node.kind is NodeKind.FILE}) == len(
        [node for node in nodes if node.kind is NodeKind.FILE]
    )
    for node in nodes:
        if node.kind is NodeKind.FILE:
            assert tree.find(node.path) == node
            with tree.open(node) as stream:
                assert len(stream.read()) == node.size
    tree.close()


def sample(bits: int) -> bytes:
    image = FatImage(bits)
    image.add("DICOMDIR", CONTENT)
    inner = long_entries("a longer name.dcm", "ALONGE~1.DCM") + short_entry(
        "ALONGE~1.DCM", image.take(CONTENT), 900
    )
    image.add_folder("DICOM", inner, short_entry("IM2", image.take(CONTENT), len(CONTENT)))
    image.add("LAST", CONTENT)
    return image.build()


SAMPLES = {bits: sample(bits) for bits in BITS}


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fat") / "image"


@given(
    bits=st.sampled_from(BITS),
    changes=st.lists(st.tuples(st.integers(0, 40 * SECTOR), st.integers(0, 255)), min_size=1, max_size=8),
    keep=st.integers(0, 100),
)
def test_any_change_of_any_byte_ends_in_files_or_a_source_error(
    scratch: Path, bits: int, changes: list[tuple[int, int]], keep: int
) -> None:
    held = bytearray(SAMPLES[bits])
    for at, value in changes:
        held[at % len(held)] = value
    scratch.write_bytes(held[: len(held) * keep // 100] if keep < 50 else held)
    drain(scratch)


@given(
    bits=st.sampled_from(BITS),
    steps=st.dictionaries(
        st.integers(2, 20), st.one_of(st.integers(0, 25), st.integers(0, 1 << 12)), max_size=12
    ),
)
def test_any_table_ends_in_files_whose_clusters_are_their_own(
    scratch: Path, bits: int, steps: dict[int, int]
) -> None:
    image = FatImage(bits)
    for number in range(4):
        image.add(f"F{number}", CONTENT)
    image.chains.update({at: value for at, value in steps.items() if at > 2 or bits != 32})
    scratch.write_bytes(image.build())
    drain(scratch)
    tree = FatTree(scratch)
    taken: list[int] = []
    for node in tree.walk():
        if node.kind is NodeKind.FILE:
            for start, size in tree._files[node.path].where():
                taken.extend(range(start, start + size, SECTOR))
    assert len(taken) == len(set(taken))
    tree.close()


def test_a_boot_sector_of_nonsense_is_no_volume() -> None:
    sound = bytearray(SAMPLES[16])
    for at, value in ((11, 3), (13, 3), (14, 0), (16, 9), (21, 0x10), (510, 0)):
        broken = bytearray(sound)
        broken[at] = value
        if at == 510:
            broken[0] = 0
        assert sniff(Memory(broken)) != "fat", at
