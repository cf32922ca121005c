"""From fragments to messages: a command set and, where it says so, a data set (PS3.8 E.2, PS3.7 6.3)."""

from __future__ import annotations

from dataclasses import dataclass, field

from mediakit.network.message import LONGEST_COMMAND, Request, Response, decode_command
from mediakit.network.pdu import PDV, Buffer
from mediakit.network.reasons import Malformed

LONGEST_DATA_SET = 1 << 20  # bytes of a data set behind a response: a list of failed instances is the longest


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A response that is whole, and the context it came in."""

    context_id: int
    response: Response
    data_set: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Requested:
    """A peer asks for an operation. Where the request has a data set, it follows in `Fragment`s."""

    context_id: int
    request: Request


@dataclass(frozen=True, slots=True)
class Fragment:
    """A piece of the data set of the last request, as it came: any number of them, of any size."""

    data: Buffer = field(repr=False)
    is_last: bool


class Assembler:
    """Put fragments together, one message after the other.

    The data set of a response is put together, that of a request is passed on in pieces: it has no bound.
    """

    def __init__(self, *, takes_requests: bool = False) -> None:
        """Without `takes_requests` a request is Malformed."""
        self._takes_requests = takes_requests
        self._context_id = 0  # 0: between two messages
        self._parts: list[Buffer] = []
        self._size = 0
        self._command: Request | Response | None = None  # the one whose data set follows

    def add(self, pdv: PDV) -> Message | Requested | Fragment | None:
        """Take a fragment; return the message that it completes, or a piece of one. Raises Malformed."""
        self._check(pdv)
        self._context_id = pdv.context_id
        if isinstance(self._command, Request):
            if pdv.is_last:
                self._end()
            return Fragment(pdv.data, pdv.is_last)
        self._parts.append(pdv.data)
        self._size += len(pdv.data)
        if not pdv.is_last:
            return None
        whole = b"".join(self._parts)
        self._parts, self._size = [], 0
        if self._command is None:
            return self._begun(pdv.context_id, decode_command(whole))
        response = self._command
        self._end()
        return Message(context_id=pdv.context_id, response=response, data_set=whole)

    def _begun(self, context_id: int, command: Request | Response) -> Message | Requested | None:
        if isinstance(command, Request) and not self._takes_requests:
            raise Malformed(f"a response was expected, not the command {command.command:04X}H")
        if command.has_data_set:
            self._command = command
        else:
            self._end()
        if isinstance(command, Request):
            return Requested(context_id=context_id, request=command)
        return None if command.has_data_set else Message(context_id=context_id, response=command)

    def _check(self, pdv: PDV) -> None:
        if pdv.context_id != self._context_id and self._context_id:
            raise Malformed("fragments of two messages are mixed")
        if pdv.is_command == (self._command is not None):
            raise Malformed("a command set and a data set are mixed")
        longest = LONGEST_COMMAND if pdv.is_command else LONGEST_DATA_SET
        if not isinstance(self._command, Request) and self._size + len(pdv.data) > longest:
            raise Malformed("a message is too long")
        if not pdv.data and not pdv.is_last:
            raise Malformed("a fragment in the middle of a message is empty")  # or they would pile up

    def _end(self) -> None:
        self._context_id, self._command = 0, None
