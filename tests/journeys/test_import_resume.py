"""An import goes on after anything, proves what it stored, and never sends what is not asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from mediakit.errors import UsageError
from mediakit.events import Event, Listener, PhaseStarted
from mediakit.journeys.import_ import import_medium
from mediakit.ledger.jobs import Jobs
from mediakit.outcome import Outcome, State
from mediakit.stages.import_order import ImportOrder
from mediakit.stages.plan.import_target import Target
from mediakit.transfer.outgoing import Outgoing
from mediakit.transfer.patient_identity import Expectation
from mediakit.transfer.proof import Denied, NoAnswer, Proof, Proven, Verify
from mediakit.transfer.states import TransferState
from tests.support.import_runs import QUICK, rules, run, states, uid_of
from tests.support.scripted import BAD, FULL, LOSE, SUCCESS, ScriptedDestination
from tests.support.studies import CR, CT_1, CT_2, CT_3, burnt_to, folder_of


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return Jobs(tmp_path / "jobs")


@pytest.fixture
def ct(tmp_path: Path) -> Path:
    return folder_of(tmp_path / "ct", {"A/IM1": CT_1, "A/IM2": CT_2, "A/IM3": CT_3})


def test_resume_sends_only_what_is_not_there_yet(ct: Path, jobs: Jobs) -> None:
    broken = ScriptedDestination(script=lambda item, _tries: LOSE if item.path.endswith("IM2") else SUCCESS)
    first = run(ct, broken, jobs)
    assert first.result.outcome is Outcome.PARTLY_STORED
    whole = ScriptedDestination()
    second = run(ct, whole, jobs, resume=True)
    assert second.job == first.job
    assert whole.uids() == [uid_of(CT_2)]
    assert second.result.outcome is Outcome.GOOD
    third = ScriptedDestination()
    assert run(ct, third, jobs, resume=True).result.outcome is Outcome.GOOD
    assert not third.received and not third.connections


def test_without_resume_an_earlier_import_is_named_and_a_new_one_begun(ct: Path, jobs: Jobs) -> None:
    first = run(ct, ScriptedDestination(), jobs)
    again = ScriptedDestination()
    second = run(ct, again, jobs)
    assert second.job != first.job
    assert len(again.received) == 3
    assert "MK-IMP-022" in rules(second)


def test_a_second_copy_of_the_medium_fills_the_gaps(tmp_path: Path, jobs: Jobs, ct: Path) -> None:
    medium, copy = tmp_path / "medium", tmp_path / "copy"
    burnt_to(medium, ct)
    burnt_to(copy, ct)
    files = sorted(path for path in medium.rglob("*") if path.is_file() and path.name != "DICOMDIR")
    files[0].write_bytes(files[0].read_bytes()[:1000])
    files[1].unlink()
    first = run(medium, ScriptedDestination(), jobs)
    assert first.result.counts() == {
        State.STORED: 1,
        State.UNREADABLE: 1,
        State.MISSING: 1,
        State.EXCLUDED: 1,
    }
    destination = ScriptedDestination()
    second = run(copy, destination, jobs, resume=True)
    assert second.result.outcome is Outcome.GOOD
    assert len(destination.received) == 2


def test_a_retry_tries_again_what_was_not_taken(ct: Path, jobs: Jobs) -> None:
    first = run(ct, ScriptedDestination(script=lambda _item, _tries: BAD), jobs)
    mended = ScriptedDestination()
    assert run(ct, mended, jobs, resume=True).result.outcome is Outcome.PARTLY_STORED
    assert not mended.received
    assert run(ct, mended, jobs, job=first.job, retry=True).result.outcome is Outcome.GOOD
    assert len(mended.received) == 3


def test_a_retry_from_a_larger_medium_keeps_to_its_job(tmp_path: Path, ct: Path, jobs: Jobs) -> None:
    first = run(ct, ScriptedDestination(script=lambda _item, _tries: FULL), jobs)
    more = folder_of(tmp_path / "more", {"A/IM1": CT_1, "A/IM2": CT_2, "A/IM3": CT_3, "CR": CR})
    destination = ScriptedDestination()
    imported = run(more, destination, jobs, job=first.job, retry=True, expectation=Expectation())
    assert imported.result.outcome is Outcome.GOOD
    assert states(imported)["CR"] is State.EXCLUDED
    assert "MK-IMP-023" in rules(imported)
    assert len(destination.received) == 3


def test_a_proof_confirms_what_was_stored(ct: Path, jobs: Jobs) -> None:
    def prover(items: Sequence[Outgoing], _tell: Listener) -> Proof:
        return Proof(kind="query", answers={item.sop_instance: Proven() for item in items})

    imported = run(ct, ScriptedDestination(), jobs, prover, verify=Verify.QUERY)
    assert {row.state for row in imported.rows} == {TransferState.COMMITTED}
    assert imported.result.outcome is Outcome.GOOD


def test_a_proof_that_denies_what_was_answered_is_a_matter_of_integrity(ct: Path, jobs: Jobs) -> None:
    def prover(items: Sequence[Outgoing], _tell: Listener) -> Proof:
        first, second, third = (item.sop_instance for item in items)
        return Proof(
            kind="commit",
            answers={first: Proven(), second: Denied(reason="no such instance"), third: NoAnswer()},
        )

    imported = run(ct, ScriptedDestination(), jobs, prover, verify=Verify.COMMIT)
    assert Counter(row.state for row in imported.rows) == {
        TransferState.COMMITTED: 1,
        TransferState.UNCONFIRMED: 2,
    }
    assert imported.result.outcome is Outcome.INTEGRITY
    assert "MK-IMP-021" in rules(imported)


def test_a_destination_that_cannot_be_asked_leaves_what_it_stored_unconfirmed(ct: Path, jobs: Jobs) -> None:
    def prover(items: Sequence[Outgoing], _tell: Listener) -> Proof:
        raise UsageError("cannot listen there", where="0.0.0.0:104")

    imported = run(ct, ScriptedDestination(), jobs, prover, verify=Verify.COMMIT)
    assert {row.state for row in imported.rows} == {TransferState.UNCONFIRMED}
    assert imported.result.outcome is Outcome.INTEGRITY
    assert "MK-IMP-024" in rules(imported)
    assert {row.words for row in imported.rows} == {"0.0.0.0:104: cannot listen there"}


def test_a_destination_that_cannot_be_asked_first_gets_everything(ct: Path, jobs: Jobs) -> None:
    def prover(items: Sequence[Outgoing], _tell: Listener) -> Proof:
        return Proof(kind="query", answers={}, words="the peer does not offer the service")

    destination = ScriptedDestination()
    imported = run(ct, destination, jobs, prover, ask_first=True)
    assert len(destination.received) == 3
    assert "MK-IMP-024" in rules(imported)
    assert imported.result.outcome is Outcome.GOOD


def test_what_a_query_finds_at_the_destination_is_not_sent(ct: Path, jobs: Jobs) -> None:
    there = uid_of(CT_1)

    def prover(items: Sequence[Outgoing], _tell: Listener) -> Proof:
        return Proof(kind="query", answers={there: Proven()})

    destination = ScriptedDestination()
    imported = run(ct, destination, jobs, prover, ask_first=True)
    assert there not in destination.uids()
    assert states(imported)["IM1"] is State.ALREADY_THERE
    assert imported.result.outcome is Outcome.GOOD


def test_a_signal_ends_the_import_with_a_job_that_can_be_resumed(ct: Path, jobs: Jobs) -> None:
    sent: list[str] = []

    def interrupt(event: Event) -> None:
        if isinstance(event, PhaseStarted) and event.phase == "prove":
            raise KeyboardInterrupt

    def prover(items: Sequence[Outgoing], _tell: Listener) -> Proof:
        sent.extend(item.sop_instance for item in items)
        return Proof(kind="query", answers={item.sop_instance: Proven() for item in items})

    order = ImportOrder(patience=QUICK, verify=Verify.QUERY)
    target = Target(destination=ScriptedDestination(), verify=prover, query=prover)
    imported = import_medium(ct, target, jobs, order, interrupt)
    assert imported.result.outcome is Outcome.INTERRUPTED
    assert {row.state for row in imported.rows} == {TransferState.STORED}
    resumed = import_medium(ct, target, jobs, ImportOrder(resume=True, verify=Verify.QUERY))
    assert {row.state for row in resumed.rows} == {TransferState.COMMITTED}
    assert resumed.job == imported.job
