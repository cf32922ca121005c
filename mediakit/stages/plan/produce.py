"""Producers: further content of a medium that is made from its layout, before sizes and capacity count.

A producer is a function from the layout (every File ID is assigned) to entries. Their sizes must be true.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import BinaryIO

from mediakit.errors import IntegrityError
from mediakit.fileset.plan import DICOMDIR, ExtraFile, FileSetLayout
from mediakit.formats.base import Entry

Producer = Callable[[FileSetLayout], Sequence[Entry]]

MANIFEST = "MANIFEST.TXT"
_HEX_DIGITS = 64


def produced(laid_out: FileSetLayout, producers: Sequence[Producer]) -> tuple[Entry, ...]:
    """Return what the producers make, each knowing what those before it made."""
    made: list[Entry] = []
    for produce in producers:
        seen = (*laid_out.extra, *(ExtraFile(entry.path, entry.size) for entry in made))
        made += produce(replace(laid_out, extra=seen))
    return tuple(made)


def manifest(laid_out: FileSetLayout) -> Sequence[Entry]:
    """Return MANIFEST.TXT: the SHA-256 of every other file, in the form that `sha256sum -c` reads.

    It must be the last entry: it is made of the hashes of what was written before.
    """
    paths = (
        DICOMDIR,
        *(str(file.file_id) for file in laid_out.files),
        *(extra.path for extra in laid_out.extra),
    )
    size = sum(len(_line("0" * _HEX_DIGITS, path)) for path in paths)
    return (Entry(MANIFEST, size, _only_from_hashes, partial(_content, paths)),)


def _content(paths: Sequence[str], hashes: Mapping[str, str]) -> bytes:
    return b"".join(_line(hashes[path], path) for path in paths)


def _line(sha256: str, path: str) -> bytes:
    """Return one line; names with a backslash or a line break are escaped, and the line says so."""
    escaped = path.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    mark = "\\" if escaped != path else ""
    return f"{mark}{sha256}  {escaped}\n".encode("utf-8", "surrogateescape")


def _only_from_hashes() -> BinaryIO:
    raise IntegrityError(
        "the manifest was asked for before the files were hashed", hint="please report this error"
    )
