"""Results as text for a person. Pure: Result in, str out; the caller prints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from mediakit.findings import Finding, Report, Severity, printable
from mediakit.outcome import Fate, Result, State

if TYPE_CHECKING:  # errors are printed through this module, and must not wait for the whole core
    from mediakit.fileset.plan import FileSetPlan

_COUNTED = frozenset({State.WRITTEN, State.PLANNED, State.WITHHELD, State.VALID, State.SAME})
_LISTED = 40  # what a terminal shows of a long list; the JSON report has it all


def finding_line(finding: Finding) -> str:
    """Return a finding on one line: severity, place, rule, sentence, clause."""
    where = printable(str(finding.where))
    place = f"  {where}" if where else ""
    return f"{finding.severity.value}: {finding.rule.id}{place}  {printable(finding.text)} ({finding.ref})"


def size_text(size_bytes: int) -> str:
    """Return a size as people say it, in decimal units as media are sold."""
    size = float(size_bytes)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.2f} GB"


def many(count: int, one: str, more: str) -> str:
    """Return a number with its word: "1 file", "2,000 files"."""
    return f"{count:,} {one if count == 1 else more}"


def findings_text(report: Report, *, least: Severity = Severity.WARNING) -> Iterator[str]:
    """Yield the findings at or above a severity, grouped by rule when a rule is met very often."""
    shown = [finding for finding in report.findings if finding.severity.rank >= least.rank]
    by_rule: dict[str, list[Finding]] = {}
    for finding in shown:
        by_rule.setdefault(finding.rule.id, []).append(finding)
    for group in by_rule.values():
        listed = group if len(group) <= _LISTED else group[:3]
        yield from (finding_line(finding) for finding in listed)
        if len(listed) < len(group):
            yield f"  ... and {len(group) - len(listed)} more (`--report FILE.json` has all)"
        if hint := group[0].rule.hint:
            yield f"hint: {hint}"


def _fate_line(fate: Fate) -> str:
    became = f" -> {printable(fate.became)}" if fate.became else ""
    because = f"  {fate.because.rule.id} {printable(fate.because.text)}" if fate.because else ""
    return f"  {fate.state.shown:<10} {printable(fate.source)}{became}{because}"


def _listed(fates: Iterable[Fate], *, everything: bool) -> Iterator[str]:
    by_state: dict[State, list[Fate]] = {}
    for fate in fates:
        by_state.setdefault(fate.state, []).append(fate)
    for state in State:
        group = by_state.get(state, [])
        if not group:
            continue
        quiet = state in _COUNTED and not everything
        if quiet:
            yield f"  {state.shown:<10} {many(len(group), 'file', 'files')}"
            continue
        listed = group if everything or len(group) <= _LISTED else group[:_LISTED]
        yield from (_fate_line(fate) for fate in listed)
        if len(listed) < len(group):
            yield f"  {state.shown:<10} ... and {len(group) - len(listed)} more"


def burn_text(result: Result, *, everything: bool = False) -> str:
    """Return the summary of a burn: what became of the files, the figures, and the outcome."""
    figures = result.figures
    lines = [printable(f"{figures.get('profile', '')}  {figures.get('target', '')}".strip())]
    lines += _listed(result.fates, everything=everything)
    if "needs_bytes" in figures:
        lines.append(_capacity_line(result))
    if proof := figures.get("proof"):
        lines.append(f"  proof      {proof}")
    lines.append(result.outcome.line)
    return "\n".join(lines) + "\n"


def result_text(result: Result, *, everything: bool = False) -> str:
    """Return the summary of a journey that only moves or compares files: fates and outcome."""
    figures = result.figures
    head = " -> ".join(str(figures[key]) for key in ("source", "target") if key in figures)
    lines = [printable(head), *_listed(result.fates, everything=everything)]
    lines.append(result.outcome.line)
    return "\n".join(lines) + "\n"


def _capacity_line(result: Result) -> str:
    needs = int(result.figures["needs_bytes"])
    holds = int(result.figures.get("capacity_bytes", 0))
    medium = result.figures.get("medium", "")
    limit = f" of {size_text(holds)}" if holds else ""
    return f"  size       {size_text(needs)}{limit} on {medium}"


def plan_text(planned: FileSetPlan) -> str:
    """Return the plan of a rehearsal: one line per file with File ID, size and source."""
    lines = [f"DICOMDIR  {size_text(len(planned.dicomdir))}"]
    lines += [
        f"{file.file_id}  {size_text(file.size)}  {file.instance.sop_instance}" for file in planned.files
    ]
    lines += [f"{printable(extra.path)}  {size_text(extra.size)}" for extra in planned.extra]
    return "\n".join([*lines, ""])
