"""The algorithms of PS3.15 D.1 by their object identifiers (RFC 5652, 3565, 3370, 3211, 8018)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from mediakit.secure.ber import OCTETS, Malformed, algorithm, element

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import Cipher as Machine
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

DATA: Final = "1.2.840.113549.1.7.1"
SIGNED: Final = "1.2.840.113549.1.7.2"
ENVELOPED: Final = "1.2.840.113549.1.7.3"
DIGESTED: Final = "1.2.840.113549.1.7.5"
RSA: Final = "1.2.840.113549.1.1.1"
RSA_OAEP: Final = "1.2.840.113549.1.1.7"
PBKDF2: Final = "1.2.840.113549.1.5.12"
PWRI_KEK: Final = "1.2.840.113549.1.9.16.3.9"
HMAC_SHA256: Final = "1.2.840.113549.2.9"
SHA256: Final = "2.16.840.1.101.3.4.2.1"
AES_256_CBC: Final = "2.16.840.1.101.3.4.1.42"
CONTENT_TYPE: Final = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST: Final = "1.2.840.113549.1.9.4"

#: Digests that can be checked, by object identifier: the name that hashlib knows.
DIGESTS: Final[Mapping[str, str]] = {
    "1.3.14.3.2.26": "sha1",
    SHA256: "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
    "2.16.840.1.101.3.4.2.4": "sha224",
}
#: Those that PS3.15 D.1 names.
DIGESTS_OF_PROFILE: Final = frozenset({"sha1", "sha256", "sha384", "sha512"})
#: Pseudo-random functions of PBKDF2 that are read.
PRFS: Final[Mapping[str, str]] = {"1.2.840.113549.2.7": "sha1", HMAC_SHA256: "sha256"}
#: RSA signatures, by object identifier; "" leaves the digest to another field.
SIGNATURES: Final[Mapping[str, str]] = {
    RSA: "",
    "1.2.840.113549.1.1.5": "sha1",
    "1.2.840.113549.1.1.11": "sha256",
    "1.2.840.113549.1.1.12": "sha384",
    "1.2.840.113549.1.1.13": "sha512",
    "1.2.840.113549.1.1.14": "sha224",
}
_CIPHERS: Final[Mapping[str, tuple[str, int, int]]] = {  # name, bytes of the key, bytes of a block
    "2.16.840.1.101.3.4.1.2": ("AES-128-CBC", 16, 16),
    "2.16.840.1.101.3.4.1.22": ("AES-192-CBC", 24, 16),
    AES_256_CBC: ("AES-256-CBC", 32, 16),
    "1.2.840.113549.3.7": ("Triple-DES-CBC", 24, 8),
}
_NAMES: Final[Mapping[str, str]] = {
    "1.2.840.113549.3.2": "RC2-CBC",
    "1.3.14.3.2.7": "DES-CBC",
    "2.16.840.1.101.3.4.1.6": "AES-128-GCM",
    "2.16.840.1.101.3.4.1.26": "AES-192-GCM",
    "2.16.840.1.101.3.4.1.46": "AES-256-GCM",
}


@dataclass(frozen=True, slots=True)
class Cipher:
    """A block cipher in CBC mode with its initialisation vector. Sizes are in bytes."""

    name: str
    key_bytes: int
    block: int
    iv: bytes = field(repr=False)

    def machine(self, key: bytes, iv: bytes | None = None) -> Machine[Any]:
        """Return what encrypts and decrypts with a key, beginning with another vector when one is given."""
        from cryptography.hazmat.primitives.ciphers import Cipher as Machine
        from cryptography.hazmat.primitives.ciphers import algorithms, modes

        mode = modes.CBC(self.iv if iv is None else iv)
        return Machine(_triple_des(key) if self.block == 8 else algorithms.AES(key), mode)

    def decrypt(self, key: bytes, data: bytes, iv: bytes | None = None) -> bytes:
        """Return whole blocks decrypted, padding and all."""
        machine = self.machine(key, iv).decryptor()
        return machine.update(data) + machine.finalize()


def hash_of(name: str) -> HashAlgorithm:
    """Return a digest of hashlib as `cryptography` has it. Raises Malformed for one that is not read."""
    from cryptography.hazmat.primitives import hashes

    if name not in DIGESTS.values():
        raise Malformed(f"the digest {name} is not one that is read")
    made: HashAlgorithm = getattr(hashes, name.upper())()
    return made


def cipher_of(dotted: str, iv: bytes) -> Cipher | None:
    """Return the cipher of an object identifier, None when it is not of the profile. Raises Malformed."""
    found = _CIPHERS.get(dotted)
    if found is None:
        return None
    if len(iv) != found[2]:
        raise Malformed("the initialisation vector has a wrong length")
    return Cipher(*found, iv)


def cipher_name(dotted: str) -> str:
    """Return the name of a content encryption, its object identifier when it is not known."""
    return _CIPHERS[dotted][0] if dotted in _CIPHERS else _NAMES.get(dotted, dotted)


def aes_256(iv: bytes) -> tuple[Cipher, bytes]:
    """Return AES-256-CBC and its AlgorithmIdentifier."""
    return Cipher(*_CIPHERS[AES_256_CBC], iv), algorithm(AES_256_CBC, element(OCTETS, iv))


def _triple_des(key: bytes) -> Any:
    try:
        from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
    except ImportError:  # before version 43
        from cryptography.hazmat.primitives.ciphers.algorithms import TripleDES
    return TripleDES(key)
