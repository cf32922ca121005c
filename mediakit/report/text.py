"""Findings and what became of files, as text for a person. Pure: the caller prints.

Errors are printed through this module: it does not wait for the whole core.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mediakit.findings import Finding, Report, Severity, printable
from mediakit.outcome import Fate, Outcome, Result, State

_COUNTED = frozenset({State.KEPT, State.WRITTEN, State.DEIDENTIFIED, State.PLANNED, State.WITHHELD})
_COUNTED |= {State.VALID, State.SAME, State.FETCHED}
#: States that many files have for one reason, which is said once: what nobody asked for, a disk that is full.
_ALIKE = frozenset({State.EXCLUDED, State.FAILED, State.ALREADY_THERE})
_MANY = 4  # files in such a state for one reason are counted from here on
LISTED = 40  # what a terminal shows of a long list; the JSON report has it all


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
        listed = group if len(group) <= LISTED else group[:3]
        yield from (finding_line(finding) for finding in listed)
        if len(listed) < len(group):
            yield f"  ... and {len(group) - len(listed)} more (`--report FILE.json` has all)"
        if hint := group[0].rule.hint:
            yield f"hint: {hint}"


def by_rule(findings: Iterable[Finding]) -> list[list[Finding]]:
    """Return the findings grouped by rule, the worst and most frequent rules first."""
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(finding.rule.id, []).append(finding)
    return sorted(groups.values(), key=lambda group: (-group[0].severity.rank, -len(group), group[0].rule.id))


def _fate_line(fate: Fate) -> str:
    medium = f" on medium {fate.medium}" if fate.medium else ""
    became = f" -> {printable(fate.became)}{medium}" if fate.became else ""
    because = f"  {_reason(fate.because)}" if fate.because else ""
    return f"  {fate.state.shown:<10} {printable(fate.source)}{became}{because}"


def _reason(finding: Finding) -> str:
    clause = f" ({finding.ref})" if finding.ref else ""
    return f"{finding.rule.id} {printable(finding.text)}{clause}"


def listed(result: Result, *, everything: bool) -> Iterator[str]:
    """Yield what became of the files; with each one that was left out every reason, and what to do once."""
    by_state: dict[State, list[Fate]] = {}
    for fate in result.fates:
        by_state.setdefault(fate.state, []).append(fate)
    reasons = _reasons(result)
    for state in State:
        group = by_state.get(state, [])
        if group and state in _COUNTED and not everything:
            yield f"  {state.shown:<10} {many(len(group), 'file', 'files')}"
            continue
        if state in _ALIKE and not everything:
            alike, group = _alike(state, group)
            yield from alike
        listed = group if everything else group[:LISTED]
        hints: dict[str, None] = {}
        for fate in listed:
            yield _fate_line(fate)
            told = reasons.get(fate.source, [])
            yield from (f"  {'':<10}   also {_reason(each)}" for each in told if each is not fate.because)
            if told:
                hints |= dict.fromkeys(each.rule.hint for each in told if each.rule.hint)
        if len(listed) < len(group):
            yield f"  {state.shown:<10} ... and {len(group) - len(listed):,} more (`-v` lists all)"
        yield from (f"    hint: {hint}" for hint in hints)


def _alike(state: State, group: Sequence[Fate]) -> tuple[list[str], list[Fate]]:
    """Return a line for the files that ended so for one and the same reason, and the others."""
    by_reason: dict[str, list[Fate]] = {}
    for fate in group:
        by_reason.setdefault("" if fate.because is None else _reason(fate.because), []).append(fate)
    lines = [
        f"  {state.shown:<10} {many(len(fates), 'file', 'files')}  {reason}".rstrip()
        for reason, fates in by_reason.items()
        if len(fates) >= _MANY
    ]
    return lines, [fate for fates in by_reason.values() if len(fates) < _MANY for fate in fates]


def _reasons(result: Result) -> dict[str, list[Finding]]:
    """Return by file why it was left out: the errors of files in a state that needs somebody's attention."""
    left = {fate.source for fate in result.fates if not fate.state.is_good and fate.state not in _COUNTED}
    reasons: dict[str, list[Finding]] = {}
    for finding in result.report.findings:
        if finding.where.path in left and finding.severity is Severity.ERROR:
            reasons.setdefault(finding.where.path, []).append(finding)
    return reasons


def findings_besides(result: Result) -> Report:
    """Return the report without the findings that stand with the files as reasons."""
    reasons = _reasons(result)
    told = {id(finding) for group in reasons.values() for finding in group}
    told |= {id(fate.because) for fate in result.fates if fate.because and fate.state not in _COUNTED}
    rest = tuple(finding for finding in result.report.findings if id(finding) not in told)
    return Report(subject=result.report.subject, findings=rest)


def result_text(result: Result, *, everything: bool = False) -> str:
    """Return the summary of a journey that only moves or compares files: fates and outcome."""
    figures = result.figures
    head = " -> ".join(str(figures[key]) for key in ("source", "target") if key in figures)
    lines = [printable(head), *listed(result, everything=everything)]
    lines.append(result.outcome.line)
    return "\n".join(lines) + "\n"


def fetch_text(result: Result, *, everything: bool = False) -> str:
    """Return the summary of a fetch: what came, how, what to do, and the outcome."""
    figures = result.figures
    lines = [printable(f"{figures['source']} -> {figures['target']}"), *listed(result, everything=everything)]
    held = f"{many(int(figures['listed']), 'instance', 'instances')} of "
    held += many(int(figures["studies"]), "study", "studies")
    lines.append(f"  listed     {held}; {figures['came']:,} are here, by {figures['service']}")
    step = "burn or import what is in the folder"
    if result.outcome is not Outcome.GOOD:
        step = "see what is missing; the same command fetches it into the same folder"
    return "\n".join([*lines, f"what to do: {step}.", result.outcome.line]) + "\n"


def verify_text(result: Result, *, everything: bool = False) -> str:
    """Return the summary of a verification: what is wrong with which file, integrity, origin, the outcome."""
    figures = result.figures
    names = ("changed", "missing", "added", "unreadable")
    wrong = ", ".join(f"{figures[name]:,} {name}" for name in names if figures[name])
    signature = str(figures["signature"])
    if "key" in figures:
        signature += f", by key {figures['key']}"
    lines = [printable(str(figures["source"])), *listed(result, everything=everything)]
    counts = f"{figures['intact']:,} of {figures['listed']:,} files as listed"
    lines.append(f"  integrity  {counts}{f'; {wrong}' if wrong else ''}")
    lines.append(f"  signature  {signature}")
    if "origin" in figures:
        lines.append(f"  origin     {figures['origin']}")
    return "\n".join([*lines, result.outcome.line]) + "\n"


def salvage_text(result: Result, *, everything: bool = False) -> str:
    """Return the summary of a salvage: the files that are not whole, what was read, the map, the outcome."""
    figures = result.figures
    size, missing = int(figures["size_bytes"]), int(figures["missing_bytes"])
    lines = [
        printable(f"{figures['source']} -> {figures['target']}"),
        *listed(result, everything=everything),
    ]
    lines.append(f"  read       {size_text(int(figures['read_bytes']))} of {size_text(size)}")
    lines.append(f"  missing    {many(missing, 'byte', 'bytes')}")
    lines.append(printable(f"  map        {figures['map']}"))
    step = "keep the map beside the image: every command reads it"
    if missing:
        step += "; another copy of the same medium, or another drive, may fill the gaps"
    return "\n".join([*lines, f"what to do: {step}.", result.outcome.line]) + "\n"
