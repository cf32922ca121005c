"""Converted instances wait here, in files with neutral names, until the image is written."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from mediakit.durable import no_temporary_room

SPOOL = "\0spool"  # the source name of a spooled instance: no path can be spelled like this


class Spool:
    """A private folder, made at the first `keep` and removed at the end. Use as a context manager."""

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._folder is not None:
            self._folder.cleanup()

    def keep(self, pieces: Iterable[bytes]) -> str:
        """Write a new file piece by piece and return its name, to be the `path` of an Instance.

        Raises DoesNotFit when there is no room for them.
        """
        self._count += 1
        name = f"{self._count:06d}"
        try:
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="mediakit-")
            with (Path(self._folder.name) / name).open("wb") as file:
                file.writelines(pieces)
        except OSError as exc:
            raise no_temporary_room("converted instances", exc) from exc
        return name

    def open(self, name: str) -> BinaryIO:
        """Open a file of this name."""
        if self._folder is None:
            raise FileNotFoundError(name)
        return (Path(self._folder.name) / name).open("rb")
