"""The book of rules is whole, and every rule in it is fit to be shown to a person."""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Iterator
from importlib import import_module
from string import Formatter
from typing import Any

import pytest
import typer

import mediakit
from mediakit.errors import UsageError
from mediakit.findings import Rule, Severity
from mediakit.journeys.rulebook import GROUPS, RETIRED, entries, entry_of, rulebook
from mediakit.rules.check import RuleSet
from mediakit.rules.every import CHECKS

BOOK = entries()


def constants() -> dict[str, Rule]:
    """Return every Rule that stands in a module of the package, by module and name."""
    found: dict[str, Rule] = {}
    for module in pkgutil.walk_packages(mediakit.__path__, "mediakit."):
        if not module.name.endswith("__main__"):
            held = vars(import_module(module.name))
            found |= {f"{module.name}.{name}": rule for name, rule in held.items() if isinstance(rule, Rule)}
    return found


def test_no_rule_of_the_package_is_missing_from_the_book() -> None:
    known = {id(rule) for rule in rulebook()}
    missing = [f"{name} ({rule.id})" for name, rule in constants().items() if id(rule) not in known]
    assert not missing, "name the module in journeys/rulebook.py, or the rule in the `rules` of a Check"


def test_each_id_is_that_of_one_rule() -> None:
    by_id: dict[str, set[int]] = {}
    for rule in constants().values():
        by_id.setdefault(rule.id, set()).add(id(rule))
    assert [rule_id for rule_id, rules in by_id.items() if len(rules) > 1] == []


def test_no_rule_has_the_id_of_one_that_is_no_more() -> None:
    assert {rule.id for rule in rulebook()} & RETIRED == set()


def test_each_rule_of_a_check_belongs_to_one_rule_set() -> None:
    owners: dict[str, set[RuleSet]] = {}
    for check in CHECKS:
        for rule in check.rules:
            owners.setdefault(rule.id, set()).add(check.rule_set)
    assert [rule_id for rule_id, sets in owners.items() if len(sets) > 1] == []


def test_a_rule_has_an_id_a_group_a_source_and_a_place_where_it_is_met() -> None:
    lacking = [
        entry.rule.id
        for entry in BOOK
        if not re.fullmatch(r"MK-[A-Z]{3}-\d{3}", entry.rule.id)
        or entry.group not in GROUPS
        or not entry.rule.ref
        or not entry.commands
    ]
    assert lacking == []


def test_a_rule_can_be_read() -> None:
    assert [fault for rule in rulebook() for fault in _faults_of_the_text(rule)] == []


def _faults_of_the_text(rule: Rule) -> Iterator[str]:
    for _, name, _, _ in Formatter().parse(rule.title):
        if name is not None and not name.isidentifier():
            yield f"{rule.id}: {{{name}}} is no name of a value"
    for text in (rule.title, rule.hint):
        if "\n" in text or "  " in text or text.endswith(".") or text.count("`") % 2:
            yield f"{rule.id}: {text!r} has a line break, a double space, a full stop or a lone backtick"


def test_every_error_and_warning_says_what_to_do() -> None:
    assert [rule.id for rule in rulebook() if rule.severity is not Severity.NOTE and not rule.hint] == []


def test_commands_that_a_hint_names_exist() -> None:
    from mediakit.cli.main import app  # noqa: PLC0415 - the command line is not needed elsewhere here

    command: Any = typer.main.get_command(app)
    known = set(command.commands)
    unknown = [
        (rule.id, command)
        for rule in rulebook()
        for command in re.findall(r"`mediakit ([a-z]+)", rule.hint)
        if command not in known
    ]
    assert unknown == []


def test_every_group_has_rules() -> None:
    assert {entry.group for entry in BOOK} == set(GROUPS)


def test_the_book_is_sorted_and_tells_rule_sets_of_what_validate_judges_by() -> None:
    assert [rule.id for rule in rulebook()] == sorted(rule.id for rule in rulebook())
    by_id = {entry.rule.id: entry for entry in BOOK}
    assert by_id["MK-PDI-012"].rule_set is RuleSet.PDI
    assert by_id["MK-DRG-001"].rule_set is RuleSet.DRG
    assert by_id["MK-DIR-012"].rule_set is RuleSet.PS3
    assert by_id["MK-PRF-003"].rule_set is None
    assert by_id["MK-PRF-003"].commands == ("burn", "repair")


@pytest.mark.parametrize("text", ["MK-DIR-012", "mk-dir-012", " MK-DIR-012 ", "dir-012"])
def test_a_rule_is_found_in_any_case_and_without_its_prefix(text: str) -> None:
    assert entry_of(text, BOOK).rule.id == "MK-DIR-012"


def test_an_unknown_id_names_those_that_are_near() -> None:
    with pytest.raises(UsageError) as caught:
        entry_of("MK-DIR-912", BOOK)
    assert "did you mean MK-DIR-" in caught.value.hint
    with pytest.raises(UsageError) as caught:
        entry_of("nonsense", BOOK)
    assert "mediakit explain" in caught.value.hint
