from __future__ import annotations

import os
import stat
from pathlib import Path

import pydicom
import pytest
from pydicom import Dataset

from mediakit.destinations.find import FindModel
from mediakit.destinations.folder import FolderDestination
from mediakit.events import PhaseStarted
from mediakit.journeys.import_ import import_medium
from mediakit.journeys.reconcile import ReconcileOrder, reconcile
from mediakit.ledger.jobs import Jobs
from mediakit.outcome import Outcome
from mediakit.stages.import_order import ImportOrder, Matching
from mediakit.stages.plan.import_target import Target
from mediakit.transfer.coercion import plan_coercion
from mediakit.transfer.mapping import Subject, parse_map
from mediakit.transfer.matching import Match
from mediakit.transfer.patient_identity import Identity
from tests.support.cli import mediakit
from tests.support.find_scp import Answers, Asked, find_scp
from tests.support.people import Person, medium_of

ANNA = Person(patient_id="007", name="Müller^Anna", birth_date="19610430", sex="F", accession="F1")
PETER = Person(patient_id="008", name="Smith^Peter", birth_date="19700101", sex="M", study="1.2.3.2")
PENDING = 0xFF00


def known(patient_id: str, name: str, birth_date: str, sex: str) -> Dataset:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientID, dataset.PatientName = patient_id, name
    dataset.PatientBirthDate, dataset.PatientSex = birth_date, sex
    return dataset


LOCAL = [
    known("L-1", "MUELLER^ANNA", "19610430", "F"),
    known("L-2", "Jones^Mary", "19610430", "F"),
    known("L-3", "Smith^Peter", "19700101", "M"),
]


def register(people: list[Dataset]) -> object:
    """Answer as an archive does: by Patient ID and birth date; what is empty matches all."""

    def answers(asked: Dataset) -> Answers:
        return [
            (PENDING, each)
            for each in people
            if asked.PatientID in ("", each.PatientID)
            and asked.PatientBirthDate in ("", None, each.PatientBirthDate)
        ]

    return answers


def dest(asked: Asked) -> str:
    return f"{asked.address.called_ae}@127.0.0.1:{asked.address.port}"


def test_everybody_on_a_medium_is_found_and_waits_for_approval(tmp_path: Path) -> None:
    medium = medium_of(tmp_path / "cd", [ANNA, PETER])
    out = tmp_path / "map.csv"
    with find_scp(register(LOCAL)) as scp:  # type: ignore[arg-type]
        said = mediakit("reconcile", medium, dest(scp), "-o", out)
    assert said.code == 0, said.err
    assert "2  one good candidate" in said.out
    rows = parse_map(out.read_bytes(), "map.csv")
    assert [row.line for row in rows] == [2, 3]
    assert [(row.from_patient_id, row.to_patient_id, row.approved) for row in rows] == [
        ("007", "L-1", False),
        ("008", "L-3", False),
    ]
    assert rows[0].to_name == "MUELLER^ANNA"
    assert out.read_bytes().startswith(b"\xef\xbb\xbf")
    assert not any(name in said.out + said.err for name in ("ller", "MUELLER", "Smith"))


def test_sure_matches_are_approved_when_that_is_asked_for(tmp_path: Path) -> None:
    medium = medium_of(tmp_path / "cd", [ANNA, PETER])
    local = [known("L-1", "Müller^Anna", "19610430", "F"), known("L-3", "Smith^Pete", "19700101", "M")]
    out = tmp_path / "map.csv"
    with find_scp(register(local)) as scp:  # type: ignore[arg-type]
        said = mediakit("reconcile", medium, dest(scp), "-o", out, "--approve-above", "75")
    assert said.code == 7
    assert [row.approved for row in parse_map(out.read_bytes(), "map.csv")] == [True, False]


@pytest.mark.parametrize(
    ("local", "rule"),
    [
        ([], "MK-IDN-040"),
        ([known("L-1", "Müller^Anne", "19610430", "")], "MK-IDN-041"),
        (
            [known("L-1", "Müller^Anna", "19610430", "F"), known("L-9", "Mueller^Anna", "19610430", "F")],
            "MK-IDN-042",
        ),
    ],
)
def test_who_is_not_clear_is_told_and_needs_a_person(tmp_path: Path, local: list[Dataset], rule: str) -> None:
    medium = medium_of(tmp_path / "cd", [ANNA])
    with find_scp(register(local)) as scp:  # type: ignore[arg-type]
        said = mediakit("reconcile", medium, dest(scp), "-o", tmp_path / "map.csv", "--json")
    document = said.document
    assert said.code == 7
    assert document["schema"] == "mediakit/reconciliation/1"
    assert document["outcome"] == "identity"
    assert [finding["rule"] for finding in document["findings"]] == [rule]
    assert len(document["rows"]) == max(1, len(local))
    assert not any(row["approved"] for row in document["rows"])


def test_a_worklist_gives_the_accession_number_of_the_order(tmp_path: Path) -> None:
    order = known("L-1", "Müller^Anna", "19610430", "F")
    order.AccessionNumber = "ORDER-5"
    step = Dataset()
    step.Modality, step.ScheduledProcedureStepStartDate = "CT", "20260131"
    order.ScheduledProcedureStepSequence = [step]
    medium = medium_of(tmp_path / "cd", [ANNA])
    out = tmp_path / "map.csv"
    with find_scp(lambda _: [(PENDING, order)], models=[FindModel.WORKLIST]) as scp:
        said = mediakit("reconcile", medium, dest(scp), "-o", out, "--match", "worklist")
    assert said.code == 0, said.err
    (row,) = parse_map(out.read_bytes(), "map.csv")
    assert (row.from_study_uid, row.from_accession) == ("1.2.3.1", "F1")
    assert (row.to_patient_id, row.to_accession) == ("L-1", "ORDER-5")
    assert "same modality" in row.source


def test_a_peer_without_the_service_is_told(tmp_path: Path) -> None:
    medium = medium_of(tmp_path / "cd", [ANNA])
    with find_scp(lambda _: [], models=[FindModel.STUDY_ROOT]) as scp:
        said = mediakit("reconcile", medium, dest(scp), "-o", tmp_path / "map.csv")
    assert said.code == 5
    assert "presentation context" in said.err
    assert not (tmp_path / "map.csv").exists()


def test_a_review_file_is_not_lost(tmp_path: Path) -> None:
    medium = medium_of(tmp_path / "cd", [ANNA])
    out = tmp_path / "map.csv"
    out.write_text("precious")
    assert mediakit("reconcile", medium, "X@127.0.0.1:1", "-o", out).code == 2
    assert out.read_text() == "precious"
    with find_scp(register(LOCAL)) as scp:  # type: ignore[arg-type]
        assert mediakit("reconcile", medium, dest(scp), "-o", out, "--force").code == 0
    assert "007" in out.read_text("utf-8-sig")


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
def test_a_review_file_is_for_its_owner_alone_because_it_has_names(tmp_path: Path) -> None:
    medium = medium_of(tmp_path / "cd", [ANNA])
    out = tmp_path / "map.csv"
    before = os.umask(0o022)
    try:
        with find_scp(register(LOCAL)) as scp:  # type: ignore[arg-type]
            for more in ([], ["--force"]):
                assert mediakit("reconcile", medium, dest(scp), "-o", out, *more).code == 0
                assert stat.S_IMODE(out.stat().st_mode) == 0o600
                out.chmod(0o644)
    finally:
        os.umask(before)


def test_a_review_file_is_not_written_on_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    medium = medium_of(tmp_path / "cd", [ANNA])
    monkeypatch.chdir(tmp_path)
    said = mediakit("reconcile", medium, "X@127.0.0.1:1", "-o", "-")
    assert said.code == 2
    assert "hint: name a file" in said.err
    assert not (tmp_path / "-").exists()


def test_calls_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    medium = medium_of(tmp_path / "cd", [ANNA])
    out = tmp_path / "map.csv"
    assert mediakit("reconcile", medium, "X@127.0.0.1:1", "-o", out, "--match", "guess").code == 2
    assert mediakit("reconcile", medium, f"dir:{tmp_path}", "-o", out).code == 2
    assert mediakit("reconcile", medium, "X@127.0.0.1:1", "-o", medium / "map.csv").code == 2
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "x.txt").write_text("x")
    assert mediakit("reconcile", tmp_path / "empty", "X@127.0.0.1:1", "-o", out).code == 3


def test_what_was_found_can_be_planned_without_the_file_between(tmp_path: Path) -> None:
    medium = medium_of(tmp_path / "cd", [ANNA, PETER])
    with find_scp(register(LOCAL[:1])) as scp:  # type: ignore[arg-type]
        found = reconcile(medium, scp.address, ReconcileOrder(approve_above=75))
    subjects = [Subject(identity=identity_of(person), study_uid=person.study) for person in (ANNA, PETER)]
    plan = plan_coercion(subjects, found.rows)
    assert plan.changes_for(subjects[0]) == {
        0x00100010: "MUELLER^ANNA",
        0x00100020: "L-1",
        0x00100030: "19610430",
        0x00100040: "F",
    }
    assert plan.changes_for(subjects[1]) is None
    assert [finding.rule.id for finding in plan.findings] == ["MK-IDN-030"]
    assert "line 3" in plan.findings[0].text


def test_a_map_is_made_for_all_discs_of_an_archive_before_anything_moves(tmp_path: Path) -> None:
    medium_of(tmp_path / "discs" / "a", [ANNA])
    medium_of(tmp_path / "discs" / "b", [ANNA, PETER])
    (tmp_path / "discs" / "c.iso").write_bytes(b"no image" * 600)
    out = tmp_path / "map.csv"
    with find_scp(register(LOCAL)) as scp:  # type: ignore[arg-type]
        said = mediakit(
            "reconcile", "--discs", tmp_path / "discs", str(scp.address), "-o", out, "--approve-above", "75"
        )
    assert said.code == 7, said.err
    assert "c.iso" in said.err + said.out
    assert "MK-IDN-043" in said.err + said.out
    rows = parse_map(out.read_bytes(), "map")
    assert sorted(row.to_patient_id for row in rows if row.approved) == ["L-1", "L-3"]


def test_an_import_that_asks_for_local_values_looks_at_the_medium_once(tmp_path: Path) -> None:
    medium = medium_of(tmp_path / "cd", [ANNA])
    events: list[object] = []
    with find_scp(register(LOCAL)) as scp:  # type: ignore[arg-type]
        imported = import_medium(
            medium,
            Target(destination=FolderDestination(tmp_path / "out")),
            Jobs(tmp_path / "jobs"),
            ImportOrder(),
            events.append,
            Matching(peer=scp.address, match=Match.QUERY, approve_above=79),
        )
    assert imported.result.outcome is Outcome.GOOD
    phases = [event.phase for event in events if isinstance(event, PhaseStarted)]
    assert phases == ["scan", "query", "send"]
    arrived = [pydicom.dcmread(path) for path in (tmp_path / "out").rglob("*.dcm")]
    assert {dataset.PatientID for dataset in arrived} == {"L-1"}


def identity_of(person: Person) -> Identity:
    return Identity(
        patient_id=person.patient_id, name=person.name, birth_date=person.birth_date, sex=person.sex
    )
