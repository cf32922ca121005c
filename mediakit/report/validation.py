"""A validation as text for a terminal, and as one JSON document (schema "mediakit/validation/1")."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from mediakit.fileset.inspection import counts_of
from mediakit.findings import Severity, printable
from mediakit.outcome import Outcome, State
from mediakit.report.json import ErrorDoc, FateDoc, FindingDoc, fate_doc, finding_doc
from mediakit.report.names import NamedStudyDoc, named_studies
from mediakit.report.next_step import after_validation, step_line
from mediakit.report.text import many, size_text
from mediakit.rules.validation import Conformance, Validation

_WORDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}


class VerdictDoc(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict of one rule set: `sentence` reads "conforms to STD-GEN-CD"."""

    rules: str
    claim: str
    conforms: bool
    sentence: str
    errors: int
    warnings: int
    notes: int
    ignored: int = 0


class ValidationDoc(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer on one medium. `studies` names patients, and is there only when that was asked for."""

    source: str
    outcome: str
    exit_code: int
    profile: str
    profile_was_named: bool
    also_fits: list[str]
    unconfirmed: list[str]
    verdicts: list[VerdictDoc]
    counts: dict[str, int]
    figures: dict[str, str | int | float]
    findings: list[FindingDoc]
    files: list[FateDoc]
    studies: list[NamedStudyDoc] = []
    security: list[str] = []
    schema: Literal["mediakit/validation/1"] = "mediakit/validation/1"


def validation_doc(validation: Validation, *, with_names: bool = False) -> ValidationDoc:
    """Return a validation as the value that is written as JSON."""
    result = validation.result
    counts = counts_of(validation.contents.patients)
    return ValidationDoc(
        source=result.report.subject,
        outcome=result.outcome.word,
        exit_code=int(result.outcome),
        profile=validation.profile_id,
        profile_was_named=validation.is_chosen,
        also_fits=list(validation.also_fits),
        unconfirmed=list(validation.unconfirmed),
        verdicts=[_verdict_doc(verdict) for verdict in validation.verdicts],
        counts={state.value: count for state, count in sorted(result.counts().items())},
        figures={
            **result.figures,
            "patients": counts.patients,
            "studies": counts.studies,
            "series": counts.series,
        },
        findings=[finding_doc(finding) for finding in result.report.findings],
        files=[fate_doc(fate) for fate in result.fates],
        security=list(validation.contents.security),
        studies=named_studies(validation.contents.patients if with_names else ()),
    )


class ValidationsDoc(msgspec.Struct, frozen=True, kw_only=True):
    """The answers on several media, in the order given, and the errors on those that could not be opened."""

    outcome: str
    exit_code: int
    validations: list[ValidationDoc]
    errors: list[ErrorDoc]
    schema: Literal["mediakit/validations/1"] = "mediakit/validations/1"


def validations_doc(validations: Sequence[ValidationDoc], errors: Sequence[ErrorDoc]) -> ValidationsDoc:
    """Return the answers on several media as one value; the highest exit code is that of all."""
    code = max(*(each.exit_code for each in validations), *(each.exit_code for each in errors), 0)
    return ValidationsDoc(
        outcome=Outcome(code).word, exit_code=code, validations=list(validations), errors=list(errors)
    )


def validations_schema() -> dict[str, Any]:
    """Return the JSON Schema of the document on several media."""
    return msgspec.json.schema(ValidationsDoc)


def validation_schema() -> dict[str, Any]:
    """Return the JSON Schema of the document."""
    return msgspec.json.schema(ValidationDoc)


def validation_text(validation: Validation, *, everything: bool = False) -> str:
    """Return what was judged, what is on the medium, and the verdicts, for a terminal."""
    figures = validation.result.figures
    lines = [f"{figures.get('source', '')}  {figures.get('kind', '')}"]
    lines.append(f"  {contents_line(validation)}")
    lines += [f"  {sentence}" for sentence in validation.contents.security]
    lines += [f"  {count:<6} {state.shown}" for state, count in _states(validation)]
    for verdict in validation.verdicts:
        lines.append(f"{verdict.sentence}{_counted(verdict)}")
    if validation.profile_id and not validation.is_chosen:
        lines.append(f"  {validation.profile_id} is the best fitting profile; `-p` names another")
        if validation.also_fits and everything:
            lines.append(f"  its instances also fit {', '.join(validation.also_fits)}")
    if validation.unconfirmed:
        lines.append(f"  unconfirmed in this profile: {'; '.join(validation.unconfirmed)}")
    lines.append(step_line(after_validation(validation)))
    lines.append(validation.result.outcome.line)
    return "\n".join(map(printable, lines)) + "\n"


def contents_line(validation: Validation) -> str:
    """Return how much is on the medium: counts and size, no names."""
    counts = counts_of(validation.contents.patients)
    figures = validation.result.figures
    parts = [
        many(counts.patients, "patient", "patients"),
        many(counts.studies, "study", "studies"),
        many(counts.series, "series", "series"),
        many(counts.instances, "instance", "instances"),
        size_text(int(figures.get("size_bytes", 0))),
    ]
    for key, word in (("missing", "missing"), ("unreferenced", "not in the directory")):
        if count := int(figures.get(key, 0)):
            parts.append(f"{count} {word}")
    return ", ".join(parts)


def _states(validation: Validation) -> list[tuple[State, int]]:
    counted = Counter(fate.state for fate in validation.result.fates)
    return [(state, counted[state]) for state in State if counted[state]]


def _counted(verdict: Conformance) -> str:
    parts = [
        many(count, _WORDS[severity], f"{_WORDS[severity]}s")
        for severity, count in verdict.counts.items()
        if count
    ]
    return f": {', '.join(parts)}" if parts else ""


def _verdict_doc(verdict: Conformance) -> VerdictDoc:
    return VerdictDoc(
        rules=verdict.rule_set.value,
        claim=verdict.claim,
        conforms=verdict.holds,
        sentence=verdict.sentence,
        errors=verdict.counts.get(Severity.ERROR, 0),
        warnings=verdict.counts.get(Severity.WARNING, 0),
        notes=verdict.counts.get(Severity.NOTE, 0),
        ignored=verdict.ignored,
    )
