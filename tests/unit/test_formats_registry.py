"""Formats by name, and media told by content."""

from __future__ import annotations

from pathlib import Path

import pytest

from mediakit.errors import SourceError, UsageError
from mediakit.formats.registry import SINKS, TREES, open_tree, sink, sniff
from mediakit.formats.window import Memory
from tests.support.media import a_small_medium, nodes, write


@pytest.mark.parametrize("name", sorted(SINKS))
def test_every_named_format_can_be_loaded(name: str) -> None:
    assert callable(sink(name).write)


def test_an_unknown_format_is_a_usage_error_that_names_the_known_ones() -> None:
    with pytest.raises(UsageError) as caught:
        sink("hfs")
    assert "iso9660" in caught.value.hint


@pytest.mark.parametrize(("name", "kind"), [("iso9660", "iso9660"), ("udf-2.60", "udf"), ("zip", "zip")])
def test_the_content_decides_and_not_the_name(name: str, kind: str, tmp_path: Path) -> None:
    write(name, a_small_medium(), tmp_path / "image.dcm")
    tree = open_tree(tmp_path / "image.dcm")
    assert tree.facts.format == kind
    assert kind in TREES
    tree.close()


def test_any_other_file_is_a_tree_of_one(tmp_path: Path) -> None:
    (tmp_path / "x.iso").write_bytes(b"not an image")
    assert [node.path for node in nodes(tmp_path / "x.iso")] == ["x.iso"]


def test_a_dicom_file_with_a_preamble_like_zip_is_a_file() -> None:
    assert sniff(Memory(b"PK\3\4".ljust(128, b"\0") + b"DICM")) == "file"


@pytest.mark.parametrize("size", [0, 1, 3, 127, 131, 32768, 32773, 34816])
def test_short_files_are_files(size: int) -> None:
    assert sniff(Memory(bytes(size))) == "file"


def test_an_empty_zip_is_a_zip(tmp_path: Path) -> None:
    write("zip", [], tmp_path / "out")
    assert nodes(tmp_path / "out") == []


def test_what_is_missing_or_special_is_a_source_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        open_tree(tmp_path / "missing")
    with pytest.raises(SourceError):
        open_tree(Path("/dev/null"))
    with pytest.raises(SourceError):
        open_tree(Path("nul\0byte"))
