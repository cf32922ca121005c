"""ZIP archives as media: `ZipTree` reads one and extracts nothing, `ZipSink` writes one.

Source: PS3.12 Annex V. It names no compression method. Members are deflated: every reader knows it, and
uncompressed images become about half as large, which matters to mail. `Order.variant` "stored" leaves them
as they are.
"""

from __future__ import annotations

import io
import os
import stat
import struct
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from mediakit.durable import written_file
from mediakit.errors import DoesNotFit, SourceError, UsageError
from mediakit.events import Listener
from mediakit.findings import printable
from mediakit.formats import moment
from mediakit.formats.base import Entry, Node, NodeKind, Order, Receipt, TreeFacts
from mediakit.formats.distinct import DistinctPaths
from mediakit.formats.legal import check_paths
from mediakit.formats.readable import Extent, Gaps, Image, Readable, WithoutGaps, stream_of
from mediakit.formats.stream_copy import Pourer
from mediakit.formats.zip_member import member_stream
from mediakit.limits import MAX_CLAIMED_BYTES, REAL_RATIO
from mediakit.volume import MAX_EXAMPLES, Damage, ZipVolume

_BUFFER = 32 * 1024
_METHODS = {"": zipfile.ZIP_DEFLATED, "zip": zipfile.ZIP_DEFLATED, "stored": zipfile.ZIP_STORED}
_ZIP64_FROM = 0x7FFF0000  # a member that could pass 2 GiB when deflate makes it larger
_MAX_NAME_BYTES = 0xFFFF
_ENCRYPTED = 0x01
_CUT_HINT = "the directory of an archive stands at its end: copy or download it once more"
_MAX_DEPTH = 64
_NO_NAME = "(no name)"  # is shown of a file without one
_HEADER_BYTES = 30  # of a member, without its name
_END, _END_BYTES, _MAX_COMMENT = b"PK\5\6", 22, 0xFFFF
_METHOD_NAMES = {
    0: "stored", 1: "shrunk", 6: "imploded", 8: "deflated", 9: "deflate64", 12: "bzip2", 14: "lzma",
    93: "zstandard", 95: "xz", 99: "AES",
}  # fmt: skip
_READABLE = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA})


class ZipSink:
    """Writes a ZIP archive: members in the order of the entries, nothing in them that varies."""

    suffixes = (".zip",)
    file_systems = ("ZIP",)
    max_file_bytes: int | None = None
    is_folder = False

    def check(self, entries: Sequence[Entry], order: Order) -> int:
        """Return the size in bytes; see `Sink`."""
        check_paths(entries)
        if order.variant not in _METHODS:
            raise UsageError(f"`{order.variant}` is not a way to write a ZIP archive")
        for entry in entries:
            if len(entry.path.encode("utf-8", "surrogateescape")) > _MAX_NAME_BYTES:
                raise DoesNotFit("the name is too long for ZIP", where=printable(entry.path[:80]))
        return 0  # members are compressed: how large it gets is not known

    def write(self, entries: Sequence[Entry], part: Path, order: Order, tell: Listener) -> Receipt:
        """Write the archive; see `Sink`."""
        self.check(entries, order)
        with written_file(part) as fd, Pourer(tell, order.checksum) as pourer:
            with open(fd, "wb", closefd=False) as out, zipfile.ZipFile(out, "w") as archive:
                for entry in entries:
                    with archive.open(
                        _member(entry, order), "w", force_zip64=entry.size >= _ZIP64_FROM
                    ) as to:
                        pourer.pour(entry, to.write)
            sums = pourer.finish()
            size_bytes = os.fstat(fd).st_size
        return Receipt(target=part, size_bytes=size_bytes, sums=sums, checksum=order.checksum)


class ZipTree:
    """A ZIP archive as a `Tree`. Names are kept as they stand and mean nothing to the file system.

    Left out are only "./" at the beginning of a name and "/" at the end of one that has content: that is no
    folder. Where a name is written with backslashes, `also` has it with "/".
    """

    def __init__(self, path: Path, gaps: Gaps | None = None) -> None:
        """Open the archive and read its directory. Raises SourceError."""
        self._image = Image(path, gaps)
        self._size = self._image.size
        try:
            _check_is_whole(self._image)
            self._archive = zipfile.ZipFile(stream_of(self._image, [(0, self._size)]))
        except SourceError:
            self._image.close()
            raise
        except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as exc:
            self._image.close()
            raise SourceError(
                "cannot be opened as ZIP", where=str(path), why=str(exc), hint=_CUT_HINT
            ) from exc
        self._members: dict[str, tuple[Node, zipfile.ZipInfo]] = {}
        self._folders: dict[str, None] = {}
        odd = _Odd()
        self._end = 0  # of the last member that can be read; they come in the order of their data
        self._claimed = 0  # bytes of members that are compressed more than real files are
        self._nodes = tuple(self._index(odd))
        depth = 1 + max((folder.count("/") + 1 for folder in self._folders), default=0)
        volume = ZipVolume(
            methods=tuple(odd.methods),
            depth=depth,
            encrypted=tuple(odd.encrypted),
            doubled=tuple(odd.doubled),
            rooted=tuple(odd.rooted),
        )
        self.facts = TreeFacts(
            format="zip",
            size_bytes=self._size,
            volume=volume,
            volumes=(volume,),
            damage=tuple(self._in_front()),
        )

    def walk(self) -> Iterator[Node]:
        """Yield the members in the order of their data."""
        return iter(self._nodes)

    def folders(self) -> Iterator[str]:
        """Yield every folder, whether it has a member of its own or is only part of a name."""
        return iter(self._folders)

    def open(self, node: Node) -> BinaryIO:
        """Open a member; it never gives more than its declared size. Raises SourceError."""
        known = self._members.get(node.path)
        if known is None or node.kind is not NodeKind.FILE:
            raise SourceError("no such file in the archive", where=printable(node.path))
        try:
            return io.BufferedReader(member_stream(self._archive, known[1]), _BUFFER)
        except (
            OSError,
            zipfile.BadZipFile,
            NotImplementedError,
            RuntimeError,
            ValueError,
            struct.error,
        ) as exc:
            raise SourceError("cannot be opened", where=printable(node.path), why=str(exc)) from exc

    def find(self, path: str) -> Node | None:
        """Return the member of exactly this name, or None."""
        known = self._members.get(path)
        return None if known is None else known[0]

    def extents(self, node: Node) -> Sequence[Extent]:
        """Return where a member lies in the archive, its header and its data. Raises SourceError."""
        known = self._members.get(node.path)
        if known is None:
            return ()
        at = known[1].header_offset
        head = self._image.read(at, _HEADER_BYTES)
        names = sum(int.from_bytes(head[first : first + 2], "little") for first in (26, 28))
        return ((at, _HEADER_BYTES + names + known[1].compress_size),)

    def close(self) -> None:
        """Close the archive."""
        self._archive.close()
        self._image.close()

    def _in_front(self) -> Iterator[Damage]:
        """Report an archive that stands in front of this one, as when two files were joined."""
        members = (member.header_offset for member in self._archive.infolist())
        begin = min(members, default=self._archive.start_dir)
        size = min(max(begin, 0), _MAX_COMMENT + _END_BYTES)
        before = WithoutGaps(self._image).read(begin - size, size) if size else b""
        at = before.rfind(_END)
        if 0 <= at <= size - _END_BYTES:
            comment = int.from_bytes(before[at + _END_BYTES - 2 : at + _END_BYTES], "little")
            if at + _END_BYTES + comment == size:
                yield Damage(
                    "", f"another archive of {begin} bytes stands in front of this one: it was not read"
                )

    def _index(self, odd: _Odd) -> Iterator[Node]:
        seen: set[str] = set()
        members = sorted(self._archive.infolist(), key=lambda member: member.header_offset)
        paths = DistinctPaths(_shown_name(member) for member in members)
        for member in members:
            name = _shown_name(member)
            slashed = name.replace("\\", "/")
            odd.remember(name, slashed, member, is_second=name in seen)
            seen.add(name)
            if not name:
                continue  # "./" is the root
            is_deep = slashed.count("/") > _MAX_DEPTH
            if not is_deep:
                self._folders.update(dict.fromkeys(above(slashed)))
            if slashed.endswith("/") and not member.file_size:
                continue
            kind, why = (NodeKind.UNREADABLE, "it lies too deep") if is_deep else self._kind(member)
            size = 0 if kind is NodeKind.LINK else member.file_size
            also = () if slashed == name else (slashed,)
            stored = _stored_name(member)
            node = paths.shown(Node(name, size, kind, why, also, "" if stored == name else stored))
            if kind is NodeKind.FILE:
                self._members[node.path] = node, member
            yield node

    def _kind(self, member: zipfile.ZipInfo) -> tuple[NodeKind, str]:
        mode = member.external_attr >> 16
        if stat.S_ISLNK(mode):
            return NodeKind.LINK, ""
        if stat.S_ISCHR(mode) or stat.S_ISBLK(mode) or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
            return NodeKind.SPECIAL, ""
        why = _not_unpacked(member)
        if why:
            return NodeKind.PACKED, why
        why = self._fault(member)
        if not why:
            self._end = member.header_offset + _HEADER_BYTES + member.compress_size
        return NodeKind.UNREADABLE if why else NodeKind.FILE, why

    def _is_too_much(self, member: zipfile.ZipInfo) -> bool:
        """Return True when a member claims much from few bytes, with all such members before it."""
        if member.file_size <= max(member.compress_size, 1) * REAL_RATIO:
            return False
        self._claimed += member.file_size
        return self._claimed > MAX_CLAIMED_BYTES

    def _fault(self, member: zipfile.ZipInfo) -> str:
        if not 0 <= member.header_offset <= self._size - _HEADER_BYTES - member.compress_size:
            return "it lies outside the archive"
        if member.header_offset < self._end:
            return "it shares its bytes with another member"
        if self._is_too_much(member):
            return (
                f"it claims {member.file_size} bytes from {member.compress_size}; what is compressed more "
                f"than {REAL_RATIO}:1 is unpacked up to {MAX_CLAIMED_BYTES} bytes in all"
            )
        return ""


@dataclass(slots=True)
class _Odd:
    """What is met in an archive, the first few of each kind."""

    methods: dict[str, None] = field(default_factory=dict)
    encrypted: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    rooted: list[str] = field(default_factory=list)

    def remember(self, name: str, slashed: str, member: zipfile.ZipInfo, *, is_second: bool) -> None:
        """Note what is odd with a member. `slashed` is its name with "/" for backslashes."""
        if not slashed.endswith("/") and len(self.methods) < MAX_EXAMPLES:
            self.methods[_method_name(member)] = None
        is_rooted = slashed[:1] == "/" or slashed[1:2] == ":" or ".." in slashed.split("/")
        for examples, is_odd in (
            (self.encrypted, member.flag_bits & _ENCRYPTED),
            (self.doubled, is_second),
            (self.rooted, is_rooted),
        ):
            if is_odd and len(examples) < MAX_EXAMPLES:
                examples.append(name)


def _not_unpacked(member: zipfile.ZipInfo) -> str:
    """Return why a sound member cannot be unpacked here, "" when it can."""
    if member.flag_bits & _ENCRYPTED:
        return "it is encrypted"
    if member.compress_type not in _READABLE:
        return f"compression method {_method_name(member)} is not known"
    return ""


def _check_is_whole(image: Image) -> None:
    """Raise SourceError for an archive in several parts."""
    _, end = end_record(image)
    if end:
        part, first, here, in_all = struct.unpack_from("<4H", end, 4)
        if part not in {0, 0xFFFF} or first not in {0, 0xFFFF} or here != in_all:
            raise SourceError(
                "is one part of an archive in several",
                where=str(image.path),
                hint="join the parts first, for instance with 7-Zip or `zip -s 0`",
            )


def end_record(image: Readable) -> tuple[int, bytes]:
    """Return where the end record of an archive begins, and its bytes with the comment; b"" without one.

    Members stand in front of it: where these cannot be read, it can all the same.
    """
    for comment in (0, _MAX_COMMENT):
        size = min(image.size, comment + _END_BYTES)
        tail = WithoutGaps(image).read(image.size - size, size)
        at = tail.rfind(_END)
        if 0 <= at <= len(tail) - _END_BYTES:
            return image.size - size + at, tail[at:]
    return 0, b""


def _stored_name(member: zipfile.ZipInfo) -> str:
    return member.orig_filename.partition("\0")[0]  # `filename` is changed on Windows


def _shown_name(member: zipfile.ZipInfo) -> str:
    """Return the name of a member without "./" in front, as many archivers write it; "" for the root.

    What has content is a file, whatever its name is.
    """
    name = _stored_name(member)
    while name.startswith("./"):
        name = name[2:].lstrip("/")
    return name.rstrip("/") or _NO_NAME if member.file_size else name


def _method_name(member: zipfile.ZipInfo) -> str:
    return _METHOD_NAMES.get(member.compress_type, str(member.compress_type))


def above(path: str) -> Iterator[str]:
    """Yield the folders that a path lies in, outermost first; a path that ends in "/" is a folder itself."""
    at = path.find("/")
    while at > 0:
        yield path[:at]
        at = path.find("/", at + 1)


def _member(entry: Entry, order: Order) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(entry.path, moment.dos(order.when))
    member.create_system = 3  # Unix: the same on every system that writes
    member.external_attr = (stat.S_IFREG | 0o644) << 16
    member.compress_type = _METHODS[order.variant]
    member.file_size = entry.size
    return member
