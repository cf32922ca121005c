"""The tree of a rescued image: what touches bytes that were not read is unreadable, with the bytes named."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO

from msgspec.structs import replace

from mediakit.errors import SourceError
from mediakit.findings import printable
from mediakit.formats.base import Node, NodeKind, Tree
from mediakit.formats.readable import Extent, Gaps
from mediakit.formats.rescue_map import MAX_BYTES, parse_map

_MOST_NAMED = 4  # ranges of one file
_BESIDE_HINT = (
    "rename it when it is no map of this image; when it is one, give `import`, `validate`, `inspect` or "
    "`extract` a whole one with `--rescue-map FILE`"
)


def gaps_of(image: Path, rescue_map: Path | None = None) -> Gaps:
    """Return what was not read of an image, by a map; else by "disc.iso.map" or "disc.map" beside it.

    Raises SourceError for a map that is none, and for one of something else than a file. A file beside the
    image that has the name of its map and cannot be read as one is an error too: what it says of the image
    is not known.
    """
    if rescue_map is not None:
        return _gaps_by(image, rescue_map)
    beside = map_beside(image)
    if beside is None:
        return Gaps()
    try:
        return _gaps_by(image, beside)
    except SourceError as exc:
        what = f"this file has the name of the map of {image.name}, and {exc.what}"
        raise SourceError(what, where=exc.where, why=exc.why, hint=_BESIDE_HINT) from exc


def _gaps_by(image: Path, path: Path) -> Gaps:
    try:
        size = _size_of(image)
        if size is None:
            raise SourceError("a map goes with the image that was rescued", where=str(image))
        if _size_of(path) is None:
            raise SourceError("is not a map of a rescued image", where=str(path))
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else str(exc)
        raise SourceError("the map cannot be read", where=str(path), why=why or "") from exc
    return parse_map(data, str(path)).missing(size)


def map_beside(image: Path) -> Path | None:
    """Return what has the name of the map of an image and lies beside it, whatever is in it; None without.

    A folder has no map, and is none.
    """
    if not image.name or image.is_dir():
        return None
    names = (image.with_name(f"{image.name}.map"), image.with_suffix(".map"))
    return next((one for one in names if one != image and os.path.lexists(one) and not one.is_dir()), None)


def _size_of(path: Path) -> int | None:
    """Return the size of a file, None for anything else. Raises OSError, ValueError."""
    found = path.stat()
    return found.st_size if S_ISREG(found.st_mode) else None


class GappedTree:
    """A tree over an image of which not everything was read."""

    def __init__(self, tree: Tree, gaps: Gaps) -> None:
        """Wrap a tree that was opened with these gaps."""
        self.facts = tree.facts
        self._tree = tree
        self._gaps = gaps

    def walk(self) -> Iterator[Node]:
        """Yield every name; files that are not whole are unreadable."""
        return map(self._marked, self._tree.walk())

    def folders(self) -> Iterator[str]:
        """Yield the path of every folder."""
        return self._tree.folders()

    def open(self, node: Node) -> BinaryIO:
        """Open a file that is whole. Raises SourceError."""
        held = self._tree.find(node.path)
        if held is not None and (why := self._why(held)):
            raise SourceError("cannot be read", where=printable(node.path), why=why)
        return self._tree.open(node)

    def find(self, path: str) -> Node | None:
        """Return the file stored under exactly this path, or None."""
        node = self._tree.find(path)
        return None if node is None else self._marked(node)

    def extents(self, node: Node) -> Sequence[Extent]:
        """Return where a file lies in the image. Raises SourceError."""
        return self._tree.extents(node)

    def close(self) -> None:
        """Release the medium."""
        self._tree.close()

    def _marked(self, node: Node) -> Node:
        if node.kind is not NodeKind.FILE or not (why := self._why(node)):
            return node
        return replace(node, kind=NodeKind.UNREADABLE, why=why)

    def _why(self, node: Node) -> str:
        """Return which bytes of a file were not read, "" when all were."""
        try:
            ranges = _in_file(self._tree.extents(node), self._gaps)
        except SourceError as exc:
            return exc.reason
        if not ranges:
            return ""
        named = ", ".join(f"{first} to {end - 1}" for first, end in ranges[:_MOST_NAMED])
        more = f" and {len(ranges) - _MOST_NAMED} more ranges" if len(ranges) > _MOST_NAMED else ""
        return f"bytes {named}{more} of {node.size} were not read from the medium"


def _in_file(extents: Sequence[Extent], gaps: Gaps) -> list[tuple[int, int]]:
    """Return first byte and end of what is missing of a file, neighbours joined."""
    found: list[tuple[int, int]] = []
    at = 0
    for start, size in extents:
        for low, length in gaps.touching(start, size):
            first = at + low - start
            if found and found[-1][1] == first:
                first = found.pop()[0]
            found.append((first, at + low - start + length))
        at += size
    return found
