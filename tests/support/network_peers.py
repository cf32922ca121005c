"""Foreign SCPs on this machine, as context managers that say where one listens and end it in any case.

`with storescp(folder) as scp:` gives a `Listening` with `port` and `folder`. All bind to 127.0.0.1 where the
peer can be told to, and to a free port. A missing peer skips the test (`peers.need`).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pynetdicom import AE, evt
from pynetdicom.association import Association

from mediakit.scp.bounds import BoundAssociation, Checkpoint
from tests.support.peers import need
from tests.support.pynetdicom_scp import listening

STARTING_S = 30.0
ENDING_S = 10.0
_LINK = Path(__file__).parents[2] / "benchmarks" / "delayed_link.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """An SCP that answers on 127.0.0.1. `folder` is where it keeps what it gets; `http_port` is Orthanc's."""

    port: int
    ae_title: str
    folder: Path
    http_port: int = 0
    log: Path | None = None


@dataclass(slots=True)
class Received:
    """What an SCP of pynetdicom got: (SOP Instance UID, transfer syntax, data set) as they arrived."""

    port: int
    ae_title: str
    instances: list[tuple[str, str, bytes]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


def associate(entity: AE, port: int) -> Association:
    """Return an association of a pynetdicom SCU. Its own thread leaves every answer to whoever waits for it.

    Without this the thread of the library takes one away now and then ("unexpected"): see BoundAssociation.
    """

    def opened(event: evt.Event) -> None:
        event.assoc._reactor_checkpoint = Checkpoint()
        event.assoc.__class__ = BoundAssociation

    link = entity.associate("127.0.0.1", port, evt_handlers=[(evt.EVT_CONN_OPEN, opened)])
    assert link.is_established
    return link


def free_port() -> int:
    """Return a port that nobody listens on at the moment."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def wait_until_open(port: int, process: subprocess.Popen[bytes] | None = None) -> None:
    """Return when something listens on the port; fail when the process ends or nothing comes."""
    end = time.monotonic() + STARTING_S
    while time.monotonic() < end:
        if process is not None and process.poll() is not None:
            raise AssertionError(f"the peer ended with {process.returncode} before it listened")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise AssertionError("the peer does not listen")


@contextlib.contextmanager
def running(
    command: Sequence[str],
    port: int,
    log: Path,
    env: dict[str, str] | None = None,
    last: signal.Signals = signal.SIGTERM,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends; `last` is the signal that ends it."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=None if env is None else {**os.environ, **env},
        )
        try:
            wait_until_open(port, process)
            yield process
        finally:
            process.send_signal(last)
            try:
                process.wait(ENDING_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(ENDING_S)


@contextlib.contextmanager
def delayed(port: int) -> Iterator[int]:
    """Run a link with 10 ms in each direction in front of a server on this machine; give its port."""
    with subprocess.Popen(
        [sys.executable, _LINK, "--to", str(port)], stdout=subprocess.PIPE, text=True
    ) as link:
        try:
            assert link.stdout is not None
            yield int(link.stdout.readline())
        finally:
            link.terminate()


@contextlib.contextmanager
def storescp(
    folder: Path, *options: str, ae_title: str = "STORESCP", env: dict[str, str] | None = None
) -> Iterator[Listening]:
    """Run DCMTK's storescp: it keeps the bytes as they come (`+B`), in each transfer syntax it knows (`+xa`).

    More `options` may follow: "--ignore", "+xi", "--promiscuous", "+tls", key, certificate, ...
    """
    need("storescp")
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    keeping = [] if "--ignore" in options else ["+B", "-od", str(folder)]
    syntaxes = [] if "+xi" in options or "+xe" in options else ["+xa"]
    log = folder.with_name(f"{folder.name}.storescp.log")
    command = ["storescp", "-aet", ae_title, *keeping, *syntaxes, *options, str(port)]
    with running(command, port, log, env):
        yield Listening(port=port, ae_title=ae_title, folder=folder, log=log)


@contextlib.contextmanager
def dcmqrscp(
    folder: Path,
    *options: str,
    ae_title: str = "QRSCP",
    movers: Sequence[tuple[str, int]] = (),
    most_associations: int = 16,
) -> Iterator[Listening]:
    """Run DCMTK's dcmqrscp, which stores and is queried. C-MOVE may go to `movers`: (AE title, port)."""
    need("dcmqrscp")
    area = folder / "area"
    area.mkdir(parents=True, exist_ok=True)
    port = free_port()
    hosts = "\n".join(f"mover{i} = ({title}, 127.0.0.1, {at})" for i, (title, at) in enumerate(movers))
    config = folder / "dcmqrscp.cfg"
    config.write_text(
        f"NetworkTCPPort = {port}\nMaxPDUSize = 16384\nMaxAssociations = {most_associations}\n"
        f"HostTable BEGIN\n{hosts}\nHostTable END\n"
        "VendorTable BEGIN\nVendorTable END\n"
        f"AETable BEGIN\n{ae_title} {area} RW (200, 1024mb) ANY\nAETable END\n"
    )
    log = folder / "dcmqrscp.log"
    command = ["dcmqrscp", "-c", str(config), *options, str(port)]
    with running(command, port, log):
        yield Listening(port=port, ae_title=ae_title, folder=area, log=log)


def _orthanc_program() -> str:
    beside = Path("/usr/sbin/Orthanc")  # Debian keeps it where a user's PATH does not lead
    if beside.exists():
        return str(beside)
    need("Orthanc")
    return "Orthanc"


@contextlib.contextmanager
def orthanc(folder: Path, ae_title: str = "ORTHANC", **settings: Any) -> Iterator[Listening]:
    """Run Orthanc with an empty store in `folder`. `settings` replace those of its configuration here.

    Its REST interface is open without a password on `http_port`.
    """
    program = _orthanc_program()
    folder.mkdir(parents=True, exist_ok=True)
    port, http_port = free_port(), free_port()
    configuration: dict[str, Any] = {
        "Name": "peer",
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "DicomAet": ae_title,
        "DicomPort": port,
        "DicomCheckCalledAet": False,
        "DicomAlwaysAllowEcho": True,
        "DicomAlwaysAllowStore": True,
        "DicomAlwaysAllowFind": True,
        "UnknownSopClassAccepted": False,
        "HttpPort": http_port,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "OverwriteInstances": True,
        "StorageCompression": False,
        "Plugins": [],
        **settings,
    }
    path = folder / "orthanc.json"
    path.write_text(json.dumps(configuration))
    log = folder / "orthanc.log"
    # Killed, because it takes more than three seconds to end in order, and nobody reads its store after it.
    with running([program, str(path)], http_port, log, last=signal.SIGKILL):
        wait_until_open(port)
        yield Listening(port=port, ae_title=ae_title, folder=folder, http_port=http_port, log=log)


@contextlib.contextmanager
def dicomweb_orthanc(folder: Path, **settings: Any) -> Iterator[Listening]:
    """Run Orthanc with its DICOMweb plugin, at `/dicom-web` of `http_port`; see `orthanc`."""
    plugin = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
    if not plugin.exists():
        need("orthanc-dicomweb")
    web = {"Enable": True, "Root": "/dicom-web/"}
    with orthanc(folder, Plugins=[str(plugin)], DicomWeb=web, **settings) as peer:
        yield peer


@contextlib.contextmanager
def pynetdicom_scp(
    ae_title: str = "PYNETDICOM",
    *,
    sop_classes: Sequence[str] | None = None,
    status: int = 0,
    most_associations: int = 50,
) -> Iterator[Received]:
    """Run a Storage and Verification SCP of pynetdicom in a thread; None takes all its storage classes.

    It answers `status` to every instance and keeps the bytes of the data sets as they came.
    """
    from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts, evt  # noqa: PLC0415

    server = AE(ae_title=ae_title)
    server.maximum_associations = most_associations
    server.add_supported_context("1.2.840.10008.1.1")
    wanted = sop_classes or [str(known.abstract_syntax) for known in AllStoragePresentationContexts]
    for sop_class in wanted:
        server.add_supported_context(sop_class, ALL_TRANSFER_SYNTAXES[:])
    received = Received(port=0, ae_title=ae_title)

    def keep(event: Any) -> int:
        with received.lock:
            received.instances.append(
                (
                    str(event.request.AffectedSOPInstanceUID),
                    str(event.context.transfer_syntax),
                    event.request.DataSet.getvalue(),
                )
            )
        return status

    with listening(server, [(evt.EVT_C_STORE, keep)]) as received.port:
        yield received
