"""ZIP archives: what is written into them, and archives that mean harm."""

from __future__ import annotations

import io
import stat
import zipfile
from pathlib import Path

import pytest

from mediakit.errors import SourceError, UsageError
from mediakit.formats.base import Node, NodeKind
from mediakit.formats.readable import Gaps
from mediakit.formats.registry import open_tree
from mediakit.formats.zipfmt import ZipTree
from mediakit.volume import ZipVolume
from tests.support.media import a_small_medium, contents, read_all, write


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


def test_encrypted_members_and_unknown_methods_are_packed(tmp_path: Path) -> None:
    path = archive_of(tmp_path / "zip", {"locked": b"x", "odd": b"x", "good": b"x"})
    held = bytearray(path.read_bytes())
    central = held.index(b"PK\1\2")
    held[central + 8] |= 1
    second = held.index(b"PK\1\2", central + 4)
    held[second + 10] = 97
    path.write_bytes(held)
    tree = ZipTree(path)
    assert [(node.path, node.kind) for node in tree.walk()] == [
        ("locked", NodeKind.PACKED), ("odd", NodeKind.PACKED), ("good", NodeKind.FILE),
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
def test_members_of_one_name_are_files_of_their_own_and_the_first_keeps_the_name(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "zip", "w") as archive:
        for held in (b"first", b"second", b"third", b"fourth"):
            archive.writestr("A.B/IM1", held)
        archive.writestr("A.B/IM1 (3)", b"has this name")
    tree = ZipTree(tmp_path / "zip")
    assert [(node.path, node.stored) for node in tree.walk()] == [
        ("A.B/IM1", ""), ("A.B/IM1 (2)", "A.B/IM1"), ("A.B/IM1 (4)", "A.B/IM1"), ("A.B/IM1 (5)", "A.B/IM1"),
        ("A.B/IM1 (3)", ""),
    ]  # fmt: skip
    assert read_all(tree) == {
        "A.B/IM1": b"first", "A.B/IM1 (2)": b"second", "A.B/IM1 (4)": b"third", "A.B/IM1 (5)": b"fourth",
        "A.B/IM1 (3)": b"has this name",
    }  # fmt: skip
    assert tree.find("A.B/IM1") == Node("A.B/IM1", 5)
    tree.close()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_another_name_that_two_members_share_means_the_first(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "zip", "w") as archive:
        archive.writestr("A\\IM1", b"first")
        archive.writestr("A\\IM1", b"second")
    tree = ZipTree(tmp_path / "zip")
    assert [node.also for node in tree.walk()] == [("A/IM1",), ()]
    tree.close()


def test_a_member_with_content_is_a_file_even_without_a_name_or_with_that_of_a_folder(tmp_path: Path) -> None:
    members = {"": b"first", "./": b"second", "A/": b"third", "A/IM1": b"fourth", "B/": b""}
    with zipfile.ZipFile(tmp_path / "zip", "w") as archive:
        for name, content in members.items():
            member = zipfile.ZipInfo("x")
            member.filename = name
            archive.writestr(member, content)
    tree = ZipTree(tmp_path / "zip")
    assert read_all(tree) == {
        "(no name)": b"first", "(no name) (2)": b"second", "A": b"third", "A/IM1": b"fourth",
    }  # fmt: skip
    tree.close()


def test_an_archive_in_front_of_another_is_reported(tmp_path: Path) -> None:
    first = archive_of(tmp_path / "first", {"IM1": b"one"}).read_bytes()
    second = archive_of(tmp_path / "second", {"IM2": b"two"}).read_bytes()
    (tmp_path / "both").write_bytes(first + second)
    tree = ZipTree(tmp_path / "both")
    assert read_all(tree) == {"IM2": b"two"}
    (damage,) = tree.facts.damage
    assert str(len(first)) in damage.what
    tree.close()
    (tmp_path / "alone").write_bytes(b"PK\5\6 is what a program looks for" + bytes(100) + second)
    tree = ZipTree(tmp_path / "alone")
    assert tree.facts.damage == ()
    tree.close()


@pytest.mark.parametrize("size", [4096, 0x20000])
def test_an_archive_opens_where_what_stands_in_front_of_it_cannot_be_read(size: int, tmp_path: Path) -> None:
    path = archive_of(tmp_path / "zip", {"IM1": b"one"})
    path.write_bytes(bytes(size) + path.read_bytes())
    tree = ZipTree(path, Gaps([(0, size)]))
    assert read_all(tree) == {"IM1": b"one"}
    tree.close()


def test_one_member_that_cannot_be_read_takes_no_other_with_it(tmp_path: Path) -> None:
    path = archive_of(tmp_path / "zip", {"IM1": b"one", "IM2": b"two"})
    tree = ZipTree(path, Gaps([(0, 30)]))
    with pytest.raises(SourceError), tree.open(Node("IM1", 3)) as stream:
        stream.read()
    with tree.open(Node("IM2", 3)) as stream:
        assert stream.read() == b"two"
    tree.close()


def test_a_dot_in_front_of_a_name_is_not_shown(tmp_path: Path) -> None:
    members = {"./": b"", "./DICOMDIR": b"directory", "./IMAGES/": b"", "././IMAGES/IM1": b"image"}
    tree = ZipTree(archive_of(tmp_path / "zip", members))
    assert list(tree.walk()) == [
        Node("DICOMDIR", 9, stored="./DICOMDIR"), Node("IMAGES/IM1", 5, stored="././IMAGES/IM1"),
    ]  # fmt: skip
    assert list(tree.folders()) == ["IMAGES"]
    assert read_all(tree) == {"DICOMDIR": b"directory", "IMAGES/IM1": b"image"}
    assert tree.find("./DICOMDIR") is None
    assert tree.facts.volume == ZipVolume(methods=("deflated",), depth=2)
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


def volume_of(path: Path) -> ZipVolume:
    tree = ZipTree(path)
    tree.close()
    assert isinstance(tree.facts.volume, ZipVolume)
    return tree.facts.volume


def test_the_volume_tells_methods_and_depth(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "zip", "w") as archive:
        archive.writestr("DICOMDIR", b"x" * 100, zipfile.ZIP_STORED)
        archive.writestr("A/B/IM1", b"x" * 100, zipfile.ZIP_DEFLATED)
        archive.writestr("A/B/IM2", b"x" * 100, zipfile.ZIP_BZIP2)
    assert volume_of(tmp_path / "zip") == ZipVolume(methods=("stored", "deflated", "bzip2"), depth=3)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_the_volume_tells_names_that_are_doubled_or_lead_out(tmp_path: Path) -> None:
    rooted = ["/A", "..", "B/../../C", "C:\\X", "\\\\host\\share\\X", "..\\Y"]
    with zipfile.ZipFile(tmp_path / "zip", "w") as archive:
        for name in ["GOOD", *rooted, "GOOD", "A..B", "A/B..C"]:
            archive.writestr(name, b"x")
    volume = volume_of(tmp_path / "zip")
    assert volume.rooted == tuple(rooted)
    assert volume.doubled == ("GOOD",)


def test_the_volume_tells_what_is_encrypted_and_with_what(tmp_path: Path) -> None:
    path = archive_of(tmp_path / "zip", {"A/locked": b"x"})
    held = bytearray(path.read_bytes())
    central = held.index(b"PK\1\2")
    held[central + 8] |= 1
    held[central + 10] = 99
    path.write_bytes(held)
    assert volume_of(path) == ZipVolume(methods=("AES",), depth=2, encrypted=("A/locked",))


def test_names_with_backslashes_are_kept_and_told_with_slashes_too(tmp_path: Path) -> None:
    path = archive_of(tmp_path / "zip", {"DICOM\\": b"", "DICOM\\IM1": b"image", "VOID\\": b""})
    tree = ZipTree(path)
    assert list(tree.walk()) == [Node("DICOM\\IM1", 5, also=("DICOM/IM1",))]
    assert list(tree.folders()) == ["DICOM", "VOID"]
    assert tree.find("DICOM/IM1") is None
    with tree.open(Node("DICOM\\IM1")) as stream:
        assert stream.read() == b"image"
    tree.close()


def test_a_name_of_very_many_folders_is_unreadable(tmp_path: Path) -> None:
    path = archive_of(tmp_path / "zip", {"a/" * 20_000 + "x": b"1", "good": b"2"})
    tree = ZipTree(path)
    assert [node.kind for node in tree.walk()] == [NodeKind.UNREADABLE, NodeKind.FILE]
    assert list(tree.folders()) == []
    tree.close()


def test_devices_in_an_archive_are_special(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "zip", "w") as archive:
        for number, kind in enumerate((stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK)):
            device = zipfile.ZipInfo(str(number))
            device.external_attr = (kind | 0o666) << 16
            archive.writestr(device, b"")
    tree = ZipTree(tmp_path / "zip")
    assert {node.kind for node in tree.walk()} == {NodeKind.SPECIAL}
    tree.close()


def test_an_archive_behind_a_program_opens(tmp_path: Path) -> None:
    path = archive_of(tmp_path / "zip", {"A/B": b"content"})
    path.write_bytes(b"MZ" + bytes(5000) + path.read_bytes())
    tree = open_tree(path)
    assert tree.facts.format == "zip"
    with tree.open(Node("A/B")) as stream:
        assert stream.read() == b"content"
    tree.close()


def test_a_cut_archive_says_that_its_directory_is_missing(tmp_path: Path) -> None:
    path = archive_of(tmp_path / "zip", {"member": b"x" * 100})
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(SourceError) as caught:
        open_tree(path)
    assert "directory" in caught.value.hint


def test_one_part_of_an_archive_in_several_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = archive_of(tmp_path / "zip", {"member": b"x" * 100})
    held = bytearray(path.read_bytes())
    held[held.rindex(b"PK\5\6") + 4] = 2
    path.write_bytes(held)
    with pytest.raises(SourceError, match="part of an archive") as caught:
        open_tree(path)
    assert "join" in caught.value.hint


def test_a_member_that_the_directory_puts_outside_is_unreadable_and_others_are_not(tmp_path: Path) -> None:
    path = archive_of(tmp_path / "zip", {"first": b"x" * 100, "far": b"y" * 100})
    held = bytearray(path.read_bytes())
    far = held.index(b"PK\1\2", held.index(b"PK\1\2") + 4)
    held[far + 42 : far + 46] = (5_000_000).to_bytes(4, "little")
    path.write_bytes(held)
    tree = ZipTree(path)
    assert {node.path: node.kind for node in tree.walk()} == {
        "first": NodeKind.FILE, "far": NodeKind.UNREADABLE,
    }  # fmt: skip
    tree.close()
