"""Media formats by name, and what a path holds by its content. Formats are loaded when they are asked for."""

from __future__ import annotations

import stat
from importlib import import_module
from pathlib import Path
from typing import Final

from mediakit.errors import SourceError, UsageError
from mediakit.formats.base import Sink, Tree
from mediakit.formats.window import Image, Readable

SINKS: Final = {
    "folder": "mediakit.formats.folder:FolderSink",
    "iso9660": "mediakit.formats.iso:IsoSink",
    "udf-2.60": "mediakit.formats.udf:UdfSink",
    "udf-2.50": "mediakit.formats.udf:Udf250Sink",
    "zip": "mediakit.formats.zipfmt:ZipSink",
}
TREES: Final = {
    "folder": "mediakit.formats.folder:FolderTree",
    "file": "mediakit.formats.folder:FileTree",
    "iso9660": "mediakit.formats.iso_read:IsoTree",
    "udf": "mediakit.formats.udf_read:UdfTree",
    "zip": "mediakit.formats.zipfmt:ZipTree",
}
_SECTOR = 2048
_FIRST_DESCRIPTOR = 16
_MAX_DESCRIPTORS = 64
_ZIP_STARTS = (b"PK\3\4", b"PK\5\6")


def sink(name: str) -> Sink:
    """Return the writer of a media format. Raises UsageError for a name that is none."""
    if name not in SINKS:
        raise UsageError(f"`{name}` is not a media format", hint=f"there are {', '.join(sorted(SINKS))}")
    made: Sink = _load(SINKS[name])()
    return made


def open_tree(path: Path) -> Tree:
    """Open whatever stands at the path, told by its content and not by its name.

    A folder, a disc image (a device too), an archive; any other file is a tree of that one file. Raises
    SourceError when it is missing or cannot be read.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else str(exc)
        raise SourceError("cannot be opened", where=str(path), why=why or "") from exc
    if stat.S_ISDIR(mode):
        kind = "folder"
    elif stat.S_ISREG(mode) or stat.S_ISBLK(mode):
        kind = _kind_of(path)
    else:
        raise SourceError("is neither a file nor a folder", where=str(path))
    made: Tree = _load(TREES[kind])(path)
    return made


def sniff(image: Readable) -> str:
    """Return the kind of tree that these bytes are: "iso9660", "udf", "zip" or "file".

    An image that has both ISO 9660 and UDF is read as ISO 9660.
    """
    seen = set()
    for sector in range(_FIRST_DESCRIPTOR, _FIRST_DESCRIPTOR + _MAX_DESCRIPTORS):
        name = image.read(sector * _SECTOR, 6)[1:]
        seen.add(name)
        if name not in {b"CD001", b"BEA01", b"NSR02", b"NSR03", b"TEA01", b"BOOT2", b"CDW02"}:
            break
    if b"CD001" in seen:
        return "iso9660"
    if seen & {b"NSR02", b"NSR03"}:
        return "udf"
    is_dicom = image.read(128, 4) == b"DICM"  # a preamble may look like anything
    return "zip" if image.read(0, 4) in _ZIP_STARTS and not is_dicom else "file"


def _kind_of(path: Path) -> str:
    image = Image(path)
    try:
        return sniff(image)
    finally:
        image.close()


def _load(where: str) -> type:
    module, _, name = where.partition(":")
    found: type = getattr(import_module(module), name)
    return found
