"""A-ASSOCIATE-RQ and A-ASSOCIATE-AC: values, and the items they are made of (PS3.8 9.3.2, 9.3.3, D).

Items that are not needed here (roles, asynchronous operations, user identity, ...) are passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Final, TypeVar

from mediakit.network.reasons import Malformed

APPLICATION_CONTEXT: Final = "1.2.840.10008.3.1.1.1"
ACCEPTED: Final = 0  # result of a presentation context
ASSUMED_LONGEST_PDU: Final = 16_384  # of a peer that does not say

_APPLICATION, _CONTEXT_RQ, _CONTEXT_AC, _ABSTRACT, _TRANSFER, _USER = 0x10, 0x20, 0x21, 0x30, 0x40, 0x50
_LONGEST_PDU, _IMPLEMENTATION_CLASS, _IMPLEMENTATION_VERSION = 0x51, 0x52, 0x55
_ITEM: Final = Struct(">BxH")
_FIXED: Final = Struct(">Hxx16s16s32x")
_LENGTH: Final = Struct(">I")
_LONGEST_AE: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedContext:
    """A presentation context to be agreed on; its ID is an odd number below 256. Source: PS3.8 9.3.2.2."""

    id: int
    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextResult:
    """What became of a context; `transfer_syntax` means something only when accepted. PS3.8 9.3.3.2."""

    id: int
    result: int
    transfer_syntax: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserInformation:
    """What a side says of itself. `longest_pdu` in bytes, 0 means any. Source: PS3.8 D.1, D.3.3.2."""

    longest_pdu: int = ASSUMED_LONGEST_PDU
    implementation_class: str = ""
    implementation_version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociateRQ:
    """A side asks for an association. Source: PS3.8 9.3.2."""

    called_ae: str
    calling_ae: str
    contexts: tuple[ProposedContext, ...]
    user: UserInformation
    application_context: str = APPLICATION_CONTEXT


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociateAC:
    """The other side accepts, and says so of each context. Source: PS3.8 9.3.3."""

    called_ae: str
    calling_ae: str
    contexts: tuple[ContextResult, ...]
    user: UserInformation
    application_context: str = APPLICATION_CONTEXT


_Associate = TypeVar("_Associate", AssociateRQ, AssociateAC)


def encode_associate(pdu: AssociateRQ | AssociateAC) -> bytes:
    """Return the PDU without its header. Raises ValueError when a value cannot be written."""
    parts = [_FIXED.pack(1, _ae(pdu.called_ae), _ae(pdu.calling_ae))]
    parts.append(_item(_APPLICATION, pdu.application_context.encode("ascii")))
    parts += map(_encode_context, pdu.contexts)
    parts.append(_encode_user(pdu.user))
    return b"".join(parts)


def _ae(title: str) -> bytes:
    raw = title.encode("ascii")
    if not raw.strip() or len(raw) > _LONGEST_AE:
        raise ValueError("an AE title has 1 to 16 characters")
    return raw.ljust(_LONGEST_AE)


def _item(kind: int, value: bytes) -> bytes:
    if len(value) > 0xFFFF:
        raise ValueError(f"an item of {len(value)} bytes is too long")
    return _ITEM.pack(kind, len(value)) + value


def _encode_context(context: ProposedContext | ContextResult) -> bytes:
    if isinstance(context, ContextResult):
        chosen = _item(_TRANSFER, context.transfer_syntax.encode("ascii"))
        return _item(_CONTEXT_AC, bytes((context.id, 0, context.result, 0)) + chosen)
    names = [_item(_ABSTRACT, context.abstract_syntax.encode("ascii"))]
    names += [_item(_TRANSFER, syntax.encode("ascii")) for syntax in context.transfer_syntaxes]
    return _item(_CONTEXT_RQ, bytes((context.id, 0, 0, 0)) + b"".join(names))


def _encode_user(user: UserInformation) -> bytes:
    parts = [_item(_LONGEST_PDU, _LENGTH.pack(user.longest_pdu))]
    if user.implementation_class:
        parts.append(_item(_IMPLEMENTATION_CLASS, user.implementation_class.encode("ascii")))
    if user.implementation_version:
        parts.append(_item(_IMPLEMENTATION_VERSION, user.implementation_version.encode("ascii")))
    return _item(_USER, b"".join(parts))


def decode_associate(kind: type[_Associate], body: bytes) -> _Associate:
    """Return the PDU of this kind from what stands behind its header. Raises Malformed."""
    if len(body) < _FIXED.size:
        raise Malformed("an A-ASSOCIATE PDU is cut off")
    _, called, calling = _FIXED.unpack_from(body)
    wanted, decoder = (_CONTEXT_RQ, _proposed) if kind is AssociateRQ else (_CONTEXT_AC, _result)
    application, user = "", UserInformation()
    contexts = []
    for item, value in _items(body, _FIXED.size):
        if item == _APPLICATION:
            application = _text(value)
        elif item == wanted:
            contexts.append(decoder(value))
        elif item == _USER:
            user = _user(value)
    return kind(
        called_ae=_text(called),
        calling_ae=_text(calling),
        contexts=tuple(contexts),  # type: ignore[arg-type]  # `wanted` and `decoder` go with `kind`
        user=user,
        application_context=application,
    )


def _text(raw: bytes) -> str:
    """Return text without the padding that some senders add, whatever the bytes are."""
    return raw.decode("ascii", "replace").strip("\0 ")


def _items(body: bytes, at: int = 0) -> Iterator[tuple[int, bytes]]:
    while at < len(body):
        if len(body) - at < _ITEM.size:
            raise Malformed("the header of an item is cut off")
        kind, length = _ITEM.unpack_from(body, at)
        end = at + _ITEM.size + length
        if end > len(body):
            raise Malformed("an item is longer than what holds it")
        yield kind, body[at + _ITEM.size : end]
        at = end


def _proposed(value: bytes) -> ProposedContext:
    names = tuple(_context_items(value))
    abstract = [name for kind, name in names if kind == _ABSTRACT]
    if len(abstract) != 1:
        raise Malformed("a presentation context has not one abstract syntax")
    syntaxes = tuple(name for kind, name in names if kind == _TRANSFER)
    return ProposedContext(id=value[0], abstract_syntax=abstract[0], transfer_syntaxes=syntaxes)


def _result(value: bytes) -> ContextResult:
    chosen = [name for kind, name in _context_items(value) if kind == _TRANSFER]
    return ContextResult(id=value[0], result=value[2], transfer_syntax=chosen[0] if chosen else "")


def _context_items(value: bytes) -> Iterable[tuple[int, str]]:
    if len(value) < 4:
        raise Malformed("a presentation context is cut off")
    return [(kind, _text(name)) for kind, name in _items(value, 4)]


def _user(value: bytes) -> UserInformation:
    longest, implementation, version = ASSUMED_LONGEST_PDU, "", ""
    for kind, part in _items(value):
        if kind == _LONGEST_PDU:
            if len(part) != _LENGTH.size:
                raise Malformed("the maximum length of PDUs has not four bytes")
            longest = _LENGTH.unpack(part)[0]
        elif kind == _IMPLEMENTATION_CLASS:
            implementation = _text(part)
        elif kind == _IMPLEMENTATION_VERSION:
            version = _text(part)
    return UserInformation(
        longest_pdu=longest, implementation_class=implementation, implementation_version=version
    )
