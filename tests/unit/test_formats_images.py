"""ISO 9660 and UDF images: what Level 1 takes, what stands in the bytes, and images that mean harm."""

from __future__ import annotations

import binascii
import struct
import tempfile
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mediakit.errors import DoesNotFit, SourceError
from mediakit.formats.base import NodeKind
from mediakit.formats.iso_read import IsoTree
from mediakit.formats.iso_records import records
from mediakit.formats.registry import open_tree
from mediakit.formats.udf_tags import decode_name, dstring, encode_name, tag_of, undstring
from mediakit.volume import Damage
from tests.support.iso_bytes import Memory, read_volume
from tests.support.media import DEEP, a_small_medium, content_of, contents, entry, many, nodes, write

SECTOR = 2048


# -- ISO 9660


@pytest.mark.parametrize("path", ["A", "12345678", "_", "README.TXT", "A.B", "IHE_PDI/REPORT.PDF", DEEP])
def test_level_1_names_are_written_as_they_are(path: str, tmp_path: Path) -> None:
    write("iso9660", [entry(path)], tmp_path / "out")
    assert [node.path for node in nodes(tmp_path / "out")] == [path]


@pytest.mark.parametrize(
    "path",
    ["a", "123456789", "A.BCDE", "A.B.C", ".TXT", "A.", "A B", "A-B", "READ ME", "A;1", "DIR.X/A", "\u00c4",
     "A\n", "dir/A", "LONGFOLDER/A", "A/B/C/D/E/F/G/H"],
)  # fmt: skip
def test_other_names_are_refused_and_never_changed(path: str, tmp_path: Path) -> None:
    with pytest.raises(DoesNotFit) as caught:
        write("iso9660", [entry("DICOMDIR"), entry(path)], tmp_path / "out")
    assert path.rpartition("/")[0] in caught.value.where
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("label", ["lower", "A B", "A-B", "X" * 33, "\u00c4"])
def test_a_label_that_is_no_volume_identifier_is_refused(label: str, tmp_path: Path) -> None:
    with pytest.raises(DoesNotFit):
        write("iso9660", [entry("A")], tmp_path / "out", label=label)


def test_a_file_of_4_gib_does_not_fit_level_1_and_is_not_read(tmp_path: Path) -> None:
    big = entry("BIG")
    with pytest.raises(DoesNotFit, match="BIG"):
        write("iso9660", [type(big)("BIG", 1 << 32, big.open)], tmp_path / "out")


def test_the_volume_descriptor_says_what_annex_f_asks(tmp_path: Path) -> None:
    write("iso9660", a_small_medium(), tmp_path / "out", label="SET_1")
    image = (tmp_path / "out").read_bytes()
    pvd = image[16 * SECTOR : 17 * SECTOR]
    assert pvd[:7] == b"\1CD001\1"
    assert pvd[8:40] == b" " * 32
    assert pvd[40:72] == b"SET_1".ljust(32)
    assert struct.unpack_from("<I", pvd, 80)[0] * SECTOR == len(image)
    assert struct.unpack_from(">I", pvd, 84)[0] * SECTOR == len(image)
    assert pvd[813:830] == pvd[830:847] == pvd[864:881] == b"2024022913141500\0"
    assert image[17 * SECTOR : 17 * SECTOR + 7] == b"\xffCD001\1"  # no Joliet, nothing but the end


def test_without_a_label_the_volume_identifier_is_spaces(tmp_path: Path) -> None:
    write("iso9660", [entry("A")], tmp_path / "out", label="")
    with (tmp_path / "out").open("rb") as file:
        file.seek(16 * SECTOR + 40)
        assert file.read(32) == b" " * 32


def test_every_directory_record_is_as_annex_f_asks(tmp_path: Path) -> None:
    write("iso9660", a_small_medium(), tmp_path / "out")
    held = (tmp_path / "out").read_bytes()
    image = Memory(held)
    volume = read_volume(image)
    assert volume is not None
    damage: list[Damage] = []
    seen = list(records(image, volume, damage))
    assert damage == []
    for record in (volume.root, *seen):
        assert held[record.at + 1] == 0  # extended attribute record length
        assert record.flags & 0b11000 == 0
        assert held[record.at + 18 : record.at + 25] == bytes((124, 2, 29, 13, 14, 15, 0))
        assert struct.unpack_from("<I", held, record.at + 2) == struct.unpack_from(">I", held, record.at + 6)
    stored = {held[record.at + 33 : record.at + 33 + held[record.at + 32]] for record in seen}
    assert {b"DICOMDIR.;1", b"IM1.;1", b"Z1"} <= stored


def test_a_folder_that_contains_itself_is_entered_once(tmp_path: Path) -> None:
    write("iso9660", [entry("A/B/C"), entry("A/F")], tmp_path / "out")
    held = bytearray((tmp_path / "out").read_bytes())
    volume = read_volume(Memory(bytes(held)))
    assert volume is not None
    at = {record.path: record for record in records(Memory(bytes(held)), volume, [])}
    struct.pack_into("<I", held, at["A/B"].at + 2, at["A"].block)
    struct.pack_into("<I", held, at["A/B"].at + 10, at["A"].size)
    (tmp_path / "loop").write_bytes(held)
    tree = IsoTree(tmp_path / "loop")
    assert [node.path for node in tree.walk()] == ["A/F"]
    assert "leads in a circle" in tree.facts.damage[-1].what
    tree.close()


def test_folders_that_overlap_are_not_read_for_more_than_the_image_holds(tmp_path: Path) -> None:
    write("iso9660", [entry(f"D{number}/F", 1) for number in range(40)], tmp_path / "out")
    held = bytearray((tmp_path / "out").read_bytes())
    volume = read_volume(Memory(bytes(held)))
    assert volume is not None
    found = [record for record in records(Memory(bytes(held)), volume, []) if record.path[:1] == "D"]
    folders = [record for record in found if record.is_directory and not record.is_self]
    for record in folders:
        struct.pack_into("<I", held, record.at + 10, len(held) - record.block * SECTOR)
    (tmp_path / "greedy").write_bytes(held)
    tree = IsoTree(tmp_path / "greedy")
    assert len([one for one in tree.facts.damage if "shares its place" in one.what]) > 30
    assert len(list(tree.walk())) <= 40
    tree.close()


def test_a_file_that_points_outside_the_image_is_unreadable(tmp_path: Path) -> None:
    write("iso9660", [entry("A", 5000), entry("B", 5000)], tmp_path / "out")
    held = (tmp_path / "out").read_bytes()
    (tmp_path / "cut").write_bytes(held[: -2 * SECTOR])
    found = nodes(tmp_path / "cut")
    assert [(node.path, node.kind) for node in found] == [("A", NodeKind.FILE), ("B", NodeKind.UNREADABLE)]
    assert found[1].why == "it lies outside the image"


def test_files_in_several_extents_are_joined(tmp_path: Path) -> None:
    write("iso9660", [entry("A", 2 * SECTOR), entry("B", 100)], tmp_path / "out")
    held = bytearray((tmp_path / "out").read_bytes())
    volume = read_volume(Memory(bytes(held)))
    assert volume is not None
    at = {record.path: record.at for record in records(Memory(bytes(held)), volume, [])}
    held[at["A"] + 25] |= 0x80
    held[at["B"] + 33 : at["B"] + 34] = b"A"
    (tmp_path / "joined").write_bytes(held)
    assert contents(tmp_path / "joined") == {"A": content_of("A", 2 * SECTOR) + content_of("B", 100)}


# -- UDF


@pytest.mark.parametrize("path", ["long file name.txt", "\u6771\u4eac/\u00e4", "a" * 254, "A;1", "A."])
def test_udf_keeps_long_names_of_other_content(path: str, tmp_path: Path) -> None:
    write("udf-2.60", [entry("DICOMDIR"), entry(path)], tmp_path / "out")
    assert [node.path for node in nodes(tmp_path / "out")] == ["DICOMDIR", path]


@pytest.mark.parametrize("path", ["a" * 255, "\u6771" * 128, "caf\udce9"])
def test_names_that_udf_cannot_hold_are_refused(path: str, tmp_path: Path) -> None:
    with pytest.raises(DoesNotFit):
        write("udf-2.60", [entry(path)], tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_udf_image_is_no_iso_9660_and_says_its_revision(tmp_path: Path) -> None:
    for name, revision in (("udf-2.60", 0x0260), ("udf-2.50", 0x0250)):
        write(name, a_small_medium(), tmp_path / name)
        held = (tmp_path / name).read_bytes()
        assert b"CD001" not in held[: 64 * SECTOR]
        assert held[17 * SECTOR + 1 : 17 * SECTOR + 6] == b"NSR03"
        domain = held.index(b"*OSTA UDF Compliant")
        assert struct.unpack_from("<H", held, domain + 23)[0] == revision


def test_udf_interchange_levels_are_2_and_both_anchors_stand(tmp_path: Path) -> None:
    write("udf-2.60", a_small_medium(), tmp_path / "out")
    held = (tmp_path / "out").read_bytes()
    assert struct.unpack_from("<HH", held, 32 * SECTOR + 60) == (2, 2)
    for at in (256 * SECTOR, len(held) - SECTOR):
        assert tag_of(held[at : at + SECTOR]) == 2
    assert len(held) % SECTOR == 0


@pytest.mark.parametrize("broken", [[32], [256], [288], [32, 256]])
def test_a_udf_image_survives_the_loss_of_what_stands_twice(broken: list[int], tmp_path: Path) -> None:
    write("udf-2.60", a_small_medium(), tmp_path / "out")
    held = bytearray((tmp_path / "out").read_bytes())
    for block in broken:
        held[block * SECTOR : (block + (16 if block == 32 else 1)) * SECTOR] = bytes(
            (16 if block == 32 else 1) * SECTOR
        )
    (tmp_path / "hurt").write_bytes(held)
    assert contents(tmp_path / "hurt") == contents(tmp_path / "out")


def test_a_udf_folder_that_contains_itself_is_entered_once(tmp_path: Path) -> None:
    write("udf-2.60", [entry("A/F")], tmp_path / "out")
    held = bytearray((tmp_path / "out").read_bytes())
    # The names of A begin one block behind its entry; the second one is F. Let it lead to A itself.
    names = (288 + 32 + 5) * SECTOR
    assert tag_of(bytes(held[names : names + 40])) == 257
    held[names + 40 + 24 : names + 40 + 28] = (4).to_bytes(4, "little")
    body = bytes(held[names + 56 : names + 80])
    size = struct.unpack_from("<H", held, names + 40 + 10)[0]

    struct.pack_into("<H", held, names + 40 + 8, binascii.crc_hqx(body[:size], 0))
    head = held[names + 40 : names + 56]
    held[names + 44] = (sum(head) - head[4]) & 0xFF
    (tmp_path / "loop").write_bytes(held)
    assert nodes(tmp_path / "loop") == []


@given(st.text(min_size=1, max_size=60).filter(lambda text: "\0" not in text))
def test_names_survive_the_compressed_unicode_of_udf(text: str) -> None:
    try:
        stored = encode_name(text)
    except UnicodeError:
        assert any(0xD800 <= ord(char) <= 0xDFFF for char in text)
        return
    assert decode_name(stored) == text
    assert undstring(dstring(text, 128)) == text or len(stored) > 127


# -- both: damage is said and never raises anything else


@cache
def _image(name: str) -> bytes:

    with tempfile.TemporaryDirectory() as folder:
        write(name, many(40), Path(folder) / "out")
        return (Path(folder) / "out").read_bytes()


def _structure_of(name: str) -> tuple[int, int]:
    """Return where the structure begins and ends that damage should hit."""
    return (16 * SECTOR, 26 * SECTOR) if name == "iso9660" else (32 * SECTOR, (288 + 32 + 50) * SECTOR)


_BLOWS = st.tuples(st.floats(0, 0.9999), st.binary(min_size=1, max_size=8))


@pytest.mark.parametrize("name", ["iso9660", "udf-2.60"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damage=st.lists(_BLOWS, max_size=6), cut=st.floats(0, 1))
def test_a_damaged_image_is_read_as_far_as_it_goes_or_refused(
    name: str, damage: list[tuple[float, bytes]], cut: float, tmp_path: Path
) -> None:
    held = bytearray(_image(name))
    start, end = _structure_of(name)
    for where, wrong in damage:
        at = start + int(where * (end - start))
        held[at : at + len(wrong)] = wrong
    if cut < 0.3:
        del held[int(cut / 0.3 * len(held)) :]
    (tmp_path / "hurt").write_bytes(held)
    _read_or_refuse(tmp_path / "hurt", len(held))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(block=st.integers(0, 48), at=st.integers(16, 260), wrong=st.binary(min_size=1, max_size=4))
def test_udf_structures_with_wrong_content_and_right_checksums_do_no_harm(
    block: int, at: int, wrong: bytes, tmp_path: Path
) -> None:

    held = bytearray(_image("udf-2.60"))
    start = (288 + 32 + block) * SECTOR
    size = struct.unpack_from("<H", held, start + 10)[0]
    if size and at + len(wrong) <= 16 + size:
        held[start + at : start + at + len(wrong)] = wrong
        struct.pack_into(
            "<H", held, start + 8, binascii.crc_hqx(bytes(held[start + 16 : start + 16 + size]), 0)
        )
        held[start + 4] = (sum(held[start : start + 16]) - held[start + 4]) & 0xFF
    (tmp_path / "hurt").write_bytes(held)
    _read_or_refuse(tmp_path / "hurt", len(held))


def _read_or_refuse(path: Path, size: int) -> None:
    try:
        tree = open_tree(path)
    except SourceError:
        return
    try:
        for node in tree.walk():
            if node.kind is NodeKind.FILE:
                with tree.open(node) as stream:
                    assert len(stream.read()) == node.size <= size
    finally:
        tree.close()
