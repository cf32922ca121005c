"""The forms of the reports that go to a file, by the suffix of the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final

from mediakit.errors import UsageError
from mediakit.rules.validation import Validation
from mediakit.transfer.imported import Imported

FORMS: Final = {
    ".html": "mediakit.report.html:validation_html",
    ".htm": "mediakit.report.html:validation_html",
    ".json": "mediakit.report.forms:_validation_json",
    ".xml": "mediakit.report.junit:validation_junit",
    ".sarif": "mediakit.report.sarif:validation_sarif",
}
_IMPORT_FORMS: Final = {
    ".html": "mediakit.report.imported_html:imported_html",
    ".htm": "mediakit.report.imported_html:imported_html",
    ".json": "mediakit.report.forms:_imported_json",
}


def form_of(name: str) -> Callable[[Validation], str]:
    """Return the function that writes a validation for a file of this name. Raises UsageError."""
    return _form(name, FORMS)


def import_form_of(name: str) -> Callable[[Imported, str], str]:
    """Return the function that writes an import for a file of this name. Raises UsageError.

    Its second argument is the time to print on a page, as text.
    """
    return _form(name, _IMPORT_FORMS)


def _form(name: str, forms: Mapping[str, str]) -> Callable[..., Any]:
    suffix = name[name.rfind(".") :].lower() if "." in name else ""
    where = forms.get(suffix)
    if where is None:
        raise UsageError(
            "this kind of report is not known", where=name, hint=f"name a file {', '.join(sorted(forms))}"
        )
    module, _, function = where.partition(":")
    made: Callable[..., Any] = getattr(import_module(module), function)
    return made


def _validation_json(validation: Validation) -> str:
    from mediakit.report.json import to_json  # noqa: PLC0415 - loaded when it is asked for
    from mediakit.report.validation import validation_doc  # noqa: PLC0415

    return to_json(validation_doc(validation))


def _imported_json(imported: Imported, made_at: str) -> str:  # noqa: ARG001 - the document has times of its own
    from mediakit.report.imported import imported_doc  # noqa: PLC0415
    from mediakit.report.json import to_json  # noqa: PLC0415

    return to_json(imported_doc(imported))
