"""A server of associations that no peer can hold up: that of pynetdicom, with bounds on what it reads.

Connections are counted before a thread is given to one, and the oldest of those that have asked for
nothing makes room for the next one, so that whoever connects and waits keeps nobody out. TLS handshakes
do not hold up the others, no PDU is larger than may be, every read and write has a timeout, and what an
association leaves is cleared up.
"""

from __future__ import annotations

import socket
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from socketserver import BaseServer
from threading import Lock, Thread
from time import monotonic, sleep
from typing import Any

from pynetdicom import evt
from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association
from pynetdicom.events import Event, EventHandlerType
from pynetdicom.presentation import PresentationContext
from pynetdicom.transport import ThreadedAssociationServer

from mediakit.errors import UsageError
from mediakit.scp.bounds import MAXIMUM_PDU_BYTES, bind
from mediakit.scp.instance_store import InstanceStore
from mediakit.scp.message_provider import MessageProvider

_TURN_S = 0.2
_ENDED = "Sta13"  # PS3.8 9.2.1
_END_S = 10.0  # for the threads of an aborted association


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """Where and as whom to listen, and for how many at once. Port 0 takes a free one."""

    ae_title: str
    host: str = "127.0.0.1"
    port: int = 0
    requires_called_ae: bool = False
    most_associations: int = 10
    network_timeout_s: float = 60.0
    association_timeout_s: float = 30.0


class Server:
    """Listens in threads of its own from `start` to `stop`."""

    def __init__(
        self,
        listening: Listening,
        handlers: Sequence[EventHandlerType],
        contexts: Sequence[PresentationContext],
        ssl_context: ssl.SSLContext | None = None,
        instance_store: InstanceStore | None = None,
    ) -> None:
        """`instance_store` is where C-STORE requests go."""
        self._instance_store = instance_store
        self._listening = listening
        self._handlers = [*handlers, (evt.EVT_CONN_OPEN, self._opened), (evt.EVT_CONN_CLOSE, _closed)]
        self._contexts = list(contexts)
        self._ssl_context = ssl_context
        self._lock = Lock()
        self._open: list[tuple[Association, socket.socket]] = []
        self._thread: Thread | None = None
        self._server: _BoundedServer | None = None
        self.opened: Callable[[Association], None] = _nothing  # a connection was made
        self.ended: Callable[[Association], None] = _nothing  # its association is over, whatever it was

    def start(self) -> tuple[str, int]:
        """Listen; return the address. Raises UsageError when that is not possible."""
        listening = self._listening
        entity = _Entity(ae_title=listening.ae_title)
        entity.require_called_aet = listening.requires_called_ae
        entity.maximum_associations = listening.most_associations
        entity.maximum_pdu_size = MAXIMUM_PDU_BYTES
        entity.network_timeout = listening.network_timeout_s
        entity.dimse_timeout = listening.network_timeout_s
        entity.acse_timeout = listening.association_timeout_s
        try:
            server = _BoundedServer(
                entity,
                (listening.host, listening.port),
                listening.ae_title,
                self._contexts,
                evt_handlers=self._handlers,
            )
        except OSError as exc:
            where = f"{listening.host}:{listening.port}"
            why = exc.strerror or str(exc) or type(exc).__name__
            raise UsageError("cannot listen there", where=where, why=why) from exc
        server.tls = self._ssl_context
        server.most_connections = 2 * listening.most_associations + 10
        server.each_turn = self._clear_up
        self._server = server
        self._thread = Thread(target=server.serve_forever, args=(_TURN_S,), name="mediakit-scp", daemon=True)
        self._thread.start()
        host, port = server.server_address[:2]
        return str(host), int(port)

    def stop(self, grace_s: float) -> None:
        """Take no more connections, let open associations go on for a while, abort the rest."""
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._wait(monotonic() + grace_s)
        for association, _ in self._still_open():
            association.abort()
        self._wait(monotonic() + _END_S)
        self._server = None

    @property
    def is_busy(self) -> bool:
        """Return True while there are associations, or what is left of them has not been cleared up."""
        return bool(self._still_open())

    def _wait(self, until: float) -> None:
        self._clear_up()
        while self._still_open() and monotonic() < until:
            sleep(0.02)
            self._clear_up()

    def _still_open(self) -> list[tuple[Association, socket.socket]]:
        with self._lock:
            return list(self._open)

    def _opened(self, event: Event) -> None:
        association = event.assoc
        receiver = MessageProvider(association, self._instance_store)
        plain = bind(association, receiver, self._listening.network_timeout_s)
        if plain is None:
            return
        self.opened(association)
        with self._lock:
            self._open.append((association, plain))

    def _clear_up(self) -> None:
        """Close what associations have left, and tell that they are over."""
        for association, _ in self._still_open():
            if _is_dead(association):
                _give_up(association)
        with self._lock:
            over = [one for one in self._open if one[0].ident is not None and not one[0].is_alive()]
            self._open = [one for one in self._open if one not in over]
        for association, plain in over:
            association.dul.kill_dul()
            with suppress(OSError):
                plain.close()
            if isinstance(association.dimse, MessageProvider):
                association.dimse.discard()
            self.ended(association)


def _closed(event: Event) -> None:
    """Free the place of a connection at once when it is closed."""
    _give_up(event.assoc)


def _is_dead(association: Association) -> bool:
    """Return True when nothing more can come: the thread that reads has ended, or only reads what is left."""
    reading = association.dul
    if reading.ident is None:
        return False
    return not reading.is_alive() or reading.state_machine.current_state == _ENDED


def _is_waiting(association: Association) -> bool:
    """Return True for a connection on which no association has been asked for yet."""
    return association.requestor.primitive is None


def _give_up(association: Association) -> None:
    """End the wait for a request, if there is none yet."""
    if _is_waiting(association):
        association.dul.to_user_queue.put(None)  # as when none came in time


def _nothing(_association: Association) -> None:
    pass


def _cut_off(association: Association) -> None:
    """End a connection; the thread that reads it sees it closed."""
    wrapper = association.dul.socket
    plain = None if wrapper is None else wrapper.socket
    if plain is not None:
        with suppress(OSError):
            plain.shutdown(socket.SHUT_RDWR)


class _Entity(ApplicationEntity):
    """An entity whose associations are those that were asked for and are not over."""

    @property
    def active_associations(self) -> list[Association]:
        """Return what counts for the limit: neither connections that wait, nor what has ended."""
        return [
            each
            for each in super().active_associations
            if not (_is_waiting(each) or each.is_released or each.is_aborted or each.is_rejected)
        ]


class _BoundedServer(ThreadedAssociationServer):
    """pynetdicom's server with the bounds that the module describes."""

    daemon_threads = True
    request_queue_size = 32
    tls: ssl.SSLContext | None = None
    most_connections = (
        30  # without those that have been given up and end just now, which are never more than these
    )
    each_turn: Callable[[], None] = staticmethod(lambda: None)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._lock = Lock()
        self._shaking: deque[ssl.SSLSocket] = deque()  # their TLS handshake is under way, the oldest first
        self._given_up: set[Association] = set()
        super().__init__(*args, **kwargs)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Take a connection; its TLS handshake is left to the thread that it gets."""
        if self.socket is None:
            raise OSError("the server is closed")
        plain, address = self.socket.accept()
        plain.settimeout(self.ae.network_timeout)
        if self.tls is not None:
            try:
                plain = self.tls.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
            except OSError:
                plain.close()
                raise
        return plain, address

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ARG002 - given by the library
        """Return False when there are too many connections already, and all of them are in use."""
        there = self.active_associations
        self._given_up &= set(there)
        in_use = [each for each in there if each not in self._given_up]
        if len(there) >= 2 * self.most_connections:
            return False
        if len(in_use) < self.most_connections:
            return True
        oldest = next((each for each in in_use if _is_waiting(each)), None)
        if oldest is None:
            return False
        self._given_up.add(oldest)
        _cut_off(oldest)
        return True

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Make an association of a connection, in a thread of its own."""
        if isinstance(request, ssl.SSLSocket):
            self._shake_hands(request)
        super().finish_request(request, client_address)

    def _shake_hands(self, request: ssl.SSLSocket) -> None:
        """Wait for the TLS handshake; when too many wait for theirs, the oldest connection is closed."""
        with self._lock:
            self._shaking.append(request)
            oldest = self._shaking.popleft() if len(self._shaking) > self.most_connections else None
        if oldest is not None:
            with suppress(OSError):
                oldest.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits for it
        try:
            request.do_handshake()
        finally:
            with self._lock, suppress(ValueError):
                self._shaking.remove(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing for a connection that failed."""

    def service_actions(self) -> None:
        """Clear up, some times a second."""
        super().service_actions()
        self.each_turn()

    def shutdown(self) -> None:
        """End `serve_forever`."""
        BaseServer.shutdown(self)
