"""An import as one HTML file that needs nothing else: what arrived, what did not, why, and what to do.

For the clerk who has the medium in hand. Patients are named only when that was asked for; the page says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from mediakit import __version__
from mediakit.dicom.uids import class_name, syntax_name
from mediakit.findings import Severity, printable, tag_text
from mediakit.outcome import Outcome, State
from mediakit.report.html_page import as_text, html_page, last_name, prose, upper
from mediakit.report.import_places import (
    Ended,
    ended,
    findings_besides,
    is_directory,
    needing_attention,
    other_files,
    side_by_side,
)
from mediakit.report.names_html import names_part
from mediakit.report.next_step import ARRIVED, after_import
from mediakit.report.text import many, size_text
from mediakit.transfer.imported import Imported
from mediakit.transfer.outgoing import status_text

_SHOWN: Final = 10
_LISTED: Final = 500
_CHANGES: Final = 2_000
_DOUBTFUL: Final = frozenset({State.UNCONFIRMED, State.UNCERTAIN})
_WORDS: Final = {
    State.STORED: "stored",
    State.STORED_WITH_WARNING: "stored, with a warning of the destination",
    State.COMMITTED: "stored, and the destination confirmed it",
    State.ALREADY_THERE: "were there before",
    State.UNCONFIRMED: "stored by its word, and the destination does not confirm it",
    State.UNCERTAIN: "sent, and no answer came",
    State.UNSENT: "not sent yet",
    State.PLANNED: "would be sent",
    State.REFUSED: "refused: the destination has no room for it now",
    State.FAILED: "not taken by the destination",
    State.NOT_NEGOTIATED: "of a kind that the destination does not take",
    State.UNREADABLE: "cannot be read from the medium",
    State.MISSING: "missing on the medium",
    State.CONFLICT: "with the same UID as another, different one",
    State.WITHHELD: "held back: it is not clear whose they are",
    State.EXCLUDED: "not asked for",
    State.NOT_DICOM: "not DICOM (viewer, read-me and the like)",
    State.DUPLICATE: "a second copy of the same",
}


def imported_html(imported: Imported, made_at: str = "", *, with_names: bool = False) -> str:
    """Return the page. `made_at` is the time to print on it, as text."""
    page = _Page(imported)
    headline, is_good = page.headline()
    sign, kind = ("\u2714", "good") if is_good else ("\u2716", "bad")
    body = (
        f"<h1>Import of {as_text(last_name(imported.source))}</h1>",
        f'<div class="verdict {kind}"><strong>{sign} {as_text(headline)}.</strong>',
        f"<p>{as_text(page.proof())}</p></div>",
        f'<p class="next"><b>What to do:</b> {prose(after_import(imported))}</p>',
        *page.facts(),
        *page.counts(),
        *names_part(imported.patients if with_names else ()),
        *page.studies(),
        *page.attention(),
        *page.findings(),
        *page.contexts(),
        *page.changes(with_names=with_names),
    )
    return html_page(f"{headline}: {last_name(imported.source)}", body, _footer(made_at))


class _Page:
    """The parts of the page, from the top down."""

    def __init__(self, imported: Imported) -> None:
        self.imported = imported
        self.all = [each for each in ended(imported) if each.state is not State.EXCLUDED]
        self.arrived = [each for each in self.all if each.state in ARRIVED]

    def headline(self) -> tuple[str, bool]:
        """Return the verdict as a sentence, and whether it is good."""
        everything, gone = len(self.all), len(self.all) - len(self.arrived)
        outcome = self.imported.result.outcome
        if self.imported.is_rehearsal:
            sendable = sum(each.state is State.PLANNED for each in self.all)
            some = f"{sendable:,} of {many(everything, 'image', 'images')}"
            return f"This was a rehearsal: {some} would be sent", sendable == everything
        if outcome is Outcome.IDENTITY and not self.arrived:
            return "Nothing was imported: it is not clear whose images these are", False
        if not everything:
            return "There is no image to import", outcome is Outcome.GOOD
        if gone:
            doubt = "known to be " if any(each.state in _DOUBTFUL for each in self.all) else ""
            some = f"{gone:,} of {many(everything, 'image', 'images')} {'is' if gone == 1 else 'are'}"
            return f"{some} not {doubt}at the destination", False
        whole = "The one image is" if everything == 1 else f"All {everything:,} images are"
        if outcome is Outcome.INTERRUPTED:
            return f"{whole} at the destination, and the import was interrupted", False
        return f"{whole} at the destination", True

    def proof(self) -> str:
        """Return how it is known that they are there."""
        states = Counter(each.state for each in self.all)
        asked = len(self.arrived) + states[State.UNCONFIRMED]
        if self.imported.is_rehearsal or not asked:
            return "Nothing was stored."
        if not self.imported.verified:
            return f"The destination answered that it has {asked:,}; no further proof was asked for."
        way = "storage commitment" if self.imported.verified == "commit" else "a query"
        confirmed = f"{states[State.COMMITTED]:,} of {asked:,}"
        return f"Proof of storage by {way}: the destination confirmed {confirmed}."

    def facts(self) -> Iterator[str]:
        """Yield from where to where, and how fast."""
        figures = self.imported.result.figures
        rows = [("Medium", self.imported.source), ("Destination", self.imported.destination)]
        if self.imported.job:
            rows.append(("Job", self.imported.job))
        if figures.get("sent"):
            pace = f"{figures.get('objects_per_s', 0)} a second"
            rows.append(
                (
                    "Sent",
                    f"{size_text(int(figures.get('sent_bytes', 0)))}, {pace}{side_by_side(self.imported)}",
                )
            )
        yield "<dl>"
        yield from (f"<dt>{as_text(name)}</dt><dd>{as_text(value)}</dd>" for name, value in rows)
        yield "</dl>"

    def counts(self) -> Iterator[str]:
        """Yield what became of all files."""
        counted = Counter(each.state for each in ended(self.imported))
        files = [fate for fate in other_files(self.imported) if not is_directory(fate)]
        directories = sum(1 for fate in other_files(self.imported) if is_directory(fate))
        others = Counter(fate.state for fate in files)
        yield "<h2>What became of it</h2>"
        yield '<table><thead><tr><th scope="col">Images and documents</th>'
        yield '<th scope="col" class="number">Number</th></tr></thead><tbody>'
        yield from (
            _count(_WORDS.get(state, state.value), counted[state]) for state in State if counted[state]
        )
        yield "</tbody></table>"
        beside = [f"{others[state]:,} {_WORDS.get(state, state.value)}" for state in State if others[state]]
        if directories:
            beside.append(f"{directories:,} directory of the medium (DICOMDIR), which is never sent")
        if beside:
            yield f"<p>Other files: {as_text('; '.join(beside))}.</p>"

    def studies(self) -> Iterator[str]:
        """Yield one line for each study, without a name."""
        totals = Counter(each.row.item.study for each in self.all)
        arrived = Counter(each.row.item.study for each in self.arrived)
        if not totals:
            return
        yield "<h2>Studies</h2>"
        yield '<table><thead><tr><th scope="col">Study Instance UID</th><th scope="col" class="number">'
        yield 'Images</th><th scope="col" class="number">Arrived</th></tr></thead><tbody>'
        for study, total in sorted(totals.items(), key=lambda item: arrived[item[0]] - item[1])[:_LISTED]:
            mark = "" if arrived[study] == total else " \u2716"
            yield f"<tr><td>{as_text(study or 'not known')}</td>"
            yield f'<td class="number">{total:,}</td><td class="number">{arrived[study]:,}{mark}</td></tr>'
        yield "</tbody></table>"
        if len(totals) > _LISTED:
            yield f"<p>{len(totals) - _LISTED:,} more are in the JSON report.</p>"

    def attention(self) -> Iterator[str]:
        """Yield what did not arrive or is in doubt, and what to do about it."""
        groups = [
            (state, group)
            for state, group in needing_attention(self.imported)
            if not (self.imported.is_rehearsal and state is State.UNSENT)
        ]
        if not groups:
            return
        yield "<h2>What needs attention</h2>"
        for state, group in groups:
            yield from self._group(state, group)

    def _group(self, state: State, group: list[Ended]) -> Iterator[str]:
        kind = Severity.WARNING if state is State.STORED_WITH_WARNING else Severity.ERROR
        yield '<section class="rule">'
        yield f'<span class="mark {kind.value}">{as_text(state.value)}</span>'
        yield f"<h3>{as_text(many(len(group), 'image', 'images'))}: {as_text(_WORDS[state])}</h3>"
        for step in dict.fromkeys(each.to_do(self.imported.job) for each in group):
            if step:
                yield f'<p class="hint">{prose(upper(step))}.</p>'
        places = [_place(each, self.imported.destination) for each in group[:_LISTED]]
        yield f'<ul class="places">{"".join(places[:_SHOWN])}</ul>'
        if len(places) > _SHOWN:
            yield f"<details><summary>{len(places) - _SHOWN:,} more</summary>"
            yield f'<ul class="places">{"".join(places[_SHOWN:])}</ul></details>'
        if len(group) > _LISTED:
            yield f"<p>{len(group) - _LISTED:,} more are in the JSON report.</p>"
        yield "</section>"

    def findings(self) -> Iterator[str]:
        """Yield what was found that is not about one instance."""
        found = [each for each in findings_besides(self.imported) if each.severity is not Severity.NOTE]
        if not found:
            return
        yield "<h2>What was found</h2>"
        for finding in found[:_LISTED]:
            yield '<section class="rule">'
            yield f'<span class="mark {finding.severity.value}">{finding.severity.value}</span>'
            yield f"<h3>{as_text(upper(finding.text))}</h3>"
            if finding.rule.hint:
                yield f'<p class="hint">{prose(upper(finding.rule.hint))}.</p>'
            yield f'<p class="clause"><span class="id">{as_text(finding.rule.id)}</span>, '
            yield f"{as_text(finding.ref)}</p></section>"

    def contexts(self) -> Iterator[str]:
        """Yield what the destination takes, as a rehearsal has learnt it."""
        if not self.imported.contexts:
            return
        yield "<h2>What would be proposed</h2>"
        yield '<table><thead><tr><th scope="col">Kind</th><th scope="col">Stored as</th>'
        yield '<th scope="col">Would go</th><th scope="col" class="number">Number</th></tr></thead><tbody>'
        for line in self.imported.contexts:
            syntaxes = ", ".join(syntax_name(uid) for uid in line.transfer_syntaxes)
            answer = ": ".join(part for part in (line.accepted, line.why) if part) or "not asked"
            yield f"<tr><td>{as_text(class_name(line.sop_class))}</td><td>{as_text(syntaxes)}</td>"
            yield f'<td>{as_text(answer)}</td><td class="number">{line.count:,}</td></tr>'
        yield "</tbody></table>"

    def changes(self, *, with_names: bool) -> Iterator[str]:
        """Yield what went out changed; the values are patient data."""
        changes = self.imported.changes
        if not changes:
            return
        yield "<h2>What was changed</h2>"
        if with_names:
            yield "<p>This list holds patient data. The old values are kept in the images as well.</p>"
        else:
            yield "<p>The old values are kept in the images. <code>--with-names</code> lists all values.</p>"
        heads = '<th scope="col">Before</th><th scope="col">After</th>' if with_names else ""
        yield f'<table><thead><tr><th scope="col">Attribute</th>{heads}'
        yield '<th scope="col" class="number">Images</th></tr></thead><tbody>'
        counted = Counter(
            (change.tag, change.name, *((change.before, change.after) if with_names else ()))
            for change in changes
        )
        for (tag, name, *values), count in sorted(counted.items())[:_CHANGES]:
            yield f'<tr><td>{as_text(name)} <span class="id">{tag_text(tag)}</span></td>'
            yield from (f"<td>{as_text(value) or '<i>empty</i>'}</td>" for value in values)
            yield f'<td class="number">{count:,}</td></tr>'
        yield "</tbody></table>"
        if len(counted) > _CHANGES:
            yield f"<p>{len(counted) - _CHANGES:,} more are in the JSON report.</p>"


def _count(words: str, count: int) -> str:
    return f'<tr><td>{as_text(words)}</td><td class="number">{count:,}</td></tr>'


def _place(each: Ended, destination: str) -> str:
    row = each.row
    status = status_text(row.code, destination)
    parts = [
        printable(row.place or each.fate.source),
        printable(each.why),
        f"status {status}" if status else "",
        printable(row.item.sop_instance),
    ]
    return f"<li>{as_text(' · '.join(part for part in parts if part))}</li>"


def _footer(made_at: str) -> Iterator[str]:
    when = f", {made_at}" if made_at else ""
    yield f"<p>mediakit {as_text(__version__)}{as_text(when)}. Nothing on the medium was run or changed.</p>"
