"""Import under TLS into real SCPs: the right authority, a wrong one, a certificate of ours asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.certificates import Certificates, make_certificates
from tests.support.cli import Said, mediakit
from tests.support.importing import data_set, folder_of_small, uid
from tests.support.kept import kept_at_orthanc, kept_in
from tests.support.network_peers import Listening, orthanc, storescp

pytestmark = pytest.mark.interop

COUNT = 3
UIDS = {uid(number) for number in range(COUNT)}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("strangers"))


@pytest.fixture
def medium(tmp_path: Path) -> Path:
    return folder_of_small(tmp_path / "m", COUNT)


def imported(scp: Listening, medium: Path, folder: Path, *lines: str) -> Said:
    """Import into a destination of a configuration with these lines, over TLS."""
    config = folder / "mediakit.toml"
    url = f'url = "dicom+tls://{scp.ae_title}@127.0.0.1:{scp.port}"'
    config.write_text("\n".join(["[destinations.archive]", url, *lines]) + "\n")
    state = folder / "state"
    return mediakit("import", medium, "archive", "--config", config, "--state", state, "--json")


def trusting(known: Certificates) -> str:
    return f'ca-file = "{known.authority}"'


def showing(known: Certificates) -> tuple[str, str]:
    return f'certificate = "{known.client}"', f'key = "{known.client_key}"'


@pytest.fixture(scope="module")
def strict_storescp(
    certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Listening]:
    """Ask for a certificate."""
    known = certificates
    options = ("+tls", str(known.server_key), str(known.server), "+cf", str(known.authority))
    with storescp(tmp_path_factory.mktemp("strict") / "in", *options) as scp:
        yield scp


@pytest.fixture(scope="module")
def open_storescp(
    certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Listening]:
    """Take anybody."""
    options = ("+tls", str(certificates.server_key), str(certificates.server), "-ic")
    with storescp(tmp_path_factory.mktemp("open") / "in", *options) as scp:
        yield scp


@pytest.fixture(scope="module")
def strict_orthanc(
    certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Listening]:
    """Ask for a certificate."""
    settings = _settings(certificates)
    with orthanc(
        tmp_path_factory.mktemp("strict"), **settings, DicomTlsRemoteCertificateRequired=True
    ) as scp:
        yield scp


@pytest.fixture(scope="module")
def open_orthanc(certificates: Certificates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    """Take anybody."""
    settings = _settings(certificates)
    with orthanc(tmp_path_factory.mktemp("open"), **settings, DicomTlsRemoteCertificateRequired=False) as scp:
        yield scp


def _settings(known: Certificates) -> dict[str, Any]:
    return {
        "DicomTlsEnabled": True,
        "DicomTlsPrivateKey": str(known.server_key),
        "DicomTlsCertificate": str(known.server),
        "DicomTlsTrustedCertificates": str(known.authority),
    }


def states(said: Said) -> Counter[str]:
    return Counter(one["state"] for one in said.document["instances"])


@pytest.mark.parametrize("server", ["strict_storescp", "open_storescp"])
def test_storescp_gets_all_under_tls(
    server: str, medium: Path, certificates: Certificates, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    scp: Listening = request.getfixturevalue(server)
    said = imported(scp, medium, tmp_path, trusting(certificates), *showing(certificates))
    assert said.code == 0, said.err
    assert {key: one.data_set for key, one in kept_in(scp.folder).items()} == {
        uid(number): data_set(number) for number in range(COUNT)
    }


@pytest.mark.parametrize("server", ["strict_orthanc", "open_orthanc"])
def test_orthanc_gets_all_under_tls(
    server: str, medium: Path, certificates: Certificates, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    scp: Listening = request.getfixturevalue(server)
    said = imported(scp, medium, tmp_path, trusting(certificates), *showing(certificates))
    there = set(kept_at_orthanc(scp))
    assert said.code == 0, said.err
    assert there == UIDS


@pytest.mark.parametrize("server", ["open_storescp", "open_orthanc"])
def test_a_certificate_of_an_authority_that_is_not_known_is_not_trusted(
    server: str,
    medium: Path,
    certificates: Certificates,
    strangers: Certificates,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    scp: Listening = request.getfixturevalue(server)
    said = imported(scp, medium, tmp_path, trusting(strangers))
    assert said.code == 5
    assert states(said) == {"unsent": COUNT}
    assert "certificate" in "".join(one["text"] for one in said.document["findings"])


@pytest.mark.parametrize("server", ["strict_storescp", "strict_orthanc"])
@pytest.mark.parametrize("has_one", [False, True], ids=["none", "of a stranger"])
def test_without_a_certificate_that_the_peer_trusts_there_is_no_association(
    has_one: bool,
    server: str,
    medium: Path,
    certificates: Certificates,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    shown = showing(request.getfixturevalue("strangers")) if has_one else ()
    scp: Listening = request.getfixturevalue(server)
    said = imported(scp, medium, tmp_path, trusting(certificates), *shown)
    assert said.code == 5
    assert states(said) == {"unsent": COUNT}


def test_a_name_that_is_not_in_the_certificate_is_not_trusted_unless_that_is_allowed(
    medium: Path, certificates: Certificates, tmp_path: Path
) -> None:
    known = certificates
    options = ("+tls", str(known.elsewhere_key), str(known.elsewhere), "-ic")
    with storescp(tmp_path / "in", *options) as scp:
        assert imported(scp, medium, tmp_path, trusting(known)).code == 5
        said = imported(scp, medium, tmp_path, trusting(known), "check-host-name = false")
    assert said.code == 0
