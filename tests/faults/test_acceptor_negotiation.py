"""What our SCP answers to the items of a request for an association, right ones and hostile ones."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path
from struct import pack

import pytest

from mediakit.destinations.base import Context, Unreachable
from mediakit.destinations.dimse import DimseDestination
from mediakit.destinations.login import Login
from mediakit.destinations.peer import Peer
from mediakit.errors import UsageError
from mediakit.network.agreement import IdentityOutcome
from mediakit.network.storage_level import KEEPS_ALL, level_words
from mediakit.network.user_items import IdentityKind
from mediakit.scp.events import Ending
from mediakit.scp.users import Users, hashed, load_users, user_line
from tests.support.dicom_bytes import CT, EXPLICIT, RAW, identity
from tests.support.each import each
from tests.support.embedded_scp import Running, embedded_scp
from tests.support.fault_bytes import item_of
from tests.support.raw_scu import Ended, RawScu

NEW_CLASS = "1.2.840.10008.5.1.4.99.1"  # of an arc where there is no storage today
FIND = "1.2.840.10008.5.1.4.1.2.2.1"
STORAGE_SERVICE = "1.2.840.10008.4.2"
USERS = Users({"ward": hashed("sesame"), "open": None})


def counted(*texts: str) -> bytes:
    return b"".join(pack(">H", len(text)) + text.encode() for text in texts)


def who(kind: int, primary: bytes, secondary: bytes = b"", response: int = 1) -> bytes:
    fields = b"".join(pack(">H", len(part)) + part for part in (primary, secondary))
    return item_of(0x58, bytes((kind, response)) + fields)


def answers(scp: Running, user_items: bytes, kind: int, sop_class: str = RAW) -> list[bytes]:
    with RawScu(scp.address, [(sop_class, [EXPLICIT])], user_items=user_items) as scu:
        return [value for found, value in scu.answered if found == kind]


def test_a_window_is_agreed_to_as_far_as_it_can_be_kept(tmp_path: Path) -> None:
    with embedded_scp(tmp_path) as scp:
        for proposed, agreed in (((4, 1), (4, 1)), ((0, 0), (8, 1)), ((500, 7), (8, 1)), ((1, 1), (1, 1))):
            assert answers(scp, item_of(0x53, pack(">HH", *proposed)), 0x53) == [pack(">HH", *agreed)]
        assert answers(scp, b"", 0x53) == []


def test_every_instance_of_a_window_is_stored_and_answered(tmp_path: Path) -> None:
    with embedded_scp(tmp_path) as scp:
        peer = Peer(called_ae="MEDIAKIT", host="127.0.0.1", port=scp.address[1])
        session = DimseDestination(peer).connect((Context(CT, (EXPLICIT,)),))
        assert session.window == 8
        assert {level_words(each) for each in session.agreement.extended.values()} == {
            "level 2: all attributes are stored, signature level 3, does not coerce values"
        }
        session.close()


def test_the_level_of_support_is_told_for_what_is_stored(tmp_path: Path) -> None:
    proposed = b"".join(item_of(0x56, counted(uid) + bytes((3, 0, 0, 0, 2, 0))) for uid in (RAW, FIND, RAW))
    with embedded_scp(tmp_path) as scp:
        assert answers(scp, proposed, 0x56) == [counted(RAW) + KEEPS_ALL]


def test_a_new_class_is_stored_when_the_sender_says_that_it_is_storage(tmp_path: Path) -> None:
    told = item_of(0x57, counted(NEW_CLASS, STORAGE_SERVICE) + bytes(2))
    with embedded_scp(tmp_path) as scp:
        with RawScu(scp.address, [(NEW_CLASS, [EXPLICIT])]) as scu:
            assert scu.accepted == {1: None}
        with RawScu(scp.address, [(NEW_CLASS, [EXPLICIT])], user_items=told) as scu:
            assert scu.accepted == {1: EXPLICIT}
            assert scu.store(NEW_CLASS, "1.2.3", identity(NEW_CLASS, "1.2.3")) == 0
        assert list(scp.instances()) == ["1.2.3"]


def test_another_service_does_not_become_storage_by_what_a_sender_says(tmp_path: Path) -> None:
    told = item_of(0x57, counted(FIND, STORAGE_SERVICE) + bytes(2))
    with embedded_scp(tmp_path) as scp, RawScu(scp.address, [(FIND, [EXPLICIT])], user_items=told) as scu:
        assert scu.accepted == {1: None}


@each(("roles", "agreed"), [(b"\1\1", b"\1\0"), (b"\1\0", b"\1\0")])
def test_we_are_the_scp_alone(roles: bytes, agreed: bytes, tmp_path: Path) -> None:
    with embedded_scp(tmp_path) as scp:
        assert answers(scp, item_of(0x54, counted(RAW) + roles), 0x54) == [counted(RAW) + agreed]


def test_a_sender_that_wants_to_be_the_scp_alone_gets_no_context(tmp_path: Path) -> None:
    roles = item_of(0x54, counted(RAW) + b"\0\1")
    with embedded_scp(tmp_path) as scp, RawScu(scp.address, [(RAW, [EXPLICIT])], user_items=roles) as scu:
        assert scu.accepted == {1: None}


@each(
    ("item", "is_in"),
    [
        (who(2, b"ward", b"sesame"), True),
        (who(2, b"open", b"whatever"), True),
        (who(1, b"open"), True),
        (who(1, b"ward"), False),
        (who(2, b"ward", b"wrong"), False),
        (who(2, b"ward"), False),
        (who(2, b"nobody", b"sesame"), False),
        (who(2, b"\0", b""), False),
        (who(1, b"\xff\xfe"), False),
        (who(2, b"\xff", b"\xff"), False),
        (who(3, b"ticket"), False),
        (who(4, b"<saml/>"), False),
        (who(5, b"a.b.c"), False),
        (who(9, b"ward", b"sesame"), False),
        (b"", False),
    ],
    at_once=8,
)
def test_only_users_are_let_in(item: bytes, is_in: bool, tmp_path: Path) -> None:
    with embedded_scp(tmp_path / item.hex(), users=USERS) as scp:
        if is_in:
            assert answers(scp, item, 0x59) == [bytes(2)]
            assert scp.wait_for_end().ending is Ending.RELEASED
            return
        with pytest.raises(Ended):
            answers(scp, item, 0x59)
        end = scp.wait_for_end()
        assert end.ending in {Ending.REJECTED, Ending.ABORTED}
        for secret in ("sesame", "wrong", "ticket", "saml", "a.b.c"):
            assert secret not in repr(scp.told)


def test_a_rejection_is_for_good_and_of_the_service(tmp_path: Path) -> None:
    with embedded_scp(tmp_path, users=USERS) as scp, pytest.raises(Ended, match="PDU 03: 00010201"):
        answers(scp, who(2, b"ward", b"wrong"), 0x59)


def test_no_confirmation_comes_that_was_not_asked_for_or_is_not_true(tmp_path: Path) -> None:
    with embedded_scp(tmp_path, users=USERS) as scp:
        assert answers(scp, who(2, b"ward", b"sesame", response=0), 0x59) == []
    with embedded_scp(tmp_path) as scp:
        assert answers(scp, who(2, b"ward", b"wrong"), 0x59) == []


def test_our_own_sender_is_let_in_with_its_passcode_and_told_why_not_without(tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.write_text("sesame\n")
    right = Login(kind=IdentityKind.PASSCODE, user="ward", file=code)
    wrong = Login(kind=IdentityKind.PASSCODE, user="nobody", file=code)
    with embedded_scp(tmp_path / "in", users=USERS) as scp:
        for login in (right, wrong, None):
            peer = Peer(called_ae="MEDIAKIT", host="127.0.0.1", port=scp.address[1], login=login)
            destination = DimseDestination(peer)
            if login is right:
                session = destination.connect((Context(CT, (EXPLICIT,)),))
                assert session.agreement.identity is IdentityOutcome.CONFIRMED
                session.close()
                continue
            with pytest.raises(Unreachable, match="rejected"):
                destination.connect((Context(CT, (EXPLICIT,)),))


HOSTILE_ITEMS = [
    item_of(0x53, b""),
    item_of(0x53, bytes(3)),
    item_of(0x53, bytes(400)),
    item_of(0x53, b"\xff" * 4) * 50,
    item_of(0x54, b""),
    item_of(0x54, b"\xff\xff1"),
    item_of(0x54, counted("") + b"\1\1"),
    item_of(0x54, counted(RAW) + b"\7\7"),
    item_of(0x54, counted("\x1b[31m") + b"\1\1"),
    item_of(0x54, counted(RAW) + b"\1\1") * 300,
    item_of(0x56, b"\0"),
    item_of(0x56, counted(RAW)),
    item_of(0x56, counted("1" * 300) + b"x"),
    item_of(0x57, counted(RAW)),
    item_of(0x57, counted("", "") + b"\0\x09"),
    item_of(0x57, counted("nonsense", "\x00") + bytes(2)),
    item_of(0x58, b""),
    item_of(0x58, b"\2\1"),
    item_of(0x58, b"\2\1\xff\xff"),
    item_of(0x58, b"\0\0\0\0\0\0"),
    who(2, b"\xff" * 60_000, b"x"),
    who(1, b"a") * 3,
    item_of(0x59, bytes(2)),
    item_of(0x52, b"\xff" * 100),
    item_of(0x55, b"\xff" * 100),
    item_of(0x51, b"\1"),
    item_of(0x51, bytes(4)),
    item_of(0x99, b"?"),
    b"\x53\0\xff\xff",
    b"\x53",
]
HOSTILE_TITLES = [
    bytes(16),
    b" " * 16,
    b"\xff" * 16,
    b"A\\B".ljust(16),
    b"A\n\x1b[31m".ljust(16),
    b"\0PACS".ljust(16),
]


def test_items_of_unknown_types_are_skipped(tmp_path: Path) -> None:
    strange = item_of(0x99, b"?") + item_of(0x53, pack(">HH", 3, 1)) + item_of(0x5A, bytes(300))
    with embedded_scp(tmp_path) as scp:
        assert answers(scp, strange, 0x53) == [pack(">HH", 3, 1)]


def test_titles_that_are_padded_with_nuls_are_titles(tmp_path: Path) -> None:
    titles = {"called_ae": b"MEDIAKIT".ljust(16, b"\0"), "calling_ae": b"CT1".ljust(16, b"\0")}
    with embedded_scp(tmp_path) as scp:
        with RawScu(scp.address, [(RAW, [EXPLICIT])], **titles) as scu:
            assert scu.accepted == {1: EXPLICIT}
        assert scp.wait_for_end().calling_ae == "CT1"


def harass(scp: Running) -> None:
    """Send every hostile item and title, each on an association of its own."""
    good = who(2, b"ward", b"sesame")
    attempts: list[tuple[dict[str, bytes], bytes]] = [({}, items) for items in HOSTILE_ITEMS]
    attempts += [({side: title}, good) for title in HOSTILE_TITLES for side in ("called_ae", "calling_ae")]
    for titles, user_items in attempts:
        with suppress(Ended), RawScu(scp.address, [(RAW, [EXPLICIT])], user_items=user_items, **titles):
            pass


def let_in_at_last(scp: Running) -> RawScu:
    """Return an association of a good sender, once there is room for it."""
    for _ in range(100):
        with suppress(Ended):
            return RawScu(scp.address, [(RAW, [EXPLICIT])], user_items=who(2, b"ward", b"sesame"))
        threading.Event().wait(0.1)
    raise AssertionError("a good sender is kept out")


@pytest.mark.parametrize("users", [None, USERS], ids=["everybody", "users"])
def test_no_item_and_no_title_of_a_sender_harms_the_next_one(
    users: Users | None, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with embedded_scp(tmp_path, users=users) as scp:
        harass(scp)
        with let_in_at_last(scp) as scu:
            assert scu.store(RAW, "1.2.3", identity(RAW, "1.2.3")) == 0
        assert list(scp.instances()) == ["1.2.3"]
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "")
    assert all(ord(sign) >= 0x20 for event in scp.told for sign in getattr(event, "calling_ae", ""))


def test_a_file_of_users_says_who_they_are(tmp_path: Path) -> None:
    file = tmp_path / "users"
    line = user_line("ward", "open sesame")
    file.write_text(f"# users\n\n{line}\nguest\nd\u00f6ner:{line.partition(':')[2]}\n")
    users = load_users(file)
    assert users.objection(2, b"ward", b"open sesame") == ""
    assert users.objection(2, "d\u00f6ner".encode(), b"open sesame") == ""
    assert users.objection(1, b"guest", b"") == ""
    assert users.objection(2, b"ward", b"open sesam") != ""
    assert "sesame" not in line
    assert line != user_line("ward", "open sesame")  # a salt of its own
    assert "ward" not in repr(users)


@each(
    ("text", "why"),
    [
        ("", "there are no users"),
        ("# nobody\n", "there are no users"),
        ("ward:sesame", "line 1: not the line"),
        ("ward:scrypt:16384:8:1:AAAA:AAAA", "line 1: not the line"),
        ("ward:scrypt:16383:8:1:AAAAAAAAAAAAAAAA:" + "A" * 43 + "=", "not the line"),
        ("ward:scrypt:1073741824:8:1:AAAAAAAAAAAAAAAA:" + "A" * 43 + "=", "not the line"),
        ("ward:scrypt:x:8:1:AAAAAAAAAAAAAAAA:" + "A" * 43 + "=", "not the line"),
        ("a\na", "line 2: the user stands there twice"),
        (":scrypt", "line 1: not a user name"),
        ("a\tb", "line 1: not a user name"),
    ],
)
def test_a_file_of_users_that_is_wrong_is_refused_by_its_line(text: str, why: str, tmp_path: Path) -> None:
    file = tmp_path / "users"
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        load_users(file)
    assert why in f"{caught.value.where}: {caught.value.what}" or why in str(caught.value)
    assert "sesame" not in str(caught.value)


def test_a_file_of_users_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for name in ("missing", "binary", "."):
        with pytest.raises(UsageError, match="users"):
            load_users(tmp_path / name)
