"""Peers that answer a query or a request for commitment with what no peer should: nothing is without end."""

from __future__ import annotations

import struct
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from mediakit.destinations.association import association
from mediakit.destinations.base import Unreachable
from mediakit.destinations.commit import CommitOptions, prove_by_commit
from mediakit.destinations.find import FindFailed, FindModel, Limits, contexts_of, find
from mediakit.destinations.peer import Peer, Timeouts
from mediakit.dicom.identifier import identifier_of
from mediakit.transfer.proof import NoAnswer
from tests.support.dicom_bytes import RAW
from tests.support.each import each
from tests.support.fault_bytes import GARBAGE, HUGE, Connection, Incoming, data_pdu
from tests.support.fault_script import AtConnection, Script
from tests.support.hostile_scp import HostileScp, Misbehaviour, match

LEVEL, PATIENT_ID = 0x00080052, 0x00100020
KEYS = {LEVEL: "STUDY", PATIENT_ID: ""}
MEGABYTE = 1 << 20
BUFFERS = 8 * MEGABYTE  # what the kernel may hold between both sides


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(timeout=20)
        assert not thread.is_alive(), thread


def peer_of(scp: HostileScp, answer_s: float = 1.0) -> Peer:
    timeouts = Timeouts(connect_s=5, association_s=2, answer_s=answer_s)
    return Peer(called_ae="HOSTILE", host="127.0.0.1", port=scp.port, timeouts=timeouts)


def huge_pdu(scp: HostileScp, link: Connection, _: Incoming) -> None:
    scp.send_without_end(link, HUGE + bytes(MEGABYTE))


def endless_data(scp: HostileScp, link: Connection, message: Incoming) -> None:
    start, rest = match(message, b"")[:-12], data_pdu(message.context_id, 0, bytes(16_000))
    scp.send(link, start)
    scp.send_without_end(link, rest)


def endless_command(scp: HostileScp, link: Connection, message: Incoming) -> None:
    scp.send_without_end(link, data_pdu(message.context_id, 1, bytes(16_000)))


def many_fragments(scp: HostileScp, link: Connection, message: Incoming) -> None:
    fragment = struct.pack(">IBB", 2, message.context_id, 0)
    body = fragment * 40_000
    scp.send_without_end(link, struct.pack(">BxI", 4, len(body)) + body)


def drip_a_pdu(scp: HostileScp, link: Connection, message: Incoming) -> None:
    scp.drip(link, data_pdu(message.context_id, 3, bytes(100_000)))


def drip_a_header(scp: HostileScp, link: Connection, _: Incoming) -> None:
    scp.send(link, b"\x04\x00\x00\x00\x00")
    scp._over.wait(30)


def garbage(scp: HostileScp, link: Connection, _: Incoming) -> None:
    scp.send_without_end(link, GARBAGE)


def requests(scp: HostileScp, link: Connection, message: Incoming) -> None:
    """Ask us, in place of answering."""
    scp.send_without_end(link, data_pdu(message.context_id, 3, message.command) * 50)


MISBEHAVIOURS = (huge_pdu, endless_data, endless_command, drip_a_pdu, drip_a_header, garbage, requests)


@each("misbehave", MISBEHAVIOURS, at_once=len(MISBEHAVIOURS))
def test_a_query_of_a_hostile_peer_ends_and_little_is_read(misbehave: Misbehaviour) -> None:
    with HostileScp(misbehave) as scp, pytest.raises((Unreachable, FindFailed)):
        find(peer_of(scp), FindModel.STUDY_ROOT, KEYS)
    assert scp.sent < BUFFERS + 8 * MEGABYTE


def test_fragments_of_nothing_without_end_are_given_up_in_time() -> None:
    with HostileScp(many_fragments) as scp, pytest.raises(Unreachable):
        find(peer_of(scp), FindModel.STUDY_ROOT, KEYS)


@each("misbehave", MISBEHAVIOURS, at_once=len(MISBEHAVIOURS))
def test_a_request_for_commitment_of_a_hostile_peer_ends_without_proof(misbehave: Misbehaviour) -> None:
    options = CommitOptions(wait_s=1.0)
    with HostileScp(misbehave) as scp:
        proof = prove_by_commit(peer_of(scp), [(RAW, "1.2.3")], options)
    assert isinstance(proof.answers["1.2.3"], NoAnswer)
    assert scp.sent < BUFFERS + 8 * MEGABYTE


@each(
    "at",
    [
        AtConnection.CLOSE,
        AtConnection.SILENT,
        AtConnection.STALL,
        AtConnection.ABORT,
        AtConnection.GARBAGE,
        AtConnection.HUGE_PDU,
        AtConnection.HALF_ANSWER,
    ],
    at_once=7,
)
def test_a_peer_that_spoils_the_association_is_unreachable(at: AtConnection) -> None:
    with HostileScp(huge_pdu, Script(at_connection=at)) as scp, pytest.raises(Unreachable):
        find(peer_of(scp), FindModel.STUDY_ROOT, KEYS)


def test_an_acceptance_that_drips_is_given_up() -> None:
    class Dripping(HostileScp):
        def _talk(self, link: Connection) -> str:
            link.read_pdu()
            self.drip(link, struct.pack(">BxI", 2, 100_000) + bytes(100_000))
            return "by-us"

    with Dripping(huge_pdu) as scp, pytest.raises(Unreachable):
        find(peer_of(scp), FindModel.STUDY_ROOT, KEYS)


def test_a_match_of_megabytes_is_not_taken() -> None:
    def answer(scp: HostileScp, link: Connection, message: Incoming) -> None:
        whole = match(message, b"")[:-12]
        scp.send(link, whole)
        for _ in range(8 * 64):
            scp.send(link, data_pdu(message.context_id, 0, bytes(16_000)))
        scp.send(link, data_pdu(message.context_id, 2, b""))

    with HostileScp(answer) as scp, pytest.raises((Unreachable, FindFailed)):
        find(peer_of(scp), FindModel.STUDY_ROOT, KEYS)


def test_matches_wait_at_the_peer_until_they_are_taken() -> None:
    def answer(scp: HostileScp, link: Connection, message: Incoming) -> None:
        identifier = struct.pack("<HHI", 0x0010, 0x0020, 16_000) + b"x" * 16_000
        scp.send_without_end(link, match(message, identifier))

    with HostileScp(answer) as scp:
        peer = replace(peer_of(scp), timeouts=Timeouts(connect_s=5, association_s=5, answer_s=30))
        with association(peer, contexts_of(FindModel.STUDY_ROOT)) as link:
            answers = link.send_c_find(identifier_of(KEYS), FindModel.STUDY_ROOT.value)
            assert next(answers)[0].Status == 0xFF00
            turn = threading.Event()
            for _ in range(300):
                if scp.is_held:
                    break
                turn.wait(0.1)
            assert scp.is_held
            before = scp.sent
            for _ in range(2 * before // 16_000):
                assert next(answers)[0].Status == 0xFF00
            assert scp.sent > before
            link.abort()
    assert before < BUFFERS


def test_matches_without_end_are_taken_up_to_the_limit() -> None:
    def answer(scp: HostileScp, link: Connection, message: Incoming) -> None:
        identifier = struct.pack("<HHI", 0x0010, 0x0020, 2) + b"1 "
        scp.send_without_end(link, match(message, identifier) * 50)

    with HostileScp(answer) as scp, pytest.raises(FindFailed, match="after 301 matches"):
        find(peer_of(scp, answer_s=10), FindModel.STUDY_ROOT, KEYS, Limits(matches=300))
