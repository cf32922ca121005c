"""The file that a File ID means, on media whose names are not quite those of the directory.

A Referenced File ID and a name on the medium may differ in case, by an extension, by ";1" or a dot at the
end, by the separator, or because the medium shows the file under other names as well. Pure: paths in,
paths out. What is found is always one of the paths given, so nothing outside the medium can be meant.
Names that were cut to 8.3 ("IM0000~1") are not guessed at: they may be those of another file.
Source: PS3.10 8.2, 8.5; PS3.12 F.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum

from msgspec import Struct

from mediakit.fileset.record import FileRef


class Difference(StrEnum):
    """How the name on the medium differs from the File ID. A match may have several."""

    CASE = "case"  # lower case on the medium, or in the File ID
    EXTENSION = "extension"  # ".dcm" on the medium, or in the File ID
    VERSION = "version"  # ";1", or a dot at the end
    SEPARATOR = "separator"  # "/" inside a component, doubled, leading or trailing separators
    OTHER_NAME = "other-name"  # found by its Joliet, Rock Ridge or long name
    LEADING = "leading"  # the File ID names folders above the root of the file-set, or begins with "."


class Match(Struct, frozen=True):
    """The file that a File ID means: its path as given, and how its name differs (nothing when exact)."""

    path: str
    differences: frozenset[Difference] = frozenset()


_File = tuple[str, tuple[str, ...]]  # its path, and its other names
_Index = dict[str, "_Named | None"]  # None: several files are meant equally well

_MAX_COMPONENTS = 64  # 8 are legal; what has more is not looked up
_MAX_VERSIONS = 4  # "DICOMDIR.;1.;1" is met
_LEFT = 2  # components that must be left when folders above the root are taken off
_DICOM_EXTENSIONS = (".DCM", ".DIC", ".DICOM", ".IMA")
_MAX_EXTENSION = 8
_LETTER = re.compile(r"[A-Za-z]")
_VERSION = re.compile(r";[0-9]{1,5}\Z")
_NO_FOLDER = {"": Difference.SEPARATOR, ".": Difference.LEADING}
# A name without any of these is its own plain form, but for the case.
_ODD = re.compile(r"[;:\\]|//|\./|\.\.|\.\Z|\A[./]|/\Z")


class Names:
    """The names of a medium, to look File IDs up in. Each look-up takes constant time.

    With `base`, the folder that holds the DICOMDIR, File IDs are looked up below it first: people copy whole
    discs into folders. What is found from the root of the medium then is `LEADING`.
    """

    def __init__(self, files: Iterable[_File], base: str = "") -> None:
        """`files` are path and other names of every file ("/" between components)."""
        self._files = tuple(files)
        self._near = _Folder(self._files, base)
        self._base = base
        self._far: _Folder | None = None

    def find(self, reference: FileRef) -> Match | None:
        """Return the one file that the reference means; None when there is none, or several equally well."""
        if reference.file_id is None:
            return self._first(_readings(reference.raw_file_id))
        text = reference.file_id.path
        path = self._near.exact.get(text)
        if path is not None:
            return Match(path)
        return self._find(_Asked(text, reference.file_id.parts))

    def find_path(self, path: str) -> Match | None:
        """Return the one file that a path means ("DICOMDIR" is looked up so); None as in `find`."""
        return self._first((_asked(path.split("/")),))

    def _first(self, readings: Iterable[_Asked | None]) -> Match | None:
        for asked in readings:
            if asked is not None and (match := self._find(asked)) is not None:
                return match
        return None

    def _find(self, asked: _Asked) -> Match | None:
        match = self._near.find(asked)
        if match is not None or not self._base:
            return match
        if self._far is None:
            self._far = _Folder(self._files, "")
        match = self._far.find(asked)
        return None if match is None else Match(match.path, match.differences | {Difference.LEADING})


class _Asked(Struct, frozen=True):
    """What is looked for: `text` as it stands, with "/" between components, and its plain `parts`.

    `of_text` and `of_parts` say how far each of them is from what was asked. `is_anchored`: it begins with a
    drive, a server or a separator, so folders of another computer may follow.
    """

    text: str
    parts: tuple[str, ...]
    of_text: frozenset[Difference] = frozenset()
    of_parts: frozenset[Difference] = frozenset()
    is_anchored: bool = False

    def shorter(self) -> Iterator[_Asked]:
        """Yield this name, then without one, two ... of the folders above the root of the file-set."""
        yield self
        if self.is_anchored:
            for begin in range(1, len(self.parts) - _LEFT + 1):
                rest = self.parts[begin:]
                yield _Asked("/".join(rest), rest, of_parts=self.of_parts | {Difference.LEADING})


class _Named(Struct, frozen=True):
    """One name of the file at `path`; `is_other` when it is not the path itself."""

    path: str
    name: str
    is_other: bool


class _Folder:
    """The names below one folder of a medium. What only odd names need is made at the first odd name."""

    def __init__(self, files: tuple[_File, ...], base: str) -> None:
        self._prefix = f"{base}/" if base else ""
        self._files = files
        cut = len(self._prefix)
        if cut:
            files = self._files = tuple(one for one in files if one[0].startswith(self._prefix))
        self.exact = {path[cut:]: path for path, _ in files}
        self._others: _Index | None = None
        self._plain: _Index = {}
        self._loose: _Index | None = None

    def find(self, asked: _Asked) -> Match | None:
        """Return the file that is meant at the first level at which there is any; None when it is not one."""
        path = self.exact.get(asked.text)
        if path is not None:
            return Match(path, asked.of_text)
        if self._others is None:
            self._others = _index((named.name, named) for named in self._other_names())
            self._plain = self._index_plain()
        if asked.text in self._others:
            other = self._others[asked.text]
            return None if other is None else Match(other.path, asked.of_text | {Difference.OTHER_NAME})
        for shorter in asked.shorter():
            for found in self._levels("/".join(shorter.parts).upper()):
                if found:
                    return _match(shorter, found)
        return None

    def _levels(self, key: str) -> Iterator[list[_Named | None]]:
        """Yield what is meant by a plain name in upper case, the nearest first."""
        yield self._held(self._plain, key)
        yield self._held(self._plain, *_extended(key))
        if self._loose is None:
            self._loose = self._index_loose()
        yield self._held(self._loose, key)
        yield self._held(self._plain, key.replace(".", "/"))

    @staticmethod
    def _held(index: _Index, *keys: str) -> list[_Named | None]:
        return [index[key] for key in keys if key in index]

    def _primary_names(self) -> Iterator[_Named]:
        for name, path in self.exact.items():
            yield _Named(path, name, is_other=False)

    def _other_names(self) -> Iterator[_Named]:
        depth = self._prefix.count("/")
        for path, also in self._files:
            for name in also:
                yield _Named(path, name.split("/", depth)[-1] if depth else name, is_other=True)

    def _index_plain(self) -> _Index:
        others = _index((_key(named.name), named) for named in self._other_names())
        return others | _index((_key(named.name), named) for named in self._primary_names())

    def _index_loose(self) -> _Index:
        """Return the names with an extension or dots, by what they are without."""
        dotted = [(key, named) for key, named in self._plain.items() if "." in key]
        stems = _index((_stem(key), named) for key, named in dotted)
        return _index((key.replace(".", "/"), named) for key, named in dotted) | stems


def _index(names: Iterable[tuple[str | None, _Named | None]]) -> _Index:
    index: _Index = {}
    for key, named in names:
        if key is None:
            continue
        held = index.setdefault(key, named)
        if held is not named and (held is None or named is None or held.path != named.path):
            index[key] = None
    return index


def _match(asked: _Asked, found: list[_Named | None]) -> Match | None:
    first = found[0]
    if first is None or any(other is None or other.path != first.path for other in found[1:]):
        return None
    name = first.name
    differences = set(asked.of_parts)
    if first.is_other:
        differences.add(Difference.OTHER_NAME)
    if _ODD.search(name) and (odd := _asked(name.split("/"))) is not None:
        differences |= odd.of_parts
        name = "/".join(odd.parts)
    return Match(first.path, frozenset(differences | _unlike("/".join(asked.parts), name)))


def _unlike(one: str, other: str) -> set[Difference]:
    """Return how two plain names differ that mean one file."""
    differences = set()
    if one.upper() != other.upper():
        if _stem(one.upper()) == other.upper():
            one = one.rpartition(".")[0]
            differences.add(Difference.EXTENSION)
        elif _stem(other.upper()) == one.upper():
            other = other.rpartition(".")[0]
            differences.add(Difference.EXTENSION)
        else:
            one, other = one.replace(".", "/"), other.replace(".", "/")
            differences.add(Difference.SEPARATOR)
    if one != other:
        differences.add(Difference.CASE)
    return differences


def _extended(key: str) -> tuple[str, ...]:
    """Return a name without its extension; one that has none with those of DICOM files."""
    stem = _stem(key)
    return tuple(key + extension for extension in _DICOM_EXTENSIONS) + (() if stem is None else (stem,))


def _stem(key: str) -> str | None:
    """Return a name without its extension; None when it has none.

    Behind a name with dots only letters are an extension: "1.2.840.1" and "1.2.840.2" are different files.
    """
    stem, _, extension = key.rpartition(".")
    name = stem.rpartition("/")[2]
    if not name or not 1 <= len(extension) <= _MAX_EXTENSION or "/" in extension:
        return None
    return stem if "." not in name or _LETTER.search(extension) else None


def _key(name: str) -> str | None:
    """Return the plain form of a name in upper case; None when no File ID can mean it."""
    if _ODD.search(name) is None:
        return name.upper()
    asked = _asked(name.split("/"))
    return None if asked is None else "/".join(asked.parts).upper()


def _readings(raw: bytes) -> Iterator[_Asked | None]:
    """Yield what the bytes of an illegal File ID may say; names on media are UTF-8 or Latin-1."""
    value = raw.rstrip(b" \0")
    if not value or value.count(b"\\") + value.count(b"/") >= _MAX_COMPONENTS:
        return
    yield _asked([part.strip(" ") for part in value.decode("utf-8", "surrogateescape").split("\\")])
    if not value.isascii():
        yield _asked([part.strip(" ") for part in value.decode("latin-1").split("\\")])


def _asked(components: list[str]) -> _Asked | None:
    """Return the plain form of a name; None when it leads up, or to nothing.

    Components should not hold a separator, be empty, "." or a drive, or end with a version or a dot.
    """
    text = "/".join(components)
    pieces = text.replace("\\", "/").split("/")
    if len(pieces) > _MAX_COMPONENTS:
        return None
    of_text = frozenset({Difference.SEPARATOR} if len(components) <= text.count("/") else ())
    differences = {Difference.SEPARATOR} if len(pieces) != len(components) else set()
    is_anchored = pieces[0] == "" or pieces[0][1:2] == ":" or pieces[0].endswith(":")
    if is_anchored and pieces[0]:
        pieces[:1] = [".", pieces[0].rpartition(":")[2] or "."]
    parts = []
    for piece in pieces:
        if piece in _NO_FOLDER:
            differences.add(_NO_FOLDER[piece])
            continue
        part = _unversioned(piece)
        if ":" in part or not part.strip(". "):
            return None  # "..", a drive within the name, or nothing
        if part != piece:
            differences.add(Difference.VERSION)
        parts.append(part)
    return _Asked(text, tuple(parts), of_text, frozenset(differences), is_anchored) if parts else None


def _unversioned(piece: str) -> str:
    for _ in range(_MAX_VERSIONS):
        shorter = _VERSION.sub("", piece).rstrip(".")
        if shorter == piece:
            break
        piece = shorter
    return piece
