"""`mediakit import` with local values, of a map, a worklist or an archive: what the destination has then."""

from __future__ import annotations

import io
import json
from pathlib import Path
from urllib.request import urlopen

import pydicom
import pytest

from tests.support.cli import Said, mediakit
from tests.support.network_peers import Listening, dcmqrscp, orthanc, storescp
from tests.support.peers import need, run
from tests.support.people import Person, medium_of
from tests.support.worklist import order, wlmscpfs

pytestmark = pytest.mark.interop

FOREIGN = Person(patient_id="007", name="MUELLER^ANNA", birth_date="19610430", sex="F", accession="OLD")
LOCAL = Person(patient_id="L-1", name="Müller^Anna", birth_date="19610430", sex="F", study="1.2.4.1")
SIMILAR = Person(patient_id="L-2", name="Müller^Anna", birth_date="19610430", sex="F", study="1.2.4.2")


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIAKIT_STATE", str(tmp_path / "state"))


@pytest.fixture
def medium(tmp_path: Path) -> Path:
    return medium_of(tmp_path / "cd", [FOREIGN])


def dest(scp: Listening) -> str:
    return f"{scp.ae_title}@127.0.0.1:{scp.port}"


def known(scp: Listening, folder: Path, *people: Person) -> None:
    """Let an archive know people by a study of each."""
    need("storescu")
    where = str(medium_of(folder, people))
    sent = run("storescu", "-aec", scp.ae_title, "127.0.0.1", str(scp.port), "+sd", where)
    assert sent.returncode == 0, sent.stderr


def in_orthanc(scp: Listening, study: str = FOREIGN.study) -> list[pydicom.Dataset]:
    """Return the instances that Orthanc has of a study."""

    def get(path: str) -> bytes:
        with urlopen(f"http://127.0.0.1:{scp.http_port}{path}", timeout=30) as answer:
            return bytes(answer.read())

    ids = json.loads(get("/instances"))
    found = [pydicom.dcmread(io.BytesIO(get(f"/instances/{one}/file"))) for one in ids]
    return sorted((one for one in found if one.StudyInstanceUID == study), key=lambda one: one.SOPInstanceUID)


def in_folder(scp: Listening) -> list[pydicom.Dataset]:
    return [pydicom.dcmread(path) for path in sorted(scp.folder.iterdir())]


def has_local_values(stored: list[pydicom.Dataset], accession: str) -> None:
    """Assert that both instances bear the local values, and the old ones in Original Attributes Sequence."""
    assert len(stored) == 2
    for number, dataset in enumerate(stored, start=1):
        assert (dataset.PatientID, str(dataset.PatientName)) == ("L-1", "Müller^Anna")
        assert dataset.AccessionNumber == accession
        assert dataset.SOPInstanceUID == f"{FOREIGN.study}.9.{number}"
        assert dataset.PixelData == b"\1\2\3\4"
        (original,) = dataset.OriginalAttributesSequence
        assert original.ReasonForTheAttributeModification == "COERCE"
        (old,) = original.ModifiedAttributesSequence
        assert (old.PatientID, str(old.PatientName)) == ("007", "MUELLER^ANNA")
        assert ("AccessionNumber" in old) is (accession != "OLD")
        (other,) = dataset.OtherPatientIDsSequence
        assert other.PatientID == "007"


def sent_nothing(said: Said) -> None:
    assert said.code == 7, said.out
    assert "nothing was sent" in said.out
    assert mediakit("job", "list").out.strip() in ("", "there are no jobs")


def test_values_of_a_map_arrive_at_orthanc(tmp_path: Path, medium: Path) -> None:
    table = tmp_path / "map.csv"
    table.write_text(
        "from_patient_id,to_patient_id,to_name,to_accession,approved\n007,L-1,Müller^Anna,A55,yes\n",
        encoding="utf-8",
    )
    with orthanc(tmp_path / "orthanc", DefaultEncoding="Utf8") as scp:
        said = mediakit("import", medium, dest(scp), "--map", table, "--verify", "query")
        assert said.code == 0, said.out + said.err
        has_local_values(in_orthanc(scp), "A55")
    assert "changed" in said.out


def test_values_of_a_map_arrive_at_storescp(tmp_path: Path, medium: Path) -> None:
    table = tmp_path / "map.csv"
    table.write_text(
        "from_patient_id;to_patient_id;to_name;approved\n007;L-1;Müller^Anna;yes\n", encoding="utf-8"
    )
    with storescp(tmp_path / "in") as scp:
        said = mediakit("import", medium, dest(scp), "--map", table)
        assert said.code == 0, said.out + said.err
        has_local_values(in_folder(scp), "OLD")


def test_the_order_of_a_worklist_gives_the_values(tmp_path: Path, medium: Path) -> None:
    orders = {
        "one": order("L-1", "Müller^Anna", "19610430", "55"),
        "two": order("L-9", "Jones^Mary", "19610430", "56"),
    }
    with wlmscpfs(tmp_path / "wl", orders) as worklist, storescp(tmp_path / "in") as scp:
        where = ("--match-dest", dest(worklist))
        said = mediakit("import", medium, dest(scp), "--match", "worklist", *where)
        assert said.code == 0, said.out + said.err
        has_local_values(in_folder(scp), "55")


def test_an_order_of_another_date_or_modality_gives_the_patient_and_no_accession_number(
    tmp_path: Path, medium: Path
) -> None:
    right = order("L-1", "Müller^Anna", "19610430", "55")
    orders = {"old": right.replace("20260131", "20250131"), "mr": right.replace("[CT]", "[MR]")}
    with wlmscpfs(tmp_path / "wl", orders) as worklist, storescp(tmp_path / "in") as scp:
        where = ("--match-dest", dest(worklist))
        said = mediakit("import", medium, dest(scp), "--match", "worklist", *where)
        assert said.code == 0, said.out + said.err
        has_local_values(in_folder(scp), "OLD")


def test_the_patient_that_orthanc_knows_gives_the_values(tmp_path: Path, medium: Path) -> None:
    with orthanc(tmp_path / "orthanc", DefaultEncoding="Utf8") as scp:
        known(scp, tmp_path / "local", LOCAL)
        said = mediakit("import", medium, dest(scp), "--match", "query")
        assert said.code == 0, said.out + said.err
        has_local_values(in_orthanc(scp), "OLD")


def test_the_patient_that_another_archive_knows_gives_the_values(tmp_path: Path, medium: Path) -> None:
    with dcmqrscp(tmp_path / "qr") as register, storescp(tmp_path / "in") as scp:
        known(register, tmp_path / "local", LOCAL)
        where = ("--match-dest", dest(register))
        said = mediakit("import", medium, dest(scp), "--match", "query", *where)
        assert said.code == 0, said.out + said.err
        has_local_values(in_folder(scp), "OLD")


def test_two_patients_that_may_be_meant_are_one_too_many(tmp_path: Path, medium: Path) -> None:
    with orthanc(tmp_path / "orthanc", DefaultEncoding="Utf8") as scp:
        known(scp, tmp_path / "local", LOCAL, SIMILAR)
        said = mediakit("import", medium, dest(scp), "--match", "query")
        assert in_orthanc(scp) == []
    sent_nothing(said)
    assert "2 candidates, the best with a confidence of 80" in said.err


def test_a_match_that_is_not_sure_enough_is_left_to_a_person(tmp_path: Path, medium: Path) -> None:
    with orthanc(tmp_path / "orthanc", DefaultEncoding="Utf8") as scp:
        known(scp, tmp_path / "local", LOCAL)
        said = mediakit("import", medium, dest(scp), "--match", "query", "--approve-above", "90")
        assert in_orthanc(scp) == []
    sent_nothing(said)
    assert "MK-IDN-034" in said.err
    assert "`mediakit reconcile`" in said.err


def test_a_patient_whom_nobody_knows_is_not_sent(tmp_path: Path, medium: Path) -> None:
    orders = {"two": order("L-9", "Jones^Mary", "19700101", "56")}
    with wlmscpfs(tmp_path / "wl", orders) as worklist, storescp(tmp_path / "in") as scp:
        said = mediakit("import", medium, dest(scp), "--match", "worklist", "--match-dest", dest(worklist))
        assert list(scp.folder.iterdir()) == []
    sent_nothing(said)
    assert "nobody was found" in said.err


def test_a_medium_of_two_of_whom_one_is_known_is_not_sent(tmp_path: Path) -> None:
    stranger = Person(patient_id="X", name="Nobody^Nick", birth_date="19991231", study="1.2.3.2")
    both = medium_of(tmp_path / "both", [FOREIGN, stranger])
    with orthanc(tmp_path / "orthanc", DefaultEncoding="Utf8") as scp:
        known(scp, tmp_path / "local", LOCAL)
        said = mediakit("import", both, dest(scp), "--match", "query", "--all-patients")
        assert in_orthanc(scp) == []
        assert said.code == 7, said.out + said.err
        one = mediakit("import", both, dest(scp), "--match", "query", "--patient", "007")
        assert one.code == 0, one.out + one.err
        has_local_values(in_orthanc(scp), "OLD")


def test_a_rehearsal_shows_what_a_match_would_change(tmp_path: Path, medium: Path) -> None:
    with orthanc(tmp_path / "orthanc", DefaultEncoding="Utf8") as scp:
        known(scp, tmp_path / "local", LOCAL)
        said = mediakit("import", medium, dest(scp), "--match", "query", "-n", "--json", "--with-names")
        assert in_orthanc(scp) == []
    changes = {(each["name"], each["before"], each["after"]) for each in said.document["changes"]}
    assert ("Patient ID", "007", "L-1") in changes


def test_a_register_that_is_not_there_stops_the_import(tmp_path: Path, medium: Path) -> None:
    with storescp(tmp_path / "in") as scp:
        where = ("--match-dest", "NOBODY@127.0.0.1:1")
        said = mediakit("import", medium, dest(scp), "--match", "query", *where)
        assert list(scp.folder.iterdir()) == []
    assert said.code == 5, said.out + said.err
