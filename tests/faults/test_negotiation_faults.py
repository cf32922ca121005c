"""What is proposed when an association begins, and a peer that answers to it what it likes."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from mediakit.destinations.association import association
from mediakit.destinations.base import Context, Unreachable
from mediakit.destinations.dimse import DimseDestination
from mediakit.destinations.dimse_session import DimseSession
from mediakit.destinations.find import FindModel, contexts_of
from mediakit.destinations.login import Login
from mediakit.destinations.peer import Peer, Timeouts
from mediakit.errors import UsageError
from mediakit.network.agreement import IdentityOutcome
from mediakit.network.user_items import IdentityKind
from tests.support.cli import mediakit
from tests.support.each import each
from tests.support.fault_bytes import item_of
from tests.support.fault_scp import FaultScp
from tests.support.fault_script import Script
from tests.support.importing import folder_of_small, small

CT = "1.2.840.10008.5.1.4.1.1.2"
BASIC_TEXT_SR = "1.2.840.10008.5.1.4.1.1.88.11"
PRIVATE = "1.2.3.4.5"
EXPLICIT = "1.2.840.10008.1.2.1"
PATIENT = Timeouts(connect_s=10, association_s=20, answer_s=20)
ROLE, EXTENDED, COMMON, IDENTITY, CONFIRMATION = 0x54, 0x56, 0x57, 0x58, 0x59
SECRET = "open sesame"  # noqa: S105 - of nobody


def peer(scp: FaultScp, **changes: object) -> Peer:
    settings = {"called_ae": "FAULTY", "host": "127.0.0.1", "port": scp.port, "timeouts": PATIENT, **changes}
    return Peer(**settings)  # type: ignore[arg-type]


def connect(scp: FaultScp, *contexts: Context, **changes: object) -> DimseSession:
    wanted = contexts or (Context(CT, (EXPLICIT,)),)
    return DimseDestination(peer(scp, **changes)).connect(wanted)


def items(scp: FaultScp, kind: int) -> list[bytes]:
    return [value for found, value in scp.user_items[-1] if found == kind]


def counted(*texts: str) -> bytes:
    return b"".join(struct.pack(">H", len(text)) + text.encode() for text in texts)


def test_an_import_proposes_a_window_and_says_of_which_service_its_classes_are() -> None:
    with FaultScp() as scp:
        contexts = [Context(uid, (EXPLICIT,)) for uid in (CT, CT, BASIC_TEXT_SR, PRIVATE)]
        connect(scp, *contexts).close()
    assert items(scp, 0x53) == [struct.pack(">HH", 8, 1)]
    assert items(scp, ROLE) == []
    assert items(scp, EXTENDED) == [
        counted(uid) + bytes((3, 0, 0, 0, 2, 0)) for uid in (CT, BASIC_TEXT_SR, PRIVATE)
    ]
    service = "1.2.840.10008.4.2"
    general = counted(*(f"1.2.840.10008.5.1.4.1.1.88.{number}" for number in (22, 33, 34, 35)))
    assert items(scp, COMMON) == [
        counted(CT, service) + bytes(2),
        counted(BASIC_TEXT_SR, service) + struct.pack(">H", len(general)) + general,
        counted(PRIVATE, service) + bytes(2),
    ]
    assert items(scp, IDENTITY) == []


def test_an_echo_proposes_nothing_beside_its_context() -> None:
    with FaultScp() as scp:
        assert DimseDestination(peer(scp)).verify() == "answers C-ECHO"
    assert {kind for kind, _ in scp.user_items[0]} == {0x51, 0x52, 0x55}


def test_what_a_destination_does_without_is_not_proposed() -> None:
    with FaultScp() as scp:
        connect(scp, window=1, extends=False).close()
    assert {kind for kind, _ in scp.user_items[0]} == {0x51, 0x52, 0x55}


def test_the_role_of_an_scp_is_proposed_when_it_is_wanted() -> None:
    with FaultScp(Script(user_items=item_of(ROLE, counted(CT) + b"\1\1"))) as scp:
        session = connect(scp, Context(CT, (EXPLICIT,), wants_scp=True))
        session.close()
    assert items(scp, ROLE) == [counted(CT) + b"\1\1"]
    assert [(each.is_scu, each.is_scp) for each in session.agreement.contexts] == [(True, True)]


def context_item(number: int, syntax: str = EXPLICIT, result: int = 0) -> bytes:
    return item_of(0x21, bytes((number, 0, result, 0)) + item_of(0x40, syntax.encode()))


@each(
    ("script", "why"),
    [
        (
            Script(user_items=item_of(0x53, struct.pack(">HH", 9, 1))),
            "window of 9 and 1 operations to 8 and 1",
        ),
        (Script(user_items=item_of(0x53, bytes(4))), "window of any number"),
        (Script(user_items=item_of(0x53, bytes(3))), "four bytes"),
        (Script(user_items=item_of(0x53, b"\0\1\0\1") * 2), "53H is there twice"),
        (Script(user_items=item_of(ROLE, counted(CT))), "two bytes of 0 or 1"),
        (Script(user_items=item_of(EXTENDED, b"\xff\xff1")), "extended negotiation is cut off"),
        (Script(user_items=item_of(EXTENDED, counted(CT) + bytes(6)) * 2), "twice to the extended"),
        (Script(user_items=item_of(CONFIRMATION, b"\0\5")), "user identity is cut off"),
        (Script(user_items=item_of(0x51, bytes(4))), "51H is there twice"),
        (Script(user_items=b"\x53\0\xff\xff\0"), "longer than what holds it"),
        (Script(context_items=context_item(1)), "twice to presentation context 1"),
        (Script(context_items=context_item(7)), "context 7, which was not proposed"),
        (Script(context_items=context_item(2)), "context 2, which was not proposed"),
        (Script(context_items=item_of(0x21, b"\1")), "cut off"),
        (Script(context_items=item_of(0x50, b"")), "user information is there twice"),
    ],
)
def test_an_answer_that_makes_no_sense_ends_the_association_and_says_why(script: Script, why: str) -> None:
    with FaultScp(script) as scp, pytest.raises(Unreachable, match=why) as caught:
        connect(scp)
    assert not caught.value.is_passing
    assert scp.ended == ["abort"]


def test_items_that_answer_to_nothing_are_told_and_change_nothing() -> None:
    strange = item_of(0x99, b"?") + item_of(CONFIRMATION, bytes(2)) + item_of(ROLE, counted(CT) + b"\0\1")
    with FaultScp(Script(user_items=strange)) as scp:
        session = connect(scp)
        session.close()
    assert session.takes(CT) == {EXPLICIT}
    assert len(session.agreement.remarks) == 3


def test_a_peer_that_does_not_let_us_be_the_scu_takes_nothing() -> None:
    with FaultScp(Script(user_items=item_of(ROLE, counted(CT) + b"\0\1"))) as scp:
        session = connect(scp, Context(CT, (EXPLICIT,), wants_scp=True))
        session.close()
    assert session.takes(CT) == frozenset()
    assert "be its SCU" in session.refusal(CT)


def logins(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Login, bytes]]:
    """Return an identity of each kind and place, and what has to go out for it."""
    secret = folder / "secret"
    secret.write_text(f"{SECRET}\r\n")
    token = folder / "token"
    token.write_text(" aaa.bbb.ccc \n")
    ticket = folder / "ticket"
    ticket.write_bytes(b"\x6e\x82\x00\n")
    monkeypatch.setenv("OUR_PASSCODE", SECRET)
    user, long = counted("ward"), counted(SECRET)
    kinds = IdentityKind
    return [
        (Login(kind=kinds.USER_NAME, user="ward"), b"\1\1" + user + bytes(2)),
        (Login(kind=kinds.PASSCODE, user="ward", file=secret), b"\2\1" + user + long),
        (Login(kind=kinds.PASSCODE, user="ward", variable="OUR_PASSCODE"), b"\2\1" + user + long),
        (Login(kind=kinds.PASSCODE, user="ward", asks=True, secret=SECRET), b"\2\1" + user + long),
        (Login(kind=kinds.KERBEROS, file=ticket), b"\3\1\0\4\x6e\x82\x00\n" + bytes(2)),
        (Login(kind=kinds.SAML, file=secret), b"\4\1" + long + bytes(2)),
        (Login(kind=kinds.JWT, file=token), b"\5\1" + counted("aaa.bbb.ccc") + bytes(2)),
    ]


def test_each_identity_is_sent_as_it_is_and_has_to_be_confirmed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for login, wanted in logins(tmp_path, monkeypatch):
        with FaultScp(Script(user_items=item_of(CONFIRMATION, b"\0\1t"))) as scp:
            session = connect(scp, login=login)
            session.close()
        assert items(scp, IDENTITY) == [wanted]
        assert session.agreement.identity is IdentityOutcome.CONFIRMED
        with (
            FaultScp() as scp,
            pytest.raises(Unreachable, match="does not confirm the user identity") as caught,
        ):
            connect(scp, login=login)
        assert scp.ended == ["release"]
        assert "response = false" in caught.value.hint
        for text in (str(caught.value), repr(caught.value), repr(login), repr(peer(scp, login=login))):
            assert SECRET not in text


def test_an_identity_that_needs_no_confirmation_asks_for_none() -> None:
    login = Login(kind=IdentityKind.USER_NAME, user="ward", wants_response=False)
    with FaultScp() as scp:
        session = connect(scp, login=login)
        session.close()
    assert items(scp, IDENTITY) == [b"\1\0" + counted("ward") + bytes(2)]
    assert session.agreement.identity is IdentityOutcome.NO_ANSWER_WANTED


def test_a_ticket_that_is_answered_by_none_is_not_confirmed(tmp_path: Path) -> None:
    ticket = tmp_path / "ticket"
    ticket.write_bytes(b"\x6e")
    login = Login(kind=IdentityKind.KERBEROS, file=ticket)
    with (
        FaultScp(Script(user_items=item_of(CONFIRMATION, bytes(2)))) as scp,
        pytest.raises(Unreachable, match="does not confirm"),
    ):
        connect(scp, login=login)


def test_a_rejection_of_somebody_with_an_identity_says_what_to_look_at() -> None:
    login = Login(kind=IdentityKind.USER_NAME, user="ward")
    with FaultScp(Script(reject=(1, 2, 1))) as scp, pytest.raises(Unreachable) as caught:
        connect(scp, login=login)
    assert "Does it know the user" in caught.value.hint


def test_a_secret_that_is_none_is_refused_before_anything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NOT_SET", raising=False)
    monkeypatch.setenv("TWO_WORDS", f"{SECRET}")
    empty, large = tmp_path / "empty", tmp_path / "large"
    empty.write_text("\n")
    large.write_bytes(bytes(50_000))
    wrong = [
        (Login(kind=IdentityKind.PASSCODE, user="ward", file=empty), "holds no passcode"),
        (Login(kind=IdentityKind.PASSCODE, user="ward", file=tmp_path / "missing"), "cannot be read"),
        (Login(kind=IdentityKind.PASSCODE, user="ward", file=tmp_path), "cannot be read"),
        (Login(kind=IdentityKind.PASSCODE, user="ward", variable="NOT_SET"), "NOT_SET"),
        (Login(kind=IdentityKind.PASSCODE, user="ward", asks=True), "not asked for"),
        (Login(kind=IdentityKind.JWT, variable="TWO_WORDS"), "holds no JSON web token"),
        (Login(kind=IdentityKind.SAML, file=large), "too long"),
        (Login(kind=IdentityKind.SAML, file=empty), "holds no SAML assertion"),
    ]
    with FaultScp() as scp:
        for login, why in wrong:
            with pytest.raises(UsageError, match=why) as caught:
                connect(scp, login=login)
            assert SECRET not in str(caught.value)
    assert scp.user_items == []


def test_an_identity_beside_which_the_request_has_no_room_is_told(tmp_path: Path) -> None:
    assertion = tmp_path / "saml"
    assertion.write_text("<" + "a" * 47_000 + "/>")
    login = Login(kind=IdentityKind.SAML, file=assertion)
    contexts = [Context(f"1.2.3.{number}.{'9' * 50}", (EXPLICIT,)) for number in range(128)]
    with FaultScp() as scp:
        with pytest.raises(UsageError, match="too long") as caught:
            connect(scp, *contexts, login=login)
        assert "extended-negotiation" in caught.value.hint
    assert scp.user_items == []


@each(
    ("script", "is_open"),
    [
        (Script(context_items=context_item(1)), True),
        (Script(context_items=context_item(2)), False),
        (Script(context_items=item_of(0x21, b"\1")), False),
        (Script(user_items=item_of(0x53, bytes(3))), False),
        (Script(user_items=item_of(ROLE, counted(CT))), False),
        (Script(user_items=item_of(ROLE, counted(CT) + b"\1\1")), True),
        (Script(user_items=item_of(IDENTITY, bytes(6))), False),
        (Script(user_items=item_of(CONFIRMATION, b"\0\5")), True),
        (Script(user_items=item_of(0x99, b"?"), context_items=item_of(0x77, b"?")), True),
        (Script(user_items=b"\x53\0\xff\xff\0"), False),
    ],
)
def test_a_query_meets_the_same_answers_and_ends_at_once(script: Script, is_open: bool) -> None:
    with FaultScp(script) as scp:
        wanted = contexts_of(FindModel.STUDY_ROOT)
        if is_open:
            with association(peer(scp), wanted) as link:
                assert link.is_established
        else:
            with pytest.raises(Unreachable, match="no association"), association(peer(scp), wanted):
                pass


def test_a_peer_that_knows_only_the_general_class_takes_the_special_one(tmp_path: Path) -> None:
    special, general = "1.2.840.10008.5.1.4.1.1.9.1.1", "1.2.840.10008.5.1.4.1.1.9.1.2"
    medium = tmp_path / "m"
    medium.mkdir()
    (medium / "ECG").write_bytes(small(0, sop_class=special))
    script = Script(classes=frozenset({general}), takes_related=True)
    with FaultScp(script) as scp:
        place = f"FAULTY@127.0.0.1:{scp.port}"
        said = mediakit("import", medium, place, "--state", tmp_path / "state")
        config = tmp_path / "config.toml"
        config.write_text(f'[destinations.plain]\nurl = "{place}"\nextended-negotiation = false\n')
        state = tmp_path / "other"
        other = mediakit("import", medium, "plain", "--state", state, "--config", config)
    assert (said.code, other.code) == (0, 6), said.err
    assert [one.sop_class for one in scp.received] == [special]


def test_an_import_into_a_peer_that_answers_nonsense_sends_nothing_and_says_why(tmp_path: Path) -> None:
    medium = folder_of_small(tmp_path / "m", 2)
    with FaultScp(Script(user_items=item_of(0x53, struct.pack(">HH", 9, 1)))) as scp:
        place = f"FAULTY@127.0.0.1:{scp.port}"
        said = mediakit("import", medium, place, "--all-patients", "--state", tmp_path / "state")
        other = mediakit("dest", "probe", place)
    assert (said.code, other.code) == (5, 5)
    assert "window of 9 and 1 operations to 8 and 1" in said.out + said.err
    assert "window of 9 and 1 operations to 8 and 1" in other.err
    assert "`window = 1`" in other.err
    assert scp.received == []


@each(
    ("kind", "user", "places"),
    [
        (IdentityKind.USER_NAME, "", {}),
        (IdentityKind.PASSCODE, "ward", {}),
        (IdentityKind.PASSCODE, "ward", {"variable": "A", "asks": True}),
        (IdentityKind.PASSCODE, "", {"variable": "A"}),
        (IdentityKind.JWT, "", {}),
        (IdentityKind.USER_NAME, "a\nb", {}),
        (IdentityKind.USER_NAME, "x" * 1025, {}),
    ],
)
def test_an_identity_that_is_none_cannot_be_made(
    kind: IdentityKind, user: str, places: dict[str, object]
) -> None:
    with pytest.raises(UsageError):
        Login(kind=kind, user=user, **places)  # type: ignore[arg-type]
