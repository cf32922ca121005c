"""Converted instances wait here, in files with neutral names, until the image is written."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from mediakit.durable import no_temporary_room
from mediakit.events import Listener, Noted, silence
from mediakit.private_folder import COPIES, PrivateFolder, remove_left_behind

SPOOL = "\0spool"  # the source name of a spooled instance: no path can be spelled like this


class Scratch:
    """A file of the spool that is appended to; what was written can be read at any time."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._file = file

    def write(self, data: bytes) -> int:
        """Append bytes. Raises DoesNotFit when there is no room for them."""
        try:
            return self._file.write(data)
        except OSError as exc:
            raise no_temporary_room("images for people", exc) from exc

    def read(self, places: Iterable[tuple[int, int]]) -> Iterator[bytes]:
        """Yield the bytes at each place: where it begins and its length."""
        try:
            self._file.flush()
        except OSError as exc:
            raise no_temporary_room("images for people", exc) from exc
        with self._path.open("rb") as file:
            for begin, length in places:
                file.seek(begin)
                yield file.read(length)


class Spool:
    """A private folder, made at the first `keep` and removed at the end. Use as a context manager.

    Those that killed runs left are removed at the beginning.
    """

    def __init__(self, tell: Listener = silence) -> None:
        self._tell = tell
        self._folder: PrivateFolder | None = None
        self._count = 0
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        try:
            within = Path(tempfile.gettempdir())
        except OSError:
            return self  # there is none: who keeps something says so
        if count := remove_left_behind(within, COPIES):
            folders = "a folder" if count == 1 else f"{count} folders"
            self._tell(
                Noted(f"{folders} with copies of instances, left in {within} by a killed run: removed")
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()
        if self._folder is not None:
            self._folder.close()

    def keep(self, pieces: Iterable[bytes]) -> str:
        """Write a new file piece by piece and return its name, to be the `path` of an Instance.

        Raises DoesNotFit when there is no room for them.
        """
        try:
            name, file = self._new()
            with file:
                file.writelines(pieces)
        except OSError as exc:
            raise no_temporary_room("converted instances", exc) from exc
        return name

    def scratch(self) -> Scratch:
        """Return a new file that can be written and read at the same time. Raises DoesNotFit."""
        try:
            _, file = self._new()
        except OSError as exc:
            raise no_temporary_room("images for people", exc) from exc
        self._closing.callback(_let_go, file)
        return Scratch(Path(file.name), file)

    def _new(self) -> tuple[str, BinaryIO]:
        self._count += 1
        name = f"{self._count:06d}"
        if self._folder is None:
            self._folder = PrivateFolder(Path(tempfile.gettempdir()), COPIES)
        return name, (self._folder.path / name).open("wb")

    def open(self, name: str) -> BinaryIO:
        """Open a file of this name."""
        if self._folder is None:
            raise FileNotFoundError(name)
        return (self._folder.path / name).open("rb")


def _let_go(file: BinaryIO) -> None:
    """Close a file that goes away: what it could not write for lack of room is of no use any more."""
    with suppress(OSError):
        file.close()
