"""The directory as a whole: whether there is one, in its place, with records that reference what they may.

What is wrong with its bytes, offsets and single records is found while it is decoded (`fileset.decode`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mediakit.dicom.scanned import is_sound_value
from mediakit.dicom.uids import class_name
from mediakit.fileset.file_id import FileID
from mediakit.fileset.record_types import CURRENT_TYPES, HISTORICAL_TYPE_OF, RECORD_TYPE_OF
from mediakit.fileset.resolve import Names
from mediakit.fileset.survey import FileFact, FileKind, RecordLink, Survey
from mediakit.fileset.tally import Tally
from mediakit.findings import Finding, Rule, Severity, Where, printable
from mediakit.profile.model import Profile
from mediakit.rules.check import Check

NO_DICOMDIR = Rule(
    id="MK-DIR-101",
    severity=Severity.ERROR,
    title="there is no DICOMDIR: the medium does not hold a File-set",
    ref="PS3.10 8.6",
    hint="many systems cannot import such a medium; `mediakit repair` writes one with a directory",
)
ELSEWHERE = Rule(
    id="MK-DIR-102",
    severity=Severity.ERROR,
    title="the DICOMDIR is not in the root of the medium, but at {path}",
    ref="PS3.11 D.3.3",
    hint="readers that look in the root do not find it; give its folder as source, or copy what is in it",
)
SEVERAL = Rule(
    id="MK-DIR-103",
    severity=Severity.WARNING,
    title="there are {count:DICOMDIR file|DICOMDIR files}; only {path} was read, not {others}",
    ref="PS3.12 F.1.2.2",
    hint="a medium has one File-set with one DICOMDIR; check whether the others reference other images",
)
SECOND_FILE_SET = Rule(
    id="MK-DIR-116",
    severity=Severity.ERROR,
    title="there are {count:DICOMDIR file|DICOMDIR files}; {medium} holds one File-set with one DICOMDIR",
    ref="PS3.12",
    hint="only one of them was read; `mediakit repair` makes one File-set of all images",
)
IMPOSTOR = Rule(
    id="MK-DIR-104",
    severity=Severity.ERROR,
    title="the file named DICOMDIR in the root is not a directory; {path} was read instead",
    ref="PS3.10 8.6",
    hint="the directory is damaged or another file took its name; `mediakit repair` makes a new one",
)
EMPTY = Rule(
    id="MK-DIR-105",
    severity=Severity.ERROR,
    title="the directory references no instances, and {profile} does not allow an empty one",
    ref="PS3.11",
    hint="the images, if there are any, cannot be found through it; `mediakit repair` makes a new one",
)
WRONG_TYPE = Rule(
    id="MK-DIR-106",
    severity=Severity.ERROR,
    title="{count:{type} record references|{type} records reference} {sop_class}, which belongs in "
    "{right} records",
    ref="PS3.3 Table F.4-1",
    hint="readers that look for objects by record type miss these; the files themselves may be sound",
)
NO_TYPE = Rule(
    id="MK-DIR-107",
    severity=Severity.WARNING,
    title="no record type is defined for {sop_class}; {count:{type} record references|{type} records "
    "reference} it",
    ref="PS3.3 Table F.4-1",
    hint="readers may skip these records; the files themselves may be sound",
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
    title="the File-set UID in the file meta information is not a UID of at most 64 digits and dots, or is "
    "padded with a space",
    ref="PS3.5 9.1",
    hint="systems that tell media apart by it may confuse this one with another",
)
MISNAMED = Rule(
    id="MK-DIR-110",
    severity=Severity.ERROR,
    title="the directory is named {name}, not DICOMDIR",
    ref="PS3.10 8.6",
    hint="systems that distinguish upper and lower case, or look for this exact name, find no directory",
)
UNREAD = Rule(
    id="MK-DIR-111",
    severity=Severity.ERROR,
    title="the DICOMDIR could not be read from the medium",
    ref="PS3.10 8.6",
    hint="read the medium in another drive; the files were found by their content anyway",
)
BAD_DESCRIPTOR = Rule(
    id="MK-DIR-112",
    severity=Severity.ERROR,
    title="the File-set Descriptor File ID {file_id} is not a legal File ID",
    ref="PS3.10 8.5",
    hint="it names a read-me file, which readers may not find: a name such as README.TXT is not allowed here",
)
REPEATED_INSTANCE = Rule(
    id="MK-DIR-113",
    severity=Severity.ERROR,
    title="SOP Instance UID {uid} is already referenced by the record at {other}, with another file",
    ref="PS3.3 F.2.1",
    hint="a reader shows one of the two, and nobody can tell which one is meant",
)
BARREN = Rule(
    id="MK-DIR-114",
    severity=Severity.WARNING,
    title="{count:{type} record has|{type} records have} nothing below",
    ref="PS3.3 F.4",
    hint="images may have been taken off the medium, or their records are lost: ask the sender",
)
NO_REFERENCE = Rule(
    id="MK-DIR-115",
    severity=Severity.WARNING,
    title="{count:{type} record references|{type} records reference} no file",
    ref="PS3.3 F.3.2.2",
    hint="what they stand for is not on the medium, or can be found only by its content",
)

_NAME = "DICOMDIR"
_SET_UID = 0x00020003
_LISTED = 5
_GROUPS = frozenset({"PATIENT", "STUDY", "SERIES"})
_LEAVES = CURRENT_TYPES - _GROUPS - {"PRIVATE"}
# Where the text of the standard allows argument, readers accept either (PS3.3 F.5.4, F.5.40, F.5.46).
_RT = "1.2.840.10008.5.1.4.1.1.481."
_EITHER = {
    f"{_RT}23": frozenset({"IMAGE", "RADIOTHERAPY"}),
    f"{_RT}24": frozenset({"IMAGE", "RADIOTHERAPY"}),
    f"{_RT}25": frozenset({"PLAN", "RADIOTHERAPY"}),
}


def check_place(survey: Survey, profile: Profile | None) -> Iterator[Finding]:
    """Report a directory that is absent, elsewhere, misnamed, unreadable, or not the only one."""
    found = survey.dicomdir
    if found is None:
        if profile is None or profile.dicomdir.mandatory:
            yield NO_DICOMDIR.at()
        return
    where, shown = Where(path=found.path), printable(found.path)
    if "/" in found.path:
        yield ELSEWHERE.at(where, path=shown)
        if any(file.path == _NAME for file in survey.files):
            yield IMPOSTOR.at(Where(path=_NAME), path=shown)
    elif found.path != _NAME:
        yield MISNAMED.at(where, name=shown)
    if survey.decoded is None and found.seal is None:  # `rules.secure` says of an encrypted one that it is so
        yield UNREAD.at(where)
    yield from _others(survey, found, profile)


def _others(survey: Survey, found: FileFact, profile: Profile | None) -> Iterator[Finding]:
    others = [file.path for file in survey.files if file.kind is FileKind.DICOMDIR and file is not found]
    if others:
        listed = ", ".join(map(printable, others[:_LISTED])) + (" ..." if len(others) > _LISTED else "")
        count = len(others) + 1
        yield SEVERAL.at(Where(path=others[0]), count=count, path=printable(found.path), others=listed)
        if profile is not None and profile.medium.id == "cd-r":
            medium = profile.medium
            ref = f"{medium.annex}, F.1.2.2"
            yield SECOND_FILE_SET.at(Where(path=others[0]), count=count, medium=medium.title, ref=ref)


def check_content(survey: Survey, profile: Profile | None) -> Iterator[Finding]:
    """Report an empty directory, a File-set UID that is none, and a descriptor file that is absent."""
    if survey.decoded is None or survey.dicomdir is None:
        return
    where = Where(path=survey.dicomdir.path)
    if profile is not None and not survey.links and not profile.dicomdir.empty_allowed:
        yield EMPTY.at(where, profile=profile.id, ref=profile.source)
    uid = survey.decoded.meta.get(_SET_UID, b"")
    if uid.strip(b" \0") and not is_sound_value(uid):  # that there is none is known from decoding
        yield BAD_SET_UID.at(where)
    descriptor = survey.decoded.directory.descriptor
    if descriptor:
        yield from _descriptor(descriptor, survey, where)


def _descriptor(descriptor: str, survey: Survey, where: Where) -> Iterator[Finding]:
    shown = printable(descriptor.replace("\\", "/"))
    try:
        FileID.read(descriptor)
    except ValueError:
        yield BAD_DESCRIPTOR.at(where, file_id=shown)
    base = where.path.rpartition("/")[0]
    names = Names(((file.path, file.also) for file in survey.files), base)
    if names.find_path(descriptor.replace("\\", "/")) is None:
        yield NO_DESCRIPTOR.at(where, file_id=shown)


def check_types(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report records whose type is not that of the SOP Class that they reference."""
    if survey.dicomdir is None:
        return
    found = Tally()
    sound: set[tuple[str, str]] = set()
    for link in survey.links:
        kind = (link.record.type, link.reference.sop_class)
        if kind not in sound and not _count_wrong_type(found, link, survey.dicomdir.path):
            sound.add(kind)
    yield from found.findings()


def _count_wrong_type(found: Tally, link: RecordLink, path: str) -> bool:
    sop_class, type_ = link.reference.sop_class, link.record.type
    if type_ == "PRIVATE" or not sop_class:
        return False
    right = RECORD_TYPE_OF.get(sop_class) or HISTORICAL_TYPE_OF.get(sop_class)
    if type_ == right or type_ in _EITHER.get(sop_class, ()):
        return False
    where = Where(path=path, record=link.record.seen_at)
    detail = {"type": printable(type_), "sop_class": printable(class_name(sop_class))}
    if right is None:
        found.add(NO_TYPE, (type_, sop_class), where, **detail)
    else:
        found.add(WRONG_TYPE, (type_, sop_class), where, **detail, right=right)
    return True


def check_ends(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report branches that end without a file."""
    if survey.decoded is None or survey.dicomdir is None:
        return
    found = Tally()
    for record in survey.decoded.directory.walk():
        if record.reference is None and not record.children:
            rule = BARREN if record.type in _GROUPS else NO_REFERENCE if record.type in _LEAVES else None
            if rule is not None:
                where = Where(path=survey.dicomdir.path, record=record.seen_at)
                found.add(rule, record.type, where, type=record.type)
    yield from found.findings()


def check_instances(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report a SOP Instance that two records reference, unless it is so on the medium too.

    That two files hold one instance, `consistency` says; that one file is referenced twice, decoding.
    """
    if survey.dicomdir is None:
        return
    seen: dict[str, RecordLink] = {}
    for link in survey.links:
        uid = link.reference.sop_instance
        other = seen.setdefault(uid, link)
        if other is link or not uid or link.reference.file_id == other.reference.file_id:
            continue
        if not (_holds(link, uid) and _holds(other, uid)):
            where = Where(path=survey.dicomdir.path, record=link.record.seen_at)
            yield REPEATED_INSTANCE.at(where, uid=printable(uid), other=other.record.seen_at or 0)


def _holds(link: RecordLink, uid: str) -> bool:
    file = link.file
    return file is not None and file.instance is not None and file.instance.sop_instance == uid


CHECKS: Final = (
    Check(check_place, (NO_DICOMDIR, ELSEWHERE, MISNAMED, SEVERAL, SECOND_FILE_SET, IMPOSTOR, UNREAD)),
    Check(check_content, (EMPTY, BAD_SET_UID, BAD_DESCRIPTOR, NO_DESCRIPTOR)),
    Check(check_types, (WRONG_TYPE, NO_TYPE)),
    Check(check_ends, (BARREN, NO_REFERENCE)),
    Check(check_instances, (REPEATED_INSTANCE,)),
)
