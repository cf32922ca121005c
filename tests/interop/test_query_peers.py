"""Proof by query: what dcmqrscp, Orthanc and strange peers say of what they have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pydicom
import pytest
from pydicom import Dataset

from mediakit.destinations.find import FindFailed
from mediakit.destinations.peer import Peer, Timeouts
from mediakit.destinations.query import found, prove_by_query
from mediakit.transfer.outgoing import Outgoing
from mediakit.transfer.proof import Denied, NoAnswer, ProofAnswer, Proven
from tests.support.dicom_bytes import CT, EXPLICIT
from tests.support.find_scp import Answers, find_scp
from tests.support.network_peers import Listening, dcmqrscp, free_port, orthanc
from tests.support.peers import need, run
from tests.support.studies import CT_FOLDER, MR_FOLDER

TOTAL = 0x00201209


def outgoing(path: Path) -> Outgoing:
    header = pydicom.dcmread(path, stop_before_pixels=True)
    return Outgoing(
        sop_class=str(header.SOPClassUID),
        sop_instance=str(header.SOPInstanceUID),
        transfer_syntax=str(header.file_meta.TransferSyntaxUID),
        path=path.name,
        size=path.stat().st_size,
        study=str(header.StudyInstanceUID),
        series=str(header.SeriesInstanceUID),
    )


def one(sop_instance: str, study: str = "1.2.1", series: str = "1.2.2") -> Outgoing:
    return Outgoing(
        sop_class=CT,
        sop_instance=sop_instance,
        transfer_syntax=EXPLICIT,
        path="",
        size=0,
        study=study,
        series=series,
    )


def peer_of(scp: Listening) -> Peer:
    timeouts = Timeouts(connect_s=5, association_s=10, answer_s=10)
    return Peer(called_ae=scp.ae_title, host="127.0.0.1", port=scp.port, timeouts=timeouts)


def what_a_peer_has_is_proven(scp: Listening) -> None:
    """Send some of two series, ask for all of both."""
    need("dcmsend")
    ct, mr = sorted(CT_FOLDER.iterdir()), sorted(path for path in MR_FOLDER.iterdir() if path.is_file())
    sent = [*ct[:6], *mr[:3]]
    done = run("dcmsend", "-aec", scp.ae_title, "127.0.0.1", str(scp.port), *map(str, sent))
    assert done.returncode == 0, done.stderr
    items = [outgoing(path) for path in (*ct, *mr)]
    expected: dict[str, ProofAnswer] = {
        item.sop_instance: Denied("the query does not find it") for item in items
    }
    expected |= {outgoing(path).sop_instance: Proven() for path in sent}
    proof = prove_by_query(peer_of(scp), [*items, one("1.2.3")])
    assert proof.answers == expected | {"1.2.3": Denied("the query does not find it")}
    assert (proof.kind, proof.words) == ("query", "")
    there = found(peer_of(scp), [(items[0].study, items[0].series)])
    assert there == {items[0].series: frozenset(outgoing(path).sop_instance for path in ct[:6])}


def test_what_dcmqrscp_has_is_proven(tmp_path: Path) -> None:
    with dcmqrscp(tmp_path) as scp:
        what_a_peer_has_is_proven(scp)


def test_what_orthanc_has_is_proven(tmp_path: Path) -> None:
    with orthanc(tmp_path) as scp:
        what_a_peer_has_is_proven(scp)


def match(**values: object) -> tuple[int, Dataset]:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return 0xFF00, dataset


def test_what_a_peer_gives_beyond_the_series_is_left_out() -> None:
    def answers(_request: Dataset) -> Answers:
        return (
            match(SOPInstanceUID="1.2.3", SeriesInstanceUID="1.2.2", StudyInstanceUID="1.2.1"),
            match(SOPInstanceUID="1.2.4"),  # the peer need not give the keys that it was asked with
            match(SOPInstanceUID="1.2.5", SeriesInstanceUID="1.2.9"),
            match(SOPInstanceUID="1.2.6", StudyInstanceUID="1.2.9"),
            match(SeriesInstanceUID="1.2.2"),
        )

    with find_scp(answers) as scp:
        proof = prove_by_query(scp.address, [one(f"1.2.{number}") for number in range(3, 7)])
    assert proof.answers == {
        "1.2.3": Proven(),
        "1.2.4": Proven(),
        "1.2.5": Denied("the query does not find it"),
        "1.2.6": Denied("the query does not find it"),
    }


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("1", Denied("the peer counts 1 of 2 instances in the series")),
        ("2", NoAnswer("the peer counts 2 instances in the series and does not tell which")),
        ("", None),
    ],
)
def test_a_peer_that_only_counts_can_deny_and_proves_nothing(
    number: str, expected: ProofAnswer | None
) -> None:
    def answers(request: Dataset) -> Answers:
        if request.QueryRetrieveLevel == "IMAGE":
            return ((0xA900, None),)
        return (match(SeriesInstanceUID="1.2.2", NumberOfSeriesRelatedInstances=number),)

    with find_scp(answers) as scp:
        proof = prove_by_query(scp.address, [one("1.2.3"), one("1.2.4")])
        with pytest.raises(FindFailed):
            found(scp.address, [("1.2.1", "1.2.2")])
    assert set(proof.answers) == {"1.2.3", "1.2.4"}
    for answer in proof.answers.values():
        if expected is None:
            assert isinstance(answer, NoAnswer)
            assert "A900" in answer.reason
        else:
            assert answer == expected


def test_instances_without_a_series_are_not_asked_for() -> None:
    with find_scp(lambda _: ()) as scp:
        proof = prove_by_query(scp.address, [one("1.2.3", study=""), one("1.2.4", series="")])
        assert scp.identifiers == []
    reason = "it has no Study or Series Instance UID to ask for"
    assert proof.answers == {"1.2.3": NoAnswer(reason), "1.2.4": NoAnswer(reason)}


def test_a_peer_that_is_not_there_gives_no_answers() -> None:
    timeouts = Timeouts(connect_s=2, association_s=2, answer_s=2)
    peer = Peer(called_ae="NOBODY", host="127.0.0.1", port=free_port(), timeouts=timeouts)
    items: Sequence[Outgoing] = [one("1.2.3"), one("1.2.4", series="1.2.9")]
    proof = prove_by_query(peer, items)
    assert proof.words
    assert proof.answers == {"1.2.3": NoAnswer(proof.words), "1.2.4": NoAnswer(proof.words)}
