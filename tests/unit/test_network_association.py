"""The machine of PS3.8 9.2: what is done in each state, and how an association goes and ends."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from mediakit.network.agreement import agree
from mediakit.network.assembly import Message
from mediakit.network.associate import AssociateAC, AssociateRQ
from mediakit.network.association import Association
from mediakit.network.machine import TRANSITIONS, Action, Event, State
from mediakit.network.message import STORE_RSP
from mediakit.network.pdu import PDU, PDV, Abort, AssociateRJ, PDataTF, ReleaseRP, ReleaseRQ, encode
from mediakit.network.upper_layer import (
    LARGEST_FRAGMENT,
    Aborted,
    Accepted,
    Broken,
    Indication,
    Received,
    Rejected,
    Released,
    WrongState,
)
from tests.support.each import each
from tests.support.upper_layers import acceptance, asks_release, is_asked_to_release, request_of

REQUEST = request_of(1 << 20)
REJECTION = AssociateRJ(result=1, source=1, reason=1)


def response(status: int = 0, *, with_data_set: bool = False) -> bytes:
    values = {0x0100: STORE_RSP, 0x0120: 1, 0x0800: 1 if with_data_set else 0x0101, 0x0900: status}
    return b"".join(struct.pack("<HHIH", 0, tag, 2, value) for tag, value in values.items())


def answer(status: int = 0) -> PDataTF:
    return PDataTF((PDV(1, True, True, response(status)),))


def requested() -> Association:
    association = Association(REQUEST)
    association.connected()
    assert association.to_send() == [encode(REQUEST)]
    return association


def established(longest_pdu: int = 16_384) -> Association:
    association = requested()
    assert association.receive(encode(acceptance(longest_pdu))) == [
        Accepted(agree(REQUEST, acceptance(longest_pdu)))
    ]
    return association


def releasing() -> Association:
    return asks_release(established())


def asked() -> Association:
    return is_asked_to_release(established())


def colliding() -> Association:
    return is_asked_to_release(releasing())


def collided() -> Association:
    association = colliding()
    association.answer_release()
    assert association.to_send() == [encode(ReleaseRP())]
    return association


def aborting() -> Association:
    association = established()
    association.abort()
    assert association.to_send() == [encode(Abort(source=0, reason=0))]
    return association


IN_STATE: dict[State, Callable[[], Association]] = {
    State.STA5: requested,
    State.STA6: established,
    State.STA7: releasing,
    State.STA8: asked,
    State.STA9: colliding,
    State.STA11: collided,
    State.STA13: aborting,
}
ARRIVALS: list[PDU] = [acceptance(), REJECTION, REQUEST, answer(), ReleaseRQ(), ReleaseRP()]
EXPECTED = {
    (State.STA5, AssociateAC): State.STA6,
    (State.STA5, AssociateRJ): State.STA1,
    (State.STA6, PDataTF): State.STA6,
    (State.STA6, ReleaseRQ): State.STA8,
    (State.STA7, PDataTF): State.STA7,
    (State.STA7, ReleaseRQ): State.STA9,
    (State.STA7, ReleaseRP): State.STA1,
    (State.STA11, ReleaseRP): State.STA1,
}


@pytest.mark.parametrize("state", IN_STATE)
def test_the_builders_reach_their_states(state: State) -> None:
    assert IN_STATE[state]().state is state


@each("state", [state for state in IN_STATE if state is not State.STA13])
@each("pdu", ARRIVALS, ids=lambda pdu: type(pdu).__name__)
def test_a_pdu_is_expected_or_aborts_the_association(state: State, pdu: PDU) -> None:
    association = IN_STATE[state]()
    told = association.receive(encode(pdu))
    expected = EXPECTED.get((state, type(pdu)))
    if expected is not None:
        assert association.state is expected
        assert association.to_send() == []
        assert not any(isinstance(indication, Broken) for indication in told)
    else:
        assert association.state is State.STA13
        assert association.to_send() == [encode(Abort(source=2, reason=2))]
        assert len(told) == 1
        assert isinstance(told[0], Broken)


@pytest.mark.parametrize("pdu", ARRIVALS, ids=lambda pdu: type(pdu).__name__)
def test_after_an_abort_of_ours_what_still_comes_is_passed_over(pdu: PDU) -> None:
    association = aborting()
    assert association.receive(encode(pdu)) == []
    assert association.state.name == "STA13"
    again = [encode(Abort(source=2, reason=2))] if isinstance(pdu, AssociateRQ) else []
    assert association.to_send() == again  # AA-7 for a request, AA-6 for the rest
    assert association.closed() == []
    assert association.state is State.STA1


@pytest.mark.parametrize("state", IN_STATE)
def test_an_abort_of_the_peer_ends_in_every_state(state: State) -> None:
    association = IN_STATE[state]()
    told = association.receive(encode(Abort(source=2, reason=1)))
    assert told == ([] if state is State.STA13 else [Aborted(2, 1)])
    assert (association.state, association.is_closing, association.to_send()) == (State.STA1, True, [])


@pytest.mark.parametrize("state", IN_STATE)
def test_the_end_of_the_connection_ends_in_every_state(state: State) -> None:
    association = IN_STATE[state]()
    told = association.closed()
    assert told == ([] if state is State.STA13 else [Broken("the peer closed the connection")])
    assert (association.state, association.is_closing) == (State.STA1, True)
    assert association.closed() == []


@pytest.mark.parametrize("state", IN_STATE)
def test_what_is_no_pdu_ends_in_every_state(state: State) -> None:
    association = IN_STATE[state]()
    told = association.receive(b"GARBAGE" * 3)
    assert [type(indication) for indication in told] == ([] if state is State.STA13 else [Broken])
    assert association.state is State.STA13
    assert association.to_send() == [encode(Abort(source=2, reason=1))]
    assert association.receive(encode(answer())) == []


def test_the_table_knows_each_event_of_each_state_that_a_requestor_reaches() -> None:
    arrivals = {
        Event.EVT3,
        Event.EVT4,
        Event.EVT6,
        Event.EVT10,
        Event.EVT12,
        Event.EVT13,
        Event.EVT16,
        Event.EVT17,
        Event.EVT19,
    }
    for event in arrivals:
        assert set(IN_STATE) <= set(TRANSITIONS[event]), event
    assert set(TRANSITIONS) == set(Event)
    used = {action for steps in TRANSITIONS.values() for action, _ in steps.values()}
    assert used == set(Action)


@pytest.mark.parametrize(
    ("do", "allowed"),
    [
        (Association.release, {State.STA6}),
        (Association.answer_release, {State.STA8, State.STA9}),
        (Association.abort, set(IN_STATE) - {State.STA13}),
        (lambda association: association.command(1, b"x"), {State.STA6, State.STA8}),
        (lambda association: association.data(1, b"x", is_last=True), {State.STA6, State.STA8}),
        (Association.connected, set()),
    ],
)
def test_what_cannot_be_done_in_a_state_is_a_fault_of_the_caller(
    do: Callable[[Association], object], allowed: set[State]
) -> None:
    for state, build in IN_STATE.items():
        association = build()
        if state in allowed:
            do(association)
        else:
            with pytest.raises(WrongState):
                do(association)
            assert association.state is state


def test_an_association_ends_in_order() -> None:
    association = releasing()
    assert association.receive(encode(answer())) == [Received(message(0))]  # what was under way
    assert association.receive(encode(ReleaseRP())) == [Released()]
    assert association.is_closing


def message(status: int) -> Message:
    association = established()
    (received,) = association.receive(encode(answer(status)))
    assert isinstance(received, Received)
    assert received.message.response.status == status
    return received.message


def test_both_sides_may_ask_for_the_release_at_once() -> None:
    association = collided()
    assert association.receive(encode(ReleaseRP())) == [Released()]


def test_a_rejection_is_told_and_ends() -> None:
    association = requested()
    assert association.receive(encode(REJECTION)) == [Rejected(REJECTION)]
    assert (association.state, association.is_closing) == (State.STA1, True)


def test_a_message_may_come_in_many_fragments_and_several_in_one_pdu() -> None:
    association = established()
    one, two = response(0xA700), response(0)
    fragments = [PDV(1, True, index == len(one) - 1, one[index : index + 1]) for index in range(len(one))]
    told = association.receive(encode(PDataTF((*fragments, PDV(1, True, True, two)))))
    assert [got.message.response.status for got in told if isinstance(got, Received)] == [0xA700, 0]


def test_a_message_with_a_data_set_is_whole_when_both_are() -> None:
    association = established()
    command = response(with_data_set=True)
    pdu = PDataTF(
        (PDV(1, True, False, command[:5]), PDV(1, True, True, command[5:]), PDV(1, False, False, b"da"))
    )
    assert association.receive(encode(pdu)) == []
    (received,) = association.receive(encode(PDataTF((PDV(1, False, True, b"ta"),))))
    assert isinstance(received, Received)
    assert received.message.data_set == b"data"


def _broken(*pdus: PDataTF) -> list[Indication]:
    association = established()
    told = association.receive(b"".join(map(encode, pdus)))
    assert association.to_send() == [encode(Abort(source=2, reason=6))]
    return told


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ((PDV(3, True, True, response()),), "not agreed on"),  # proposed and refused
        ((PDV(5, True, True, response()),), "not agreed on"),
        ((PDV(1, False, True, b"data"),), "are mixed"),
        ((PDV(1, True, True, response(with_data_set=True)), PDV(1, True, True, response())), "are mixed"),
        ((PDV(1, True, False, b""),), "empty"),
        ((PDV(1, True, True, b"x"),), "cut off"),
        ((PDV(1, True, False, bytes(70_000)),), "too long"),
    ],
)
def test_fragments_that_make_no_message_abort_the_association(values: tuple[PDV, ...], why: str) -> None:
    (told,) = _broken(PDataTF(values))
    assert isinstance(told, Broken)
    assert why in told.why


def test_a_data_set_that_never_ends_aborts_the_association() -> None:
    start = PDataTF((PDV(1, True, True, response(with_data_set=True)),))
    more = PDataTF((PDV(1, False, False, bytes(500_000)),))
    (told,) = _broken(start, more, more, more)
    assert told == Broken("a message is too long")


@pytest.mark.parametrize(
    ("longest_pdu", "fragment"),
    [(0, LARGEST_FRAGMENT), (32, 26), (4096, 4090), (16_383, 16_376), (0xFFFFFFFF, LARGEST_FRAGMENT)],
)
def test_fragments_are_as_long_as_the_peer_takes_and_even(longest_pdu: int, fragment: int) -> None:
    association = established(longest_pdu)
    assert association.fragment_bytes == fragment
    content = bytes(range(251)) * 3000
    buffers = association.data(1, content, is_last=True)
    assert b"".join(bytes(part) for part in buffers[1::2]) == content
    assert max(len(part) for part in buffers[1::2]) == fragment
    flags = [part[11] for part in buffers[::2]]
    assert flags == [0] * (len(flags) - 1) + [2]


@pytest.mark.parametrize("size", [0, 1, 4090, 4091, 8180, 8181])
def test_only_the_last_fragment_of_the_last_piece_is_the_last(size: int) -> None:
    association = established(4096)
    for is_last in (False, True):
        flags = [part[11] for part in association.data(1, bytes(size), is_last=is_last)[::2]]
        assert flags == [0] * (len(flags) - 1) + [2 * is_last]
    assert [part[11] for part in association.command(1, bytes(size))[::2]][-1] == 3


def test_a_peer_that_takes_no_useful_pdu_is_aborted() -> None:
    association = requested()
    (told,) = association.receive(encode(acceptance(31)))
    assert told == Broken("the peer takes PDUs of 31 bytes only")
    assert association.to_send() == [encode(Abort(source=2, reason=6))]
