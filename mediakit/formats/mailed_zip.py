"""A mail that brings a file-set as an archive (DICOM.ZIP): the archive is the medium, the rest is beside it.

Only where one part is an archive that holds DICOM files, and no other part is an archive or a DICOM file. An
archive in the archive is a file. Source: PS3.12 Annexes V and W.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from msgspec import structs

from mediakit.durable import no_temporary_room
from mediakit.errors import SourceError
from mediakit.formats.base import Node, NodeKind, Tree
from mediakit.formats.readable import Extent
from mediakit.formats.zipfmt import ZipTree
from mediakit.private_folder import COPIES, PrivateFolder

_ZIP = b"PK\3\4"
_DICOM_AT = 128
_HEAD_BYTES = _DICOM_AT + 4
_MOST_PARTS = 1000  # of a mail whose archive is opened: each is looked into
_MOST_TRIED = 16  # members that are looked into, when there is no DICOMDIR


def with_archive(mail: Tree) -> Tree:
    """Return the mail with the archive in it opened, or the mail as it is. Raises DoesNotFit."""
    try:
        part = _only_archive(mail)
        archive = None if part is None else _opened(mail, part)
    except BaseException:
        mail.close()
        raise
    return mail if part is None or archive is None else MailedZip(mail, part, archive)


class MailedZip:
    """What is in the archive of a mail, and the other parts of the mail in a folder of their own."""

    def __init__(self, mail: Tree, part: Node, archive: ZipTree) -> None:
        """Use `with_archive`."""
        self._mail = mail
        self._part = part
        self._archive = archive
        self._rest = _free_name({path.partition("/")[0].upper() for path in _paths(archive)})
        facts = archive.facts
        self.facts = replace(
            facts,
            format=mail.facts.format,
            size_bytes=mail.facts.size_bytes,
            damage=(*mail.facts.damage, *facts.damage),
        )

    def walk(self) -> Iterator[Node]:
        """Yield the members of the archive, then the other parts."""
        yield from self._archive.walk()
        for node in self._mail.walk():
            if node.path != self._part.path:
                also = tuple(f"{self._rest}/{name}" for name in node.also)
                yield structs.replace(node, path=f"{self._rest}/{node.path}", also=also)

    def folders(self) -> Iterator[str]:
        """Yield every folder."""
        yield from self._archive.folders()
        if any(node.path != self._part.path for node in self._mail.walk()):
            yield self._rest
        yield from (f"{self._rest}/{path}" for path in self._mail.folders())

    def open(self, node: Node) -> BinaryIO:
        """Open a member or part. Raises SourceError."""
        part = self._in_mail(node.path)
        return self._archive.open(node) if part is None else self._mail.open(structs.replace(node, path=part))

    def find(self, path: str) -> Node | None:
        """Return the member or part of exactly this path, or None."""
        part = self._in_mail(path)
        if part is None:
            return self._archive.find(path)
        found = self._mail.find(part)
        return None if found is None else structs.replace(found, path=path)

    def extents(self, node: Node) -> Sequence[Extent]:
        """Return where a part lies in the mail; of a member, where the archive lies. Raises SourceError."""
        part = self._in_mail(node.path)
        return self._mail.extents(self._part if part is None else structs.replace(node, path=part))

    def close(self) -> None:
        """Close both."""
        self._archive.close()
        self._mail.close()

    def _in_mail(self, path: str) -> str | None:
        """Return the path in the mail of what is not in the archive."""
        folder, slash, rest = path.partition("/")
        return rest if slash and folder == self._rest else None


def _paths(tree: Tree) -> Iterator[str]:
    yield from (node.path for node in tree.walk())
    yield from tree.folders()


def _free_name(taken: set[str]) -> str:
    number = 1
    while (name := "MAIL" if number == 1 else f"MAIL{number}") in taken:
        number += 1
    return name


def _only_archive(mail: Tree) -> Node | None:
    """Return the part that begins as an archive; None when there are several, or a part is a DICOM file."""
    archives: list[Node] = []
    for number, node in enumerate(mail.walk()):
        if number == _MOST_PARTS:
            return None
        head = _head(mail, node)
        if head[_DICOM_AT:] == b"DICM":
            return None
        if head.startswith(_ZIP):
            archives.append(node)
    return archives[0] if len(archives) == 1 else None


def _head(tree: Tree, node: Node) -> bytes:
    if node.kind is not NodeKind.FILE:
        return b""
    try:
        with tree.open(node) as stream:
            return stream.read(_HEAD_BYTES)
    except (OSError, SourceError):
        return b""


def _opened(mail: Tree, part: Node) -> ZipTree | None:
    """Return the archive, decoded into a temporary file; None when it is broken, or holds no DICOM file."""
    try:
        with closing(PrivateFolder(Path(tempfile.gettempdir()), COPIES)) as folder:
            path = folder.path / "archive"
            with path.open("xb") as out, mail.open(part) as stream:
                shutil.copyfileobj(stream, out, 1 << 20)
            archive = ZipTree(path)  # what is open stays readable; Windows keeps the name as long as it is
    except SourceError:
        return None
    except OSError as exc:
        raise no_temporary_room("the files of an archive in a mail", exc) from exc
    if _has_dicom(archive):
        return archive
    archive.close()
    return None


def _has_dicom(archive: ZipTree) -> bool:
    if any(node.path.upper() == "DICOMDIR" for node in archive.walk()):
        return True
    files = [node for node in archive.walk() if node.kind is NodeKind.FILE]
    return any(_head(archive, node)[_DICOM_AT:] == b"DICM" for node in files[:_MOST_TRIED])
