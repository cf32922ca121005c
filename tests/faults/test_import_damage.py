"""Damaged media: what cannot be read is named and left, all else is imported, nothing is read for ever."""

from __future__ import annotations

import io
import shutil
import zipfile
from functools import partial
from pathlib import Path

import pytest

from mediakit.dicom.instance import MEDIA_STORAGE_DIRECTORY
from mediakit.errors import SourceError
from mediakit.formats.base import Entry
from mediakit.ledger.jobs import Jobs
from mediakit.outcome import Outcome, State
from mediakit.stages.act import loading
from mediakit.transfer.imported import Imported
from mediakit.transfer.states import TransferState
from tests.support.importing import (
    WatchedScp,
    check_ledger,
    digests,
    folder_of_small,
    import_into,
    small,
    states_of,
    uid,
)
from tests.support.media import write
from tests.support.scratches import SECTOR, Scratches
from tests.support.studies import burnt_to
from tests.support.zoo import CAGES

COUNT = 8
PIXELS = 60_000
BAD = (2, 5)
SENT = digests(COUNT, PIXELS)
MOST_READS = 12  # of one bad sector: the scan and the sending try three times each
PLACES = {"header": 700, "pixels": 40_000}
PIECES = pytest.mark.parametrize("place", PLACES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of_small(tmp_path_factory.mktemp("folder") / "m", COUNT, PIXELS)


@pytest.fixture(scope="module")
def disc(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    image = tmp_path_factory.mktemp("disc") / "disc.iso"
    burnt_to(image, folder)
    return image


@pytest.fixture(scope="module")
def stick(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return CAGES["FAT16"](folder, tmp_path_factory.mktemp("stick") / "stick")


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return Jobs(tmp_path / "jobs")


def left_out(*numbers: int, state: State = State.UNREADABLE) -> dict[str, State]:
    """Return the states when some ended so and all others were stored."""
    return {uid(number): state if number in numbers else State.STORED for number in range(COUNT)}


def got(scp: WatchedScp) -> dict[str, str]:
    """Return what an SCP got: digests by UID, each once."""
    assert len(scp.received) == len(set(scp.stored))
    return {one.uid: one.sha256 for one in scp.received}


def expected(*bad: int) -> dict[str, str]:
    """Return what an SCP is to get when some cannot be read."""
    return {key: digest for key, digest in SENT.items() if key not in {uid(number) for number in bad}}


@pytest.mark.parametrize("associations", [1, 3])
@PIECES
def test_a_scratch_on_a_disc_costs_the_instance_that_it_meets(
    place: str, associations: int, disc: Path, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratches = Scratches(monkeypatch, disc)
    for number in BAD:
        scratches.scratch_inside(small(number, PIXELS), PLACES[place])
    with WatchedScp() as scp:
        imported = import_into(scp, disc, jobs, associations=associations)
    assert states_of(imported) == left_out(*BAD)
    assert imported.result.outcome is Outcome.PARTLY_STORED
    assert got(scp) == expected(*BAD)
    assert len(scratches.reads) == len(BAD)
    assert max(scratches.reads.values()) <= MOST_READS
    told = [fate for fate in imported.result.fates if fate.state is State.UNREADABLE]
    assert all(fate.because is not None and fate.source for fate in told)
    check_ledger(imported, jobs)


@PIECES
def test_a_second_copy_of_a_scratched_disc_fills_the_gaps(
    place: str, disc: Path, tmp_path: Path, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratches = Scratches(monkeypatch, disc)
    for number in BAD:
        scratches.scratch_inside(small(number, PIXELS), PLACES[place])
    copy = tmp_path / "copy.iso"
    shutil.copyfile(disc, copy)
    with WatchedScp() as scp:
        first = import_into(scp, disc, jobs)
        second = import_into(scp, copy, jobs, resume=True)
    assert (first.result.outcome, second.result.outcome) == (Outcome.PARTLY_STORED, Outcome.GOOD)
    assert second.job == first.job
    assert states_of(second) == left_out()
    assert got(scp) == SENT
    assert scp.stored[-2:] == [uid(number) for number in BAD]


@PIECES
def test_a_read_that_succeeds_at_the_second_try_costs_nothing(
    place: str, disc: Path, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratches = Scratches(monkeypatch, disc, heals_after=1)
    for number in range(COUNT):
        scratches.scratch_inside(small(number, PIXELS), PLACES[place])
    with WatchedScp() as scp:
        imported = import_into(scp, disc, jobs)
    assert imported.result.outcome is Outcome.GOOD
    assert got(scp) == SENT


@pytest.mark.parametrize("heals_after", [None, 1])
def test_large_files_that_break_while_they_go_out_end_no_import(
    heals_after: int | None, disc: Path, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "HELD_BYTES", 0)  # as if all were large
    scratches = Scratches(monkeypatch, disc, heals_after)
    bad = range(6)  # more in a row than losses of connections are borne
    for number in bad:
        scratches.scratch_inside(small(number, PIXELS), 50_000)
    with WatchedScp() as scp:
        imported = import_into(scp, disc, jobs)
    if heals_after is None:
        assert states_of(imported) == left_out(*bad)
        assert got(scp) == expected(*bad)
        assert max(scratches.reads.values()) <= MOST_READS
    else:
        assert imported.result.outcome is Outcome.GOOD
        assert got(scp) == SENT
    check_ledger(imported, jobs)


def test_without_a_readable_directory_the_files_are_imported(
    disc: Path, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratches = Scratches(monkeypatch, disc)
    scratches.scratch(disc.read_bytes().index(MEDIA_STORAGE_DIRECTORY.encode()))
    with WatchedScp() as scp:
        imported = import_into(scp, disc, jobs)
    assert got(scp) == SENT
    assert imported.result.counts()[State.STORED] == COUNT
    assert "MK-IMP-006" in imported.result.report.by_rule()
    assert imported.result.outcome is Outcome.GOOD  # a DICOMDIR is never sent


def test_a_disc_whose_descriptor_cannot_be_read_raises(
    disc: Path, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratches = Scratches(monkeypatch, disc)
    scratches.scratch(16 * SECTOR)
    with WatchedScp() as scp, pytest.raises(SourceError):
        import_into(scp, disc, jobs)
    assert not scp.called and not jobs.summaries()


def test_a_disc_of_which_no_instance_can_be_read_is_no_source(
    disc: Path, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratches = Scratches(monkeypatch, disc)
    for number in range(COUNT):
        scratches.scratch_inside(small(number, PIXELS), 700)
    with WatchedScp() as scp:
        imported = import_into(scp, disc, jobs)
    assert states_of(imported) == left_out(*range(COUNT))
    assert imported.result.outcome is Outcome.SOURCE
    assert not scp.called


@PIECES
def test_a_bad_block_on_a_stick_costs_the_instance_that_it_meets(
    place: str, stick: Path, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratches = Scratches(monkeypatch, stick)
    for number in BAD:
        scratches.scratch_inside(small(number, PIXELS), PLACES[place])
    with WatchedScp() as scp:
        imported = import_into(scp, stick, jobs)
    assert imported.result.outcome is Outcome.PARTLY_STORED
    assert imported.result.counts()[State.UNREADABLE] == len(BAD)
    assert got(scp) == expected(*BAD)
    assert max(scratches.reads.values()) <= MOST_READS


def test_a_table_of_a_stick_that_cannot_be_read_is_replaced_by_the_second(
    stick: Path, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratches = Scratches(monkeypatch, stick)
    scratches.scratch(4 * SECTOR)  # within the first table of a FAT16 volume
    with WatchedScp() as scp:
        imported = import_into(scp, stick, jobs)
    assert set(got(scp).items()) <= set(SENT.items())
    assert (imported.result.outcome is Outcome.GOOD) == (got(scp) == SENT)


@PIECES
@pytest.mark.parametrize("variant", ["stored", "deflated"])
def test_a_member_of_an_archive_whose_checksum_is_wrong_is_not_sent(
    variant: str, place: str, folder: Path, tmp_path: Path, jobs: Jobs
) -> None:
    archive = tmp_path / "mail.zip"
    method = zipfile.ZIP_STORED if variant == "stored" else zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(archive, "w", method) as out:
        for path in sorted(folder.iterdir()):
            out.write(path, path.name)
        offsets = {member.filename: member.header_offset for member in out.infolist()}
    content = bytearray(archive.read_bytes())
    for number in BAD:
        content[offsets[f"IM{number:04}"] + PLACES[place]] ^= 1
    archive.write_bytes(content)
    with WatchedScp() as scp:
        imported = import_into(scp, archive, jobs)
    assert imported.result.outcome is Outcome.PARTLY_STORED
    assert got(scp) == expected(*BAD)
    bad = {f"IM{number:04}" for number in BAD}
    told = {Path(fate.source).name: fate.state for fate in imported.result.fates}
    assert {name for name, state in told.items() if state is State.UNREADABLE} == bad


@pytest.mark.parametrize("share", [0.9, 0.5, 0.2])
def test_of_a_disc_that_was_cut_off_all_that_is_there_is_imported(
    share: float, disc: Path, tmp_path: Path, jobs: Jobs
) -> None:
    cut = tmp_path / "cut.iso"
    content = disc.read_bytes()[: int(disc.stat().st_size * share)]
    cut.write_bytes(content)
    there = {uid(number) for number in range(COUNT) if small(number, PIXELS) in content}
    with WatchedScp() as scp:
        imported = import_into(scp, cut, jobs)
    assert got(scp) == {key: SENT[key] for key in there}
    states = states_of(imported)
    assert states.keys() == SENT.keys()  # the directory is whole, and names them all
    assert {key for key, state in states.items() if state is State.STORED} == there
    assert set(states.values()) <= {State.STORED, State.UNREADABLE, State.MISSING}
    assert imported.result.outcome is (Outcome.PARTLY_STORED if there else Outcome.SOURCE)


def test_an_archive_that_was_cut_off_cannot_be_opened(folder: Path, tmp_path: Path, jobs: Jobs) -> None:
    archive = Path(shutil.make_archive(str(tmp_path / "mail"), "zip", folder))
    archive.write_bytes(archive.read_bytes()[:-1000])
    with WatchedScp() as scp, pytest.raises(SourceError):
        import_into(scp, archive, jobs)


def twins_on_a_disc(target: Path, *contents: bytes) -> Path:
    """Make a disc without a directory of some files; preambles differ, so that each can be scratched."""
    entries = []
    for number, content in enumerate(contents):
        whole = bytes([number + 1]) * 128 + content[128:]
        entries.append(Entry(f"IM{number}", len(whole), partial(io.BytesIO, whole)))
    write("iso9660", entries, target)
    return target


def scratched(monkeypatch: pytest.MonkeyPatch, image: Path, *numbers: int) -> None:
    """Make a sector in the pixels of these files bad."""
    scratches = Scratches(monkeypatch, image)
    for number in numbers:
        at = image.read_bytes().index(bytes([number + 1]) * 128)
        scratches.scratch(at + 40_000)


def fates(imported: Imported) -> dict[str, tuple[State, str]]:
    """Return state and rule of each file by its name."""
    return {
        fate.source.rpartition("/")[2]: (fate.state, "" if fate.because is None else fate.because.rule.id)
        for fate in imported.result.fates
    }


def test_of_two_copies_the_one_that_can_be_read_goes(
    tmp_path: Path, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    disc = twins_on_a_disc(tmp_path / "disc.iso", small(0, PIXELS), small(0, PIXELS))
    scratched(monkeypatch, disc, 0)
    with WatchedScp() as scp:
        imported = import_into(scp, disc, jobs)
    assert fates(imported) == {
        "IM0": (State.UNREADABLE, "MK-IMP-032"),
        "IM1": (State.STORED, ""),
    }
    assert got(scp) == {uid(0): SENT[uid(0)]}
    assert imported.result.outcome is Outcome.PARTLY_STORED
    assert {row.key: row.state for row in jobs.read(imported.job).rows()} == {uid(0): TransferState.STORED}


def test_of_copies_that_can_be_read_and_differ_none_goes(
    tmp_path: Path, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = bytearray(small(0, PIXELS))
    other[-1] ^= 1
    disc = twins_on_a_disc(tmp_path / "disc.iso", small(0, PIXELS), small(0, PIXELS), bytes(other))
    scratched(monkeypatch, disc, 0)
    with WatchedScp() as scp:
        imported = import_into(scp, disc, jobs)
    assert fates(imported) == {
        "IM0": (State.UNREADABLE, "MK-IMP-002"),
        "IM1": (State.CONFLICT, "MK-IMP-005"),
        "IM2": (State.CONFLICT, "MK-IMP-005"),
    }
    assert not scp.received


def test_copies_that_cannot_be_read_are_unreadable_and_a_second_disc_fills_the_gap(
    tmp_path: Path, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    disc = twins_on_a_disc(tmp_path / "disc.iso", small(0, PIXELS), small(0, PIXELS))
    copy = twins_on_a_disc(tmp_path / "copy.iso", small(0, PIXELS), small(0, PIXELS))
    scratched(monkeypatch, disc, 0, 1)
    with WatchedScp() as scp:
        imported = import_into(scp, disc, jobs)
        assert {state for state, _ in fates(imported).values()} == {State.UNREADABLE}
        assert not scp.received
        again = import_into(scp, copy, jobs, resume=True)
    assert again.job == imported.job
    assert again.result.outcome is Outcome.GOOD
    assert got(scp) == {uid(0): SENT[uid(0)]}
