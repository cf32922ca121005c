"""The forms of a report on a validation, by the suffix of the file that it goes to."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Final

from mediakit.errors import UsageError
from mediakit.rules.validation import Validation

FORMS: Final = {
    ".html": "mediakit.report.html:validation_html",
    ".htm": "mediakit.report.html:validation_html",
    ".json": "mediakit.report.forms:_json",
    ".xml": "mediakit.report.junit:validation_junit",
    ".sarif": "mediakit.report.sarif:validation_sarif",
}


def form_of(name: str) -> Callable[[Validation], str]:
    """Return the function that makes the report for a file of this name. Raises UsageError."""
    suffix = name[name.rfind(".") :].lower() if "." in name else ""
    where = FORMS.get(suffix)
    if where is None:
        raise UsageError(
            "this kind of report is not known", where=name, hint=f"name a file {', '.join(sorted(FORMS))}"
        )
    module, _, function = where.partition(":")
    made: Callable[[Validation], str] = getattr(import_module(module), function)
    return made


def _json(validation: Validation) -> str:
    from mediakit.report.json import to_json  # noqa: PLC0415 - loaded when it is asked for
    from mediakit.report.validation import validation_doc  # noqa: PLC0415

    return to_json(validation_doc(validation))
