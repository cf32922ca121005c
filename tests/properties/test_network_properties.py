"""The upper layer: what is written is read again; any bytes give an answer, wherever they are cut."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from mediakit.network.acceptor import MOST_PDU_BYTES, Acceptor
from mediakit.network.agreement import agree
from mediakit.network.assembly import Fragment
from mediakit.network.associate import (
    AssociateAC,
    AssociateRQ,
    ContextResult,
    ProposedContext,
    encode_associate,
    with_known_items,
)
from mediakit.network.association import Association
from mediakit.network.machine import State
from mediakit.network.message import Request, Response, decode_command, store_request
from mediakit.network.pdu import (
    PDU,
    PDV,
    Abort,
    AssociateRJ,
    PDataTF,
    PduReader,
    ReleaseRP,
    ReleaseRQ,
    encode,
)
from mediakit.network.reasons import Malformed
from mediakit.network.upper_layer import AssociationAsked, Broken, Indication
from mediakit.network.user_items import (
    CommonExtended,
    Extended,
    Identity,
    IdentityAnswer,
    Role,
    UserInformation,
    Window,
    item_of,
)
from tests.support.upper_layers import acceptance
from tests.unit import test_network_acceptor as accepting
from tests.unit.test_network_association import REQUEST, answer, response

LONGEST = 1 << 16
byte = st.integers(0, 255)
uid = st.text("0123456789.", min_size=1, max_size=64)
title = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=16)
few = 3
count = st.integers(0, 0xFFFF)
role = st.builds(Role, sop_class=uid, is_scu=st.booleans(), is_scp=st.booleans())
extended = st.builds(Extended, sop_class=uid, information=st.binary(max_size=20))
common = st.builds(
    CommonExtended, sop_class=uid, service_class=uid, general=st.lists(uid, max_size=few).map(tuple)
)
identity = st.builds(
    Identity,
    kind=byte,
    primary=st.binary(max_size=300),
    secondary=st.binary(max_size=50),
    wants_response=st.booleans(),
)
user = st.builds(
    UserInformation,
    longest_pdu=st.integers(0, 0xFFFFFFFF),
    implementation_class=uid,
    implementation_version=title,
    window=st.none() | st.builds(Window, invoked=count, performed=count),
    roles=st.lists(role, max_size=few).map(tuple),
    extended=st.lists(extended, max_size=few).map(tuple),
    common=st.lists(common, max_size=few).map(tuple),
    identity=st.none() | identity,
    identity_answer=st.none() | st.builds(IdentityAnswer, response=st.binary(max_size=300)),
)
proposed = st.builds(
    ProposedContext,
    id=byte,
    abstract_syntax=uid,
    transfer_syntaxes=st.lists(uid, max_size=5).map(tuple),
)
result = st.builds(ContextResult, id=byte, result=byte, transfer_syntax=st.just("") | uid)
pdv = st.builds(PDV, byte, st.booleans(), st.booleans(), st.binary(max_size=60))
pdus: st.SearchStrategy[PDU] = st.one_of(
    st.builds(
        AssociateRQ,
        called_ae=title,
        calling_ae=title,
        contexts=st.lists(proposed, max_size=9).map(tuple),
        user=user,
    ),
    st.builds(
        AssociateAC,
        called_ae=title,
        calling_ae=title,
        contexts=st.lists(result, max_size=9).map(tuple),
        user=user,
    ),
    st.builds(AssociateRJ, result=byte, source=byte, reason=byte),
    st.builds(PDataTF, st.lists(pdv, min_size=1, max_size=5).map(tuple)),
    st.just(ReleaseRQ()),
    st.just(ReleaseRP()),
    st.builds(Abort, source=byte, reason=byte),
)


def pieces(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    ends = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(ends)]


def read_all(parts: Sequence[bytes]) -> tuple[list[PDU], str]:
    reader, found = PduReader(LONGEST), []
    try:
        for part in parts:
            reader.feed(part)
            while (pdu := reader.next()) is not None:
                found.append(pdu)
    except Malformed as exc:
        return found, str(exc)
    return found, ""


@given(st.lists(pdus, max_size=4), st.lists(st.integers(0, 10_000), max_size=8))
def test_what_is_written_is_read_again_wherever_it_is_cut(some: list[PDU], cuts: list[int]) -> None:
    data = b"".join(map(encode, some))
    assert read_all(pieces(data, cuts)) == (some, "")


def answer_to(request: AssociateRQ, data: st.DataObject) -> AssociateAC:
    """Return an answer that resembles one to this request: most of it was proposed, not all."""
    number = st.sampled_from([each.id for each in request.contexts] or [1]) | byte
    syntax = st.sampled_from([name for each in request.contexts for name in each.transfer_syntaxes] or [""])
    results = st.builds(
        ContextResult, id=number, result=st.sampled_from([0, 0, 1, 3]), transfer_syntax=syntax
    )
    contexts = tuple(data.draw(st.lists(results, max_size=4, unique_by=lambda each: each.id)))
    return AssociateAC(called_ae="A", calling_ae="B", contexts=contexts, user=data.draw(user))


@given(st.lists(proposed, max_size=4, unique_by=lambda each: each.id).map(tuple), user, st.data())
def test_nothing_holds_that_was_not_proposed(
    contexts: tuple[ProposedContext, ...], ours: UserInformation, data: st.DataObject
) -> None:
    request = AssociateRQ(called_ae="A", calling_ae="B", contexts=contexts, user=ours)
    try:
        found = agree(request, answer_to(request, data))
    except Malformed:
        return
    assert [(each.id, each.abstract_syntax) for each in found.contexts] == [
        (each.id, each.abstract_syntax) for each in contexts
    ]
    for agreed in found.contexts:
        assert (agreed.transfer_syntax in agreed.proposed) is (agreed.refusal is None)
        wanted = [each for each in ours.roles if each.sop_class == agreed.abstract_syntax]
        assert not agreed.is_scp or any(each.is_scp for each in wanted)
    limit = 1 if ours.window is None else ours.window.invoked
    assert not limit or 0 < found.window.invoked <= limit
    assert found.extended.keys() <= {each.sop_class for each in ours.extended}


@given(pdus, st.lists(st.tuples(st.integers(0x5A, 0xFF), st.binary(max_size=20)), max_size=3))
def test_without_the_items_of_unknown_types_a_pdu_is_what_it_was(
    pdu: PDU, strange: list[tuple[int, bytes]]
) -> None:
    if isinstance(pdu, AssociateRQ | AssociateAC):
        body = encode_associate(pdu)
        more = b"".join(item_of(*each) for each in strange)
        assert with_known_items(body + more) == body


@given(st.binary(max_size=300))
def test_any_bytes_stay_an_associate_pdu_or_as_they_are(data: bytes) -> None:
    assert len(with_known_items(data)) <= len(data)


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=5))
def test_any_bytes_are_pdus_or_malformed_wherever_they_are_cut(data: bytes, cuts: list[int]) -> None:
    assert read_all(pieces(data, cuts)) == read_all([data])


@given(pdus, st.data())
def test_a_pdu_with_a_wrong_byte_is_a_pdu_or_malformed(pdu: PDU, data: st.DataObject) -> None:
    raw = bytearray(encode(pdu))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(byte)
    read_all([bytes(raw)])


@given(st.binary(max_size=200))
def test_any_bytes_are_a_command_or_malformed(data: bytes) -> None:
    try:
        got = decode_command(data)
    except Malformed:
        return
    assert isinstance(got, Request | Response)


@given(st.data())
def test_a_response_with_a_wrong_byte_is_a_response_or_malformed(data: st.DataObject) -> None:
    raw = bytearray(response(0xA700))
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(byte)
    try:
        decode_command(bytes(raw))
    except Malformed:
        return


@given(st.text(max_size=70))
def test_a_uid_is_written_as_it_is_or_not_at_all(text: str) -> None:
    try:
        command = store_request(1, "1.2", text)
    except ValueError:
        return
    assert command.rstrip(b"\0").endswith(text.encode("ascii"))


def told_by(parts: Sequence[bytes]) -> tuple[list[Indication], list[bytes], State]:
    association = Association(REQUEST)
    association.connected()
    association.to_send()
    told = [indication for part in parts for indication in association.receive(part)]
    return told, association.to_send(), association.state


streams = st.one_of(
    st.lists(pdus | st.builds(answer, byte), max_size=5).map(
        lambda some: encode(acceptance()) + b"".join(map(encode, some))
    ),
    st.lists(pdus, max_size=3).map(lambda some: b"".join(map(encode, some))),
    st.binary(max_size=100).map(lambda data: encode(acceptance()) + encode(answer()) + data),
    st.binary(max_size=200),
)


@given(streams, st.lists(st.integers(0, 10_000), max_size=8))
def test_an_association_tells_the_same_wherever_its_stream_is_cut(stream: bytes, cuts: list[int]) -> None:
    whole = told_by([stream])
    assert told_by(pieces(stream, cuts)) == whole
    told, out, state = whole
    assert sum(isinstance(indication, Broken) for indication in told) <= 1
    assert all(data[0] == 7 for data in out)
    assert state in set(State)


def asked_by(parts: Sequence[bytes]) -> tuple[list[object], list[bytes], State]:
    """Return what an acceptor tells and sends that accepts what it is asked for."""
    acceptor = Acceptor()
    told: list[object] = []
    sent: list[bytes] = []
    pending = 0
    for part in parts:
        for indication in acceptor.receive(part):
            if isinstance(indication, Fragment):  # pieces are as they come: their bytes count
                pending += len(indication.data)
                told.append((indication.is_last, pending if indication.is_last else 0))
                continue
            told.append(indication)
            if indication == AssociationAsked(accepting.REQUEST) and acceptor.state is State.STA3:
                acceptor.accept(accepting.ANSWER)
        sent += acceptor.to_send()
        assert len(acceptor._reader._pending) <= MOST_PDU_BYTES + len(part)
    return told, sent, acceptor.state


to_acceptor = st.one_of(
    st.lists(pdus | st.just(accepting.STORE), max_size=5).map(
        lambda some: encode(accepting.REQUEST) + b"".join(map(encode, some))
    ),
    st.lists(pdus, max_size=3).map(lambda some: b"".join(map(encode, some))),
    st.binary(max_size=100).map(lambda data: encode(accepting.REQUEST) + encode(accepting.STORE) + data),
    st.binary(max_size=200),
)


@given(to_acceptor, st.lists(st.integers(0, 10_000), max_size=8))
def test_an_acceptor_tells_the_same_wherever_its_stream_is_cut(stream: bytes, cuts: list[int]) -> None:
    """The request comes alone, as it has to be answered; what follows is cut anywhere."""
    first = encode(accepting.REQUEST)
    if not stream.startswith(first):
        first = b""
    rest = stream[len(first) :]
    whole = asked_by([first, rest])
    assert asked_by([first, *pieces(rest, cuts)]) == whole
    told, sent, state = whole
    assert sum(isinstance(one, Broken) for one in told) <= 1
    assert all(data[0] in {2, 3, 6, 7} for data in sent)
    assert state in set(State)


@given(st.binary(max_size=3000), st.integers(32, 200), st.lists(st.integers(0, 3000), max_size=5))
def test_a_data_set_comes_out_of_its_fragments_as_it_went_in(
    content: bytes, longest_pdu: int, cuts: list[int]
) -> None:
    association = Association(REQUEST)
    association.connected()
    association.receive(encode(acceptance(longest_pdu)))
    parts = pieces(content, cuts)
    sent = b""
    for index, part in enumerate(parts):
        sent += b"".join(association.data(1, part, is_last=index == len(parts) - 1))
    reader = PduReader(longest_pdu)
    reader.feed(sent)
    values: list[PDV] = []
    while (pdu := reader.next()) is not None:
        assert isinstance(pdu, PDataTF)
        values += pdu.values
    assert b"".join(value.data for value in values) == content
    assert [value.is_last for value in values] == [False] * (len(values) - 1) + [True]
