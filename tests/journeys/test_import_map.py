"""An import with a map: local values go out, the old ones stay in the instances, and nothing else changes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pydicom
import pytest

from mediakit.destinations.folder import FolderDestination
from mediakit.dicom.original_attributes import CoercionNote
from mediakit.errors import UsageError
from mediakit.fileset.selection import Selection
from mediakit.journeys.import_ import import_medium
from mediakit.ledger.jobs import Jobs
from mediakit.outcome import Outcome, State
from mediakit.stages.import_order import ImportDepth, ImportOrder, Patience
from mediakit.stages.plan.import_target import Target
from mediakit.transfer.imported import Imported
from mediakit.transfer.mapping import parse_map
from mediakit.transfer.patient_identity import Expectation
from tests.support.scripted import FULL, ScriptedDestination
from tests.support.studies import CT_1, CT_2, MR, SAMPLES, burnt_to, folder_of

NOTE = CoercionNote(system="IMPORT1", at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
HEAD = "from_patient_id,to_patient_id,to_name,to_accession,approved\n"
QUICK = Patience(refusals=(), connections=())


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return Jobs(tmp_path / "jobs")


@pytest.fixture
def two(tmp_path: Path) -> Path:
    return folder_of(tmp_path / "two", {"IM1": CT_1, "IM2": CT_2})


def patient_of(path: Path) -> str:
    return str(pydicom.dcmread(path, stop_before_pixels=True).PatientID)


def order(text: str, **changes: object) -> ImportOrder:
    settings: dict[str, object] = {
        "mapping": parse_map((HEAD + text).encode(), "map.csv"),
        "note": NOTE,
        "patience": QUICK,
        **changes,
    }
    return ImportOrder(**settings)  # type: ignore[arg-type]  # each test passes its fields


def stored(folder: Path) -> list[pydicom.FileDataset]:
    return [pydicom.dcmread(path) for path in sorted(folder.rglob("*.dcm"))]


def rules(imported: Imported) -> set[str]:
    return set(imported.result.report.by_rule())


def test_local_values_go_out_and_the_old_ones_stay_in_the_instance(
    tmp_path: Path, jobs: Jobs, two: Path
) -> None:
    foreign = patient_of(CT_1)
    target = Target(destination=FolderDestination(tmp_path / "out"))
    imported = import_medium(two, target, jobs, order(f"{foreign},LOCAL-7,Beispiel^Lokal,ACC9,yes\n"))
    assert imported.result.outcome is Outcome.GOOD
    for dataset, source in zip(stored(tmp_path / "out"), sorted([CT_1, CT_2], key=uid_of), strict=True):
        before = pydicom.dcmread(source)
        assert (dataset.PatientID, str(dataset.PatientName), dataset.AccessionNumber) == (
            "LOCAL-7",
            "Beispiel^Lokal",
            "ACC9",
        )
        assert dataset.SOPInstanceUID == before.SOPInstanceUID
        assert dataset.StudyInstanceUID == before.StudyInstanceUID
        assert dataset.PixelData == before.PixelData
        (item,) = dataset.OriginalAttributesSequence
        assert item.ModifyingSystem == "IMPORT1"
        assert item.ModifiedAttributesSequence[0].PatientID == foreign


def uid_of(path: Path) -> str:
    return str(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID)


def test_the_report_has_every_value_before_and_after(tmp_path: Path, jobs: Jobs, two: Path) -> None:
    foreign = patient_of(CT_1)
    target = Target(destination=ScriptedDestination())
    imported = import_medium(two, target, jobs, order(f"{foreign},LOCAL-7,,,yes\n"))
    changes = [(each.name, each.before, each.after) for each in imported.changes]
    assert changes.count(("Patient ID", foreign, "LOCAL-7")) == 2


def test_a_rehearsal_shows_what_would_be_changed(jobs: Jobs, two: Path) -> None:
    foreign = patient_of(CT_1)
    target = Target(destination=ScriptedDestination())
    imported = import_medium(two, target, jobs, order(f"{foreign},LOCAL-7,,,yes\n", depth=ImportDepth.PLAN))
    assert [(each.name, each.before, each.after) for each in imported.changes] == [
        ("Patient ID", foreign, "LOCAL-7")
    ]


def test_a_row_that_nobody_approved_stops_the_import(jobs: Jobs, two: Path) -> None:
    destination = ScriptedDestination()
    imported = import_medium(
        two, Target(destination=destination), jobs, order(f"{patient_of(CT_1)},LOCAL-7,,,no\n")
    )
    assert imported.result.outcome is Outcome.IDENTITY
    assert not destination.received
    assert "MK-IDN-030" in rules(imported)


def test_two_patients_that_the_map_makes_one_are_one(tmp_path: Path, jobs: Jobs) -> None:
    source = folder_of(tmp_path / "m", {"A": CT_1, "B": MR})
    text = f"{patient_of(CT_1)},LOCAL-7,Same^Person,,yes\n{patient_of(MR)},LOCAL-7,Same^Person,,yes\n"
    mapping = parse_map(
        (
            HEAD.replace("approved", "to_birth_date,approved")
            + "".join(line.replace(",yes", ",19700101,yes") + "\n" for line in text.splitlines())
        ).encode(),
        "map.csv",
    )
    destination = ScriptedDestination()
    imported = import_medium(
        source, Target(destination=destination), jobs, ImportOrder(mapping=mapping, patience=QUICK)
    )
    assert imported.result.outcome is Outcome.GOOD, rules(imported)
    assert len(destination.received) == 2


def test_the_expected_patient_is_the_local_one(jobs: Jobs, two: Path) -> None:
    row = f"{patient_of(CT_1)},LOCAL-7,,,yes\n"
    local = order(row, expectation=Expectation(patient_id="LOCAL-7"))
    foreign = order(row, expectation=Expectation(patient_id=patient_of(CT_1)))
    target = Target(destination=ScriptedDestination())
    assert import_medium(two, target, jobs, local).result.outcome is Outcome.GOOD
    assert import_medium(two, target, jobs, foreign).result.outcome is Outcome.IDENTITY


def test_one_patient_of_a_mixed_medium_is_chosen_by_the_foreign_id(tmp_path: Path, jobs: Jobs) -> None:
    medium = tmp_path / "medium.iso"
    burnt_to(medium, SAMPLES)
    foreign = patient_of(CT_1)
    destination = ScriptedDestination()
    chosen = order(f"{foreign},LOCAL-7,,,yes\n", selection=Selection(patients=frozenset({foreign})))
    imported = import_medium(medium, Target(destination=destination), jobs, chosen)
    assert imported.result.outcome is Outcome.GOOD, rules(imported)
    assert 0 < imported.result.counts()[State.STORED] < 40
    assert {each.after for each in imported.changes if each.name == "Patient ID"} == {"LOCAL-7"}


def test_a_job_is_not_gone_on_with_under_other_identities(jobs: Jobs, two: Path) -> None:
    full = Target(destination=ScriptedDestination(script=lambda _item, _tries: FULL))
    with_map = order(f"{patient_of(CT_1)},LOCAL-7,,,yes\n")
    begun = import_medium(two, full, jobs, with_map)
    with pytest.raises(UsageError, match="started with a patient map"):
        import_medium(two, full, jobs, ImportOrder(resume=True, patience=QUICK))
    with pytest.raises(UsageError, match="started with a patient map"):
        import_medium(two, full, jobs, ImportOrder(job=begun.job, retry=True, patience=QUICK))
    with pytest.raises(UsageError, match="another patient map"):
        other = order(f"{patient_of(CT_1)},LOCAL-8,,,yes\n", resume=True)
        import_medium(two, full, jobs, other)
    whole = Target(destination=ScriptedDestination())
    again = order(f"{patient_of(CT_1)},LOCAL-7,,,yes\n", resume=True)
    assert import_medium(two, whole, jobs, again).result.outcome is Outcome.GOOD
