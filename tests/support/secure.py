"""Secure media for tests: certificates made by openssl once a run, sealers, and what opens what they seal."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from mediakit.secure.certificates import read_certificates, read_key, read_keys
from mediakit.secure.keys import Keys
from mediakit.secure.passwords import PasswordRecipient
from mediakit.secure.sealing import CertificateRecipient, Sealer, Signer
from tests.support.certificates import Certificates, make_certificates

PASSPHRASE = b"correct horse battery"
BY_PASSPHRASE = Keys(passphrases=(PASSPHRASE,))


@cache
def certificates() -> Certificates:
    """Return certificates that all tests of this process use: `client` receives, `server` signs."""
    return make_certificates(Path(mkdtemp(prefix="mediakit-tests-")))


@cache
def by_certificate() -> Keys:
    """Return the keys of the recipient."""
    made = certificates()
    return read_keys([made.client_key], [made.client])


@cache
def by_another() -> Keys:
    """Return the keys of somebody who receives nothing."""
    made = certificates()
    return read_keys([made.elsewhere_key], [made.elsewhere])


@cache
def signer() -> Signer:
    """Return who signs."""
    made = certificates()
    return Signer(key=read_key(made.server_key), certificate=read_certificates(made.server)[0])


@cache
def sealer(*, is_signed: bool = False) -> Sealer:
    """Return what seals for the recipient and for the passphrase; few rounds, because tests are many."""
    recipient = CertificateRecipient(read_certificates(certificates().client)[0])
    return Sealer([recipient, PasswordRecipient(PASSPHRASE, rounds=1000)], signer() if is_signed else None)


def sealed(content: bytes, by: Sealer) -> bytes:
    """Return a file in its envelope."""
    with by.seal(io.BytesIO(content), len(content)) as stream:
        return stream.read()
