"""Files of a medium that share their bytes, or claim more than it has: few bytes that read as terabytes."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

from mediakit.formats.base import Node, NodeKind
from mediakit.formats.iso_records import IsoRecord, records
from mediakit.limits import MAX_SHARED
from tests.support.cli import mediakit
from tests.support.iso_bytes import Memory, read_volume
from tests.support.media import content_of, contents, entry, nodes, write
from tests.support.people import Person, medium_of

SECTOR = 2048
ANNA = Person(patient_id="1", name="A^B", birth_date="19700101", sex="F")


def image_of(names: list[str], path: Path) -> tuple[bytearray, dict[str, IsoRecord]]:
    """Return an ISO 9660 image of files of 3000 bytes, and their directory records."""
    write("iso9660", [entry(name, 3000) for name in names], path)
    held = bytearray(path.read_bytes())
    volume = read_volume(Memory(bytes(held)))
    assert volume is not None
    found = {record.path: record for record in records(Memory(bytes(held)), volume, [])}
    return held, {name: found[name] for name in names}


def put(held: bytearray, record: IsoRecord, *, block: int, size: int) -> None:
    """Let a directory record name another place."""
    struct.pack_into("<I", held, record.at + 2, block)
    struct.pack_into(">I", held, record.at + 6, block)
    struct.pack_into("<I", held, record.at + 10, size)
    struct.pack_into(">I", held, record.at + 14, size)


def refused(found: list[Node]) -> list[Node]:
    return [node for node in found if node.kind is NodeKind.UNREADABLE]


def test_files_that_all_reach_to_the_end_of_the_image_are_read_up_to_the_limit(tmp_path: Path) -> None:
    names = [f"F{number}" for number in range(60)]
    held, at = image_of(names, tmp_path / "sound.iso")
    for record in at.values():
        put(held, record, block=record.block, size=len(held) - record.block * SECTOR)
    (tmp_path / "greedy.iso").write_bytes(held)
    found = nodes(tmp_path / "greedy.iso")
    assert {node.path for node in found} == set(names)
    bad = refused(found)
    assert len(bad) > 30
    assert all("it shares its bytes with other files" in node.why for node in bad)
    read = sum(node.size for node in found if node.kind is NodeKind.FILE)
    assert read <= (MAX_SHARED + 1) * len(held)


def test_equal_files_may_lie_in_one_place(tmp_path: Path) -> None:
    names = [f"F{number}" for number in range(4)]
    held, at = image_of(names, tmp_path / "sound.iso")
    for record in at.values():
        put(held, record, block=at["F0"].block, size=3000)
    (tmp_path / "linked.iso").write_bytes(held)
    assert contents(tmp_path / "linked.iso") == dict.fromkeys(names, content_of("F0", 3000))


def test_a_file_of_extents_that_add_up_to_more_than_the_medium_is_refused(tmp_path: Path) -> None:
    names = [f"F{number}" for number in range(8)]
    held, at = image_of([*names, "G"], tmp_path / "sound.iso")
    whole = len(held) // SECTOR * SECTOR
    for name in names:
        put(held, at[name], block=0, size=whole)
        held[at[name].at + 33 : at[name].at + 35] = b"F0"
        held[at[name].at + 25] |= 0x80 * (name != names[-1])
    (tmp_path / "long.iso").write_bytes(held)
    found = nodes(tmp_path / "long.iso")
    (bad,) = refused(found)
    assert bad.why == f"it claims {8 * whole} bytes, the medium has {len(held)}"
    assert [node.path for node in found if node.kind is NodeKind.FILE] == ["G"]


def test_an_import_names_the_files_that_claim_too_much_and_is_not_good(tmp_path: Path) -> None:
    folder = medium_of(tmp_path / "cd", [ANNA], instances=3)
    names = [path.name for path in sorted(folder.iterdir())]
    flat = [entry(f"X{number}", (folder / name).stat().st_size) for number, name in enumerate(names)]
    write("iso9660", flat, tmp_path / "sound.iso")
    held = bytearray((tmp_path / "sound.iso").read_bytes())
    volume = read_volume(Memory(bytes(held)))
    assert volume is not None
    at = {record.path: record for record in records(Memory(bytes(held)), volume, [])}
    for number, name in enumerate(names):
        content = (folder / name).read_bytes()
        start = at[f"X{number}"].block * SECTOR
        held[start : start + len(content)] = content
    put(held, at["X2"], block=0, size=0x7FFFF800)
    (tmp_path / "bad.iso").write_bytes(held)
    said = mediakit(
        "import", tmp_path / "bad.iso", f"dir:{tmp_path / 'there'}", "--state", tmp_path / "state"
    )
    assert said.code == 6, said
    assert "X2" in said.out + said.err
    assert len(list((tmp_path / "there").rglob("*.dcm"))) == 2


def test_members_of_an_archive_share_no_bytes(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "sound.zip", "w") as archive:
        for name in ("AAAA", "BBBB", "CCCC"):
            archive.writestr(name, name.encode() * 200)
    assert len(contents(tmp_path / "sound.zip")) == 3
    held = bytearray((tmp_path / "sound.zip").read_bytes())
    second = held.index(b"PK\x01\x02", held.index(b"PK\x01\x02") + 1)
    for offset, count in ((0, 2), (100, 2)):  # the place of AAAA, and one inside of it
        struct.pack_into("<I", held, second + 42, offset)
        (tmp_path / "shared.zip").write_bytes(held)
        found = nodes(tmp_path / "shared.zip")
        (bad,) = refused(found)
        assert bad.why == "it shares its bytes with another member"
        assert len([node for node in found if node.kind is NodeKind.FILE]) == count
