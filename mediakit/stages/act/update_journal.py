"""What is under way in a folder that is updated in place: kept off the medium, for a later run.

A killed update leaves files that no directory names, or files that the new directory no longer names. The
next update of the same file-set at the same place finds the journal and takes them away.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from mediakit.durable import new_file, write_all
from mediakit.errors import UsageError, mapped
from mediakit.fileset.decode import decode
from mediakit.findings import Finding, Rule, Severity, Where
from mediakit.formats.in_place import take_away
from mediakit.ledger.lock import Lock

CLEANED = Rule(
    id="MK-UPD-012",
    severity=Severity.NOTE,
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

_DIRECTORY_BYTES = 512 * 1024 * 1024


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """An update that has begun. `before` and `after` are the SHA-256 (hex) of both directories."""

    before: str
    after: str
    temporary: str
    added: list[str]
    removed: list[str]


class Journal:
    """The journal of one file-set at one place, held by one process."""

    def __init__(self, path: Path | None, root: Path) -> None:
        """Use `journal_of`; without a path nothing is remembered."""
        self._path = path
        self._root = root

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
        now = _sha256_of(directory_in(self._root))
        if now not in {begun.before, begun.after}:
            yield self._left(begun)
            self.end()
            return
        left = [begun.temporary, *begun.added] if now == begun.before else [begun.temporary, *begun.removed]
        there = [path for path in left if os.path.lexists(self._root / path)]
        if take_away(self._root, left):
            yield self._left(begun)
            return
        self.end()
        when = "before" if now == begun.before else "after"
        yield CLEANED.at(Where(path=str(self._root)), when=when, count=len(there))

    def rehearse(self) -> Iterator[Finding]:
        """Say what `clean_up` would find."""
        begun = self.begun()
        if begun is not None:
            yield self._left(begun)

    def _left(self, begun: Begun) -> Finding:
        paths = begun.added or begun.removed or [begun.temporary]
        count = max(len(begun.added), len(begun.removed), 1)
        return LEFT.at(Where(path=str(self._root)), count=count, example=ascii(paths[0]))


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
            hint = "wait until it has ended"
            raise UsageError("another update of it is under way", where=str(root), hint=hint) from exc
    try:
        yield Journal(state / f"{name}.json", root)
    finally:
        lock.release()


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


def _sha256_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
