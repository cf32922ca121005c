"""What a side says of itself when an association begins: the sub-items of User Information (PS3.7 D.3.3).

Values, and their bytes in both directions. What the two sides have agreed on by them is in `agreement`. Items
of other types are skipped, as PS3.8 9.3.1 asks, and their types kept. Any bytes give a value or `Malformed`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from enum import IntEnum
from struct import Struct
from typing import Any, Final

from mediakit.network.reasons import Malformed

ASSUMED_LONGEST_PDU: Final = 16_384  # of a peer that does not say

_LONGEST_PDU, _IMPLEMENTATION_CLASS, _WINDOW, _ROLE, _IMPLEMENTATION_VERSION = range(0x51, 0x56)
_EXTENDED, _COMMON, _IDENTITY, _IDENTITY_ANSWER = range(0x56, 0x5A)
_MOST_UNKNOWN: Final = 16  # types that are kept
_ITEM: Final = Struct(">BxH")
_LENGTH: Final = Struct(">I")
_COUNT: Final = Struct(">H")
_TWO_COUNTS: Final = Struct(">HH")


class IdentityKind(IntEnum):
    """What proves who the user is. Source: PS3.7 Table D.3-14."""

    USER_NAME = 1
    PASSCODE = 2  # with the user name
    KERBEROS = 3
    SAML = 4
    JWT = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """How many operations may be under way: those that the requestor invokes, and those it performs.

    0 means any number. Source: PS3.7 D.3.3.3.
    """

    invoked: int
    performed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """Which roles the requestor has for a SOP Class: proposed, or accepted. Source: PS3.7 D.3.3.4."""

    sop_class: str
    is_scu: bool
    is_scp: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Extended:
    """What a service class lets the sides say about a SOP Class. Source: PS3.7 D.3.3.5."""

    sop_class: str
    information: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonExtended:
    """Of which service a SOP Class is, and which SOP Classes are more general. Source: PS3.7 D.3.3.6."""

    sop_class: str
    service_class: str
    general: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who the user is. `kind` is an `IdentityKind` where it is a known one. Source: PS3.7 D.3.3.7.

    `primary` holds the user name in UTF-8, the ticket, the assertion or the token, `secondary` the passcode.
    """

    kind: int
    primary: bytes = field(repr=False)
    secondary: bytes = field(default=b"", repr=False)
    wants_response: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityAnswer:
    """The acceptor confirms the identity. Source: PS3.7 D.3.3.7.2."""

    response: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserInformation:
    """What a side says of itself. `longest_pdu` in bytes, 0 means any. Source: PS3.8 D.1, PS3.7 D.3.3.

    `unknown` are the types of items that are not known here.
    """

    longest_pdu: int = ASSUMED_LONGEST_PDU
    implementation_class: str = ""
    implementation_version: str = ""
    window: Window | None = None
    roles: tuple[Role, ...] = ()
    extended: tuple[Extended, ...] = ()
    common: tuple[CommonExtended, ...] = ()
    identity: Identity | None = None
    identity_answer: IdentityAnswer | None = None
    unknown: tuple[int, ...] = ()


def text_of(raw: bytes) -> str:
    """Return text without the padding that some senders add, whatever the bytes are."""
    return raw.decode("ascii", "replace").strip("\0 ")


def item_of(kind: int, value: bytes) -> bytes:
    """Return an item. Raises ValueError for more than 65535 bytes."""
    if len(value) > 0xFFFF:
        raise ValueError(f"an item of {len(value)} bytes is too long")
    return _ITEM.pack(kind, len(value)) + value


def items_of(body: bytes, at: int = 0) -> Iterator[tuple[int, bytes]]:
    """Yield type and value of each item. Raises Malformed."""
    while at < len(body):
        if len(body) - at < _ITEM.size:
            raise Malformed("the header of an item is cut off")
        kind, length = _ITEM.unpack_from(body, at)
        end = at + _ITEM.size + length
        if end > len(body):
            raise Malformed("an item is longer than what holds it")
        yield kind, body[at + _ITEM.size : end]
        at = end


def encode_user(user: UserInformation) -> bytes:
    """Return the items in the order of their types. Raises ValueError when a value cannot be written."""
    parts = [item_of(_LONGEST_PDU, _LENGTH.pack(user.longest_pdu))]
    if user.implementation_class:
        parts.append(item_of(_IMPLEMENTATION_CLASS, user.implementation_class.encode("ascii")))
    if user.window is not None:
        parts.append(item_of(_WINDOW, _TWO_COUNTS.pack(user.window.invoked, user.window.performed)))
    parts += map(_encode_role, user.roles)
    if user.implementation_version:
        parts.append(item_of(_IMPLEMENTATION_VERSION, user.implementation_version.encode("ascii")))
    parts += map(_encode_extended, user.extended)
    parts += map(_encode_common, user.common)
    if user.identity is not None:
        parts.append(_encode_identity(user.identity))
    if user.identity_answer is not None:
        parts.append(item_of(_IDENTITY_ANSWER, _counted(user.identity_answer.response)))
    return b"".join(parts)


def _counted(value: bytes) -> bytes:
    if len(value) > 0xFFFF:
        raise ValueError(f"a field of {len(value)} bytes is too long")
    return _COUNT.pack(len(value)) + value


def _counted_text(text: str) -> bytes:
    return _counted(text.encode("ascii"))


def _encode_role(role: Role) -> bytes:
    return item_of(_ROLE, _counted_text(role.sop_class) + bytes((role.is_scu, role.is_scp)))


def _encode_extended(each: Extended) -> bytes:
    return item_of(_EXTENDED, _counted_text(each.sop_class) + each.information)


def _encode_common(each: CommonExtended) -> bytes:
    general = b"".join(map(_counted_text, each.general))
    parts = (_counted_text(each.sop_class), _counted_text(each.service_class), _counted(general))
    return item_of(_COMMON, b"".join(parts))


def _encode_identity(identity: Identity) -> bytes:
    head = bytes((identity.kind, identity.wants_response))
    return item_of(_IDENTITY, head + _counted(identity.primary) + _counted(identity.secondary))


def decode_user(value: bytes) -> UserInformation:
    """Return what the items say. Raises Malformed for one that is not of its form or stands there twice."""
    found: dict[str, Any] = {}
    several: dict[str, list[Any]] = {}
    unknown: dict[int, None] = {}
    for kind, part in items_of(value):
        known = _DECODERS.get(kind)
        if known is None:
            if len(unknown) < _MOST_UNKNOWN:
                unknown[kind] = None
            continue
        name, decode = known
        if name in _SEVERAL:
            several.setdefault(name, []).append(decode(part))
        elif name in found:
            raise Malformed(f"the item of type {kind:02X}H is there twice")
        else:
            found[name] = decode(part)
    found |= {name: tuple(each) for name, each in several.items()}
    return UserInformation(**found, unknown=tuple(unknown))


def _take(value: bytes, at: int, what: str) -> tuple[bytes, int]:
    """Return a field behind its length of two bytes, and where the next one begins."""
    if len(value) - at < _COUNT.size:
        raise Malformed(f"{what} is cut off")
    end = at + _COUNT.size + _COUNT.unpack_from(value, at)[0]
    if end > len(value):
        raise Malformed(f"{what} is cut off")
    return value[at + _COUNT.size : end], end


def _longest_pdu(part: bytes) -> int:
    if len(part) != _LENGTH.size:
        raise Malformed("the maximum length of PDUs has not four bytes")
    return int(_LENGTH.unpack(part)[0])


def _window(part: bytes) -> Window:
    if len(part) != _TWO_COUNTS.size:
        raise Malformed("the asynchronous operations window has not four bytes")
    invoked, performed = _TWO_COUNTS.unpack(part)
    return Window(invoked=invoked, performed=performed)


def _role(part: bytes) -> Role:
    sop_class, at = _take(part, 0, "the role selection")
    roles = part[at:]
    if len(roles) != 2 or max(roles) > 1:
        raise Malformed("the role selection does not end with two bytes of 0 or 1")
    return Role(sop_class=text_of(sop_class), is_scu=bool(roles[0]), is_scp=bool(roles[1]))


def _extended(part: bytes) -> Extended:
    sop_class, at = _take(part, 0, "the extended negotiation")
    return Extended(sop_class=text_of(sop_class), information=part[at:])


def _common(part: bytes) -> CommonExtended:
    """Return the item; what may stand behind its last field is reserved (PS3.7 Table D.3-12)."""
    what = "the common extended negotiation"
    sop_class, at = _take(part, 0, what)
    service_class, at = _take(part, at, what)
    inner, _ = _take(part, at, what)
    general = []
    at = 0
    while at < len(inner):
        uid, at = _take(inner, at, what)
        general.append(text_of(uid))
    return CommonExtended(
        sop_class=text_of(sop_class), service_class=text_of(service_class), general=tuple(general)
    )


def _identity(part: bytes) -> Identity:
    what = "the user identity"
    if len(part) < 2:
        raise Malformed(f"{what} is cut off")
    primary, at = _take(part, 2, what)
    secondary, at = _take(part, at, what)
    if at != len(part):
        raise Malformed(f"{what} is longer than its fields")
    return Identity(kind=part[0], wants_response=bool(part[1]), primary=primary, secondary=secondary)


def _identity_answer(part: bytes) -> IdentityAnswer:
    response, at = _take(part, 0, "the answer to the user identity")
    if at != len(part):
        raise Malformed("the answer to the user identity is longer than its field")
    return IdentityAnswer(response=response)


_DECODERS: Final[dict[int, tuple[str, Callable[[bytes], Any]]]] = {
    _LONGEST_PDU: ("longest_pdu", _longest_pdu),
    _IMPLEMENTATION_CLASS: ("implementation_class", text_of),
    _WINDOW: ("window", _window),
    _ROLE: ("roles", _role),
    _IMPLEMENTATION_VERSION: ("implementation_version", text_of),
    _EXTENDED: ("extended", _extended),
    _COMMON: ("common", _common),
    _IDENTITY: ("identity", _identity),
    _IDENTITY_ANSWER: ("identity_answer", _identity_answer),
}
KNOWN_TYPES: Final = frozenset(_DECODERS)
_SEVERAL: Final = frozenset({"roles", "extended", "common"})
assert {name for name, _ in _DECODERS.values()} < {each.name for each in fields(UserInformation)}  # noqa: S101
