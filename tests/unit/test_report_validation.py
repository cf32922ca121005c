"""The reports of a validation can be written and read whatever the names on the medium are."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediakit.errors import UsageError
from mediakit.fileset.contents import Contents
from mediakit.findings import Report, Severity, Where
from mediakit.outcome import Fate, Outcome, Result, State
from mediakit.report.forms import FORMS, form_of
from mediakit.report.validation import validation_text
from mediakit.rules.check import RuleSet
from mediakit.rules.consistency import UNREFERENCED
from mediakit.rules.validation import Conformance, Validation

NAMES = st.text(alphabet=st.characters(codec=None), min_size=1)  # lone surrogates too


def validation_of(name: str) -> Validation:
    findings = [UNREFERENCED.at(Where(path=name))]
    return Validation(
        result=Result(
            journey="validate",
            fates=(Fate(source=name, state=State.FAULTY, because=findings[0]),),
            report=Report.of(name, findings),
            outcome=Outcome.FINDINGS,
            figures={"source": name, "label": name, "missing": 1, "size_bytes": 1},
        ),
        verdicts=(Conformance(rule_set=RuleSet.PS3, claim=name, counts={Severity.ERROR: 1}),),
        contents=Contents(kind=name),
        profile_id=name,
        unconfirmed=(name,),
    )


@given(NAMES)
def test_every_form_can_be_written_as_utf_8(name: str) -> None:
    for suffix in FORMS:
        form_of(f"report{suffix}")(validation_of(name)).encode("utf-8")


@given(NAMES)
def test_every_form_can_be_read_again(name: str) -> None:
    validation = validation_of(name)
    json.loads(form_of("a.json")(validation))
    json.loads(form_of("a.sarif")(validation))
    ET.fromstring(form_of("a.xml")(validation))  # noqa: S314 - our own file


@given(NAMES)
def test_no_name_is_markup_in_the_page(name: str) -> None:
    shown = form_of("a.html")(validation_of(f"<script>{name}</script>"))
    assert "<script" not in shown


@given(NAMES)
def test_every_line_of_the_text_can_be_printed(name: str) -> None:
    assert all(line.isprintable() for line in validation_text(validation_of(name)).split("\n"))


@pytest.mark.parametrize("name", ["a.pdf", "a", "a.html.gz", ".", ""])
def test_a_report_of_another_kind_is_a_wrong_call(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        form_of(name)
    assert ".sarif" in caught.value.hint


@pytest.mark.parametrize("name", ["a.HTML", "a.b.Json", ".xml"])
def test_the_suffix_is_taken_in_any_case(name: str) -> None:
    assert form_of(name)(validation_of("x"))
