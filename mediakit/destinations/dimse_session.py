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
from mediakit.destinations.proposing import IMPLICIT_LITTLE, context_ids, outcomes
from mediakit.errors import SourceError
from mediakit.network.agreement import Agreement
from mediakit.network.assembly import Message
from mediakit.network.message import ECHO_RSP, STORE_RSP, VERIFICATION, Response, echo_request, store_request
from mediakit.network.reasons import RejectReason
from mediakit.network.status import StatusKind, meaning
from mediakit.transfer.outgoing import Answer, Outgoing, StatusClass

_DEFLATED: Final = "1.2.840.10008.1.2.1.99"
_LAST_MESSAGE_ID: Final = 0xFFFF
_STORED: Final = frozenset({StatusKind.SUCCESS, StatusKind.WARNING})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A request that went out, or is going out, and what its answer has to be. `kind` is its command."""

    kind: int
    message_id: int
    context_id: int
    sop_class: str
    sop_instance: str = ""


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
        asked = _Asked(
            kind=STORE_RSP,
            message_id=self._next_message_id(),
            context_id=context_id,
            sop_class=item.sop_class,
            sop_instance=item.sop_instance,
        )
        try:
            command = store_request(asked.message_id, item.sop_class, item.sop_instance)
        except ValueError as exc:
            raise SourceError("its SOP Instance UID cannot be sent", where=item.path, why=str(exc)) from exc
        return _answer(self._exchange(asked, command, payload, meanwhile))

    def _exchange(self, asked: _Asked, command: bytes, payload: Payload, meanwhile: Meanwhile) -> Response:
        """Send a C-STORE-RQ and return the C-STORE-RSP."""
        is_begun = False
        try:
            for chunk, is_last in _chunks(payload):
                if is_begun:
                    self._connection.send_more(asked.context_id, chunk, is_last=is_last)
                else:  # what cannot be read at all has cost nothing so far
                    is_begun = True
                    self._connection.send_first(asked.context_id, command, chunk, is_last=is_last)
            meanwhile()
            self._check_early(asked)
            return self._response(asked)
        except Lost as lost:
            if payload.data_set_bytes % 2:
                lost.hint = "its data set has an odd length, which many peers do not take (PS3.5 7.1.1)"
            early = self._connection.heard()
            self._connection.abort()
            if early and _refuses(early[0], asked):
                return early[0].response  # the peer said that it does not take the instance, and then ended
            raise
        except BaseException:  # the payload cannot be read, or the user interrupts
            if is_begun:
                self._connection.abort()
            raise

    def _check_early(self, asked: _Asked) -> None:
        """Raise Lost when the peer says to have stored what it has not got to its end."""
        early = self._connection.heard()
        if early and not _refuses(early[0], asked):
            raise self._connection.protest("it answered before the end of the data set")

    def echo(self) -> str:
        """Send a C-ECHO and return what the peer said of itself. Raises Lost, Unreachable."""
        _, chosen = self.accepted[0]
        context_id = self._context_ids.get((VERIFICATION, IMPLICIT_LITTLE))
        if context_id is None:
            raise Unreachable("it takes no C-ECHO", where=self._where, why=str(chosen))
        asked = _Asked(
            kind=ECHO_RSP,
            message_id=self._next_message_id(),
            context_id=context_id,
            sop_class=VERIFICATION,
        )
        self._connection.send_command(context_id, echo_request(asked.message_id))
        response = self._response(asked)
        if response.status:
            raise Unreachable("C-ECHO failed", where=self._where, why=_words(response))
        return f"answers C-ECHO{_introduction(self.agreement.peer.implementation_version)}"

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

    def _response(self, asked: _Asked) -> Response:
        """Wait for the answer to a request. Raises Lost, also for an answer to something else."""
        message = self._connection.message()
        objection = _objection(message, asked)
        if objection:
            raise self._connection.protest(objection)
        return message.response


def _objection(message: Message, asked: _Asked) -> str:
    """Return why a message is not the answer to a request, or "".

    The UIDs are optional. A failure counts whatever it names: nothing is stored by it.
    """
    response = message.response
    if response.command != asked.kind:
        return f"it answered with the command {response.command:04X}H"
    if response.message_id != asked.message_id:
        return "it answered to another message"
    if message.context_id != asked.context_id:
        return f"it answered in presentation context {message.context_id}, not {asked.context_id}"
    return _other_object(response, asked) if meaning(response.status)[0] in _STORED else ""


def _other_object(response: Response, asked: _Asked) -> str:
    """Return what else than the instance of the request an answer names, or ""."""
    if response.sop_class not in {"", asked.sop_class}:
        return f"it answered for another SOP Class, {response.sop_class}"
    if asked.sop_instance and response.sop_instance not in {"", asked.sop_instance}:
        return f"it answered for another SOP Instance, {response.sop_instance}"
    return ""


def _refuses(message: Message, asked: _Asked) -> bool:
    """Return True for the answer to a request that says that the instance is not stored."""
    return not _objection(message, asked) and meaning(message.response.status)[0] not in _STORED


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
