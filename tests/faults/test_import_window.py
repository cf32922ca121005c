"""Several C-STOREs under way at once: every answer goes to its instance, and whatever happens is true."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from mediakit.destinations.base import Context, Lost
from mediakit.destinations.dimse import DimseDestination
from mediakit.destinations.dimse_session import DimseSession
from mediakit.ledger.jobs import Jobs
from mediakit.outcome import Outcome, State
from mediakit.stages.act.carrying import PARTIAL
from mediakit.transfer.outgoing import StatusClass
from tests.faults.test_dimse_faults import CT, EXPLICIT, SMALL, failing, outgoing, payload
from tests.faults.test_import_faults import TINY_PDUS, TROUBLES, patience_with
from tests.support.each import each
from tests.support.fault_bytes import item_of, window_item
from tests.support.fault_scp import FaultScp
from tests.support.fault_script import AtInstance, Script
from tests.support.importing import (
    HASTY,
    PATIENT,
    QUICK,
    WatchedScp,
    check_truth,
    digests,
    folder_of_small,
    import_into,
    peer_of,
    states_of,
    uid,
)

COUNT = 20
SENT = digests(COUNT)
WINDOW = Script(user_items=window_item(8), longest_pdu=TINY_PDUS)


@pytest.fixture(scope="module")
def medium(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of_small(tmp_path_factory.mktemp("medium") / "m", COUNT)


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return Jobs(tmp_path / "jobs")


def windowed(scp: FaultScp) -> DimseSession:
    return DimseDestination(peer_of(scp, PATIENT)).connect((Context(CT, (EXPLICIT,)),))


@pytest.mark.parametrize("associations", [1, 3])
@pytest.mark.parametrize("size", [2, 5, 8])
def test_answers_in_any_order_go_to_their_instances(
    size: int, associations: int, medium: Path, jobs: Jobs
) -> None:
    statuses = {uid(1): 0xC000, uid(5): 0xB000, uid(COUNT - 1): 0xA900}
    script = replace(WINDOW, user_items=window_item(size), held=size, statuses=statuses)
    with WatchedScp(script) as scp:
        imported = import_into(scp, medium, jobs, associations=associations)
    states = states_of(imported)
    assert states.pop(uid(1)) is State.FAILED
    assert states.pop(uid(5)) is State.STORED_WITH_WARNING
    assert states.pop(uid(COUNT - 1)) is State.FAILED
    assert set(states.values()) == {State.STORED}
    assert scp.most_held <= size  # never more, or it would have held more
    if associations == 1:  # several share the instances, and need not come to fill a window
        assert scp.most_held == size
    assert set(scp.ended) == {"release"}
    check_truth(imported, scp, jobs, SENT)


def test_a_peer_without_a_window_gets_one_after_the_other(medium: Path, jobs: Jobs) -> None:
    with WatchedScp(Script(held=4)) as scp:
        imported = import_into(scp, medium, jobs)
    assert imported.result.outcome is Outcome.GOOD
    assert scp.most_held == 1


def test_a_full_archive_is_left_alone_and_asked_again(medium: Path, jobs: Jobs) -> None:
    with WatchedScp(replace(WINDOW, full_from=5)) as scp:
        imported = import_into(scp, medium, jobs)
    counts = imported.result.counts()
    assert counts[State.STORED] == 5
    assert counts[State.REFUSED] >= QUICK.refusals_in_a_row
    check_truth(imported, scp, jobs, SENT)


@each("fault", TROUBLES, at_once=6)
def test_what_ends_a_connection_once_is_overcome(fault: AtInstance, medium: Path, tmp_path: Path) -> None:
    jobs = Jobs(tmp_path / fault.name)
    with WatchedScp(replace(WINDOW, faults={9: fault})) as scp:
        imported = import_into(scp, medium, jobs, patience_with(fault))
    assert imported.result.outcome is Outcome.GOOD
    assert set(scp.acknowledged) == set(SENT)
    assert max(Counter(scp.begun).values()) <= 2
    check_truth(imported, scp, jobs, SENT)


@each("fault", TROUBLES, at_once=6)
def test_an_instance_that_ends_every_connection_is_in_doubt_alone(
    fault: AtInstance, medium: Path, tmp_path: Path
) -> None:
    jobs = Jobs(tmp_path / fault.name)
    with WatchedScp(WINDOW, {uid(9): fault}) as scp:
        imported = import_into(scp, medium, jobs, patience_with(fault))
    doubted = {each for each, state in states_of(imported).items() if state is not State.STORED}
    assert doubted == {uid(9)}
    assert states_of(imported)[uid(9)] is State.UNCERTAIN
    assert scp.begun.count(uid(9)) in {QUICK.tries, QUICK.tries + 1}  # once beside others
    check_truth(imported, scp, jobs, SENT)


@pytest.mark.parametrize("first", [0, 9, COUNT - 3], ids=["start", "middle", "end"])
def test_three_poisoned_instances_in_a_row_hold_up_no_other(first: int, medium: Path, jobs: Jobs) -> None:
    poisoned = {uid(number) for number in range(first, first + 3)}
    with WatchedScp(WINDOW, dict.fromkeys(poisoned, AtInstance.ABORT)) as scp:
        imported = import_into(scp, medium, jobs)
    assert {each for each, state in states_of(imported).items() if state is not State.STORED} == poisoned
    check_truth(imported, scp, jobs, SENT)


def test_a_dead_peer_ends_the_import_soon(medium: Path, jobs: Jobs) -> None:
    dead = replace(WINDOW, faults=dict.fromkeys(range(100), AtInstance.CLOSE_BEFORE_ANSWER))
    with WatchedScp(dead) as scp:
        imported = import_into(scp, medium, jobs)
    assert len(scp.proposed) <= QUICK.fruitless_in_a_row + 1
    assert set(states_of(imported).values()) <= {State.UNCERTAIN, State.UNSENT}
    check_truth(imported, scp, jobs, SENT)


@pytest.mark.parametrize("fault", [AtInstance.RELEASE_AFTER, AtInstance.CLOSE_AFTER])
def test_a_peer_that_ends_after_each_answer_gets_all(fault: AtInstance, medium: Path, jobs: Jobs) -> None:
    with WatchedScp(replace(WINDOW, faults=dict.fromkeys(range(200), fault))) as scp:
        imported = import_into(scp, medium, jobs)
    assert imported.result.outcome is Outcome.GOOD
    check_truth(imported, scp, jobs, SENT)


def test_a_file_that_breaks_while_it_goes_out_leaves_no_other_in_doubt() -> None:
    with FaultScp(replace(WINDOW, held=2)) as scp:
        session = windowed(scp)
        session.start(outgoing(0), payload())
        with pytest.raises(OSError, match="scratched"):
            session.start(outgoing(1), failing(3, OSError("scratched")))
        with pytest.raises(Lost, match="has ended"):
            session.start(outgoing(2), payload())
        item, answer = session.answer()
        session.close()
    assert (item, answer.kind) == (outgoing(0), StatusClass.SUCCESS)
    assert scp.stored == ["1.2.3.0"]
    assert scp.ended == ["abort"]


def test_answers_that_came_before_the_end_are_known() -> None:
    with FaultScp(replace(WINDOW, faults={2: AtInstance.ABORT})) as scp:
        session = windowed(scp)
        for number in range(3):
            session.start(outgoing(number), payload())
        answered = [session.answer()[0].path for _ in range(2)]
        with pytest.raises(Lost, match="aborted"):
            session.answer()
        assert session.known() == []
        session.close()
    assert answered == ["IM0", "IM1"]


def test_an_answer_that_comes_twice_ends_the_association() -> None:
    with FaultScp(replace(WINDOW, faults={0: AtInstance.ANSWER_TWICE})) as scp:
        session = windowed(scp)
        session.start(outgoing(0), payload())
        session.start(outgoing(1), payload())
        assert session.answer()[0] == outgoing(0)
        with pytest.raises(Lost, match="another message"):
            session.answer()
        assert session.known() == []
        session.close()


def test_large_instances_and_a_peer_that_is_slow_to_read_hold_nobody_up() -> None:
    large = bytes(4 << 20)
    with FaultScp(replace(WINDOW, held=3, longest_pdu=16_384)) as scp:
        session = windowed(scp)
        for number in range(3):
            session.start(outgoing(number), payload(large))
        kinds = {session.answer()[1].kind for _ in range(3)}
        session.close()
    assert kinds == {StatusClass.SUCCESS}
    assert [one.size for one in scp.received] == [len(large)] * 3


def test_message_ids_that_are_under_way_are_not_used_again() -> None:
    with FaultScp(replace(WINDOW, held=2)) as scp:
        session = windowed(scp)
        session.start(outgoing(0), payload(SMALL[:10]))
        session._message_id = 0xFFFF  # as after 65535 instances
        session.start(outgoing(1), payload(SMALL[:10]))
        assert {session.answer()[0].path for _ in range(2)} == {"IM0", "IM1"}
        session.close()


def test_nothing_is_waited_for_without_an_end(tmp_path: Path, jobs: Jobs) -> None:
    few = 7  # each of those without an answer is waited for
    medium = folder_of_small(tmp_path / "m", few)
    with WatchedScp(replace(WINDOW, faults=dict.fromkeys(range(5, 100), AtInstance.STALL))) as scp:
        imported = import_into(scp, medium, jobs, HASTY)
    assert imported.result.counts()[State.STORED] >= 5
    assert imported.result.outcome is Outcome.PARTLY_STORED
    check_truth(imported, scp, jobs, digests(few))


@pytest.mark.parametrize(("level", "is_told"), [(0, True), (1, True), (2, False)])
def test_a_destination_that_stores_a_part_of_each_instance_is_told(
    level: int, is_told: bool, medium: Path, jobs: Jobs
) -> None:
    answer = len(CT).to_bytes(2, "big") + CT.encode() + bytes((level, 0, 0, 0, 1, 0))
    with WatchedScp(Script(user_items=item_of(0x56, answer))) as scp:
        imported = import_into(scp, medium, jobs, associations=2)
    assert imported.result.outcome is Outcome.GOOD
    told = [each for each in imported.result.report.findings if each.rule is PARTIAL]
    assert len(told) == is_told
    assert all(f"level {level}" in each.text and "CT Image Storage" in each.text for each in told)
