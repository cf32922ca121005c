"""Whatever a destination answers, every instance ends in the state that is true of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from mediakit.destinations.base import Unreachable
from mediakit.dicom.uids import STORAGE
from mediakit.ledger.jobs import Jobs
from mediakit.outcome import Outcome, State
from mediakit.stages.import_order import ImportDepth, Patience
from mediakit.transfer.outgoing import Answer, Outgoing, StatusClass
from tests.support.import_runs import IMPLICIT, rules, run, small_file, states, uid_of
from tests.support.scripted import BAD, FULL, LOSE, SUCCESS, WARNING, ScriptedDestination
from tests.support.studies import CT_1, CT_2, CT_3, SAMPLES, folder_of


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return Jobs(tmp_path / "jobs")


@pytest.fixture
def ct(tmp_path: Path) -> Path:
    return folder_of(tmp_path / "ct", {"A/IM1": CT_1, "A/IM2": CT_2, "A/IM3": CT_3})


def test_a_destination_that_refuses_everything_is_no_success(ct: Path, jobs: Jobs) -> None:
    imported = run(ct, ScriptedDestination(script=lambda _item, _tries: FULL), jobs)
    assert set(states(imported).values()) == {State.REFUSED}
    assert imported.result.outcome is Outcome.PARTLY_STORED
    assert "MK-IMP-011" in rules(imported)


@pytest.mark.parametrize(
    ("name", "answer", "said"),
    [
        ("SCRIPT@127.0.0.1:1", FULL, "also when asked again: status 0xA700 (out of resources)"),
        ("SCRIPT@127.0.0.1:1", BAD, "accept it: status 0xC000 (cannot understand)"),
        ("SCRIPT@127.0.0.1:1", WARNING, "with a warning: status 0xB000 (coercion)"),
        (
            "dicomweb+http://127.0.0.1:1",
            Answer(kind=StatusClass.ERROR, code=413, words="too large"),
            "accept it: status 413 (too large)",
        ),
        (
            "dir:/in",
            Answer(kind=StatusClass.REFUSED, words="there is no room"),
            "also when asked again: there is no room",
        ),
    ],
)
def test_a_finding_says_an_answer_in_the_words_of_its_kind_of_destination(
    name: str, answer: Answer, said: str, ct: Path, jobs: Jobs
) -> None:
    destination = ScriptedDestination(script=lambda _item, _tries: answer, name=name)
    texts = {finding.text for finding in run(ct, destination, jobs).result.report.findings}
    assert len([text for text in texts if text.endswith(said)]) == 1


def test_a_refusal_is_tried_again_and_an_error_is_not(ct: Path, jobs: Jobs) -> None:
    refused, failed = uid_of(CT_1), uid_of(CT_2)

    def script(item: Outgoing, tries: int) -> object:
        if item.sop_instance == refused:
            return FULL if tries == 0 else SUCCESS
        return BAD if item.sop_instance == failed else WARNING

    destination = ScriptedDestination(script=script)  # type: ignore[arg-type]
    imported = run(ct, destination, jobs)
    assert states(imported) == {
        "IM1": State.STORED,
        "IM2": State.FAILED,
        "IM3": State.STORED_WITH_WARNING,
    }
    assert Counter(destination.uids())[refused] == 2
    assert Counter(destination.uids())[failed] == 1
    assert {"MK-IMP-012", "MK-IMP-013"} <= rules(imported)


def test_a_full_destination_is_not_sent_everything_in_vain(jobs: Jobs) -> None:
    destination = ScriptedDestination(script=lambda _item, _tries: FULL)
    patience = Patience(refusals=(), connections=(), refusals_in_a_row=3)
    imported = run(SAMPLES, destination, jobs, patience=patience)
    assert len(destination.received) == 3
    assert imported.result.counts()[State.UNSENT] == 37
    assert imported.result.counts()[State.REFUSED] == 3


def test_an_answer_that_never_came_is_asked_for_again(ct: Path, jobs: Jobs) -> None:
    lost = uid_of(CT_2)
    destination = ScriptedDestination(
        script=lambda item, tries: LOSE if item.sop_instance == lost and tries == 0 else SUCCESS
    )
    imported = run(ct, destination, jobs)
    assert imported.result.outcome is Outcome.GOOD
    assert Counter(destination.uids())[lost] == 2


def test_an_instance_that_ends_every_connection_is_left_and_the_others_go(ct: Path, jobs: Jobs) -> None:
    lost = uid_of(CT_1)
    destination = ScriptedDestination(
        script=lambda item, _tries: LOSE if item.sop_instance == lost else SUCCESS
    )
    imported = run(ct, destination, jobs)
    assert states(imported) == {"IM1": State.UNCERTAIN, "IM2": State.STORED, "IM3": State.STORED}
    assert "MK-IMP-014" in rules(imported)


def test_a_destination_that_cannot_be_reached_leaves_everything_unsent(ct: Path, jobs: Jobs) -> None:
    destination = ScriptedDestination(unreachable=[Unreachable("nobody answers")])
    imported = run(ct, destination, jobs)
    assert set(states(imported).values()) == {State.UNSENT}
    assert imported.result.outcome is Outcome.NO_ASSOCIATION
    assert "MK-IMP-020" in rules(imported)


def test_a_passing_trouble_is_waited_for(ct: Path, jobs: Jobs) -> None:
    busy = Unreachable("too many associations", is_busy=True)
    imported = run(ct, ScriptedDestination(unreachable=[busy, busy]), jobs)
    assert imported.result.outcome is Outcome.GOOD


def test_what_the_destination_does_not_take_is_converted_and_named(ct: Path, jobs: Jobs) -> None:
    destination = ScriptedDestination(takes_syntax=lambda _class, syntax: syntax == IMPLICIT)
    imported = run(ct, destination, jobs)
    assert imported.result.outcome is Outcome.GOOD
    assert {syntax for _, syntax, _ in destination.received} == {IMPLICIT}
    assert "MK-CNV-001" in rules(imported)
    assert {row.sent_as for row in imported.rows} == {IMPLICIT}


def test_without_leave_nothing_is_converted(ct: Path, jobs: Jobs) -> None:
    destination = ScriptedDestination(takes_syntax=lambda _class, syntax: syntax == IMPLICIT)
    imported = run(ct, destination, jobs, may_convert=False)
    assert set(states(imported).values()) == {State.NOT_NEGOTIATED}
    assert imported.result.outcome is Outcome.PARTLY_STORED
    assert "MK-IMP-010" in rules(imported)


def test_a_rehearsal_speaks_to_nobody_and_begins_no_job(ct: Path, jobs: Jobs) -> None:
    destination = ScriptedDestination()
    imported = run(ct, destination, jobs, depth=ImportDepth.PLAN)
    assert imported.is_rehearsal
    assert imported.result.outcome is Outcome.GOOD
    assert not destination.connections and not jobs.summaries()
    assert [line.count for line in imported.contexts] == [3]


def test_a_probe_tells_what_would_go_and_how_and_sends_nothing(ct: Path, jobs: Jobs) -> None:
    destination = ScriptedDestination(takes_syntax=lambda _class, syntax: syntax == IMPLICIT)
    imported = run(ct, destination, jobs, depth=ImportDepth.PROBE)
    assert [line.accepted for line in imported.contexts] == [
        "would be converted to Implicit VR Little Endian"
    ]
    assert not destination.received
    refusing = run(ct, ScriptedDestination(takes_syntax=lambda *_: False), jobs, depth=ImportDepth.PROBE)
    assert refusing.result.outcome is Outcome.PARTLY_STORED
    silent = run(ct, ScriptedDestination(unreachable=[Unreachable("x")]), jobs, depth=ImportDepth.PROBE)
    assert silent.result.outcome is Outcome.NO_ASSOCIATION


def test_more_contexts_than_an_association_holds_take_several(tmp_path: Path, jobs: Jobs) -> None:
    files: dict[str, Path | bytes] = {
        f"IM{number:03d}": small_file(uid, number) for number, uid in enumerate(list(STORAGE)[:140])
    }
    destination = ScriptedDestination()
    imported = run(folder_of(tmp_path / "m", files), destination, jobs)
    assert len(set(destination.uids())) == 140
    assert all(len(contexts) <= 128 for contexts in destination.connections)
    assert imported.result.outcome is Outcome.GOOD
