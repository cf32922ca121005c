"""Several files or folders that belong together and get their names one after the other, all or none.

When all of them stand whole under hidden names, a journal beside them says which name each gets. It is
removed when all have theirs. A run that is killed meanwhile leaves it, and the next one that writes there
gives the names that are missing. Nothing is done while somebody holds one of the hidden names (see
`unfinished`).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from enum import Enum
from pathlib import Path

import msgspec
from msgspec import Struct

from mediakit.findings import Finding, Rule, Severity, Where, printable
from mediakit.open_folder import FILE_FLAGS, NEW_FILE_FLAGS, NO_LINK, sync_folder, take_name
from mediakit.unfinished import beginning_of, is_part_of, locked, neighbour

NAMED_LATER = Rule(
    id="MK-FST-111",
    severity=Severity.WARNING,
    title="an earlier burn of {total} media was interrupted while they got their names; "
    "{count:name is|names are} given now: {names}",
    ref="PS3.10 8.6",
    hint="nothing needs to be done: the media of that burn are complete and belong together",
)
NOT_ALL_NAMED = Rule(
    id="MK-FST-112",
    severity=Severity.WARNING,
    title="a burn of {total} media was interrupted while they got their names; "
    "{count:name is|names are} not given: {names}",
    ref="PS3.10 8.6",
    hint="what has one of these names belongs to an older set; burn to the same target again: if all media "
    "of the interrupted burn are still there, they get their names first",
)

_SUFFIX = ".names"
_MOST_BYTES = 1 << 20
_MOST_JOURNALS = 16
_READ_FLAGS = os.O_RDONLY | FILE_FLAGS | NO_LINK | getattr(os, "O_NONBLOCK", 0)


class _Named(msgspec.Struct, frozen=True, kw_only=True):
    """One of them: its hidden name, the name it gets, and how to know it again under either.

    `size` is in bytes, None for a folder; `changed_ns` is when its content last changed: a new name does not
    alter that.
    """

    part: str
    name: str
    size: int | None
    changed_ns: int


class _Set(msgspec.Struct, frozen=True, kw_only=True):
    """What belongs together, in the order in which the names are given. `out` is what the user called it."""

    out: str
    overwrite: bool
    members: list[_Named]


class NamesToCome:
    """What will get its name together; see `named_together`."""

    def __init__(self, out: Path, *, overwrite: bool) -> None:
        """Use `named_together`."""
        self._out = out
        self._overwrite = overwrite
        self._members: list[_Named] = []
        self.journal: Path | None = None

    def add(self, part: Path, target: Path) -> None:
        """Count in what stands whole and synced at `part`, beside its target. Raises OSError."""
        status = part.stat()
        size = status.st_size if stat.S_ISREG(status.st_mode) else None
        changed = status.st_mtime_ns
        self._members.append(_Named(part=part.name, name=target.name, size=size, changed_ns=changed))

    def begin(self) -> None:
        """Write down which names are going to be given, before one is. Raises OSError."""
        if len(self._members) < 2:
            return
        made = _Set(out=self._out.name, overwrite=self._overwrite, members=self._members)
        path = self.journal = neighbour(self._out, _SUFFIX)
        with os.fdopen(os.open(path, NEW_FILE_FLAGS, 0o600), "wb") as stream:
            stream.write(msgspec.json.encode(made))
            stream.flush()
            os.fsync(stream.fileno())
        sync_folder(path.parent)


@contextmanager
def named_together(out: Path, *, overwrite: bool) -> Iterator[NamesToCome]:
    """Give a list of what gets its name together; the caller gives the names after its `begin`, in the block.

    `out` is the target that the user named; all of them are beside it. `overwrite`: the names may be taken.
    """
    names = NamesToCome(out, overwrite=overwrite)
    try:
        yield names
    finally:
        if names.journal is not None:
            with suppress(OSError):
                names.journal.unlink()


def names_missing(target: Path) -> Iterator[Finding]:
    """Say of a target whether it is one of several of which a killed run left some without a name."""
    for left in _left_at(target):
        with left.held() as is_free:
            if is_free and left.without_name:
                yield left.said(NOT_ALL_NAMED)


def give_names(target: Path) -> Iterator[Finding]:
    """Give the names that a killed run left to be given, and say so.

    When one of the files is gone, or a name is taken that was not to be replaced, none is given.
    """
    for left in _left_at(target):
        with left.held() as is_free:
            if not is_free:
                continue
            if not left.without_name:
                left.forget()
            elif not left.can_be_finished:
                yield left.said(NOT_ALL_NAMED)
                left.forget()
            else:
                yield left.finished()


class _Stands(Enum):
    """Where one of them stands."""

    HIDDEN = "hidden"
    NAMED = "named"
    NOWHERE = "nowhere"


class _Left(Struct, frozen=True, kw_only=True):
    """A journal that was found, and where the files that it names stand."""

    journal: Path
    found: _Set

    @property
    def without_name(self) -> list[_Named]:
        """Return those that do not stand under their names."""
        return [one for one in self.found.members if self._stands(one) is not _Stands.NAMED]

    @property
    def can_be_finished(self) -> bool:
        """Return True when all the others are there, and their names may be given to them."""
        return all(self._stands(one) is _Stands.HIDDEN and self._may_take(one) for one in self.without_name)

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Hold what stands under hidden names; False when somebody else does, or nothing can be held here."""
        with ExitStack() as stack:
            is_free = True
            for one in self.found.members:
                try:
                    fd = locked(self._folder / one.part)
                except FileNotFoundError:
                    continue
                except BlockingIOError:
                    fd = None
                if fd is None:
                    is_free = False
                    break
                stack.callback(os.close, fd)
            yield is_free

    def finished(self) -> Finding:
        """Give the names that are missing."""
        done = self.said(NAMED_LATER)
        try:
            for one in self.without_name:
                self._give(one)
            sync_folder(self._folder)
        except OSError:
            return self.said(NOT_ALL_NAMED)
        self.forget()
        return done

    def forget(self) -> None:
        """Remove the journal."""
        with suppress(OSError):
            self.journal.unlink()

    def said(self, rule: Rule) -> Finding:
        """Return the finding about those that have no name yet."""
        missing = self.without_name
        names = ", ".join(printable(one.name) for one in missing[:3]) + (" ..." if len(missing) > 3 else "")
        where = Where(path=str(self._folder / self.found.out))
        return rule.at(where, total=len(self.found.members), count=len(missing), names=names)

    def _give(self, one: _Named) -> None:
        part, target = self._folder / one.part, self._folder / one.name
        if self.found.overwrite or one.size is None:
            part.replace(target)
        elif not take_name(part, target):
            if not part.samefile(target):
                raise FileExistsError(target)
            part.unlink()  # killed between the two steps of taking a name

    def _may_take(self, one: _Named) -> bool:
        target = self._folder / one.name
        try:
            status = target.lstat()
            if one.size is None:
                return stat.S_ISDIR(status.st_mode) and not os.listdir(target)  # noqa: PTH208 - names alone
            is_same = os.path.samestat(status, (self._folder / one.part).lstat())
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return is_same or (self.found.overwrite and stat.S_ISREG(status.st_mode))

    def _stands(self, one: _Named) -> _Stands:
        if _is_it(self._folder / one.part, one):
            return _Stands.HIDDEN
        is_gone = not os.path.lexists(self._folder / one.part)
        if is_gone and _is_it(self._folder / one.name, one):
            return _Stands.NAMED
        return _Stands.NOWHERE

    @property
    def _folder(self) -> Path:
        return self.journal.parent


def _is_it(path: Path, one: _Named) -> bool:
    try:
        status = path.lstat()
    except OSError:
        return False
    is_kind = stat.S_ISDIR(status.st_mode) if one.size is None else stat.S_ISREG(status.st_mode)
    return is_kind and one.size in {None, status.st_size} and status.st_mtime_ns == one.changed_ns


def _left_at(target: Path) -> Iterator[_Left]:
    """Yield the journals of this user beside a target that name it."""
    try:
        with os.scandir(target.parent) as entries:
            names = [one.name for one in entries if _is_journal(one.name)][:_MOST_JOURNALS]
    except OSError:
        return
    for name in sorted(names):
        path = target.parent / name
        data = _read(path)
        if data is None:
            continue
        try:
            found = msgspec.json.decode(data, type=_Set)
        except (msgspec.DecodeError, UnicodeDecodeError):
            if name.startswith(beginning_of(target)):  # killed while it was written: no name was given
                with suppress(OSError):
                    path.unlink()
            continue
        is_meant = target.name in {found.out, *(one.name for one in found.members)}
        if is_meant and all(_is_in_folder(one) for one in found.members):
            yield _Left(journal=path, found=found)


def _is_journal(name: str) -> bool:
    return name.startswith(".mediakit-") and name.endswith(_SUFFIX)


def _is_in_folder(one: _Named) -> bool:
    """Return True when both are names, and the hidden one was made for the other."""
    names_alone = all(name and Path(name).name == name and "\0" not in name for name in (one.part, one.name))
    return names_alone and is_part_of(one.part, Path(one.name))


def _read(path: Path) -> bytes | None:
    """Return what is in a journal; None when it is not a file of this user, or cannot be read."""
    try:
        with os.fdopen(os.open(path, _READ_FLAGS), "rb") as stream:
            status = os.fstat(stream.fileno())
            is_own = not hasattr(os, "geteuid") or status.st_uid == os.geteuid()
            if not is_own or not stat.S_ISREG(status.st_mode) or status.st_size > _MOST_BYTES:
                return None
            return stream.read(_MOST_BYTES)
    except OSError:
        return None
