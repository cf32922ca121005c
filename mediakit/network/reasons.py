"""Why an association or a presentation context is refused or ends: codes of the upper layer, and in words.

Total: any code a peer may send gives words.
"""

from __future__ import annotations

from enum import Enum, IntEnum
from types import MappingProxyType
from typing import Final

TRANSIENT: Final = 2  # result of an A-ASSOCIATE-RJ: another try may succeed


class AbortReason(IntEnum):
    """Why a provider aborts. Source: PS3.8 Table 9-26."""

    NOT_SPECIFIED = 0
    UNRECOGNIZED_PDU = 1
    UNEXPECTED_PDU = 2
    UNRECOGNIZED_PARAMETER = 4
    UNEXPECTED_PARAMETER = 5
    INVALID_PARAMETER = 6


class Malformed(Exception):  # noqa: N818 - reads as a sentence where it is raised
    """The bytes of a peer are not what PS3.7 or PS3.8 allows: the only error that decoding them raises.

    `reason` is what an A-ABORT says about it.
    """

    def __init__(self, why: str, reason: AbortReason = AbortReason.INVALID_PARAMETER) -> None:
        super().__init__(why)
        self.reason = reason


class RejectReason(Enum):
    """Why a presentation context cannot be used. Source: PS3.8 Table 9-18; the last four are our own."""

    USER_REJECTION = "the peer does not want it"
    NO_REASON = "the peer gives no reason"
    ABSTRACT_SYNTAX = "the SOP Class is not supported"
    TRANSFER_SYNTAXES = "none of the transfer syntaxes is supported"
    NOT_ANSWERED = "the peer did not answer to it"
    NOT_PROPOSED = "the peer chose a transfer syntax that was not proposed"
    ROLE = "the peer does not let us be its SCU"
    NO_UID = "what should be a UID is none, so that it cannot be proposed"

    def __str__(self) -> str:
        return self.value


_CONTEXT_RESULTS: Final = {
    1: RejectReason.USER_REJECTION,
    3: RejectReason.ABSTRACT_SYNTAX,
    4: RejectReason.TRANSFER_SYNTAXES,
}


def context_refusal(result: int) -> RejectReason:
    """Return what a result other than acceptance means."""
    return _CONTEXT_RESULTS.get(result, RejectReason.NO_REASON)


# Source: PS3.8 Table 9-21.
_REJECTIONS: Final = MappingProxyType(
    {
        (1, 1): "no reason given",
        (1, 2): "the application context is not supported",
        (1, 3): "the calling AE title is not known there",
        (1, 7): "the called AE title is not known there",
        (2, 1): "no reason given by the association service",
        (2, 2): "the protocol version is not supported",
        (3, 1): "too busy at the moment",
        (3, 2): "a local limit is reached",
    }
)


def rejection(result: int, source: int, reason: int) -> str:
    """Return what an A-ASSOCIATE-RJ says: "rejected for now: too busy at the moment"."""
    kind = "rejected for now" if result == TRANSIENT else "rejected"
    why = _REJECTIONS.get((source, reason), f"source {source}, reason {reason}")
    return f"{kind}: {why}"


_ABORTS: Final = MappingProxyType(
    {
        AbortReason.NOT_SPECIFIED: "no reason given",
        AbortReason.UNRECOGNIZED_PDU: "it got a PDU of an unknown type",
        AbortReason.UNEXPECTED_PDU: "it did not expect this PDU now",
        AbortReason.UNRECOGNIZED_PARAMETER: "it got an unknown parameter",
        AbortReason.UNEXPECTED_PARAMETER: "it did not expect a parameter",
        AbortReason.INVALID_PARAMETER: "it got an invalid value",
    }
)


def abort(source: int, reason: int) -> str:
    """Return what an A-ABORT says."""
    if source == 0:
        return "the application there aborted the association"
    why = {int(known): words for known, words in _ABORTS.items()}.get(reason, f"reason {reason}")
    return f"the service there aborted the association: {why}"
