"""The place where pynetdicom puts the answers of a peer together, with a bound on each.

It uses the public attributes of the library's own provider.
"""

from __future__ import annotations

import struct
from io import BytesIO
from threading import Lock
from typing import TYPE_CHECKING

from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import DIMSEMessage
from pynetdicom.pdu_primitives import P_DATA

if TYPE_CHECKING:
    from pynetdicom.dimse_primitives import DimsePrimitiveType

_MOST_COMMAND_BYTES = 1 << 20
MOST_WAITING = 16  # messages; more than one comes only from a peer that does not wait for answers
_INVALID_PDU = "Evt19"  # PS3.8 9.2.1: unrecognized or invalid PDU received; ends the association
_BROKEN = (ArithmeticError, AttributeError, EOFError, LookupError, NotImplementedError, struct.error)
_BROKEN_MESSAGE = (*_BROKEN, OSError, TypeError, ValueError)  # what reading a hostile command can raise


class _Bounded(BytesIO):
    """The memory of one data set."""

    def __init__(self, most_bytes: int) -> None:
        super().__init__()
        self._left = most_bytes

    def write(self, fragment: bytes, /) -> int:  # type: ignore[override]  # only bytes come here
        """Take a fragment. Raises ValueError when more is to be held than may be."""
        self._left -= len(fragment)
        if self._left < 0:
            raise ValueError("the message is larger than is taken")
        return super().write(fragment)


class MessageProvider(DIMSEServiceProvider):
    """Puts together the messages of one association."""

    def __init__(self, association: Association, most_bytes: int) -> None:
        """Bound the data set of each message by `most_bytes`."""
        super().__init__(association)
        self._most_bytes = most_bytes
        self._sending = Lock()

    def receive_primitive(self, primitive: P_DATA) -> None:
        """Take the next fragments; a message that cannot be one ends the association. Never raises."""
        if self.message is None:
            self.message = self._new_message()
        message = self.message
        try:
            super().receive_primitive(primitive)
        except _BROKEN_MESSAGE:
            self._break_off()
            return
        is_too_much = message.encoded_command_set.tell() > _MOST_COMMAND_BYTES
        if is_too_much or not self._has_room():
            self._break_off()

    def _has_room(self) -> bool:
        """Return False when too many messages wait to be looked at."""
        return self.msg_queue.qsize() <= MOST_WAITING

    def send_msg(self, primitive: DimsePrimitiveType, context_id: int) -> None:
        """Send a message whole, whichever thread sends another one at the same time."""
        with self._sending:
            super().send_msg(primitive, context_id)

    def _new_message(self) -> DIMSEMessage:
        message = DIMSEMessage()
        message.data_set = _Bounded(self._most_bytes)
        return message

    def _break_off(self) -> None:
        self.message = None
        self.dul.event_queue.put(_INVALID_PDU)
