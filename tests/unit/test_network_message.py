"""Command sets of C-STORE, C-GET and C-ECHO, and what a status means."""

from __future__ import annotations

import io
import struct

import pytest
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset

from mediakit.network import reasons
from mediakit.network.message import (
    ECHO_RSP,
    GET_RQ,
    GET_RSP,
    STORE_RQ,
    STORE_RSP,
    Request,
    Response,
    Suboperations,
    decode_command,
    echo_request,
    get_request,
    identifier,
    response_to,
    store_request,
)
from mediakit.network.reasons import Malformed, RejectReason
from mediakit.network.status import StatusKind, meaning

CT = "1.2.840.10008.5.1.4.1.1.2"


def by_pydicom(command: bytes) -> Dataset:
    return read_dataset(io.BytesIO(command), is_implicit_VR=True, is_little_endian=True)


def command_set(*elements: tuple[int, bytes]) -> bytes:
    return b"".join(struct.pack("<HHI", 0, tag, len(value)) + value for tag, value in elements)


def us(value: int) -> bytes:
    return struct.pack("<H", value)


GOOD = {0x0100: us(STORE_RSP), 0x0120: us(7), 0x0800: us(0x0101), 0x0900: us(0xB000)}


@pytest.mark.parametrize("uid", ["1.2.3", "1.2.34", "1." + "2" * 62])
def test_a_store_request_is_what_another_reader_expects(uid: str) -> None:
    command = store_request(65535, CT, uid)
    dataset = by_pydicom(command)
    assert dataset[0x0000, 0x0000].value == len(command) - 12
    assert dataset.AffectedSOPClassUID == CT
    assert dataset.AffectedSOPInstanceUID == uid
    assert (dataset.CommandField, dataset.MessageID, dataset.Priority) == (0x0001, 65535, 0)
    assert dataset.CommandDataSetType != 0x0101
    assert [element.tag for element in dataset] == sorted(element.tag for element in dataset)
    assert len(command) % 2 == 0


def test_an_echo_request_is_what_another_reader_expects() -> None:
    command = echo_request(1)
    dataset = by_pydicom(command)
    assert dataset[0x0000, 0x0000].value == len(command) - 12
    assert dataset.AffectedSOPClassUID == "1.2.840.10008.1.1"
    assert (dataset.CommandField, dataset.MessageID, dataset.CommandDataSetType) == (0x0030, 1, 0x0101)


@pytest.mark.parametrize("uid", ["", "1.\u00e4", "a^b", "1 2", "1.2\0", "..", "1" * 65])
def test_what_is_no_uid_is_not_written(uid: str) -> None:
    with pytest.raises(ValueError, match="1 to 64 characters"):
        store_request(1, CT, uid)


def test_a_response_is_read_with_what_the_peer_adds() -> None:
    data = command_set(
        (0x0000, struct.pack("<I", 99)),
        (0x0002, CT.encode() + b"\0"),
        *GOOD.items(),
        (0x0901, struct.pack("<4H", 0x0010, 0x0010, 0x0008, 0x0018)),
        (0x0902, b"coerced \x1b[31m\xe4 "),
        (0x1000, b"1.2.3\0"),
    )
    assert decode_command(data) == Response(
        command=STORE_RSP,
        message_id=7,
        sop_class=CT,
        sop_instance="1.2.3",
        status=0xB000,
        comment="coerced ?[31m\ufffd",
        offending=(0x00100010, 0x00080018),
    )


def test_a_comment_and_a_list_of_tags_are_bounded() -> None:
    data = command_set(*GOOD.items(), (0x0901, bytes(4 * 1000 + 3)), (0x0902, b"x" * 5000))
    response = decode_command(data)
    assert isinstance(response, Response)
    assert (len(response.comment), len(response.offending)) == (64, 64)


def test_a_response_with_a_data_set_says_so() -> None:
    data = command_set(*{**GOOD, 0x0800: us(0x0000), 0x0100: us(ECHO_RSP)}.items())
    assert decode_command(data).has_data_set


def test_a_request_is_read_back_and_its_answer_repeats_what_it_named() -> None:
    asked = decode_command(store_request(9, CT, "1.2.3"))
    assert asked == Request(
        command=STORE_RQ, message_id=9, sop_class=CT, sop_instance="1.2.3", has_data_set=True
    )
    assert isinstance(asked, Request)
    answer = by_pydicom(response_to(asked, 0xA700, "no room " * 20))
    assert (answer.Status, answer.MessageIDBeingRespondedTo, answer.AffectedSOPInstanceUID) == (
        0xA700,
        9,
        "1.2.3",
    )
    assert len(answer.ErrorComment) == 63  # 64 with the space at its end
    nameless = by_pydicom(response_to(Request(command=STORE_RQ, message_id=9), 0))
    assert "AffectedSOPInstanceUID" not in nameless


def test_a_get_request_is_as_pydicom_reads_it() -> None:
    command = by_pydicom(get_request(3, "1.2.840.10008.5.1.4.1.2.2.3"))
    assert (command.CommandField, command.MessageID, command.Priority) == (GET_RQ, 3, 0)
    assert command.CommandDataSetType != 0x0101
    keys = by_pydicom(identifier({0x0020000D: "1.2.3", 0x00080052: "STUDY"}))
    assert (keys.StudyInstanceUID, keys.QueryRetrieveLevel) == ("1.2.3", "STUDY")


def test_a_get_response_counts_its_instances() -> None:
    counts = ((0x1020, us(3)), (0x1021, us(2)), (0x1022, us(1)), (0x1023, us(0)))
    response = decode_command(command_set(*{**GOOD, 0x0100: us(GET_RSP)}.items(), *counts))
    assert isinstance(response, Response)
    assert response.suboperations == Suboperations(remaining=3, completed=2, failed=1, warning=0)


@pytest.mark.parametrize("missing", list(GOOD))
def test_a_response_without_what_it_needs_is_malformed(missing: int) -> None:
    rest = {tag: value for tag, value in GOOD.items() if tag != missing}
    with pytest.raises(Malformed, match=f"{missing:04X}"):
        decode_command(command_set(*rest.items()))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0\0",
        command_set(*GOOD.items())[:-1],
        struct.pack("<HHI", 0, 0x0902, 0xFFFFFFFF),
        command_set(*{**GOOD, 0x0900: b"\0"}.items()),
    ],
)
def test_what_is_no_command_set_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        decode_command(data)


@pytest.mark.parametrize(
    ("statuses", "kind"),
    [
        ((0x0000,), StatusKind.SUCCESS),
        ((0x0001, 0x0107, 0x0116, 0xB000, 0xB006, 0xB007, 0xBFFF), StatusKind.WARNING),
        ((0xA700, 0xA701, 0xA7FF), StatusKind.REFUSED),
        ((0xA800, 0xA900, 0xA9FF, 0xC000, 0xCFFF, 0x0110, 0x0122, 0x0124, 0x0210), StatusKind.ERROR),
        ((0xFE00, 0xFF00, 0x0002, 0xA600, 0xD000), StatusKind.ERROR),
    ],
)
def test_a_status_belongs_to_a_class(statuses: tuple[int, ...], kind: StatusKind) -> None:
    assert {meaning(status)[0] for status in statuses} == {kind}


def test_every_status_has_words_and_only_zero_is_success() -> None:
    meanings = [meaning(status) for status in range(0x10000)]
    assert all(text for _, text in meanings)
    assert [status for status, (kind, _) in enumerate(meanings) if kind is StatusKind.SUCCESS] == [0]


def test_every_code_of_the_upper_layer_has_words() -> None:
    for first in range(256):
        for second in range(0, 256, 5):
            assert reasons.rejection(first, second, first)
            assert reasons.abort(first % 4, second)
        assert isinstance(reasons.context_refusal(first), RejectReason)
    assert reasons.rejection(1, 1, 7) == "rejected: the called AE title is not known there"
    assert reasons.rejection(2, 3, 2) == "rejected for now: a local limit is reached"
    assert str(reasons.context_refusal(3)) == "the SOP Class is not supported"
    assert reasons.abort(0, 0) == "the application there aborted the association"
    assert reasons.abort(2, 2).endswith("it did not expect this PDU now")
