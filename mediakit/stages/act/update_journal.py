"""What is under way in a folder that is updated in place: kept off the medium, for a later run.

A killed update leaves files that no directory names, or files that the new directory no longer names. The
next update of the same file-set at the same place finds the journal and takes them away: those that are still
what the journal says, never another file that has the name of one.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import msgspec

from mediakit.dicom.instance import shown
from mediakit.durable import new_file, write_all
from mediakit.errors import UsageError, mapped
from mediakit.fileset.decode import decode
from mediakit.fileset.removal import Completed
from mediakit.findings import Finding, Rule, Severity, Where
from mediakit.formats.in_place import open_in, put_over, take_away
from mediakit.ledger.lock import Lock
from mediakit.secure.checksums import SHA_256
from mediakit.stages.look.media import sha256_of
from mediakit.unfinished import locked

CLEANED = Rule(
    id="MK-UPD-012",
    severity=Severity.WARNING,
    title="an earlier update was interrupted {when} its directory was in place: {count:file|files} of it "
    "removed",
    ref="PS3.10 8.6",
    hint="nothing needs to be done",
)
LEFT = Rule(
    id="MK-UPD-013",
    severity=Severity.WARNING,
    title="an earlier update was interrupted, and {count:file|files} of it may be left on the medium, "
    "such as {example}",
    ref="PS3.10 8.6",
    hint="the next update of the medium removes them, unless its directory was changed meanwhile",
)
NOT_OURS = Rule(
    id="MK-UPD-018",
    severity=Severity.WARNING,
    title="has the name of a file that an interrupted update had written or was to remove, and is another "
    "one; it is left as it is",
    ref="PS3.10 8.6",
    hint="look at the file; delete it yourself when it is not wanted",
)

_HEAD_BYTES = 512  # of a DICOM file: the File Meta Information as far as the SOP Instance UID
_DIRECTORY_BYTES = 512 * 1024 * 1024


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A file, and how to know it again.

    `head` is the SHA-256 (hex) of its first `_HEAD_BYTES`, `sha256` that of all its `size` bytes. Without
    `sha256` it may be only the beginning that was written. A file that could not be read has neither.
    """

    path: str
    size: int
    head: str = ""
    sha256: str = ""

    def fits(self, stream: BinaryIO) -> bool:
        """Return True when a file that was opened is this one. Raises OSError."""
        size = os.fstat(stream.fileno()).st_size
        if self.sha256:
            return size == self.size and sha256_of(stream) == self.sha256
        return size == 0 or (size <= self.size and SHA_256.of(stream.read(_HEAD_BYTES)) == self.head)


def mark_of_new(path: str, size: int, stream: BinaryIO) -> Mark:
    """Return the mark of a file that is going to be written. Raises what reading raises."""
    return Mark(path=path, size=size, head=SHA_256.of(stream.read(min(size, _HEAD_BYTES))))


def mark_of_old(root: Path, path: str) -> Mark:
    """Return the mark of a file that is going to be removed; all of it is read."""
    try:
        stream = open_in(root, path)
        if stream is not None:
            with stream:
                return Mark(path=path, size=os.fstat(stream.fileno()).st_size, sha256=sha256_of(stream))
    except OSError:
        pass  # it is removed all the same; only a later run does not touch it
    return Mark(path=path, size=0)


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """An update that has begun. `before` and `after` are the SHA-256 (hex) of both directories.

    `asked` are the keys of what is to be removed (`fileset.removal.Asked`). `renamed` has those of `added`
    that get other names when the directory is in place: the path as it is written, and the one that it gets.
    """

    before: str
    after: str
    temporary: Mark
    added: list[Mark]
    removed: list[Mark]
    asked: list[str]
    renamed: list[tuple[str, str]] = []

    def names_of(self, marks: Sequence[Mark]) -> list[tuple[str, str]]:
        """Return the old and new paths of some that are renamed."""
        paths = {mark.path for mark in marks}
        return [(old, new) for old, new in self.renamed if old in paths]


class Journal:
    """The journal of one file-set at one place, held by one process.

    `completed` is known after `clean_up` or `rehearse`.
    """

    completed = Completed()

    def __init__(self, path: Path | None, root: Path) -> None:
        """Use `journal_of`; without a path nothing is remembered."""
        self._path = path
        self._root = root

    @property
    def remembers(self) -> bool:
        """Return True when what is begun is written down."""
        return self._path is not None

    def begin(self, begun: Begun) -> None:
        """Remember what is going to be done, before it is. Raises MediakitError."""
        if self._path is not None:
            with new_file(self._path, overwrite=True, mode=0o600) as fd:
                write_all(fd, msgspec.json.encode(begun))

    def end(self) -> None:
        """Forget it: nothing is left over."""
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink()

    def begun(self) -> Begun | None:
        """Return what an earlier run did not bring to its end, or None."""
        if self._path is None:
            return None
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Begun)
        except (OSError, msgspec.DecodeError):
            return None

    def clean_up(self) -> Iterator[Finding]:
        """Take away what an earlier run left over. Raises OSError."""
        begun = self.begun()
        if begun is None:
            return
        now = SHA_256.of(directory_in(self._root))
        if now not in {begun.before, begun.after}:
            yield self._left(begun)
            self.end()
            return
        is_old = now == begun.before
        if not is_old:
            self.completed = Completed(frozenset(begun.asked))
        new = {path for path, _ in begun.renamed}
        staged = [mark for mark in begun.added if mark.path in new]
        left = [begun.temporary, *(begun.added if is_old else begun.removed)]
        if not is_old:
            if put_over(self._root, begun.names_of([one for one in staged if self._is_ours(one)])):
                yield self._left(begun)
                return
            left += staged  # their folders, and what is not ours
        there = [mark for mark in left if os.path.lexists(self._root / mark.path)]
        others = [mark.path for mark in there if not self._is_ours(mark)]
        for path in others:
            yield NOT_OURS.at(Where(path=shown(str(self._root), path)))
        if take_away(self._root, [mark.path for mark in left if mark.path not in others]):
            yield self._left(begun)
            return
        self.end()
        when = "before" if is_old else "after"
        yield CLEANED.at(Where(path=str(self._root)), when=when, count=len(there) - len(others))

    def rehearse(self) -> Iterator[Finding]:
        """Say what `clean_up` would find."""
        begun = self.begun()
        if begun is not None:
            if SHA_256.of(directory_in(self._root)) == begun.after:
                left = frozenset(mark.path for mark in begun.removed)
                self.completed = Completed(frozenset(begun.asked), left)
            yield self._left(begun)

    def _is_ours(self, mark: Mark) -> bool:
        try:
            stream = open_in(self._root, mark.path)
            if stream is None:
                return False
            with stream:
                return mark.fits(stream)
        except OSError:  # what cannot be read is not known to be ours
            return False

    def _left(self, begun: Begun) -> Finding:
        marks = begun.added or begun.removed or [begun.temporary]
        count = max(len(begun.added), len(begun.removed), 1)
        return LEFT.at(Where(path=str(self._root)), count=count, example=ascii(marks[0].path))


@contextmanager
def journal_of(root: Path, state: Path | None, *, writes: bool) -> Iterator[Journal]:
    """Give the journal of a folder, locked against another update when this one `writes`.

    Raises UsageError when another process updates it, or the folder of the journals cannot be used.
    """
    if state is None:
        yield Journal(None, root)
        return
    name = journal_name(root)
    if not writes:
        yield Journal(state / f"{name}.json", root)
        return
    with mapped({OSError: UsageError}, "the folder for what is under way cannot be used", str(state)):
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            lock = Lock(state / f"{name}.lock")
        except BlockingIOError as exc:
            raise _busy(root) from exc
    try:
        yield Journal(state / f"{name}.json", root)
    finally:
        lock.release()


@contextmanager
def held_alone(medium: Path) -> Iterator[None]:
    """Hold a medium that is going to be changed, from before it is read until the change is done.

    The lock is on the file or folder itself: an update of another user, or by another path, meets it too.
    What is not there is for others to find. Raises UsageError when another update holds it or replaced it.
    """
    fd = None
    try:
        fd = locked(medium.resolve())
    except (BlockingIOError, FileNotFoundError) as exc:
        if medium.exists():
            raise _busy(medium) from exc
    try:
        yield
    finally:
        if fd is not None:
            os.close(fd)


def _busy(medium: Path) -> UsageError:
    hint = "wait until it has ended, then run this again"
    return UsageError("another update of it is under way", where=str(medium), hint=hint)


def journal_name(root: Path) -> str:
    """Return the name of the journal: made of the File-set UID and the place of the folder."""
    uid = decode(directory_in(root)).directory.file_set_uid
    return hashlib.sha256(f"{uid}\n{os.path.realpath(root)}".encode("utf-8", "surrogateescape")).hexdigest()[
        :32
    ]


def directory_in(root: Path) -> bytes:
    """Return the DICOMDIR in the root of a folder, b"" when there is none that can be read."""
    try:
        named = [name for name in os.listdir(root) if name.upper() == "DICOMDIR"]  # noqa: PTH208 - names alone
        with (root / named[0]).open("rb") as stream:
            return stream.read(_DIRECTORY_BYTES)
    except (OSError, IndexError):
        return b""
