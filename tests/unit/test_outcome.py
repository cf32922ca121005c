"""The exit code follows from the fates: a table over every set of states that a journey can end with."""

from __future__ import annotations

import itertools

import pytest

from mediakit.findings import Report, Rule, Severity
from mediakit.outcome import (
    Fate,
    Outcome,
    Result,
    State,
    outcome_of,
    outcome_of_import,
)

RULES = {
    severity: Rule(id=f"MK-TST-{severity.rank}", severity=severity, title="x", ref="")
    for severity in Severity
}
CLEAN = Report.of("s", ())


def fates(*states: State) -> list[Fate]:
    return [Fate(source=str(number), state=state) for number, state in enumerate(states)]


# What the file of the row does to a journey in which the other file is in the state of the column.
# G good, F findings, S source, D does not fit, I integrity.
COLUMNS = (
    State.WRITTEN,
    State.CONVERTED,
    State.DEIDENTIFIED,
    State.PLANNED,
    State.DUPLICATE,
    State.NOT_DICOM,
    State.EXCLUDED,
    State.REFUSED,
    State.UNREADABLE,
    State.WITHHELD,
    State.FAILED,
    State.VALID,
    State.FAULTY,
    State.SAME,
    State.DIFFERS,
    State.ALONE,
)
TABLE = {
    State.WRITTEN: "GGGGGGGFFSIGFGFF",
    State.CONVERTED: "GGGGGGGFFSIGFGFF",
    State.DEIDENTIFIED: "GGGGGGGFFSIGFGFF",
    State.PLANNED: "GGGGGGGFFSIGFGFF",
    State.DUPLICATE: "GGGGSSSDSSIGFGFF",
    State.NOT_DICOM: "GGGGSSSDSSIGFGFF",
    State.EXCLUDED: "GGGGSSSDSSIGFGFF",
    State.REFUSED: "FFFFDDDDDDIFFFFF",
    State.UNREADABLE: "FFFFSSSDSSIFFFFF",
    State.WITHHELD: "SSSSSSSDSSISSSSS",
    State.FAILED: "IIIIIIIIIIIIIIII",
    State.VALID: "GGGGGGGFFSIGFGFF",
    State.FAULTY: "FFFFFFFFFSIFFFFF",
    State.SAME: "GGGGGGGFFSIGFGFF",
    State.DIFFERS: "FFFFFFFFFSIFFFFF",
    State.ALONE: "FFFFFFFFFSIFFFFF",
}
#: In these only an import ends.
IMPORT_STATES = frozenset(
    {
        State.STORED,
        State.STORED_WITH_WARNING,
        State.COMMITTED,
        State.ALREADY_THERE,
        State.UNCONFIRMED,
        State.UNCERTAIN,
        State.UNSENT,
        State.NOT_NEGOTIATED,
        State.MISSING,
        State.CONFLICT,
    }
)
#: And in these only an update.
UPDATE_STATES = frozenset({State.KEPT, State.REMOVED, State.TO_REMOVE})
#: And in this one only fetching from an archive.
FETCH_STATES = frozenset({State.FETCHED})
LETTERS = {
    "G": Outcome.GOOD,
    "F": Outcome.FINDINGS,
    "S": Outcome.SOURCE,
    "D": Outcome.DOES_NOT_FIT,
    "I": Outcome.INTEGRITY,
}


def test_the_table_knows_every_state() -> None:
    assert set(TABLE) == set(COLUMNS) == set(State) - IMPORT_STATES - UPDATE_STATES - FETCH_STATES


def test_the_outcome_of_every_pair_of_states() -> None:
    wrong = [
        (pair, expected, outcome)
        for one, letters in TABLE.items()
        for other, letter in zip(COLUMNS, letters, strict=True)
        for pair, expected in (((one, other), LETTERS[letter]), ((other, one), LETTERS[letter]))
        if (outcome := outcome_of(fates(*pair), CLEAN)) is not expected
    ]
    assert wrong == []


def test_one_file_alone_ends_as_two_of_its_kind() -> None:
    alone = {state: outcome_of(fates(state), CLEAN) for state in COLUMNS}
    assert alone == {state: outcome_of(fates(state, state), CLEAN) for state in COLUMNS}


def test_no_file_at_all_is_a_wrong_source() -> None:
    assert outcome_of((), CLEAN) is Outcome.SOURCE


@pytest.mark.parametrize(("found", "fail_on"), list(itertools.product(Severity, Severity)))
def test_findings_count_from_the_severity_that_was_asked_for(found: Severity, fail_on: Severity) -> None:
    report = Report.of("s", [RULES[found].at()])
    outcome = outcome_of(fates(State.WRITTEN), report, fail_on)
    assert outcome is (Outcome.FINDINGS if found.rank >= fail_on.rank else Outcome.GOOD)


def test_findings_do_not_hide_that_nothing_was_written() -> None:
    report = Report.of("s", [RULES[Severity.ERROR].at()])
    assert outcome_of(fates(State.REFUSED, State.WITHHELD), report) is Outcome.DOES_NOT_FIT
    assert outcome_of(fates(State.FAILED), report) is Outcome.INTEGRITY


def test_the_exit_codes_are_those_of_the_table() -> None:
    assert {outcome.word: int(outcome) for outcome in Outcome} == {
        "good": 0,
        "findings": 1,
        "usage": 2,
        "source": 3,
        "does-not-fit": 4,
        "no-association": 5,
        "partly-stored": 6,
        "identity": 7,
        "integrity": 8,
        "fault": 70,
        "interrupted": 130,
    }


def test_the_good_states_are_those_that_need_nobody() -> None:
    assert {state for state in State if not state.is_good} == {
        State.REFUSED,
        State.UNREADABLE,
        State.WITHHELD,
        State.FAILED,
        State.FAULTY,
        State.DIFFERS,
        State.ALONE,
        State.UNCONFIRMED,
        State.UNCERTAIN,
        State.UNSENT,
        State.NOT_NEGOTIATED,
        State.MISSING,
        State.CONFLICT,
    }


# What an import comes to when its files end in these states: the worst of them decides.
IMPORTS = [
    ((), Outcome.SOURCE),
    ((State.NOT_DICOM, State.EXCLUDED), Outcome.SOURCE),
    ((State.UNREADABLE, State.MISSING), Outcome.SOURCE),
    ((State.STORED, State.NOT_DICOM, State.EXCLUDED, State.DUPLICATE), Outcome.GOOD),
    ((State.STORED, State.STORED_WITH_WARNING, State.ALREADY_THERE, State.COMMITTED), Outcome.GOOD),
    ((State.PLANNED,), Outcome.GOOD),
    ((State.STORED, State.UNREADABLE), Outcome.PARTLY_STORED),
    ((State.STORED, State.MISSING), Outcome.PARTLY_STORED),
    ((State.STORED, State.UNSENT), Outcome.PARTLY_STORED),
    ((State.STORED, State.REFUSED), Outcome.PARTLY_STORED),
    ((State.STORED, State.FAILED), Outcome.PARTLY_STORED),
    ((State.STORED, State.NOT_NEGOTIATED), Outcome.PARTLY_STORED),
    ((State.STORED, State.UNCERTAIN), Outcome.PARTLY_STORED),
    ((State.STORED, State.CONFLICT), Outcome.PARTLY_STORED),
    ((State.REFUSED,), Outcome.PARTLY_STORED),
    ((State.NOT_NEGOTIATED,), Outcome.PARTLY_STORED),
    ((State.UNCERTAIN,), Outcome.PARTLY_STORED),
    ((State.UNSENT,), Outcome.NO_ASSOCIATION),
    ((State.UNSENT, State.UNREADABLE), Outcome.NO_ASSOCIATION),
    ((State.STORED, State.UNCONFIRMED, State.FAILED), Outcome.INTEGRITY),
    ((State.WITHHELD, State.UNREADABLE), Outcome.IDENTITY),
]


@pytest.mark.parametrize(("states", "outcome"), IMPORTS)
def test_an_import_is_good_only_when_every_instance_is_there(
    states: tuple[State, ...], outcome: Outcome
) -> None:
    assert outcome_of_import(fates(*states), CLEAN) is outcome
    assert outcome_of_import(fates(*reversed(states)), CLEAN) is outcome


def test_every_state_of_an_import_stands_in_its_table() -> None:
    assert {state for states, _ in IMPORTS for state in states} >= IMPORT_STATES


@pytest.mark.parametrize(("found", "fail_on"), list(itertools.product(Severity, Severity)))
def test_findings_of_an_import_count_from_the_severity_asked_for(found: Severity, fail_on: Severity) -> None:
    outcome = outcome_of_import(fates(State.STORED), Report.of("s", [RULES[found].at()]), fail_on)
    assert outcome is (Outcome.FINDINGS if found.rank >= fail_on.rank else Outcome.GOOD)


def test_a_result_counts_its_files_by_state() -> None:
    result = Result(
        journey="burn",
        fates=tuple(fates(State.WRITTEN, State.WRITTEN, State.NOT_DICOM)),
        report=CLEAN,
        outcome=Outcome.GOOD,
    )
    assert result.counts() == {State.WRITTEN: 2, State.NOT_DICOM: 1}
