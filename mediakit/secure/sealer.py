"""A `Sealer` from files: certificates of recipients, passphrases, and the key of who signs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from mediakit.errors import UsageError
from mediakit.secure.certificates import (
    Ask,
    check_recipient,
    check_signer,
    read_certificates,
    read_key,
    read_passphrase,
)
from mediakit.secure.keys import NO_KEYS, Keys
from mediakit.secure.passwords import PasswordRecipient, checked
from mediakit.secure.sealing import CertificateRecipient, Recipient, Sealer, Signer


def sealer_for(
    recipients: Sequence[Path],
    passphrase_files: Sequence[Path] = (),
    passphrase: bytes = b"",
    signer: tuple[Path, Path] | None = None,
    ask: Ask | None = None,
    keys: Keys = NO_KEYS,
) -> Sealer:
    """Return what seals files for the holders of certificates and for who knows a passphrase.

    `signer` are the files of a private key and of its certificate, then those above it; `ask` gives the
    passphrase of that key. Who has `keys` can open the files too. Raises UsageError for what cannot
    be used: a short key, one that is not RSA, a certificate that is not valid today, no recipient at all.
    """
    now = datetime.now(UTC)
    found: list[Recipient] = []
    seen = set()
    named = [(read_certificates(path)[0], str(path)) for path in recipients]  # the rest lead to its authority
    named += [(identity.certificate, "the certificate of `--key`") for identity in keys.identities]
    for certificate, where in named:
        check_recipient(certificate, now, where)
        if certificate not in seen:
            seen.add(certificate)
            found.append(CertificateRecipient(certificate))
    passphrases = [*map(read_passphrase, passphrase_files), *([checked(passphrase)] if passphrase else [])]
    passphrases += keys.passphrases
    found += [PasswordRecipient(one) for one in dict.fromkeys(passphrases)]
    if not found:
        raise UsageError("nobody could open the medium", hint="name a certificate or a passphrase")
    return Sealer(found, None if signer is None else _signer(*signer, now, ask))


def _signer(key_file: Path, certificate_file: Path, now: datetime, ask: Ask | None) -> Signer:
    certificate, *chain = read_certificates(certificate_file)
    check_signer(certificate, now, str(certificate_file))
    key = read_key(key_file, ask)
    if key.public_key() != certificate.public_key():
        raise UsageError("the key to sign with does not belong to the certificate", where=str(key_file))
    return Signer(key=key, certificate=certificate, chain=tuple(chain))
