"""An import of one file, or of nothing: reports name what the user named, and no job is begun in vain."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest

from mediakit.journeys.import_ import import_medium
from mediakit.journeys.stored_report import recalled
from mediakit.ledger.jobs import Jobs
from mediakit.outcome import Outcome, State
from mediakit.report.imported import imported_text
from mediakit.report.imported_html import imported_html
from mediakit.report.jobs import job_text
from mediakit.stages.import_order import ImportOrder
from mediakit.stages.plan.import_target import Target
from mediakit.transfer.imported import Imported
from tests.support.cli import mediakit
from tests.support.importing import ALL_PATIENTS, QUICK
from tests.support.mails import message, part
from tests.support.scripted import BAD, ScriptedDestination
from tests.support.studies import CT_1, NOTES, burnt_to, folder_of


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return Jobs(tmp_path / "jobs")


def run(
    source: Path, jobs: Jobs, destination: ScriptedDestination | None = None, **changes: object
) -> Imported:
    order = ImportOrder(**{"patience": QUICK, "expectation": ALL_PATIENTS, **changes})  # type: ignore[arg-type]  # each test passes its fields
    return import_medium(source, Target(destination=destination or ScriptedDestination()), jobs, order)


def rules(imported: Imported) -> set[str]:
    return set(imported.result.report.by_rule())


def test_a_file_that_was_not_sent_is_named_as_the_user_named_it(tmp_path: Path, jobs: Jobs) -> None:
    source = folder_of(tmp_path, {"x.dcm": CT_1}) / "x.dcm"
    imported = run(source, jobs, ScriptedDestination(script=lambda _item, _tries: BAD))
    uid = imported.rows[0].item.sop_instance
    view = jobs.read(imported.job)
    for text in (
        imported_text(imported),
        job_text(view.summary, recalled(view)),
        imported_html(imported, ""),
    ):
        line = next(line for line in text.splitlines() if uid in line and "x.dcm" in line)
        assert line.count(uid) == 1
    assert [fate.source for fate in imported.result.fates] == [str(source)]
    assert [fate.source for fate in recalled(view).result.fates] == [str(source)]


def test_a_file_that_is_cut_off_is_named_as_the_user_named_it(tmp_path: Path, jobs: Jobs) -> None:
    source = folder_of(tmp_path, {"x.dcm": CT_1.read_bytes()[:2000]}) / "x.dcm"
    imported = run(source, jobs)
    assert imported.result.outcome is Outcome.SOURCE
    assert "unreadable           " + str(source) in imported_text(imported)
    assert "path:" not in imported_text(imported)


def test_of_one_file_nobody_expects_a_directory(tmp_path: Path, jobs: Jobs) -> None:
    imported = run(folder_of(tmp_path, {"x.dcm": CT_1}) / "x.dcm", jobs)
    assert imported.result.outcome is Outcome.GOOD
    assert rules(imported) == set()
    folder = run(folder_of(tmp_path / "m", {"x.dcm": CT_1}), jobs)
    assert "MK-IMP-006" in rules(folder)


def test_the_directory_of_a_medium_is_said_to_be_left_because_it_is_no_instance(
    tmp_path: Path, jobs: Jobs
) -> None:
    burnt_to(tmp_path / "cd", CT_1)
    imported = run(tmp_path / "cd", jobs)
    assert rules(imported) == {"MK-IMP-030"}
    (fate,) = (fate for fate in imported.result.fates if fate.state is State.EXCLUDED)
    assert fate.because is not None and "not sent" in fate.because.text


@pytest.mark.parametrize("resume", [False, True])
def test_a_medium_without_instances_begins_no_job(resume: bool, tmp_path: Path, jobs: Jobs) -> None:
    imported = run(folder_of(tmp_path / "m", {"notes.txt": NOTES}), jobs, resume=resume)
    assert imported.result.outcome is Outcome.SOURCE
    assert imported.job == "" and jobs.summaries() == ()
    assert imported.result.counts() == {State.NOT_DICOM: 1}
    assert "--resume" not in imported_text(imported)


def test_a_medium_whose_only_instance_is_unreadable_begins_a_job_that_a_copy_can_go_on_with(
    tmp_path: Path, jobs: Jobs
) -> None:
    imported = run(folder_of(tmp_path / "m", {"A": CT_1.read_bytes()[:2000]}), jobs)
    assert imported.result.outcome is Outcome.SOURCE and imported.job
    again = run(folder_of(tmp_path / "copy", {"A": CT_1}), jobs, job=imported.job, resume=True)
    assert again.result.outcome is Outcome.GOOD and again.job == imported.job


def test_the_command_says_nothing_of_a_job_that_is_not_there(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "m", {"notes.txt": NOTES})
    said = mediakit("import", source, f"dir:{tmp_path / 'out'}", "--state", tmp_path / "state")
    assert said.code == 3
    assert "job" not in said.out and "job" not in said.err
    assert "there are no jobs" in mediakit("job", "list", "--state", tmp_path / "state").out


def test_a_mailbox_of_two_mails_is_not_a_medium_to_give_back(tmp_path: Path, jobs: Jobs) -> None:
    ct = part(b64encode(CT_1.read_bytes()), "Content-Type: application/dicom; id=IM1")
    mail = message(tmp_path / "one.eml", ct)
    imported = run(mail, jobs)
    assert imported.result.outcome is Outcome.GOOD
    mail.write_bytes(mail.read_bytes() + b"\nFrom a@b Mon Jan  1 00:00:00 2024\n" + mail.read_bytes())
    imported = run(mail, jobs)
    assert imported.result.outcome is Outcome.FINDINGS
    assert "MK-VAL-002" in rules(imported)
