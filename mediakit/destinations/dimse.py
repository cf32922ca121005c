"""A remote SCP reached by C-STORE over our own upper layer (`mediakit.network`): one blocking thread.

The bytes of a data set go from the medium to the socket as they are, in chunks, so that memory stays flat. An
instance that cannot be read to its end is never completed at the peer: the association is aborted instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from mediakit.destinations.base import Chunk, Context, Lost, Meanwhile, Payload, Unreachable, nothing
from mediakit.destinations.connection import Connection
from mediakit.destinations.dial import dial
from mediakit.destinations.peer import Peer
from mediakit.destinations.wire import wire_over
from mediakit.dicom.implementation import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from mediakit.errors import SourceError, UsageError
from mediakit.network.associate import (
    ACCEPTED,
    AssociateAC,
    AssociateRQ,
    ContextResult,
    ProposedContext,
    UserInformation,
)
from mediakit.network.association import Association
from mediakit.network.message import ECHO_RSP, STORE_RSP, VERIFICATION, Response, echo_request, store_request
from mediakit.network.reasons import RejectReason, context_refusal
from mediakit.network.status import StatusKind, meaning
from mediakit.transfer.outgoing import Answer, Outgoing, StatusClass

MOST_CONTEXTS: Final = 128  # their IDs are the odd numbers below 256, PS3.8 9.3.2.2
OUR_LONGEST_PDU: Final = 1 << 20
_IMPLICIT_LITTLE: Final = "1.2.840.10008.1.2"
_DEFLATED: Final = "1.2.840.10008.1.2.1.99"
_LAST_MESSAGE_ID: Final = 0xFFFF
_UID: Final = re.compile(r"[0-9.]{1,64}", re.ASCII)
_STORED: Final = frozenset({StatusKind.SUCCESS, StatusKind.WARNING})


class DimseDestination:
    """A Storage SCP. Opens nothing until asked to."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    @property
    def name(self) -> str:
        """Return how reports name it: "PACS@10.0.0.1:104"."""
        return str(self._peer)

    @property
    def most_contexts(self) -> int:
        """Return how many contexts an association can have."""
        return MOST_CONTEXTS

    def connect(self, contexts: Sequence[Context]) -> DimseSession:
        """Open an association, of at most 128 contexts. Raises Unreachable, UsageError."""
        if not 0 < len(contexts) <= MOST_CONTEXTS:
            raise ValueError(f"an association has 1 to {MOST_CONTEXTS} contexts, not {len(contexts)}")
        request = _request(self._peer, contexts)
        wire = wire_over(dial(self._peer), self.name)
        connection = Connection(wire, Association(request), self.name, self._peer.timeouts)
        return DimseSession(connection, contexts, connection.associate(), self.name)

    def verify(self) -> str:
        """Send a C-ECHO and return what the peer said of itself. Raises Unreachable."""
        session = self.connect((Context(VERIFICATION, (_IMPLICIT_LITTLE,)),))
        try:
            return session.echo()
        except Lost as exc:
            raise Unreachable(
                "no answer to C-ECHO", where=self.name, why=exc.why or exc.what, is_passing=True
            ) from exc
        finally:
            session.close()


class DimseSession:
    """An association. `accepted` says of every context that was proposed what became of it.

    That is the transfer syntax chosen, or why it cannot be used. For one thread.
    """

    def __init__(
        self, connection: Connection, contexts: Sequence[Context], answer: AssociateAC, where: str
    ) -> None:
        self._connection = connection
        self._where = where
        self._message_id = 0
        self._implementation = answer.user.implementation_version
        self.accepted: tuple[tuple[Context, str | RejectReason], ...] = _outcomes(contexts, answer)
        self._context_ids: dict[tuple[str, str], int] = {}
        for context_id, (context, chosen) in zip(_ids(), self.accepted, strict=False):
            if isinstance(chosen, str):
                self._context_ids.setdefault((context.sop_class, chosen), context_id)
        self._takes = _by_class(self._context_ids)

    def takes(self, sop_class: str) -> frozenset[str]:
        """Return the transfer syntaxes that the peer takes for a SOP Class."""
        return self._takes.get(sop_class, frozenset())

    def refusal(self, sop_class: str) -> str:
        """Return why none of the contexts for a SOP Class can be used, by the last that was proposed."""
        if sop_class in self._takes:
            return ""
        said = [str(chosen) for context, chosen in self.accepted if context.sop_class == sop_class]
        return said[-1] if said else ""

    def send(self, item: Outgoing, payload: Payload, meanwhile: Meanwhile = nothing) -> Answer:
        """Send one instance by C-STORE and return the answer; see `Session` for `meanwhile`.

        Raises Lost when the association ends before the answer, OSError or SourceError when the payload
        cannot be read: then the peer has not got the instance. ValueError when the peer did not accept the
        SOP Class in the transfer syntax of the payload (ask `takes`).
        """
        context_id = self._context_ids.get((item.sop_class, payload.transfer_syntax))
        if context_id is None:
            raise ValueError("the peer did not accept this SOP Class in this transfer syntax")
        self._must_be_open()
        message_id = self._next_message_id()
        try:
            command = store_request(message_id, item.sop_class, item.sop_instance)
        except ValueError as exc:
            raise SourceError("its SOP Instance UID cannot be sent", where=item.path, why=str(exc)) from exc
        return _answer(self._exchange(message_id, context_id, command, payload, meanwhile))

    def _exchange(
        self, message_id: int, context_id: int, command: bytes, payload: Payload, meanwhile: Meanwhile
    ) -> Response:
        """Send a C-STORE-RQ and return the C-STORE-RSP."""
        is_begun = False
        try:
            for chunk, is_last in _chunks(payload):
                if is_begun:
                    self._connection.send_more(context_id, chunk, is_last=is_last)
                else:  # what cannot be read at all has cost nothing so far
                    is_begun = True
                    self._connection.send_first(context_id, command, chunk, is_last=is_last)
            meanwhile()
            self._check_early(message_id)
            return self._response(STORE_RSP, message_id)
        except Lost as lost:
            if payload.data_set_bytes % 2:
                lost.hint = "its data set has an odd length, which many peers do not take (PS3.5 7.1.1)"
            early = self._connection.early_response()
            self._connection.abort()
            if early is not None and _refuses(early, message_id):
                return early  # the peer said that it does not take the instance, and then ended
            raise
        except BaseException:  # the payload cannot be read, or the user interrupts
            if is_begun:
                self._connection.abort()
            raise

    def _check_early(self, message_id: int) -> None:
        """Raise Lost when the peer says to have stored what it has not got to its end."""
        early = self._connection.early_response()
        if early is not None and not _refuses(early, message_id):
            raise self._connection.protest("it answered before the end of the data set")

    def echo(self) -> str:
        """Send a C-ECHO and return what the peer said of itself. Raises Lost, Unreachable."""
        _, chosen = self.accepted[0]
        context_id = self._context_ids.get((VERIFICATION, _IMPLICIT_LITTLE))
        if context_id is None:
            raise Unreachable("it takes no C-ECHO", where=self._where, why=str(chosen))
        message_id = self._next_message_id()
        self._connection.send_command(context_id, echo_request(message_id))
        response = self._response(ECHO_RSP, message_id)
        if response.status:
            raise Unreachable("C-ECHO failed", where=self._where, why=_words(response))
        return f"answers C-ECHO{_introduction(self._implementation)}"

    def close(self) -> None:
        """Release the association, within a few seconds; never raises."""
        self._connection.release()

    def abort(self) -> None:
        """Cut the connection, from any thread: what waits on it raises Lost. Never raises."""
        self._connection.cut()

    def _must_be_open(self) -> None:
        if not self._connection.is_open:
            raise Lost("the association has ended", where=self._where)

    def _next_message_id(self) -> int:
        self._message_id = self._message_id % _LAST_MESSAGE_ID + 1
        return self._message_id

    def _response(self, kind: int, message_id: int) -> Response:
        response = self._connection.response()
        if response.command != kind:
            raise self._connection.protest(f"it answered with the command {response.command:04X}H")
        if response.message_id != message_id:
            raise self._connection.protest("it answered to another message")
        return response


def _chunks(payload: Payload) -> Iterator[tuple[Chunk, bool]]:
    """Yield the data set in chunks of even length, and whether each is the last: some peers abort at an odd.

    A deflated data set of odd length gets the byte that makes it even, as it should have on the medium
    (PS3.5 A.5); any other data set stays as it is.
    """
    left, odd = payload.data_set_bytes, b""
    pad = b"\0" if left % 2 and payload.transfer_syntax == _DEFLATED else b""
    if not left:
        yield b"", True
    for read in payload.data_set():
        left -= len(read)
        chunk = odd + read if odd else read
        if not left:
            yield bytes(chunk) + pad if pad else chunk, True
        elif len(chunk) % 2:  # the stream gave less than it was asked for
            odd = bytes(chunk[-1:])
            yield chunk[:-1], False
        else:
            odd = b""
            yield chunk, False


def _request(peer: Peer, contexts: Sequence[Context]) -> AssociateRQ:
    for what, title in (("called", peer.called_ae), ("calling", peer.calling_ae)):
        if not (title.strip() and len(title) <= 16 and title.isascii() and title.isprintable()):
            raise UsageError(
                f"the {what} AE title cannot be used",
                where=str(peer),
                why="an AE title has 1 to 16 characters of ASCII, not only spaces",
            )
    proposed = tuple(
        ProposedContext(
            id=context_id, abstract_syntax=context.sop_class, transfer_syntaxes=context.transfer_syntaxes
        )
        for context_id, context in zip(_ids(), contexts, strict=False)
        if _can_be_proposed(context)
    )
    if not proposed:  # an association has a context; what became of ours is known without the peer
        proposed = (
            ProposedContext(id=1, abstract_syntax=VERIFICATION, transfer_syntaxes=(_IMPLICIT_LITTLE,)),
        )
    user = UserInformation(
        longest_pdu=OUR_LONGEST_PDU,
        implementation_class=IMPLEMENTATION_CLASS_UID,
        implementation_version=IMPLEMENTATION_VERSION_NAME,
    )
    return AssociateRQ(called_ae=peer.called_ae, calling_ae=peer.calling_ae, contexts=proposed, user=user)


def _ids() -> range:
    return range(1, 256, 2)


def _can_be_proposed(context: Context) -> bool:
    """Return False for UIDs that a medium may hold but for which some peers end the whole association."""
    uids = (context.sop_class, *context.transfer_syntaxes)
    return bool(context.transfer_syntaxes) and all(_UID.fullmatch(uid) for uid in uids)


def _outcomes(
    contexts: Sequence[Context], answer: AssociateAC
) -> tuple[tuple[Context, str | RejectReason], ...]:
    results = {result.id: result for result in answer.contexts}
    return tuple(
        (context, _outcome(context, results.get(context_id)))
        for context_id, context in zip(_ids(), contexts, strict=False)
    )


def _outcome(context: Context, result: ContextResult | None) -> str | RejectReason:
    if not _can_be_proposed(context):
        return RejectReason.NO_UID
    if result is None:
        return RejectReason.NOT_ANSWERED
    if result.result != ACCEPTED:
        return context_refusal(result.result)
    if result.transfer_syntax not in context.transfer_syntaxes:
        return RejectReason.NOT_PROPOSED
    return result.transfer_syntax


def _by_class(context_ids: Mapping[tuple[str, str], int]) -> dict[str, frozenset[str]]:
    by_class: dict[str, set[str]] = {}
    for sop_class, syntax in context_ids:
        by_class.setdefault(sop_class, set()).add(syntax)
    return {sop_class: frozenset(syntaxes) for sop_class, syntaxes in by_class.items()}


def _refuses(response: Response, message_id: int) -> bool:
    if response.command != STORE_RSP or response.message_id != message_id:
        return False
    kind, _ = meaning(response.status)
    return kind not in _STORED


def _answer(response: Response) -> Answer:
    kind, _ = meaning(response.status)
    return Answer(kind=StatusClass(kind.value), code=response.status, words=_words(response))


def _words(response: Response) -> str:
    """Return what a status means and what the peer added."""
    _, words = meaning(response.status)
    if response.comment:
        words = f"{words}: {response.comment}"
    if response.offending:
        words += " " + " ".join(f"({tag >> 16:04X},{tag & 0xFFFF:04X})" for tag in response.offending)
    return words


def _introduction(implementation: str) -> str:
    shown = "".join(sign if sign.isprintable() else "?" for sign in implementation[:16])
    return f", as {shown}" if shown else ""
