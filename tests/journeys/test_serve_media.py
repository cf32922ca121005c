"""`mediakit serve scp --each`: one medium for each study or patient, while the server runs."""

from __future__ import annotations

import json
import re
import signal
import time
from pathlib import Path

import jsonschema
import pydicom
from pydicom.uid import UID

from mediakit.report.reception import reception_schema
from tests.support.cli import mediakit
from tests.support.peers import need, run
from tests.support.people import Person, medium_of
from tests.support.serving import Serving, serving

ANNA = Person(patient_id="A/1", name="Meier^Anna", study="1.2.4.1")
ANNA_LATER = Person(patient_id="A/1", name="Meier^Anna", study="1.2.4.2")
OTTO = Person(patient_id="B2", name="Krug^Otto", study="1.2.4.3")
_LONGEST_S = 60.0


def send(server: Serving, folder: Path, *people: Person) -> None:
    where = medium_of(folder, people)
    files = [str(path) for path in sorted(where.rglob("*")) if path.is_file() and path.name != "DICOMDIR"]
    assert run("dcmsend", "127.0.0.1", str(server.port), *files).returncode == 0


def media_in(folder: Path, count: int) -> list[Path]:
    """Return so many media, when they are there."""
    until = time.monotonic() + _LONGEST_S
    while len(found := sorted(folder.glob("*.iso"))) < count:
        assert time.monotonic() < until, found
        time.sleep(0.05)
    return found


def studies_on(medium: Path, into: Path) -> set[str]:
    assert mediakit("validate", medium, "-p", "STD-GEN-CD").code == 0
    assert mediakit("extract", medium, "-o", into).code == 0
    files = [path for path in into.rglob("*") if path.is_file() and path.name != "DICOMDIR"]
    return {str(pydicom.dcmread(path).StudyInstanceUID) for path in files}


def options(tmp_path: Path, each: str, *more: str) -> list[str | Path]:
    (tmp_path / "out").mkdir(exist_ok=True)
    pattern = tmp_path / "out" / "{patient}-{number}.iso"
    burn = ("--then-burn", "STD-GEN-CD", "-o", pattern, "--each", each, "--quiet-for", "1")
    return [*burn, *more]


def test_every_patient_gets_a_medium_of_his_own_again_and_again(tmp_path: Path) -> None:
    need("dcmsend")
    out = tmp_path / "out"
    log = tmp_path / "log"
    with serving(tmp_path / "in", *options(tmp_path, "patient", "--log-file", str(log))) as server:
        send(server, tmp_path / "1", ANNA, OTTO)
        first = media_in(out, 2)
        assert [path.name for path in first] == ["A_1-0001.iso", "B2-0001.iso"]
        send(server, tmp_path / "2", ANNA_LATER)
        media_in(out, 3)
        until = time.monotonic() + _LONGEST_S
        while log.read_text().count("burnt ") < 3 and time.monotonic() < until:  # it has its name before
            time.sleep(0.05)
        said = server.finish(signal.SIGTERM)
    assert said.code == 0, said.err
    assert studies_on(out / "A_1-0001.iso", tmp_path / "x1") == {ANNA.study}
    assert studies_on(out / "B2-0001.iso", tmp_path / "x2") == {OTTO.study}
    assert studies_on(out / "A_1-0002.iso", tmp_path / "x3") == {ANNA_LATER.study}
    assert said.out.count("burnt ") == 3
    stamped = [line for line in log.read_text().splitlines() if "burnt" in line]
    assert all(re.match(r"2[0-9-]+T[0-9:]+Z  burnt .*: 2 instances, ", line) for line in stamped), stamped
    assert "Meier" not in log.read_text() + said.out + said.err
    with serving(tmp_path / "in", *options(tmp_path, "patient")) as server:  # nothing is burnt again
        time.sleep(2)
        server.finish(signal.SIGTERM)
    assert len(list(out.glob("*.iso"))) == 3


def test_a_restart_burns_what_came_before_and_what_is_burnt_can_be_removed(tmp_path: Path) -> None:
    need("dcmsend")
    with serving(tmp_path / "in") as server:
        send(server, tmp_path / "1", ANNA, ANNA_LATER)
        server.finish(signal.SIGKILL)
    with serving(tmp_path / "in", *options(tmp_path, "study", "--remove-burnt", "--json")) as server:
        media = media_in(tmp_path / "out", 2)
        while list((tmp_path / "in").glob("1*")):
            time.sleep(0.05)
        document = server.finish(signal.SIGTERM).document
    jsonschema.validate(document, reception_schema())
    assert [one["instances"] for one in document["media"]] == [2, 2]
    found = [studies_on(medium, tmp_path / medium.stem) for medium in media]
    assert sorted(map(sorted, found)) == [[ANNA.study], [ANNA_LATER.study]]


def test_what_cannot_be_burnt_is_said_kept_and_tried_again_when_more_comes(tmp_path: Path) -> None:
    need("dcmsend")
    mixed = Person(patient_id="C3", name="Other^Person", study=ANNA.study)
    with serving(tmp_path / "in", *options(tmp_path, "study")) as server:
        send(server, tmp_path / "1", ANNA)
        media_in(tmp_path / "out", 1)
        (tmp_path / "out" / "A_1-0001.iso").rename(tmp_path / "first.iso")
        two = medium_of(tmp_path / "2", [mixed])
        for path in two.rglob("*"):  # the same study under another patient
            if path.is_file() and path.name != "DICOMDIR":
                dataset = pydicom.dcmread(path)
                uid = UID(f"{dataset.SOPInstanceUID}.7")
                dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid
                dataset.save_as(path)
                assert run("dcmsend", "127.0.0.1", str(server.port), str(path)).returncode == 0
        until = time.monotonic() + _LONGEST_S
        while (
            b"not burnt" not in server.process.out.data + server.process.err.data and time.monotonic() < until
        ):
            time.sleep(0.05)
        said = server.finish(signal.SIGTERM)
    assert said.code == 7, said.out
    assert "not burnt" in said.out
    assert "MK-IDN" in said.out
    assert list((tmp_path / "out").iterdir()) == []
    burnt = [json.loads(line) for line in (tmp_path / "in" / ".mediakit-burnt").read_text().splitlines()]
    assert len(burnt) == 1


def test_a_name_that_cannot_hold_several_media_is_refused(tmp_path: Path) -> None:
    cases = [
        ("out.iso", "{number}"),
        ("{name}-{number}.iso", "no part of a name"),
        ("nowhere/{number}.iso", "does not exist"),
        ("in/{number}.iso", "lie in each other"),
    ]
    (tmp_path / "in").mkdir()
    for pattern, words in cases:
        said = mediakit(
            *("serve", "scp", "--dir", tmp_path / "in", "--port", "0", "--then-burn", "STD-GEN-CD"),
            *("-o", tmp_path / pattern, "--each", "study"),
        )
        assert said.code == 2, pattern
        assert words in said.err, pattern
    said = mediakit("serve", "scp", "--dir", tmp_path / "in", "--port", "0", "--each", "study")
    assert said.code == 2
