"""The volumes of one image as one tree: ISO 9660 and UDF of a bridge, sessions, partitions.

The reader of each format makes a `Listing` of each volume, the one that counts first. What lies at the same
place of the image is the same file, whatever each volume calls it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct
from msgspec.structs import replace

from mediakit.errors import SourceError
from mediakit.findings import printable
from mediakit.formats.base import Node, NodeKind, TreeFacts
from mediakit.formats.distinct import DistinctPaths
from mediakit.formats.readable import Extent, Gaps, Image, Readable, stream_of
from mediakit.limits import MAX_SHARED
from mediakit.volume import Damage, Volume

_MAX_DAMAGE = 1000  # entries; a hostile medium could make millions
MAX_ALSO = 8  # other names of one file
_MAX_COMPARED = 1024 * 1024  # bytes of a file that lies in two places
_MAX_ALL_COMPARED = 64 * 1024 * 1024

Extents = tuple[Extent, ...]


class StoredFile(Struct, frozen=True, gc=False):
    """A file of a volume, under its name there, and where its bytes lie in the image.

    `begins` is the byte at which it begins, -1 for an empty one. `extents` is a function where a volume works
    them out when they are asked for.
    """

    node: Node
    begins: int
    extents: Extents | Callable[[], Extents]

    def where(self) -> Extents:
        """Return where its bytes lie. Raises SourceError when that can no longer be read."""
        return self.extents if isinstance(self.extents, tuple) else self.extents()


class Listing(Struct, frozen=True, kw_only=True):
    """What one volume holds, in the order in which its folders name it. `others` cannot be opened.

    `is_bridge`: this volume shows the files of the one before it. A file that can be read there is then no
    loss when it cannot be read here.
    """

    format: str
    label: str
    volume: Volume
    files: Sequence[StoredFile]
    others: Sequence[Node] = ()
    folders: Sequence[str] = ()
    damage: Sequence[Damage] = ()
    is_bridge: bool = False


class UnitedTree:
    """The volumes of an image as one `Tree`."""

    def __init__(
        self, path: Path, read: Callable[[Image], Sequence[Listing]], gaps: Gaps | None = None
    ) -> None:
        """Open the image and read its folders. Raises SourceError."""
        self._image = Image(path, gaps)
        try:
            listings = read(self._image)
            union = _Union(self._image)
            for listing in listings:
                union.add(listing)
        except BaseException:
            self._image.close()
            raise
        shown = union.shown()
        self._files = {file.node.path: file for file in shown.files}
        self._others = shown.others
        self._folders = tuple(dict.fromkeys(path for one in listings for path in one.folders))
        first = listings[0]
        self.facts = TreeFacts(
            format=first.format,
            label=first.label,
            size_bytes=self._image.size,
            damage=_bounded(damage for one in listings for damage in one.damage),
            volume=first.volume,
            volumes=tuple(one.volume for one in listings),
        )

    def walk(self) -> Iterator[Node]:
        """Yield the files in the order in which they lie, then links and what cannot be read."""
        for file in self._files.values():
            yield file.node
        yield from self._others

    def folders(self) -> Iterator[str]:
        """Yield every folder below the root."""
        return iter(self._folders)

    def open(self, node: Node) -> BinaryIO:
        """Open a file of the image. Raises SourceError."""
        file = self._files.get(node.path)
        if file is None or node.kind is not NodeKind.FILE:
            raise SourceError("no such file on the medium", where=printable(node.path))
        return stream_of(self._image, file.where())

    def find(self, path: str) -> Node | None:
        """Return the file of exactly this path, or None."""
        file = self._files.get(path)
        return None if file is None else file.node

    def extents(self, node: Node) -> Sequence[Extent]:
        """Return where a file lies in the image. Raises SourceError."""
        file = self._files.get(node.path)
        return () if file is None else file.where()

    def close(self) -> None:
        """Close the image."""
        self._image.close()


class _Shown(Struct, frozen=True, gc=False):
    """The files of all volumes in physical order, and what cannot be opened, under paths that differ."""

    files: Sequence[StoredFile]
    others: Sequence[Node]


class _Union:
    """The files of all volumes, each once."""

    def __init__(self, image: Readable) -> None:
        self._image = image
        self._left_bytes = _MAX_ALL_COMPARED
        self._files: list[StoredFile] = []
        self._others: list[Node] = []
        self._by_place: dict[int, int] = {}
        self._by_path: dict[str, int] = {}

    def add(self, listing: Listing) -> None:
        """Take in the files of one more volume."""
        known = len(self._files)
        for file in listing.files:
            number = self._same(file) if known else None
            if number is None:
                self._files.append(file)
            else:
                self._files[number] = _joined(self._files[number], file)
        for number in range(known, len(self._files)):
            file = self._files[number]
            self._by_path.setdefault(file.node.path.upper(), number)
            if file.begins >= 0:
                self._by_place.setdefault(file.begins, number)
        others: Iterable[Node] = listing.others
        if listing.is_bridge:
            self._others = [node for node in self._others if not self._is_read(node)]
            missed = {node.path.upper() for node in self._others}
            others = (one for one in others if not self._is_read(one) and one.path.upper() not in missed)
        self._others.extend(others)

    def shown(self) -> _Shown:
        """Return all of them."""
        paths = DistinctPaths(node.path for node in self._nodes())
        files = []
        for file in self._files:
            node = paths.shown(file.node)
            files.append(file if node is file.node else replace(file, node=node))
        files.sort(key=_begins)
        read, refused = _within(self._image.size, files)
        return _Shown(read, [*refused, *(paths.shown(node) for node in self._others)])

    def _nodes(self) -> Iterator[Node]:
        for file in self._files:
            yield file.node
        yield from self._others

    def _is_read(self, node: Node) -> bool:
        return node.path.upper() in self._by_path

    def _same(self, file: StoredFile) -> int | None:
        """Return the number of the known file that this one is, or None."""
        number = self._by_path.get(file.node.path.upper())
        if number is not None and self._is_equal(self._files[number], file):
            return number
        return self._by_place.get(file.begins)

    def _is_equal(self, one: StoredFile, other: StoredFile) -> bool:
        if one.begins == other.begins:
            return True
        size = one.node.size
        if size != other.node.size or size > min(_MAX_COMPARED, self._left_bytes):
            return False
        self._left_bytes -= size
        try:
            return self._held(one) == self._held(other)
        except SourceError:
            return False

    def _held(self, file: StoredFile) -> bytes:
        return b"".join(self._image.read(start, size) for start, size in file.where())


def _joined(one: StoredFile, other: StoredFile) -> StoredFile:
    """Return a file that two volumes hold: under the name of the first, as large as the larger one.

    ISO 9660 cannot say the size of a file of 4 GiB: some programs write it there cut off, and whole in UDF.
    """
    names = dict.fromkeys((*one.node.also, other.node.path, *other.node.also))
    names.pop(one.node.path, None)
    also = tuple(names)[:MAX_ALSO]
    larger = other if other.node.size > one.node.size else one
    if larger is one and also == one.node.also:
        return one
    return replace(larger, node=replace(one.node, size=larger.node.size, also=also))


def _within(image_bytes: int, files: Sequence[StoredFile]) -> tuple[list[StoredFile], list[Node]]:
    """Return the files that may be read, of these in physical order, and those that claim too many bytes.

    No file is longer than its image. What files share is counted as if each lay in one piece: pieces that lie
    apart and share nothing come to less than the image has.
    """
    read: list[StoredFile] = []
    refused: list[Node] = []
    end = shared = 0
    for file in files:
        size = file.node.size
        again = max(0, min(size, end - file.begins)) if size else 0
        if size > image_bytes:
            refused.append(_unreadable(file.node, f"it claims {size} bytes, the medium has {image_bytes}"))
        elif again and shared + again > MAX_SHARED * image_bytes:
            why = (
                f"it shares its bytes with other files, which come to more than {MAX_SHARED} times the medium"
            )
            refused.append(_unreadable(file.node, why))
        else:
            read.append(file)
            shared += again
            end = max(end, file.begins + size)
    return read, refused


def _unreadable(node: Node, why: str) -> Node:
    return replace(node, kind=NodeKind.UNREADABLE, why=why)


def _begins(file: StoredFile) -> int:
    return file.begins


def _bounded(damage: Iterable[Damage]) -> tuple[Damage, ...]:
    found = tuple(dict.fromkeys(damage))
    if len(found) <= _MAX_DAMAGE:
        return found
    return (*found[:_MAX_DAMAGE], Damage("", f"{len(found) - _MAX_DAMAGE} more places are damaged"))
