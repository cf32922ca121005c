"""An association over a wire: the sans-I/O machine, the connection that carries it, and how long to wait.

Here a peer that ends the association becomes `Lost`, in words. Which messages are sent is not known here.
"""

from __future__ import annotations

import contextlib
import ssl
import time
from collections import deque
from collections.abc import Sequence
from typing import Final

from mediakit.destinations.base import Lost, Unreachable
from mediakit.destinations.peer import Timeouts
from mediakit.network import reasons
from mediakit.network.agreement import Agreement
from mediakit.network.assembly import Fragment, Message, Requested
from mediakit.network.association import Association
from mediakit.network.machine import State
from mediakit.network.upper_layer import (
    Aborted,
    Accepted,
    Broken,
    Indication,
    Received,
    Rejected,
    ReleaseAsked,
    Released,
)
from mediakit.scp.wire import Buffer, Wire

LONGEST_GOODBYE_S: Final = 5.0  # for the release; what was stored is known by then
_LAST_WORD_S: Final = 1.0  # for an abort to go out
_IS_OURS_TRUSTED: Final = "does the peer ask for a certificate of ours, and trust its authority?"
_IS_IT_DICOM: Final = "is this a DICOM port, and is TLS wanted there?"
_PROPOSE_LESS: Final = "`window = 1` and `extended-negotiation = false` of the destination propose less"
_MOST_HEARD: Final = 1000  # answers that come while something is sent; more than any window has
_MOST_FRAGMENTS: Final = 256  # that are prepared at once, so that tiny PDUs cost no memory


class Connection:
    """An association that lives on a wire. For one thread."""

    def __init__(self, wire: Wire, association: Association, where: str, timeouts: Timeouts) -> None:
        self._wire = wire
        self._association = association
        self._where = where
        self._timeouts = timeouts
        self._indications: deque[Indication] = deque()
        self._has_hung_up = False

    @property
    def is_open(self) -> bool:
        """Return True while messages can go out."""
        return self._association.state is State.STA6

    def associate(self) -> Agreement:
        """Ask for the association and return what was agreed on.

        Raises Unreachable; then the wire is closed.
        """
        try:
            self._association.connected()
            self._flush(self._timeouts.association_s)
            indication = self._next(self._timeouts.association_s)
        except Lost as exc:
            self.abort()
            raise Unreachable(
                "no association",
                where=self._where,
                why=str(exc.why or exc.what),
                hint=_IS_OURS_TRUSTED if isinstance(exc.__cause__, ssl.SSLError) else "",
                is_passing=True,
            ) from exc
        except BaseException:
            self.abort()
            raise
        if isinstance(indication, Accepted):
            return indication.agreement
        self.abort()
        raise self._refusal(indication)

    def _refusal(self, indication: Indication) -> Unreachable:
        if isinstance(indication, Rejected):
            said = indication.answer
            codes = (said.result, said.source, said.reason)
            return rejected(self._where, codes, has_identity=self._association.has_identity)
        hint = ""
        if isinstance(indication, Broken):
            hint = _PROPOSE_LESS if indication.is_disagreement else _IS_IT_DICOM
        return Unreachable(
            "no association",
            where=self._where,
            why=_why(indication),
            hint=hint,
            is_passing=self._has_hung_up,
        )

    def send_command(self, context_id: int, command: bytes) -> None:
        """Send a message without a data set. Raises Lost."""
        self._send(self._association.command(context_id, command))

    def send_first(self, context_id: int, command: bytes, chunk: Buffer, *, is_last: bool) -> None:
        """Send a command set and the first chunk of the data set behind it. Raises Lost."""
        self._send_chunk(context_id, self._association.command(context_id, command), chunk, is_last=is_last)

    def send_more(self, context_id: int, chunk: Buffer, *, is_last: bool) -> None:
        """Send another chunk of a data set. Raises Lost."""
        self._send_chunk(context_id, [], chunk, is_last=is_last)

    def _send_chunk(self, context_id: int, before: list[Buffer], chunk: Buffer, *, is_last: bool) -> None:
        most = self._association.fragment_bytes * _MOST_FRAGMENTS
        while len(chunk) > most:
            view = memoryview(chunk)
            self._send(before + self._association.data(context_id, view[:most], is_last=False))
            before, chunk = [], view[most:]
        self._send(before + self._association.data(context_id, chunk, is_last=is_last))

    def _send(self, buffers: Sequence[Buffer]) -> None:
        self._wire.send(buffers, self._timeouts.answer_s, self._hear_early)

    def _hear_early(self, data: bytes) -> None:
        """Take what comes before everything is sent: an answer is kept, an end ends the sending."""
        self._take(data)
        if not self.is_open:
            raise self._ended(self._indications[-1])
        if len(self._indications) > _MOST_HEARD:
            raise self.protest("it sends one answer after the other and reads nothing")

    def heard(self) -> list[Message]:
        """Return the messages that arrived and have not been asked for yet, in their order."""
        return [each.message for each in self._indications if isinstance(each, Received)]

    def message(self) -> Message:
        """Wait for the next message and return it. Raises Lost."""
        indication = self._next(self._timeouts.answer_s)
        if isinstance(indication, Received):
            return indication.message
        raise self._ended(indication)

    def heard_next(self) -> Received | Requested | Fragment:
        """Wait for the next message, request, or piece of a data set, and return it. Raises Lost."""
        indication = self._next(self._timeouts.answer_s)
        if isinstance(indication, Received | Requested | Fragment):
            return indication
        raise self._ended(indication)

    def protest(self, why: str) -> Lost:
        """Abort because of what the peer answered, and return the error to be raised."""
        self.abort()
        return Lost("the peer does not keep to the protocol", where=self._where, why=why)

    def release(self) -> None:
        """Release it, within a few seconds, and close the connection in any case."""
        patience_s = min(self._timeouts.association_s, LONGEST_GOODBYE_S)
        deadline = time.monotonic() + patience_s
        try:
            if self.is_open:
                self._association.release()
                self._flush(patience_s)
            while self._association.state in {State.STA7, State.STA11}:
                if isinstance(self._next(max(deadline - time.monotonic(), 0)), ReleaseAsked):
                    self._association.answer_release()  # both asked
                self._flush(patience_s)
        except Lost:
            pass
        finally:
            self.abort()

    def cut(self) -> None:
        """Cut the connection from another thread: whoever waits on it finds it closed. Never raises."""
        self._wire.cut()

    def abort(self) -> None:
        """End at once: say so where the peer can understand it, and close the connection. Never raises."""
        try:
            if self._association.state not in {State.STA1, State.STA13}:
                self._association.abort()
            if not self._wire.is_cut:
                with contextlib.suppress(Lost):
                    self._flush(_LAST_WORD_S)
        finally:
            self._association.closed()
            self._wire.close()

    def _flush(self, patience_s: float) -> None:
        out = self._association.to_send()
        if out:
            self._wire.send(out, patience_s, _ignore)

    def _next(self, patience_s: float) -> Indication:
        if self._indications:
            return self._indications.popleft()
        deadline = time.monotonic() + patience_s
        left_s = patience_s
        while True:
            self._take(self._wire.receive(left_s))
            if self._indications:
                return self._indications.popleft()
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise Lost("the peer does not answer", where=self._where, why=f"waited {patience_s:g} s")

    def _take(self, data: bytes) -> None:
        self._has_hung_up = not data
        self._indications += self._association.receive(data) if data else self._association.closed()

    def _ended(self, indication: Indication) -> Lost:
        if isinstance(indication, ReleaseAsked) and self._association.state is State.STA8:
            self._association.answer_release()
        return Lost("the association ended", where=self._where, why=_why(indication))


def rejected(where: str, codes: tuple[int, int, int], *, has_identity: bool) -> Unreachable:
    """Return the error for an A-ASSOCIATE-RJ of this result, source and reason, in words."""
    hint = "does the peer know our AE title, is its own spelled right, may this machine connect?"
    if has_identity:
        hint += " Does it know the user, and is the secret right?"
    return Unreachable(
        "no association",
        where=where,
        why=reasons.rejection(*codes),
        hint=hint,
        is_busy=codes[0] == reasons.TRANSIENT,
    )


def not_confirmed(where: str) -> Unreachable:
    """Return the error for a peer that accepts an association and says nothing of the user identity."""
    return Unreachable(
        "the peer does not confirm the user identity",
        where=where,
        why="it accepts the association without an answer to it (PS3.7 D.3.3.7)",
        hint="it may not check identities; `response = false` in `identity` asks for no answer",
    )


def _ignore(_: bytes) -> None:
    """Ignore what arrives: what the machine has to say now does not depend on it."""


def _why(indication: Indication) -> str:
    match indication:
        case Aborted():
            return reasons.abort(indication.source, indication.reason)
        case Broken():
            return indication.why
        case ReleaseAsked() | Released():
            return "the peer released it"
        case _:
            return "the peer sent what was not asked for"
