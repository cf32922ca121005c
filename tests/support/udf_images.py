"""UDF images as drives leave them, made from those that we write: packets moved, blocks behind a table.

Only descriptors are made anew; folders and files stay what they were, so that the content must stay too.
"""

from __future__ import annotations

import binascii
import struct
from collections.abc import Callable

from mediakit.formats.udf_tags import BLOCK, Tag, entity, tag_of, tagged

PARTITION_AT = 288  # of our images
_PACKET = 32


def with_sparing(image: bytes) -> bytes:
    """Return the image with a sparable partition: the packet with the first file data lies at the end."""
    held = bytearray(image)
    blocks = len(held) // BLOCK
    moved = _first_file_block(image) // _PACKET * _PACKET
    at = (PARTITION_AT + moved) * BLOCK
    table_at = blocks
    entries = struct.pack("<IIII", moved, blocks + 1, 0xFFFFFFFF, blocks + 1 + _PACKET)
    body = entity(b"*UDF Sparing Table", b"\x60\x02") + struct.pack("<HHI", 2, 0, 1) + entries
    held += tagged(Tag.SPARING, table_at, body).ljust(BLOCK, b"\0") + held[at : at + _PACKET * BLOCK]
    held[at : at + _PACKET * BLOCK] = b"\xee" * (_PACKET * BLOCK)
    return _mapped(held, b"*UDF Sparable Partition", struct.pack("<HBxII", _PACKET, 1, BLOCK, table_at))


def with_virtual(image: bytes, *, revision: int = 0x0260) -> bytes:
    """Return the image with a virtual partition: the blocks of the files lie in reverse, by a table."""
    held = bytearray(image)
    first, count = _first_file_block(image), len(held) // BLOCK - PARTITION_AT
    numbers = list(range(count))
    mirror_at = _metadata_map(image)[1]
    numbers[first:mirror_at] = reversed(numbers[first:mirror_at])
    for block in range(first, mirror_at):
        start, to = (PARTITION_AT + block) * BLOCK, (PARTITION_AT + numbers[block]) * BLOCK
        held[to : to + BLOCK] = image[start : start + BLOCK]
    table = struct.pack(f"<{count}I", *numbers)
    if revision < 0x0200:
        kind, table = 0, table + entity(b"*UDF Virtual Alloc Tbl") + b"\xff" * 4
    else:
        kind, table = 248, struct.pack("<HH148x", 152, 0) + table
    at = len(held) // BLOCK
    blocks_used = -(-len(table) // BLOCK)
    where = struct.pack("<II", len(table), at - PARTITION_AT)
    held += table.ljust(blocks_used * BLOCK, b"\0")
    icb = struct.pack("<IH2xHxB6xH", 0, 4, 1, kind, 0)
    entry = icb + struct.pack("<IIIHBBIQQ", 0, 0, 0, 1, 0, 0, 0, len(table), blocks_used) + bytes(36 + 4 + 16)
    entry += entity(b"*test") + struct.pack("<QII", 0, 0, len(where)) + where
    held += tagged(Tag.FILE_ENTRY, at + blocks_used - PARTITION_AT, entry).ljust(BLOCK, b"\0")
    blocks = at + blocks_used + 1 - PARTITION_AT
    for place in places(bytes(held), Tag.PARTITION):
        held[:] = changed(bytes(held), place, lambda found: struct.pack_into("<I", found, 192, blocks))
    return _mapped(held, b"*UDF Virtual Partition", bytes(24))


def changed(image: bytes, at: int, change: Callable[[bytearray], None]) -> bytes:
    """Return the image with the descriptor at a byte changed and its checksums right again."""
    held = bytearray(image)
    size = struct.unpack_from("<H", held, at + 10)[0]
    descriptor = held[at : at + 16 + size]
    change(descriptor)
    struct.pack_into("<H", descriptor, 8, binascii.crc_hqx(bytes(descriptor[16:]), 0))
    descriptor[4] = (sum(descriptor[:16]) - descriptor[4]) & 0xFF
    held[at : at + 16 + size] = descriptor
    return bytes(held)


def places(image: bytes, tag: Tag) -> list[int]:
    """Return the bytes at which descriptors of this kind begin, in an image of ours."""
    start, found, at = struct.pack("<HH", tag, 3), [], -1
    while (at := image.find(start, at + 1)) >= 0:
        if tag_of(image[at : at + BLOCK]) == tag:
            found.append(at)
    return found


def _first_file_block(image: bytes) -> int:
    """Return the block of the partition behind the metadata, where the data of the files begin."""
    return _PACKET + _metadata_blocks(image)


def _metadata_blocks(image: bytes) -> int:
    return int(struct.unpack_from("<I", image, PARTITION_AT * BLOCK + 216)[0]) // BLOCK


def _metadata_map(image: bytes) -> tuple[int, int]:
    at = places(image, Tag.LOGICAL_VOLUME)[0]
    metadata_at, mirror_at = struct.unpack_from("<II", image, at + 446 + 40)
    return int(metadata_at), int(mirror_at)


def _mapped(held: bytearray, name: bytes, rest: bytes) -> bytes:
    """Return the image with another first partition map in both logical volume descriptors."""
    for at in places(bytes(held), Tag.LOGICAL_VOLUME):
        maps = struct.pack("<BB2x32sHH", 2, 64, entity(name, b"\x60\x02"), 1, 0) + rest.ljust(24, b"\0")
        maps += held[at + 446 : at + 510]
        body = held[at + 16 : at + 440]
        struct.pack_into("<II", body, 248, len(maps), 2)
        held[at : at + BLOCK] = tagged(Tag.LOGICAL_VOLUME, at // BLOCK, bytes(body) + maps).ljust(
            BLOCK, b"\0"
        )
    return bytes(held)
