"""The two seams of media formats: a `Tree` is read, a `Sink` is written. Protocols and their values only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from msgspec import Struct

from mediakit.events import Listener
from mediakit.fileset.fat_geometry import FatWishes
from mediakit.formats.readable import Extent
from mediakit.secure.checksums import SHA_256, Checksum
from mediakit.secure.facts import SealFact
from mediakit.volume import Damage, Volume


class NodeKind(StrEnum):
    """What a node of a tree is. Only a `FILE` can be opened."""

    FILE = "file"
    LINK = "link"  # symbolic link: named, never followed
    SPECIAL = "special"  # device, socket, pipe
    UNREADABLE = "unreadable"  # a file or folder that the system will not show
    SEALED = "sealed"  # encrypted, and not opened with the keys that there are; `why` says why not
    PACKED = "packed"  # sound, and packed in a way that is not undone here: encrypted, a rare compression


class OtherNames(Struct, frozen=True):
    """The paths of a file in the other trees of an ISO 9660 volume; "" where there is none that is known."""

    rock_ridge: str = ""
    joliet: str = ""


NO_OTHER_NAMES: Final = OtherNames()


class Node(Struct, frozen=True, gc=False):
    """One name on a medium. `path` has "/" between names, spelled as stored; `size` is in bytes.

    No two nodes of a tree have one path: the first of several files of one name keeps it, the others are
    shown under another one, and `stored` then has the name on the medium. It is "" where `path` is that name.
    `why` says why an `UNREADABLE` node is so. `also` are other paths under which the medium shows the same
    file (Joliet, Rock Ridge, long names of FAT), each only when it differs from `path`; `other` says which of
    them stands in which tree of ISO 9660. `seal` is the envelope that it was taken out of.
    """

    path: str
    size: int = 0
    kind: NodeKind = NodeKind.FILE
    why: str = ""
    also: tuple[str, ...] = ()
    stored: str = ""
    seal: SealFact | None = None
    other: OtherNames = NO_OTHER_NAMES


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeFacts:
    """What a medium says of itself: format (a key of `registry.TREES`), label, damage.

    `damage` names what could not be read and may hide files; it is complete when the tree is open. What turns
    out to be unreadable later (a folder below a folder) is an `UNREADABLE` node. `volumes` has the facts of
    every file system that was read, and `volume` those of the one that counts; folders and single files have
    none.
    """

    format: str
    label: str = ""
    size_bytes: int = 0
    damage: tuple[Damage, ...] = ()
    volume: Volume | None = None
    volumes: tuple[Volume, ...] = ()


class Tree(Protocol):
    """A medium, opened for reading. Follows no link and cannot leave the medium."""

    facts: TreeFacts

    def walk(self) -> Iterator[Node]:
        """Yield every name below the root once, files in physical order where the format has one."""
        ...

    def folders(self) -> Iterator[str]:
        """Yield the path of every folder below the root once, also of empty ones."""
        ...

    def open(self, node: Node) -> BinaryIO:
        """Open a file for reading, seekable. Raises SourceError."""
        ...

    def find(self, path: str) -> Node | None:
        """Return the file stored under exactly this path ("/" between components), or None."""
        ...

    def extents(self, node: Node) -> Sequence[Extent]:
        """Return where the bytes of a file lie in the image, in their order; a folder does not know.

        Of an archive it is where the member lies, header and all. Raises SourceError.
        """
        ...

    def close(self) -> None:
        """Release the medium."""
        ...


class Entry(Struct, frozen=True, gc=False):
    """One file to be written: its path on the medium ("/" between components), size in bytes, and bytes.

    `open` gives a fresh stream at its start; it must give exactly `size` bytes. Where `from_hashes` is given,
    the content is made when all entries before this one are written, from their SHA-256 (hex, by path), and
    `open` is not used. `other` are the names that a file of an ISO 9660 medium keeps in the other trees; then
    `path` is the one in the primary tree.
    """

    path: str
    size: int
    open: Callable[[], BinaryIO]
    from_hashes: Callable[[Mapping[str, str]], bytes] | None = None
    other: OtherNames | None = None

    def __repr__(self) -> str:
        return f"Entry(path={self.path!r}, size={self.size})"  # what opens it may hold its bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a sink wrote: the target, its size in bytes, the checksum (hex) of every entry as read, by path.

    `sums` are taken while streaming; they are empty when there was no `checksum` to take.
    """

    target: Path
    size_bytes: int
    sums: Mapping[str, str] = field(default_factory=dict, repr=False)
    checksum: Checksum | None = SHA_256

    @property
    def sha256(self) -> Mapping[str, str]:
        """Return the SHA-256 (hex) of every entry, by path; empty when it was not taken."""
        return self.sums if self.checksum is SHA_256 else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """How to write: the volume label (File-set ID or ""), the time stamp, and the checksum to take, if any.

    `variant` is the name of the media format ("iso9660", "udf-2.60"). `fat` says what a FAT volume has to be.
    With `joliet` ISO 9660 has a second tree, and the names in it may be others than those of Level 1: then
    it has Rock Ridge too. With `rock_ridge` it has that in any case. Other formats know nothing of either.
    """

    label: str
    when: datetime
    checksum: Checksum | None = SHA_256
    variant: str = ""
    overwrite: bool = False
    fat: FatWishes | None = None
    joliet: bool = False
    rock_ridge: bool = False


class Sink(Protocol):
    """A media format, to be written once. What it declares decides where it is used.

    `suffixes` are those of targets that ask for it (".iso"); a sink with `is_folder` takes the targets that
    have none of these. `file_systems` are the names of PS3.12 that it makes ("ISO 9660 Level 1"; none: it
    suits every medium). `max_file_bytes` is the largest file that it can hold (None: no limit).
    """

    suffixes: tuple[str, ...]
    file_systems: tuple[str, ...]
    max_file_bytes: int | None
    is_folder: bool

    def check(self, entries: Sequence[Entry], order: Order) -> int:
        """Raise what `write` raises before its first byte; return the bytes it will take (0: not known)."""
        ...

    def write(self, entries: Sequence[Entry], part: Path, order: Order, tell: Listener) -> Receipt:
        """Write the entries in their order to `part`, an empty file (an empty folder with `is_folder`).

        What is written is synced. Tells `Advanced(bytes)` while it goes. Raises IntegrityError when an entry
        gives other than its size, DoesNotFit when the format cannot hold it, SourceError when an entry cannot
        be read, OSError when it cannot be written. `registry.write_medium` gives it its name, or removes it.
        """
        ...
