"""Ed25519 (RFC 8032): the key that signs the manifest of a medium, and the check of such a signature.

Public keys are SubjectPublicKeyInfo in DER (RFC 8410). Reading and naming them needs no package; signing and
checking need `cryptography`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mediakit.errors import UsageError
from mediakit.findings import printable
from mediakit.secure.extra import check_installed

if TYPE_CHECKING:  # the extra `secure` is loaded when something is signed or checked
    from mediakit.secure.certificates import Ask

_PREFIX: Final = bytes.fromhex("302a300506032b6570032100")  # RFC 8410 4: what stands before the 32 bytes
_DER_BYTES: Final = len(_PREFIX) + 32
_MOST_BYTES = 64 * 1024
_PEM = re.compile(rb"-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]{1,1024})-----END PUBLIC KEY-----")
_FINGERPRINT = re.compile(r"(?:SHA256:)?([0-9A-F]{64})", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A private key that signs manifests. `public` is its public key (DER)."""

    public: bytes = field(repr=False)
    _private: Any = field(repr=False)  # typed without `cryptography`, which need not be installed

    def sign(self, content: bytes) -> bytes:
        """Return the signature over some bytes: 64 bytes, the same for the same content."""
        signature: bytes = self._private.sign(content)
        return signature


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownKeys:
    """The keys that a signature is expected of, by fingerprint: the public key (DER), or None if not at hand.

    With `is_required` a medium that none of them signed is not what was asked for.
    """

    keys: tuple[tuple[str, bytes | None], ...] = ()
    is_required: bool = False


NO_KNOWN_KEYS: Final = KnownKeys()


def read_signing_key(path: Path, ask: Ask | None = None) -> SigningKey:
    """Return the Ed25519 private key of a file (PKCS #8, PEM or DER). `ask` gives its passphrase.

    Raises UsageError.
    """
    check_installed()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    from mediakit.secure.certificates import read_private_key

    key = read_private_key(path, ask)
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(
            "the key to sign the medium with is not an Ed25519 key",
            where=str(path),
            hint="`openssl genpkey -algorithm ed25519 -out KEY.pem` makes one; to sign each encrypted file "
            "with an RSA key, add `--sign-cert` and choose a secure profile",
        )
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return SigningKey(public=public, _private=key)


def known_key(named: str, folder: Path = Path()) -> tuple[str, bytes | None]:
    """Return the fingerprint of a public key, and the key where a file is named. Raises UsageError."""
    match = _FINGERPRINT.fullmatch(named.replace(":", "") if "SHA256" not in named.upper() else named)
    if match is not None:
        return match[1].lower(), None
    path = folder / Path(named).expanduser()
    try:
        with path.open("rb") as stream:
            key = public_key_of(stream.read(_MOST_BYTES))
    except (OSError, ValueError) as exc:
        why = (exc.strerror or "").lower() if isinstance(exc, OSError) else str(exc)
        hint = "name a PEM file (`openssl pkey -in KEY.pem -pubout`), or a fingerprint of 64 hex digits"
        raise UsageError(
            "there is no Ed25519 public key here", where=printable(named), why=why, hint=hint
        ) from exc
    return fingerprint(key), key


def public_key_of(content: bytes) -> bytes:
    """Return the Ed25519 public key (DER) of the content of a file, PEM or DER. Raises ValueError."""
    match = _PEM.search(content[:_MOST_BYTES])
    try:
        der = content if match is None else base64.b64decode(b"".join(match[1].split()), validate=True)
    except binascii.Error as exc:
        raise ValueError("its base64 is broken") from exc
    if len(der) != _DER_BYTES or not der.startswith(_PREFIX):
        raise ValueError("the file holds something else")
    return der


def pem_of(public: bytes) -> bytes:
    """Return a public key (DER) as a PEM file."""
    return b"-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(public) + b"\n-----END PUBLIC KEY-----\n"


def fingerprint(public: bytes) -> str:
    """Return the SHA-256 of a public key (DER): what `openssl pkey -pubin -outform DER | sha256sum` says."""
    return hashlib.sha256(public).hexdigest()


def holds(public: bytes, signature: bytes, content: bytes) -> bool:
    """Return True when a signature over some bytes was made with the private key of `public` (DER)."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public[len(_PREFIX) :]).verify(signature, content)
    except (InvalidSignature, ValueError):
        return False
    return True
