from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediakit.errors import UsageError
from mediakit.transfer.coercion import CoercionPlan, plan_coercion
from mediakit.transfer.mapping import COLUMNS, MapRow, Subject, format_map, parse_map
from mediakit.transfer.patient_identity import Identity
from tests.support.each import each

ANNA = Identity(patient_id="007", issuer="THEM", name="Müller^Anna", birth_date="19610430", sex="F")
STUDY = Subject(identity=ANNA, study_uid="1.2.3", accession="F1")
NAME, PATIENT_ID, ISSUER, BIRTH, ACCESSION = 0x00100010, 0x00100020, 0x00100021, 0x00100030, 0x00080050


def parsed(text: str) -> tuple[MapRow, ...]:
    return parse_map(text.encode(), "map.csv")


def faults(text: str | bytes) -> str:
    with pytest.raises(UsageError) as failed:
        parse_map(text.encode() if isinstance(text, str) else text, "map.csv")
    return str(failed.value)


def plan(text: str, *subjects: Subject) -> CoercionPlan:
    return plan_coercion(subjects or (STUDY,), parsed(text))


def ids(planned: CoercionPlan) -> list[str]:
    assert all(finding.text for finding in planned.findings)
    return [finding.rule.id for finding in planned.findings]


HEAD = "from_patient_id,from_name,to_patient_id,to_name,approved\n"


@each("separator", [",", ";"])
@each("start", [b"", b"\xef\xbb\xbf"])
@each("end", ["\n", "\r\n"])
def test_a_map_is_read_as_spreadsheets_write_it(separator: str, start: bytes, end: str) -> None:
    lines = ["From_Patient_ID , from_birth_date,to_patient_id,to_birth_date,confidence,source,approved"]
    lines += ['007,1961-04-30,L-1,1961-04-30,95,"Smith, by phone",YES', "", ",,,,,,"]
    text = end.join(line.replace(",", separator) if '"' not in line else line for line in lines)
    if separator == ";":
        text = text.replace(
            '007,1961-04-30,L-1,1961-04-30,95,"Smith, by phone",YES',
            '007;1961-04-30;L-1;1961-04-30;95;"Smith, by phone";YES',
        )
    (row,) = parse_map(start + text.encode(), "map.csv")
    assert (row.from_patient_id, row.to_patient_id, row.to_birth_date) == ("007", "L-1", "19610430")
    assert (row.confidence, row.source, row.approved, row.line) == (95, "Smith, by phone", True, 2)
    assert row.changes == {PATIENT_ID: "L-1", BIRTH: "19610430"}


def test_all_faults_are_told_at_once_with_their_lines() -> None:
    said = faults(
        "from_patient_id,to_patient_id,to_birth_date,to_sex,confidence,approved\n"
        "1,,,,,yes\n"
        "2,L-2,31.12.99,,,no\n"
        "3,L-3,,female,,no\n"
        "4,L-4,,,120,perhaps\n"
        "5,L-5,,,,yes\n"
        "5,L-6,,,,yes\n"
        "6,L-6\n"
        ",L-7,,,,no\n"
    )
    for line in range(2, 10):
        if line != 6:
            assert f"line {line}:" in said
    assert "line 6:" not in said


@each(
    ("text", "what"),
    [
        ("", "to_patient_id is missing"),
        ("from_patient_id,approved\n", "to_patient_id is missing"),
        ("from_patient_id,to_patient_id\n", "approved is missing"),
        ("to_patient_id,approved\n", "no column to match"),
        (HEAD.replace("to_name", "to_nam"), "unknown column 'to_nam'"),
        (HEAD.replace("to_name", "to_patient_id"), "stands twice"),
        (HEAD + '1,"a\n', "no CSV"),
        (HEAD + "1," + "x" * 200_000 + ",2,3,no\n", "no CSV"),
        (b"from_patient_id,to_patient_id,approved\nM\xfcller,1,no\n", "UTF-8"),
        (HEAD + "1,A,L\\1,B,no\n", "backslash"),
    ],
)
def test_a_map_that_is_none_is_refused(text: str | bytes, what: str) -> None:
    assert what in faults(text)


def test_no_message_holds_a_value() -> None:
    said = faults(HEAD + "Secret,Hidden^Name,Very" + "x" * 80 + ",Private" + "y" * 80 + ",maybe\n")
    for value in ("Secret", "Hidden", "Very", "Private"):
        assert value not in said


def test_a_map_beyond_all_measure_is_refused() -> None:
    assert "larger" in faults(b"x" * (17 << 20))


def test_an_approved_row_is_applied() -> None:
    planned = plan(HEAD + "007,MUELLER^ANNA,L-1,Doe^Jane,yes\n")
    assert planned.changes_for(STUDY) == {PATIENT_ID: "L-1", NAME: "Doe^Jane"}
    after = planned.identity_after(STUDY)
    assert after == Identity(patient_id="L-1", issuer="", name="Doe^Jane", birth_date="19610430", sex="F")
    assert ids(planned) == []


@pytest.mark.parametrize("approved", ["no", "", "No"])
def test_a_row_that_nobody_approved_is_not_applied(approved: str) -> None:
    planned = plan(HEAD + f"007,,L-1,,{approved}\n")
    assert planned.changes_for(STUDY) is None
    assert planned.identity_after(STUDY) == ANNA
    assert ids(planned) == ["MK-IDN-030"]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ([], "nobody was found"),
        ([70], "1 candidate, the best with a confidence of 70"),
        ([60, 80, 80], "3 candidates, the best with a confidence of 80"),
    ],
)
def test_rows_of_no_file_tell_how_sure_they_are(found: list[int], words: str) -> None:
    rows = [
        MapRow(from_patient_id="007", to_patient_id=f"L-{place}", confidence=confidence)
        for place, confidence in enumerate(found)
    ] or [MapRow(from_patient_id="007")]
    (finding,) = plan_coercion([STUDY], rows).findings
    assert finding.rule.id == "MK-IDN-034"
    assert words in finding.text


@pytest.mark.parametrize(
    "row",
    [
        "7,,L-1,,yes",  # a spreadsheet took the zeros
        "007,Müller^Anne,L-1,,yes",
        "007,Jones^Mary,L-1,,yes",
    ],
)
def test_a_row_for_somebody_else_is_not_applied_and_is_told(row: str) -> None:
    planned = plan(HEAD + row + "\n")
    assert planned.changes_for(STUDY) is None
    assert ids(planned) == ["MK-IDN-032", "MK-IDN-033"]


@pytest.mark.parametrize(
    ("column", "right", "wrong"),
    [
        ("from_issuer", "THEM", "US"),
        ("from_birth_date", "1961.04.30", "19610431"),
        ("from_study_uid", "1.2.3", "1.2.4"),
        ("from_accession", "F1", "F2"),
    ],
)
def test_every_match_column_is_compared(column: str, right: str, wrong: str) -> None:
    head = f"from_patient_id,{column},to_patient_id,approved\n"
    assert plan(head + f"007,{right},L-1,yes\n").changes_for(STUDY) == {PATIENT_ID: "L-1"}
    assert plan(head + f"007,{wrong},L-1,yes\n").changes_for(STUDY) is None
    assert plan(head + "007,,L-1,yes\n").changes_for(STUDY) == {PATIENT_ID: "L-1"}


def test_an_empty_patient_id_stands_for_instances_without_one() -> None:
    nameless = Subject(identity=Identity(name="Müller^Anna"))
    planned = plan(HEAD + ",Müller^Anna,L-1,,yes\n", STUDY, nameless)
    assert planned.changes_for(nameless) == {PATIENT_ID: "L-1"}
    assert planned.changes_for(STUDY) is None


def test_without_the_column_the_patient_id_is_not_compared() -> None:
    planned = plan("from_name,to_patient_id,approved\nMüller^Anna,L-1,yes\n")
    assert planned.changes_for(STUDY) == {PATIENT_ID: "L-1"}


def test_contradicting_rows_are_not_applied() -> None:
    head = "from_patient_id,from_name,from_birth_date,to_patient_id,approved\n"
    text = head + "007,Müller^Anna,,L-1,yes\n007,,19610430,L-2,yes\n"
    planned = plan(text)
    assert planned.changes_for(STUDY) is None
    assert ids(planned) == ["MK-IDN-031"]
    assert "lines 2, 3" in planned.findings[0].text


def test_rows_that_say_the_same_do_not_contradict() -> None:
    text = "from_patient_id,from_name,to_patient_id,approved\n007,Müller^Anna,L-1,yes\n007,,L-1,yes\n"
    assert plan(text).changes_for(STUDY) == {PATIENT_ID: "L-1"}


def test_a_row_for_one_study_outweighs_one_for_the_patient() -> None:
    text = (
        "from_patient_id,from_study_uid,to_patient_id,to_accession,approved\n"
        "007,,L-1,,yes\n"
        "007,1.2.3,L-1,A-9,yes\n"
    )
    other = Subject(identity=ANNA, study_uid="9.9")
    planned = plan(text, STUDY, other)
    assert planned.changes_for(STUDY) == {PATIENT_ID: "L-1", ACCESSION: "A-9"}
    assert planned.changes_for(other) == {PATIENT_ID: "L-1"}
    assert ids(planned) == []


def test_several_candidates_wait_for_one_to_be_approved() -> None:
    head = "from_patient_id,to_patient_id,approved\n"
    assert plan(head + "007,L-1,no\n007,L-2,no\n").changes_for(STUDY) is None
    assert plan(head + "007,L-1,no\n007,L-2,yes\n").changes_for(STUDY) == {PATIENT_ID: "L-2"}


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20).map(
    lambda s: s.strip(" ")
)


@given(patient_id=CELLS, name=CELLS, source=CELLS, confidence=st.none() | st.integers(0, 100))
def test_what_is_written_is_read_again(
    patient_id: str, name: str, source: str, confidence: int | None
) -> None:
    row = MapRow(from_patient_id=patient_id, from_name=name or "x", source=source, confidence=confidence)
    (read,) = parse_map(format_map([row]).encode("utf-8-sig"), "map.csv")
    assert read.match == row.match
    assert (read.source, read.confidence, read.approved) == (source, confidence, False)


@pytest.mark.parametrize("name", ["=SUM(A1)", "+1", "-1", "@x", "'quoted", "=山田^太郎"])
def test_no_cell_is_a_formula(name: str) -> None:
    text = format_map([MapRow(from_patient_id="1", from_name=name, to_patient_id="2")])
    assert text.startswith(",".join(COLUMNS))
    cell = text.splitlines()[1].split(",")[2]
    assert cell.startswith("'")
    assert parsed(text)[0].from_name == name


@given(st.binary(max_size=300))
def test_any_bytes_are_a_map_or_refused(raw: bytes) -> None:
    try:
        parse_map(raw, "map.csv")
    except UsageError as exc:
        assert str(exc)
