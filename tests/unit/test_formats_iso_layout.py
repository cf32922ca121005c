"""The structure of ISO 9660 Level 1, read back field by field. Source: ECMA-119."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

from pycdlib import PyCdlib

from mediakit.formats.base import Entry
from mediakit.formats.iso_layout import IsoLayout, lay_out
from mediakit.formats.iso_naming import names_of
from mediakit.formats.iso_records import SECTOR, read_session, records
from mediakit.formats.legal import check_paths
from mediakit.volume import Damage
from tests.support.iso_bytes import Memory, read_volume
from tests.support.media import WHEN, a_small_medium, content_of, entry, many, write


def laid_out(entries: list[Entry], label: str = "", *, joliet: bool = False) -> IsoLayout:
    return lay_out(entries, names_of(entries, joliet=joliet, rock_ridge=False), label, WHEN)


def names_in(entries: list[Entry], folder: str = "") -> list[str]:
    image = Memory(laid_out(entries).structure)
    volume = read_volume(image)
    assert volume is not None
    damage: list[Damage] = []
    found = [record.path for record in records(image, volume, damage) if not record.is_self]
    assert damage == []
    return [path.rpartition("/")[2] for path in found if path.rpartition("/")[0] == folder]


def path_table(structure: bytes, order: str) -> list[tuple[bytes, int, int]]:
    """Return the identifier, the sector and the number of the parent of every record."""
    descriptor = structure[16 * SECTOR : 17 * SECTOR]
    assert struct.unpack_from("<I", descriptor, 132) == struct.unpack_from(">I", descriptor, 136)
    left = struct.unpack_from("<I", descriptor, 132)[0]
    at = struct.unpack_from(order + "I", descriptor, 140 if order == "<" else 148)[0] * SECTOR
    end, found = at + left, []
    while at < end:
        length, block, parent = structure[at], *struct.unpack_from(order + "IH", structure, at + 2)
        found.append((structure[at + 8 : at + 8 + length], block, parent))
        at += 8 + length + length % 2
    return found


def test_names_are_sorted_by_name_and_then_by_extension_filled_up_with_spaces() -> None:
    entries = [entry(name) for name in ("A.B", "AB", "A", "A.1", "A0.Z", "A_", "A.10", "B", "0")]
    assert names_in(entries) == ["0", "A", "A.1", "A.10", "A.B", "A0.Z", "AB", "A_", "B"]


def test_files_and_folders_are_sorted_together() -> None:
    entries = [entry("C/X"), entry("B"), entry("A/X"), entry("D")]
    assert names_in(entries) == ["A", "B", "C", "D"]


def test_both_path_tables_name_each_folder_by_level_then_parent_then_name() -> None:
    entries = [entry(path) for path in ("Z/B/X", "Z/A/X", "A/Q/X", "A/C/X", "M/X")]
    structure = laid_out(entries).structure
    little, big = path_table(structure, "<"), path_table(structure, ">")
    assert little == big
    names = [(name, parent) for name, _, parent in little]
    assert names == [
        (b"\0", 1), (b"A", 1), (b"M", 1), (b"Z", 1), (b"C", 2), (b"Q", 2), (b"A", 4), (b"B", 4),
    ]  # fmt: skip
    for _, block, _ in little:  # each folder begins with itself
        assert struct.unpack_from("<I", structure, block * SECTOR + 2)[0] == block
        assert structure[block * SECTOR + 33] == 0


def test_a_joliet_tree_has_the_same_files_under_the_same_names_and_blocks() -> None:
    entries = many(700)
    layout = laid_out(entries, "A_LABEL_OF_20_SIGNS_", joliet=True)
    assert layout == laid_out(entries, "A_LABEL_OF_20_SIGNS_", joliet=True)
    image = Memory(layout.structure)
    session = read_session(image, 0)
    assert session is not None
    assert session.joliet is not None
    assert session.primary.label == "A_LABEL_OF_20_SIGNS_"
    assert session.joliet.label == "A_LABEL_OF_20_SI"
    damage: list[Damage] = []
    first, second = (
        [
            (one.path, one.is_directory, 0 if one.is_directory else (one.block, one.size))
            for one in records(image, volume, damage)
            if not one.is_self
        ]
        for volume in (session.primary, session.joliet)
    )
    assert first == second
    assert len(first) > 700
    assert damage == []


def test_a_path_table_of_many_sectors_is_whole() -> None:
    entries = [entry(f"F{number:05d}/X", 1) for number in range(2000)]
    structure = laid_out(entries).structure
    assert len(path_table(structure, "<")) == 2001
    assert path_table(structure, "<") == path_table(structure, ">")


def test_no_record_lies_in_two_sectors_of_a_folder() -> None:
    image = Memory(laid_out(many(3000)).structure)
    volume = read_volume(image)
    assert volume is not None
    seen = list(records(image, volume, []))
    assert len([record for record in seen if not record.is_directory]) == 3000
    for record in seen:
        length = image.read(record.at, 1)[0]
        assert record.at // SECTOR == (record.at + length - 1) // SECTOR


def test_files_follow_in_the_order_of_the_entries_and_an_empty_one_has_no_extent() -> None:
    entries = [entry("Z", 1), entry("E", 0), entry("A", SECTOR + 1), entry("M", SECTOR)]
    layout = laid_out(entries)
    first = len(layout.structure) // SECTOR
    assert list(layout.blocks) == [first, first + 1, first + 1, first + 3]
    assert layout.end == first + 4
    image = Memory(layout.structure)
    volume = read_volume(image)
    assert volume is not None
    assert volume.blocks == layout.end
    found = {one.path: (one.block, one.size) for one in records(image, volume, []) if not one.is_self}
    assert found["E"] == (0, 0)
    assert found["A"] == (first + 1, SECTOR + 1)


def test_a_volume_without_files_is_a_volume() -> None:
    layout = laid_out([], "EMPTY")
    volume = read_volume(Memory(layout.structure))
    assert volume is not None
    assert (volume.label, volume.blocks * SECTOR) == ("EMPTY", len(layout.structure))


def test_the_structure_is_the_one_that_pycdlib_lays_out_for_the_same_names(tmp_path: Path) -> None:
    """Dates and the places of files are its own choice, so that they are left out of the comparison."""
    entries = [*a_small_medium(), *(one for one in many(300) if one.path != "DICOMDIR")]
    iso: Any = PyCdlib()
    iso.new(interchange_level=1, sys_ident="", vol_ident="SET", app_ident_str="MEDIAKIT")
    for folder in check_paths(entries):
        iso.add_directory(f"/{folder}")
    for one in entries:
        name = one.path if "." in one.path.rpartition("/")[2] else f"{one.path}."
        iso.add_fp(io.BytesIO(content_of(one.path, one.size)), one.size, f"/{name};1")
    iso.write(str(tmp_path / "theirs"))
    iso.close()
    write("iso9660", entries, tmp_path / "ours", label="SET")
    assert _names_and_sizes(tmp_path / "ours") == _names_and_sizes(tmp_path / "theirs")
    ours, theirs = (tmp_path / "ours").read_bytes(), (tmp_path / "theirs").read_bytes()
    assert path_table(ours, "<") == path_table(theirs, "<")
    assert ours[16 * SECTOR : 16 * SECTOR + 174] == theirs[16 * SECTOR : 16 * SECTOR + 174]
    assert ours[17 * SECTOR : 23 * SECTOR] == theirs[17 * SECTOR : 23 * SECTOR]


def _names_and_sizes(image: Path) -> list[tuple[int, bytes, int]]:
    held = Memory(image.read_bytes())
    volume = read_volume(held)
    assert volume is not None
    return [(record.at, record.name, record.size) for record in records(held, volume, [])]
