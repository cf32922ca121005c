"""What a reader of secure media has: certificates with their keys, passphrases, authorities. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:  # the extra `secure` may not be installed
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.x509 import Certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A recipient that we are: its certificate, and the private key that belongs to it."""

    certificate: Certificate = field(repr=False)
    key: RSAPrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What opens Secure DICOM Files, and whose signature counts. `read_keys` makes it of files.

    `identities` are certificates with their private keys (`Identity`), `trust` are certificates of
    authorities: what is not signed by somebody that one of them vouches for is not opened. Empty: signers are
    named, and not judged.
    """

    identities: tuple[Any, ...] = ()  # typed without `cryptography`, which need not be installed
    passphrases: tuple[bytes, ...] = field(default=(), repr=False)
    trust: tuple[Any, ...] = field(default=(), repr=False)

    def __bool__(self) -> bool:
        """Return True when something can be opened."""
        return bool(self.identities or self.passphrases)


NO_KEYS: Final = Keys()
