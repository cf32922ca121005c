"""The forms of the reports that go to a file, by the suffix of the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from mediakit.errors import UsageError

if TYPE_CHECKING:  # what a form shows is loaded by the journey that makes it
    from mediakit.journeys.burn_order import Burnt
    from mediakit.report.migrated import MigrationReport
    from mediakit.rules.validation import Validation
    from mediakit.transfer.imported import Imported

#: What makes a report: of a value, with the time to print on a page; `with_names` names patients.
Form = Callable[..., str]


def form_of(name: str) -> Form:
    """Return the function that writes a validation for a file of this name. Raises UsageError."""
    return _form(name, FORMS)


def import_form_of(name: str) -> Form:
    """Return the function that writes an import for a file of this name. Raises UsageError."""
    return _form(name, _IMPORT_FORMS)


def burn_form_of(name: str) -> Form:
    """Return the function that writes a burn or a repair for a file of this name. Raises UsageError."""
    return _form(name, _BURN_FORMS)


def migration_form_of(name: str) -> Form:
    """Return the function that writes a migration for a file of this name. Raises UsageError."""
    return _form(name, _MIGRATION_FORMS)


def _form(name: str, forms: Mapping[str, Form]) -> Form:
    suffix = name[name.rfind(".") :].lower() if "." in name else ""
    form = forms.get(suffix)
    if form is None:
        raise UsageError(
            "this kind of report is not known", where=name, hint=f"name a file {', '.join(sorted(forms))}"
        )
    return form


def _part(module: str, name: str) -> Callable[..., Any]:
    """Return a function of a report module, which is loaded now."""
    made: Callable[..., Any] = getattr(import_module(f"mediakit.report.{module}"), name)
    return made


def _json(document: object) -> str:
    text: str = _part("json", "to_json")(document)
    return text


def _validation_html(validation: Validation, made_at: str = "", *, with_names: bool = False) -> str:
    page: str = _part("html", "validation_html")(validation, made_at, with_names=with_names)
    return page


def _validation_json(validation: Validation, *_: str, with_names: bool = False) -> str:
    return _json(_part("validation", "validation_doc")(validation, with_names=with_names))


def _validation_junit(validation: Validation, *_: str, **__: bool) -> str:
    text: str = _part("junit", "validation_junit")(validation)
    return text


def _validation_sarif(validation: Validation, *_: str, **__: bool) -> str:
    text: str = _part("sarif", "validation_sarif")(validation)
    return text


def _imported_html(imported: Imported, made_at: str = "", *, with_names: bool = False) -> str:
    page: str = _part("imported_html", "imported_html")(imported, made_at, with_names=with_names)
    return page


def _imported_json(imported: Imported, *_: str, with_names: bool = False) -> str:
    return _json(_part("imported", "imported_doc")(imported, with_names=with_names))


def _burnt_html(burnt: Burnt, made_at: str = "", *, with_names: bool = False) -> str:
    page: str = _part("burnt_html", "burnt_html")(burnt, made_at, with_names=with_names)
    return page


def _burnt_json(burnt: Burnt, *_: str, with_names: bool = False) -> str:
    studies = _part("names", "named_by_medium")(burnt.plans, burnt.descriptions) if with_names else ()
    return _json(_part("json", "report_doc")(burnt.result, studies, burnt.media))


def _migration_html(report: MigrationReport, made_at: str = "", **_: bool) -> str:
    page: str = _part("migrated_html", "migration_html")(report, made_at)
    return page


def _migration_json(report: MigrationReport, *_: str, **__: bool) -> str:
    return _json(_part("migrated", "migration_doc")(report))


def _migration_csv(report: MigrationReport, *_: str, **__: bool) -> str:
    text: str = _part("migrated", "migration_csv")(report)
    return text


FORMS: Final[Mapping[str, Form]] = {
    ".html": _validation_html,
    ".htm": _validation_html,
    ".json": _validation_json,
    ".xml": _validation_junit,
    ".sarif": _validation_sarif,
}
_IMPORT_FORMS: Final[Mapping[str, Form]] = {
    ".html": _imported_html,
    ".htm": _imported_html,
    ".json": _imported_json,
}
_MIGRATION_FORMS: Final[Mapping[str, Form]] = {
    ".html": _migration_html,
    ".htm": _migration_html,
    ".json": _migration_json,
    ".csv": _migration_csv,
}
_BURN_FORMS: Final[Mapping[str, Form]] = {".html": _burnt_html, ".htm": _burnt_html, ".json": _burnt_json}
