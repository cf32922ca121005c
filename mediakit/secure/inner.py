"""What is in an envelope: DigestedData or SignedData around a file, and whether it holds (RFC 5652 5, 7)."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, BinaryIO

from msgspec import Struct

from mediakit.secure.algorithms import DATA, DIGESTED, DIGESTS, DIGESTS_OF_PROFILE, SIGNED
from mediakit.secure.ber import (
    CONSTRUCTED,
    CONTEXT,
    INTEGER,
    OCTETS,
    OID,
    SEQUENCE,
    SET,
    Cursor,
    Malformed,
    Spans,
)
from mediakit.secure.facts import Departure, Inner
from mediakit.secure.head import parsed
from mediakit.secure.streams import Decrypted, Pieces

if TYPE_CHECKING:
    from asn1crypto.cms import CertificateSet, SignerInfos

_BLOCK = 1 << 20
_CERTIFICATES_BYTES = 256 * 1024
_LISTS_BYTES = 1 << 20  # lists of revoked certificates: they are passed over
_MOST_SIGNERS = 16


class Untrue(Malformed):
    """What was decrypted is not what was put in, or not signed as it should be."""


class Opened(Struct, frozen=True, kw_only=True):
    """A decrypted value: where its file lies, and what vouches for it.

    `digest` is that of DigestedData (b"" in SignedData). `digests` are names of hashlib that are needed.
    """

    stream: Decrypted
    content: Spans
    kind: Inner
    content_type: str
    digests: tuple[str, ...]
    digest: bytes
    signers: SignerInfos | None = None
    certificates: CertificateSet | None = None
    departures: frozenset[Departure] = frozenset()

    def file(self, owned: BinaryIO) -> BinaryIO:
        """Return the file as a seekable stream, not checked. Closing it closes `owned`."""
        return io.BufferedReader(Pieces(_as_binary(self.stream), self.content, owned), _BLOCK // 4)

    def sums(self) -> tuple[dict[str, bytes], bytes]:
        """Read the file to its end; return its digests by name, and the file when it is short."""
        hashes = {name: hashlib.new(name) for name in self.digests}
        pieces = Pieces(_as_binary(self.stream), self.content)
        held = b""
        while block := pieces.read(_BLOCK):
            for one in hashes.values():
                one.update(block)
            if self.content.size <= _BLOCK:
                held += block
        return {name: one.digest() for name, one in hashes.items()}, held


def read_inner(stream: Decrypted, label: str) -> Opened:
    """Find file, digest and signatures in decrypted octets. Raises Malformed, OSError.

    Read are also the forms that other programs write: a ContentInfo in place of the bare value, and the
    value without its outer head.
    """
    size = stream.seek(0, io.SEEK_END)
    cursor = Cursor(_as_binary(stream), size)
    departures = _enter(cursor)
    cursor.whole(INTEGER)
    is_signed = cursor.peek() == SET
    if label != (SIGNED if is_signed else DIGESTED):
        departures.add(Departure.LABEL)
    found = _signed(cursor, stream) if is_signed else _digested(cursor, stream)
    if not set(found.digests) <= DIGESTS_OF_PROFILE:
        departures.add(Departure.DIGEST)
    return Opened(
        stream=stream,
        content=found.content,
        kind=found.kind,
        content_type=found.content_type,
        digests=found.digests,
        digest=found.digest,
        signers=found.signers,
        certificates=found.certificates,
        departures=frozenset(departures),
    )


def _enter(cursor: Cursor) -> set[Departure]:
    """Go into the value; return in what form it is there."""
    if cursor.peek() == INTEGER:
        return {Departure.HEADLESS}
    cursor.enter(SEQUENCE)
    if cursor.peek() != OID:
        return set()
    cursor.whole(OID)
    cursor.enter(CONTEXT | CONSTRUCTED)
    cursor.enter(SEQUENCE)
    return {Departure.NESTED}


def _digested(cursor: Cursor, stream: Decrypted) -> Opened:
    from asn1crypto import algos, core

    with parsed("the digest algorithm"):
        name = algos.DigestAlgorithm.load(cursor.whole(SEQUENCE))["algorithm"].dotted
    content_type, content = _encapsulated(cursor)
    with parsed("the digest"):
        digest = core.OctetString.load(cursor.whole(OCTETS)).native
    return Opened(
        stream=stream,
        content=content,
        kind=Inner.DIGESTED,
        content_type=content_type,
        digests=(_digest_name(name),),
        digest=digest,
    )


def _signed(cursor: Cursor, stream: Decrypted) -> Opened:
    from asn1crypto import cms

    cursor.whole(SET)  # of digest algorithms: what counts is what the signers say
    content_type, content = _encapsulated(cursor)
    certificates = None
    if cursor.peek() == CONTEXT | CONSTRUCTED:
        raw = cursor.whole(CONTEXT | CONSTRUCTED, _CERTIFICATES_BYTES)
        with parsed("the certificates"):
            certificates = cms.CertificateSet.load(b"\x31" + raw[1:])
    if cursor.peek() == CONTEXT | CONSTRUCTED | 1:
        cursor.whole(CONTEXT | CONSTRUCTED | 1, _LISTS_BYTES)
    with parsed("the signatures"):
        signers = cms.SignerInfos.load(cursor.whole(SET, _LISTS_BYTES))
        if not 0 < len(signers) <= _MOST_SIGNERS:
            raise Malformed("nobody has signed it, or too many have")
        names = {_digest_name(one["digest_algorithm"]["algorithm"].dotted) for one in signers}
    return Opened(
        stream=stream,
        content=content,
        kind=Inner.SIGNED,
        content_type=content_type,
        digests=tuple(sorted(names)),
        digest=b"",
        signers=signers,
        certificates=certificates,
    )


def _encapsulated(cursor: Cursor) -> tuple[str, Spans]:
    from asn1crypto import core

    cursor.enter(SEQUENCE)
    with parsed("the content type"):
        content_type = core.ObjectIdentifier.load(cursor.whole(OID)).dotted
    if cursor.peek() != CONTEXT | CONSTRUCTED:
        raise Malformed("the file is not in it: it is a detached signature")
    cursor.enter(CONTEXT | CONSTRUCTED)
    content = cursor.spans(OCTETS)
    cursor.leave()
    cursor.leave()
    return content_type or DATA, content


def _digest_name(dotted: str) -> str:
    if dotted not in DIGESTS:
        raise Malformed(f"its digest ({dotted}) is not one that can be checked")
    return DIGESTS[dotted]


def _as_binary(stream: Decrypted) -> BinaryIO:
    return stream  # type: ignore[return-value]  # a raw stream reads and seeks as a BinaryIO does
