"""An import takes what a medium holds, each instance once, and says what became of every file."""

from __future__ import annotations

import io
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from mediakit.destinations.folder import FolderDestination
from mediakit.errors import SourceError
from mediakit.findings import Severity
from mediakit.ledger.jobs import Jobs
from mediakit.outcome import Outcome, State
from mediakit.stages.look.inventory import Scope
from tests.support.import_runs import data_sets, rules, run, states, uid_of
from tests.support.scripted import ScriptedDestination
from tests.support.studies import CT_1, CT_2, CT_3, NOTES, SAMPLES, altered, burnt_to, folder_of


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return Jobs(tmp_path / "jobs")


@pytest.fixture
def ct(tmp_path: Path) -> Path:
    return folder_of(tmp_path / "ct", {"A/IM1": CT_1, "A/IM2": CT_2, "A/IM3": CT_3})


def test_every_sample_reaches_the_destination_as_it_is_stored(tmp_path: Path, jobs: Jobs) -> None:
    destination = ScriptedDestination()
    imported = run(SAMPLES, destination, jobs)
    assert imported.result.outcome is Outcome.GOOD
    assert Counter(digest for _, _, digest in destination.received) == data_sets(SAMPLES)
    assert imported.result.counts()[State.STORED] == 40


@pytest.mark.parametrize(
    ("name", "profile"),
    [
        ("medium.iso", "STD-GEN-CD"),
        ("medium.zip", "STD-GEN-ZIP-MAIL"),
        ("medium", "STD-GEN-CD"),
    ],
)
def test_a_burnt_medium_reaches_a_folder_whole(tmp_path: Path, jobs: Jobs, name: str, profile: str) -> None:
    medium = tmp_path / name
    burnt_to(medium, SAMPLES, profile=profile)
    imported = run(medium, FolderDestination(tmp_path / "out"), jobs)
    assert imported.result.outcome is Outcome.GOOD
    assert imported.result.counts()[State.EXCLUDED] == 1  # the DICOMDIR is never sent
    stored = data_sets(tmp_path / "out")
    assert sum(stored.values()) == imported.result.counts()[State.STORED] > 30
    if name == "medium":
        assert stored < data_sets(medium)  # the DICOMDIR is what is more


def test_parallel_associations_bring_everything_once(jobs: Jobs) -> None:
    destination = ScriptedDestination()
    imported = run(SAMPLES, destination, jobs, associations=4)
    assert imported.result.outcome is Outcome.GOOD
    assert len(destination.received) == len(set(destination.uids())) == 40


def test_files_that_are_no_instances_are_named_and_left(tmp_path: Path, jobs: Jobs) -> None:
    source = folder_of(tmp_path / "m", {"IM1": CT_1, "notes.txt": NOTES, "broken": CT_2.read_bytes()[:2000]})
    imported = run(source, ScriptedDestination(), jobs)
    assert states(imported) == {"IM1": State.STORED, "notes.txt": State.NOT_DICOM, "broken": State.UNREADABLE}
    assert imported.result.outcome is Outcome.PARTLY_STORED


def test_an_archive_on_a_medium_is_named_because_images_may_lie_in_it(tmp_path: Path, jobs: Jobs) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(CT_2, "IM2")
    source = folder_of(
        tmp_path / "m", {"IM1": CT_1, "MORE.ZIP": packed.getvalue(), "B/X.ISO": bytes(999) + b"x"}
    )
    imported = run(source, ScriptedDestination(), jobs)
    assert states(imported) == {"IM1": State.STORED, "MORE.ZIP": State.NOT_DICOM, "X.ISO": State.NOT_DICOM}
    assert ["2 archives" in f.text for f in imported.result.report.findings if f.rule.id == "MK-IMP-008"] == [
        True
    ]
    assert imported.result.outcome is Outcome.GOOD
    assert (
        run(source, ScriptedDestination(), jobs, fail_on=Severity.WARNING).result.outcome is Outcome.FINDINGS
    )


@pytest.mark.parametrize("kept", [1500, 500, 200])
def test_a_directory_that_is_cut_off_is_no_instance_that_did_not_arrive(
    tmp_path: Path, jobs: Jobs, ct: Path, kept: int
) -> None:
    medium = tmp_path / "medium"
    burnt_to(medium, ct)
    directory = medium / "DICOMDIR"
    directory.write_bytes(directory.read_bytes()[:kept])
    imported = run(medium, ScriptedDestination(), jobs)
    assert states(imported)["DICOMDIR"] is State.EXCLUDED
    assert len(imported.rows) == 3
    assert imported.result.outcome is Outcome.GOOD
    assert "MK-IMP-009" in rules(imported)


def test_a_medium_without_instances_is_said_to_be_none(tmp_path: Path, jobs: Jobs) -> None:
    imported = run(folder_of(tmp_path / "m", {"notes.txt": NOTES}), ScriptedDestination(), jobs)
    assert imported.result.outcome is Outcome.SOURCE


def test_a_medium_that_cannot_be_opened_raises(tmp_path: Path, jobs: Jobs) -> None:
    with pytest.raises(SourceError):
        run(tmp_path / "nothing", ScriptedDestination(), jobs)


def test_a_file_that_the_directory_names_and_nobody_has_is_missing(tmp_path: Path, jobs: Jobs) -> None:
    medium = tmp_path / "medium"
    burnt_to(medium, CT_1.parent)
    gone = next(path for path in sorted(medium.rglob("*")) if path.is_file() and path.name != "DICOMDIR")
    gone.unlink()
    imported = run(medium, ScriptedDestination(), jobs)
    assert states(imported)[gone.name] is State.MISSING
    assert imported.result.outcome is Outcome.PARTLY_STORED
    assert "MK-IMP-001" in rules(imported)
    ignoring = run(medium, ScriptedDestination(), jobs, scope=Scope.FILES)
    assert ignoring.result.outcome is Outcome.GOOD


def test_a_file_that_the_directory_does_not_name_is_taken_unless_it_is_not_wanted(
    tmp_path: Path, jobs: Jobs, ct: Path
) -> None:
    medium = tmp_path / "medium"
    burnt_to(medium, ct)
    folder_of(medium, {"EXTRA": SAMPLES / "mueller_joerg" / "20240311_CR" / "thorax_pa.DCM"})
    imported = run(medium, ScriptedDestination(), jobs)
    assert states(imported)["EXTRA"] is State.STORED
    assert "MK-IMP-003" in rules(imported)
    only = run(medium, ScriptedDestination(), jobs, scope=Scope.DIRECTORY)
    assert states(only)["EXTRA"] is State.EXCLUDED
    assert "MK-IMP-004" in rules(only)
    assert only.result.outcome is Outcome.GOOD


def test_what_the_directory_does_not_name_cannot_spoil_an_import_of_what_it_names(
    tmp_path: Path, jobs: Jobs, ct: Path
) -> None:
    medium = tmp_path / "medium"
    burnt_to(medium, ct)
    folder_of(medium, {"CUT": CT_1.read_bytes()[:900]})
    altered(CT_2, medium / "OTHER", PatientComments="not the same")
    imported = run(medium, ScriptedDestination(), jobs, scope=Scope.DIRECTORY)
    assert imported.result.outcome is Outcome.GOOD
    assert states(imported)["CUT"] is states(imported)["OTHER"] is State.EXCLUDED
    assert {"MK-IMP-002", "MK-IMP-005"}.isdisjoint(rules(imported))
    everything = run(medium, ScriptedDestination(), jobs)
    assert everything.result.outcome is Outcome.PARTLY_STORED
    assert states(everything)["CUT"] is State.UNREADABLE
    assert states(everything)["OTHER"] is State.CONFLICT


def test_a_medium_without_a_directory_is_scanned_and_said_to_be_one(ct: Path, jobs: Jobs) -> None:
    imported = run(ct, ScriptedDestination(), jobs)
    assert "MK-IMP-006" in rules(imported)
    assert imported.result.outcome is Outcome.GOOD


def test_a_sound_medium_gives_no_finding(tmp_path: Path, jobs: Jobs, ct: Path) -> None:
    burnt_to(tmp_path / "medium.iso", ct)
    assert rules(run(tmp_path / "medium.iso", ScriptedDestination(), jobs)) == {"MK-IMP-030"}


def test_a_directory_that_contradicts_its_files_is_told_and_the_files_are_believed(
    tmp_path: Path, jobs: Jobs
) -> None:
    medium = tmp_path / "medium"
    burnt_to(medium, folder_of(tmp_path / "two", {"A": CT_1, "B": CT_2}))
    first = next(path for path in sorted(medium.rglob("*")) if path.is_file() and path.name != "DICOMDIR")
    first.write_bytes(CT_3.read_bytes())
    destination = ScriptedDestination()
    imported = run(medium, destination, jobs)
    assert "MK-IMP-007" in rules(imported)
    assert uid_of(CT_3) in destination.uids()
    assert State.MISSING in states(imported).values()  # what stood there by the directory is nowhere


def test_another_instance_of_the_same_uid_at_the_destination_is_never_replaced(
    tmp_path: Path, jobs: Jobs
) -> None:
    out = FolderDestination(tmp_path / "out")
    run(folder_of(tmp_path / "one", {"A": CT_1}), out, jobs)
    other = bytearray(CT_1.read_bytes())
    other[-1] ^= 1
    before = data_sets(tmp_path / "out")
    imported = run(folder_of(tmp_path / "other", {"A": bytes(other)}), out, jobs)
    assert states(imported) == {"A": State.CONFLICT}
    assert "MK-IMP-015" in rules(imported)
    assert data_sets(tmp_path / "out") == before


def test_the_same_instance_twice_goes_once(tmp_path: Path, jobs: Jobs) -> None:
    destination = ScriptedDestination()
    imported = run(folder_of(tmp_path / "m", {"A": CT_1, "B": CT_1}), destination, jobs)
    assert sorted(states(imported).values()) == [State.DUPLICATE, State.STORED]
    assert len(destination.received) == 1


def test_two_instances_of_one_uid_are_a_conflict_and_neither_goes(tmp_path: Path, jobs: Jobs) -> None:
    other = bytearray(CT_1.read_bytes())
    other[-1] ^= 1
    destination = ScriptedDestination()
    imported = run(folder_of(tmp_path / "m", {"A": CT_1, "B": bytes(other)}), destination, jobs)
    assert set(states(imported).values()) == {State.CONFLICT}
    assert not destination.received
    assert imported.result.outcome is Outcome.PARTLY_STORED


def test_of_two_instances_of_one_uid_the_one_that_the_directory_names_goes(
    tmp_path: Path, jobs: Jobs, ct: Path
) -> None:
    medium = tmp_path / "medium"
    burnt_to(medium, ct)
    first = next(path for path in sorted(medium.rglob("*")) if path.is_file() and path.name != "DICOMDIR")
    other = bytearray(first.read_bytes())
    other[-1] ^= 1
    folder_of(medium, {"TWIN": bytes(other)})
    destination = ScriptedDestination()
    imported = run(medium, destination, jobs)
    assert (states(imported)[first.name], states(imported)["TWIN"]) == (State.STORED, State.CONFLICT)
    assert len(destination.received) == 3
