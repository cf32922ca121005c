"""What the directories of the sources name and no file of them holds: a new file-set knows nothing of it.

Costs nothing where there is no DICOMDIR, and no second look at the files where it names what is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mediakit.dicom.instance import Instance, shown
from mediakit.errors import SourceError
from mediakit.fileset.decode import decode
from mediakit.fileset.record import DirectoryRecord, FileRef
from mediakit.fileset.resolve import Names
from mediakit.findings import Finding, Rule, Severity, Where
from mediakit.formats.base import Node, Tree
from mediakit.journeys.fates import Fates
from mediakit.journeys.persistent import tried
from mediakit.outcome import State

ABSENT = Rule(
    id="MK-SRC-107",
    severity=Severity.WARNING,
    title="the directory names {file_id} (SOP Instance UID {uid}), and no file of the sources holds it",
    ref="PS3.3 F.2.1",
    hint="the new medium will not have it: ask the sender for a new copy; or burn with `--fail-on warning`",
)
NOT_READ = Rule(
    id="MK-SRC-108",
    severity=Severity.WARNING,
    title="the directory cannot be read ({why}): whether all that it names is there cannot be told",
    ref="PS3.10 8.6",
    hint="try another drive or another copy, and compare the number of images with the sender's word",
)

_MOST_BYTES = 512 * 1024 * 1024
_TEXT_RECORD = "HL7 STRUC DOC"  # its file is no DICOM file
_OTHERS = frozenset({State.NOT_DICOM, State.EXCLUDED})  # files that hold no instance, and need nobody


@dataclass(frozen=True, slots=True)
class DirectoryFile:
    """A DICOMDIR that a scan met."""

    source: str
    tree: Tree
    node: Node

    @property
    def base(self) -> str:
        """Return the folder it lies in, which its File IDs begin at."""
        return self.node.path.rpartition("/")[0]


def absent(directories: Sequence[DirectoryFile], instances: Sequence[Instance], book: Fates) -> list[Finding]:
    """Return one finding for each instance that a directory names and nobody has.

    A file that cannot be read has a fate of its own, which says so. `instances` are those of all sources, and
    those that were not taken have their fate in the book.
    """
    if not directories:
        return []
    search = _Search({instance.sop_instance for instance in instances}, instances, book)
    return [finding for directory in directories for finding in search.missing_of(directory)]


@dataclass(slots=True)
class _Search:
    """The sources, to look for what a directory names. Files are looked up by name only when they must."""

    held: set[str]
    instances: Sequence[Instance]
    book: Fates
    names: dict[tuple[str, str], Names] = field(default_factory=dict)
    paths: set[tuple[str, str]] = field(default_factory=set)

    def missing_of(self, directory: DirectoryFile) -> Iterator[Finding]:
        place = shown(directory.source, directory.node.path)
        try:
            decoded = decode(tried(lambda: _whole(directory)))
        except (SourceError, OSError) as exc:
            why = (
                (exc.why or exc.what) if isinstance(exc, SourceError) else exc.strerror or type(exc).__name__
            )
            yield NOT_READ.at(Where(path=place), why=why)
            return
        for record in decoded.directory.walk():
            reference = record.reference
            if reference is None or reference.sop_instance in self.held:
                continue
            if self._is_absent(directory, record, reference):
                file_id = _file_id(reference)
                if file_id or reference.sop_instance:
                    yield ABSENT.at(
                        Where(path=place, record=record.seen_at),
                        file_id=file_id or "an instance",
                        uid=reference.sop_instance or "unknown",
                    )

    def _is_absent(self, directory: DirectoryFile, record: DirectoryRecord, reference: FileRef) -> bool:
        match = self._names(directory).find(reference)
        if match is None:
            return True
        if (directory.source, match.path) in self._paths():  # an instance, but not the one that is named
            return bool(reference.sop_instance)
        return (
            record.type != _TEXT_RECORD and self.book.state_of(shown(directory.source, match.path)) in _OTHERS
        )

    def _names(self, directory: DirectoryFile) -> Names:
        key = (directory.source, directory.base)
        if key not in self.names:
            files = ((node.path, node.also) for node in directory.tree.walk())
            self.names[key] = Names(files, directory.base)
        return self.names[key]

    def _paths(self) -> set[tuple[str, str]]:
        if not self.paths:
            self.paths = {(instance.source, instance.path) for instance in self.instances}
        return self.paths


def _whole(directory: DirectoryFile) -> bytes:
    with directory.tree.open(directory.node) as stream:
        return stream.read(_MOST_BYTES)


def _file_id(reference: FileRef) -> str:
    if reference.file_id is not None:
        return str(reference.file_id)
    return ascii(reference.raw_file_id.decode("latin-1").strip(" \0"))[1:-1]
