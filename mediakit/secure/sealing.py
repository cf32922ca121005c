"""Makes Secure DICOM Files: EnvelopedData over DigestedData or SignedData, in DER with definite lengths.

Everything in it has a known size, so the size of the whole is known before a byte is read.
Source: PS3.10 7.4, PS3.15 D.1, RFC 5652.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, Protocol

from mediakit.errors import IntegrityError
from mediakit.secure.algorithms import (
    CONTENT_TYPE,
    DATA,
    DIGESTED,
    ENVELOPED,
    MESSAGE_DIGEST,
    RSA,
    SHA256,
    SIGNED,
    aes_256,
    hash_of,
)
from mediakit.secure.ber import (
    CONSTRUCTED,
    CONTEXT,
    OCTETS,
    SEQUENCE,
    SET,
    algorithm,
    element,
    head,
    integer,
    oid,
    set_of,
)
from mediakit.secure.checksums import BLOCK_BYTES
from mediakit.secure.facts import SealFact
from mediakit.secure.head import Head, fact_of
from mediakit.secure.keys import NO_KEYS
from mediakit.secure.opening import open_sealed, said, unsealed
from mediakit.secure.passwords import PasswordRecipient
from mediakit.sized_stream import into_views

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
    from cryptography.hazmat.primitives.ciphers import CipherContext
    from cryptography.x509 import Certificate

_LITTLE = 4096
_CIPHER_BLOCK = 16
_DIGEST_BYTES = 32
_NULL = b"\x05\x00"
_EXPLICIT = CONTEXT | CONSTRUCTED


class Recipient(Protocol):
    """Somebody who can open what is sealed."""

    def info(self, key: bytes) -> bytes:
        """Return a RecipientInfo with a content encryption key; its size is always the same."""
        ...


class CertificateRecipient:
    """The holder of the private key of an RSA certificate (RSA PKCS #1 v1.5, RFC 3370)."""

    def __init__(self, certificate: Certificate) -> None:
        key = certificate.public_key()
        self._key: RSAPublicKey = key  # type: ignore[assignment]  # `certificates.check_recipient` looked
        self._id = identifier_of(certificate)

    def info(self, key: bytes) -> bytes:
        """Return a KeyTransRecipientInfo."""
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

        encrypted = self._key.encrypt(key, PKCS1v15())
        return element(SEQUENCE, integer(0), self._id, algorithm(RSA, _NULL), element(OCTETS, encrypted))


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Who signs: a private key, its certificate, and certificates that lead to an authority."""

    key: RSAPrivateKey = field(repr=False)
    certificate: Certificate
    chain: tuple[Certificate, ...] = ()


class _Digester:
    """Makes DigestedData: whoever opens a file knows that it is whole."""

    label = DIGESTED
    before = integer(0) + algorithm(SHA256)
    after_bytes = 2 + _DIGEST_BYTES

    def after(self, digest: bytes) -> bytes:
        """Return what follows the content."""
        return element(OCTETS, digest)


class _Signing:
    """Makes SignedData: whoever opens a file knows who signed it."""

    label = SIGNED
    before = integer(1) + element(SET, algorithm(SHA256))

    def __init__(self, signer: Signer) -> None:
        from cryptography.hazmat.primitives.serialization import Encoding

        self._key = signer.key
        held = [one.public_bytes(Encoding.DER) for one in (signer.certificate, *signer.chain)]
        self._certificates = element(_EXPLICIT, *sorted(held))
        self._id = identifier_of(signer.certificate)
        self.after_bytes = len(self._with(bytes(_DIGEST_BYTES), bytes(signer.key.key_size // 8)))

    def after(self, digest: bytes) -> bytes:
        """Return what follows the content."""
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

        return self._with(digest, self._key.sign(set_of(_attributes(digest)), PKCS1v15(), hash_of("sha256")))

    def _with(self, digest: bytes, signature: bytes) -> bytes:
        info = element(
            SEQUENCE,
            integer(1),
            self._id,
            algorithm(SHA256),
            element(_EXPLICIT, *sorted(_attributes(digest))),
            algorithm(RSA, _NULL),
            element(OCTETS, signature),
        )
        return self._certificates + element(SET, info)


class Sealer:
    """Seals files for recipients: the `Envelope` of a secure profile.

    Every file has a key and an initialisation vector of its own. The keys are made from a secret that this
    object alone has, so that it can open again what it sealed, for the proof.
    """

    def __init__(self, recipients: Sequence[Recipient], signer: Signer | None = None) -> None:
        self._recipients = tuple(recipients)
        self._inside: _Digester | _Signing = _Digester() if signer is None else _Signing(signer)
        self._secret = os.urandom(32)
        has_password = any(isinstance(one, PasswordRecipient) for one in recipients)
        self._version = integer(3 if has_password else 0)

    def sealed_size(self, size: int) -> int:
        """Return how many bytes the envelope of a file of `size` bytes has."""
        sealed = self._padded(size)
        return len(self._head(bytes(_CIPHER_BLOCK), size)) + sealed

    def seal(self, stream: BinaryIO, size: int) -> BinaryIO:
        """Return the envelope of a file of `size` bytes as a stream. Closing it closes `stream`.

        Reading it raises IntegrityError when the file has another size.
        """
        iv = os.urandom(_CIPHER_BLOCK)
        machine = aes_256(iv)[0].machine(self._key(iv)).encryptor()
        begin = self._head(iv, size) + machine.update(self._inner_head(size))
        return _Sealed(stream, size, machine, begin, partial(self._end, size))  # type: ignore[return-value]

    def look(self, stream: BinaryIO, size: int) -> tuple[int, SealFact | None]:
        """Return the size of the file in an envelope that was sealed here, and what the envelope is.

        Raises SourceError, OSError.
        """
        with said():
            head, opened = open_sealed(stream, size, self._keys_for)
            return opened.content.size, replace(fact_of(head), inner=opened.kind)

    def unseal(self, stream: BinaryIO, size: int) -> BinaryIO:
        """Return the file in an envelope that was sealed here, as a stream. Raises SourceError, OSError."""
        with said():
            return unsealed(open_sealed(stream, size, self._keys_for)[1], NO_KEYS, stream)

    def _keys_for(self, head: Head) -> Iterator[bytes]:
        if head.cipher is not None:
            yield self._key(head.cipher.iv)

    def _key(self, iv: bytes) -> bytes:
        return hmac.digest(self._secret, iv, "sha256")

    def _padded(self, size: int) -> int:
        plain = len(self._inner_head(size)) + size + self._inside.after_bytes
        return (plain // _CIPHER_BLOCK + 1) * _CIPHER_BLOCK

    def _end(self, size: int, digest: bytes) -> bytes:
        """Return what stands behind the file in the value, with the padding of the last block."""
        last = self._inside.after(digest)
        before = len(self._inner_head(size)) + size + len(last)
        padding = _CIPHER_BLOCK - before % _CIPHER_BLOCK
        return last + bytes([padding]) * padding

    def _inner_head(self, size: int) -> bytes:
        """Return what stands before the file in the value: its content is in EncapsulatedContentInfo."""
        octets = head(OCTETS, size)
        explicit = head(_EXPLICIT, len(octets) + size) + octets
        encapsulated = oid(DATA) + explicit
        held = head(SEQUENCE, len(encapsulated) + size) + encapsulated
        before = self._inside.before + held
        return head(SEQUENCE, len(before) + size + self._inside.after_bytes) + before

    def _head(self, iv: bytes, size: int) -> bytes:
        """Return what stands before the encrypted content."""
        sealed = self._padded(size)
        key = self._key(iv)
        before = oid(self._inside.label) + aes_256(iv)[1] + head(CONTEXT, sealed)
        content = head(SEQUENCE, len(before) + sealed) + before
        recipients = set_of([one.info(key) for one in self._recipients])
        enveloped = self._version + recipients + content
        explicit = head(SEQUENCE, len(enveloped) + sealed) + enveloped
        held = oid(ENVELOPED) + head(_EXPLICIT, len(explicit) + sealed) + explicit
        return head(SEQUENCE, len(held) + sealed) + held


class _Sealed(io.RawIOBase):
    """An envelope as a stream. `begin` stands before the file in it, `end` gives what follows, by its digest.

    It is encrypted straight into the buffer of the reader, all but a little at the end of each.
    """

    def __init__(
        self,
        source: BinaryIO,
        size: int,
        machine: CipherContext,
        begin: bytes,
        end: Callable[[bytes], bytes],
    ) -> None:
        self._source, self._unread = source, size
        self._readinto = into_views(source)
        self._machine = machine
        self._end: Callable[[bytes], bytes] | None = end
        self._digest = hashlib.sha256()
        self._plain = memoryview(bytearray(min(size, BLOCK_BYTES)))
        self._ready = memoryview(begin)  # encrypted, and not taken yet

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill a buffer, up to the end; 0 at the end. Raises IntegrityError for a file of another size."""
        view = memoryview(buffer).cast("B")
        done = 0
        while done < len(view):
            room = view[done:]
            if self._ready:
                count = min(len(self._ready), len(room))
                room[:count] = self._ready[:count]
                self._ready = self._ready[count:]
                done += count
            elif self._unread and len(room) > 2 * _LITTLE:
                done += self._encrypt(len(room) - _CIPHER_BLOCK, room)
            elif self._unread:
                ready = memoryview(bytearray(_LITTLE + _CIPHER_BLOCK))
                self._ready = ready[: self._encrypt(_LITTLE, ready)]
            elif self._end is not None:
                self._ready = memoryview(self._last(self._end))
                self._end = None
            else:
                break
        return done

    def _encrypt(self, most: int, into: memoryview) -> int:
        """Encrypt at most so many bytes of the file; return how many were put out."""
        got = self._readinto(self._plain[: min(most, self._unread)])
        if not got:
            raise _changed(f"it ended {self._unread} bytes early")
        self._unread -= got
        self._digest.update(self._plain[:got])
        return self._machine.update_into(self._plain[:got], into)

    def _last(self, end: Callable[[bytes], bytes]) -> bytes:
        if self._source.read(1):
            raise _changed("it gave more bytes than it had when it was planned")
        return self._machine.update(end(self._digest.digest())) + self._machine.finalize()

    def close(self) -> None:
        """Close it and the file."""
        self._source.close()
        super().close()


def identifier_of(certificate: Certificate) -> bytes:
    """Return IssuerAndSerialNumber of a certificate in DER; the issuer as it stands there."""
    from asn1crypto.x509 import Certificate as Parsed
    from cryptography.hazmat.primitives.serialization import Encoding

    issuer: bytes = Parsed.load(certificate.public_bytes(Encoding.DER)).issuer.dump()
    return element(SEQUENCE, issuer, integer(certificate.serial_number))


def _attributes(digest: bytes) -> list[bytes]:
    return [
        element(SEQUENCE, oid(CONTENT_TYPE), element(SET, oid(DATA))),
        element(SEQUENCE, oid(MESSAGE_DIGEST), element(SET, element(OCTETS, digest))),
    ]


def _changed(why: str) -> IntegrityError:
    hint = "the source changed while it was read: run again"
    return IntegrityError("a source is not what was planned", why=why, hint=hint)
