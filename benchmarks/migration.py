"""Migrate many small discs, disturbed or not, and compare what arrived: `python benchmarks/migration.py`.

Every disc is a folder of six files: five instances of about a kilobyte, two of which the next disc has too,
some cut off, some with other bytes. The destination counts every store and answers C-FIND. `--cluster` takes
a PostgreSQL, a Dask scheduler and two `dask worker` as two machines, each with a state folder of its own;
`--disturb` kills workers at random, stops the destination and the database at once, and starts them again.
What is measured are the processes of mediakit: CPU seconds, and the peak of the largest one.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.migrations import Archive, CountingScp, archive_of
from tests.support.postgres import Postgres

_TICK = os.sysconf("SC_CLK_TCK")
_SCHEDULER = "tcp://127.0.0.1:18786"


@dataclass
class Watched:
    """The processes of some sessions: their CPU seconds and peaks, as far as they were seen."""

    sessions: set[int] = field(default_factory=set)
    cpu_s: dict[tuple[int, str], float] = field(default_factory=dict)
    peak_mb: float = 0.0
    alive: list[int] = field(default_factory=list)

    def look(self) -> None:
        """Look at every process of the sessions; `alive` are workers that have started."""
        alive = []
        for place in Path("/proc").glob("[0-9]*"):
            with suppress(OSError, IndexError, ValueError):
                fields = (place / "stat").read_text().rpartition(")")[2].split()
                if int(fields[3]) not in self.sessions:
                    continue
                self.cpu_s[int(place.name), fields[19]] = (int(fields[11]) + int(fields[12])) / _TICK
                for line in (place / "status").read_text().splitlines():
                    if line.startswith("VmHWM:"):
                        self.peak_mb = max(self.peak_mb, int(line.split()[1]) / 1024)
                command = (place / "cmdline").read_bytes()
                age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / _TICK
                if age_s > 5 and (b"spawn_main" in command or b"forkserver" in command):
                    alive.append(int(place.name))
        self.alive = alive


def _started(stack: ExitStack, watched: Watched, folder: Path, name: str, *command: str) -> None:
    """Start a process of a machine of its own, and end all of its session at the end."""
    env = {**os.environ, "XDG_STATE_HOME": str(folder / name), "PYTHONPATH": str(Path(__file__).parents[1])}
    env["DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED"] = "False"  # it keeps what it samples
    with (folder / f"{name}.log").open("w") as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True)
    watched.sessions.add(process.pid)

    def end() -> None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()

    stack.callback(end)


def _disturb(
    choose: random.Random, scp: CountingScp, postgres: Postgres | None, over: threading.Event
) -> None:
    """Stop the destination and the database, and start them again, until it is over."""
    while not over.wait(choose.uniform(30, 60)):
        scp.leave()
        time.sleep(choose.uniform(1, 5))
        scp.come()
        if postgres is not None and not over.wait(choose.uniform(5, 15)):
            postgres.stop()
            time.sleep(choose.uniform(1, 5))
            postgres.start()


def _machines(stack: ExitStack, watched: Watched, folder: Path) -> None:
    """Start a scheduler and two machines of one worker each."""
    dask = str(Path(sys.executable).with_name("dask"))
    port = _SCHEDULER.rpartition(":")[2]
    here = ("--host", "127.0.0.1", "--no-dashboard")
    _started(stack, Watched(), folder, "scheduler", dask, "scheduler", "--port", port, *here)
    for name in ("machine1", "machine2"):
        one = ("--nthreads", "1", "--nworkers", "1")
        _started(stack, watched, folder, name, dask, "worker", _SCHEDULER, *one, *here)


def _killing(watched: Watched, choose: random.Random, is_over: Callable[[], bool], *, kills: bool) -> int:
    """Watch until it is over; kill a worker every few seconds; return how many."""
    killed, next_kill = 0, time.monotonic() + choose.uniform(10, 30)
    while not is_over():
        watched.look()
        if kills and time.monotonic() >= next_kill and watched.alive:
            with suppress(ProcessLookupError):
                os.kill(choose.choice(watched.alive), signal.SIGKILL)
                killed += 1
            next_kill = time.monotonic() + choose.uniform(10, 30)
        time.sleep(0.1)
    return killed


def _one(discs: int, asked: argparse.Namespace) -> str:
    """Migrate so many discs, and return a row of the table. Ends the process when something is wrong."""
    choose = random.Random(asked.seed)
    watched, over, outputs = Watched(), threading.Event(), list[str]()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        archive = archive_of(folder / "discs", discs, seed=asked.seed)
        scp = stack.enter_context(CountingScp())
        postgres = stack.enter_context(Postgres()) if asked.cluster or asked.postgres else None
        ledger = postgres.address() if postgres else str(folder / "ledger.sqlite")
        command = [sys.executable, "-m", "mediakit", "migrate", str(archive.folder), scp.address, "--json"]
        command += ["--ledger", ledger, "--all-patients"]
        if asked.cluster:
            _machines(stack, watched, folder)
        command += ["--cluster", _SCHEDULER] if asked.cluster else ["--workers", str(asked.workers)]
        if asked.disturb:
            threading.Thread(target=_disturb, args=(choose, scp, postgres, over), daemon=True).start()
        began = time.monotonic()
        env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
        pipe = subprocess.PIPE
        with subprocess.Popen(
            command, env=env, stdout=pipe, stderr=pipe, text=True, start_new_session=True
        ) as process:
            watched.sessions.add(process.pid)
            reads = threading.Thread(target=lambda: outputs.extend(process.communicate()))
            reads.start()
            killed = _killing(watched, choose, lambda: not reads.is_alive(), kills=asked.disturb)
        took_s = time.monotonic() - began
        over.set()
        _check(archive, scp, outputs, process.returncode)
        twice = sum(count > 1 for count in scp.stores.values())
    return (
        f"| {discs:,} | {archive.files:,} | {len(archive.wanted):,} | {sum(scp.stores.values()):,} | {twice}"
        f" | {killed} | {took_s:.0f} | {sum(watched.cpu_s.values()):.0f} | {watched.peak_mb:.0f} |"
    )


def _check(archive: Archive, scp: CountingScp, outputs: list[str], code: int) -> None:
    """Compare what arrived and what the report says with what the discs hold."""
    document = json.loads(outputs[0] or "{}")
    problems = [
        name
        for name, is_right in {
            "exit code": code == 6,
            "it does not balance": document.get("imbalances") == [],
            "files": sum(document.get("files_by_state", {}).values()) == archive.files,
            "needed": {one["sop_instance_uid"] for one in document.get("needed", [])} == archive.needed,
            "set": scp.stores.keys() == archive.wanted.keys(),
            "bytes": all(scp.pixels.get(uid) in digests for uid, digests in archive.wanted.items()),
        }.items()
        if not is_right
    ]
    if problems:
        raise SystemExit(f"wrong: {problems}, exit code {code}\n{outputs[1]}\n{outputs[0][:3000]}")


def main() -> None:
    """Print a table with a row for each number of discs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--discs", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--cluster", action="store_true")
    parser.add_argument("--disturb", action="store_true")
    asked = parser.parse_args()
    print("| discs | files | instances | stores | stored twice | killed | s | CPU s | peak MB |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    for discs in asked.discs:
        print(_one(discs, asked), flush=True)


if __name__ == "__main__":
    main()
