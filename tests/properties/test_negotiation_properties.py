"""Whatever association is asked for, our SCPs have an answer that can be written and that holds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mediakit.network.acceptor import Acceptor
from mediakit.network.associate import AssociateRQ, ProposedContext
from mediakit.network.machine import State
from mediakit.network.message import VERIFICATION
from mediakit.network.pdu import encode
from mediakit.network.upper_layer import AssociationAsked
from mediakit.network.user_items import Extended, Role, UserInformation, Window
from mediakit.scp.negotiation import Policy, Rejection, answer_to
from mediakit.scp.operation import OfferedClass
from mediakit.scp.users import Users

CT, COMMITMENT = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.20.1"
text = st.text(st.characters(min_codepoint=0, max_codepoint=127), max_size=20)
sop_class = st.sampled_from((CT, VERIFICATION, COMMITMENT, "1.2.3", "2.25.7")) | text
syntax = st.sampled_from(("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.3")) | text
count = st.integers(0, 0xFFFF)
proposed = st.builds(
    ProposedContext,
    id=st.integers(0, 127).map(lambda number: 2 * number + 1),
    abstract_syntax=sop_class,
    transfer_syntaxes=st.lists(syntax, max_size=3).map(tuple),
)
user = st.builds(
    UserInformation,
    longest_pdu=st.integers(32, 1 << 20),
    window=st.none() | st.builds(Window, invoked=count, performed=count),
    roles=st.lists(
        st.builds(Role, sop_class=sop_class, is_scu=st.booleans(), is_scp=st.booleans()), max_size=4
    ).map(tuple),
    extended=st.lists(
        st.builds(Extended, sop_class=sop_class, information=st.binary(max_size=8)), max_size=4
    ).map(tuple),
)
requests = st.builds(
    AssociateRQ,
    called_ae=st.text("AZ 9\\", min_size=1, max_size=16).filter(str.strip),
    calling_ae=st.text("AZ 9\\", min_size=1, max_size=16).filter(str.strip),
    contexts=st.lists(proposed, max_size=5, unique_by=lambda each: each.id).map(tuple),
    user=user,
)
OFFERED = {
    VERIFICATION: OfferedClass(operations={}),
    COMMITMENT: OfferedClass(operations={}, lets_scp=True),
}
POLICIES = (
    Policy(ae_title="US", classes=OFFERED, stores=True),
    Policy(ae_title="US", classes=OFFERED, users=Users({"ward": None})),
    Policy(ae_title="US", requires_called_ae=True, stores=True),
)


@given(requests, st.sampled_from(POLICIES), st.booleans())
def test_every_request_has_an_answer_that_holds(request: AssociateRQ, policy: Policy, has_room: bool) -> None:
    acceptor = Acceptor()
    (asked,) = acceptor.receive(encode(request))
    assert isinstance(asked, AssociationAsked)
    answer = answer_to(asked.request, policy, lambda: has_room)
    if isinstance(answer, Rejection):
        acceptor.reject(answer.answer)
        assert acceptor.state is State.STA13
        return
    agreement = acceptor.accept(answer)
    assert acceptor.state is State.STA6
    assert has_room and policy.users is None
    for result, context in zip(answer.contexts, agreement.contexts, strict=True):
        assert (result.result == 0) is (context.refusal is None)
        assert not context.is_scp or context.abstract_syntax == COMMITMENT
