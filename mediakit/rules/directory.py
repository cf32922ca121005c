"""The directory as a whole: whether there is one, in its place, with records of the right types.

What is wrong with its bytes, offsets and single records is found while it is decoded (`fileset.decode`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mediakit.dicom.uids import class_name
from mediakit.fileset.record_types import HISTORICAL_TYPE_OF, RECORD_TYPE_OF
from mediakit.fileset.survey import FileKind, Link, Survey
from mediakit.findings import Finding, Rule, Severity, Where
from mediakit.profile.model import Profile
from mediakit.rules.check import Check

NO_DICOMDIR = Rule(
    id="MK-DIR-101",
    severity=Severity.ERROR,
    title="there is no DICOMDIR: the medium holds no File-set",
    ref="PS3.10 8.6",
    hint="many systems cannot import such a medium; `mediakit repair` writes one with a directory",
)
ELSEWHERE = Rule(
    id="MK-DIR-102",
    severity=Severity.ERROR,
    title="the DICOMDIR is not in the root of the medium under exactly this name, but at {path}",
    ref="PS3.10 8.6",
    hint="readers that look in the root do not find it; when it was copied, copy the content of its folder",
)
SEVERAL = Rule(
    id="MK-DIR-103",
    severity=Severity.WARNING,
    title="there are {count} directories on the medium; {path} was read",
    ref="PS3.10 8.6",
    hint="a medium has one File-set with one DICOMDIR; look whether the others reference other images",
)
IMPOSTOR = Rule(
    id="MK-DIR-104",
    severity=Severity.ERROR,
    title="the file named DICOMDIR holds no Media Storage Directory",
    ref="PS3.10 8.6",
    hint="the directory is damaged or another file took its name; `mediakit repair` makes a new one",
)
EMPTY = Rule(
    id="MK-DIR-105",
    severity=Severity.ERROR,
    title="the directory references no instance, and {profile} allows no empty one",
    ref="PS3.11",
    hint="the images, if there are any, cannot be found through it; `mediakit repair` makes a new one",
)
WRONG_TYPE = Rule(
    id="MK-DIR-106",
    severity=Severity.ERROR,
    title="a record of type {type} references {sop_class}, which belongs to a record of type {right}",
    ref="PS3.3 Table F.4-1",
    hint="readers that look for images by record type miss it",
)
NO_TYPE = Rule(
    id="MK-DIR-107",
    severity=Severity.WARNING,
    title="no directory record type is defined for {sop_class}; it stands in a record of type {type}",
    ref="PS3.3 Table F.4-1",
    hint="readers may pass over this record; the file itself may be sound",
)
NO_DESCRIPTOR = Rule(
    id="MK-DIR-108",
    severity=Severity.WARNING,
    title="the File-set Descriptor File {file_id} is not on the medium",
    ref="PS3.3 F.3.2.1",
    hint="it is a read-me file, not an image; nothing of the patient is missing",
)
BAD_SET_UID = Rule(
    id="MK-DIR-109",
    severity=Severity.ERROR,
    title="the File-set UID in the file meta information is absent or no UID",
    ref="PS3.10 8.6",
    hint="systems that recognise a medium by it take this one for another",
)

_NAME = "DICOMDIR"
_SET_UID = 0x00020003
# Where the text of the standard allows argument, readers accept either (PS3.3 F.5.4, F.5.40, F.5.46).
_RT = "1.2.840.10008.5.1.4.1.1.481."
_EITHER = {
    f"{_RT}23": frozenset({"IMAGE", "RADIOTHERAPY"}),
    f"{_RT}24": frozenset({"IMAGE", "RADIOTHERAPY"}),
    f"{_RT}25": frozenset({"PLAN", "RADIOTHERAPY"}),
}


def check_place(survey: Survey, profile: Profile | None) -> Iterator[Finding]:
    """Report a directory that is absent, elsewhere, doubled, or none."""
    found = survey.dicomdir
    others = [file for file in survey.files if file.kind is FileKind.DICOMDIR and file is not found]
    if found is None:
        if profile is None or profile.dicomdir.mandatory:
            yield NO_DICOMDIR.at()
        return
    if found.path != _NAME:
        yield ELSEWHERE.at(Where(path=found.path), path=found.path)
    if survey.decoded is None or (found.kind is not FileKind.DICOMDIR and not survey.links):
        yield IMPOSTOR.at(Where(path=found.path))
    if others:
        yield SEVERAL.at(Where(path=others[0].path), count=len(others) + 1, path=found.path)


def check_content(survey: Survey, profile: Profile | None) -> Iterator[Finding]:
    """Report an empty directory, a File-set UID that is none, and a descriptor file that is absent."""
    if survey.decoded is None or survey.dicomdir is None:
        return
    where = Where(path=survey.dicomdir.path)
    directory = survey.decoded.directory
    if profile is not None and not survey.links and not profile.dicomdir.empty_allowed:
        yield EMPTY.at(where, profile=profile.id, ref=profile.source)
    uid = survey.decoded.meta.get(_SET_UID, b"").strip(b" \0")
    if survey.decoded.meta and not _is_uid(uid):
        yield BAD_SET_UID.at(where)
    descriptor = directory.descriptor.replace("\\", "/")
    if descriptor and not any(file.path.upper() == descriptor.upper() for file in survey.files):
        yield NO_DESCRIPTOR.at(where, file_id=descriptor)


def check_types(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report records whose type is not that of the SOP Class that they reference."""
    if survey.dicomdir is None:
        return
    sound: set[tuple[str, str]] = set()
    for link in survey.links:
        kind = (link.record.type, link.reference.sop_class)
        if kind in sound:
            continue
        finding = _type_fault(link, survey.dicomdir.path)
        if finding is None:
            sound.add(kind)
        else:
            yield finding


def _type_fault(link: Link, path: str) -> Finding | None:
    sop_class, type_ = link.reference.sop_class, link.record.type
    if type_ == "PRIVATE" or not sop_class:
        return None
    right = RECORD_TYPE_OF.get(sop_class) or HISTORICAL_TYPE_OF.get(sop_class)
    where = Where(path=path, record=link.record.seen_at)
    name = class_name(sop_class) or sop_class
    if right is None:
        return NO_TYPE.at(where, sop_class=name, type=type_)
    if type_ == right or type_ in _EITHER.get(sop_class, ()):
        return None
    return WRONG_TYPE.at(where, type=type_, sop_class=name, right=right)


def _is_uid(uid: bytes) -> bool:
    return 0 < len(uid) <= 64 and uid.replace(b".", b"").isdigit()


CHECKS: Final = (
    Check(check_place, (NO_DICOMDIR, ELSEWHERE, SEVERAL, IMPOSTOR)),
    Check(check_content, (EMPTY, BAD_SET_UID, NO_DESCRIPTOR)),
    Check(check_types, (WRONG_TYPE, NO_TYPE)),
)
