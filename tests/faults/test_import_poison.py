"""Instances that end every connection, several in a row: the others go on, to a dead peer nothing does."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from mediakit.ledger.jobs import Jobs
from mediakit.outcome import Outcome, State
from mediakit.stages.import_order import Patience
from mediakit.transfer.imported import Imported
from tests.support.fault_script import AtInstance, Script
from tests.support.importing import (
    QUICK,
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

COUNT = 16
SENT = digests(COUNT)
MR = "1.2.840.10008.5.1.4.1.1.4"
POISON = [AtInstance.CLOSE_BEFORE_ANSWER, AtInstance.ABORT_IN_DATA]
associations = pytest.mark.parametrize("associations", [1, 3])


@pytest.fixture(scope="module")
def medium(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of_small(tmp_path_factory.mktemp("medium") / "m", COUNT)


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return Jobs(tmp_path / "jobs")


class Asked(tuple[float, ...]):
    """Waits that remember which of them were asked for."""

    def __init__(self, _: object) -> None:
        self.places: list[int] = []

    def __getitem__(self, place: int) -> float:  # type: ignore[override]  # no slices
        self.places.append(place)
        return super().__getitem__(place)


def is_stopped(imported: Imported) -> bool:
    return "MK-IMP-020" in {finding.rule.id for finding in imported.result.report.findings}


@associations
@pytest.mark.parametrize("fault", POISON)
@pytest.mark.parametrize("first", [0, 6, COUNT - 5], ids=["start", "middle", "end"])
def test_five_poisoned_instances_in_a_row_hold_up_no_other(
    first: int, fault: AtInstance, associations: int, medium: Path, jobs: Jobs
) -> None:
    poisoned = {uid(number) for number in range(first, first + 5)}
    with WatchedScp(Script(longest_pdu=1024), dict.fromkeys(poisoned, fault)) as scp:
        imported = import_into(scp, medium, jobs, associations=associations)
    assert {key for key, state in states_of(imported).items() if state is State.UNCERTAIN} == poisoned
    assert set(states_of(imported).values()) == {State.UNCERTAIN, State.STORED}
    begun = Counter(scp.begun)
    assert {begun[each] for each in poisoned} == {QUICK.tries}
    assert not is_stopped(imported)
    check_truth(imported, scp, jobs, SENT)


@associations
def test_a_poisoned_class_lets_the_other_classes_go_first(
    associations: int, tmp_path: Path, jobs: Jobs
) -> None:
    medium = folder_of_small(tmp_path / "m", COUNT)
    poisoned = [uid(number) for number in range(12)]
    for number in range(12):
        (medium / f"IM{number:04}").write_bytes(small(number, sop_class=MR))
    with WatchedScp(by_uid=dict.fromkeys(poisoned, AtInstance.ABORT)) as scp:
        imported = import_into(scp, medium, jobs, associations=associations)
    states = states_of(imported)
    assert {states[uid(number)] for number in range(12, COUNT)} == {State.STORED}
    assert {states[each] for each in poisoned} <= {State.UNCERTAIN, State.UNSENT}
    check_ledger(imported, jobs)


@associations
def test_a_dead_peer_ends_the_import_soon(associations: int, medium: Path, jobs: Jobs) -> None:
    dead = Script(faults=dict.fromkeys(range(100), AtInstance.CLOSE_BEFORE_ANSWER))
    with WatchedScp(dead) as scp:
        imported = import_into(scp, medium, jobs, associations=associations)
    assert len(scp.proposed) <= QUICK.fruitless_in_a_row + associations
    assert is_stopped(imported)
    assert imported.result.counts()[State.UNSENT] >= COUNT - len(scp.proposed)
    check_truth(imported, scp, jobs, SENT)


@associations
@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_dead_peer_is_not_tried_for_long_with_few_instances(
    count: int, associations: int, tmp_path: Path, jobs: Jobs
) -> None:
    dead = Script(faults=dict.fromkeys(range(100), AtInstance.ABORT))
    with WatchedScp(dead) as scp:
        imported = import_into(scp, folder_of_small(tmp_path / "m", count), jobs, associations=associations)
    # some connections find that another one has just taken what was left
    assert len(scp.proposed) <= (QUICK.fruitless_in_a_row + 1) * associations
    assert len(scp.begun) <= QUICK.tries * count
    assert set(states_of(imported).values()) <= {State.UNCERTAIN, State.UNSENT}
    check_truth(imported, scp, jobs, digests(count))


def test_after_a_connection_that_brought_something_there_is_no_pause(medium: Path, jobs: Jobs) -> None:
    waits = Asked((0.0, 0.0, 0.0))
    closing = Script(faults=dict.fromkeys(range(100), AtInstance.CLOSE_AFTER))
    with WatchedScp(closing) as scp:
        imported = import_into(scp, medium, jobs, patience=Patience(connections=waits))
    assert imported.result.outcome is Outcome.GOOD
    assert len(scp.proposed) >= COUNT
    assert waits.places == []


def test_pauses_grow_with_the_connections_that_brought_nothing(medium: Path, jobs: Jobs) -> None:
    waits = Asked((0.0, 0.0, 0.0))
    dead = Script(faults=dict.fromkeys(range(100), AtInstance.ABORT))
    with WatchedScp(dead) as scp:
        import_into(scp, medium, jobs, patience=Patience(connections=waits))
    assert waits.places == [0, 1, 2, 2, 2]


def test_one_instance_without_an_answer_is_told_in_words(tmp_path: Path, jobs: Jobs) -> None:
    with WatchedScp(by_uid={uid(0): AtInstance.ABORT}) as scp:
        medium = folder_of_small(tmp_path / "m", 2)
        twice = import_into(scp, medium, jobs)
        once = import_into(scp, medium, jobs, patience=Patience(connections=(), tries=1))
    for imported, words in ((twice, "came, twice: "), (once, "came, once: ")):
        texts = [finding.text for finding in imported.result.report.findings]
        assert len([text for text in texts if words in text]) == 1
