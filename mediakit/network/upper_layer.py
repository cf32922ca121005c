"""What both sides of an association have in common, sans I/O: bytes in, indications out; buffers to be sent.

`machine` holds the table; here is what its actions do once an association stands, and nothing else: no
socket, no clock, no thread. How it begins is in `association` for the side that asks, in `acceptor` for the
other. The caller carries bytes in both directions, tells when the connection ended, and bounds each wait
(ARTIM is his). On any bytes `receive` gives indications; what the peer does wrong ends in `Broken`, never in
an exception. `WrongState` is a fault of the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Final

from mediakit.network.agreement import Agreement
from mediakit.network.assembly import Assembler, Fragment, Message, Requested
from mediakit.network.associate import AssociateAC, AssociateRQ
from mediakit.network.machine import TRANSITIONS, Action, Event, State
from mediakit.network.pdu import (
    PDU,
    PDV_HEADER_BYTES,
    Abort,
    AssociateRJ,
    Buffer,
    PDataTF,
    PduReader,
    ReleaseRP,
    ReleaseRQ,
    encode,
    fragment_header,
)
from mediakit.network.reasons import AbortReason, Malformed

LARGEST_FRAGMENT: Final = 1 << 18  # bytes of data in one PDU, also when the peer takes any length
SMALLEST_PDU: Final = 32  # bytes; a peer that takes less cannot be spoken to


@dataclass(frozen=True, slots=True)
class Accepted:
    """The association stands, as agreed on."""

    agreement: Agreement


@dataclass(frozen=True, slots=True)
class AssociationAsked:
    """The peer asks for an association: to be answered by `accept` or `reject`."""

    request: AssociateRQ


@dataclass(frozen=True, slots=True)
class Rejected:
    """The peer does not want the association."""

    answer: AssociateRJ


@dataclass(frozen=True, slots=True)
class Received:
    """A message is whole."""

    message: Message


@dataclass(frozen=True, slots=True)
class ReleaseAsked:
    """The peer wants to end: to be answered by `answer_release`."""


@dataclass(frozen=True, slots=True)
class Released:
    """The association was released."""


@dataclass(frozen=True, slots=True)
class Aborted:
    """The peer ended it at once."""

    source: int
    reason: int


@dataclass(frozen=True, slots=True)
class Broken:
    """The association ended because the connection did, or because of what the peer sent.

    `is_disagreement`: it never stood, as the answer to our request makes no sense.
    """

    why: str
    is_disagreement: bool = False


Indication = (
    Accepted
    | AssociationAsked
    | Rejected
    | Received
    | Requested
    | Fragment
    | ReleaseAsked
    | Released
    | Aborted
    | Broken
)
Act = Callable[[Any, PDU | None], None]


class WrongState(Exception):  # noqa: N818 - a fault of ours, never of the peer
    """Something was asked of an association that cannot be done in its state."""


class UpperLayer:
    """One association, from the first PDU to the last, as far as both sides do the same."""

    _after_collision: ClassVar[State]  # when both sides ask for the release at once

    def __init__(self, longest_pdu: int, *, takes_requests: bool) -> None:
        """Take no PDU of more than `longest_pdu` bytes. `takes_requests`: the peer may ask for operations."""
        self.state = State.STA1
        self.is_closing = False  # nothing more comes of it: the connection is to be closed
        self.pdus = 0  # that have arrived whole
        self._reader = PduReader(longest_pdu)
        self._assembler = Assembler(takes_requests=takes_requests)
        self._fragment = 0
        self._contexts: frozenset[int] = frozenset()
        self._told: list[Indication] = []
        self._out: list[bytes] = []
        self._why = ""
        self._disagrees = False
        self._abort_reason = AbortReason.NOT_SPECIFIED

    # What the caller tells and wants.

    def receive(self, data: bytes) -> list[Indication]:
        """Take what arrived, cut anywhere, and tell what it means."""
        self._reader.feed(data)
        while not self.is_closing:
            try:
                pdu = self._reader.next()
            except Malformed as exc:
                self._protest(str(exc), exc.reason)
                break
            if pdu is None:
                break
            self.pdus += 1
            self._take(pdu)
        return self._tell()

    def closed(self) -> list[Indication]:
        """Tell what it means that the connection ended."""
        if self.state is not State.STA1:
            self._why = "the peer closed the connection"
            self._happen(Event.EVT17)
        return self._tell()

    def timed_out(self) -> None:
        """End: ARTIM ran out, before a request came or before the peer closed the connection."""
        self._happen(Event.EVT18)

    def release(self) -> None:
        """Ask for the release."""
        self._happen(Event.EVT11)

    def answer_release(self) -> None:
        """Agree to the end that the peer asked for."""
        self._happen(Event.EVT14)

    def abort(self) -> None:
        """End at once."""
        self._happen(Event.EVT15)

    def to_send(self) -> list[bytes]:
        """Return the PDUs that are to be sent now, and forget them. Data are never among them."""
        out, self._out = self._out, []
        return out

    @property
    def fragment_bytes(self) -> int:
        """Return how many bytes of a message go into one PDU."""
        return self._fragment

    def command(self, context_id: int, command: bytes) -> list[Buffer]:
        """Return what is to be sent for a command set."""
        self._happen(Event.EVT9)
        return self._fragments(context_id, command, is_command=True, is_last=True)

    def data(self, context_id: int, data: Buffer, *, is_last: bool) -> list[Buffer]:
        """Return what is to be sent for a piece of a data set: headers, and views of the data, not copies."""
        self._happen(Event.EVT9)
        return self._fragments(context_id, data, is_command=False, is_last=is_last)

    # How it is done.

    def _fragments(self, context_id: int, data: Buffer, *, is_command: bool, is_last: bool) -> list[Buffer]:
        size, length = self._fragment, len(data)
        if length <= size:
            return [fragment_header(context_id, length, is_command=is_command, is_last=is_last), data]
        full = fragment_header(context_id, size, is_command=is_command, is_last=False)
        view = memoryview(data)
        rest = (length - 1) // size * size
        buffers: list[Buffer] = []
        for start in range(0, rest, size):
            buffers += (full, view[start : start + size])
        last = fragment_header(context_id, length - rest, is_command=is_command, is_last=is_last)
        buffers += (last, view[rest:])
        return buffers

    def _happen(self, event: Event, pdu: PDU | None = None) -> None:
        step = TRANSITIONS[event].get(self.state)
        if step is None:
            raise WrongState(f"{event.value}, but the association is {self.state.value}")
        action, self.state = step
        act = self.ACTIONS.get(action)
        if act is not None:
            act(self, pdu)

    def _take(self, pdu: PDU) -> None:
        event = _EVENTS.get(type(pdu), Event.EVT19)
        self._why = f"the peer sent what cannot come now: {event.value}"
        self._abort_reason = AbortReason.UNEXPECTED_PDU
        self._happen(event, pdu)

    def _protest(self, why: str, reason: AbortReason) -> None:
        """End because of what arrived."""
        self._why, self._abort_reason = why, reason
        self._happen(Event.EVT19)
        self.is_closing = True  # where the next PDU begins is not known

    def _tell(self) -> list[Indication]:
        told, self._told = self._told, []
        return told

    def _agreed(self, longest_pdu: int, contexts: Iterable[int]) -> bool:
        """Keep what holds from now on: the longest PDU of the peer, and the contexts. False ends it."""
        if 0 < longest_pdu < SMALLEST_PDU:
            self._protest(f"the peer takes PDUs of {longest_pdu} bytes only", AbortReason.INVALID_PARAMETER)
            return False
        room = longest_pdu - PDV_HEADER_BYTES if longest_pdu else LARGEST_FRAGMENT
        self._fragment = min(room, LARGEST_FRAGMENT) & ~1  # fragments have an even length
        self._contexts = frozenset(contexts)
        return True

    def _gather(self, pdu: PDU | None) -> None:
        assert isinstance(pdu, PDataTF)  # noqa: S101 - DT-2 and AR-6 follow upon Evt10 alone
        try:
            for pdv in pdu.values:
                if pdv.context_id not in self._contexts:
                    raise Malformed("a message came in a context that was not agreed on")
                message = self._assembler.add(pdv)
                if message is not None:
                    self._told.append(Received(message) if isinstance(message, Message) else message)
        except Malformed as exc:
            self._protest(str(exc), exc.reason)

    def _ask_release(self, _: PDU | None) -> None:
        self._out.append(encode(ReleaseRQ()))

    def _tell_release(self, _: PDU | None) -> None:
        self._told.append(ReleaseAsked())

    def _tell_collision(self, _: PDU | None) -> None:
        self.state = self._after_collision
        if self.state is State.STA9:
            self._tell_release(None)  # an acceptor answers when its own is confirmed (AR-10)

    def _grant_release(self, _: PDU | None) -> None:
        self._out.append(encode(ReleaseRP()))

    def _tell_released(self, _: PDU | None) -> None:
        self._told.append(Released())
        self._close(None)

    def _abort_as_user(self, _: PDU | None) -> None:
        self._out.append(encode(Abort(source=0, reason=0)))

    def _abort_as_provider(self, _: PDU | None) -> None:
        self._abort_again(None)
        self._told.append(Broken(self._why, self._disagrees))

    def _abort_again(self, _: PDU | None) -> None:
        self._out.append(encode(Abort(source=2, reason=self._abort_reason)))

    def _tell_abort(self, pdu: PDU | None) -> None:
        assert isinstance(pdu, Abort)  # noqa: S101 - AA-3 follows upon Evt16 alone
        self._told.append(Aborted(pdu.source, pdu.reason))
        self._close(None)

    def _tell_broken(self, _: PDU | None) -> None:
        self._told.append(Broken(self._why))
        self._close(None)

    def _close(self, _: PDU | None) -> None:
        self.is_closing = True

    # Without an entry: AE-1 and AE-5 are the caller's, DT-1 and AR-7 give buffers back, AA-6 is nothing.
    ACTIONS: ClassVar[Mapping[Action, Act]] = MappingProxyType(
        {
            Action.DT2: _gather,
            Action.AR1: _ask_release,
            Action.AR2: _tell_release,
            Action.AR3: _tell_released,
            Action.AR4: _grant_release,
            Action.AR5: _close,
            Action.AR6: _gather,
            Action.AR8: _tell_collision,
            Action.AR9: _grant_release,
            Action.AR10: _tell_release,
            Action.AA1: _abort_as_user,
            Action.AA2: _close,
            Action.AA3: _tell_abort,
            Action.AA4: _tell_broken,
            Action.AA5: _tell_broken,
            Action.AA7: _abort_again,
            Action.AA8: _abort_as_provider,
        }
    )


_EVENTS: Final[dict[type, Event]] = {
    AssociateRQ: Event.EVT6,
    AssociateAC: Event.EVT3,
    AssociateRJ: Event.EVT4,
    PDataTF: Event.EVT10,
    ReleaseRQ: Event.EVT12,
    ReleaseRP: Event.EVT13,
    Abort: Event.EVT16,
}
