"""How soon the viewer shows the first image of a large CT, from this disk and from a simulated CD drive.

`python benchmarks/slow_disc.py [--work DIR] [--shape phantom2000]` burns a study with `--viewer full` and
shows the files of the image through FUSE as a drive with one head does: a seek costs, then bytes come at the
speed of the drive. Chromium starts with an empty profile each time. A real drive adds its spin-up.
Needs Linux, /dev/fuse, `fusepy`, `xorriso` and Chromium.
"""

from __future__ import annotations

import argparse
import errno
import os
import re
import stat
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from make_workload import make  # type: ignore[import-not-found,unused-ignore]  # noqa: E402

from tests.support.browser import chromium  # noqa: E402

_SHOWN = "viewer.active?.decoded && !viewer.active.pending"
_SECTOR = 2048
_READ_AHEAD = 64 * _SECTOR  # a drive goes on reading into its buffer
_DRIVES = {
    "DVD 8x": (11_080_000, 0.12),
    "CD 24x": (3_600_000, 0.12),
    "CD 10x": (1_500_000, 0.15),
}  # bytes/s, s


class Drive:
    """One head over an image: `read` waits as long as a drive would take."""

    def __init__(self, image: Path, bytes_per_s: float, seek_s: float) -> None:
        self._file = image.open("rb")
        self._bytes_per_s = bytes_per_s
        self._seek_s = seek_s
        self._at = 0
        self._busy = threading.Lock()
        self._kept: dict[int, bytes] = {}  # as the system keeps what was read

    def read(self, begin: int, length: int) -> bytes:
        """Return bytes of the image, in whole buffers."""
        first, last = begin // _READ_AHEAD, (begin + length - 1) // _READ_AHEAD
        with self._busy:
            data = b"".join(self._buffer(number) for number in range(first, last + 1))
        start = begin - first * _READ_AHEAD
        return data[start : start + length]

    def _buffer(self, number: int) -> bytes:
        if number not in self._kept:
            begin = number * _READ_AHEAD
            wait = _READ_AHEAD / self._bytes_per_s + (self._seek_s if begin != self._at else 0)
            self._file.seek(begin)
            self._kept[number] = self._file.read(_READ_AHEAD)
            self._at = begin + _READ_AHEAD
            time.sleep(wait)
        return self._kept[number]


def files_of(image: Path) -> Mapping[str, tuple[int, int]]:
    """Return where each file of an image begins and its size, by its path."""
    said = subprocess.run(
        ["xorriso", "-indev", str(image), "-find", "/", "-type", "f", "-exec", "report_lba", "--"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    rows = re.findall(r"^File data lba: +\d+ , +(\d+) , +\d+ , +(\d+) , '(.*)'$", said, re.MULTILINE)
    return {name: (int(lba) * _SECTOR, int(size)) for lba, size, name in rows}


@contextmanager
def mounted(image: Path, drive: Drive, where: Path) -> Iterator[None]:
    """Show the files of an image at a folder, read through a drive."""
    import fuse  # type: ignore[import-not-found,import-untyped,unused-ignore]  # noqa: PLC0415 - Linux only

    files = files_of(image)
    folders = {"/"} | {str(parent) for name in files for parent in Path(name).parents}
    children: dict[str, set[str]] = {}
    for name in {*files, *folders} - {"/"}:
        children.setdefault(str(Path(name).parent), set()).add(Path(name).name)

    class Disc(fuse.Operations):  # type: ignore[misc]
        def getattr(self, path: str, fh: int | None = None) -> dict[str, int]:  # noqa: ARG002
            if path in folders:
                return {"st_mode": stat.S_IFDIR | 0o555, "st_nlink": 2}
            if path not in files:
                raise fuse.FuseOSError(errno.ENOENT)
            return {"st_mode": stat.S_IFREG | 0o444, "st_nlink": 1, "st_size": files[path][1]}

        def readdir(self, path: str, fh: int) -> list[str]:  # noqa: ARG002
            return [".", "..", *sorted(children.get(path, ()))]

        def read(self, path: str, size: int, offset: int, fh: int) -> bytes:  # noqa: ARG002
            begin, length = files[path]
            return drive.read(begin + offset, min(size, length - offset)) if offset < length else b""

    where.mkdir(parents=True, exist_ok=True)
    thread = threading.Thread(
        target=lambda: fuse.FUSE(Disc(), str(where), foreground=True, ro=True, nothreads=False), daemon=True
    )
    thread.start()
    try:
        end = time.monotonic() + 10
        while not where.is_mount():
            if time.monotonic() > end:
                raise SystemExit("FUSE cannot mount here: is there a /dev/fuse that this user may open?")
            time.sleep(0.05)
        yield
    finally:
        subprocess.run(["fusermount", "-u", "-z", str(where)], check=False)
        thread.join(5)


def first_image(page: Path) -> float:
    """Return the seconds from opening the page to its first image."""
    with chromium() as browser:
        tab = browser.page()
        tab.size(1280, 800)
        start = time.perf_counter()
        tab.open(page)
        tab.until(_SHOWN, 120)
        return time.perf_counter() - start


def main() -> None:
    """Print a row for each drive."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path(__file__).parent / "work")
    parser.add_argument("--shape", default="phantom2000")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    image = _burnt(asked.work, asked.shape)
    folder = asked.work / "disc"
    if not folder.exists():
        order = ["xorriso", "-osirrox", "on", "-indev", str(image), "-extract", "/", str(folder)]
        subprocess.run(order, check=True, capture_output=True)
    walls = [first_image(folder / "VIEWER" / "VIEWER.HTM") for _ in range(asked.rounds)]
    print(f"| this disk | {statistics.median(walls):.2f} s |", flush=True)
    for name, (speed, seek_s) in _DRIVES.items():
        walls = []
        for _ in range(asked.rounds):
            where = asked.work / "mount"
            with mounted(image, Drive(image, speed, seek_s), where):
                walls.append(first_image(where / "VIEWER" / "VIEWER.HTM"))
        print(f"| {name} | {statistics.median(walls):.2f} s |", flush=True)


def _burnt(work: Path, shape: str) -> Path:
    """Return the image of a study with the viewer, made once."""
    work.mkdir(parents=True, exist_ok=True)
    image = work / f"{shape}-viewer.iso"
    if not image.exists():
        source = work / shape
        if not source.exists():
            make(source, shape)
        order = ["burn", str(source), "-p", "STD-GEN-DVD-JPEG", "-o", str(image), "--all-patients", "-q"]
        order += ["--viewer", "full", "--no-proof"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "mediakit", *order], check=True, env=environment)
        print(
            f"burnt in {time.perf_counter() - start:.1f} s, {image.stat().st_size / 1e6:.0f} MB", flush=True
        )
    return image


if __name__ == "__main__":
    main()
