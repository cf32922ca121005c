"""A folder as a destination: each instance a file `STUDY/SERIES/INSTANCE.dcm` named by its UIDs.

A file appears whole or not at all, and none is ever replaced. No link inside the folder is followed. A killed
run can leave a `.mediakit-XXXXXXXX.part`: nothing of the patient is in its name.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import stat
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
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
from mediakit.errors import UsageError
from mediakit.transfer.outgoing import Answer, Outgoing, StatusClass

_UID = re.compile(r"[0-9]+(?:\.[0-9]+)*", re.ASCII)
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
# What stands in the way of one instance and not of the next.
_OF_ONE: Final = frozenset(
    {errno.EFBIG, errno.ENAMETOOLONG, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.ELOOP}
)
_HAS_DIR_FD: Final = os.open in os.supports_dir_fd and os.link in os.supports_dir_fd
_FOLDER_FLAGS: Final = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0)
_FILE_FLAGS: Final = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0) | _NO_LINK


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
            return FolderSession(_opened_root(self._path), self._naming)
        except (OSError, ValueError) as exc:
            raise self._unreachable(exc) from exc

    def verify(self) -> str:
        """Write a file and take it away again; say so. A folder that is missing does not stay.

        Raises Unreachable.
        """
        try:
            if not os.path.lexists(self._path) and self._path.parent.is_dir():
                self._path.mkdir()  # what nothing else tells for certain
                with suppress(OSError):  # somebody else may use it already
                    self._path.rmdir()
                return "does not exist yet and will be made"
            probe = self._path / f".mediakit-{secrets.token_hex(4)}.part"
            fd = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FILE_FLAGS, 0o600)
            try:
                os.close(fd)
            finally:
                probe.unlink()
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


@dataclass(frozen=True, slots=True)
class _Place:
    """An open folder: by descriptor where the system can, so that no link put there later leads elsewhere."""

    path: str
    fd: int | None

    def of(self, name: str) -> str:
        """Return what to call a name in this folder, together with `dir_fd=self.fd`."""
        return name if self.fd is not None else os.path.join(self.path, name)  # noqa: PTH118 - for os.open

    def close(self) -> None:
        if self.fd is not None:
            os.close(self.fd)


class FolderSession:
    """An open folder. For one thread; several sessions may write to one folder at the same time."""

    def __init__(self, root: _Place, naming: threading.Lock) -> None:
        self._root: _Place | None = root
        self._naming = naming
        self._last: tuple[tuple[str, ...], _Place] | None = None

    def takes(self, sop_class: str) -> frozenset[str] | None:  # noqa: ARG002 - everything
        """Return None: any transfer syntax."""
        return None

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
        with _ours():
            place = self._folder(tuple(folders))
            found = _looked_up(place, name)
        if found is not None:
            return _compared(place, name, found, payload)
        part = f".mediakit-{secrets.token_hex(4)}.part"
        try:
            _write(place, part, payload)
            with _ours(), self._naming:
                is_new = _take_name(place, part, name)
            if is_new:
                with _ours():
                    _sync(place)
                return Answer(kind=StatusClass.SUCCESS)
        finally:
            with suppress(OSError):
                os.unlink(place.of(part), dir_fd=place.fd)
        with _ours():  # somebody else was quicker
            found = _looked_up(place, name)
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

    def _folder(self, names: tuple[str, ...]) -> _Place:
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
                deeper = _inside(place, name)
            finally:
                if place is not self._root:
                    place.close()
            place = deeper
        self._last = (names, place)
        return place


def _names(item: Outgoing) -> tuple[tuple[str, str, str], str]:
    """Return folder, folder and file name of an instance, and a word on each name that was made up."""
    words = []
    names = []
    for title, uid in (
        ("Study Instance UID", item.study),
        ("Series Instance UID", item.series),
        ("SOP Instance UID", item.sop_instance),
    ):
        if _UID.fullmatch(uid) and len(uid) <= 64:
            names.append(uid)
        else:
            # The same for the same value, so that the instance is found again; of no use to a path.
            digest = hashlib.sha256(uid.encode("utf-8", "surrogateescape")).hexdigest()[:16]
            names.append(f"x{digest}" if uid else "none")
            words.append(f"the {title} is {'not a UID' if uid else 'missing'}, the name is {names[-1]}")
    return (names[0], names[1], f"{names[2]}.dcm"), "; ".join(words)


@contextmanager
def _ours() -> Iterator[None]:
    """Tell errors of the folder from those of the medium."""
    try:
        yield
    except OSError as exc:
        raise _TargetFailed(exc) from exc


def _opened_root(path: Path) -> _Place:
    return _Place(str(path), os.open(path, _FOLDER_FLAGS) if _HAS_DIR_FD else None)


def _inside(parent: _Place, name: str) -> _Place:
    """Return a folder in a folder, made when it is missing. OSError when it is anything else, a link too."""
    try:
        os.mkdir(parent.of(name), 0o777, dir_fd=parent.fd)
    except FileExistsError:
        pass
    else:
        _sync(parent)
    path = os.path.join(parent.path, name)  # noqa: PTH118 - as in `_Place`
    if parent.fd is not None:
        return _Place(path, os.open(name, _FOLDER_FLAGS | _NO_LINK, dir_fd=parent.fd))
    if not stat.S_ISDIR(os.lstat(path).st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    return _Place(path, None)


def _looked_up(place: _Place, name: str) -> os.stat_result | None:
    try:
        return os.stat(place.of(name), dir_fd=place.fd, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _write(place: _Place, part: str, payload: Payload) -> None:
    """Write the file whole and sync it. Errors of the payload pass through."""
    with _ours():
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FILE_FLAGS
        fd = os.open(place.of(part), flags, 0o666, dir_fd=place.fd)
    try:
        for chunk in _content(payload):
            with _ours():
                _write_all(fd, chunk)
        with _ours():
            os.fsync(fd)
    finally:
        os.close(fd)


def _write_all(fd: int, chunk: Chunk) -> None:
    done = os.write(fd, chunk)
    while done < len(chunk):
        done += os.write(fd, memoryview(chunk)[done:])


def _content(payload: Payload) -> Iterator[Chunk]:
    yield payload.head
    yield from payload.data_set()


def _take_name(place: _Place, part: str, name: str) -> bool:
    """Give the written file its name; False when that is taken meanwhile."""
    try:  # a hard link never replaces anything; FAT and some shares have none
        os.link(place.of(part), place.of(name), src_dir_fd=place.fd, dst_dir_fd=place.fd)
    except FileExistsError:
        return False
    except OSError:
        if _looked_up(place, name) is not None:
            return False
        os.rename(place.of(part), place.of(name), src_dir_fd=place.fd, dst_dir_fd=place.fd)
    return True


def _compared(place: _Place, name: str, found: os.stat_result, payload: Payload) -> Answer:
    """Return the answer for a name that is taken: it holds the same bytes, or others."""
    if not stat.S_ISREG(found.st_mode):
        return Answer(kind=StatusClass.ERROR, words="the name is taken by something that is no file")
    if found.st_size != len(payload.head) + payload.data_set_bytes or not _is_equal(place, name, payload):
        return Answer(kind=StatusClass.ERROR, words="another file has the name", is_unequal=True)
    return Answer(kind=StatusClass.SUCCESS, is_there=True)


def _is_equal(place: _Place, name: str, payload: Payload) -> bool:
    with _ours():
        fd = os.open(place.of(name), os.O_RDONLY | _FILE_FLAGS, dir_fd=place.fd)
    with os.fdopen(fd, "rb", buffering=CHUNK_BYTES) as there:
        for chunk in _content(payload):
            with _ours():
                same = there.read(len(chunk)) == chunk
            if not same:
                return False
        with _ours():
            return there.read(1) == b""


def _sync(place: _Place) -> None:
    """Make the names in a folder durable, where the system can."""
    if place.fd is None:
        return
    try:
        os.fsync(place.fd)
    except OSError as exc:
        if exc.errno not in {errno.EINVAL, errno.ENOTSUP}:  # some network file systems refuse
            raise
