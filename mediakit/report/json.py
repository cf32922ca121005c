"""Results as one JSON document, `"schema": "mediakit/report/1"`. Its shape is the structs in this file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from mediakit.errors import MediakitError
from mediakit.findings import Finding, tag_text
from mediakit.outcome import Fate, Outcome, Result
from mediakit.report.names import NamedStudyDoc

if TYPE_CHECKING:  # errors are printed through this module, and must not wait for the whole core
    from mediakit.journeys.burn_order import BurntMedium


class FindingDoc(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One finding: rule id, severity, sentence, clause, place, and what to do."""

    rule: str
    severity: str
    text: str
    ref: str
    hint: str = ""
    path: str = ""
    tag: str = ""
    record: int | None = None


class FateDoc(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one input file. `file_id` has "/" between components."""

    source: str
    state: str
    file_id: str = ""
    sop_instance_uid: str = ""
    sha256: str = ""
    because: str = ""  # id of the rule that decided
    medium: int = 0  # its number, when there are several


class MediumDoc(msgspec.Struct, frozen=True, kw_only=True):
    """One of several media that a burn wrote. `written_bytes` is null while it is not there.

    `checksum` is the SHA-256 of MANIFEST.TXT, without one that of the DICOMDIR. `content` is "DICOM ONLY" or
    "DICOM PLUS WEB", as IHE PDI has it on labels; `has_viewer`: with images for browsers.
    """

    target: str
    file_set_id: str
    file_set_uid: str
    patients: int
    instances: int
    needs_bytes: int
    written_bytes: int | None
    checksum: str | None = None
    content: str = "DICOM ONLY"
    has_viewer: bool = False


class ReportDoc(msgspec.Struct, frozen=True, kw_only=True):
    """The whole report of a journey.

    `media` is there only when there are several, `studies` only when names were asked for.
    """

    journey: str
    subject: str
    outcome: str
    exit_code: int
    counts: dict[str, int]
    figures: dict[str, str | int | float]
    findings: list[FindingDoc]
    files: list[FateDoc]
    media: list[MediumDoc] = []
    studies: list[NamedStudyDoc] = []
    schema: Literal["mediakit/report/1"] = "mediakit/report/1"


def finding_doc(finding: Finding) -> FindingDoc:
    """Return a finding as the JSON document shows it."""
    where = finding.where
    return FindingDoc(
        rule=finding.rule.id,
        severity=finding.severity.value,
        text=finding.text,
        ref=finding.ref,
        hint=finding.rule.hint,
        path=where.path,
        tag="" if where.tag is None else tag_text(where.tag),
        record=where.record,
    )


def fate_doc(fate: Fate) -> FateDoc:
    """Return a fate as the JSON document shows it."""
    return FateDoc(
        source=fate.source,
        state=fate.state.value,
        file_id=fate.became,
        sop_instance_uid=fate.sop_instance,
        sha256=fate.sha256,
        because="" if fate.because is None else fate.because.rule.id,
        medium=fate.medium,
    )


def report_doc(
    result: Result, studies: Sequence[NamedStudyDoc] = (), media: Sequence[BurntMedium] = ()
) -> ReportDoc:
    """Return a result as the value that is written as JSON; `studies` name patients when they are given."""
    return ReportDoc(
        journey=result.journey,
        subject=result.report.subject,
        outcome=result.outcome.word,
        exit_code=int(result.outcome),
        counts={state.value: count for state, count in sorted(result.counts().items())},
        figures=dict(result.figures),
        findings=[finding_doc(finding) for finding in result.report.findings],
        files=[fate_doc(fate) for fate in result.fates],
        media=[MediumDoc(**asdict(medium)) for medium in media],
        studies=list(studies),
    )


def to_json(document: object) -> str:
    """Return any document of ours as JSON text with a final newline.

    Names that are not UTF-8 on disk come in as lone surrogates; they leave as backslash escapes.
    """
    return msgspec.json.format(_encoded(document), indent=2).decode() + "\n"


def to_line(document: object) -> str:
    """Return any document of ours as JSON text on one line, without its end."""
    return _encoded(document).decode()


def _encoded(document: object) -> bytes:
    return msgspec.json.encode(_clean(msgspec.to_builtins(document)))


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {key: _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of the report document."""
    return msgspec.json.schema(ReportDoc)


class ErrorDoc(msgspec.Struct, frozen=True, kw_only=True):
    """What is printed instead of a report when a journey could not go on at all."""

    journey: str
    outcome: str
    exit_code: int
    error: str
    where: str
    why: str
    hint: str
    findings: list[FindingDoc]
    schema: Literal["mediakit/error/1"] = "mediakit/error/1"


def error_doc(journey: str, exc: MediakitError) -> ErrorDoc:
    """Return an error as the value that is written as JSON."""
    return ErrorDoc(
        journey=journey,
        outcome=Outcome(exc.exit_code).word,
        exit_code=exc.exit_code,
        error=exc.what,
        where=exc.where,
        why=exc.why,
        hint=exc.hint,
        findings=[finding_doc(finding) for finding in exc.findings],
    )


def error_schema() -> dict[str, Any]:
    """Return the JSON Schema of the error document."""
    return msgspec.json.schema(ErrorDoc)
