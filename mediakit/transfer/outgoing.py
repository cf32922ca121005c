"""One instance on its way, as values; what a destination answers to it, and how that reads. No bytes."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from mediakit.transfer.states import Happening


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One instance to be sent.

    UIDs are those of its data set; `transfer_syntax` is how that is really encoded on the medium. `path` is
    its place on the medium, `size` that of the file in bytes. `study` and `series` are UIDs, or "".
    """

    sop_class: str
    sop_instance: str
    transfer_syntax: str
    path: str
    size: int
    study: str = ""
    series: str = ""


class StatusClass(StrEnum):
    """The classes of status of C-STORE. Source: PS3.4 B.2.3, PS3.7 C."""

    SUCCESS = "success"
    WARNING = "warning"
    REFUSED = "refused"  # out of resources: another try may succeed
    ERROR = "error"  # this instance is not taken: another try is of no use
    UNCLEAR = "unclear"  # an answer came, and it does not say whether the instance is stored

    @property
    def happening(self) -> Happening:
        """Return what this answer means for the instance."""
        return _HAPPENINGS[self]


_HAPPENINGS = {
    StatusClass.SUCCESS: Happening.SUCCESS,
    StatusClass.WARNING: Happening.WARNING,
    StatusClass.REFUSED: Happening.REFUSAL,
    StatusClass.ERROR: Happening.ERROR,
    StatusClass.UNCLEAR: Happening.LOST,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a destination answered to one instance.

    `code` is the status of PS3.7 (HTTP status for DICOMweb, 0 for a folder). `words` say what it means and
    what the peer added (bounded, printable). `is_there` : the destination had exactly this instance already.
    `is_unequal` : it has another one of the same UID, and kept that.
    """

    kind: StatusClass
    code: int = 0
    words: str = field(default="", repr=False)
    is_there: bool = False
    is_unequal: bool = False

    @property
    def happening(self) -> Happening:
        """Return what this answer means for the instance."""
        if self.is_unequal:
            return Happening.UNEQUAL
        return Happening.FOUND_THERE if self.is_there else self.kind.happening

    def text(self, destination: str) -> str:
        """Return status and words for a person; `destination` is its name."""
        status = status_text(self.code, destination)
        if not status:
            return self.words or "it does not say why"
        return f"status {status} ({self.words})" if self.words else f"status {status}"


def status_text(code: int, destination: str) -> str:
    """Return a status as its documents write it: 0xA900 (PS3.7 C), or 409 of HTTP; "" for none."""
    if not code:
        return ""
    return str(code) if "://" in destination else f"0x{code:04X}"
