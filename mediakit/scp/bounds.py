"""Bounds on what pynetdicom reads from a connection that we have opened with it.

A PDU is never larger than may be, and comes whole within a time. What an association puts together is bounded
by its `MessageProvider`. Its threads print nothing on standard error when they end, whatever a peer sends.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Any

from pynetdicom import _config as pynetdicom_config
from pynetdicom.association import Association
from pynetdicom.dul import DULServiceProvider

from mediakit.network.associate import with_known_items
from mediakit.network.pdu import ASSOCIATE_AC, ASSOCIATE_RQ, HEADER_BYTES
from mediakit.scp.message_provider import MessageProvider

# What the library would log has the passcodes of user identities in it, and fails over bytes without text.
pynetdicom_config.LOG_HANDLER_LEVEL = "none"

_MOST_PDU_BYTES = 1 << 20  # what is read: 128 presentation contexts with all their syntaxes are a third of it
_PART_BYTES = 1 << 18
_MOST_LEFT_BYTES = 1 << 20  # read behind the end, so that the peer hears of it and is not just cut off
_ENDED = "Sta13"  # PS3.8 9.2.1: no association any more, the connection is to be closed
_QUICKACK = getattr(socket, "TCP_QUICKACK", None)  # Linux


def bind(association: Association, receiver: MessageProvider, patience_s: float) -> socket.socket | None:
    """Put bounds on what is read from a connection that has just opened; return its socket, if it has one.

    `patience_s` is how long one PDU may take, and any single send.
    """
    if not isinstance(threading.excepthook, _Hook):
        threading.excepthook = _Hook(threading.excepthook)
    wrapper = association.dul.socket
    if wrapper is None or wrapper.socket is None:
        return None
    plain = wrapper.socket
    plain.settimeout(patience_s)
    with suppress(OSError):
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    machine = association.dul.state_machine
    wrapper.recv = Reader(plain, patience_s, lambda: machine.current_state == _ENDED)  # type: ignore[method-assign]  # the library's own has no bound
    association.dimse = receiver
    association._reactor_checkpoint = Checkpoint()  # noqa: SLF001 - the library has no door for it
    association.__class__ = BoundAssociation
    return plain


class Checkpoint(threading.Event):
    """Where the thread of an association stops while somebody else waits for an answer on it."""

    def __init__(self) -> None:
        super().__init__()
        self.holds = False  # the thread has stopped here
        self._passing = threading.Lock()
        self.set()  # as that of the library: nobody waits yet

    def clear(self) -> None:
        """Let the thread stop here; it has when `holds` is true from now on."""
        with self._passing:
            super().clear()

    def wait(self, timeout: float | None = None) -> bool:
        """Stop until nobody waits any more."""
        while True:
            with self._passing:
                self.holds = not self.is_set()
                if not self.holds:
                    return True
            if not super().wait(timeout) and timeout is not None:
                return False


class BoundAssociation(Association):
    """An association whose thread is paused when it really has stopped, or has ended.

    The library keeps a flag for that, which it sets before the thread has looked whether it is to stop: the
    thread could pass by and take the answer away, "unexpected", from whoever waits for it. And it clears the
    flag when it has served a report on storage commitment, in another thread: whoever asked next waited for
    ever. The flag is not used here.
    """

    @property
    def _is_paused(self) -> bool:
        checkpoint = self._reactor_checkpoint
        stopped = isinstance(checkpoint, Checkpoint) and checkpoint.holds
        return stopped or not self.is_alive() or threading.current_thread() is self

    @_is_paused.setter
    def _is_paused(self, value: bool) -> None:
        pass


class Reader:
    """Reads whole PDUs from a socket; one that is larger than may be counts as a closed connection.

    So does what comes without end when the association `has_ended`: the library would read and drop it for
    as long as its timer runs.
    """

    def __init__(self, plain: socket.socket, patience_s: float, has_ended: Callable[[], bool]) -> None:
        self._plain = plain
        self._patience_s = patience_s
        self._has_ended = has_ended
        self._left = _MOST_LEFT_BYTES
        self._body = bytearray()  # of an A-ASSOCIATE PDU whose header was asked for

    def __call__(self, nr_bytes: int) -> bytearray:
        """Return that many bytes, or fewer when the connection ends. Raises OSError when they are late."""
        if self._has_ended():
            self._left -= nr_bytes
        if nr_bytes > _MOST_PDU_BYTES or self._left < 0:
            return bytearray()
        if self._body:
            body, self._body = self._body, bytearray()
            return body
        try:
            read = self._read(nr_bytes)
            if nr_bytes == HEADER_BYTES == len(read) and read[0] in {ASSOCIATE_RQ, ASSOCIATE_AC}:
                read = self._associate(read)
        finally:
            with suppress(OSError):
                self._plain.settimeout(self._patience_s)
        if _QUICKACK is not None:
            with suppress(OSError):  # a sender that holds back small packets waits for this
                self._plain.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
        return read

    def _associate(self, header: bytearray) -> bytearray:
        """Read the body of an A-ASSOCIATE PDU, keep what the library can read, and return its header."""
        length = int.from_bytes(header[2:], "big")
        if not 0 < length <= _MOST_PDU_BYTES:
            return header
        body = self._read(length)
        if len(body) < length:
            return bytearray()
        self._body = bytearray(with_known_items(bytes(body)))
        return header[:2] + len(self._body).to_bytes(4, "big")

    def _read(self, nr_bytes: int) -> bytearray:
        until = monotonic() + self._patience_s
        read = bytearray()
        while len(read) < nr_bytes:
            left = until - monotonic()
            if left <= 0:
                raise TimeoutError("the peer takes too long over a PDU")
            self._plain.settimeout(left)
            part = self._plain.recv(min(nr_bytes - len(read), _PART_BYTES))
            if not part:
                break
            read += part
        return read


class _Hook:
    """Hears of threads that end with an error: those of associations, for what a peer sent, say nothing.

    Whoever waits for what such a thread reads waits no longer.
    """

    def __init__(self, before: Callable[[threading.ExceptHookArgs], Any]) -> None:
        self._before = before

    def __call__(self, args: threading.ExceptHookArgs, /) -> None:
        if isinstance(args.thread, DULServiceProvider):
            args.thread.to_user_queue.put(None)  # as when nothing came in time
        elif not isinstance(args.thread, Association):
            self._before(args)
