"""What every tree promises, over the registry: media are made by our sinks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mediakit.errors import SourceError
from mediakit.formats.base import Node, NodeKind, Tree
from mediakit.formats.registry import open_tree
from tests.support.media import DEEP, a_small_medium, content_of, write

FORMATS = {"folder": "folder", "iso9660": "iso9660", "udf-2.60": "udf", "zip": "zip"}


@pytest.fixture(params=sorted(FORMATS))
def tree(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tree]:
    write(request.param, a_small_medium(), tmp_path / "medium")
    opened = open_tree(tmp_path / "medium")
    assert opened.facts.format == FORMATS[request.param]
    yield opened
    opened.close()


def test_every_file_is_named_once_with_its_size(tree: Tree) -> None:
    found = [(node.path, node.size, node.kind) for node in tree.walk()]
    assert sorted(found) == sorted((one.path, one.size, NodeKind.FILE) for one in a_small_medium())


def test_walking_twice_gives_the_same(tree: Tree) -> None:
    assert list(tree.walk()) == list(tree.walk())


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
        stream.seek(800_000)
        assert stream.read(5) == b""


def test_two_files_can_be_open_at_once(tree: Tree) -> None:
    with tree.open(Node("BIG")) as big, tree.open(Node(DEEP)) as deep:
        assert big.read(100) == content_of("BIG", 700_000)[:100]
        assert deep.read() == content_of(DEEP, 2049)
        assert big.read(100) == content_of("BIG", 700_000)[100:200]


def test_find_gives_the_node_that_walk_gives(tree: Tree) -> None:
    for node in tree.walk():
        assert tree.find(node.path) == node


@pytest.mark.parametrize(
    "path",
    ["", "dicomdir", "DICOM", "DICOM/", "DICOM/Z1", "/DICOMDIR", "./DICOMDIR", "DICOMDIR.", "DICOMDIR;1",
     "DICOM/../DICOMDIR", "DICOM//Z1/IM2", "DICOMDIR/X", "nothing", "A\0B"],
)  # fmt: skip
def test_find_wants_exactly_the_path(tree: Tree, path: str) -> None:
    assert tree.find(path) is None


@pytest.mark.parametrize(
    "path", ["nothing", "../medium", "../../etc/passwd", "/etc/passwd", "DICOM", "", "A\0B"]
)
def test_what_is_not_a_file_of_the_medium_cannot_be_opened(tree: Tree, path: str) -> None:
    with pytest.raises(SourceError):
        tree.open(Node(path))


def test_a_link_or_unreadable_node_cannot_be_opened(tree: Tree) -> None:
    for kind in (NodeKind.LINK, NodeKind.SPECIAL, NodeKind.UNREADABLE):
        with pytest.raises(SourceError):
            tree.open(Node("DICOMDIR", 3000, kind))


def test_the_label_is_told_where_the_format_has_one(tree: Tree) -> None:
    assert tree.facts.label == ("SET_1" if tree.facts.format in {"iso9660", "udf"} else "")
    assert tree.facts.notes == ()
