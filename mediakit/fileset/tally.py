"""Count equal facts: what is true of many records or files is one finding, at the place of the first."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from mediakit.findings import Detail, Finding, Rule, Where


class _Fact(Struct):
    rule: Rule
    where: Where
    detail: dict[str, Detail]
    count: int = 0


class Tally:
    """Facts in the order they were met; each becomes a finding whose detail has `count`."""

    def __init__(self) -> None:
        self._facts: dict[object, _Fact] = {}

    def add(self, rule: Rule, same: object, where: Where, **detail: Detail) -> None:
        """Count a fact. Those of one rule with an equal `same` are one; place and detail are the first's."""
        fact = self._facts.setdefault((rule.id, same), _Fact(rule, where, detail))
        fact.count += 1

    def findings(self, **detail: Detail) -> Iterator[Finding]:
        """Yield a finding for each fact; `detail` is added to that of all of them."""
        for fact in self._facts.values():
            yield fact.rule.at(fact.where, **fact.detail, count=fact.count, **detail)
