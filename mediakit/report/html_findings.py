"""Findings and states of files as parts of an HTML report. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from mediakit.findings import Finding, Severity, printable
from mediakit.outcome import Fate, State
from mediakit.report.html_page import as_text, prose, upper
from mediakit.report.text import by_rule

_PLACES_SHOWN = 10
_PLACES_LISTED = 200

#: What the severities are called.
WORDS: Mapping[Severity, str] = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.NOTE: "note",
}


def findings_part(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield what was found, one section for each rule."""
    groups = by_rule(findings)
    if not groups:
        return
    yield "<h2>What was found</h2>"
    yield "<p>An error breaks a rule, a warning is a risk, a note is worth knowing.</p>"
    for group in groups:
        yield from _group(group)


def _group(group: list[Finding]) -> Iterator[str]:
    rule, severity = group[0].rule, group[0].severity
    is_same = len({finding.text for finding in group}) == 1
    text = group[0].text if is_same else rule.heading
    count = f" ({len(group):,} times)" if len(group) > 1 else ""
    yield '<section class="rule">'
    yield f'<span class="mark {severity.value}">{WORDS[severity]}</span>'
    yield f"<h3>{as_text(upper(text))}{count}</h3>"
    if rule.hint:
        yield f'<p class="hint">{prose(upper(rule.hint))}.</p>'
    clause = f", {as_text(group[0].ref)}" if group[0].ref else ""
    yield f'<p class="clause"><span class="id">{as_text(rule.id)}</span>{clause}</p>'
    places = [_place(finding, with_text=not is_same) for finding in group[:_PLACES_LISTED]]
    places = [place for place in places if place]
    if places:
        yield f'<ul class="places">{"".join(places[:_PLACES_SHOWN])}</ul>'
    if len(places) > _PLACES_SHOWN:
        yield f"<details><summary>{len(places) - _PLACES_SHOWN:,} more</summary>"
        yield f'<ul class="places">{"".join(places[_PLACES_SHOWN:])}</ul></details>'
    if len(group) > _PLACES_LISTED:
        yield f"<p>{len(group) - _PLACES_LISTED:,} more are in the JSON report.</p>"
    yield "</section>"


def _place(finding: Finding, *, with_text: bool) -> str:
    where = printable(str(finding.where))
    text = finding.text if with_text else ""
    if not where and not text:
        return ""
    return f"<li>{as_text(': '.join(part for part in (where, text) if part))}</li>"


def files_part(fates: Iterable[Fate], words: Mapping[State, str]) -> Iterator[str]:
    """Yield how many files ended in each state, by the words for it."""
    states = Counter(fate.state for fate in fates)
    if not states:
        return
    yield "<h2>All files</h2>"
    yield '<table><thead><tr><th scope="col">Files</th>'
    yield '<th scope="col" class="number">Number</th></tr></thead>'
    yield "<tbody>"
    for state, count in sorted(states.items(), key=lambda item: -item[1]):
        yield f'<tr><td>{as_text(words.get(state, state.shown))}</td><td class="number">{count:,}</td></tr>'
    yield "</tbody></table>"
