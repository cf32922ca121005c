"""What is done with a job afterwards: it is verified again, or forgotten; and one that never began."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mediakit.errors import DestinationError, UsageError
from mediakit.events import Listener, silence
from mediakit.findings import Severity
from mediakit.journeys.import_ import import_medium
from mediakit.journeys.stored_report import recalled
from mediakit.journeys.verify_job import verify_job
from mediakit.ledger.jobs import Jobs
from mediakit.outcome import Outcome, State
from mediakit.stages.import_order import ImportOrder
from mediakit.stages.plan.import_target import target_at
from mediakit.transfer.outgoing import Outgoing
from mediakit.transfer.proof import Denied, NoAnswer, Proof, ProofAnswer, Proven, Prover, Verify
from tests.support.cli import mediakit
from tests.support.studies import CT_1, CT_2, folder_of


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return Jobs(tmp_path / "state" / "jobs")


@pytest.fixture
def job(tmp_path: Path, jobs: Jobs) -> str:
    source = folder_of(tmp_path / "in", {"IM1": CT_1, "IM2": CT_2})
    imported = import_medium(source, target_at(f"dir:{tmp_path / 'out'}"), jobs, ImportOrder())
    assert imported.result.outcome is Outcome.GOOD
    return imported.job


def saying(*answers: ProofAnswer, words: str = "") -> Prover:
    """Return a destination that answers for the first instances like this, and for the others not at all."""

    def ask(items: Sequence[Outgoing], _tell: Listener) -> Proof:
        given = zip((item.sop_instance for item in items), answers, strict=False)
        return Proof(kind="query", answers=dict(given), words=words)

    return ask


def states(jobs: Jobs, job: str) -> list[State]:
    return [row.state.fate for row in recalled(jobs.read(job)).rows]


def test_what_is_still_there_is_proven_and_the_job_stays_good(jobs: Jobs, job: str) -> None:
    for _ in range(2):
        verified = verify_job(jobs, job, saying(Proven(), Proven()), Verify.QUERY, silence)
        assert verified.result.outcome is Outcome.GOOD
        assert verified.result.figures["proof"] == "query: 2 of 2 confirmed"
        assert states(jobs, job) == [State.COMMITTED, State.COMMITTED]
    assert jobs.read(job).summary.outcome == "good"
    again = recalled(jobs.read(job))
    assert (again.verified, again.result.outcome) == ("query", Outcome.GOOD)


def test_what_is_gone_is_unconfirmed_and_found_again_when_it_is_back(jobs: Jobs, job: str) -> None:
    verify_job(jobs, job, saying(Proven(), Proven()), Verify.QUERY)
    lost = verify_job(jobs, job, saying(Proven(), Denied("it does not have it")), Verify.QUERY)
    assert lost.result.outcome is Outcome.INTEGRITY
    assert states(jobs, job) == [State.COMMITTED, State.UNCONFIRMED]
    assert "MK-IMP-021" in lost.result.report.by_rule()
    assert recalled(jobs.read(job)).result.outcome is Outcome.INTEGRITY
    back = verify_job(jobs, job, saying(Proven(), Proven()), Verify.QUERY)
    assert back.result.outcome is Outcome.GOOD
    assert "MK-IMP-021" not in back.result.report.by_rule()


def test_silence_takes_nothing_back_that_was_proven(jobs: Jobs, job: str) -> None:
    verify_job(jobs, job, saying(Proven(), Proven()), Verify.QUERY)
    half = verify_job(jobs, job, saying(Proven(), NoAnswer()), Verify.QUERY)
    assert half.result.report.worst() is Severity.ERROR
    assert half.result.outcome is not Outcome.GOOD
    assert states(jobs, job) == [State.COMMITTED, State.COMMITTED]


def test_a_destination_that_cannot_be_asked_leaves_the_job_as_it_is(jobs: Jobs, job: str) -> None:
    with pytest.raises(DestinationError, match="did not answer"):
        verify_job(jobs, job, saying(words="nobody is there"), Verify.QUERY)
    assert jobs.read(job).summary.outcome == "good"
    assert states(jobs, job) == [State.STORED, State.STORED]


def test_an_unfinished_job_is_not_verified(jobs: Jobs, job: str) -> None:
    with jobs.resume(job):
        pass
    with pytest.raises(UsageError, match="not finished"):
        verify_job(jobs, job, saying(Proven(), Proven()), Verify.QUERY)


def test_a_folder_cannot_be_asked(tmp_path: Path, job: str) -> None:
    assert mediakit("job", "verify", job, "--state", tmp_path / "state").code == 2
    assert mediakit("job", "verify", job, "--by", "none", "--state", tmp_path / "state").code == 2


def test_an_import_that_never_reached_its_destination_leaves_no_job(tmp_path: Path, jobs: Jobs) -> None:
    source = folder_of(tmp_path / "in", {"IM1": CT_1})
    arguments = ("import", source, "NOBODY@127.0.0.1:1", "--state", tmp_path / "state")
    said = mediakit(*arguments)
    assert said.code == 5
    assert "nothing was sent: the same command begins again" in said.out
    assert "--resume` sends it" not in said.out
    assert mediakit("job", "list", "--state", tmp_path / "state").out == "there are no jobs\n"
    assert mediakit(*arguments, "--json").document["job"] == ""


def test_a_job_that_goes_on_is_kept_when_its_destination_is_not_there(tmp_path: Path, jobs: Jobs) -> None:
    source = folder_of(tmp_path / "in", {"IM1": CT_1, "IM2": CT_2})
    whole = (source / "IM2").read_bytes()
    (source / "IM2").write_bytes(whole[:900])
    there = target_at(f"dir:{tmp_path / 'out'}")
    first = import_medium(source, there, jobs, ImportOrder())
    assert first.job
    (source / "IM2").write_bytes(whole)
    again = import_medium(
        source, target_at("NOBODY@127.0.0.1:1"), jobs, ImportOrder(job=first.job, retry=True)
    )
    assert again.job == first.job
    assert [each.job_id for each in jobs.summaries()] == [first.job]


class TestPrune:
    @pytest.fixture
    def old(self, tmp_path: Path) -> Jobs:
        """Return jobs of the first of January 2024: one that ended well, one that did not, one unfinished."""
        jobs = Jobs(tmp_path / "state" / "jobs", lambda: datetime(2024, 1, 1, tzinfo=UTC))
        folder_of(tmp_path / "good", {"IM1": CT_1})
        folder_of(tmp_path / "bad", {"IM1": CT_2.read_bytes(), "IM2": CT_1.read_bytes()[:900]})
        for name in ("good", "bad"):
            import_medium(tmp_path / name, target_at(f"dir:{tmp_path / 'out'}"), jobs, ImportOrder())
        return jobs

    def test_only_old_jobs_that_ended_well_are_removed(self, tmp_path: Path, old: Jobs, job: str) -> None:
        arguments = ("job", "prune", "--older-than", "90d", "--state", tmp_path / "state")
        bad = {each.job_id for each in old.summaries() if each.outcome not in {"good"}}
        rehearsed = mediakit(*arguments, "-n", "--json").document
        assert len(rehearsed["would_be_removed"]) == 1
        assert len(old.summaries()) == 3
        assert mediakit(*arguments, "--json").document["removed"] == rehearsed["would_be_removed"]
        assert {each.job_id for each in old.summaries()} == bad | {job}
        assert "there are no such jobs" in mediakit(*arguments).out
        assert mediakit(*arguments, "--all").code == 0
        assert {each.job_id for each in old.summaries()} == {job}

    def test_a_time_that_is_none_is_a_usage_error(self, tmp_path: Path) -> None:
        for text in ("", "soon", "-1d", "90x", "9" * 30):
            said = mediakit("job", "prune", "--older-than", text, "--state", tmp_path / "state")
            assert said.code == 2, text


def test_the_ledger_with_changed_values_is_for_its_owner_alone(tmp_path: Path, job: str) -> None:
    if os.name == "posix":
        for path in (tmp_path / "state" / "jobs").iterdir():
            assert path.stat().st_mode & 0o077 == 0 or path.suffix != ".sqlite", path
