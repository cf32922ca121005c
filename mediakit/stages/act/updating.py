"""Write an updated file-set: anew, where old files stream from the old medium, or in place."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from mediakit.durable import check_room, write_error
from mediakit.errors import DoesNotFit, IntegrityError
from mediakit.events import Listener, PhaseStarted
from mediakit.fileset.plan import DICOMDIR, ExtraFile, FileSetPlan
from mediakit.findings import Finding, Rule, Severity, Where, printable
from mediakit.formats.base import Entry, Node, Order, OtherNames, Receipt, Tree
from mediakit.formats.envelope import Envelope, as_stored, sealed
from mediakit.formats.in_place import put_directory, put_files, put_in_place, put_over, take_away
from mediakit.formats.iso import lay_out_volume
from mediakit.formats.iso_layout import Base
from mediakit.formats.iso_records import SECTOR
from mediakit.formats.iso_session import append_session, next_base
from mediakit.formats.registry import check_medium, write_medium
from mediakit.formats.stream_copy import open_entry
from mediakit.secure.checksums import SHA_256
from mediakit.stages.act.update_journal import Begun, Journal, Mark, directory_in, mark_of_new, mark_of_old
from mediakit.stages.judge.prepare import Store
from mediakit.stages.look.media import sha256_of
from mediakit.stages.plan.people import in_reading_order
from mediakit.stages.plan.remaking import NOT_RENEWED
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

    The `files` of the plan are the new instances, its `extra` are the files that stay, which are taken as
    they are stored, and those of `made`: what is made again of the instances, in place of `outdated`.
    `removed` and `outdated` are paths. `envelope` seals what is new, the directory too.
    """

    plan: FileSetPlan
    tree: Tree
    store: Store
    target: UpdateTarget
    removed: tuple[str, ...]
    made: tuple[Entry, ...] = ()
    outdated: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()  # the keys of what is to be removed, see `fileset.removal.Asked`
    directory: str = DICOMDIR  # as it is spelled on the medium
    envelope: Envelope | None = None

    def directory_entry(self) -> Entry:
        """Return the new directory as an entry."""
        return self._sealed(Entry(DICOMDIR, len(self.plan.dicomdir), partial(BytesIO, self.plan.dicomdir)))

    def new_entries(self) -> list[Entry]:
        """Return the new instances as entries."""
        return [
            self._sealed(Entry(file.file_id.path, file.size, partial(self.store.open, file.instance)))
            for file in self.plan.files
        ]

    def made_entries(self) -> list[Entry]:
        """Return what is made again as entries."""
        return [self._sealed(entry) for entry in self.made]

    def staying(self) -> tuple[ExtraFile, ...]:
        """Return the files that stay."""
        return tuple(one for one in self.plan.extra if one.is_stored)

    def all_entries(self) -> list[Entry]:
        """Return everything that the medium will hold."""
        tree, other = as_stored(self.tree), self.other_names()
        entries = [
            replace(self.directory_entry(), other=other.get(DICOMDIR)),
            *self.new_entries(),
            *(
                Entry(
                    one.path,
                    one.size,
                    partial(tree.open, Node(one.path, one.size)),
                    other=other.get(one.path),
                )
                for one in self.staying()
            ),
            *self.made_entries(),
        ]
        return in_reading_order(entries) if self.made else entries

    def other_names(self) -> dict[str, OtherNames]:
        """Return the names in other trees of ISO 9660 that the files which stay keep, by path."""
        if self.target.variant != "iso9660":
            return {}
        paths = {DICOMDIR: self.directory, **{one.path: one.path for one in self.staying()}}
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
    """Change a folder: new files, then the directory by a rename, what is made again, then the files that go.

    What is made again is written below a folder of its own, and its files are renamed over the old ones.
    `check` is called before the rename, with the path of the new directory. Until the rename the folder holds
    the old file-set, and from then on the new one. Raises what `check` and the writing raise; then it holds
    the old one.
    """
    root, entries = change.target.path, list(map(change.kept, change.new_entries()))
    with change.directory_entry().open() as stream:
        dicomdir = stream.read()
    temporary, beside = _free_names(root, 2)
    before = SHA_256.of(directory_in(root))
    again = _made_again(change, entries, dicomdir)
    names = [(f"{beside}/{entry.path}", entry.path) for entry in again]
    entries += [replace(entry, path=name) for entry, (name, _) in zip(again, names, strict=True)]
    made: list[str] = []  # what is ours to take away again
    if journal.remembers:
        journal.begin(_begun(change, (entries, names), before, (temporary, dicomdir)))
    tell_start(entries, tell)
    try:
        sums = put_files(root, entries, tell, made)
        put_directory(root, temporary, dicomdir, made)
        size_bytes = len(dicomdir) + sum(entry.size for entry in entries)
        receipt = Receipt(target=root, size_bytes=size_bytes, sums=sums)
        check(root / temporary, receipt)
        put_in_place(root, temporary, change.directory)
    except BaseException as exc:
        if SHA_256.of(directory_in(root)) == before and not take_away(root, made):
            journal.end()
        if isinstance(exc, OSError):
            raise write_error(exc, root) from exc
        raise
    old = put_over(root, names)
    failed = take_away(root, [*change.removed, *_not_replaced(change)])
    take_away(root, [name for name, path in names if path not in dict(old)])  # the folders: they are empty
    if not failed and not old:
        journal.end()
    findings = [(NOT_REMOVED, *each) for each in failed] + [(NOT_RENEWED, *each) for each in old]
    return InPlace(receipt, tuple(rule.at(Where(path=path), why=why) for rule, path, why in findings))


def _not_replaced(change: Change) -> list[str]:
    """Return the outdated files in whose place nothing is made."""
    made = {entry.path for entry in change.made}
    return [path for path in change.outdated if path not in made]


def _made_again(change: Change, entries: Sequence[Entry], dicomdir: bytes) -> list[Entry]:
    """Return what is made again; what is made from hashes gets its content now. Raises MediakitError."""
    needs_sums = any(entry.from_hashes is not None for entry in change.made)
    sums = {DICOMDIR: SHA_256.of(dicomdir)}
    if needs_sums:
        sums.update((entry.path, _sum_of(entry, change)) for entry in entries)
    again: list[Entry] = []
    for entry in change.made_entries():
        if entry.from_hashes is None:
            again.append(change.kept(entry))
        else:
            content = entry.from_hashes(sums)
            again.append(Entry(entry.path, len(content), partial(BytesIO, content)))
        if needs_sums:
            sums[entry.path] = _sum_of(again[-1], change)
    return again


def _sum_of(entry: Entry, change: Change) -> str:
    try:
        with open_entry(entry) as stream:
            return sha256_of(stream)
    except OSError as exc:
        raise write_error(exc, change.target.path) from exc


def _begun(
    change: Change,
    content: tuple[Sequence[Entry], list[tuple[str, str]]],
    before: str,
    new: tuple[str, bytes],
) -> Begun:
    """Return what is going to be done to a folder, with what its files are known by. Raises MediakitError.

    `content` has the entries, and the paths of those that are renamed, old and new. `new` is the directory:
    its temporary name and its bytes.
    """
    root, (temporary, dicomdir), (entries, names) = change.target.path, new, content
    added: list[Mark] = []
    try:
        for entry in entries:
            with open_entry(entry) as stream:
                added.append(mark_of_new(entry.path, entry.size, stream))
    except OSError as exc:
        raise write_error(exc, root) from exc
    return Begun(
        before=before,
        after=SHA_256.of(dicomdir),
        temporary=mark_of_new(temporary, len(dicomdir), BytesIO(dicomdir)),
        added=added,
        removed=[mark_of_old(root, path) for path in (*change.removed, *_not_replaced(change))],
        renamed=names,
        asked=list(change.asked),
    )


def check_in_place(change: Change) -> None:
    """Raise what `write_in_place` raises before its first byte."""
    root = change.target.path
    try:
        if not os.access(root, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(root))
        entries = (change.directory_entry(), *change.new_entries(), *change.made_entries())
        check_room(root, sum(entry.size for entry in entries))
    except OSError as exc:
        raise write_error(exc, root) from exc


def append(change: Change, order: Order, tell: Listener, check: Check) -> Receipt:
    """Append a session to an image; see `append_session`. `check` is called when it is valid."""
    entries = change.all_entries()
    tell_start([*change.new_entries(), *change.made_entries()], tell)
    return append_session(change.target.path, entries, placed_of(change), order, tell, check)


def check_append(change: Change, order: Order, capacity: int | None) -> None:
    """Raise what `append` raises before its first byte, and DoesNotFit when the medium has no room."""
    image = change.target.path
    try:
        if not os.access(image, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(image))
        size_bytes = image.stat().st_size
        check_room(image, session_end(change, order, next_base(size_bytes), capacity) - size_bytes)
    except OSError as exc:
        raise write_error(exc, image) from exc


def session_end(change: Change, order: Order, begins: int, capacity: int | None) -> int:
    """Return the byte at which a session from a sector on ends. Raises DoesNotFit when it is too large."""
    base = Base(sector=begins, placed=placed_of(change))
    sizes = {one.path: one.size for one in change.staying()}
    if any(block * SECTOR + sizes[path] > begins * SECTOR for path, block in base.placed.items()):
        raise IntegrityError(
            "a session there would lie over files of the medium", where=str(change.target.path)
        )
    end_bytes = lay_out_volume(change.all_entries(), order, base).end * SECTOR
    if capacity is not None and end_bytes > capacity:
        raise DoesNotFit(
            "the medium has no room for a further session",
            where=str(change.target.path),
            why=f"{end_bytes} bytes needed, {capacity} there are",
        )
    return end_bytes


def placed_of(change: Change) -> dict[str, int]:
    """Return the first block of every file that stays, by path. Raises DoesNotFit when one has no such."""
    tree, placed = as_stored(change.tree), {}
    for file in change.staying():
        node = tree.find(file.path)
        pieces = () if node is None else tree.extents(node)
        if file.size and (len(pieces) != 1 or pieces[0][0] % SECTOR):
            raise DoesNotFit(
                "a further session cannot name this file where it lies",
                where=printable(file.path),
                hint="leave `--session` out: the image is then written anew",
            )
        placed[file.path] = pieces[0][0] // SECTOR if file.size else 0
    return placed


def _free_names(root: Path, count: int) -> list[str]:
    """Return legal names that nothing in the root of a medium has (PS3.10 8.5)."""
    taken = {name.upper() for name in os.listdir(root)}  # noqa: PTH208 - names alone
    names = (f"NEWDIR{number or ''}" for number in range(len(taken) + count))
    return list(islice((name for name in names if name not in taken), count))


def check_anew(change: Change, order: Order) -> None:
    """Raise what `write_anew` raises before its first byte."""
    check_medium(change.target.variant, change.all_entries(), change.target.path, order)


def tell_start(entries: Sequence[Entry], tell: Listener) -> None:
    """Tell that so much is going to be written."""
    tell(PhaseStarted("write", total=sum(entry.size for entry in entries), unit="bytes"))
