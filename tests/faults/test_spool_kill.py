"""Private folders with copies of instances: those that killed runs left are removed by the next run."""

from __future__ import annotations

import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from mediakit.private_folder import PrivateFolder, remove_left_behind
from mediakit.stages.act.workplace import workplace
from tests.support.forked import Forked
from tests.support.studies import CT_THIN

LONGEST_S = 60


@contextmanager
def with_a_spool(temporary: Path, out: Path) -> Iterator[tuple[Forked, Path]]:
    """Give a burn that is stopped while instances that it converted wait in its spool, and that folder."""
    before = set(temporary.iterdir())
    words = ("burn", "--all-patients", CT_THIN, "-p", "STD-GEN-CD", "--viewer", "none", "-o", out)
    with Forked(*words, environment={"TMPDIR": str(temporary)}) as burn:
        end = time.monotonic() + LONGEST_S
        while not (found := [one for one in set(temporary.iterdir()) - before if any(one.glob("*/000002"))]):
            assert time.monotonic() < end, "there was no spool"
            time.sleep(0.001)
        burn.send_signal(signal.SIGSTOP)
        (folder,) = found
        yield burn, folder


def test_the_next_run_removes_the_spool_of_a_killed_run_and_leaves_all_others_alone(tmp_path: Path) -> None:
    temporary, elsewhere = tmp_path / "tmp", tmp_path / "elsewhere"
    temporary.mkdir()
    with with_a_spool(temporary, tmp_path / "a.iso") as (burn, left):
        burn.kill()
    assert sum(one.stat().st_size for one in left.rglob("*")) > 0, "the kill left nothing"
    assert [one.stat().st_mode & 0o777 for one in (left, left / "content")] == [0o700, 0o700]
    others = [temporary / name for name in ("mediakit-readable", "mediakit-notours", "mediakit-a12345678")]
    others += [temporary / "mediakit-link1234", temporary / "mediakit-file1234", temporary / "other-12345678"]
    for folder, mode in zip(
        (*others[:3], elsewhere, others[5]), (0o755, 0o700, 0o700, 0o700, 0o700), strict=True
    ):
        folder.mkdir(mode=mode)
        if folder != others[1]:
            (folder / ".mediakit-held").touch()
        (folder / "content").mkdir()
        (folder / "content" / "data").write_bytes(b"mine")
    others[3].symlink_to(elsewhere)
    others[4].write_bytes(b"mine")
    (temporary / "mediakit-empty123").mkdir(mode=0o700)
    with with_a_spool(temporary, tmp_path / "b.iso") as (burn, held):
        assert not left.exists()
        assert {one.name for one in temporary.iterdir()} == {one.name for one in (held, *others)}
        assert remove_left_behind(temporary, "mediakit-") == 0
        assert any(held.rglob("000002")), "the spool of a run under way was touched"
        burn.send_signal(signal.SIGCONT)
        assert burn.wait(LONGEST_S) == 0
    assert (
        f"a folder with copies of instances, left in {temporary} by a killed run: removed"
        in burn.err.data.decode()
    )
    assert sorted(temporary.iterdir()) == sorted(others)
    assert (elsewhere / "content" / "data").read_bytes() == b"mine"


def test_a_folder_that_cannot_be_held_stays_and_one_that_another_run_takes_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("mediakit.private_folder.locked", lambda *_: None)
        unheld = PrivateFolder(tmp_path, "mediakit-")
        (unheld.path / "data").write_bytes(b"mine")
    assert remove_left_behind(tmp_path, "mediakit-") == 0
    unheld.close()
    assert list(tmp_path.iterdir()) == []
    real, taken = tempfile.mkdtemp, iter([True, False])

    def taken_at_once(*, prefix: str, dir: Path) -> str:  # noqa: A002 - as it is called
        made = real(prefix=prefix, dir=dir)
        if next(taken):
            assert remove_left_behind(dir, prefix) == 0
        return made

    with monkeypatch.context() as patched:
        patched.setattr("mediakit.private_folder.tempfile.mkdtemp", taken_at_once)
        folder = PrivateFolder(tmp_path, "mediakit-")
    with closing(folder):
        assert [one / "content" for one in tmp_path.iterdir()] == [folder.path]
    assert list(tmp_path.iterdir()) == []
    with workplace(tmp_path / "state") as made, workplace(tmp_path / "state") as other:
        assert made != other
        assert made.exists()
    assert list((tmp_path / "state").iterdir()) == []
