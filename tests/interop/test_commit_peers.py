"""Storage commitment: against our own SCP, against Orthanc, and against peers that report strange things."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import pydicom
import pytest
from pynetdicom import AE, evt

from mediakit.destinations.commit import CommitOptions, StorageCommitment, prove_by_commit
from mediakit.destinations.dial import dial
from mediakit.destinations.peer import Peer, Timeouts, Tls
from mediakit.destinations.tls import server_context
from mediakit.dicom.commitment import (
    STORAGE_COMMITMENT,
    CommitmentReport,
    CommitmentRequest,
    Reference,
    read_request,
)
from mediakit.errors import UsageError
from mediakit.events import Advanced, Event
from mediakit.scp.commitment_service import deliver
from mediakit.scp.events import CommitmentAnswered
from mediakit.transfer.proof import Denied, NoAnswer, ProofAnswer, Proven
from tests.interop.test_scp_peers import small
from tests.support.certificates import make_certificates
from tests.support.dicom_bytes import CT, EXPLICIT, RAW
from tests.support.embedded_scp import embedded_scp
from tests.support.network_peers import associate, free_port, orthanc
from tests.support.peers import need, run
from tests.support.pynetdicom_scp import listening
from tests.support.raw_scu import RawScu
from tests.support.studies import CT_FOLDER

Script = Callable[[CommitmentRequest], Sequence[CommitmentReport]]


def peer_at(port: int, called_ae: str = "MEDIAKIT") -> Peer:
    timeouts = Timeouts(connect_s=5, association_s=10, answer_s=10)
    return Peer(called_ae=called_ae, host="127.0.0.1", port=port, calling_ae="PROVER", timeouts=timeouts)


def options(listen_port: int | None, **changes: Any) -> CommitOptions:
    return CommitOptions(
        **{"listen_host": "127.0.0.1", "listen_port": listen_port, "wait_s": 20.0, **changes}
    )


@pytest.mark.parametrize("listens", [True, False])
def test_our_scp_commits_to_what_lies_in_its_folder(tmp_path: Path, listens: bool) -> None:
    port = free_port()
    callers = {"PROVER": partial(dial, peer_at(port))} if listens else {}
    with embedded_scp(tmp_path, callers=callers) as scp:
        with RawScu(scp.address, [(RAW, [EXPLICIT])]) as scu:
            for number in range(5):
                assert scu.store(RAW, f"1.2.{number}", small(RAW, f"1.2.{number}")) == 0
        (tmp_path / "1.2.1/1.2.2/1.2.3.dcm").unlink()
        (tmp_path / "1.2.1/1.2.2/1.2.4.dcm").write_bytes(b"nothing of use")
        items = [
            (RAW, "1.2.0"),
            (CT, "1.2.1"),
            (RAW, "1.2.2"),
            (RAW, "1.2.3"),
            (RAW, "1.2.4"),
            (RAW, "1.2.5"),
        ]
        asked = options(port if listens else None, most_references=4)
        proof = prove_by_commit(peer_at(scp.address[1]), items, asked)
    answered = [event for event in scp.told if isinstance(event, CommitmentAnswered)]
    assert proof.kind == "commit"
    assert proof.words == ""
    assert proof.answers == {
        "1.2.0": Proven(),
        "1.2.1": Denied("it has the instance with another SOP Class"),
        "1.2.2": Proven(),
        "1.2.3": Denied("it has no such instance"),
        "1.2.4": Denied("processing failure"),
        "1.2.5": Denied("it has no such instance"),
    }
    assert [(one.committed, one.failed, one.delivered) for one in answered] == [(2, 2, True), (0, 2, True)]


def test_requests_and_reports_go_over_tls_when_both_sides_ask_for_it(tmp_path: Path) -> None:
    made = make_certificates(tmp_path)
    port = free_port()
    both = Tls(ca_file=made.authority, certificate=made.server, key=made.server_key)
    callers = {"PROVER": partial(dial, replace(peer_at(port), tls=both))}
    serving = server_context(made.server, made.server_key, made.authority)
    with embedded_scp(tmp_path / "in", callers=callers, ssl_context=serving) as scp:
        peer = peer_at(scp.address[1])
        asked = options(port, hold_s=0.0, ssl_context=serving)
        proof = prove_by_commit(replace(peer, tls=both), [(RAW, "1.2.3")], asked)
        plain = prove_by_commit(peer, [(RAW, "1.2.3")], options(None))
    assert proof.answers == {"1.2.3": Denied("it has no such instance")}
    assert isinstance(plain.answers["1.2.3"], NoAnswer)


def test_a_report_that_cannot_be_delivered_is_told(tmp_path: Path) -> None:
    callers = {"PROVER": partial(dial, peer_at(free_port()))}  # nobody listens there
    with embedded_scp(tmp_path, callers=callers) as scp:
        proof = prove_by_commit(peer_at(scp.address[1]), [(RAW, "1.2.3")], options(None, wait_s=0.2))
        assert "no report came on the association" in proof.words and "`commit-port`" in proof.words
        assert proof.answers == {"1.2.3": NoAnswer(proof.words)}
        with scp.changed:
            told = scp.changed.wait_for(
                lambda: [event for event in scp.told if isinstance(event, CommitmentAnswered)], timeout=30
            )
    assert [event.delivered for event in told] == [False]


def test_a_report_that_fails_in_an_unforeseen_way_does_not_end_the_service(tmp_path: Path) -> None:
    def broken() -> socket.socket:
        raise ZeroDivisionError

    with embedded_scp(tmp_path, callers={"PROVER": broken}) as scp:

        def answered() -> list[bool]:
            return [event.delivered for event in scp.told if isinstance(event, CommitmentAnswered)]

        for _ in range(2):
            prove_by_commit(peer_at(scp.address[1]), [(RAW, "1.2.3")], options(None, wait_s=0.2))
        with scp.changed:
            assert scp.changed.wait_for(lambda: answered() == [False, False], timeout=30)


def test_orthanc_commits_to_what_it_has_and_denies_the_rest(tmp_path: Path) -> None:
    need("dcmsend")
    port = free_port()
    modalities = {"prover": ["PROVER", "127.0.0.1", port]}
    with orthanc(
        tmp_path / "orthanc",
        DicomModalities=modalities,
        DicomAlwaysAllowStore=True,
        StorageCommitmentReportsSize=100,
    ) as peer:
        sent = sorted(CT_FOLDER.iterdir())[:4]
        assert run("dcmsend", "127.0.0.1", str(peer.port), *map(str, sent)).returncode == 0
        headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in sent]
        there = [(str(one.SOPClassUID), str(one.SOPInstanceUID)) for one in headers]
        absent = [(CT, "1.2.3.4.5"), (CT, "1.2.3.4.6")]
        asked = options(port, most_references=3, hold_s=0.0)
        proof = prove_by_commit(peer_at(peer.port, peer.ae_title), [*there, *absent], asked)
    expected: dict[str, ProofAnswer] = {uid: Proven() for _, uid in there}
    for _, uid in absent:
        expected[uid] = Denied("it has no such instance")
    assert proof.answers == expected
    assert proof.words == ""


@contextmanager
def scripted_peer(script: Script, listener: tuple[str, int], status: int = 0) -> Iterator[int]:
    """Run an SCP that answers each request with the reports of a script; yields its port."""
    threads: list[Thread] = []

    def report(request: CommitmentRequest) -> None:
        call = partial(dial, replace(peer_at(listener[1]), host=listener[0]))
        for one in script(request):
            deliver(call, "PROVER", "SCRIPTED", one)

    def act(event: Any) -> tuple[int, None]:
        threads.append(Thread(target=report, args=(read_request(event.action_information),)))
        threads[-1].start()
        return status, None

    entity = AE(ae_title="SCRIPTED")
    entity.add_supported_context(STORAGE_COMMITMENT)
    with listening(entity, [(evt.EVT_N_ACTION, act)]) as port:
        try:
            yield port
        finally:
            for thread in threads:
                thread.join(30)


def scripted(script: Script, *uids: str, status: int = 0, **changes: Any) -> dict[str, ProofAnswer]:
    """Return what is proven when a peer follows a script."""
    port = free_port()
    references = [Reference(RAW, uid) for uid in uids]
    with (
        scripted_peer(script, ("127.0.0.1", port), status) as at,
        StorageCommitment(peer_at(at, "SCRIPTED"), options(port, **changes)) as commitment,
    ):
        return dict(commitment.ask(references).answers)


def test_reports_of_foreign_transactions_and_instances_change_nothing() -> None:
    def script(request: CommitmentRequest) -> Sequence[CommitmentReport]:
        ours = request.references
        foreign = (Reference(RAW, "9.9.9"), Reference(CT, ours[1].sop_instance))
        return (
            CommitmentReport(transaction="1.1.1.1", committed=ours),
            CommitmentReport(transaction=request.transaction, committed=(ours[0], *foreign)),
        )

    assert scripted(script, "1.2.1", "1.2.2") == {
        "1.2.1": Proven(),
        "1.2.2": NoAnswer("the report of the peer does not name it"),
    }


def test_the_first_report_of_a_transaction_counts_and_a_denial_outweighs() -> None:
    def script(request: CommitmentRequest) -> Sequence[CommitmentReport]:
        first, second = request.references
        one = CommitmentReport(
            transaction=request.transaction, committed=(first, second), failed=((second, 0x0213),)
        )
        other = CommitmentReport(transaction=request.transaction, failed=((first, 0), (second, 0)))
        return one, other, one

    assert scripted(script, "1.2.1", "1.2.2") == {
        "1.2.1": Proven(),
        "1.2.2": Denied("it has no room to keep it"),
    }


def test_a_peer_that_never_reports_gives_no_answer_in_time() -> None:
    answer = scripted(lambda _: (), "1.2.1", wait_s=0.3, hold_s=0.1)["1.2.1"]
    assert isinstance(answer, NoAnswer)
    assert "within 0.3 s" in answer.reason


def test_what_comes_is_told_while_the_rest_is_waited_for() -> None:
    told: list[Event] = []
    port = free_port()

    def script(request: CommitmentRequest) -> Sequence[CommitmentReport]:
        if len(request.references) == 1:
            return ()
        return (CommitmentReport(transaction=request.transaction, committed=request.references),)

    items = [(RAW, f"1.2.{number}") for number in range(3)]
    asked = options(port, most_references=2, wait_s=1.0, hold_s=0.0)
    with scripted_peer(script, ("127.0.0.1", port)) as at:
        proof = prove_by_commit(peer_at(at, "SCRIPTED"), items, asked, told.append)
    assert sum(event.amount for event in told if isinstance(event, Advanced)) == 2
    assert isinstance(proof.answers["1.2.2"], NoAnswer)
    assert proof.words == proof.answers["1.2.2"].reason


def test_a_peer_that_refuses_the_request_denies_all_of_it() -> None:
    answers = scripted(lambda _: (), "1.2.1", "1.2.2", status=0x0213)
    assert set(answers.values()) == {Denied("the peer refused the request (status 0213)")}


def test_a_peer_without_the_service_gives_no_answer_and_says_why() -> None:
    entity = AE(ae_title="ECHO")
    entity.add_supported_context("1.2.840.10008.1.1")
    with listening(entity) as port:
        proof = prove_by_commit(peer_at(port), [(RAW, "1.2.3")], options(None))
    assert "does not offer the service" in proof.words
    assert proof.answers == {"1.2.3": NoAnswer(proof.words)}


def test_a_peer_that_is_not_there_gives_no_answer() -> None:
    proof = prove_by_commit(peer_at(free_port()), [(RAW, "1.2.3")], options(free_port()))
    assert isinstance(proof.answers["1.2.3"], NoAnswer)
    assert proof.words


def test_a_port_that_is_taken_is_a_fault_of_the_call(tmp_path: Path) -> None:
    with embedded_scp(tmp_path) as scp, pytest.raises(UsageError, match="cannot listen there"):
        prove_by_commit(peer_at(free_port()), [(RAW, "1.2.3")], options(scp.address[1]))


def test_a_strange_request_is_refused_by_our_scp(tmp_path: Path) -> None:
    with embedded_scp(tmp_path) as scp:
        entity = AE(ae_title="STRANGE")
        entity.add_requested_context(STORAGE_COMMITMENT, EXPLICIT)
        link = associate(entity, scp.address[1])
        empty = pydicom.Dataset()
        empty.TransactionUID = "1.2.3"
        well_known = "1.2.840.10008.1.20.1.1"
        statuses = []
        for action, instance, information in (
            (2, well_known, empty),
            (1, "1.2.3", empty),
            (1, well_known, empty),
        ):
            status, _ = link.send_n_action(information, action, STORAGE_COMMITMENT, instance)
            statuses.append(status.Status)
        link.release()
    assert statuses == [0x0123, 0x0112, 0x0115]
