"""One association as the side that is asked for it, sans I/O. See `upper_layer`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Final

from mediakit.network.agreement import Agreement, agree
from mediakit.network.associate import APPLICATION_CONTEXT, AssociateAC, AssociateRQ
from mediakit.network.machine import Action, Event, State
from mediakit.network.pdu import PDU, AssociateRJ, encode
from mediakit.network.reasons import AbortReason, Malformed
from mediakit.network.upper_layer import Act, AssociationAsked, UpperLayer, WrongState

#: What is read, whatever a peer was told: 128 contexts with all their transfer syntaxes are a third of it.
MOST_PDU_BYTES: Final = 1 << 20
_PERMANENT: Final = 1
_NO_SUCH_CONTEXT: Final = AssociateRJ(result=_PERMANENT, source=1, reason=2)
_NO_SUCH_VERSION: Final = AssociateRJ(result=_PERMANENT, source=2, reason=2)


class Acceptor(UpperLayer):
    """One association, from the connection of a peer to its end."""

    _after_collision = State.STA10

    def __init__(self) -> None:
        """Wait for a request; ARTIM runs from now on."""
        super().__init__(MOST_PDU_BYTES, takes_requests=True)
        self._request: AssociateRQ | None = None
        self._happen(Event.EVT5)

    def accept(self, answer: AssociateAC) -> Agreement:
        """Accept the association that was asked for; return what holds from now on.

        The roles of its contexts are those of the peer. A peer that takes no useful PDU is aborted: `Broken`
        is told with the next indications. Raises WrongState; ValueError for an answer that cannot be written.
        """
        if self._request is None:
            raise WrongState("nobody has asked for the association")
        try:
            agreement = agree(self._request, answer)
        except Malformed as exc:
            raise ValueError(str(exc)) from exc
        written = encode(answer)
        self._happen(Event.EVT7)
        usable = (each.id for each in agreement.contexts if each.refusal is None)
        if self._agreed(self._request.user.longest_pdu, usable):
            self._out.append(written)
        return agreement

    def reject(self, answer: AssociateRJ) -> None:
        """Reject the association that was asked for. The connection is for the peer to close."""
        self._happen(Event.EVT8)
        self._out.append(encode(answer))

    def _asked(self, pdu: PDU | None) -> None:
        assert isinstance(pdu, AssociateRQ)  # noqa: S101 - AE-6 follows upon Evt6 alone
        ids = [each.id for each in pdu.contexts]
        if len(set(ids)) < len(ids) or not all(each % 2 for each in ids):
            why = "the IDs of its presentation contexts are not different odd numbers"
            self._protest(why, AbortReason.INVALID_PARAMETER)
        elif not pdu.protocol_version & 1:
            self._turn_down(_NO_SUCH_VERSION)
        elif pdu.application_context != APPLICATION_CONTEXT:
            self._turn_down(_NO_SUCH_CONTEXT)
        else:
            self._request = pdu
            self._told.append(AssociationAsked(pdu))

    def _turn_down(self, answer: AssociateRJ) -> None:
        self.state = State.STA13
        self._out.append(encode(answer))

    ACTIONS: ClassVar[Mapping[Action, Act]] = MappingProxyType({**UpperLayer.ACTIONS, Action.AE6: _asked})
