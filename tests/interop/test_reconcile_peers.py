"""Reconciliation against real peers: Orthanc and dcmqrscp know patients, wlmscpfs has orders."""

from __future__ import annotations

from pathlib import Path

import pytest

from mediakit.destinations.find import FindModel, find
from mediakit.destinations.peer import Peer
from mediakit.transfer.mapping import parse_map
from tests.support.cli import mediakit
from tests.support.network_peers import Listening, dcmqrscp, orthanc
from tests.support.peers import need, run
from tests.support.people import Person, medium_of
from tests.support.worklist import order, wlmscpfs

pytestmark = pytest.mark.interop

FOREIGN = [
    Person(patient_id="007", name="MUELLER^ANNA", birth_date="19610430", sex="F"),
    Person(patient_id="X", name="Nobody^Nick", birth_date="19991231", sex="M", study="1.2.3.2"),
]
LOCAL = [
    Person(patient_id="L-1", name="Müller^Anna", birth_date="19610430", sex="F", study="1.2.4.1"),
    Person(patient_id="L-2", name="Jones^Mary", birth_date="19610430", sex="F", study="1.2.4.2"),
]


def stored(scp: Listening, folder: Path) -> None:
    need("storescu")
    sent = run(
        "storescu", "-aec", scp.ae_title, "127.0.0.1", str(scp.port), "+sd", str(medium_of(folder, LOCAL))
    )
    assert sent.returncode == 0, sent.stderr


def dest(scp: Listening) -> str:
    return f"{scp.ae_title}@127.0.0.1:{scp.port}"


def checked(scp: Listening, tmp_path: Path) -> None:
    medium = medium_of(tmp_path / "cd", FOREIGN)
    out = tmp_path / "map.csv"
    said = mediakit("reconcile", medium, dest(scp), "-o", out)
    assert said.code == 7, said.err
    assert said.out.splitlines()[-1] == "outcome: not everybody has one good candidate (exit code 7)"
    assert said.out.splitlines()[-2].startswith("what to do: look at the rows")
    found = {row.from_patient_id: row for row in parse_map(out.read_bytes(), "map.csv")}
    assert (found["007"].to_patient_id, found["007"].to_name) == ("L-1", "Müller^Anna")
    assert (found["007"].confidence or 0) >= 80
    assert found["X"].to_patient_id == ""


def test_orthanc_knows_the_patients_of_its_studies(tmp_path: Path) -> None:
    with orthanc(tmp_path / "orthanc", DefaultEncoding="Utf8") as scp:
        stored(scp, tmp_path / "local")
        checked(scp, tmp_path)


def test_dcmqrscp_knows_the_patients_of_its_studies(tmp_path: Path) -> None:
    with dcmqrscp(tmp_path / "qr") as scp:
        stored(scp, tmp_path / "local")
        peer = Peer(called_ae=scp.ae_title, host="127.0.0.1", port=scp.port)
        keys = {0x00080052: "PATIENT", 0x00100020: "", 0x00100010: ""}
        assert {match[0x00100020] for match in find(peer, FindModel.PATIENT_ROOT, keys)} == {"L-1", "L-2"}
        checked(scp, tmp_path)


def test_wlmscpfs_gives_the_order_for_a_study(tmp_path: Path) -> None:
    orders = {
        "one": order("L-1", "Müller^Anna", "19610430", "55"),
        "two": order("L-2", "Jones^Mary", "19610430", "56"),
    }
    out = tmp_path / "map.csv"
    medium = medium_of(
        tmp_path / "cd", [Person(patient_id="007", name="Müller^Anna", birth_date="19610430", sex="F")]
    )
    with wlmscpfs(tmp_path / "wl", orders) as scp:
        said = mediakit("reconcile", medium, dest(scp), "-o", out, "--match", "worklist")
    assert said.code == 0, said.err
    (row,) = parse_map(out.read_bytes(), "map.csv")
    assert (row.to_patient_id, row.to_name, row.to_accession) == ("L-1", "Müller^Anna", "55")
    assert "same date" in row.source
