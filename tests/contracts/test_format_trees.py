"""What every tree promises, over the registry: the same files on every kind of medium, the same tests."""

from __future__ import annotations

import os
import shutil
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from mediakit.errors import SourceError
from mediakit.formats.base import Node, NodeKind, Tree
from mediakit.formats.registry import TREES, open_tree
from tests.support.each import each
from tests.support.media import DEEP, a_small_medium, content_of, fingerprint, read_all
from tests.support.tree_media import (
    EMPTY_FOLDER,
    MAKERS,
    folders_of,
    make_iso_with_empty_folder,
    make_with_link,
)

FILES = {one.path: one.size for one in a_small_medium()}
IMAGES = sorted(set(MAKERS) - {"folder"})
HAS_NO_EMPTY_FOLDER = {"iso9660", "udf", "sessions", "mime"}  # our sinks make none
LABELLED = {"iso9660", "udf", "fat"}


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("media")


def medium_of(kind: str, media: Path) -> Path:
    """Return a medium that is made once; whoever changes it takes a copy."""
    path = media / kind
    if not path.exists():
        making = media / "making"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir()
        MAKERS[kind][1](a_small_medium(), making / kind)
        (making / kind).rename(path)
    return path


@pytest.fixture(params=sorted(MAKERS))
def kind(request: pytest.FixtureRequest) -> str:
    assert isinstance(request.param, str)
    return request.param


@pytest.fixture
def tree(kind: str, media: Path) -> Iterator[Tree]:
    opened = open_tree(medium_of(kind, media))
    assert opened.facts.format == MAKERS[kind][0]
    yield opened
    opened.close()


def test_every_kind_of_the_registry_that_holds_many_files_is_here() -> None:
    assert {tree for tree, _ in MAKERS.values()} == TREES.keys() - {"file"}


# ---- names


def test_every_file_is_named_once_with_its_size(tree: Tree) -> None:
    found = [(node.path, node.size, node.kind) for node in tree.walk()]
    assert sorted(found) == sorted((path, size, NodeKind.FILE) for path, size in FILES.items())


def test_every_folder_is_named_once_the_empty_one_too(tree: Tree, kind: str) -> None:
    empty = [] if kind in HAS_NO_EMPTY_FOLDER else [EMPTY_FOLDER]
    assert sorted(tree.folders()) == sorted([*folders_of(a_small_medium()), *empty])


def test_an_empty_folder_of_an_iso_is_named(tmp_path: Path) -> None:
    make_iso_with_empty_folder(a_small_medium(), tmp_path / "medium")
    tree = open_tree(tmp_path / "medium")
    assert sorted(tree.folders()) == sorted([*folders_of(a_small_medium()), EMPTY_FOLDER])
    assert len(read_all(tree)) == len(FILES)
    tree.close()


def test_walking_twice_gives_the_same(tree: Tree) -> None:
    assert list(tree.walk()) == list(tree.walk())
    assert list(tree.folders()) == list(tree.folders())


def test_two_walks_at_once_do_not_disturb_one_another(tree: Tree) -> None:
    assert [one == other for one, other in zip(tree.walk(), tree.walk(), strict=True)] == [True] * len(FILES)


def test_files_come_in_the_order_in_which_they_lie_on_the_medium(tree: Tree, kind: str) -> None:
    found = [node.path for node in tree.walk() if node.size]
    expected = [path for path, size in FILES.items() if size]
    assert found == (sorted(expected, key=_by_folder) if kind == "folder" else expected)


def _by_folder(path: str) -> tuple[list[str], str]:
    folder, _, name = path.rpartition("/")
    return folder.split("/") if folder else [], name


def test_other_names_differ_from_the_path(tree: Tree) -> None:
    for node in tree.walk():
        assert node.path not in node.also
        assert len(set(node.also)) == len(node.also)


# ---- bytes


def test_every_file_gives_its_bytes(tree: Tree) -> None:
    assert read_all(tree) == {path: content_of(path, size) for path, size in FILES.items()}


def test_where_a_file_lies_its_bytes_are(tree: Tree, kind: str, media: Path) -> None:
    image = b"" if kind == "folder" else medium_of(kind, media).read_bytes()
    for node in tree.walk():
        extents = tree.extents(node)
        held = b"".join(image[start : start + size] for start, size in extents)
        if kind == "folder":
            assert not extents
        elif kind == "zip":
            assert not node.size or held.startswith(b"PK\3\4")
        elif kind == "mime":
            assert b64decode(held) == content_of(node.path, node.size)
        else:
            assert held == content_of(node.path, node.size) if node.size else not held


def test_a_file_can_be_read_from_anywhere(tree: Tree) -> None:
    expected = content_of("BIG", 700_000)
    with tree.open(Node("BIG", 700_000)) as stream:
        assert stream.read(10) == expected[:10]
        stream.seek(699_990)
        assert stream.read() == expected[-10:]
        assert stream.read(1) == b""
        stream.seek(5)
        assert stream.read(300_000) == expected[5:300_005]
        assert stream.tell() == 300_005
        stream.seek(-3, os.SEEK_END)
        assert stream.read(10) == expected[-3:]


def test_beyond_the_end_nothing_is_read(tree: Tree) -> None:
    with tree.open(Node("BIG", 700_000)) as stream:
        stream.seek(800_000)
        assert stream.read(5) == b""
        assert stream.read() == b""
        stream.seek(0)
        assert stream.read(5) == content_of("BIG", 700_000)[:5]


def test_an_empty_file_is_empty(tree: Tree) -> None:
    with tree.open(Node("README")) as stream:
        assert stream.read() == b""
        stream.seek(100)
        assert stream.read(1) == b""


def test_streams_of_two_files_and_of_one_are_independent(tree: Tree) -> None:
    big = content_of("BIG", 700_000)
    with tree.open(Node("BIG")) as one, tree.open(Node(DEEP)) as deep, tree.open(Node("BIG")) as other:
        assert one.read(100) == big[:100]
        assert deep.read() == content_of(DEEP, 2049)
        assert other.read(200) == big[:200]
        assert one.read(100) == big[100:200]


# ---- find and open


def test_find_gives_the_node_that_walk_gives(tree: Tree) -> None:
    for node in tree.walk():
        assert tree.find(node.path) == node


@each(
    "path",
    ["", ".", "..", "/", "dicomdir", "Dicomdir", "DICOM", "DICOM/", "DICOM/Z1", "dicom/Z1/IM1",
     "DICOM/Z1/im1", "/DICOMDIR", "./DICOMDIR", "DICOMDIR/", "DICOMDIR.", "DICOMDIR;1", "DICOMDIR ",
     "DICOM\\Z1\\IM1", "DICOM/../DICOMDIR", "DICOM/./Z1/IM2", "DICOM//Z1/IM2", "//DICOM/Z1/IM2",
     "DICOMDIR/X", "nothing", "VOID", "A\0B", "DICOMDIR\0", "A" * 5000, "\udcff", "../media/DICOMDIR"],
)  # fmt: skip
def test_find_wants_exactly_the_path(tree: Tree, path: str) -> None:
    assert tree.find(path) is None


@each(
    "path",
    ["nothing", "", ".", "..", "../medium", "../../etc/passwd", "/etc/passwd", "DICOM/../../../etc/passwd",
     "DICOM", "dicomdir/x", "DICOM//Z1/IM2", "A\0B", "C:\\Windows\\win.ini", "A" * 5000, "\udcff"],
)  # fmt: skip
def test_what_is_not_a_file_of_the_medium_cannot_be_opened(tree: Tree, path: str) -> None:
    with pytest.raises(SourceError):
        tree.open(Node(path))


@each("closed", [NodeKind.LINK, NodeKind.SPECIAL, NodeKind.UNREADABLE])
def test_a_link_or_unreadable_node_cannot_be_opened(tree: Tree, closed: NodeKind) -> None:
    with pytest.raises(SourceError):
        tree.open(Node("DICOMDIR", 3000, closed))


@pytest.mark.parametrize("linked", ["folder", "iso9660", "zip"])
def test_a_link_is_named_and_never_followed(linked: str, tmp_path: Path) -> None:
    make_with_link(linked, tmp_path / "medium")
    tree = open_tree(tmp_path / "medium")
    nodes = {node.path: node for node in tree.walk()}
    assert {path: node.kind for path, node in nodes.items()} == {
        "LINK": NodeKind.LINK, "SOUND": NodeKind.FILE,
    }  # fmt: skip
    assert tree.find("LINK") is None
    for node in (nodes["LINK"], Node("LINK")):
        with pytest.raises(SourceError):
            tree.open(node)
    tree.close()


# ---- damage


def test_a_medium_cut_off_loses_the_files_behind_the_cut_and_no_other(
    kind: str, media: Path, tmp_path: Path
) -> None:
    path = tmp_path / "medium"
    if kind in {"folder", "zip"}:
        pytest.skip("a folder is not one piece, and a ZIP archive has its directory at the end")
    shutil.copyfile(medium_of(kind, media), path)
    held = path.read_bytes()
    big = content_of("BIG", 700_000)
    start = b64encode(big[299_991:300_048]) if kind == "mime" else big[300_000:300_100]
    os.truncate(path, held.index(start))
    tree = open_tree(path)
    kinds = {node.path: node.kind for node in tree.walk()}
    expected = {**dict.fromkeys(FILES, NodeKind.FILE), "BIG": NodeKind.UNREADABLE}
    if kind == "mime":
        del expected["README"]  # its name stood behind the cut
        assert tree.facts.damage
    assert kinds == expected
    for node in tree.walk():
        if node.kind is NodeKind.FILE:
            with tree.open(node) as stream:
                assert stream.read() == content_of(node.path, node.size)
    tree.close()


def test_bytes_that_are_damaged_harm_their_own_file_only(kind: str, media: Path, tmp_path: Path) -> None:
    path = tmp_path / "medium"
    if kind == "folder":
        shutil.copytree(medium_of(kind, media), path)
        (path / "BIG").write_bytes(b"")
    else:
        held = bytearray(medium_of(kind, media).read_bytes())
        middle = (
            len(held) // 2 if kind in {"zip", "mime"} else held.index(content_of("BIG", 700_000)[4096:4200])
        )
        held[middle : middle + 100] = bytes(100)
        path.write_bytes(held)
    tree = open_tree(path)
    for node in tree.walk():
        expected = content_of(node.path, FILES[node.path])
        if node.kind is NodeKind.UNREADABLE:
            assert node.path == "BIG"
            continue
        try:
            with tree.open(node) as stream:
                assert (stream.read() == expected) == (node.path != "BIG")
        except OSError:
            assert node.path == "BIG"
    tree.close()


# ---- facts, opening and closing


def test_the_volume_tells_its_depth_and_nothing_odd(tree: Tree) -> None:
    facts = tree.facts
    assert facts.damage == ()
    if facts.format == "folder":
        assert facts.volume is None
    elif facts.format == "udf" and facts.volume is None:
        pytest.skip("the UDF reader tells nothing of its volume yet")
    else:
        assert facts.volume is not None
        assert facts.volume.depth == 1 + DEEP.count("/")


def test_the_label_is_told_where_the_format_has_one(tree: Tree) -> None:
    assert tree.facts.label == ("SET_1" if tree.facts.format in LABELLED else "")


def test_the_size_is_that_of_the_image(tree: Tree, kind: str, media: Path) -> None:
    if kind != "folder":
        assert tree.facts.size_bytes == medium_of(kind, media).stat().st_size


def test_reading_leaves_the_medium_as_it_was(kind: str, media: Path) -> None:
    path = medium_of(kind, media)
    path.chmod(0o555 if path.is_dir() else 0o444)
    before, changed = fingerprint(path), path.stat().st_mtime_ns
    tree = open_tree(path)
    read_all(tree)
    list(tree.folders())
    tree.close()
    assert (fingerprint(path), path.stat().st_mtime_ns) == (before, changed)
    path.chmod(0o755 if path.is_dir() else 0o644)


def test_a_stream_of_a_closed_image_reads_no_other_file(kind: str, media: Path, tmp_path: Path) -> None:
    tree = open_tree(medium_of(kind, media))
    stream = tree.open(Node("BIG"))
    tree.close()
    (tmp_path / "other").write_bytes(b"other" * 1_000_000)
    with (tmp_path / "other").open("rb", buffering=0), suppress(OSError, ValueError):
        stream.seek(300_000)
        assert b"other" not in stream.read(100)
    stream.close()


def test_closing_twice_is_harmless(kind: str, media: Path) -> None:
    tree = open_tree(medium_of(kind, media))
    with tree.open(Node("DICOMDIR")) as stream:
        stream.read(1)
    tree.close()
    tree.close()
    other = open_tree(medium_of(kind, media))  # a descriptor closed twice would be this one's
    tree.close()
    assert len(read_all(other)) == len(FILES)
    other.close()


@pytest.mark.parametrize("image", IMAGES)
def test_what_is_another_format_is_a_source_error(image: str, media: Path, tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"plain text" * 10_000)
    (tmp_path / "empty").write_bytes(b"")
    made = type(open_tree(medium_of(image, media)))
    for name in ("text", "empty", "missing"):
        with pytest.raises(SourceError):
            made(tmp_path / name)  # type: ignore[call-arg]  # the protocol says nothing of how a tree is made
