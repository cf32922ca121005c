"""Other content for the medium: files that are not DICOM and go beside the DICOM tree (PS3.10 8.1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from msgspec import Struct

from mediakit.dicom.instance import shown
from mediakit.errors import UsageError
from mediakit.formats.base import Entry, NodeKind
from mediakit.formats.registry import open_medium

_PREAMBLE_BYTES = 132


class ExtraContent(Struct, frozen=True):
    """The entries of other content, and under each path of the medium the place it comes from."""

    entries: tuple[Entry, ...]
    places: dict[str, str]


@contextmanager
def gather(folders: Sequence[Path]) -> Iterator[ExtraContent]:
    """Open the folders given with `--add`; their content goes to the root of the medium under its own names.

    Raises UsageError for a DICOM file (every DICOM file of a file-set must be referenced: PS3.3 F.2.1),
    for links and special files, for the name DICOMDIR, and for one path given twice.
    """
    with ExitStack() as stack:
        entries: list[Entry] = []
        places: dict[str, str] = {}
        for folder in folders:
            name, tree = str(folder), stack.enter_context(open_medium(folder))
            for node in tree.walk():
                place = shown(name, node.path)
                if node.kind is not NodeKind.FILE:
                    raise UsageError(
                        "only regular files can be added", where=place, why=node.why or node.kind
                    )
                entry = Entry(node.path or folder.name, node.size, partial(tree.open, node))
                _check(entry, place, places)
                entries.append(entry)
                places[entry.path] = place
        yield ExtraContent(tuple(sorted(entries, key=lambda entry: entry.path)), places)


def _check(entry: Entry, place: str, places: dict[str, str]) -> None:
    if entry.path.split("/", 1)[0].upper() == "DICOMDIR":
        raise UsageError("the name DICOMDIR is reserved", where=place, hint="PS3.10 8.6")
    if entry.path in places:
        raise UsageError(f"`{entry.path}` is added twice", where=place, why=f"also from {places[entry.path]}")
    with entry.open() as stream:
        if stream.read(_PREAMBLE_BYTES)[128:] == b"DICM":
            raise UsageError(
                "a DICOM file cannot be added beside the file-set",
                where=place,
                why="every DICOM file must be referenced by the DICOMDIR (PS3.3 F.2.1)",
                hint="give it as a source",
            )
