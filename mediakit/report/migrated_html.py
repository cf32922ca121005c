"""A migration as one HTML page that needs nothing else: its report, and the page that is rewritten meanwhile.

Patients are counted and not named.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from mediakit import __version__
from mediakit.outcome import Outcome
from mediakit.report.html_page import as_text, html_page, last_name
from mediakit.report.migrated import (
    MigrationReport,
    balance,
    counted,
    disc_words,
    is_noteworthy,
    planned_words,
)

_MOST_ROWS: Final = 5_000


def migration_html(report: MigrationReport, made_at: str = "", *, is_running: bool = False) -> str:
    """Return the page; while it `is_running`, browsers load it again every few seconds."""
    migrated = report.migrated
    done = sum(disc.state.has_ended for disc in migrated.discs)
    headline = f"{done:,} of {len(migrated.discs):,} discs"
    good = report.outcome is Outcome.GOOD or is_running
    words = "at work" if is_running else report.outcome.line
    body = (
        f"<h1>Migration to {as_text(migrated.facts.destination)}</h1>",
        f'<div class="verdict {"good" if good else "bad"}"><strong>{headline}: {as_text(words)}</strong>',
        f"<p>{as_text('It is paused. ' if migrated.is_paused else '')}{as_text(balance(migrated))}</p></div>",
        "<dl>",
        *_facts(report),
        "</dl>",
        *_table(
            "Instances that no disc gave",
            ("SOP Instance UID", "Needed from"),
            [(one.sop_instance, ", ".join(map(last_name, one.discs)) or "?") for one in migrated.needed],
        ),
        *_table(
            "Files kept back: other bytes have their SOP Instance UID",
            ("File", "Why"),
            [(one.path, one.words) for one in migrated.conflicts],
        ),
        *_table(
            "Discs that need attention",
            ("Disc", "State", "Why"),
            [
                (disc.path, disc.state.value, disc_words(disc))
                for disc in migrated.discs
                if is_noteworthy(disc)
            ],
        ),
    )
    when = f", {made_at}" if made_at else ""
    footer = (f"<p>mediakit {as_text(__version__)}{as_text(when)}. Ledger: {as_text(report.ledger)}</p>",)
    return html_page(f"{headline} migrated", body, footer, refresh_s=5 if is_running else 0)


def _facts(report: MigrationReport) -> Iterator[str]:
    migrated = report.migrated
    rows = (
        ("Discs", counted(migrated.discs_by_state.items())),
        ("Patients", f"{migrated.patients:,}"),
        ("Studies", f"{migrated.studies:,}"),
        ("Files", counted(migrated.files.items())),
        ("Instances", counted(migrated.instances.items())),
        ("To be sent", planned_words(migrated) if migrated.planned.instances else "nothing"),
    )
    yield from (f"<dt>{as_text(name)}</dt><dd>{as_text(value)}</dd>" for name, value in rows)


def _table(title: str, head: Iterable[str], rows: list[tuple[str, ...]]) -> Iterator[str]:
    if not rows:
        return
    yield f"<h2>{as_text(title)}</h2>"
    yield "<table>"
    yield f"<tr>{''.join(f'<th>{as_text(name)}</th>' for name in head)}</tr>"
    for row in rows[:_MOST_ROWS]:
        yield f"<tr>{''.join(f'<td>{as_text(value)}</td>' for value in row)}</tr>"
    yield "</table>"
    if len(rows) > _MOST_ROWS:
        yield f"<p>... and {len(rows) - _MOST_ROWS:,} more; the JSON report has them all.</p>"
