"""Storage SCPs that write files, measured from outside: `mediakit serve scp` beside `storescp` of DCMTK.

    python benchmarks/receiving.py [--work DIR] [--memory DIR] [--rounds N] [--shapes small:2000 ct:500]

Every pair of server and client runs in turn, round by round, into a new folder on `--work` (a disk) and on
`--memory` (a file system in memory, where a sync costs nothing: there both promise the same, as `storescp`
never syncs). On the disk `storescp` also writes into a folder that the system syncs at every change
(`chattr +S`, ext4 and others), which comes nearest to what we promise. Clients are `storescu` with
TCP_NODELAY on both sides, and `mediakit import`, which has several C-STOREs under way where the server
agrees.
The CPU time is that of the server, from the first byte to the last, user and system; on a machine with other
work it says more than the wall time. Each instance must be there afterwards.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from make_workload import make  # type: ignore[import-not-found,unused-ignore]
from network import free_port  # type: ignore[import-not-found,unused-ignore]

_MEDIAKIT = (sys.executable, "-m", "mediakit")
_STORESCP = ("storescp", "-aet", "STORESCP")
_SERVERS = {
    "storescp": (*_STORESCP, "-od", "{out}", "{port}"),
    "storescp +B": (*_STORESCP, "+B", "-od", "{out}", "{port}"),
    "storescp +B, chattr +S": (*_STORESCP, "+B", "-od", "{out}", "{port}"),
    "serve scp": (
        *_MEDIAKIT,
        "serve",
        "scp",
        "-q",
        "--aet",
        "STORESCP",
        "--dir",
        "{out}",
        "--port",
        "{port}",
    ),
}
_CLIENTS = {
    "storescu": ("storescu", "-aec", "STORESCP", "+sd", "+r", "127.0.0.1", "{port}", "{source}"),
    "mediakit import": (
        *_MEDIAKIT,
        "import",
        "{source}",
        "STORESCP@127.0.0.1:{port}",
        "--all-patients",
        "--json",
    ),
}
_SHAPES = ("small:2000", "ct:500")
_TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Row:
    """What one server did for one client."""

    walls: list[float] = field(default_factory=list)
    cpus: list[float] = field(default_factory=list)


def _cpu_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICK


def _run(
    server: Sequence[str], client: Sequence[str], source: Path, work: Path, *, is_synced: bool = False
) -> tuple[float, float]:
    """Return wall seconds of the sending, and CPU seconds of the server."""
    out = work / "received"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    if is_synced:
        subprocess.run(["chattr", "+S", str(out)], check=True)
    given = {"out": str(out), "port": str(free_port()), "source": str(source)}
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"TCP_NODELAY": "1", "MEDIAKIT_STATE": str(work / "state")}
    shutil.rmtree(work / "state", ignore_errors=True)
    silence = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([each.format(**given) for each in server], env=environment, **silence) as process:  # type: ignore[call-overload]
        try:
            _wait_for(int(given["port"]))
            before, start = _cpu_seconds(process.pid), time.perf_counter()
            words = [each.format(**given) for each in client]
            said = subprocess.run(words, env=environment, check=True, capture_output=True).stdout
            wall, cpu = time.perf_counter() - start, _cpu_seconds(process.pid) - before
            if said.startswith(b"{"):
                wall = float(json.loads(said)["figures"]["send_seconds"])  # without its start
        finally:
            process.terminate()
    count = sum(1 for path in out.rglob("*") if path.is_file() and not path.name.startswith("."))
    wanted = sum(1 for path in source.rglob("*") if path.is_file())
    if count != wanted:
        raise SystemExit(f"{server[0]}: {count} of {wanted} instances are there")
    return wall, cpu


def _wait_for(port: int) -> None:
    for _ in range(400):
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
        except OSError:
            time.sleep(0.05)
        else:
            time.sleep(0.3)  # until it has seen the end of that
            return
    raise SystemExit("the server does not listen")


def _source(shape: str, work: Path) -> Path:
    source = work / shape.replace(":", "")
    if not source.exists():
        make(source, shape)
    return source


def main() -> None:
    """Run every comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path(__file__).parent / "work")
    parser.add_argument("--memory", type=Path, default=Path("/dev/shm/mediakit-receiving"))  # noqa: S108 - on purpose
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--shapes", nargs="+", default=_SHAPES, help="as those of make_workload")
    given = parser.parse_args()
    print("| objects | folder | client | server | objects/s, median (range) | CPU ms an object | CPU ratio |")
    print("|---|---|---|---|---|---|---|")
    for shape in given.shapes:
        source = _source(shape, given.memory)
        count = sum(1 for path in source.rglob("*") if path.is_file())
        for folder, work in (("memory", given.memory), ("disk", given.work.resolve())):
            for client, words in _CLIENTS.items():
                names = [name for name in _SERVERS if folder == "disk" or "chattr" not in name]
                rows = {name: Row() for name in names}
                for _ in range(given.rounds):
                    for name in names:
                        wall, cpu = _run(_SERVERS[name], words, source, work, is_synced="chattr" in name)
                        rows[name].walls.append(wall)
                        rows[name].cpus.append(cpu)
                for name, row in rows.items():
                    print(
                        _line((f"{count} ({shape})", folder, client, name), row, rows["storescp"], count),
                        flush=True,
                    )


def _line(names: Sequence[str], row: Row, peer: Row, count: int) -> str:
    rates = sorted(count / wall for wall in row.walls)
    rate = f"{statistics.median(rates):.0f} ({rates[0]:.0f}-{rates[-1]:.0f})"
    ratio = statistics.median(mine / theirs for mine, theirs in zip(row.cpus, peer.cpus, strict=True))
    cells = (*names, rate, f"{statistics.median(row.cpus) / count * 1000:.2f}", f"{ratio:.2f}")
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
