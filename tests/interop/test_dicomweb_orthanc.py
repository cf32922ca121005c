"""STOW-RS and QIDO-RS with the real Orthanc and its DICOMweb plugin."""

from __future__ import annotations

import base64
import json
import urllib.request
from collections import defaultdict
from contextlib import closing
from pathlib import Path

import pydicom
import pytest

from mediakit.destinations.base import Unreachable
from mediakit.destinations.dicomweb import DicomwebDestination
from mediakit.destinations.dicomweb_address import DicomwebAddress
from mediakit.destinations.dicomweb_query import DicomwebQuery
from mediakit.destinations.options import Options
from mediakit.transfer.outgoing import StatusClass
from tests.support.network_peers import Listening, dicomweb_orthanc
from tests.support.payloads import Ready, ready
from tests.support.studies import CT_1, PYDICOM_FILES, SAMPLES

pytestmark = pytest.mark.interop


def _address(peer: Listening) -> DicomwebAddress:
    return DicomwebAddress(url=f"http://127.0.0.1:{peer.http_port}/dicom-web")


def _samples() -> list[Ready]:
    files = sorted(path for path in SAMPLES.rglob("*") if path.is_file() and path.name != "DICOMDIR")
    return [ready(path) for path in files if pydicom.misc.is_dicom(path)]


def _asked(peer: Listening, path: str, body: bytes | None = None) -> bytes:
    url = f"http://127.0.0.1:{peer.http_port}{path}"
    with urllib.request.urlopen(urllib.request.Request(url, body), timeout=60) as answer:
        content: bytes = answer.read()
        return content


def _kept(peer: Listening, uid: str) -> bytes:
    """Return the file that Orthanc keeps for an instance."""
    (key,) = json.loads(_asked(peer, "/tools/lookup", uid.encode()))
    return _asked(peer, key["Path"] + "/file")


def test_all_samples_arrive_byte_for_byte_and_a_search_finds_them(tmp_path: Path) -> None:
    instances = _samples()
    series: dict[tuple[str, str], set[str]] = defaultdict(set)
    with dicomweb_orthanc(tmp_path) as peer:
        destination = DicomwebDestination(_address(peer))
        assert "answers to a search" in destination.verify()
        with closing(destination.connect(())) as session:
            for one in instances:
                answer = session.send(one.item, one.payload())
                assert answer.kind is StatusClass.SUCCESS, (one.item.path, answer.words)
                series[one.item.study, one.item.series].add(one.item.sop_instance)
        for one in instances:
            assert _kept(peer, one.item.sop_instance) == one.content
        with closing(DicomwebQuery(_address(peer))) as query:
            for (study, of_series), uids in series.items():
                assert query.find_instances(study, of_series) == uids
            assert query.find_instances("1.2.3", "1.2.4") == frozenset()


def test_pydicoms_files_arrive_byte_for_byte_or_are_refused_with_a_reason(tmp_path: Path) -> None:
    taken = 0
    with (
        dicomweb_orthanc(tmp_path) as peer,
        closing(DicomwebDestination(_address(peer)).connect(())) as session,
    ):
        for path in sorted(PYDICOM_FILES.glob("*.dcm")):
            try:
                one = ready(path)
            except (AttributeError, pydicom.errors.InvalidDicomError):
                continue  # no whole instance
            answer = session.send(one.item, one.payload())
            if answer.kind is StatusClass.SUCCESS:
                taken += 1
                assert _kept(peer, one.item.sop_instance) == one.content, path.name
            else:
                assert answer.words
    assert taken > 50


def test_an_instance_that_breaks_on_the_way_is_not_stored(tmp_path: Path) -> None:
    one = ready(CT_1)
    with dicomweb_orthanc(tmp_path) as peer:
        with closing(DicomwebDestination(_address(peer)).connect(())) as session:
            with pytest.raises(OSError, match="broken disc"):
                session.send(one.item, one.broken(OSError("broken disc")))
            assert json.loads(_asked(peer, "/instances")) == []
            assert session.send(one.item, one.payload()).kind is StatusClass.SUCCESS
        assert len(json.loads(_asked(peer, "/instances"))) == 1


def test_an_instance_that_is_sent_twice_is_there_once(tmp_path: Path) -> None:
    one = ready(CT_1)
    with dicomweb_orthanc(tmp_path) as peer:
        with closing(DicomwebDestination(_address(peer)).connect(())) as session:
            for _ in range(2):
                assert session.send(one.item, one.payload()).kind is StatusClass.SUCCESS
        assert len(json.loads(_asked(peer, "/instances"))) == 1
        assert _kept(peer, one.item.sop_instance) == one.content


def test_garbage_is_refused_and_told(tmp_path: Path) -> None:
    one = ready(CT_1)
    garbage = Ready(item=one.item, content=b"no DICOM" * 100, data_set_at=100)
    with (
        dicomweb_orthanc(tmp_path) as peer,
        closing(DicomwebDestination(_address(peer)).connect(())) as session,
    ):
        answer = session.send(garbage.item, garbage.payload())
        assert answer.kind is StatusClass.ERROR
        assert answer.words


def test_a_server_with_a_login_lets_in_who_has_one(tmp_path: Path) -> None:
    one = ready(CT_1)
    header = tmp_path / "header"
    header.write_text(f"Authorization: Basic {base64.b64encode(b'joe:s3cret').decode()}\n")
    users = {"joe": "s3cret"}
    with dicomweb_orthanc(tmp_path / "peer", AuthenticationEnabled=True, RegisteredUsers=users) as peer:
        with pytest.raises(Unreachable, match="login"):
            DicomwebDestination(_address(peer)).verify()
        destination = DicomwebDestination(_address(peer), Options(header_file=header))
        with closing(destination.connect(())) as session:
            assert session.send(one.item, one.payload()).kind is StatusClass.SUCCESS


def test_a_wrong_base_url_is_found_out(tmp_path: Path) -> None:
    with dicomweb_orthanc(tmp_path) as peer:
        address = DicomwebAddress(url=f"http://127.0.0.1:{peer.http_port}/dicomweb")
        with pytest.raises(Unreachable, match="no DICOMweb service"):
            DicomwebDestination(address).verify()
