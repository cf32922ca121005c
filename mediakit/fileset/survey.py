"""What is on a medium, as one value: every file, the directory, and which record means which file.

Pure values. `journeys.survey` makes them from a `Tree`; the rules judge them, `inspect` uses them.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from msgspec import Struct

from mediakit.dicom.instance import Instance
from mediakit.fileset.decode import Decoded
from mediakit.fileset.manifest import ManifestFact
from mediakit.fileset.record import Directory, DirectoryRecord, FileRef
from mediakit.fileset.resolve import Difference, Match, Names
from mediakit.findings import Finding
from mediakit.secure.facts import SealFact, is_enveloped
from mediakit.volume import Damage, Volume

TEXT_RECORD = "HL7 STRUC DOC"  # the type of a record that may reference a file which is no instance
HEAD_BYTES = 512  # kept of a file that is not DICOM, to tell what it is
TEXT_BYTES = 256 * 1024  # read of a text of the root or of a web page


class FileKind(StrEnum):
    """What a file on a medium is, by its content."""

    INSTANCE = "instance"
    DICOMDIR = "dicomdir"  # a Media Storage Directory, wherever it lies
    DAMAGED = "damaged"  # DICOM that is broken or cut off, an empty file, an I/O error
    OTHER = "other"  # not DICOM
    CLOSED = "closed"  # a link, a special file, or one that the system will not show


class FileFact(Struct, frozen=True, gc=False):
    """One file. `instance` is there for INSTANCE, `finding` says why for all but INSTANCE and DICOMDIR.

    `head` holds the first `HEAD_BYTES` of an OTHER or DAMAGED file; of an INSTANCE or DICOMDIR its 128 bytes
    of preamble when they are not all zero. `also` are its other names, `stored` is its name on the medium
    where `path` is another one (see `formats.base.Node`). `seal` is its envelope when it is a Secure DICOM
    File, opened or not.
    """

    path: str
    size: int
    kind: FileKind
    instance: Instance | None = None
    finding: Finding | None = None
    head: bytes = b""
    also: tuple[str, ...] = ()
    stored: str = ""
    seal: SealFact | None = None

    def __repr__(self) -> str:
        return (
            f"FileFact(path={self.path!r}, size={self.size}, kind={self.kind!r}, instance={self.instance!r})"
        )

    @property
    def shown_path(self) -> str:
        """Return the path under which systems show it: what is none of the file-set may have a longer name.

        File IDs mean the name that `path` has.
        """
        is_other = (self.kind is FileKind.OTHER and not self.is_locked) or not self.size
        return self.also[0] if is_other and self.also and not self.stored else self.path

    @property
    def is_locked(self) -> bool:
        """Return True for a Secure DICOM File that was not opened."""
        return self.kind is FileKind.OTHER and is_enveloped(self.head)

    @property
    def is_unopened(self) -> bool:
        """Return True for a Secure DICOM File that was not opened: there was no key, or none that fits."""
        return self.is_locked or (self.kind is FileKind.CLOSED and self.seal is not None)


class RecordLink(Struct, frozen=True):
    """A directory record that references a file, the records above it (outermost first), and the file.

    `file` is None when no file of the medium is meant. `differences` say how its name differs.
    """

    record: DirectoryRecord
    reference: FileRef
    above: tuple[DirectoryRecord, ...] = ()
    file: FileFact | None = None
    differences: frozenset[Difference] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryFact:
    """A Media Storage Directory of a medium: its file, what was decoded of it, and what its records mean.

    `decoded` is None when the file could not be read; `finding` says why then. `links` has one entry for
    each record that references a file, in the order of the directory.
    """

    file: FileFact
    decoded: Decoded | None = None
    finding: Finding | None = None
    links: tuple[RecordLink, ...] = field(default=(), repr=False)


class Duplicates(Struct, frozen=True, kw_only=True):
    """The files that have one SOP Instance UID, each of them once.

    `kept` is the one to take, None when it cannot be told which is right. `same` have its data set, `others`
    another one. `unread` cannot be read to their end; the finding says why.
    """

    sop_instance: str
    kept: FileFact | None
    same: tuple[FileFact, ...] = ()
    others: tuple[FileFact, ...] = ()
    unread: tuple[tuple[FileFact, Finding], ...] = ()

    def left_out(self) -> Iterator[FileFact]:
        """Yield every file but the one to take."""
        yield from self.same
        yield from self.others
        for file, _ in self.unread:
            yield file


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """A whole medium. `files` are in the order of the medium, `folders` are paths, empty folders too.

    `dicomdir` is the directory that was read: the one in the root, else the best that was found; `decoded` is
    None when there is none. `links` has one entry for each record of it that references a file, in the order
    of the directory. `other_directories` are the other Media Storage Directories of the medium. `duplicates`
    are the instances that more than one file holds. `manifest` is MANIFEST.TXT in the root, when it lists
    sums. `texts` holds the beginnings (`TEXT_BYTES`) of small text files, by path: those of the root named
    README.TXT, INDEX.HTM and AUTORUN.INF (in any case), and the .HTM pages of IHE_PDI. `damage` names what
    could not be read of the medium and may hide files.
    """

    subject: str
    format: str
    label: str = ""
    size_bytes: int = 0
    volume: Volume | None = None
    damage: tuple[Damage, ...] = ()
    files: tuple[FileFact, ...] = ()
    folders: tuple[str, ...] = ()
    dicomdir: FileFact | None = None
    decoded: Decoded | None = None
    links: tuple[RecordLink, ...] = ()
    other_directories: tuple[DirectoryFact, ...] = ()
    duplicates: tuple[Duplicates, ...] = ()
    manifest: ManifestFact | None = None
    texts: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def directory(self) -> Directory | None:
        """Return the directory that was read, or None."""
        return None if self.decoded is None else self.decoded.directory

    def instances(self) -> Iterator[tuple[FileFact, Instance]]:
        """Yield every file that holds an instance, with the instance."""
        for file in self.files:
            if file.instance is not None:
                yield file, file.instance

    @property
    def is_secure(self) -> bool:
        """Return True when an instance was taken out of an envelope."""
        return any(file.seal is not None for file, _ in self.instances())

    def linked_paths(self) -> frozenset[str]:
        """Return the paths that some record of the directory means."""
        return frozenset(link.file.path for link in self.links if link.file is not None)

    def all_links(self) -> Iterator[RecordLink]:
        """Yield the links of the directory, then those of the other directories of the medium."""
        yield from self.links
        for other in self.other_directories:
            yield from other.links

    def missing(self) -> Iterator[RecordLink]:
        """Yield one link for each instance that a directory names and no file of the medium holds.

        The file that the record means is there when it cannot be read, or holds something else.
        """
        found = {instance.sop_instance for _, instance in self.instances()}
        for link in self.all_links():
            if _is_missing(link, found):
                yield link
                found.add(link.reference.sop_instance)


def names_instance(reference: FileRef) -> bool:
    """Return True when a record names an instance; broken records hold other bytes than digits and points."""
    return bool(reference.sop_instance) and not reference.sop_instance.strip("0123456789.")


def _is_missing(link: RecordLink, found: Container[str]) -> bool:
    uid = link.reference.sop_instance
    if uid and uid in found:
        return False
    if names_instance(link.reference):
        return True
    return link.record.type != TEXT_RECORD and (link.file is None or link.file.instance is None)


def link_records(directory: Directory, files: tuple[FileFact, ...], base: str = "") -> tuple[RecordLink, ...]:
    """Find the file of every record that references one. Linear; iterative, whatever the depth.

    `base` is the folder that the DICOMDIR lies in, "" for the root.
    """
    names = Names(((file.path, file.also) for file in files), base)
    by_path = {file.path: file for file in reversed(files)}  # the first of one name can be opened
    links: list[RecordLink] = []
    stack: list[tuple[DirectoryRecord, tuple[DirectoryRecord, ...]]] = [
        (record, ()) for record in reversed(directory.roots)
    ]
    while stack:
        record, above = stack.pop()
        if record.reference is not None:
            links.append(_link(record, record.reference, above, names.find(record.reference), by_path))
        if record.children:
            below = (*above, record)
            stack.extend((child, below) for child in reversed(record.children))
    return tuple(links)


def _link(
    record: DirectoryRecord,
    reference: FileRef,
    above: tuple[DirectoryRecord, ...],
    match: Match | None,
    by_path: Mapping[str, FileFact],
) -> RecordLink:
    if match is None:
        return RecordLink(record, reference, above)
    return RecordLink(record, reference, above, by_path[match.path], match.differences)
