from __future__ import annotations

import pytest

from mediakit.transfer.patient_identity import (
    Expectation,
    GuardVerdict,
    Identity,
    Mixed,
    guard,
    identities_of,
)
from tests.support.each import each
from tests.support.instances import make_instance

ANNA = Identity(patient_id="1", name="Müller^Anna", birth_date="19610430", sex="F")
PETER = Identity(patient_id="2", name="Smith^Peter", birth_date="19700101", sex="M")


def judged(*identities: Identity, **expected: str) -> GuardVerdict:
    return guard([(identity, 3) for identity in identities], Expectation(**expected))  # type: ignore[arg-type]


def ids(verdict: GuardVerdict) -> list[str]:
    return [finding.rule.id for finding in verdict.findings]


def test_one_patient_may_be_imported() -> None:
    verdict = judged(ANNA)
    assert not verdict.is_refused
    assert verdict.findings == ()


def test_an_empty_medium_is_nobodys() -> None:
    assert not judged().is_refused


def test_two_patients_are_refused() -> None:
    verdict = judged(ANNA, PETER)
    assert verdict.is_refused
    assert ids(verdict) == ["MK-IDN-003"]
    assert "`1`, `2`" in verdict.findings[0].text


def test_two_patients_may_be_imported_when_that_is_allowed() -> None:
    verdict = guard([(ANNA, 1), (PETER, 1)], Expectation(mixed=Mixed.ALLOW))
    assert not verdict.is_refused
    assert ids(verdict) == ["MK-IDN-004"]


def test_one_patient_id_for_two_people_is_refused() -> None:
    other = Identity(patient_id="1", name="Jones^Mary", birth_date="19990101")
    verdict = judged(ANNA, other)
    assert verdict.is_refused
    assert "MK-IDN-007" in ids(verdict)
    assert "birth date and name" in next(f for f in verdict.findings if f.rule.id == "MK-IDN-007").text


@pytest.mark.parametrize("name", ["MUELLER^ANNA", "muller^anna^^Dr", "Anna Müller"])
def test_one_name_in_two_spellings_is_one_person(name: str) -> None:
    assert judged(ANNA, Identity(patient_id="1", name=name, birth_date="1961.04.30")).findings == ()


@pytest.mark.parametrize(
    "other",
    [
        Identity(patient_id="1", name="Müller^Anne", birth_date="19610430"),
        Identity(patient_id="1", birth_date="19610430"),
        Identity(patient_id="1", name="Müller^Anna", sex="M"),
    ],
)
def test_small_differences_are_a_warning(other: Identity) -> None:
    verdict = judged(ANNA, other)
    assert ids(verdict) == ["MK-IDN-008"]
    assert not verdict.is_refused


def test_one_name_with_two_birth_dates_is_two_people() -> None:
    assert ids(judged(ANNA, Identity(patient_id="1", name="Müller^Anna", birth_date="19610431"))) == [
        "MK-IDN-007"
    ]


def test_one_patient_id_of_two_issuers_is_refused() -> None:
    one = Identity(patient_id="1", issuer="A", name="Müller^Anna")
    other = Identity(patient_id="1", issuer="B", name="Müller^Anna")
    assert ids(judged(one, other)) == ["MK-IDN-006"]


def test_an_issuer_that_only_some_instances_have_is_no_difference() -> None:
    assert (
        judged(
            Identity(patient_id="1", name="A^B"), Identity(patient_id="1", name="A^B", issuer="X")
        ).findings
        == ()
    )


def test_instances_without_patient_id_are_refused() -> None:
    assert ids(judged(Identity(name="A^B"))) == ["MK-IDN-005"]
    assert ids(judged(ANNA, Identity(name="Müller^Anna"))) == ["MK-IDN-003", "MK-IDN-005"]


@each(
    ("expected", "rule"),
    [
        ({"patient_id": "1"}, None),
        ({"patient_id": " 1 "}, None),
        ({"patient_id": "01"}, "MK-IDN-009"),
        ({"name": "mueller^anna"}, None),
        ({"name": "Müller^Anne"}, "MK-IDN-010"),
        ({"name": "Jones^Mary"}, "MK-IDN-010"),
        ({"birth_date": "1961-04-30"}, None),
        ({"birth_date": "19610403"}, "MK-IDN-011"),
        ({"patient_id": "1", "name": "Müller^Anna", "birth_date": "19610403"}, "MK-IDN-011"),
    ],
)
def test_every_expected_value_must_be_on_the_medium(expected: dict[str, str], rule: str | None) -> None:
    assert ids(judged(ANNA, **expected)) == ([rule] if rule else [])


def test_an_expected_value_that_the_medium_does_not_have_is_not_met() -> None:
    nameless = Identity(patient_id="1")
    assert ids(judged(nameless, name="A^B", birth_date="19610430")) == ["MK-IDN-010", "MK-IDN-011"]


def test_no_finding_holds_a_name_or_a_birth_date() -> None:
    other = Identity(patient_id="1", name="Jones^Mary", birth_date="19990101")
    verdict = judged(
        ANNA, other, PETER, Identity(name="Noid^Nick"), name="Wrong^Person", birth_date="19000101"
    )
    said = " ".join(finding.text + finding.rule.hint for finding in verdict.findings) + repr(verdict)
    for secret in ("Anna", "Mary", "Peter", "Nick", "Wrong", "19610430", "19990101", "19000101"):
        assert secret not in said


def test_a_patient_id_of_a_hostile_medium_stays_on_one_line() -> None:
    verdict = judged(Identity(patient_id="a\nb\x1b[2J" + "x" * 5000), ANNA)
    assert verdict.findings[0].text.isprintable()
    assert len(verdict.findings[0].text) < 300


def test_many_identities_are_judged_in_bounded_time() -> None:
    many = [Identity(patient_id="1", name=f"N{chr(65 + n % 26)}{n}^G{n}") for n in range(20_000)]
    assert judged(*many).is_refused


def test_identities_are_read_by_the_character_set_of_each_instance() -> None:
    rest = {0x00100030: None, 0x00100040: None, 0x00100020: b"1 "}
    instances = [
        make_instance(values={**rest, 0x00080005: b"ISO_IR 100", 0x00100010: b"M\xfcller^A"}),
        make_instance(values={**rest, 0x00080005: b"ISO_IR 192", 0x00100010: "Müller^A".encode()}),
    ]
    assert identities_of(instances) == ((Identity(patient_id="1", name="Müller^A"), 2),)


def test_a_name_that_cannot_be_read_is_neither_the_expected_one_nor_another() -> None:
    for charset in (b"ISO_IR192", b"ISO_IR 192", b""):  # misspelt, another one, none
        instance = make_instance(
            values={0x00080005: charset, 0x00100010: b"M\xfcller^Anna", 0x00100020: b"1"}
        )
        verdict = guard(identities_of([instance]), Expectation(name="Müller^Anna"))
        assert ids(verdict) == ["MK-IDN-010"]
        assert "cannot be read" in verdict.findings[0].text


def test_two_names_that_cannot_be_read_are_not_taken_for_one() -> None:
    names = (b"M\xfcller^Anna", b"M\xf6ller^Anna")
    people = [make_instance(values={0x00100010: name, 0x00100020: b"1"}) for name in names]
    assert ids(guard(identities_of(people), Expectation())) == ["MK-IDN-008"]
    assert ids(guard(identities_of(people[:1] * 2), Expectation())) == []


def test_two_patient_ids_that_cannot_be_read_are_not_taken_for_one() -> None:
    charset = b"ISO-IR 100"
    people = [make_instance(values={0x00080005: charset, 0x00100020: raw}) for raw in (b"\xc4", b"\xd6")]
    assert "MK-IDN-003" in ids(guard(identities_of(people), Expectation()))
