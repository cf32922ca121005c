"""A folder as a destination: each instance a file `STUDY/SERIES/INSTANCE.dcm` named by its UIDs.

A file appears whole or not at all, and none is ever replaced. No link inside the folder is followed. A killed
run can leave a `.mediakit-XXXXXXXX.part`: nothing of the patient is in its name.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

from mediakit.destinations.address import Proofs
from mediakit.destinations.base import (
    CHUNK_BYTES,
    Chunk,
    Context,
    Destination,
    Lost,
    Meanwhile,
    Payload,
    Unreachable,
    nothing,
)
from mediakit.destinations.options import Options, Setting
from mediakit.dicom.instance_names import SUFFIX, is_name, name_of
from mediakit.durable import write_all
from mediakit.errors import UsageError
from mediakit.open_folder import OpenFolder
from mediakit.transfer.outgoing import Answer, Outgoing, StatusClass
from mediakit.unfinished import hidden_name

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
# What stands in the way of one instance and not of the next.
_OF_ONE: Final = frozenset(
    {errno.EFBIG, errno.ENAMETOOLONG, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.ELOOP}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderAddress:
    """A folder, as written: dir:PATH."""

    path: Path

    def __str__(self) -> str:
        return f"dir:{self.path}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return what `dir:PATH` means; a path may hold any character but NUL. Raises UsageError."""
        path = text.partition(":")[2]
        if not path or "\0" in path:
            raise UsageError("`dir:` needs a folder", hint="for example dir:/srv/dicom/incoming")
        return cls(path=Path(path))

    def taken_from(self, folder: Path) -> Self:
        """Return it from the root on, `~` replaced. Raises UsageError for a user that is not known."""
        try:
            return replace(self, path=folder.absolute() / self.path.expanduser())
        except RuntimeError as exc:
            raise UsageError("the home folder is not known", where=str(self.path)) from exc

    def check(self, options: Options) -> None:
        """Raise UsageError for any option."""
        options.check_only((), str(self), "a folder has no options")

    def settings(self, options: Options) -> Iterator[Setting]:
        """Yield what is set: nothing."""
        return options.settings()

    def destination(self, options: Options) -> Destination:  # noqa: ARG002 - it has none
        """Return the folder."""
        return FolderDestination(self.taken_from(Path()).path)

    def proofs(self, options: Options) -> Proofs:  # noqa: ARG002 - as above
        """Return none: what is written to a folder is there, and nobody can be asked."""
        return Proofs()


class FolderDestination:
    """A folder that takes every instance."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._naming = threading.Lock()  # between looking for a name and taking it

    @property
    def name(self) -> str:
        """Return "dir:PATH"."""
        return f"dir:{self._path}"

    @property
    def most_contexts(self) -> int | None:
        """Return None: nothing is negotiated."""
        return None

    def connect(self, contexts: Sequence[Context]) -> FolderSession:  # noqa: ARG002 - it takes everything
        """Return a session; the folder is made when only it is missing. Raises Unreachable."""
        try:
            with suppress(FileExistsError):
                self._path.mkdir()
            if not stat.S_ISDIR(self._path.stat().st_mode):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            return FolderSession(OpenFolder.at(self._path), self._naming)
        except (OSError, ValueError) as exc:
            raise self._unreachable(exc) from exc

    def verify(self) -> str:
        """Write a file and take it away again; say so. A folder that is missing does not stay.

        Raises Unreachable.
        """
        try:
            if not os.path.lexists(self._path) and self._path.parent.is_dir():
                self._path.mkdir()  # nothing else shows for certain whether that is allowed
                with suppress(OSError):  # somebody else may use it already
                    self._path.rmdir()
                return "does not exist yet and will be made"
            with closing(OpenFolder.at(self._path)) as folder:
                probe = hidden_name()
                os.close(folder.create(probe))
                folder.remove(probe)
        except (OSError, ValueError) as exc:
            raise self._unreachable(exc) from exc
        return "can be written to"

    def _unreachable(self, exc: OSError | ValueError) -> Unreachable:
        why = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
        hint = "name a folder that exists and can be written to"
        return Unreachable("the folder cannot be used", where=self.name, why=why, hint=hint)


class _TargetFailed(Exception):  # noqa: N818 - never leaves this module
    """The folder failed, not the medium."""

    def __init__(self, cause: OSError) -> None:
        super().__init__()
        self.cause = cause


class FolderSession:
    """An open folder. For one thread; several sessions may write to one folder at the same time."""

    def __init__(self, root: OpenFolder, naming: threading.Lock) -> None:
        self._root: OpenFolder | None = root
        self._naming = naming
        self._last: tuple[tuple[str, ...], OpenFolder] | None = None

    def takes(self, sop_class: str) -> frozenset[str] | None:  # noqa: ARG002 - everything
        """Return None: any transfer syntax."""
        return None

    def refusal(self, sop_class: str) -> str:  # noqa: ARG002 - as above
        """Return "": nothing is negotiated."""
        return ""

    def send(self, item: Outgoing, payload: Payload, meanwhile: Meanwhile = nothing) -> Answer:  # noqa: ARG002
        """Write one file; see `Session`. A file that is there is compared with it, byte for byte."""
        if self._root is None:
            raise Lost("the folder is closed")
        names, words = _names(item)
        try:
            answer = self._put(names, payload)
        except _TargetFailed as failed:
            return self._answer_to(failed.cause)
        return Answer(
            kind=answer.kind,
            words="; ".join(filter(None, (answer.words, words))),
            is_there=answer.is_there,
            is_unequal=answer.is_unequal,
        )

    def close(self) -> None:
        """Let go of the folder."""
        root, self._root = self._root, None
        last, self._last = self._last, None
        for place in (last[1] if last else None, root):
            if place is not None:
                with suppress(OSError):
                    place.close()

    def abort(self) -> None:
        """Do nothing: what is written to a folder ends by itself."""

    def _put(self, names: tuple[str, str, str], payload: Payload) -> Answer:
        *folders, name = names
        with _folder_errors():
            place = self._folder(tuple(folders))
            found = place.look_up(name)
        if found is not None:
            return _compared(place, name, found, payload)
        part = hidden_name()
        try:
            _write(place, part, payload)
            with _folder_errors(), self._naming:
                is_new = place.take_name(part, place, name)
            if is_new:
                with _folder_errors():
                    place.sync()
                return Answer(kind=StatusClass.SUCCESS)
        finally:
            with suppress(OSError):
                place.remove(part)
        with _folder_errors():  # somebody else was quicker
            found = place.look_up(name)
        return Answer(kind=StatusClass.REFUSED) if found is None else _compared(place, name, found, payload)

    def _answer_to(self, exc: OSError) -> Answer:
        """Return the answer for a failed write. Raises Lost when the folder itself is gone or broken."""
        why = exc.strerror or type(exc).__name__
        if exc.errno in _FULL:
            return Answer(kind=StatusClass.REFUSED, words=f"there is no room: {why}")
        if exc.errno in _OF_ONE:
            return Answer(kind=StatusClass.ERROR, words=f"the file cannot be written: {why}")
        where = self._root.path if self._root else ""
        raise Lost("the folder cannot be written to any more", where=where, why=why) from exc

    def _folder(self, names: tuple[str, ...]) -> OpenFolder:
        """Return an open folder below the root, made where it is missing; the last one is kept open."""
        if self._last is not None:
            if self._last[0] == names:
                return self._last[1]
            self._last[1].close()
            self._last = None
        assert self._root is not None  # noqa: S101 - `send` looked
        place = self._root
        for name in names:
            try:
                deeper = place.inside(name)
            finally:
                if place is not self._root:
                    place.close()
            place = deeper
        self._last = (names, place)
        return place


def _names(item: Outgoing) -> tuple[tuple[str, str, str], str]:
    """Return folder, folder and file name of an instance, and a word on each name that was made up."""
    words = []
    for title, uid in (
        ("Study Instance UID", item.study),
        ("Series Instance UID", item.series),
        ("SOP Instance UID", item.sop_instance),
    ):
        if not is_name(uid):
            words.append(f"the {title} is {'not a UID' if uid else 'missing'}, the name is {name_of(uid)}")
    names = (name_of(item.study), name_of(item.series), f"{name_of(item.sop_instance)}{SUFFIX}")
    return names, "; ".join(words)


@contextmanager
def _folder_errors() -> Iterator[None]:
    """Tell errors of the folder from those of the medium."""
    try:
        yield
    except OSError as exc:
        raise _TargetFailed(exc) from exc


def _write(place: OpenFolder, part: str, payload: Payload) -> None:
    """Write the file whole and sync it. Errors of the payload pass through."""
    with _folder_errors():
        fd = place.create(part)
    try:
        for chunk in _content(payload):
            with _folder_errors():
                write_all(fd, chunk)
        with _folder_errors():
            os.fsync(fd)
    finally:
        os.close(fd)


def _content(payload: Payload) -> Iterator[Chunk]:
    yield payload.head
    yield from payload.data_set()


def _compared(place: OpenFolder, name: str, found: os.stat_result, payload: Payload) -> Answer:
    """Return the answer for a name that is taken: it holds the same bytes, or others."""
    if not stat.S_ISREG(found.st_mode):
        return Answer(kind=StatusClass.ERROR, words="the name is taken by something that is no file")
    if found.st_size != len(payload.head) + payload.data_set_bytes or not _is_equal(place, name, payload):
        return Answer(kind=StatusClass.ERROR, words="another file has the name", is_unequal=True)
    return Answer(kind=StatusClass.SUCCESS, is_there=True)


def _is_equal(place: OpenFolder, name: str, payload: Payload) -> bool:
    with _folder_errors():
        fd = place.open_file(name)
    with os.fdopen(fd, "rb", buffering=CHUNK_BYTES) as there:
        for chunk in _content(payload):
            with _folder_errors():
                same = there.read(len(chunk)) == chunk
            if not same:
                return False
        with _folder_errors():
            return there.read(1) == b""
