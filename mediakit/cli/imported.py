"""What `import` and `job` print and write of an import that has ended."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mediakit.cli.output import Output, print_ended
from mediakit.cli.written import check_report, now, write_report
from mediakit.errors import UsageError

if TYPE_CHECKING:  # the reports are loaded when they are made
    from mediakit.transfer.imported import Imported


def check_reports(reports: Sequence[Path], source: Path | None = None) -> None:
    """Raise UsageError before a long run whose report would be lost."""
    from mediakit.report.forms import import_form_of

    for path in reports:
        check_report(path, source if source is not None and source.is_dir() else None)
        import_form_of(path.name)


def print_imported(
    imported: Imported,
    reports: Sequence[Path],
    output: Output,
    *,
    with_names: bool = False,
) -> None:
    """Write the reports; print the result on standard output, what was found besides on standard error.

    Raises UsageError when a report cannot be written: with the exit code of the import when that is not 0.
    """
    try:
        _write(imported, reports, with_names=with_names)
    except UsageError as exc:
        if not output.as_json:  # the one document is that on the error
            _print_text(imported, output)
        raise _without_report(imported, exc) from exc
    if output.as_json:
        from mediakit.report.forms import import_form_of

        sys.stdout.write(import_form_of(".json")(imported, with_names=with_names))
        return
    _print_text(imported, output)


def _print_text(imported: Imported, output: Output) -> None:
    from mediakit.report.import_places import report_besides
    from mediakit.report.imported import imported_text

    print_ended(report_besides(imported), partial(imported_text, imported), imported.result.outcome, output)


def _without_report(imported: Imported, exc: UsageError) -> UsageError:
    outcome = imported.result.outcome
    again = f"`mediakit job report {imported.job} --report FILE` makes it again"
    error = UsageError(
        exc.what,
        where=exc.where,
        why=exc.why,
        hint=f"the import itself ended, {outcome.word}; {again}" if imported.job else exc.hint,
    )
    error.exit_code = int(outcome) or error.exit_code
    return error


def _write(imported: Imported, reports: Sequence[Path], *, with_names: bool) -> None:
    from mediakit.report.forms import import_form_of

    made_at = f"{now():%Y-%m-%d %H:%M} UTC"
    for path in reports:
        write_report(path, import_form_of(path.name)(imported, made_at, with_names=with_names))
