"""`mediakit explain`: what a rule means, where it comes from, and what to do when it is met."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mediakit.cli import complete
from mediakit.cli.guard import guarded

if TYPE_CHECKING:  # the rules are loaded when the command runs: `--help` stays fast
    from mediakit.journeys.rulebook import RuleEntry

_RULE_SETS = {
    "ps3": "the DICOM standard",
    "pdi": "IHE PDI",
    "drg": "the German catalogue of 2006",
}


def explain(
    rule: Annotated[
        str,
        typer.Argument(
            metavar="[RULE]",
            autocompletion=complete.rules,
            help="For example MK-DIR-012. Without it: every rule.",
        ),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Explain a rule: what it says, where it comes from, what to do. Without a rule, list them all."""
    with guarded("explain", as_json=as_json):
        from mediakit.journeys.rulebook import entries, entry_of

        book = entries()
        chosen = (entry_of(rule, book),) if rule else book
        if as_json:
            from mediakit.report.json import to_json

            sys.stdout.write(to_json(_doc(chosen)))
        else:
            lines = _page(chosen[0]) if rule else _list(book)
            sys.stdout.write("\n".join((*lines, "")))


def _doc(chosen: Sequence[RuleEntry]) -> dict[str, Any]:
    return {
        "schema": "mediakit/rules/1",
        "rules": [
            {
                "id": entry.rule.id,
                "severity": entry.rule.severity.value,
                "title": entry.rule.template,
                "ref": entry.rule.ref,
                "hint": entry.rule.hint,
                "group": entry.group,
                "rule_set": "" if entry.rule_set is None else entry.rule_set.value,
                "commands": list(entry.commands),
            }
            for entry in chosen
        ],
    }


def _page(entry: RuleEntry) -> Iterator[str]:
    from mediakit.journeys.rulebook import GROUPS

    rule = entry.rule
    yield f"{rule.id}  {rule.severity.value}"
    yield f"  {rule.template}"
    yield ""
    yield f"  about       {GROUPS.get(entry.group, 'It is of another package')}"
    yield f"  source      {rule.source}"
    if rule.hint:
        yield f"  what to do  {rule.hint}"
    yield f"  met in      {', '.join(f'`mediakit {command}`' for command in entry.commands)}"
    if entry.rule_set is not None:
        name = entry.rule_set.value
        yield f"  rule set    {name}: {_RULE_SETS[name]}"


def _list(book: Sequence[RuleEntry]) -> Iterator[str]:
    from mediakit.journeys.rulebook import GROUPS

    group = None
    for entry in book:
        if entry.group != group:
            if group is not None:
                yield ""
            group = entry.group
            yield f"{group}  {GROUPS[group]}" if group in GROUPS else "Of other packages"
        yield f"  {entry.rule.id}  {entry.rule.severity.value:<7}  {entry.rule.template}"
    yield ""
    yield f"{len(book)} rules; `mediakit explain RULE` tells more about one"
