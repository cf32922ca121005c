"""Certificates, private keys and passphrases from files, and what is asked of them before they are used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key

from mediakit.errors import UsageError, mapped
from mediakit.findings import printable
from mediakit.secure.keys import Identity, Keys
from mediakit.secure.passwords import checked

#: Asks for the passphrase of a private key; the text names the file.
Ask = Callable[[str], bytes]

_LEAST_BITS = 2048
_MOST_BYTES = 1 << 20
_MOST_CHAIN = 8
_PEM = b"-----BEGIN"


def read_certificates(path: Path) -> tuple[x509.Certificate, ...]:
    """Return the certificates of a file, PEM or DER, in its order. Raises UsageError when there is none."""
    data = _read(path, "the certificate")
    try:
        found = (
            x509.load_pem_x509_certificates(data) if _PEM in data else [x509.load_der_x509_certificate(data)]
        )
        for one in found:
            name_of(one)  # the library reads the name only now
    except ValueError as exc:
        raise UsageError("there is no certificate in this file", where=str(path), why=_short(exc)) from exc
    return tuple(found)


def read_passphrase(path: Path) -> bytes:
    """Return the first line of a file as passphrase. Raises UsageError."""
    data = _read(path, "the passphrase")
    return checked(data.partition(b"\n")[0].rstrip(b"\r"))


def read_private_key(path: Path, ask: Ask | None = None) -> PrivateKeyTypes:
    """Return the private key of a file, PEM or DER. `ask` gives its passphrase. Raises UsageError."""
    data = _read(path, "the key")
    load = load_pem_private_key if _PEM in data else load_der_private_key
    hint = "give a PEM or DER file"
    try:
        try:
            return load(data, None)
        except TypeError:  # it is encrypted
            if ask is None:
                hint = "run it on a terminal, or give a key without one, in a file that you alone can read"
                raise UsageError("the key has a passphrase of its own", where=str(path), hint=hint) from None
            hint = "its own passphrase may be wrong"
            return load(data, ask(str(path)))
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise UsageError("there is no private key in this file", where=str(path), hint=hint) from exc


def read_key(path: Path, ask: Ask | None = None) -> RSAPrivateKey:
    """Return the RSA private key of a file; see `read_private_key`."""
    key = read_private_key(path, ask)
    if not isinstance(key, RSAPrivateKey):
        raise UsageError("the key is not an RSA key", where=str(path), why="PS3.15 D.1 has RSA only")
    return key


def read_keys(
    keys: Sequence[Path], certificates: Sequence[Path], trust: Sequence[Path] = (), ask: Ask | None = None
) -> Keys:
    """Return what opens secure media: each key with the certificate that belongs to it. Raises UsageError."""
    known = [(path, one) for path in (*certificates, *keys) for one in _certificates_in(path, certificates)]
    identities: list[Identity] = []
    for path in keys:
        key = read_key(path, ask)
        own = [one for _, one in known if one.public_key() == key.public_key()]
        if not own:
            hint = "`--cert FILE` names the certificate that the medium was made for"
            raise UsageError("no certificate given belongs to this key", where=str(path), hint=hint)
        identities += [Identity(certificate=one, key=key) for one in own]
    used = {one.certificate for one in identities}
    for path in certificates:
        if not used.intersection(one for place, one in known if place == path):
            raise UsageError(
                "no key given belongs to this certificate", where=str(path), hint="add `--key FILE`"
            )
    return Keys(
        identities=tuple(dict.fromkeys(identities)),
        trust=tuple(one for path in trust for one in read_certificates(path)),
    )


def check_recipient(certificate: x509.Certificate, now: datetime, where: str) -> None:
    """Raise UsageError for a certificate that no file should be encrypted for."""
    _check_day(certificate, now, where)
    _check_rsa(certificate, where, "a file encrypted for it could be opened by others")
    usage = _usage_of(certificate)
    if usage is not None and not usage.key_encipherment:
        why = "its Key Usage does not have keyEncipherment"
        raise UsageError("this certificate is not for encryption", where=where, why=why)


def check_signer(certificate: x509.Certificate, now: datetime, where: str) -> None:
    """Raise UsageError for a certificate that does not do to sign with."""
    _check_day(certificate, now, where)
    _check_rsa(certificate, where, "others could sign in its name")
    usage = _usage_of(certificate)
    if usage is not None and not (usage.digital_signature or usage.content_commitment):
        why = "its Key Usage does not have digitalSignature"
        raise UsageError("this certificate is not for signing", where=where, why=why)


def day_trouble(certificate: x509.Certificate, when: datetime) -> str:
    """Return why a certificate is not valid at a time, "" when it is."""
    if when > certificate.not_valid_after_utc:
        return f"expired on {certificate.not_valid_after_utc:%Y-%m-%d}"
    if when < certificate.not_valid_before_utc:
        return f"is not valid before {certificate.not_valid_before_utc:%Y-%m-%d}"
    return ""


def is_trusted(
    signer: x509.Certificate, among: Sequence[x509.Certificate], trust: Sequence[x509.Certificate]
) -> bool:
    """Return True when a chain of valid certificates leads from a signer to one of `trust`.

    `among` are the certificates that came with the signature. Revocation is not looked at.
    """
    now = datetime.now(UTC)
    at = signer
    for _ in range(_MOST_CHAIN):
        if day_trouble(at, now):
            return False
        if at in trust or any(_vouches(one, at) and not day_trouble(one, now) for one in trust):
            return True
        above = next((one for one in among if one != at and _vouches(one, at)), None)
        if above is None:
            return False
        at = above
    return False


def name_of(certificate: x509.Certificate) -> str:
    """Return the subject of a certificate for a person. Raises ValueError when it cannot be read."""
    return printable(certificate.subject.rfc4514_string())[:200]


def _vouches(issuer: x509.Certificate, subject: x509.Certificate) -> bool:
    try:
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
        if not constraints.ca:
            return False
        subject.verify_directly_issued_by(issuer)
    except (x509.ExtensionNotFound, ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _check_day(certificate: x509.Certificate, now: datetime, where: str) -> None:
    if trouble := day_trouble(certificate, now):
        raise UsageError(f"the certificate {trouble}", where=where, hint="ask for one that is valid today")


def _check_rsa(certificate: x509.Certificate, where: str, else_: str) -> None:
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as exc:
        raise UsageError("the key of this certificate cannot be used", where=where, why=_short(exc)) from exc
    if not isinstance(key, RSAPublicKey):
        raise UsageError("the certificate has no RSA key", where=where, why="PS3.15 D.1 has RSA only")
    if key.key_size < _LEAST_BITS:
        why = f"it has {key.key_size} bits, and {else_}"
        raise UsageError(
            "the key of this certificate is too short",
            where=where,
            why=why,
            hint=f"{_LEAST_BITS} bits or more",
        )


def _usage_of(certificate: x509.Certificate) -> x509.KeyUsage | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return None


def _certificates_in(path: Path, named: Sequence[Path]) -> tuple[x509.Certificate, ...]:
    """Return the certificates of a file; a file of a key may have some, one of `named` must."""
    if path in named:
        return read_certificates(path)
    data = _read(path, "the key")
    return read_certificates(path) if b"-----BEGIN CERTIFICATE" in data else ()


def _read(path: Path, what: str) -> bytes:
    with mapped({OSError: UsageError}, f"{what} cannot be read", str(path)), path.open("rb") as stream:
        data = stream.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise UsageError("the file is too long to be one", where=str(path))
    return data


def _short(exc: Exception) -> str:
    return str(exc).partition("\n")[0][:120]
