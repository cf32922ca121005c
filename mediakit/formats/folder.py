"""Folders as media: `FolderTree` reads one and never leaves it, `FolderSink` writes one."""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO

from mediakit.durable import check_room, write_all
from mediakit.errors import SourceError
from mediakit.events import Listener
from mediakit.formats import moment
from mediakit.formats.base import Entry, Node, NodeKind, Order, Receipt, TreeFacts
from mediakit.formats.legal import check_paths, is_sound_path
from mediakit.formats.readable import Extent, File, open_plain, tried, tried_again
from mediakit.formats.stream_copy import Pourer
from mediakit.open_folder import sync_folder

_MAX_KNOWN_FOLDERS = 64  # listings kept for `find`
_HAS_DIR_FD = os.open in os.supports_dir_fd
_FOLDER_FLAGS = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)


class FolderTree:
    """A folder as a `Tree`. Links are named and never followed, even when they appear meanwhile."""

    def __init__(self, path: Path) -> None:
        """Open the folder. Raises SourceError."""
        self._root = str(path)
        self._known: dict[str, frozenset[str]] = {}
        self._parent: tuple[str, int] | None = None
        self._folders: list[str] | None = None
        try:
            os.scandir(path).close()
        except OSError as exc:
            raise SourceError("cannot be opened", where=str(path), why=exc.strerror or "") from exc
        self.facts = TreeFacts(format="folder")

    def walk(self) -> Iterator[Node]:
        """Yield every file, link and special file below the root, folder by folder, sorted by name."""
        met: list[str] = []
        todo = [""]
        while todo:
            prefix = todo.pop()
            try:
                children = tried(partial(self._children, prefix))
            except OSError as exc:
                yield Node(prefix[:-1], 0, NodeKind.UNREADABLE, exc.strerror or type(exc).__name__)
                continue
            deeper = []
            for child in children:
                path = prefix + child.name
                if child.is_dir(follow_symlinks=False):
                    deeper.append(path)
                else:
                    yield _node(path, child)
            met += deeper
            todo.extend(f"{path}/" for path in reversed(deeper))
        self._folders = met

    def folders(self) -> Iterator[str]:
        """Yield every folder below the root, sorted by name: those that the last walk met."""
        if self._folders is None:
            deque(self.walk(), maxlen=0)
        yield from self._folders or ()

    def open(self, node: Node) -> BinaryIO:
        """Open a file of the folder. Raises SourceError, also when it is behind a link by now."""
        parent, _, name = node.path.rpartition("/")
        if node.kind is not NodeKind.FILE or not is_sound_path(node.path):
            raise SourceError("is not a file to open", where=ascii(node.path))
        try:
            try:
                return self._opened(parent, name)
            except OSError:
                return tried_again(partial(self._opened, parent, name))
        except OSError as exc:
            raise SourceError("cannot be opened", where=ascii(node.path), why=exc.strerror or "") from exc

    def find(self, path: str) -> Node | None:
        """Return the file of exactly this path, or None, on file systems that ignore case too."""
        if not is_sound_path(path):
            return None
        parts = path.split("/")
        for depth, part in enumerate(parts):
            if part not in self._names("/".join(parts[:depth])):
                return None
        try:
            found = os.lstat(os.path.join(self._root, path))  # noqa: PTH118 - as in `_children`
        except OSError:
            return None
        return Node(path, found.st_size) if stat.S_ISREG(found.st_mode) else None

    def extents(self, node: Node) -> Sequence[Extent]:  # noqa: ARG002 - of `Tree`
        """Return nothing: a folder does not know."""
        return ()

    def close(self) -> None:
        """Let go of the folder."""
        if self._parent is not None:
            os.close(self._parent[1])
            self._parent = None

    def _children(self, prefix: str) -> list[os.DirEntry[str]]:
        with os.scandir(os.path.join(self._root, prefix)) as found:  # noqa: PTH118 - a million times
            return sorted(found, key=attrgetter("name"))

    def _opened(self, folder: str, name: str) -> File:
        if _HAS_DIR_FD:
            return open_plain(name, self._folder(folder))
        return open_plain(Path(self._root, folder, name))

    def _folder(self, path: str) -> int:
        """Return a descriptor of a folder, reached without following a link; the last one is kept."""
        if self._parent is not None and self._parent[0] == path:
            return self._parent[1]
        fd = os.open(self._root, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
        for part in path.split("/") if path else ():
            try:
                deeper = os.open(part, _FOLDER_FLAGS, dir_fd=fd)
            finally:
                os.close(fd)
            fd = deeper
        self.close()
        self._parent = (path, fd)
        return fd

    def _names(self, folder: str) -> frozenset[str]:
        names = self._known.get(folder)
        if names is None:
            if len(self._known) >= _MAX_KNOWN_FOLDERS:
                self._known.clear()
            try:
                where = self._folder(folder) if _HAS_DIR_FD else Path(self._root, folder)
                names = frozenset(os.listdir(where))  # noqa: PTH208 - a descriptor
            except OSError:
                names = frozenset()
            self._known[folder] = names
        return names


class FileTree:
    """One file that is no medium, as a `Tree` that holds it alone, by default under its own name."""

    def __init__(self, path: Path, name: str | None = None) -> None:
        """Raise SourceError when it cannot be opened."""
        self._path = path
        try:
            with tried(lambda: open_plain(path.resolve())) as file:
                size = os.fstat(file.fileno()).st_size
        except OSError as exc:
            raise SourceError("cannot be opened", where=str(path), why=exc.strerror or "") from exc
        self._node = Node(path.name if name is None else name, size)
        self.facts = TreeFacts(format="file", size_bytes=size)

    def walk(self) -> Iterator[Node]:
        """Yield the file."""
        yield self._node

    def folders(self) -> Iterator[str]:
        """Yield nothing."""
        return iter(())

    def open(self, node: Node) -> BinaryIO:
        """Open the file. Raises SourceError."""
        if node.path != self._node.path:
            raise SourceError("no such file", where=ascii(node.path))
        try:
            return tried(lambda: open_plain(self._path.resolve()))
        except OSError as exc:
            raise SourceError("cannot be opened", where=ascii(node.path), why=exc.strerror or "") from exc

    def find(self, path: str) -> Node | None:
        """Return the file when it has this name."""
        return self._node if path == self._node.path else None

    def extents(self, node: Node) -> Sequence[Extent]:
        """Return the whole of it."""
        return ((0, node.size),) if node.size else ()

    def close(self) -> None:
        """Hold nothing, let go of nothing."""


class FolderSink:
    """Writes the entries into a new folder: files 0644, folders 0755, every time that of the order."""

    suffixes: tuple[str, ...] = ()
    file_systems: tuple[str, ...] = ()
    max_file_bytes: int | None = None
    is_folder = True

    def check(self, entries: Sequence[Entry], order: Order) -> int:  # noqa: ARG002 - no order is too much
        """Return the size in bytes; see `Sink`."""
        check_paths(entries)
        return sum(entry.size for entry in entries)

    def write(self, entries: Sequence[Entry], part: Path, order: Order, tell: Listener) -> Receipt:
        """Fill the folder; see `Sink`."""
        folders = check_paths(entries)
        when = (moment.epoch_ns(order.when),) * 2
        size_bytes = sum(entry.size for entry in entries)
        with Pourer(tell, order.checksum) as pourer:
            check_room(part, size_bytes)
            root = str(part)
            for folder in folders:
                made = part / folder
                made.mkdir()
                made.chmod(0o755)
            for entry in entries:
                _write_file(f"{root}/{entry.path}", partial(pourer.pour, entry), when)
            sums = pourer.finish()
            _settle(part, entries, folders, when)
        return Receipt(target=part, size_bytes=size_bytes, sums=sums, checksum=order.checksum)


def _write_file(
    path: str, pour: Callable[[Callable[[memoryview], object]], None], when: tuple[int, int]
) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    fd = os.open(path, flags, 0o644)
    try:
        pour(partial(write_all, fd))
        if os.utime in os.supports_fd:
            os.fchmod(fd, 0o644)
            os.utime(fd, ns=when)
    finally:
        os.close(fd)
    if os.utime not in os.supports_fd:
        os.utime(path, ns=when)


def _settle(part: Path, entries: Sequence[Entry], folders: Sequence[str], when: tuple[int, int]) -> None:
    """Make everything durable.

    `sync` writes all files out at once, in one journal commit; the `fsync` of each file then finds nothing to
    do, but is what reports a write that failed. Alone it would commit once per file: minutes for 20,000.
    """
    if hasattr(os, "sync"):
        os.sync()
    for entry in entries:
        fd = os.open(f"{part}/{entry.path}", os.O_RDWR)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
    part.chmod(0o755)
    for folder in reversed(("", *folders)):
        made = part / folder
        os.utime(made, ns=when)
        sync_folder(made)


def _node(path: str, child: os.DirEntry[str]) -> Node:
    try:
        if child.is_file(follow_symlinks=False):
            return Node(path, child.stat(follow_symlinks=False).st_size)
        if child.is_symlink():
            return Node(path, 0, NodeKind.LINK)
    except OSError as exc:
        return Node(path, 0, NodeKind.UNREADABLE, exc.strerror or type(exc).__name__)
    return Node(path, 0, NodeKind.SPECIAL)
