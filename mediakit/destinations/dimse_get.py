"""C-GET over our own upper layer: the archive sends its instances back on the association that asks for them.

A data set goes to a part file in the pieces in which it comes, and each instance is answered when it has been
put away. Source: PS3.4 C.4.3, PS3.7 9.1.3.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mediakit.destinations.archive import Hear, Retrieved, joined
from mediakit.destinations.base import Context
from mediakit.destinations.connection import Connection, not_confirmed
from mediakit.destinations.dial import dial
from mediakit.destinations.peer import Peer
from mediakit.destinations.proposing import (
    MOST_CONTEXTS,
    association_request,
    context_ids,
    outcomes,
)
from mediakit.dicom.header import Scanner
from mediakit.dicom.uids import IMPLICIT_VR_LITTLE_ENDIAN, is_image
from mediakit.network.agreement import IdentityOutcome
from mediakit.network.assembly import Message, Requested
from mediakit.network.association import Association
from mediakit.network.message import (
    GET_RSP,
    STORE_RQ,
    Request,
    Response,
    get_request,
    identifier,
    response_to,
    uids_in,
)
from mediakit.network.reasons import Malformed
from mediakit.network.status import is_pending, retrieve_words
from mediakit.network.upper_layer import Received
from mediakit.scp.instance_store import InstanceStore
from mediakit.scp.receiver import Arriving, Claim, StoreAnswer
from mediakit.scp.wire import wire_over
from mediakit.transfer.probed import SYNTAXES

STUDY_ROOT_GET: Final = "1.2.840.10008.5.1.4.1.2.2.3"
_LAST_MESSAGE_ID: Final = 0xFFFF
_NO_SERVICE: Final = frozenset({0x0122, 0x0211})  # SOP Class not supported, unrecognized operation
_FAILED: Final = 0x00080058  # Failed SOP Instance UID List
_WITHOUT_PIXELS: Final = tuple(
    uid for uid in SYNTAXES if uid.startswith("1.2.840.10008.1.2") and ".4." not in uid and uid[-2:] != ".5"
)


class NoGet(Exception):  # noqa: N818 - an answer, caught where another service is tried
    """The archive does not offer C-GET, or takes none of the roles and contexts that it needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sender:
    """A context in which instances come: of which SOP Class, in which transfer syntax."""

    sop_class: str
    transfer_syntax: str


def contexts_for(sop_classes: Sequence[str]) -> tuple[Context, ...]:
    """Return the contexts for instances of these classes, however they are stored there.

    One for each transfer syntax while there is room: with several in one context the archive chooses, and may
    convert.
    """
    if fits(sop_classes):
        return tuple(Context(uid, (syntax,)) for uid in sop_classes for syntax in _syntaxes(uid))
    return tuple(Context(uid, _syntaxes(uid)) for uid in sop_classes)


def fits(sop_classes: Sequence[str]) -> bool:
    """Return True when one association has room for a context for each transfer syntax of these classes."""
    return sum(len(_syntaxes(uid)) for uid in sop_classes) < MOST_CONTEXTS


def _syntaxes(sop_class: str) -> tuple[str, ...]:
    return SYNTAXES if is_image(sop_class) else _WITHOUT_PIXELS


def get(
    peer: Peer,
    requests: Iterable[Mapping[int, str]],
    contexts: Sequence[Context],
    store: InstanceStore,
    hear: Hear,
) -> Retrieved:
    """Ask for what each request names, all on one association, and put away what comes.

    Raises NoGet, Unreachable, Lost, UsageError.
    """
    proposed = (Context(STUDY_ROOT_GET, (IMPLICIT_VR_LITTLE_ENDIAN,)), *contexts)[:MOST_CONTEXTS]
    received = dict.fromkeys(each.sop_class for each in proposed[1:])
    request = association_request(peer, proposed, received)
    association = Association(request, takes_requests=True)
    connection = Connection(wire_over(dial(peer), str(peer)), association, str(peer), peer.timeouts)
    agreement = connection.associate()
    try:
        if agreement.identity is IdentityOutcome.NOT_CONFIRMED:
            raise not_confirmed(str(peer))
        (_, model), *storage = outcomes(proposed, agreement)
        senders = {
            context_id: _Sender(sop_class=context.sop_class, transfer_syntax=chosen)
            for context_id, (context, chosen) in zip(context_ids()[1:], storage, strict=False)
            if isinstance(chosen, str)
        }
        if not isinstance(model, str) or not senders:
            raise NoGet
        retrieval = _Retrieval(connection, senders, peer, store, hear)
        ends = [retrieval.run(message_id, keys) for message_id, keys in enumerate(requests, 1)]
        connection.release()
        return joined("C-GET", ends)
    finally:
        connection.abort()


class _Retrieval:
    """One C-GET. For one thread."""

    def __init__(
        self,
        connection: Connection,
        senders: Mapping[int, _Sender],
        peer: Peer,
        store: InstanceStore,
        hear: Hear,
    ) -> None:
        self._connection = connection
        self._senders = senders
        self._peer = peer
        self._store = store
        self._hear = hear
        self._scanner = Scanner()
        self._message_id = 0

    def run(self, number: int, keys: Mapping[int, str]) -> Retrieved:
        """Ask, and take what comes until the last answer. Raises Lost and NoGet."""
        self._message_id = number % _LAST_MESSAGE_ID + 1
        command = get_request(self._message_id, STUDY_ROOT_GET)
        self._connection.send_first(1, command, identifier(keys), is_last=True)
        while True:
            came = self._connection.heard_next()
            if isinstance(came, Requested):
                self._store_one(came)
            elif isinstance(came, Received):
                response = self._answered(came.message)
                if not is_pending(response.status):
                    return _ended(response, came.message.data_set)
            else:
                raise self._connection.protest("a data set came without a request")

    def _answered(self, message: Message) -> Response:
        response = message.response
        if response.command != GET_RSP or response.message_id != self._message_id:
            raise self._connection.protest("it answered to something that was not asked")
        return response

    def _store_one(self, asked: Requested) -> None:
        """Take one C-STORE request to its end, and answer it."""
        request = asked.request
        if request.command != STORE_RQ or not request.has_data_set:
            raise self._connection.protest(f"it asks for the operation {request.command:04X}H")
        sender = self._senders.get(asked.context_id)
        if sender is None:
            raise self._connection.protest("it sends in a context for which it is not the SCU")
        answer = self._taken(request, sender)
        self._connection.send_command(asked.context_id, response_to(request, answer.status, answer.words))
        self._hear(request.sop_instance, answer)

    def _taken(self, request: Request, sender: _Sender) -> StoreAnswer:
        claim = Claim(
            agreed_class=sender.sop_class,
            sop_class=request.sop_class,
            sop_instance=request.sop_instance,
            transfer_syntax=sender.transfer_syntax,
            calling_ae=self._peer.called_ae,
        )
        arriving = Arriving(self._store, claim)
        try:
            while True:
                piece = self._connection.heard_next()
                if isinstance(piece, Requested | Received):
                    raise self._connection.protest("another message came within a data set")
                arriving.write(piece.data)
                if piece.is_last:
                    break
            return arriving.put_away(self._scanner)
        finally:
            arriving.discard()


def _ended(response: Response, data_set: bytes) -> Retrieved:
    """Return how a C-GET ended. Raises NoGet when it was refused as such."""
    try:
        failed = frozenset(uids_in(data_set, _FAILED)) if data_set else frozenset()
    except Malformed:
        failed = frozenset()
    if response.status in _NO_SERVICE:
        raise NoGet
    words = retrieve_words(response.status)
    if response.comment:
        words = f"{words}: {response.comment}"
    return Retrieved(by="C-GET", failed=failed, words=words)
