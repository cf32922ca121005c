"""A folder that changes between the scan and the sending, and directories that are broken or strange."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest

from mediakit.destinations.dimse import DimseDestination
from mediakit.events import Event, PhaseStarted
from mediakit.journeys.import_ import import_medium
from mediakit.ledger.jobs import Jobs
from mediakit.outcome import Outcome, State
from mediakit.stages.act import loading
from mediakit.stages.import_order import ImportOrder
from mediakit.stages.plan.import_target import Target
from mediakit.transfer.imported import Imported
from mediakit.transfer.outgoing import Outgoing
from tests.support.dicom_bytes import CT, part10
from tests.support.importing import (
    ALL_PATIENTS,
    QUICK,
    Watch,
    WatchedScp,
    check_ledger,
    data_set,
    digests,
    folder_of_small,
    import_into,
    peer_of,
    small,
    states_of,
    uid,
)
from tests.support.scripted import FULL, SUCCESS, ScriptedDestination
from tests.support.studies import DICOMDIR_TESTS, PYDICOM_FILES, burnt_to, folder_of, when

COUNT = 4
SENT = digests(COUNT)
LAST = "IM0003"


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return Jobs(tmp_path / "jobs")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return folder_of_small(tmp_path / "m", COUNT)


def import_while(
    scp: WatchedScp, folder: Path, jobs: Jobs, act: Callable[[], object], associations: int = 1
) -> Imported:
    """Import, and act when everything is scanned and nothing is sent."""

    def is_about_to_send(event: Event) -> bool:
        return isinstance(event, PhaseStarted) and event.phase == "send"

    order = ImportOrder(patience=QUICK, expectation=ALL_PATIENTS, associations=associations)
    target = Target(destination=DimseDestination(peer_of(scp)))
    return import_medium(folder, target, jobs, order, when(is_about_to_send, act))


def _gone(path: Path) -> None:
    path.unlink()


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-500])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _grown(path: Path) -> None:
    path.write_bytes(path.read_bytes() + bytes(100))


def _other(path: Path) -> None:
    path.write_bytes(small(7))
    assert path.stat().st_size == len(small(3))


def _other_behind_the_same_head(path: Path) -> None:
    path.write_bytes(part10(data_set(7), CT, uid(3)))


def _noise(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def _link(path: Path) -> None:
    path.rename(path.parent.parent / "moved")
    path.symlink_to(path.parent.parent / "moved")


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _closed(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("held_bytes", [loading.HELD_BYTES, 0], ids=["small", "large"])
@pytest.mark.parametrize(
    "change",
    [_gone, _cut, _empty, _grown, _other, _other_behind_the_same_head, _noise, _link, _folder, _closed],
)
def test_a_file_that_is_not_any_more_what_was_scanned_is_not_sent(
    change: Callable[[Path], None], held_bytes: int, folder: Path, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "HELD_BYTES", held_bytes)
    with WatchedScp() as scp:
        imported = import_while(scp, folder, jobs, lambda: change(folder / LAST))
    assert {one.uid: one.sha256 for one in scp.received} == {
        key: digest for key, digest in SENT.items() if key != uid(3)
    }
    assert states_of(imported)[uid(3)] is State.UNREADABLE
    assert imported.result.outcome is Outcome.PARTLY_STORED
    (fate,) = (fate for fate in imported.result.fates if fate.state is State.UNREADABLE)
    assert fate.source.endswith(LAST) and fate.because is not None
    check_ledger(imported, jobs)


@pytest.mark.parametrize("held_bytes", [loading.HELD_BYTES, 0], ids=["small", "large"])
@pytest.mark.parametrize(
    "name",
    [
        "MR_small.dcm",
        "MR_small_bigendian.dcm",
        "MR_small_implicit.dcm",
        "rtdose_rle.dcm",
        "SC_rgb_small_odd_big_endian.dcm",
    ],
)
def test_a_file_in_any_encoding_is_known_again(
    name: str, held_bytes: int, tmp_path: Path, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "HELD_BYTES", held_bytes)
    medium = folder_of(tmp_path / "m", {name: PYDICOM_FILES / name})
    with WatchedScp() as scp:
        imported = import_into(scp, medium, jobs)
    assert imported.result.outcome is Outcome.GOOD
    assert len(scp.acknowledged) == 1


def by_rule(imported: Imported) -> set[str]:
    return set(imported.result.report.by_rule())


def check_resumed(scp: WatchedScp, folder: Path, away: Path, imported: Imported, jobs: Jobs) -> None:
    """Put the medium back, and go on."""
    check_ledger(imported, jobs)
    away.rename(folder)
    again = import_into(scp, folder, jobs, resume=True)
    assert again.job == imported.job
    assert again.result.outcome is Outcome.GOOD
    assert sorted(scp.acknowledged) == sorted(SENT)


@pytest.mark.parametrize("associations", [1, 3])
def test_a_medium_that_is_taken_out_before_the_first_is_sent_leaves_all_unsent(
    associations: int, folder: Path, tmp_path: Path, jobs: Jobs
) -> None:
    away = tmp_path / "away"
    with WatchedScp() as scp:
        imported = import_while(scp, folder, jobs, lambda: folder.rename(away), associations=associations)
        assert states_of(imported) == dict.fromkeys(SENT, State.UNSENT)
        assert imported.result.outcome is Outcome.PARTLY_STORED
        assert "MK-IMP-031" in by_rule(imported) and "MK-IMP-020" not in by_rule(imported)
        assert not scp.received
        check_resumed(scp, folder, away, imported, jobs)


def test_a_medium_that_is_taken_out_while_it_is_sent_leaves_the_rest_unreadable(
    folder: Path, tmp_path: Path, jobs: Jobs
) -> None:
    away = tmp_path / "away"

    def take_out(count: int) -> None:
        if count == 1:  # a folder that is only renamed can still be read
            shutil.copytree(folder, away)
            shutil.rmtree(folder)

    with WatchedScp(watch=Watch(before_answer=take_out)) as scp:
        imported = import_into(scp, folder, jobs)
        told = states_of(imported)
        assert set(told.values()) == {State.STORED, State.UNREADABLE}
        assert imported.result.outcome is Outcome.PARTLY_STORED
        scp.watch = Watch()
        check_resumed(scp, folder, away, imported, jobs)


def test_a_medium_that_is_taken_out_between_two_rounds_leaves_what_was_refused(
    folder: Path, tmp_path: Path, jobs: Jobs
) -> None:
    away = tmp_path / "away"

    def script(item: Outgoing, _tries: int) -> object:
        if item.sop_instance == uid(3):
            folder.rename(away)
            return FULL
        return SUCCESS

    order = ImportOrder(patience=QUICK, expectation=ALL_PATIENTS)
    target = Target(destination=ScriptedDestination(script=script))  # type: ignore[arg-type]  # as others do
    imported = import_medium(folder, target, jobs, order)
    expected = {**dict.fromkeys(SENT, State.STORED), uid(3): State.REFUSED}
    assert states_of(imported) == expected
    assert "MK-IMP-031" in by_rule(imported)
    assert imported.result.outcome is Outcome.PARTLY_STORED


INSTANCES = sorted(
    path
    for path in DICOMDIR_TESTS.rglob("*")
    if path.is_file() and not path.name.startswith(("DICOMDIR", "README"))
)
UIDS = {str(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID) for path in INSTANCES}
DIRECTORIES = sorted(path.name for path in DICOMDIR_TESTS.iterdir() if path.name.startswith("DICOMDIR"))


def medium_with(root: Path, directory: bytes) -> Path:
    """Make a medium of pydicom's instances with this DICOMDIR."""
    shutil.copytree(DICOMDIR_TESTS, root, ignore=shutil.ignore_patterns("DICOMDIR*", "README*"))
    (root / "DICOMDIR").write_bytes(directory)
    return root


@pytest.mark.parametrize("name", DIRECTORIES)
def test_all_instances_are_imported_whatever_the_directory(name: str, tmp_path: Path, jobs: Jobs) -> None:
    medium = medium_with(tmp_path / "m", (DICOMDIR_TESTS / name).read_bytes())
    with WatchedScp() as scp:
        imported = import_into(scp, medium, jobs)
    assert set(scp.acknowledged) == UIDS
    assert len(scp.received) == len(UIDS)
    check_ledger(imported, jobs)


def _offsets_away(content: bytes) -> bytes:
    """Let the root entity point behind the end of the file."""
    at = content.index(b"\x04\x00\x00\x12UL\x04\x00") + 8
    return content[:at] + (len(content) * 2).to_bytes(4, "little") + content[at + 4 :]


def _in_a_ring(content: bytes) -> bytes:
    """Let the first record follow itself."""
    root = content.index(b"\x04\x00\x00\x12UL\x04\x00") + 8
    following = content.index(b"\x04\x00\x00\x14UL\x04\x00") + 8
    return content[:following] + content[root : root + 4] + content[following + 4 :]


def _noisy(content: bytes) -> bytes:
    return content[:600] + bytes(byte ^ 0x5A for byte in content[600:])


def _empty_file(_: bytes) -> bytes:
    return b""


def _half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _text(_: bytes) -> bytes:
    return b"no directory\n" * 1000


@pytest.mark.parametrize("spoil", [_offsets_away, _in_a_ring, _noisy, _empty_file, _half, _text])
def test_all_instances_are_imported_although_the_directory_is_spoilt(
    spoil: Callable[[bytes], bytes], tmp_path: Path, jobs: Jobs
) -> None:
    medium = medium_with(tmp_path / "m", spoil((DICOMDIR_TESTS / "DICOMDIR").read_bytes()))
    with WatchedScp() as scp:
        imported = import_into(scp, medium, jobs)
    assert set(scp.acknowledged) == UIDS
    assert len(scp.received) == len(UIDS)
    assert imported.result.counts()[State.STORED] == len(UIDS)
    check_ledger(imported, jobs)


def test_a_directory_with_wrong_file_ids_still_gives_each_instance_one_fate(
    tmp_path: Path, jobs: Jobs, folder: Path
) -> None:
    medium = tmp_path / "disc"
    burnt_to(medium, folder)
    files = sorted(path for path in medium.rglob("*") if path.is_file() and path.name != "DICOMDIR")
    files[0].rename(files[0].with_name("MOVED"))
    first, last = files[1].read_bytes(), files[-1].read_bytes()
    files[1].write_bytes(last)
    files[-1].write_bytes(first)
    with WatchedScp() as scp:
        imported = import_into(scp, medium, jobs)
    assert {one.uid: one.sha256 for one in scp.received} == SENT
    assert set(states_of(imported).values()) == {State.STORED}
    assert imported.result.outcome is Outcome.GOOD
