"""A validation as JUnit XML, for build servers: a suite for each rule set, a case for each rule met."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from mediakit.findings import Finding, Severity, printable
from mediakit.report.text import by_rule, finding_line
from mediakit.rules.every import rule_set_of
from mediakit.rules.validation import Conformance, Validation

_LISTED = 200  # findings of one rule that are written out


def validation_junit(validation: Validation) -> str:
    """Return the report. Errors are failures; warnings and notes are told in the output of their case."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<testsuites name="mediakit validate">']
    for verdict in validation.verdicts:
        lines += _suite(validation, verdict)
    lines.append("</testsuites>")
    return "\n".join(lines) + "\n"


def _suite(validation: Validation, verdict: Conformance) -> Iterator[str]:
    found = tuple(
        finding
        for finding in validation.result.report.findings
        if rule_set_of(finding.rule.id) is verdict.rule_set
    )
    groups = by_rule(found)
    failures = sum(group[0].severity is Severity.ERROR for group in groups)
    name, claim = _attribute(verdict.claim), _attribute(verdict.sentence)
    yield f'  <testsuite name={name} tests="{len(groups) + 1}" failures="{failures + (not verdict.holds)}">'
    yield f"    <testcase classname={name} name={claim}>"
    if not verdict.holds:
        yield f'      <failure message={claim} type="verdict"/>'
    yield "    </testcase>"
    for group in groups:
        yield from _case(name, group)
    yield "  </testsuite>"


def _case(suite: str, group: list[Finding]) -> Iterator[str]:
    rule = group[0].rule
    text = "\n".join(_text(finding_line(finding)) for finding in group[:_LISTED])
    if len(group) > _LISTED:
        text += f"\n... and {len(group) - _LISTED} more"
    yield f"    <testcase classname={suite} name={_attribute(rule.id)}>"
    if rule.severity is Severity.ERROR:
        message = _attribute(group[0].text)
        yield f"      <failure message={message} type={_attribute(rule.ref)}>{text}</failure>"
    else:
        yield f"      <system-out>{text}</system-out>"
    yield "    </testcase>"


def _attribute(text: str) -> str:
    return quoteattr(_plain(text))


def _text(text: str) -> str:
    return escape(_plain(text))


def _plain(text: str) -> str:
    """Return text that XML 1.0 can hold: what cannot be printed leaves as an escape."""
    return "".join(c if c not in "\ufffe\uffff" else "?" for c in printable(text))
