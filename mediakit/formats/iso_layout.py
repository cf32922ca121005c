"""The structure of an ISO 9660 Level 1 volume: from entries to the bytes before the first file. Pure.

Descriptors, path tables and folders come first, the folders in the order of the path table; the files follow
in the order of the entries. A second tree by Joliet may stand behind the first one, with the same files, and
Rock Ridge in the records of the first one (see `iso_naming`). The same entries give the same bytes.
Source: ECMA-119; PS3.12 Annex F; Joliet Specification (1995); SUSP and RRIP 1.10.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from struct import Struct as Packing
from typing import Literal, NamedTuple

from msgspec import Struct, field, structs

from mediakit.errors import DoesNotFit
from mediakit.formats import moment
from mediakit.formats.base import Entry
from mediakit.formats.iso_naming import Names
from mediakit.formats.iso_records import FIRST_DESCRIPTOR, SECTOR
from mediakit.formats.iso_rock_ridge import NOTHING, RockRidgeArea, SystemUse, both

_MAX_BLOCKS = 0xFFFFFFFF
_MOST_OF_RECORD = 254  # bytes: an even number that one byte holds (9.1.1)
_FOLDER = 0x02  # the flag of a directory (9.1.6)
_SELF, _PARENT = b"\0", b"\1"
_NOT_SPECIFIED = b"0" * 16 + b"\0"  # a date that is not given (8.4.26.1)
_ONE = b"\1\0\0\1"  # the number 1 in both orders of 16 bits (7.2.3)
# Length, block and size in both orders, date, flags, volume and length of the identifier (9.1.1 to 9.1.10).
_RECORD = Packing("<BBI4sI4s7sBBB4sB")


class IsoLayout(Struct, frozen=True, kw_only=True):
    """Where everything lies, in sectors of 2,048 bytes.

    `structure` are the bytes before the first file, from the beginning of the session; `blocks` has the first
    sector of each entry, in their order; `end` is the sector behind the last one.
    """

    structure: bytes
    blocks: Sequence[int]
    end: int


class Base(Struct, frozen=True, kw_only=True):
    """Where a session begins, and the blocks of the files that earlier sessions hold, by path."""

    sector: int = 0
    placed: Mapping[str, int] = field(default_factory=dict)


WHOLE = Base()


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

    def order(self, name: str, *, is_file: bool) -> str:
        """Return what a name is sorted by: the stem, then the extension (ECMA-119 9.3).

        A shorter one is filled up with spaces, by Joliet with zeros, which come before all that is allowed.
        """
        if self is _LEVEL_1:
            stem, _, extension = name.partition(".")
            return f"{stem:8}{extension:3}"
        stem, dot, extension = name.rpartition(".") if is_file else (name, "", "")
        return f"{stem}\0{extension}" if dot else f"{name}\0"

    def text(self, text: str, size: int) -> bytes:
        """Return a text field of a descriptor, filled up with spaces; a byte left over is zero."""
        space = " ".encode(self.encoding)
        characters = text.encode(self.encoding)
        return (characters + space * ((size - len(characters)) // len(space))).ljust(size, b"\0")


_LEVEL_1 = _Form("ascii", ".", b"\1CD001\1\0", b"", 32)
_JOLIET = _Form("utf-16-be", "", b"\2CD001\1\0", b"%/E", 16)


class _Child(Struct, frozen=True, order=True, gc=False):
    """A name in a folder. `order` is what it is sorted by; `entry` numbers that of a file (-1: a folder)."""

    order: str
    name: str
    identifier: bytes
    entry: int
    use: SystemUse = NOTHING


class _Folder(Struct):
    """A folder: its number in the path table and that of its parent (from 1), and its place."""

    path: str
    number: int
    parent: int
    identifier: bytes  # in the path table (9.4.5)
    children: list[_Child]
    block: int = 0
    size: int = 0  # in bytes, whole sectors
    use: tuple[SystemUse, SystemUse] = (NOTHING, NOTHING)  # of the records of itself and of its parent
    offsets: list[int] = field(default_factory=list)  # of the records of its children, in bytes

    def spread(self) -> None:
        """Find out where the record of each child lies in the folder, and how large that is.

        No record lies in two sectors (ECMA-119 6.8.1.1).
        """
        at = sum(_length(_SELF, use.length) for use in self.use)
        for child in self.children:
            length = _length(child.identifier, child.use.length)
            if at % SECTOR + length > SECTOR:
                at += SECTOR - at % SECTOR
            self.offsets.append(at)
            at += length
        self.size = -(-max(at, 1) // SECTOR) * SECTOR


class _Tree:
    """The folders of one tree and their path tables, as they will be recorded."""

    def __init__(
        self, form: _Form, paths: Sequence[str], rock_ridge: Mapping[str, str] | None = None
    ) -> None:
        self.form = form
        self.table = _in_order(_children(paths, form))
        self.area = RockRidgeArea()
        if rock_ridge is not None:
            _add_rock_ridge(self.table, self.area, rock_ridge)
        self.table_bytes = sum(map(len, _path_table(self.table, "little")))
        self.table_blocks = -(-self.table_bytes // (2 * SECTOR)) * 2
        self.begins = 0
        self.area_begins = 0

    def place(self, block: int) -> int:
        """Place the path tables, the folders and continuations from a block on; return the block behind."""
        self.begins = block
        block += 2 * self.table_blocks
        for folder in self.table:
            folder.block = block
            folder.spread()
            block += folder.size // SECTOR
        self.area_begins = block
        return block + self.area.blocks

    def write(
        self, structure: bytearray, first: int, date: bytes, files: tuple[Sequence[Entry], Sequence[int]]
    ) -> None:
        """Write them into the structure of a session that begins at a sector.

        `files` are the entries and their blocks; an empty one has no extent.
        """
        by_path = {folder.path: folder for folder in self.table}
        for folder in self.table:
            start = (folder.block - first) * SECTOR
            own = self._self_and_parent(folder, date)
            structure[start : start + len(own)] = own
            for offset, record in zip(
                folder.offsets, self._records(folder, by_path, date, files), strict=True
            ):
                structure[start + offset : start + offset + len(record)] = record
        at = self.begins - first
        _place(structure, at, b"".join(_path_table(self.table, "little")))
        _place(structure, at + self.table_blocks, b"".join(_path_table(self.table, "big")))
        _place(structure, self.area_begins - first, self.area.content)

    def _self_and_parent(self, folder: _Folder, date: bytes) -> bytes:
        parent = self.table[folder.parent - 1]
        own, above = (use.recorded(self.area_begins) for use in folder.use)
        return _record(_SELF, (folder.block, folder.size), date, _FOLDER, own) + _record(
            _PARENT, (parent.block, parent.size), date, _FOLDER, above
        )

    def _records(
        self,
        folder: _Folder,
        by_path: dict[str, _Folder],
        date: bytes,
        files: tuple[Sequence[Entry], Sequence[int]],
    ) -> Iterator[bytes]:
        """Yield the record of each child of a folder."""
        entries, blocks = files
        prefix = f"{folder.path}/" if folder.path else ""
        for child in folder.children:
            use = child.use.recorded(self.area_begins) if child.use.fields else b""
            if child.entry < 0:
                below = by_path[prefix + child.name]
                yield _record(child.identifier, (below.block, below.size), date, _FOLDER, use)
            else:
                size = entries[child.entry].size
                place = (blocks[child.entry] if size else 0, size)
                yield _record(child.identifier, place, date, 0, use)

    def descriptor(self, label: str, when: datetime, end: int, date: bytes) -> bytes:
        """Return the volume descriptor of the tree, of a volume that ends at a block."""
        root = _record(_SELF, (self.table[0].block, self.table[0].size), date, _FOLDER)
        tables = both(self.table_bytes) + _tables_at(self.begins, self.table_blocks)
        return _descriptor(self.form, (label, when), both(end), tables, root)


def lay_out(
    entries: Sequence[Entry], names: Names, label: str, when: datetime, base: Base = WHOLE
) -> IsoLayout:
    """Lay out a volume. Primary names, sizes and label must be those of Level 1.

    With a `base` it is a further session: its structure begins at that sector, blocks are counted from the
    beginning of the disc (PS3.12 F.2), and the files of earlier sessions stay where they are.

    Raises DoesNotFit when the content is larger than a volume can be, UsageError for a year that no date of
    ISO 9660 has.
    """
    trees = [_Tree(_LEVEL_1, names.primary, names.rock_ridge)]
    if names.joliet is not None:
        trees.append(_Tree(_JOLIET, names.joliet))
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


def _children(paths: Iterable[str], form: _Form) -> dict[str, list[_Child]]:
    """Return what stands in each folder, the root ("") too, in the order of ECMA-119 9.3."""
    children: dict[str, list[_Child]] = {"": []}

    def add(path: str, entry: int) -> None:
        parent, _, name = path.rpartition("/")
        if parent not in children:
            children[parent] = []
            add(parent, -1)
        is_file = entry >= 0
        order, identifier = form.order(name, is_file=is_file), form.recorded(name, is_file=is_file)
        children[parent].append(_Child(order, name, identifier, entry))

    for number, path in enumerate(paths):
        add(path, number)
    for each in children.values():
        each.sort()
    return children


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


def _add_rock_ridge(table: Sequence[_Folder], area: RockRidgeArea, names: Mapping[str, str]) -> None:
    """Give every record of a tree what Rock Ridge says of it. `names` are those that differ, by path."""
    folders = {one.path: sum(child.entry < 0 for child in one.children) for one in table}
    for folder in table:
        prefix = f"{folder.path}/" if folder.path else ""
        own = area.of_folder(folders[folder.path]) if folder.path else area.of_root(folders[""])
        folder.use = own, area.of_folder(folders[table[folder.parent - 1].path])
        folder.children = [
            structs.replace(
                child,
                use=area.of_name(
                    names.get(path := prefix + child.name, child.name).encode(errors="surrogateescape"),
                    _MOST_OF_RECORD - _length(child.identifier),
                    None if child.entry >= 0 else folders[path],
                ),
            )
            for child in folder.children
        ]


def _length(identifier: bytes, use: int = 0) -> int:
    """Return the bytes of a record, an even number, with so many of system use (ECMA-119 9.1.12, 9.1.13)."""
    return 33 + len(identifier) + (len(identifier) + 1) % 2 + use + use % 2


def _record(identifier: bytes, place: tuple[int, int], date: bytes, flags: int, use: bytes = b"") -> bytes:
    """Return a directory record (ECMA-119 9.1). `place` is the first block and the size in bytes."""
    block, size = place
    length, count = _length(identifier, len(use)), len(identifier)
    numbers = block, block.to_bytes(4, "big"), size, size.to_bytes(4, "big")
    record = _RECORD.pack(length, 0, *numbers, date, flags, 0, 0, _ONE, count) + identifier
    if not count % 2:
        record += b"\0"
    return record + use + bytes(len(use) % 2) if use else record


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


def _place(structure: bytearray, block: int, content: bytes | bytearray) -> None:
    structure[block * SECTOR : block * SECTOR + len(content)] = content
