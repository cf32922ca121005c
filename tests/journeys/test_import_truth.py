"""What an import says of a medium that contradicts itself: nothing is skipped, and the reasons are true."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from mediakit.ledger.jobs import Jobs
from mediakit.outcome import Outcome, State
from mediakit.transfer.outgoing import Answer, StatusClass
from mediakit.transfer.patient_identity import Expectation
from tests.support.dicom_bytes import element, part10
from tests.support.import_runs import rules, run, states
from tests.support.importing import WatchedScp, import_into
from tests.support.people import Person, medium_of
from tests.support.scripted import ScriptedDestination
from tests.support.studies import burnt_to

ANNA = Person(patient_id="007", name="Muster^Anna", birth_date="19610430", sex="F")
PETER = Person(patient_id="008", name="Smith^Peter", birth_date="19700101", sex="M", study="1.2.3.2")
_IMAGE = "1.2.840.10008.5.1.4.1.1.7"
_HANGING_PROTOCOL = "1.2.840.10008.5.1.4.38.1"


@pytest.fixture(name="jobs")
def _jobs(tmp_path: Path) -> Jobs:
    return Jobs(tmp_path / "jobs")


@pytest.fixture(name="disc")
def _disc(tmp_path: Path) -> Path:
    burnt_to(tmp_path / "disc", medium_of(tmp_path / "people", [ANNA]))
    return tmp_path / "disc"


def images(disc: Path) -> list[Path]:
    return sorted(path for path in disc.rglob("*") if path.is_file() and path.name != "DICOMDIR")


def nobody(sop_class: str, uid: str = "1.2.3.99") -> bytes:
    data_set = element(0x00080016, "UI", sop_class) + element(0x00080018, "UI", uid)
    return part10(data_set, sop_class, uid)


def test_a_sound_disc_has_none_of_these_findings(disc: Path, jobs: Jobs) -> None:
    imported = run(disc, ScriptedDestination(), jobs)
    assert imported.result.outcome is Outcome.GOOD
    assert rules(imported) <= {"MK-IMP-030"}


def test_an_image_without_any_identity_belongs_to_an_unknown_patient(tmp_path: Path, jobs: Jobs) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/image").write_bytes(nobody(_IMAGE))
    destination = ScriptedDestination()
    imported = run(tmp_path / "in", destination, jobs)
    assert imported.result.outcome is Outcome.IDENTITY
    assert "MK-IDN-005" in rules(imported)
    medium_of(tmp_path / "in", [ANNA])
    both = run(tmp_path / "in", destination, jobs, expectation=Expectation())
    assert both.result.outcome is Outcome.IDENTITY
    assert not destination.received


def test_what_its_class_relates_to_no_patient_belongs_to_nobody(tmp_path: Path, jobs: Jobs) -> None:
    medium = medium_of(tmp_path / "in", [ANNA])
    (medium / "protocol").write_bytes(nobody(_HANGING_PROTOCOL))
    assert run(medium, ScriptedDestination(), jobs, expectation=Expectation()).result.outcome is Outcome.GOOD


def test_a_directory_whose_own_class_is_damaged_is_never_sent(disc: Path, jobs: Jobs) -> None:
    directory = disc / "DICOMDIR"
    directory.write_bytes(directory.read_bytes().replace(b"1.2.840.10008.1.3.10", b"1.2.840.10008.1.3.80", 1))
    destination = ScriptedDestination()
    imported = run(disc, destination, jobs)
    assert imported.result.outcome is Outcome.GOOD
    assert (states(imported)["DICOMDIR"], len(destination.received)) == (State.EXCLUDED, 2)
    assert "MK-IMP-040" in rules(imported)


def test_a_damaged_record_may_have_named_an_image_that_is_gone(disc: Path, jobs: Jobs) -> None:
    directory = disc / "DICOMDIR"
    content = directory.read_bytes()
    directory.write_bytes(content[: len(content) - 60])
    imported = run(disc, ScriptedDestination(), jobs)
    assert "MK-IMP-009" in rules(imported)


def test_a_file_that_holds_another_instance_is_not_said_to_be_absent(disc: Path, jobs: Jobs) -> None:
    other = images(disc)[1]
    other.write_bytes(ANNA.instance(77))
    imported = run(disc, ScriptedDestination(), jobs)
    assert imported.result.outcome is Outcome.PARTLY_STORED
    assert "MK-IMP-041" in rules(imported)
    assert "MK-IMP-001" not in rules(imported)
    assert imported.result.counts()[State.STORED] == 2


def test_an_image_that_is_gone_is_not_said_to_be_another(disc: Path, jobs: Jobs) -> None:
    images(disc)[1].unlink()
    found = rules(run(disc, ScriptedDestination(), jobs))
    assert "MK-IMP-001" in found
    assert "MK-IMP-041" not in found


def test_a_study_of_two_patients_and_a_series_in_two_studies_are_warnings(tmp_path: Path, jobs: Jobs) -> None:
    study = medium_of(tmp_path / "a", [ANNA, replace(PETER, study=ANNA.study)], instances=1)
    (study / "IM1_0").write_bytes(replace(PETER, study=ANNA.study).instance(5))
    assert {"MK-IMP-043"} <= rules(run(study, ScriptedDestination(), jobs))
    series = medium_of(tmp_path / "b", [ANNA], instances=1)
    content = replace(ANNA, study="1.2.3.7").instance(9)
    (series / "OTHER").write_bytes(content.replace(b"1.2.3.7.1\0", b"1.2.3.1.1\0"))
    found = rules(run(series, ScriptedDestination(), jobs))
    assert "MK-IMP-044" in found
    assert "MK-IMP-043" not in found


def test_members_that_cannot_be_unpacked_are_sound_and_the_hint_says_how(tmp_path: Path, jobs: Jobs) -> None:
    path = tmp_path / "disc.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("IM1", ANNA.instance(1))
        archive.writestr("IM2", ANNA.instance(2))
    held = bytearray(path.read_bytes())
    held[held.index(b"PK\1\2") + 10] = 9  # Deflate64
    path.write_bytes(held)
    imported = run(path, ScriptedDestination(), jobs)
    assert imported.result.outcome is Outcome.PARTLY_STORED
    (fate,) = (fate for fate in imported.result.fates if fate.state is State.UNREADABLE)
    assert fate.because is not None
    assert fate.because.rule.id == "MK-SRC-110"
    assert "medium itself is sound" in fate.because.rule.hint


def test_an_answer_that_leaves_it_open_makes_an_instance_uncertain(disc: Path, jobs: Jobs) -> None:
    unclear = Answer(kind=StatusClass.UNCLEAR, code=200, words="the answer is text/html")
    destination = ScriptedDestination(script=lambda _item, _tries: unclear)
    imported = run(disc, destination, jobs)
    assert imported.result.outcome is Outcome.PARTLY_STORED
    assert imported.result.counts()[State.UNCERTAIN] == 2
    assert "MK-IMP-039" in rules(imported)
    stored = run(disc, ScriptedDestination(), jobs, resume=True)
    assert "MK-IMP-039" not in rules(stored)


def test_what_has_no_uid_that_dimse_can_say_is_named_and_the_rest_is_sent(tmp_path: Path, jobs: Jobs) -> None:
    medium = medium_of(tmp_path / "in", [ANNA], instances=1)
    long_uid = "1.2.3." + "1" * 60
    content = ANNA.instance(2)
    data_set = element(0x00080016, "UI", _IMAGE) + element(0x00080018, "UI", long_uid)
    data_set += content[content.index(b"\x08\0\x20\0DA") :]
    (medium / "LONG").write_bytes(part10(data_set, _IMAGE, long_uid))
    with WatchedScp() as scp:
        imported = import_into(scp, medium, jobs)
    assert len(scp.acknowledged) == 1
    assert imported.result.outcome is Outcome.PARTLY_STORED
    assert states(imported)["LONG"] is State.FAILED
    assert "MK-IMP-042" in rules(imported)
    again = run(medium_of(tmp_path / "sound", [ANNA]), ScriptedDestination(), jobs)
    assert "MK-IMP-042" not in rules(again)
