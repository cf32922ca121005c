"""Envelopes: a stage between plan and sink, and between tree and survey, that turns files into others.

The size of what it makes is known before, so that a plan holds. Files in an envelope have the same paths.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from io import BytesIO
from typing import BinaryIO, Protocol

from msgspec.structs import replace

from mediakit.errors import SourceError
from mediakit.formats.base import Entry, Node, NodeKind, Tree
from mediakit.formats.readable import Extent
from mediakit.secure.facts import SealFact


class Unsealing(Protocol):
    """Turns the bytes of a file on a medium back into those of the file in its envelope."""

    def look(self, stream: BinaryIO, size: int) -> tuple[int, SealFact | None]:
        """Return the size of the file in an envelope of `size` bytes, and what is known of the envelope.

        Raises SourceError, OSError.
        """
        ...

    def unseal(self, stream: BinaryIO, size: int) -> BinaryIO:
        """Return the file in an envelope as a seekable stream; closing it closes `stream`.

        Raises SourceError, OSError, and closes `stream` then.
        """
        ...


class Envelope(Unsealing, Protocol):
    """Turns the bytes of a file into those that stand on the medium, and back."""

    def sealed_size(self, size: int) -> int:
        """Return how many bytes the envelope of a file of `size` bytes has."""
        ...

    def seal(self, stream: BinaryIO, size: int) -> BinaryIO:
        """Return the envelope of a file of `size` bytes as a stream. Closing it closes `stream`."""
        ...


def stored_size_for(envelope: Envelope | None) -> Callable[[int], int]:
    """Return how many bytes a file of so many has on the medium; None: as many."""
    return int if envelope is None else envelope.sealed_size


def sealed(entry: Entry, envelope: Envelope) -> Entry:
    """Return an entry in its envelope."""
    make = entry.from_hashes
    return Entry(
        entry.path,
        envelope.sealed_size(entry.size),
        lambda: envelope.seal(entry.open(), entry.size),
        None if make is None else partial(_sealed_content, envelope, make),
        entry.other,
    )


def _sealed_content(
    envelope: Envelope, make: Callable[[Mapping[str, str]], bytes], hashes: Mapping[str, str]
) -> bytes:
    content = make(hashes)
    with envelope.seal(BytesIO(content), len(content)) as stream:
        return stream.read()


class UnsealedTree:
    """The tree of a medium whose files are in envelopes, as if they were not.

    A file that cannot be opened is a `SEALED` node that says why.
    """

    def __init__(self, tree: Tree, envelope: Unsealing) -> None:
        self.facts = tree.facts
        self._tree = tree
        self._envelope = envelope

    @property
    def stored(self) -> Tree:
        """Return the tree of the medium as it is, with its envelopes."""
        return self._tree

    def walk(self) -> Iterator[Node]:
        """Yield every name with the size of the file in the envelope."""
        return map(self._plain, self._tree.walk())

    def folders(self) -> Iterator[str]:
        """Yield the path of every folder."""
        return self._tree.folders()

    def open(self, node: Node) -> BinaryIO:
        """Open the file in an envelope. Raises SourceError."""
        held = self._tree.find(node.path) or node
        return self._envelope.unseal(self._tree.open(held), held.size)

    def find(self, path: str) -> Node | None:
        """Return the file stored under exactly this path, or None."""
        node = self._tree.find(path)
        return None if node is None else self._plain(node)

    def extents(self, node: Node) -> Sequence[Extent]:
        """Return where the envelope of a file lies in the image. Raises SourceError."""
        return self._tree.extents(node)

    def close(self) -> None:
        """Release the medium."""
        self._tree.close()

    def _plain(self, node: Node) -> Node:
        if node.kind is not NodeKind.FILE:
            return node
        try:
            with self._tree.open(node) as stream:
                size, seal = self._envelope.look(stream, node.size)
        except SourceError as exc:
            return replace(node, kind=NodeKind.SEALED, why=exc.reason, seal=SealFact())
        except OSError as exc:
            return replace(node, kind=NodeKind.UNREADABLE, why=exc.strerror or str(exc))
        return replace(node, size=size, seal=seal)


def as_stored(tree: Tree) -> Tree:
    """Return the tree of a medium with its files as they are stored: in their envelopes."""
    return tree.stored if isinstance(tree, UnsealedTree) else tree
