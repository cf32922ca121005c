"""A validation as one HTML file that needs nothing else: for the clerk who has the disc in hand.

No script, no picture, nothing from a network, and whatever stands on the medium is text here, never markup.
Patients are counted, not named: such a file is sent around.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from mediakit import __version__
from mediakit.fileset.inspection import counts_of
from mediakit.findings import Finding, Severity, printable
from mediakit.outcome import Outcome, State
from mediakit.report.html_page import as_text, html_page, last_name, prose, upper
from mediakit.report.inspection import KINDS
from mediakit.report.text import many, size_text
from mediakit.report.validation import by_rule
from mediakit.rules.validation import Conformance, Validation

_PLACES_SHOWN = 10
_PLACES_LISTED = 200
_MODALITIES = 12
_WORDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}
_STATES = {
    State.VALID: "sound",
    State.FAULTY: "with an error, but readable",
    State.UNREADABLE: "cannot be read",
    State.NOT_DICOM: "not DICOM (viewer, read-me and the like)",
}


def validation_html(validation: Validation, made_at: str = "") -> str:
    """Return the page. `made_at` is the time to print on it, as text."""
    title = f"{_headline(validation)}: {_name(validation)}"
    body = (
        f"<h1>Validation of {as_text(_name(validation))}</h1>",
        *_verdicts(validation),
        *_next_step(validation),
        *_contents(validation),
        *_findings(validation),
        *_files(validation),
    )
    return html_page(title, body, _footer(validation, made_at))


def _name(validation: Validation) -> str:
    return last_name(str(validation.result.figures.get("source", "")))


def _headline(validation: Validation) -> str:
    return "conforms" if all(verdict.holds for verdict in validation.verdicts) else "does not conform"


def _verdicts(validation: Validation) -> Iterator[str]:
    for verdict in validation.verdicts:
        kind = "good" if verdict.holds else "bad"
        sign = "\u2714" if verdict.holds else "\u2716"
        yield f'<div class="verdict {kind}">'
        yield f"<strong>{sign} This medium {as_text(verdict.sentence)}.</strong>"
        yield f"<p>{as_text(_counts(verdict))}</p>"
        yield "</div>"


def _counts(verdict: Conformance) -> str:
    parts = [
        many(count, _WORDS[severity], f"{_WORDS[severity]}s")
        for severity, count in verdict.counts.items()
        if count
    ]
    return ", ".join(parts) if parts else "No problems found."


def _next_step(validation: Validation) -> Iterator[str]:
    figures = validation.result.figures
    states = Counter(fate.state for fate in validation.result.fates)
    missing = int(figures.get("missing", 0))
    broken = states[State.UNREADABLE]
    if validation.result.outcome is Outcome.SOURCE:
        step = "There is no DICOM image on it that can be read. Ask the sender for another copy."
    elif missing or broken:
        lost = [many(missing, "image is missing", "images are missing")] if missing else []
        lost += [many(broken, "file cannot be read", "files cannot be read")] if broken else []
        step = f"{' and '.join(lost)}. Import what is there, and ask the sender for another copy."
    elif all(verdict.holds for verdict in validation.verdicts):
        step = "It can be imported."
    else:
        step = "All images can be read. If your system refuses them, `mediakit repair` writes a sound copy."
    yield f'<p class="next"><b>What to do:</b> {prose(step)}</p>'


def _contents(validation: Validation) -> Iterator[str]:
    figures, contents = validation.result.figures, validation.contents
    counts = counts_of(contents.patients)
    modalities = Counter(
        one.modality or "?"
        for patient in contents.patients
        for study in patient.studies
        for one in study.series
    )
    dates = sorted(
        study.date for patient in contents.patients for study in patient.studies if study.date.isdigit()
    )
    rows = [
        ("Kind of medium", contents.kind),
        ("Label", str(figures.get("label", "")) or "none"),
        ("Size", size_text(int(figures.get("size_bytes", 0)))),
        ("Patients", f"{counts.patients:,}"),
        ("Studies", f"{counts.studies:,}{_between(dates)}"),
        ("Series", f"{counts.series:,}"),
        ("Images and documents", f"{counts.instances:,}"),
        ("Modalities", ", ".join(f"{name} ({count})" for name, count in modalities.most_common(_MODALITIES))),
    ]
    if counts.missing:
        rows.append(("Missing", f"{many(counts.missing, 'image', 'images')} that the DICOMDIR names"))
    if counts.unlisted:
        rows.append(("Not in the DICOMDIR", f"{many(counts.unlisted, 'image', 'images')}"))
    others = Counter(other.kind for other in contents.others)
    beside = ", ".join(f"{word} ({others[kind]:,})" for kind, word in KINDS.items() if others[kind])
    if beside:
        rows.append(("Also on it", beside))
    yield "<h2>What is on it</h2>"
    yield "<dl>"
    yield from (f"<dt>{as_text(name)}</dt><dd>{as_text(value)}</dd>" for name, value in rows if value)
    yield "</dl>"


def _between(dates: list[str]) -> str:
    if not dates or len(dates[0]) != 8 or len(dates[-1]) != 8:
        return ""
    first, last = (f"{date[:4]}-{date[4:6]}-{date[6:]}" for date in (dates[0], dates[-1]))
    return f", {first}" if first == last else f", {first} to {last}"


def _findings(validation: Validation) -> Iterator[str]:
    groups = by_rule(validation.result.report.findings)
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
    yield f'<span class="mark {severity.value}">{_WORDS[severity]}</span>'
    yield f"<h3>{as_text(upper(text))}{count}</h3>"
    if rule.hint:
        yield f'<p class="hint">{prose(upper(rule.hint))}.</p>'
    yield f'<p class="clause"><span class="id">{as_text(rule.id)}</span>, {as_text(group[0].ref)}</p>'
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


def _files(validation: Validation) -> Iterator[str]:
    states = Counter(fate.state for fate in validation.result.fates)
    if not states:
        return
    yield "<h2>All files</h2>"
    yield '<table><thead><tr><th scope="col">Files</th>'
    yield '<th scope="col" class="number">Number</th></tr></thead>'
    yield "<tbody>"
    for state, count in sorted(states.items(), key=lambda item: -item[1]):
        yield f'<tr><td>{as_text(_STATES.get(state, state.value))}</td><td class="number">{count:,}</td></tr>'
    yield "</tbody></table>"


def _footer(validation: Validation, made_at: str) -> Iterator[str]:
    figures = validation.result.figures
    how = f"Judged by {validation.profile_id or 'no profile'}"
    if figures.get("profile_source"):
        how += f" ({figures['profile_source']})"
    if validation.profile_id and not validation.is_chosen:
        how += ", the best fitting profile, as none was named"
    yield f"<p>{as_text(how)}; rule sets {as_text(str(figures.get('rules', '')))}.</p>"
    if validation.unconfirmed:
        yield f"<p>Unconfirmed in this profile: {as_text('; '.join(validation.unconfirmed))}.</p>"
    when = f", {made_at}" if made_at else ""
    yield f"<p>mediakit {as_text(__version__)}{as_text(when)}. Nothing on the medium was run or changed.</p>"
