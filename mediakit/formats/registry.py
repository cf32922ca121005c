"""Media formats by name, and what a path holds by its content. Formats are loaded when they are asked for."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Final

from msgspec import Struct

from mediakit.durable import check_room, new_folder, staged_file, write_error
from mediakit.errors import SourceError, UsageError
from mediakit.events import Listener, silence
from mediakit.formats import fat_volume
from mediakit.formats.base import Entry, Order, Receipt, Sink, Tree
from mediakit.formats.envelope import UnsealedTree
from mediakit.formats.folder import FileTree
from mediakit.formats.gapped import GappedTree, gaps_of
from mediakit.formats.mime_head import is_message
from mediakit.formats.readable import Gaps, Image, Readable, WithoutGaps
from mediakit.plug_ins import code_of, plug_in, plug_ins
from mediakit.secure.keys import NO_KEYS, Keys
from mediakit.volume import FILE_DRIVE

ENTRY_POINTS: Final = "mediakit.formats"  # where other packages name their sinks


class Format(Struct, frozen=True):
    """A media format of ours: where its sink is, and what that says of itself, known without loading it."""

    where: str
    suffixes: tuple[str, ...]
    file_systems: tuple[str, ...]


_UDF = (".iso", ".udf")
SINKS: Final = {
    "folder": Format("mediakit.formats.folder:FolderSink", (), ()),
    "iso9660": Format("mediakit.formats.iso:IsoSink", (".iso",), ("ISO 9660 Level 1",)),
    "udf-2.60": Format("mediakit.formats.udf:UdfSink", _UDF, ("UDF 2.6",)),
    "udf-2.50": Format("mediakit.formats.udf:Udf250Sink", _UDF, ("UDF 2.5",)),
    "udf-1.02": Format("mediakit.formats.udf:Udf102Sink", _UDF, ("UDF 1.02",)),
    "udf-1.50": Format("mediakit.formats.udf:Udf150Sink", _UDF, ("UDF 1.5",)),
    "udf-2.01": Format("mediakit.formats.udf:Udf201Sink", _UDF, ("UDF 2.01",)),
    "fat": Format("mediakit.formats.fat:FatSink", (".img",), ("FAT16", "FAT32")),
    "zip": Format("mediakit.formats.zipfmt:ZipSink", (".zip",), ("ZIP",)),
    "mime": Format("mediakit.formats.mime:MimeSink", (".eml", ".mime"), ("MIME",)),
}
TREES: Final = {
    "folder": "mediakit.formats.folder:FolderTree",
    "file": "mediakit.formats.folder:FileTree",
    "iso9660": "mediakit.formats.iso_read:IsoTree",
    "udf": "mediakit.formats.udf_read:UdfTree",
    "fat": "mediakit.formats.fat_read:FatTree",
    "zip": "mediakit.formats.zipfmt:ZipTree",
    "mime": "mediakit.formats.mime_read:MimeTree",
}
_DESCRIPTORS_AT = 32 * 1024  # where ISO 9660 and UDF say that they are there
_MAX_DESCRIPTORS = 64
_DESCRIPTORS = frozenset({b"CD001", b"BEA01", b"NSR02", b"NSR03", b"TEA01", b"BOOT2", b"CDW02"})
_DEVICE_HINT = "reading a device needs the right to: run as administrator, or give an image of it"
_ZIP_STARTS = (b"PK\3\4", b"PK\5\6", b"PK\7\x08")
_PROGRAMS = (b"MZ", b"\x7fELF", b"#!")  # archives that extract themselves begin so


def sink_names() -> tuple[str, ...]:
    """Return the names of all media formats that can be written: ours, then those of installed packages."""
    return (*SINKS, *sorted(plug_ins(ENTRY_POINTS).keys() - SINKS.keys()))


def format_named(name: str) -> Format | Sink:
    """Return what has the suffixes and file systems of a media format. Raises as `sink` does."""
    return SINKS.get(name) or sink(name)


def sink(name: str) -> Sink:
    """Return the writer of a media format.

    Raises UsageError for a name that is none, and for a format of another package that cannot be loaded.
    """
    made: Sink
    if name in SINKS:
        made = _load(SINKS[name].where)()
        return made
    found = plug_in(ENTRY_POINTS, name)
    if found is None:
        raise UsageError(f"`{name}` is not a media format", hint=f"there are {', '.join(sink_names())}")
    with code_of(found):
        made = found.load()()
    return made


def check_medium(name: str, entries: Sequence[Entry], target: Path, order: Order, besides: int = 0) -> int:
    """Raise what `write_medium` would raise before it writes: names, sizes, rights and room.

    Returns the bytes that it will take. `besides` are those of other media that go to the same folder.
    """
    folder = target.absolute().parent
    size_bytes = sink(name).check(entries, order)
    try:
        if not os.access(folder, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
        check_room(folder, size_bytes + besides)
    except OSError as exc:
        raise write_error(exc, target) from exc
    return size_bytes


def write_medium(
    name: str,
    entries: Sequence[Entry],
    target: Path,
    order: Order,
    tell: Listener = silence,
    prove: Callable[[Path, Receipt], None] | None = None,
) -> Receipt:
    """Write the entries in a media format; see `written_medium`."""
    with written_medium(name, entries, target, order, tell, prove) as receipt:
        return receipt


@contextmanager
def written_medium(
    name: str,
    entries: Sequence[Entry],
    target: Path,
    order: Order,
    tell: Listener = silence,
    prove: Callable[[Path, Receipt], None] | None = None,
) -> Iterator[Receipt]:
    """Write the entries in a media format; they stand at `target` when the block ends well.

    All is written, synced and proven when the block begins. `prove` is called with the hidden name of what
    was written, and raises when it is not right. Whatever ends it, `target` is what it was before, or whole.
    Raises UsageError when the target exists and `overwrite` is off, and what `Sink.write`,
    `durable.write_error` and `prove` raise.
    """
    made = sink(name)
    staging = new_folder(target) if made.is_folder else staged_file(target, overwrite=order.overwrite)
    with staging as part:
        receipt = made.write(entries, part, order, tell)
        del entries  # a proof needs the memory
        if prove is not None:
            prove(part, receipt)
        yield replace(receipt, target=target)


def open_tree(path: Path, *, lone: str | None = None, gaps: Gaps | None = None) -> Tree:
    """Open whatever stands at the path, told by its content and not by its name.

    A folder, a disc image (a device too), an archive; any other file is a tree of that one file, under the
    path `lone`, by default its own name. "stdio:PATH" is what xorriso calls a file that stands for a drive.
    What lies in `gaps`, by default those of the map beside the image, is unreadable. Raises SourceError when
    it is missing or cannot be read.
    """
    if str(path).startswith(FILE_DRIVE) and not path.exists():
        path = Path(str(path).removeprefix(FILE_DRIVE))
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else str(exc)
        raise SourceError("cannot be opened", where=str(path), why=why or "") from exc
    is_device = stat.S_ISBLK(mode)
    try:
        if stat.S_ISDIR(mode):
            kind = "folder"
        elif stat.S_ISREG(mode) or is_device:
            kind = _kind_of(path)
        else:
            raise SourceError("is neither a file nor a folder", where=str(path))
        if is_device and kind == "file":
            raise SourceError("holds no file system that can be read", where=str(path))
        if kind == "file":
            _refuse_by_name(path)
        gaps = gaps_of(path) if gaps is None else gaps
        made: Tree = FileTree(path, lone) if kind == "file" else _of_kind(kind, path, gaps)
    except SourceError as exc:
        if is_device and isinstance(exc.__cause__, PermissionError):
            raise SourceError(exc.what, where=exc.where, why=exc.why, hint=_DEVICE_HINT) from exc
        raise
    return GappedTree(made, gaps) if gaps.extents else made


def _of_kind(kind: str, path: Path, gaps: Gaps) -> Tree:
    made: Tree = _load(TREES[kind])(path) if kind == "folder" else _load(TREES[kind])(path, gaps)
    if kind == "mime" and not gaps.extents:
        from mediakit.formats.mailed_zip import with_archive  # noqa: PLC0415 - as `_load`

        return with_archive(made)
    return made


def open_decrypted(
    path: Path, keys: Keys = NO_KEYS, *, lone: str | None = None, gaps: Gaps | None = None
) -> Tree:
    """Open what stands at the path, and what is encrypted there with the keys; see `open_tree`."""
    tree = open_tree(path, lone=lone, gaps=gaps)
    if not keys:
        return tree
    from mediakit.secure.opening import Opener  # noqa: PLC0415 - most media are not encrypted

    return UnsealedTree(tree, Opener(keys))


@contextmanager
def open_medium(path: Path, keys: Keys = NO_KEYS, gaps: Gaps | None = None) -> Iterator[Tree]:
    """Open what stands at the path for the time of the block; see `open_named`."""
    tree = open_named(path, keys, gaps)
    try:
        yield tree
    finally:
        tree.close()


def open_named(path: Path, keys: Keys = NO_KEYS, gaps: Gaps | None = None) -> Tree:
    """Open what stands at the path; see `open_decrypted`.

    A lone file is at the path "" of its tree: its place is the source itself. The caller closes the tree.
    """
    return open_decrypted(path, keys, lone="", gaps=gaps)


def sniff(image: Readable) -> str:
    """Return the kind of tree that these bytes are: "iso9660", "udf", "fat", "zip", "mime" or "file".

    An image that has both ISO 9660 and UDF is read as ISO 9660, and so is one that has partitions as well,
    unless the descriptors of ISO 9660 stand before them all: those are left over from an earlier use. Volumes
    of NTFS and exFAT count as "fat", whose reader refuses them by name. A file that begins as DICOM does is
    a file, as its preamble may look like anything (PS3.10 7.1). What cannot be read tells nothing.
    """
    image = WithoutGaps(image)
    if image.read(128, 4) == b"DICM":
        return "file"
    if fat_volume.is_volume(image):
        return "fat"
    kind = _optical(image) or _other(image)
    return "udf" if kind == "file" and _is_unrecognised_udf(image) else kind


def _is_unrecognised_udf(image: Readable) -> bool:
    """Return True for UDF whose recognition sequence is damaged: an anchor says what it is."""
    from mediakit.formats.udf_volume import has_anchor  # noqa: PLC0415 - most sources are not such

    return has_anchor(image)


def _refuse_by_name(path: Path) -> None:
    """Raise SourceError for an image or archive that is known, and not read here, with what to do."""
    from mediakit.formats.foreign import foreign_kind  # noqa: PLC0415 - most sources are not such

    with closing(Image(path)) as image:
        found = foreign_kind(image)
    if found is not None:
        raise SourceError(found.what, where=str(path), hint=found.hint)


def _optical(image: Readable) -> str:
    """Return "iso9660" or "udf", or "" when neither is there or it is only a remnant."""
    seen: set[bytes] = set()
    for step in (2048, 4096):  # UDF on disks of 4096 bytes per sector takes one for each
        for number in range(_MAX_DESCRIPTORS):
            at = _DESCRIPTORS_AT + number * step
            found = image.read(at, 6)
            if not found and at < image.size:
                continue  # it cannot be read: the next one may say what this is
            name = found[1:]
            if name not in _DESCRIPTORS:
                break
            seen.add(name)
    if not seen & {b"CD001", b"NSR02", b"NSR03"} or fat_volume.lies_behind(image, _DESCRIPTORS_AT + 1):
        return ""
    return "iso9660" if b"CD001" in seen else "udf"


def _other(image: Readable) -> str:
    if image.read(0, 4) in _ZIP_STARTS:
        return "zip"
    if is_message(image):
        return "mime"
    if fat_volume.is_disk(image):
        return "fat"
    return "zip" if _ends_as_zip(image) else "file"


def _ends_as_zip(image: Readable) -> bool:
    """Return True for a program with an archive behind it."""
    if not image.read(0, 4).startswith(_PROGRAMS):
        return False
    from mediakit.formats.zipfmt import end_record  # noqa: PLC0415 - few files are programs

    at, end = end_record(image)
    if not end:
        return False
    start = at - int.from_bytes(end[12:16], "little")
    return start >= 0 and image.read(start, 4) == b"PK\1\2"


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
