"""ZIP archives: what is written into them, and archives that mean harm."""

from __future__ import annotations

import io
import stat
import zipfile
from pathlib import Path

import pytest

from mediakit.errors import SourceError, UsageError
from mediakit.formats.base import Node, NodeKind
from mediakit.formats.zipfmt import ZipTree
from tests.support.media import a_small_medium, contents, write


def archive_of(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_members_are_deflated_unless_stored_is_asked_for(tmp_path: Path) -> None:
    write("zip", a_small_medium(), tmp_path / "deflated")
    write("zip", a_small_medium(), tmp_path / "stored", variant="stored")
    for name, method in (("deflated", zipfile.ZIP_DEFLATED), ("stored", zipfile.ZIP_STORED)):
        with zipfile.ZipFile(tmp_path / name) as archive:
            assert {member.compress_type for member in archive.infolist()} == {method}
    assert contents(tmp_path / "deflated") == contents(tmp_path / "stored")


def test_members_are_the_paths_in_order_with_the_orders_time_and_no_extras(tmp_path: Path) -> None:
    write("zip", a_small_medium(), tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "out") as archive:
        members = archive.infolist()
    assert [member.filename for member in members] == [one.path for one in a_small_medium()]
    assert {member.date_time for member in members} == {(2024, 2, 29, 13, 14, 14)}
    assert {member.extra for member in members} == {b""}
    assert {member.comment for member in members} == {b""}


def test_an_unknown_way_to_write_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        write("zip", a_small_medium(), tmp_path / "out", variant="rar")
    assert list(tmp_path.iterdir()) == []


def test_names_that_climb_out_are_only_names(tmp_path: Path) -> None:
    names = ["../../evil", "/etc/evil", "a/../../evil", "C:\\evil"]
    tree = ZipTree(archive_of(tmp_path / "zip", dict.fromkeys(names, b"x")))
    assert [node.path for node in tree.walk()] == names
    for name in names:
        with tree.open(Node(name)) as stream:
            assert stream.read() == b"x"
    tree.close()
    assert [one.name for one in tmp_path.iterdir()] == ["zip"]


def test_encrypted_members_and_unknown_methods_are_unreadable(tmp_path: Path) -> None:
    path = archive_of(tmp_path / "zip", {"locked": b"x", "odd": b"x", "good": b"x"})
    held = bytearray(path.read_bytes())
    central = held.index(b"PK\1\2")
    held[central + 8] |= 1
    second = held.index(b"PK\1\2", central + 4)
    held[second + 10] = 97
    path.write_bytes(held)
    tree = ZipTree(path)
    assert [(node.path, node.kind) for node in tree.walk()] == [
        ("locked", NodeKind.UNREADABLE), ("odd", NodeKind.UNREADABLE), ("good", NodeKind.FILE),
    ]  # fmt: skip
    assert tree.find("locked") is None
    tree.close()


def test_links_are_named_and_not_followed(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "zip", "w") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    tree = ZipTree(tmp_path / "zip")
    assert list(tree.walk()) == [Node("link", 0, NodeKind.LINK)]
    tree.close()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_second_member_of_the_same_name_is_unreadable(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "zip", "w") as archive:
        archive.writestr("same", b"first")
        archive.writestr("same", b"second")
    tree = ZipTree(tmp_path / "zip")
    assert [node.kind for node in tree.walk()] == [NodeKind.FILE, NodeKind.UNREADABLE]
    with tree.open(Node("same")) as stream:
        assert stream.read() == b"first"
    tree.close()


def test_a_bomb_gives_no_more_than_it_declares(tmp_path: Path) -> None:
    path = archive_of(tmp_path / "zip", {"bomb": bytes(50_000_000)})
    held = bytearray(path.read_bytes())
    central = held.index(b"PK\1\2")
    held[central + 24 : central + 28] = (1000).to_bytes(4, "little")
    path.write_bytes(held)
    tree = ZipTree(path)
    node = next(tree.walk())
    assert node.size == 1000
    taken = 0
    try:
        with tree.open(node) as stream:
            while found := stream.read(512):
                taken += len(found)
    except OSError:
        pass  # the checksum is that of the whole
    assert taken <= 1000
    tree.close()


def test_a_damaged_member_is_an_os_error_while_it_is_read(tmp_path: Path) -> None:
    path = archive_of(tmp_path / "zip", {"member": bytes(range(256)) * 100})
    held = bytearray(path.read_bytes())
    held[60:70] = bytes(10)
    path.write_bytes(held)
    tree = ZipTree(path)
    with pytest.raises(OSError, match="damaged"), tree.open(Node("member")) as stream:
        stream.read()
    tree.close()


@pytest.mark.parametrize("keep", [0, 4, 30, 60])
def test_a_cut_archive_is_a_source_error(keep: int, tmp_path: Path) -> None:
    path = archive_of(tmp_path / "zip", {"member": b"x" * 100})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(SourceError):
        ZipTree(path)


def test_a_comment_does_not_hide_the_archive(tmp_path: Path) -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("a", b"1")
        archive.comment = b"made elsewhere"
    (tmp_path / "zip").write_bytes(held.getvalue())
    assert contents(tmp_path / "zip") == {"a": b"1"}
