"""Which findings count for a verdict: all, unless rules are chosen or findings are known. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from mediakit.findings import Finding, tag_text

Mark = tuple[str, str, str, str]  # rule id, path, tag, text


@dataclass(frozen=True, slots=True, kw_only=True)
class Heeded:
    """Rules by their ids, or by the beginning of their ids ("MK-HYG"); an empty `select` takes every rule.

    `known` are the findings of an earlier report, by their marks.
    """

    ignore: frozenset[str] = frozenset()
    select: frozenset[str] = frozenset()
    known: frozenset[Mark] = frozenset()

    def counts(self, finding: Finding) -> bool:
        """Return True when a finding counts."""
        rule = finding.rule.id
        if _is_of(rule, self.ignore) or (self.select and not _is_of(rule, self.select)):
            return False
        return not self.known or mark_of(finding) not in self.known


EVERY_FINDING = Heeded()


def mark_of(finding: Finding) -> Mark:
    """Return what tells a finding from others, also in a report of another run."""
    where = finding.where
    return (finding.rule.id, where.path, "" if where.tag is None else tag_text(where.tag), finding.text)


def _is_of(rule: str, chosen: frozenset[str]) -> bool:
    return rule in chosen or any(rule.startswith(f"{each}-") for each in chosen)
