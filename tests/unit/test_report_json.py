"""The JSON report: one document, true to its own schema, whatever the names of the files."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediakit.errors import MediakitError, UsageError
from mediakit.findings import Report, Rule, Severity, Where
from mediakit.outcome import Fate, Outcome, Result, State
from mediakit.report.json import error_doc, json_schema, report_doc, to_json

ERROR = Rule(id="MK-TST-001", severity=Severity.ERROR, title="{what}", ref="PS3.10 7", hint="mend it")


def whole_result(name: str = "in/a") -> Result:
    finding = ERROR.at(Where(path=name, tag=0x7FE00010, record=12), what=name)
    return Result(
        journey="burn",
        fates=(
            Fate(source=name, state=State.REFUSED, because=finding, sop_instance="1.2"),
            Fate(source="b", state=State.WRITTEN, became="DICOM/I1", sop_instance="1.3", sha256="ab" * 32),
        ),
        report=Report.of("STD-GEN-CD", [finding]),
        outcome=Outcome.FINDINGS,
        figures={"needs_bytes": 5, "target": name, "ratio": 0.5},
    )


def parsed(text: str) -> dict[str, Any]:
    document = json.loads(text)
    assert isinstance(document, dict)
    return document


def test_a_result_is_told_whole() -> None:
    assert parsed(to_json(report_doc(whole_result()))) == {
        "schema": "mediakit/report/1",
        "media": [],
        "studies": [],
        "journey": "burn",
        "subject": "STD-GEN-CD",
        "outcome": "findings",
        "exit_code": 1,
        "counts": {"refused": 1, "written": 1},
        "figures": {"needs_bytes": 5, "target": "in/a", "ratio": 0.5},
        "findings": [
            {
                "rule": "MK-TST-001",
                "severity": "error",
                "text": "in/a",
                "ref": "PS3.10 7",
                "hint": "mend it",
                "path": "in/a",
                "tag": "(7FE0,0010)",
                "record": 12,
            }
        ],
        "files": [
            {"source": "in/a", "state": "refused", "sop_instance_uid": "1.2", "because": "MK-TST-001"},
            {
                "source": "b",
                "state": "written",
                "file_id": "DICOM/I1",
                "sop_instance_uid": "1.3",
                "sha256": "ab" * 32,
            },
        ],
    }


def test_the_report_is_valid_under_its_own_schema() -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(parsed(to_json(report_doc(whole_result()))), schema)


def test_the_schema_refuses_a_report_of_another_version() -> None:
    document = parsed(to_json(report_doc(whole_result()))) | {"schema": "mediakit/report/2"}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, json_schema())


def test_a_name_that_is_no_utf_8_leaves_as_escapes() -> None:
    text = to_json(report_doc(whole_result("J\udcf6rg\n")))
    assert parsed(text)["files"][0]["source"] == "J\\udcf6rg\n"


def test_names_in_other_scripts_stay_readable() -> None:
    assert "試験" in to_json(report_doc(whole_result("試験")))


@given(st.text(alphabet=st.characters(codec=None)))
def test_any_name_makes_one_valid_document(name: str) -> None:
    text = to_json(report_doc(whole_result(name)))
    text.encode("utf-8")
    jsonschema.validate(parsed(text), json_schema())
    assert text.endswith("}\n")


def test_an_error_is_a_document_of_its_own_with_the_same_exit_code() -> None:
    exc = UsageError(
        "the target exists", where="a.iso", why="", hint="`--force`", findings=(ERROR.at(what="x"),)
    )
    document = parsed(to_json(error_doc("burn", exc)))
    assert document == {
        "schema": "mediakit/error/1",
        "journey": "burn",
        "outcome": "usage",
        "exit_code": 2,
        "error": "the target exists",
        "where": "a.iso",
        "why": "",
        "hint": "`--force`",
        "findings": [
            {"rule": "MK-TST-001", "severity": "error", "text": "x", "ref": "PS3.10 7", "hint": "mend it"}
        ],
    }


def test_an_error_of_any_kind_has_an_outcome() -> None:
    kinds: list[type[MediakitError]] = [MediakitError, *MediakitError.__subclasses__()]
    for kind in kinds:
        document = error_doc("burn", kind("x"))
        assert Outcome(document.exit_code).word == document.outcome
