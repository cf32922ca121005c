"""What every sink promises, over the registry."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import time
from pathlib import Path
from typing import BinaryIO

import pytest

from mediakit.errors import DoesNotFit, IntegrityError, SourceError, UsageError
from mediakit.events import Advanced, Event
from mediakit.formats.base import Entry
from mediakit.formats.registry import SINKS, write_medium
from tests.support.media import (
    a_small_medium,
    broken_entry,
    content_of,
    contents,
    entries_of,
    entry,
    fingerprint,
    lying_entry,
    many,
    nodes,
    order,
    write,
)

pytestmark = pytest.mark.parametrize("name", sorted(SINKS))


def test_what_is_written_is_what_is_read(name: str, tmp_path: Path) -> None:
    entries = a_small_medium()
    write(name, entries, tmp_path / "out")
    assert contents(tmp_path / "out") == {one.path: content_of(one.path, one.size) for one in entries}


def test_a_medium_of_1500_files_is_whole(name: str, tmp_path: Path) -> None:
    entries = many(1500)
    write(name, entries, tmp_path / "out")
    assert contents(tmp_path / "out") == {one.path: content_of(one.path, one.size) for one in entries}


def test_a_file_id_of_8_components_is_written_or_refused_whole(name: str, tmp_path: Path) -> None:
    entries = [entry("A/B/C/D/E/F/G/H", 10)]
    if name == "iso9660":
        with pytest.raises(DoesNotFit, match="8 levels"):
            write(name, entries, tmp_path / "out")
        assert list(tmp_path.iterdir()) == []
    else:
        write(name, entries, tmp_path / "out")
        assert list(contents(tmp_path / "out")) == ["A/B/C/D/E/F/G/H"]


def test_one_empty_file_alone_can_be_written(name: str, tmp_path: Path) -> None:
    write(name, entries_of([("EMPTY", 0)]), tmp_path / "out")
    assert contents(tmp_path / "out") == {"EMPTY": b""}


def test_files_lie_in_the_order_of_the_entries(name: str, tmp_path: Path) -> None:
    if name == "folder":
        pytest.skip("a folder has no physical order")
    entries = [one for one in a_small_medium() if one.size]
    write(name, entries, tmp_path / "out")
    assert [node.path for node in nodes(tmp_path / "out")] == [one.path for one in entries]


def test_the_receipt_holds_size_and_hash_of_every_entry(name: str, tmp_path: Path) -> None:
    entries = a_small_medium()
    receipt = write(name, entries, tmp_path / "out")
    assert receipt.target == tmp_path / "out"
    assert receipt.sha256 == {
        one.path: hashlib.sha256(content_of(one.path, one.size)).hexdigest() for one in entries
    }
    if name != "folder":
        assert receipt.size_bytes == (tmp_path / "out").stat().st_size


def test_without_hashing_the_bytes_are_the_same_and_no_hash_is_given(name: str, tmp_path: Path) -> None:
    write(name, a_small_medium(), tmp_path / "with")
    receipt = write(name, a_small_medium(), tmp_path / "without", checksum=None)
    assert receipt.sha256 == {}
    assert fingerprint(tmp_path / "with") == fingerprint(tmp_path / "without")


def test_the_same_order_gives_the_same_bytes_whatever_the_clock_and_zone(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(name, a_small_medium(), tmp_path / "first")
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    time.tzset()
    try:
        monkeypatch.setattr(time, "time", lambda: 86400.0 * 365 * 20)
        write(name, a_small_medium(), tmp_path / "second")
    finally:
        monkeypatch.undo()
        time.tzset()
    assert fingerprint(tmp_path / "first") == fingerprint(tmp_path / "second")


def test_progress_adds_up_to_the_bytes_of_the_entries(name: str, tmp_path: Path) -> None:
    heard: list[Event] = []
    entries = [*a_small_medium(), entry("HUGE", 9_000_000)]
    write_medium(name, entries, tmp_path / "out", order(), heard.append)
    amounts = [event.amount for event in heard if isinstance(event, Advanced)]
    assert sum(amounts) == sum(one.size for one in entries)
    assert len(amounts) > 1


def test_sources_are_opened_one_at_a_time_and_closed(name: str, tmp_path: Path) -> None:
    opened: list[BinaryIO] = []

    def tracked(number: int) -> Entry:
        def give() -> BinaryIO:
            assert all(stream.closed for stream in opened)
            opened.append(io.BytesIO(bytes(number)))
            return opened[-1]

        return Entry(f"F{number}", number, give)

    write(name, [tracked(number) for number in range(5)], tmp_path / "out")
    assert len(opened) == 5
    assert all(stream.closed for stream in opened)


def test_an_existing_file_is_refused_and_kept(name: str, tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"precious")
    with pytest.raises(UsageError):
        write(name, a_small_medium(), tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"precious"
    assert [one.name for one in tmp_path.iterdir()] == ["out"]


def test_a_folder_that_holds_anything_is_refused_even_when_asked_to_overwrite(
    name: str, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "kept").write_bytes(b"precious")
    with pytest.raises(UsageError):
        write(name, a_small_medium(), tmp_path / "out", overwrite=True)
    assert (tmp_path / "out" / "kept").read_bytes() == b"precious"
    assert [one.name for one in tmp_path.iterdir()] == ["out"]


def test_a_file_is_overwritten_when_asked(name: str, tmp_path: Path) -> None:
    if name == "folder":
        pytest.skip("a folder never replaces anything")
    (tmp_path / "out").write_bytes(b"old")
    write(name, a_small_medium(), tmp_path / "out", overwrite=True)
    assert "DICOMDIR" in contents(tmp_path / "out")


def test_a_failed_overwrite_keeps_the_old_file(name: str, tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"old")
    with pytest.raises((SourceError, UsageError)):
        write(name, [broken_entry("A", 10_000, 5000)], tmp_path / "out", overwrite=True)
    assert (tmp_path / "out").read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(("says", "has"), [(5000, 4999), (5000, 5001), (1, 0), (0, 1), (900_000, 899_999)])
def test_a_source_of_another_size_is_named_and_nothing_is_left(
    name: str, says: int, has: int, tmp_path: Path
) -> None:
    entries = [entry("FIRST"), lying_entry("DIR/LIAR", says, has), entry("LAST")]
    with pytest.raises(IntegrityError, match="DIR/LIAR"):
        write(name, entries, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_source_that_cannot_be_read_is_named_and_nothing_is_left(name: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="DIR/BROKEN"):
        write(name, [entry("FIRST"), broken_entry("DIR/BROKEN", 900_000, 600_000)], tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_source_that_cannot_be_opened_is_named_and_nothing_is_left(name: str, tmp_path: Path) -> None:
    gone = Entry("DIR/GONE", 5, lambda: (tmp_path / "nowhere").open("rb"))
    with pytest.raises(SourceError, match="DIR/GONE"):
        write(name, [entry("FIRST"), gone], tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("problem", [KeyboardInterrupt(), SystemExit(143), MemoryError()])
def test_an_interrupted_run_leaves_nothing(name: str, problem: BaseException, tmp_path: Path) -> None:
    with pytest.raises(type(problem)):
        write(name, [entry("FIRST"), broken_entry("B", 900_000, 600_000, problem)], tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "paths", [["/A"], ["../A"], ["A//B"], ["A/./B"], [""], ["A", "A"], ["A", "A/B"], ["A/B", "A"], ["A\0"]]
)
def test_paths_that_no_medium_can_hold_are_refused(name: str, paths: list[str], tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(UsageError):
        write(name, [entry(path) for path in paths], tmp_path / "in" / "out")
    assert [one.name for one in tmp_path.rglob("*")] == ["in"]


def test_a_missing_place_to_write_to_is_a_usage_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        write(name, a_small_medium(), tmp_path / "missing" / "out")


_SLOW_RUN = """
import io, sys, time
from datetime import datetime, UTC
from pathlib import Path
from mediakit.events import silence
from mediakit.formats.base import Entry, Order
from mediakit.formats.registry import write_medium

class Slow(io.RawIOBase):
    given = 0
    def readable(self):
        return True
    def readinto(self, buffer):
        if self.given > 400_000:
            print("half", flush=True)
            time.sleep(60)
        self.given += len(buffer)
        return len(buffer)

entries = [Entry("DICOMDIR", 10, lambda: io.BytesIO(bytes(10))), Entry("SLOW", 10_000_000, Slow)]
write_medium(
    sys.argv[1],
    entries, Path(sys.argv[2]), Order(label="DOE_JOHN", when=datetime(2024, 1, 1, tzinfo=UTC)), silence
)
"""


def test_a_killed_run_leaves_nothing_that_looks_finished(name: str, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _SLOW_RUN, name, str(tmp_path / "DOE_JOHN")], stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"half\n"
        child.kill()
    left = [one.name for one in tmp_path.iterdir()]
    assert len(left) == 1
    assert left[0].startswith(".mediakit-")
    assert left[0].endswith(".part")
    write(name, a_small_medium(), tmp_path / "DOE_JOHN")  # and the next run is not in its way
    assert "DICOMDIR" in contents(tmp_path / "DOE_JOHN")
