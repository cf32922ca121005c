"""The forms of a report on an import, by the suffix of the file that it goes to."""

from __future__ import annotations

from collections.abc import Callable

from mediakit.errors import UsageError
from mediakit.report.imported import imported_doc
from mediakit.report.imported_html import imported_html
from mediakit.report.json import to_json
from mediakit.transfer.imported import Imported


def import_form_of(name: str, made_at: str = "") -> Callable[[Imported], str]:
    """Return the function that makes the report for a file of this name. Raises UsageError.

    `made_at` is the time to print on a page, as text.
    """
    suffix = name[name.rfind(".") :].lower() if "." in name else ""
    if suffix in {".html", ".htm"}:
        return lambda imported: imported_html(imported, made_at)
    if suffix == ".json":
        return lambda imported: to_json(imported_doc(imported))
    raise UsageError("this kind of report is not known", where=name, hint="name a file .html, .htm, .json")
