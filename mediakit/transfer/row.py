"""One line of the ledger: an instance, a destination, and how things stand between them. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field

from mediakit.transfer.outgoing import Outgoing
from mediakit.transfer.states import TransferState


def key_of(sop_instance: str, path: str) -> str:
    """Return what an instance is known by in the ledger: its UID, else its place on the medium."""
    return sop_instance or f"path:{path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One instance in one job.

    `sent_as` is the transfer syntax that was sent, "" before; `code` and `words` are the last answer, `rule`
    the id of the finding that decided. `changed_at` is ISO 8601 with offset, "" when nothing has happened.
    """

    key: str
    item: Outgoing
    state: TransferState = TransferState.PLANNED
    sent_as: str = ""
    code: int = 0
    words: str = field(default="", repr=False)
    rule: str = ""
    attempts: int = 0
    changed_at: str = ""

    @property
    def place(self) -> str:
        """Return its path on the medium, "" for a single file, which is the medium itself.

        What is missing and has no path in the directory either is known by its key.
        """
        return self.key if self.state is TransferState.MISSING and not self.item.path else self.item.path
