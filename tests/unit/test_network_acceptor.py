"""The machine of PS3.8 9.2 as the acceptor: what is done in each state, and how an association goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from mediakit.network.acceptor import MOST_PDU_BYTES, Acceptor
from mediakit.network.assembly import Fragment, Message, Requested
from mediakit.network.associate import AssociateRQ, ContextResult
from mediakit.network.machine import TRANSITIONS, Event, State
from mediakit.network.message import (
    EVENT_REPORT_RQ,
    N_ACTION_RQ,
    STORE_RQ,
    Request,
    Response,
    decode_command,
    event_report_request,
    response_to,
    store_request,
)
from mediakit.network.pdu import PDU, PDV, Abort, AssociateRJ, PDataTF, ReleaseRP, ReleaseRQ, encode
from mediakit.network.upper_layer import (
    Aborted,
    AssociationAsked,
    Broken,
    ReleaseAsked,
    WrongState,
)
from mediakit.network.user_items import UserInformation
from tests.support.each import each
from tests.support.upper_layers import acceptance, asks_release, is_asked_to_release, request_of

REQUEST = request_of(16_384)
ANSWER = acceptance(1 << 18)
REJECTION = AssociateRJ(result=1, source=1, reason=7)
STORE = PDataTF((PDV(1, True, True, store_request(7, "1.2", "1.2.3")),))


def asked() -> Acceptor:
    acceptor = Acceptor()
    assert acceptor.receive(encode(REQUEST)) == [AssociationAsked(REQUEST)]
    return acceptor


def established() -> Acceptor:
    acceptor = asked()
    agreement = acceptor.accept(ANSWER)
    assert [context.refusal is None for context in agreement.contexts] == [True, False]
    assert acceptor.to_send() == [encode(ANSWER)]
    return acceptor


def asked_to_release() -> Acceptor:
    return is_asked_to_release(established())


def releasing() -> Acceptor:
    return asks_release(established())


def colliding() -> Acceptor:
    acceptor = releasing()
    assert acceptor.receive(encode(ReleaseRQ())) == []  # ours has to be confirmed first
    return acceptor


def collided() -> Acceptor:
    acceptor = colliding()
    assert acceptor.receive(encode(ReleaseRP())) == [ReleaseAsked()]
    return acceptor


def rejected() -> Acceptor:
    acceptor = asked()
    acceptor.reject(REJECTION)
    assert acceptor.to_send() == [encode(REJECTION)]
    return acceptor


IN_STATE: dict[State, Callable[[], Acceptor]] = {
    State.STA2: Acceptor,
    State.STA3: asked,
    State.STA6: established,
    State.STA7: releasing,
    State.STA8: asked_to_release,
    State.STA10: colliding,
    State.STA12: collided,
    State.STA13: rejected,
}
ARRIVALS: list[PDU] = [ANSWER, REJECTION, REQUEST, STORE, ReleaseRQ(), ReleaseRP()]
EXPECTED = {
    (State.STA2, AssociateRQ): State.STA3,
    (State.STA6, PDataTF): State.STA6,
    (State.STA6, ReleaseRQ): State.STA8,
    (State.STA7, PDataTF): State.STA7,
    (State.STA7, ReleaseRQ): State.STA10,
    (State.STA7, ReleaseRP): State.STA1,
    (State.STA10, ReleaseRP): State.STA12,
}


@each("state", list(IN_STATE))
@each("pdu", ARRIVALS, ids=lambda pdu: type(pdu).__name__)
def test_a_pdu_is_expected_or_aborts_the_association(state: State, pdu: PDU) -> None:
    acceptor = IN_STATE[state]()
    assert acceptor.state is state
    told = acceptor.receive(encode(pdu))
    expected = EXPECTED.get((state, type(pdu)))
    if expected is not None:
        assert (acceptor.state, acceptor.to_send()) == (expected, [])
        return
    assert acceptor.state is State.STA13
    if state is State.STA13:
        again = [encode(Abort(source=2, reason=2))] if isinstance(pdu, AssociateRQ) else []
        assert (told, acceptor.to_send()) == ([], again)  # AA-7 for a request, AA-6 for the rest
    elif state is State.STA2:
        assert (told, acceptor.to_send()) == ([], [encode(Abort(source=0, reason=0))])  # AA-1
    else:
        assert [type(one) for one in told] == [Broken]
        assert acceptor.to_send() == [encode(Abort(source=2, reason=2))]


@each("state", list(IN_STATE))
def test_aborts_ends_and_garbage_end_it_in_every_state(state: State) -> None:
    is_silent = state in {State.STA2, State.STA13}
    acceptor = IN_STATE[state]()
    assert acceptor.receive(encode(Abort(source=2, reason=1))) == ([] if is_silent else [Aborted(2, 1)])
    assert (acceptor.state, acceptor.is_closing, acceptor.to_send()) == (State.STA1, True, [])
    acceptor = IN_STATE[state]()
    acceptor.closed()
    assert (acceptor.state, acceptor.is_closing, acceptor.to_send()) == (State.STA1, True, [])
    acceptor = IN_STATE[state]()
    acceptor.receive(b"GARBAGE" * 3)
    assert acceptor.state is State.STA13
    assert [data[0] for data in acceptor.to_send()] == [7]
    assert acceptor.receive(encode(STORE)) == []


def test_the_table_knows_each_event_of_each_state_that_an_acceptor_reaches() -> None:
    arrivals = (Event.EVT3, Event.EVT4, Event.EVT6, Event.EVT10, Event.EVT12, Event.EVT13, Event.EVT16)
    for event in (*arrivals, Event.EVT17, Event.EVT19):
        assert set(IN_STATE) <= set(TRANSITIONS[event]), event


@pytest.mark.parametrize(
    ("do", "allowed"),
    [
        (lambda acceptor: acceptor.accept(ANSWER), {State.STA3}),
        (lambda acceptor: acceptor.reject(REJECTION), {State.STA3}),
        (Acceptor.release, {State.STA6}),
        (Acceptor.answer_release, {State.STA8, State.STA12}),
        (Acceptor.abort, set(IN_STATE) - {State.STA2, State.STA13}),
        (Acceptor.timed_out, {State.STA2, State.STA13}),
        (lambda acceptor: acceptor.command(1, b"x"), {State.STA6, State.STA8}),
    ],
)
def test_what_cannot_be_done_in_a_state_is_a_fault_of_the_caller(
    do: Callable[[Acceptor], object], allowed: set[State]
) -> None:
    for state, build in IN_STATE.items():
        acceptor = build()
        if state in allowed:
            do(acceptor)
        else:
            with pytest.raises(WrongState):
                do(acceptor)
            assert acceptor.state is state


def test_requests_that_cannot_be_met_are_rejected_or_aborted_at_once() -> None:
    for request, sent in (
        (replace(REQUEST, application_context="1.2.3"), AssociateRJ(result=1, source=1, reason=2)),
        (replace(REQUEST, protocol_version=2), AssociateRJ(result=1, source=2, reason=2)),
        (replace(REQUEST, contexts=REQUEST.contexts[:1] * 2), Abort(source=2, reason=6)),
        (
            replace(REQUEST, contexts=(replace(REQUEST.contexts[0], id=2),)),
            Abort(source=2, reason=6),
        ),
    ):
        acceptor = Acceptor()
        told = acceptor.receive(encode(request))
        assert acceptor.to_send() == [encode(sent)]
        assert [type(one) for one in told] == ([Broken] if isinstance(sent, Abort) else [])
        assert acceptor.state is State.STA13


def test_a_peer_that_takes_no_useful_pdu_is_aborted() -> None:
    acceptor = Acceptor()
    acceptor.receive(encode(replace(REQUEST, user=UserInformation(longest_pdu=31))))
    acceptor.accept(ANSWER)
    assert acceptor.to_send() == [encode(Abort(source=2, reason=6))]
    assert acceptor.closed() == [Broken("the peer takes PDUs of 31 bytes only")]


def test_an_answer_that_does_not_answer_the_request_is_a_fault_of_the_caller() -> None:
    acceptor = asked()
    with pytest.raises(ValueError, match="not proposed"):
        acceptor.accept(replace(ANSWER, contexts=(ContextResult(id=9, result=0, transfer_syntax="1.3"),)))
    assert acceptor.state is State.STA3


def test_a_pdu_that_is_longer_than_any_ends_it_before_it_is_here() -> None:
    acceptor = established()
    told = acceptor.receive(b"\4\0" + (MOST_PDU_BYTES + 1).to_bytes(4, "big"))
    assert [type(one) for one in told] == [Broken]


def test_a_data_set_is_passed_on_in_pieces_and_answered() -> None:
    acceptor = established()
    (requested,) = acceptor.receive(encode(STORE))
    assert isinstance(requested, Requested)
    request = requested.request
    assert (request.command, request.message_id, request.sop_instance) == (STORE_RQ, 7, "1.2.3")
    pieces = acceptor.receive(encode(PDataTF((PDV(1, False, False, b"da"), PDV(1, False, True, b"ta")))))
    assert pieces == [Fragment(b"da", False), Fragment(b"ta", True)]
    _, command = acceptor.command(1, response_to(request, 0))
    answer = decode_command(bytes(command))
    assert isinstance(answer, Response)
    assert (answer.command, answer.message_id, answer.status) == (0x8001, 7, 0)


def test_both_sides_may_ask_on_one_association() -> None:
    acceptor = established()
    acceptor.command(1, event_report_request(1, "1.2", "1.2.3", 2))
    asked_back = Request(
        command=EVENT_REPORT_RQ, message_id=1, sop_class="1.2", sop_instance="1.2.3", number=2
    )
    pdu = PDataTF((PDV(1, True, True, response_to(asked_back, 0)),))
    (told,) = acceptor.receive(encode(pdu))
    assert isinstance(getattr(told, "message", None), Message)
    written = decode_command(event_report_request(1, "1.2", "1.2.3", 2))
    assert written == replace(asked_back, has_data_set=True)


def test_a_request_is_read_by_its_requested_uids_its_number_and_its_attributes() -> None:
    def element(number: int, value: bytes) -> bytes:
        return b"\0\0" + number.to_bytes(2, "little") + len(value).to_bytes(4, "little") + value

    short = {0x0100: N_ACTION_RQ, 0x0110: 5, 0x0800: 0x0101, 0x1008: 2}
    command = b"".join(element(number, value.to_bytes(2, "little")) for number, value in short.items())
    command += element(0x0003, b"1.2\0") + element(0x1001, b"1.2.3\0")
    command += element(0x1005, b"\0\x21\x20\0\0\x21\x30\0")
    assert decode_command(command) == Request(
        command=N_ACTION_RQ,
        message_id=5,
        sop_class="1.2",
        sop_instance="1.2.3",
        number=2,
        attributes=(0x21000020, 0x21000030),
    )
