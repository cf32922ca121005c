"""The place where pynetdicom puts messages together, with the data sets of C-STORE requests going to files.

pynetdicom has two ways: all in memory, or files in the folder for temporary files, which stay behind when an
association breaks. This is the third; it uses the public attributes of the library's own provider.
"""

from __future__ import annotations

import struct
from threading import Lock
from typing import TYPE_CHECKING

from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import C_STORE_RQ, DIMSEMessage
from pynetdicom.pdu_primitives import P_DATA

from mediakit.scp.instance_store import InstanceStore
from mediakit.scp.receiver import MOST_MESSAGE_BYTES, Claim, Spool

if TYPE_CHECKING:
    from pynetdicom.dimse_primitives import DimsePrimitiveType

_MOST_COMMAND_BYTES = 1 << 20
MOST_WAITING = 16  # messages; more than one comes only from a peer that does not wait for answers
_INVALID_PDU = "Evt19"  # PS3.8 9.2.1: unrecognized or invalid PDU received; ends the association
_BROKEN = (ArithmeticError, AttributeError, EOFError, LookupError, NotImplementedError, struct.error)
_BROKEN_MESSAGE = (*_BROKEN, OSError, TypeError, ValueError)  # what reading a hostile command can raise


class MessageProvider(DIMSEServiceProvider):
    """Puts together the messages of one association. Without an instance store all of them stay in memory."""

    def __init__(
        self,
        association: Association,
        instance_store: InstanceStore | None,
        most_bytes: int = MOST_MESSAGE_BYTES,
    ) -> None:
        """`most_bytes` bounds the data set of a message that stays in memory."""
        super().__init__(association)
        self._instance_store = instance_store
        self._most_bytes = most_bytes
        self._sending = Lock()
        self._spools: list[Spool] = []

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

    def discard(self) -> None:
        """Take away what came of messages that nobody will answer."""
        for spool in self._spools:
            spool.discard()

    def _new_message(self) -> DIMSEMessage:
        message = DIMSEMessage()
        spool = Spool(self._instance_store, self._claim, self._most_bytes)
        message.data_set = spool
        self._spools = [one for one in self._spools if one.is_open] + [spool]
        return message

    def _break_off(self) -> None:
        self.discard()
        self.message = None
        self.dul.event_queue.put(_INVALID_PDU)

    def _claim(self) -> Claim | None:
        """Return what the command before a data set said; None when it is no C-STORE request."""
        message = self.message
        if not isinstance(message, C_STORE_RQ):
            return None
        command = message.command_set
        accepted = {context.context_id: context for context in self.assoc.accepted_contexts}
        context = accepted.get(message.context_id)
        return Claim(
            agreed_class="" if context is None else str(context.abstract_syntax),
            sop_class=str(command.get("AffectedSOPClassUID", ""))[:64],
            sop_instance=str(command.get("AffectedSOPInstanceUID", ""))[:65],
            transfer_syntax="" if context is None else str(context.transfer_syntax[0]),
            calling_ae=self.assoc.requestor.ae_title.strip(),
        )
