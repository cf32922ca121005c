"""Command sets: values to bytes and back (PS3.7 6.3, 9.3, 10.3). The services that we use or offer.

A command set is always Implicit VR Little Endian. Any bytes give a `Request`, a `Response` or `Malformed`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from struct import Struct
from typing import Final

from mediakit.network.reasons import Malformed

STORE_RQ, STORE_RSP, GET_RQ, GET_RSP, ECHO_RQ, ECHO_RSP = 0x0001, 0x8001, 0x0010, 0x8010, 0x0030, 0x8030
CANCEL_RQ, EVENT_REPORT_RQ, EVENT_REPORT_RSP = 0x0FFF, 0x0100, 0x8100
N_GET_RQ, N_ACTION_RQ, N_CREATE_RQ = 0x0110, 0x0130, 0x0140
#: Every request of PS3.7 E.1, also of operations that are not served here.
REQUESTS: Final = frozenset(
    {STORE_RQ, GET_RQ, 0x0020, 0x0021, ECHO_RQ, EVENT_REPORT_RQ, N_GET_RQ, 0x0120, N_ACTION_RQ, N_CREATE_RQ}
    | {0x0150, CANCEL_RQ}
)
VERIFICATION: Final = "1.2.840.10008.1.1"
LONGEST_COMMAND: Final = 1 << 16  # bytes; a real one has about 200
LONGEST_UID: Final = 64  # characters, PS3.5 9.1; peers abort the association for one that is longer

_LENGTH, _SOP_CLASS, _FIELD, _MESSAGE_ID, _RESPONDS_TO = 0x0000, 0x0002, 0x0100, 0x0110, 0x0120
_REQUESTED_CLASS, _REQUESTED_INSTANCE, _EVENT, _ATTRIBUTES, _ACTION = 0x0003, 0x1001, 0x1002, 0x1005, 0x1008
_PRIORITY, _DATA_SET_TYPE, _STATUS, _OFFENDING, _COMMENT = 0x0700, 0x0800, 0x0900, 0x0901, 0x0902
_SOP_INSTANCE: Final = 0x1000
_REMAINING, _COMPLETED, _FAILED, _WARNING = 0x1020, 0x1021, 0x1022, 0x1023
_NO_DATA_SET, _A_DATA_SET = 0x0101, 0x0001
_IS_RESPONSE: Final = 0x8000
_LONGEST_COMMENT: Final = 64  # characters, VR LO
_MOST_OFFENDING: Final = 64
_MOST_ATTRIBUTES: Final = 1000
_NUMBERS: Final = {EVENT_REPORT_RQ: _EVENT, N_ACTION_RQ: _ACTION}  # where an Event or Action Type ID stands

_UIDS: Final = frozenset({0x00080016, 0x00080018, 0x0020000D, 0x0020000E})  # padded with a null

_HEADER: Final = Struct("<HHI")
_US: Final = Struct("<H")
_UL: Final = Struct("<I")
_AT: Final = Struct("<HH")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An operation that a peer asks for.

    `command` is the Command Field. UIDs are as the peer writes them, "" where it does not: those affected, or
    requested. `number` is the Event or Action Type ID, `attributes` are the tags that an N-GET asks for.
    Source: PS3.7 9.3.1.1, 10.3.
    """

    command: int
    message_id: int
    sop_class: str = ""
    sop_instance: str = ""
    has_data_set: bool = False
    number: int = 0
    attributes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Suboperations:
    """How many instances a C-GET has sent so far, and how many are left. Source: PS3.7 9.3.3.2."""

    remaining: int = 0
    completed: int = 0
    failed: int = 0
    warning: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What a peer answers to an operation.

    `command` is the Command Field, `message_id` that of the request it answers. `sop_class` and
    `sop_instance` are what the peer says that it answers for, "" where it does not say. `comment` is
    printable and short. `offending` are the tags of elements that the peer names. `suboperations` are those
    of a C-GET. Source: PS3.7 9.3.1.2, 9.3.3.2, 9.3.5.2, C.
    """

    command: int
    message_id: int
    status: int
    has_data_set: bool = False
    sop_class: str = ""
    sop_instance: str = ""
    comment: str = field(default="", repr=False)
    offending: tuple[int, ...] = ()
    suboperations: Suboperations = Suboperations()


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


def response_to(
    request: Request, status: int, comment: str = "", *, sop_instance: str = "", has_data_set: bool = False
) -> bytes:
    """Return the command set of the response to a request; `comment` is cut to 64 characters of ASCII.

    `sop_instance` is that of an N-CREATE that left the choice to us. Source: PS3.7 9.3, 10.3.
    """
    words = comment.encode("ascii", "replace")[:_LONGEST_COMMENT]
    number = _NUMBERS.get(request.command)
    return _command_set(
        _as_sent(_SOP_CLASS, request.sop_class),
        _number(_FIELD, request.command | _IS_RESPONSE),
        _number(_RESPONDS_TO, request.message_id),
        _number(_DATA_SET_TYPE, _A_DATA_SET if has_data_set else _NO_DATA_SET),
        _number(_STATUS, status),
        _padded(_COMMENT, words, b" ") if words else b"",
        _as_sent(_SOP_INSTANCE, sop_instance or request.sop_instance),
        b"" if number is None else _number(number, request.number),
    )


def event_report_request(message_id: int, sop_class: str, sop_instance: str, event_type: int) -> bytes:
    """Return the command set of an N-EVENT-REPORT-RQ with a data set. PS3.7 10.3.1."""
    return _command_set(
        _uid(_SOP_CLASS, sop_class),
        _number(_FIELD, EVENT_REPORT_RQ),
        _number(_MESSAGE_ID, message_id),
        _number(_DATA_SET_TYPE, _A_DATA_SET),
        _uid(_SOP_INSTANCE, sop_instance),
        _number(_EVENT, event_type),
    )


def get_request(message_id: int, model: str) -> bytes:
    """Return the command set of a C-GET-RQ of medium priority for an information model. PS3.7 9.3.3.1."""
    return _command_set(
        _uid(_SOP_CLASS, model),
        _number(_FIELD, GET_RQ),
        _number(_MESSAGE_ID, message_id),
        _number(_PRIORITY, 0),
        _number(_DATA_SET_TYPE, _A_DATA_SET),
    )


def identifier(keys: Mapping[int, str]) -> bytes:
    """Return a data set of text elements in Implicit VR Little Endian. Raises ValueError outside ASCII."""
    parts = []
    for tag in sorted(keys):
        raw = keys[tag].encode("ascii")
        raw += (b"\0" if tag in _UIDS else b" ") * (len(raw) % 2)
        parts.append(_HEADER.pack(tag >> 16, tag & 0xFFFF, len(raw)) + raw)
    return b"".join(parts)


def echo_request(message_id: int) -> bytes:
    """Return the command set of a C-ECHO-RQ."""
    return _command_set(
        _uid(_SOP_CLASS, VERIFICATION),
        _number(_FIELD, ECHO_RQ),
        _number(_MESSAGE_ID, message_id),
        _number(_DATA_SET_TYPE, _NO_DATA_SET),
    )


def _command_set(*elements: bytes) -> bytes:
    body = b"".join(elements)
    return _group_length(len(body)) + body


def _group_length(length: int) -> bytes:
    return _HEADER.pack(0, _LENGTH, 4) + _UL.pack(length)


def _number(element: int, value: int) -> bytes:
    return _HEADER.pack(0, element, 2) + _US.pack(value)


def _uid(element: int, uid: str) -> bytes:
    raw = uid.encode("ascii", "backslashreplace")
    if not 0 < len(raw) <= LONGEST_UID or not raw.replace(b".", b"").isalnum():
        raise ValueError("a UID has 1 to 64 characters, digits and periods")
    return _padded(element, raw, b"\0")


def _as_sent(element: int, uid: str) -> bytes:
    """Return the element of a UID as a peer sent it, none where it sent none that could be repeated."""
    raw = uid.encode("ascii", "replace")
    return _padded(element, raw, b"\0") if 0 < len(raw) <= LONGEST_UID else b""


def _padded(element: int, raw: bytes, pad: bytes) -> bytes:
    raw += pad * (len(raw) % 2)
    return _HEADER.pack(0, element, len(raw)) + raw


def decode_command(data: bytes) -> Request | Response:
    """Return what stands in a command set. Raises Malformed."""
    values = _elements(data)
    command = _us(values, _FIELD)
    if command & _IS_RESPONSE:
        return _response(command, values)
    return Request(
        command=command,
        message_id=_us(values, _MESSAGE_ID if _MESSAGE_ID in values else _RESPONDS_TO),  # C-CANCEL has no own
        sop_class=_named(values.get(_SOP_CLASS) or values.get(_REQUESTED_CLASS, b"")),
        sop_instance=_named(values.get(_SOP_INSTANCE) or values.get(_REQUESTED_INSTANCE, b"")),
        has_data_set=_us(values, _DATA_SET_TYPE) != _NO_DATA_SET,
        number=_us(values, _NUMBERS[command]) if command in _NUMBERS else 0,
        attributes=_tags(values.get(_ATTRIBUTES, b""), _MOST_ATTRIBUTES),
    )


def _response(command: int, values: dict[int, bytes]) -> Response:
    return Response(
        command=command,
        message_id=_us(values, _RESPONDS_TO),
        status=_us(values, _STATUS),
        has_data_set=_us(values, _DATA_SET_TYPE) != _NO_DATA_SET,
        sop_class=_named(values.get(_SOP_CLASS, b"")),
        sop_instance=_named(values.get(_SOP_INSTANCE, b"")),
        comment=_comment(values.get(_COMMENT, b"")),
        offending=_tags(values.get(_OFFENDING, b""), _MOST_OFFENDING),
        suboperations=Suboperations(
            remaining=_count(values, _REMAINING),
            completed=_count(values, _COMPLETED),
            failed=_count(values, _FAILED),
            warning=_count(values, _WARNING),
        ),
    )


def uids_in(identifier: bytes, tag: int) -> tuple[str, ...]:
    """Return the UIDs of an element at the top of a data set in Implicit VR Little Endian; none without it.

    Raises Malformed.
    """
    raw = _elements(identifier, tag >> 16).get(tag & 0xFFFF, b"")
    return tuple(filter(None, (_named(each) for each in raw.split(b"\\"))))


def _elements(data: bytes, wanted: int = 0) -> dict[int, bytes]:
    """Return the values of one group, 0000 or another; elements of other groups are skipped."""
    values: dict[int, bytes] = {}
    at, end = 0, len(data)
    while at < end:
        if end - at < 8:
            raise Malformed("the header of an element of the command set is cut off")
        group, element, length = _HEADER.unpack_from(data, at)
        at += 8
        if length > end - at:
            raise Malformed("an element is longer than its command set")
        if group == wanted:
            values[element] = data[at : at + length]
        at += length
    return values


def _us(values: dict[int, bytes], element: int) -> int:
    raw = values.get(element, b"")
    if len(raw) != 2:
        raise Malformed(f"the command set has no proper element (0000,{element:04X})")
    return int.from_bytes(raw, "little")


def _count(values: dict[int, bytes], element: int) -> int:
    """Return a number of instances, 0 where there is none: it is for people only."""
    return _us(values, element) if len(values.get(element, b"")) == 2 else 0


def _named(raw: bytes) -> str:
    """Return a UID as a peer writes it, without its padding; what is longer than a UID stays too long."""
    return _printable(raw[: LONGEST_UID + 1])


def _comment(raw: bytes) -> str:
    return _printable(raw[:_LONGEST_COMMENT])


def _printable(raw: bytes) -> str:
    text = raw.decode("ascii", "replace").strip("\0 ")
    return text if text.isprintable() else "".join(sign if sign.isprintable() else "?" for sign in text)


def _tags(raw: bytes, most: int) -> tuple[int, ...]:
    whole = raw[: min(len(raw) // 4, most) * 4]
    return tuple(group << 16 | element for group, element in _AT.iter_unpack(whole))
