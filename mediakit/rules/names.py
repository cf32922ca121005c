"""The names of DICOM files: each is a File ID, and nothing else (PS3.10 8.2, 8.5).

Judged are the files that hold an instance. Files of one folder that break a rule in the same manner are one
finding.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from mediakit.fileset.file_id import is_file_id, is_reserved
from mediakit.fileset.survey import Survey
from mediakit.findings import Finding, Rule, Severity, Where, printable
from mediakit.profile.model import Profile
from mediakit.rules.check import Check

LOWER_CASE = Rule(
    id="MK-NAM-001",
    severity=Severity.ERROR,
    title="{count:name|names} with lower-case letters in this folder",
    ref="PS3.10 8.5",
    hint="systems that distinguish upper and lower case do not find these files",
)
EXTENSION = Rule(
    id="MK-NAM-002",
    severity=Severity.ERROR,
    title="{count:DICOM file|DICOM files} with an extension or a dot in the name in this folder",
    ref="PS3.10 8.5",
    hint="a File ID has none: systems that look for the File ID do not find these files",
)
TOO_LONG = Rule(
    id="MK-NAM-003",
    severity=Severity.ERROR,
    title="{count:name|names} of more than 8 characters in this folder",
    ref="PS3.10 8.2",
    hint="they are cut or changed on media and systems with short names",
)
CHARACTERS = Rule(
    id="MK-NAM-004",
    severity=Severity.ERROR,
    title="{count:name|names} with characters other than A-Z, 0-9 and underscore in this folder",
    ref="PS3.10 8.5",
    hint="no File ID can reference these files",
)
TOO_DEEP = Rule(
    id="MK-NAM-005",
    severity=Severity.ERROR,
    title="{count:DICOM file|DICOM files} deeper than 8 components in this folder",
    ref="PS3.10 8.2",
    hint="no File ID can reference these files",
)
DEVICE_NAME = Rule(
    id="MK-NAM-006",
    severity=Severity.WARNING,
    title="{count:name is the name of a Windows device|names are names of Windows devices} in this folder",
    ref="practice",
    hint="Windows cannot open such files",
)
ONLY_CASE = Rule(
    id="MK-NAM-007",
    severity=Severity.WARNING,
    title="differs from {other} only by upper and lower case",
    ref="PS3.10 8.5",
    hint="on most computers only one of the two can be copied",
)

_LOWER = re.compile(r"[a-z]")
_FOREIGN = re.compile(r"[^A-Za-z0-9_./]")


def check_names(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report names of instances that are no File IDs."""
    found: dict[tuple[str, str], tuple[Rule, list[str]]] = {}
    for file in survey.files:
        if file.instance is None:
            continue
        path = file.path
        if is_file_id(path) and not _has_device(path):
            continue
        folder = path.rpartition("/")[0]
        for rule in _faults(path):
            found.setdefault((rule.id, folder), (rule, []))[1].append(path)
    for rule, paths in found.values():
        yield rule.at(Where(path=paths[0]), count=len(paths), example=printable(paths[0]))


def check_case(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report two names that only case tells apart: files of any kind."""
    seen: dict[str, str] = {}
    for file in survey.files:
        other = seen.setdefault(file.path.casefold(), file.path)
        if other != file.path:
            yield ONLY_CASE.at(Where(path=file.path), other=printable(other))


def _faults(path: str) -> Iterator[Rule]:
    parts = path.split("/")
    if _LOWER.search(path):
        yield LOWER_CASE
    if "." in path:
        yield EXTENSION
    if any(len(part.partition(".")[0]) > 8 for part in parts):
        yield TOO_LONG
    if _FOREIGN.search(path):
        yield CHARACTERS
    if len(parts) > 8:
        yield TOO_DEEP
    if _has_device(path):
        yield DEVICE_NAME


def _has_device(path: str) -> bool:
    """Return True when a component is a device, also before an extension, as on Windows."""
    return any(is_reserved(part.partition(".")[0].upper()) for part in path.split("/"))


CHECKS: Final = (
    Check(check_names, (LOWER_CASE, EXTENSION, TOO_LONG, CHARACTERS, TOO_DEEP, DEVICE_NAME)),
    Check(check_case, (ONLY_CASE,)),
)
