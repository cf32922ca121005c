"""Laying out a UDF volume: which block everything gets. Pure.

Source: OSTA UDF 2.60 2.2.10; ECMA-167 4/14.4.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from mediakit.errors import DoesNotFit
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
PARTITION_AT = 288  # in the image: a multiple of the unit of 32 blocks in which BD corrects errors
UNIT = 32
METADATA_AT = UNIT  # in the partition; the metadata file's own entry stands at its start
SEQUENCE_BLOCKS = 16
FIRST_UNIQUE = 16
ROOT_AT = 2  # in the metadata partition, behind the file set and its end
_MAX_NAME_BYTES = 255
_MAX_LABEL_BYTES = 30
_MAX_FILE_EXTENTS = (BLOCK - 216) // 16
_MAX_BLOCKS = 0xFFFFFFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Where everything lies. Blocks count from the start of the image where the name says `in_image`."""

    order: Order
    revision: int
    label: str
    folders: tuple[Folder, ...]
    entries: Sequence[Entry]
    metadata_blocks: int
    data_at: int
    mirror_at: int

    @property
    def partition_blocks(self) -> int:
        """Return the size of the physical partition."""
        return self.mirror_at + 1

    @property
    def reserve_in_image(self) -> int:
        """Return where the second volume descriptor sequence begins, far from the first."""
        return PARTITION_AT + self.partition_blocks

    @property
    def end_in_image(self) -> int:
        """Return the number of blocks of the image; the last one is the second anchor."""
        return self.reserve_in_image + SEQUENCE_BLOCKS + 1


def blocks_of(size: int) -> int:
    """Return how many blocks hold `size` bytes."""
    return -(-size // BLOCK)


def lay_out(entries: Sequence[Entry], folders: Sequence[str], order: Order, revision: int) -> Plan:
    """Return the plan of a volume. Raises DoesNotFit."""
    label = order.label or "DICOM"  # a logical volume must have a name
    try:
        if len(encode_name(label)) > _MAX_LABEL_BYTES:
            raise DoesNotFit(
                "the label is too long for UDF", why=f"at most {_MAX_LABEL_BYTES - 1} characters"
            )
    except UnicodeError as exc:
        raise DoesNotFit("the label is not text") from exc
    laid, files_at = _lay_folders(entries, folders)
    used = files_at + len(entries)
    metadata_blocks = -(-used // UNIT) * UNIT
    data_at = METADATA_AT + metadata_blocks
    for entry in entries:
        if entry.size > _MAX_FILE_EXTENTS * MAX_EXTENT_BYTES:
            raise DoesNotFit("is too large for UDF", where=ascii(entry.path), why=f"{entry.size} bytes")
    mirror_at = data_at + sum(blocks_of(entry.size) for entry in entries)
    if mirror_at > _MAX_BLOCKS - 1024:
        raise DoesNotFit("the content is larger than a UDF volume can be")
    return Plan(
        order=order,
        revision=revision,
        label=label,
        folders=laid,
        entries=entries,
        metadata_blocks=metadata_blocks,
        data_at=data_at,
        mirror_at=mirror_at,
    )


def _lay_folders(entries: Sequence[Entry], folders: Sequence[str]) -> tuple[tuple[Folder, ...], int]:
    """Return the folders, the root first, and the block behind them, where the entries of the files begin."""
    children: dict[str, list[tuple[str, int]]] = {folder: [] for folder in ("", *folders)}
    for number, folder in enumerate(folders):
        children[folder.rpartition("/")[0]].append((folder, number))
    for number, entry in enumerate(entries):
        children[entry.path.rpartition("/")[0]].append((entry.path, -1 - number))
    sizes = {folder: _names_size(found) for folder, found in children.items()}
    at: dict[str, int] = {}
    block = ROOT_AT
    for folder, size in sizes.items():
        at[folder] = block
        block += 1 + blocks_of(size)
    laid = []
    for unique, (folder, found) in enumerate(children.items(), FIRST_UNIQUE - 1):
        parent_at = at[folder.rpartition("/")[0]]
        names = _names(found, folders, at, files_at=block, own=(at[folder] + 1, parent_at))
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
        raise DoesNotFit("the name is not text that UDF can hold", where=ascii(path)) from exc
    if len(stored) > _MAX_NAME_BYTES:
        raise DoesNotFit("the name is too long for UDF", where=ascii(path))
    return stored


def _names(
    found: Sequence[tuple[str, int]],
    folders: Sequence[str],
    at: dict[str, int],
    *,
    files_at: int,
    own: tuple[int, int],
) -> bytes:
    """Return the file identifier descriptors of one folder, its parent's first."""
    here, parent_at = own
    held = bytearray(_identifier(here, IS_DIRECTORY | IS_PARENT, b"", long_ad(BLOCK, parent_at, METADATA)))
    for path, number in found:
        name = _stored_name(path)
        where = here + len(held) // BLOCK
        if number >= 0:
            icb = long_ad(BLOCK, at[path], METADATA, FIRST_UNIQUE + number)
            held += _identifier(where, IS_DIRECTORY, name, icb)
        else:
            file = -1 - number
            icb = long_ad(BLOCK, files_at + file, METADATA, FIRST_UNIQUE + len(folders) + file)
            held += _identifier(where, 0, name, icb)
    return bytes(held)


def _identifier(at: int, kind: int, name: bytes, icb: bytes) -> bytes:
    body = struct.pack("<HBB16sH", 1, kind, len(name), icb, 0) + name
    return tagged(Tag.FILE_IDENTIFIER, at, body.ljust(-(-(16 + len(body)) // 4) * 4 - 16, b"\0"))
