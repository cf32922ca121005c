"""A Storage SCP that does what a script says, right or wrong, for tests of what sends to it.

It has a parser of its own, of `struct` alone, so that an error of our codec is not cancelled out by itself.
`with FaultScp(Script(...)) as scp:` listens on 127.0.0.1 at `scp.port`, a thread for each connection; it ends
them all. `scp.received` are the instances that came whole, with the status that was answered (None: none).
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tests.support.fault_bytes import (
    GARBAGE,
    HUGE,
    Connection,
    End,
    Incoming,
    abort,
    answers,
    command_values,
    data_pdu,
    general_classes,
    is_stored,
    item_of,
    items,
    pdvs,
    response,
)
from tests.support.fault_script import AtConnection, AtInstance, Script

GOODBYE_S = 2.0
STALL_S = 60.0  # the longest that a thread waits for the end of the test


@dataclass(frozen=True, kw_only=True)
class Received:
    """One instance that came whole."""

    uid: str
    sop_class: str
    transfer_syntax: str
    sha256: str
    size: int
    status: int | None
    association: int


class FaultScp:
    """The server. `ended` tells how each association ended: "release", "abort", "closed" or "by-us".

    `cut` are the associations that were open when it died by its script.
    """

    def __init__(self, script: Script | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.script = script or Script()
        self.received: list[Received] = []
        self.ended: list[str] = []
        self.cut: frozenset[int] = frozenset()
        self.proposed: list[dict[int, tuple[str, tuple[str, ...]]]] = []
        self.called: list[tuple[str, str]] = []
        self.user_items: list[list[tuple[int, bytes]]] = []
        self.echoes = 0
        self.most_held = 0  # answers to one association that were held back at once
        self.odd_fragments = 0
        self.longest_seen = 0  # the longest P-DATA-TF behind its header, in bytes
        self.port = 0  # a free one, unless it is set before it listens
        self._tls = tls
        self._alive: set[int] = set()
        self._begun = 0
        self._rejected = 0
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._dead = threading.Event()
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []
        self._listener = socket.socket()

    def __enter__(self) -> Self:
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        if self.script.at_connection is AtConnection.NOT_LISTENING:
            self._listener.close()
            return self
        self._listener.listen(64)
        self._start(self._accept_all)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._end([self._listener])
        for thread in self._threads:
            thread.join(GOODBYE_S)  # what was sent last is still to be read
        self.die()
        for thread in self._threads:
            thread.join(STALL_S)

    @property
    def stored(self) -> list[str]:
        """Return the UIDs that came whole, in their order; one that came twice stands twice."""
        return [one.uid for one in self.received]

    @property
    def acknowledged(self) -> list[str]:
        """Return the UIDs that were answered as stored."""
        return [one.uid for one in self.received if one.status is not None and is_stored(one.status)]

    def die(self) -> None:
        """Listen no more, and end all connections."""
        is_first = not self._over.is_set()
        self._over.set()
        self._end([self._listener])
        if is_first:
            self.cut = frozenset(self._alive)
        self._end(self._open)
        self._dead.set()

    def _end(self, sockets: list[socket.socket]) -> None:
        for sock in sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            with contextlib.suppress(OSError):
                sock.close()

    def _start(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept_all(self) -> None:
        number = 0
        while not self._over.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(sock)
            self._start(self._serve, sock, number)
            number += 1

    def _serve(self, sock: socket.socket, number: int) -> None:
        how = "closed"
        self._alive.add(number)
        try:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_side=True)
                self._open.append(sock)
            how = self._talk(Connection(sock, number))
        except End:
            how = "closed"
        except OSError:
            how = "closed"
        finally:
            with self._lock:
                self.ended.append(how)
                self._alive.discard(number)
            with contextlib.suppress(OSError):
                sock.close()

    def _stall(self) -> None:
        self._over.wait(STALL_S)

    # Associations.

    def _talk(self, link: Connection) -> str:
        at = self.script.at_connection
        if at in {AtConnection.CLOSE, AtConnection.SILENT}:
            if at is AtConnection.SILENT:
                self._stall()
            return "by-us"
        kind, body = link.read_pdu()
        if kind != 1:
            return "closed"
        if at not in {AtConnection.NOTHING, AtConnection.DRIP, AtConnection.HALF_ANSWER}:
            return self._wrong_answer(link, at)
        answer = self._associate(link, body)
        if answer[0] == 3:
            link.sock.sendall(answer)
            return "rejected"
        if at is AtConnection.HALF_ANSWER:
            link.sock.sendall(answer[: len(answer) // 2])
            return "by-us"
        if at is AtConnection.DRIP:
            link.drip(answer)
        else:
            link.sock.sendall(answer)
        return self._converse(link)

    def _wrong_answer(self, link: Connection, at: AtConnection) -> str:
        if at is AtConnection.STALL:
            self._stall()
            return "by-us"
        link.sock.sendall(
            {AtConnection.ABORT: abort(2, 1), AtConnection.GARBAGE: GARBAGE, AtConnection.HUGE_PDU: HUGE}[at]
        )
        if at is not AtConnection.ABORT:
            self._stall_until_closed(link)
        return "by-us"

    def _stall_until_closed(self, link: Connection) -> None:
        with contextlib.suppress(OSError):
            while link.sock.recv(4096):
                pass

    def _associate(self, link: Connection, body: bytes) -> bytes:
        called, calling = body[4:20].decode().strip(), body[20:36].decode().strip()
        contexts: dict[int, tuple[str, tuple[str, ...]]] = {}
        user_items: list[tuple[int, bytes]] = []
        for item, value in items(body[68:]):
            if item == 0x20:
                names = [(kind, name.decode()) for kind, name in items(value[4:])]
                abstract = next(name for kind, name in names if kind == 0x30)
                contexts[value[0]] = (abstract, tuple(name for kind, name in names if kind == 0x40))
            elif item == 0x50:
                user_items = list(items(value))
                link.longest_pdu = next(
                    struct.unpack(">I", part)[0] for kind, part in user_items if kind == 0x51
                )
        with self._lock:
            self.called.append((called, calling))
            self.user_items.append(user_items)
            self.proposed.append(contexts)
            if self.script.reject and self._rejected < (self.script.reject_times or 1_000_000):
                self._rejected += 1
                return struct.pack(">BxI4B", 3, 4, 0, *self.script.reject)
        return self._acceptance(link, body[4:36], contexts)

    def _acceptance(
        self, link: Connection, titles: bytes, contexts: dict[int, tuple[str, tuple[str, ...]]]
    ) -> bytes:
        parts = [struct.pack(">Hxx", 1), titles, bytes(32), item_of(0x10, b"1.2.840.10008.3.1.1.1")]
        related = general_classes(self.user_items[-1]) if self.script.takes_related else {}
        for context_id, (abstract, syntaxes) in contexts.items():
            result, chosen = self._judge(abstract, syntaxes)
            if result == 3 and related.get(abstract, set()) & (self.script.classes or frozenset()):
                result, chosen = 0, syntaxes[0]
            if result == 0:
                link.contexts[context_id] = (abstract, chosen)
            inner = bytes((context_id, 0, result, 0)) + item_of(0x40, chosen.encode())
            parts.append(item_of(0x21, inner))
        user = item_of(0x51, struct.pack(">I", self.script.longest_pdu)) + item_of(0x52, b"1.2.3.4")
        user += self.script.user_items
        body = b"".join((*parts, self.script.context_items, item_of(0x50, user)))
        return struct.pack(">BxI", 2, len(body)) + body

    def _judge(self, abstract: str, syntaxes: tuple[str, ...]) -> tuple[int, str]:
        script = self.script
        if script.classes is not None and abstract not in script.classes:
            return 3, syntaxes[0]
        for syntax in syntaxes:
            if script.syntaxes is None or syntax in script.syntaxes:
                return 0, syntax
        return 4, syntaxes[0]

    def _converse(self, link: Connection) -> str:
        message = Incoming()
        while True:
            kind, body = self._next_pdu(link, message)
            if kind == 5:
                return self._release(link)
            if kind == 7:
                return "abort"
            if kind != 4:
                link.sock.sendall(abort(2, 2))
                return "by-us"
            self.longest_seen = max(self.longest_seen, len(body))
            for context_id, control, data in pdvs(body):
                how = self._fragment(link, message, context_id, (control, data))
                if how:
                    return how

    def _next_pdu(self, link: Connection, message: Incoming) -> tuple[int, bytes]:
        if message.fault is AtInstance.CLOSE_IN_PDU and message.command:
            link.read(20)
            raise End
        if link.held and link.is_quiet():
            link.let_go()
        return link.read_pdu()

    def _release(self, link: Connection) -> str:
        if self.script.stalls_on_release:
            self._stall()
            return "by-us"
        if self.script.collides_on_release:
            link.sock.sendall(struct.pack(">BxI4x", 5, 4))
            if link.read_pdu()[0] != 6:
                return "by-us"
        link.sock.sendall(struct.pack(">BxI4x", 6, 4))
        return "release"

    # Messages.

    def _fragment(
        self, link: Connection, message: Incoming, context_id: int, fragment: tuple[int, bytes]
    ) -> str:
        control, data = fragment
        message.context_id = context_id
        if control & 1:
            message.command += data
            return self._command(link, message) if control & 2 else ""
        message.digest.update(data)
        self.odd_fragments += len(data) % 2
        message.size += len(data)
        if message.fault in _IN_DATA and not control & 2:
            return self._end_in_data(link, message)
        return self._complete(link, message) if control & 2 else ""

    def _command(self, link: Connection, message: Incoming) -> str:
        message.values = command_values(message.command)
        if message.field == 0x0030:
            self.echoes += 1
            link.sock.sendall(data_pdu(message.context_id, 3, response(message, 0x8030, 0)))
            message.clear()
            return ""
        with self._lock:
            message.number, self._begun = self._begun, self._begun + 1
        message.fault = self.script.faults.get(message.number)
        message.status = self.script.status_of(message.number, message.uid)
        return self._after_command(link, message)

    def _after_command(self, link: Connection, message: Incoming) -> str:
        if message.fault is AtInstance.DEAF:
            self._stall()
            return "by-us"
        if message.fault in {AtInstance.FLOOD, AtInstance.ANSWERS}:
            flood = data_pdu(message.context_id, 1, bytes(1000))
            if message.fault is AtInstance.ANSWERS:
                flood = data_pdu(message.context_id, 3, response(message, 0x8001, message.status))
            while not self._over.is_set():
                link.sock.sendall(flood)
            return "by-us"
        if message.fault in {AtInstance.EARLY, AtInstance.EARLY_AND_DEAF, AtInstance.EARLY_AND_CLOSE}:
            link.sock.sendall(data_pdu(message.context_id, 3, response(message, 0x8001, message.status)))
            if message.fault is AtInstance.EARLY_AND_DEAF:
                self._stall()
            return "" if message.fault is AtInstance.EARLY else "by-us"
        return ""

    def _end_in_data(self, link: Connection, message: Incoming) -> str:
        if message.fault is AtInstance.ABORT_IN_DATA:
            link.sock.sendall(abort(0, 0))
        elif message.fault is AtInstance.RESET_IN_DATA:
            link.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return "by-us"

    def _complete(self, link: Connection, message: Incoming) -> str:
        is_silent = message.fault in _NO_ANSWER
        one = Received(
            uid=message.uid,
            sop_class=message.sop_class,
            transfer_syntax=link.contexts.get(message.context_id, ("", ""))[1],
            sha256=message.digest.hexdigest(),
            size=message.size,
            status=None if is_silent else message.status,
            association=link.number,
        )
        with self._lock:
            self.received.append(one)
        how = self._answer(link, message)
        if self.script.dies_after is not None and message.number + 1 >= self.script.dies_after:
            self.die()
            return "by-us"
        message.clear()
        return how

    def _answer(self, link: Connection, message: Incoming) -> str:
        fault, send = message.fault, link.sock.sendall
        if fault is AtInstance.EARLY:
            return ""
        if fault is AtInstance.STALL:
            self._stall()
            return "by-us"
        if fault is AtInstance.TINY_FRAGMENTS:
            answer = response(message, 0x8001, message.status, self.script.comment)
            tiny = [
                data_pdu(message.context_id, 3 if at == len(answer) - 1 else 1, answer[at : at + 1])
                for at in range(len(answer))
            ]
            link.drip(b"".join(tiny))
            return ""
        answer = b"".join(answers(message, self.script.comment))
        if self.script.held > 1 and fault is None:
            link.hold(answer, self.script.held)
            self.most_held = max(self.most_held, link.most_held)
        else:
            send(answer)
        if fault in {AtInstance.GARBAGE, AtInstance.HUGE_PDU}:
            self._stall_until_closed(link)
        return "by-us" if fault in _ENDING else ""


_IN_DATA = {AtInstance.CLOSE_IN_DATA, AtInstance.RESET_IN_DATA, AtInstance.ABORT_IN_DATA}
_ENDING = {
    AtInstance.CLOSE_BEFORE_ANSWER,
    AtInstance.CLOSE_AFTER,
    AtInstance.HALF_ANSWER,
    AtInstance.ABORT,
    AtInstance.GARBAGE,
    AtInstance.HUGE_PDU,
}
_NO_ANSWER = _ENDING - {AtInstance.CLOSE_AFTER} | {
    AtInstance.STALL,
    AtInstance.RELEASE,
    AtInstance.WRONG_CONTEXT,
    AtInstance.WRONG_MESSAGE_ID,
    AtInstance.OTHER_CONTEXT,
    AtInstance.OTHER_INSTANCE,
    AtInstance.OTHER_CLASS,
    AtInstance.OTHER_COMMAND,
    AtInstance.REQUEST,
}
