from __future__ import annotations

import json

from mediakit.journeys.rulebook import rulebook
from tests.support.cli import mediakit, process


def test_a_rule_is_explained_with_source_help_and_place() -> None:
    said = mediakit("explain", "mk-dir-012")
    assert said.code == 0
    for words in ("MK-DIR-012  error", "PS3.3 F.3.2.2", "what to do", "`mediakit validate`", "ps3"):
        assert words in said.out


def test_a_rule_that_validate_does_not_use_has_no_rule_set() -> None:
    said = mediakit("explain", "MK-PRF-003")
    assert "`mediakit burn`" in said.out
    assert "rule set" not in said.out


def test_without_a_rule_all_are_listed_by_group() -> None:
    said = mediakit("explain")
    assert said.code == 0
    assert "PDI  IHE Portable Data for Imaging" in said.out
    listed = [line.split()[0] for line in said.out.splitlines() if line.startswith("  MK-")]
    assert listed == [rule.id for rule in rulebook()]


def test_json_holds_every_rule_or_the_one_asked_for() -> None:
    document = json.loads(mediakit("explain", "--json").out)
    assert document["schema"] == "mediakit/rules/1"
    assert len(document["rules"]) == len(rulebook())
    (one,) = json.loads(mediakit("explain", "MK-PDI-012", "--json").out)["rules"]
    assert (one["id"], one["severity"], one["rule_set"]) == ("MK-PDI-012", "error", "pdi")
    assert one["commands"] == ["validate"]
    assert one["hint"]


def test_an_unknown_rule_is_a_wrong_call_and_near_ones_are_named() -> None:
    said = mediakit("explain", "MK-PDI-912")
    assert said.code == 2
    assert "hint: did you mean" in said.err
    assert "MK-PDI-0" in said.err
    assert said.out == ""


def test_an_unknown_rule_in_json_is_an_error_document() -> None:
    said = mediakit("explain", "MK-PDI-912", "--json")
    assert said.document["schema"] == "mediakit/error/1"
    assert said.document["exit_code"] == 2


def test_the_command_runs_as_a_process_of_its_own() -> None:
    assert process("explain", "MK-VAL-001").out.startswith("MK-VAL-001  error")
