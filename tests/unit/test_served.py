"""What a Storage SCP says of itself when it has ended."""

from __future__ import annotations

from mediakit.scp.events import AssociationEnded, CommitmentAnswered, Ending, Received, Reception
from mediakit.scp.served import _MOST_KINDS, REJECTED, Tally


def refused(sender: str, status: int, words: str = "no room for the instance") -> Received:
    return Received(
        sop_class="1.2",
        sop_instance="1.2.3",
        calling_ae=sender,
        reception=Reception.REFUSED,
        status=status,
        words=words,
    )


def test_instances_of_one_sender_and_reason_are_one_finding() -> None:
    tally = Tally()
    for _ in range(3):
        tally.hear(refused("CT1", 0xA700))
    tally.hear(refused("CT1", 0xC000, "the data set is not whole"))
    found = {finding.rule.id: finding.text for finding in tally.findings()}
    assert found == {
        "MK-SCP-001": "3 instances from CT1 could not be written: no room for the instance",
        "MK-SCP-003": "1 instance from CT1 refused: the data set is not whole",
    }
    assert tally.counts == {Reception.REFUSED: 4}
    assert tally.received == []


def test_an_instance_with_the_uid_of_another_one_is_told() -> None:
    tally = Tally(keeps_all=True)
    event = Received(
        sop_class="1.2", sop_instance="1.2.3", calling_ae="CT1", reception=Reception.CONFLICT, status=0x0111
    )
    tally.hear(event)
    assert [finding.rule.id for finding in tally.findings()] == ["MK-SCP-002"]
    assert tally.received == [event]


def test_instances_that_were_cut_off_are_counted_and_told() -> None:
    tally = Tally()
    for _ in range(2):
        counts = {Reception.STORED: 3, Reception.CUT_OFF: 1}
        tally.hear(AssociationEnded(calling_ae="CT1", host="::1", ending=Ending.RELEASED, counts=counts))
    found = {finding.rule.id: finding.text for finding in tally.findings()}
    assert found == {"MK-SCP-006": "2 instances from CT1 cut off: the association ended before all had come"}
    assert tally.counts == {Reception.CUT_OFF: 2}  # what was answered is counted when it is


def test_a_report_of_commitment_that_was_not_taken_is_told_and_one_that_was_is_not() -> None:
    tally = Tally()
    for delivered in (True, False):
        tally.hear(CommitmentAnswered(calling_ae="CT1", committed=1, failed=0, delivered=delivered))
    assert [finding.rule.id for finding in tally.findings()] == ["MK-SCP-004"]


def test_connections_without_an_association_are_not_counted() -> None:
    tally = Tally()
    for sender in ("CT1", ""):
        tally.hear(AssociationEnded(calling_ae=sender, host="::1", ending=Ending.ABORTED, counts={}))
    assert tally.associations == 1


def test_many_senders_do_not_make_many_findings() -> None:
    tally = Tally()
    for number in range(3 * _MOST_KINDS):
        tally.hear(refused(f"S{number}", 0xC000))
    assert len(tally.findings()) <= _MOST_KINDS + 1


def test_who_was_not_let_in_is_counted_by_sender_and_reason() -> None:
    tally = Tally()
    for words in ("user and passcode do not fit", "user and passcode do not fit", ""):
        tally.hear(
            AssociationEnded(
                calling_ae="CT1", host="10.0.0.7", ending=Ending.REJECTED, counts={}, user="ward", words=words
            )
        )
    (finding,) = tally.findings()
    assert finding.rule is REJECTED
    assert finding.text == "2 associations from CT1 rejected: user and passcode do not fit"
    assert tally.associations == 3
