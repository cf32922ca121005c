"""What an answer to a request for an association means, right and wrong (PS3.7 D.3.3, PS3.8 9.3.3)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mediakit.network.agreement import Agreement, IdentityOutcome, agree
from mediakit.network.associate import AssociateAC, AssociateRQ, ContextResult, ProposedContext
from mediakit.network.reasons import Malformed, RejectReason
from mediakit.network.user_items import (
    CommonExtended,
    Extended,
    Identity,
    IdentityAnswer,
    IdentityKind,
    Role,
    UserInformation,
    Window,
)
from tests.support.each import each

CT, MR = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"
OURS = UserInformation(
    window=Window(invoked=8, performed=1),
    roles=(Role(sop_class=CT, is_scu=True, is_scp=True), Role(sop_class=MR, is_scu=True, is_scp=False)),
    extended=(Extended(sop_class=CT, information=b"\x03\0\0\0\x02\0"),),
)
THEIRS = UserInformation()


def context(number: int, sop_class: str = CT) -> ProposedContext:
    return ProposedContext(id=number, abstract_syntax=sop_class, transfer_syntaxes=("1.3", "1.4"))


def taken(number: int, syntax: str = "1.4", result: int = 0) -> ContextResult:
    return ContextResult(id=number, result=result, transfer_syntax=syntax)


def agreed(
    theirs: UserInformation = THEIRS,
    results: tuple[ContextResult, ...] = (taken(1), taken(3)),
    ours: UserInformation = OURS,
) -> Agreement:
    request = AssociateRQ(called_ae="A", calling_ae="B", contexts=(context(1), context(3, MR)), user=ours)
    answer = AssociateAC(called_ae="A", calling_ae="B", contexts=results, user=theirs)
    return agree(request, answer)


def test_a_peer_that_says_nothing_leaves_the_defaults() -> None:
    found = agreed()
    assert found.window == Window(invoked=1, performed=1)
    assert [(each.is_scu, each.is_scp) for each in found.contexts] == [(True, False)] * 2
    assert (found.identity, found.extended, found.remarks) == (IdentityOutcome.NOT_SENT, {}, ())


def test_what_a_peer_agrees_to_holds() -> None:
    found = agreed(
        UserInformation(
            window=Window(invoked=4, performed=1),
            roles=(Role(sop_class=CT, is_scu=True, is_scp=True),),
            extended=(Extended(sop_class=CT, information=b"\x02\0\x03\0\0\0"),),
        )
    )
    assert found.window.invoked == 4
    assert [(each.is_scu, each.is_scp) for each in found.contexts] == [(True, True), (True, False)]
    assert found.extended == {CT: b"\x02\0\x03\0\0\0"}
    assert found.remarks == ()


@each(
    ("results", "outcomes"),
    [
        ((taken(1), taken(3, "1.9")), [None, RejectReason.NOT_PROPOSED]),
        ((taken(3, "", 4),), [RejectReason.NOT_ANSWERED, RejectReason.TRANSFER_SYNTAXES]),
        ((taken(1, "", 0), taken(3, "1.3", 3)), [RejectReason.NOT_PROPOSED, RejectReason.ABSTRACT_SYNTAX]),
        ((taken(1, "1.3", 99), taken(3, "1.3", 1)), [RejectReason.NO_REASON, RejectReason.USER_REJECTION]),
    ],
)
def test_of_each_context_it_is_known_why_it_cannot_be_used(
    results: tuple[ContextResult, ...], outcomes: list[RejectReason | None]
) -> None:
    assert [each.refusal for each in agreed(results=results).contexts] == outcomes


def test_a_context_whose_peer_does_not_let_us_be_the_scu_cannot_be_used() -> None:
    found = agreed(UserInformation(roles=(Role(sop_class=CT, is_scu=False, is_scp=True),)))
    assert [each.refusal for each in found.contexts] == [RejectReason.ROLE, None]
    assert found.contexts[0].transfer_syntax == ""


@each(
    ("results", "why"),
    [
        ((taken(1), taken(3), taken(5)), "context 5, which was not proposed"),
        ((taken(0),), "context 0, which was not proposed"),
        ((taken(1), taken(1, "1.3")), "twice to presentation context 1"),
        ((taken(1), taken(1)), "twice to presentation context 1"),
    ],
)
def test_an_answer_to_a_context_that_has_none_is_malformed(
    results: tuple[ContextResult, ...], why: str
) -> None:
    with pytest.raises(Malformed, match=why):
        agreed(results=results)


@each(
    ("answered", "why"),
    [
        (Window(invoked=9, performed=1), "9 and 1 operations to 8 and 1"),
        (Window(invoked=0, performed=1), "any number and 1 operations to 8 and 1"),
        (Window(invoked=8, performed=2), "8 and 2 operations to 8 and 1"),
        (Window(invoked=0xFFFF, performed=0), "65535 and any number"),
    ],
)
def test_a_window_that_is_larger_than_proposed_is_malformed(answered: Window, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        agreed(UserInformation(window=answered))


def test_the_same_answer_to_a_role_for_each_context_of_a_class_is_one_answer() -> None:
    same = (Role(sop_class=CT, is_scu=True, is_scp=True),) * 3
    assert agreed(UserInformation(roles=same)).contexts[0].is_scp


def test_who_proposes_to_be_the_scp_alone_can_use_what_is_accepted_as_such() -> None:
    ours = replace(OURS, roles=(Role(sop_class=CT, is_scu=False, is_scp=True),))
    accepted = agreed(UserInformation(roles=ours.roles), ours=ours).contexts[0]
    assert (accepted.is_scu, accepted.is_scp, accepted.refusal) == (False, True, None)
    assert agreed(UserInformation(), ours=ours).contexts[0].refusal is RejectReason.ROLE


def test_to_any_number_of_operations_any_answer_is_good() -> None:
    any_number = replace(OURS, window=Window(invoked=0, performed=0))
    for answered in (Window(invoked=0, performed=0), Window(invoked=65_535, performed=1)):
        assert agreed(UserInformation(window=answered), ours=any_number).window == answered


@each(
    ("theirs", "why"),
    [
        (
            UserInformation(
                roles=(
                    Role(sop_class=CT, is_scu=True, is_scp=True),
                    Role(sop_class=CT, is_scu=True, is_scp=False),
                )
            ),
            "twice to the roles",
        ),
        (
            UserInformation(extended=(Extended(sop_class=CT, information=b""),) * 2),
            "twice to the extended negotiation",
        ),
    ],
)
def test_two_answers_to_one_sop_class_are_malformed(theirs: UserInformation, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        agreed(theirs)


@each(
    ("theirs", "remark"),
    [
        (
            UserInformation(roles=(Role(sop_class=MR, is_scu=True, is_scp=True),)),
            "a role for 1.2.840.10008.5.1.4.1.1.4 that was not proposed",
        ),
        (UserInformation(roles=(Role(sop_class="1.9", is_scu=True, is_scp=True),)), "roles for 1.9"),
        (UserInformation(roles=(Role(sop_class="\x1b", is_scu=False, is_scp=True),)), "roles for ?"),
        (
            UserInformation(extended=(Extended(sop_class=MR, information=b"\x02"),)),
            "extended negotiation for",
        ),
        (UserInformation(identity_answer=IdentityAnswer()), "an answer to a user identity"),
        (UserInformation(identity=Identity(kind=1, primary=b"x")), "belongs into a request"),
        (
            UserInformation(common=(CommonExtended(sop_class=CT, service_class="1"),)),
            "belongs into a request",
        ),
        (UserInformation(unknown=(0x99,)), "the unknown type 99H"),
    ],
)
def test_what_answers_to_nothing_is_ignored_and_told(theirs: UserInformation, remark: str) -> None:
    found = agreed(theirs)
    assert len(found.remarks) == 1
    assert remark in found.remarks[0]
    assert [(each.is_scu, each.is_scp, each.refusal) for each in found.contexts] == [(True, False, None)] * 2


def test_a_window_that_was_not_proposed_does_not_hold() -> None:
    found = agreed(UserInformation(window=Window(invoked=5, performed=5)), ours=UserInformation())
    assert found.window == Window(invoked=1, performed=1)
    assert found.remarks == ("an asynchronous operations window, which was not proposed",)


@each(
    ("kind", "wants_response", "answer", "outcome"),
    [
        (IdentityKind.USER_NAME, True, IdentityAnswer(), IdentityOutcome.CONFIRMED),
        (IdentityKind.PASSCODE, True, None, IdentityOutcome.NOT_CONFIRMED),
        (IdentityKind.PASSCODE, False, None, IdentityOutcome.NO_ANSWER_WANTED),
        (IdentityKind.KERBEROS, True, IdentityAnswer(), IdentityOutcome.NOT_CONFIRMED),
        (IdentityKind.KERBEROS, True, IdentityAnswer(response=b"t"), IdentityOutcome.CONFIRMED),
        (IdentityKind.SAML, True, IdentityAnswer(response=b"<a/>"), IdentityOutcome.CONFIRMED),
        (IdentityKind.JWT, True, IdentityAnswer(), IdentityOutcome.CONFIRMED),
    ],
)
def test_an_identity_is_confirmed_by_an_answer_alone(
    kind: IdentityKind, wants_response: bool, answer: IdentityAnswer | None, outcome: IdentityOutcome
) -> None:
    ours = UserInformation(identity=Identity(kind=kind, primary=b"x", wants_response=wants_response))
    found = agreed(UserInformation(identity_answer=answer), ours=ours)
    assert found.identity is outcome
