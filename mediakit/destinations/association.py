"""An association by pynetdicom, for what is not storage: opened, ended and explained when there is none.

Loaded on use: pynetdicom takes long to import. Every wait is bounded by the timeouts of the peer.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from time import monotonic, sleep

from pynetdicom import _config as pynetdicom_config
from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association
from pynetdicom.events import EVT_CONN_OPEN, Event, EventHandlerType
from pynetdicom.transport import AddressInformation, AssociationSocket

from mediakit.destinations.base import Context, Unreachable
from mediakit.destinations.peer import Peer
from mediakit.destinations.tls import client_context, refused_handshake
from mediakit.scp.bounds import MAXIMUM_PDU_BYTES, bind
from mediakit.scp.receiver import MOST_WAITING, Receiver

# The data sets hold names of patients: they must not reach a log that an application may have set up.
pynetdicom_config.LOG_REQUEST_IDENTIFIERS = False
pynetdicom_config.LOG_RESPONSE_IDENTIFIERS = False

_END_S = 10.0  # for the threads of pynetdicom to end, once the socket is closed
_MOST_ANSWER_BYTES = 4 << 20  # of one message: a report on 1000 instances has some 200 kB
_TURN_S = 0.002


@contextmanager
def association(
    peer: Peer, contexts: Sequence[Context], handlers: Sequence[EventHandlerType] = ()
) -> Iterator[Association]:
    """Open an association on which at least one of these contexts is accepted, and end it in order.

    Raises Unreachable when there is none, UsageError when the files for TLS are of no use.
    """
    entity = _Entity(ae_title=peer.calling_ae)
    entity.connection_timeout = peer.timeouts.connect_s
    entity.maximum_pdu_size = MAXIMUM_PDU_BYTES
    entity.acse_timeout = peer.timeouts.association_s
    entity.dimse_timeout = peer.timeouts.answer_s
    entity.network_timeout = peer.timeouts.answer_s
    for context in contexts:
        entity.add_requested_context(context.sop_class, list(context.transfer_syntaxes))
    link = _associated(entity, peer, handlers)
    try:
        yield link
        link.release()
    finally:
        _end(link)


def _associated(entity: ApplicationEntity, peer: Peer, handlers: Sequence[EventHandlerType]) -> Association:
    tls_args = None if peer.tls is None else (client_context(peer.tls), peer.host)
    heard = [*handlers, (EVT_CONN_OPEN, partial(_opened, patience_s=peer.timeouts.answer_s))]
    try:
        link = entity.associate(
            peer.host, peer.port, ae_title=peer.called_ae, tls_args=tls_args, evt_handlers=heard
        )
    except OSError as exc:
        why = exc.strerror or type(exc).__name__
        raise Unreachable("no connection to the peer", where=str(peer), why=why, is_passing=True) from exc
    if link.is_established:
        return link
    _end(link)
    raise _explained(link, peer)


def _opened(event: Event, *, patience_s: float) -> None:
    """Put bounds on what will be read."""
    answers = _Answers(event.assoc, None, _MOST_ANSWER_BYTES)
    answers.plain = bind(event.assoc, answers, patience_s)


def _explained(link: Association, peer: Peer) -> Unreachable:
    """Return why there is no association."""
    if link.is_rejected:
        return Unreachable(
            "the peer rejected the association",
            where=str(peer),
            hint="check the called AE title, and that the peer knows this AE title and host",
        )
    if link.rejected_contexts:
        return no_context(peer)
    return _connection_failure(peer) or Unreachable(
        "no association with the peer",
        where=str(peer),
        why="it ended the association at once, or did not answer in time",
        is_passing=True,
    )


def no_context(peer: Peer) -> Unreachable:
    """Return what to raise when a peer accepts no presentation context for a service."""
    return Unreachable(
        "the peer does not offer the service",
        where=str(peer),
        why="it accepts no presentation context for it",
        hint="ask whoever runs it to allow the service for this AE title",
    )


def _connection_failure(peer: Peer) -> Unreachable | None:
    """Try again to learn why a connection fails, which pynetdicom does not tell; None when it does not."""
    try:
        plain = socket.create_connection((peer.host, peer.port), timeout=peer.timeouts.connect_s)
    except OSError as exc:
        why = exc.strerror or str(exc) or type(exc).__name__
        return Unreachable("no connection to the peer", where=str(peer), why=why, is_passing=True)
    with plain:
        try:
            if peer.tls is not None:
                client_context(peer.tls).wrap_socket(plain, server_hostname=peer.host).close()
        except OSError as exc:
            return refused_handshake(exc, str(peer))
    return None


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


class _Answers(Receiver):
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
    """A socket that is closed also when it cannot be shut down, and does not hold back small packets."""

    def _create_socket(self, address: AddressInformation) -> socket.socket:
        made = super()._create_socket(address)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def _shutdown_socket(self) -> None:
        if self.socket is not None:
            with suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)
            self.socket.close()


class _Entity(ApplicationEntity):
    """An application entity that makes such sockets."""

    def _create_socket(
        self, assoc: Association, address: AddressInformation, tls_args: tuple[ssl.SSLContext, str] | None
    ) -> AssociationSocket:
        made = _Socket(assoc, address=address)
        made.tls_args = tls_args
        return made
