"""The bytes of PS3.8 and PS3.7 as the faulty SCP reads and writes them: `struct` alone, nothing of ours."""

from __future__ import annotations

import hashlib
import select
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.support.fault_script import AtInstance

GARBAGE = b"HTTP/1.1 400 Bad Request\r\nServer: not DICOM\r\n\r\n"
HUGE = struct.pack(">BxI", 4, 0xFFFFFFFF) + bytes(64)


class End(Exception):  # noqa: N818
    """The connection is to be closed now."""


@dataclass
class Connection:
    """A connection with somebody, and what was agreed on."""

    sock: socket.socket
    number: int
    contexts: dict[int, tuple[str, str]] = field(default_factory=dict)
    longest_pdu: int = 0
    held: list[bytes] = field(default_factory=list)
    most_held: int = 0  # at once

    def hold(self, answer: bytes, most: int) -> None:
        """Keep an answer until there are so many."""
        self.held.append(answer)
        self.most_held = max(self.most_held, len(self.held))
        if len(self.held) >= most:
            self.let_go()

    def let_go(self) -> None:
        """Give the answers that are held, the last one first."""
        held, self.held = self.held, []
        self.sock.sendall(b"".join(reversed(held)))

    def is_quiet(self) -> bool:
        """Return True when nothing comes for a moment."""
        return not select.select([self.sock], [], [], 0.1)[0]

    def read(self, size: int) -> bytes:
        parts = b""
        while len(parts) < size:
            part = self.sock.recv(min(size - len(parts), 1 << 16))
            if not part:
                raise End
            parts += part
        return parts

    def read_pdu(self) -> tuple[int, bytes]:
        kind, length = struct.unpack(">BxI", self.read(6))
        return kind, self.read(length)

    def drip(self, data: bytes) -> None:
        for at in range(len(data)):
            self.sock.sendall(data[at : at + 1])


class Incoming:
    """A message while it arrives."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Begin the next one."""
        self.command = b""
        self.values: dict[int, bytes] = {}
        self.digest = hashlib.sha256()
        self.size = 0
        self.context_id = 0
        self.number = -1
        self.status = 0
        self.fault: AtInstance | None = None

    @property
    def field(self) -> int:
        return int.from_bytes(self.values[0x0100], "little")

    @property
    def message_id(self) -> int:
        return int.from_bytes(self.values[0x0110], "little")

    @property
    def uid(self) -> str:
        return self.values.get(0x1000, b"").rstrip(b"\0").decode()

    @property
    def sop_class(self) -> str:
        return self.values[0x0002].rstrip(b"\0").decode()


def answers(message: Incoming, comment: str) -> Iterator[bytes]:
    """Yield what is sent when a message is whole, right or wrong."""
    fault = message.fault
    good = data_pdu(message.context_id, 3, response(message, 0x8001, message.status, comment))
    release = struct.pack(">BxI4x", 5, 4)
    wrong = {
        AtInstance.CLOSE_BEFORE_ANSWER: b"",
        AtInstance.HALF_ANSWER: good[: len(good) // 2],
        AtInstance.ABORT: abort(0, 0),
        AtInstance.GARBAGE: GARBAGE,
        AtInstance.HUGE_PDU: HUGE,
        AtInstance.RELEASE: release,
        AtInstance.RELEASE_AFTER: good + release,
        AtInstance.WRONG_CONTEXT: data_pdu(255, 3, response(message, 0x8001, message.status)),
        AtInstance.OTHER_CONTEXT: data_pdu(
            message.context_id ^ 2, 3, response(message, 0x8001, message.status)
        ),
        AtInstance.OTHER_INSTANCE: naming(message, {0x1000: b"1.2.3.4.5.6"}),
        AtInstance.OTHER_CLASS: naming(message, {0x0002: b"1.2.840.10008.5.1.4.1.1.4"}),
        AtInstance.ANSWER_TWICE: good * 2,
        AtInstance.NO_UIDS: naming(message, {0x0002: b"", 0x1000: b""}),
        AtInstance.OTHER_COMMAND: data_pdu(message.context_id, 3, response(message, 0x8030, 0)),
    }
    if fault is AtInstance.WRONG_MESSAGE_ID:
        message.values[0x0110] = struct.pack("<H", message.message_id ^ 0x0F00)
        yield data_pdu(message.context_id, 3, response(message, 0x8001, message.status))
    elif fault is AtInstance.REQUEST:
        yield data_pdu(message.context_id, 3, message.command)
    else:
        yield wrong.get(fault, good) if fault is not None else good


def naming(message: Incoming, uids: dict[int, bytes]) -> bytes:
    """Return a good answer with other values of these elements; an empty one is left out."""
    parts = b"".join(
        struct.pack("<HHI", 0, element, len(value)) + value
        for element, value in sorted({**command_values(good_command(message)), **uids}.items())
        if value and element
    )
    command = struct.pack("<HHII", 0, 0, 4, len(parts)) + parts
    return data_pdu(message.context_id, 3, command)


def good_command(message: Incoming) -> bytes:
    """Return the command set of a good answer."""
    return response(message, 0x8001, message.status)


def is_stored(status: int) -> bool:
    """Return True for success and warnings."""
    return status in {0x0000, 0x0001, 0x0107, 0x0116} or status >> 12 == 0xB


def items(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield type and value of the items of an A-ASSOCIATE PDU."""
    while body:
        kind, length = struct.unpack_from(">BxH", body)
        yield kind, body[4 : 4 + length]
        body = body[4 + length :]


def item_of(kind: int, value: bytes) -> bytes:
    """Return an item."""
    return struct.pack(">BxH", kind, len(value)) + value


def window_item(size: int) -> bytes:
    """Return an asynchronous operations window of so many invoked operations, nothing for 1."""
    return item_of(0x53, struct.pack(">HH", size, 1)) if size > 1 else b""


def general_classes(user_items: list[tuple[int, bytes]]) -> dict[str, set[str]]:
    """Return by SOP Class the Related General SOP Classes that a request tells (PS3.7 D.3.3.6)."""

    def fields(value: bytes) -> list[bytes]:
        found = []
        while len(value) >= 2:
            end = 2 + int.from_bytes(value[:2], "big")
            found.append(value[2:end])
            value = value[end:]
        return found

    told = [fields(value) for kind, value in user_items if kind == 0x57]
    return {each[0].decode(): {uid.decode() for uid in fields(each[2])} for each in told}


def pdvs(body: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield context, control header and data of each fragment."""
    while body:
        length, context_id, control = struct.unpack_from(">IBB", body)
        yield context_id, control, body[6 : 4 + length]
        body = body[4 + length :]


def data_pdu(context_id: int, control: int, data: bytes) -> bytes:
    """Return a P-DATA-TF PDU with one fragment."""
    return struct.pack(">BxIIBB", 4, len(data) + 6, len(data) + 2, context_id, control) + data


def abort(source: int, reason: int) -> bytes:
    """Return an A-ABORT PDU."""
    return struct.pack(">BxIxxBB", 7, 4, source, reason)


def command_values(command: bytes) -> dict[int, bytes]:
    """Return the values of a command set by element number."""
    values = {}
    while command:
        _, element, length = struct.unpack_from("<HHI", command)
        values[element] = command[8 : 8 + length]
        command = command[8 + length :]
    return values


def response(message: Incoming, kind: int, status: int, comment: str = "") -> bytes:
    """Return the command set of a response."""
    parts = [
        (0x0002, message.values[0x0002]),
        (0x0100, struct.pack("<H", kind)),
        (0x0120, struct.pack("<H", message.message_id)),
        (0x0800, struct.pack("<H", 0x0101)),
        (0x0900, struct.pack("<H", status)),
    ]
    if comment:
        parts.append((0x0902, comment.encode().ljust(len(comment) + len(comment) % 2)))
    if 0x1000 in message.values:
        parts.append((0x1000, message.values[0x1000]))
    body = b"".join(struct.pack("<HHI", 0, element, len(value)) + value for element, value in parts)
    return struct.pack("<HHII", 0, 0, 4, len(body)) + body
