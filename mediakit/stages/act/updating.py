"""Write an updated file-set anew: the old files stream from the old medium, nothing is staged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path

from mediakit.events import Listener, PhaseStarted
from mediakit.fileset.plan import DICOMDIR, FileSetPlan
from mediakit.formats.base import Entry, Node, Order, Receipt, Tree
from mediakit.formats.registry import check_medium, write_medium
from mediakit.stages.judge.prepare import Store
from mediakit.stages.plan.update_target import UpdateTarget

Check = Callable[[Path, Receipt], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is written: the plan, where the files that stay and the new ones come from, where it goes.

    The `files` of the plan are the new instances, its `extra` are the files that stay. `removed` are paths.
    """

    plan: FileSetPlan
    tree: Tree
    store: Store
    target: UpdateTarget
    removed: tuple[str, ...]

    def new_entries(self) -> list[Entry]:
        """Return the new instances as entries."""
        return [
            Entry(str(file.file_id), file.size, partial(self.store.open, file.instance))
            for file in self.plan.files
        ]

    def all_entries(self) -> list[Entry]:
        """Return everything that the medium will hold."""
        tree, plan = self.tree, self.plan
        return [
            Entry(DICOMDIR, len(plan.dicomdir), partial(BytesIO, plan.dicomdir)),
            *self.new_entries(),
            *(Entry(one.path, one.size, partial(tree.open, Node(one.path, one.size))) for one in plan.extra),
        ]


def write_anew(change: Change, order: Order, tell: Listener, check: Check) -> Receipt:
    """Write the medium under a hidden name, have it checked, and give it its name; see `write_medium`."""
    entries = change.all_entries()
    tell_start(entries, tell)
    return write_medium(change.target.variant, entries, change.target.path, order, tell, check)


def check_anew(change: Change, order: Order) -> None:
    """Raise what `write_anew` raises before its first byte."""
    check_medium(change.target.variant, change.all_entries(), change.target.path, order)


def tell_start(entries: Sequence[Entry], tell: Listener) -> None:
    """Tell that so much is going to be written."""
    tell(PhaseStarted("write", total=sum(entry.size for entry in entries), unit="bytes"))
