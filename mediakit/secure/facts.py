"""What is known of the envelope of a file. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

# CMS content types under 1.2.840.113549.1: enveloped data, encrypted data, authenticated enveloped data
_ENVELOPED: Final = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03"
_OTHERS: Final = (
    b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x06",
    b"\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17",
)
_HEAD_BYTES = 32


class Inner(StrEnum):
    """What is in the envelope (PS3.15 D.1 has these two)."""

    SIGNED = "signed"
    DIGESTED = "digested"


class Departure(StrEnum):
    """Where an envelope differs from PS3.15 D.1 and can be read all the same."""

    LABEL = "label"  # the content type inside does not say signedData or digestedData
    NESTED = "nested"  # a whole ContentInfo is in it, where the bare value belongs
    HEADLESS = "headless"  # the outer SEQUENCE of the value is missing, as in PKCS #7
    CIPHER = "cipher"  # another content encryption than AES or Triple-DES
    DIGEST = "digest"  # another digest than SHA-1, SHA-256, SHA-384 or SHA-512
    OAEP = "oaep"  # a key in RSAES-OAEP
    RECIPIENT = "recipient"  # a kind of recipient that is neither an RSA certificate nor a password


@dataclass(frozen=True, slots=True, kw_only=True)
class SealFact:
    """The envelope of a file. `inner`, `digest` and `signers` are known when it was opened.

    `recipients` say what opens it, for a person: "the key of certificate 1A2B ..." or "a passphrase".
    `rounds` is the smallest number of PBKDF2 iterations of its password recipients (0: none). `signers` are
    subjects of certificates; `is_trusted` says whether they lead to an authority that the user named (None:
    not judged).
    """

    recipients: tuple[str, ...] = ()
    has_password: bool = False
    cipher: str = ""
    rounds: int = 0
    inner: Inner | None = None
    digest: str = ""
    signers: tuple[str, ...] = ()
    is_trusted: bool | None = None
    departures: frozenset[Departure] = frozenset()


def is_enveloped(head: bytes) -> bool:
    """Return True for CMS EnvelopedData, the form of a Secure DICOM File (PS3.15 D.1)."""
    return head[:1] == b"\x30" and _ENVELOPED in head[:_HEAD_BYTES]


def is_other_cms(head: bytes) -> bool:
    """Return True for encrypted CMS that is no EnvelopedData."""
    return head[:1] == b"\x30" and any(one in head[:_HEAD_BYTES] for one in _OTHERS)
