"""The checksums of many files of a medium, two files at a time when that pays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from threading import Lock

from msgspec import Struct

from mediakit.errors import MediakitError
from mediakit.events import Advanced, Listener
from mediakit.formats.base import Node, Tree
from mediakit.secure.checksums import BLOCK_BYTES, Checksum, checksum_of

_READERS = 2
_BATCH_BYTES = 1 << 20  # of small files that one reader takes together: handing over costs more than reading
_MANY = 16  # files in a batch; readers of more of them wait for each other, for one runs Python at a time
_AT_ONCE = 64  # batches handed to the readers


class Sum(Struct, frozen=True):
    """The checksum (hex) of a file; "" when it cannot be read, with the exception that says why."""

    node: Node
    sum: str
    failure: MediakitError | OSError | None = None


def sums_of(tree: Tree, nodes: Sequence[Node], tell: Listener, checksum: Checksum) -> Iterator[Sum]:
    """Yield the checksums of files in their order. Tells `Advanced` by bytes."""
    opening = Lock()  # a tree may keep its place between two opens; the streams it gives are independent

    def read(batch: Sequence[Node]) -> list[Sum]:
        buffer = memoryview(bytearray(min(BLOCK_BYTES, max(node.size for node in batch) + 1)))
        return [_sum_of(tree, node, checksum, opening, buffer) for node in batch]

    batches = _batches(nodes)
    with ThreadPoolExecutor(_READERS) as pool:
        while some := list(islice(batches, _AT_ONCE)):
            is_alone = checksum.is_quick or all(len(batch) > _MANY for batch in some)
            for batch in map(read, some) if is_alone else pool.map(read, some):
                tell(Advanced(sum(one.node.size for one in batch)))
                yield from batch


def _batches(nodes: Sequence[Node]) -> Iterator[Sequence[Node]]:
    """Yield the files in their order, small ones together."""
    first = held = 0
    for index, node in enumerate(nodes):
        if held and held + node.size > _BATCH_BYTES:
            yield nodes[first:index]
            first, held = index, 0
        held += node.size
    if first < len(nodes):
        yield nodes[first:]


def _sum_of(tree: Tree, node: Node, checksum: Checksum, opening: Lock, buffer: memoryview) -> Sum:
    """Return the checksum of one file; trees are opened one after another."""
    try:
        with opening:
            stream = tree.open(node)
        with stream:
            return Sum(node, checksum_of(stream, checksum, buffer))
    except (MediakitError, OSError) as exc:
        return Sum(node, "", exc)
