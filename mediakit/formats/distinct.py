"""Paths that differ: where a medium has several files of one name, each is shown under a path of its own."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from mediakit.formats.base import Node


class DistinctPaths:
    """Gives out each path once. The first file of a name keeps it, further ones get a number."""

    def __init__(self, stored: Iterable[str]) -> None:
        """Take the names of all files of the medium: no file is shown under one that another has."""
        self._stored = frozenset(stored)
        self._first: dict[str, Node] = {}
        self._last: dict[str, int] = {}  # number given out, by the name

    def shown(self, node: Node) -> Node:
        """Return the node under a path that no node before it has."""
        first = self._first.setdefault(node.path, node)
        if first is node:
            return node
        number = self._last.get(node.path, 1) + 1
        while (path := _numbered(node.path, number)) in self._stored:
            number += 1
        self._last[node.path] = number
        # A File ID that means the other name as well means the first file.
        also = tuple(name for name in node.also if name not in first.also)
        return replace(node, path=path, also=also, stored=node.stored or node.path)


def _numbered(path: str, number: int) -> str:
    """Return a path with a number before its extension: "A/IM1 (2).DCM"."""
    folder, slash, name = path.rpartition("/")
    stem, dot, extension = name.rpartition(".")
    if not stem:
        stem, dot, extension = name, "", ""
    return f"{folder}{slash}{stem} ({number}){dot}{extension}"
