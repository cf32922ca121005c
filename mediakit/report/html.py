"""A validation as one HTML file that needs nothing else: for the clerk who has the disc in hand.

No script, no picture, nothing from a network, and whatever stands on the medium is text here, never markup.
Patients are counted, and named only when that was asked for: such a file is sent around.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from mediakit import __version__
from mediakit.fileset.inspection import counts_of
from mediakit.outcome import State
from mediakit.report.html_findings import WORDS, files_part, findings_part
from mediakit.report.html_page import as_text, html_page, last_name, prose
from mediakit.report.inspection import KINDS
from mediakit.report.names_html import names_part
from mediakit.report.next_step import after_validation
from mediakit.report.text import many, size_text
from mediakit.rules.validation import Conformance, Validation

_MODALITIES = 12
_STATES = {
    State.VALID: "sound",
    State.FAULTY: "with an error, but readable",
    State.UNREADABLE: "cannot be read",
    State.NOT_DICOM: "not DICOM (viewer, read-me and the like)",
}


def validation_html(validation: Validation, made_at: str = "", *, with_names: bool = False) -> str:
    """Return the page. `made_at` is the time to print on it, as text."""
    title = f"{_headline(validation)}: {_name(validation)}"
    body = (
        f"<h1>Validation of {as_text(_name(validation))}</h1>",
        *_verdicts(validation),
        f'<p class="next"><b>What to do:</b> {prose(after_validation(validation))}</p>',
        *_contents(validation),
        *names_part(validation.contents.patients if with_names else ()),
        *findings_part(validation.result.report.findings),
        *files_part(validation.result.fates, _STATES),
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
        many(count, WORDS[severity], f"{WORDS[severity]}s")
        for severity, count in verdict.counts.items()
        if count
    ]
    return ", ".join(parts) if parts else "No problems found."


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
