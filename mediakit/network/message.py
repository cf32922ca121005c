"""Command sets of C-STORE and C-ECHO: requests to bytes, bytes to responses (PS3.7 6.3, 9.3.1, 9.3.5).

A command set is always Implicit VR Little Endian. Any bytes give a `Response` or `Malformed`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from struct import Struct
from typing import Final

from mediakit.network.reasons import Malformed

STORE_RQ, STORE_RSP, ECHO_RQ, ECHO_RSP = 0x0001, 0x8001, 0x0030, 0x8030
VERIFICATION: Final = "1.2.840.10008.1.1"
LONGEST_COMMAND: Final = 1 << 16  # bytes; a real one has about 200
LONGEST_UID: Final = 64  # characters, PS3.5 9.1; peers abort the association for one that is longer

_LENGTH, _SOP_CLASS, _FIELD, _MESSAGE_ID, _RESPONDS_TO = 0x0000, 0x0002, 0x0100, 0x0110, 0x0120
_PRIORITY, _DATA_SET_TYPE, _STATUS, _OFFENDING, _COMMENT = 0x0700, 0x0800, 0x0900, 0x0901, 0x0902
_SOP_INSTANCE: Final = 0x1000
_NO_DATA_SET, _A_DATA_SET = 0x0101, 0x0001
_IS_RESPONSE: Final = 0x8000
_LONGEST_COMMENT: Final = 64  # characters, VR LO
_MOST_OFFENDING: Final = 64

_HEADER: Final = Struct("<HHI")
_US: Final = Struct("<H")
_UL: Final = Struct("<I")
_AT: Final = Struct("<HH")


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What a peer answers to an operation.

    `command` is the Command Field, `message_id` that of the request it answers. `sop_class` and
    `sop_instance` are what the peer says that it answers for, "" where it does not say. `comment` is
    printable and short. `offending` are the tags of elements that the peer names.
    Source: PS3.7 9.3.1.2, 9.3.5.2, C.
    """

    command: int
    message_id: int
    status: int
    has_data_set: bool = False
    sop_class: str = ""
    sop_instance: str = ""
    comment: str = field(default="", repr=False)
    offending: tuple[int, ...] = ()


def store_request(message_id: int, sop_class: str, sop_instance: str) -> bytes:
    """Return the command set of a C-STORE-RQ of medium priority. Raises ValueError for what is no UID."""
    head, tail = _store_parts(sop_class)
    instance = _uid(_SOP_INSTANCE, sop_instance)
    middle = _number(_MESSAGE_ID, message_id)
    length = len(head) + len(middle) + len(tail) + len(instance)
    return b"".join((_group_length(length), head, middle, tail, instance))


@lru_cache(maxsize=256)
def _store_parts(sop_class: str) -> tuple[bytes, bytes]:
    """Return what stands before and behind the Message ID and is the same for each instance of a class."""
    return (
        _uid(_SOP_CLASS, sop_class) + _number(_FIELD, STORE_RQ),
        _number(_PRIORITY, 0) + _number(_DATA_SET_TYPE, _A_DATA_SET),
    )


def echo_request(message_id: int) -> bytes:
    """Return the command set of a C-ECHO-RQ."""
    body = b"".join(
        (
            _uid(_SOP_CLASS, VERIFICATION),
            _number(_FIELD, ECHO_RQ),
            _number(_MESSAGE_ID, message_id),
            _number(_DATA_SET_TYPE, _NO_DATA_SET),
        )
    )
    return _group_length(len(body)) + body


def _group_length(length: int) -> bytes:
    return _HEADER.pack(0, _LENGTH, 4) + _UL.pack(length)


def _number(element: int, value: int) -> bytes:
    return _HEADER.pack(0, element, 2) + _US.pack(value)


def _uid(element: int, uid: str) -> bytes:
    raw = uid.encode("ascii", "backslashreplace")
    if not 0 < len(raw) <= LONGEST_UID or not raw.replace(b".", b"").isalnum():
        raise ValueError("a UID has 1 to 64 characters, digits and periods")
    raw += b"\0" * (len(raw) % 2)
    return _HEADER.pack(0, element, len(raw)) + raw


def decode_response(data: bytes) -> Response:
    """Return the response in a command set. Raises Malformed, also for a request."""
    values = _elements(data)
    command = _us(values, _FIELD)
    if not command & _IS_RESPONSE:
        raise Malformed(f"a response was expected, not the command {command:04X}H")
    return Response(
        command=command,
        message_id=_us(values, _RESPONDS_TO),
        status=_us(values, _STATUS),
        has_data_set=_us(values, _DATA_SET_TYPE) != _NO_DATA_SET,
        sop_class=_named(values.get(_SOP_CLASS, b"")),
        sop_instance=_named(values.get(_SOP_INSTANCE, b"")),
        comment=_comment(values.get(_COMMENT, b"")),
        offending=_tags(values.get(_OFFENDING, b"")),
    )


def _elements(data: bytes) -> dict[int, bytes]:
    """Return the values of group 0000; elements of other groups are skipped."""
    values: dict[int, bytes] = {}
    at, end = 0, len(data)
    while at < end:
        if end - at < 8:
            raise Malformed("the header of an element of the command set is cut off")
        group, element, length = _HEADER.unpack_from(data, at)
        at += 8
        if length > end - at:
            raise Malformed("an element is longer than its command set")
        if group == 0:
            values[element] = data[at : at + length]
        at += length
    return values


def _us(values: dict[int, bytes], element: int) -> int:
    raw = values.get(element, b"")
    if len(raw) != 2:
        raise Malformed(f"the command set has no proper element (0000,{element:04X})")
    return int.from_bytes(raw, "little")


def _named(raw: bytes) -> str:
    """Return a UID as a peer writes it, without its padding; what is longer than a UID stays too long."""
    return _printable(raw[: LONGEST_UID + 1])


def _comment(raw: bytes) -> str:
    return _printable(raw[:_LONGEST_COMMENT])


def _printable(raw: bytes) -> str:
    text = raw.decode("ascii", "replace").strip("\0 ")
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def _tags(raw: bytes) -> tuple[int, ...]:
    whole = raw[: min(len(raw) // 4, _MOST_OFFENDING) * 4]
    return tuple(group << 16 | element for group, element in _AT.iter_unpack(whole))
