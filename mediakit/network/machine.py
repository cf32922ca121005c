"""The state machine of the DICOM upper layer, as a table, for both sides of an association.

States, events and actions have the numbers of PS3.8 9.2; `TRANSITIONS` is Table 9-10. What an action does is
in `upper_layer`, `association` and `acceptor`. No bytes here.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class State(StrEnum):
    """Where an association stands."""

    STA1 = "idle"
    STA2 = "waiting for the request for an association"
    STA3 = "asked for an association"
    STA4 = "waiting for the connection"
    STA5 = "waiting for the answer to the association"
    STA6 = "established"
    STA7 = "waiting for the answer to the release"
    STA8 = "asked to release"
    STA9 = "both asked to release, ours is to be answered"
    STA10 = "both asked to release, waiting for the answer as the acceptor"
    STA11 = "both asked to release, waiting for the answer"
    STA12 = "both asked to release, to be answered as the acceptor"
    STA13 = "waiting for the end of the connection"


class Event(StrEnum):
    """What can happen to an association."""

    EVT1 = "an association is wanted"
    EVT2 = "the connection stands"
    EVT3 = "A-ASSOCIATE-AC arrived"
    EVT4 = "A-ASSOCIATE-RJ arrived"
    EVT5 = "a peer has connected"
    EVT6 = "A-ASSOCIATE-RQ arrived"
    EVT7 = "the association is accepted"
    EVT8 = "the association is rejected"
    EVT9 = "data are to be sent"
    EVT10 = "P-DATA-TF arrived"
    EVT11 = "the release is wanted"
    EVT12 = "A-RELEASE-RQ arrived"
    EVT13 = "A-RELEASE-RP arrived"
    EVT14 = "the release of the peer is granted"
    EVT15 = "the abort is wanted"
    EVT16 = "A-ABORT arrived"
    EVT17 = "the connection ended"
    EVT18 = "ARTIM ran out"
    EVT19 = "something arrived that is no PDU"


class Action(StrEnum):
    """What is to be done."""

    AE1 = "open the connection"
    AE2 = "send A-ASSOCIATE-RQ"
    AE3 = "tell that it is accepted"
    AE4 = "tell that it is rejected, close"
    AE5 = "wait for the request, with ARTIM"
    AE6 = "tell that an association is asked for, or reject it as the provider"
    AE7 = "send A-ASSOCIATE-AC"
    AE8 = "send A-ASSOCIATE-RJ"
    DT1 = "send P-DATA-TF"
    DT2 = "tell that data arrived"
    AR1 = "send A-RELEASE-RQ"
    AR2 = "tell that the peer asks for the release"
    AR3 = "tell that it is released, close"
    AR4 = "send A-RELEASE-RP, wait for the end"
    AR5 = "stop waiting"
    AR6 = "tell that data arrived while the release is under way"
    AR7 = "send P-DATA-TF while the release of the peer is pending"
    AR8 = "tell that both ask for the release"
    AR9 = "send A-RELEASE-RP, wait for the peer's"
    AR10 = "tell that the release is confirmed, answer that of the peer"
    AA1 = "send A-ABORT of the user"
    AA2 = "close"
    AA3 = "tell that the peer aborted, close"
    AA4 = "tell that the connection broke"
    AA5 = "stop waiting for the request"
    AA6 = "ignore it"
    AA7 = "send A-ABORT once more"
    AA8 = "send A-ABORT of the provider, tell it"


Transition = tuple[Action, State]

_S, _E, _A = State, Event, Action
#: The states in which an association is asked for or stands, and no end has been decided.
_ALIVE: Final = (_S.STA3, _S.STA5, _S.STA6, _S.STA7, _S.STA8, _S.STA9, _S.STA10, _S.STA11, _S.STA12)
_ABORT: Final[Transition] = (_A.AA8, _S.STA13)
_NO_REQUEST: Final[Transition] = (_A.AA1, _S.STA13)  # the first PDU of a peer has to be a request
_UNEXPECTED: Final[Mapping[State, Transition]] = {
    _S.STA2: _NO_REQUEST,
    **dict.fromkeys(_ALIVE, _ABORT),
}
_IGNORED: Final[Transition] = (_A.AA6, _S.STA13)

#: For each event: in which states it can happen, what is to be done, and the state that follows. That after
#: AE-6 is Sta13 where the request is rejected at once, that after AR-8 is Sta10 for an acceptor.
TRANSITIONS: Final[Mapping[Event, Mapping[State, Transition]]] = MappingProxyType(
    {
        _E.EVT1: {_S.STA1: (_A.AE1, _S.STA4)},
        _E.EVT2: {_S.STA4: (_A.AE2, _S.STA5)},
        _E.EVT3: {**_UNEXPECTED, _S.STA5: (_A.AE3, _S.STA6), _S.STA13: _IGNORED},
        _E.EVT4: {**_UNEXPECTED, _S.STA5: (_A.AE4, _S.STA1), _S.STA13: _IGNORED},
        _E.EVT5: {_S.STA1: (_A.AE5, _S.STA2)},
        _E.EVT6: {**_UNEXPECTED, _S.STA2: (_A.AE6, _S.STA3), _S.STA13: (_A.AA7, _S.STA13)},
        _E.EVT7: {_S.STA3: (_A.AE7, _S.STA6)},
        _E.EVT8: {_S.STA3: (_A.AE8, _S.STA13)},
        _E.EVT9: {_S.STA6: (_A.DT1, _S.STA6), _S.STA8: (_A.AR7, _S.STA8)},
        _E.EVT10: {
            **_UNEXPECTED,
            _S.STA6: (_A.DT2, _S.STA6),
            _S.STA7: (_A.AR6, _S.STA7),
            _S.STA13: _IGNORED,
        },
        _E.EVT11: {_S.STA6: (_A.AR1, _S.STA7)},
        _E.EVT12: {
            **_UNEXPECTED,
            _S.STA6: (_A.AR2, _S.STA8),
            _S.STA7: (_A.AR8, _S.STA9),
            _S.STA13: _IGNORED,
        },
        _E.EVT13: {
            **_UNEXPECTED,
            _S.STA7: (_A.AR3, _S.STA1),
            _S.STA10: (_A.AR10, _S.STA12),
            _S.STA11: (_A.AR3, _S.STA1),
            _S.STA13: _IGNORED,
        },
        _E.EVT14: {
            _S.STA8: (_A.AR4, _S.STA13),
            _S.STA9: (_A.AR9, _S.STA11),
            _S.STA12: (_A.AR4, _S.STA13),
        },
        _E.EVT15: {_S.STA4: (_A.AA2, _S.STA1), **dict.fromkeys(_ALIVE, (_A.AA1, _S.STA13))},
        _E.EVT16: {
            _S.STA2: (_A.AA2, _S.STA1),
            **dict.fromkeys(_ALIVE, (_A.AA3, _S.STA1)),
            _S.STA13: (_A.AA2, _S.STA1),
        },
        _E.EVT17: {
            _S.STA2: (_A.AA5, _S.STA1),
            _S.STA4: (_A.AA4, _S.STA1),
            **dict.fromkeys(_ALIVE, (_A.AA4, _S.STA1)),
            _S.STA13: (_A.AR5, _S.STA1),
        },
        _E.EVT18: {_S.STA2: (_A.AA2, _S.STA1), _S.STA13: (_A.AA2, _S.STA1)},
        _E.EVT19: {**_UNEXPECTED, _S.STA13: (_A.AA7, _S.STA13)},
    }
)
