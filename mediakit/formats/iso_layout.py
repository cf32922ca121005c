"""The structure of an ISO 9660 Level 1 volume: from entries to the bytes before the first file. Pure.

Descriptors, path tables and folders come first, the folders in the order of the path table; the files follow
in the order of the entries. A second tree by Joliet may stand behind the first one, with the same names and
the same files, for systems that show names without it in lower case. The same entries give the same bytes.
Source: ECMA-119; PS3.12 Annex F; Joliet Specification (1995).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

from mediakit.errors import DoesNotFit
from mediakit.formats import moment
from mediakit.formats.base import Entry
from mediakit.formats.iso_records import FIRST_DESCRIPTOR, SECTOR

_MAX_BLOCKS = 0xFFFFFFFF
_FOLDER = 0x02  # the flag of a directory (9.1.6)
_SELF, _PARENT = b"\0", b"\1"
_NOT_SPECIFIED = b"0" * 16 + b"\0"  # a date that is not given (8.4.26.1)
_ONE = b"\1\0\0\1"  # the number 1 in both orders of 16 bits (7.2.3)


@dataclass(frozen=True, slots=True, kw_only=True)
class IsoLayout:
    """Where everything lies, in sectors of 2,048 bytes.

    `structure` are the bytes before the first file, from the beginning of the session; `blocks` has the first
    sector of each entry, in their order; `end` is the sector behind the last one.
    """

    structure: bytes
    blocks: Sequence[int]
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """Where a session begins, and the blocks of the files that earlier sessions hold, by path."""

    sector: int = 0
    placed: Mapping[str, int] = field(default_factory=dict)


_WHOLE = Base()


class _Form(NamedTuple):
    """What tells one tree from the other: how names are recorded, and how the volume is described."""

    encoding: str
    dot: str  # what stands behind a file name without an extension
    begins: bytes  # the descriptor up to the system identifier
    escape: bytes  # the sequence that names the character set (ECMA-119 8.5.6)
    label_characters: int

    def recorded(self, name: str, *, is_file: bool) -> bytes:
        """Return the identifier of a file or a folder."""
        version = (";1" if "." in name else f"{self.dot};1") if is_file else ""
        return f"{name}{version}".encode(self.encoding)

    def text(self, text: str, size: int) -> bytes:
        """Return a text field of a descriptor, filled up with spaces; a byte left over is zero."""
        space = " ".encode(self.encoding)
        characters = text.encode(self.encoding)
        return (characters + space * ((size - len(characters)) // len(space))).ljust(size, b"\0")


_LEVEL_1 = _Form("ascii", ".", b"\1CD001\1\0", b"", 32)
_JOLIET = _Form("utf-16-be", "", b"\2CD001\1\0", b"%/E", 16)


class _Child(NamedTuple):
    """A name in a folder. `order` is what it is sorted by; `entry` numbers that of a file (-1: a folder)."""

    order: str
    name: str
    identifier: bytes
    entry: int


@dataclass(slots=True)
class _Folder:
    """A folder: its number in the path table and that of its parent (from 1), and its place."""

    path: str
    number: int
    parent: int
    identifier: bytes  # in the path table (9.4.5)
    children: list[_Child]
    block: int = 0
    size: int = 0  # in bytes, whole sectors


class _Tree:
    """The folders of one tree and their path tables, as they will be recorded."""

    def __init__(self, form: _Form, entries: Sequence[Entry], folders: Sequence[str]) -> None:
        self.form = form
        self.table = _in_order(_children(entries, folders, form))
        self.table_bytes = sum(map(len, _path_table(self.table, "little")))
        self.table_blocks = -(-self.table_bytes // (2 * SECTOR)) * 2
        self.begins = 0

    def place(self, block: int) -> int:
        """Place the path tables and the folders from a block on; return the block behind them."""
        self.begins = block
        block += 2 * self.table_blocks
        for folder in self.table:
            folder.block, folder.size = block, _size_of(folder.children)
            block += folder.size // SECTOR
        return block

    def write(
        self, structure: bytearray, first: int, date: bytes, files: tuple[Sequence[Entry], Sequence[int]]
    ) -> None:
        """Write them into the structure of a session that begins at a sector."""
        by_path = {folder.path: folder for folder in self.table}
        for folder in self.table:
            at = folder.block - first
            _place(structure, at, _self_and_parent(folder, self.table, date))
            _write_children((structure, at), folder, by_path, date, files)
        at = self.begins - first
        _place(structure, at, b"".join(_path_table(self.table, "little")))
        _place(structure, at + self.table_blocks, b"".join(_path_table(self.table, "big")))

    def descriptor(self, label: str, when: datetime, end: int, date: bytes) -> bytes:
        """Return the volume descriptor of the tree, of a volume that ends at a block."""
        root = _record(_SELF, self.table[0].block, self.table[0].size, date, _FOLDER)
        tables = _both(self.table_bytes) + _tables_at(self.begins, self.table_blocks)
        return _descriptor(self.form, (label, when), _both(end), tables, root)


def lay_out(
    entries: Sequence[Entry],
    folders: Sequence[str],
    label: str,
    when: datetime,
    base: Base = _WHOLE,
    *,
    joliet: bool = False,
) -> IsoLayout:
    """Lay out a volume. Names, sizes and label must be those of Level 1; `folders` come parents first.

    With `joliet` there is a second tree with the same names. With a `base` it is a further session: its
    structure begins at that sector, blocks are counted from the beginning of the disc (PS3.12 F.2), and the
    files of earlier sessions stay where they are.

    Raises DoesNotFit when the content is larger than a volume can be, UsageError for a year that no date of
    ISO 9660 has.
    """
    trees = [_Tree(form, entries, folders) for form in ((_LEVEL_1, _JOLIET) if joliet else (_LEVEL_1,))]
    terminator = FIRST_DESCRIPTOR + len(trees)
    block = base.sector + terminator + 2  # an empty sector stands behind the terminator
    for tree in trees:
        block = tree.place(block)
    structure = bytearray((block - base.sector) * SECTOR)
    blocks = array("Q")
    for entry in entries:
        known = base.placed.get(entry.path)
        blocks.append(block if known is None else known)
        block += -(-entry.size // SECTOR) if known is None else 0
    if block > _MAX_BLOCKS:
        raise DoesNotFit("the content is larger than an ISO 9660 volume can be")
    date = moment.iso_record(when)
    for at, tree in enumerate(trees, FIRST_DESCRIPTOR):
        tree.write(structure, base.sector, date, (entries, blocks))
        _place(structure, at, tree.descriptor(label, when, block, date))
    _place(structure, terminator, b"\xffCD001\1")
    return IsoLayout(structure=bytes(structure), blocks=blocks, end=block)


def _children(entries: Sequence[Entry], folders: Iterable[str], form: _Form) -> dict[str, list[_Child]]:
    """Return what stands in each folder, the root ("") too, in the order of ECMA-119 9.3."""
    children: dict[str, list[_Child]] = {"": []}
    for path in folders:
        children[path] = []
        parent, _, name = path.rpartition("/")
        children[parent].append(_Child(_order(name), name, form.recorded(name, is_file=False), -1))
    for index, entry in enumerate(entries):
        parent, _, name = entry.path.rpartition("/")
        children[parent].append(_Child(_order(name), name, form.recorded(name, is_file=True), index))
    for each in children.values():
        each.sort()
    return children


def _order(name: str) -> str:
    """Return a name and an extension filled up with spaces, which come before all that is allowed there.

    Joliet fills up with zeros, which puts the same names into the same order.
    """
    stem, _, extension = name.partition(".")
    return f"{stem:8}{extension:3}"


def _in_order(children: dict[str, list[_Child]]) -> list[_Folder]:
    """Return the folders by level, then by the number of the parent, then by name (ECMA-119 6.9.1)."""
    table = [_Folder("", 1, 1, _SELF, children[""])]
    for folder in table:  # grows while it is walked
        prefix = f"{folder.path}/" if folder.path else ""
        for child in folder.children:
            if child.entry < 0:
                path = prefix + child.name
                number = len(table) + 1
                table.append(_Folder(path, number, folder.number, child.identifier, children[path]))
    return table


def _size_of(children: Iterable[_Child]) -> int:
    """Return the bytes of a folder, in whole sectors; no record lies in two of them (ECMA-119 6.8.1.1)."""
    end = 0
    for at, length in _spread(children):
        end = at + length
    return -(-max(end, 1) // SECTOR) * SECTOR


def _spread(children: Iterable[_Child]) -> Iterator[tuple[int, int]]:
    """Yield the offset in the folder and the length of the record of each child."""
    at = 2 * _length(_SELF)
    for child in children:
        length = _length(child.identifier)
        if at % SECTOR + length > SECTOR:
            at += SECTOR - at % SECTOR
        yield at, length
        at += length


def _length(identifier: bytes) -> int:
    return 33 + len(identifier) + (len(identifier) + 1) % 2


def _self_and_parent(folder: _Folder, table: Sequence[_Folder], date: bytes) -> bytes:
    parent = table[folder.parent - 1]
    return _record(_SELF, folder.block, folder.size, date, _FOLDER) + _record(
        _PARENT, parent.block, parent.size, date, _FOLDER
    )


def _write_children(
    place: tuple[bytearray, int],
    folder: _Folder,
    by_path: dict[str, _Folder],
    date: bytes,
    files: tuple[Sequence[Entry], Sequence[int]],
) -> None:
    """Write the records of a folder, at a sector of the structure.

    `files` are the entries and their blocks; an empty one has no extent.
    """
    entries, blocks = files
    structure, at_sector = place
    start = at_sector * SECTOR
    prefix = f"{folder.path}/" if folder.path else ""
    for child, (at, length) in zip(folder.children, _spread(folder.children), strict=True):
        if child.entry < 0:
            below = by_path[prefix + child.name]
            record = _record(child.identifier, below.block, below.size, date, _FOLDER)
        else:
            size = entries[child.entry].size
            record = _record(child.identifier, blocks[child.entry] if size else 0, size, date, 0)
        structure[start + at : start + at + length] = record


def _record(identifier: bytes, block: int, size: int, date: bytes, flags: int) -> bytes:
    """Return a directory record (ECMA-119 9.1)."""
    length = _length(identifier)
    return b"".join(
        (
            bytes((length, 0)),
            _both(block),
            _both(size),
            date,
            bytes((flags, 0, 0)),
            _ONE,
            bytes((len(identifier),)),
            identifier,
            bytes(length - 33 - len(identifier)),
        )
    )


def _path_table(table: Iterable[_Folder], byteorder: Literal["little", "big"]) -> Iterator[bytes]:
    """Yield the records of a path table (ECMA-119 9.4), type L in little endian, type M in big endian."""
    for folder in table:
        name = folder.identifier
        yield bytes((len(name), 0)) + folder.block.to_bytes(4, byteorder)
        yield folder.parent.to_bytes(2, byteorder) + name + bytes(len(name) % 2)


def _tables_at(first: int, table_blocks: int) -> bytes:
    """Return the places of both path tables, without the optional ones (ECMA-119 8.4.14 to 8.4.17)."""
    second = first + table_blocks
    return first.to_bytes(4, "little") + bytes(4) + second.to_bytes(4, "big") + bytes(4)


def _descriptor(form: _Form, named: tuple[str, datetime], blocks: bytes, tables: bytes, root: bytes) -> bytes:
    """Return the primary volume descriptor (ECMA-119 8.4), or the supplementary one of Joliet (8.5)."""
    label, when = named
    date = moment.iso_volume(when)
    return b"".join(
        (
            form.begins,
            form.text("", 32),  # system identifier
            form.text(label[: form.label_characters], 32),
            bytes(8),
            blocks,
            form.escape.ljust(32, b"\0"),
            _ONE,  # volumes in the set
            _ONE,  # the number of this one
            b"\0\x08\x08\0",  # bytes of a block
            tables,
            root,
            form.text("", 128) * 3,  # volume set, publisher, data preparer
            form.text("MEDIAKIT", 128),
            form.text("", 37) * 3,  # copyright, abstract and bibliographic files
            date,  # creation
            date,  # modification
            _NOT_SPECIFIED,  # expiration
            date,  # effective
            b"\1\0",
            form.text("", 512),
        )
    )


def _both(number: int) -> bytes:
    """Return a number of 32 bits in both orders (ECMA-119 7.3.3)."""
    return number.to_bytes(4, "little") + number.to_bytes(4, "big")


def _place(structure: bytearray, block: int, content: bytes) -> None:
    structure[block * SECTOR : block * SECTOR + len(content)] = content
