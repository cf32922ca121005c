"""TLS towards a peer: what is agreed on, what is refused, and what is told when it fails (BCP 195)."""

from __future__ import annotations

import hashlib
import io
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mediakit.destinations.base import Context, Lost, Payload, Unreachable
from mediakit.destinations.dimse import DimseDestination
from mediakit.destinations.peer import Peer, Timeouts, Tls
from mediakit.destinations.tls import client_context, expiry_warning, server_context
from mediakit.errors import UsageError
from mediakit.scp.wire import tls_reason
from mediakit.transfer.outgoing import Outgoing, StatusClass
from tests.support.certificates import Certificates, make_certificates
from tests.support.fault_scp import FaultScp
from tests.support.fault_script import AtConnection, AtInstance, Script
from tests.support.peers import need, run

CT, EXPLICIT = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1"
LARGE = bytes(range(256)) * (64 << 10)
PATIENT = Timeouts(connect_s=10, association_s=20, answer_s=20)
ITEM = Outgoing(sop_class=CT, sop_instance="1.2.3", transfer_syntax=EXPLICIT, path="IM1", size=1)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def destination(
    scp: FaultScp, tls: Tls, host: str = "127.0.0.1", timeouts: Timeouts = PATIENT
) -> DimseDestination:
    return DimseDestination(Peer(called_ae="X", host=host, port=scp.port, tls=tls, timeouts=timeouts))


def payload(content: bytes = LARGE) -> Payload:
    return Payload(
        head=b"",
        stream=io.BytesIO(content),
        data_set_at=0,
        data_set_bytes=len(content),
        transfer_syntax=EXPLICIT,
    )


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_large_instance_goes_under_tls_byte_for_byte(known: Certificates, version: ssl.TLSVersion) -> None:
    context = server_context(known.server, known.server_key, known.authority)
    context.maximum_version = version
    tls = Tls(ca_file=known.authority, certificate=known.client, key=known.client_key)
    with FaultScp(tls=context) as scp:
        session = destination(scp, tls).connect((Context(CT, (EXPLICIT,)),))
        assert session.send(ITEM, payload()).kind is StatusClass.SUCCESS
        assert session.send(ITEM, payload(b"")).kind is StatusClass.SUCCESS
        session.close()
    assert [one.sha256 for one in scp.received] == [
        hashlib.sha256(content).hexdigest() for content in (LARGE, b"")
    ]
    assert scp.ended == ["release"]


@pytest.mark.parametrize(
    "fault",
    [
        AtInstance.CLOSE_IN_DATA,
        AtInstance.CLOSE_BEFORE_ANSWER,
        AtInstance.ABORT,
        AtInstance.FLOOD,
        AtInstance.GARBAGE,
    ],
)
def test_a_fault_under_tls_is_a_lost_instance(known: Certificates, fault: AtInstance) -> None:
    context = server_context(known.server, known.server_key)
    with FaultScp(Script(faults={0: fault}), tls=context) as scp:
        session = destination(scp, Tls(ca_file=known.authority)).connect((Context(CT, (EXPLICIT,)),))
        with pytest.raises(Lost):
            session.send(ITEM, payload())
        session.close()


@pytest.mark.parametrize("fault", [AtInstance.STALL, AtInstance.DEAF])
def test_a_stall_under_tls_has_an_end(known: Certificates, fault: AtInstance) -> None:
    context = server_context(known.server, known.server_key)
    hasty = Timeouts(connect_s=5, association_s=5, answer_s=0.3)
    with FaultScp(Script(faults={0: fault}), tls=context) as scp:
        to = destination(scp, Tls(ca_file=known.authority), timeouts=hasty)
        session = to.connect((Context(CT, (EXPLICIT,)),))
        with pytest.raises(Lost, match=r"waited 0\.3 s"):
            session.send(ITEM, payload())
        session.close()


def test_an_answer_that_comes_byte_by_byte_under_tls_is_an_answer(known: Certificates) -> None:
    script = Script(at_connection=AtConnection.DRIP, faults={0: AtInstance.TINY_FRAGMENTS})
    with FaultScp(script, tls=server_context(known.server, known.server_key)) as scp:
        session = destination(scp, Tls(ca_file=known.authority)).connect((Context(CT, (EXPLICIT,)),))
        assert session.send(ITEM, payload()).kind is StatusClass.SUCCESS
        session.close()


def test_a_certificate_of_nobody_we_trust_is_refused_with_a_hint(known: Certificates, tmp_path: Path) -> None:
    others = make_certificates(tmp_path / "others")
    context = server_context(known.server, known.server_key)
    with FaultScp(tls=context) as scp, pytest.raises(Unreachable, match="not trusted") as caught:
        destination(scp, Tls(ca_file=others.authority)).verify()
    assert "authority" in caught.value.hint
    assert not caught.value.is_passing
    with FaultScp(tls=context) as scp, pytest.raises(Unreachable, match="not trusted"):
        destination(scp, Tls()).verify()  # those that the system trusts


def test_a_certificate_for_another_host_is_refused_unless_that_is_wanted(known: Certificates) -> None:
    context = server_context(known.elsewhere, known.elsewhere_key)
    with FaultScp(tls=context) as scp:
        with pytest.raises(Unreachable, match="not trusted") as caught:
            destination(scp, Tls(ca_file=known.authority)).verify()
        assert "host name" in caught.value.hint
        anyhow = Tls(ca_file=known.authority, check_host_name=False)
        assert destination(scp, anyhow).verify()


def test_a_host_name_is_checked_as_well_as_an_address(known: Certificates) -> None:
    with FaultScp(tls=server_context(known.server, known.server_key)) as scp:
        assert destination(scp, Tls(ca_file=known.authority), host="localhost").verify()


def test_a_server_that_asks_for_a_certificate_lets_nobody_in_without(known: Certificates) -> None:
    context = server_context(known.server, known.server_key, known.authority)
    with FaultScp(tls=context) as scp, pytest.raises(Unreachable) as caught:
        destination(scp, Tls(ca_file=known.authority)).verify()
    assert scp.echoes == 0
    assert "_ssl.c" not in str(caught.value)


def test_why_tls_failed_is_said_without_the_names_of_openssl() -> None:
    alert = ssl.SSLError(1, "[SSL: TLSV1_ALERT_UNKNOWN_CA] tlsv1 alert unknown ca (_ssl.c:2580)")
    alert.reason = "TLSV1_ALERT_UNKNOWN_CA"
    assert tls_reason(alert) == "the other side refuses: unknown ca"
    assert tls_reason(ssl.SSLEOFError(8, "EOF (_ssl.c:2427)")) == "the other side ended the connection"


def test_a_peer_without_tls_is_unreachable_with_a_hint(known: Certificates) -> None:
    hasty = Timeouts(connect_s=5, association_s=0.5)  # it waits for the rest of what it takes for a PDU
    with FaultScp() as scp, pytest.raises(Unreachable) as caught:
        destination(scp, Tls(ca_file=known.authority), timeouts=hasty).verify()
    assert "TLS" in caught.value.hint


def test_a_handshake_that_nobody_answers_has_an_end(known: Certificates) -> None:
    hasty = Timeouts(connect_s=5, association_s=0.3)
    script = Script(at_connection=AtConnection.SILENT)
    with FaultScp(script) as scp, pytest.raises(Unreachable, match="did not answer") as caught:
        destination(scp, Tls(ca_file=known.authority), timeouts=hasty).verify()
    assert caught.value.is_passing


def test_tls_older_than_1_2_and_ciphers_without_aead_are_not_spoken(known: Certificates) -> None:
    context = client_context(Tls(ca_file=known.authority))
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    names = {str(cipher["name"]) for cipher in context.get_ciphers()}
    assert all("GCM" in name or "CHACHA20" in name for name in names), names
    assert all(name.startswith(("ECDHE-", "TLS_")) for name in names), names
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    old.load_cert_chain(known.server, known.server_key)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    old.set_ciphers("ECDHE-RSA-AES128-SHA256:AES128-GCM-SHA256")
    with FaultScp(tls=old) as scp, pytest.raises(Unreachable, match="agree on TLS"):
        destination(scp, Tls(ca_file=known.authority)).verify()


def test_a_file_that_is_missing_or_of_no_use_is_an_error_of_usage(
    known: Certificates, tmp_path: Path
) -> None:
    nothing, text = tmp_path / "nothing.pem", tmp_path / "text.pem"
    text.write_text("no certificate")
    wrong = [
        Tls(ca_file=nothing),
        Tls(ca_file=text),
        Tls(ca_file=tmp_path),
        Tls(certificate=nothing, key=known.client_key),
        Tls(certificate=known.client, key=nothing),
        Tls(certificate=text, key=known.client_key),
        Tls(certificate=known.client, key=known.server_key),
        Tls(certificate=known.client),
        Tls(key=known.client_key),
    ]
    for tls in wrong:
        with pytest.raises(UsageError) as caught:
            client_context(tls)
        assert str(tmp_path) in str(caught.value) or str(known.client.parent) in str(caught.value)
    with pytest.raises(UsageError):
        server_context(nothing)
    with pytest.raises(UsageError):
        server_context(known.server, known.server_key, text)


def test_an_encrypted_key_is_refused_and_nobody_is_asked(known: Certificates, tmp_path: Path) -> None:
    need("openssl")
    secret = tmp_path / "secret.key"
    done = run(
        "openssl", "pkey", "-aes256", "-passout", "pass:x", "-in", str(known.client_key), "-out", str(secret)
    )
    assert done.returncode == 0, done.stderr
    with pytest.raises(UsageError, match="encrypted") as caught:
        client_context(Tls(certificate=known.client, key=secret))
    assert "openssl pkey" in caught.value.hint


def test_a_session_that_cannot_have_its_tls_opens_no_connection(tmp_path: Path) -> None:
    with FaultScp() as scp, pytest.raises(UsageError):
        destination(scp, Tls(ca_file=tmp_path / "nothing.pem")).verify()
    assert scp.ended == []


def test_of_a_certificate_that_expires_within_30_days_or_has_expired_is_warned(
    known: Certificates, tmp_path: Path
) -> None:
    long, key = tmp_path / "long.pem", tmp_path / "long.key"
    subject = ("-subj", "/CN=long", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key))
    assert run("openssl", "req", "-x509", *subject, "-days", "20000", "-out", str(long)).returncode == 0
    chain = tmp_path / "chain.pem"
    chain.write_bytes(key.read_bytes() + long.read_bytes() + known.server.read_bytes())
    now, day = datetime.now(UTC), timedelta(days=1)  # after the certificates were made: they are valid
    said_end = run("openssl", "x509", "-noout", "-enddate", "-in", str(known.server)).stdout.partition("=")[2]
    ends = datetime.strptime(f"{said_end.strip()[:-3]}+0000", "%b %d %H:%M:%S %Y %z").date()
    for file, when, said in (
        (known.server, now, f"expires on {ends}: renew it"),
        (chain, now, f"expires on {ends}: renew it"),
        (known.server, now - 28 * day, f"is not valid before {now.date()}"),
        (known.server, now + 2 * day, f"expired on {ends}: peers that check it do not connect"),
        (long, now, ""),
        (long, now + 19_960 * day, ""),
        (long, now + 19_980 * day, f"expires on {(now + 20_000 * day).date()}: renew it"),
    ):
        warning = expiry_warning(file, when)
        assert warning == (f"the certificate in {file} {said}" if said else ""), (file, when)
