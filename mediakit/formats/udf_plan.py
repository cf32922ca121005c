"""Laying out a UDF volume: which block everything gets. Pure.

A partition has the structure (the file set, folders and entries of files), then the files in their order.
With a metadata partition, as UDF 2.50 and later ask for, the structure is that partition and counts blocks of
its own. Source: OSTA UDF 2.60 2.2.10; ECMA-167 4/14.4.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from msgspec import Struct

from mediakit.errors import DoesNotFit
from mediakit.findings import printable
from mediakit.formats.base import Entry, Order
from mediakit.formats.udf_tags import (
    BLOCK,
    IS_DIRECTORY,
    IS_PARENT,
    MAX_EXTENT_BYTES,
    Tag,
    encode_name,
    long_ad,
    tagged,
)

PHYSICAL, METADATA = 0, 1  # numbers of the partition maps
SEQUENCE_BLOCKS = 16
FIRST_UNIQUE = 16
_FILE_SET_BLOCKS = 2  # the file set and its end; the root folder comes behind
_MAX_NAME_BYTES = 255
_MAX_LABEL_BYTES = 30
_MAX_FILE_EXTENTS = (BLOCK - 216) // 16
_MAX_BLOCKS = 0xFFFFFFFF
_BITMAP_HEAD_BYTES = 24
_METADATA_SINCE, _ECMA_167_3_SINCE = 0x0250, 0x0200


class Form(Struct, frozen=True, kw_only=True):
    """What differs between revisions of UDF, and between media.

    `revision` is a number of BCD digits (0x0150 is 1.50), `reads` the least one that reads the volume. The
    medium corrects errors in `unit` blocks: what belongs together begins at a multiple of it. `overwrites`:
    the partition can be written to again, and has a bitmap of its free space.
    """

    revision: int
    reads: int
    unit: int = 16
    overwrites: bool = False

    @property
    def has_metadata(self) -> bool:
        """Return True when the structure has a partition of its own (UDF 2.50 2.2.10)."""
        return self.revision >= _METADATA_SINCE

    @property
    def map_number(self) -> int:
        """Return the number of the partition map that the structure's addresses are in."""
        return METADATA if self.has_metadata else PHYSICAL

    @property
    def edition(self) -> int:
        """Return the edition of ECMA-167 that the descriptors follow: 2 or 3."""
        return 3 if self.revision >= _ECMA_167_3_SINCE else 2

    @property
    def partition_at(self) -> int:
        """Return the block of the image at which the partition begins, behind the anchor at 256."""
        return 256 + self.unit


class Folder(Struct, frozen=True, kw_only=True):
    """A folder laid out. `at` is the block of its entry; its names follow in `blocks` blocks."""

    at: int
    parent_at: int
    names: bytes
    unique: int
    folders: int

    @property
    def blocks(self) -> int:
        """Return how many blocks its names take."""
        return blocks_of(len(self.names))


class Plan(Struct, frozen=True, kw_only=True):
    """Where everything lies. Blocks count from the start of the image where the name says `in_image`.

    The structure begins at `structure_at` of the partition; its own blocks, those of `folders` too, count
    from there when it is a metadata partition, and from the partition when not. `file_set_at` is the first.
    """

    order: Order
    form: Form
    label: str
    folders: tuple[Folder, ...]
    entries: Sequence[Entry]
    structure_at: int
    structure_blocks: int
    file_set_at: int
    data_at: int
    data_end: int

    @property
    def bitmap_blocks(self) -> int:
        """Return how many blocks the bitmap of free space has, at the start of the partition."""
        return _bitmap_blocks(self.data_end) if self.form.overwrites else 0

    @property
    def mirror_at(self) -> int:
        """Return where the entry of the metadata mirror file lies, behind the files."""
        return self.data_end

    @property
    def partition_blocks(self) -> int:
        """Return the size of the physical partition."""
        return self.data_end + self.form.has_metadata

    @property
    def reserve_in_image(self) -> int:
        """Return where the second volume descriptor sequence begins, far from the first."""
        return self.form.partition_at + self.partition_blocks

    @property
    def end_in_image(self) -> int:
        """Return the number of blocks of the image; the last one is the second anchor."""
        return self.reserve_in_image + SEQUENCE_BLOCKS + 1


def blocks_of(size: int) -> int:
    """Return how many blocks hold `size` bytes."""
    return -(-size // BLOCK)


def _bitmap_blocks(blocks: int) -> int:
    return blocks_of(_BITMAP_HEAD_BYTES + -(-blocks // 8))


def lay_out(entries: Sequence[Entry], folders: Sequence[str], order: Order, form: Form) -> Plan:
    """Return the plan of a volume. Raises DoesNotFit."""
    label = order.label or "DICOM"  # a logical volume must have a name
    try:
        if len(encode_name(label)) > _MAX_LABEL_BYTES:
            raise DoesNotFit(
                "the label is too long for UDF", why=f"at most {_MAX_LABEL_BYTES - 1} characters"
            )
    except UnicodeError as exc:
        raise DoesNotFit("the label is not text") from exc
    data_blocks = sum(blocks_of(entry.size) for entry in entries)
    structure_at, file_set_at = _structure_at(form, len(entries) + len(folders), data_blocks)
    laid, files_at = _lay_folders(entries, folders, form, file_set_at + _FILE_SET_BLOCKS)
    used = files_at - file_set_at + len(entries)
    data_at = -(-(structure_at + used) // form.unit) * form.unit
    for entry in entries:
        if entry.size > _MAX_FILE_EXTENTS * MAX_EXTENT_BYTES:
            raise DoesNotFit("is too large for UDF", where=printable(entry.path), why=f"{entry.size} bytes")
    if data_at + data_blocks > _MAX_BLOCKS - 1024:
        raise DoesNotFit("the content is larger than a UDF volume can be")
    return Plan(
        order=order,
        form=form,
        label=label,
        folders=laid,
        entries=entries,
        structure_at=structure_at,
        structure_blocks=data_at - structure_at,
        file_set_at=file_set_at,
        data_at=data_at,
        data_end=data_at + data_blocks,
    )


def _structure_at(form: Form, nodes: int, data_blocks: int) -> tuple[int, int]:
    """Return where the structure begins in the partition, and what its first block is called."""
    if form.has_metadata:
        return form.unit, 0  # the metadata file's own entry stands before it
    if not form.overwrites:
        return 0, 0
    most = data_blocks + 4 * nodes + 1024  # an entry and its name take less than two blocks
    at = -(-_bitmap_blocks(most) // form.unit) * form.unit
    return at, at


def _lay_folders(
    entries: Sequence[Entry], folders: Sequence[str], form: Form, root_at: int
) -> tuple[tuple[Folder, ...], int]:
    """Return the folders, the root first, and the block behind them, where the entries of the files begin."""
    namer = _Namer(form=form, folders=folders)
    children: dict[str, list[tuple[str, int]]] = {folder: [] for folder in ("", *folders)}
    for number, folder in enumerate(folders):
        children[folder.rpartition("/")[0]].append((folder, number))
    for number, entry in enumerate(entries):
        children[entry.path.rpartition("/")[0]].append((entry.path, -1 - number))
    sizes = {folder: _names_size(found) for folder, found in children.items()}
    at: dict[str, int] = {}
    block = root_at
    for folder, size in sizes.items():
        at[folder] = block
        block += 1 + blocks_of(size)
    laid = []
    for unique, (folder, found) in enumerate(children.items(), FIRST_UNIQUE - 1):
        parent_at = at[folder.rpartition("/")[0]]
        names = namer.names(found, at, files_at=block, own=(at[folder] + 1, parent_at))
        laid.append(
            Folder(
                at=at[folder],
                parent_at=parent_at,
                names=names,
                unique=unique if folder else 0,
                folders=sum(number >= 0 for _, number in found),
            )
        )
    return tuple(laid), block


def _names_size(found: Sequence[tuple[str, int]]) -> int:
    return 40 + sum(-(-(38 + len(_stored_name(path))) // 4) * 4 for path, _ in found)


def _stored_name(path: str) -> bytes:
    name = path.rpartition("/")[2]
    try:
        stored = encode_name(name)
    except UnicodeError as exc:
        raise DoesNotFit("the name is not text that UDF can hold", where=printable(path)) from exc
    if len(stored) > _MAX_NAME_BYTES:
        raise DoesNotFit("the name is too long for UDF", where=printable(path))
    return stored


class _Namer(Struct, frozen=True, kw_only=True):
    """Makes the file identifier descriptors of folders."""

    form: Form
    folders: Sequence[str]

    def names(
        self, found: Sequence[tuple[str, int]], at: dict[str, int], *, files_at: int, own: tuple[int, int]
    ) -> bytes:
        """Return those of one folder, its parent's first. `own` are the blocks of them and of the parent."""
        here, parent_at = own
        held = bytearray(self._identifier(here, IS_DIRECTORY | IS_PARENT, b"", self._address(parent_at, 0)))
        for path, number in found:
            name = _stored_name(path)
            where = here + len(held) // BLOCK
            if number >= 0:
                icb = self._address(at[path], FIRST_UNIQUE + number)
                held += self._identifier(where, IS_DIRECTORY, name, icb)
            else:
                file = -1 - number
                icb = self._address(files_at + file, FIRST_UNIQUE + len(self.folders) + file)
                held += self._identifier(where, 0, name, icb)
        return bytes(held)

    def _address(self, block: int, unique: int) -> bytes:
        """Return the address of an entry; it has the unique number since UDF 2.00 (2.3.4.3)."""
        return long_ad(BLOCK, block, self.form.map_number, unique if self.form.edition > 2 else 0)

    def _identifier(self, at: int, kind: int, name: bytes, icb: bytes) -> bytes:
        body = struct.pack("<HBB16sH", 1, kind, len(name), icb, 0) + name
        body = body.ljust(-(-(16 + len(body)) // 4) * 4 - 16, b"\0")
        return tagged(Tag.FILE_IDENTIFIER, at, body, self.form.edition)
