from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


def test_two_orders_of_one_person_are_ambiguous() -> None:
    orders = [Candidate(identity=local().identity, accession=number) for number in ("A1", "A2")]
    assert rank(ORDERED, orders).is_ambiguous


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
