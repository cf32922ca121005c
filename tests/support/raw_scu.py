"""A storage SCU made of bytes, which sends what no library would: any UID, half a message, a wrong length."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import suppress
from struct import pack, unpack
from types import TracebackType

from tests.support.dicom_bytes import element, even
from tests.support.fault_bytes import items

CONTEXT_NAME = "1.2.840.10008.3.1.1.1"


class Ended(Exception):  # noqa: N818 - reads as a sentence where it is raised
    """The peer has ended the association, in whatever way."""


class RawScu:
    """One association. Its presentation contexts have the ids 1, 3, 5, ... in the order given."""

    def __init__(
        self,
        address: tuple[str, int],
        contexts: Sequence[tuple[str, Sequence[str]]],
        called_ae: str | bytes = "MEDIAKIT",
        calling_ae: str | bytes = "RAWSCU",
        user_items: bytes = b"",
    ) -> None:
        """`user_items` are bytes of further items of the request; `answered` are those of the acceptance."""
        self.socket = socket.create_connection(address, timeout=20)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        body = pack(">HH16s16s32x", 1, 0, _title(called_ae), _title(calling_ae))
        body += _item(0x10, CONTEXT_NAME.encode())
        for index, (sop_class, syntaxes) in enumerate(contexts):
            inner = _item(0x30, sop_class.encode()) + b"".join(_item(0x40, one.encode()) for one in syntaxes)
            body += _item(0x20, bytes((2 * index + 1, 0, 0, 0)) + inner)
        body += _item(0x50, _item(0x51, pack(">I", 16384)) + _item(0x52, b"1.2.3.4") + user_items)
        try:
            self.send_pdu(1, body)
            kind, answer = self.read_pdu()
            if kind != 2:
                raise Ended(f"PDU {kind:02X}: {answer.hex()}")
        except (Ended, OSError):
            self.socket.close()
            raise
        self.accepted = dict(_results(answer[68:]))
        user = next((value for kind, value in items(answer[68:]) if kind == 0x50), b"")
        self.answered = list(items(user))

    def __enter__(self) -> RawScu:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError, Ended):
            if kind is None:
                self.send_pdu(5, bytes(4))
                self.read_pdu()
        self.socket.close()

    def store(self, sop_class: str, sop_instance: str, data_set: bytes, context: int = 1) -> int:
        """Send one instance in fragments; return the status. Raises Ended without one."""
        self.command(store_request(sop_class, sop_instance), context)
        fragments = [data_set[at : at + 16000] for at in range(0, len(data_set), 16000)] or [b""]
        for fragment in fragments[:-1]:
            self.fragment(fragment, 0, context)
        self.fragment(fragments[-1], 2, context)
        return self.status()

    def command(self, command: bytes, context: int = 1) -> None:
        """Send a whole command set."""
        self.fragment(command, 3, context)

    def fragment(self, content: bytes, flags: int, context: int = 1) -> None:
        """Send one fragment: flags 0 data, 2 last of data, 3 whole command."""
        self.send_pdu(4, pack(">IBB", len(content) + 2, context, flags) + content)

    def status(self) -> int:
        """Return the status of the next response. Raises Ended."""
        kind, body = self.read_pdu()
        if kind != 4:
            raise Ended(f"PDU {kind:02X}")
        at = body.index(pack("<HHI", 0, 0x0900, 2))
        status: int = unpack("<H", body[at + 8 : at + 10])[0]
        return status

    def send_pdu(self, kind: int, body: bytes) -> None:
        """Send a PDU. Raises Ended when the peer takes no more."""
        try:
            self.socket.sendall(pack(">BBI", kind, 0, len(body)) + body)
        except ConnectionError as exc:
            raise Ended("reset") from exc

    def read_pdu(self) -> tuple[int, bytes]:
        """Return the next PDU. Raises Ended."""
        kind, _, length = unpack(">BBI", self._read(6))
        return kind, self._read(length)

    def _read(self, count: int) -> bytes:
        read = b""
        while len(read) < count:
            try:
                part = self.socket.recv(count - len(read))
            except ConnectionError as exc:
                raise Ended("reset") from exc
            if not part:
                raise Ended("closed")
            read += part
        return read


def store_request(sop_class: str, sop_instance: str, *, field: int = 1, data_set_type: int = 0) -> bytes:
    """Return the command set of a C-STORE request; `field` makes another command of it."""

    def short(tag: int, value: int) -> bytes:
        return element(tag, "US", pack("<H", value), implicit=True)

    rest = (
        element(0x00000002, "UI", even(sop_class, b"\0"), implicit=True)
        + short(0x00000100, field)
        + short(0x00000110, 7)
        + short(0x00000700, 0)
        + short(0x00000800, data_set_type)
        + element(0x00001000, "UI", even(sop_instance, b"\0"), implicit=True)
    )
    return element(0x00000000, "UL", pack("<I", len(rest)), implicit=True) + rest


def _title(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.ljust(16).encode()


def _item(kind: int, value: bytes) -> bytes:
    return pack(">BBH", kind, 0, len(value)) + value


def _results(body: bytes) -> Sequence[tuple[int, str | None]]:
    """Return by context id the transfer syntax, None when the context was not accepted."""
    found: list[tuple[int, str | None]] = []
    at = 0
    while at + 4 <= len(body):
        kind, _, length = unpack(">BBH", body[at : at + 4])
        if kind == 0x21:
            context, _, result = body[at + 4 : at + 7]
            syntax = body[at + 12 : at + 4 + length].decode("ascii").rstrip("\0")
            found.append((context, syntax if result == 0 else None))
        at += 4 + length
    return found
