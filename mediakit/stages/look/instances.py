"""Surveys -> the instances that go on a new medium, and one fate for every file that does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mediakit.dicom.instance import Instance, shown
from mediakit.fileset.charset import place_of
from mediakit.fileset.decode import HIDES_RECORDS
from mediakit.fileset.survey import DirectoryFact, Duplicates, FileFact, FileKind, RecordLink, Survey
from mediakit.findings import Finding, Rule, Severity, Where, printable
from mediakit.outcome import State
from mediakit.stages.look.closed import finding_on_unopened
from mediakit.stages.look.fates import Fates

DIRECTORY = Rule(
    id="MK-SRC-104",
    severity=Severity.NOTE,
    title="the DICOMDIR of the source; the new file-set gets its own",
    ref="PS3.10 8.6",
    hint="nothing needs to be done",
)
SAME_DATA_SET = Rule(
    id="MK-SRC-105",
    severity=Severity.NOTE,
    title="the same SOP Instance with the same data set as {first}",
    ref="PS3.5 9",
    hint="one of them is enough; nothing is lost",
)
OTHER_DATA_SET = Rule(
    id="MK-SRC-106",
    severity=Severity.ERROR,
    title="SOP Instance UID {uid} is also that of {other}, whose data set differs",
    ref="PS3.5 9",
    hint="find out which one is right and remove the other from the source",
)
ABSENT = Rule(
    id="MK-SRC-107",
    severity=Severity.ERROR,
    title="the directory names {file_id} (SOP Instance UID {uid}), but no file of the sources holds it",
    ref="PS3.3 F.2.1",
    hint="what is made from these sources does not have it: ask the sender for a new copy",
)
NOT_READ = Rule(
    id="MK-SRC-108",
    severity=Severity.WARNING,
    title="the directory could not be read whole ({why}): it is impossible to know "
    "whether all that it names is there",
    ref="PS3.10 8.6",
    hint="try another drive or another copy, and compare the number of images with the sender's word",
)
DUPLICATE_UNREADABLE = Rule(
    id="MK-SRC-109",
    severity=Severity.ERROR,
    title="cannot be read to its end ({why}); {other}, which has the same SOP Instance UID, was used",
    ref="PS3.10 7",
    hint="whether both are the same cannot be told: compare it with another copy of the medium",
)

_OTHER_CONTENT = frozenset({FileKind.INSTANCE, FileKind.DICOMDIR, FileKind.OTHER})


def take_instances(surveys: Sequence[Survey], fates: Fates) -> list[Instance]:
    """Return the instances of the sources, each SOP Instance UID once.

    Every file met is entered in `fates`; those that do not go on are settled. What a directory of a source
    names and no source holds is a finding there.
    """
    taken: list[Instance] = []
    left_out = {id(file) for survey in surveys for each in survey.duplicates for file in each.left_out()}
    for survey in surveys:
        for file in survey.files:
            place = shown(survey.subject, file.path)
            if not fates.enter(place):
                continue  # sources lie inside one another, or the file is added as other content
            if file.instance is None:
                _settle_other(file, place, fates)
            elif id(file) not in left_out:
                taken.append(file.instance)
    for survey in surveys:
        for duplicates in survey.duplicates:
            _settle_duplicates(duplicates, fates)
    fates.findings += absent(surveys)
    return taken


def _settle_other(file: FileFact, place: str, fates: Fates) -> None:
    if file.kind is FileKind.DICOMDIR:
        fates.settle(place, State.EXCLUDED, DIRECTORY.at())
    else:
        is_other = file.kind is FileKind.OTHER and not file.is_locked
        state = State.NOT_DICOM if is_other else State.UNREADABLE
        fates.settle(place, state, file.finding)


def _settle_duplicates(duplicates: Duplicates, fates: Fates) -> None:
    """Give a fate to all files of one UID but the one that is taken."""
    uid = duplicates.sop_instance
    kept = "" if duplicates.kept is None else _place(duplicates.kept)
    for file in duplicates.same:
        fates.settle(_place(file), State.DUPLICATE, SAME_DATA_SET.at(first=kept), sop_instance=uid)
    for file in duplicates.others:
        other = kept or next(_place(one) for one in duplicates.others if one is not file)
        finding = OTHER_DATA_SET.at(uid=uid, other=other)
        fates.settle(_place(file), State.REFUSED, finding, sop_instance=uid)
    for file, why in duplicates.unread:
        finding = DUPLICATE_UNREADABLE.at(why=why.text, other=kept) if kept else why
        fates.settle(_place(file), State.UNREADABLE, finding, sop_instance=uid)


def _place(file: FileFact) -> str:
    return file.path if file.instance is None else place_of(file.instance)


def absent(surveys: Sequence[Survey]) -> Iterator[Finding]:
    """Yield one finding for each instance that a directory names and no source has.

    A file that is there and cannot be read has a fate of its own, which says so.
    """
    if not any(survey.dicomdir or survey.other_directories for survey in surveys):
        return
    held = {instance.sop_instance for survey in surveys for _, instance in survey.instances()}
    for survey in surveys:
        missing = {id(link) for link in survey.missing()}
        for directory in _directories_of(survey):
            where = shown(survey.subject, directory.file.path)
            if directory.file.is_unopened:
                yield finding_on_unopened(directory.file).moved(where)
            elif why := why_not_whole(directory):
                yield NOT_READ.at(Where(path=where), why=why)
            yield from (
                _absent_finding(link, where)
                for link in directory.links
                if id(link) in missing and _is_absent(link) and link.reference.sop_instance not in held
            )


def why_not_whole(directory: DirectoryFact) -> str:
    """Return why a directory may name more than what could be read of it, "" when there is no reason."""
    if directory.decoded is None:
        return "it is damaged" if directory.finding is None else directory.finding.text
    hiding = (one.text for one in directory.decoded.findings if one.rule in HIDES_RECORDS)
    return next(hiding, "")


def _is_absent(link: RecordLink) -> bool:
    return link.file is None or link.file.kind in _OTHER_CONTENT


def _absent_finding(link: RecordLink, directory: str) -> Finding:
    return ABSENT.at(
        Where(path=directory, record=link.record.seen_at),
        file_id=printable(link.reference.file_id_text) or "an instance",
        uid=link.reference.sop_instance or "unknown",
    )


def _directories_of(survey: Survey) -> Iterator[DirectoryFact]:
    """Yield every directory of a medium, the one that counts first."""
    if survey.dicomdir is not None:
        yield DirectoryFact(
            file=survey.dicomdir,
            decoded=survey.decoded,
            finding=survey.dicomdir.finding,
            links=survey.links,
        )
    yield from survey.other_directories
