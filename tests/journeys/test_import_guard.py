"""The identity guard refuses mixed and unexpected patients before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from mediakit.events import Listener
from mediakit.fileset.selection import Selection
from mediakit.ledger.jobs import Jobs
from mediakit.outcome import Outcome, State
from mediakit.transfer.outgoing import Outgoing
from mediakit.transfer.patient_identity import Expectation, Mixed
from mediakit.transfer.proof import Proof
from tests.support.import_runs import rules, run
from tests.support.people import Person, medium_of
from tests.support.scripted import ScriptedDestination
from tests.support.studies import CT_1, CT_2, CT_3, SAMPLES, burnt_to, folder_of

ANNA = Person(patient_id="007", name="Muster^Anna", birth_date="19610430", sex="F")
PETER = Person(patient_id="008", name="Smith^Peter", birth_date="19700101", sex="M", study="1.2.3.2")


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return Jobs(tmp_path / "jobs")


@pytest.fixture
def ct(tmp_path: Path) -> Path:
    return folder_of(tmp_path / "ct", {"A/IM1": CT_1, "A/IM2": CT_2, "A/IM3": CT_3})


def only(patient_id: str) -> Selection:
    return Selection(patients=frozenset({patient_id}))


def test_a_medium_with_several_patients_is_refused_and_nothing_is_sent(jobs: Jobs) -> None:
    destination = ScriptedDestination()
    imported = run(SAMPLES, destination, jobs, expectation=Expectation())
    assert imported.result.outcome is Outcome.IDENTITY
    assert not destination.connections and not jobs.summaries()
    assert imported.result.counts()[State.WITHHELD] == 40
    assert {"MK-IDN-003"} <= rules(imported)
    assert len({identity.patient_id for identity, _ in imported.identities}) == 3


def test_one_patient_can_be_chosen_and_the_others_are_left_out(jobs: Jobs) -> None:
    refused = run(SAMPLES, ScriptedDestination(), jobs, expectation=Expectation())
    chosen = refused.identities[0][0].patient_id
    destination = ScriptedDestination()
    imported = run(SAMPLES, destination, jobs, selection=only(chosen))
    assert imported.result.outcome is Outcome.GOOD
    counts = imported.result.counts()
    assert counts[State.STORED] == len(destination.received) > 0
    assert counts[State.STORED] + counts[State.EXCLUDED] == 40


def test_a_conflict_of_patients_who_were_not_chosen_does_not_spoil_the_outcome(
    tmp_path: Path, jobs: Jobs
) -> None:
    medium = medium_of(tmp_path / "m", [ANNA, PETER])
    (medium / "OTHER").write_bytes(PETER.instance(1).replace(b"\1\2\3\4", b"\4\3\2\1"))
    destination = ScriptedDestination()
    imported = run(medium, destination, jobs, selection=only(ANNA.patient_id))
    assert imported.result.outcome is Outcome.GOOD
    assert imported.result.counts() == {State.STORED: 2, State.EXCLUDED: 3}
    assert "MK-IMP-005" not in rules(imported)
    assert len(destination.received) == 2
    both = run(medium, ScriptedDestination(), jobs, expectation=Expectation(mixed=Mixed.ALLOW))
    assert both.result.outcome is Outcome.PARTLY_STORED
    assert {"MK-IMP-005"} <= rules(both)


def test_a_conflict_between_the_chosen_patient_and_another_one_stays(tmp_path: Path, jobs: Jobs) -> None:
    medium = medium_of(tmp_path / "m", [ANNA, PETER])
    stranger = replace(PETER, study=ANNA.study)
    (medium / "OTHER").write_bytes(stranger.instance(1))
    imported = run(medium, ScriptedDestination(), jobs, selection=only(ANNA.patient_id))
    assert imported.result.outcome is Outcome.PARTLY_STORED
    assert imported.result.counts()[State.CONFLICT] == 2
    assert imported.result.counts()[State.EXCLUDED] == 2  # what is of the other patient alone


def test_what_is_missing_of_another_patient_than_the_chosen_one_is_left_out(
    tmp_path: Path, jobs: Jobs
) -> None:
    medium = tmp_path / "m"
    burnt_to(medium, medium_of(tmp_path / "people", [ANNA, PETER]))
    files = sorted(path for path in medium.rglob("*") if path.is_file() and path.name != "DICOMDIR")
    gone = next(path for path in files if PETER.name.encode() in path.read_bytes())
    gone.unlink()
    imported = run(medium, ScriptedDestination(), jobs, selection=only(ANNA.patient_id))
    assert imported.result.outcome is Outcome.GOOD
    assert State.MISSING not in imported.result.counts()
    other = run(medium, ScriptedDestination(), jobs, selection=only(PETER.patient_id))
    assert other.result.outcome is Outcome.PARTLY_STORED


def test_a_resume_for_another_patient_leaves_out_those_of_the_first(jobs: Jobs) -> None:
    refused = run(SAMPLES, ScriptedDestination(), jobs, expectation=Expectation())
    one, other = (refused.identities[number][0].patient_id for number in (0, 1))

    def interrupted(_items: Sequence[Outgoing], _tell: Listener) -> Proof:
        raise KeyboardInterrupt

    first = run(SAMPLES, ScriptedDestination(), jobs, interrupted, ask_first=True, selection=only(one))
    assert first.job
    destination = ScriptedDestination()
    second = run(SAMPLES, destination, jobs, resume=True, selection=only(other))
    assert second.job == first.job
    assert second.result.outcome is Outcome.GOOD
    counts = second.result.counts()
    assert counts[State.STORED] == len(destination.received)
    assert counts[State.STORED] + counts[State.EXCLUDED] == 40


@pytest.mark.parametrize(
    "expectation",
    [
        Expectation(patient_id="SOMEBODY-ELSE"),
        Expectation(name="Otherwise^Anna"),
        Expectation(birth_date="19010101"),
    ],
)
def test_another_patient_than_expected_is_refused(ct: Path, jobs: Jobs, expectation: Expectation) -> None:
    destination = ScriptedDestination()
    imported = run(ct, destination, jobs, expectation=expectation)
    assert imported.result.outcome is Outcome.IDENTITY
    assert not destination.received


def test_no_name_of_a_patient_is_in_the_findings_of_a_refusal(jobs: Jobs) -> None:
    imported = run(SAMPLES, ScriptedDestination(), jobs, expectation=Expectation())
    said = "\n".join(finding.text for finding in imported.result.report.findings)
    assert not any(name in said for name in ("Beispiel", "Jörg", "Hanako", "Ελένη"))
