"""From fragments to messages: a command set and, where it says so, a data set (PS3.8 E.2, PS3.7 6.3)."""

from __future__ import annotations

from dataclasses import dataclass, field

from mediakit.network.message import LONGEST_COMMAND, Response, decode_response
from mediakit.network.pdu import PDV
from mediakit.network.reasons import Malformed

LONGEST_DATA_SET = 1 << 20  # bytes of a data set behind a response; those of C-STORE and C-ECHO have none


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A response that is whole, and the context it came in."""

    context_id: int
    response: Response
    data_set: bytes = field(default=b"", repr=False)


class Assembler:
    """Put fragments together, one message after the other."""

    def __init__(self) -> None:
        self._context_id = 0  # 0: between two messages
        self._parts: list[bytes] = []
        self._size = 0
        self._response: Response | None = None

    def add(self, pdv: PDV) -> Message | None:
        """Take a fragment; return the message that it completes. Raises Malformed."""
        self._check(pdv)
        self._context_id = pdv.context_id
        self._parts.append(pdv.data)
        self._size += len(pdv.data)
        if not pdv.is_last:
            return None
        whole = b"".join(self._parts)
        self._parts, self._size = [], 0
        if self._response is None:
            response = decode_response(whole)
            if response.has_data_set:
                self._response = response
                return None
            return self._complete(response, b"")
        return self._complete(self._response, whole)

    def _check(self, pdv: PDV) -> None:
        if pdv.context_id != self._context_id and self._context_id:
            raise Malformed("fragments of two messages are mixed")
        if pdv.is_command == (self._response is not None):
            raise Malformed("a command set and a data set are mixed")
        longest = LONGEST_COMMAND if pdv.is_command else LONGEST_DATA_SET
        if self._size + len(pdv.data) > longest:
            raise Malformed("a message is too long")
        if not pdv.data and not pdv.is_last:
            raise Malformed("a fragment in the middle of a message is empty")  # or they would pile up

    def _complete(self, response: Response, data_set: bytes) -> Message:
        message = Message(context_id=self._context_id, response=response, data_set=data_set)
        self._context_id, self._response = 0, None
        return message
