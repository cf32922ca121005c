"""The items of User Information as bytes: examples written out by hand, and what is none (PS3.7 D.3.3)."""

from __future__ import annotations

import struct

import pytest

from mediakit.network.reasons import Malformed
from mediakit.network.user_items import (
    CommonExtended,
    Extended,
    Identity,
    IdentityAnswer,
    IdentityKind,
    Role,
    UserInformation,
    Window,
    decode_user,
    encode_user,
)
from tests.support.each import each

LONGEST = bytes.fromhex("5100 0004 00004000")

WRITTEN = [
    (UserInformation(window=Window(invoked=8, performed=1)), "5300 0004 0008 0001"),
    (
        UserInformation(roles=(Role(sop_class="1.2", is_scu=True, is_scp=False),)),
        "5400 0007 0003 312e32 01 00",
    ),
    (
        UserInformation(extended=(Extended(sop_class="1.2", information=b"\x02\0\x03\0\0\0"),)),
        "5600 000b 0003 312e32 020003000000",
    ),
    (
        UserInformation(
            common=(CommonExtended(sop_class="1.2", service_class="1.3", general=("1.4", "1.5")),)
        ),
        "5700 0016 0003 312e32 0003 312e33 000a 0003 312e34 0003 312e35",
    ),
    (
        UserInformation(common=(CommonExtended(sop_class="1.2", service_class="1.3"),)),
        "5700 000c 0003 312e32 0003 312e33 0000",
    ),
    (
        UserInformation(identity=Identity(kind=IdentityKind.PASSCODE, primary=b"me", secondary=b"key")),
        "5800 000b 02 01 0002 6d65 0003 6b6579",
    ),
    (
        UserInformation(identity=Identity(kind=IdentityKind.USER_NAME, primary=b"me", wants_response=False)),
        "5800 0008 01 00 0002 6d65 0000",
    ),
    (UserInformation(identity_answer=IdentityAnswer()), "5900 0002 0000"),
    (UserInformation(identity_answer=IdentityAnswer(response=b"AB")), "5900 0004 0002 4142"),
]


@each(("user", "data"), WRITTEN)
def test_an_item_and_its_bytes_are_each_other(user: UserInformation, data: str) -> None:
    raw = LONGEST + bytes.fromhex(data)
    assert encode_user(user) == raw
    assert decode_user(raw) == user


@each(
    ("data", "why"),
    [
        ("5100 0003 000040", "not four bytes"),
        ("5300 0003 000800", "not four bytes"),
        ("5300 0008 00080001 00080001", "not four bytes"),
        ("5400 0001 00", "cut off"),
        ("5400 0005 0003 312e32", "two bytes of 0 or 1"),
        ("5400 0007 0003 312e32 02 00", "two bytes of 0 or 1"),
        ("5400 0008 0003 312e32 01 00 00", "two bytes of 0 or 1"),
        ("5400 0007 ffff 312e32 01 00", "cut off"),
        ("5600 0004 0003 3132", "cut off"),
        ("5700 0005 0003 312e32", "cut off"),
        ("5700 000a 0003 312e32 0003 312e33", "cut off"),
        ("5700 000e 0003 312e32 0003 312e33 0009 0001", "cut off"),
        ("5700 000f 0003 312e32 0003 312e33 0003 0009 31", "cut off"),
        ("5800 0001 02", "cut off"),
        ("5800 0005 01 01 0009 31", "cut off"),
        ("5800 0005 01 01 0001 31", "cut off"),
        ("5800 0008 01 01 0001 31 0000 00", "longer than its fields"),
        ("5900 0000", "cut off"),
        ("5900 0002 0005", "cut off"),
        ("5900 0003 0000 00", "longer than its field"),
        ("5300 0004 00010001 5300 0004 00010001", "53H is there twice"),
        ("5100 0004 00000000 5100 0004 00000000", "51H is there twice"),
        ("5900 0002 0000 5900 0002 0000", "59H is there twice"),
        ("5300 0009 0001", "longer than what holds it"),
        ("53", "cut off"),
    ],
)
def test_an_item_that_is_not_of_its_form_is_malformed(data: str, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        decode_user(bytes.fromhex(data))


def test_unknown_items_are_skipped_and_their_types_are_kept_in_bounds() -> None:
    raw = bytes.fromhex("9900 0002 abcd 9900 0000 5000 0001 00")
    assert decode_user(raw).unknown == (0x99, 0x50)
    many = b"".join(struct.pack(">BxH", kind, 0) for kind in range(0x60, 0xFF))
    assert len(decode_user(many).unknown) == 16


def test_what_is_reserved_behind_a_common_extended_negotiation_is_passed_over() -> None:
    raw = bytes.fromhex("5700 0010 0003 312e32 0003 312e33 0000 00000000")
    assert decode_user(raw).common == (CommonExtended(sop_class="1.2", service_class="1.3"),)


def test_no_secret_is_shown_by_repr() -> None:
    user = UserInformation(
        identity=Identity(kind=IdentityKind.PASSCODE, primary=b"me", secondary=b"sesame"),
        identity_answer=IdentityAnswer(response=b"sesame"),
    )
    assert "sesame" not in repr(user)
    assert "b'me'" not in repr(user)


@pytest.mark.parametrize("size", [65_536, 65_530])
def test_an_identity_that_is_too_long_cannot_be_written(size: int) -> None:
    with pytest.raises(ValueError, match="too long"):
        encode_user(UserInformation(identity=Identity(kind=IdentityKind.SAML, primary=b"x" * size)))
