"""What opens and what seals media, as a program gives it: paths as text, a passphrase as text."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from mediakit.errors import UsageError
from mediakit.secure.ed25519 import KnownKeys, SigningKey
from mediakit.secure.extra import check_installed
from mediakit.secure.keys import Keys

if TYPE_CHECKING:
    from mediakit.secure.sealing import Sealer

_Path = str | PathLike[str]


def read_keys(
    keys: _Path | Iterable[_Path] = (),
    certificates: _Path | Iterable[_Path] = (),
    *,
    passphrase: str = "",
    trust: _Path | Iterable[_Path] = (),
) -> Keys:
    """Return what opens encrypted media: private keys with their certificates, and a passphrase.

    With `trust`, certificates of authorities, only what is signed below one of them is opened. Raises
    UsageError for what cannot be used, and when the extra `secure` is not installed.
    """
    check_installed()
    from mediakit.secure import certificates as _certificates
    from mediakit.secure.passwords import checked

    found = _certificates.read_keys(_paths(keys), _paths(certificates), _paths(trust))
    return replace(found, passphrases=(checked(passphrase.encode()),) if passphrase else ())


def sealer_for(
    recipients: _Path | Iterable[_Path] = (),
    *,
    passphrase: str = "",
    sign_key: _Path | None = None,
    sign_certificate: _Path | None = None,
) -> Sealer:
    """Return what encrypts files for the holders of certificates and for who knows a passphrase.

    With `sign_key` and `sign_certificate` every file is signed. Raises UsageError for what cannot be used,
    and when the extra `secure` is not installed.
    """
    check_installed()
    from mediakit.secure.sealer import sealer_for as made_for

    if (sign_key is None) != (sign_certificate is None):
        raise UsageError("`sign_key` and `sign_certificate` go together")
    signer = None
    if sign_key is not None and sign_certificate is not None:
        signer = Path(sign_key), Path(sign_certificate)
    return made_for(_paths(recipients), (), passphrase.encode(), signer)


def read_signing_key(
    file: _Path, passphrase_file: _Path | None = None, ask: Callable[[str], bytes] | None = None
) -> SigningKey:
    """Return the Ed25519 private key (PKCS #8, PEM or DER) that signs the manifest of a medium.

    Its passphrase, if it has one, is the first line of `passphrase_file`, else what `ask` gives for the name
    of the file. Raises UsageError for what cannot be used, and when the extra `secure` is not installed.
    """
    check_installed()
    from mediakit.secure import ed25519
    from mediakit.secure.certificates import read_passphrase

    if passphrase_file is not None:
        passphrase = read_passphrase(Path(passphrase_file))
        return ed25519.read_signing_key(Path(file), lambda _: passphrase)
    return ed25519.read_signing_key(Path(file), ask)


def known_keys(*named: _Path) -> KnownKeys:
    """Return the Ed25519 public keys, one of which must have signed a medium: files, or fingerprints.

    A fingerprint is the SHA-256 of the key in DER, in hex. Raises UsageError.
    """
    from mediakit.secure.ed25519 import known_key

    return KnownKeys(keys=tuple(known_key(str(one)) for one in named), is_required=True)


def _paths(given: _Path | Iterable[_Path]) -> tuple[Path, ...]:
    return tuple(Path(one) for one in ([given] if isinstance(given, str | PathLike) else given))
