"""Make docs/rules.md from the rules themselves: `make docs`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mediakit.journeys.rulebook import GROUPS, RETIRED, RuleEntry, entries

PAGE = Path(__file__).parent / "rules.md"

_HEAD = """# The rules

Everything that mediakit finds has the id of a rule. `mediakit explain MK-DIR-012` shows one,
`mediakit explain` lists all of them, `mediakit explain --json` as one JSON document. An id never changes its
meaning and is never used again.

- **error**: the medium or instance does not conform, or data would be lost. **warning**: practice, or a risk.
  **note**: worth knowing.
- Words in braces stand for what was found in the case at hand.
- `ps3` is the DICOM standard, `pdi` is IHE Portable Data for Imaging, `drg` is the German catalogue of 2006:
  `mediakit validate --rules ps3,pdi`.
- Commands: in which of them the rule can be met.
- *unconfirmed*: the number of the clause is from general knowledge of the standard; it was not checked
  against its text. What the rule says does not depend on it.

This page is made by `make docs` from the code.
"""


def page() -> str:
    """Return the page as it must be now."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    book = entries()
    yield _HEAD.rstrip()
    yield f"\nIds of rules that are no more: {', '.join(sorted(RETIRED))}."
    for group in sorted({entry.group for entry in book}):
        yield f"\n## MK-{group}: {GROUPS[group]}"
        for entry in book:
            if entry.group == group:
                yield from _entry(entry)


def _entry(entry: RuleEntry) -> Iterator[str]:
    rule = entry.rule
    yield f"\n### {rule.id}\n"
    yield f"**{rule.severity.value}**: {_text(rule.template)}.\n"
    if rule.hint:
        yield f"{_text(rule.hint[0].upper() + rule.hint[1:])}.\n"
    rule_set = "" if entry.rule_set is None else f"Rule set: `{entry.rule_set.value}`. "
    yield f"Source: {rule.source}. {rule_set}Commands: {', '.join(entry.commands)}."


def _text(words: str) -> str:
    return words.replace("<", "&lt;").replace("*", "\\*")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
