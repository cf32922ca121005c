"""An association by pynetdicom, for what is not storage: opened, ended and explained when there is none.

Loaded on use: pynetdicom takes long to import. Every wait is bounded by the timeouts of the peer.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pynetdicom import _config as pynetdicom_config
from pynetdicom.association import Association
from pynetdicom.events import EventHandlerType

from mediakit.destinations.base import Context, Unreachable
from mediakit.destinations.peer import Peer
from mediakit.destinations.tls import client_context, refused_handshake
from mediakit.scp.requestor import Requestor, end

# The data sets hold names of patients: they must not reach a log that an application may have set up.
pynetdicom_config.LOG_REQUEST_IDENTIFIERS = False
pynetdicom_config.LOG_RESPONSE_IDENTIFIERS = False


@contextmanager
def association(
    peer: Peer, contexts: Sequence[Context], handlers: Sequence[EventHandlerType] = ()
) -> Iterator[Association]:
    """Open an association on which at least one of these contexts is accepted, and end it in order.

    Raises Unreachable when there is none, UsageError when the files for TLS are of no use.
    """
    timeouts = peer.timeouts
    entity = Requestor(
        peer.calling_ae,
        connect_s=timeouts.connect_s,
        association_s=timeouts.association_s,
        answer_s=timeouts.answer_s,
    )
    for context in contexts:
        entity.add_requested_context(context.sop_class, list(context.transfer_syntaxes))
    link = _associated(entity, peer, handlers)
    try:
        yield link
        link.release()
    finally:
        end(link)


def _associated(entity: Requestor, peer: Peer, handlers: Sequence[EventHandlerType]) -> Association:
    tls_args = None if peer.tls is None else (client_context(peer.tls), peer.host)
    try:
        link = entity.associate(
            peer.host, peer.port, ae_title=peer.called_ae, tls_args=tls_args, evt_handlers=list(handlers)
        )
    except OSError as exc:
        why = exc.strerror or type(exc).__name__
        raise Unreachable("no connection to the peer", where=str(peer), why=why, is_passing=True) from exc
    if link.is_established:
        return link
    end(link)
    raise _explained(link, peer)


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
