"""Writing ISO 9660 Level 1 images, with Joliet when asked for, and Rock Ridge where names ask for it.

Source: ECMA-119; PS3.12 Annex F.

The structure is laid out in memory and written first; then every source is poured into its place.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from mediakit.durable import check_room, reserve, write_all, written_file
from mediakit.errors import DoesNotFit
from mediakit.events import Listener
from mediakit.findings import printable
from mediakit.formats.base import Entry, Order, Receipt
from mediakit.formats.iso_layout import WHOLE, Base, IsoLayout, lay_out
from mediakit.formats.iso_naming import SHORT_FOLDER, names_of
from mediakit.formats.iso_records import SECTOR
from mediakit.formats.legal import SHORT_NAME, check_paths
from mediakit.formats.stream_copy import Pourer

_LABEL = re.compile(r"[A-Z0-9_]{0,32}")
_MAX_NAMES_DEEP = 7  # the root is the first of 8 levels; mkisofs too counts the file as a level
_MAX_FILE_BYTES = 0xFFFFFFFF  # Level 1 has one extent a file
_MAX_FOLDERS = 0xFFFF  # path table records count their parents in 16 bits


class IsoSink:
    """Writes an ISO 9660 Level 1 image: `DICOM/IM1` becomes `/DICOM/IM1.;1`."""

    suffixes = (".iso",)
    file_systems = ("ISO 9660 Level 1",)
    max_file_bytes: int | None = _MAX_FILE_BYTES
    is_folder = False

    def check(self, entries: Sequence[Entry], order: Order) -> int:
        """Return the size in bytes; see `Sink`."""
        return lay_out_volume(entries, order).end * SECTOR

    def write(self, entries: Sequence[Entry], part: Path, order: Order, tell: Listener) -> Receipt:
        """Write the image; see `Sink`. Raises DoesNotFit for a name or size that it cannot hold."""
        layout = lay_out_volume(entries, order)
        with written_file(part) as fd, Pourer(tell, order.checksum) as pourer:
            check_room(part, layout.end * SECTOR)
            reserve(fd, 0, layout.end * SECTOR)
            write_all(fd, layout.structure)
            for entry, block in zip(entries, layout.blocks, strict=True):
                pourer.pour_at(entry, fd, block * SECTOR)
            os.ftruncate(fd, layout.end * SECTOR)  # what no file fills up to its last sector reads as zeros
            sums = pourer.finish()
        return Receipt(target=part, size_bytes=layout.end * SECTOR, sums=sums, checksum=order.checksum)


def lay_out_volume(entries: Sequence[Entry], order: Order, base: Base = WHOLE) -> IsoLayout:
    """Lay out a volume, or a further session. Then `entries` are everything that the medium will hold.

    Raises DoesNotFit for what ISO 9660 Level 1 cannot hold, UsageError for paths that cannot be.
    """
    check_paths(entries)
    names = names_of(entries, joliet=order.joliet, rock_ridge=order.rock_ridge)
    _check_level_1(entries, names.primary, order.label)
    return lay_out(entries, names, order.label, order.when, base)


def _check_level_1(entries: Sequence[Entry], primary: Sequence[str], label: str) -> None:
    """Raise DoesNotFit for a name, size or label that ISO 9660 Level 1 does not have (ECMA-119 10.1)."""
    if not _LABEL.fullmatch(label):
        raise DoesNotFit("the label is not a volume identifier", why="0 to 32 characters of A-Z 0-9 _")
    folders: set[str] = set()
    for entry, path in zip(entries, primary, strict=True):
        folder, _, name = path.rpartition("/")
        if not SHORT_NAME.fullmatch(name):
            raise _not_level_1(entry.path, "a file has 8 characters of A-Z 0-9 _, then a dot and 3 if any")
        if path.count("/") >= _MAX_NAMES_DEEP:
            raise _not_level_1(entry.path, "there are at most 8 levels with the root")
        if entry.size > _MAX_FILE_BYTES:
            raise _not_level_1(entry.path, f"{entry.size} bytes are more than a file can have there")
        while folder and folder not in folders:
            folders.add(folder)
            folder, _, name = folder.rpartition("/")
            if not SHORT_FOLDER.fullmatch(name):
                raise _not_level_1(entry.path, "a folder has 1 to 8 characters of A-Z 0-9 _")
    if len(folders) >= _MAX_FOLDERS:
        raise DoesNotFit(f"{len(folders)} folders are more than ISO 9660 can hold")


def _not_level_1(path: str, why: str) -> DoesNotFit:
    hint = "rename it, or choose a medium with UDF"
    return DoesNotFit("cannot stand on ISO 9660 Level 1", where=printable(path), why=why, hint=hint)
