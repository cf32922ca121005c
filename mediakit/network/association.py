"""One association as the side that asks for it, sans I/O. See `upper_layer`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from mediakit.network.agreement import agree
from mediakit.network.associate import AssociateAC, AssociateRQ
from mediakit.network.machine import Action, Event, State
from mediakit.network.pdu import PDU, AssociateRJ, encode
from mediakit.network.reasons import Malformed
from mediakit.network.upper_layer import Accepted, Act, Rejected, UpperLayer


class Association(UpperLayer):
    """One association, from our request to its end."""

    _after_collision = State.STA9

    def __init__(self, request: AssociateRQ, *, takes_requests: bool = False) -> None:
        """`takes_requests`: the peer may ask for operations too, as the other role was proposed (C-GET)."""
        super().__init__(request.user.longest_pdu, takes_requests=takes_requests)
        self._request = request

    @property
    def has_identity(self) -> bool:
        """Return True when the request says who the user is."""
        return self._request.user.identity is not None

    def connected(self) -> None:
        """Ask for the association: the connection stands."""
        self._happen(Event.EVT1)
        self._happen(Event.EVT2)

    def _ask(self, _: PDU | None) -> None:
        self._out.append(encode(self._request))

    def _accept(self, pdu: PDU | None) -> None:
        assert isinstance(pdu, AssociateAC)  # noqa: S101 - AE-3 follows upon Evt3 alone
        try:
            agreement = agree(self._request, pdu)
        except Malformed as exc:
            self._disagrees = True
            self._protest(str(exc), exc.reason)
            return
        usable = (each.id for each in agreement.contexts if each.refusal is None)
        if self._agreed(pdu.user.longest_pdu, usable):
            self._told.append(Accepted(agreement))

    def _reject(self, pdu: PDU | None) -> None:
        assert isinstance(pdu, AssociateRJ)  # noqa: S101 - AE-4 follows upon Evt4 alone
        self._told.append(Rejected(pdu))
        self._close(None)

    ACTIONS: ClassVar[Mapping[Action, Act]] = MappingProxyType(
        {**UpperLayer.ACTIONS, Action.AE2: _ask, Action.AE3: _accept, Action.AE4: _reject}
    )
