"""The states of one instance on its way to a destination, and what leads from one to the next.

Only tables and one function stand here: what makes a thing happen is the business of the journey, what keeps
it that of the ledger. An instance is in one state at any time, and every change is one of `TRANSITIONS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from mediakit.outcome import State


class TransferState(StrEnum):
    """Where an instance stands. What the ledger keeps is the value."""

    PLANNED = "planned"  # read, and to be sent
    SENDING = "sending"  # written down before the first byte goes out
    UNCERTAIN = "uncertain"  # was sent, and no answer came: it may be there or not
    STORED = "stored"  # the peer answered success
    STORED_WITH_WARNING = "stored-with-warning"  # stored, and the peer changed or doubts something
    COMMITTED = "committed"  # stored, and the proof that was asked for says so
    UNCONFIRMED = "unconfirmed"  # stored by the peer's word, and the proof denies it or did not come
    ALREADY_THERE = "already-there"  # the destination had it before
    REFUSED = "refused"  # the peer answered that it cannot take it now (out of resources)
    FAILED = "failed"  # the peer answered that it does not take this instance, or a conversion failed
    NOT_NEGOTIATED = "not-negotiated"  # no presentation context for it, in any transfer syntax it may have
    UNREADABLE = "unreadable"  # on the medium, and cannot be read
    MISSING = "missing"  # named by the directory, and not on the medium
    CONFLICT = "conflict"  # the same SOP Instance UID as another one with other bytes
    EXCLUDED = "excluded"  # not asked for

    @property
    def is_done(self) -> bool:
        """Return True when nothing more has to be done for the instance."""
        return self in _DONE

    @property
    def fate(self) -> State:
        """Return the state as a journey reports it when it has ended."""
        return _FATES.get(self) or State(self.value)


class Happening(StrEnum):
    """What can happen to an instance."""

    SEND = "send"  # it is about to go out
    SUCCESS = "success"  # the answers of the peer, by class of status (PS3.4 B.2.3)
    WARNING = "warning"
    REFUSAL = "refusal"
    ERROR = "error"
    LOST = "lost"  # the connection ended before the answer came
    NO_CONTEXT = "no-context"
    CANNOT_READ = "cannot-read"
    FOUND_THERE = "found-there"  # a query says that the destination has it
    PROVEN = "proven"  # storage commitment or a query confirms it
    DENIED = "denied"  # storage commitment or a query denies it, or no answer came
    UNEQUAL = "unequal"  # other bytes under the same UID
    AGAIN = (
        "again"  # the user asks for another try, another copy of the medium has it, or others went beside it
    )
    SKIP = "skip"  # it is not asked for
    HELD_BACK = "held-back"  # it was about to go out, and nobody was there to take it


class ForbiddenTransition(Exception):  # noqa: N818 - a fault of ours, never of the medium or the peer
    """Something happened to an instance that cannot happen in its state."""


_T, _H = TransferState, Happening
_ANSWERS: Final = {
    _H.SUCCESS: _T.STORED,
    _H.WARNING: _T.STORED_WITH_WARNING,
    _H.REFUSAL: _T.REFUSED,
    _H.ERROR: _T.FAILED,
    _H.LOST: _T.UNCERTAIN,
    _H.UNEQUAL: _T.CONFLICT,
    _H.FOUND_THERE: _T.ALREADY_THERE,
    _H.CANNOT_READ: _T.UNREADABLE,  # it broke while it was read for sending
    _H.HELD_BACK: _T.PLANNED,
}
_RETRY: Final = {
    _H.SEND: _T.SENDING,
    _H.AGAIN: _T.PLANNED,
    _H.FOUND_THERE: _T.ALREADY_THERE,
    _H.NO_CONTEXT: _T.NOT_NEGOTIATED,  # the peer is not the same at the second try
    _H.CANNOT_READ: _T.UNREADABLE,
    _H.ERROR: _T.FAILED,
}
_PROOF: Final = {_H.PROVEN: _T.COMMITTED, _H.DENIED: _T.UNCONFIRMED}
_LOST: Final = {_H.AGAIN: _T.PLANNED, _H.CANNOT_READ: _T.UNREADABLE}

#: From each state, what may happen, and where it leads.
TRANSITIONS: Final[Mapping[TransferState, Mapping[Happening, TransferState]]] = MappingProxyType(
    {
        _T.PLANNED: {
            _H.SEND: _T.SENDING,
            _H.NO_CONTEXT: _T.NOT_NEGOTIATED,
            _H.CANNOT_READ: _T.UNREADABLE,
            _H.FOUND_THERE: _T.ALREADY_THERE,
            _H.ERROR: _T.FAILED,  # it cannot be converted
            _H.UNEQUAL: _T.CONFLICT,
            _H.SKIP: _T.EXCLUDED,
        },
        _T.SENDING: _ANSWERS,
        _T.UNCERTAIN: _RETRY,
        _T.STORED: _PROOF,
        _T.STORED_WITH_WARNING: _PROOF,
        _T.COMMITTED: {_H.DENIED: _T.UNCONFIRMED},
        _T.UNCONFIRMED: {_H.PROVEN: _T.COMMITTED, _H.AGAIN: _T.PLANNED},
        _T.ALREADY_THERE: _PROOF,
        _T.REFUSED: _RETRY,
        _T.FAILED: {_H.AGAIN: _T.PLANNED},
        _T.NOT_NEGOTIATED: {_H.AGAIN: _T.PLANNED},
        _T.UNREADABLE: _LOST,
        _T.MISSING: _LOST,
        _T.CONFLICT: {_H.AGAIN: _T.PLANNED},
        _T.EXCLUDED: {_H.AGAIN: _T.PLANNED},
    }
)

_DONE: Final = frozenset({_T.STORED, _T.STORED_WITH_WARNING, _T.COMMITTED, _T.ALREADY_THERE, _T.EXCLUDED})
# At the end of a journey, what was to be sent was not, and what was under way got no answer.
_FATES: Final[Mapping[TransferState, State]] = MappingProxyType(
    {_T.PLANNED: State.UNSENT, _T.SENDING: State.UNCERTAIN}
)


def after(state: TransferState, happening: Happening) -> TransferState:
    """Return the state that follows. Raises ForbiddenTransition when this cannot happen here."""
    following = TRANSITIONS[state].get(happening)
    if following is None:
        raise ForbiddenTransition(f"{happening.value} cannot happen to an instance that is {state.value}")
    return following
