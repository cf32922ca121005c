"""The file meta information of every instance, and its preamble (PS3.10 7.1, 7.5).

That a file has none, or one that is wrong as a whole, the judge of the profile says; here is what exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mediakit.dicom.instance import Note
from mediakit.dicom.preamble import program_of
from mediakit.dicom.uids import EXPLICIT_VR_BIG_ENDIAN, NETWORK_ONLY, STORAGE, syntax_name
from mediakit.fileset.survey import Survey
from mediakit.findings import Finding, Rule, Severity, Where
from mediakit.profile.meta_rules import (
    BAD_UID,
    EXECUTABLE,
    LACKS,
    NO_CREATOR,
    TOO_LONG,
    VERSION,
    meta_findings,
)
from mediakit.profile.model import Profile
from mediakit.rules.check import Check

NOT_IN_FILES = Rule(
    id="MK-MET-006",
    severity=Severity.ERROR,
    title="the Transfer Syntax {syntax} is for the network only: the pixels are not in the file",
    ref="PS3.10 7.1",
    hint="the images themselves are not on the medium: ask the sender for them",
)
RETIRED_SYNTAX = Rule(
    id="MK-MET-007",
    severity=Severity.NOTE,
    title="Explicit VR Big Endian is retired",
    ref="PS3.5 A.3",
    hint="newer systems may not read it; `mediakit repair` writes it in Explicit VR Little Endian",
)
RETIRED_CLASS = Rule(
    id="MK-MET-008",
    severity=Severity.NOTE,
    title="the SOP Class {name} is retired",
    ref="PS3.4 B.5",
    hint="newer systems may not take it; nothing is wrong with the file",
)
DUAL_FORMAT = Rule(
    id="MK-MET-012",
    severity=Severity.NOTE,
    title="the preamble is that of {kind}: the file is of two formats at once",
    ref="PS3.10 7.5",
    hint="this is allowed, and used for slide microscopy",
)

# Group length, Media Storage SOP Class and Instance UID, Transfer Syntax UID have rules of their own there.
_SAID_OF_DIRECTORIES = frozenset(
    {(LACKS, tag) for tag in (0x00020000, 0x00020002, 0x00020003, 0x00020010)} | {(BAD_UID, 0x00020003)}
)
_IMAGES = ((b"II*\0", "TIFF"), (b"MM\0*", "TIFF"), (b"II+\0", "BigTIFF"), (b"MM\0+", "BigTIFF"))


def check_meta(survey: Survey, profile: Profile | None) -> Iterator[Finding]:
    """Report what is wrong with file meta information; of instances the judge of a profile has said so."""
    if survey.dicomdir is not None and survey.decoded is not None and survey.decoded.meta:
        for finding in meta_findings(survey.decoded.meta, survey.dicomdir.path):
            if (finding.rule, finding.where.tag) not in _SAID_OF_DIRECTORIES:
                yield finding
    for file, instance in survey.instances() if profile is None else ():
        if Note.NO_META not in instance.header.notes:
            yield from meta_findings(instance.header.meta, file.path)


def check_kinds(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report Transfer Syntaxes and SOP Classes that are retired or cannot be in files: the first of each."""
    seen: set[tuple[str, str]] = set()
    for file, instance in survey.instances():
        kind = (instance.sop_class, instance.transfer_syntax)
        if kind in seen:
            continue
        seen.add(kind)
        where = Where(path=file.path)
        if instance.transfer_syntax in NETWORK_ONLY:
            yield NOT_IN_FILES.at(where, syntax=syntax_name(instance.transfer_syntax))
        if instance.transfer_syntax == EXPLICIT_VR_BIG_ENDIAN:
            yield RETIRED_SYNTAX.at(where)
        known = STORAGE.get(instance.sop_class)
        if known is not None and known.retired:
            yield RETIRED_CLASS.at(where, name=known.name)


def check_preambles(survey: Survey, profile: Profile | None) -> Iterator[Finding]:
    """Report preambles that are those of programs or of other image formats."""
    for file in survey.files:
        if file.finding is None and file.head:
            where = Where(path=file.path)
            kind = program_of(file.head)
            if kind and (profile is None or file.instance is None):  # of an instance its judge has said so
                yield EXECUTABLE.at(where, kind=kind)
            for start, kind in _IMAGES:
                if file.head.startswith(start):
                    yield DUAL_FORMAT.at(where, kind=kind)


CHECKS: Final = (
    Check(check_meta, (LACKS, VERSION, BAD_UID, TOO_LONG, NO_CREATOR)),
    Check(check_kinds, (NOT_IN_FILES, RETIRED_SYNTAX, RETIRED_CLASS)),
    Check(check_preambles, (EXECUTABLE, DUAL_FORMAT)),
)
