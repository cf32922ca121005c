"""Choosing among what is on a medium, the same way for burn, extract and import; and the guard of a burn."""

from __future__ import annotations

from pathlib import Path

import pytest

from mediakit.outcome import Outcome, State
from mediakit.profile.load import load_profile
from tests.support.cli import Said, mediakit
from tests.support.people import Person, medium_of
from tests.support.studies import SAMPLES, burnt_to

PATIENTS = ("MKS-0001", "MKS-0002", "MKS-0003")


@pytest.fixture(name="disc", scope="module")
def _disc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    disc = tmp_path_factory.mktemp("disc") / "all.iso"
    burnt_to(disc, SAMPLES)
    return disc


def burnt(tmp_path: Path, *options: str, name: str = "new.iso") -> Said:
    return mediakit("burn", SAMPLES, "-p", "STD-GEN-CD", "-o", tmp_path / name, *options)


def studies_on(image: Path) -> list[tuple[str, str]]:
    """Return (Patient ID, modalities) of every study, as `inspect` shows them."""
    patients = mediakit("inspect", image, "--json").document["patients"]
    return [
        (patient["patient_id"], "/".join(sorted({series["modality"] for series in study["series"]})))
        for patient in patients
        for study in patient["studies"]
    ]


@pytest.mark.parametrize("dry", [(), ("-n",)])
def test_several_patients_are_not_burnt_on_one_medium_unless_that_was_asked_for(
    dry: tuple[str, ...], tmp_path: Path
) -> None:
    said = burnt(tmp_path, *dry)
    assert said.code == 7
    assert not (tmp_path / "new.iso").exists()
    assert "the medium holds 3 patients" in said.err
    assert "`--patient ID`" in said.err
    assert "held back" in said.out
    assert burnt(tmp_path, "--all-patients", *dry).code == 0


def test_every_report_of_a_burn_counts_the_patients(tmp_path: Path) -> None:
    assert burnt(tmp_path, "--json").document["figures"]["patients"] == 3
    assert burnt(tmp_path, "--json", "--patient", PATIENTS[0]).document["figures"]["patients"] == 1


def test_patients_that_were_each_named_go_on_one_medium(tmp_path: Path) -> None:
    said = burnt(tmp_path, "--patient", PATIENTS[0], "--patient", PATIENTS[2])
    assert said.code == 0, said.err
    assert {patient for patient, _ in studies_on(tmp_path / "new.iso")} == {PATIENTS[0], PATIENTS[2]}


def test_what_was_not_asked_for_is_left_out_and_counted(tmp_path: Path) -> None:
    document = burnt(tmp_path, "--patient", PATIENTS[1], "--json").document
    assert document["exit_code"] == 0
    assert 0 < document["counts"]["written"] < document["counts"]["excluded"]
    (left,) = (each for each in document["findings"] if each["rule"] == "MK-IDN-002")
    assert str(document["counts"]["excluded"]) in left["text"]


def test_every_criterion_must_be_met(disc: Path, tmp_path: Path) -> None:
    (patient,) = (
        each
        for each in mediakit("inspect", disc, "--json").document["patients"]
        if each["patient_id"] == PATIENTS[0]
    )
    study = patient["studies"][0]
    for options, count in (
        (("--study", study["study_instance_uid"]), sum(series["instances"] for series in study["series"])),
        (("--series", study["series"][0]["series_instance_uid"]), study["series"][0]["instances"]),
        (("--study", study["study_instance_uid"], "--since", "20990101"), 0),
        (
            ("--study", study["study_instance_uid"], "--until", "20990101", "--patient", PATIENTS[0].lower()),
            -1,
        ),
    ):
        said = mediakit("extract", disc, "-o", tmp_path / "-".join(options), "--json", *options)
        written = said.document["counts"].get("written", 0)
        if count == 0:
            assert (said.code, written) == (7, 0)
        elif count > 0:
            assert (said.code, written) == (0, count)
        else:
            assert said.code == 0
            assert written > 0


def test_nothing_chosen_is_an_error_that_says_who_is_there(disc: Path, tmp_path: Path) -> None:
    for command in (
        ("burn", SAMPLES, "-p", "STD-GEN-CD", "-o", tmp_path / "no.iso"),
        ("extract", disc, "-o", tmp_path / "no"),
        ("import", disc, f"dir:{tmp_path / 'there'}", "--state", tmp_path / "state"),
    ):
        said = mediakit(*command, "--patient", "NOBODY")
        assert said.code == 7, said
        assert "MK-IDN-001" in said.err
        assert PATIENTS[0] in said.err
    assert not (tmp_path / "no.iso").exists()


def test_an_import_takes_one_modality_of_one_patient(disc: Path, tmp_path: Path) -> None:
    wishes = ("--patient", PATIENTS[0], "--modality", "ct", "--state", str(tmp_path / "state"))
    said = mediakit("import", disc, f"dir:{tmp_path / 'there'}", "--json", *wishes)
    assert said.code == 0, said.err
    assert {modalities for _, modalities in studies_on(tmp_path / "there")} == {"CT"}


def test_a_conflict_among_what_was_not_asked_for_does_not_spoil_a_burn(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    for number, path in enumerate(path for path in sorted(SAMPLES.rglob("*.dcm"))):
        (source / f"{number}.dcm").write_bytes(path.read_bytes())
    (source / "broken.dcm").write_bytes((source / "0.dcm").read_bytes()[:-7])
    twice = bytearray((source / "1.dcm").read_bytes())
    twice[-2] ^= 1
    (source / "twice.dcm").write_bytes(twice)
    mixed = burnt_to(tmp_path / "mixed.iso", source)
    assert mixed.result.outcome is not Outcome.GOOD
    whose = mediakit("inspect", source / "0.dcm", "--json").document["patients"][0]["patient_id"]
    other = next(each for each in PATIENTS if each != whose)
    said = mediakit(
        "burn", source, "-p", "STD-GEN-CD", "-o", tmp_path / "n.iso", "--patient", other, "--json"
    )
    assert {f["rule"] for f in said.document["findings"]}.isdisjoint({"MK-SRC-106"})
    assert said.document["counts"].get(State.REFUSED.value, 0) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--patient", ""), "`--patient` is empty"),
        (("--body-part", " "), "`--body-part` is empty"),
        (("--since", ""), "`--since` is empty"),
        (("--since", "yesterday"), "`--since` is not a date"),
        (("--since", "20240102", "--until", "20240101"), "later than"),
    ],
)
def test_a_wrong_choice_is_a_wrong_call(options: tuple[str, ...], message: str, tmp_path: Path) -> None:
    said = burnt(tmp_path, *options)
    assert said.code == 2
    assert message in said.err


def test_a_repair_keeps_every_patient_of_a_medium(disc: Path, tmp_path: Path) -> None:
    said = mediakit("repair", disc, "-o", tmp_path / "again.iso", "-p", load_profile("STD-GEN-CD").id)
    assert said.code == 0, said.err
    assert {patient for patient, _ in studies_on(tmp_path / "again.iso")} == set(PATIENTS)


def test_two_people_below_one_patient_id_are_refused_like_two_patients(tmp_path: Path) -> None:
    one = Person(patient_id="A-1", name="Muster^Anna", birth_date="19700101", study="1.2.3.1")
    other = Person(patient_id="A-1", name="Beispiel^Otto", birth_date="19550505", study="1.2.3.2")
    alike = Person(patient_id="A-1", name="MUSTER^ANNA", birth_date="19700101", study="1.2.3.2")
    arguments = ("-p", "STD-GEN-CD", "-o", tmp_path / "a.iso", "--force")
    mixed = medium_of(tmp_path / "mixed", (one, other))
    said = mediakit("burn", mixed, *arguments)
    assert (said.code, (tmp_path / "a.iso").exists()) == (7, False)
    assert "MK-IDN-007" in said.err
    assert mediakit("burn", mixed, *arguments, "--all-patients").code == 0
    assert mediakit("burn", medium_of(tmp_path / "same", (one, alike)), *arguments).code == 0
