"""Source -> instances, and one fate for every file that does not go on."""

from __future__ import annotations

from collections.abc import Sequence

from mediakit.dicom.header import Scanner
from mediakit.dicom.instance import MEDIA_STORAGE_DIRECTORY, Instance, shown
from mediakit.errors import SourceError
from mediakit.events import Advanced, Listener, PhaseEnded, PhaseStarted, silence
from mediakit.findings import Finding, Rule, Severity
from mediakit.formats.base import Node, NodeKind, Tree
from mediakit.journeys.absent import DirectoryFile, absent
from mediakit.journeys.digest import sha256_of
from mediakit.journeys.fates import Fates
from mediakit.journeys.sources import Sources
from mediakit.outcome import State

LINK = Rule(
    id="MK-SRC-101",
    severity=Severity.ERROR,
    title="a symbolic link is not followed",
    ref="PS3.10 8.2",
    hint="give the folder or file it points to as a source of its own",
)
SPECIAL = Rule(
    id="MK-SRC-102",
    severity=Severity.ERROR,
    title="not a regular file (a device, pipe or socket)",
    ref="PS3.10 7",
    hint="remove it from the source",
)
CANNOT_READ = Rule(
    id="MK-SRC-103",
    severity=Severity.ERROR,
    title="cannot be read: {why}",
    ref="PS3.10 7",
    hint="check the permissions, or try another copy of the medium",
)
DIRECTORY = Rule(
    id="MK-SRC-104",
    severity=Severity.NOTE,
    title="the DICOMDIR of the source; the new file-set gets its own",
    ref="PS3.10 8.6",
    hint="nothing needs to be done",
)
SAME_BYTES = Rule(
    id="MK-SRC-105",
    severity=Severity.NOTE,
    title="the same SOP Instance with the same bytes as {first}",
    ref="PS3.10 7",
    hint="one of them is enough; nothing is lost",
)
OTHER_BYTES = Rule(
    id="MK-SRC-106",
    severity=Severity.ERROR,
    title="SOP Instance UID {uid} is also that of {other}, whose bytes differ",
    ref="PS3.3 F.3.2.2",
    hint="find out which one is right and remove the other from the source",
)


def scan(sources: Sources, scanner: Scanner, book: Fates, tell: Listener = silence) -> list[Instance]:
    """Read the header of every file in the sources, settle duplicates, return the instances that go on.

    Every file met is entered in the book; those that do not go on are settled. What a directory of the
    sources names and none of them holds is a finding there. Loads no pixel data.
    """
    instances: list[Instance] = []
    directories: list[DirectoryFile] = []
    tell(PhaseStarted("scan"))
    for source, tree, node in sources.walk():
        place = shown(source, node.path)
        if not book.enter(place):
            continue  # sources lie inside one another, or the file is added as other content
        if node.kind is NodeKind.FILE:
            instance = _scan_file(tree, node, scanner, source, book)
            if instance is not None and instance.sop_class == MEDIA_STORAGE_DIRECTORY:
                book.settle(place, State.EXCLUDED, DIRECTORY.at())
                directories.append(DirectoryFile(source, tree, node))
            elif instance is not None:
                instances.append(instance)
        else:
            book.settle(place, State.UNREADABLE, finding_on_closed(node))
        tell(Advanced())
    book.findings += absent(directories, instances, book)
    instances = _without_duplicates(instances, sources, book)
    tell(PhaseEnded("scan"))
    return instances


def finding_on_closed(node: Node) -> Finding:
    """Return why a node that is no file was not opened."""
    if node.kind is NodeKind.LINK:
        return LINK.at()
    if node.kind is NodeKind.SPECIAL:
        return SPECIAL.at()
    return CANNOT_READ.at(why=node.why or "unknown reason")


def finding_on_failure(exc: SourceError | OSError) -> Finding:
    """Return why reading a file failed."""
    why = (exc.why or exc.what) if isinstance(exc, SourceError) else exc.strerror or type(exc).__name__
    return CANNOT_READ.at(why=why)


def _scan_file(tree: Tree, node: Node, scanner: Scanner, source: str, book: Fates) -> Instance | None:
    try:
        with tree.open(node) as stream:
            result = scanner.read(stream, node.size, source, node.path)
    except (SourceError, OSError) as exc:
        book.settle(shown(source, node.path), State.UNREADABLE, finding_on_failure(exc))
        return None
    if not isinstance(result, Instance):
        book.settle(shown(source, node.path), result.state, result.finding)
        return None
    return result


def _without_duplicates(instances: list[Instance], sources: Sources, book: Fates) -> list[Instance]:
    """Keep one of several files with one SOP Instance UID when all have the same bytes, else none."""
    by_uid: dict[str, list[Instance]] = {}
    for instance in instances:
        by_uid.setdefault(instance.sop_instance, []).append(instance)
    if len(by_uid) == len(instances):
        return instances
    kept: list[Instance] = []
    for duplicates in by_uid.values():
        kept.extend(duplicates if len(duplicates) == 1 else _settle_duplicates(duplicates, sources, book))
    return kept


def _settle_duplicates(duplicates: Sequence[Instance], sources: Sources, book: Fates) -> Sequence[Instance]:
    uid = duplicates[0].sop_instance
    places = [shown(duplicate.source, duplicate.path) for duplicate in duplicates]
    try:
        digests = {_sha256(duplicate, sources) for duplicate in duplicates}
    except (SourceError, OSError) as exc:
        for place in places:
            book.settle(place, State.UNREADABLE, finding_on_failure(exc), sop_instance=uid)
        return ()
    if len(digests) == 1:
        for place in places[1:]:
            book.settle(place, State.DUPLICATE, SAME_BYTES.at(first=places[0]), sop_instance=uid)
        return duplicates[:1]
    for place in places:
        other = next(name for name in places if name != place)
        book.settle(place, State.REFUSED, OTHER_BYTES.at(uid=uid, other=other), sop_instance=uid)
    return ()


def _sha256(instance: Instance, sources: Sources) -> str:
    with sources.open(instance) as stream:
        return sha256_of(stream)
