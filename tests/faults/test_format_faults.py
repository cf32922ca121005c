"""Full disks, dying media, races: what sinks and trees do when the system lets them down."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mediakit.durable import new_file, new_folder, write_error
from mediakit.errors import DoesNotFit, IntegrityError, SourceError, UsageError
from mediakit.formats.registry import SINKS, open_tree
from tests.support.media import a_small_medium, entry, nodes, write

_BOUNDED_RUN = """
import io, resource, signal, sys
from datetime import datetime, UTC
from pathlib import Path
from mediakit.errors import DoesNotFit
from mediakit.events import silence
from mediakit.formats.base import Entry, Order
from mediakit.formats.registry import write_medium

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))
held = __import__("random").Random(1).randbytes(3_000_000)
try:
    write_medium(
        sys.argv[1],
        [Entry("A", 10, lambda: io.BytesIO(held[:10])), Entry("B", 3_000_000, lambda: io.BytesIO(held))],
        Path(sys.argv[2]), Order(label="A", when=datetime(2024, 1, 1, tzinfo=UTC)), silence)
except DoesNotFit as exc:
    print(exc.what, "|", exc.hint)
"""


@pytest.mark.parametrize("name", sorted(SINKS))
def test_when_the_system_takes_no_more_bytes_nothing_is_left(name: str, tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-c", _BOUNDED_RUN, name, str(tmp_path / "out")],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert told.stderr == ""
    assert told.stdout.startswith("there is no room for the output | free some space")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", sorted(SINKS))
def test_a_medium_larger_than_the_disk_is_refused_before_a_byte_is_read(name: str, tmp_path: Path) -> None:
    if name == "zip":
        pytest.skip("how large an archive becomes is not known before")

    def never() -> None:
        raise AssertionError("it was opened")

    huge = [type(entry("A"))(f"F{number}", 0xFFFFF000, never) for number in range(2000)]  # type: ignore[arg-type]
    with pytest.raises(DoesNotFit, match=r"no room|more than a FAT volume"):
        write(name, huge, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_no_room_does_not_fit_and_a_dying_disk_is_a_matter_of_integrity() -> None:
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        assert isinstance(write_error(OSError(number, "no room"), Path("x")), DoesNotFit)
    assert isinstance(write_error(OSError(errno.EIO, "dying"), Path("x")), IntegrityError)


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(UsageError), new_file(tmp_path / "out", overwrite=False) as fd:
        os.write(fd, b"ours")
        (tmp_path / "out").write_bytes(b"theirs")
    assert (tmp_path / "out").read_bytes() == b"theirs"
    assert [one.name for one in tmp_path.iterdir()] == ["out"]


def test_where_links_do_not_exist_a_file_that_appears_meanwhile_is_kept_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", no_links)
    with new_file(tmp_path / "first", overwrite=False) as fd:
        os.write(fd, b"ours")
    assert (tmp_path / "first").read_bytes() == b"ours"
    with pytest.raises(UsageError), new_file(tmp_path / "out", overwrite=False):
        (tmp_path / "out").write_bytes(b"theirs")
    assert (tmp_path / "out").read_bytes() == b"theirs"


def test_a_folder_that_is_filled_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError), new_folder(tmp_path / "out") as part:
        (part / "ours").touch()
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "theirs").touch()
    assert [one.relative_to(tmp_path).as_posix() for one in tmp_path.rglob("*")] == ["out", "out/theirs"]


@pytest.mark.parametrize("name", ["iso9660", "udf-2.60", "zip"])
def test_a_link_at_the_target_is_neither_followed_nor_replaced(name: str, tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / "out").symlink_to("precious")
    for overwrite in (False, True):
        with pytest.raises(UsageError):
            write(name, a_small_medium(), tmp_path / "out", overwrite=overwrite)
    assert (tmp_path / "precious").read_bytes() == b"precious"
    assert (tmp_path / "out").is_symlink()


def test_parts_carry_nothing_of_the_target_in_their_names(tmp_path: Path) -> None:
    with new_file(tmp_path / "DOE_JOHN.iso", overwrite=False):
        assert ["DOE" in one.name for one in tmp_path.iterdir()] == [False]
    with new_folder(tmp_path / "DOE_JOHN"):
        assert sorted("DOE" in one.name for one in tmp_path.iterdir()) == [False, True]


@pytest.mark.parametrize("name", ["iso9660", "udf-2.60", "zip"])
def test_an_image_that_shrinks_while_it_is_read_ends_early_and_raises_nothing_strange(
    name: str, tmp_path: Path
) -> None:

    write(name, a_small_medium(), tmp_path / "out")
    tree = open_tree(tmp_path / "out")
    big = next(node for node in tree.walk() if node.path == "BIG")
    os.truncate(tmp_path / "out", 0)
    try:
        with tree.open(big) as stream:
            assert len(stream.read()) < big.size
    except (SourceError, OSError):
        pass
    tree.close()


def test_half_an_image_is_no_medium_or_a_medium_with_unreadable_files(tmp_path: Path) -> None:
    for name in ("iso9660", "udf-2.60", "zip"):
        write(name, a_small_medium(), tmp_path / name)
        size = (tmp_path / name).stat().st_size
        os.truncate(tmp_path / name, size - 400_000)
        try:
            found = nodes(tmp_path / name)
        except SourceError:
            continue
        assert "unreadable" in {node.kind.value for node in found}
