"""Updates that are killed: after every write the medium holds the old file-set or the new one, never half."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mediakit.dicom.implementation import IMPLEMENTATION_VERSION_NAME
from mediakit.errors import UsageError
from mediakit.findings import Severity
from mediakit.journeys.burn_order import Depth
from mediakit.journeys.update_order import Updated
from mediakit.outcome import Outcome, State
from mediakit.stages.act.update_journal import journal_of
from tests.journeys.test_update import ids, uid_of
from tests.support.studies import CR, CT_1, CT_2, CT_3, burnt_to
from tests.support.updating import assert_sound, content_of, directory_of, survey_of, updated

_WRITES = ("mkdir", "write", "fsync", "replace", "rename", "link", "unlink", "rmdir", "ftruncate", "pwrite")


class KilledError(BaseException):
    """The process is gone: nothing that comes after is done."""


@contextmanager
def killed_at(number: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Let so many calls that change a file system through, and none after that."""
    done: list[str] = []

    def counted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            if len(done) >= number:
                raise KilledError(name)
            done.append(name)
            return real(*arguments, **named)

        return call

    with tempfile.TemporaryDirectory() as scratch, monkeypatch.context() as patch:
        patch.setattr(tempfile, "tempdir", scratch)  # removing what an earlier run left there is not counted
        for name in _WRITES:
            patch.setattr(os, name, counted(name, getattr(os, name)))
        patch.setattr(os, "sync", lambda: None)
        yield done


def kill_on(patch: pytest.MonkeyPatch, name: str, start: str) -> None:
    """Let the process be gone at the first such call for a file whose name begins so."""
    real = getattr(os, name)

    def call(path: Any, *arguments: Any, **named: Any) -> Any:
        if Path(path).name.startswith(start):
            raise KilledError(name)
        return real(path, *arguments, **named)

    patch.setattr(os, name, call)


def change(medium: Path, state: Path) -> Updated:
    return updated(medium, CT_3, CR, instances=[uid_of(CT_1)], state=state)


def assert_old_or_new(medium: Path, old: bytes, new: bytes, seen: set[str]) -> None:
    """Fail unless every record of the old directory, or of the new one, leads to its file."""
    found = directory_of(medium)
    seen.add("old" if found == old else "new" if found == new else "half")
    assert found in {old, new}
    survey = survey_of(medium)
    assert not list(survey.missing())
    assert all(link.file is not None for link in survey.links)


def test_a_folder_holds_the_old_set_or_the_new_one_wherever_an_update_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    burnt_to(tmp_path / "base", CT_1, CT_2)
    shutil.copytree(tmp_path / "base", tmp_path / "whole")
    assert change(tmp_path / "whole", tmp_path / "state-whole").result.outcome is Outcome.GOOD
    old, new = directory_of(tmp_path / "base"), directory_of(tmp_path / "whole")
    before, wanted = content_of(tmp_path / "base"), content_of(tmp_path / "whole")
    seen: set[str] = set()
    for number in range(200):
        medium, state = tmp_path / f"m{number}", tmp_path / f"s{number}"
        shutil.copytree(tmp_path / "base", medium)
        try:
            with killed_at(number, monkeypatch):
                change(medium, state)
        except KilledError:
            pass
        else:
            break
        assert_old_or_new(medium, old, new, seen)
        kept = {
            path: sha256
            for path, sha256 in content_of(medium).items()
            if path in before.keys() & wanted.keys()
        }
        assert all(kept[path] == before[path] for path in kept if path != "DICOMDIR")
        again = change(medium, state) if directory_of(medium) == old else updated(medium, CT_3, state=state)
        assert again.result.outcome is Outcome.GOOD, number
        assert content_of(medium) == wanted, number
        assert not list(state.glob("*.json"))
        shutil.rmtree(medium)
    else:
        pytest.fail("the update did not come to its end")
    assert number > 30
    assert seen == {"old", "new"}
    assert_sound(tmp_path / f"m{number}")


def test_an_image_is_the_old_one_or_the_new_one_wherever_an_update_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    burnt_to(tmp_path / "base.iso", CT_1, CT_2)
    shutil.copyfile(tmp_path / "base.iso", tmp_path / "whole.iso")
    change(tmp_path / "whole.iso", tmp_path)
    old, new = (tmp_path / "base.iso").read_bytes(), (tmp_path / "whole.iso").read_bytes()
    seen: set[bool] = set()
    for number in range(150):
        image = tmp_path / "x" / "image.iso"
        image.parent.mkdir(exist_ok=True)
        shutil.copyfile(tmp_path / "base.iso", image)
        try:
            with killed_at(number, monkeypatch):
                change(image, tmp_path)
        except KilledError:
            pass
        else:
            break
        found = image.read_bytes()
        assert found in {old, new}
        seen.add(found == new)
    assert seen == {False, True}
    assert image.read_bytes() == new


def test_what_a_killed_update_left_is_told_by_a_rehearsal_and_not_touched_in_a_changed_medium(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    medium, state = tmp_path / "m", tmp_path / "state"
    burnt_to(medium, CT_1, CT_2)
    with pytest.raises(KilledError), killed_at(22, monkeypatch):
        change(medium, state)
    left = content_of(medium)
    assert any(path.startswith("DICOM1/") for path in left)
    rehearsed = updated(medium, CT_3, state=state, depth=Depth.PLAN)
    assert "MK-UPD-013" in ids(rehearsed)
    assert content_of(medium) == left
    data = directory_of(medium)
    (medium / "DICOMDIR").write_bytes(
        data.replace(IMPLEMENTATION_VERSION_NAME.encode(), b"X" * len(IMPLEMENTATION_VERSION_NAME))
    )
    assert directory_of(medium) != data
    other = updated(medium, CR, state=state)
    assert {"MK-UPD-013"} == ids(other) & {"MK-UPD-012", "MK-UPD-013"}
    assert left.keys() < content_of(medium).keys()


def test_an_interrupted_removal_is_completed_and_takes_no_other_file_of_the_same_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    medium, state = tmp_path / "m", tmp_path / "state"
    burnt_to(medium, CT_1, CT_2, CT_3)
    wanted = {"instances": [uid_of(CT_1), uid_of(CT_2)], "state": state}
    gone = [link.file.path for link in survey_of(medium).links[:2] if link.file]

    with monkeypatch.context() as patch, pytest.raises(KilledError):
        kill_on(patch, "unlink", "I000")
        updated(medium, **wanted)
    assert set(gone) < content_of(medium).keys()
    notes = b"n" * (medium / gone[0]).stat().st_size
    (medium / gone[0]).write_bytes(notes)
    rehearsed = updated(medium, depth=Depth.PLAN, **wanted)
    assert (rehearsed.result.outcome, "MK-UPD-019" in ids(rehearsed)) == (Outcome.GOOD, True)
    assert "MK-UPD-008" in ids(updated(medium, instances=["1.2.3"], depth=Depth.PLAN, state=state))
    done = updated(medium, **wanted)
    assert done.result.outcome is Outcome.GOOD
    said = {one.rule.id: one for one in done.result.report.findings if one.severity is Severity.WARNING}
    assert {"MK-UPD-012", "MK-UPD-018", "MK-UPD-019"} <= said.keys()
    assert said["MK-UPD-018"].where.path == str(medium / gone[0])
    assert (medium / gone[0]).read_bytes() == notes
    assert not (medium / gone[1]).exists()
    again = updated(medium, **wanted)
    assert again.result.outcome is Outcome.DOES_NOT_FIT  # nothing is left to complete
    assert {"MK-UPD-008"} == ids(again) & {"MK-UPD-008", "MK-UPD-012", "MK-UPD-018", "MK-UPD-019"}


def test_another_file_in_the_place_of_one_that_was_added_by_a_killed_update_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    medium, state = tmp_path / "m", tmp_path / "state"
    burnt_to(medium, CT_1)
    before = content_of(medium)

    with monkeypatch.context() as patch, pytest.raises(KilledError):
        kill_on(patch, "replace", "NEWDIR")
        kill_on(patch, "unlink", "I000")
        updated(medium, CT_2, CT_3, state=state)
    first, *others = sorted(path for path in content_of(medium).keys() - before.keys() if "/" in path)
    (medium / first).write_bytes(b"n" * 600)
    done = updated(medium, CT_2, state=state)
    assert done.result.outcome is Outcome.GOOD
    assert {"MK-UPD-012", "MK-UPD-018"} <= ids(done)
    assert (medium / first).read_bytes() == b"n" * 600
    assert not [path for path in others if (medium / path).exists()]


def test_a_file_that_cannot_be_removed_is_named_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    medium, state = tmp_path / "m", tmp_path / "state"
    burnt_to(medium, CT_1, CT_2)
    real = os.unlink

    def denied(path: Any, **named: Any) -> None:
        if str(path).startswith("I000"):
            raise PermissionError(13, "Permission denied", str(path))
        real(path, **named)

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", denied)
        done = updated(medium, CT_3, instances=[uid_of(CT_1)], state=state)
    assert done.result.outcome is Outcome.INTEGRITY
    assert done.result.counts()[State.FAILED] == 1
    assert "MK-UPD-014" in {finding.rule.id for finding in done.result.report.findings}
    again = updated(medium, CR, state=state)
    assert again.result.outcome is Outcome.GOOD
    assert "MK-UPD-012" in {finding.rule.id for finding in again.result.report.findings}
    assert_sound(medium)


def test_two_updates_of_one_folder_do_not_run_at_once(tmp_path: Path) -> None:
    medium, state = tmp_path / "m", tmp_path / "state"
    burnt_to(medium, CT_1)
    with journal_of(medium, state, writes=True):
        with pytest.raises(UsageError, match="another update of it is under way"):
            updated(medium, CT_2, state=state)
        assert updated(medium, CT_2, state=state, depth=Depth.PLAN).result.outcome is Outcome.GOOD
    assert updated(medium, CT_2, state=state).result.outcome is Outcome.GOOD


def test_a_full_disk_leaves_the_old_set_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    medium = tmp_path / "m"
    burnt_to(medium, CT_1, CT_2)
    before = content_of(medium)
    real, count = os.write, [0]

    def full(fd: int, data: bytes) -> int:
        count[0] += 1
        if count[0] == 3:
            raise OSError(28, "No space left on device")
        return real(fd, data)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        done = updated(medium, CT_3, CR, state=tmp_path / "state")
    assert done.result.outcome is Outcome.DOES_NOT_FIT
    assert content_of(medium) == before
    assert not list((tmp_path / "state").glob("*.json"))
    assert [path.name for path in medium.iterdir()].count("DICOM1") == 0


def test_folders_that_were_made_before_the_disk_was_full_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    medium = tmp_path / "m"
    burnt_to(medium, CT_1, CT_2)
    real, made = os.mkdir, list[str]()

    def full(path: Any, *arguments: Any, **named: Any) -> None:
        if len(made) == 2 and named.get("dir_fd") is not None:
            raise OSError(28, "No space left on device")
        real(path, *arguments, **named)
        if named.get("dir_fd") is not None:
            made.append(str(path))

    with monkeypatch.context() as patch:
        patch.setattr(os, "mkdir", full)
        done = updated(medium, CT_3, CR, state=tmp_path / "state")
    assert made[0] == "DICOM1"
    assert done.result.outcome is Outcome.DOES_NOT_FIT
    assert sorted(path.name for path in medium.iterdir()) == ["DICOM", "DICOMDIR"]


def test_a_session_is_there_or_not_wherever_an_update_is_killed_or_the_image_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    burnt_to(tmp_path / "base.iso", CT_1, CT_2)
    image, base = tmp_path / "image.iso", (tmp_path / "base.iso").read_bytes()
    shutil.copyfile(tmp_path / "base.iso", image)
    assert updated(image, CT_3, CR, instances=[uid_of(CT_1)], session=True).result.outcome is Outcome.GOOD
    old, new = directory_of(tmp_path / "base.iso"), directory_of(image)
    assert image.read_bytes()[: len(base)][17 * 2048 :] == base[17 * 2048 :]
    seen: set[str] = set()
    for number in range(120):
        shutil.copyfile(tmp_path / "base.iso", image)
        try:
            with killed_at(number, monkeypatch):
                updated(image, CT_3, CR, instances=[uid_of(CT_1)], session=True)
        except KilledError:
            pass
        else:
            break
        assert_old_or_new(image, old, new, seen)
        if directory_of(image) == old:  # the last write came to the disk in part
            found = image.read_bytes()
            image.write_bytes(found[: len(base) + (len(found) - len(base)) // 2])
            assert_old_or_new(image, old, new, seen)
        again = updated(image, CT_3, session=True)
        assert again.result.outcome is Outcome.GOOD
        assert_sound(image)
    assert number > 6
    assert seen == {"old", "new"}
    assert_old_or_new(image, old, new, seen)


def test_a_session_that_cannot_be_written_leaves_the_image_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = tmp_path / "image.iso"
    burnt_to(image, CT_1, CT_2)
    before, real = image.read_bytes(), os.write
    for number in range(1, 12):
        count = [0]

        def full(fd: int, data: bytes, number: int = number, count: list[int] = count) -> int:
            count[0] += 1
            if count[0] == number:
                raise OSError(28, "No space left on device")
            return real(fd, data)

        with monkeypatch.context() as patch:
            patch.setattr(os, "write", full)
            done = updated(image, CT_3, CR, session=True)
        if done.result.outcome is Outcome.GOOD:
            break
        assert done.result.outcome is Outcome.DOES_NOT_FIT
        assert image.read_bytes() == before
    assert number > 3
