"""Time mediakit beside its peers, in turn, in one run: `python benchmarks/run.py [--work DIR] [--rounds 5]`.

Prints whole-process figures (interpreter start included): median wall seconds, CPU seconds (user and system,
of child processes too), the ratio to the peer of each round by round (median), peak memory. On a machine that
others use too the ratio of CPU times is the figure to look at. Peers: `dcmgpdir` (DCMTK) for scan + judge +
DICOMDIR, `genisoimage` for ISO images, `mkfs.fat` and `mcopy` for images of sticks.
Caches are warm: every command runs once before it counts.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from make_workload import make  # type: ignore[import-not-found,unused-ignore]

_MEDIAKIT = (sys.executable, "-m", "mediakit")
_COLUMNS = (
    "workload",
    "command",
    "wall s, median (range)",
    "CPU s",
    "ratio, wall",
    "ratio, CPU",
    "peak MiB",
    "files/s",
)
HEADING = f"| {' | '.join(_COLUMNS)} |\n{'|---' * len(_COLUMNS)}|"


@dataclass
class Command:
    """A command to time: a name, its words, and what to clear away before each run."""

    name: str
    words: Sequence[str]
    cwd: Path
    leaves: Path | None = None
    files: int = 0
    walls: list[float] = field(default_factory=list)
    cpus: list[float] = field(default_factory=list)
    peak_mib: float = 0.0

    def run(self) -> tuple[float, float]:
        """Run once and return the wall and the CPU seconds; the exit code must be 0."""
        if self.leaves is not None and self.leaves.exists():
            shutil.rmtree(self.leaves) if self.leaves.is_dir() else self.leaves.unlink()
        start = time.perf_counter()
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        process = subprocess.Popen(
            self.words, cwd=self.cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{self.name} ended with {process.returncode}: {' '.join(self.words)}")
        self.peak_mib = max(self.peak_mib, usage.ru_maxrss / 1024)
        return wall, usage.ru_utime + usage.ru_stime


def compare(title: str, ours: Sequence[Command], peer: Command | None, rounds: int) -> None:
    """Run all in turn, round by round, and print a table row for each."""
    everyone = [*([peer] if peer else []), *ours]
    for command in everyone:
        command.run()
    for _ in range(rounds):
        for command in everyone:
            wall, cpu = command.run()
            command.walls.append(wall)
            command.cpus.append(cpu)
    for command in everyone:
        median = statistics.median(command.walls)
        ratios = ("-", "-")
        if peer is not None:
            ratios = _ratio(command.walls, peer.walls), _ratio(command.cpus, peer.cpus)
        rate = f"{command.files / median:.0f}" if command.files else "-"
        spread = f"{min(command.walls):.2f}-{max(command.walls):.2f}"
        times = f"{median:.2f} ({spread})", f"{statistics.median(command.cpus):.2f}"
        cells = (title, command.name, *times, *ratios, f"{command.peak_mib:.0f}", rate)
        print(f"| {' | '.join(cells)} |", flush=True)


def _ratio(mine: Sequence[float], theirs: Sequence[float]) -> str:
    return f"{statistics.median(one / other for one, other in zip(mine, theirs, strict=True)):.2f}"


def _burn(name: str, source: Path, work: Path, *more: str) -> Command:
    out = work / "out.iso"
    words = (
        *_MEDIAKIT,
        "burn",
        "--all-patients",
        str(source),
        "-p",
        "STD-GEN-CD",
        "--viewer",
        "none",
        "--capacity",
        "100GB",
        "-o",
        str(out),
        "-q",
        *(() if "--viewer" in more else ("--viewer", "none")),
        *more,
    )
    return Command(name, words, work, out)


def _dcmgpdir(source: Path, work: Path) -> Command:
    words = ("dcmgpdir", "+r", "+D", str(work / "DICOMDIR"), "+id", str(source))
    return Command("dcmgpdir", words, source, work / "DICOMDIR")


def _genisoimage(source: Path, work: Path) -> Command:
    words = ("genisoimage", "-quiet", "-iso-level", "1", "-o", str(work / "peer.iso"), str(source))
    return Command("genisoimage", words, work, work / "peer.iso")


def _workload(work: Path, name: str, shape: str) -> Path:
    folder = work / name
    if not folder.exists():
        make(folder, shape)
    return folder


def main() -> None:
    """Run every comparison that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path(__file__).parent / "work")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--only", choices=("directory", "iso", "stick", "viewer", "validate", "growth", "start"), default=None
    )
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    work = given.work.resolve()
    parts: dict[str, Callable[[Path, int], None]] = {
        "start": start, "directory": directory, "iso": iso, "stick": stick, "viewer": viewer,
        "validate": validate, "growth": growth,
    }  # fmt: skip
    print(HEADING)
    for name, part in parts.items():
        if given.only in {None, name}:
            part(work, given.rounds)


def start(work: Path, rounds: int) -> None:
    """Time the start of the command line."""
    compare("start", [Command("mediakit --help", (*_MEDIAKIT, "--help"), work)], None, rounds)


def directory(work: Path, rounds: int) -> None:
    """Scan + judge + DICOMDIR, beside dcmgpdir."""
    for shape in ("ct2000", "small20k", "series20k"):
        source = _workload(work, shape, shape)
        few = min(rounds, 3) if shape == "series20k" else rounds  # the peer takes minutes there
        compare(shape, [_burn("burn --dry-run", source, work, "--dry-run")], _dcmgpdir(source, work), few)


def iso(work: Path, rounds: int) -> None:
    """Time the whole burn to an ISO image, beside genisoimage, which neither judges nor syncs."""
    for shape in ("ct2000", "small20k"):
        source = _workload(work, shape, shape)
        ours = [
            _burn("burn", source, work),
            _burn("burn --no-proof", source, work, "--no-proof"),
        ]
        compare(shape, ours, _genisoimage(source, work), rounds)


def stick(work: Path, rounds: int) -> None:
    """Time the whole burn to the image of a stick, beside mkfs.fat and mcopy, which neither hash nor sync."""
    source = _workload(work, "stick5k", "stick5k")
    out, other = work / "stick.img", work / "peer.img"
    burn = (*_MEDIAKIT, "burn", "--all-patients", str(source), "-p", "STD-GEN-USB-JPEG", "--capacity", "1GB")
    words = (*burn, "--viewer", "none", "-o", str(out), "-q")
    script = f"mkfs.fat -C -F 32 {other} 1000000 >/dev/null && mcopy -s -i {other} {source}/* ::/"
    ours = [Command("burn --no-proof", (*words, "--no-proof"), work, out), Command("burn", words, work, out)]
    compare(
        "5,000 of 100 KB", ours, Command("mkfs.fat + mcopy -s", ("sh", "-c", script), work, other), rounds
    )


def viewer(work: Path, rounds: int) -> None:
    """Time what the images for browsers cost: the difference between the two burns."""
    source = _workload(work, "phantom2000", "phantom2000")
    ours = [_burn(f"burn --viewer {tier}", source, work, "--viewer", tier) for tier in ("none", "full")]
    compare("2,000 CT with noise", ours, None, min(rounds, 3))


def _medium(work: Path, shape: str, suffix: str) -> Path:
    """Return a medium burnt from a workload, made once."""
    out = work / f"{shape.replace(':', '')}-medium{suffix}"
    if not out.exists():
        source = _workload(work, shape.replace(":", ""), shape)
        words = [
            *_MEDIAKIT,
            "burn",
            "--all-patients",
            str(source),
            "-p",
            "STD-GEN-CD",
            "--viewer",
            "none",
            "--capacity",
            "100GB",
            "-o",
            str(out),
            "--viewer",
            "none",
        ]
        subprocess.run([*words, "-q", "--no-proof"], check=True)
    return out


def _validate(medium: Path, work: Path, files: int, *more: str) -> Command:
    words = (*_MEDIAKIT, "validate", str(medium), "-q", *more)
    return Command(" ".join(("validate", *more)), words, work, files=files)


def validate(work: Path, rounds: int) -> None:
    """Validate an ISO image (no hashing), beside tools that look at less: the peers read a folder.

    `dciodvfy` judges 500 instances one by one, and no directory; the FileSet loads a DICOMDIR alone.
    """
    image = _medium(work, "small20k", ".iso")
    folder = _medium(work, "small20k", "")
    few = [str(path) for path in sorted(path for path in folder.rglob("*") if path.is_file())[1:501]]
    (work / "few.txt").write_text("\n".join(few), encoding="ascii")
    dciodvfy = ("sh", "-c", f"xargs -n 1 dciodvfy < {work / 'few.txt'} >/dev/null 2>&1; true")
    load = f"from pydicom.fileset import FileSet; FileSet({str(folder / 'DICOMDIR')!r})"
    compare(
        "20,000 of 9 KB in an ISO image",
        [
            _validate(image, work, 20_000, "-p", "STD-GEN-CD"),
            _validate(image, work, 20_000),
            _validate(folder, work, 20_000, "-p", "STD-GEN-CD"),
            Command("inspect", (*_MEDIAKIT, "inspect", str(image), "-q"), work, files=20_000),
            Command("pydicom FileSet (folder)", (sys.executable, "-c", load), work, files=20_000),
        ],
        Command("dciodvfy (500 files)", dciodvfy, work, files=500),
        rounds,
    )
    for count in (12_500, 25_000, 50_000):
        medium = _medium(work, f"series:{count}", ".iso")
        ours = [_validate(medium, work, count, "-p", "STD-GEN-CD", "--fail-on", "error")]
        compare(f"series of {count}", ours, None, min(rounds, 3))


def growth(work: Path, rounds: int) -> None:
    """Scan + judge + DICOMDIR for growing series: the time per file must stay the same."""
    for count in (12_500, 25_000, 50_000, 100_000):
        source = _workload(work, f"series{count}", f"series:{count}")
        compare(
            f"series of {count}", [_burn("burn --dry-run", source, work, "--dry-run")], None, min(rounds, 3)
        )


if __name__ == "__main__":
    main()
