"""Builders of entries and media for tests, and streams that misbehave on purpose."""

from __future__ import annotations

import errno
import hashlib
import io
import random
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from mediakit.formats.base import Entry, Node, Order, Receipt, Tree
from mediakit.formats.registry import open_tree, write_medium

WHEN = datetime(2024, 2, 29, 13, 14, 15, tzinfo=UTC)
DEEP = "A/B/C/D/E/F/G"  # as deep as ISO 9660 is written; File IDs may have one component more


def content_of(path: str, size: int) -> bytes:
    """Return bytes that differ from path to path."""
    return random.Random(path).randbytes(size)  # noqa: S311 - no secret


def entry(path: str, size: int = 100) -> Entry:
    return Entry(path, size, lambda: io.BytesIO(content_of(path, size)))


def entries_of(files: Iterable[tuple[str, int]]) -> list[Entry]:
    return [entry(path, size) for path, size in files]


def a_small_medium() -> list[Entry]:
    """Return entries in an order that no sorting gives, with the sizes that matter around a sector."""
    return entries_of(
        [
            ("DICOMDIR", 3000),
            ("DICOM/Z1/IM2", 2048),
            ("DICOM/Z1/IM1", 2047),
            ("DICOM/A1/IM9", 1),
            ("DICOM/A1/EMPTY", 0),
            (DEEP, 2049),
            ("BIG", 700_000),
            ("README", 0),
        ]
    )


def many(count: int) -> list[Entry]:
    return entries_of([("DICOMDIR", 5), *((f"D{n // 300}/F{n}", n % 50) for n in range(count - 1))])


def order(**changes: object) -> Order:
    settings: dict[str, object] = {"label": "SET_1", "when": WHEN, **changes}
    return Order(**settings)  # type: ignore[arg-type]  # each test passes what Order knows


def write(name: str, entries: Sequence[Entry], target: Path, **changes: object) -> Receipt:
    return write_medium(name, entries, target, order(**changes))


def read_all(tree: Tree) -> dict[str, bytes]:
    found = {}
    for node in tree.walk():
        with tree.open(node) as stream:
            found[node.path] = stream.read()
    return found


def contents(path: Path) -> dict[str, bytes]:
    tree = open_tree(path)
    try:
        return read_all(tree)
    finally:
        tree.close()


def nodes(path: Path) -> list[Node]:
    tree = open_tree(path)
    try:
        return list(tree.walk())
    finally:
        tree.close()


def fingerprint(path: Path) -> str:
    """Return a hash of a file, or of a folder's names, times and bytes."""
    digest = hashlib.sha256()
    for one in [path, *sorted(path.rglob("*"))] if path.is_dir() else [path]:
        if path.is_dir():
            digest.update(
                f"{one.relative_to(path)} {one.stat().st_mode:o} {one.stat().st_mtime_ns}\n".encode(
                    errors="surrogateescape"
                )
            )
        if one.is_file():
            digest.update(one.read_bytes())
    return digest.hexdigest()


class Broken(io.RawIOBase):
    """Gives some bytes, then raises."""

    def __init__(self, good: int, problem: BaseException) -> None:
        super().__init__()
        self._left = good
        self._problem = problem

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if not self._left:
            raise self._problem
        given = min(self._left, len(buffer))
        self._left -= given
        return given


def broken_entry(path: str, size: int, good: int, problem: BaseException | None = None) -> Entry:
    """Return an entry that fails after `good` bytes; without a problem of its own with an I/O error."""
    wrong = problem or OSError(errno.EIO, "Input/output error")

    def opened() -> BinaryIO:
        return io.BufferedReader(Broken(good, wrong), 4096)

    return Entry(path, size, opened)


def lying_entry(path: str, says: int, has: int) -> Entry:
    """Return an entry that gives other than it says."""
    opened: Callable[[], BinaryIO] = lambda: io.BytesIO(bytes(has))  # noqa: E731
    return Entry(path, says, opened)
