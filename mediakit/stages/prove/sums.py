"""The SHA-256 of many files of a medium, two at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock

from mediakit.errors import MediakitError
from mediakit.events import Advanced, Listener
from mediakit.formats.base import Node, Tree
from mediakit.stages.look.media import sha256_of

_READERS = 2
_AT_ONCE = 1024  # files handed to the readers: each that waits takes 2 KB


@dataclass(frozen=True, slots=True)
class Sum:
    """The SHA-256 (hex) of a file; "" when it cannot be read, with the exception that says why."""

    node: Node
    sha256: str
    failure: MediakitError | OSError | None = None

    @property
    def found(self) -> str:
        """Return the sum, or that there is none."""
        return self.sha256 or f"unreadable ({self.failure})"


def sums_of(tree: Tree, nodes: Sequence[Node], tell: Listener) -> Iterator[Sum]:
    """Yield the sums of files in their order. Tells `Advanced` by bytes."""
    opening = Lock()  # a tree may keep its place between two opens; the streams it gives are independent

    def read(node: Node) -> Sum:
        return sum_of(tree, node, opening)

    with ThreadPoolExecutor(_READERS) as pool:
        for first in range(0, len(nodes), _AT_ONCE):
            for one in pool.map(read, nodes[first : first + _AT_ONCE]):
                tell(Advanced(one.node.size))
                yield one


def sum_of(tree: Tree, node: Node, opening: Lock) -> Sum:
    """Return the sum of one file; trees are opened one after another."""
    try:
        with opening:
            stream = tree.open(node)
        with stream:
            return Sum(node, sha256_of(stream))
    except (MediakitError, OSError) as exc:
        return Sum(node, "", exc)
