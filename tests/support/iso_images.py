"""ISO 9660 images as drives and careless programs leave them, made from those that we write."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

from mediakit.formats.base import Entry
from mediakit.formats.iso_records import SECTOR, IsoRecord, records
from tests.support.iso_bytes import Memory, read_volume
from tests.support.media import write

GAP = 150  # sectors between two sessions; on a disc there are 11,400


def records_of(image: bytes) -> list[IsoRecord]:
    """Return every directory record of an image of one session, that of the root first."""
    volume = read_volume(Memory(image))
    assert volume is not None
    return [volume.root, *records(Memory(image), volume, [])]


def folder_at(image: bytes, path: str) -> int:
    """Return the byte at which the content of a folder begins."""
    return next(one.block for one in records_of(image) if one.path == path and not one.is_self) * SECTOR


def pointed(image: bytes, path: str, block: int) -> bytes:
    """Return an image in which the record of a path says that its bytes are at another block."""
    held = bytearray(image)
    record = next(one for one in records_of(image) if one.path == path and not one.is_self)
    struct.pack_into("<I", held, record.at + 2, block)
    struct.pack_into(">I", held, record.at + 6, block)
    return bytes(held)


def renamed(image: bytes, old: bytes, new: bytes) -> bytes:
    """Return an image in which a file has another name of the same length, as it is recorded ("IM2.;1")."""
    assert image.count(old) == 1
    assert len(old) == len(new)
    return image.replace(old, new)


def session(image: bytes, first: int) -> bytes:
    """Return an image of one session as a later session of a disc, which begins at sector `first`."""
    held = bytearray(image)
    for record in records_of(image):
        if record.size:
            struct.pack_into("<I", held, record.at + 2, record.block + first)
            struct.pack_into(">I", held, record.at + 6, record.block + first)
    size = struct.unpack_from("<I", held, 16 * SECTOR + 80)[0] + first
    struct.pack_into("<I", held, 16 * SECTOR + 80, size)
    struct.pack_into(">I", held, 16 * SECTOR + 84, size)
    return bytes(held)


def with_session(disc: bytes, image: bytes, count: int = 1) -> bytes:
    """Return a disc with an image as so many more sessions."""
    parts, end = [disc], len(disc) // SECTOR
    for _ in range(count):
        parts += [bytes(GAP * SECTOR), session(image, end + GAP)]
        end += GAP + len(image) // SECTOR
    return b"".join(parts)


def written(entries: Sequence[Entry], scratch: Path) -> bytes:
    """Return an image as we write it."""
    write("iso9660", entries, scratch)
    held = scratch.read_bytes()
    scratch.unlink()
    return held
