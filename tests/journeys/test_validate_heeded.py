"""What counts in a validation: rules that are ignored or chosen, findings that are known, several media."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from mediakit.report.validation import validation_schema, validations_schema
from tests.support.cli import mediakit
from tests.support.studies import CT_1, CT_2, folder_of

CD = ("-p", "STD-GEN-CD")


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    out = tmp_path / "sound.iso"
    assert mediakit("burn", CT_1, CT_2, *CD, "-o", out).code == 0
    return out


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """Return a folder of an instance without a directory: an error by several rules."""
    return folder_of(tmp_path / "bare", {"IM1": CT_1})


def rules_of(medium: Path, *more: str | Path) -> set[str]:
    said = mediakit("validate", medium, *CD, "--json", *more)
    return {finding["rule"] for finding in said.document["findings"]}


def test_an_ignored_rule_does_not_count_and_that_is_said(bare: Path) -> None:
    rules = rules_of(bare)
    assert rules
    said = mediakit("validate", bare, *CD, "--ignore", ",".join(rules))
    assert said.code == 0
    assert "ignored" in said.out
    document = mediakit("validate", bare, *CD, "--json", *(f"--ignore={rule}" for rule in rules)).document
    assert document["findings"] == []
    assert document["figures"]["ignored"] >= len(rules)
    assert document["verdicts"][0]["ignored"] == document["figures"]["ignored"]
    jsonschema.validate(document, validation_schema())


def test_a_group_of_rules_can_be_ignored_and_others_still_count(bare: Path) -> None:
    rules = rules_of(bare)
    groups = {rule.rsplit("-", 1)[0] for rule in rules}
    one = sorted(groups)[0]
    assert rules_of(bare, "--ignore", one) == {rule for rule in rules if not rule.startswith(f"{one}-")}


def test_only_the_chosen_rules_count(bare: Path) -> None:
    rules = sorted(rules_of(bare))
    assert rules_of(bare, "--select", rules[0].lower()) == {rules[0]}
    said = mediakit("validate", bare, *CD, "--select", "MK-DRG")
    assert (said.code, "ignored" in said.out) == (0, True)


def test_nothing_is_said_of_ignored_findings_when_there_are_none(sound: Path) -> None:
    said = mediakit("validate", sound, *CD, "--ignore", "MK-DIR-012")
    assert said.code == 0
    assert "ignored" not in said.out


def test_a_rule_that_is_none_is_a_usage_error(sound: Path) -> None:
    for option in ("--ignore", "--select"):
        for rule in ("MK-NOT-001", "nonsense", ""):
            assert mediakit("validate", sound, *CD, option, rule).code == 2, (option, rule)


def test_what_a_baseline_has_does_not_count_and_what_is_new_does(bare: Path, tmp_path: Path) -> None:
    base = tmp_path / "base.json"
    assert mediakit("validate", bare, *CD, "--report", base).code == 1
    assert mediakit("validate", bare, *CD, "--baseline", base).code == 0
    (bare / "IM2").write_bytes(CT_2.read_bytes()[:900])
    said = mediakit("validate", bare, *CD, "--baseline", base, "--json")
    assert said.code == 1
    assert {finding["path"] for finding in said.document["findings"]} == {"IM2"}


def test_a_baseline_that_is_none_is_a_usage_error(bare: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    assert mediakit("burn", CT_1, *CD, "-o", tmp_path / "a.iso", "--report", other).code == 0
    (tmp_path / "deep.json").write_text("[" * 100_000, encoding="utf-8")
    (tmp_path / "list.json").write_text("[]", encoding="utf-8")
    (tmp_path / "digits.json").write_text(f'{{"schema": {"9" * 5000}}}', encoding="utf-8")
    codes = {
        name: mediakit("validate", bare, *CD, "--baseline", tmp_path / name).code
        for name in ("other.json", "deep.json", "list.json", "digits.json", "absent.json", ".")
    }
    assert set(codes.values()) == {2}, codes


def test_each_of_several_media_is_judged_and_the_worst_counts(
    sound: Path, bare: Path, tmp_path: Path
) -> None:
    said = mediakit("validate", sound, bare, *CD)
    assert said.code == 1
    assert "conforms to STD-GEN-CD" in said.out
    assert "does not conform to STD-GEN-CD" in said.out
    document = mediakit("validate", sound, bare, tmp_path / "absent.iso", *CD, "--json").document
    jsonschema.validate(document, validations_schema())
    assert (document["exit_code"], document["outcome"]) == (3, "source")
    assert [each["exit_code"] for each in document["validations"]] == [0, 1]
    assert [each["exit_code"] for each in document["errors"]] == [3]


def test_a_medium_that_cannot_be_opened_does_not_hold_up_the_others(sound: Path, tmp_path: Path) -> None:
    said = mediakit("validate", tmp_path / "absent.iso", sound, *CD)
    assert said.code == 3
    assert "conforms to STD-GEN-CD" in said.out
    assert "absent.iso" in said.err


def test_reports_of_several_media_have_their_names(sound: Path, bare: Path, tmp_path: Path) -> None:
    arguments = ("validate", sound, bare, *CD)
    assert mediakit(*arguments, "--report", tmp_path / "all.html").code == 2
    assert mediakit(*arguments, "--report", tmp_path / "of-{name}.json").code == 1
    for medium in (sound, bare):
        document = json.loads((tmp_path / f"of-{medium.name}.json").read_text(encoding="utf-8"))
        assert document["source"] == str(medium)
    again = folder_of(tmp_path / "other" / "bare", {"IM1": CT_1})
    assert mediakit("validate", bare, again, *CD, "--report", tmp_path / "{name}.json").code == 2


def test_a_schema_is_printed_by_its_name() -> None:
    names = mediakit("schema").out.split()
    assert {"report", "validation", "import", "error"} <= set(names)
    for name in names:
        document = json.loads(mediakit("schema", name).out)
        assert document["title"] == f"mediakit/{name}/1"
    assert mediakit("schema", "mediakit/validation/1").code == 0
    assert mediakit("schema", "nonsense").code == 2


def test_a_sarif_rule_leads_to_its_clause(bare: Path, tmp_path: Path) -> None:
    report = tmp_path / "a.sarif"
    mediakit("validate", bare, *CD, "--report", report)
    rules = json.loads(report.read_text(encoding="utf-8"))["runs"][0]["tool"]["driver"]["rules"]
    uris = {rule["properties"]["clause"]: rule.get("helpUri", "") for rule in rules}
    assert uris
    for clause, uri in uris.items():
        assert uri.startswith("https://dicom.nema.org/") is clause.startswith("PS3."), (clause, uri)
