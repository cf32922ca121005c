"""DICOMweb over TLS: own authority, client certificate, host name."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mediakit.destinations.base import Unreachable
from mediakit.destinations.dicomweb import DicomwebDestination
from mediakit.destinations.dicomweb_address import DicomwebAddress
from mediakit.destinations.options import Options
from mediakit.destinations.peer import Timeouts, Tls
from mediakit.errors import UsageError
from mediakit.transfer.outgoing import StatusClass
from tests.support.certificates import Certificates, make_certificates
from tests.support.fault_http import FaultServer, drops_before_answer, serving, stalls
from tests.support.payloads import ready
from tests.support.studies import CT_1

ONE = ready(CT_1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def server(made: Certificates) -> Iterator[FaultServer]:
    with serving(_context(made.server, made.server_key)) as state:
        yield state


def _context(certificate: Path, key: Path, authority: Path | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    if authority is not None:
        context.load_verify_locations(authority)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _destination(server: FaultServer, tls: Tls | None = None, answer_s: float = 30) -> DicomwebDestination:
    options = Options(tls=tls, timeouts=Timeouts(connect_s=10, answer_s=answer_s))
    return DicomwebDestination(DicomwebAddress(url=f"https://{server.address}/dw"), options)


def _is_sent(destination: DicomwebDestination) -> bool:
    with closing(destination.connect(())) as session:
        return session.send(ONE.item, ONE.payload()).kind is StatusClass.SUCCESS


def test_an_instance_goes_over_tls_to_a_server_of_a_trusted_authority(
    server: FaultServer, made: Certificates
) -> None:
    assert _is_sent(_destination(server, Tls(ca_file=made.authority)))
    assert list(server.stored.values()) == [CT_1.read_bytes()]


def test_a_server_of_an_unknown_authority_gets_nothing(server: FaultServer) -> None:
    with pytest.raises(Unreachable, match="not trusted") as caught:
        _destination(server).verify()
    assert "ca-file" in caught.value.hint
    assert not caught.value.is_passing
    assert server.requests == []


def test_a_certificate_of_another_host_is_refused_unless_told_otherwise(made: Certificates) -> None:
    with serving(_context(made.elsewhere, made.elsewhere_key)) as server:
        with pytest.raises(Unreachable, match="not trusted") as caught:
            _destination(server, Tls(ca_file=made.authority)).connect(())
        assert "host name" in caught.value.hint
        assert server.requests == []
        assert _is_sent(_destination(server, Tls(ca_file=made.authority, check_host_name=False)))
        assert not _trusts(server, Tls(check_host_name=False))


def test_a_server_that_asks_for_a_certificate_gets_ours(made: Certificates) -> None:
    with serving(_context(made.server, made.server_key, made.authority)) as server:
        with pytest.raises(Unreachable):
            _destination(server, Tls(ca_file=made.authority)).connect(())
        own = Tls(ca_file=made.authority, certificate=made.client, key=made.client_key)
        assert _is_sent(_destination(server, own))


def test_a_server_without_tls_is_found_out(made: Certificates) -> None:
    with serving() as server, pytest.raises(Unreachable):
        _destination(server, Tls(ca_file=made.authority)).verify()


def test_waits_are_bounded_over_tls_too(server: FaultServer, made: Certificates) -> None:
    server.get_faults = [stalls]
    with pytest.raises(Unreachable, match="does not answer"):
        _destination(server, Tls(ca_file=made.authority), answer_s=1).connect(())


def test_a_session_goes_on_over_a_new_connection(server: FaultServer, made: Certificates) -> None:
    server.faults = [drops_before_answer]
    with closing(_destination(server, Tls(ca_file=made.authority)).connect(())) as session:
        with pytest.raises(Exception, match="connection ended"):
            session.send(ONE.item, ONE.payload())
        assert session.send(ONE.item, ONE.payload()).kind is StatusClass.SUCCESS


def test_a_file_of_certificates_that_is_none_is_told(server: FaultServer) -> None:
    with pytest.raises(UsageError) as caught:
        _destination(server, Tls(ca_file=CT_1)).connect(())
    assert str(CT_1) in caught.value.where


def _trusts(server: FaultServer, tls: Tls) -> bool:
    try:
        _destination(server, tls).connect(()).close()
    except Unreachable:
        return False
    return True
