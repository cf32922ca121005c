"""The directory against the files: what is missing, what is more, and what a record says of its file.

Whether the keys of records are those of the instances, `disagreement` judges.
Source: PS3.3 F.2.1, F.3.2.2; PS3.10 8.2, 8.6.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mediakit.dicom.instance import Instance, Tag
from mediakit.dicom.scanned import MEDIA_SOP_CLASS, MEDIA_SOP_INSTANCE
from mediakit.dicom.uids import class_name, syntax_name
from mediakit.fileset.survey import FileKind, RecordLink, Survey
from mediakit.fileset.tally import Tally
from mediakit.fileset.two_owners import series_of_several, studies_of_several
from mediakit.findings import Finding, Rule, Severity, Where, printable
from mediakit.profile.model import Profile
from mediakit.rules.check import Check

MISSING_FILE = Rule(
    id="MK-CON-001",
    severity=Severity.ERROR,
    title="the directory references {file_id}, which is not on the medium (SOP Instance UID {uid})",
    ref="PS3.3 F.2.1",
    hint="an image is missing unless another file holds it: ask the sender for a new copy",
)
OTHER_NAME = Rule(
    id="MK-CON-002",
    severity=Severity.ERROR,
    title="{count:file is|files are} not named as the directory says ({how}): {file_id} is {name}",
    ref="PS3.10 8.2",
    hint="systems that look for the exact name do not find them; mediakit found them anyway",
)
UNREFERENCED = Rule(
    id="MK-CON-003",
    severity=Severity.ERROR,
    title="no directory record references this instance",
    ref="PS3.3 F.2.1",
    hint="systems that import by the DICOMDIR miss it; `mediakit repair` writes a complete directory",
)
DAMAGED = Rule(
    id="MK-CON-004",
    severity=Severity.ERROR,
    title="the directory references {file_id}, which cannot be read as an instance",
    ref="PS3.10 7.1",
    hint="the file is damaged: ask the sender for a new copy",
)
OTHER_CLASS = Rule(
    id="MK-CON-005",
    severity=Severity.ERROR,
    title="the directory says {said}, but {count:file holds|files hold} {found}, first {path}",
    ref="PS3.3 F.3.2.2",
    hint="systems that trust the directory treat the objects wrongly or refuse them",
)
OTHER_INSTANCE = Rule(
    id="MK-CON-006",
    severity=Severity.ERROR,
    title="the directory says that {path} holds instance {said}, but it holds {found}",
    ref="PS3.3 F.3.2.2",
    hint="the directory may belong to other files: clarify it before you trust what it says of patients",
)
OTHER_SYNTAX = Rule(
    id="MK-CON-007",
    severity=Severity.ERROR,
    title="the directory says {said}, but {count:file is|files are} in {found}, first {path}",
    ref="PS3.3 F.3.2.2",
    hint="systems that trust the directory cannot decode the images",
)
TWO_FILES = Rule(
    id="MK-CON-008",
    severity=Severity.WARNING,
    title="two files have the same SOP Instance UID: {path} and {other} (in these folders: "
    "{count:file|files})",
    ref="PS3.5 9",
    hint="one is superfluous or has a wrong UID: check whether they are identical before both are imported",
)
ITSELF = Rule(
    id="MK-CON-009",
    severity=Severity.ERROR,
    title="the directory references {file_id}, which is a directory itself",
    ref="PS3.3 F.2.1",
    hint="only instances may be referenced; the record is useless",
)
NOT_DICOM = Rule(
    id="MK-CON-010",
    severity=Severity.ERROR,
    title="the directory references {file_id}, which is not a DICOM file",
    ref="PS3.3 F.2.1",
    hint="the file was replaced or encrypted: ask the sender for a new copy",
)
ALL_MISSING = Rule(
    id="MK-CON-014",
    severity=Severity.ERROR,
    title="none of the {count:file|files} referenced by the directory is on the medium, first {file_id}",
    ref="PS3.3 F.2.1",
    hint="the DICOMDIR was copied without its files, or belongs to another medium: ask the sender",
)
NONE_REFERENCED = Rule(
    id="MK-CON-015",
    severity=Severity.ERROR,
    title="the directory references none of the {count:instance|instances} on the medium, first {path}",
    ref="PS3.3 F.2.1",
    hint="systems that import by the DICOMDIR find nothing; `mediakit repair` writes a complete directory",
)

_SYNTAX: Tag = 0x00020010
_NOT_INSTANCES = {FileKind.DICOMDIR: ITSELF, FileKind.OTHER: NOT_DICOM}
TWO_PATIENTS = Rule(
    id="MK-CON-017",
    severity=Severity.ERROR,
    title="study {study} belongs to {count:patient|patients}: Patient IDs {ids}",
    ref="PS3.3 A.1.2",
    hint="a system shows the images of one under the name of the other: find out whose study it is",
)
TWO_STUDIES = Rule(
    id="MK-CON-018",
    severity=Severity.ERROR,
    title="series {series} is in {count:study|studies}: {studies}",
    ref="PS3.3 A.1.2",
    hint="a system keeps the series in one of them: ask the sender which is right",
)

_LISTED = 8  # owners in one finding


def check_files(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report references to files that are missing, misnamed, or hold no instance."""
    if survey.dicomdir is None or not survey.links:
        return
    path = survey.dicomdir.path
    if len(survey.links) > 1 and all(link.file is None for link in survey.links):
        yield ALL_MISSING.at(
            Where(path=path),
            count=len(survey.links),
            file_id=printable(survey.links[0].reference.file_id_text) or "unnamed",
        )
        return
    misnamed = Tally()
    for link in survey.links:
        file = link.file
        if file is not None and file.kind is FileKind.INSTANCE and not link.differences:
            continue
        where = Where(path=path, record=link.record.seen_at)
        file_id = printable(link.reference.file_id_text)
        if file is None:
            if file_id:  # a reference without a File ID is known from decoding
                yield MISSING_FILE.at(where, file_id=file_id, uid=link.reference.sop_instance or "unknown")
            continue
        if link.differences:
            how = ", ".join(sorted(link.differences))
            misnamed.add(OTHER_NAME, how, where, file_id=file_id, name=printable(file.path), how=how)
        if file.kind is not FileKind.INSTANCE and link.record.type != "HL7 STRUC DOC":
            yield _NOT_INSTANCES.get(file.kind, DAMAGED).at(where, file_id=file_id)
    yield from misnamed.findings()


def check_extra(survey: Survey, profile: Profile | None) -> Iterator[Finding]:
    """Report instances that no record references."""
    if survey.decoded is None or (profile is not None and not profile.dicomdir.all_files_referenced):
        return
    linked = survey.linked_paths()
    extra = [file.path for file, _ in survey.instances() if file.path not in linked]
    if len(extra) > 1 and not any(file.path in linked for file, _ in survey.instances()):
        where = Where(path="" if survey.dicomdir is None else survey.dicomdir.path)
        yield NONE_REFERENCED.at(where, count=len(extra), path=printable(extra[0]))
        return
    for path in extra:
        yield UNREFERENCED.at(Where(path=path))


def check_duplicates(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report instances that lie in two files: one finding for two folders."""
    first: dict[str, str] = {}
    found = Tally()
    for file, instance in survey.instances():
        path = file.path
        other = first.setdefault(instance.sop_instance, path)
        if other is not path and other != path:
            folders = (path.rpartition("/")[0], other.rpartition("/")[0])
            found.add(TWO_FILES, folders, Where(path=path), path=printable(path), other=printable(other))
    yield from found.findings()


def check_references(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report records whose SOP Class, SOP Instance or Transfer Syntax is not that of the file.

    Where the file contradicts itself, either is right here: the file itself is reported elsewhere.
    """
    if survey.dicomdir is None:
        return
    found = Tally()
    path = survey.dicomdir.path
    for link in survey.links:
        instance = None if link.file is None else link.file.instance
        if instance is None:
            continue
        said = link.reference
        if (
            said.sop_instance != instance.sop_instance
            or said.sop_class != instance.sop_class
            or said.transfer_syntax != instance.transfer_syntax
        ):
            yield from _contradictions(link, instance, Where(path=path, record=link.record.seen_at), found)
    yield from found.findings()


def _contradictions(link: RecordLink, instance: Instance, where: Where, found: Tally) -> Iterator[Finding]:
    said, path = link.reference, printable(instance.path)
    if _differs(said.sop_instance, instance.sop_instance, instance, MEDIA_SOP_INSTANCE):
        yield OTHER_INSTANCE.at(
            where, path=path, said=printable(said.sop_instance), found=printable(instance.sop_instance)
        )
    if _differs(said.sop_class, instance.sop_class, instance, MEDIA_SOP_CLASS):
        names = [printable(class_name(uid)) for uid in (said.sop_class, instance.sop_class)]
        found.add(OTHER_CLASS, tuple(names), where, said=names[0], found=names[1], path=path)
    if _differs(said.transfer_syntax, instance.transfer_syntax, instance, _SYNTAX):
        names = [printable(syntax_name(uid)) for uid in (said.transfer_syntax, instance.transfer_syntax)]
        found.add(OTHER_SYNTAX, tuple(names), where, said=names[0], found=names[1], path=path)


def _differs(said: str, held: str, instance: Instance, tag: Tag) -> bool:
    """Return True for a UID that neither the data set nor the file meta information has."""
    if not said or said == held:
        return False
    return said != instance.header.meta.get(tag, b"").strip(b" \0").decode("latin-1")


def check_owners(survey: Survey, _profile: Profile | None) -> Iterator[Finding]:
    """Report studies of several patients, and series in several studies."""
    for study in studies_of_several(survey):
        ids = ", ".join(f"`{printable(one)}`" for one in study.owners[:_LISTED])
        yield TWO_PATIENTS.at(Where(path=study.path), study=study.uid, count=len(study.owners), ids=ids)
    for series in series_of_several(survey):
        yield TWO_STUDIES.at(
            Where(path=series.path),
            series=series.uid,
            count=len(series.owners),
            studies=", ".join(series.owners[:_LISTED]),
        )


CHECKS: Final = (
    Check(check_owners, (TWO_PATIENTS, TWO_STUDIES)),
    Check(check_files, (MISSING_FILE, ALL_MISSING, OTHER_NAME, DAMAGED, ITSELF, NOT_DICOM)),
    Check(check_extra, (UNREFERENCED, NONE_REFERENCED)),
    Check(check_duplicates, (TWO_FILES,)),
    Check(check_references, (OTHER_INSTANCE, OTHER_CLASS, OTHER_SYNTAX)),
)
