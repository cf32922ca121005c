"""The PDUs of the DICOM upper layer as values, and their bytes in both directions (PS3.8 9.3).

Here is what each PDU is and how it is written and read; what stands inside A-ASSOCIATE-RQ and -AC is in
`associate`, what follows upon a PDU in `machine`. No state, no socket. Any bytes give a PDU or `Malformed`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from struct import Struct
from typing import Final

from mediakit.network.associate import AssociateAC, AssociateRQ, decode_associate, encode_associate
from mediakit.network.reasons import AbortReason, Malformed

HEADER_BYTES: Final = 6  # PDU type, one reserved byte, length
PDV_HEADER_BYTES: Final = 6  # length, presentation context ID, message control header

ASSOCIATE_RQ, ASSOCIATE_AC, ASSOCIATE_RJ, P_DATA_TF, RELEASE_RQ, RELEASE_RP, ABORT = range(1, 8)

Buffer = bytes | memoryview

_HEADER: Final = Struct(">BxI")
_FOUR: Final = Struct("4B")
_PDV: Final = Struct(">IBB")
_FRAGMENT: Final = Struct(">BxIIBB")
_HTTP: Final = b"HTTP/"
_TLS_RECORDS, _TLS_VERSION = (0x15, 0x16), b"\x03"  # alert and handshake; RFC 8446 5.1
_LARGE_BYTES: Final = 1 << 12
_IS_COMMAND, _IS_LAST = 1, 2  # bits of the message control header, PS3.8 E.2


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociateRJ:
    """The association is rejected. `words` says what the three codes mean. Source: PS3.8 9.3.4."""

    result: int
    source: int
    reason: int


@dataclass(frozen=True, slots=True)
class PDV:
    """A fragment of a message: of its command set or of its data set. Source: PS3.8 9.3.5.1, E.2."""

    context_id: int
    is_command: bool
    is_last: bool
    data: Buffer = field(repr=False)


@dataclass(frozen=True, slots=True)
class PDataTF:
    """One or more fragments of messages. Source: PS3.8 9.3.5."""

    values: tuple[PDV, ...]


@dataclass(frozen=True, slots=True)
class ReleaseRQ:
    """A side asks for the release of the association. Source: PS3.8 9.3.6."""


@dataclass(frozen=True, slots=True)
class ReleaseRP:
    """The other side agrees to the end. Source: PS3.8 9.3.7."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Abort:
    """The association ends at once. `source` 0: the user of the service, 2: its provider. PS3.8 9.3.8."""

    source: int
    reason: int


PDU = AssociateRQ | AssociateAC | AssociateRJ | PDataTF | ReleaseRQ | ReleaseRP | Abort


def fragment_header(context_id: int, size: int, *, is_command: bool, is_last: bool) -> bytes:
    """Return what stands in front of a fragment of so many bytes that is alone in its P-DATA-TF PDU."""
    control = _IS_COMMAND * is_command | _IS_LAST * is_last
    return _FRAGMENT.pack(P_DATA_TF, size + PDV_HEADER_BYTES, size + 2, context_id, control)


def encode(pdu: PDU) -> bytes:
    """Return the bytes of a PDU. Raises ValueError for what cannot be written, such as a long AE title."""
    kind, body = _parts(pdu)
    return _HEADER.pack(kind, len(body)) + body


def _parts(pdu: PDU) -> tuple[int, bytes]:
    match pdu:
        case AssociateRQ() | AssociateAC():
            kind = ASSOCIATE_RQ if isinstance(pdu, AssociateRQ) else ASSOCIATE_AC
            return kind, encode_associate(pdu)
        case AssociateRJ():
            return ASSOCIATE_RJ, bytes((0, pdu.result, pdu.source, pdu.reason))
        case PDataTF():
            return P_DATA_TF, b"".join(map(_encode_pdv, pdu.values))
        case ReleaseRQ() | ReleaseRP():
            return RELEASE_RQ if isinstance(pdu, ReleaseRQ) else RELEASE_RP, bytes(4)
        case Abort():
            return ABORT, bytes((0, 0, pdu.source, pdu.reason))


def _encode_pdv(pdv: PDV) -> bytes:
    control = _IS_COMMAND * pdv.is_command | _IS_LAST * pdv.is_last
    return _PDV.pack(len(pdv.data) + 2, pdv.context_id, control) + pdv.data


class PduReader:
    """Cut a stream of bytes into PDUs. A PDU of more than `longest` bytes behind its header is refused."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._pending = bytearray()

    def feed(self, data: bytes) -> None:
        """Take bytes as they arrived, cut anywhere."""
        self._pending += data

    def next(self) -> PDU | None:
        """Return the next PDU that is whole, None when more bytes are needed. Raises Malformed.

        After Malformed there is no way to find the next PDU: the stream is of no more use.
        """
        pending = self._pending
        if pending and pending[0] not in _DECODERS:
            if _may_be_known(pending):
                return None
            raise _foreign(pending)
        if len(pending) < HEADER_BYTES:
            return None
        kind, length = _HEADER.unpack_from(pending)
        self._check(kind, length)
        end = HEADER_BYTES + length
        if len(pending) < end:
            return None
        with memoryview(pending) as view, view[HEADER_BYTES:end] as part:
            body = bytes(part)
        del pending[:end]
        return _DECODERS[kind](body)

    def _check(self, kind: int, length: int) -> None:
        if length > self._longest:
            raise Malformed(f"a PDU of {length} bytes is longer than agreed")
        if kind in _FIXED and length != 4:
            raise Malformed(f"a PDU of type {kind} has {length} bytes in place of 4")


def _may_be_known(start: bytearray) -> bool:
    """Return True when more bytes are needed to know which protocol this is."""
    is_http = len(start) < len(_HTTP) and _HTTP.startswith(start)
    return is_http or (len(start) == 1 and start[0] in _TLS_RECORDS)


def _foreign(start: bytearray) -> Malformed:
    """Return what is wrong with bytes that begin no PDU, by the name of the protocol where it shows."""
    why = f"there is no PDU of type {start[0]}"
    if start.startswith(_HTTP):
        why = "an HTTP server answers there, no DICOM"
    elif start[0] in _TLS_RECORDS and start[1:2] == _TLS_VERSION:
        why = "TLS answers there, no plain DICOM"
    return Malformed(why, AbortReason.UNRECOGNIZED_PDU)


def _decode_data(body: bytes) -> PDataTF:
    if not body:
        raise Malformed("a P-DATA-TF PDU is empty")
    values = []
    at = 0
    view = memoryview(body)
    while at < len(body):
        if len(body) - at < PDV_HEADER_BYTES:
            raise Malformed("the header of a fragment is cut off")
        length, context_id, control = _PDV.unpack_from(body, at)
        end = at + 4 + length
        if length < 2 or end > len(body):
            raise Malformed("a fragment does not end where its PDU ends")
        is_large = length > _LARGE_BYTES
        data = (view if is_large else body)[at + PDV_HEADER_BYTES : end]  # what is large is not copied
        values.append(PDV(context_id, bool(control & _IS_COMMAND), bool(control & _IS_LAST), data))
        at = end
    return PDataTF(tuple(values))


def _decode_reject(body: bytes) -> AssociateRJ:
    _, result, source, reason = _FOUR.unpack(body)
    return AssociateRJ(result=result, source=source, reason=reason)


def _decode_abort(body: bytes) -> Abort:
    _, _, source, reason = _FOUR.unpack(body)
    return Abort(source=source, reason=reason)


_FIXED: Final = frozenset({ASSOCIATE_RJ, RELEASE_RQ, RELEASE_RP, ABORT})
_DECODERS: Final[dict[int, Callable[[bytes], PDU]]] = {
    ASSOCIATE_RQ: lambda body: decode_associate(AssociateRQ, body),
    ASSOCIATE_AC: lambda body: decode_associate(AssociateAC, body),
    ASSOCIATE_RJ: _decode_reject,
    P_DATA_TF: _decode_data,
    RELEASE_RQ: lambda _: ReleaseRQ(),
    RELEASE_RP: lambda _: ReleaseRP(),
    ABORT: _decode_abort,
}
