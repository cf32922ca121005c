"""An association for C-STORE and C-ECHO: requests go out, and each answer is matched with its request.

What the peer answers counts only when it answers what was asked: the Message ID, the presentation context,
and the SOP Class and Instance where it names them (PS3.7 9.3.1.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mediakit.destinations.base import Chunk, Context, Lost, Meanwhile, Payload, Unreachable, nothing
from mediakit.destinations.connection import Connection
from mediakit.destinations.proposing import context_ids, negotiated, outcomes
from mediakit.dicom.uids import DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN
from mediakit.errors import SourceError
from mediakit.network.agreement import Agreement, IdentityOutcome
from mediakit.network.assembly import Message
from mediakit.network.message import ECHO_RSP, STORE_RSP, VERIFICATION, Response, echo_request, store_request
from mediakit.network.reasons import RejectReason
from mediakit.network.status import StatusKind, meaning
from mediakit.transfer.outgoing import Answer, Outgoing, StatusClass
from mediakit.transfer.probed import Negotiated

_LAST_MESSAGE_ID: Final = 0xFFFF
_STORED: Final = frozenset({StatusKind.SUCCESS, StatusKind.WARNING})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A request that went out, or is going out, and what its answer has to be. `kind` is its command."""

    kind: int
    message_id: int
    context_id: int
    sop_class: str
    item: Outgoing | None = None  # None for C-ECHO


class DimseSession:
    """An association. `accepted` says of every context that was proposed what became of it.

    That is the transfer syntax chosen, or why it cannot be used. For one thread.
    """

    def __init__(
        self, connection: Connection, contexts: Sequence[Context], agreement: Agreement, where: str
    ) -> None:
        self._connection = connection
        self._where = where
        self._message_id = 0
        self._under_way: dict[int, _Asked] = {}  # by Message ID
        self._unfinished: _Asked | None = None  # what has gone out in part
        self._has_odd_length = False
        self.agreement = agreement
        self.accepted: tuple[tuple[Context, str | RejectReason], ...] = outcomes(contexts, agreement)
        self._context_ids: dict[tuple[str, str], int] = {}
        for context_id, (context, chosen) in zip(context_ids(), self.accepted, strict=False):
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

    @property
    def window(self) -> int:
        """Return how many operations may be under way at once, as the peer agreed to."""
        return max(1, self.agreement.window.invoked)

    def negotiated(self) -> Negotiated:
        """Return what was agreed on, for people."""
        return negotiated(self.agreement)

    def send(self, item: Outgoing, payload: Payload, meanwhile: Meanwhile = nothing) -> Answer:
        """Send one instance by C-STORE and return the answer; see `Session` for `meanwhile`.

        Raises Lost when the association ends before the answer, OSError or SourceError when the payload
        cannot be read: then the peer has not got the instance. ValueError when the peer did not accept the
        SOP Class in the transfer syntax of the payload (ask `takes`).
        """
        try:
            self.start(item, payload)
            meanwhile()
            return self.answer()[1]
        except Lost:
            for _, answer in self.known():
                return answer  # the peer said that it does not take the instance, and then ended
            raise
        except BaseException:  # the payload cannot be read, or the user interrupts
            if self._under_way:
                self._connection.abort()
            raise

    def start(self, item: Outgoing, payload: Payload) -> None:
        """Send one instance whole by C-STORE. Raises as `send` does."""
        context_id = self._context_ids.get((item.sop_class, payload.transfer_syntax))
        if context_id is None:
            raise ValueError("the peer did not accept this SOP Class in this transfer syntax")
        self._must_be_open()
        asked = _Asked(
            kind=STORE_RSP,
            message_id=self._next_message_id(),
            context_id=context_id,
            sop_class=item.sop_class,
            item=item,
        )
        try:
            command = store_request(asked.message_id, item.sop_class, item.sop_instance)
        except ValueError as exc:
            raise SourceError("its SOP Instance UID cannot be sent", where=item.path, why=str(exc)) from exc
        self._send_whole(asked, command, payload)

    def answer(self) -> tuple[Outgoing, Answer]:
        """Wait for the next answer, whichever instance it is to. Raises Lost."""
        asked, response = self._response()
        assert asked.item is not None  # noqa: S101 - C-STORE-RSP answers to C-STORE-RQ alone
        return asked.item, _answer(response)

    def known(self) -> list[tuple[Outgoing, Answer]]:
        """Return the answers that came before the association was lost.

        What was not sent to its end can only have been refused.
        """
        known = []
        for message in self._connection.heard():
            asked = self._under_way.get(message.response.message_id)
            if asked is None or asked.item is None or _objection(message, asked):
                continue
            if asked is not self._unfinished or _refuses(message):
                del self._under_way[asked.message_id]
                known.append((asked.item, _answer(message.response)))
        return known

    def _send_whole(self, asked: _Asked, command: bytes, payload: Payload) -> None:
        """Send a C-STORE-RQ with its data set. Raises Lost, and what reading the payload raises."""
        try:
            for chunk, is_last in _chunks(payload):
                if self._unfinished is not None:
                    self._connection.send_more(asked.context_id, chunk, is_last=is_last)
                else:  # what cannot be read at all has cost nothing so far
                    self._unfinished = self._under_way[asked.message_id] = asked
                    self._has_odd_length |= bool(payload.data_set_bytes % 2)
                    self._connection.send_first(asked.context_id, command, chunk, is_last=is_last)
        except Lost as lost:
            self._abort(lost)
            raise
        early = [each for each in self._connection.heard() if each.response.message_id == asked.message_id]
        if early and not _refuses(early[0]):
            raise self._protest("it answered before the end of the data set")
        self._unfinished = None

    def _response(self) -> tuple[_Asked, Response]:
        """Wait for the answer to a request that is under way. Raises Lost, also for any other answer."""
        try:
            message = self._connection.message()
        except Lost as lost:
            self._abort(lost)
            raise
        asked = self._under_way.get(message.response.message_id)
        objection = "it answered to another message" if asked is None else _objection(message, asked)
        if asked is None or objection:
            raise self._protest(objection)
        del self._under_way[asked.message_id]
        return asked, message.response

    def _protest(self, why: str) -> Lost:
        """End because of what the peer answered; nothing else that it says is believed."""
        self._under_way.clear()
        return self._connection.protest(why)

    def _abort(self, lost: Lost) -> None:
        if self._has_odd_length:
            lost.hint = "its data set has an odd length, which many peers do not take (PS3.5 7.1.1)"
        self._connection.abort()

    def echo(self) -> str:
        """Send a C-ECHO and return what the peer said of itself. Raises Lost, Unreachable."""
        _, chosen = self.accepted[0]
        context_id = self._context_ids.get((VERIFICATION, IMPLICIT_VR_LITTLE_ENDIAN))
        if context_id is None:
            raise Unreachable("it takes no C-ECHO", where=self._where, why=str(chosen))
        asked = _Asked(
            kind=ECHO_RSP,
            message_id=self._next_message_id(),
            context_id=context_id,
            sop_class=VERIFICATION,
        )
        self._under_way[asked.message_id] = asked
        self._connection.send_command(context_id, echo_request(asked.message_id))
        _, response = self._response()
        if response.status:
            raise Unreachable("C-ECHO failed", where=self._where, why=_words(response))
        known = ", confirms the user" if self.agreement.identity is IdentityOutcome.CONFIRMED else ""
        return f"answers C-ECHO{_introduction(self.agreement.peer.implementation_version)}{known}"

    def close(self) -> None:
        """Release the association, within a few seconds, or abort one with half an instance; never raises."""
        if self._unfinished is not None:
            self._connection.abort()
        self._connection.release()

    def abort(self) -> None:
        """Cut the connection, from any thread: what waits on it raises Lost. Never raises."""
        self._connection.cut()

    def _must_be_open(self) -> None:
        if not self._connection.is_open or self._unfinished is not None:
            raise Lost("the association has ended", where=self._where)

    def _next_message_id(self) -> int:
        while True:
            self._message_id = self._message_id % _LAST_MESSAGE_ID + 1
            if self._message_id not in self._under_way:
                return self._message_id


def _objection(message: Message, asked: _Asked) -> str:
    """Return why a message is not the answer to a request, or "".

    The UIDs are optional. A failure counts whatever it names: nothing is stored by it.
    """
    response = message.response
    if response.command != asked.kind:
        return f"it answered with the command {response.command:04X}H"
    if message.context_id != asked.context_id:
        return f"it answered in presentation context {message.context_id}, not {asked.context_id}"
    return _other_object(response, asked) if meaning(response.status)[0] in _STORED else ""


def _other_object(response: Response, asked: _Asked) -> str:
    """Return what else than the instance of the request an answer names, or ""."""
    if response.sop_class not in {"", asked.sop_class}:
        return f"it answered for another SOP Class, {response.sop_class}"
    if asked.item is not None and response.sop_instance not in {"", asked.item.sop_instance}:
        return f"it answered for another SOP Instance, {response.sop_instance}"
    return ""


def _refuses(message: Message) -> bool:
    """Return True for an answer that says that the instance is not stored."""
    return meaning(message.response.status)[0] not in _STORED


def _chunks(payload: Payload) -> Iterator[tuple[Chunk, bool]]:
    """Yield the data set in chunks of even length, and whether each is the last: some peers abort at an odd.

    A deflated data set of odd length gets the byte that makes it even, as it should have on the medium
    (PS3.5 A.5); any other data set stays as it is.
    """
    left, odd = payload.data_set_bytes, b""
    pad = b"\0" if left % 2 and payload.transfer_syntax == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN else b""
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


def _by_class(usable: Iterable[tuple[str, str]]) -> dict[str, frozenset[str]]:
    by_class: dict[str, set[str]] = {}
    for sop_class, syntax in usable:
        by_class.setdefault(sop_class, set()).add(syntax)
    return {sop_class: frozenset(syntaxes) for sop_class, syntaxes in by_class.items()}


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
