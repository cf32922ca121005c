"""Associations that we open with pynetdicom: bounds on what comes back, and an end that leaves nothing.

Whoever asks takes from here what it needs: a query, a request for storage commitment, a report on one.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from functools import partial
from time import monotonic, sleep

from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association
from pynetdicom.events import EVT_CONN_OPEN, Event
from pynetdicom.transport import AddressInformation, AssociationSocket

from mediakit.scp.bounds import MAXIMUM_PDU_BYTES, bind
from mediakit.scp.message_provider import MOST_WAITING, MessageProvider

_MOST_ANSWER_BYTES = 4 << 20  # of one message: a report on 1000 instances has some 200 kB
_TURN_S = 0.002
_END_S = 10.0  # for the threads of pynetdicom to end


class Requestor(ApplicationEntity):
    """An application entity that opens associations, with what waits have to be bounded. Times in seconds."""

    def __init__(self, ae_title: str, *, connect_s: float, association_s: float, answer_s: float) -> None:
        super().__init__(ae_title=ae_title)
        self.maximum_pdu_size = MAXIMUM_PDU_BYTES
        self.connection_timeout = connect_s
        self.acse_timeout = association_s
        self.dimse_timeout = answer_s
        self.network_timeout = answer_s
        self._answer_s = answer_s

    def _create_socket(
        self, assoc: Association, address: AddressInformation, tls_args: tuple[ssl.SSLContext, str] | None
    ) -> AssociationSocket:
        made = _Socket(assoc, address=address)
        made.tls_args = tls_args
        assoc.bind(EVT_CONN_OPEN, partial(_opened, patience_s=self._answer_s))
        return made


def end(link: Association) -> None:
    """End an association that is still open, its socket and its threads."""
    if link.is_established:
        link.abort()
    if link.is_alive():
        link.join(timeout=_END_S)
    plain = link.dimse.plain if isinstance(link.dimse, _Answers) else None
    if plain is None:
        return
    link.dul.kill_dul()
    with suppress(OSError):
        plain.shutdown(socket.SHUT_RDWR)
    link.dul.join(timeout=_END_S)
    plain.close()


def _opened(event: Event, *, patience_s: float) -> None:
    """Put bounds on what will be read."""
    answers = _Answers(event.assoc, None, _MOST_ANSWER_BYTES)
    answers.plain = bind(event.assoc, answers, patience_s)


class _Answers(MessageProvider):
    """Puts answers together, no faster than they are taken: a peer may give any number of matches.

    `plain` is the socket of the association.
    """

    plain: socket.socket | None = None

    def _has_room(self) -> bool:
        """Wait for room, and let the peer wait with it. False when nobody takes anything any more."""
        until = monotonic() + (self.assoc.network_timeout or 0.0)
        while self.msg_queue.qsize() > MOST_WAITING:
            if not self.dul.to_provider_queue.empty():
                return True  # what we want to say goes first: it may be that we have heard enough
            if monotonic() > until:
                return False
            sleep(_TURN_S)
        return True


class _Socket(AssociationSocket):
    """A socket that is closed also when it cannot be shut down."""

    def _shutdown_socket(self) -> None:
        if self.socket is not None:
            with suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)
            self.socket.close()
