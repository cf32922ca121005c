"""The sources of a journey: media and folders opened for reading, kept open until the journey ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from mediakit.dicom.instance import Instance
from mediakit.errors import UsageError
from mediakit.formats.base import Node, Tree, TreeFacts
from mediakit.formats.registry import open_tree


class Sources:
    """Trees opened under the names that the user gave. Use as a context manager.

    Raises SourceError when one of them cannot be opened, UsageError when one is named twice.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._trees: dict[str, Tree] = {}
        try:
            for path in paths:
                name = str(path)
                if name in self._trees:
                    raise UsageError("the same source is given twice", where=name)
                self._trees[name] = named(open_tree(path))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def walk(self) -> Iterator[tuple[str, Tree, Node]]:
        """Yield every node of every source, in the order of the sources."""
        for name, tree in self._trees.items():
            for node in tree.walk():
                yield name, tree, node

    def open(self, instance: Instance) -> BinaryIO:
        """Open the file of an instance. Raises SourceError when it cannot be read any more."""
        return self._trees[instance.source].open(Node(instance.path, instance.size))

    def close(self) -> None:
        """Release every source."""
        for tree in self._trees.values():
            tree.close()
        self._trees.clear()


@dataclass(slots=True)
class _Lone:
    """The tree of one file, which is at the path "": its place is the source itself."""

    tree: Tree
    facts: TreeFacts

    def walk(self) -> Iterator[Node]:
        return (Node("", node.size, node.kind, node.why) for node in self.tree.walk())

    def folders(self) -> Iterator[str]:
        return self.tree.folders()

    def open(self, node: Node) -> BinaryIO:
        return self.tree.open(next(iter(self.tree.walk())) if not node.path else node)

    def find(self, path: str) -> Node | None:
        return next(self.walk(), None) if not path else None

    def close(self) -> None:
        self.tree.close()


def named(tree: Tree) -> Tree:
    """Return the tree so that a lone file is at the path "": its place is the source itself."""
    return _Lone(tree, tree.facts) if tree.facts.format == "file" else tree
