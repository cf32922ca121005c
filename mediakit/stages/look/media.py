"""The look with which every journey begins: media -> one `Survey` each.

Whatever a journey needs to know of a medium is decided here, once: which files can be read, what they are,
which file each directory record means, what is missing, which of several files is the instance. Opens nothing
outside the medium and loads no pixel data, except that files with one SOP Instance UID are compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, Protocol

from msgspec import Struct, structs

from mediakit.dicom.data_set import data_set_place
from mediakit.dicom.header import Scanner, Unusable
from mediakit.dicom.instance import MEDIA_STORAGE_DIRECTORY, Instance, Note
from mediakit.dicom.opening import NOT_DICOM, ZEROS_ALONE
from mediakit.dicom.scanned import NO_IDENTITY
from mediakit.errors import SourceError, UsageError
from mediakit.events import Advanced, Listener, PhaseEnded, PhaseStarted, silence
from mediakit.fileset.charset import place_of
from mediakit.fileset.decode import decode
from mediakit.fileset.resolve import Difference, Names
from mediakit.fileset.survey import (
    HEAD_BYTES,
    TEXT_BYTES,
    DirectoryFact,
    Duplicates,
    FileFact,
    FileKind,
    Survey,
    link_records,
)
from mediakit.findings import Finding
from mediakit.formats.base import Node, NodeKind, Tree
from mediakit.formats.readable import File
from mediakit.formats.registry import open_medium
from mediakit.outcome import State
from mediakit.profile.judge import judged_tags
from mediakit.profile.model import Profile
from mediakit.secure.checksums import BLOCK_BYTES, SHA_256, checksum_of
from mediakit.secure.facts import is_enveloped
from mediakit.secure.keys import NO_KEYS, Keys
from mediakit.secure.opening import described
from mediakit.stages.look.closed import ONE_TOO_MANY, finding_on_closed, finding_on_failure, finding_on_locked
from mediakit.stages.look.listed import read_manifest

_DIRECTORY_BYTES = 512 * 1024 * 1024
_MAX_DIRECTORIES = 256  # of one medium that are read: a folder may hold the copies of many discs
_PREAMBLE = 128
_ONE_FILE = Advanced()
_TEXTS_BYTES = 16 * 1024 * 1024  # of all texts together: an archive can hold thousands of long pages
_TEXT = re.compile(
    r"(?:readme\.txt|readme|index\.html?|ihe_pdi/[^/]+\.html?|autorun\.inf)(?:;1)?", re.IGNORECASE
)


class Media(Struct, frozen=True):
    """Media and folders opened for reading, under the names that the user gave, in this order."""

    trees: Mapping[str, Tree]

    def open(self, instance: Instance) -> BinaryIO:
        """Open the file of an instance. Raises SourceError when it cannot be read or was changed."""
        stream = self.trees[instance.source].open(Node(instance.path, instance.size))
        if instance.modified_ns and _modified_ns(stream) != instance.modified_ns:
            stream.close()
            hint = "run again when nobody writes to the source any more"
            what = "the file is not what it was when it was scanned"
            raise SourceError(what, where=ascii(instance.path), hint=hint)
        return stream


class Opener(Protocol):
    """Opens the file of an instance."""

    def open(self, instance: Instance) -> BinaryIO:
        """Raise SourceError or OSError when it cannot be read."""
        ...


@contextmanager
def open_media(paths: Sequence[Path], keys: Keys = NO_KEYS) -> Iterator[Media]:
    """Open media for the time of the block, and what is encrypted on them with the keys.

    Raises SourceError when one of them cannot be opened, UsageError when one is named twice.
    """
    with ExitStack() as stack:
        trees: dict[str, Tree] = {}
        for path in paths:
            name = str(path)
            if name in trees:
                raise UsageError("the same source is given twice", where=name)
            trees[name] = stack.enter_context(open_medium(path, keys))
        yield Media(trees)


def scanner_for(*profiles: Profile) -> Scanner:
    """Return a scanner that reads what these profiles judge and what their directory records need."""
    tags = {tag for profile in profiles for tag in judged_tags(profile)}
    return Scanner(tags | {key.tag for profile in profiles for key in profile.keys if key.parent is None})


def look(tree: Tree, subject: str, scanner: Scanner, tell: Listener = silence) -> Survey:
    """Read what is on one medium; see `look_at_all`. `subject` is its name as the user gave it."""
    return look_at_all(Media({subject: tree}), scanner, tell)[0]


def look_at_all(media: Media, scanner: Scanner, tell: Listener = silence) -> tuple[Survey, ...]:
    """Read what is on the media: the header of every file and each DICOMDIR; settle duplicates.

    Returns one survey for each medium. An instance that lies on several media is among the duplicates of the
    first. What cannot be read is a fact of the survey; nothing is raised for what a medium holds.
    """
    tell(PhaseStarted("scan"))
    surveys = tuple(_survey(tree, subject, scanner, tell) for subject, tree in media.trees.items())
    duplicates = _settle_duplicates(surveys, media)
    tell(PhaseEnded("scan"))
    by_source: dict[str, list[Duplicates]] = {}
    for one in duplicates:
        by_source.setdefault(_first_of(one).source, []).append(one)
    return tuple(
        replace(survey, duplicates=tuple(by_source.get(survey.subject, ()))) if by_source else survey
        for survey in surveys
    )


def sha256_of(stream: BinaryIO, before: bytes = b"") -> str:
    """Return the SHA-256 (hex) of `before` and what is left in a stream. Raises what its reads raise."""
    return checksum_of(stream, SHA_256, memoryview(bytearray(BLOCK_BYTES)), before)


def data_set_digest(opener: Opener, instance: Instance) -> str:
    """Return what tells data sets apart, whatever their preamble and file meta information (PS3.10 7.1).

    Raises SourceError and OSError when the file cannot be read to its end.
    """
    with opener.open(instance) as stream:
        uids = (instance.sop_class, instance.sop_instance)
        place = data_set_place(stream, instance.size, uids, instance.transfer_syntax)
        stream.seek(place.at)
        return sha256_of(stream, instance.transfer_syntax.encode("latin-1"))


def _survey(tree: Tree, subject: str, scanner: Scanner, tell: Listener) -> Survey:
    files: list[FileFact] = []
    for node in tree.walk():
        files.append(_fact(tree, node, scanner, subject))
        tell(_ONE_FILE)
    facts = tuple(files)
    main, others = _directories(tree, facts)
    if main is not None:
        directories = {one.file.path: one.file for one in (main, *others)}
        facts = tuple(directories.get(fact.path, fact) for fact in facts)
        facts = tuple(_empty_settled(facts, main))
    return Survey(
        subject=subject,
        format=tree.facts.format,
        label=tree.facts.label,
        size_bytes=tree.facts.size_bytes,
        volume=tree.facts.volume,
        damage=tree.facts.damage,
        files=facts,
        folders=tuple(tree.folders()),
        dicomdir=None if main is None else _said(main),
        decoded=None if main is None else main.decoded,
        links=() if main is None else main.links,
        other_directories=others,
        manifest=read_manifest(tree, (file.path for file in facts)),
        texts=_texts(tree, files),
    )


def _empty_settled(files: Iterable[FileFact], main: DirectoryFact) -> Iterator[FileFact]:
    """Yield the files; one without content that a directory with records does not name is no lost one."""
    linked = {link.file.path for link in main.links if link.file is not None}
    for file in files:
        is_other = linked and file is not main.file and file.path not in linked
        yield _as_other(file) if is_other and file.kind is FileKind.DAMAGED else file


def _as_other(file: FileFact) -> FileFact:
    """Return a damaged file as one that is no instance, when it is empty or holds nothing but zeros."""
    if file.finding is not None and file.finding.rule is ZEROS_ALONE:
        why = NOT_DICOM.at(file.finding.where, why="it holds nothing but zeros")
        return structs.replace(file, kind=FileKind.OTHER, finding=why)
    return file if file.size else structs.replace(file, kind=FileKind.OTHER)


def _said(directory: DirectoryFact) -> FileFact:
    """Return the file of a directory; when it could not be read, with the finding that says why."""
    file = directory.file
    return (
        file
        if directory.finding in {None, file.finding}
        else structs.replace(file, finding=directory.finding)
    )


def _fact(tree: Tree, node: Node, scanner: Scanner, subject: str) -> FileFact:
    if node.kind is not NodeKind.FILE:
        return _fact_of(node, FileKind.CLOSED, finding_on_closed(node))
    try:
        return _read_fact(tree, node, scanner, subject)
    except (SourceError, OSError) as exc:
        return _fact_of(node, FileKind.DAMAGED, finding_on_failure(exc))


def _read_fact(tree: Tree, node: Node, scanner: Scanner, subject: str) -> FileFact:
    with tree.open(node) as stream:
        result = scanner.read(stream, node.size, subject, node.path, _modified_ns(stream))
        if isinstance(result, Instance) and Note.PREAMBLE_USED not in result.header.notes:
            return _fact_of_instance(node, result)
        stream.seek(0)
        head = stream.read(HEAD_BYTES)
        if isinstance(result, Unusable) and is_enveloped(head):
            seal = described(stream, node.size)
            return structs.replace(_fact_of(node, FileKind.OTHER, finding_on_locked(seal), head), seal=seal)
    if isinstance(result, Unusable):
        kind = FileKind.OTHER if result.state is State.NOT_DICOM else FileKind.DAMAGED
        return _fact_of(node, kind, result.finding, head)
    return _fact_of_instance(node, result, head[:_PREAMBLE])


def _modified_ns(stream: BinaryIO) -> int:
    """Return when a file of a folder was last changed; 0 for what is inside of an image or archive."""
    return stream.modified_ns if isinstance(stream, File) else 0


def _fact_of(node: Node, kind: FileKind, finding: Finding, head: bytes = b"") -> FileFact:
    return FileFact(node.path, node.size, kind, None, finding, head, node.also, node.stored, node.seal)


def _fact_of_instance(node: Node, instance: Instance, preamble: bytes = b"") -> FileFact:
    is_directory = instance.sop_class == MEDIA_STORAGE_DIRECTORY
    return FileFact(
        path=node.path,
        size=node.size,
        kind=FileKind.DICOMDIR if is_directory else FileKind.INSTANCE,
        instance=None if is_directory else instance,
        head=preamble,
        also=node.also,
        stored=node.stored,
        seal=node.seal,
    )


def _directories(
    tree: Tree, files: tuple[FileFact, ...]
) -> tuple[DirectoryFact | None, tuple[DirectoryFact, ...]]:
    """Return the directory in the root, else the one that references the most of the medium; and the rest."""
    named = _named(files)
    main = None if named is None else _read_directory(tree, named, files)
    alike = [each for each in files if each is not named and _may_be_directory(each)]
    read = (_read_directory(tree, file, files) for file in alike[:_MAX_DIRECTORIES])
    others = [one for one in read if one.file.kind is FileKind.DICOMDIR or _is_cut_off(one)]
    more = (file for file in alike[_MAX_DIRECTORIES:] if file.kind is FileKind.DICOMDIR)
    others += (DirectoryFact(file=file, finding=ONE_TOO_MANY.at(limit=_MAX_DIRECTORIES)) for file in more)
    if main is not None and main.decoded is not None:
        is_one = main.file.kind is FileKind.DICOMDIR
        if is_one or main.decoded.directory.roots:
            return main, tuple(others)
    best = max((one for one in others if one.decoded is not None), key=_referenced, default=None)
    if best is None:
        return main, tuple(others)
    return best, tuple(one for one in others if one is not best)


def _named(files: tuple[FileFact, ...]) -> FileFact | None:
    alike = ((file.path, file.also) for file in files if _is_alike(file))
    match = Names(alike).find_path("DICOMDIR")
    if match is None:
        return None
    named = next(file for file in files if file.path == match.path)
    is_copy = Difference.EXTENSION in match.differences  # DICOMDIR.TXT, DICOMDIR.BAK
    return None if is_copy and named.kind is not FileKind.DICOMDIR else named


def _may_be_directory(file: FileFact) -> bool:
    """Return True for a DICOMDIR, and for what is called so and may be one by its records alone."""
    if file.kind is FileKind.DICOMDIR:
        return True
    if file.path[-9:].upper() not in {"DICOMDIR", "/DICOMDIR"}:
        return False
    return (file.kind is FileKind.DAMAGED and file.size > 0) or _may_be_another(file)


def _is_cut_off(directory: DirectoryFact) -> bool:
    """Return True for a directory of which only a part can be read, with records."""
    decoded = directory.decoded
    return directory.file.kind is FileKind.DAMAGED and decoded is not None and bool(decoded.directory.roots)


def _may_be_another(file: FileFact) -> bool:
    """Return True for a file that could be read, and that does not say to be a DICOMDIR."""
    if file.kind is FileKind.DAMAGED:
        return file.finding is not None and file.finding.rule is NO_IDENTITY
    return file.kind is FileKind.INSTANCE or (file.kind is FileKind.OTHER and not file.is_locked)


def _is_alike(file: FileFact) -> bool:
    """Return True when a name of the file can mean DICOMDIR: an index of all names takes long to make."""
    return "DICOMDIR" in file.path.upper() or any("DICOMDIR" in name.upper() for name in file.also)


def _referenced(directory: DirectoryFact) -> int:
    return sum(1 for link in directory.links if link.file is not None)


def _read_directory(tree: Tree, file: FileFact, files: tuple[FileFact, ...]) -> DirectoryFact:
    node = tree.find(file.path)
    if node is None or file.kind is FileKind.CLOSED or file.is_locked:
        return DirectoryFact(file=file, finding=file.finding)
    try:
        decoded = decode(_beginning(tree, node, _DIRECTORY_BYTES))
    except (SourceError, OSError) as exc:
        return DirectoryFact(file=file, finding=finding_on_failure(exc))
    links = link_records(decoded.directory, files, file.path.rpartition("/")[0])
    if decoded.directory.roots and _may_be_another(file):
        file = structs.replace(file, kind=FileKind.DICOMDIR, instance=None, finding=None)
    return DirectoryFact(file=file, decoded=decoded, links=links)


def _beginning(tree: Tree, node: Node, most_bytes: int) -> bytes:
    with tree.open(node) as stream:
        return stream.read(min(node.size, most_bytes))  # a read makes room for all that it may give


def _texts(tree: Tree, files: Sequence[FileFact]) -> dict[str, bytes]:
    texts: dict[str, bytes] = {}
    left = _TEXTS_BYTES
    wanted = [file for file in files if file.kind is FileKind.OTHER and _TEXT.fullmatch(file.path)]
    for file in sorted(wanted, key=lambda file: "/" in file.path):  # those of the root matter most
        node = tree.find(file.path)
        if node is None or left <= 0:
            continue
        try:
            texts[file.path] = _beginning(tree, node, TEXT_BYTES)
        except (SourceError, OSError):
            continue  # whether it can be read is judged where its bytes are needed
        left -= len(texts[file.path])
    return texts


@dataclass(frozen=True, slots=True)
class _Held:
    """A file with its instance."""

    file: FileFact
    instance: Instance = field(repr=False)

    @property
    def source(self) -> str:
        """Return the name of the medium that it is on."""
        return self.instance.source


def _first_of(duplicates: Duplicates) -> Instance:
    files = (duplicates.kept, *duplicates.left_out())
    return next(file.instance for file in files if file is not None and file.instance is not None)


def _settle_duplicates(surveys: Sequence[Survey], media: Media) -> list[Duplicates]:
    """Compare the files of each SOP Instance UID that more than one file has."""
    linked: dict[str, frozenset[str]] = {}
    settled: list[Duplicates] = []
    for uid, held in _held_twice(surveys).items():
        for source in {one.source for one in held} - linked.keys():
            links = next(survey for survey in surveys if survey.subject == source).all_links()
            linked[source] = frozenset(link.file.path for link in links if link.file is not None)
        named = [number for number, one in enumerate(held) if one.file.path in linked[one.source]]
        settled.append(_sort_out(uid, held, named, media))
    return settled


def _held_twice(surveys: Sequence[Survey]) -> dict[str, list[_Held]]:
    """Return the files of every UID that several have. A file met twice, as sources overlap, is one."""
    first: dict[str, FileFact] = {}
    several: dict[str, dict[str, _Held]] = {}  # by place
    for survey in surveys:
        for file, instance in survey.instances():
            known = first.setdefault(instance.sop_instance, file)
            if known is not file and known.instance is not None:
                held = several.setdefault(
                    instance.sop_instance, {place_of(known.instance): _Held(known, known.instance)}
                )
                held.setdefault(place_of(instance), _Held(file, instance))
    return {uid: list(held.values()) for uid, held in several.items() if len(held) > 1}


def _sort_out(uid: str, held: Sequence[_Held], named: Sequence[int], media: Media) -> Duplicates:
    """Take one of several files when all that can be read have one data set, else the only one that is named.

    `named` are the indices of those that a directory names. Data sets are compared, not files: preamble and
    file meta information may differ (PS3.10 7.1).
    """
    digests: dict[int, str] = {}
    unread: list[tuple[FileFact, Finding]] = []
    for number, one in enumerate(held):
        try:
            digests[number] = data_set_digest(media, one.instance)
        except (SourceError, OSError) as exc:
            unread.append((one.file, finding_on_failure(exc)))
    named_and_read = [number for number in named if number in digests]
    kept: int | None = None
    if len(set(digests.values())) == 1:
        kept = (named_and_read or list(digests))[0]
    elif len(named) == 1 and named_and_read:
        kept = named_and_read[0]
    wanted = "" if kept is None else digests[kept]
    rest = [(held[number].file, digest) for number, digest in digests.items() if number != kept]
    return Duplicates(
        sop_instance=uid,
        kept=None if kept is None else held[kept].file,
        same=tuple(file for file, digest in rest if digest == wanted),
        others=tuple(file for file, digest in rest if digest != wanted),
        unread=tuple(unread),
    )
