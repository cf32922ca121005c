"""A further session on an open disc in a drive: made and proven as a file, then put on the disc."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mediakit.drives.read_back import Uncached
from mediakit.errors import IntegrityError, MediakitError, NotBurnedError, SpoiledError, SpoiledSessionError
from mediakit.events import Listener, PhaseEnded
from mediakit.findings import Finding
from mediakit.formats.base import Order, Receipt, Tree
from mediakit.formats.envelope import as_stored
from mediakit.formats.iso_layout import Base
from mediakit.formats.iso_session import write_session
from mediakit.stages.act.pressing import Onto, Pressed
from mediakit.stages.act.updating import Change, placed_of, tell_start
from mediakit.stages.act.workplace import workplace

_MOST_READ = 1 << 20  # bytes of the old directory that are compared

Prove = Callable[[Path, Receipt], tuple[Finding, ...]]


def write_on_disc(
    change: Change, order: Order, onto: Onto, folder: Path, prove: Prove, tell: Listener
) -> tuple[Receipt, Pressed]:
    """Make the session below a folder, prove it, put it on the disc, read it back and prove it there.

    The medium is closed before the drive writes: a drive that is open for reading keeps its tray shut.
    Raises MediakitError when nothing was written, SpoiledSessionError when the session must not be used.
    """
    placed, device = placed_of(change), change.target.path
    pieces = _directory_pieces(change.tree, change.directory)
    before = _read(device, pieces)
    with workplace(folder) as place:
        part = place / "session.iso"
        part.touch(mode=0o600)
        entries = change.all_entries()
        tell_start([*change.new_entries(), *change.made_entries()], tell)
        base = Base(sector=change.target.begins, placed=placed)
        receipt = write_session(part, entries, base, order, tell)
        tell(PhaseEnded("write"))
        if wrong := prove(part, receipt):
            raise IntegrityError("what was made is not what was planned", findings=wrong)
        change.tree.close()
        if _read(device, pieces) != before:
            raise NotBurnedError("the disc in the drive is not the one that was read", where=onto.name)
        try:
            pressed = onto.put(part, lambda medium: prove(medium, receipt), tell)
        except SpoiledError as exc:
            raise SpoiledSessionError(
                exc.what, where=exc.where, why=exc.why, hint=exc.hint, path=exc.path, findings=exc.findings
            ) from exc
    return replace(receipt, target=device), pressed


def _directory_pieces(tree: Tree, name: str) -> tuple[tuple[int, int], ...]:
    """Return where the directory of the old file-set lies: it tells discs apart, by its UIDs."""
    stored = as_stored(tree)
    node = stored.find(name)
    return () if node is None else tuple(stored.extents(node))


def _read(device: Path, pieces: tuple[tuple[int, int], ...]) -> list[bytes]:
    """Read what lies in some places of the disc, past the memory of the system. Raises NotBurnedError."""
    try:
        with Uncached(device) as read:
            return [read(at, min(size, _MOST_READ)) for at, size in pieces]
    except (OSError, MediakitError) as exc:
        why = exc.strerror or "" if isinstance(exc, OSError) else str(exc)
        raise NotBurnedError("the disc can no longer be read", where=str(device), why=why) from exc
