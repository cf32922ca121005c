"""ZIP archives as media: `ZipTree` reads one and extracts nothing, `ZipSink` writes one.

Source: PS3.12 Annex V. It names no compression method. Members are deflated: every reader knows it, and
uncompressed images become about half as large, which matters to mail. `Order.variant` "stored" leaves them
as they are.
"""

from __future__ import annotations

import errno
import io
import lzma
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO

from mediakit.errors import DoesNotFit, SourceError, UsageError
from mediakit.events import Listener
from mediakit.formats import moment
from mediakit.formats.atomic import new_file
from mediakit.formats.base import Entry, Node, NodeKind, Order, Receipt, TreeFacts
from mediakit.formats.legal import check_paths
from mediakit.formats.pour import Pourer

_BUFFER = 32 * 1024
_METHODS = {"": zipfile.ZIP_DEFLATED, "zip": zipfile.ZIP_DEFLATED, "stored": zipfile.ZIP_STORED}
_ZIP64_FROM = 0x7FFF0000  # a member that could pass 2 GiB when deflate makes it larger
_MAX_NAME_BYTES = 0xFFFF
_ENCRYPTED = 0x01
_READABLE = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA})


class ZipSink:
    """Writes a ZIP archive: members in the order of the entries, nothing in them that varies."""

    def write(self, entries: Sequence[Entry], target: Path, order: Order, tell: Listener) -> Receipt:
        """Write the archive; see `Sink`."""
        check_paths(entries)
        if order.variant not in _METHODS:
            raise UsageError(f"`{order.variant}` is not a way to write a ZIP archive")
        for entry in entries:
            if len(entry.path.encode("utf-8", "surrogateescape")) > _MAX_NAME_BYTES:
                raise DoesNotFit("the name is too long for ZIP", where=ascii(entry.path[:80]))
        with new_file(target, overwrite=order.overwrite) as fd, Pourer(tell, hashing=order.hashing) as pourer:
            with open(fd, "wb", closefd=False) as out, zipfile.ZipFile(out, "w") as archive:
                for entry in entries:
                    with archive.open(
                        _member(entry, order), "w", force_zip64=entry.size >= _ZIP64_FROM
                    ) as to:
                        pourer.pour(entry, to.write)
            hashes = pourer.finish()
            size_bytes = os.fstat(fd).st_size
        return Receipt(target=target, size_bytes=size_bytes, sha256=hashes)


class ZipTree:
    """A ZIP archive as a `Tree`. Names are kept as they stand and mean nothing to the file system."""

    def __init__(self, path: Path) -> None:
        """Open the archive and read its directory. Raises SourceError."""
        try:
            self._archive = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError) as exc:
            raise SourceError("cannot be opened as ZIP", where=str(path), why=str(exc)) from exc
        self._members: dict[str, zipfile.ZipInfo] = {}
        self._folders: dict[str, None] = {}
        self._nodes = tuple(self._index())
        self.facts = TreeFacts(format="zip", size_bytes=path.stat().st_size)

    def walk(self) -> Iterator[Node]:
        """Yield the members in the order of their data."""
        return iter(self._nodes)

    def folders(self) -> Iterator[str]:
        """Yield every folder, whether it has a member of its own or is only part of a name."""
        return iter(self._folders)

    def open(self, node: Node) -> BinaryIO:
        """Open a member; it never gives more than its declared size. Raises SourceError."""
        member = self._members.get(node.path)
        if member is None or node.kind is not NodeKind.FILE:
            raise SourceError("no such file in the archive", where=ascii(node.path))
        try:
            return io.BufferedReader(_Member(self._archive.open(member)), _BUFFER)
        except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as exc:
            raise SourceError("cannot be opened", where=ascii(node.path), why=str(exc)) from exc

    def find(self, path: str) -> Node | None:
        """Return the member of exactly this name, or None."""
        member = self._members.get(path)
        return None if member is None else Node(path, member.file_size)

    def close(self) -> None:
        """Close the archive."""
        self._archive.close()

    def _index(self) -> Iterator[Node]:
        for member in sorted(self._archive.infolist(), key=lambda member: member.header_offset):
            name = member.filename
            mode = member.external_attr >> 16
            self._folders.update(dict.fromkeys(above(name)))
            if name.endswith("/"):
                continue
            if stat.S_ISLNK(mode):
                yield Node(name, 0, NodeKind.LINK)
            elif why := self._fault(member):
                yield Node(name, member.file_size, NodeKind.UNREADABLE, why)
            else:
                self._members[name] = member
                yield Node(name, member.file_size)

    def _fault(self, member: zipfile.ZipInfo) -> str:
        if member.flag_bits & _ENCRYPTED:
            return "it is encrypted"
        if member.compress_type not in _READABLE:
            return f"compression method {member.compress_type} is not known"
        return "a second member of this name" if member.filename in self._members else ""


def above(path: str) -> Iterator[str]:
    """Yield the folders that a path lies in, outermost first; a path that ends in "/" is a folder itself."""
    at = path.find("/")
    while at > 0:
        yield path[:at]
        at = path.find("/", at + 1)


class _Member(io.RawIOBase):
    """A member's bytes. Damage is an OSError, as in any other file."""

    def __init__(self, inner: IO[bytes]) -> None:
        super().__init__()
        self._inner = inner

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes; going back unpacks the member again."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move the position."""
        with _damage_as_os_error():
            return self._inner.seek(offset, whence)

    def tell(self) -> int:
        """Return the position."""
        return self._inner.tell()

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # bytes-like in typeshed
        """Read what the member declares and no more."""
        with _damage_as_os_error():
            found = self._inner.read(len(buffer))
        buffer[: len(found)] = found
        return len(found)

    def close(self) -> None:
        """Close the member, not the archive."""
        self._inner.close()
        super().close()


@contextmanager
def _damage_as_os_error() -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError) as exc:
        raise OSError(errno.EIO, f"the archive is damaged: {exc}") from exc


def _member(entry: Entry, order: Order) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(entry.path, moment.dos(order.when))
    member.create_system = 3  # Unix: the same on every system that writes
    member.external_attr = (stat.S_IFREG | 0o644) << 16
    member.compress_type = _METHODS[order.variant]
    member.file_size = entry.size
    return member
