"""The page of the rules says what the code has, and every rule is met in some test."""

from __future__ import annotations

import pkgutil
import re
import runpy
from importlib import import_module
from pathlib import Path

import mediakit
from mediakit.findings import Rule
from mediakit.journeys.rulebook import rulebook

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "rules.md"
# These speak of rules as such; they do not show that one is found.
_ABOUT_RULES = {"test_rules_page.py", "test_rulebook.py", "test_explain_cli.py"}


def test_the_page_of_the_rules_is_fresh() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "make_rules.py"))["page"]()
    assert PAGE.read_text(encoding="utf-8") == made, "run `make docs`"


def test_the_page_has_a_heading_for_every_rule() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert re.findall(r"^### (\S+)$", text, flags=re.MULTILINE) == [rule.id for rule in rulebook()]


def _homes() -> dict[str, tuple[str, str]]:
    """Return the module and the name of the constant of every rule, by id."""
    homes: dict[str, tuple[str, str]] = {}
    for module in pkgutil.walk_packages(mediakit.__path__, "mediakit."):
        if not module.name.endswith("__main__"):
            held = import_module(module.name)
            source = Path(str(held.__file__)).read_text(encoding="utf-8")
            for name, rule in vars(held).items():
                if isinstance(rule, Rule) and f"\n{name} = Rule(" in source:
                    homes[rule.id] = (module.name.rpartition(".")[2], name)
    return homes


def _test_words() -> list[tuple[str, frozenset[str]]]:
    files = [path for path in (ROOT / "tests").rglob("*.py") if path.name not in _ABOUT_RULES]
    texts = [path.read_text(encoding="utf-8") for path in files]
    return [(text, frozenset(re.findall(r"\w+", text))) for text in texts]


def test_a_rule_is_met_in_some_test() -> None:
    """Look for the id, or for the name of the constant in a test that names its module too."""
    homes, tests = _homes(), _test_words()
    unmet = [
        rule.id
        for rule in rulebook()
        if not any(rule.id in text or words.issuperset(homes[rule.id]) for text, words in tests)
    ]
    assert unmet == [], "write the right and the wrong case of each"
