"""Signatures of SignedData: whose they are, and whether they hold (RFC 5652 5.4, RSA alone)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mediakit.secure.algorithms import CONTENT_TYPE, DIGESTS, MESSAGE_DIGEST, SIGNATURES, hash_of
from mediakit.secure.ber import Malformed
from mediakit.secure.head import octets_of, parsed
from mediakit.secure.inner import Opened, Untrue

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_MOST_CERTIFICATES = 32


def check_signatures(
    opened: Opened, sums: dict[str, bytes], trust: Sequence[Certificate]
) -> tuple[tuple[str, ...], bool | None]:
    """Return the subjects of who signed, and whether each is trusted (None: `trust` is empty, nobody judged).

    Every signature must hold. Raises Untrue, Malformed.
    """
    from mediakit.secure.certificates import is_trusted, name_of

    assert opened.signers is not None  # noqa: S101 - it is SignedData
    with parsed("the signatures"):
        among = _certificates(opened)
        signers = [_checked(info, opened.content_type, sums, among) for info in opened.signers]
        names = tuple(dict.fromkeys(name_of(one) for one in signers))
        return names, all(is_trusted(one, among, trust) for one in signers) if trust else None


def signers_of(opened: Opened) -> tuple[str, ...]:
    """Return the subjects of those who have signed, as it says; nothing is checked. Raises Malformed."""
    from mediakit.secure.certificates import name_of

    with parsed("the signatures"):
        among = _certificates(opened)
        found = [next(_fitting(info["sid"], among), None) for info in opened.signers or ()]
        return tuple(dict.fromkeys(name_of(one) for one in found if one is not None))


def _certificates(opened: Opened) -> tuple[Certificate, ...]:
    from cryptography import x509

    found = opened.certificates or ()
    choices = [one for one in found if one.name == "certificate"][:_MOST_CERTIFICATES]
    return tuple(x509.load_der_x509_certificate(one.chosen.dump()) for one in choices)


def _checked(
    info: Any, content_type: str, sums: dict[str, bytes], among: Sequence[Certificate]
) -> Certificate:
    """Return the certificate of a signer whose signature holds."""
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

    signer = next(_fitting(info["sid"], among), None)
    if signer is None:
        raise Untrue("the certificate of who signed it is not in it")
    name = DIGESTS[info["digest_algorithm"]["algorithm"].dotted]
    digest = sums[name]
    kind = SIGNATURES.get(info["signature_algorithm"]["algorithm"].dotted)
    key = signer.public_key()
    if kind not in {"", name} or not isinstance(key, RSAPublicKey):
        raise Untrue("it is signed in a way that PS3.15 D.1 does not have, and that cannot be checked")
    signed = _signed_attributes(info, content_type, digest)
    algorithm = hash_of(name)
    try:
        if signed is None:
            key.verify(info["signature"].native, digest, PKCS1v15(), Prehashed(algorithm))
        else:
            key.verify(info["signature"].native, signed, PKCS1v15(), algorithm)
    except (InvalidSignature, UnsupportedAlgorithm) as exc:
        raise Untrue("the signature does not hold: it was changed after it was signed") from exc
    return signer


def _signed_attributes(info: Any, content_type: str, digest: bytes) -> bytes | None:
    """Return what is signed, None when it is the file itself. Raises Untrue, Malformed."""
    attributes = info["signed_attrs"]
    if not attributes:
        return None
    values: dict[str, list[Any]] = {}
    for one in attributes:
        values.setdefault(one["type"].dotted, []).append(one["values"])
    found = values.get(MESSAGE_DIGEST, []), values.get(CONTENT_TYPE, [])
    if [len(each) for each in found] != [1, 1] or any(len(each[0]) != 1 for each in found):
        raise Malformed("the signed attributes are not what they should be")
    if octets_of(found[0][0][0]) != digest:
        raise Untrue("its digest does not hold")
    if found[1][0][0].dotted != content_type:
        raise Untrue("the signature is for another kind of content")
    raw: bytes = attributes.untag().dump()
    return raw


def _fitting(sid: Any, among: Sequence[Certificate]) -> Iterator[Certificate]:
    for one in among:
        if fits(sid, one):
            yield one


def fits(rid: Any, certificate: Certificate) -> bool:
    """Return True when a SignerIdentifier or RecipientIdentifier means a certificate."""
    from asn1crypto import x509 as asn1
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    if rid.name == "issuer_and_serial_number":
        if rid.chosen["serial_number"].native != certificate.serial_number:
            return False
        own = asn1.Certificate.load(certificate.public_bytes(Encoding.DER))
        theirs = rid.chosen["issuer"]
        return bool(own.issuer.dump() == theirs.dump() or own.issuer == theirs)
    wanted = octets_of(rid.chosen.untag())
    try:
        held = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except (x509.ExtensionNotFound, ValueError):
        held = x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest
    return held == wanted
