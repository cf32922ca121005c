"""Write an updated file-set: anew, where old files stream from the old medium, or in place."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from mediakit.durable import check_room, write_error
from mediakit.errors import DoesNotFit
from mediakit.events import Listener, PhaseStarted
from mediakit.fileset.plan import DICOMDIR, FileSetPlan
from mediakit.findings import Finding, Rule, Severity, Where
from mediakit.formats.base import Entry, Node, Order, OtherNames, Receipt, Tree
from mediakit.formats.envelope import Envelope, as_stored, sealed
from mediakit.formats.in_place import put_directory, put_files, put_in_place, take_away
from mediakit.formats.iso import lay_out_volume
from mediakit.formats.iso_layout import Base
from mediakit.formats.iso_records import SECTOR
from mediakit.formats.iso_session import append_session, next_base
from mediakit.formats.registry import check_medium, write_medium
from mediakit.formats.stream_copy import open_entry
from mediakit.stages.act.update_journal import Begun, Journal, Mark, directory_in, mark_of_new, mark_of_old
from mediakit.stages.judge.prepare import Store
from mediakit.stages.plan.update_target import UpdateTarget

NOT_REMOVED = Rule(
    id="MK-UPD-014",
    severity=Severity.ERROR,
    title="is no longer in the directory, and could not be removed: {why}",
    ref="PS3.10 8.3",
    hint="see why the file cannot be deleted, and run any update of the medium: it tries again",
)

Check = Callable[[Path, Receipt], None]
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is written: the plan, where the files that stay and the new ones come from, where it goes.

    The `files` of the plan are the new instances, its `extra` are the files that stay: they are taken as they
    are stored. `removed` are paths. `envelope` seals what is new, the directory too.
    """

    plan: FileSetPlan
    tree: Tree
    store: Store
    target: UpdateTarget
    removed: tuple[str, ...]
    asked: tuple[str, ...] = ()  # the keys of what is to be removed, see `fileset.removal.Asked`
    directory: str = DICOMDIR  # as it is spelled on the medium
    envelope: Envelope | None = None

    def directory_entry(self) -> Entry:
        """Return the new directory as an entry."""
        return self._sealed(Entry(DICOMDIR, len(self.plan.dicomdir), partial(BytesIO, self.plan.dicomdir)))

    def new_entries(self) -> list[Entry]:
        """Return the new instances as entries."""
        return [
            self._sealed(Entry(str(file.file_id), file.size, partial(self.store.open, file.instance)))
            for file in self.plan.files
        ]

    def all_entries(self) -> list[Entry]:
        """Return everything that the medium will hold."""
        tree, plan, other = as_stored(self.tree), self.plan, self.other_names()
        return [
            replace(self.directory_entry(), other=other.get(DICOMDIR)),
            *self.new_entries(),
            *(
                Entry(
                    one.path,
                    one.size,
                    partial(tree.open, Node(one.path, one.size)),
                    other=other.get(one.path),
                )
                for one in plan.extra
            ),
        ]

    def other_names(self) -> dict[str, OtherNames]:
        """Return the names in other trees of ISO 9660 that the files which stay keep, by path."""
        if self.target.variant != "iso9660":
            return {}
        paths = {DICOMDIR: self.directory, **{one.path: one.path for one in self.plan.extra}}
        found = ((path, self.tree.find(old)) for path, old in paths.items())
        return {path: node.other for path, node in found if node is not None}

    def kept(self, entry: Entry) -> Entry:
        """Return an entry that gives the same bytes whenever it is opened: an envelope is made only once."""
        if self.envelope is None:
            return entry
        with open_entry(entry) as stream:
            name = self.store.spool.keep(iter(partial(stream.read, _BLOCK_BYTES), b""))
        return Entry(entry.path, entry.size, partial(self.store.spool.open, name))

    def _sealed(self, entry: Entry) -> Entry:
        return entry if self.envelope is None else sealed(entry, self.envelope)


class InPlace(NamedTuple):
    """What changing a folder gave: the receipt of what is new, and what of the old could not be removed."""

    receipt: Receipt
    findings: tuple[Finding, ...]


def write_anew(change: Change, order: Order, tell: Listener, check: Check) -> Receipt:
    """Write the medium under a hidden name, have it checked, and give it its name; see `write_medium`."""
    entries = change.all_entries()
    tell_start(entries, tell)
    return write_medium(change.target.variant, entries, change.target.path, order, tell, check)


def write_in_place(change: Change, journal: Journal, tell: Listener, check: Check) -> InPlace:
    """Change a folder: new files, then the directory by a rename, then the files that go.

    `check` is called before the rename, with the path of the new directory. Until the rename the folder holds
    the old file-set, and from then on the new one. Raises what `check` and the writing raise; then it holds
    the old one.
    """
    root, entries = change.target.path, list(map(change.kept, change.new_entries()))
    with change.directory_entry().open() as stream:
        dicomdir = stream.read()
    temporary = _free_name(root)
    before = _sha256_of(directory_in(root))
    made: list[str] = []  # what is ours to take away again
    if journal.remembers:
        journal.begin(_begun(change, entries, before, (temporary, dicomdir)))
    tell_start(entries, tell)
    try:
        sha256 = put_files(root, entries, tell, made)
        put_directory(root, temporary, dicomdir, made)
        size_bytes = len(dicomdir) + sum(entry.size for entry in entries)
        receipt = Receipt(target=root, size_bytes=size_bytes, sha256=sha256)
        check(root / temporary, receipt)
        put_in_place(root, temporary, change.directory)
    except BaseException as exc:
        if _sha256_of(directory_in(root)) == before and not take_away(root, made):
            journal.end()
        if isinstance(exc, OSError):
            raise write_error(exc, root) from exc
        raise
    failed = take_away(root, change.removed)
    if not failed:
        journal.end()
    return InPlace(receipt, tuple(NOT_REMOVED.at(Where(path=path), why=why) for path, why in failed))


def _begun(change: Change, entries: Sequence[Entry], before: str, new: tuple[str, bytes]) -> Begun:
    """Return what is going to be done to a folder, with what its files are known by. Raises MediakitError.

    `new` is the directory: its temporary name and its bytes.
    """
    root, (temporary, dicomdir) = change.target.path, new
    added: list[Mark] = []
    try:
        for entry in entries:
            with open_entry(entry) as stream:
                added.append(mark_of_new(entry.path, entry.size, stream))
    except OSError as exc:
        raise write_error(exc, root) from exc
    return Begun(
        before=before,
        after=_sha256_of(dicomdir),
        temporary=mark_of_new(temporary, len(dicomdir), BytesIO(dicomdir)),
        added=added,
        removed=[mark_of_old(root, path) for path in change.removed],
        asked=list(change.asked),
    )


def check_in_place(change: Change) -> None:
    """Raise what `write_in_place` raises before its first byte."""
    root = change.target.path
    try:
        if not os.access(root, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(root))
        entries = (change.directory_entry(), *change.new_entries())
        check_room(root, sum(entry.size for entry in entries))
    except OSError as exc:
        raise write_error(exc, root) from exc


def append(change: Change, order: Order, tell: Listener, check: Check) -> Receipt:
    """Append a session to an image; see `append_session`. `check` is called when it is valid."""
    entries = change.all_entries()
    tell_start([*change.new_entries()], tell)
    return append_session(change.target.path, entries, placed_of(change), order, tell, check)


def check_append(change: Change, order: Order, capacity: int | None) -> None:
    """Raise what `append` raises before its first byte, and DoesNotFit when the medium has no room."""
    image = change.target.path
    try:
        if not os.access(image, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(image))
        size_bytes = image.stat().st_size
        base = Base(sector=next_base(size_bytes), placed=placed_of(change))
        end_bytes = lay_out_volume(change.all_entries(), order, base).end * SECTOR
        if capacity is not None and end_bytes > capacity:
            raise DoesNotFit(
                "the medium has no room for a further session",
                where=str(image),
                why=f"{end_bytes} bytes needed, {capacity} there are",
            )
        check_room(image, end_bytes - size_bytes)
    except OSError as exc:
        raise write_error(exc, image) from exc


def placed_of(change: Change) -> dict[str, int]:
    """Return the first block of every file that stays, by path. Raises DoesNotFit when one has no such."""
    tree, placed = as_stored(change.tree), {}
    for file in change.plan.extra:
        node = tree.find(file.path)
        pieces = () if node is None else tree.extents(node)
        if file.size and (len(pieces) != 1 or pieces[0][0] % SECTOR):
            raise DoesNotFit(
                "a further session cannot name this file where it lies",
                where=ascii(file.path),
                hint="leave `--session` out: the image is then written anew",
            )
        placed[file.path] = pieces[0][0] // SECTOR if file.size else 0
    return placed


def _sha256_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _free_name(root: Path) -> str:
    """Return a legal name that nothing in the root of a medium has (PS3.10 8.5)."""
    taken = {name.upper() for name in os.listdir(root)}  # noqa: PTH208 - names alone
    return next(name for number in range(len(taken) + 1) if (name := f"NEWDIR{number or ''}") not in taken)


def check_anew(change: Change, order: Order) -> None:
    """Raise what `write_anew` raises before its first byte."""
    check_medium(change.target.variant, change.all_entries(), change.target.path, order)


def tell_start(entries: Sequence[Entry], tell: Listener) -> None:
    """Tell that so much is going to be written."""
    tell(PhaseStarted("write", total=sum(entry.size for entry in entries), unit="bytes"))
