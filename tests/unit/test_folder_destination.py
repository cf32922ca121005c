"""A folder as a destination: names, links, no room, and several sessions at once."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from mediakit.destinations.base import Lost, Unreachable
from mediakit.destinations.folder import FolderDestination, FolderSession
from mediakit.transfer.outgoing import Answer, StatusClass
from tests.support.payloads import Ready, ready
from tests.support.studies import CT_1, CT_2


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "in"


@pytest.fixture
def session(root: Path) -> Iterator[FolderSession]:
    with closing(FolderDestination(root).connect(())) as opened:
        yield opened


def _files(root: Path) -> list[Path]:
    return sorted(path.relative_to(root) for path in root.rglob("*") if not path.is_dir())


def _sent(session: FolderSession, one: Ready) -> Answer:
    return session.send(one.item, one.payload())


def test_an_instance_stands_in_the_folders_of_its_study_and_series(
    session: FolderSession, root: Path
) -> None:
    one = ready(CT_1)
    assert _sent(session, one) == Answer(kind=StatusClass.SUCCESS)
    (path,) = _files(root)
    assert path == Path(one.item.study, one.item.series, f"{one.item.sop_instance}.dcm")
    assert (root / path).read_bytes() == CT_1.read_bytes()


@pytest.mark.parametrize(
    "uid",
    [
        "..",
        ".",
        "1..2",
        "1.2.",
        "../../etc",
        "/etc",
        "1.2\n",
        "1" * 65,
        "a",
        "1.2\0",
        "1.\N{ARABIC-INDIC DIGIT TWO}",
        "C:1",
    ],
)
def test_what_is_no_uid_gets_a_safe_name_that_the_answer_tells(
    session: FolderSession, root: Path, uid: str
) -> None:
    one = ready(CT_1, study=uid, series=uid, sop_instance=uid)
    answer = _sent(session, one)
    assert answer.kind is StatusClass.SUCCESS
    (path,) = _files(root)
    assert all(part.startswith("odd-") and part[4:].removesuffix(".dcm").isalnum() for part in path.parts)
    assert all(part.removesuffix(".dcm") in answer.words for part in path.parts)
    assert _sent(session, one).is_there


def test_two_instances_without_a_sound_uid_do_not_meet(session: FolderSession, root: Path) -> None:
    for uid in ("a", "b"):
        assert _sent(session, ready(CT_1, sop_instance=uid)).kind is StatusClass.SUCCESS
    assert len(_files(root)) == 2


def test_a_missing_study_is_told(session: FolderSession, root: Path) -> None:
    answer = _sent(session, ready(CT_1, study=""))
    assert "the Study Instance UID is missing" in answer.words
    assert _files(root)[0].parts[0] == "none"


def test_another_file_of_the_same_uid_is_kept_and_told(session: FolderSession, root: Path) -> None:
    one = ready(CT_1)
    _sent(session, one)
    other = ready(CT_2, study=one.item.study, series=one.item.series, sop_instance=one.item.sop_instance)
    assert _sent(session, other).is_unequal
    (path,) = _files(root)
    assert (root / path).read_bytes() == CT_1.read_bytes()


def test_one_changed_byte_at_the_end_is_another_file(session: FolderSession, root: Path) -> None:
    one = ready(CT_1)
    _sent(session, one)
    (path,) = _files(root)
    (root / path).write_bytes(one.content[:-1] + bytes([one.content[-1] ^ 1]))
    assert _sent(session, one).is_unequal


@pytest.mark.parametrize("level", [0, 1, 2])
def test_a_link_in_the_folder_leads_nowhere(
    session: FolderSession, root: Path, tmp_path: Path, level: int
) -> None:
    one = ready(CT_1)
    parts = (one.item.study, one.item.series, f"{one.item.sop_instance}.dcm")
    outside = tmp_path / "outside"
    outside.mkdir()
    link = root.joinpath(*parts[: level + 1])
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(outside if level < 2 else outside / "new.dcm")
    assert _sent(session, one).kind is StatusClass.ERROR
    assert list(outside.iterdir()) == []
    assert link.is_symlink()


def test_a_link_put_over_a_folder_between_two_instances_leads_nowhere(
    session: FolderSession, root: Path, tmp_path: Path
) -> None:
    first, second = ready(CT_1), ready(CT_2)
    _sent(session, first)
    study = root / first.item.study
    study.rename(tmp_path / "moved")
    (tmp_path / "outside").mkdir()
    study.symlink_to(tmp_path / "outside")
    _sent(session, second)
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_folder_with_the_name_of_the_instance_is_told(session: FolderSession, root: Path) -> None:
    one = ready(CT_1)
    root.joinpath(one.item.study, one.item.series, f"{one.item.sop_instance}.dcm").mkdir(parents=True)
    answer = _sent(session, one)
    assert (answer.kind, answer.is_unequal) == (StatusClass.ERROR, False)


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, StatusClass.REFUSED),
        (errno.EDQUOT, StatusClass.REFUSED),
        (errno.EFBIG, StatusClass.ERROR),
        (errno.EACCES, StatusClass.ERROR),
    ],
)
def test_a_write_that_fails_is_answered_and_leaves_nothing(
    session: FolderSession, root: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: StatusClass
) -> None:
    one = ready(CT_1)
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", _failing(number))
        assert _sent(session, one).kind is kind
    assert _files(root) == []
    assert _sent(session, one).kind is StatusClass.SUCCESS


def test_a_disk_that_breaks_ends_the_session(
    session: FolderSession, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", _failing(errno.EIO))
        with pytest.raises(Lost):
            _sent(session, ready(CT_1))
    assert _files(root) == []


def test_where_there_are_no_hard_links_nothing_is_replaced_either(
    session: FolderSession, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", _failing(errno.EPERM))
    one = ready(CT_1)
    assert _sent(session, one).kind is StatusClass.SUCCESS
    assert _sent(session, one).is_there
    assert len(_files(root)) == 1


@pytest.mark.parametrize("has_links", [True, False])
def test_sessions_that_send_the_same_instances_store_each_once(
    root: Path, monkeypatch: pytest.MonkeyPatch, has_links: bool
) -> None:
    if not has_links:
        monkeypatch.setattr(os, "link", _failing(errno.EPERM))
    destination = FolderDestination(root)
    instances = [ready(CT_1, sop_instance=f"1.2.{number}") for number in range(20)]

    def send_all(_: int) -> list[Answer]:
        with closing(destination.connect(())) as session:
            return [_sent(session, one) for one in instances]

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(send_all, range(4)))
    for of_one in zip(*answers, strict=True):
        assert sorted(answer.is_there for answer in of_one) == [False, True, True, True]
    assert len(_files(root)) == 20


def test_a_folder_that_cannot_be_used_is_unreachable(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "file", tmp_path / "missing" / "in", tmp_path / "file" / "in"):
        with pytest.raises(Unreachable, match="cannot be used"):
            FolderDestination(path).connect(())
        with pytest.raises(Unreachable, match="cannot be used"):
            FolderDestination(path).verify()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder where nobody can write")
def test_a_folder_that_cannot_be_made_is_unreachable() -> None:
    for path in (Path("/proc/mediakit"), Path("/proc/self/mediakit")):
        with pytest.raises(Unreachable, match="cannot be used") as caught:
            FolderDestination(path).verify()
        assert caught.value.hint


def test_verify_leaves_nothing(tmp_path: Path) -> None:
    assert FolderDestination(tmp_path / "new").verify() == "does not exist yet and will be made"
    assert list(tmp_path.iterdir()) == []
    assert FolderDestination(tmp_path).verify() == "can be written to"
    assert list(tmp_path.iterdir()) == []


def test_a_closed_session_sends_nothing(session: FolderSession, root: Path) -> None:
    session.close()
    with pytest.raises(Lost):
        _sent(session, ready(CT_1))
    assert _files(root) == []


def _failing(number: int) -> object:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


_SLOW_RUN = """
import sys, time
from pathlib import Path
from mediakit.destinations.base import Payload
from mediakit.destinations.folder import FolderDestination
from mediakit.transfer.outgoing import Outgoing

class Slow:
    given = 0
    def seek(self, offset):
        return offset
    def read(self, size):
        if self.given > 400_000:
            print("half", flush=True)
            time.sleep(60)
        size = min(size, 65536)
        self.given += size
        return bytes(size)

payload = Payload(
    head=b"DICM", stream=Slow(), data_set_at=0, data_set_bytes=10_000_000, transfer_syntax="1.2.840.10008.1.2"
)
item = Outgoing(
    sop_class="1.2", sop_instance="1.2.3", transfer_syntax="1.2", path="A", size=9, study="1", series="2"
)
FolderDestination(Path(sys.argv[1])).connect(()).send(item, payload)
"""


def test_a_killed_run_leaves_nothing_that_looks_like_an_instance(root: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", _SLOW_RUN, str(root)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"half\n"
        child.kill()
    (left,) = _files(root)
    assert left.name.startswith(".mediakit-")
    assert left.name.endswith(".part")
    with closing(FolderDestination(root).connect(())) as session:
        one = ready(CT_1, study="1", series="2", sop_instance="1.2.3")
        assert _sent(session, one) == Answer(kind=StatusClass.SUCCESS)
    assert root.joinpath("1", "2", "1.2.3.dcm").read_bytes() == one.content
