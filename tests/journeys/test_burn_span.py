"""`--span`: what one medium does not hold goes over several, each a complete file-set."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import jsonschema
import pytest

from mediakit.choices import OnReject
from mediakit.errors import UsageError
from mediakit.events import Event, PhaseStarted
from mediakit.fileset.contents import patients_of
from mediakit.journeys.burn_order import Burnt, Depth
from mediakit.journeys.validate import ValidateOrder, validate
from mediakit.outcome import Outcome, State
from mediakit.profile.load import load_profile
from mediakit.report.json import json_schema
from tests.support.cli import mediakit
from tests.support.media import contents
from tests.support.studies import (
    CR,
    CT_FOLDER,
    CT_THIN,
    NAMES,
    SAMPLES,
    burnt_to,
    folder_of,
    left_in,
)

CAPACITY = "1500kB"


def names_of(burnt: Burnt) -> list[str]:
    return [Path(one.target).name for one in burnt.media]


def test_each_medium_is_a_whole_file_set_and_every_instance_is_on_one(tmp_path: Path) -> None:
    extra = folder_of(tmp_path / "extra", {"README.TXT": b"read me"})
    out = tmp_path / "out"
    out.mkdir()
    burnt = burnt_to(out / "disc.iso", SAMPLES, span=True, capacity=CAPACITY, manifest=True, add=(extra,))
    assert burnt.result.outcome is Outcome.GOOD
    assert names_of(burnt) == ["disc-1of3.iso", "disc-2of3.iso", "disc-3of3.iso"]
    assert left_in(out) == names_of(burnt)
    assert burnt.result.figures["media"] == 3
    for number, name in enumerate(names_of(burnt), 1):
        assert (out / name).stat().st_size <= 1_500_000
        order = ValidateOrder(profile=load_profile("STD-GEN-CD"))
        validation = validate(out / name, order)
        assert validation.result.outcome is Outcome.GOOD
        found = contents(out / name)
        assert found["README.TXT"] == b"read me"
        assert b"MEDIA.TXT" in found["MANIFEST.TXT"]
        assert f"This is medium {number} of 3".encode() in found["MEDIA.TXT"]
    written = [fate for fate in burnt.result.fates if fate.state in {State.WRITTEN, State.CONVERTED}]
    on_media = [fate for fate in written if fate.medium]
    assert len({(fate.medium, fate.became) for fate in on_media}) == len(on_media)
    assert {fate.medium for fate in on_media} == {1, 2, 3}
    assert len(on_media) == burnt.result.figures["instances"] == sum(len(plan.files) for plan in burnt.plans)
    assert burnt.plan is None
    assert len(burnt.patients) >= 3
    assert len({one.file_set_uid for one in burnt.media}) == 3
    assert [one.file_set_id for one in burnt.media] == ["DICOM_1", "DICOM_2", "DICOM_3"]


def test_the_index_names_nobody_and_no_study_of_another_patient(tmp_path: Path) -> None:
    burnt = burnt_to(tmp_path / "disc.iso", SAMPLES, span=True, capacity=CAPACITY, file_set_id="A" * 16)
    studies = {study.uid: patient.id for patient in burnt.patients for study in patient.studies}
    for plan, one in zip(burnt.plans, burnt.media, strict=True):
        text = contents(Path(one.target))["MEDIA.TXT"].decode("ascii")
        mine = {patient.id for patient in patients_of(plan.directory)}
        assert {studies[uid] for uid in studies if uid in text} == mine
        assert not [name for name in (*NAMES, *studies.values()) if name in text]
        assert one.file_set_id in {f"{'A' * 14}_{number}" for number in (1, 2, 3)}


def test_what_fits_on_one_medium_keeps_the_name(tmp_path: Path) -> None:
    burnt = burnt_to(tmp_path / "disc.iso", CT_FOLDER, span=True)
    assert burnt.result.outcome is Outcome.GOOD
    assert burnt.media == ()
    assert left_in(tmp_path) == ["disc.iso"]
    assert "MEDIA.TXT" not in contents(tmp_path / "disc.iso")


def test_without_it_the_refusal_says_how_many_media_it_takes(tmp_path: Path) -> None:
    said = mediakit(
        "burn",
        "--all-patients",
        SAMPLES,
        "-p",
        "STD-GEN-CD",
        "-o",
        tmp_path / "a.iso",
        "--capacity",
        CAPACITY,
    )
    assert said.code == 4
    assert "everything fits on 3 media of this size" in said.err
    assert "--span" in said.err
    assert left_in(tmp_path) == []


def test_the_rehearsal_shows_what_goes_where_and_the_report_has_it(tmp_path: Path) -> None:
    out, report = tmp_path / "out", tmp_path / "report.json"
    call = (
        "burn",
        "--all-patients",
        SAMPLES,
        "-p",
        "STD-GEN-CD",
        "-o",
        out,
        "--capacity",
        CAPACITY,
        "--span",
    )
    said = mediakit(*call, "-n", "--report", report)
    assert said.code == 0
    for number in (1, 2, 3):
        assert f"{out}-{number}of3  1." in said.out
        assert f"DICOM_{number}" in said.out
    assert not list(tmp_path.glob("out*"))
    document = json.loads(report.read_text())
    jsonschema.validate(document, json_schema())
    assert [one["written_bytes"] for one in document["media"]] == [None] * 3
    assert {one["medium"] for one in document["files"] if one["state"] == "planned"} == {1, 2, 3}
    page = tmp_path / "report.html"
    assert mediakit(*call, "--report", page).code == 0
    assert sorted(one.name for one in tmp_path.glob("out-*")) == ["out-1of3", "out-2of3", "out-3of3"]
    assert "Medium 3" in page.read_text()


@pytest.mark.parametrize("on_reject", OnReject)
def test_an_instance_that_no_medium_holds_is_refused(on_reject: OnReject, tmp_path: Path) -> None:
    sources = [CT_FOLDER, CT_THIN, CR]
    burnt = burnt_to(tmp_path / "a.iso", *sources, span=True, capacity="480kB", on_reject=on_reject)
    refused = [fate for fate in burnt.result.fates if fate.state is State.REFUSED]
    assert [Path(fate.source).name for fate in refused] == [CR.name]
    assert refused[0].because is not None
    assert refused[0].because.rule.id == "MK-FST-108"
    if on_reject is OnReject.FAIL:
        assert burnt.result.outcome is Outcome.DOES_NOT_FIT
        assert left_in(tmp_path) == []
    else:
        assert burnt.result.outcome is Outcome.FINDINGS
        assert left_in(tmp_path) == names_of(burnt) != []


def test_a_medium_without_a_size_of_its_own_needs_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="how much a medium holds"):
        burnt_to(tmp_path / "a.img", SAMPLES, profile="STD-GEN-USB-JPEG", span=True)
    burnt = burnt_to(tmp_path / "a.img", SAMPLES, profile="STD-GEN-USB-JPEG", span=True, capacity="6MB")
    assert burnt.result.outcome is Outcome.GOOD


def test_no_target_is_touched_when_one_of_them_exists(tmp_path: Path) -> None:
    (tmp_path / "a-2of3.iso").write_bytes(b"mine")
    with pytest.raises(UsageError, match="exists"):
        burnt_to(tmp_path / "a.iso", SAMPLES, span=True, capacity=CAPACITY)
    assert left_in(tmp_path) == ["a-2of3.iso"]
    burnt_to(tmp_path / "a.iso", SAMPLES, span=True, capacity=CAPACITY, overwrite=True)
    assert left_in(tmp_path) == ["a-1of3.iso", "a-2of3.iso", "a-3of3.iso"]
    written = [tmp_path / f"a-{number}of3.iso" for number in (1, 2, 3)]
    with pytest.raises(UsageError, match="is a source"):
        burnt_to(tmp_path / "a.iso", *written, span=True, capacity=CAPACITY, overwrite=True)


@pytest.mark.parametrize(
    ("taken", "there"), [("a-3of3.iso", []), ("a-1of3.iso", ["a-2of3.iso", "a-3of3.iso"])]
)
def test_a_name_that_is_taken_meanwhile_is_told_with_those_that_were_given(
    taken: str, there: list[str], tmp_path: Path
) -> None:
    seen = Counter[str]()

    def disturb(event: Event) -> None:
        if isinstance(event, PhaseStarted):
            seen[event.phase] += 1
            if event.phase == "proof" and seen["proof"] == 3:
                (tmp_path / taken).write_bytes(b"mine")

    burnt = burnt_to(tmp_path / "a.iso", SAMPLES, span=True, capacity=CAPACITY, tell=disturb)
    assert burnt.result.outcome not in {Outcome.GOOD, Outcome.FINDINGS}
    assert left_in(tmp_path) == sorted([taken, *there])
    assert (tmp_path / taken).read_bytes() == b"mine"
    told = burnt.result.report.by_rule()
    assert ("MK-FST-109" in told) == bool(there)
    assert [one.written_bytes is not None for one in burnt.media] == [
        Path(one.target).name in there for one in burnt.media
    ]
    assert {fate.medium for fate in burnt.result.fates if fate.state is State.FAILED} >= {1}


def test_killed_at_any_time_it_leaves_no_name_that_is_not_whole(tmp_path: Path) -> None:
    call = [sys.executable, "-m", "mediakit", "burn", "--all-patients", str(SAMPLES), "-p", "STD-GEN-CD"]
    call += ["-o", str(tmp_path / "a.iso"), "--capacity", CAPACITY, "--span", "-q", "--force"]
    for wait_s in (0.6, 0.9):
        with subprocess.Popen(call) as process:
            time.sleep(wait_s)
            process.send_signal(signal.SIGKILL)
        for path in tmp_path.glob("a-*"):
            assert (
                validate(path, ValidateOrder(profile=load_profile("STD-GEN-CD"))).result.outcome
                is Outcome.GOOD
            )


def test_zip_files_are_spanned_alike(tmp_path: Path) -> None:
    burnt = burnt_to(
        tmp_path / "a.zip",
        SAMPLES,
        profile="STD-GEN-ZIP-MAIL",
        span=True,
        capacity=CAPACITY,
        depth=Depth.PROVE,
    )
    assert burnt.result.outcome is Outcome.GOOD
    assert all(Path(one.target).stat().st_size <= 1_500_000 for one in burnt.media)
    assert len(burnt.media) == 2


def test_where_not_even_an_empty_medium_fits_it_is_not_told_to_span(tmp_path: Path) -> None:
    for name, profile in (("a.img", "STD-GEN-USB-JPEG"), ("a.iso", "STD-GEN-CD")):
        for capacity in ("0", "1", "60kB"):
            for options in (("--span",), ()):
                call = ("burn", CT_FOLDER, "-p", profile, "--capacity", capacity, *options)
                said = mediakit(*call, "-o", tmp_path / name)
                assert said.code == 4
                assert "MK-FST-110" in said.err
                assert "has no room even for a file-set without instances" in said.err
                assert "--span" not in said.err
    assert not list(tmp_path.iterdir())
