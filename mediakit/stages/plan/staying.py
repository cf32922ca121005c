"""What stays of a medium that is updated: records with their bytes, File IDs, files; and what goes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mediakit.dicom.instance import shown
from mediakit.fileset.carry import NotCarriedError, carry
from mediakit.fileset.merge import pruned
from mediakit.fileset.plan import ExtraFile
from mediakit.fileset.record import Directory
from mediakit.fileset.removal import Completed, Removal, Removed, is_wanted, removed_of
from mediakit.fileset.survey import FileFact, RecordLink, Survey
from mediakit.findings import Finding, Rule, Severity, Where, printable
from mediakit.formats.base import Tree
from mediakit.formats.envelope import Envelope, as_stored
from mediakit.stages.judge.made_before import MadeBefore, made_before
from mediakit.stages.judge.resealing import departures
from mediakit.stages.judge.updatable import (
    NOT_SAFE,
    made_of_instances,
    notes_of,
    why_not,
    why_not_again,
    why_not_named,
)
from mediakit.stages.plan.update_target import UpdateTarget, Way

NOT_THERE = Rule(
    id="MK-UPD-008",
    severity=Severity.ERROR,
    title="{what} is to be removed, and no record of the medium has it",
    ref="PS3.10 8.3",
    hint="`mediakit inspect` shows what is on the medium; compare every character",
)
COPY_LEFT = Rule(
    id="MK-UPD-017",
    severity=Severity.ERROR,
    title="holds what is to be removed too (SOP Instance UID {uid}), and would stay on the medium",
    ref="PS3.10 8.3",
    hint="burn a new medium from this one, without what is to be removed; in a folder, delete the file",
)


COMPLETED = Rule(
    id="MK-UPD-019",
    severity=Severity.WARNING,
    title="{what} was taken out of the directory by an earlier update that was interrupted; with its files "
    "the removal is complete",
    ref="PS3.10 8.3, 8.6",
    hint="nothing needs to be done; after a rehearsal, run the update: it removes the files that are left",
)


class NotUpdatedError(Exception):
    """The medium is left as it is; the findings say why."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__(findings)
        self.findings = tuple(findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """The directory of what stays, the links of its records, the files that stay, and those that go.

    `made` is what mediakit made of the instances: it is made again, `outdated` are its files. Neither these
    nor the DICOMDIR are among `files` or `gone`.
    """

    directory: Directory
    links: tuple[RecordLink, ...] = field(repr=False)
    files: tuple[FileFact, ...] = field(repr=False)
    gone: tuple[FileFact, ...]
    outdated: tuple[FileFact, ...]
    made: MadeBefore


def what_stays(
    seen: Survey,
    tree: Tree,
    removal: Removal,
    target: UpdateTarget,
    *,
    envelope: Envelope | None,
    completed: Completed,
) -> tuple[Stay, tuple[Finding, ...]]:
    """Return what stays, and what is to be said of it.

    `target` says how it is written, `envelope` seals what is new on an encrypted medium. `completed` is what
    an interrupted update had removed already. Raises NotUpdatedError when an update is not safe, or cannot be
    as was asked, SourceError when the directory cannot be read again.
    """
    where = Where(path=seen.subject)
    reasons = [*why_not(seen), *(why_not_again(seen, tree) if target.way is Way.ANEW else ())]
    if target.way is not Way.IN_PLACE:
        reasons += why_not_named(seen, tree, target.variant)
    directory, dicomdir = seen.directory, seen.dicomdir
    if reasons or directory is None or dicomdir is None:
        raise NotUpdatedError([NOT_SAFE.at(where, why=why) for why in reasons])
    made = made_before(seen, tree)
    if lasting := list(made_of_instances(seen, tree, made)):
        raise NotUpdatedError(lasting)
    unlike = [] if envelope is None else list(departures(seen, envelope))
    if any(finding.severity is Severity.ERROR for finding in unlike):
        raise NotUpdatedError(unlike)
    removed = removed_of(seen.links, removal)
    if unmet := [asked for asked in removed.unmet if asked.key not in completed.keys]:
        raise NotUpdatedError([NOT_THERE.at(where, what=asked.value) for asked in unmet])
    records = removed.records()
    links = tuple(link for link in seen.links if id(link.record) not in records)
    held = {link.file.path for link in links if link.file is not None}
    gone = seen.linked_paths() - held
    if copies := list(_copies(seen, gone | completed.left, removed, removal)):
        raise NotUpdatedError(copies)
    try:
        old = carry(_bytes_of(dicomdir, tree), pruned(directory, records))
    except NotCarriedError as exc:
        raise NotUpdatedError([NOT_SAFE.at(where, why=str(exc))]) from exc
    files = [file for file in seen.files if file.path != dicomdir.path and file.path not in made.paths]
    stay = Stay(
        directory=old,
        links=links,
        files=tuple(file for file in files if file.path not in gone),
        gone=tuple(file for file in files if file.path in gone),
        outdated=tuple(file for file in seen.files if file.path in made.paths),
        made=made,
    )
    done = [COMPLETED.at(where, what=asked.value) for asked in removed.unmet]
    return stay, (*unlike, *done, *notes_of(seen, records, made))


def kept_files(stay: Stay, seen: Survey, tree: Tree) -> list[ExtraFile]:
    """Return the files that stay with the sizes that they have on the medium, envelopes and all."""
    nodes = ((file, as_stored(tree).find(file.path)) for file in stay.files)
    return [
        ExtraFile(
            file.path,
            file.size if node is None else node.size,
            shown(seen.subject, file.path),
            is_stored=True,
        )
        for file, node in nodes
    ]


def _copies(seen: Survey, gone: frozenset[str], removed: Removed, removal: Removal) -> Iterator[Finding]:
    """Yield the files that would stay, and hold an instance that is to be removed.

    A file that no record names speaks for itself: what it is of is in its data set.
    """
    uids = {link.reference.sop_instance for link in removed.links}
    uids |= {link.file.instance.sop_instance for link in removed.links if link.file and link.file.instance}
    uids.discard("")
    linked = seen.linked_paths()
    for file, instance in seen.instances():
        is_copy = instance.sop_instance in uids or (file.path not in linked and is_wanted(instance, removal))
        if is_copy and file.path not in gone:
            yield COPY_LEFT.at(
                Where(path=shown(seen.subject, file.path)), uid=printable(instance.sop_instance)
            )


def _bytes_of(dicomdir: FileFact, tree: Tree) -> bytes:
    node = tree.find(dicomdir.path)
    if node is None:
        raise NotCarriedError("its DICOMDIR is gone")
    with tree.open(node) as stream:
        return stream.read(node.size)
