"""Time fetching beside pynetdicom's C-GET, from Orthanc and dcmqrscp: `python benchmarks/fetching.py`.

One study of small objects on the loopback interface. Every client writes its files; ours also judges each
instance, compares with what the archive lists, and syncs the files. pynetdicom is as it comes, and with the
cure of its waits (TCP_QUICKACK after every receive).
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from make_workload import make  # type: ignore[import-not-found,unused-ignore]
from pydicom import Dataset, dcmread
from pynetdicom import AE, build_role, evt
from pynetdicom.transport import AssociationSocket

import mediakit
from mediakit.destinations.options import Options
from tests.support.network_peers import Listening, dcmqrscp, orthanc

_CT, _GET = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.2.2.3"
_EXPLICIT = "1.2.840.10008.1.2.1"
_PLUGIN = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"


def _ours(address: str, study: str, folder: Path) -> int:
    order = mediakit.FetchOrder(
        address=mediakit.parse_address(address),
        options=Options(),
        folder=folder,
        selection=mediakit.Selection(studies=frozenset({study})),
    )
    result = mediakit.fetch(order)
    if result.outcome is not mediakit.Outcome.GOOD:
        raise SystemExit(str(result.report))
    return int(result.figures["came"])


def _pynetdicom(scp: Listening, study: str, folder: Path) -> int:
    def store(event: evt.Event) -> int:
        uid = event.dataset.SOPInstanceUID
        (folder / f"{uid}.dcm").write_bytes(event.encoded_dataset())
        return 0

    folder.mkdir()
    entity = AE()
    entity.add_requested_context(_GET)
    entity.add_requested_context(_CT, _EXPLICIT)
    link = entity.associate(
        "127.0.0.1",
        scp.port,
        ae_title=scp.ae_title,
        ext_neg=[build_role(_CT, scp_role=True)],
        evt_handlers=[(evt.EVT_C_STORE, store)],
    )
    keys = Dataset()
    keys.QueryRetrieveLevel, keys.StudyInstanceUID = "STUDY", study
    for _ in link.send_c_get(keys, _GET):
        pass
    link.release()
    return len(list(folder.iterdir()))


def _cured(scp: Listening, study: str, folder: Path) -> int:
    stock = AssociationSocket.recv

    def recv(self: AssociationSocket, nr_bytes: int) -> bytearray:
        data = stock(self, nr_bytes)
        if self.socket is not None:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        return data

    AssociationSocket.recv = recv  # type: ignore[method-assign]
    try:
        return _pynetdicom(scp, study, folder)
    finally:
        AssociationSocket.recv = stock  # type: ignore[method-assign]


def _measured(name: str, clients: dict[str, Callable[[Path], int]], count: int, rounds: int) -> None:
    rates: dict[str, list[float]] = {client: [] for client in clients}
    for _ in range(rounds):
        for client, run in clients.items():
            with tempfile.TemporaryDirectory() as folder:
                start = time.perf_counter()
                came = run(Path(folder) / "in")
                rates[client].append(count / (time.perf_counter() - start))
            if came != count:
                raise SystemExit(f"{client} fetched {came} of {count} from {name}")
    first = statistics.median(rates["pynetdicom C-GET"])
    for client, each in rates.items():
        rate = statistics.median(each)
        print(
            f"| {name} | {client} | {rate:.0f} ({min(each):.0f}-{max(each):.0f}) | {rate / first:.1f} |",
            flush=True,
        )


def main() -> None:
    """Fill each archive, and fetch in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    work = Path(tempfile.mkdtemp())
    make(work / "source", f"series:{given.count}")
    one = next(path for path in (work / "source").rglob("*") if path.is_file())
    study = str(dcmread(one, specific_tags=["StudyInstanceUID"]).StudyInstanceUID)
    print("| archive | client | objects/s, median (range) | ratio |\n|---|---|---|---|")
    web: dict[str, Any] = {"Plugins": [_PLUGIN]} if Path(_PLUGIN).exists() else {}
    for name in ("Orthanc", "dcmqrscp"):
        serving = (
            orthanc(work / name, DicomAlwaysAllowGet=True, **web)
            if name == "Orthanc"
            else dcmqrscp(work / name)
        )
        with serving as scp:
            address = f"{scp.ae_title}@127.0.0.1:{scp.port}"
            fill = (
                sys.executable,
                "-m",
                "mediakit",
                "import",
                str(work / "source"),
                address,
                "--quiet",
                "--yes",
            )
            subprocess.run(fill, check=True, env={**os.environ, "MEDIAKIT_STATE": str(work / "state")})
            clients: dict[str, Callable[[Path], int]] = {
                "pynetdicom C-GET": lambda folder, scp=scp: _pynetdicom(scp, study, folder),  # type: ignore[misc]
                "pynetdicom C-GET, cured": lambda folder, scp=scp: _cured(scp, study, folder),  # type: ignore[misc]
                "mediakit fetch, C-GET": lambda folder, address=address: _ours(address, study, folder),  # type: ignore[misc]
            }
            if name == "Orthanc" and web:
                url = f"dicomweb+http://127.0.0.1:{scp.http_port}/dicom-web"
                clients["mediakit fetch, WADO-RS"] = lambda folder, url=url: _ours(url, study, folder)  # type: ignore[misc]
            _measured(name, clients, given.count, given.rounds)
    shutil.rmtree(work)


if __name__ == "__main__":
    main()
