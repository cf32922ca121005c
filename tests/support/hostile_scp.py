"""An SCP of bytes that takes any association and then does what a test wants, whatever is asked of it."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable

from tests.support.fault_bytes import Connection, Incoming, data_pdu, response
from tests.support.fault_scp import FaultScp
from tests.support.fault_script import Script

PATIENCE_S = 1.0  # when nothing can be sent for so long, the other side reads no more
C_FIND_RESPONSE = 0x8020
PENDING = 0xFF00

Misbehaviour = Callable[["HostileScp", Connection, Incoming], None]


class HostileScp(FaultScp):
    """`sent` counts the bytes that got away; `misbehave` is called when a whole command has come."""

    def __init__(self, misbehave: Misbehaviour, script: Script | None = None) -> None:
        super().__init__(script)
        self.sent = 0
        self.is_held = False
        self._misbehave = misbehave

    @property
    def is_over(self) -> bool:
        return self._over.is_set()

    def send(self, link: Connection, data: bytes) -> None:
        """Send bytes and count them. Raises OSError when the other side has ended the connection.

        `is_held` tells when the other side reads nothing for a while.
        """
        link.sock.settimeout(PATIENCE_S)
        while data and not self.is_over:
            try:
                count = link.sock.send(data)
            except TimeoutError:
                self.is_held = True
                continue
            self.sent += count
            data = data[count:]

    def send_without_end(self, link: Connection, data: bytes) -> None:
        """Send the same bytes until the other side has had enough."""
        while not self.is_over:
            self.send(link, data)

    def drip(self, link: Connection, data: bytes) -> None:
        """Send one byte after the other, slowly."""
        for at in range(len(data)):
            self.send(link, data[at : at + 1])
            if self._over.wait(0.02):
                return

    def _after_command(self, link: Connection, message: Incoming) -> str:
        link.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
        message.values.setdefault(0x0002, message.values.get(0x0003, b""))  # N-ACTION asks of a class
        self._misbehave(self, link, message)
        return "by-us"


def match(message: Incoming, identifier: bytes) -> bytes:
    """Return the PDUs of a pending answer to a C-FIND."""
    command = bytearray(response(message, C_FIND_RESPONSE, PENDING))
    at = command.index(struct.pack("<HHI", 0, 0x0800, 2)) + 8
    command[at : at + 2] = b"\x01\x00"  # a data set follows
    return data_pdu(message.context_id, 3, bytes(command)) + data_pdu(message.context_id, 2, identifier)
