"""Any mixture of answers and troubles: the states are true, and a resumed import brings what is left."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediakit.ledger.jobs import Jobs
from mediakit.outcome import Outcome, State
from tests.support.fault_script import CUTS, AtInstance, Script
from tests.support.importing import (
    WatchedScp,
    check_truth,
    digests,
    folder_of_small,
    import_into,
    states_of,
    uid,
)

COUNT = 5
TINY_PDUS = 1024
SENT = frozenset(digests(COUNT))
ACTIONS = [0x0000, 0xB000, 0xA700, 0xC000, *CUTS]


@pytest.fixture(scope="module")
def medium(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of_small(tmp_path_factory.mktemp("medium") / "m", COUNT)


@settings(max_examples=40)
@given(
    actions=st.lists(st.sampled_from(ACTIONS), max_size=14),
    associations=st.sampled_from([1, 1, 2, 3]),
    dies_after=st.none() | st.integers(1, 6),
)
def test_whatever_the_peer_does_every_state_is_true_and_a_resume_brings_the_rest(
    medium: Path, actions: list[int | AtInstance], associations: int, dies_after: int | None
) -> None:
    faults = {number: each for number, each in enumerate(actions) if isinstance(each, AtInstance)}
    statuses = {number: each for number, each in enumerate(actions) if isinstance(each, int)}
    script = Script(faults=faults, statuses=statuses, longest_pdu=TINY_PDUS, dies_after=dies_after)
    with tempfile.TemporaryDirectory() as folder, WatchedScp(script) as scp:
        jobs = Jobs(Path(folder) / "jobs")
        first = import_into(scp, medium, jobs, associations=associations)
        check_truth(first, scp, jobs, digests(COUNT))
        assert len(scp.acknowledged) == len(set(scp.acknowledged))
        states = states_of(first)
        if dies_after is not None:
            return
        scp.script = Script()
        before = len(scp.received)
        second = import_into(scp, medium, jobs, associations=associations, resume=True)
        assert second.job == first.job
        wanted = {State.UNCERTAIN, State.REFUSED, State.UNSENT}
        left = sorted(uid_ for uid_, state in states.items() if state in wanted)
        assert sorted(one.uid for one in scp.received[before:]) == left
        is_whole = State.FAILED not in states.values()
        assert second.result.outcome is (Outcome.GOOD if is_whole else Outcome.PARTLY_STORED)


def test_instances_that_end_every_connection_do_not_keep_the_others_back_for_ever(
    medium: Path, tmp_path: Path
) -> None:
    jobs = Jobs(tmp_path)
    bad = {uid(number): AtInstance.CLOSE_BEFORE_ANSWER for number in range(3)}
    with WatchedScp(Script(), bad) as scp:
        for is_second in (False, True):
            imported = import_into(scp, medium, jobs, resume=is_second)
            check_truth(imported, scp, jobs, digests(COUNT))
    states = states_of(imported)
    assert {uid_ for uid_, state in states.items() if state is State.STORED} == SENT - bad.keys()
