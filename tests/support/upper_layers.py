"""A request for an association, its acceptance, and the states that both sides reach alike."""

from __future__ import annotations

from typing import TypeVar

from mediakit.network.associate import AssociateAC, AssociateRQ, ContextResult, ProposedContext
from mediakit.network.pdu import ReleaseRQ, encode
from mediakit.network.upper_layer import ReleaseAsked, UpperLayer
from mediakit.network.user_items import UserInformation

Side = TypeVar("Side", bound=UpperLayer)


def request_of(longest_pdu: int) -> AssociateRQ:
    """Return a request for two contexts, 1 and 3."""
    return AssociateRQ(
        called_ae="A",
        calling_ae="B",
        contexts=tuple(
            ProposedContext(id=number, abstract_syntax="1.2", transfer_syntaxes=("1.3",)) for number in (1, 3)
        ),
        user=UserInformation(longest_pdu=longest_pdu),
    )


def acceptance(longest_pdu: int = 16_384) -> AssociateAC:
    """Return an answer to it that takes context 1 and refuses 3."""
    return AssociateAC(
        called_ae="A",
        calling_ae="B",
        contexts=(ContextResult(id=1, result=0, transfer_syntax="1.3"), ContextResult(id=3, result=3)),
        user=UserInformation(longest_pdu=longest_pdu),
    )


def asks_release(side: Side) -> Side:
    """Have an association that stands ask for its release."""
    side.release()
    assert side.to_send() == [encode(ReleaseRQ())]
    return side


def is_asked_to_release(side: Side) -> Side:
    """Have the peer of an association that stands ask for its release."""
    assert side.receive(encode(ReleaseRQ())) == [ReleaseAsked()]
    return side
