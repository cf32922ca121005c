"""A-ASSOCIATE-RQ and A-ASSOCIATE-AC: values, and the items they are made of (PS3.8 9.3.2, 9.3.3).

What stands inside User Information is in `user_items`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from struct import Struct
from typing import Final, TypeVar

from mediakit.network.reasons import Malformed
from mediakit.network.user_items import (
    KNOWN_TYPES,
    UserInformation,
    decode_user,
    encode_user,
    item_of,
    items_of,
    text_of,
)

APPLICATION_CONTEXT: Final = "1.2.840.10008.3.1.1.1"
ACCEPTED: Final = 0  # result of a presentation context

_APPLICATION, _CONTEXT_RQ, _CONTEXT_AC, _ABSTRACT, _TRANSFER, _USER = 0x10, 0x20, 0x21, 0x30, 0x40, 0x50
_FIXED: Final = Struct(">Hxx16s16s32x")
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
class AssociateRQ:
    """A side asks for an association; bit 0 of `protocol_version` is the only version. PS3.8 9.3.2."""

    called_ae: str
    calling_ae: str
    contexts: tuple[ProposedContext, ...]
    user: UserInformation
    application_context: str = APPLICATION_CONTEXT
    protocol_version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociateAC:
    """The other side accepts, and says so of each context. Source: PS3.8 9.3.3."""

    called_ae: str
    calling_ae: str
    contexts: tuple[ContextResult, ...]
    user: UserInformation
    application_context: str = APPLICATION_CONTEXT
    protocol_version: int = 1


_Associate = TypeVar("_Associate", AssociateRQ, AssociateAC)


def encode_associate(pdu: AssociateRQ | AssociateAC) -> bytes:
    """Return the PDU without its header. Raises ValueError when a value cannot be written."""
    parts = [_FIXED.pack(pdu.protocol_version, _ae(pdu.called_ae), _ae(pdu.calling_ae))]
    parts.append(item_of(_APPLICATION, pdu.application_context.encode("ascii")))
    parts += map(_encode_context, pdu.contexts)
    parts.append(item_of(_USER, encode_user(pdu.user)))
    return b"".join(parts)


def _ae(title: str) -> bytes:
    raw = title.encode("ascii")
    if not raw.strip() or len(raw) > _LONGEST_AE:
        raise ValueError("an AE title has 1 to 16 characters")
    return raw.ljust(_LONGEST_AE)


def _encode_context(context: ProposedContext | ContextResult) -> bytes:
    if isinstance(context, ContextResult):
        chosen = item_of(_TRANSFER, context.transfer_syntax.encode("ascii"))
        return item_of(_CONTEXT_AC, bytes((context.id, 0, context.result, 0)) + chosen)
    names = [item_of(_ABSTRACT, context.abstract_syntax.encode("ascii"))]
    names += [item_of(_TRANSFER, syntax.encode("ascii")) for syntax in context.transfer_syntaxes]
    return item_of(_CONTEXT_RQ, bytes((context.id, 0, 0, 0)) + b"".join(names))


def decode_associate(kind: type[_Associate], body: bytes) -> _Associate:
    """Return the PDU of this kind from what stands behind its header. Raises Malformed."""
    if len(body) < _FIXED.size:
        raise Malformed("an A-ASSOCIATE PDU is cut off")
    version, called, calling = _FIXED.unpack_from(body)
    wanted, decoder = (_CONTEXT_RQ, _proposed) if kind is AssociateRQ else (_CONTEXT_AC, _result)
    application = ""
    user: UserInformation | None = None
    contexts = []
    for item, value in items_of(body, _FIXED.size):
        if item == _APPLICATION:
            application = text_of(value)
        elif item == wanted:
            contexts.append(decoder(value))
        elif item == _USER:
            if user is not None:
                raise Malformed("the user information is there twice")
            user = decode_user(value)
    return kind(
        called_ae=text_of(called),
        calling_ae=text_of(calling),
        contexts=tuple(contexts),  # type: ignore[arg-type]  # `wanted` and `decoder` go with `kind`
        user=user or UserInformation(),
        application_context=application,
        protocol_version=version & 1,  # no other bit is to be tested, PS3.8 9.3.2
    )


def with_known_items(body: bytes) -> bytes:
    """Return an A-ASSOCIATE PDU without the items that are of no known type, and titles padded with spaces.

    For a reader that cannot skip them, as PS3.8 9.3.1 asks. What is not of the form of items stays as it is.
    """
    titles = slice(4, 36)
    try:
        parts = [body[:4], body[titles].replace(b"\0", b" "), body[titles.stop : _FIXED.size]]
        for kind, value in items_of(body, _FIXED.size):
            if kind == _USER:
                known = [item_of(*each) for each in items_of(value) if each[0] in KNOWN_TYPES]
                parts.append(item_of(_USER, b"".join(known)))
            elif kind in {_APPLICATION, _CONTEXT_RQ, _CONTEXT_AC}:
                parts.append(item_of(kind, value))
    except Malformed:
        return body
    return b"".join(parts)


def _proposed(value: bytes) -> ProposedContext:
    names = tuple(_context_items(value))
    abstract = [name for kind, name in names if kind == _ABSTRACT]
    if len(abstract) != 1:
        raise Malformed("a presentation context has not one abstract syntax")
    syntaxes = tuple(name for kind, name in names if kind == _TRANSFER)
    return ProposedContext(id=value[0], abstract_syntax=abstract[0], transfer_syntaxes=syntaxes)


def _result(value: bytes) -> ContextResult:
    chosen = [name for kind, name in _context_items(value) if kind == _TRANSFER]
    if len(chosen) > 1:
        raise Malformed("a presentation context is answered with several transfer syntaxes")
    return ContextResult(id=value[0], result=value[2], transfer_syntax=chosen[0] if chosen else "")


def _context_items(value: bytes) -> Iterable[tuple[int, str]]:
    if len(value) < 4:
        raise Malformed("a presentation context is cut off")
    return [(kind, text_of(name)) for kind, name in items_of(value, 4)]
