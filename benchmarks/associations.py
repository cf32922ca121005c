"""Time imports by `--jobs auto` beside fixed numbers of associations: `python benchmarks/associations.py`.

Objects a second of the sending alone, median of some rounds in which all numbers take turns: to `storescp`
and Orthanc on the loopback interface, and to `storescp` behind a link of 20 ms there and back and 100 Mbit/s.
The bars: on the link 90 % of its bandwidth for objects of 512 KB and 8 times a single association for those
of 9 KB; elsewhere 0.9 of the best fixed number.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from make_workload import make  # type: ignore[import-not-found,unused-ignore]
from network import Client, cured_storescp, orthanc  # type: ignore[import-not-found,unused-ignore]

_LINK_BYTES_S = 100e6 / 8
_NUMBERS = ("auto", "1", "2", "4", "8", "16")


@contextmanager
def _linked(work: Path) -> Iterator[int]:
    script = Path(__file__).parent / "delayed_link.py"
    with cured_storescp(work) as port:
        words = (sys.executable, str(script), "--to", str(port))
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as link:
            try:
                assert link.stdout is not None  # noqa: S101 - for the type checker
                yield int(link.stdout.readline())
            finally:
                link.terminate()


_SERVERS: dict[str, Callable[[Path], AbstractContextManager[int]]] = {
    "link": _linked,
    "storescp": cured_storescp,
    "orthanc": orthanc,
}


def _client(number: str, source: Path, port: int) -> Client:
    files = [path for path in source.rglob("*") if path.is_file()]
    words = (sys.executable, "-m", "mediakit", "import", str(source), f"STORESCP@127.0.0.1:{port}")
    options = ("--json", "--all-patients", "--jobs", number)
    return Client(number, (*words, *options), len(files), sum(path.stat().st_size for path in files))


def _row(title: str, clients: Sequence[Client]) -> str:
    rates = [client.objects / statistics.median(client.sending) for client in clients]
    best = max(rates[1:])
    cells = [
        title,
        *(f"{rate:.0f}" for rate in rates),
        f"{rates[0] / best:.2f}",
        f"{rates[0] / rates[1]:.1f}",
    ]
    bytes_s = rates[0] * clients[0].size_bytes / clients[0].objects
    cells.append(f"{bytes_s / _LINK_BYTES_S:.2f}" if title.startswith("link") else "-")
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Run every comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path(__file__).parent / "work")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--server", choices=tuple(_SERVERS), default=None)
    parser.add_argument("--small", type=int, default=2000)
    given = parser.parse_args()
    work = given.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    print(f"| server, objects | {' | '.join(_NUMBERS)} | auto to best | auto to 1 | of the link |")
    print(f"|{'---|' * (len(_NUMBERS) + 4)}")
    for name, server in _SERVERS.items():
        if given.server not in {None, name}:
            continue
        for shape, size in ((f"small:{given.small}", "9 KB"), ("ct:300", "512 KB")):
            source = work / shape.replace(":", "")
            if not source.exists():
                make(source, shape)
            with server(work) as port:
                clients = [_client(number, source, port) for number in _NUMBERS]
                for _ in range(given.rounds):
                    for client in clients:
                        client.run(work / "state")
            print(_row(f"{name}, {clients[0].objects} x {size}", clients), flush=True)


if __name__ == "__main__":
    main()
