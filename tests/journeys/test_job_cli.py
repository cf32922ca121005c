"""`mediakit job`: list, show, report and remove, with the state folder from an option or the environment."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pydicom
import pytest

from mediakit.cli.state import jobs_of
from mediakit.errors import SourceError
from mediakit.findings import Where
from mediakit.journeys.import_result import STOPPED
from mediakit.journeys.stored_report import keep_imported, recalled
from mediakit.ledger.jobs import Jobs
from mediakit.outcome import Fate, Outcome, State
from mediakit.report.import_places import ended
from mediakit.report.imported import import_schema
from mediakit.report.jobs import job_schema, jobs_schema
from mediakit.transfer.imported import Imported
from mediakit.transfer.states import Happening
from tests.support.cli import mediakit, process
from tests.support.imports import imported
from tests.support.ledgers import EXPLICIT_LE, PEER, SOURCE, facts, row, uid
from tests.support.studies import CT_1, CT_2, folder_of


@pytest.fixture(name="state")
def _state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture(name="job")
def _job(state: Path) -> str:
    """Return a job that ended: one instance stored, one refused for good; a DICOMDIR beside them."""
    with Jobs(state / "jobs").start(facts()) as ledger:
        ledger.add([row(1), row(2, "DICOM/IM\udcff")], SOURCE)
        ledger.happen(uid(1), Happening.SEND, sent_as=EXPLICIT_LE)
        ledger.happen(uid(1), Happening.SUCCESS)
        ledger.happen(uid(2), Happening.SEND, sent_as=EXPLICIT_LE)
        ledger.happen(uid(2), Happening.ERROR, code=0xA900, words="does not match")
        keep_imported(ledger, told(ledger.job_id, state))
        return ledger.job_id


def told(job_id: str, state: Path) -> Imported:
    view = Jobs(state / "jobs").read(job_id)
    others = [Fate(source=f"{SOURCE}/DICOMDIR\udcff", state=State.EXCLUDED)]
    findings = [STOPPED.at(Where(path=PEER), why="no room")]
    return imported(list(view.rows()), others=others, findings=findings, job=job_id, verified="query")


def test_jobs_are_listed_with_what_became_of_them(state: Path, job: str) -> None:
    said = mediakit("job", "list", "--state", state)
    assert said.code == 0
    first, second, third = said.out.splitlines()
    assert first.startswith(f"{job}  20")
    assert first.endswith(" UTC  not everything was stored")
    assert second == f"  {SOURCE} -> {PEER}"
    assert third == "  1 stored, 1 failed"
    document = mediakit("job", "list", "--state", state, "--json").document
    jsonschema.validate(document, jobs_schema())
    assert document["jobs"][0]["counts"] == {"stored": 1, "failed": 1}


def test_a_job_that_was_killed_is_told_in_the_words_of_the_reports(state: Path) -> None:
    jobs = Jobs(state / "jobs")
    with jobs.start(facts()) as ledger:
        ledger.add([row(1), row(2), row(3)], SOURCE)
        ledger.happen(uid(1), Happening.SEND, sent_as=EXPLICIT_LE)
        running = mediakit("job", "list", "--state", state).out
    assert "1 sending" in running
    assert "2 unsent" in running
    out = mediakit("job", "list", "--state", state).out
    assert "1 uncertain" in out
    assert "2 unsent" in out


def test_without_jobs_the_list_says_so(state: Path) -> None:
    assert mediakit("job", "list", "--state", state).out == "there are no jobs\n"
    assert mediakit("job", "list", "--state", state, "--json").document["jobs"] == []
    assert not state.exists()


def test_a_running_and_a_damaged_job_are_listed_as_such(state: Path, job: str) -> None:
    (state / "jobs" / "20260101-aaaaaa.sqlite").write_bytes(b"nothing")
    with Jobs(state / "jobs").resume(job):
        said = mediakit("job", "list", "--state", state)
    assert said.code == 0
    assert "  running\n" in said.out
    assert "20260101-aaaaaa  cannot be read: " in said.out
    assert mediakit("job", "show", "20260101", "--state", state).code == 3
    assert mediakit("job", "remove", "20260101", "--state", state).code == 0


def test_show_tells_what_needs_attention_and_with_v_everything(state: Path, job: str) -> None:
    said = mediakit("job", "show", job[:12], "--state", state)
    assert said.code == 0
    assert "failed               DICOM/IM\\udcff" in said.out
    assert "status 0xA900  does not match" in said.out
    assert f"`mediakit job retry {job}`" in said.out
    assert uid(1) not in said.out
    assert uid(1) in mediakit("job", "show", job, "--state", state, "-v").out
    document = mediakit("job", "show", job, "--state", state, "--json").document
    jsonschema.validate(document, job_schema())
    assert [each["sop_instance_uid"] for each in document["instances"]] == [uid(2)]
    assert document["job"]["ended_with"] == "partly-stored"
    assert len(mediakit("job", "show", job, "--state", state, "--json", "-v").document["instances"]) == 2


def test_the_history_of_an_instance_is_shown(state: Path, job: str) -> None:
    said = mediakit("job", "show", job, "--instance", uid(2), "--state", state)
    lines = said.out.splitlines()
    assert lines[0] == uid(2)
    assert [line.split()[2:6] for line in lines[1:]] == [
        ["added", "-", "->", "planned"],
        ["send", "planned", "->", "sending"],
        ["error", "sending", "->", "failed"],
    ]
    assert lines[-1].endswith("status 0xA900  does not match")
    document = mediakit("job", "show", job, "--instance", uid(2), "--state", state, "--json").document
    assert [line["now"] for line in document["history"]] == ["planned", "sending", "failed"]
    assert mediakit("job", "show", job, "--instance", "2.25.404", "--state", state).code == 2


def test_the_report_is_made_again_as_it_was(state: Path, job: str, tmp_path: Path) -> None:
    page, document = tmp_path / "a.html", tmp_path / "a.json"
    said = mediakit("job", "report", job, "--state", state, "--report", page, "--report", document)
    assert said.code == 6
    assert "MK-IMP-020" in said.err
    assert "outcome: not everything was stored (exit code 6)" in said.out
    assert "1 of 2 images is not at the destination" in page.read_text(encoding="utf-8")
    kept = json.loads(document.read_text(encoding="utf-8"))
    jsonschema.validate(kept, import_schema())
    assert kept["counts"] == {"excluded": 1, "failed": 1, "stored": 1}
    assert kept["figures"]["sent_bytes"] == 2_500_000
    assert kept["verified"] == "query"
    printed = mediakit("job", "report", job, "--state", state, "--json").document
    assert printed == kept


def test_what_was_told_is_recalled_whole(state: Path, job: str) -> None:
    before, after = told(job, state), recalled(Jobs(state / "jobs").read(job))
    assert set(after.result.fates) == set(before.result.fates)
    assert after.result.report == before.result.report
    assert replace(after, result=before.result) == before


def test_an_import_that_was_killed_is_reported_as_interrupted(state: Path) -> None:
    with Jobs(state / "jobs").start(facts()) as ledger:
        ledger.add([row(1), row(2)], SOURCE)
        ledger.happen(uid(1), Happening.SEND)
    view = Jobs(state / "jobs").read(ledger.job_id)
    again = recalled(view)
    assert again.result.outcome is Outcome.INTERRUPTED
    assert [each.state for each in ended(again)] == [State.UNCERTAIN, State.UNSENT]
    assert mediakit("job", "report", ledger.job_id, "--state", state, "-q").code == 130


def test_what_is_kept_and_cannot_be_understood_is_said_to_be_damaged(state: Path, job: str) -> None:
    for text in ("{", "[]", '{"source": 1}'):
        with Jobs(state / "jobs").resume(job) as ledger:
            ledger.keep("imported", text)
            ledger.end("partly-stored")
        with pytest.raises(SourceError):
            recalled(Jobs(state / "jobs").read(job))
        assert mediakit("job", "report", job, "--state", state).code == 3


@pytest.mark.parametrize("command", ["show", "report", "retry", "remove"])
def test_an_unknown_job_is_a_usage_error(command: str, state: Path, job: str) -> None:
    said = mediakit("job", command, "1999", "--state", state, "--json")
    assert said.code == 2
    assert said.document["error"] == "there is no such job"


def test_a_job_of_which_it_is_not_known_how_to_go_on_is_not_tried_again(state: Path) -> None:
    odd = replace(facts(), options={"verify": "by telepathy"})
    with Jobs(state / "jobs").start(odd) as ledger:
        pass
    said = mediakit("job", "retry", ledger.job_id, "--state", state, "--json")
    assert said.code == 3
    assert "how to go on" in said.document["error"]


def test_a_removed_job_is_gone(state: Path, job: str) -> None:
    assert mediakit("job", "remove", job[:-1], "--state", state, "--json").document["job"] == job
    assert mediakit("job", "list", "--state", state).out == "there are no jobs\n"


def test_the_state_folder_is_taken_from_the_option_the_environment_or_the_home(tmp_path: Path) -> None:
    places = {}
    for name, environment in {
        "named": {"MEDIAKIT_STATE": str(tmp_path / "named"), "XDG_STATE_HOME": str(tmp_path / "xdg")},
        "xdg/mediakit": {"MEDIAKIT_STATE": "", "XDG_STATE_HOME": str(tmp_path / "xdg")},
        ".local/state/mediakit": {
            "MEDIAKIT_STATE": "",
            "XDG_STATE_HOME": "relative/is/passed/over",
            "HOME": str(tmp_path),
        },
    }.items():
        with Jobs(tmp_path / name / "jobs").start(facts()) as ledger:
            places[ledger.job_id] = environment
        assert ledger.job_id in process("job", "list", cwd=tmp_path, **environment).out
    assert jobs_of(tmp_path / "named").summaries()[0].job_id == next(iter(places))


def test_an_import_is_kept_shown_reported_and_tried_again_with_another_copy(
    state: Path, tmp_path: Path
) -> None:
    whole = folder_of(tmp_path / "whole", {"A/IM1": CT_1, "A/IM2": CT_2})
    broken = folder_of(tmp_path / "broken", {"A/IM1": CT_1, "A/IM2": CT_2})
    (broken / "A/IM2").write_bytes((broken / "A/IM2").read_bytes()[:900])
    first = mediakit("import", broken, f"dir:{tmp_path / 'out'}", "--state", state, "--json")
    assert first.code == 6
    job = first.document["job"]
    assert mediakit("job", "report", job, "--state", state, "--json").document == first.document
    shown = mediakit("job", "show", job, "--state", state)
    assert "unreadable           A/IM2" in shown.out
    assert mediakit("job", "retry", job, "--state", state, "-q").code == 6
    again = mediakit("job", "retry", job, "--source", whole, "--state", state, "--json")
    assert again.code == 0, again.err
    assert again.document["counts"] == {"stored": 2}
    history = mediakit("job", "show", job, "--instance", "path:A/IM2", "--state", state).out
    assert "superseded" in history
    assert mediakit("job", "list", "--state", state).out.splitlines()[0].endswith("good")


def test_a_retry_applies_the_map_of_the_job_and_without_it_leaves_the_job_as_it_is(
    state: Path, tmp_path: Path
) -> None:
    whole = folder_of(tmp_path / "whole", {"A/IM1": CT_1, "A/IM2": CT_2})
    broken = folder_of(tmp_path / "broken", {"A/IM1": CT_1, "A/IM2": CT_2})
    (broken / "A/IM2").write_bytes((broken / "A/IM2").read_bytes()[:900])
    values = tmp_path / "map.csv"
    foreign = pydicom.dcmread(CT_1, stop_before_pixels=True).PatientID
    values.write_text(f"from_patient_id,to_patient_id,approved\n{foreign},L-1,yes\n")
    out, at = tmp_path / "out", ("--state", state)
    first = mediakit("import", broken, f"dir:{out}", *at, "--map", values, "--json")
    assert first.code == 6
    job = first.document["job"]
    retry = ("job", "retry", job, "--source", whole, *at)

    without = mediakit(*retry)
    assert without.code == 2
    assert "go on with the same `--map`" in without.err
    assert "  not everything was stored" in mediakit("job", "list", *at).out

    assert mediakit(*retry, "--map", values).code == 0
    stored = [pydicom.dcmread(path, stop_before_pixels=True) for path in out.rglob("*.dcm")]
    assert [each.PatientID for each in stored] == ["L-1", "L-1"]

    assert mediakit(*retry).code == 2
    assert mediakit("job", "list", *at).out.splitlines()[0].endswith("good")
    assert mediakit("job", "report", job, *at, "-q").code == 0
