"""Reports that can be filed: their forms, whom they name, and that they say the same everywhere."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pydicom
import pytest

from tests.support.cli import Said, mediakit
from tests.support.people import Person, medium_of
from tests.support.studies import CR, CT_1, CT_2

CD = ("-p", "STD-GEN-CD")
ANNA = Person(patient_id="A-1", name="Muster^Anna", birth_date="19700101", study="1.2.3.1", accession="ACC1")
BERT = Person(patient_id="B-2", name="Muster^Bert", birth_date="19610430", study="1.2.3.2", accession="ACC2")
NAMES = ("Muster", "Anna", "A-1", "ACC1")


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIAKIT_STATE", str(tmp_path / "state"))


@pytest.fixture
def anna(tmp_path: Path) -> Path:
    return medium_of(tmp_path / "anna", (ANNA,))


def what_to_do(said: Said) -> str:
    (line,) = [line for line in said.out.splitlines() if line.startswith("what to do: ")]
    return line.removeprefix("what to do: ").replace("`", "").lower()


def of_page(page: Path) -> str:
    (text,) = re.findall(r"<b>What to do:</b> (.*?)</p>", page.read_text(encoding="utf-8"))
    return re.sub("<[^>]+>", "", text).lower()


def runs(source: Path, folder: Path, *more: str) -> dict[str, tuple[Said, Path, Path]]:
    """Run each journey that writes reports, with both of its forms."""
    found = {}
    for name, arguments in {
        "burn": ("burn", source, *CD, "-o", folder / "new.iso", "--force"),
        "validate": ("validate", folder / "new.iso", *CD),
        "repair": ("repair", folder / "new.iso", "-o", folder / "again.iso", "--force"),
        "import": ("import", folder / "new.iso", f"dir:{folder / 'there'}"),
    }.items():
        page, document = folder / f"{name}.html", folder / f"{name}.json"
        said = mediakit(*arguments, "--report", page, *more)
        if name == "validate":
            mediakit(*arguments, "--report", document, *more)
        else:
            mediakit(*arguments, "--report", document, *more, "-n")
        found[name] = (said, page, document)
    return found


def test_no_report_names_anybody_unless_that_is_asked_for(anna: Path, tmp_path: Path) -> None:
    for name, (said, page, document) in runs(anna, tmp_path).items():
        assert said.code == 0, (name, said.out + said.err)
        text = page.read_text(encoding="utf-8") + document.read_text(encoding="utf-8")
        assert [each for each in NAMES if each in text.replace(str(tmp_path), "")] == [], name


def test_with_names_every_report_lists_the_studies(anna: Path, tmp_path: Path) -> None:
    for name, (said, page, document) in runs(anna, tmp_path, "--with-names").items():
        assert said.code == 0, name
        text = page.read_text(encoding="utf-8")
        for value in ("Muster, Anna", "A-1", "ACC1", "2026-01-31", "CT", "patient data"):
            assert value in text, (name, value)
        (study,) = json.loads(document.read_text(encoding="utf-8"))["studies"]
        assert study["patient_name"] == "Muster^Anna", name
        assert (study["accession_number"], study["modalities"], study["instances"]) == ("ACC1", ["CT"], 2)


def test_the_terminal_ends_with_the_sentence_of_the_page(anna: Path, tmp_path: Path) -> None:
    for name, (said, page, _) in runs(anna, tmp_path).items():
        assert what_to_do(said) == of_page(page), name
        assert said.out.splitlines()[-1].startswith("outcome: ")


def test_so_it_does_when_something_is_wrong(anna: Path, tmp_path: Path) -> None:
    page = tmp_path / "a.html"
    said = mediakit("burn", CT_1, CR, "-p", "STD-CTMR-CD", "-o", tmp_path / "a.iso", "--report", page)
    assert (said.code, what_to_do(said)) == (4, of_page(page))
    two = medium_of(tmp_path / "two", (ANNA, BERT))
    said = mediakit("burn", two, *CD, "-o", tmp_path / "a.iso", "--report", page)
    assert (said.code, what_to_do(said)) == (7, of_page(page))
    said = mediakit("import", two, f"dir:{tmp_path / 'there'}", "--report", page)
    assert (said.code, what_to_do(said)) == (7, of_page(page))
    (anna / "cut").write_bytes(CT_1.read_bytes()[:900])
    said = mediakit("validate", anna, *CD, "--report", page)
    assert (said.code, what_to_do(said)) == (1, of_page(page))


def test_a_report_of_an_unknown_kind_is_refused_before_anything_is_written(
    anna: Path, tmp_path: Path
) -> None:
    for command, options in {"burn": CD, "repair": ()}.items():
        for name in ("new.pdf", "new", "new.html.gz"):
            out = tmp_path / "out.iso"
            said = mediakit(command, anna, *options, "-o", out, "--report", tmp_path / name)
            assert (command, name, said.code, out.exists()) == (command, name, 2, False)


def test_a_burn_writes_several_reports_at_once(anna: Path, tmp_path: Path) -> None:
    page, document = tmp_path / "a.htm", tmp_path / "a.JSON"
    said = mediakit("burn", anna, *CD, "-o", tmp_path / "a.iso", "--report", page, "--report", document)
    assert said.code == 0
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert json.loads(document.read_text(encoding="utf-8"))["counts"] == {"written": 2}


def test_what_stands_on_a_medium_is_text_in_the_page(tmp_path: Path) -> None:
    bad = Person(patient_id="<b>1", name="<script>alert(1)</script>", study="1.2.3.1")
    page = tmp_path / "a.html"
    source = medium_of(tmp_path / "in", (bad,))
    assert mediakit("burn", source, *CD, "-o", tmp_path / "a", "--report", page, "--with-names").code == 0
    text = page.read_text(encoding="utf-8")
    assert "&lt;script&gt;" in text
    assert "<script" not in text


def test_a_file_that_is_refused_is_named_once_with_its_reason_and_what_to_do(tmp_path: Path) -> None:
    arguments = ("burn", CT_1, CR, "-p", "STD-CTMR-CD", "-o", tmp_path / "a.iso", "--on-reject", "skip")
    said = mediakit(*arguments)
    assert said.code == 1
    assert (said.out + said.err).count(str(CR)) == 1
    line = next(line for line in said.out.splitlines() if str(CR) in line)
    assert "refused" in line
    assert "MK-PRO-" in line
    assert "hint: " in said.out
    quiet = mediakit(*arguments, "--force", "-q")
    assert str(CR) in quiet.err
    assert quiet.out == ""


def test_the_numbers_of_an_import_agree_everywhere(tmp_path: Path) -> None:
    two = medium_of(tmp_path / "two", (ANNA, BERT))
    disc = tmp_path / "disc.iso"
    assert mediakit("burn", two, *CD, "-o", disc, "--all-patients", "--viewer", "none").code == 0
    page = tmp_path / "a.html"
    said = mediakit("import", disc, f"dir:{tmp_path / 'there'}", "--patient", "A-1", "--report", page)
    assert said.code == 0
    assert "  stored               2\n" in said.out
    assert "  left out             2 (not asked for)\n" in said.out
    assert "  left out             1 (the DICOMDIR, never sent)\n" in said.out
    text = page.read_text(encoding="utf-8")
    assert "All 2 images are at the destination" in text
    assert "2 not asked for; 1 directory of the medium (DICOMDIR), which is never sent" in text
    (job,) = mediakit("job", "list", "--json").document["jobs"]
    assert job["counts"]["stored"] == 2
    again = mediakit("job", "report", job["job"], "--json").document
    assert again["counts"] == {"excluded": 3, "stored": 2}


def test_what_was_changed_is_kept_when_an_import_goes_on(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    for path in (CT_1, CT_2):
        (source / path.name).write_bytes(path.read_bytes())
    whole = (source / CT_2.name).read_bytes()
    (source / CT_2.name).write_bytes(whole[:900])
    foreign = str(pydicom.dcmread(CT_1, stop_before_pixels=True).PatientID)
    map_ = tmp_path / "map.csv"
    map_.write_text(f"from_patient_id,to_patient_id,approved\n{foreign},LOCAL-7,yes\n", encoding="utf-8")
    arguments = ("import", source, f"dir:{tmp_path / 'there'}", "--map", map_, "--with-names")
    first = mediakit(*arguments, "--json").document
    assert first["exit_code"] == 6
    assert {each["sop_instance_uid"] for each in first["changes"]} != set()
    (source / CT_2.name).write_bytes(whole)
    second = mediakit(*arguments, "--json", "--resume").document
    assert second["exit_code"] == 0
    changed = {each["sop_instance_uid"] for each in second["changes"] if each["after"] == "LOCAL-7"}
    assert len(changed) == 2
    nameless = mediakit("job", "report", second["job"], "--json")
    assert {each["after"] for each in nameless.document["changes"]} == {""}
    assert "LOCAL-7" not in nameless.out
    named = mediakit("job", "report", second["job"], "--json", "--with-names").document
    assert {each["sop_instance_uid"] for each in named["changes"]} == {
        each["sop_instance_uid"] for each in second["changes"]
    }


def test_a_rehearsal_ends_as_the_real_burn_does(anna: Path, tmp_path: Path) -> None:
    more = {
        "a folder too deep": "a/b/c/d/e/f/g/h.txt",
        "a name too long": f"{'n' * 104}.txt",
        "a letter beyond the first plane": "smile \U0001f600.txt",
    }
    for number, (what, name) in enumerate(more.items()):
        add = tmp_path / f"add{number}"
        (add / name).parent.mkdir(parents=True)
        (add / name).write_bytes(b"x")
        out = tmp_path / f"{number}.iso"
        said = [mediakit("burn", anna, *CD, "--add", add, "-o", out, *more) for more in (("-n",), ())]
        assert [one.code for one in said] == [4, 4], what
        for one in said:
            assert "MK-FST-106" in one.err, what
            assert "rename" in one.err, what
            assert "see that the folder exists" not in one.err, what
        assert not out.exists()
        zipped = ("burn", anna, "-p", "STD-GEN-ZIP-MAIL", "--add", add, "-o", tmp_path / f"{number}.zip")
        assert mediakit(*zipped, "-n").code == mediakit(*zipped).code == 0, what


def test_the_summary_says_how_many_patients_there_are(anna: Path, tmp_path: Path) -> None:
    assert "  patients   1\n" in mediakit("burn", anna, *CD, "-o", tmp_path / "a.iso").out
    two = medium_of(tmp_path / "two", (ANNA, BERT))
    arguments = ("burn", two, *CD, "-o", tmp_path / "b.iso")
    assert "  patients   2\n" in mediakit(*arguments).out
    assert "  patients   2\n" in mediakit(*arguments, "--all-patients").out
