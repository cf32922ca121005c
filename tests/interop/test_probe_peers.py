"""`mediakit dest echo` and `dest probe` with real peers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mediakit.dicom.uids import STORAGE
from tests.support.cli import mediakit
from tests.support.instances import CT
from tests.support.network_peers import Listening, dcmqrscp, orthanc, pynetdicom_scp, storescp

pytestmark = pytest.mark.interop

EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"


def _probed(peer: Listening) -> dict[str, Any]:
    place = f"{peer.ae_title}@127.0.0.1:{peer.port}"
    assert "answers C-ECHO" in mediakit("dest", "echo", place).out
    said = mediakit("dest", "probe", place, "--json")
    assert said.code == 0, said.err
    found = json.loads(said.out)["classes"]
    assert len(found) == len(STORAGE)
    return {row["sop_class_uid"]: row["transfer_syntaxes"] for row in found if row["transfer_syntaxes"]}


def test_orthanc_takes_most_classes_in_most_syntaxes(tmp_path: Path) -> None:
    with orthanc(tmp_path / "orthanc") as peer:
        taken = _probed(peer)
    assert len(taken) > 150
    assert {EXPLICIT, IMPLICIT, "1.2.840.10008.1.2.4.90"} <= set(taken[CT])


def test_a_storescp_for_uncompressed_images_takes_those_alone(tmp_path: Path) -> None:
    with storescp(tmp_path / "in", "+xe") as peer:
        taken = _probed(peer)
    assert IMPLICIT in taken[CT]
    assert EXPLICIT in taken[CT]
    assert all(len(syntaxes) <= 3 for syntaxes in taken.values())


def test_dcmqrscp_is_probed(tmp_path: Path) -> None:
    with dcmqrscp(tmp_path) as peer:
        assert CT in _probed(peer)


def test_an_scp_of_one_class_takes_that_alone() -> None:
    with pynetdicom_scp(sop_classes=[ENHANCED_CT]) as peer:
        said = mediakit("dest", "probe", f"{peer.ae_title}@127.0.0.1:{peer.port}", "--json")
    classes = json.loads(said.out)["classes"]
    assert [row["sop_class_uid"] for row in classes if row["transfer_syntaxes"]] == [ENHANCED_CT]
