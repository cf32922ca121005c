"""A burn from a broken medium says what it cannot have."""

from __future__ import annotations

from pathlib import Path

import pytest

from mediakit.choices import OnReject
from mediakit.errors import SourceError
from mediakit.findings import Finding
from mediakit.formats.base import Node
from mediakit.formats.folder import FolderTree
from mediakit.journeys.burn_order import Burnt
from mediakit.outcome import Outcome, State
from tests.support.cli import mediakit
from tests.support.studies import CT_1, CT_2, CT_3, burnt_to, files_in, folder_of


@pytest.fixture(name="disc")
def _disc(tmp_path: Path) -> Path:
    """Return the content of a sound disc with three images, to be broken by the test."""
    burnt_to(tmp_path / "disc", folder_of(tmp_path / "in", {"A": CT_1, "B": CT_2, "C": CT_3}))
    return tmp_path / "disc"


def images(disc: Path) -> list[Path]:
    return [path for path in files_in(disc) if path.name != "DICOMDIR"]


def absent(burnt: Burnt) -> list[Finding]:
    return [finding for finding in burnt.result.report.findings if finding.rule.id == "MK-SRC-107"]


def test_a_sound_disc_lacks_nothing(disc: Path, tmp_path: Path) -> None:
    burnt = burnt_to(tmp_path / "new.iso", disc)
    assert absent(burnt) == []
    assert burnt.result.outcome is Outcome.GOOD


def test_what_the_directory_names_and_no_file_holds_is_an_error_with_its_name(
    disc: Path, tmp_path: Path
) -> None:
    gone, replaced = images(disc)[:2]
    gone.unlink()
    replaced.write_bytes(b"no image any more" * 100)
    burnt = burnt_to(tmp_path / "new.iso", disc)
    assert burnt.result.outcome is Outcome.FINDINGS
    assert (tmp_path / "new.iso").is_file()
    told = absent(burnt)
    assert len(told) == 2
    for path in (gone, replaced):
        assert any(path.relative_to(disc).as_posix() in finding.text for finding in told)
    assert {finding.where.path for finding in told} == {f"{disc}/DICOMDIR"}


def test_the_command_says_it(disc: Path, tmp_path: Path) -> None:
    gone = images(disc)[0]
    gone.unlink()
    said = mediakit("burn", "--all-patients", disc, "-p", "STD-GEN-CD", "-o", tmp_path / "new.iso")
    assert said.code == 1
    assert gone.relative_to(disc).as_posix() in said.err


def test_an_image_under_another_name_or_in_another_source_is_not_absent(disc: Path, tmp_path: Path) -> None:
    first, second = images(disc)[:2]
    first.rename(disc / "ELSEWHER")
    second.rename(tmp_path / "OTHER")
    assert absent(burnt_to(tmp_path / "new.iso", disc, tmp_path / "OTHER")) == []


def test_another_image_in_place_of_the_one_that_is_named_is_told(disc: Path, tmp_path: Path) -> None:
    first, second = images(disc)[:2]
    first.write_bytes(second.read_bytes())
    (told,) = absent(burnt_to(tmp_path / "new.iso", disc))
    assert first.relative_to(disc).as_posix() in told.text


def test_a_damaged_file_has_a_fate_and_is_not_told_twice(disc: Path, tmp_path: Path) -> None:
    damaged = images(disc)[0]
    damaged.write_bytes(damaged.read_bytes()[:1000])
    burnt = burnt_to(tmp_path / "new.iso", disc)
    assert burnt.result.counts()[State.UNREADABLE] == 1
    assert absent(burnt) == []


def test_a_disc_that_was_copied_into_a_folder_is_looked_through_from_its_directory(
    disc: Path, tmp_path: Path
) -> None:
    gone = images(disc)[0]
    gone.unlink()
    (tmp_path / "all").mkdir()
    disc.rename(tmp_path / "all" / "cd1")
    (told,) = absent(burnt_to(tmp_path / "new.iso", tmp_path / "all"))
    assert told.where.path.endswith("all/cd1/DICOMDIR")


def test_a_directory_that_breaks_while_it_is_read_is_told(
    disc: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = FolderTree.open
    times = iter(range(99))

    def broken(tree: FolderTree, node: Node) -> object:
        if node.path == "DICOMDIR" and next(times):  # the scan reads its head, and then a sector goes bad
            raise SourceError("cannot be read", where=node.path, why="Input/output error")
        return opened(tree, node)

    monkeypatch.setattr(FolderTree, "open", broken)
    report = burnt_to(tmp_path / "new.iso", disc).result.report
    assert [f.text for f in report.findings if f.rule.id == "MK-SRC-108" and "Input/output" in f.text]


def test_without_a_directory_no_folder_is_walked_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walked: list[str] = []
    walk = FolderTree.walk

    def counted(tree: FolderTree) -> object:
        walked.append("once")
        return walk(tree)

    monkeypatch.setattr(FolderTree, "walk", counted)
    source = folder_of(tmp_path / "in", {"A": CT_1})
    burnt_to(tmp_path / "new.iso", source)
    assert walked == ["once"]


@pytest.mark.parametrize("broken_first", [True, False])
def test_of_two_equal_copies_the_one_that_can_be_read_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, broken_first: bool
) -> None:
    names = ("A", "B") if broken_first else ("B", "A")
    source = folder_of(tmp_path / "in", {"A": CT_1, "B": CT_1, "C": CT_2})
    sound = burnt_to(tmp_path / "sound.iso", source)
    assert "MK-SRC-109" not in sound.result.report.by_rule()
    opened = FolderTree.open
    heads = {"A": 0, "B": 0}

    def broken(tree: FolderTree, node: Node) -> object:
        if node.path == names[0]:
            heads[node.path] += 1
            if heads[node.path] > 1:  # its head can be read, its end cannot
                raise SourceError("cannot be read", where=node.path, why="Input/output error")
        return opened(tree, node)

    monkeypatch.setattr(FolderTree, "open", broken)
    burnt = burnt_to(tmp_path / "new.iso", source, on_reject=OnReject.SKIP)
    assert {Path(fate.source).name: fate.state for fate in burnt.result.fates} == {
        names[0]: State.UNREADABLE,
        names[1]: State.WRITTEN,
        "C": State.WRITTEN,
    }
    (finding,) = (f for f in burnt.result.report.findings if f.rule.id == "MK-SRC-109")
    assert f"/{names[1]}, which has the same" in finding.text
    assert burnt.result.outcome is Outcome.FINDINGS
