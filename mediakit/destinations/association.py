"""An association by pynetdicom, for what is not storage: opened, ended and explained when there is none.

Loaded on use: pynetdicom takes long to import. Every wait is bounded by the timeouts of the peer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from pynetdicom import _config as pynetdicom_config
from pynetdicom.association import Association
from pynetdicom.events import EventHandlerType
from pynetdicom.pdu_primitives import A_ASSOCIATE
from pynetdicom.presentation import build_context

from mediakit.destinations.base import Context, Unreachable
from mediakit.destinations.connection import rejected
from mediakit.destinations.dial import dial
from mediakit.destinations.peer import Peer
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
        handlers=handlers,
    )
    with ExitStack() as stack:
        try:
            link = stack.enter_context(requested(dial(peer), request))
        except OSError as exc:
            raise _no_association(peer) from exc
        if not link.is_established:
            raise _explained(link, peer)
        yield link


def _explained(link: Association, peer: Peer) -> Unreachable:
    """Return why there is no association."""
    answer = link.acceptor.primitive
    if link.is_rejected and isinstance(answer, A_ASSOCIATE):
        codes = (answer.result, answer.result_source, answer.diagnostic)
        return rejected(str(peer), *(code or 0 for code in codes))
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
