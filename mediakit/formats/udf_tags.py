"""The words of UDF that writer and reader share: descriptor tags, identifiers, names, addresses. Pure.

Source: ECMA-167 (third edition) 3/7.2, 1/7.4, 4/7.1, 4/14.14.2; OSTA UDF 2.60 2.1.
"""

from __future__ import annotations

import binascii
import struct
from enum import IntEnum

BLOCK = 2048
SHORT_AD, LONG_AD, EMBEDDED = 0, 1, 3
DIRECTORY, FILE, LINK = 4, 5, 12
VIRTUAL_TABLE, METADATA_FILE, METADATA_MIRROR = 248, 250, 251
MAX_EXTENT_BYTES = 0x3FFFF800  # the largest multiple of a block in 30 bits
IS_HIDDEN, IS_DIRECTORY, IS_DELETED, IS_PARENT = 1, 2, 4, 8


class Damaged(Exception):  # noqa: N818 - never leaves the readers of UDF
    """A structure cannot be followed; the text says why."""


class Tag(IntEnum):
    """Identifiers of descriptors."""

    SPARING = 0
    PRIMARY_VOLUME = 1
    ANCHOR = 2
    IMPLEMENTATION_USE = 4
    PARTITION = 5
    LOGICAL_VOLUME = 6
    UNALLOCATED_SPACE = 7
    TERMINATING = 8
    INTEGRITY = 9
    FILE_SET = 256
    FILE_IDENTIFIER = 257
    ALLOCATION_EXTENT = 258
    FILE_ENTRY = 261
    SPACE_BITMAP = 264
    EXTENDED_FILE_ENTRY = 266


def tagged(tag: Tag, block: int, body: bytes, version: int = 3) -> bytes:
    """Return a descriptor: its tag, for the block it is recorded in, and its body.

    `version` is 2 or 3: the edition of ECMA-167 that its structure follows.
    """
    head = struct.pack("<HHBBHHHI", tag, version, 0, 0, 1, binascii.crc_hqx(body, 0), len(body), block)
    checksum = sum(head) & 0xFF
    return head[:4] + bytes((checksum,)) + head[5:] + body


def tag_of(found: bytes) -> int:
    """Return the tag of a descriptor, or 0 when its checksum or its CRC says that it is none."""
    if len(found) < 16 or (sum(found[:16]) - found[4]) & 0xFF != found[4]:
        return 0
    tag, _, _, _, _, crc, size = struct.unpack_from("<HHBBHHH", found)
    if size > len(found) - 16 or binascii.crc_hqx(found[16 : 16 + size], 0) != crc:
        return 0
    return int(tag)


def entity(name: bytes, suffix: bytes = b"") -> bytes:
    """Return an entity identifier of 32 bytes."""
    return struct.pack("<B23s8s", 0, name, suffix)


def charset() -> bytes:
    """Return the only character set that UDF knows."""
    return struct.pack("<B63s", 0, b"OSTA Compressed Unicode")


def encode_name(text: str) -> bytes:
    """Return a name in OSTA compressed Unicode. Raises UnicodeError for what is no text."""
    try:
        return b"\x08" + text.encode("latin-1")
    except UnicodeEncodeError:
        return b"\x10" + text.encode("utf-16-be")


def decode_name(stored: bytes) -> str:
    """Return the text of a name. What cannot be decoded becomes escapes, so that names stay apart."""
    if stored[:1] == b"\x10":
        return stored[1:].decode("utf-16-be", "backslashreplace")
    return stored[1:].decode("latin-1")


def dstring(text: str, size: int) -> bytes:
    """Return a field of fixed size that holds a name; its last byte says how much is used."""
    name = encode_name(text)[: size - 1] if text else b""
    return name.ljust(size - 1, b"\0") + bytes((len(name),))


def undstring(field: bytes) -> str:
    """Return the text of a field of fixed size."""
    return decode_name(field[: min(field[-1], len(field) - 1)]).rstrip("\0")


def long_ad(size: int, block: int, partition: int, unique: int = 0) -> bytes:
    """Return a long allocation descriptor. `partition` is the number of the partition map."""
    return struct.pack("<IIHHI", size, block, partition, 0, unique)
