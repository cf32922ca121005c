"""What counts as storage, and which of the proposed transfer syntaxes is taken."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from mediakit.dicom.uids import STORAGE
from mediakit.network.associate import AssociateAC, AssociateRQ, ProposedContext
from mediakit.network.pdu import encode
from mediakit.network.user_items import UserInformation
from mediakit.scp.contexts import first_known, is_storage
from mediakit.scp.negotiation import Policy, Rejection, answer_to
from mediakit.scp.operation import OfferedClass
from mediakit.scp.users import Users
from tests.support.each import each

EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"


def test_every_known_storage_class_is_storage() -> None:
    assert all(is_storage(uid) for uid in STORAGE)


@each(
    "uid",
    [
        "1.2.840.10008.1.1",  # verification
        "1.2.840.10008.1.3.10",  # DICOMDIR
        "1.2.840.10008.1.20.1",  # storage commitment
        "1.2.840.10008.5.1.4.1.2.2.1",  # study root find
        "1.2.840.10008.5.1.4.1.1.200.4",  # protocol find
        "1.2.840.10008.5.1.4.1.1.201.6",  # inventory
        "1.2.840.10008.5.1.4.31",  # worklist
        "1.2.840.10008.5.1.1.9",  # print
    ],
)
def test_other_services_of_the_standard_are_not(uid: str) -> None:
    assert not is_storage(uid)


@pytest.mark.parametrize("uid", ["1.2.840.10008.5.1.4.1.1.9999", "1.3.12.2.1107.5.9.1", "2.25.1"])
def test_private_classes_and_those_to_come_are(uid: str) -> None:
    assert is_storage(uid)


def test_the_first_syntax_that_is_known_is_taken() -> None:
    assert first_known(["1.2.3", IMPLICIT, EXPLICIT]) == IMPLICIT
    assert first_known(["1.2.3"]) is None


def asked(*contexts: tuple[str, tuple[str, ...]]) -> AssociateRQ:
    proposed = tuple(
        ProposedContext(id=2 * index + 1, abstract_syntax=sop_class, transfer_syntaxes=syntaxes)
        for index, (sop_class, syntaxes) in enumerate(contexts)
    )
    return AssociateRQ(called_ae="US", calling_ae="THEM", contexts=proposed, user=UserInformation())


def test_each_context_is_answered_by_itself() -> None:
    request = asked(
        ("2.25.1", (IMPLICIT, EXPLICIT)),
        ("2.25.1", (EXPLICIT,)),
        ("2.25.2", ("1.2.3",)),
        ("1.2.840.10008.1.1", (IMPLICIT, EXPLICIT)),
        ("1.2.840.10008.1.20.1", (IMPLICIT,)),
        ("\x1b[31m", (IMPLICIT,)),
    )
    echo = OfferedClass(operations={})
    policy = Policy(ae_title="US", stores=True, classes={"1.2.840.10008.1.1": echo})
    answer = answer_to(request, policy, lambda: True)
    assert isinstance(answer, AssociateAC)
    assert [(each.result, each.transfer_syntax) for each in answer.contexts] == [
        (0, IMPLICIT),
        (0, EXPLICIT),
        (4, IMPLICIT),
        (0, EXPLICIT),
        (3, IMPLICIT),
        (3, IMPLICIT),
    ]
    encode(answer)


def test_who_is_not_let_in_hears_why() -> None:
    strict = Policy(ae_title="OTHER", requires_called_ae=True, stores=True)
    users = Policy(ae_title="US", users=Users({"ward": None}))
    request = asked(("2.25.1", (IMPLICIT,)))
    for policy, changed, has_room, codes in (
        (strict, request, True, (1, 1, 7)),
        (users, request, True, (1, 2, 1)),
        (users, request, False, (2, 3, 2)),
        (users, replace(request, calling_ae=""), True, (1, 1, 3)),
        (users, replace(request, called_ae="A\\B"), True, (1, 1, 7)),
    ):
        answer = answer_to(changed, policy, partial(bool, has_room))
        assert isinstance(answer, Rejection)
        assert (answer.answer.result, answer.answer.source, answer.answer.reason) == codes
        assert bool(answer.words) is (codes == (1, 2, 1))
