"""A medium -> a survey of it: every header, the directory, and which record means which file.

Opens nothing outside the medium, loads no pixel data. What cannot be read is a fact of the survey.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mediakit.dicom.header import Scanner, Unusable
from mediakit.dicom.instance import MEDIA_STORAGE_DIRECTORY, Instance, Note
from mediakit.errors import SourceError
from mediakit.events import Advanced, Listener, PhaseEnded, PhaseStarted, silence
from mediakit.fileset.decode import Decoded, decode
from mediakit.fileset.resolve import Difference, Names
from mediakit.fileset.survey import (
    HEAD_BYTES,
    TEXT_BYTES,
    FileFact,
    FileKind,
    RecordLink,
    Survey,
    link_records,
)
from mediakit.formats.base import Node, NodeKind, Tree
from mediakit.journeys.persistent import tried
from mediakit.journeys.scan import finding_on_closed, finding_on_failure
from mediakit.outcome import State

_DIRECTORY_BYTES = 512 * 1024 * 1024
_MAX_DIRECTORIES = 16  # that are tried when there is none in the root
_PREAMBLE = 128
_TEXTS_BYTES = 16 * 1024 * 1024  # of all texts together: an archive can hold thousands of long pages
_TEXT = re.compile(
    r"(?:readme\.txt|readme|index\.html?|ihe_pdi/[^/]+\.html?|autorun\.inf)(?:;1)?", re.IGNORECASE
)


def survey(tree: Tree, subject: str, scanner: Scanner, tell: Listener = silence) -> Survey:
    """Read what is on a medium: the header of every file, and the DICOMDIR.

    `subject` is the medium's name as the user gave it; paths in the survey are inside the medium.
    """
    tell(PhaseStarted("scan"))
    files: list[FileFact] = []
    for node in tree.walk():
        files.append(_fact(tree, node, scanner))
        tell(Advanced())
    tell(PhaseEnded("scan"))
    facts = tuple(files)
    read = _directory(tree, facts)
    return Survey(
        subject=subject,
        format=tree.facts.format,
        label=tree.facts.label,
        size_bytes=tree.facts.size_bytes,
        volume=tree.facts.volume,
        damage=tree.facts.damage,
        files=facts,
        folders=tuple(tree.folders()),
        dicomdir=read.file,
        decoded=read.decoded,
        links=read.links,
        texts=_texts(tree, files),
    )


def _fact(tree: Tree, node: Node, scanner: Scanner) -> FileFact:
    if node.kind is not NodeKind.FILE:
        return FileFact(node.path, node.size, FileKind.CLOSED, None, finding_on_closed(node), b"", node.also)
    try:
        return tried(lambda: _read_fact(tree, node, scanner))
    except (SourceError, OSError) as exc:
        return FileFact(node.path, node.size, FileKind.DAMAGED, None, finding_on_failure(exc), b"", node.also)


def _read_fact(tree: Tree, node: Node, scanner: Scanner) -> FileFact:
    with tree.open(node) as stream:
        result = scanner.read(stream, node.size, "", node.path)
        if isinstance(result, Instance) and Note.PREAMBLE_USED not in result.header.notes:
            return _fact_of(node, result)
        stream.seek(0)
        head = stream.read(HEAD_BYTES)
    return _unusual(node, result, head)


def _unusual(node: Node, result: Instance | Unusable, head: bytes) -> FileFact:
    if isinstance(result, Unusable):
        kind = FileKind.OTHER if result.state is State.NOT_DICOM else FileKind.DAMAGED
        return FileFact(node.path, node.size, kind, None, result.finding, head, node.also)
    return _fact_of(node, result, head[:_PREAMBLE])


def _fact_of(node: Node, instance: Instance, preamble: bytes = b"") -> FileFact:
    if instance.sop_class == MEDIA_STORAGE_DIRECTORY:
        return FileFact(node.path, node.size, FileKind.DICOMDIR, None, None, preamble, node.also)
    return FileFact(node.path, node.size, FileKind.INSTANCE, instance, None, preamble, node.also)


@dataclass(frozen=True, slots=True)
class _Read:
    """A directory of a medium, as far as it could be read."""

    file: FileFact | None = None
    decoded: Decoded | None = None
    links: tuple[RecordLink, ...] = ()

    @property
    def file_kind(self) -> FileKind | None:
        return None if self.file is None else self.file.kind


def _directory(tree: Tree, files: tuple[FileFact, ...]) -> _Read:
    """Return the directory of the root, else the one that references the most of the medium."""
    named = _named(files)
    read = _Read() if named is None else _read(tree, named, files)
    if read.decoded is not None and (read.file_kind is FileKind.DICOMDIR or read.decoded.directory.roots):
        return read
    others = [file for file in files if file.kind is FileKind.DICOMDIR and file is not named]
    found = [_read(tree, file, files) for file in others[:_MAX_DIRECTORIES]]
    return max((one for one in found if one.decoded is not None), key=_referenced, default=read)


def _named(files: tuple[FileFact, ...]) -> FileFact | None:
    match = Names((file.path, file.also) for file in files).find_path("DICOMDIR")
    if match is None:
        return None
    named = next(file for file in files if file.path == match.path)
    is_copy = Difference.EXTENSION in match.differences  # DICOMDIR.TXT, DICOMDIR.BAK
    return None if is_copy and named.kind is not FileKind.DICOMDIR else named


def _referenced(read: _Read) -> int:
    return sum(1 for link in read.links if link.file is not None)


def _read(tree: Tree, file: FileFact, files: tuple[FileFact, ...]) -> _Read:
    decoded = _decoded(tree, file)
    if decoded is None:
        return _Read(file)
    return _Read(file, decoded, link_records(decoded.directory, files, file.path.rpartition("/")[0]))


def _decoded(tree: Tree, file: FileFact) -> Decoded | None:
    node = tree.find(file.path)
    if node is None or file.kind is FileKind.CLOSED:
        return None
    try:
        return decode(tried(lambda: _whole(tree, node)))
    except (SourceError, OSError):
        return None


def _whole(tree: Tree, node: Node) -> bytes:
    with tree.open(node) as stream:
        return stream.read(_DIRECTORY_BYTES)


def _texts(tree: Tree, files: Sequence[FileFact]) -> dict[str, bytes]:
    texts: dict[str, bytes] = {}
    left = _TEXTS_BYTES
    for file in sorted(
        files, key=lambda file: "/" in file.path
    ):  # those of the root are the ones that matter
        if file.kind is FileKind.OTHER and left > 0 and _TEXT.fullmatch(file.path):
            node = tree.find(file.path)
            try:
                if node is not None:
                    with tree.open(node) as stream:
                        texts[file.path] = stream.read(TEXT_BYTES)
                        left -= len(texts[file.path])
            except (SourceError, OSError):
                continue  # the scan says what could not be read
    return texts
