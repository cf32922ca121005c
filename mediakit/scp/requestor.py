"""Associations that we open with pynetdicom: bounds on what comes back, and an end that leaves nothing.

The one place that opens them: for a query, a request for storage commitment, a report on one. Whoever asks
brings the connection.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from time import monotonic, sleep

from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association
from pynetdicom.events import EVT_CONN_OPEN, Event, EventHandlerType, trigger
from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation, UserIdentityNegotiation
from pynetdicom.presentation import PresentationContext
from pynetdicom.transport import T_CONNECT, AddressInformation, AssociationSocket

from mediakit.scp.bounds import bind
from mediakit.scp.contexts import MAXIMUM_PDU_BYTES
from mediakit.scp.message_provider import MOST_WAITING, MessageProvider

#: Connects to a peer. Raises OSError and what is of `MediakitError`.
Dial = Callable[[], socket.socket]

_MOST_ANSWER_BYTES = 4 << 20  # of one message: a report on 1000 instances has some 200 kB
_TURN_S = 0.002
_END_S = 10.0  # for the threads of pynetdicom to end


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationRequest:
    """Who asks whom for which contexts, and how long to wait, in seconds.

    `association_s` is for the answer to the request, `answer_s` for that to an operation, and for any send.
    `items` are negotiated beside the contexts.
    """

    calling_ae: str
    called_ae: str
    contexts: Sequence[PresentationContext]
    association_s: float
    answer_s: float
    items: Sequence[SCP_SCU_RoleSelectionNegotiation | UserIdentityNegotiation] = ()
    handlers: Sequence[EventHandlerType] = ()


@contextmanager
def requested(connected: socket.socket, request: AssociationRequest) -> Iterator[Association]:
    """Ask for an association over a connection, and give it whether it is established or not.

    It is released when the block ends well and aborted otherwise, and the connection closed. Raises OSError
    on entry when the connection has ended.
    """
    with closing(connected):
        host, port = connected.getpeername()[:2]
        entity = _Requestor(connected, request)
        link = entity.associate(
            host,
            port,
            contexts=list(request.contexts),
            ae_title=request.called_ae,
            ext_neg=list(request.items),
            evt_handlers=list(request.handlers),
        )
        try:
            yield link
            if link.is_established:
                link.release()
        finally:
            _end(link)


class _Requestor(ApplicationEntity):
    """An application entity that opens one association, over a connection that stands already."""

    def __init__(self, connected: socket.socket, request: AssociationRequest) -> None:
        super().__init__(ae_title=request.calling_ae)
        self.maximum_pdu_size = MAXIMUM_PDU_BYTES
        self.acse_timeout = request.association_s
        self.dimse_timeout = request.answer_s
        self.network_timeout = request.answer_s
        self._connected = connected
        self._answer_s = request.answer_s

    def _create_socket(
        self,
        assoc: Association,
        address: AddressInformation,
        tls_args: tuple[ssl.SSLContext, str] | None,  # noqa: ARG002 - the connection has agreed on TLS
    ) -> AssociationSocket:
        assoc.bind(EVT_CONN_OPEN, partial(_opened, patience_s=self._answer_s))
        return _Socket(assoc, address, self._connected)


def _end(link: Association) -> None:
    """End an association that is still open, its socket and its threads."""
    if link.is_established:
        link.abort()
    if link.is_alive():
        link.join(timeout=_END_S)
    plain = link.dimse.plain if isinstance(link.dimse, _Answers) else None
    if plain is None:
        return
    link.dul.kill_dul()
    with suppress(OSError):
        plain.shutdown(socket.SHUT_RDWR)
    link.dul.join(timeout=_END_S)
    plain.close()


def _opened(event: Event, *, patience_s: float) -> None:
    """Put bounds on what will be read."""
    answers = _Answers(event.assoc, _MOST_ANSWER_BYTES)
    answers.plain = bind(event.assoc, answers, patience_s)


class _Answers(MessageProvider):
    """Puts answers together, no faster than they are taken: a peer may give any number of matches.

    `plain` is the socket of the association.
    """

    plain: socket.socket | None = None

    def _has_room(self) -> bool:
        """Wait for room, and let the peer wait with it. False when nobody takes anything any more."""
        until = monotonic() + (self.assoc.network_timeout or 0.0)
        while self.msg_queue.qsize() > MOST_WAITING:
            if not self.dul.to_provider_queue.empty():
                return True  # what we want to say goes first: it may be that we have heard enough
            if monotonic() > until:
                return False
            sleep(_TURN_S)
        return True


class _Socket(AssociationSocket):
    """A socket that is connected already, and is closed also when it cannot be shut down."""

    def __init__(self, assoc: Association, address: AddressInformation, connected: socket.socket) -> None:
        self._connected = connected
        super().__init__(assoc, address=address)

    def connect(self, primitive: T_CONNECT) -> None:
        """Say that the connection stands."""
        self._is_connected = True
        trigger(self.assoc, EVT_CONN_OPEN, {"address": primitive.address_info.as_tuple})
        primitive.result = "Evt2"
        self.provider_queue.put(primitive)
        self._ready.set()

    def _create_socket(self, address: AddressInformation) -> socket.socket:  # noqa: ARG002 - it is bound
        return self._connected

    def _shutdown_socket(self) -> None:
        if self.socket is not None:
            with suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)
            self.socket.close()
