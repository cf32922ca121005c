"""`mediakit import` under a local Patient ID in one step: named, offered on a terminal, or demanded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.interop.test_import_match import FOREIGN, LOCAL, has_local_values, in_orthanc, known, sent_nothing
from tests.support.cli import mediakit
from tests.support.network_peers import Listening, orthanc, storescp
from tests.support.people import medium_of
from tests.support.terminal import answered

pytestmark = pytest.mark.interop

STRANGER = replace(
    LOCAL, patient_id="L-3", name="Schmidt^Otto", birth_date="19500101", sex="M", study="1.2.5"
)


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIAKIT_STATE", str(tmp_path / "state"))


@pytest.fixture
def medium(tmp_path: Path) -> Path:
    return medium_of(tmp_path / "cd", [FOREIGN])


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listening]:
    folder = tmp_path_factory.mktemp("archive")
    with orthanc(folder / "orthanc", DefaultEncoding="Utf8", OverwriteInstances=True) as scp:
        known(scp, folder / "local", LOCAL, STRANGER)
        yield scp


def dest(scp: Listening) -> str:
    return f"{scp.ae_title}@127.0.0.1:{scp.port}"


def test_a_named_patient_is_looked_up_and_confirmed(archive: Listening, medium: Path) -> None:
    without = mediakit("import", medium, dest(archive), "--as-patient", "L-1")
    assert without.code == 2
    assert "confirmed by a person" in without.err
    for patient, words in (
        ("L-3", "nobody confirmed"),
        ("NONE", "no patient has this ID"),
        ("L-*", "no patient"),
    ):
        said = mediakit("import", medium, dest(archive), "--as-patient", patient, "--yes")
        assert said.code == 7, patient
        assert words in said.err
    shown = answered(["n"], "import", medium, dest(archive), "--as-patient", "L-1")
    assert shown.code == 7
    assert "Müller^Anna" in shown.text
    assert "MUELLER^ANNA" in shown.text
    assert "same birth date" in shown.text
    assert in_orthanc(archive) == []
    done = mediakit("import", medium, dest(archive), "--as-patient", "L-1", "--yes")
    assert done.code == 0, done.out + done.err
    has_local_values(in_orthanc(archive), "OLD")
    assert "under the Patient ID of the medium" not in done.out
    again = answered(["y"], "import", medium, dest(archive), "--as-patient", "L-3")
    assert again.code == 0, again.text
    assert "other name" in again.text
    assert {one.PatientID for one in in_orthanc(archive)} >= {"L-3"}


def test_on_a_terminal_an_import_asks_whose_the_images_are(tmp_path: Path, medium: Path) -> None:
    with orthanc(tmp_path / "orthanc", DefaultEncoding="Utf8") as scp:
        known(scp, tmp_path / "local", LOCAL)
        for answers in ((), ("n", "n"), ("", "")):
            shown = answered([*answers, "\x04"], "import", medium, dest(scp))
            assert shown.code == 7, shown.text
            assert in_orthanc(scp) == []
        shown = answered(["y"], "import", medium, dest(scp))
        assert shown.code == 0, shown.text
        has_local_values(in_orthanc(scp), "OLD")
        local = medium_of(tmp_path / "own", [LOCAL])
        shown = answered([], "import", local, dest(scp), "--ask-first")
        assert shown.code == 0, shown.text
        assert "[y/N]" not in shown.text


def test_the_patient_id_of_the_medium_is_kept_on_request_and_the_first_line_says_so(
    tmp_path: Path, medium: Path
) -> None:
    with storescp(tmp_path / "in") as scp:
        shown = answered(["y"], "import", medium, dest(scp))  # it has no query for patients
        assert shown.code == 0, shown.text
        assert "under the Patient ID of the medium? [y/N]" in shown.text
        for options in (("--keep-id",), ("--yes",)):
            shown = answered([], "import", medium, dest(scp), *options)
            assert shown.code == 0, shown.text
            assert "[y/N]" not in shown.text
        said = mediakit("import", medium, dest(scp))
        assert said.out.splitlines()[0].endswith("under the Patient ID of the medium")


def test_nobody_is_asked_about_patients_where_no_answer_would_let_the_medium_in(
    tmp_path: Path, archive: Listening
) -> None:
    """Several patients are refused whatever is said of each, unless all of them may be one local patient."""
    with storescp(tmp_path / "in") as scp:
        two = medium_of(tmp_path / "two", [FOREIGN, STRANGER])
        shown = answered([], "import", two, dest(scp))
        assert shown.code == 7, shown.text
        assert "[y/N]" not in shown.text
        assert "MK-IDN-003" in shown.text
        assert "under the Patient ID" not in shown.text
        shown = answered(["y", "y"], "import", two, dest(scp), "--all-patients")
        assert shown.code == 0, shown.text
    again = replace(FOREIGN, patient_id="008", study=f"{FOREIGN.study}.1")
    same = medium_of(tmp_path / "same", [FOREIGN, again])  # two IDs of one person
    shown = answered(["y", "y"], "import", same, dest(archive))
    assert shown.code == 0, shown.text
    assert shown.text.count("import as this local patient? [y/N]") == 2


def test_a_medium_without_instances_is_reported_on_a_terminal_as_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").write_text("no image")
    with storescp(tmp_path / "in") as scp:
        said = mediakit("import", tmp_path / "other", dest(scp))
        shown = answered([], "import", tmp_path / "other", dest(scp))
    assert said.code == shown.code == 3
    for text in (said.out, shown.text):
        assert "not-dicom            1" in text


def test_a_destination_can_demand_local_patient_ids(tmp_path: Path, medium: Path) -> None:
    table = tmp_path / "map.csv"
    table.write_text("from_patient_id,to_patient_id,approved\n007,L-1,yes\n", encoding="utf-8")
    with storescp(tmp_path / "in") as scp:
        config = tmp_path / "config.toml"
        config.write_text(f'[destinations.pacs]\nurl = "{dest(scp)}"\nrequire-local-id = true\n')
        said = mediakit("import", medium, "pacs", "--config", config)
        sent_nothing(said)
        assert "MK-IDN-028" in said.err
        assert "--as-patient" in said.err
        said = mediakit("import", medium, "pacs", "--config", config, "--map", table)
        assert said.code == 0, said.out + said.err
        assert "MK-IDN-028" not in said.err


def test_ways_to_a_patient_id_exclude_each_other(medium: Path) -> None:
    said = mediakit("import", medium, "A@127.0.0.1:1", "--as-patient", "1", "--keep-id")
    assert said.code == 2
    assert "exclude each other" in said.err
