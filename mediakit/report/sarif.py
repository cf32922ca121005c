"""A validation as SARIF 2.1.0 (OASIS), for tools that collect findings. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any
from urllib.parse import quote

from mediakit import __version__
from mediakit.findings import Finding, Severity, printable
from mediakit.rules.validation import Validation

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_CLAUSE = re.compile(r"PS3\.([0-9]{1,2})(?: ([0-9A-Z]{1,2}(?:\.[0-9]+)*))?(?![0-9A-Za-z])")
_STANDARD = "https://dicom.nema.org/medical/dicom/current/output/html/part"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}


def validation_sarif(validation: Validation) -> str:
    """Return one run with a result for each finding; paths are relative to the medium, percent-encoded."""
    findings = validation.result.report.findings
    rules = {finding.rule.id: finding.rule for finding in findings}
    index = {identifier: number for number, identifier in enumerate(sorted(rules))}
    document = {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "mediakit",
                        "semanticVersion": __version__,
                        "rules": [
                            {
                                "id": identifier,
                                "shortDescription": {"text": rules[identifier].template},
                                **_help_uri(rules[identifier].ref),
                                "help": {"text": rules[identifier].hint or rules[identifier].ref},
                                "defaultConfiguration": {"level": _LEVELS[rules[identifier].severity]},
                                "properties": {"clause": rules[identifier].ref},
                            }
                            for identifier in sorted(rules)
                        ],
                    }
                },
                "originalUriBaseIds": {"MEDIUM": {"description": {"text": "the root of the medium"}}},
                "results": [_result(finding, index) for finding in findings],
                "properties": {
                    "profile": validation.profile_id,
                    "verdicts": [verdict.sentence for verdict in validation.verdicts],
                    "exitCode": int(validation.result.outcome),
                },
            }
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=True) + "\n"


def _result(finding: Finding, index: dict[str, int]) -> dict[str, Any]:
    where = finding.where
    text = printable(finding.text)
    mark = f"{finding.rule.id}\n{where}\n{text}".encode("utf-8", "backslashreplace")
    result: dict[str, Any] = {
        "ruleId": finding.rule.id,
        "ruleIndex": index[finding.rule.id],
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{text} ({finding.ref})"},
        "partialFingerprints": {"mediakit/1": hashlib.sha256(mark).hexdigest()[:32]},
    }
    if where.path:
        uri = quote(_bytes(where.path), safe="/")
        physical: dict[str, Any] = {"artifactLocation": {"uri": uri, "uriBaseId": "MEDIUM"}}
        if where.record is not None:
            physical["region"] = {"byteOffset": where.record}
        result["locations"] = [{"physicalLocation": physical}]
    return result


def _help_uri(ref: str) -> dict[str, str]:
    """Return where the clause of a rule stands on the web; nothing for a clause that is not of DICOM."""
    found = _CLAUSE.match(ref)
    if found is None:
        return {}
    section = f"#sect_{found[2]}" if found[2] else ""
    return {"helpUri": f"{_STANDARD}{int(found[1]):02d}.html{section}"}


def _bytes(path: str) -> bytes:
    """Return the bytes of a name: those of the disk when it was no UTF-8, else those of half a character."""
    try:
        return path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return path.encode("utf-8", "surrogatepass")
