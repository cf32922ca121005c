"""How much room a file-set takes on its medium: an estimate that is never too small.

Counted are the files in whole sectors or clusters, the folders, and what the file system keeps for itself.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from enum import Enum, auto

from mediakit.fileset.fat_geometry import FatError, bytes_for, parents, wishes_of
from mediakit.profile.model import Medium

_SECTOR = 2048
_ISO_RESERVED = (16 + 8) * _SECTOR  # system area and descriptors
_ISO_SPARE = 150 * _SECTOR  # for the padding of other tools, or for a second tree (Joliet) if that is larger
_ISO_RECORD = 34 + 12  # directory record with an 8 character name, dot and version, even
_ISO_PATH_ROW = 8 + 8
_JOLIET_RECORD = 34 + 28  # the same name in UCS-2
_JOLIET_PATH_ROW = 8 + 16
_ROCK_RIDGE = 36 + 5 + 12  # what each record says more when there are other names: permissions, the name
_ISO_LONG_RECORD = 34 + 222 + 270  # of another name, in Joliet and in a continuation of Rock Ridge
_UDF_RESERVED = (257 + 600) * _SECTOR  # anchors, both descriptor sequences, metadata and integrity
_UDF_IDENTIFIER = 38 + 2 * 255
_ZIP_ENTRY = 30 + 46 + 24 + 3 * 28  # local and central header, data descriptor, ZIP64 extras
_ZIP_END = 22 + 76

MAX_FILE_BYTES = 2**32 - 1
_SHORT = re.compile(
    r"[\x00-.0-`{-\x7f]{1,12}(?:/[\x00-.0-`{-\x7f]{1,12})*"
)  # no name is long or in lower case
FAT16_MAX_FILE_BYTES = 2**31 - 1


class FileSystem(Enum):
    """Kinds of media formats that differ in how they take room."""

    ISO_9660 = auto()
    UDF = auto()
    FAT = auto()
    ARCHIVE = auto()


def file_system_of(medium: Medium) -> FileSystem:
    """Return the kind that the medium is planned for: the one mastered for it, or its own."""
    if "iso9660" in medium.images:
        return FileSystem.ISO_9660
    named = " ".join((*medium.images, *medium.file_systems)).upper()
    if "UDF" in named:
        return FileSystem.UDF
    return FileSystem.FAT if "FAT" in named else FileSystem.ARCHIVE


def max_file_bytes(medium: Medium) -> int | None:
    """Return the size that no single file may pass, or None (ISO 9660 Level 1: one extent; FAT: 32 bit).

    Where UDF can be written instead of ISO 9660 there is none.
    """
    system = file_system_of(medium)
    if system is FileSystem.ISO_9660:
        return None if any(name.startswith("udf") for name in medium.images) else MAX_FILE_BYTES
    if system is FileSystem.FAT:
        return MAX_FILE_BYTES if "FAT32" in medium.file_systems else FAT16_MAX_FILE_BYTES
    return None


def bytes_needed(files: Sequence[tuple[str, int]], medium: Medium, capacity: int | None = None) -> int:
    """Return the bytes that these files (path with "/", size) take on the medium, folders included.

    `capacity` is the size of a FAT volume, whose clusters depend on it; None: as large as needed.
    """
    system = file_system_of(medium)
    if system is FileSystem.ARCHIVE:
        return _ZIP_END + sum(size + _ZIP_ENTRY + 2 * len(path.encode()) for path, size in files)
    if system is FileSystem.FAT:
        return _fat_bytes(files, medium, capacity)
    entries = Counter(parents(path for path, _ in files))
    content = sum(_whole(size, _SECTOR) for _, size in files)
    if system is FileSystem.UDF:
        folders = sum(_SECTOR + _whole(n * _UDF_IDENTIFIER, _SECTOR) for n in entries.values())
        return _UDF_RESERVED + content + folders + _SECTOR * len(files)
    others = sum(not _is_short(path) for path, _ in files)
    record = _ISO_RECORD + _ROCK_RIDGE if others else _ISO_RECORD
    first = _tree_bytes(entries.values(), record, _ISO_PATH_ROW)
    second = max(_ISO_SPARE, _tree_bytes(entries.values(), _JOLIET_RECORD, _JOLIET_PATH_ROW))
    return _ISO_RESERVED + content + first + second + others * (_ISO_LONG_RECORD + _SECTOR)


def _tree_bytes(children: Collection[int], record: int, path_row: int) -> int:
    """Return what the folders of ISO 9660, with so many children each, and both path tables take."""
    folders = sum(_whole((n + 2) * record, _SECTOR) for n in children)
    return folders + 4 * _whole(len(children) * path_row, _SECTOR)


def _fat_bytes(files: Sequence[tuple[str, int]], medium: Medium, capacity: int | None) -> int:
    try:
        return bytes_for(files, wishes_of(medium, capacity))
    except FatError:  # no volume of that size: at least what the content takes
        return sum(_whole(size, medium.sector_bytes) for _, size in files) + (capacity or 0)


def _is_short(path: str) -> bool:
    return _SHORT.fullmatch(path) is not None


def _whole(size: int, unit: int) -> int:
    return -(-size // unit) * unit
