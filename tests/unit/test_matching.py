from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediakit.choices import APPROVE_ABOVE
from mediakit.dicom.identifier import Values
from mediakit.dicom.person_name import spellings
from mediakit.transfer.mapping import Subject, format_map, parse_map
from mediakit.transfer.matching import (
    LEAST,
    MATCH,
    Candidate,
    Ranking,
    Wanted,
    candidates_of,
    patient_requests,
    rank,
    rows_of,
    score,
    worklist_requests,
)
from mediakit.transfer.patient_identity import Identity

ANNA = Identity(patient_id="007", issuer="THEM", name="Müller^Anna", birth_date="19610430", sex="F")
WANTED = Wanted(subject=Subject(identity=ANNA))
ORDERED = Wanted(
    subject=Subject(identity=ANNA, study_uid="1.2.3", accession="F1"),
    study_date="20260131",
    modalities=frozenset({"CT"}),
)


def local(**changes: str) -> Candidate:
    values = {"patient_id": "L-1", "name": "MUELLER^ANNA", "birth_date": "19610430", "sex": "F", **changes}
    return Candidate(identity=Identity(**values))


def confidence(**changes: str) -> int:
    return score(WANTED, local(**changes)).confidence


def test_a_person_with_the_same_name_birth_date_and_sex_is_a_match() -> None:
    found = score(WANTED, local())
    assert found.confidence >= MATCH
    assert found.why == ("same name", "same birth date", "same sex")


def test_more_agreement_is_more_sure() -> None:
    assert confidence(patient_id="007") > confidence()
    assert confidence(patient_id="007", sex="", issuer="THEM") > confidence(patient_id="007", sex="") > 80
    assert confidence(patient_id="007", issuer="US") == confidence()
    assert confidence(name="Müller^Anne") < MATCH
    assert confidence(sex="") < MATCH
    assert confidence(birth_date="") < MATCH


@pytest.mark.parametrize(
    "changes",
    [{"name": "Jones^Mary"}, {"birth_date": "19610431"}, {"name": "Jones^Mary", "birth_date": "19700101"}],
)
def test_what_contradicts_outweighs_what_agrees(changes: dict[str, str]) -> None:
    assert confidence(patient_id="007", issuer="THEM", **changes) < LEAST


def test_another_sex_is_never_a_match() -> None:
    assert LEAST < confidence(patient_id="007", sex="M") < MATCH
    assert confidence(sex="O") < confidence()


def test_an_order_with_the_same_accession_number_or_study_is_more_sure() -> None:
    plain = score(ORDERED, local()).confidence
    order = Candidate(
        identity=local(name="Müller^Anne", sex="").identity,
        accession="F1",
        date="20260131",
        modalities=frozenset({"CT"}),
    )
    assert score(ORDERED, order).confidence >= MATCH
    assert "same Accession Number" in score(ORDERED, order).why
    assert plain == score(WANTED, local()).confidence


def test_one_good_candidate_is_a_match_and_two_equal_ones_are_ambiguous() -> None:
    assert rank(WANTED, [local(), local(name="Jones^Mary", patient_id="L-2")]).is_match
    twins = rank(WANTED, [local(), local(patient_id="L-2")])
    assert twins.is_ambiguous
    assert not twins.is_match
    assert not rank(WANTED, []).is_match
    assert rank(WANTED, [local(), local()]).is_match, "one person answered twice is one person"


def order(accession: str, date: str = "20260131", modality: str = "CT", study_uid: str = "") -> Candidate:
    return Candidate(
        identity=local().identity,
        accession=accession,
        date=date,
        modalities=frozenset({modality} - {""}),
        study_uid=study_uid,
    )


def test_two_orders_of_one_person_that_fit_are_ambiguous() -> None:
    assert rank(ORDERED, [order("A1"), order("A2")]).is_ambiguous


def test_an_order_gives_its_accession_number_only_when_modality_and_date_are_those_of_the_study() -> None:
    cases = {
        "both fit": (order("A1"), "A1"),
        "other date": (order("A1", date="20210131"), ""),
        "other modality": (order("A1", modality="MR"), ""),
        "no date": (order("A1", date=""), ""),
        "no modality": (order("A1", modality=""), ""),
        "the UID of the study": (order("A1", date="20260201", study_uid="1.2.3"), "A1"),
    }
    for name, (candidate, accession) in cases.items():
        (row,) = rows_of(rank(ORDERED, [candidate]), "worklist", APPROVE_ABOVE)
        assert (row.to_patient_id, row.to_accession, row.approved) == ("L-1", accession, True), name
        assert ("not taken" in row.source) == (not accession), name


def test_an_order_is_not_taken_for_a_study_of_which_date_or_modality_is_not_known() -> None:
    for wanted in (replace(ORDERED, study_date=""), replace(ORDERED, modalities=frozenset())):
        (row,) = rows_of(rank(wanted, [order("A1", date=wanted.study_date)]), "worklist")
        assert row.to_accession == ""


def test_of_the_orders_of_one_person_the_one_that_fits_is_taken() -> None:
    orders = [order("A1", modality="MR"), order("A2"), order("A3", date="20260201")]
    ranking = rank(ORDERED, orders)
    assert ranking.is_match
    assert [row.to_accession for row in rows_of(ranking, "worklist")] == ["A2"]


def test_orders_that_do_not_fit_stand_for_the_person_once() -> None:
    ranking = rank(ORDERED, [order("A1", modality="MR"), order("A2", date="20260201")])
    assert ranking.is_match
    assert [row.to_accession for row in rows_of(ranking, "worklist")] == [""]


def test_a_perfect_match_is_sure_enough_by_default() -> None:
    (row,) = rows_of(rank(WANTED, [local()]), "query", APPROVE_ABOVE)
    assert row.approved
    (similar,) = rows_of(rank(WANTED, [local(name="Müller^Anne")]), "query", APPROVE_ABOVE)
    assert not similar.approved


def test_the_documentation_has_the_points_of_the_confidence() -> None:
    text = (Path(__file__).parents[2] / "docs" / "identity.md").read_text("utf-8")
    for what, points in (
        ("same name", score(WANTED, local(birth_date="", sex=""))),
        ("similar name", score(WANTED, local(name="Müller^Anne", birth_date="", sex=""))),
        ("same birth date", score(WANTED, local(name="", sex=""))),
        ("same sex", score(WANTED, local(name="", birth_date=""))),
        ("same Patient ID and issuer", score(WANTED, _id_alone("THEM"))),
        ("same Patient ID", score(WANTED, _id_alone(""))),
    ):
        assert points.why == (what,)
        assert f"| {what} | {points.confidence} |" in text


def _id_alone(issuer: str) -> Candidate:
    return local(patient_id="007", issuer=issuer, name="", birth_date="", sex="")


def rows(ranking: Ranking, above: int | None = None) -> list[tuple[str, bool]]:
    return [(row.to_patient_id, row.approved) for row in rows_of(ranking, "query", above)]


def test_nothing_is_approved_unless_that_was_asked_for() -> None:
    ranking = rank(
        WANTED, [local(patient_id="007", issuer="THEM"), local(name="Müller^Anne", patient_id="L-2")]
    )
    assert ranking.scored[0].confidence == 100
    assert rows(ranking) == [("007", False), ("L-2", False)]
    assert rows(ranking, 99) == [("007", True), ("L-2", False)]
    assert rows(ranking, 100) == [("007", False), ("L-2", False)]


@pytest.mark.parametrize("candidates", [[local(), local(patient_id="L-2")], [local(sex="M")], []])
def test_what_is_no_match_is_never_approved(candidates: list[Candidate]) -> None:
    assert all(not approved for _, approved in rows(rank(WANTED, candidates), 0))


def test_somebody_whom_nobody_knows_gets_a_row_to_fill_in() -> None:
    (row,) = rows_of(rank(WANTED, []), "query")
    assert (row.from_patient_id, row.from_name, row.to_patient_id) == ("007", "Müller^Anna", "")
    assert row.source == "query: nobody found"


def test_the_rows_make_a_map_that_is_read_again() -> None:
    made = list(rows_of(rank(ORDERED, [local(), local(patient_id="L-2")]), "worklist"))
    read = parse_map(format_map(made).encode(), "map.csv")
    assert [row.changes for row in read] == [row.changes for row in made]
    assert all(row.is_for(ORDERED.subject) for row in read)


def test_reasons_hold_no_value() -> None:
    for each in rank(ORDERED, [local(patient_id="007")]).scored:
        assert not any(value in " ".join(each.why) for value in ("007", "Anna", "1961"))


def test_answers_become_candidates() -> None:
    answer: Values = {
        0x00100010: "Doe^Jane",
        0x00100020: "L-1 ",
        0x00100030: "1961.04.30",
        0x00100040: "female",
        0x00080050: "A1",
        0x00400100: ({0x00080060: "CT", 0x00400002: "20260131"},),
    }
    (candidate,) = candidates_of([answer, {0x00100010: "No^Id"}, {0x00100020: "x" * 65}])
    assert candidate == Candidate(
        identity=Identity(patient_id="L-1", name="Doe^Jane", birth_date="19610430"),
        accession="A1",
        date="20260131",
        modalities=frozenset({"CT"}),
    )


def test_a_person_is_asked_for_by_id_and_birth_date() -> None:
    by_id, by_date = patient_requests(ANNA)
    assert by_id[0x00100020] == "007"
    assert by_id[0x00080052] == "PATIENT"
    assert (by_date[0x00100020], by_date[0x00100030]) == ("", "19610430")


def test_a_person_without_birth_date_is_asked_for_by_each_spelling_of_the_name() -> None:
    asked = [keys[0x00100010] for keys in patient_requests(Identity(name="Müller^Anna=山田^花子"))]
    assert asked == ["Müller*", "MÜLLER*", "MULLER*", "Muller*", "MUELLER*", "Mueller*", "山田*"]


def test_a_worklist_is_asked_by_accession_id_and_name() -> None:
    asked = list(worklist_requests(ORDERED.subject))
    assert asked[0][0x00080050] == "F1"
    assert asked[1][0x00100020] == "007"
    assert asked[2][0x00100010] == "Müller*"
    assert asked[0][0x00400100] == ({0x00080060: "", 0x00400002: ""},)


@pytest.mark.parametrize("name", ["MUELLER^ANNA", "Mueller^Anna", "MÜLLER^ANNA"])
def test_an_umlaut_that_is_spelled_out_is_looked_for_as_such(name: str) -> None:
    assert {"Müller", "MÜLLER", "Mueller", "MUELLER"} <= set(spellings(name))


@pytest.mark.parametrize("value", ["*", "A*", "?", "A\\B", "a\nb"])
def test_what_a_query_would_take_for_a_pattern_is_not_asked_for(value: str) -> None:
    hostile = Subject(identity=Identity(patient_id=value, birth_date=value), accession=value)
    for keys in (*patient_requests(hostile.identity), *worklist_requests(hostile)):
        assert value not in keys.values()


@given(st.text(max_size=40))
def test_spellings_of_any_text_are_no_patterns(name: str) -> None:
    assert all(word and not set(word) & set("*?\\^=") for word in spellings(name))
