"""The manifest of a medium, read: MANIFEST.TXT in the root, its signature, the key, the copy for the page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mediakit.errors import SourceError
from mediakit.fileset.manifest import (
    FOR_PAGE,
    MANIFEST,
    PUBLIC_KEY,
    SIGNATURE,
    SIGNATURE_BYTES,
    ManifestFact,
    is_listing,
)
from mediakit.formats.base import Node, NodeKind, Tree
from mediakit.limits import MAX_MANIFEST_BYTES
from mediakit.secure.facts import is_enveloped

_KEY_BYTES = 4096
_NAMES = frozenset({MANIFEST, SIGNATURE, PUBLIC_KEY, FOR_PAGE})


def read_manifest(tree: Tree, paths: Iterable[str]) -> ManifestFact | None:
    """Return the manifest of a medium with these files; None when there is none, or it cannot be read.

    A MANIFEST.TXT without a line of the form and without a signature is a text of somebody else.
    """
    nodes: dict[str, Node] = {}
    for path in paths:
        node = tree.find(path) if path.upper() in _NAMES else None
        if node is not None:
            nodes.setdefault(path.upper(), node)
    content = _read(tree, nodes, MANIFEST, MAX_MANIFEST_BYTES)
    if content is None or is_enveloped(content) or not (SIGNATURE in nodes or is_listing(content)):
        return None
    return ManifestFact(
        path=nodes[MANIFEST].path,
        content=content,
        signature=_read(tree, nodes, SIGNATURE, SIGNATURE_BYTES),
        public_key=_read(tree, nodes, PUBLIC_KEY, _KEY_BYTES),
        for_page=_read(tree, nodes, FOR_PAGE, 2 * MAX_MANIFEST_BYTES),
    )


def _read(tree: Tree, nodes: Mapping[str, Node], name: str, most: int) -> bytes | None:
    """Return the content of a file; what is longer than it may be is cut off, or is None for the manifest."""
    node = nodes.get(name)
    if node is None:
        return None
    if node.kind is not NodeKind.FILE or (name == MANIFEST and node.size > most):
        return None if name == MANIFEST else b""
    try:
        with tree.open(node) as stream:
            return stream.read(most + 1)
    except (SourceError, OSError):
        return None if name == MANIFEST else b""
