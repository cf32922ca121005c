"""PDUs as bytes: examples written out by hand, and what is no PDU."""

from __future__ import annotations

import struct

import pytest

from mediakit.network.associate import AssociateAC, AssociateRQ, ContextResult, ProposedContext
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
    fragment_header,
)
from mediakit.network.reasons import AbortReason, Malformed
from mediakit.network.user_items import ASSUMED_LONGEST_PDU, UserInformation, Window
from tests.support.each import each

LONGEST = 1 << 20
APPLICATION = bytes.fromhex("10000015") + b"1.2.840.10008.3.1.1.1"
REQUEST = AssociateRQ(
    called_ae="PACS",
    calling_ae="MEDIAKIT",
    contexts=(ProposedContext(id=1, abstract_syntax="1.2", transfer_syntaxes=("1.3", "1.4")),),
    user=UserInformation(longest_pdu=16384, implementation_class="1.5", implementation_version="V"),
)
REQUEST_BYTES = (
    bytes.fromhex("0001 0000")
    + b"PACS            MEDIAKIT        "
    + bytes(32)
    + APPLICATION
    + bytes.fromhex("2000 0019 01000000 3000 0003")
    + b"1.2"
    + bytes.fromhex("4000 0003")
    + b"1.3"
    + bytes.fromhex("4000 0003")
    + b"1.4"
    + bytes.fromhex("5000 0014 5100 0004 00004000 5200 0003")
    + b"1.5"
    + bytes.fromhex("5500 0001")
    + b"V"
)


def with_header(kind: int, body: bytes) -> bytes:
    return struct.pack(">BxI", kind, len(body)) + body


def decode(data: bytes) -> PDU | None:
    reader = PduReader(LONGEST)
    reader.feed(data)
    return reader.next()


WRITTEN = [
    (REQUEST, with_header(1, REQUEST_BYTES)),
    (AssociateRJ(result=2, source=3, reason=1), bytes.fromhex("0300 00000004 00020301")),
    (
        PDataTF((PDV(3, True, True, b"AB"), PDV(3, False, False, b""))),
        bytes.fromhex("0400 0000000e 00000004 0303 4142 00000002 0300"),
    ),
    (ReleaseRQ(), bytes.fromhex("0500 00000004 00000000")),
    (ReleaseRP(), bytes.fromhex("0600 00000004 00000000")),
    (Abort(source=2, reason=6), bytes.fromhex("0700 00000004 00000206")),
]


@pytest.mark.parametrize(("pdu", "data"), WRITTEN, ids=lambda value: type(value).__name__)
def test_a_pdu_and_its_bytes_are_each_other(pdu: PDU, data: bytes) -> None:
    assert encode(pdu) == data
    assert decode(data) == pdu


def test_an_acceptance_holds_a_result_for_each_context() -> None:
    pdu = AssociateAC(
        called_ae="A",
        calling_ae="B",
        contexts=(ContextResult(id=1, result=0, transfer_syntax="1.3"), ContextResult(id=3, result=4)),
        user=UserInformation(longest_pdu=0),
    )
    data = encode(pdu)
    assert bytes.fromhex("2100 000b 01000000 4000 0003") + b"1.3" in data
    assert bytes.fromhex("2100 0008 03000400 4000 0000") in data
    assert decode(data) == pdu


def test_padding_and_items_that_are_not_known_are_passed_over() -> None:
    strange = with_header(
        2,
        bytes.fromhex("ffff 0000")
        + b"\0PACS           MEDIAKIT\0\0\0\0\0\0\0\0"
        + b"\xff" * 32
        + bytes.fromhex("9900 0002 abcd 2100 000c 05ff00ff 4000 0004")
        + b"1.3\0"
        + bytes.fromhex("2100 0004 07000300")  # a refusal without a transfer syntax
        + bytes.fromhex("5000 0008 5300 0004 00010001"),
    )
    assert decode(strange) == AssociateAC(
        called_ae="PACS",
        calling_ae="MEDIAKIT",
        contexts=(ContextResult(id=5, result=0, transfer_syntax="1.3"), ContextResult(id=7, result=3)),
        user=UserInformation(longest_pdu=ASSUMED_LONGEST_PDU, window=Window(invoked=1, performed=1)),
        application_context="",
    )


@each(
    ("data", "why", "reason"),
    [
        ("4800", "type 72", AbortReason.UNRECOGNIZED_PDU),
        ("485455", "type 72", AbortReason.UNRECOGNIZED_PDU),
        ("485454502f", "an HTTP server answers", AbortReason.UNRECOGNIZED_PDU),
        ("485454502f312e31", "an HTTP server answers", AbortReason.UNRECOGNIZED_PDU),
        ("485454503a312e31", "type 72", AbortReason.UNRECOGNIZED_PDU),
        ("15 03", "TLS answers", AbortReason.UNRECOGNIZED_PDU),
        ("15 03 0300020246", "TLS answers", AbortReason.UNRECOGNIZED_PDU),
        ("16 03 01004002", "TLS answers", AbortReason.UNRECOGNIZED_PDU),
        ("16 00 00000004", "type 22", AbortReason.UNRECOGNIZED_PDU),
        ("1504", "type 21", AbortReason.UNRECOGNIZED_PDU),
        ("00 00 00000000", "type 0", AbortReason.UNRECOGNIZED_PDU),
        ("08 00 00000004", "type 8", AbortReason.UNRECOGNIZED_PDU),
        ("04 00 ffffffff", "4294967295 bytes", AbortReason.INVALID_PARAMETER),
        ("04 00 00100001", "1048577 bytes", AbortReason.INVALID_PARAMETER),
        ("07 00 00000005", "has 5 bytes", AbortReason.INVALID_PARAMETER),
        ("05 00 00000000", "has 0 bytes", AbortReason.INVALID_PARAMETER),
        ("04 00 00000000", "is empty", AbortReason.INVALID_PARAMETER),
        ("04 00 00000003 000000", "cut off", AbortReason.INVALID_PARAMETER),
        ("04 00 00000006 00000001 0103", "does not end", AbortReason.INVALID_PARAMETER),
        ("04 00 00000006 00000003 0103", "does not end", AbortReason.INVALID_PARAMETER),
        ("04 00 00000006 ffffffff 0103", "does not end", AbortReason.INVALID_PARAMETER),
        ("02 00 00000004 00010000", "cut off", AbortReason.INVALID_PARAMETER),
    ],
)
def test_what_is_no_pdu_is_malformed(data: str, why: str, reason: AbortReason) -> None:
    with pytest.raises(Malformed, match=why) as caught:
        decode(bytes.fromhex(data))
    assert caught.value.reason is reason


@pytest.mark.parametrize("start", ["48", "4854", "48545450", "15", "16", "01 00"])
def test_what_may_become_known_is_waited_for(start: str) -> None:
    assert decode(bytes.fromhex(start)) is None


@pytest.mark.parametrize(
    "items",
    [
        "10",
        "1000 0005 00",
        "2100 0003 010000",
        "2100 0008 01000000 4000 0009",
        "2100 000e 01000000 4000 0001 31 4000 0001 32",
        "5000 0000 5000 0000",
        "5000 0006 5100 0002 4000",
        "5000 0003 510000",
    ],
)
def test_items_that_do_not_fit_are_malformed(items: str) -> None:
    with pytest.raises(Malformed):
        decode(with_header(2, REQUEST_BYTES[:68] + bytes.fromhex(items)))


@pytest.mark.parametrize("names", ["", "4000 0001 31", "3000 0001 31 3000 0001 32"])
def test_a_proposed_context_has_one_abstract_syntax(names: str) -> None:
    inner = bytes.fromhex("01000000" + names)
    item = struct.pack(">BxH", 0x20, len(inner)) + inner
    with pytest.raises(Malformed, match="abstract syntax"):
        decode(with_header(1, REQUEST_BYTES[:68] + item))


def test_a_fragment_header_is_what_the_codec_writes() -> None:
    for is_command in (False, True):
        for is_last in (False, True):
            header = fragment_header(5, 4, is_command=is_command, is_last=is_last)
            assert header + b"data" == encode(PDataTF((PDV(5, is_command, is_last, b"data"),)))


@pytest.mark.parametrize("title", ["", "  ", "SEVENTEEN_LETTERS", "\u00c4"])
def test_an_ae_title_that_is_none_cannot_be_written(title: str) -> None:
    with pytest.raises(ValueError, match=r"AE title|ascii"):
        encode(AssociateRQ(called_ae=title, calling_ae="A", contexts=(), user=UserInformation()))


def test_an_item_that_is_too_long_cannot_be_written() -> None:
    context = ProposedContext(id=1, abstract_syntax="1" * 70_000, transfer_syntaxes=())
    with pytest.raises(ValueError, match="too long"):
        encode(AssociateRQ(called_ae="A", calling_ae="A", contexts=(context,), user=UserInformation()))
