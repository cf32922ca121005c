"""A TCP or TLS connection that carries bytes and waits for nothing without an end. Knows not what they mean.

Small writes go out at once (TCP_NODELAY). Before we wait for more, what came is acknowledged at once
(TCP_QUICKACK, which Linux forgets), unless what we sent meanwhile has done so: one of them missing costs
40 ms an instance.
While a write waits, what arrives is read, so that two sides that both write never wait for each other.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from typing import Final

from mediakit.errors import Lost

Buffer = bytes | memoryview
Heard = Callable[[bytes], None]

_RECEIVE_BYTES: Final = 1 << 17  # a PDU of DCMTK
_MOST_BUFFERS: Final = 512  # of one sendmsg; systems take at least 1024
_QUICKACK: Final = getattr(socket, "TCP_QUICKACK", None)
_HAS_POLL: Final = hasattr(select, "poll")
_LATER = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


def wire_over(sock: socket.socket, where: str) -> Wire:
    """Return a connected socket as a wire; `where` is what errors say."""
    return TlsWire(sock, where) if isinstance(sock, ssl.SSLSocket) else Wire(sock, where)


class Wire:
    """An open connection. For one thread."""

    def __init__(self, sock: socket.socket, where: str) -> None:
        self._sock = sock
        self._where = where
        self._is_cut = False  # a write began and did not come to its end
        self._owes = False  # something came, and nothing has gone out since
        sock.setblocking(False)
        self._poll = select.poll() if _HAS_POLL else None
        if self._poll is not None:
            self._poll.register(sock, select.POLLIN)

    @property
    def is_cut(self) -> bool:
        """Return True when the peer may have got the beginning of a write and not its end."""
        return self._is_cut

    def send(self, buffers: Sequence[Buffer], patience_s: float, heard: Heard | None = None) -> None:
        """Write all buffers; `heard` gets what arrives while the write has to wait, None reads nothing then.

        Raises Lost when the connection ends, or nothing goes on for so many seconds.
        """
        self._is_cut = True
        for start in range(0, len(buffers), _MOST_BUFFERS):
            self._send_some(buffers[start : start + _MOST_BUFFERS], patience_s, heard)
        self._is_cut = False

    def _send_some(self, buffers: Sequence[Buffer], patience_s: float, heard: Heard | None) -> None:
        left = sum(map(len, buffers))
        deadline = 0.0  # 0: the last write took something
        while left:
            try:
                sent = self._write(buffers)
            except _LATER:
                deadline = deadline or time.monotonic() + patience_s
                self._wait_to_write(deadline, heard, patience_s)
                continue
            except OSError as exc:
                if heard is not None:
                    self._hear_last_words(heard)
                raise self._lost(exc) from exc
            left -= sent
            self._owes = False
            deadline = 0.0
            if left:
                buffers = _without(buffers, sent)

    def has_arrived(self) -> bool:
        """Return True when `receive` would not wait, as far as that can be known."""
        return self._has_more() or self._ready(0)

    def receive(self, patience_s: float) -> bytes:
        """Return what arrived, b"" when the peer closed. Raises Lost when nothing comes in time."""
        deadline = time.monotonic() + patience_s
        left_s = patience_s
        self._acknowledge()
        while True:
            if not self._has_more() and not self._ready(left_s):
                raise self._late(patience_s)
            try:
                return self._read()
            except _LATER:  # less than a record of TLS came
                left_s = max(deadline - time.monotonic(), 0)
            except OSError as exc:
                raise self._lost(exc) from exc

    def close(self) -> None:
        """Close; what was written still goes out. Never raises."""
        with contextlib.suppress(OSError, ValueError):
            self._sock.shutdown(socket.SHUT_WR)
        with contextlib.suppress(OSError):
            self._sock.close()

    def cut(self) -> None:
        """End both directions, from any thread; the socket stays to be closed by its own. Never raises."""
        with contextlib.suppress(OSError, ValueError):
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)  # not that of TLS, which is for one thread

    def _write(self, buffers: Sequence[Buffer]) -> int:
        return self._sock.sendmsg(buffers)

    def _read(self) -> bytes:
        self._owes = True
        return self._sock.recv(_RECEIVE_BYTES)

    def _acknowledge(self) -> None:
        """Have acknowledged what came, unless what went out behind it has done so."""
        if self._owes and _QUICKACK is not None:
            with contextlib.suppress(OSError):  # not every system that has the name can do it
                self._sock.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
        self._owes = False

    def _has_more(self) -> bool:
        """Return True when bytes wait that the system does not know of any more."""
        return False

    def _wait_to_write(self, deadline: float, heard: Heard | None, patience_s: float) -> None:
        self._acknowledge()
        left_s = deadline - time.monotonic()
        if left_s <= 0 or not self._ready(left_s, to_write=True, to_read=heard is not None):
            raise self._late(patience_s)
        if heard is None:
            return
        try:
            data = self._read()
        except _LATER:
            return
        except OSError as exc:
            raise self._lost(exc) from exc
        heard(data)

    def _hear_last_words(self, heard: Heard) -> None:
        """Take what the peer said before it broke the connection: an A-ABORT tells more than a reset."""
        with contextlib.suppress(OSError):
            data = self._read()
            if data:
                heard(data)

    def _ready(self, patience_s: float, *, to_write: bool = False, to_read: bool = True) -> bool:
        """Wait until something can be read, or written where asked for; return False when nothing came."""
        if self._poll is None:
            readers, writers = ([self._sock] if wanted else [] for wanted in (to_read, to_write))
            return any(select.select(readers, writers, [], patience_s))
        if not to_write:
            return bool(self._poll.poll(patience_s * 1000))
        self._poll.modify(self._sock, select.POLLOUT | (select.POLLIN if to_read else 0))
        try:
            return bool(self._poll.poll(patience_s * 1000))
        finally:
            self._poll.modify(self._sock, select.POLLIN)

    def _late(self, patience_s: float) -> Lost:
        return Lost("the peer does not answer", where=self._where, why=f"waited {patience_s:g} s")

    def _lost(self, exc: OSError) -> Lost:
        return Lost("the connection broke", where=self._where, why=_why(exc).lower())


class TlsWire(Wire):
    """An open connection under TLS: no gathering write, and bytes may wait inside of it."""

    _sock: ssl.SSLSocket

    def _send_some(self, buffers: Sequence[Buffer], patience_s: float, heard: Heard | None) -> None:
        super()._send_some([b"".join(buffers)], patience_s, heard)

    def _write(self, buffers: Sequence[Buffer]) -> int:
        return self._sock.send(buffers[0])  # the one that _send_some made

    def _has_more(self) -> bool:
        return self._sock.pending() > 0


def _why(exc: OSError) -> str:
    return tls_reason(exc) if isinstance(exc, ssl.SSLError) else exc.strerror or str(exc)


def tls_reason(exc: ssl.SSLError) -> str:
    """Return why TLS failed, without names of OpenSSL; an alert is what the other side says."""
    if isinstance(exc, ssl.SSLEOFError):
        return "the other side ended the connection"
    verified = exc.verify_message if isinstance(exc, ssl.SSLCertVerificationError) else ""
    reason = (exc.reason or "").replace("_", " ").lower()
    version, is_alert, alert = reason.partition(" alert ")
    if is_alert and version.startswith(("tls", "ssl")):
        return f"the other side refuses: {alert}"
    return verified or reason or str(exc)


def _without(buffers: Sequence[Buffer], sent: int) -> Sequence[Buffer]:
    """Return what is left of the buffers after so many bytes went out."""
    for index, buffer in enumerate(buffers):
        if sent < len(buffer):
            return [memoryview(buffer)[sent:], *buffers[index + 1 :]]
        sent -= len(buffer)
    return []
