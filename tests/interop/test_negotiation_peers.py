"""The negotiation with other makers: DCMTK, pynetdicom and Orthanc, on either side."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pynetdicom import AE, evt
from pynetdicom.pdu_primitives import (
    AsynchronousOperationsWindowNegotiation,
    SOPClassCommonExtendedNegotiation,
    SOPClassExtendedNegotiation,
    UserIdentityNegotiation,
)
from pynetdicom.presentation import build_role

from mediakit.destinations.association import association
from mediakit.destinations.base import Context, Unreachable
from mediakit.destinations.dimse import DimseDestination
from mediakit.destinations.find import FindModel, contexts_of
from mediakit.destinations.login import Login
from mediakit.destinations.peer import Peer
from mediakit.journeys.import_ import import_medium
from mediakit.ledger.jobs import Jobs
from mediakit.network.agreement import IdentityOutcome
from mediakit.network.user_items import IdentityKind, Window
from mediakit.outcome import Outcome
from mediakit.scp.users import Users, hashed
from mediakit.stages.import_order import ImportOrder
from mediakit.stages.plan.import_target import Target
from tests.support.dicom_bytes import CT, EXPLICIT, IMPLICIT
from tests.support.embedded_scp import embedded_scp
from tests.support.importing import ALL_PATIENTS, PATIENT, QUICK, folder_of_small
from tests.support.network_peers import dcmqrscp, orthanc, storescp
from tests.support.peers import need, run
from tests.support.pynetdicom_scp import listening
from tests.support.studies import CT_1

pytestmark = pytest.mark.interop
BASIC_TEXT_SR = "1.2.840.10008.5.1.4.1.1.88.11"
USERS = Users({"ward": hashed("sesame")})
COUNT = 60


def peer_at(port: int, **changes: Any) -> Peer:
    return Peer(**{"called_ae": "PEER", "host": "127.0.0.1", "port": port, "timeouts": PATIENT, **changes})


@contextmanager
def scp_of_pynetdicom(*handlers: Any, **roles: bool) -> Iterator[int]:
    """Run a storage SCP that hears of every item of the negotiation."""
    server = AE(ae_title="PEER")
    for sop_class in (CT, BASIC_TEXT_SR, FindModel.STUDY_ROOT.value):
        server.add_supported_context(sop_class, [EXPLICIT, IMPLICIT], **roles)
    with listening(server, [(evt.EVT_C_STORE, lambda _: 0), *handlers]) as port:
        yield port


def test_pynetdicom_reads_every_item_as_it_was_meant() -> None:
    heard: dict[str, Any] = {}

    def window(event: Any) -> tuple[int, int]:
        heard["window"] = (event.nr_invoked, event.nr_performed)
        return event.nr_invoked, event.nr_performed

    def extended(event: Any) -> dict[Any, bytes]:
        heard["extended"] = {str(uid): info for uid, info in event.app_info.items()}
        return dict.fromkeys(event.app_info, b"\x02\x00\x03\x00\x00\x00")

    def common(event: Any) -> dict[Any, Any]:
        heard["general"] = {
            str(uid): [str(each) for each in item.related_general_sop_class_identification]
            for uid, item in event.items.items()
        }
        heard["services"] = {str(item.service_class_uid) for item in event.items.values()}
        return dict(event.items)

    handlers = [(evt.EVT_ASYNC_OPS, window), (evt.EVT_SOP_EXTENDED, extended), (evt.EVT_SOP_COMMON, common)]
    with scp_of_pynetdicom(*handlers) as port:
        contexts = (Context(CT, (EXPLICIT,)), Context(BASIC_TEXT_SR, (EXPLICIT,)))
        session = DimseDestination(peer_at(port)).connect(contexts)
        session.close()
    assert heard["window"] == (8, 1)
    assert heard["extended"] == dict.fromkeys((CT, BASIC_TEXT_SR), b"\3\0\0\0\2\0")
    arc = "1.2.840.10008.5.1.4.1.1.88"
    assert heard["general"] == {CT: [], BASIC_TEXT_SR: [f"{arc}.{number}" for number in (22, 33, 34, 35)]}
    assert heard["services"] == {"1.2.840.10008.4.2"}
    assert session.agreement.window == Window(invoked=1, performed=1)
    assert session.agreement.extended == dict.fromkeys((CT, BASIC_TEXT_SR), b"\2\0\3\0\0\0")
    assert session.agreement.remarks == ()


@pytest.mark.parametrize(("scu_role", "scp_role"), [(True, True), (True, False), (False, True)])
def test_pynetdicom_and_we_mean_the_same_roles(scu_role: bool, scp_role: bool) -> None:
    with scp_of_pynetdicom(scu_role=scu_role, scp_role=scp_role) as port:
        session = DimseDestination(peer_at(port)).connect((Context(CT, (EXPLICIT,), wants_scp=True),))
        session.close()
    (agreed,) = session.agreement.contexts
    assert (agreed.is_scu, agreed.is_scp) == (scu_role, scp_role)
    assert bool(session.takes(CT)) is scu_role


def logins(folder: Path) -> list[tuple[Login, tuple[int, bytes, bytes | None]]]:
    """Return identities of each kind, and what a peer has to see of them."""
    secret = folder / "secret"
    secret.write_text("a.b.c")
    return [
        (Login(kind=IdentityKind.USER_NAME, user="ward"), (1, b"ward", b"")),
        (Login(kind=IdentityKind.PASSCODE, user="ward", file=secret), (2, b"ward", b"a.b.c")),
        (Login(kind=IdentityKind.KERBEROS, file=secret), (3, b"a.b.c", b"")),
        (Login(kind=IdentityKind.SAML, file=secret), (4, b"a.b.c", b"")),
        (Login(kind=IdentityKind.JWT, file=secret), (5, b"a.b.c", b"")),
    ]


def test_pynetdicom_sees_who_we_are_on_both_of_our_ways(tmp_path: Path) -> None:
    seen: list[tuple[int, bytes, bytes | None]] = []

    def user(event: Any) -> tuple[bool, bytes]:
        seen.append((event.user_id_type, event.primary_field, event.secondary_field or b""))
        return True, b"response"

    with scp_of_pynetdicom((evt.EVT_USER_ID, user)) as port:
        for login, wanted in logins(tmp_path):
            peer = peer_at(port, login=login)
            if login.kind > IdentityKind.PASSCODE:
                session = DimseDestination(peer).connect((Context(CT, (EXPLICIT,)),))
                assert session.agreement.identity is IdentityOutcome.CONFIRMED
                session.close()
                with association(peer, contexts_of(FindModel.STUDY_ROOT)):
                    pass
            else:  # it never confirms a user name
                with pytest.raises(Unreachable, match="does not confirm"):
                    DimseDestination(peer).connect((Context(CT, (EXPLICIT,)),))
                with (
                    pytest.raises(Unreachable, match="does not confirm"),
                    association(peer, contexts_of(FindModel.STUDY_ROOT)),
                ):
                    pass
            assert seen[-2:] == [wanted, wanted]


def test_pynetdicom_that_knows_nobody_rejects_us_on_both_of_our_ways(tmp_path: Path) -> None:
    with scp_of_pynetdicom((evt.EVT_USER_ID, lambda _: (False, None))) as port:
        for login, _ in logins(tmp_path):
            peer = peer_at(port, login=login)
            with pytest.raises(Unreachable, match="rejected") as caught:
                DimseDestination(peer).connect((Context(CT, (EXPLICIT,)),))
            assert "Does it know the user" in caught.value.hint
            with (
                pytest.raises(Unreachable, match="rejected"),
                association(peer, contexts_of(FindModel.STUDY_ROOT)),
            ):
                pass


def identity_item(passcode: bytes) -> UserIdentityNegotiation:
    item = UserIdentityNegotiation()
    item.user_identity_type = 2
    item.positive_response_requested = True
    item.primary_field = b"ward"
    item.secondary_field = passcode
    return item


def test_pynetdicom_reads_what_our_scp_answers(tmp_path: Path) -> None:
    window = AsynchronousOperationsWindowNegotiation()
    window.maximum_number_operations_invoked = 0
    window.maximum_number_operations_performed = 0
    level = SOPClassExtendedNegotiation()
    level.sop_class_uid = CT
    level.service_class_application_information = b"\3\0\0\0\2\0"
    common = SOPClassCommonExtendedNegotiation()
    common.sop_class_uid = CT
    common.service_class_uid = "1.2.840.10008.4.2"
    items = [window, level, common, build_role(CT, scu_role=True, scp_role=True), identity_item(b"sesame")]
    with embedded_scp(tmp_path, users=USERS) as scp:
        client = AE()
        client.add_requested_context(CT, EXPLICIT)
        link = client.associate(*scp.address, ext_neg=items)  # type: ignore[arg-type]
        assert link.is_established
        answered = link.acceptor
        assert answered.asynchronous_operations == (8, 1)
        assert answered.sop_class_extended == {CT: b"\2\0\3\0\0\0"}
        assert [(each.scu_role, each.scp_role) for each in answered.role_selection.values()] == [
            (True, False)
        ]
        assert answered.user_identity is not None
        assert answered.user_identity.server_response == b""
        link.release()
        link = client.associate(*scp.address, ext_neg=[identity_item(b"wrong")])
        assert link.is_rejected


@pytest.mark.parametrize(
    ("options", "is_in"),
    [
        (("--user", "ward", "--password", "sesame"), True),
        (("--user", "ward", "--password", "sesame", "--pos-response"), True),
        (("--user", "ward", "--password", "wrong", "--pos-response"), False),
        (("--user", "ward"), False),
        (("--user", "ward", "--empty-password"), False),
        ((), False),
    ],
)
def test_storescu_is_let_in_with_the_right_passcode(
    options: tuple[str, ...], is_in: bool, tmp_path: Path
) -> None:
    need("storescu")
    with embedded_scp(tmp_path, users=USERS) as scp:
        said = run("storescu", *options, "-aec", "MEDIAKIT", "127.0.0.1", scp.port, str(CT_1))
        assert (said.returncode == 0) is is_in, said.stderr
        assert len(scp.instances()) == is_in
        assert scp.wait_for_end().user == ("ward" if options else "")


def test_our_window_with_our_own_scp_stores_each_instance_once(tmp_path: Path) -> None:
    medium = folder_of_small(tmp_path / "m", COUNT)
    with embedded_scp(tmp_path / "in") as scp:
        target = Target(destination=DimseDestination(peer_at(scp.address[1])))
        order = ImportOrder(patience=QUICK, expectation=ALL_PATIENTS)
        imported = import_medium(medium, target, Jobs(tmp_path / "jobs"), order)
        assert imported.result.outcome is Outcome.GOOD
        assert len(scp.instances()) == COUNT
        assert len(scp.received()) == COUNT


def test_peers_without_a_window_answer_none(tmp_path: Path) -> None:
    with (
        storescp(tmp_path / "a") as first,
        dcmqrscp(tmp_path / "b") as second,
        orthanc(tmp_path / "c") as third,
    ):
        for peer in (first, second, third):
            session = DimseDestination(peer_at(peer.port, called_ae=peer.ae_title)).connect(
                (Context(CT, (EXPLICIT,), wants_scp=True),)
            )
            session.close()
            assert session.window == 1
            assert session.takes(CT) == {EXPLICIT}
            assert session.agreement.remarks == ()
