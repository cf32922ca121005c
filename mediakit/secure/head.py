"""The head of an envelope: who can open it, and how its content is encrypted (RFC 5652 6, bounded)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from msgspec import Struct

from mediakit.findings import printable
from mediakit.secure.algorithms import ENVELOPED, PRFS, RSA_OAEP, Cipher, cipher_name, cipher_of
from mediakit.secure.ber import CONSTRUCTED, CONTEXT, INTEGER, OID, SEQUENCE, SET, Cursor, Malformed, Spans
from mediakit.secure.facts import Departure, SealFact

if TYPE_CHECKING:
    from asn1crypto.cms import RecipientInfo

_RECIPIENTS_BYTES: Final = 1024 * 1024
_MOST_RECIPIENTS = 1000
_MOST_NAMED = 8
A_PASSPHRASE: Final = "a passphrase"  # noqa: S105 - words of a sentence
_WRONG: Final = (
    ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RecursionError,
    NotImplementedError,
)  # fmt: skip # what asn1crypto raises for bytes that are not what they should be


class Head(Struct, frozen=True, kw_only=True):
    """What stands before the encrypted content, and where that lies.

    `label` is the content type inside, as an object identifier. `cipher` is None when it is none of the
    profile; `cipher_name` is its name then too.
    """

    recipients: tuple[RecipientInfo, ...]
    label: str
    cipher: Cipher | None
    cipher_name: str
    content: Spans


@contextmanager
def parsed(what: str) -> Iterator[None]:
    """Turn what parsers raise for wrong bytes into Malformed."""
    try:
        yield
    except Malformed:
        raise
    except _WRONG as exc:
        raise Malformed(f"{what} cannot be understood") from exc


def read_head(stream: BinaryIO, size: int) -> Head:
    """Read the head of an envelope of `size` bytes. Raises Malformed, OSError."""
    from asn1crypto import algos, cms, core

    cursor = Cursor(stream, size)
    cursor.enter(SEQUENCE)
    with parsed("the content type"):
        content_type = core.ObjectIdentifier.load(cursor.whole(OID)).dotted
    if content_type != ENVELOPED:
        raise Malformed("it is not EnvelopedData")
    cursor.enter(CONTEXT | CONSTRUCTED)
    cursor.enter(SEQUENCE)
    cursor.whole(INTEGER)
    if cursor.peek() == CONTEXT | CONSTRUCTED:
        cursor.whole(CONTEXT | CONSTRUCTED)  # of the originator: nothing that opens it
    recipients = cursor.whole(SET, _RECIPIENTS_BYTES)
    cursor.enter(SEQUENCE)
    with parsed("the head of the encrypted content"):
        label = core.ObjectIdentifier.load(cursor.whole(OID)).dotted
        algorithm = algos.AlgorithmIdentifier.load(cursor.whole(SEQUENCE))
        name = algorithm["algorithm"].dotted
        cipher = cipher_of(name, octets_of(algorithm["parameters"]))
    if cursor.peek() not in {CONTEXT, CONTEXT | CONSTRUCTED}:
        raise Malformed("the encrypted content is not in it")
    spans = cursor.spans(CONTEXT)
    with parsed("the recipients"):
        found = cms.RecipientInfos.load(recipients)
        if not 0 < len(found) <= _MOST_RECIPIENTS:
            raise Malformed("there are no recipients, or too many")
        infos = tuple(found)
        for info in infos:
            info.chosen  # noqa: B018 - is parsed when it is asked for
    return Head(recipients=infos, label=label, cipher=cipher, cipher_name=cipher_name(name), content=spans)


def octets_of(value: Any) -> bytes:
    """Return the octets of a parameter that is an OCTET STRING, b"" for any other."""
    from asn1crypto import core

    raw: bytes = value.dump()
    if raw[:1] != b"\x04":
        return b""
    octets: bytes = core.OctetString.load(raw).native
    return octets


def fact_of(head: Head) -> SealFact:
    """Return what can be said of an envelope without opening it. Raises Malformed."""
    names: list[str] = []
    rounds: list[int] = []  # of each passphrase
    departures: set[Departure] = set()
    if head.cipher is None:
        departures.add(Departure.CIPHER)
    with parsed("the recipients"):
        for info in head.recipients:
            if info.name == "ktri":
                names.append(_certificate_name(info.chosen["rid"]))
                if info.chosen["key_encryption_algorithm"]["algorithm"].dotted == RSA_OAEP:
                    departures.add(Departure.OAEP)
            elif info.name == "pwri":
                rounds.append(derivation_of(info)[1])
            else:
                names.append("a key of another kind")
                departures.add(Departure.RECIPIENT)
    if rounds:
        names.append(A_PASSPHRASE if len(rounds) == 1 else f"one of {len(rounds)} passphrases")
    shown = tuple(dict.fromkeys(names))
    more = (f"{len(shown) - _MOST_NAMED} more",) if len(shown) > _MOST_NAMED else ()
    return SealFact(
        recipients=(*shown[:_MOST_NAMED], *more),
        has_password=bool(rounds),
        cipher=head.cipher_name,
        rounds=min(rounds, default=0),
        departures=frozenset(departures),
    )


def derivation_of(info: RecipientInfo) -> tuple[bytes, int, str, int | None]:
    """Return salt, rounds, hash and length of the key of a password recipient; the hash is "" if unknown.

    Raises what asn1crypto raises, and Malformed.
    """
    from asn1crypto import algos

    kdf = info.chosen["key_derivation_algorithm"]
    if not kdf or kdf["algorithm"].native != "pbkdf2":
        return b"", 0, "", None
    found = algos.Pbkdf2Params.load(kdf["parameters"].dump())
    prf = found["prf"]["algorithm"].dotted if found["prf"] else "1.2.840.113549.2.7"
    length = found["key_length"].native
    return octets_of(found["salt"].chosen), found["iteration_count"].native, PRFS.get(prf, ""), length


def _certificate_name(rid: Any) -> str:
    if rid.name != "issuer_and_serial_number":
        return f"the key of the certificate with key identifier {octets_of(rid.chosen.untag()).hex()[:40]}"
    serial, issuer = rid.chosen["serial_number"].native, rid.chosen["issuer"].human_friendly
    return f"the key of certificate {serial:X} issued by {printable(issuer)[:120]}"[:200]
