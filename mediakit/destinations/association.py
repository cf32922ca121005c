"""An association by pynetdicom, for what is not storage: opened, ended and explained when there is none.

Loaded on use: pynetdicom takes long to import. Every wait is bounded by the timeouts of the peer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from pynetdicom import _config as pynetdicom_config
from pynetdicom.association import Association
from pynetdicom.events import EventHandlerType
from pynetdicom.pdu_primitives import A_ASSOCIATE, UserIdentityNegotiation
from pynetdicom.presentation import build_context

from mediakit.destinations.base import Context, Unreachable
from mediakit.destinations.connection import not_confirmed, rejected
from mediakit.destinations.dial import dial
from mediakit.destinations.peer import Peer
from mediakit.network.user_items import IdentityKind
from mediakit.scp.requestor import AssociationRequest, requested

# The data sets hold names of patients: they must not reach a log that an application may have set up.
pynetdicom_config.LOG_REQUEST_IDENTIFIERS = False
pynetdicom_config.LOG_RESPONSE_IDENTIFIERS = False


@contextmanager
def association(
    peer: Peer, contexts: Sequence[Context], handlers: Sequence[EventHandlerType] = ()
) -> Iterator[Association]:
    """Open an association on which at least one of these contexts is accepted, and release it at the end.

    Raises Unreachable when there is none, UsageError when the files for TLS cannot be used.
    """
    request = AssociationRequest(
        calling_ae=peer.calling_ae,
        called_ae=peer.called_ae,
        contexts=[build_context(each.sop_class, list(each.transfer_syntaxes)) for each in contexts],
        association_s=peer.timeouts.association_s,
        answer_s=peer.timeouts.answer_s,
        items=_identity(peer),
        handlers=handlers,
    )
    with ExitStack() as stack:
        try:
            link = stack.enter_context(requested(dial(peer), request))
        except OSError as exc:
            raise _no_association(peer) from exc
        if not link.is_established:
            raise _explained(link, peer)
        _check_identity(link, peer)
        yield link


def _identity(peer: Peer) -> list[UserIdentityNegotiation]:
    """Return who we are there, as the library has it. Raises UsageError."""
    if peer.login is None:
        return []
    identity = peer.login.identity()
    item = UserIdentityNegotiation()
    item.user_identity_type = int(identity.kind)
    item.positive_response_requested = identity.wants_response
    item.primary_field = identity.primary
    item.secondary_field = identity.secondary
    return [item]


def _check_identity(link: Association, peer: Peer) -> None:
    """Raise Unreachable when the peer does not confirm who we are, and should."""
    if peer.login is None or not peer.login.wants_response:
        return
    answer = link.acceptor.user_identity
    is_ticket = peer.login.kind is IdentityKind.KERBEROS
    if answer is None or (is_ticket and not answer.server_response):
        raise not_confirmed(str(peer))


def _explained(link: Association, peer: Peer) -> Unreachable:
    """Return why there is no association."""
    answer = link.acceptor.primitive
    if link.is_rejected and isinstance(answer, A_ASSOCIATE):
        codes = (answer.result or 0, answer.result_source or 0, answer.diagnostic or 0)
        return rejected(str(peer), codes, has_identity=peer.login is not None)
    return no_context(peer) if link.rejected_contexts else _no_association(peer)


def no_context(peer: Peer) -> Unreachable:
    """Return what to raise when a peer accepts no presentation context for a service."""
    return Unreachable(
        "the peer does not offer the service",
        where=str(peer),
        why="it accepts no presentation context for it",
        hint="ask whoever runs it to allow the service for this AE title",
    )


def _no_association(peer: Peer) -> Unreachable:
    return Unreachable(
        "no association with the peer",
        where=str(peer),
        why="it ended the association at once, or did not answer in time",
        is_passing=True,
    )
