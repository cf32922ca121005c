"""What an import came to, kept in its ledger, so that its report can be made again at any time.

The rows are there anyhow; kept are the figures, the findings, those fates that the rows do not give, and
the values that went out changed: patient data, in a ledger for its owner alone. Identities are not kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Final

import msgspec

from mediakit.dicom.instance import shown
from mediakit.errors import SourceError
from mediakit.findings import Detail, Finding, Report, Rule, Severity, Where
from mediakit.ledger.jobs import JobView
from mediakit.ledger.ledger import Ledger
from mediakit.outcome import Fate, Outcome, Result, State
from mediakit.transfer.imported import Change, Imported
from mediakit.transfer.row import Row

_NAME: Final = "imported"


class _Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    rule: str
    path: str = ""
    record: int | None = None
    tag: int | None = None
    detail: list[tuple[str, Detail]] = []


class _Fate(msgspec.Struct, frozen=True, omit_defaults=True):
    source: str
    state: State
    because: _Finding | None = None
    became: str = ""
    sop_instance: str = ""
    sha256: str = ""


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    source: str
    subject: str
    verified: str
    figures: dict[str, str | int | float]
    findings: list[_Finding]
    fates: list[_Fate]
    changes: list[tuple[str, int, str, str, str]] = []


def keep_imported(ledger: Ledger, imported: Imported) -> Imported:
    """Write down in the ledger what the rows do not tell, and how the import ended.

    Returns the import with what its earlier runs had changed as well.
    """
    imported = replace(imported, changes=_all_changes(ledger.kept(_NAME), imported.changes))
    result = imported.result
    given = frozenset(_fates(imported.source, imported.rows))
    kept = _Kept(
        source=imported.source,
        subject=result.report.subject,
        verified=imported.verified,
        figures=dict(result.figures),
        findings=[_of_finding(finding) for finding in result.report.findings],
        fates=[_of_fate(fate) for fate in result.fates if fate not in given],
        changes=[(each.key, each.tag, each.name, each.before, each.after) for each in imported.changes],
    )
    ledger.keep(_NAME, json.dumps(msgspec.to_builtins(kept)))  # which has a place for lone surrogates
    ledger.end(result.outcome.word)
    return imported


def _all_changes(text: str | None, changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """Return the changes of earlier runs and of this one; of one value of an instance the last."""
    earlier: tuple[Change, ...] = ()
    if text is not None:
        with suppress(msgspec.MsgspecError, ValueError):  # what cannot be read tells of no changes
            earlier = _changes(msgspec.convert(json.loads(text), _Kept))
    return tuple({(each.key, each.tag): each for each in (*earlier, *changes)}.values())


def _changes(kept: _Kept) -> tuple[Change, ...]:
    return tuple(
        Change(key=key, tag=tag, name=name, before=before, after=after)
        for key, tag, name, before, after in kept.changes
    )


def recalled(view: JobView) -> Imported:
    """Return an import as it ended; of one that is unfinished, what its ledger has.

    Raises SourceError when the ledger is damaged.
    """
    from mediakit.journeys.rulebook import rulebook  # noqa: PLC0415 - loads every module that has rules

    rows = tuple(view.rows())
    text = view.kept(_NAME)
    if not view.summary.outcome or text is None:
        return _unfinished(view, rows)
    try:
        kept = msgspec.convert(json.loads(text), _Kept)
        outcome = Outcome[view.summary.outcome.upper().replace("-", "_")]
    except (msgspec.MsgspecError, KeyError, ValueError) as exc:
        raise SourceError("the ledger is damaged", where=view.job_id, why=str(exc)) from exc
    rules = {rule.id: rule for rule in rulebook()}
    others = [_fate(each, rules) for each in kept.fates]
    known = {fate.source for fate in others}
    given = [fate for fate in _fates(kept.source, rows) if fate.source not in known]
    report = Report(subject=kept.subject, findings=tuple(_finding(each, rules) for each in kept.findings))
    result = Result(
        journey="import",
        fates=(*given, *others),
        report=report,
        outcome=outcome,
        figures=kept.figures,
    )
    return Imported(
        result=result,
        job=view.job_id,
        source=kept.source,
        destination=view.facts.destination,
        rows=rows,
        changes=_changes(kept),
        verified=kept.verified,
    )


def _unfinished(view: JobView, rows: tuple[Row, ...]) -> Imported:
    source = view.facts.source
    fates = tuple(_fates(source, rows))
    return Imported(
        result=Result(
            journey="import", fates=fates, report=Report(subject=source), outcome=Outcome.INTERRUPTED
        ),
        job=view.job_id,
        source=source,
        destination=view.facts.destination,
        rows=rows,
    )


def _fates(source: str, rows: Iterable[Row]) -> Iterator[Fate]:
    for row in rows:
        place = shown(source, row.place)
        yield Fate(source=place, state=row.state.fate, sop_instance=row.item.sop_instance)


def _of_finding(finding: Finding) -> _Finding:
    where = finding.where
    return _Finding(finding.rule.id, where.path, where.record, where.tag, list(finding.detail))


def _of_fate(fate: Fate) -> _Fate:
    because = None if fate.because is None else _of_finding(fate.because)
    return _Fate(fate.source, fate.state, because, fate.became, fate.sop_instance, fate.sha256)


def _finding(kept: _Finding, rules: Mapping[str, Rule]) -> Finding:
    detail = tuple((name, value) for name, value in kept.detail)
    rule = rules.get(kept.rule)
    if rule is None:  # another version found it
        rule = Rule(id=kept.rule, severity=Severity.WARNING, title="not known to this mediakit", ref="")
    return Finding(rule=rule, where=Where(path=kept.path, record=kept.record, tag=kept.tag), detail=detail)


def _fate(kept: _Fate, rules: Mapping[str, Rule]) -> Fate:
    return Fate(
        source=kept.source,
        state=kept.state,
        because=None if kept.because is None else _finding(kept.because, rules),
        became=kept.became,
        sop_instance=kept.sop_instance,
        sha256=kept.sha256,
    )
