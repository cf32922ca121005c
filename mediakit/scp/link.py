"""One association that a peer opens to us: the acceptor's machine, its connection, and what is served on it.

One thread from the connection to its end. Every wait is bounded: for the request by `association_s`, for each
PDU and each write by `network_s`. What arrives is held for one PDU and, beside C-STORE, for one message.
"""

from __future__ import annotations

import socket
import ssl
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from mediakit.dicom.identifier import written_data_set
from mediakit.errors import Lost
from mediakit.findings import printable
from mediakit.network.acceptor import Acceptor
from mediakit.network.agreement import AgreedContext
from mediakit.network.assembly import Fragment, Message, Requested
from mediakit.network.associate import AssociateRQ
from mediakit.network.machine import State
from mediakit.network.message import (
    CANCEL_RQ,
    EVENT_REPORT_RSP,
    LONGEST_UID,
    REQUESTS,
    STORE_RQ,
    event_report_request,
    response_to,
)
from mediakit.network.pdu import Buffer
from mediakit.network.upper_layer import AssociationAsked, Indication, Received, ReleaseAsked
from mediakit.scp.events import Ending
from mediakit.scp.negotiation import Policy, Rejection, answer_to, user_of
from mediakit.scp.operation import Answer, Operation, Report, Storing, Taking
from mediakit.scp.wire import Wire, tls_reason, wire_over

_MOST_MESSAGE_BYTES: Final = 64 << 20  # of a data set that is held in memory: any that is not stored
_MOST_LEFT_BYTES: Final = 1 << 20  # read behind the end, so that the peer hears of it and is not just cut off
_FAREWELL_S: Final = 1.0  # for a last PDU to go out, and for the peer to close the connection then
_MOST_REPORTS: Final = 1000  # that wait to be sent, or for an answer
_OPEN: Final = frozenset({State.STA6, State.STA8})
_NO_OPERATION: Final = Answer(status=0x0211, words="no such operation here")
_FAILED: Final = Answer(status=0x0110, words="the operation failed")


class _Protest(Exception):  # noqa: N818 - reads as a sentence where it is raised
    """The peer does what the services do not allow: the association is aborted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait, in seconds: for the request, and for each PDU and each write after that."""

    association_s: float
    network_s: float


@dataclass(slots=True, kw_only=True)
class Visit:
    """Who has connected, and how it ended. `calling_ae` is "" until an association is asked for."""

    host: str
    calling_ae: str = ""
    user: str = ""
    words: str = ""  # why it was rejected, or TLS failed
    ending: Ending = Ending.ABORTED


@dataclass(slots=True)
class _Incoming:
    """A request whose data set arrives: stored in pieces by `taking`, or held in `parts`."""

    asked: Requested
    context: AgreedContext
    taking: Taking | None = None
    parts: list[Buffer] = field(default_factory=list)
    size: int = 0


class Link:
    """One connection of a peer. `run` is for its own thread, the rest for others."""

    def __init__(self, plain: socket.socket, host: str, policy: Policy, patience: Patience) -> None:
        self.visit = Visit(host=host)
        self.is_asked = False  # an association was asked for
        self.is_over = False  # it has ended, at most the connection has not
        self.is_given_up = False
        self._socket = plain
        self._policy = policy
        self._patience = patience
        self._is_stopping = False
        self._acceptor = Acceptor()
        self._contexts: dict[int, AgreedContext] = {}
        self._storing: Storing | None = None
        self._incoming: _Incoming | None = None
        self._due: deque[tuple[int, str, Callable[[], Report | None]]] = deque()
        self._reported: dict[int, Report] = {}
        self._message_id = 0

    # For other threads.

    @property
    def is_standing(self) -> bool:
        """Return True while the association is asked for or stands."""
        return self._acceptor.state in {State.STA3, *_OPEN}

    def stop(self) -> None:
        """Have it aborted soon."""
        self._is_stopping = True
        with suppress(OSError):
            socket.socket.shutdown(self._socket, socket.SHUT_RD)  # wakes the thread that reads

    def cut(self) -> None:
        """End the connection at once."""
        with suppress(OSError):
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    # For its own thread.

    def close(self) -> None:
        """Close the connection, whatever is left of it."""
        with suppress(OSError):
            self._socket.close()

    def run(
        self, tls: ssl.SSLContext | None, storing: Storing | None, has_room: Callable[[], bool]
    ) -> Wire | None:
        """Serve until the association is over; return the connection, if there was one, to be seen off.

        Never raises for what a peer does.
        """
        self._storing = storing
        try:
            wire = self._opened(tls)
        except OSError as exc:
            self._note_tls(exc)
            return None
        try:
            self._serve(wire, has_room)
        except Lost as exc:
            self._note_tls(exc.__cause__)
            self._give_up()
        except _Protest:
            if self._acceptor.state in _OPEN:
                self._acceptor.abort()
        finally:
            self._leave(wire)
        return wire

    def see_off(self, wire: Wire) -> None:
        """Wait for the peer to close the connection, within bounds, and close it."""
        until = monotonic() + _FAREWELL_S
        left = 0 if self._is_stopping else _MOST_LEFT_BYTES
        with suppress(Lost):
            while left > 0 and self._acceptor.state is State.STA13 and not self.is_given_up:
                data = wire.receive(max(0.0, until - monotonic()))
                left = left - len(data) if data else 0
        wire.close()

    def _opened(self, tls: ssl.SSLContext | None) -> Wire:
        """Return the connection, over TLS where that is wanted. Raises OSError."""
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            self._socket.settimeout(self._patience.association_s)
            secured = tls.wrap_socket(self._socket, server_side=True, do_handshake_on_connect=False)
            self._socket = secured
            secured.do_handshake()
        return wire_over(self._socket, self.visit.host)

    def _note_tls(self, exc: BaseException | None) -> None:
        """Note why TLS failed, here or, as an alert tells, at the peer: else nobody can put it right."""
        if (
            isinstance(exc, ssl.SSLError)
            and not isinstance(exc, ssl.SSLEOFError)
            and not self.visit.calling_ae
        ):
            self.visit.words = f"no TLS connection ({tls_reason(exc)})"

    def _serve(self, wire: Wire, has_room: Callable[[], bool]) -> None:
        acceptor = self._acceptor
        until, seen = monotonic() + self._patience.association_s, 0
        while not acceptor.is_closing and acceptor.state is not State.STA13:
            if self._is_stopping:
                raise _Protest
            if self._due and not wire.has_arrived():
                self._report(wire)
                continue
            data = wire.receive(max(0.0, until - monotonic()))
            for indication in acceptor.receive(data) if data else acceptor.closed():
                if isinstance(indication, AssociationAsked):
                    self._negotiate(indication.request, has_room)
                elif acceptor.state in _OPEN:
                    self._heard(wire, indication)
            self._flush(wire)
            if acceptor.pdus > seen:
                until, seen = monotonic() + self._patience.network_s, acceptor.pdus

    def _negotiate(self, request: AssociateRQ, has_room: Callable[[], bool]) -> None:
        self.visit.calling_ae = printable(request.calling_ae)
        self.visit.user = user_of(request.user)
        if self._acceptor.state is not State.STA3:
            return  # what followed at once has ended it
        answer = answer_to(request, self._policy, has_room)
        if isinstance(answer, Rejection):
            self.visit.words = answer.words
            self.visit.ending = Ending.REJECTED
            self._acceptor.reject(answer.answer)
            return
        agreement = self._acceptor.accept(answer)
        self._contexts = {each.id: each for each in agreement.contexts}

    def _heard(self, wire: Wire, indication: Indication) -> None:
        if isinstance(indication, Fragment):
            self._take(wire, indication)
        elif isinstance(indication, Requested):
            self._begin(wire, indication)
        elif isinstance(indication, Received):
            self._hear_answer(indication.message)
        elif isinstance(indication, ReleaseAsked):
            self.visit.ending = Ending.RELEASED
            self._acceptor.answer_release()

    def _begin(self, wire: Wire, asked: Requested) -> None:
        request = asked.request
        if request.command not in REQUESTS:
            raise _Protest
        if max(len(request.sop_class), len(request.sop_instance)) > LONGEST_UID:
            raise _Protest
        context = self._contexts[asked.context_id]
        incoming = _Incoming(asked, context)
        is_stored = context.abstract_syntax not in self._policy.classes
        if request.command == STORE_RQ and is_stored and self._storing is not None:
            incoming.taking = self._storing.begin(request, context, self.visit.calling_ae)
        self._incoming = incoming
        if not request.has_data_set:
            self._finish(wire, incoming)

    def _take(self, wire: Wire, piece: Fragment) -> None:
        incoming = self._incoming
        if incoming is None:  # never: the assembler gives pieces of a request alone
            raise _Protest
        if incoming.taking is not None:
            incoming.taking.write(piece.data)
        else:
            incoming.size += len(piece.data)
            if incoming.size > _MOST_MESSAGE_BYTES:
                raise _Protest
            incoming.parts.append(piece.data)
        if piece.is_last:
            self._finish(wire, incoming)

    def _finish(self, wire: Wire, incoming: _Incoming) -> None:
        """Answer a request that is whole."""
        self._incoming = None
        asked = incoming.asked
        if incoming.taking is not None:
            status, words = incoming.taking.settled()
            try:
                self._send(wire, asked.context_id, response_to(asked.request, status, words))
            finally:
                incoming.taking.answered()
        elif asked.request.command != CANCEL_RQ:
            self._answer(wire, incoming)

    def _answer(self, wire: Wire, incoming: _Incoming) -> None:
        asked, context = incoming.asked, incoming.context
        request = asked.request
        offered = self._policy.classes.get(context.abstract_syntax)
        service = None if offered is None else offered.operations.get(request.command)
        answer = _NO_OPERATION
        if service is not None:
            operation = Operation(
                request=request,
                transfer_syntax=context.transfer_syntax,
                calling_ae=self.visit.calling_ae,
                encoded=b"".join(incoming.parts),
            )
            try:
                answer = service(operation)
            except Exception:  # noqa: BLE001 - what a peer sent must not end the thread without an answer
                answer = _FAILED
        encoded = b""
        if answer.data_set is not None:
            encoded = written_data_set(answer.data_set, context.transfer_syntax)
        command = response_to(
            request,
            answer.status,
            answer.words,
            sop_instance=answer.sop_instance,
            has_data_set=bool(encoded),
        )
        self._send(wire, asked.context_id, command, encoded)
        if answer.after is not None and len(self._due) < _MOST_REPORTS:
            self._due.append((asked.context_id, context.abstract_syntax, answer.after))

    def _report(self, wire: Wire) -> None:
        """Send the report that is due."""
        context_id, sop_class, make = self._due.popleft()
        report = make()
        if report is None:
            return
        encoded = written_data_set(report.data_set, self._contexts[context_id].transfer_syntax)
        self._message_id = self._message_id % 0xFFFF + 1
        command = event_report_request(self._message_id, sop_class, report.sop_instance, report.event_type)
        self._reported[self._message_id] = report
        self._send(wire, context_id, command, encoded)

    def _hear_answer(self, message: Message) -> None:
        response = message.response
        report = self._reported.pop(response.message_id, None)
        if report is None or response.command != EVENT_REPORT_RSP:
            raise _Protest
        report.delivered(response.status == 0)

    def _send(self, wire: Wire, context_id: int, command: bytes, data_set: bytes = b"") -> None:
        buffers = self._acceptor.command(context_id, command)
        if data_set:
            buffers += self._acceptor.data(context_id, data_set, is_last=True)
        wire.send(buffers, self._patience.network_s)

    def _flush(self, wire: Wire) -> None:
        out = self._acceptor.to_send()
        if out:
            wire.send(out, self._patience.network_s)

    def _give_up(self) -> None:
        """End what has been waited for long enough, or what is lost."""
        if self._acceptor.state is State.STA2:
            self._acceptor.timed_out()
        elif self._acceptor.state not in {State.STA1, State.STA13}:
            self._acceptor.abort()

    def _leave(self, wire: Wire) -> None:
        """Send the last word, and leave nothing half done."""
        out = self._acceptor.to_send()
        if out and not wire.is_cut:
            with suppress(Lost):
                wire.send(out, _FAREWELL_S)
        if self._incoming is not None and self._incoming.taking is not None:
            self._incoming.taking.discard()
        if self._storing is not None:
            self._storing.close()
        for _, _, make in self._due:  # asked for, and nobody is there any more who could hear
            report = make()
            if report is not None:
                report.delivered(False)
        for report in self._reported.values():
            report.delivered(False)
