"""The sources of a journey: media and folders opened for reading, kept open until the journey ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from mediakit.dicom.instance import Instance
from mediakit.errors import UsageError
from mediakit.formats.base import Node, Tree
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
                self._trees[name] = open_tree(path)
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


def shown(source: str, path: str) -> str:
    """Return the place of a file as the user knows it: the source as given, then the path inside."""
    if not path:
        return source
    return f"{source.rstrip('/')}/{path}" if source != "/" else f"/{path}"
