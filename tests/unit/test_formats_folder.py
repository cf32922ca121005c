"""Folders read as media, and the writing of folders, in the ways that only folders have."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from mediakit.durable import move_up
from mediakit.errors import SourceError
from mediakit.formats.base import Node, NodeKind
from mediakit.formats.folder import FileTree, FolderTree
from tests.support.media import WHEN, a_small_medium, write


def kinds(tree: FolderTree) -> dict[str, NodeKind]:
    return {node.path: node.kind for node in tree.walk()}


def test_links_are_named_and_never_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    root = tmp_path / "root"
    root.mkdir()
    (root / "file").write_bytes(b"x")
    (root / "to_file").symlink_to(tmp_path / "secret")
    (root / "to_folder").symlink_to(tmp_path)
    (root / "loop").symlink_to(root)
    (root / "broken").symlink_to("nowhere")
    tree = FolderTree(root)
    links = dict.fromkeys(("to_file", "to_folder", "loop", "broken"), NodeKind.LINK)
    assert kinds(tree) == {"file": NodeKind.FILE, **links}
    for path in (*links, "to_folder/secret", "loop/file"):
        assert tree.find(path) is None or path in links
        with pytest.raises(SourceError):
            tree.open(Node(path))
    assert tree.find("to_file") is None
    tree.close()


def test_a_file_that_becomes_a_link_after_the_walk_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "file").write_bytes(b"secret")
    (tmp_path / "root" / "folder").mkdir(parents=True)
    (tmp_path / "root" / "folder" / "file").write_bytes(b"open")
    tree = FolderTree(tmp_path / "root")
    node = next(tree.walk())
    (tmp_path / "root" / "folder").rename(tmp_path / "moved")
    (tmp_path / "root" / "folder").symlink_to(tmp_path / "secret")
    with pytest.raises(SourceError):
        tree.open(node)
    tree.close()


def test_pipes_are_special_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    tree = FolderTree(tmp_path)
    assert kinds(tree) == {"pipe": NodeKind.SPECIAL}
    with pytest.raises(SourceError):
        tree.open(Node("pipe"))
    tree.close()


def test_a_folder_that_the_system_will_not_show_is_a_node_and_the_walk_goes_on(tmp_path: Path) -> None:
    (tmp_path / "a_shut").mkdir()
    (tmp_path / "b").write_bytes(b"")
    (tmp_path / "a_shut").chmod(0)
    try:
        if os.access(tmp_path / "a_shut", os.R_OK):
            pytest.skip("this user may read everything")
        found = list(FolderTree(tmp_path).walk())
    finally:
        (tmp_path / "a_shut").chmod(0o755)
    assert found[0] == Node("a_shut", 0, NodeKind.UNREADABLE, "Permission denied")
    assert found[1].path == "b"


def test_a_folder_that_vanishes_during_the_walk_is_a_node(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    (tmp_path / "b").mkdir()
    walk = FolderTree(tmp_path).walk()
    assert next(walk).path == "a"
    (tmp_path / "b").rmdir()
    assert [(node.path, node.kind) for node in walk] == [("b", NodeKind.UNREADABLE)]


def test_names_that_are_no_text_can_be_walked_found_and_opened(tmp_path: Path) -> None:
    names = [b"caf\xe9", b"line\nbreak", b"tab\there", "\u6771\u4eac".encode(), b" ", b"-rf"]
    for name in names:
        with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:  # noqa: PTH118, PTH123
            file.write(name)
    tree = FolderTree(tmp_path)
    found = list(tree.walk())
    assert sorted(os.fsencode(node.path) for node in found) == sorted(names)
    for node in found:
        assert tree.find(node.path) == node
        with tree.open(node) as stream:
            assert stream.read() == os.fsencode(node.path)
    tree.close()


def test_the_walk_is_sorted_by_name_folder_by_folder(tmp_path: Path) -> None:
    for path in ("b/2", "b/10", "a/z", "c", "a.x"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    assert [node.path for node in FolderTree(tmp_path).walk()] == ["a.x", "c", "a/z", "b/10", "b/2"]


def test_closing_leaves_no_descriptor_open(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "f").write_bytes(b"x")
    before = sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208
    tree = FolderTree(tmp_path)
    tree.open(Node("a/f")).close()
    tree.find("a/f")
    with pytest.raises(SourceError):
        tree.open(Node("a/missing/f"))
    tree.close()
    assert sorted(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_a_single_file_is_a_tree_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "image").write_bytes(b"bytes")
    tree = FileTree(tmp_path / "image")
    assert list(tree.walk()) == [Node("image", 5)]
    assert tree.find("image") == Node("image", 5)
    with tree.open(Node("image")) as stream:
        assert stream.read() == b"bytes"
    with pytest.raises(SourceError):
        tree.open(Node("other"))


def test_a_written_folder_has_the_modes_and_times_of_the_order(tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        write("folder", a_small_medium(), tmp_path / "out")
    finally:
        os.umask(old)
    for found in [tmp_path / "out", *(tmp_path / "out").rglob("*")]:
        assert stat.S_IMODE(found.stat().st_mode) == (0o755 if found.is_dir() else 0o644)
        assert found.stat().st_mtime == WHEN.timestamp()


def test_an_empty_folder_may_stand_at_the_target(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write("folder", a_small_medium(), tmp_path / "out")
    assert (tmp_path / "out" / "DICOMDIR").stat().st_size == 3000


def test_an_empty_mount_point_is_filled_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stick").mkdir()
    inode = (tmp_path / "stick").stat().st_ino
    monkeypatch.setattr(Path, "is_mount", lambda self: self == tmp_path / "stick")
    write("folder", a_small_medium(), tmp_path / "stick")
    assert (tmp_path / "stick").stat().st_ino == inode
    assert sorted(one.name for one in (tmp_path / "stick").iterdir()) == [
        "A",
        "BIG",
        "DICOM",
        "DICOMDIR",
        "README",
    ]
    assert [one.name for one in tmp_path.iterdir()] == ["stick"]


def test_moving_up_ends_with_the_dicomdir_and_undoes_itself_when_it_fails(tmp_path: Path) -> None:
    part = tmp_path / ".mediakit-1.part"
    for name in ("A", "DICOMDIR", "Z"):
        (part / name).mkdir(parents=True)
    (tmp_path / "Z").write_bytes(b"in the way")
    with pytest.raises(OSError, match="Not a directory"):
        move_up(part, tmp_path)
    assert sorted(one.name for one in part.iterdir()) == ["A", "DICOMDIR", "Z"]
    assert not (tmp_path / "DICOMDIR").exists()
