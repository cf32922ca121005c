"""TLS for DICOM as BCP 195 asks (RFC 9325, PS3.15 B.12): TLS 1.2 or newer, in 1.2 only ECDHE with AEAD.

What is wrong with files that the user names is a `UsageError`; what a handshake says is put in words too.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final

from mediakit.destinations.base import Unreachable
from mediakit.destinations.peer import Tls
from mediakit.errors import UsageError
from mediakit.scp.wire import tls_reason
from mediakit.secure.ber import CONSTRUCTED, CONTEXT, INTEGER, SEQUENCE, Cursor, Malformed

# RFC 9325 4.2; the suites of TLS 1.3 are all good and are not chosen here.
_SUITES: Final = ":".join(
    f"ECDHE-{key}-{cipher}"
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
    for key in ("ECDSA", "RSA")
)
_SOON: Final = timedelta(days=30)
_PEM: Final = re.compile(r"-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----", re.ASCII)
_UTC_TIME: Final = 0x17  # else GeneralizedTime
_LARGEST_CERTIFICATES: Final = 16 << 20  # bytes of a file with certificates


def client_context(tls: Tls) -> ssl.SSLContext:
    """Return how to speak TLS with a server. Raises UsageError when a file is missing or cannot be used."""
    context = _hardened(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = tls.check_host_name
    if tls.ca_file is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    else:
        _trust(context, tls.ca_file)
    if tls.certificate is not None:
        _show(context, tls.certificate, tls.key)
    elif tls.key is not None:
        raise UsageError("a key needs its certificate", where=str(tls.key))
    return context


def server_context(certificate: Path, key: Path | None = None, ca_file: Path | None = None) -> ssl.SSLContext:
    """Return how to serve TLS; with `ca_file` only clients with a certificate of these authorities come in.

    Raises UsageError when a file is missing or cannot be used.
    """
    context = _hardened(ssl.PROTOCOL_TLS_SERVER)
    _show(context, certificate, key)
    if ca_file is not None:
        _trust(context, ca_file)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def expiry_warning(certificate: Path, now: datetime) -> str:
    """Return what is wrong with the dates of our own certificate; "" when all is good for another 30 days.

    Those of its authorities count too where they are in the file. Raises UsageError when that cannot be read.
    """
    with _opened(certificate) as stream:
        text = stream.read(_LARGEST_CERTIFICATES).decode("ascii", "replace")
    dates = tuple(_dates(text))
    first = max((begins for begins, _ in dates), default=now)
    last = min((ends for _, ends in dates), default=now + _SOON)
    if last < now:
        return (
            f"the certificate in {certificate} expired on {last:%Y-%m-%d}: peers that check it do not connect"
        )
    if first > now:
        return f"the certificate in {certificate} is not valid before {first:%Y-%m-%d}"
    if last - now < _SOON:
        return f"the certificate in {certificate} expires on {last:%Y-%m-%d}: renew it"
    return ""


def _dates(text: str) -> Iterator[tuple[datetime, datetime]]:
    """Yield from when until when each certificate of a PEM file is valid. Source: RFC 5280 4.1."""
    for block in _PEM.findall(text):
        try:
            der = ssl.PEM_cert_to_DER_cert(block)
            cursor = Cursor(BytesIO(der), len(der))
            cursor.enter(SEQUENCE)
            cursor.enter(SEQUENCE)
            if cursor.peek() == CONTEXT | CONSTRUCTED:  # the version
                cursor.whole(CONTEXT | CONSTRUCTED)
            for tag in (INTEGER, SEQUENCE, SEQUENCE):  # serial number, algorithm, issuer
                cursor.whole(tag)
            cursor.enter(SEQUENCE)
            yield _time(cursor), _time(cursor)
        except (Malformed, ValueError):
            continue  # OpenSSL has taken it; what it means is not ours to judge


def _time(cursor: Cursor) -> datetime:
    tag = cursor.peek()
    text = cursor.whole(tag)[2:].decode("ascii")
    if tag == _UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _hardened(protocol: ssl._SSLMethod) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_SUITES)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    return context


def _trust(context: ssl.SSLContext, ca_file: Path) -> None:
    try:
        if ca_file.stat().st_size > _LARGEST_CERTIFICATES:
            raise UsageError("the file of trusted certificates is too large", where=str(ca_file))
        context.load_verify_locations(cafile=ca_file)
    except ssl.SSLError as exc:
        raise UsageError(
            "the trusted certificates cannot be used",
            where=str(ca_file),
            why=tls_reason(exc),
            hint="a PEM file is needed, with one or more `BEGIN CERTIFICATE` blocks",
        ) from exc
    except OSError as exc:
        raise UsageError(
            "the trusted certificates cannot be read", where=str(ca_file), why=exc.strerror or ""
        ) from exc


def _show(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    for path in (certificate, key):
        if path is not None:
            _opened(path).close()
    try:
        context.load_cert_chain(certificate, key, password=_no_passphrase)
    except ssl.SSLError as exc:
        raise UsageError(
            "certificate and key cannot be used",
            where=str(key or certificate),
            why="no certificate and key in PEM form" if exc.reason in {None, "PEM_LIB"} else tls_reason(exc),
            hint="both must be PEM, belong together, and be long enough (RSA 2048, EC P-256 or more); "
            "a key in a file of its own needs to be named as well",
        ) from exc
    except OSError as exc:
        raise UsageError("certificate and key cannot be read", where=str(certificate), why=str(exc)) from exc


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as exc:
        raise UsageError("the file cannot be read", where=str(path), why=exc.strerror or "") from exc


def _no_passphrase() -> str:
    """Refuse a key that is encrypted, in place of OpenSSL asking on the terminal."""
    raise UsageError(
        "the key is encrypted, and a passphrase cannot be given",
        hint="`openssl pkey -in KEY -out PLAIN` writes it without; keep that file readable for you alone",
    )


def refused_handshake(exc: OSError, where: str) -> Unreachable:
    """Return in our words why a handshake failed."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        return Unreachable(
            "the certificate of the peer is not trusted",
            where=where,
            why=tls_reason(exc),
            hint=_certificate_hint(exc),
        )
    if isinstance(exc, ssl.SSLError):
        return Unreachable(
            "the peer and we could not agree on TLS",
            where=where,
            why=tls_reason(exc),
            hint="is the port one for TLS, of 1.2 or newer, and does the peer ask for a certificate of ours?",
        )
    is_late = isinstance(exc, TimeoutError)
    return Unreachable(
        "the peer did not answer to TLS" if is_late else "the peer ended the connection when TLS began",
        where=where,
        why="" if is_late else exc.strerror or "",
        hint="is the port one for TLS?",
        is_passing=is_late,
    )


def _certificate_hint(exc: ssl.SSLCertVerificationError) -> str:
    if exc.verify_code in {62, 64}:  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
        return "use the host name that the certificate is for, or switch the check of host names off"
    if exc.verify_code in {9, 10}:  # not yet valid, expired
        return "compare the dates of the certificate with the clock of this machine"
    return "name the certificate of its authority as trusted (`ca-file`)"
