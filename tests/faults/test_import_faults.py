"""An import into an SCP that does wrong, over real sockets: every instance ends in its true state.

Each test ends with `check_truth`: result, ledger and what the SCP really received are compared.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from mediakit.destinations.peer import Timeouts
from mediakit.ledger.jobs import Jobs
from mediakit.outcome import Outcome, State
from tests.support.each import each
from tests.support.fault_script import AtConnection, AtInstance, Script
from tests.support.importing import (
    HASTY,
    PATIENT,
    QUICK,
    Watch,
    WatchedScp,
    check_ledger,
    check_truth,
    digests,
    folder_of_small,
    import_into,
    small,
    states_of,
    uid,
)

COUNT = 6
MR = "1.2.840.10008.5.1.4.1.1.4"
CT = "1.2.840.10008.5.1.4.1.1.2"
JPEG = "1.2.840.10008.1.2.4.50"
IMPLICIT = "1.2.840.10008.1.2"
SENT = digests(COUNT)
associations = pytest.mark.parametrize("associations", [1, 3])


@pytest.fixture(scope="module")
def medium(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of_small(tmp_path_factory.mktemp("medium") / "m", COUNT)


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return Jobs(tmp_path / "jobs")


def one_bad(state: State, number: int = 2) -> dict[str, State]:
    """Return the states when one instance ended so and all others were stored."""
    return {uid(each): state if each == number else State.STORED for each in range(COUNT)}


@each("associations", [1, 3], at_once=2)
@each(
    ("at", "tries"),
    [
        (AtConnection.CLOSE, 2),
        (AtConnection.HALF_ANSWER, 2),
        (AtConnection.STALL, 2),
        (AtConnection.SILENT, 2),
        (AtConnection.ABORT, 1),
        (AtConnection.GARBAGE, 1),
        (AtConnection.HUGE_PDU, 1),
    ],
    at_once=7,
)
def test_without_an_association_nothing_is_sent_and_all_wait(
    at: AtConnection, tries: int, associations: int, medium: Path, tmp_path: Path
) -> None:
    jobs = Jobs(tmp_path / f"{at.name}-{associations}")
    with WatchedScp(Script(at_connection=at)) as scp:
        imported = import_into(scp, medium, jobs, HASTY, associations=associations)
    assert set(states_of(imported).values()) == {State.UNSENT}
    assert imported.result.outcome is Outcome.NO_ASSOCIATION
    assert len(scp.ended) == tries * associations
    check_truth(imported, scp, jobs, SENT)


@associations
def test_a_closed_port_leaves_all_unsent(associations: int, medium: Path, jobs: Jobs) -> None:
    with WatchedScp(Script(at_connection=AtConnection.NOT_LISTENING)) as scp:
        imported = import_into(scp, medium, jobs, associations=associations)
    assert imported.result.outcome is Outcome.NO_ASSOCIATION
    check_truth(imported, scp, jobs, SENT)


@associations
def test_a_rejection_for_good_is_not_tried_again(associations: int, medium: Path, jobs: Jobs) -> None:
    with WatchedScp(Script(reject=(1, 1, 7))) as scp:
        imported = import_into(scp, medium, jobs, associations=associations)
    assert imported.result.outcome is Outcome.NO_ASSOCIATION
    assert len(scp.proposed) == associations
    check_truth(imported, scp, jobs, SENT)


@pytest.mark.parametrize(("times", "outcome"), [(3, Outcome.GOOD), (4, Outcome.NO_ASSOCIATION)])
def test_a_rejection_for_now_is_tried_again_so_many_times(
    times: int, outcome: Outcome, medium: Path, jobs: Jobs
) -> None:
    with WatchedScp(Script(reject=(2, 3, 2), reject_times=times)) as scp:
        imported = import_into(scp, medium, jobs)
    assert imported.result.outcome is outcome
    assert len(scp.proposed) == 4
    check_truth(imported, scp, jobs, SENT)


def test_a_limit_of_associations_slows_the_import_and_loses_nothing(medium: Path, jobs: Jobs) -> None:
    with WatchedScp(Script(reject=(1, 3, 2), reject_times=2)) as scp:
        imported = import_into(scp, medium, jobs, associations=3)
    assert imported.result.outcome is Outcome.GOOD
    check_truth(imported, scp, jobs, SENT)


@associations
def test_of_two_classes_the_one_that_is_taken_is_stored(
    associations: int, tmp_path: Path, jobs: Jobs
) -> None:
    medium = folder_of_small(tmp_path / "m", COUNT)
    (medium / "IM0002").write_bytes(small(2, sop_class=MR))
    with WatchedScp(Script(classes=frozenset({CT}))) as scp:
        imported = import_into(scp, medium, jobs, associations=associations)
    assert states_of(imported) == one_bad(State.NOT_NEGOTIATED)
    assert imported.result.outcome is Outcome.PARTLY_STORED
    (because,) = [fate.because for fate in imported.result.fates if fate.sop_instance == uid(2)]
    assert because is not None
    assert because.text.endswith("converted to: the SOP Class is not supported")
    check_truth(imported, scp, jobs, SENT)


def test_when_no_context_is_taken_nothing_is_negotiated(medium: Path, jobs: Jobs) -> None:
    with WatchedScp(Script(syntaxes=frozenset({JPEG}))) as scp:
        imported = import_into(scp, medium, jobs)
    assert set(states_of(imported).values()) == {State.NOT_NEGOTIATED}
    assert imported.result.outcome is Outcome.PARTLY_STORED
    assert scp.begun == []
    check_truth(imported, scp, jobs, SENT)


def test_what_is_not_taken_as_stored_goes_in_implicit_vr(medium: Path, jobs: Jobs) -> None:
    with WatchedScp(Script(syntaxes=frozenset({IMPLICIT}))) as scp:
        imported = import_into(scp, medium, jobs)
    assert imported.result.outcome is Outcome.GOOD
    assert {one.transfer_syntax for one in scp.received} == {IMPLICIT}
    assert {row.sent_as for row in imported.rows} == {IMPLICIT}


@associations
@pytest.mark.parametrize(
    ("status", "state", "tries"),
    [
        (0xA700, State.REFUSED, 3),
        (0xA7FF, State.REFUSED, 3),
        (0xA900, State.FAILED, 1),
        (0xC000, State.FAILED, 1),
        (0xC1FF, State.FAILED, 1),
        (0x0111, State.FAILED, 1),
        (0x0122, State.FAILED, 1),
        (0x0124, State.FAILED, 1),
        (0x0211, State.FAILED, 1),
        (0xFFFF, State.FAILED, 1),
        (0xB000, State.STORED_WITH_WARNING, 1),
        (0xB006, State.STORED_WITH_WARNING, 1),
        (0xB007, State.STORED_WITH_WARNING, 1),
    ],
)
def test_each_status_leads_to_its_state(
    status: int, state: State, tries: int, associations: int, medium: Path, jobs: Jobs
) -> None:
    with WatchedScp(Script(statuses=lambda _number, _uid: status)) as scp:
        imported = import_into(scp, medium, jobs, associations=associations)
    assert set(states_of(imported).values()) == {state}
    assert Counter(scp.stored) == dict.fromkeys(SENT, tries)
    assert imported.result.outcome is (Outcome.GOOD if status >> 12 == 0xB else Outcome.PARTLY_STORED)
    assert {row.code for row in imported.rows} == {status}
    check_truth(imported, scp, jobs, SENT)


@associations
@pytest.mark.parametrize(
    ("status", "state"),
    [(0xA700, State.REFUSED), (0xC000, State.FAILED), (0xB000, State.STORED_WITH_WARNING)],
)
def test_the_status_of_one_says_nothing_of_the_others(
    status: int, state: State, associations: int, medium: Path, jobs: Jobs
) -> None:
    with WatchedScp(Script(statuses={uid(2): status})) as scp:
        imported = import_into(scp, medium, jobs, associations=associations)
    assert states_of(imported) == one_bad(state)
    check_truth(imported, scp, jobs, SENT)


@associations
def test_a_lack_of_resources_that_passes_is_waited_for(associations: int, medium: Path, jobs: Jobs) -> None:
    script = Script(statuses=lambda number, _uid: 0xA700 if number < COUNT else 0)
    with WatchedScp(script) as scp:
        imported = import_into(scp, medium, jobs, associations=associations)
    assert imported.result.outcome is Outcome.GOOD
    assert len(scp.received) == 2 * COUNT
    check_truth(imported, scp, jobs, SENT)


@associations
def test_a_full_disk_is_seen_and_the_rest_not_sent_in_vain(
    associations: int, tmp_path: Path, jobs: Jobs
) -> None:
    count = 60
    medium = folder_of_small(tmp_path / "m", count, pixels=100)
    with WatchedScp(Script(full_from=20)) as scp:
        imported = import_into(scp, medium, jobs, associations=associations)
    counts = imported.result.counts()
    assert counts[State.STORED] == 20
    assert counts[State.STORED] + counts[State.REFUSED] + counts[State.UNSENT] == count
    assert counts[State.UNSENT] > 0
    # three rounds; a success that is noted late begins the count of refusals anew, once an association
    assert len(scp.received) <= 20 + 3 * (QUICK.refusals_in_a_row + associations) + QUICK.refusals_in_a_row
    assert imported.result.outcome is Outcome.PARTLY_STORED
    check_truth(imported, scp, jobs, digests(count, 100))


@associations
def test_an_scp_that_dies_leaves_the_rest_unsent(associations: int, medium: Path, jobs: Jobs) -> None:
    with WatchedScp(Script(dies_after=3)) as scp:
        imported = import_into(scp, medium, jobs, associations=associations)
    counts = imported.result.counts()
    assert imported.result.outcome is Outcome.PARTLY_STORED
    assert counts[State.STORED] + counts[State.UNCERTAIN] + counts[State.UNSENT] == COUNT
    assert counts[State.STORED] >= 3 - associations
    check_truth(imported, scp, jobs, SENT)


def test_an_answer_that_an_scp_could_not_send_before_it_died_is_in_doubt(medium: Path, jobs: Jobs) -> None:
    first = threading.Lock()  # held by the association that answers too late

    def hold(_: int) -> None:
        if first.acquire(blocking=False):
            scp.wait_for_death()

    with WatchedScp(Script(dies_after=3), watch=Watch(before_answer=hold)) as scp:
        imported = import_into(scp, medium, jobs, associations=2)
    assert imported.result.counts()[State.UNCERTAIN] >= 1
    assert len(scp.acknowledged) == 3
    check_truth(imported, scp, jobs, SENT)


TROUBLES = [  # the first ones are waited for
    AtInstance.STALL,
    AtInstance.DEAF,
    AtInstance.CLOSE_IN_DATA,
    AtInstance.CLOSE_IN_PDU,
    AtInstance.RESET_IN_DATA,
    AtInstance.ABORT_IN_DATA,
    AtInstance.CLOSE_BEFORE_ANSWER,
    AtInstance.HALF_ANSWER,
    AtInstance.ABORT,
    AtInstance.GARBAGE,
    AtInstance.HUGE_PDU,
    AtInstance.RELEASE,
    AtInstance.WRONG_MESSAGE_ID,
    AtInstance.WRONG_CONTEXT,
    AtInstance.OTHER_INSTANCE,
    AtInstance.OTHER_CLASS,
    AtInstance.OTHER_COMMAND,
    AtInstance.REQUEST,
]
TINY_PDUS = 1024  # so that an instance takes several


def patience_with(fault: AtInstance) -> Timeouts:
    """Wait for an answer as long as it takes, unless none will come: beside other imports a second."""
    return (
        replace(HASTY, association_s=1.0, answer_s=1.0)
        if fault in {AtInstance.STALL, AtInstance.DEAF}
        else PATIENT
    )


@each("associations", [1, 3])
@each("fault", TROUBLES, at_once=6)
def test_what_ends_a_connection_once_is_overcome(
    fault: AtInstance, associations: int, medium: Path, tmp_path: Path
) -> None:
    jobs = Jobs(tmp_path / f"{fault.name}-{associations}")
    with WatchedScp(Script(faults={2: fault}, longest_pdu=TINY_PDUS)) as scp:
        imported = import_into(scp, medium, jobs, patience_with(fault), associations=associations)
    assert imported.result.outcome is Outcome.GOOD
    assert len(scp.begun) == COUNT + 1
    assert sorted(scp.acknowledged) == sorted(SENT)
    check_truth(imported, scp, jobs, SENT)


@each("associations", [1, 3])
@each("fault", TROUBLES, at_once=6)
def test_an_instance_that_ends_every_connection_is_in_doubt_and_the_others_are_stored(
    fault: AtInstance, associations: int, medium: Path, tmp_path: Path
) -> None:
    jobs = Jobs(tmp_path / f"{fault.name}-{associations}")
    with WatchedScp(Script(longest_pdu=TINY_PDUS), {uid(2): fault}) as scp:
        imported = import_into(scp, medium, jobs, patience_with(fault), associations=associations)
    assert states_of(imported) == one_bad(State.UNCERTAIN)
    assert imported.result.outcome is Outcome.PARTLY_STORED
    assert scp.begun.count(uid(2)) == QUICK.tries
    check_truth(imported, scp, jobs, SENT)


@associations
@pytest.mark.parametrize(
    "fault", [AtInstance.RELEASE_AFTER, AtInstance.CLOSE_AFTER, AtInstance.TINY_FRAGMENTS]
)
def test_an_scp_that_ends_after_each_answer_gets_all(
    fault: AtInstance, associations: int, medium: Path, jobs: Jobs
) -> None:
    with WatchedScp(Script(faults=dict.fromkeys(range(50), fault))) as scp:
        imported = import_into(scp, medium, jobs, associations=associations)
    assert imported.result.outcome is Outcome.GOOD
    assert sorted(scp.acknowledged) == sorted(SENT)
    check_truth(imported, scp, jobs, SENT)


@pytest.mark.parametrize("fault", [AtInstance.EARLY, AtInstance.EARLY_AND_DEAF, AtInstance.EARLY_AND_CLOSE])
def test_a_refusal_that_comes_early_is_a_refusal(fault: AtInstance, tmp_path: Path, jobs: Jobs) -> None:
    medium = folder_of_small(tmp_path / "m", 3, pixels=8 << 20)
    with WatchedScp(Script(statuses={uid(1): 0xC000}), {uid(1): fault}) as scp:
        imported = import_into(scp, medium, jobs, HASTY)
    assert states_of(imported) == {uid(0): State.STORED, uid(1): State.FAILED, uid(2): State.STORED}
    check_ledger(imported, jobs)


@pytest.mark.parametrize("longest_pdu", [32, 1024, 0])
def test_tiny_pdus_change_nothing(longest_pdu: int, medium: Path, jobs: Jobs) -> None:
    with WatchedScp(Script(longest_pdu=longest_pdu)) as scp:
        imported = import_into(scp, medium, jobs)
    assert imported.result.outcome is Outcome.GOOD
    check_truth(imported, scp, jobs, SENT)


def test_an_scp_that_takes_no_useful_pdu_gets_nothing(medium: Path, jobs: Jobs) -> None:
    with WatchedScp(Script(longest_pdu=8)) as scp:
        imported = import_into(scp, medium, jobs)
    assert imported.result.outcome is Outcome.NO_ASSOCIATION
    check_truth(imported, scp, jobs, SENT)


def test_an_answer_byte_by_byte_is_an_answer(medium: Path, jobs: Jobs) -> None:
    with WatchedScp(Script(at_connection=AtConnection.DRIP)) as scp:
        imported = import_into(scp, medium, jobs)
    assert imported.result.outcome is Outcome.GOOD
    check_truth(imported, scp, jobs, SENT)


def test_a_release_that_is_never_answered_ends_all_the_same(medium: Path, jobs: Jobs) -> None:
    with WatchedScp(Script(stalls_on_release=True)) as scp:
        imported = import_into(scp, medium, jobs, HASTY)
    assert imported.result.outcome is Outcome.GOOD
    check_truth(imported, scp, jobs, SENT)
