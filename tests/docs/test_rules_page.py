"""The page of the rules says what the code has."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

from mediakit.journeys.rulebook import rulebook

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "rules.md"


def test_the_page_of_the_rules_is_fresh() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "make_rules.py"))["page"]()
    assert PAGE.read_text(encoding="utf-8") == made, "run `make docs`"


def test_the_page_has_a_heading_for_every_rule() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert re.findall(r"^### (\S+)$", text, flags=re.MULTILINE) == [rule.id for rule in rulebook()]
