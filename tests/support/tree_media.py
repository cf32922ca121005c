"""Media of every kind that holds many files, made for the contract of trees by our sinks or by peers."""

from __future__ import annotations

import os
import stat
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from pycdlib import PyCdlib

from mediakit.formats.base import Entry
from tests.support.fat_images import mbr
from tests.support.iso_images import with_session, written
from tests.support.media import write
from tests.support.peers import need, run

EMPTY_FOLDER = "VOID"


def folders_of(entries: Sequence[Entry]) -> list[str]:
    """Return the folders that the paths of entries lie in, outer ones first."""
    found: dict[str, None] = {}
    for one in entries:
        parts = one.path.split("/")[:-1]
        found.update(dict.fromkeys("/".join(parts[: depth + 1]) for depth in range(len(parts))))
    return list(found)


def make_folder(entries: Sequence[Entry], target: Path) -> None:
    write("folder", entries, target)
    (target / EMPTY_FOLDER).mkdir()


def make_zip(entries: Sequence[Entry], target: Path) -> None:
    write("zip", entries, target)
    with zipfile.ZipFile(target, "a") as archive:
        archive.writestr(EMPTY_FOLDER + "/", b"")


def make_mime(entries: Sequence[Entry], target: Path) -> None:
    write("mime", entries, target)


def make_iso(entries: Sequence[Entry], target: Path) -> None:
    write("iso9660", entries, target)


def make_udf(entries: Sequence[Entry], target: Path) -> None:
    """Make a volume without an empty folder: our sink makes none, and no peer without a mount."""
    write("udf-2.60", entries, target)


def make_iso_with_empty_folder(entries: Sequence[Entry], target: Path) -> None:
    """Make an image by pycdlib, in an order of its own."""
    without = target.with_name(f"{target.name}.without")
    write("iso9660", entries, without)
    iso = PyCdlib()
    iso.open(str(without))
    iso.add_directory("/" + EMPTY_FOLDER)
    iso.write(str(target))
    iso.close()
    without.unlink()


def make_fat(bits: int) -> Callable[[Sequence[Entry], Path], None]:
    """Return the maker of one kind of FAT."""

    def make(entries: Sequence[Entry], target: Path) -> None:
        need("mkfs.fat", "mcopy", "mmd")
        target.write_bytes(b"")
        os.truncate(target, {12: 4, 16: 16, 32: 40}[bits] << 20)
        sectors = {12: "4", 16: "2", 32: "1"}[bits]
        mtools("mkfs.fat", "-F", str(bits), "-s", sectors, "-n", "SET_1", str(target))
        mtools("mmd", "-i", str(target), *(f"::{folder}" for folder in [*folders_of(entries), EMPTY_FOLDER]))
        source = target.with_name(f"{target.name}.source")
        for one in entries:
            with one.open() as stream:
                source.write_bytes(stream.read())
            mtools("mcopy", "-i", str(target), str(source), f"::{one.path}")
        source.unlink(missing_ok=True)

    return make


def make_sessions(entries: Sequence[Entry], target: Path) -> None:
    """Make a disc of two sessions, of which the second does not continue the first."""
    first = written(entries[:3], target.with_name("first"))
    target.write_bytes(with_session(first, written(entries[3:], target.with_name("second"))))


def make_partitions(entries: Sequence[Entry], target: Path) -> None:
    """Make a disk of two FAT partitions."""
    volumes = []
    for number, part in enumerate((entries[:6], entries[6:])):
        path = target.with_name(f"volume {number}")
        make_fat(12)(part, path)
        volumes.append((0x01, path.read_bytes()))
        path.unlink()
    target.write_bytes(mbr(*volumes))


def mtools(*command: str) -> str:
    """Run a tool of mtools or mkfs.fat, which must not fail, and return what it says."""
    told = run(*command, env={"MTOOLS_SKIP_CHECK": "1", "MTOOLSRC": os.devnull, "LC_ALL": "C.UTF-8"})
    assert told.returncode == 0, told.stderr
    return told.stdout


MAKERS: dict[str, tuple[str, Callable[[Sequence[Entry], Path], None]]] = {
    "folder": ("folder", make_folder),
    "iso9660": ("iso9660", make_iso),
    "udf": ("udf", make_udf),
    "fat12": ("fat", make_fat(12)),
    "fat16": ("fat", make_fat(16)),
    "fat32": ("fat", make_fat(32)),
    "zip": ("zip", make_zip),
    "mime": ("mime", make_mime),
    "sessions": ("iso9660", make_sessions),
    "partitions": ("fat", make_partitions),
}


def make_with_link(kind: str, target: Path) -> None:
    """Make a medium of the file SOUND and the link LINK, which leads out of it."""
    outside = target.with_name("outside")
    outside.write_bytes(b"secret")
    if kind == "zip":
        with zipfile.ZipFile(target, "w") as archive:
            link = zipfile.ZipInfo("LINK")
            link.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(link, str(outside))
            archive.writestr("SOUND", b"sound")
        return
    source = target if kind == "folder" else target.with_name("source")
    source.mkdir()
    (source / "LINK").symlink_to(outside)
    (source / "SOUND").write_bytes(b"sound")
    if kind == "iso9660":
        need("genisoimage")
        told = run("genisoimage", "-quiet", "-R", "-o", str(target), str(source))
        assert told.returncode == 0, told.stderr
