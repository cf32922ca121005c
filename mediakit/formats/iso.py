"""Writing ISO 9660 Level 1 images: no Joliet, no Rock Ridge. Source: ECMA-119; PS3.12 Annex F.

pycdlib lays out the folders; the data never pass through it. It writes the structure into memory, where the
two things that it does not let us choose are set to what the order says: the dates, and the blocks of the
files, which follow one another in the order of the entries. Then every source is poured into its place.
"""

from __future__ import annotations

import io
import os
import re
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mediakit.durable import check_room, write_all, written_file
from mediakit.errors import DoesNotFit, IntegrityError
from mediakit.events import Listener
from mediakit.formats import moment
from mediakit.formats.base import Entry, Order, Receipt
from mediakit.formats.iso_records import FIRST_DESCRIPTOR, SECTOR, read_volume, records
from mediakit.formats.legal import check_paths
from mediakit.formats.readable import Memory
from mediakit.formats.stream_copy import Pourer
from mediakit.volume import Damage

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_FOLDER = re.compile(r"[A-Z0-9_]{1,8}")
_FILE = re.compile(r"[A-Z0-9_]{1,8}(\.[A-Z0-9_]{1,3})?")
_LABEL = re.compile(r"[A-Z0-9_]{0,32}")
_MAX_NAMES_DEEP = 7  # the root is the first of 8 levels; pycdlib, as mkisofs, counts the file as a level
_MAX_FILE_BYTES = 0xFFFFFFFF  # Level 1 has one extent a file
_MAX_FOLDERS = 0xFFFF  # path table records count their parents in 16 bits
_MAX_BLOCKS = 0xFFFFFFFF
_DESCRIPTOR = FIRST_DESCRIPTOR * SECTOR
_DATES_AT = (813, 830, 864)  # creation, modification, effective; expiration stays "not specified"


class IsoSink:
    """Writes an ISO 9660 Level 1 image: `DICOM/IM1` becomes `/DICOM/IM1.;1`."""

    suffixes = (".iso",)
    file_systems = ("ISO 9660 Level 1",)
    max_file_bytes: int | None = _MAX_FILE_BYTES
    is_folder = False

    def write(self, entries: Sequence[Entry], part: Path, order: Order, tell: Listener) -> Receipt:
        """Write the image; see `Sink`. Raises DoesNotFit for a name or size that Level 1 does not have."""
        folders = check_paths(entries)
        _check_level_1(entries, folders, order)
        layout, blocks, end = _layout(entries, folders, order)
        with written_file(part) as fd, Pourer(tell, hashing=order.hashing) as pourer:
            check_room(part, end * SECTOR)
            write_all(fd, bytes(layout))
            for entry, block in zip(entries, blocks, strict=True):
                os.lseek(fd, block * SECTOR, os.SEEK_SET)
                pourer.pour_into(entry, fd)
            os.ftruncate(fd, end * SECTOR)  # what no file fills up to its last sector reads as zeros
            hashes = pourer.finish()
        return Receipt(target=part, size_bytes=end * SECTOR, sha256=hashes)


def _check_level_1(entries: Sequence[Entry], folders: Sequence[str], order: Order) -> None:
    if not _LABEL.fullmatch(order.label):
        raise DoesNotFit("the label is not a volume identifier", why="0 to 32 characters of A-Z 0-9 _")
    if len(folders) >= _MAX_FOLDERS:
        raise DoesNotFit(f"{len(folders)} folders are more than ISO 9660 can hold")
    for folder in folders:
        if not _FOLDER.fullmatch(folder.rpartition("/")[2]):
            raise _not_level_1(folder, "a folder has 1 to 8 characters of A-Z 0-9 _")
    for entry in entries:
        if not _FILE.fullmatch(entry.path.rpartition("/")[2]):
            raise _not_level_1(entry.path, "a file has 8 characters of A-Z 0-9 _, then a dot and 3 if any")
        if entry.path.count("/") >= _MAX_NAMES_DEEP:
            raise _not_level_1(entry.path, "there are at most 8 levels with the root")
        if entry.size > _MAX_FILE_BYTES:
            raise _not_level_1(entry.path, f"{entry.size} bytes are more than a file can have there")


def _not_level_1(path: str, why: str) -> DoesNotFit:
    hint = "rename it, or choose a medium with UDF"
    return DoesNotFit("cannot stand on ISO 9660 Level 1", where=ascii(path), why=why, hint=hint)


def _layout(
    entries: Sequence[Entry], folders: Sequence[str], order: Order
) -> tuple[bytearray, list[int], int]:
    """Return the bytes before the first file, the first block of each entry, and the block after the last."""
    layout = _structure(entries, folders, order.label)
    at = _settle_dates(layout, order)
    block = len(layout) // SECTOR
    blocks = []
    for entry in entries:
        start = block if entry.size else 0  # an empty file has no extent
        struct.pack_into("<I", layout, at[entry.path] + 2, start)
        struct.pack_into(">I", layout, at[entry.path] + 6, start)
        blocks.append(block)
        block += -(-entry.size // SECTOR)
    if block > _MAX_BLOCKS:
        raise DoesNotFit("the content is larger than an ISO 9660 volume can be")
    struct.pack_into("<I", layout, _DESCRIPTOR + 80, block)
    struct.pack_into(">I", layout, _DESCRIPTOR + 84, block)
    return layout, blocks, block


def _settle_dates(layout: bytearray, order: Order) -> dict[str, int]:
    """Write the order's moment into every date; return where the record of each file begins."""
    image = Memory(bytes(layout))
    volume = read_volume(image)
    damage: list[Damage] = []
    found = {} if volume is None else {record.path: record for record in records(image, volume, damage)}
    if volume is None or damage:
        raise IntegrityError(
            "the layout of the image is not what it must be", why="; ".join(one.what for one in damage)
        )
    date = moment.iso_record(order.when)
    for record in (volume.root, *found.values()):
        layout[record.at + 18 : record.at + 25] = date
    for at in _DATES_AT:
        layout[_DESCRIPTOR + at : _DESCRIPTOR + at + 17] = moment.iso_volume(order.when)
    return {record.path: record.at for record in found.values() if not record.is_directory}


def _structure(entries: Sequence[Entry], folders: Sequence[str], label: str) -> bytearray:
    """Let pycdlib lay out the volume; return its structure up to the first file, in whole sectors."""
    from pycdlib import PyCdlib  # noqa: PLC0415 - costs 40 ms that most commands need not pay
    from pycdlib.pycdlibexception import PyCdlibException  # noqa: PLC0415

    structure = _Structure()
    nothing = _Nothing(structure)
    iso = PyCdlib()
    try:
        iso.new(interchange_level=1, sys_ident="", vol_ident=label, app_ident_str="MEDIAKIT")
        for folder in folders:
            iso.add_directory(f"/{folder}")
        for entry in entries:
            name = entry.path.rpartition("/")[2]
            iso.add_fp(nothing, entry.size, f"/{entry.path};1" if "." in name else f"/{entry.path}.;1")
        iso.write_fp(structure)
    except PyCdlibException as exc:
        raise DoesNotFit("the content cannot be laid out as ISO 9660", why=str(exc)) from exc
    finally:
        iso.close()
    return structure.in_sectors()


class _Structure(io.BytesIO):
    """Takes what pycdlib writes until the first file's data; the folders come before the files."""

    def __init__(self) -> None:
        super().__init__()
        self.is_whole = False

    def write(self, view: ReadableBuffer) -> int:
        """Keep the bytes when they are structure."""
        if self.is_whole:
            return len(memoryview(view))
        return super().write(view)

    def in_sectors(self) -> bytearray:
        """Return what was kept, filled up with zeros."""
        held = bytearray(self.getvalue())
        return held.ljust(-(-len(held) // SECTOR) * SECTOR, b"\0")


class _Nothing(io.BytesIO):
    """Stands for the data of every file. pycdlib takes an early end as the end of the file and goes on."""

    def __init__(self, structure: _Structure) -> None:
        super().__init__()
        self._structure = structure

    def read(self, _size: int | None = -1) -> bytes:
        """Give nothing, and tell that the structure is whole."""
        self._structure.is_whole = True
        return b""
