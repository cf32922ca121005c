"""Time imports beside `storescu`, in turn, in one run: `python benchmarks/network.py [--rounds 3]`.

Prints whole-process figures (interpreter start, reading of headers and the ledger included) and, for
mediakit, those of the sending alone. Servers: `storescp --ignore` (DCMTK) and Orthanc, on the loopback
interface. Clients: `mediakit import`, and `storescu`: cured of its waits (TCP_NODELAY=1 on both sides), and
as it comes (few objects: it waits 44 ms and more for each).
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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from make_workload import make  # type: ignore[import-not-found,unused-ignore]

_MEDIAKIT = (sys.executable, "-m", "mediakit")
_FEW = 60  # objects for the stock storescu


@dataclass
class Client:
    """A client to time: its words, how many objects and bytes it brings, what it measured itself."""

    name: str
    words: Sequence[str]
    objects: int
    size_bytes: int
    environment: dict[str, str] = field(default_factory=dict)
    walls: list[float] = field(default_factory=list)
    sending: list[float] = field(default_factory=list)
    peak_mib: float = 0.0

    def run(self, state: Path) -> None:
        """Run once and keep the wall seconds; the exit code must be 0."""
        shutil.rmtree(state, ignore_errors=True)
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        start = time.perf_counter()
        process = subprocess.Popen(
            self.words,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**environment, **self.environment, "MEDIAKIT_STATE": str(state)},
        )
        assert process.stdout is not None  # noqa: S101 - for the type checker
        out = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        self.walls.append(time.perf_counter() - start)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(
                f"{self.name} ended with {process.returncode}: {' '.join(self.words)}\n{out[-2000:]!r}"
            )
        self.peak_mib = max(self.peak_mib, usage.ru_maxrss / 1024)
        if out.startswith(b"{"):
            self.sending.append(float(json.loads(out)["figures"]["send_seconds"]))

    def row(self, title: str, peer: Client | None) -> str:
        """Return the row of the table."""
        wall = statistics.median(self.walls)
        rate = self.objects / wall
        ratio = "1"
        if peer is not None and peer is not self:
            pairs = zip(self.walls, peer.walls, strict=False)
            each = [theirs / peer.objects / (mine / self.objects) for mine, theirs in pairs]
            ratio = f"{statistics.median(each):.2f}"
        alone = f"{self.objects / statistics.median(self.sending):.0f}" if self.sending else "-"
        spread = f"{min(self.walls):.2f}-{max(self.walls):.2f}"
        megabytes = self.size_bytes / wall / 1e6
        cells = (title, self.name, f"{wall:.2f} ({spread})", f"{rate:.0f}", alone, f"{megabytes:.0f}", ratio,
                 f"{self.peak_mib:.0f}")  # fmt: skip
        return f"| {' | '.join(cells)} |"


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(words: Sequence[str], port: int, cwd: Path, **environment: str) -> Iterator[int]:
    """Run a server for as long as the block; give its port."""
    process = subprocess.Popen(
        words,
        cwd=cwd,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), 0.2).close()
                break
            except OSError:
                time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def cured_storescp(work: Path) -> Iterator[int]:
    """Run `storescp` without its waits; give its port."""
    port = free_port()
    words = ("storescp", "--ignore", "--fork", "-aet", "STORESCP", str(port))
    with running(words, port, work, TCP_NODELAY="1"):
        yield port


@contextmanager
def _stock_storescp(work: Path) -> Iterator[int]:
    port = free_port()
    with running(("storescp", "--ignore", "--fork", "-aet", "STORESCP", str(port)), port, work):
        yield port


@contextmanager
def orthanc(work: Path) -> Iterator[int]:
    """Run Orthanc with an empty store; give its port."""
    store = work / "orthanc"
    shutil.rmtree(store, ignore_errors=True)
    store.mkdir()
    port = free_port()
    settings = {"StorageDirectory": str(store), "IndexDirectory": str(store), "DicomPort": port,
                "DicomAet": "STORESCP", "HttpServerEnabled": False, "RemoteAccessAllowed": False,
                "OverwriteInstances": True, "DicomCheckCalledAet": False}  # fmt: skip
    (work / "orthanc.json").write_text(json.dumps(settings), encoding="ascii")
    with running(("Orthanc", str(work / "orthanc.json")), port, work):
        yield port


_SERVERS = {"storescp, cured": cured_storescp, "storescp, as it comes": _stock_storescp, "orthanc": orthanc}


def _clients(
    source: Path, files: Sequence[Path], port: int, work: Path, server: str, jobs: int
) -> list[Client]:
    """Return the clients for one server; the first is what the others are compared with."""
    size = sum(path.stat().st_size for path in files)
    scu = ("storescu", "-aec", "STORESCP", "+sd", "+r", "127.0.0.1", str(port))
    ours = (*_MEDIAKIT, "import", str(source), f"STORESCP@127.0.0.1:{port}", "--json", "--all-patients")
    clients = [Client("mediakit import", ours, len(files), size)]
    if jobs > 1:
        clients.append(
            Client(f"mediakit import --jobs {jobs}", (*ours, "--jobs", str(jobs)), len(files), size)
        )
    if server == "storescp, as it comes":
        few = work / "few"
        shutil.rmtree(few, ignore_errors=True)
        few.mkdir()
        for number, path in enumerate(files[:_FEW]):
            shutil.copyfile(path, few / f"IM{number}")
        few_size = sum(path.stat().st_size for path in files[:_FEW])
        peer = Client(f"storescu ({_FEW} objects)", (*scu, str(few)), _FEW, few_size)
    else:
        peer = Client("storescu", (*scu, str(source)), len(files), size, {"TCP_NODELAY": "1"})
    return [peer, *clients]


def main() -> None:
    """Run every comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path(__file__).parent / "work")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--small", type=int, default=5000)
    parser.add_argument("--server", choices=("storescp", "orthanc"), default=None)
    given = parser.parse_args()
    work = given.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    print(
        "| workload, server | client | wall s, median (range) | objects/s | sending alone"
        " | MB/s | ratio | MiB |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for shape in ("ct2000", f"small:{given.small}"):
        source = work / shape.replace(":", "")
        if not source.exists():
            make(source, shape)
        files = sorted(path for path in source.rglob("*") if path.is_file())
        for name, server in _SERVERS.items():
            if given.server in {None, name.split(",")[0]}:
                with server(work) as port:
                    clients = _clients(source, files, port, work, name, given.jobs)
                    _rounds(clients, given.rounds, work / "state")
                    for client in clients:
                        print(client.row(f"{len(files)} objects, {name}", clients[0]), flush=True)


def _rounds(clients: Sequence[Client], rounds: int, state: Path) -> None:
    """Run all clients in turn, round by round, after a warm-up."""
    for number in range(rounds + 1):
        for client in clients:
            client.run(state)
            if number == 0:
                client.walls.clear()
                client.sending.clear()


if __name__ == "__main__":
    main()
