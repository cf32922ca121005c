"""A burn or a repair as one HTML file that needs nothing else: what is on the new medium, and what is not.

Nobody is named unless that was asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mediakit import __version__
from mediakit.outcome import Outcome, Result, State
from mediakit.report.burnt import medium_line, viewer_text
from mediakit.report.html_findings import files_part, findings_part
from mediakit.report.html_page import as_text, html_page, last_name, prose
from mediakit.report.names_html import names_part
from mediakit.report.next_step import is_unsynced, step_after
from mediakit.report.text import many, size_text

if TYPE_CHECKING:  # what is shown is made by the journey
    from mediakit.journeys.burn_order import Burnt

_STATES = {
    State.WRITTEN: "written, byte for byte",
    State.CONVERTED: "written in another form, as allowed",
    State.DEIDENTIFIED: "written without what says who the patient is",
    State.PLANNED: "would be written",
    State.DUPLICATE: "a second copy of the same",
    State.NOT_DICOM: "not DICOM, left out",
    State.EXCLUDED: "left out: not asked for, or the directory of the source",
    State.KEPT: "on the medium as before",
    State.REMOVED: "removed, as asked",
    State.TO_REMOVE: "would be removed",
    State.ALREADY_THERE: "on the medium already",
    State.REFUSED: "refused",
    State.UNREADABLE: "cannot be read",
    State.WITHHELD: "held back, since nothing was written",
    State.FAILED: "should have been written and was not",
}


_WRITTEN = frozenset({State.WRITTEN, State.CONVERTED, State.DEIDENTIFIED})


def burnt_html(burnt: Burnt, made_at: str = "", *, with_names: bool = False) -> str:
    """Return the page. `made_at` is the time to print on it."""
    result, is_rehearsal = burnt.result, burnt.is_rehearsal
    headline, is_good = _headline(result, is_rehearsal=is_rehearsal)
    sign, kind = ("\u2714", "good") if is_good else ("\u2716", "bad")
    proof = str(result.figures.get("proof", ""))
    target = last_name(str(result.figures.get("target", "")))
    body = (
        f"<h1>{as_text(result.journey.capitalize())} of {as_text(target)}</h1>",
        f'<div class="verdict {kind}"><strong>{sign} {as_text(headline)}.</strong>',
        f"<p>{as_text(f'Proof: {proof}.' if proof else 'Nothing was read back.')}</p></div>",
        f'<p class="next"><b>What to do:</b> {prose(step_after(result, is_rehearsal=is_rehearsal))}</p>',
        *_facts(burnt),
        *names_part(burnt.patients if with_names else ()),
        *findings_part(result.report.findings),
        *files_part(result.fates, _STATES),
    )
    return html_page(f"{headline}: {target}", body, _footer(made_at))


def _headline(result: Result, *, is_rehearsal: bool) -> tuple[str, bool]:
    if is_unsynced(result):
        return "It was written, but is not safe from a loss of power", False
    if result.journey == "update":
        return _headline_of_update(result, is_rehearsal=is_rehearsal), result.outcome is Outcome.GOOD
    written = sum(fate.state in _WRITTEN for fate in result.fates)
    planned = sum(fate.state is State.PLANNED for fate in result.fates)
    if is_rehearsal and planned:
        return f"This was a rehearsal: {many(planned, 'file', 'files')} would be written", (
            result.outcome is Outcome.GOOD
        )
    if not written:
        return "Nothing was written", False
    if result.outcome is Outcome.GOOD:
        return f"{many(written, 'file was', 'files were')} written", True
    return f"{many(written, 'file was', 'files were')} written, and something needs attention", False


def _headline_of_update(result: Result, *, is_rehearsal: bool) -> str:
    counts = result.counts()
    added = counts.get(State.WRITTEN, 0) + counts.get(State.CONVERTED, 0) + counts.get(State.PLANNED, 0)
    removed = counts.get(State.REMOVED, 0) + counts.get(State.TO_REMOVE, 0)
    if not added and not removed:
        return "Nothing was changed"
    changes = f"{many(added, 'file', 'files')} added, {many(removed, 'file', 'files')} removed"
    return f"This was a rehearsal: {changes}" if is_rehearsal else changes


def _facts(burnt: Burnt) -> Iterator[str]:
    figures = burnt.result.figures
    names = {
        "target": "Target",
        "profile": "Profile",
        "medium": "Medium",
        "format": "Format",
        "file_set_id": "File-set ID",
        "file_set_uid": "File-set UID",
        "patients": "Patients",
        "instances": "Images and documents",
    }
    rows = [(word, str(figures[key])) for key, word in names.items() if key in figures]
    if "needs_bytes" in figures:
        limit = int(figures.get("capacity_bytes", 0))
        size = size_text(int(figures["needs_bytes"]))
        of_each = f"{len(burnt.media)} times " if burnt.media else ""
        rows.append(("Size", f"{size} of {of_each}{size_text(limit)}" if limit else size))
    if viewer := viewer_text(burnt.result):
        rows.append(("Viewer", viewer))
    rows += [(f"Medium {number}", medium_line(one)) for number, one in enumerate(burnt.media, 1)]
    yield "<dl>"
    yield from (f"<dt>{as_text(name)}</dt><dd>{as_text(value)}</dd>" for name, value in rows)
    yield "</dl>"


def _footer(made_at: str) -> Iterator[str]:
    when = f", {made_at}" if made_at else ""
    yield f"<p>mediakit {as_text(__version__)}{as_text(when)}. The JSON report has every file.</p>"
