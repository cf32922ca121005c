"""One faulted burn or update by seed: then the old set is whole or the new one; the next run clears up."""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mediakit.errors import MediakitError
from mediakit.formats.readable import File
from tests.faults.faulted_imports import Process
from tests.faults.test_update_kill import _WRITES, killed_at
from tests.support.import_runs import uid_of
from tests.support.studies import CR, CT_1, CT_2, CT_3, burnt_to
from tests.support.trials import Trial
from tests.support.updating import assert_sound, content_of, directory_of, survey_of, updated

KINDS = ("kill -9", "kill -9", "no room (ENOSPC)", "errors of writing (EIO)", "errors of the source (EIO)")
FORMS = ("image", "folder", "zip", "update of a folder", "update of an image", "session of an image")
_ERRORS = {KINDS[2]: errno.ENOSPC, KINDS[3]: errno.EIO, KINDS[4]: errno.EIO}
_READS = 8  # about so many does a change need of its three sources
_PROFILES = {"zip": "STD-GEN-ZIP-MAIL"}


@dataclass(frozen=True, kw_only=True)
class Change:
    """What the process does, and at which of its calls it goes wrong (0: it does not)."""

    form: str
    kind: str
    medium: Path
    state: Path
    at: int
    seed: int


def change(medium: Path, form: str, state: Path) -> str:
    """Make the change; return its outcome."""
    if form in _BURNS:
        burnt = burnt_to(medium, CT_2, CT_3, CR, profile=_PROFILES.get(form, "STD-GEN-CD"))
        return burnt.result.outcome.name
    done = updated(
        medium, CT_3, CR, instances=[uid_of(CT_1)], state=state, session=form.startswith("session")
    )
    return done.result.outcome.name


_BURNS = FORMS[:3]


def work(task: Change) -> None:
    """Do it in this process, with what goes wrong."""
    with pytest.MonkeyPatch.context() as patch:
        if task.at:
            (_read_errors if task.kind == KINDS[4] else _write_errors)(task, patch)
        try:
            said = change(task.medium, task.form, task.state)
        except MediakitError as exc:
            said = type(exc).__name__
    (task.state / "said").write_text(said)


def _write_errors(task: Change, patch: pytest.MonkeyPatch) -> None:
    """Let so many calls that change a file system through; at the next one the process, or the call, ends."""
    done = [0]
    lasts = random.Random(task.seed).choice([1, 1, 1_000_000])  # noqa: S311 - not a secret

    def counted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            done[0] += 1
            if done[0] >= task.at and task.kind == KINDS[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            if task.at <= done[0] < task.at + lasts and name in _MAY_FAIL:
                raise OSError(_ERRORS[task.kind], os.strerror(_ERRORS[task.kind]))
            return real(*arguments, **named)

        return call

    for name in _WRITES:
        patch.setattr(os, name, counted(name, getattr(os, name)))
    patch.setattr(os, "sync", lambda: None)


_MAY_FAIL = frozenset({"mkdir", "write", "fsync", "pwrite", "link"})  # what the system may refuse when full


def _read_errors(task: Change, patch: pytest.MonkeyPatch) -> None:
    """Let the n-th read of one source file fail, and all reads of it after that."""
    sources = {path.stat().st_ino for path in (CT_2, CT_3, CR)}
    done, victim = [0], [0]

    def meet(fd: int) -> None:
        inode = os.fstat(fd).st_ino
        if inode in sources:
            done[0] += 1
            if done[0] == task.at:
                victim[0] = inode
            if inode == victim[0]:
                raise OSError(errno.EIO, os.strerror(errno.EIO))

    def failing(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(file: Any, *arguments: Any) -> Any:
            meet(file if isinstance(file, int) else file.fileno())
            return real(file, *arguments)

        return call

    for name in ("pread", "preadv"):
        patch.setattr(os, name, failing(getattr(os, name)))
    for name in ("read", "readall", "readinto"):
        patch.setattr(File, name, failing(getattr(File, name)))


def faulted_change(number: int, choose: random.Random, place: Path) -> Trial:
    """Do one trial in a folder of its own, which is removed when all held."""
    form, kind = choose.choice(FORMS), choose.choice(KINDS)
    root = place / f"change-{number}"
    shutil.rmtree(root, ignore_errors=True)
    (root / "state").mkdir(parents=True)
    try:
        ended = _tried(form, kind, choose, root)
    except AssertionError as exc:
        return Trial(number=number, kind=f"{form}: {kind}", wrong=f"{exc}"[:2000] or "an invariant")
    shutil.rmtree(root)
    return Trial(number=number, kind=f"{form}: {kind}", ended=ended)


def _name(form: str) -> str:
    return {"folder": "m", "update of a folder": "m", "zip": "m.zip"}.get(form, "m.iso")


def _tried(form: str, kind: str, choose: random.Random, root: Path) -> str:
    medium, whole, state = root / "out" / _name(form), root / "whole" / _name(form), root / "state"
    medium.parent.mkdir()
    whole.parent.mkdir()
    has_old = form not in _BURNS
    old = None
    if has_old:
        burnt_to(medium, CT_1, CT_2)
        (shutil.copytree if medium.is_dir() else shutil.copyfile)(medium, whole)
        old = (directory_of(medium), content_of(medium))
    with pytest.MonkeyPatch.context() as patch, killed_at(1_000_000, patch) as calls:
        assert change(whole, form, root) == "GOOD"
    new = (directory_of(whole), content_of(whole))
    at = choose.randrange(1, _READS if kind == KINDS[4] else len(calls) + 1)
    task = Change(form=form, kind=kind, medium=medium, state=state, at=at, seed=choose.randrange(1 << 30))
    is_ended = Process(work, task).run()
    said = (state / "said").read_text() if is_ended else "killed"
    found = _which(medium, old, new, said)
    _clears_up(task, found, new)
    return f"{said}, {found}"


def _which(medium: Path, old: Any, new: Any, said: str) -> str:
    """Return which set stands under the name; raise AssertionError when it is neither, or not as was said."""
    if old is None and not medium.exists():
        assert said != "GOOD", "said to be written, and it is not there"
        return "nothing there"
    directory = directory_of(medium)
    assert directory == new[0] or (old is not None and directory == old[0]), "neither the old set nor the new"
    found, wanted = content_of(medium), new[1] if directory == new[0] else old[1]
    wrong = {path for path in wanted if found.get(path) != wanted[path]}
    assert not wrong, f"not as they should be: {sorted(wrong)}"
    survey = survey_of(medium)
    assert not list(survey.missing())
    name = "the new set" if directory == new[0] else "the old set"
    assert said != "GOOD" or name == "the new set"
    return name


def _clears_up(task: Change, found: str, new: Any) -> None:
    """Run it once more with all in order: the new set is there, and nothing else beside it."""
    if found == "the new set" and task.form in _BURNS:
        shutil.rmtree(task.medium) if task.medium.is_dir() else task.medium.unlink()
    if found == "the new set" and task.form not in _BURNS:
        updated(task.medium, CT_3, state=task.state)  # has all of it already: only clears up
    else:
        again = Change(form=task.form, kind="", medium=task.medium, state=task.state, at=0, seed=0)
        assert Process(work, again).run()
        assert (task.state / "said").read_text() == "GOOD", (task.state / "said").read_text()
    assert directory_of(task.medium) == new[0]
    assert content_of(task.medium) == new[1], "something was left"
    beside = sorted(path.name for path in task.medium.parent.iterdir())
    assert beside == [task.medium.name], beside
    assert not list(task.state.glob("*.json"))
    assert_sound(task.medium, _PROFILES.get(task.form, "STD-GEN-CD"))
