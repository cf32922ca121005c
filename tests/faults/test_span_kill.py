"""Burns of several media that are killed: after the next run the names lead to the old set or the new one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mediakit import open_folder
from mediakit.errors import UsageError
from mediakit.journeys.burn_order import Burnt, Depth
from mediakit.journeys.inspect import inspect
from mediakit.journeys.validate import ValidateOrder, validate
from mediakit.outcome import Outcome
from mediakit.profile.load import load_profile
from mediakit.unfinished import held
from tests.faults.test_update_kill import KilledError, killed_at
from tests.journeys.test_update import uid_of
from tests.support.cli import mediakit
from tests.support.studies import CT_FOLDER, burnt_to

NAMES = ["a-1of3.iso", "a-2of3.iso", "a-3of3.iso"]
SMALL = "480kB"
OLD, NEW = sorted(CT_FOLDER.iterdir())[:5], sorted(CT_FOLDER.iterdir())[5:]
OURS = {"MK-FST-111", "MK-FST-112"}


def spanned(folder: Path, *sources: Path, overwrite: bool = True, depth: Depth = Depth.WRITE) -> Burnt:
    return burnt_to(folder / "a.iso", *sources, span=True, capacity=SMALL, overwrite=overwrite, depth=depth)


def told_of(path: Path) -> set[str]:
    """Return what `validate` and `inspect` both say of a medium about names that are not given."""
    judged = validate(path, ValidateOrder(profile=load_profile("STD-GEN-CD"))).result.report
    told = [set(report.by_rule()) & OURS for report in (judged, inspect(path).report)]
    assert told[0] == told[1]
    return told[0]


def named(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("a-*")}


def hidden(folder: Path) -> list[Path]:
    return sorted(folder.glob(".mediakit-*"))


def is_new(found: dict[str, bytes]) -> bool:
    return bool(found) and all(uid_of(path).encode() in b"".join(found.values()) for path in NEW)


def ids(burnt: Burnt) -> set[str]:
    return set(burnt.result.report.by_rule())


@contextmanager
def until_whole(folder: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Iterator[int]]:
    """Give the numbers of the calls at which a burn over the set in `base` is killed, in `folder`."""

    def numbers() -> Iterator[int]:
        for number in range(200):
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(base, folder)
            try:
                with killed_at(number, monkeypatch):
                    spanned(folder, *NEW)
            except KilledError:
                yield number
            else:
                return
        pytest.fail("the burn did not come to its end")

    yield numbers()


def killed_between_names(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Burn the new set over the old one, killed when one of three has its name."""
    whole = folder / "whole"
    for place in (whole, folder):
        place.mkdir(exist_ok=True)
        spanned(place, *OLD)
    with killed_at(10_000, monkeypatch) as calls:
        spanned(whole, *NEW)
    shutil.rmtree(whole)
    with pytest.raises(KilledError), killed_at(calls.index("replace") + 2, monkeypatch):
        spanned(folder, *NEW)
    assert len(list(folder.glob("*.part"))) == 2


def test_several_media_are_the_old_set_or_the_new_one_after_the_next_run_wherever_a_burn_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, folder = tmp_path / "base", tmp_path / "m"
    base.mkdir()
    spanned(base, *OLD)
    old = named(base)
    assert sorted(old) == NAMES
    seen: list[str] = []
    with until_whole(folder, base, monkeypatch) as numbers:
        for number in numbers:
            found = named(folder)
            changed = [name for name in NAMES if found[name] != old[name]]
            is_begun = bool(list(folder.glob("*.names"))) and len(changed) < 3
            assert told_of(folder / NAMES[0]) <= {"MK-FST-112"}
            assert is_begun or not told_of(folder / NAMES[0])
            assert not 0 < len(changed) < 3 or told_of(folder / NAMES[0])
            with pytest.raises(UsageError, match="exists"):
                spanned(folder, *NEW, overwrite=False)
            found = named(folder)
            assert sorted(found) == NAMES
            assert found == old or is_new(found), number
            assert not list(folder.glob("*.names"))
            seen.append(f"{len(changed)} {'old' if found == old else 'new'}")
    assert set(seen) == {"0 old", "0 new", "1 new", "2 new", "3 new"}
    assert not hidden(folder)


def test_a_rehearsal_says_what_is_missing_and_the_next_burn_gives_the_names_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_between_names(tmp_path, monkeypatch)
    before = named(tmp_path)
    rehearsed = spanned(tmp_path, *OLD, depth=Depth.PLAN)
    assert ids(rehearsed) & OURS == {"MK-FST-112"}
    assert (named(tmp_path), len(list(tmp_path.glob("*.names")))) == (before, 1)
    said = mediakit("validate", tmp_path / NAMES[0], "-p", "STD-GEN-CD")
    assert said.code == 0
    assert "2 names are not given: a-" in said.out + said.err
    other = burnt_to(tmp_path / NAMES[1], OLD[0], overwrite=True)  # one of the names, by itself
    assert ids(other) & OURS == {"MK-FST-111"}
    assert is_new({**named(tmp_path), NAMES[1]: b"".join(uid_of(path).encode() for path in NEW)})
    assert not hidden(tmp_path)


def test_folders_and_new_names_are_given_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "a.iso"):
        folder = tmp_path / f"of {name}"
        folder.mkdir()
        wanted = {f"{Path(name).stem}-{number}of3{Path(name).suffix}" for number in (1, 2, 3)}
        ends = set()
        with killed_at(10_000, monkeypatch) as calls:
            burnt_to(folder / name, *NEW, span=True, capacity=SMALL, depth=Depth.WRITE)
        first = min(calls.index(call) for call in ("link", "rename") if call in calls)
        for number in range(first - 3, len(calls) + 1):  # from before the journal
            shutil.rmtree(folder)
            folder.mkdir()
            try:
                with killed_at(number, monkeypatch):
                    burnt_to(folder / name, *NEW, span=True, capacity=SMALL, depth=Depth.WRITE)
            except KilledError:
                there = {path.name for path in folder.iterdir()} & wanted
                if not there and not list(folder.glob("*.names")):
                    continue
                again = burnt_to(folder / name, OLD[0], depth=Depth.WRITE)
                assert wanted <= {path.name for path in folder.iterdir()}, number
                assert not list(folder.glob(".mediakit-*")), number
                ends.add((len(there), bool(ids(again) & OURS)))
            else:
                break
        assert ends == {(0, True), (1, True), (2, True), (3, False)} | ({(3, True)} if "." in name else set())


def test_where_one_of_the_media_is_gone_no_name_is_given_and_the_burn_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_between_names(tmp_path, monkeypatch)
    before = named(tmp_path)
    next(tmp_path.glob("*.part")).unlink()
    with pytest.raises(UsageError, match="exists"):
        spanned(tmp_path, *OLD, overwrite=False)
    assert named(tmp_path) == before
    assert not list(tmp_path.glob("*.names"))
    assert not ids(spanned(tmp_path, *OLD)) & OURS
    assert not hidden(tmp_path)


def test_what_another_run_holds_and_journals_of_strangers_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_between_names(tmp_path, monkeypatch)
    before, (journal,) = named(tmp_path), tmp_path.glob("*.names")
    with held(next(tmp_path.glob("*.part"))):
        assert told_of(tmp_path / NAMES[0]) == set()
        with pytest.raises(UsageError, match="exists"):
            spanned(tmp_path, *OLD, overwrite=False)
    assert (named(tmp_path), journal.exists()) == (before, True)
    said = journal.read_text()
    (tmp_path / "mine").write_bytes(b"mine")
    for wrong in (
        said.replace('"part":"', '"part":"../'),
        said.replace('"name":"a-1of3.iso"', '"name":"mine"'),
        said.replace('"name":"a-1of3.iso"', '"name":""'),
        said.replace('"members":[', '"members":[1,'),
        "[" * 100_000,
        "\udcff",
        said + " " * (1 << 20),
    ):
        journal.write_text(wrong, "utf-8", "surrogateescape")
        assert told_of(tmp_path / NAMES[0]) == set()
        kept = journal.read_bytes() if journal.exists() else None
        burnt_to(tmp_path / "b.iso", OLD[0], depth=Depth.WRITE, overwrite=True)
        assert {name: data for name, data in named(tmp_path).items() if name != "b.iso"} == before
        assert kept == (journal.read_bytes() if journal.exists() else None)
    assert (tmp_path / "mine").read_bytes() == b"mine"


def test_a_journal_that_cannot_be_written_leaves_the_old_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spanned(tmp_path, *OLD)
    before, real = named(tmp_path), open_folder.sync_folder
    with monkeypatch.context() as patch:

        def full(folder: Path) -> None:
            real(folder)
            raise OSError(28, "No space left on device")

        patch.setattr("mediakit.named_together.sync_folder", full)
        burnt = spanned(tmp_path, *NEW)
    assert burnt.result.outcome is Outcome.DOES_NOT_FIT
    assert named(tmp_path) == before
    assert not hidden(tmp_path)
