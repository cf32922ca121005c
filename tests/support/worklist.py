"""DCMTK's worklist server with the orders that a test wants."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.network_peers import Listening, free_port, running
from tests.support.peers import need, run


@contextmanager
def wlmscpfs(folder: Path, orders: dict[str, str]) -> Iterator[Listening]:
    """Run DCMTK's worklist server with these orders, each in the form of dcmdump."""
    need("wlmscpfs", "dump2dcm")
    area = folder / "WORKLIST"
    area.mkdir(parents=True)
    (area / "lockfile").touch()
    for name, dump in orders.items():
        source = folder / f"{name}.dump"
        source.write_text(dump, encoding="utf-8")
        made = run("dump2dcm", str(source), str(area / f"{name}.wl"))
        assert made.returncode == 0, made.stderr
    port = free_port()
    log = folder / "log"
    command = ["wlmscpfs", "-dfp", str(folder), "-csk", str(port)]
    with running(command, port, log):
        yield Listening(port=port, ae_title="WORKLIST", folder=folder, log=log)


def order(patient_id: str, name: str, birth_date: str, accession: str) -> str:
    return f"""
(0008,0005) CS [ISO_IR 192]
(0008,0050) SH [{accession}]
(0010,0010) PN [{name}]
(0010,0020) LO [{patient_id}]
(0010,0030) DA [{birth_date}]
(0010,0040) CS [F]
(0020,000d) UI [1.2.5.{accession}]
(0032,1060) LO [Import of a CD]
(0040,0100) SQ
(fffe,e000) -
(0008,0060) CS [CT]
(0040,0001) AE [IMPORT]
(0040,0002) DA [20260131]
(0040,0003) TM [120000]
(0040,0006) PN [Tech^Tina]
(0040,0007) LO [Import]
(0040,0009) SH [S{accession}]
(fffe,e00d) -
(fffe,e0dd) -
(0040,1001) SH [R{accession}]
"""
